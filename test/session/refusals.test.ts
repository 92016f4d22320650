// Scenarios S36, S39 and S40: the broker refuses, leaves, or asks who we are.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RefusedError, UsageError } from '../../src/errors.js'
import type { Version } from '../../src/packet/index.js'
import { bytes, Driver, each, is, open, optionsFor } from './support.js'

const OPENED = ['CONNECT', 'opened']

describe('S36 refusals', () => {
  const rows: [version: Version, retry: number[], final: number[]][] = [
    [3, [3], [1, 2, 4, 5, 6, 255]],
    [4, [3], [1, 2, 4, 5, 6, 255]],
    [
      5,
      [0x88, 0x89, 0x97, 0x9f],
      [0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c, 0x90, 0x95, 0x99, 0x9a, 0x9b, 0x9c, 0x9d],
    ],
  ]
  for (const [version, retry, final] of rows) {
    const codes: [code: number, what: string][] = [
      ...retry.map((code): [number, string] => [code, 'retry']),
      ...final.map((code): [number, string] => [code, 'final']),
    ]
    for (const [code, what] of codes) {
      const shown = `0x${code.toString(16).padStart(2, '0')}`
      each([version], `S36 CONNACK ${shown}: ${what}, nothing more is sent [MQTT-3.2.2-7]`, () => {
        const d = new Driver(optionsFor(version, 'kept'))
        d.publish(1, 'a')
        is(d.reconnect(`CONNACK ${code}`), 'CONNECT', `close ${what} REFUSED ${shown}`)
        assert.match(d.error?.message ?? '', /^broker refused CONNECT: /)
        is(d.from('q1 1 x'))
        is(d.run(d.session.disconnect()))
        is(d.cut())
        is(d.reconnect('CONNACK'), 'CONNECT', 'opened', 'q1 1 a')
      })
    }
  }

  test('S36 a refusal with Server Reference and Reason String shows them, in 5.0', () => {
    const d = new Driver(optionsFor(5, 'kept'))
    d.reconnect('CONNACK 157', { serverReference: 'b2.example:1883', reasonString: 'gone' })
    assert.ok(d.error instanceof RefusedError)
    assert.equal(d.error.serverReference, 'b2.example:1883')
    assert.equal(d.error.message, 'broker refused CONNECT: server moved (0x9d): gone; use b2.example:1883')
  })
})

describe('S39 server DISCONNECT', () => {
  const final = [0x8e, 0x9c, 0x9d]
  const retry = [
    0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
  ]
  for (const code of [...final, ...retry, 0x99, 0x9a, 0x9b, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2]) {
    const shown = `0x${code.toString(16).padStart(2, '0')}`
    const what = final.includes(code) ? 'final' : 'retry'
    test(`S39 ${shown}: ${what}, no DISCONNECT in reply, in 5.0 [5.0 §3.14.4]`, () => {
      const d = open(5, 'kept')
      d.publish(1, 'a')
      is(d.from(`DISCONNECT ${code}`), `close ${what} REFUSED ${shown}`)
      d.cut()
      is(d.reconnect('CONNACK SP'), ...OPENED, 'q1 1 a dup')
    })
  }

  test('S39 the Server Reference is shown, in 5.0', () => {
    const d = open(5, 'kept')
    d.from('DISCONNECT 157', { serverReference: 'b2.example:1883', reasonString: 'gone' })
    assert.ok(d.error instanceof RefusedError)
    assert.equal(d.error.serverReference, 'b2.example:1883')
    assert.equal(d.error.message, 'broker sent DISCONNECT: server moved (0x9d): gone; use b2.example:1883')
  })
})

const METHOD = { authenticationMethod: 'M' }
const withMethod = { properties: { ...METHOD, sessionExpiryInterval: 3600 } }

describe('S40 enhanced authentication, in 5.0', () => {
  const auth = (d: Driver) => d.run(d.session.authenticate(bytes('data'), d.now))

  test('S40 nothing but AUTH until CONNACK [MQTT-3.1.2-30] [MQTT-4.12.0-3]', () => {
    const d = new Driver(optionsFor(5, 'kept', { ...withMethod, keepAliveSeconds: 1 }))
    d.publish(1, 'a')
    is(d.connect(), 'CONNECT')
    for (let round = 0; round < 2; round++) {
      is(d.from('AUTH 24', METHOD), 'auth 0x18')
      is(d.wait(3_000))
      is(d.publish(0, `${round}`))
      is(d.subscribe(`${round}`))
      is(auth(d), 'AUTH 0x18')
    }
    const sent = ['SUBSCRIBE 1 0:1', 'SUBSCRIBE 2 1:1', 'q1 3 a', 'q0 0', 'q0 1']
    is(d.from('CONNACK', METHOD), 'opened', ...sent, 'settle 0 ok', 'settle 1 ok')
    assert.deepEqual(d.sent[1]?.type === 'auth' && d.sent[1].properties, {
      authenticationMethod: 'M',
      authenticationData: bytes('data'),
    })
  })

  test('S40 authentication anew while publishes go on [MQTT-4.12.1-1]', () => {
    const d = open(5, 'kept', withMethod, METHOD)
    is(auth(d), 'AUTH 0x19')
    is(d.publish(1, 'a'), 'q1 1 a')
    is(d.from('AUTH 24', METHOD), 'auth 0x18')
    is(auth(d), 'AUTH 0x18')
    is(d.from('PUBACK 1'), 'settle a ok')
    is(d.from('AUTH 0', METHOD), 'auth 0x00')
    is(auth(d), 'AUTH 0x19')
  })

  test('S40 a cut ends authentication anew', () => {
    const d = open(5, 'kept', withMethod, METHOD)
    is(auth(d), 'AUTH 0x19')
    d.cut()
    is(d.connect(), 'CONNECT')
    is(d.from('AUTH 24', METHOD), 'auth 0x18')
    is(auth(d), 'AUTH 0x18')
    is(d.from('CONNACK SP', METHOD), 'opened')
    is(auth(d), 'AUTH 0x19')
  })

  test('S40 the server may not begin, nor end what was not begun [MQTT-4.12.1-1] [MQTT-4.12.0-2]', () => {
    for (const code of [0, 0x18, 0x19]) {
      const d = open(5, 'kept', withMethod, METHOD)
      is(d.from(`AUTH ${code}`, METHOD), 'DISCONNECT 0x82', 'close final PROTOCOL')
    }
    for (const code of [0, 0x19]) {
      const d = new Driver(optionsFor(5, 'kept', withMethod))
      d.connect()
      is(d.from(`AUTH ${code}`, METHOD), 'DISCONNECT 0x82', 'close final PROTOCOL')
    }
  })

  test('S40 failed authentication anew [MQTT-4.12.1-2]', () => {
    const d = open(5, 'kept', withMethod, METHOD)
    auth(d)
    is(d.from('DISCONNECT 135'), 'close retry REFUSED 0x87')
  })

  test('S40 without a method there is no AUTH [MQTT-4.12.0-7]', () => {
    const d = open(5, 'kept')
    assert.throws(() => d.session.authenticate(bytes('data'), 0), UsageError)
  })
})
