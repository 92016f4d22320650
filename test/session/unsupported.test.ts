// What is refused on our side because the broker or the protocol does not take it: nothing of it is sent.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import { type Connack, NONE, type Subscription } from '../../src/packet/index.js'
import { Session } from '../../src/session/index.js'

const FILTER: Subscription = {
  filter: 'a',
  qos: 0,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
}

function opened(properties: Connack['properties']): Session<string> {
  const session = new Session<string>({
    version: 5,
    clientId: 'c1',
    cleanStart: true,
    keepAliveSeconds: 0,
    requestLimitMs: 30_000,
    ackLimitMs: 120_000,
  })
  session.connect(0)
  session.receive({ type: 'connack', sessionPresent: false, reasonCode: 0, properties }, 0)
  return session
}

const ROWS: [what: string, allowed: Connack['properties'], asked: Subscription, extra: object][] = [
  ['wildcards', { wildcardSubscriptionAvailable: 0 }, { ...FILTER, filter: 'a/#' }, NONE],
  ['shared subscriptions', { sharedSubscriptionAvailable: 0 }, { ...FILTER, filter: '$share/g/a' }, NONE],
  [
    'subscription identifiers',
    { subscriptionIdentifiersAvailable: 0 },
    FILTER,
    { subscriptionIdentifier: 1 },
  ],
  ['a SUBSCRIBE over Maximum Packet Size', { maximumPacketSize: 8 }, FILTER, NONE],
]
for (const [what, allowed, asked, extra] of ROWS) {
  test(`CAP-04 ${what}, declared unavailable, are refused here; otherwise sent`, () => {
    const refused = opened(allowed).subscribe([asked], extra, 's', 0)
    assert.equal(refused.length, 1)
    const [effect] = refused
    assert.ok(effect?.type === 'settle' && effect.outcome.error instanceof UsageError)
    const sent = opened(NONE).subscribe([asked], extra, 's', 0)
    assert.deepEqual(
      sent.map(({ type }) => type),
      ['send'],
    )
  })
}

test('PUB-15 a payload that is not UTF-8 is refused where its format indicator says it is', () => {
  const message = { topic: 'a', qos: 0, retain: false, properties: { payloadFormatIndicator: 1 } } as const
  const session = opened(NONE)
  assert.throws(() => session.publish({ ...message, payload: Buffer.from([0xff]) }, 'p', 0), UsageError)
  assert.equal(session.publish({ ...message, payload: Buffer.from('é') }, 'p', 0).length, 1)
})

test('DIS-03 a client leaves with its own reason codes alone [MQTT-3.14.2-1]', () => {
  for (const code of [1, 0x87, 0x8b, 0x8e, 0x9b, 0xa2])
    assert.throws(() => opened(NONE).disconnect(code), UsageError)
  assert.equal(opened(NONE).disconnect(0x04).at(0)?.type, 'send')
})

test('MQTT-3.2.2-15 a message begun on another connection is dropped where the new broker takes it no longer', () => {
  const session = new Session<string>({
    version: 5,
    clientId: 'c1',
    cleanStart: true,
    keepAliveSeconds: 0,
    properties: { sessionExpiryInterval: 60 },
    requestLimitMs: 30_000,
    ackLimitMs: 120_000,
  })
  const connack = { type: 'connack', sessionPresent: false, reasonCode: 0, properties: NONE } as const
  session.connect(0)
  session.receive(connack, 0)
  session.publish({ topic: 'a', payload: Buffer.alloc(100), qos: 1, retain: false, properties: NONE }, 'p', 0)
  session.lost()
  session.connect(0)
  const effects = session.receive(
    { ...connack, sessionPresent: true, properties: { maximumPacketSize: 50 } },
    0,
  )
  const settled = effects.find((effect) => effect.type === 'settle')
  assert.ok(settled?.type === 'settle' && settled.outcome.error?.code === 'PACKET_TOO_LARGE')
  assert.equal(
    effects.some(({ type }) => type === 'send'),
    false,
  )
})
