// A byte for each packet identifier.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { IdBytes } from '../../src/session/id-bytes.js'

test('it holds what was set, whatever the order, and 0 for all else', () => {
  const settings = fc.array(fc.tuple(fc.integer({ min: 1, max: 65_535 }), fc.nat(255)))
  fc.assert(
    fc.property(settings, (all) => {
      const bytes = new IdBytes()
      const expected = new Map<number, number>()
      for (const [packetId, value] of all) {
        bytes.set(packetId, value)
        expected.set(packetId, value)
      }
      for (const packetId of [1, 63, 64, 65_535, ...expected.keys()]) {
        assert.equal(bytes.get(packetId), expected.get(packetId) ?? 0)
      }
      bytes.clear()
      for (const packetId of expected.keys()) assert.equal(bytes.get(packetId), 0)
    }),
  )
})
