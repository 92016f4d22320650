// Scenarios S12 to S15: nothing is repeated on a live connection, except by the timed retry of 3.1 and 3.1.1.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import { BEFORE_5, Driver, each, is, open, optionsFor } from './support.js'

const RETRY = { retryIntervalMs: 2_000 }

test('S12 a live connection never repeats, in 5.0 [MQTT-4.4.0-1]', () => {
  const d = open(5, 'kept', { keepAliveSeconds: 20 })
  is(d.publish(1, 'a'), 'q1 1 a')
  for (let at = 19_500; at < 70_000; at += 19_500) {
    is(d.at(at), `PINGREQ @${at}`)
    is(d.from('PINGRESP'))
  }
  is(d.from('PUBACK 1'), 'settle a ok')
})

each(BEFORE_5, 'S13 timed retry, at growing intervals; surplus PUBACKs are ignored', (version) => {
  const d = open(version, 'kept', RETRY)
  is(d.publish(1, 'a'), 'q1 1 a')
  is(d.wait(1_999))
  is(d.wait(1), 'q1 1 a dup @2000')
  is(d.wait(3_999))
  is(d.wait(1), 'q1 1 a dup @6000')
  is(d.from('PUBACK 1'), 'settle a ok')
  is(d.publish(1, 'b'), 'q1 2 b')
  is(d.from('PUBACK 1'))
  is(d.from('PUBACK 1'))
  is(d.from('PUBACK 1'))
  is(d.from('PUBACK 2'), 'settle b ok')
  is(d.wait(600_000))
})

each(
  BEFORE_5,
  'S13 a repeated identifier is free again only after its last PUBACK [MQTT-2.3.1-3]',
  (version) => {
    /** The second identifier after the circle is through, `pubacks` of 2 being in. */
    const next = (pubacks: number): string => {
      const d = open(version, 'kept', RETRY)
      d.publish(1, 'a')
      d.wait(2_000)
      for (let count = 0; count < pubacks; count++) d.from('PUBACK 1')
      for (let id = 2; id <= 65_535; id++) {
        d.session.publish(
          { topic: 't', payload: Buffer.alloc(0), qos: 1, retain: false, properties: {} },
          '',
          0,
        )
        d.session.receive({ type: 'puback', packetId: id, dup: false, reasonCode: 0, properties: {} }, 0)
      }
      const [effect] = d.session.publish(
        { topic: 't', payload: Buffer.alloc(0), qos: 1, retain: false, properties: {} },
        '',
        0,
      )
      assert.ok(effect?.type === 'send' && effect.packet.type === 'publish')
      return `${effect.packet.packetId}`
    }
    is([next(1), next(2)], '2', '1')
  },
)

each(BEFORE_5, 'S13 a cut makes repeated identifiers free', (version) => {
  const d = open(version, 'kept', RETRY)
  d.publish(1, 'a')
  d.wait(2_000)
  is(d.from('PUBACK 1'), 'settle a ok')
  d.cut()
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened')
  is(d.publish(1, 'b'), 'q1 2 b')
  is(d.from('PUBACK 2'), 'settle b ok')
})

each(BEFORE_5, 'S13 two messages are repeated in their order [MQTT-4.6.0-1]', (version) => {
  const d = open(version, 'kept', RETRY)
  d.publish(1, 'a')
  is(d.wait(500))
  d.publish(1, 'b')
  is(d.wait(1_500), 'q1 1 a dup @2000')
  d.cut()
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', 'q1 1 a dup', 'q1 2 b dup')
  is(d.wait(2_000), 'q1 1 a dup @4000', 'q1 2 b dup @4000')
})

each(BEFORE_5, 'S13 intervals double, and an acknowledgement ends that', (version) => {
  const d = open(version, 'kept', RETRY)
  d.publish(1, 'a')
  d.publish(1, 'b')
  is(d.wait(6_000), 'q1 1 a dup @2000', 'q1 2 b dup @2000', 'q1 1 a dup @6000', 'q1 2 b dup @6000')
  is(d.from('PUBACK 1'), 'settle a ok')
  // Already under way is the third interval, of 8 s; those after it are 4 and 8 s, not 16 and 32.
  is(d.wait(20_000), 'q1 2 b dup @14000', 'q1 2 b dup @18000', 'q1 2 b dup @26000')
})

each(BEFORE_5, 'S13 what is still being written is not repeated', (version) => {
  const d = open(version, 'kept', RETRY)
  d.clogged = true
  is(d.publish(1, 'large'), 'q1 1 large')
  is(d.wait(60_000))
  d.clogged = false
  is(d.flushed())
  is(d.wait(2_000), 'q1 1 large dup @62000')
})

each(BEFORE_5, 'S13 a QoS 2 message repeated before its PUBREC is confirmed once', (version) => {
  const d = open(version, 'kept', RETRY)
  d.publish(2, 'a')
  is(d.wait(2_000), 'q2 1 a dup @2000')
  is(d.from('PUBREC 1'), 'PUBREL 1')
  is(d.from('PUBREC 1'), 'PUBREL 1')
  is(d.from('PUBCOMP 1'), 'settle a ok')
  is(d.from('PUBCOMP 1'))
  is(d.wait(60_000))
})

each(BEFORE_5, 'S13 the wait for PUBCOMP begins when PUBREL, not PUBLISH, has left', (version) => {
  const d = open(version, 'kept', RETRY)
  d.clogged = true
  d.publish(2, 'a')
  is(d.from('PUBREC 1'), 'PUBREL 1')
  is(d.flushed(2))
  is(d.wait(60_000))
  d.clogged = false
  is(d.flushed(3))
  is(d.wait(2_000), `PUBREL 1${version === 3 ? ' dup' : ''} @62000`)
})

test('S14 PUBREL, SUBSCRIBE and UNSUBSCRIBE are repeated with DUP, in 3.1', () => {
  const d = open(3, 'kept', RETRY)
  d.publish(2, 'a')
  d.from('PUBREC 1')
  is(d.wait(2_000), 'PUBREL 1 dup @2000')
  assert.equal(d.wire.at(-1), '6a020001')
  is(d.from('PUBCOMP 1'), 'settle a ok')

  is(d.subscribe('s', 'r'), 'SUBSCRIBE 2 s:1 r:1')
  is(d.wait(6_000), 'SUBSCRIBE 2 s:1 r:1 dup @4000', 'SUBSCRIBE 2 s:1 r:1 dup @8000')
  assert.equal(d.wire.at(-1)?.slice(0, 2), '8a')
  is(d.from('SUBACK 2 1 1'), 'settle s,r ok')
  is(d.from('SUBACK 2 1 1'))

  is(d.unsubscribe('s'), 'UNSUBSCRIBE 3 s')
  is(d.wait(2_000), 'UNSUBSCRIBE 3 s dup @10000')
  assert.equal(d.wire.at(-1)?.slice(0, 2), 'aa')
  is(d.from('UNSUBACK 3'), 'settle s ok')
  is(d.from('UNSUBACK 3'))
})

test('S14 PUBREL is repeated without DUP, in 3.1.1 [MQTT-3.6.1-1]', () => {
  const d = open(4, 'kept', RETRY)
  d.publish(2, 'a')
  d.from('PUBREC 1')
  is(d.wait(2_000), 'PUBREL 1 @2000')
  assert.equal(d.wire.at(-1), '62020001')
})

test('S14 SUBSCRIBE is not repeated but times out, in 3.1.1', () => {
  const d = open(4, 'kept', RETRY)
  is(d.subscribe('s'), 'SUBSCRIBE 1 s:1')
  is(d.wait(20_000), 'close final TIMEOUT @10000')
})

each(BEFORE_5, 'S15 retry switched off', (version) => {
  const d = open(version, 'kept', { retryIntervalMs: 0 })
  is(d.publish(1, 'a'), 'q1 1 a')
  is(d.publish(2, 'b'), 'q2 2 b')
  is(d.wait(60_000))
})

test('S15 timed retry cannot be asked for, in 5.0 [MQTT-4.4.0-1]', () => {
  assert.throws(() => new Driver(optionsFor(5, 'kept', RETRY)), UsageError)
})
