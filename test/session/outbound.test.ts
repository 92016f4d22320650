// Messages towards the broker beyond the scenarios: window, expiry, QoS 0 at risk, giving up, the limit on waiting.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import { MAX_REMAINING_LENGTH, NONE, type Version } from '../../src/packet/index.js'
import { PacketIds } from '../../src/session/ids.js'
import { Outbound } from '../../src/session/outbound.js'
import type { SendLimits } from '../../src/session/send-limits.js'
import { Sink } from '../../src/session/sink.js'
import { BEFORE_5, bytes, each, is, type Options, open, VERSIONS } from './support.js'

/** How many of 100 messages leave at once. */
function window(version: Version, options: Options, connack: object = NONE): number {
  const d = open(version, 'kept', options, connack)
  for (let count = 0; count < 100; count++) d.publish(1, `${count}`)
  assert.equal(d.session.inFlight + d.session.waiting, 100)
  return d.session.inFlight
}

describe('send window', () => {
  const rows: [Version, Options, { receiveMaximum?: number }, number][] = [
    [3, {}, {}, 20],
    [4, {}, {}, 20],
    [4, { maxInFlight: 3 }, {}, 3],
    [4, { maxInFlight: 50 }, {}, 50],
    [5, {}, {}, 20],
    [5, {}, { receiveMaximum: 7 }, 7],
    [5, {}, { receiveMaximum: 60 }, 60],
    [5, { maxInFlight: 50 }, {}, 50],
    [5, { maxInFlight: 50 }, { receiveMaximum: 7 }, 7],
    [5, { maxInFlight: 5 }, { receiveMaximum: 60 }, 5],
  ]
  for (const [version, options, connack, expected] of rows) {
    const given = JSON.stringify({ ...options, ...connack })
    each([version], `send window with ${given}: ${expected} [MQTT-4.9.0-1]`, () => {
      assert.equal(window(version, options, connack), expected)
    })
  }
})

each(VERSIONS, 'a QoS 0 message passes a full window but no other QoS 0 message that waits', (version) => {
  const d = open(version, 'kept', { maxInFlight: 1 })
  is(d.publish(1, 'a'), 'q1 1 a')
  is(d.publish(2, 'b'))
  is(d.publish(0, 'c'), 'q0 c', 'settle c ok')
  d.cut()
  is(d.publish(0, 'd'))
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', 'q1 1 a dup')
  is(d.publish(0, 'e'))
  is(d.from('PUBACK 1'), 'settle a ok', 'q2 2 b', 'q0 d', 'q0 e', 'settle d ok', 'settle e ok')
  is(d.publish(0, 'f'), 'q0 f', 'settle f ok')
})

const EXPIRY = { properties: { messageExpiryInterval: 2 } }

test('a message that waited past its expiry is reported, not sent [5.0 §3.3.2.3.3]', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 1 })
  is(d.publish(1, 'a'), 'q1 1 a')
  is(d.publish(1, 'b', EXPIRY))
  is(d.publish(1, 'c'))
  d.wait(2_000)
  is(d.from('PUBACK 1'), 'settle a ok', 'settle b CLOSED', 'q1 2 c')
})

test('a message in time is sent, and one already sent does not expire [MQTT-4.3.3-7]', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 1 })
  d.publish(1, 'a')
  d.publish(2, 'b', EXPIRY)
  d.wait(1_999)
  is(d.from('PUBACK 1'), 'settle a ok', 'q2 2 b')
  d.cut()
  d.wait(60_000)
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', 'q2 2 b dup')
  d.cut()
  is(d.reconnect(), 'CONNECT', 'opened', 'settle b CLOSED', 'session-lost 0 1')
})

test('an expiry of 0 leaves no time at all to wait, and enough to be sent at once', () => {
  const d = open(5, 'kept', {}, { receiveMaximum: 1 })
  is(d.publish(1, 'a', { properties: { messageExpiryInterval: 0 } }), 'q1 1 a')
  is(d.publish(1, 'b', { properties: { messageExpiryInterval: 0 } }))
  is(d.from('PUBACK 1'), 'settle a ok', 'settle b CLOSED')
})

each(VERSIONS, 'QoS 0 is settled when its bytes have left, in order', (version) => {
  const d = open(version, 'kept')
  d.clogged = true
  is(d.publish(0, 'a'), 'q0 a')
  is(d.publish(1, 'b'), 'q1 1 b')
  is(d.publish(0, 'c'), 'q0 c')
  assert.equal(d.session.unsettled, 3)
  is(d.flushed(1))
  is(d.flushed(3), 'settle a ok')
  is(d.flushed(4), 'settle c ok')
  assert.equal(d.session.unsettled, 1)
})

describe('QoS 0 at risk', () => {
  each(VERSIONS, 'what left and was then cut counts, what had not left is an error instead', (version) => {
    const d = open(version, 'kept')
    d.publish(0, 'a')
    d.publish(0, 'b')
    d.clogged = true
    d.publish(0, 'c')
    assert.equal(d.session.qos0AtRisk, 0)
    is(d.cut(), 'settle c CLOSED')
    assert.equal(d.session.qos0AtRisk, 2)
    d.clogged = false
    d.reconnect('CONNACK SP')
    d.publish(0, 'd')
    d.cut()
    assert.equal(d.session.qos0AtRisk, 3)
  })

  each(VERSIONS, 'a PINGRESP proves what went before its PINGREQ, and no more', (version) => {
    const d = open(version, 'kept', { keepAliveSeconds: 2 })
    d.publish(0, 'a')
    d.publish(0, 'b')
    is(d.wait(1_800), 'PINGREQ @1800')
    d.publish(0, 'c')
    d.from('PINGRESP')
    d.cut()
    assert.equal(d.session.qos0AtRisk, 1)
  })

  each(VERSIONS, 'each PINGRESP belongs to its own PINGREQ', (version) => {
    const d = open(version, 'kept', { keepAliveSeconds: 2 })
    d.session.reading(false, d.now)
    d.publish(0, 'a')
    d.wait(1_800)
    d.publish(0, 'b')
    d.wait(1_800)
    d.publish(0, 'c')
    d.session.reading(true, d.now)
    is(d.from('PINGRESP'))
    const one = d.session
    d.cut()
    assert.equal(one.qos0AtRisk, 2)
  })

  each(VERSIONS, 'a PINGRESP nobody asked for proves nothing', (version) => {
    const d = open(version, 'kept', { keepAliveSeconds: 2 })
    d.publish(0, 'a')
    is(d.from('PINGRESP'))
    d.cut()
    assert.equal(d.session.qos0AtRisk, 1)
  })

  each(VERSIONS, 'nothing is at risk where the broker closed behind our DISCONNECT', (version) => {
    const d = open(version, 'kept')
    d.publish(0, 'a')
    d.run(d.session.disconnect())
    is(d.run(d.session.lost(true)))
    assert.equal(d.session.qos0AtRisk, 0)
  })
})

describe('an identifier whose packets were repeated', () => {
  const limits: SendLimits = {
    window: 20,
    maximumQoS: 2,
    retainAvailable: true,
    maximumPacketSize: Number.POSITIVE_INFINITY,
    topicAliasMaximum: 0,
    automaticAliases: false,
  }

  /** A QoS 2 message sent twice as 1, every other identifier being taken. */
  function repeated(version: Version) {
    const ids = new PacketIds()
    const outbound = new Outbound<string>(new Sink(), ids, version, 1_000)
    outbound.open(limits)
    const message = { topic: 't', payload: bytes('a'), qos: 2, retain: false, properties: NONE } as const
    outbound.publish(message, 'a', 0)
    outbound.flushed(1, 0)
    outbound.retry(1_000)
    while (ids.allocate() !== 0);
    return { ids, outbound }
  }

  each(BEFORE_5, 'is free when each of them has its answer [MQTT-2.3.1-3]', (version) => {
    const { ids, outbound } = repeated(version)
    outbound.pubrec(1, 0, undefined)
    outbound.pubcomp(1, 0)
    assert.equal(outbound.inFlight, 0)
    assert.equal(ids.allocate(), 0)
    outbound.pubrec(1, 0, undefined)
    assert.equal(ids.allocate(), 0)
    outbound.pubcomp(1, 0)
    assert.equal(ids.allocate(), 1)
  })

  each(BEFORE_5, 'is free when the connection is gone', (version) => {
    const { ids, outbound } = repeated(version)
    outbound.pubrec(1, 0, undefined)
    outbound.pubcomp(1, 0)
    outbound.lost(false)
    assert.equal(ids.allocate(), 1)
  })
})

each(VERSIONS, 'giving up settles all that is not confirmed, once', (version) => {
  const d = open(version, 'kept', { maxInFlight: 2 })
  for (const payload of 'abc') d.publish(2, payload)
  d.from('PUBREC 1')
  d.subscribe('s')
  d.cut()
  d.publish(0, 'd')
  const all = ['a', 'b', 'c', 'd', 's'].map((tag) => `settle ${tag} CLOSED`)
  is(d.run(d.session.abandon()), ...all)
  is(d.run(d.session.abandon()))
  assert.equal(d.session.unsettled, 0)
})

each(
  VERSIONS,
  'a broker that acknowledges nothing is left in the end; each acknowledgement begins the wait anew',
  (version) => {
    const d = open(version, 'kept', { ackLimitMs: 5_000 })
    is(d.wait(60_000))
    d.publish(1, 'a')
    d.publish(1, 'b')
    is(d.wait(4_999))
    is(d.from('PUBACK 1'), 'settle a ok')
    is(d.wait(4_999))
    is(d.wait(1), 'close final TIMEOUT @69999')
    assert.match(d.error?.message ?? '', /acknowledged none of 1 message/)
  },
)

each(
  BEFORE_5,
  'PUBCOMP for a QoS 1 message and PUBACK for a QoS 2 message are faults [5.0 §4.3]',
  (version) => {
    for (const [qos, packet] of [
      [1, 'PUBCOMP 1'],
      [1, 'PUBREC 1'],
      [2, 'PUBACK 1'],
      [2, 'PUBCOMP 1'],
    ] as const) {
      const d = open(version, 'kept')
      d.publish(qos, 'a')
      is(d.from(packet), 'close final PROTOCOL')
      d.cut()
      is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened', `q${qos} 1 a dup`)
    }
  },
)

describe('what no broker could take is refused before anything is sent', () => {
  const topics: [what: string, topic: string][] = [
    ['empty', ''],
    ['with #', 'a/#'],
    ['with +', 'a/+'],
    ['with U+0000', 'a\0'],
    ['with a lone surrogate', 'a\ud800'],
    ['of 65,536 bytes', 'x'.repeat(65_536)],
  ]
  for (const [what, topic] of topics) {
    each(VERSIONS, `a topic ${what} [MQTT-3.3.2-2] [MQTT-4.7.3-1]`, (version) => {
      const d = open(version, 'kept')
      assert.throws(() => d.publish(1, 'a', { topic }), UsageError)
      is(d.publish(1, 'b'), 'q1 1 b')
      assert.equal(d.session.unsettled, 1)
    })
  }

  each(BEFORE_5, 'properties before 5.0', (version) => {
    const d = open(version, 'kept')
    assert.throws(() => d.publish(1, 'a', { properties: { contentType: 'x' } }), UsageError)
  })

  const properties: [what: string, properties: object][] = [
    ['a Subscription Identifier [MQTT-3.3.4-6]', { subscriptionIdentifiers: [1] }],
    ['Topic Alias 0 [MQTT-3.3.2-8]', { topicAlias: 0 }],
    ['a wildcard in Response Topic [MQTT-3.3.2-14]', { responseTopic: 'r/#' }],
    ['a property of another packet [5.0 §2.2.2.2]', { sessionExpiryInterval: 1 }],
    ['Payload Format Indicator 2 [5.0 §3.3.2.3.2]', { payloadFormatIndicator: 2 }],
    ['a lone surrogate in Content Type [MQTT-3.3.2-19]', { contentType: '\ud800' }],
    ['Correlation Data of 65,536 bytes [5.0 §1.5.6]', { correlationData: Buffer.alloc(65_536) }],
  ]
  for (const [what, given] of properties) {
    test(`${what}, in 5.0`, () => {
      const d = open(5, 'kept')
      assert.throws(() => d.publish(1, 'a', { properties: given }), UsageError)
      assert.equal(d.session.unsettled, 0)
    })
  }

  each(VERSIONS, 'a payload that no packet can hold [5.0 §1.5.5]', (version) => {
    const { session } = open(version, 'kept')
    const bare = { topic: 't', qos: 0, retain: false, properties: NONE } as const
    const fits = MAX_REMAINING_LENGTH - 3 - (version === 5 ? 1 : 0)
    const memory = Buffer.alloc(fits + 1)
    assert.throws(
      () => session.publish({ ...bare, payload: memory }, 'x', 0),
      (error) => error instanceof UsageError && error.code === 'PAYLOAD_TOO_LARGE',
    )
    const effects = session.publish({ ...bare, payload: memory.subarray(1) }, 'y', 0)
    assert.deepEqual(
      effects.map(({ type }) => type),
      ['send'],
    )
  })
})

each(VERSIONS, 'QoS 0 messages of one caller are settled as far as they have left', (version) => {
  const d = open(version, 'clean')
  d.clogged = true
  for (let count = 0; count < 4; count++) d.publish(0, 'same')
  const before = d.session.sent - 4
  is(d.flushed(before + 1), 'settle same ok')
  is(d.flushed(before + 3), 'settle same ok', 'settle same ok')
  assert.equal(d.session.unsettled, 1)
  is(d.cut(), 'settle same CLOSED')
})

each(VERSIONS, 'bytes held are those that wait or may have to be sent again', (version) => {
  const d = open(version, 'kept', { maxInFlight: 2 })
  const held = (): number => d.session.heldBytes
  for (const [qos, payload] of [
    [1, 'xx'],
    [2, 'xxx'],
    [1, 'xxxx'],
  ] as const)
    d.publish(qos, payload)
  assert.equal(held(), 9)
  d.from('PUBREC 2')
  assert.equal(held(), 6) // a released message is never sent again
  d.from('PUBACK 1')
  assert.equal(held(), 4)
  d.from('PUBCOMP 2')
  d.from('PUBACK 3')
  assert.equal(held(), 0)
  d.publish(1, 'xx')
  d.cut()
  assert.equal(held(), 2)
  d.session.abandon()
  assert.equal(held(), 0)
})
