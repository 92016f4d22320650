// -L: broker, credentials and topic in one word (contract 1.9, Q17, D3), completed by other options.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gather } from '../../src/cli/flags/sources.js'
import type { Given, Program } from '../../src/cli/flags/table.js'
import { broker as plainBroker } from '../broker/broker.js'
import { broker, publish } from './answering.js'
import { cli, misuse, PROGRAMS, rows } from './support.js'

const given = (program: Program, words: readonly string[]): Given =>
  gather(program, words, {}, () => undefined)

interface UrlRow {
  what: string
  url: string
  expect: Partial<Given>
}

rows<UrlRow>(
  'what a URL sets (1.9)',
  [
    { what: 'mqtt: port 1883', url: 'mqtt://h/t', expect: { host: 'h', port: 1883, topics: ['t'] } },
    {
      what: 'mqtts: 8883 and TLS',
      url: 'mqtts://h/t',
      expect: { host: 'h', port: 8883, urlTls: true, topics: ['t'] },
    },
    { what: 'D3: ws: port 80', url: 'ws://h/t', expect: { host: 'h', port: 80, ws: true, topics: ['t'] } },
    {
      what: 'D3: wss: port 443 and TLS',
      url: 'wss://h/t',
      expect: { host: 'h', port: 443, ws: true, urlTls: true, topics: ['t'] },
    },
    { what: 'the scheme in capitals', url: 'MQTT://h/t', expect: { host: 'h', port: 1883, topics: ['t'] } },
    { what: 'a port', url: 'mqtt://h:1884/t', expect: { host: 'h', port: 1884, topics: ['t'] } },
    {
      what: 'the port 80 of ws',
      url: 'ws://h:80/t',
      expect: { host: 'h', port: 80, ws: true, topics: ['t'] },
    },
    {
      what: 'user and password',
      url: 'mqtt://u:p@h/t',
      expect: { host: 'h', port: 1883, userName: 'u', password: 'p', holdsSecret: true, topics: ['t'] },
    },
    {
      what: 'user alone',
      url: 'mqtt://u@h/t',
      expect: { host: 'h', port: 1883, userName: 'u', topics: ['t'] },
    },
    {
      what: 'an empty password',
      url: 'mqtt://u:@h/t',
      expect: { host: 'h', port: 1883, userName: 'u', password: '', holdsSecret: true, topics: ['t'] },
    },
    {
      what: 'a password with a colon',
      url: 'mqtt://u:p:q@h/t',
      expect: { host: 'h', port: 1883, userName: 'u', password: 'p:q', holdsSecret: true, topics: ['t'] },
    },
    {
      what: 'Q17: the last @ of the authority',
      url: 'mqtt://u@x:p@y@h/t',
      expect: { host: 'h', port: 1883, userName: 'u@x', password: 'p@y', holdsSecret: true, topics: ['t'] },
    },
    {
      what: 'Q17: percent-decoding in user and password',
      url: 'mqtt://%C3%A4%3a:%2F%40%25@h/t',
      expect: { host: 'h', port: 1883, userName: 'ä:', password: '/@%', holdsSecret: true, topics: ['t'] },
    },
    { what: 'Q17: IPv6', url: 'mqtt://[::1]/t', expect: { host: '::1', port: 1883, topics: ['t'] } },
    {
      what: 'Q17: IPv6 and port',
      url: 'mqtt://u@[fe80::1%eth0]:1/t',
      expect: { host: 'fe80::1%eth0', port: 1, userName: 'u', topics: ['t'] },
    },
    {
      what: 'the topic is verbatim',
      url: 'mqtt://h/a%20b?c=d@e/f',
      expect: { host: 'h', port: 1883, topics: ['a%20b?c=d@e/f'] },
    },
    {
      what: 'a topic that begins with /',
      url: 'mqtt://h//t',
      expect: { host: 'h', port: 1883, topics: ['/t'] },
    },
    {
      what: 'an @ in the topic alone',
      url: 'mqtt://h/t@x',
      expect: { host: 'h', port: 1883, topics: ['t@x'] },
    },
    { what: 'issue: no topic, with slash', url: 'mqtt://h/', expect: { host: 'h', port: 1883 } },
    { what: 'issue: no topic, no slash', url: 'mqtt://h', expect: { host: 'h', port: 1883 } },
  ],
  ({ what }) => what,
  async (_t, { url, expect }) => {
    for (const program of PROGRAMS) assert.deepEqual(given(program, ['-L', url]), expect, program)
  },
)

rows<{ what: string; url: string; names: readonly string[]; programs?: readonly Program[] }>(
  'URLs that are refused (1.3, 1.9, Q17); in mqtt-pub by the built program',
  [
    { what: 'other scheme', url: 'http://h/t', names: ["'http'", 'mqtt', 'wss'] },
    { what: 'near miss', url: 'mqts://h/t', names: ["'mqts'", 'did you mean'] },
    { what: 'no scheme', url: 'h/t', names: ['mqtt://'] },
    { what: 'no slashes', url: 'mqtt:h/t', names: ['mqtt://'] },
    { what: 'no host', url: 'mqtt:///t', names: ['host'] },
    { what: 'no host behind the user', url: 'mqtt://u@/t', names: ['host'] },
    { what: 'two ports', url: 'mqtt://h:1:2/t', names: ["'1:2'"] },
    { what: 'IPv6 without brackets', url: 'mqtt://::1/t', names: ['host'] },
    { what: 'unclosed bracket', url: 'mqtt://[::1/t', names: ["'[::1'"] },
    { what: 'port 0', url: 'mqtt://h:0/t', names: ['port', "'0'"] },
    { what: 'port 65536', url: 'mqtt://h:65536/t', names: ['port', "'65536'"] },
    { what: 'port that is no number', url: 'mqtt://h:http/t', names: ['port', "'http'"] },
    { what: 'empty port', url: 'mqtt://h:/t', names: ['port', "''"] },
    { what: 'invalid % sequence', url: 'mqtt://u:%zz@h/t', names: ['%'] },
    { what: 'invalid UTF-8 behind %', url: 'mqtt://%ff@h/t', names: ['%'] },
    { what: 'wildcard in a topic', url: 'mqtt://h/a/#', names: ["'a/#'"], programs: ['mqtt-pub', 'mqtt-rr'] },
    { what: 'bad filter', url: 'mqtt://h/a#', names: ["'a#'"] },
  ],
  ({ what }) => what,
  async (t, { url, names, programs = PROGRAMS }) => {
    for (const program of programs) {
      assert.throws(
        () => given(program, ['-L', url]),
        (error: Error) => names.every((name) => error.message.includes(name)),
        `${program} ${url}`,
      )
    }
    await misuse(t, 'mqtt-pub', ['-L', url, '-m', 'x'], ['-L (--url)', ...names])
  },
)

test('an error in a URL does not show its password', async (t) => {
  for (const url of [
    'mqtt://u:geheim%zz@h/t',
    'mqtt://u:geheim@h:0/t',
    'mqtt://u:geheim@h/#',
    'xx://u:geheim@h/t',
    'mqtt:u:geheim@h',
  ]) {
    const { code, err } = await cli(t, 'mqtt-pub', ['-L', url, '-m', 'x'])
    assert.equal(code, 1)
    assert.doesNotMatch(err, /geheim/)
  }
})

rows<{ what: string; words: readonly string[]; expect: Partial<Given> }>(
  'order decides against -h, -p, -u, -P, -t and --unix (1.9)',
  [
    {
      what: 'the URL later',
      words: ['-h', 'x', '-p', '1', '-u', 'x', '-P', 'x', '-t', 'x', '-L', 'mqtt://u:p@h:2/t'],
      expect: { host: 'h', port: 2, userName: 'u', password: 'p', holdsSecret: true, topics: ['t'] },
    },
    {
      what: 'the URL earlier',
      words: ['-L', 'mqtt://u:p@h:2/t', '-h', 'x', '-p', '1', '-u', 'y', '-P', 'z', '-t', 'w'],
      expect: { host: 'x', port: 1, userName: 'y', password: 'z', holdsSecret: true, topics: ['w'] },
    },
    {
      what: 'user and password stay where the URL has none',
      words: ['-u', 'x', '-P', 'y', '-L', 'mqtt://h/t'],
      expect: { host: 'h', port: 1883, userName: 'x', password: 'y', holdsSecret: true, topics: ['t'] },
    },
    {
      what: 'the URL sets its port, also the default one',
      words: ['-p', '5', '-L', 'mqtt://h/t'],
      expect: { host: 'h', port: 1883, topics: ['t'] },
    },
    {
      what: '--unix later',
      words: ['-L', 'mqtt://h/t', '--unix', '/s'],
      expect: { host: '/s', port: 0, topics: ['t'] },
    },
    {
      what: 'the URL after --unix',
      words: ['--unix', '/s', '-L', 'mqtt://h/t'],
      expect: { host: 'h', port: 1883, topics: ['t'] },
    },
    {
      what: 'issue: -t completes a URL without topic',
      words: ['-t', 'x', '-L', 'mqtt://h'],
      expect: { host: 'h', port: 1883, topics: ['x'] },
    },
  ],
  ({ what }) => what,
  async (_t, { words, expect }) => {
    assert.deepEqual(given('mqtt-pub', words), expect)
    assert.deepEqual(given('mqtt-rr', words), expect)
  },
)

test('the URL as a whole reaches a broker, in each program (1.9)', async (t) => {
  for (const program of PROGRAMS) {
    const server = await broker(t, publish('b', 'y'))
    const own = { 'mqtt-pub': ['-m', 'x'], 'mqtt-sub': ['-E'], 'mqtt-rr': ['-e', 'b', '-m', 'x'] }[program]
    const { code, err } = await cli(t, program, [
      '-L',
      `mqtt://u%40x:p@127.0.0.1:${server.port}//a/b`,
      ...own,
    ])
    assert.equal(code, 0, err)
    const [connect] = server.seen
    assert.deepEqual([connect?.facts.user, connect?.facts.password], ['u@x', 'p'])
    const packet = server.seen.find(({ name }) => name === (program === 'mqtt-sub' ? 'SUBSCRIBE' : 'PUBLISH'))
    assert.equal(packet?.facts.topic ?? packet?.facts.filters, program === 'mqtt-sub' ? '/a/b:00' : '/a/b')
  }
})

test('issue: a URL without topic is completed by -t, in each program', async (t) => {
  for (const program of PROGRAMS) {
    const server = await plainBroker(t, {
      on: (packet, link) => {
        if (packet.name === 'PUBLISH' && program === 'mqtt-rr') link.send(publish('b', 'y')(link.level))
        return false
      },
    })
    const own = { 'mqtt-pub': ['-m', 'x'], 'mqtt-sub': ['-E'], 'mqtt-rr': ['-e', 'b', '-m', 'x'] }[program]
    const { code, err } = await cli(t, program, [
      '-L',
      `mqtt://127.0.0.1:${server.port}`,
      '-t',
      'later',
      ...own,
    ])
    assert.equal(code, 0, err)
    assert.ok(server.seen.some(({ facts }) => facts.topic === 'later' || facts.filters === 'later:00'))
  }
})

test('neither the URL nor -t has a topic: exit 1 naming what is missing (1.4)', async (t) => {
  for (const program of PROGRAMS) {
    const own = program === 'mqtt-sub' ? [] : ['-m', 'x']
    await misuse(t, program, ['-L', 'mqtt://127.0.0.1/', ...own], ['-t'])
  }
})
