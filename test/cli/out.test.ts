// The buffer that output is put together in.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Out } from '../../src/cli/out.js'

type Piece = { text: string } | { bytes: Uint8Array } | { byte: number } | 'take'

const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({ text: fc.string({ unit: 'grapheme', maxLength: 100 }) }),
  fc.record({ text: fc.constantFrom('', 'ä'.repeat(70), 'x'.repeat(64), 'x'.repeat(65), '€'.repeat(9_000)) }),
  fc.record({ bytes: fc.uint8Array({ maxLength: 50 }) }),
  fc.record({
    bytes: fc.constantFrom(16_384, 16_385, 131_072).map((length) => new Uint8Array(length).fill(7)),
  }),
  fc.record({ byte: fc.nat(255) }),
  fc.constant('take' as const),
)

test('whatever is put in comes out in order, however often it is taken, and what was taken stays as it was', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const out = new Out()
      const taken: Uint8Array[] = []
      const expected: Uint8Array[] = []
      let length = 0
      for (const each of pieces) {
        if (each === 'take') {
          taken.push(...out.take())
          length = 0
          assert.equal(out.length, 0)
          continue
        }
        const bytes =
          'text' in each ? Buffer.from(each.text) : 'bytes' in each ? each.bytes : Uint8Array.of(each.byte)
        if ('text' in each) out.text(each.text)
        else if ('bytes' in each) out.bytes(each.bytes)
        else out.byte(each.byte)
        expected.push(bytes)
        length += bytes.length
        assert.equal(out.length, length)
      }
      taken.push(...out.take())
      assert.ok(Buffer.concat(taken).equals(Buffer.concat(expected)))
    }),
  )
})

test('many short pieces are one part, a long one is not copied', () => {
  const out = new Out()
  for (let at = 0; at < 1_000; at++) out.text(`line ${at}\n`)
  assert.equal(out.take().length, 1)
  const long = new Uint8Array(100_000)
  out.text('a')
  out.bytes(long)
  const [, second] = out.take()
  assert.equal(second, long)
})
