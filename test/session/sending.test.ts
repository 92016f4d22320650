// Scenarios S01 to S11: messages towards the broker across reconnects.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Version } from '../../src/packet/index.js'
import { Driver, each, is, type Options, open, optionsFor, VERSIONS } from './support.js'

/** PUBREL as it is sent again: with DUP in 3.1 alone [MQTT-3.6.1-1]. */
const again = (version: Version, packetId: number) => `PUBREL ${packetId}${version === 3 ? ' dup' : ''}`

each(VERSIONS, 'S01 QoS 1 cut before PUBACK [MQTT-4.4.0-1] [MQTT-3.3.1-1]', (version) => {
  const d = open(version, 'kept')
  is(d.publish(1, 'a'), 'q1 1 a')
  const first = d.wire.at(-1) ?? ''
  is(d.cut())
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', 'q1 1 a dup')
  assert.equal(first.slice(0, 2), '32')
  assert.equal(d.wire.at(-1), `3a${first.slice(2)}`)
  is(d.from('PUBACK 1'), 'settle a ok')
  is(d.from('PUBACK 1'))
  is(d.cut())
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened')
})

each(VERSIONS, 'S02 QoS 2 cut before PUBREC [MQTT-4.4.0-1]', (version) => {
  const d = open(version, 'kept')
  is(d.publish(2, 'a'), 'q2 1 a')
  const first = d.wire.at(-1) ?? ''
  d.cut()
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', 'q2 1 a dup')
  assert.equal(first.slice(0, 2), '34')
  assert.equal(d.wire.at(-1), `3c${first.slice(2)}`)
  is(d.from('PUBREC 1'), 'PUBREL 1')
  is(d.from('PUBCOMP 1'), 'settle a ok')
})

each(
  VERSIONS,
  'S03 QoS 2 cut after PUBREL: only PUBREL comes again [MQTT-4.3.3-6] [MQTT-3.6.1-1]',
  (version) => {
    const d = open(version, 'kept')
    d.publish(2, 'a')
    is(d.from('PUBREC 1'), 'PUBREL 1')
    d.cut()
    is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', again(version, 1))
    assert.equal(d.wire.at(-1), version === 3 ? '6a020001' : '62020001')
    is(d.from('PUBCOMP 1'), 'settle a ok')
  },
)

each(VERSIONS, 'S04 PUBREC read just before the cut: PUBREL [MQTT-4.3.3-6]', (version) => {
  const d = open(version, 'kept')
  d.clogged = true // the PUBREL never leaves
  d.publish(2, 'a')
  is(d.from('PUBREC 1'), 'PUBREL 1')
  d.cut()
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', again(version, 1))
})

each(VERSIONS, 'S04 PUBREC not read before the cut: PUBLISH with DUP', (version) => {
  const d = open(version, 'kept')
  d.publish(2, 'a')
  is(d.feed('5002'))
  d.cut()
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', 'q2 1 a dup')
})

each(VERSIONS, 'S05 two and three cuts in one QoS 2 exchange [MQTT-4.3.3-6]', (version) => {
  const d = open(version, 'kept')
  is(d.publish(2, 'a'), 'q2 1 a')
  d.cut()
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', 'q2 1 a dup')
  is(d.from('PUBREC 1'), 'PUBREL 1')
  for (let cut = 0; cut < 2; cut++) {
    is(d.cut())
    is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', again(version, 1))
  }
  is(d.from('PUBCOMP 1'), 'settle a ok')
})

each(VERSIONS, 'S06 a mixed window keeps its order [MQTT-4.6.0-1]', (version) => {
  const d = open(version, 'kept')
  is(
    [1, 2, 2, 1].flatMap((qos, at) => d.publish(qos as 1 | 2, 'abcd'.charAt(at))),
    ...'abcd'.split('').map(first),
  )
  is(d.from('PUBREC 2'), 'PUBREL 2')
  d.cut()
  const connected = ['CONNECT', 'opened']
  is(d.reconnect('CONNACK SP'), ...connected, 'q1 1 a dup', again(version, 2), 'q2 3 c dup', 'q1 4 d dup')
  is(d.from('PUBACK 4'), 'settle d ok')
  is(d.from('PUBREC 3'), 'PUBREL 3')
  is(d.from('PUBCOMP 3'), 'settle c ok')
  is(d.from('PUBCOMP 2'), 'settle b ok')
  is(d.from('PUBACK 1'), 'settle a ok')
  assert.equal(d.session.inFlight, 0)
})

function first(payload: string, at: number): string {
  return `q${[1, 2, 2, 1][at]} ${at + 1} ${payload}`
}

each(
  VERSIONS,
  'S07 old before new, nothing before CONNACK, DUP 0 for what was queued [MQTT-4.6.0-1]',
  (version) => {
    const d = open(version, 'kept')
    d.publish(1, 'a')
    d.cut()
    is(d.publish(1, 'x'))
    is(d.publish(1, 'y'))
    is(d.connect(), 'CONNECT')
    is(d.publish(0, 'z'))
    const lines = d.from('CONNACK SP')
    is(lines, 'opened', 'q1 1 a dup', 'q1 2 x', 'q1 3 y', 'q0 z', 'settle z ok')
  },
)

each(VERSIONS, 'S08 a clean session starts over: QoS 1 as a new message [MQTT-3.1.2-4]', (version) => {
  const d = open(version, 'clean')
  d.publish(1, 'a')
  is(d.cut())
  is(d.reconnect(), 'CONNECT clean', 'opened', 'session-lost 1 0', 'q1 2 a')
  is(d.from('PUBACK 1'))
  is(d.from('PUBACK 2'), 'settle a ok')
})

each(VERSIONS, 'S08 a clean session starts over: QoS 2 is reported by default', (version) => {
  const d = open(version, 'clean')
  d.publish(2, 'a')
  d.cut()
  is(d.reconnect(), 'CONNECT clean', 'opened', 'settle a CLOSED', 'session-lost 0 1')
})

each(
  VERSIONS,
  'S08 a clean session starts over: QoS 2 is published anew where duplicates are accepted',
  (version) => {
    const d = open(version, 'clean', { onSessionLoss: 'republish' })
    d.publish(2, 'a')
    d.cut()
    is(d.reconnect(), 'CONNECT clean', 'opened', 'session-lost 1 0', 'q2 2 a')
  },
)

each(
  VERSIONS,
  'S08 a clean session starts over: after PUBREC nothing is sent, the broker has it',
  (version) => {
    const d = open(version, 'clean')
    d.publish(2, 'a')
    d.from('PUBREC 1')
    d.cut()
    is(d.reconnect(), 'CONNECT clean', 'opened', 'settle a ok')
  },
)

/** In flight: `q1 1 a`, `q2 2 b` without PUBREC, `q2 3 c` after PUBREL; then the connection is lost. */
function inThreeStages(version: Version, options: Options = {}): Driver {
  const d = open(version, 'kept', options)
  d.publish(1, 'a')
  d.publish(2, 'b')
  d.publish(2, 'c')
  is(d.from('PUBREC 3'), 'PUBREL 3')
  d.cut()
  return d
}

test('S09 the server lost the session, in 5.0 [MQTT-3.2.2-5] [MQTT-4.4.0-1]', () => {
  const d = inThreeStages(5)
  const lines = d.reconnect()
  is(lines, 'CONNECT', 'opened', 'settle b CLOSED', 'settle c ok', 'session-lost 1 1', 'q1 4 a')
  is(d.from('PUBACK 4'), 'settle a ok')
  assert.ok(d.wire.every((hex) => !hex.startsWith('6') && !/^3[89a-f]/.test(hex)))
})

test('S09 the server lost the session and duplicates are accepted, in 5.0', () => {
  const d = inThreeStages(5, { onSessionLoss: 'republish' })
  is(d.reconnect(), 'CONNECT', 'opened', 'settle c ok', 'session-lost 2 0', 'q1 4 a', 'q2 5 b')
})

test('S09 messages that waited stay behind those published anew, in 5.0', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 1 })
  d.publish(1, 'a')
  d.publish(1, 'b')
  d.cut()
  d.publish(1, 'c')
  is(d.reconnect(), 'CONNECT', 'opened', 'session-lost 1 0', 'q1 2 a', 'q1 3 b', 'q1 4 c')
})

test('S10 Session Present after a clean start, in 3.1 not to be seen', () => {
  const d = new Driver(optionsFor(3, 'clean'))
  d.connect()
  is(d.feed('20020100'), 'opened')
})

test('S10 Session Present after a clean start, in 3.1.1 [MQTT-3.2.2-1]', () => {
  const d = new Driver(optionsFor(4, 'clean'))
  is(d.reconnect('CONNACK SP'), 'CONNECT clean', 'close final PROTOCOL')
})

test('S10 Session Present after a clean start, in 5.0 [MQTT-3.2.2-2]', () => {
  const d = new Driver(optionsFor(5, 'clean'))
  is(d.reconnect('CONNACK SP'), 'CONNECT clean', 'DISCONNECT 0x82', 'close final PROTOCOL')
})

each([4, 5], 'S10 Session Present for a session that was asked for goes on [MQTT-3.2.2-3]', (version) => {
  const d = new Driver(optionsFor(version, 'kept'))
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened')
})

test('S10 a session begun clean and kept is resumed with Clean Start 0, in 5.0 [MQTT-3.1.2-23]', () => {
  const d = open(5, 'kept', { cleanStart: true })
  assert.equal(d.session.isKept, true)
  d.publish(2, 'a')
  d.cut()
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', 'q2 1 a dup')
})

test('S10 a CONNACK that takes the session expiry away makes the next start clean again, in 5.0', () => {
  const d = open(5, 'kept', { cleanStart: true }, { sessionExpiryInterval: 0 })
  assert.equal(d.session.isKept, false)
  d.publish(1, 'a')
  d.cut()
  is(d.reconnect(), 'CONNECT clean', 'opened', 'session-lost 1 0', 'q1 2 a')
})

test('S11 the server lost the session, in 3.1.1: sent again all the same [MQTT-4.4.0-1]', () => {
  const d = open(4, 'kept')
  d.subscribe('s')
  d.from('SUBACK 1 1')
  d.publish(1, 'a')
  d.publish(2, 'b')
  d.publish(2, 'c')
  d.from('PUBREC 4')
  d.cut()
  const resent = ['q1 2 a dup', 'q2 3 b dup', 'PUBREL 4']
  is(d.reconnect(), 'CONNECT', 'opened', 'session-lost 0 0', ...resent, 'SUBSCRIBE 5 s:1')
})

each(VERSIONS, 'S11 QoS 0 is never sent again [MQTT-4.3.1-1]', (version) => {
  const d = open(version, 'kept')
  d.clogged = true
  is(d.publish(0, 'a'), 'q0 a')
  is(d.cut(), 'settle a CLOSED')
  d.clogged = false
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened')
})
