// Values by number: what a Map says, whatever comes and goes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Numbered } from '../src/numbered.js'

test('it holds what a Map holds', () => {
  const number = fc.oneof(fc.nat(5_000), fc.nat(Number.MAX_SAFE_INTEGER))
  const step = fc.tuple(fc.boolean(), number)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const map = new Map<number, number>()
      const numbered = new Numbered<number>()
      for (const [at, [isSet, chosen]] of steps.entries()) {
        // Often one that is there.
        const number = at % 2 === 1 ? ([...map.keys()][chosen % (map.size || 1)] ?? chosen) : chosen
        if (isSet) {
          map.set(number, at)
          numbered.set(number, at)
        } else {
          map.delete(number)
          numbered.delete(number)
        }
        assert.equal(numbered.size, map.size)
        assert.equal(numbered.get(number), map.get(number))
        assert.equal(numbered.first, map.size === 0 ? undefined : Math.min(...map.keys()))
      }
      assert.deepEqual(new Set(numbered.numbers()), new Set(map.keys()))
      for (const [number, value] of map) assert.equal(numbered.get(number), value)
    }),
  )
})
