// Scenarios S34 to S45 but for refusals: identifiers, subscriptions, slow output and the ends of a connection.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NONE, type Version } from '../../src/packet/index.js'
import { Session } from '../../src/session/index.js'
import { BEFORE_5, bytes, type Driver, each, is, open, optionsFor, VERSIONS } from './support.js'

const OPENED = ['CONNECT', 'opened']
/** UNSUBACK, which has codes in 5.0 alone. */
const unsuback = (version: Version, packetId: number) => `UNSUBACK ${packetId}${version === 5 ? ' 0' : ''}`

each(VERSIONS, 'what a reconnect tells of the session: 3.1 cannot know that it was resumed', (version) => {
  const d = open(version, 'kept')
  for (const kept of [true, false]) {
    d.cut()
    d.session.connect(d.now)
    const connack = {
      type: 'connack',
      sessionPresent: kept && version !== 3,
      reasonCode: 0,
      properties: NONE,
    } as const
    const opened = d.session.receive(connack, d.now).find(({ type }) => type === 'opened')
    assert.deepEqual(opened, { type: 'opened', connack, resumed: kept && version !== 3 })
  }
})

each(VERSIONS, 'S34 the same identifier both ways [MQTT-2.2.1-3]', (version) => {
  const d = open(version, 'kept')
  is(d.publish(2, 'a'), 'q2 1 a')
  is(d.from('q2 1 x'), 'deliver q2 1 x', 'PUBREC 1')
  is(d.from('PUBREC 1'), 'PUBREL 1')
  is(d.from('PUBREL 1'), 'PUBCOMP 1')
  is(d.from('PUBCOMP 1'), 'settle a ok')
})

each(
  VERSIONS,
  'S35 messages before SUBACK, after UNSUBACK and unasked are acknowledged [MQTT-4.5.0-2]',
  (version) => {
    const d = open(version, 'kept')
    d.subscribe('t')
    is(d.from('q1 7 a'), 'deliver q1 7 a', 'PUBACK 7')
    is(d.from('SUBACK 1 1'), 'settle t ok')
    is(d.from('q1 8 b @else'), 'deliver q1 8 b @else', 'PUBACK 8')
    is(d.unsubscribe('t'), 'UNSUBSCRIBE 2 t')
    is(d.from('q1 9 c'), 'deliver q1 9 c', 'PUBACK 9')
    is(d.from(unsuback(version, 2)), 'settle t ok')
    is(d.from('q1 10 d'), 'deliver q1 10 d', 'PUBACK 10')
  },
)

each(VERSIONS, 'S35 after a limit: acknowledged up to a point, not beyond it, without a gap', (version) => {
  const d = open(version, 'kept')
  d.stalled = true
  d.burst('q1 1 a', 'q2 2 b', 'q1 3 c', 'q1 4 d')
  is(d.run(d.session.written(3, d.now)), 'PUBACK 1', 'PUBREC 2', 'PUBACK 3')
  is(d.run(d.session.disconnect()), 'DISCONNECT', 'close')
  is(d.written())
})

each(VERSIONS, 'S38 DISCONNECT is last [MQTT-3.14.4-1]', (version) => {
  const d = open(version, 'kept', { maxInFlight: 2, keepAliveSeconds: 1 })
  d.stalled = true
  d.from('q1 9 x')
  for (const payload of 'abc') d.publish(1, payload)
  is(d.run(d.session.disconnect()), 'DISCONNECT', 'close')
  assert.equal(d.wire.at(-1), 'e000')
  is(d.from('PUBACK 1'))
  is(d.publish(1, 'd'))
  is(d.publish(0, 'e'))
  is(d.subscribe('s'))
  is(d.unsubscribe('s'))
  is(d.written())
  is(d.wait(60_000))
  is(d.run(d.session.disconnect()))
  is(d.cut())
  const given = ['a', 'b', 'c', 'd', 'e', 's', 's'].map((tag) => `settle ${tag} CLOSED`)
  is(d.run(d.session.abandon()).sort(), ...given)
})

each(VERSIONS, 'S38 QoS 0 messages before the DISCONNECT are done once they have left', (version) => {
  const d = open(version, 'kept')
  d.clogged = true
  is(d.publish(0, 'a'), 'q0 a')
  is(d.publish(0, 'b'), 'q0 b')
  is(d.run(d.session.disconnect()), 'DISCONNECT', 'close')
  is(d.flushed(2), 'settle a ok')
  is(d.flushed(4), 'settle b ok')
  is(d.cut())
})

each(
  VERSIONS,
  'S38 what came after the DISCONNECT is no retransmission on the next connection [MQTT-3.3.1-1]',
  (version) => {
    const d = open(version, 'kept')
    d.run(d.session.disconnect())
    d.publish(1, 'a')
    d.subscribe('s')
    d.cut()
    is(d.reconnect('CONNACK SP'), ...OPENED, 'SUBSCRIBE 1 s:1', 'q1 2 a')
  },
)

test('S38 a session that ends with the run says so, in 5.0 [5.0 §3.14.2.2.2]', () => {
  const d = open(5, 'kept', { endSession: true })
  is(d.run(d.session.disconnect()), 'DISCONNECT expiry 0', 'close')
  assert.equal(d.wire.at(-1), 'e007000511000000' + '00')
  const clean = open(5, 'clean', { endSession: true })
  is(clean.run(clean.session.disconnect()), 'DISCONNECT', 'close')
  const own = open(5, 'kept', { endSession: true })
  is(own.run(own.session.disconnect(0, { sessionExpiryInterval: 9 })), 'DISCONNECT expiry 9', 'close')
})

/** Publishes at QoS 1 without the driver, which would take too long; answers the packet identifier, 0 for none. */
function publishFast(session: Session<string>, tag = ''): number {
  const message = { topic: 't', payload: bytes(''), qos: 1, retain: false, properties: NONE } as const
  const [effect] = session.publish(message, tag, 0)
  return effect?.type === 'send' && effect.packet.type === 'publish' ? effect.packet.packetId : 0
}

function puback(session: Session<string>, packetId: number): readonly string[] {
  const effects = session.receive(
    { type: 'puback', packetId, dup: false, reasonCode: 0, properties: NONE },
    0,
  )
  return effects.map((effect) => {
    if (effect.type === 'send' && 'packetId' in effect.packet) {
      return `${effect.packet.type} ${effect.packet.packetId}`
    }
    return effect.type === 'settle' ? `settle ${effect.tag}` : effect.type
  })
}

each(
  VERSIONS,
  'S41 identifiers run to 65,535, go on with 1, skip what is open, never 0 [MQTT-2.2.1-3]',
  (version) => {
    const { session } = open(version, 'kept')
    assert.equal(publishFast(session), 1)
    assert.equal(publishFast(session), 2)
    puback(session, 1)
    let expected = 2
    for (let count = 0; count < 65_600; count++) {
      expected = expected === 65_535 ? 1 : expected + 1
      if (expected === 2) expected = 3
      const id = publishFast(session)
      if (id !== expected) assert.equal(id, expected)
      puback(session, id)
    }
  },
)

each(VERSIONS, 'S41 with all 65,535 taken the next publish waits, and requests do', (version) => {
  const { session } = open(version, 'kept', { maxInFlight: 65_535 })
  for (let id = 1; id <= 65_535; id++) if (publishFast(session) !== id) assert.fail(`${id}`)
  assert.equal(publishFast(session, 'late'), 0)
  assert.equal(session.inFlight, 65_535)
  is(puback(session, 7), 'settle ', 'publish 7')
  assert.deepEqual(session.unsubscribe(['s'], NONE, 's', 0), [])
  assert.equal(publishFast(session, 'later'), 0)
  is(puback(session, 9), 'settle ', 'unsubscribe 9')
  const codes = version === 5 ? [0] : []
  const effects = session.receive({ type: 'unsuback', packetId: 9, properties: NONE, reasonCodes: codes }, 0)
  assert.deepEqual(
    effects.map((effect) => effect.type),
    ['settle', 'send'],
  )
})

each([4, 5], 'S43 subscriptions after a reconnect: none with Session Present', (version) => {
  const d = open(version, 'kept')
  d.subscribe('s')
  d.from('SUBACK 1 1')
  d.cut()
  is(d.reconnect('CONNACK SP'), ...OPENED)
})

test('S43 subscriptions after a reconnect: asked for again where nobody can know, in 3.1', () => {
  const d = open(3, 'kept')
  d.subscribe('s')
  d.from('SUBACK 1 1')
  d.cut()
  is(d.reconnect(), ...OPENED, 'SUBSCRIBE 2 s:1')
})

for (const keeping of ['kept', 'clean'] as const) {
  each(
    VERSIONS,
    `S43 subscriptions after a reconnect, ${keeping}: before what was queued, fresh identifiers`,
    (version) => {
      const d = open(version, keeping)
      d.subscribe('s', 'r')
      d.from('SUBACK 1 1 0')
      d.subscribe('q')
      d.from('SUBACK 2 1')
      d.unsubscribe('r')
      d.from(unsuback(version, 3))
      d.cut()
      d.publish(1, 'a')
      const lines = d.reconnect()
      is(lines.slice(-3), 'SUBSCRIBE 4 s:1', 'SUBSCRIBE 5 q:1', 'q1 6 a')
      is(d.from('PUBACK 6'), 'settle a ok')
      is(d.from('SUBACK 4 1'))
      is(d.from('SUBACK 5 128'), 'resubscribe-refused q 0x80')
      d.cut()
      is(d.reconnect().slice(-1), 'SUBSCRIBE 7 s:1')
      // Cut before the SUBACK: asked for once, not twice.
      d.cut()
      is(
        d.reconnect().slice(-2),
        version === 3 && keeping === 'kept' ? 'opened' : last(version, keeping),
        'SUBSCRIBE 8 s:1',
      )
    },
  )
}

function last(version: Version, keeping: 'kept' | 'clean'): string {
  return version !== 3 && keeping === 'kept' ? 'session-lost 0 0' : 'opened'
}

test('S43 options and Subscription Identifier are repeated as they were, in 5.0', () => {
  const d = open(5, 'clean')
  const subscriptions = [
    { filter: 's', qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 },
  ] as const
  const properties = { subscriptionIdentifier: 7 }
  d.run(d.session.subscribe(subscriptions, properties, 's', 0))
  d.from('SUBACK 1 0')
  d.cut()
  d.reconnect()
  assert.deepEqual(d.sent.at(-1), { type: 'subscribe', packetId: 2, dup: false, properties, subscriptions })
})

each(
  VERSIONS,
  'S44 slow output: PINGREQ goes out, no acknowledgement, no deadline while nobody reads',
  (version) => {
    const d = open(version, 'kept', { keepAliveSeconds: 2, ackLimitMs: 3_000, requestLimitMs: 3_000 })
    d.publish(1, 'a')
    d.subscribe('s')
    d.stalled = true
    is(d.from('q1 5 x'), 'deliver q1 5 x')
    d.session.reading(false, d.now)
    const pings = Array.from({ length: 5 }, (_, at) => `PINGREQ @${1_800 * (at + 1)}`)
    is(d.wait(9_500), ...pings)
    d.session.reading(true, d.now)
    is(d.written(), 'PUBACK 5')
    is(d.burst('PINGRESP', 'PINGRESP', 'SUBACK 2 1', 'PUBACK 1'), 'settle s ok', 'settle a ok')
  },
)

each(VERSIONS, 'S44 once reading again the deadlines run from there', (version) => {
  for (const [options, work, what] of [
    [{ keepAliveSeconds: 2 }, () => [], 'close retry TIMEOUT @11500'],
    [{ ackLimitMs: 3_000 }, (d: Driver) => d.publish(1, 'a'), 'close final TIMEOUT @12500'],
    [{ requestLimitMs: 4_000 }, (d: Driver) => d.subscribe('s'), 'close final TIMEOUT @13500'],
  ] as const) {
    const d = open(version, 'kept', options)
    work(d)
    d.session.reading(false, d.now)
    d.at(9_500)
    d.session.reading(true, d.now)
    is(d.at(60_000).slice(-1), what)
  }
})

test('S44 a repeated SUBSCRIBE does not run out while nobody reads, in 3.1', () => {
  const d = open(3, 'kept', { requestLimitMs: 5_000, retryIntervalMs: 2_000 })
  d.subscribe('s')
  is(d.wait(2_000), 'SUBSCRIBE 1 s:1 dup @2000')
  d.session.reading(false, d.now)
  is(d.wait(60_000))
  d.session.reading(true, d.now)
  is(d.wait(0))
  is(d.from('SUBACK 1 1'), 'settle s ok')
})

each(
  BEFORE_5,
  'S45 a violation by the server closes without DISCONNECT, so that the will is sent',
  (version) => {
    const d = open(version, 'kept')
    is(d.feed('c000'), 'close final MALFORMED')
    assert.equal(d.sent.length, 1)
  },
)

test('S45 a violation by the server is answered with its reason, in 5.0', () => {
  const d = open(5, 'kept')
  is(d.feed('c000'), 'DISCONNECT 0x82', 'close final MALFORMED')
})

each(VERSIONS, 'S45 leaving with the will', (version) => {
  const d = open(version, 'kept')
  is(d.run(d.session.disconnect(4)), ...(version === 5 ? ['DISCONNECT 0x04'] : []), 'close')
  assert.equal(d.wire.at(-1) === 'e0020400', version === 5)
})

each(VERSIONS, 'S45 a keep alive that runs out leaves without DISCONNECT', (version) => {
  const d = open(version, 'kept', { keepAliveSeconds: 1 })
  d.at(60_000)
  assert.ok(!d.session.isOpen && d.sent.every(({ type }) => type !== 'disconnect'))
})

each(VERSIONS, 'S45 the will goes with CONNECT, each time', (version) => {
  const will = { topic: 'w', payload: bytes('gone'), qos: 1, retain: true, properties: NONE } as const
  const session = new Session<string>(
    optionsFor(version, 'kept', { will, userName: 'u', password: bytes('p') }),
  )
  for (let round = 0; round < 2; round++) {
    const [effect] = session.connect(0)
    assert.ok(effect?.type === 'send' && effect.packet.type === 'connect')
    const { packet } = effect
    assert.deepEqual([packet.will, packet.userName, packet.password], [will, 'u', bytes('p')])
    session.lost()
  }
})
