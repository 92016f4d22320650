// The queue, compared with an array.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Queue } from '../../src/session/queue.js'

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('push'), items: fc.array(fc.nat(99), { maxLength: 4 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('shift'), items: fc.constant<number[]>([]) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('unshift', 'clear'), items: fc.array(fc.nat(99)) }),
  },
)

test('a queue behaves like an array', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const queue = new Queue<number>()
      let array: number[] = []
      for (const { do: what, items } of steps) {
        if (what === 'push') {
          for (const item of items) queue.push(item)
          array.push(...items)
        } else if (what === 'shift') {
          assert.equal(queue.shift(), array.shift())
        } else if (what === 'unshift') {
          queue.unshiftAll(items)
          array.unshift(...items)
        } else {
          assert.deepEqual(queue.clear(), array)
          array = []
        }
        assert.equal(queue.length, array.length)
        assert.equal(queue.peek(), array[0])
      }
      assert.deepEqual(queue.clear(), array)
    }),
    { numRuns: 300 },
  )
})

test('an empty queue answers undefined and stays empty', () => {
  const queue = new Queue<string>()
  assert.deepEqual([queue.peek(), queue.shift(), queue.length, queue.clear()], [undefined, undefined, 0, []])
})
