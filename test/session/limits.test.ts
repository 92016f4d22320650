// Scenarios S24 to S30: flow control, topic aliases and the limits of a broker.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, each, is, open, VERSIONS } from './support.js'

const OPENED = ['CONNECT', 'opened']

test('S24 Receive Maximum 2 with QoS 2 [MQTT-4.9.0-2] [MQTT-3.3.4-7]', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 2 })
  is(
    [...'abcde'].flatMap((payload) => d.publish(2, payload)),
    'q2 1 a',
    'q2 2 b',
  )
  is(d.wait(1_000))
  is(d.from('PUBREC 1'), 'PUBREL 1')
  is(d.from('PUBCOMP 1'), 'settle a ok', 'q2 3 c')
  is(d.from('PUBREC 2 0x80'), 'settle b REFUSED 0x80', 'q2 4 d')
  is(d.from('PUBREC 3'), 'PUBREL 3')
  is(d.from('PUBCOMP 3 0x92'), 'settle c ok 0x92', 'q2 5 e')
  assert.equal(d.session.waiting, 0)
})

test('S24 Receive Maximum 2 with QoS 1 [MQTT-4.9.0-2]', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 2 })
  is(
    [...'abcd'].flatMap((payload) => d.publish(1, payload)),
    'q1 1 a',
    'q1 2 b',
  )
  is(d.from('PUBACK 2'), 'settle b ok', 'q1 3 c')
  is(d.from('PUBACK 1 0x97'), 'settle a REFUSED 0x97', 'q1 4 d')
})

test('S24 acknowledgements that belong to nothing do not widen the window [5.0 §4.9]', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 1 })
  is(
    [...'ab'].flatMap((payload) => d.publish(1, payload)),
    'q1 1 a',
  )
  is(d.from('PUBACK 9'))
  is(d.from('PUBCOMP 9'))
  is(d.from('PUBREC 9'), 'PUBREL 9 0x92')
  is(d.from('PUBACK 1'), 'settle a ok', 'q1 2 b')
  is(d.publish(1, 'c'))
})

test('S25 at quota zero everything else still flows [MQTT-4.9.0-3] [MQTT-3.3.4-8]', () => {
  const d = open(5, 'kept', { keepAliveSeconds: 1 }, { receiveMaximum: 1 })
  is(d.publish(1, 'a'), 'q1 1 a')
  is(d.publish(1, 'b'))
  is(d.publish(0, 'c'), 'q0 c', 'settle c ok')
  is(d.subscribe('s'), 'SUBSCRIBE 2 s:1')
  is(d.unsubscribe('s'), 'UNSUBSCRIBE 3 s')
  is(d.from('q1 1 x'), 'deliver q1 1 x', 'PUBACK 1')
  is(d.from('q2 1 y'), 'deliver q2 1 y', 'PUBREC 1')
  is(d.from('PUBREL 1'), 'PUBCOMP 1')
  is(d.wait(900), 'PINGREQ @900')
  is(d.from('PUBACK 1'), 'settle a ok', 'q1 4 b')
})

test('S26 a smaller quota after the reconnect holds retransmissions back [MQTT-4.9.0-1]', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 10 })
  for (const payload of 'abc') d.publish(1, payload)
  d.cut()
  d.publish(1, 'd')
  is(d.reconnect('CONNACK SP', { receiveMaximum: 1 }), ...OPENED, 'q1 1 a dup')
  is(d.wait(1_000))
  is(d.from('PUBACK 1'), 'settle a ok', 'q1 2 b dup')
  is(d.from('PUBACK 2'), 'settle b ok', 'q1 3 c dup')
  is(d.from('PUBACK 3'), 'settle c ok', 'q1 4 d')
})

test('S26 an open PUBREL is sent at once and counts [MQTT-3.3.4-8]', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 10 })
  d.publish(1, 'a')
  d.publish(2, 'b')
  d.publish(1, 'c')
  d.from('PUBREC 2')
  d.cut()
  is(d.reconnect('CONNACK SP', { receiveMaximum: 1 }), ...OPENED, 'q1 1 a dup', 'PUBREL 2')
  is(d.from('PUBACK 1'), 'settle a ok')
  is(d.from('PUBCOMP 2'), 'settle b ok', 'q1 3 c dup')
})

test('S26 a cut while retransmissions are held back', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 10 })
  for (const payload of 'ab') d.publish(1, payload)
  d.cut()
  is(d.reconnect('CONNACK SP', { receiveMaximum: 1 }), ...OPENED, 'q1 1 a dup')
  d.cut()
  is(d.reconnect('CONNACK SP', { receiveMaximum: 1 }), ...OPENED, 'q1 1 a dup')
  is(d.from('PUBACK 1'), 'settle a ok', 'q1 2 b dup')
  is(d.from('PUBACK 2'), 'settle b ok')
  is(d.publish(1, 'c'), 'q1 3 c')
})

test('S26 a PUBACK for a message that is held back blocks nothing', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 10 })
  for (const payload of 'abc') d.publish(1, payload)
  d.cut()
  is(d.reconnect('CONNACK SP', { receiveMaximum: 1 }), ...OPENED, 'q1 1 a dup')
  is(d.from('PUBACK 2'), 'settle b ok')
  is(d.from('PUBACK 1'), 'settle a ok', 'q1 3 c dup')
  is(d.from('PUBACK 3'), 'settle c ok')
  is(d.publish(1, 'd'), 'q1 4 d')
})

test('S26 a PUBREC for a message that is held back is answered once', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 10 })
  d.publish(1, 'a')
  d.publish(2, 'b')
  d.publish(1, 'c')
  d.cut()
  is(d.reconnect('CONNACK SP', { receiveMaximum: 1 }), ...OPENED, 'q1 1 a dup')
  is(d.from('PUBREC 2'), 'PUBREL 2')
  is(d.from('PUBACK 1'), 'settle a ok')
  is(d.from('PUBCOMP 2'), 'settle b ok', 'q1 3 c dup')
  is(d.from('PUBACK 3'), 'settle c ok')
  is(d.publish(1, 'd'), 'q1 4 d')
})

const ALIASES = { automaticAliases: true }

test('S27 automatic aliases: one, then the full name where none is left [MQTT-3.2.2-17]', () => {
  const d = open(5, 'kept', ALIASES, { topicAliasMaximum: 1 })
  is(d.publish(1, 'a'), 'q1 1 a #1')
  is(d.publish(1, 'b'), 'q1 2 b @ #1')
  is(d.publish(1, 'c', { topic: 'u' }), 'q1 3 c @u')
  is(d.publish(1, 'd'), 'q1 4 d @ #1')
  for (const id of [1, 3, 4]) d.from(`PUBACK ${id}`)
  d.cut()
  // What had an empty name gets its full one.
  is(d.reconnect('CONNACK SP'), ...OPENED, 'q1 2 b dup')
})

test('S27 aliases end with the connection, also where the next one has them [MQTT-3.3.2-7]', () => {
  const d = open(5, 'kept', ALIASES, { topicAliasMaximum: 1 })
  d.publish(1, 'a')
  d.publish(1, 'b')
  d.from('PUBACK 1')
  d.cut()
  is(d.reconnect('CONNACK SP', { topicAliasMaximum: 1 }), ...OPENED, 'q1 2 b #1 dup')
})

test('S27 no alias where CONNACK had no Topic Alias Maximum [MQTT-3.2.2-18]', () => {
  const d = open(5, 'kept', ALIASES)
  is(d.publish(0, 'a'), 'q0 a', 'settle a ok')
})

test('S27 an alias of the caller above the maximum is refused [MQTT-3.3.2-9]', () => {
  const d = open(5, 'kept', {}, { topicAliasMaximum: 2 })
  is(d.publish(1, 'a', { properties: { topicAlias: 3 } }), 'settle a USAGE')
  is(d.publish(1, 'b', { properties: { topicAlias: 2 } }), 'q1 1 b #2')
})

test('S27 an alias of the caller is not taken to another connection [MQTT-3.3.2-7] [MQTT-3.2.2-17]', () => {
  const d = open(5, 'kept', {}, { topicAliasMaximum: 5 })
  is(d.publish(1, 'a', { properties: { topicAlias: 5 } }), 'q1 1 a #5')
  d.cut()
  is(d.reconnect('CONNACK SP', { topicAliasMaximum: 2 }), ...OPENED, 'q1 1 a dup')
  d.cut()
  is(d.reconnect(), 'CONNECT', 'opened', 'session-lost 1 0', 'q1 2 a')
})

test('S27 aliases of the broker: set, used, set anew, used, gone with the connection', () => {
  const d = open(5, 'kept', { properties: { topicAliasMaximum: 2 } })
  const alias = { topicAlias: 1 }
  is(d.from('q0 a @one', alias), 'deliver q0 a @one #1')
  is(d.from('q0 b @', alias), 'deliver q0 b @one #1')
  is(d.from('q0 c @two', alias), 'deliver q0 c @two #1')
  is(d.from('q0 d @', alias), 'deliver q0 d @two #1')
  is(d.from('q0 e @three', { topicAlias: 2 }), 'deliver q0 e @three #2')
  d.cut()
  d.reconnect('CONNACK SP')
  is(d.from('q0 f @', alias), 'DISCONNECT 0x82', 'close final PROTOCOL')
})

each(VERSIONS, 'S28 SUBSCRIBE open when the connection is cut', (version) => {
  const d = open(version, 'kept')
  is(d.subscribe('s', 'r'), 'SUBSCRIBE 1 s:1 r:1')
  is(d.unsubscribe('q'), 'UNSUBSCRIBE 2 q')
  is(d.cut())
  is(d.reconnect('CONNACK SP'), ...OPENED, 'SUBSCRIBE 3 s:1 r:1', 'UNSUBSCRIBE 4 q')
  is(d.from('SUBACK 3 0 128'), 'settle s,r REFUSED 0x80')
  is(d.from(version === 5 ? 'UNSUBACK 4 0' : 'UNSUBACK 4'), 'settle q ok')
})

test('S29 error acknowledgements end the exchange and are not sent again, in 5.0 [MQTT-4.4.0-2]', () => {
  const d = open(5, 'kept')
  d.publish(2, 'a')
  is(d.from('PUBREC 1 0x97'), 'settle a REFUSED 0x97')
  d.publish(1, 'b')
  is(d.from('PUBACK 2 0x87'), 'settle b REFUSED 0x87')
  assert.equal(d.session.inFlight, 0)
  d.cut()
  is(d.reconnect('CONNACK SP'), ...OPENED)
})

test('S29 no matching subscribers is no error, in 5.0', () => {
  const d = open(5, 'kept')
  d.publish(1, 'a')
  is(d.from('PUBACK 1 0x10'), 'settle a ok 0x10')
  d.publish(2, 'b')
  is(d.from('PUBREC 2 0x10'), 'PUBREL 2')
})

test('S30 Maximum QoS [MQTT-3.2.2-11]', () => {
  const d = open(5, 'kept', {}, { maximumQoS: 0 })
  is(d.publish(1, 'a'), 'settle a QOS_NOT_SUPPORTED')
  is(d.publish(0, 'b'), 'q0 b', 'settle b ok')
})

test('S30 Retain Available [MQTT-3.2.2-14]', () => {
  const d = open(5, 'kept', {}, { retainAvailable: 0 })
  is(d.publish(1, 'a', { retain: true }), 'settle a USAGE')
  is(d.publish(1, 'b'), 'q1 1 b')
})

/** A message whose packet has `size` bytes at QoS 0. */
const sized = (size: number) => ({ payload: 'x'.repeat(size - 6) })

test('S30 Maximum Packet Size counts the whole packet [MQTT-3.2.2-15]', () => {
  const d = open(5, 'kept', {}, { maximumPacketSize: 30 })
  const fits = sized(30).payload
  is(d.publish(0, fits), `q0 ${fits}`, `settle ${fits} ok`)
  assert.equal(d.wire.at(-1)?.length, 60)
  const not = sized(31).payload
  is(d.publish(0, not), `settle ${not} PACKET_TOO_LARGE`)
  assert.equal(d.session.isOpen, true)
})

test('S30 an automatic alias does not make a packet too large [MQTT-3.2.2-15]', () => {
  for (let size = 120; size <= 140; size++) {
    for (let room = 0; room <= 6; room++) {
      const d = open(5, 'kept', ALIASES, { maximumPacketSize: size, topicAliasMaximum: 10 })
      const { payload } = sized(size - room - 1)
      for (let count = 0; count < 2; count++) assert.match(d.publish(0, payload)[0] ?? '', /^q0 /)
      const sizes = d.wire.slice(1).map((hex) => hex.length / 2)
      assert.ok(Math.max(...sizes) <= size, `${sizes} of ${size}`)
    }
  }
})

test('S30 messages queued before CONNACK are checked the same way', () => {
  const d = open(5, 'kept')
  d.cut()
  d.publish(2, 'a')
  d.publish(1, 'b', { retain: true })
  d.publish(1, 'c')
  const lines = d.reconnect('CONNACK SP', { maximumQoS: 1, retainAvailable: 0 })
  is(lines, ...OPENED, 'settle a QOS_NOT_SUPPORTED', 'settle b USAGE', 'q1 1 c')
})

test('S30 a refused message does not take a place in the window', () => {
  const d = open(5, 'kept', {}, { maximumQoS: 1, receiveMaximum: 1 })
  for (const payload of 'abc') is(d.publish(2, payload), `settle ${payload} QOS_NOT_SUPPORTED`)
  is(d.publish(1, 'd'), 'q1 1 d')
  assert.deepEqual(d.sent.at(-1)?.type === 'publish' && d.sent.at(-1), {
    type: 'publish',
    dup: false,
    qos: 1,
    retain: false,
    topic: 't',
    packetId: 1,
    properties: {},
    payload: bytes('d'),
  })
})
