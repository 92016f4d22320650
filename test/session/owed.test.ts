// The acknowledgements that are owed, compared with an array.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Owed } from '../../src/session/owed.js'

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('push'), many: fc.nat(400) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('shift'), many: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear'), many: fc.constant(0) }) },
)

test('what is owed comes out in order, as far as it is due', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const owed = new Owed()
      let expected: number[] = []
      let sequence = 0
      for (const { do: what, many } of steps) {
        for (let count = 0; what === 'push' && count < many; count++) {
          owed.push(++sequence, sequence)
          expected.push(sequence)
        }
        if (what === 'shift') {
          const written = (expected[0] ?? 1) - 1 + many
          for (let ack = owed.shift(written); ack !== undefined; ack = owed.shift(written)) {
            assert.equal(ack, expected.shift())
          }
          assert.ok((expected[0] ?? Number.POSITIVE_INFINITY) > written)
        } else if (what === 'clear') {
          owed.clear()
          expected = []
        }
      }
    }),
  )
})

test('one that needs nothing to be safe waits for those before it', () => {
  const owed = new Owed()
  owed.push(7, 3_000_000_000) // more messages than 32 bits count
  owed.push(8, 0)
  assert.equal(owed.shift(2_999_999_999), undefined)
  assert.deepEqual(
    [3, 2, 1].map(() => owed.shift(3_000_000_000)),
    [7, 8, undefined],
  )
})
