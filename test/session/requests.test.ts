// SUBSCRIBE and UNSUBSCRIBE beyond the scenarios: outcomes, the list of what is subscribed to, time limits, refusals.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RefusedError, UsageError } from '../../src/errors.js'
import { NONE, type Subscription } from '../../src/packet/index.js'
import type { Effect } from '../../src/session/index.js'
import { BEFORE_5, type Driver, each, is, open, VERSIONS } from './support.js'

function subscription(filter: string, more: Partial<Subscription> = {}): Subscription {
  return { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, ...more }
}

/** The outcome that the broker's answer leads to. */
function outcome(driver: Driver, reasonCodes: number[], reasonString?: string) {
  const properties = reasonString === undefined ? NONE : { reasonString }
  const effects: Effect<string>[] = driver.session.receive(
    { type: 'suback', packetId: 1, properties, reasonCodes },
    0,
  )
  const [effect] = effects
  assert.ok(effect?.type === 'settle')
  return effect.outcome
}

each(VERSIONS, 'granted: one code for each filter, no error [MQTT-3.9.3-1]', (version) => {
  const d = open(version, 'kept')
  d.subscribe('a', 'b', 'c')
  assert.deepEqual(outcome(d, [0, 1, 2]), { reasonCode: 0, reasonCodes: [0, 1, 2] })
})

each(VERSIONS, 'refused in part: the filters are named, the others are subscribed to', (version) => {
  const d = open(version, 'kept')
  d.subscribe('a', 'b', 'c')
  const { reasonCode, reasonCodes, error } = outcome(d, [0, 0x80, 1])
  assert.deepEqual([reasonCode, reasonCodes], [0x80, [0, 0x80, 1]])
  assert.ok(error instanceof RefusedError)
  assert.equal(error.packet, 'SUBSCRIBE')
  assert.match(error.message, /^broker refused the subscription to 'b': unspecified error \(0x80\)$/)
  d.cut()
  assert.equal(d.reconnect().at(-1), 'SUBSCRIBE 2 a:1 c:1')
})

test('refused with a Reason String, in 5.0', () => {
  const d = open(5, 'kept')
  d.subscribe('a', 'b')
  const { error } = outcome(d, [0x87, 0x8f], 'no')
  const expected = "'a': not authorized (0x87), 'b': topic filter invalid (0x8f) (no)"
  assert.equal(error?.message, `broker refused the subscription to ${expected}`)
})

test('UNSUBACK 0x11 is no failure, 0x87 is one and leaves the subscription, in 5.0 [MQTT-3.11.3-2]', () => {
  const d = open(5, 'clean')
  d.subscribe('a', 'b')
  d.from('SUBACK 1 1 1')
  d.unsubscribe('a', 'b')
  is(d.from('UNSUBACK 2 17 135'), 'settle a,b REFUSED 0x87')
  d.cut()
  assert.equal(d.reconnect().at(-1), 'SUBSCRIBE 3 b:1')
})

each(VERSIONS, 'a filter asked for again replaces the older subscription [MQTT-3.8.4-3]', (version) => {
  const d = open(version, 'clean')
  d.subscribe('a', 'b')
  d.from('SUBACK 1 1 1')
  d.run(d.session.subscribe([subscription('a', { qos: 2 })], NONE, 'again', 0))
  d.from('SUBACK 2 2')
  d.cut()
  is(d.reconnect().slice(-2), 'SUBSCRIBE 3 b:1', 'SUBSCRIBE 4 a:2')
})

each(VERSIONS, 'a refused repetition leaves the older subscription', (version) => {
  const d = open(version, 'clean')
  d.subscribe('a')
  d.from('SUBACK 1 1')
  d.subscribe('a')
  d.from('SUBACK 2 128')
  d.cut()
  assert.equal(d.reconnect().at(-1), 'SUBSCRIBE 3 a:1')
})

each(VERSIONS, 'what was asked for offline goes out in order, and before messages', (version) => {
  const d = open(version, 'kept')
  d.cut()
  is(d.publish(1, 'm'))
  is(d.subscribe('a'))
  is(d.unsubscribe('b'))
  const lines = d.reconnect('CONNACK SP')
  is(lines.slice(2), 'SUBSCRIBE 1 a:1', 'UNSUBSCRIBE 2 b', 'q1 3 m')
})

each(VERSIONS, 'what was asked for offline comes after what is asked for again', (version) => {
  const d = open(version, 'clean')
  d.subscribe('a')
  d.from('SUBACK 1 1')
  d.cut()
  d.unsubscribe('a')
  is(d.reconnect().slice(-2), 'SUBSCRIBE 2 a:1', 'UNSUBSCRIBE 3 a')
})

each(
  VERSIONS,
  'an answer that does not come ends the first connection for good, a later one not',
  (version) => {
    const d = open(version, 'kept', { requestLimitMs: 3_000 })
    d.subscribe('a')
    is(d.wait(2_999))
    is(d.wait(1), 'close final TIMEOUT @3000')
    assert.match(d.error?.message ?? '', /^the broker sent no SUBACK within 3 s$/)
    d.cut()
    d.reconnect('CONNACK SP')
    is(d.wait(3_000), 'close retry TIMEOUT @6000')
    d.cut()
    d.reconnect('CONNACK SP')
    d.from('SUBACK 3 0')
    d.unsubscribe('a')
    d.wait(3_000)
    assert.match(d.error?.message ?? '', /^the broker sent no UNSUBACK within 3 s$/)
  },
)

each(VERSIONS, 'answers in another order than the requests', (version) => {
  const d = open(version, 'kept')
  d.subscribe('a')
  d.subscribe('b')
  is(d.from('SUBACK 2 0'), 'settle b ok')
  is(d.from('SUBACK 1 0'), 'settle a ok')
})

describe('answers that fit no request', () => {
  const rows: [what: string, answer: string][] = [
    ['a code too many [MQTT-3.8.4-6]', 'SUBACK 1 0 0 0'],
    ['a code too few [MQTT-3.8.4-6]', 'SUBACK 1 0'],
    ['UNSUBACK for SUBSCRIBE [MQTT-2.2.1-6]', 'UNSUBACK 1 0 0'],
    ['PUBACK for SUBSCRIBE [MQTT-2.2.1-5]', 'PUBACK 1'],
    ['PUBREC for SUBSCRIBE [MQTT-2.2.1-5]', 'PUBREC 1'],
    ['PUBCOMP for SUBSCRIBE [MQTT-2.2.1-5]', 'PUBCOMP 1'],
    ['SUBACK for a message [MQTT-2.2.1-6]', 'SUBACK 2 0'],
    ['UNSUBACK for a message [MQTT-2.2.1-6]', 'UNSUBACK 2 0'],
  ]
  for (const [what, answer] of rows) {
    each(VERSIONS, what, (version) => {
      const d = open(version, 'kept')
      d.subscribe('a', 'b')
      d.publish(1, 'm')
      is(d.from(answer), ...(version === 5 ? ['DISCONNECT 0x82'] : []), 'close final PROTOCOL')
      // Nothing of it counts: both are open as before.
      d.cut()
      is(d.reconnect('CONNACK SP').slice(-2), 'q1 2 m dup', 'SUBSCRIBE 3 a:1 b:1')
    })
  }

  test('a SUBACK out of the blue, in 3.1 an answer to a repetition', () => {
    is(open(3, 'kept').from('SUBACK 9 0'))
    is(open(4, 'kept').from('SUBACK 9 0'), 'close final PROTOCOL')
    is(open(5, 'kept').from('SUBACK 9 0'), 'DISCONNECT 0x82', 'close final PROTOCOL')
  })
})

describe('what no broker could take is refused before anything is sent', () => {
  const bad = ['', 'a#', 'a/#/b', '#/a', 'a+', '+a/b', 'a/b+', 'a\0', '\ud800', 'x'.repeat(65_536)]
  for (const filter of [...bad, '$share/g', '$share//t', '$share/g+/t', '$share/g/']) {
    const shown = JSON.stringify(filter.slice(0, 20))
    each(VERSIONS, `the filter ${shown} [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1]`, (version) => {
      const d = open(version, 'kept')
      assert.throws(() => d.subscribe('good', filter), UsageError)
      assert.throws(() => d.unsubscribe(filter), UsageError)
      is(d.subscribe('good'), 'SUBSCRIBE 1 good:1')
    })
  }

  for (const filter of [
    '#',
    'a/#',
    '/#',
    '+',
    '+/+',
    'a/+/b',
    '+/#',
    '$share/g//t',
    '$SYS/#',
    'x'.repeat(65_535),
  ]) {
    const shown = JSON.stringify(filter.slice(0, 20))
    each(VERSIONS, `while ${shown} passes`, (version) => {
      const d = open(version, 'kept')
      is(d.subscribe(filter), `SUBSCRIBE 1 ${filter}:1`)
    })
  }

  each(VERSIONS, 'no filter at all [MQTT-3.8.3-2] [MQTT-3.10.3-2]', (version) => {
    const d = open(version, 'kept')
    assert.throws(() => d.subscribe(), UsageError)
    assert.throws(() => d.unsubscribe(), UsageError)
  })

  each(BEFORE_5, 'properties before 5.0', (version) => {
    const { session } = open(version, 'kept')
    const properties = { userProperties: [['a', 'b']] } as const
    assert.throws(() => session.subscribe([subscription('a')], properties, '', 0), UsageError)
    assert.throws(() => session.unsubscribe(['a'], properties, '', 0), UsageError)
  })

  test('No Local with a shared subscription, Subscription Identifier 0, in 5.0 [MQTT-3.8.3-4]', () => {
    const { session } = open(5, 'kept')
    const shared = [subscription('$share/g/t', { noLocal: true })]
    assert.throws(() => session.subscribe(shared, NONE, '', 0), UsageError)
    const properties = { subscriptionIdentifier: 0 }
    assert.throws(() => session.subscribe([subscription('a')], properties, '', 0), UsageError)
  })
})
