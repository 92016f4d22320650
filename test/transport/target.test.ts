// Broker URLs.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import { type ParsedUrl, parseUrl } from '../../src/transport/index.js'

const GOOD: readonly [text: string, parsed: ParsedUrl][] = [
  ['mqtt://host', { host: 'host', port: 1883, tls: false }],
  ['mqtts://host', { host: 'host', port: 8883, tls: true }],
  ['MQTT://host', { host: 'host', port: 1883, tls: false }],
  ['MqttS://host', { host: 'host', port: 8883, tls: true }],
  ['mqtt://host/', { host: 'host', port: 1883, tls: false }],
  ['mqtt://host:1', { host: 'host', port: 1, tls: false }],
  ['mqtt://host:80', { host: 'host', port: 80, tls: false }],
  ['mqtts://host:443/', { host: 'host', port: 443, tls: true }],
  ['mqtt://host:65535', { host: 'host', port: 65_535, tls: false }],
  ['mqtt://127.0.0.1:7', { host: '127.0.0.1', port: 7, tls: false }],
  ['mqtt://[::1]', { host: '::1', port: 1883, tls: false }],
  ['mqtt://[2001:db8::7]:9', { host: '2001:db8::7', port: 9, tls: false }],
  ['ws://host', { host: 'host', port: 80, tls: false, webSocket: {} }],
  ['wss://host/mqtt', { host: 'host', port: 443, tls: true, webSocket: { path: '/mqtt' } }],
  ['mqtt://u@host', { host: 'host', port: 1883, tls: false, userName: 'u' }],
  ['mqtt://u:p@host', { host: 'host', port: 1883, tls: false, userName: 'u', password: 'p' }],
  ['mqtt://u:p%40%3a%2F@host', { host: 'host', port: 1883, tls: false, userName: 'u', password: 'p@:/' }],
  ['mqtt://%C3%BC:%E2%88%9E@host', { host: 'host', port: 1883, tls: false, userName: 'ü', password: '∞' }],
  ['mqtt://u:a:b@host', { host: 'host', port: 1883, tls: false, userName: 'u', password: 'a:b' }],
  ['mqtt://u:a@b@host', { host: 'host', port: 1883, tls: false, userName: 'u', password: 'a@b' }],
]

for (const [text, parsed] of GOOD) {
  test(`${text} is read`, () => assert.deepEqual(parseUrl(text), parsed))
}

for (const text of [
  '',
  'host',
  'host:1883',
  'http://host',
  'wsx://host',
  'mqtt://',
  'mqtt://host:x',
  'mqtt://host:65536',
  'mqtt://[::1',
  'mqtt://a b',
  'mqtt://u:%zz@host',
  'mqtt://u:%ff@host',
]) {
  test(`'${text}' is refused`, () => assert.throws(() => parseUrl(text), UsageError))
}

test('the message never shows a password', () => {
  for (const text of [
    'http://u:s3cret@host',
    'mqtt://u:s3cret%zz@host',
    'mqtt://u:s3cret@host:x',
    'u:s3cret@host',
  ]) {
    assert.throws(
      () => parseUrl(text),
      (error) => error instanceof UsageError && !error.message.includes('s3cret'),
      text,
    )
  }
})

test('every reserved character comes through a round trip', () => {
  const all = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('')
  const { userName, password } = parseUrl(`mqtt://${encodeURIComponent(all)}:${encodeURIComponent(all)}@host`)
  assert.deepEqual([userName, password], [all, all])
})
