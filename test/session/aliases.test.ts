// Topic Aliases, both tables.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError, UsageError } from '../../src/errors.js'
import type { Publish } from '../../src/packet/index.js'
import { InboundAliases, OutboundAliases } from '../../src/session/aliases.js'

function publish(topic: string, topicAlias?: number): Publish {
  const properties = topicAlias === undefined ? {} : { topicAlias }
  const payload = Buffer.alloc(0)
  return { type: 'publish', dup: false, qos: 0, retain: false, topic, packetId: 0, properties, payload }
}

function refusal(body: () => void): number {
  try {
    body()
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error))
    return error.reasonCode
  }
  return 0
}

test('inbound: every alias up to the maximum, set, used and set anew [MQTT-3.3.2-10]', () => {
  const aliases = new InboundAliases(2)
  assert.equal(aliases.resolve(publish('plain')), 'plain')
  assert.equal(aliases.resolve(publish('a', 1)), 'a')
  assert.equal(aliases.resolve(publish('b', 2)), 'b')
  assert.equal(aliases.resolve(publish('', 1)), 'a')
  assert.equal(aliases.resolve(publish('c', 1)), 'c')
  assert.equal(aliases.resolve(publish('', 1)), 'c')
  assert.equal(aliases.resolve(publish('', 2)), 'b')
})

test('inbound: above the maximum 0x94, never set 0x82 [MQTT-3.1.2-26] [MQTT-3.1.2-27]', () => {
  const rows = [
    [0, 'a', 1, 0x94],
    [2, 'a', 3, 0x94],
    [2, '', 3, 0x94],
    [2, '', 2, 0x82],
  ] as const
  for (const [maximum, topic, alias, code] of rows) {
    assert.equal(
      refusal(() => new InboundAliases(maximum).resolve(publish(topic, alias))),
      code,
    )
  }
})

/** Topic and alias as they go out. */
function out(aliases: OutboundAliases, topic: string, alias?: number): [string, number | undefined] {
  const packet = publish(topic, alias)
  aliases.check(packet)
  const { topic: name, properties } = aliases.apply(packet)
  return [name, properties.topicAlias]
}

test('outbound: automatic ones while there are any left [MQTT-3.2.2-17]', () => {
  const aliases = new OutboundAliases(2, true)
  assert.deepEqual(out(aliases, 'a'), ['a', 1])
  assert.deepEqual(out(aliases, 'b'), ['b', 2])
  assert.deepEqual(out(aliases, 'c'), ['c', undefined])
  assert.deepEqual(out(aliases, 'a'), ['', 1])
  assert.deepEqual(out(aliases, 'b'), ['', 2])
})

test('outbound: none without being asked, or without a maximum [MQTT-3.2.2-18]', () => {
  assert.deepEqual(out(new OutboundAliases(2, false), 'a'), ['a', undefined])
  assert.deepEqual(out(new OutboundAliases(0, true), 'a'), ['a', undefined])
})

test('outbound: those of the caller, set, used, set anew, and no more than allowed [MQTT-3.3.2-9]', () => {
  const aliases = new OutboundAliases(2, false)
  assert.deepEqual(out(aliases, 'a', 2), ['a', 2])
  assert.deepEqual(out(aliases, 'a', 2), ['', 2])
  assert.deepEqual(out(aliases, 'b', 2), ['b', 2])
  assert.deepEqual(out(aliases, 'a', 2), ['a', 2])
  assert.throws(() => out(aliases, 'a', 3), UsageError)
})

test('outbound: automatic ones keep to the maximum beside those of the caller [MQTT-3.2.2-17]', () => {
  const aliases = new OutboundAliases(3, true)
  assert.deepEqual(out(aliases, 'x', 2), ['x', 2])
  assert.deepEqual(out(aliases, 'y', 3), ['y', 3])
  assert.deepEqual(out(aliases, 'z'), ['z', 1])
})

test('outbound: the broker always finds the topic that was meant', () => {
  const topics = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const message = fc.record({
    topic: topics,
    alias: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: 4, max: 6 }),
      fc.array(message, { maxLength: 40, size: 'max' }),
      (maximum, list) => {
        const ours = new OutboundAliases(maximum, true)
        const theirs = new InboundAliases(maximum)
        for (const { topic, alias } of list) {
          assert.equal(theirs.resolve(ours.apply(publish(topic, alias))), topic)
        }
      },
    ),
    { numRuns: 500 },
  )
})
