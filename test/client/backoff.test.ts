// How long the client waits before it connects again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs } from '../../src/client/backoff.js'

test('delays double from one second to thirty, and chance takes off at most half', () => {
  for (const [attempt, full] of [
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [4, 8_000],
    [5, 16_000],
    [6, 30_000],
    [7, 30_000],
    [2_000, 30_000],
  ] as const) {
    assert.equal(backoffMs(attempt, 0), full)
    assert.equal(backoffMs(attempt, 0.5), full * 0.75)
    assert.equal(backoffMs(attempt, 1), full / 2)
    assert.equal(backoffMs(attempt, 0.999_999), Math.round(full * (1 - 0.999_999 / 2)))
  }
})

test('with any range: never shorter than half the shortest nor longer than the longest, and never falling', () => {
  const range = fc
    .tuple(fc.integer({ min: 10, max: 86_400_000 }), fc.integer({ min: 10, max: 86_400_000 }))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
  fc.assert(
    fc.property(
      range,
      fc.integer({ min: 1, max: 5_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (delays, attempt, random) => {
        const delay = backoffMs(attempt, random, delays)
        assert.ok(delay >= Math.floor(delays[0] / 2) && delay <= delays[1])
        assert.ok(backoffMs(attempt + 1, random, delays) >= delay)
      },
    ),
  )
})
