// Topic Names and Topic Filters: MQTT 5.0 §4.7 and §4.8.2, MQTT 3.1.1 §4.7.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { filterFault, matches, stringFault, topicFault } from '../../src/packet/index.js'

const LONGEST = 'x'.repeat(65_535)

describe('strings', () => {
  const bad: readonly [title: string, text: string, fault: RegExp][] = [
    ['U+0000 [MQTT-1.5.4-2]', 'a\0b', /U\+0000/],
    ['U+0000 alone [MQTT-1.5.4-2]', '\0', /U\+0000/],
    ['a lone high surrogate [MQTT-1.5.4-1]', 'a\ud800b', /surrogate/],
    ['a lone low surrogate [MQTT-1.5.4-1]', '\udc00', /surrogate/],
    ['surrogates the wrong way round [MQTT-1.5.4-1]', '\ude00\ud83d', /surrogate/],
    ['65,536 bytes [MQTT-4.7.3-3]', `${LONGEST}x`, /longer than 65535 bytes/],
    ['65,536 bytes in fewer characters [MQTT-4.7.3-3]', `${'é'.repeat(32_767)}xx`, /longer than 65535 bytes/],
    ['65,536 bytes of four each [MQTT-4.7.3-3]', '\u{1f600}'.repeat(16_384), /longer than 65535 bytes/],
  ]
  for (const [title, text, fault] of bad) {
    test(`${title} is a fault of string, name and filter`, () => {
      for (const check of [stringFault, topicFault, filterFault]) assert.match(check(text) ?? '', fault)
    })
  }

  const good: readonly [title: string, text: string][] = [
    ['65,535 bytes [MQTT-4.7.3-3]', LONGEST],
    ['65,535 bytes in fewer characters', `${'é'.repeat(32_767)}x`],
    ['65,535 bytes of three each', '温'.repeat(21_845)],
    ['U+FEFF [MQTT-1.5.4-3]', '\ufeffa'],
    ['a character outside the basic plane', 'a/\u{1f600}'],
    ['a control character [STR-06]', 'a\x07'],
    ['a non-character [STR-06]', '\uffff'],
  ]
  for (const [title, text] of good) {
    test(`${title} is no fault`, () => {
      for (const check of [stringFault, topicFault, filterFault]) assert.equal(check(text), undefined)
    })
  }

  test('an empty string is a string and neither a name nor a filter [MQTT-4.7.3-1]', () => {
    assert.equal(stringFault(''), undefined)
    assert.equal(topicFault(''), 'is empty')
    assert.equal(filterFault(''), 'is empty')
  })
})

describe('topic names', () => {
  for (const name of [
    'a',
    '/',
    '//',
    '/a',
    'a/',
    'a//b',
    ' ',
    'a b',
    '$SYS/x',
    '$share/g/t',
    '*',
    'ACCOUNTS',
  ]) {
    test(`'${name}' is one`, () => assert.equal(topicFault(name), undefined))
  }
  for (const name of ['#', '+', 'a/#', 'a/+', 'a+', 'a#b', '/+/']) {
    test(`'${name}' is not [MQTT-3.3.2-2] [MQTT-4.7.0-1]`, () =>
      assert.match(topicFault(name) ?? '', /wildcard/))
  }
})

describe('topic filters', () => {
  const good = [
    '#',
    'a/#',
    '/#',
    '//#',
    '+',
    '+/+',
    'a/+/c',
    '+/#',
    '/+',
    '+/',
    '+/b/#',
    'a',
    '/',
    'a//b',
    ' ',
    '$SYS/#',
    '$share/g/t',
    '$share/g//t',
    '$share/g//',
    '$share/g/#',
    '$share/g/+/x',
    '$share/g h/$SYS/#',
    '$shared/x',
    'a/$share',
  ]
  for (const filter of good) {
    test(`'${filter}' is one`, () => assert.equal(filterFault(filter), undefined))
  }

  const bad: readonly [filter: string, fault: RegExp, clause: string][] = [
    ['a#', /# elsewhere/, 'MQTT-4.7.1-1'],
    ['#a', /# elsewhere/, 'MQTT-4.7.1-1'],
    ['a/#/b', /# elsewhere/, 'MQTT-4.7.1-1'],
    ['#/a', /# elsewhere/, 'MQTT-4.7.1-1'],
    ['#/', /# elsewhere/, 'MQTT-4.7.1-1'],
    ['##', /# elsewhere/, 'MQTT-4.7.1-1'],
    ['a/b#', /# elsewhere/, 'MQTT-4.7.1-1'],
    ['a+', /\+ beside/, 'MQTT-4.7.1-2'],
    ['+a/b', /\+ beside/, 'MQTT-4.7.1-2'],
    ['a/b+', /\+ beside/, 'MQTT-4.7.1-2'],
    ['++', /\+ beside/, 'MQTT-4.7.1-2'],
    ['+#', /# elsewhere/, 'MQTT-4.7.1-1'],
    ['$share/g', /no filter/, 'MQTT-4.8.2-2'],
    ['$share/g/', /no filter/, 'MQTT-4.8.2-2'],
    ['$share/', /no valid ShareName/, 'MQTT-4.8.2-1'],
    ['$share//t', /no valid ShareName/, 'MQTT-4.8.2-1'],
    ['$share/g+/t', /no valid ShareName/, 'MQTT-4.8.2-2'],
    ['$share/+/t', /no valid ShareName/, 'MQTT-4.8.2-2'],
    ['$share/#/t', /no valid ShareName/, 'MQTT-4.8.2-2'],
    ['$share/g/a#', /# elsewhere/, 'MQTT-4.7.1-1'],
    ['$share/g/a+', /\+ beside/, 'MQTT-4.7.1-2'],
  ]
  for (const [filter, fault, clause] of bad) {
    test(`'${filter}' is not [${clause}]`, () => assert.match(filterFault(filter) ?? '', fault))
  }
})

describe('matching', () => {
  const rows: readonly [filter: string, topic: string, claimed: boolean][] = [
    // Plain levels, with no normalisation [MQTT-4.7.3-4].
    ['a/b', 'a/b', true],
    ['a/b', 'a/c', false],
    ['a/b', 'a', false],
    ['a', 'a/b', false],
    ['/finance', '/finance', true],
    ['/finance', 'finance', false],
    ['finance', '/finance', false],
    ['ACCOUNTS', 'Accounts', false],
    ['a//b', 'a/b', false],
    ['a//b', 'a//b', true],
    ['a/', 'a', false],
    ['a', 'a/', false],
    ['a b', 'a b', true],
    [' a', 'a', false],
    ['é', 'e\u0301', false],
    // One level [MQTT-4.7.1-2], examples of 5.0 §4.7.1.3.
    ['sport/tennis/+', 'sport/tennis/player1', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+', 'finance', true],
    ['+', '/finance', false],
    ['/+', '/finance', true],
    ['+/+', '/finance', true],
    ['a/+/c', 'a/b/c', true],
    ['a/+/c', 'a//c', true],
    ['a/+/c', 'a/b/d', false],
    ['+/+/+', 'a/b', false],
    // Any number of levels, with their parent [MQTT-4.7.1-1], examples of 5.0 §4.7.1.2.
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/tennis/player1/#', 'sport/tennis/player2', false],
    ['sport/#', 'sport', true],
    ['sport/#', 'sports', false],
    ['#', 'a', true],
    ['#', '/', true],
    ['#', 'a/b/c', true],
    ['/#', 'a', false],
    ['/#', '/a', true],
    ['+/#', 'a', true],
    ['+/tennis/#', 'sport/tennis', true],
    ['+/tennis/#', 'sport/golf', false],
    // Names that begin with $ [MQTT-4.7.2-1].
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['+/monitor/Clients', '$SYS/monitor/Clients', false],
    ['$SYS/#', '$SYS/x', true],
    ['$SYS/#', '$SYS', true],
    ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
    ['#', 'a/$SYS', true],
    ['a/+', 'a/$SYS', true],
    ['/#', '/$SYS', true],
    // Shared subscriptions [5.0 §4.8.2].
    ['$share/g/a/+', 'a/b', true],
    ['$share/g/a/+', 'g/a/b', false],
    ['$share/g//a', '/a', true],
    ['$share/g//a', 'a', false],
    ['$share/g/#', 'a', true],
    ['$share/g/#', '$SYS/x', false],
    ['$share/g/$SYS/#', '$SYS/x', true],
    ['$shared/x', '$shared/x', true],
  ]
  for (const [filter, topic, claimed] of rows) {
    test(`'${filter}' ${claimed ? 'matches' : 'does not match'} '${topic}'`, () => {
      assert.equal(filterFault(filter), undefined)
      assert.equal(matches(filter, topic), claimed)
    })
  }
})
