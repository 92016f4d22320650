// Topic names that came lately, found again by their bytes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { knownTopic, rememberTopic } from '../../src/packet/topic-cache.js'

const topic = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })

test('what is found is what these very bytes were decoded to', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(topic, fc.nat(5)), { maxLength: 50 }), (stream) => {
      for (const [text, at] of stream) {
        const bytes = Buffer.concat([Buffer.alloc(at, 'x'), Buffer.from(text), Buffer.from('y')])
        const length = bytes.length - at - 1
        const known = knownTopic(bytes, at, length)
        assert.ok(known === undefined || known === text)
        rememberTopic(bytes, at, length, text)
        if (length <= 128) assert.equal(knownTopic(bytes, at, length), text)
      }
    }),
  )
})

test('the bytes are kept, not looked at again', () => {
  const bytes = Buffer.from('house/t')
  rememberTopic(bytes, 0, 7, 'house/t')
  bytes.fill('z')
  assert.equal(knownTopic(bytes, 0, 7), undefined)
  assert.equal(knownTopic(Buffer.from('house/t'), 0, 7), 'house/t')
})

test('names that are empty or long are not kept', () => {
  const long = Buffer.alloc(129, 'l')
  rememberTopic(long, 0, 129, long.toString())
  rememberTopic(long, 0, 0, '')
  assert.deepEqual([knownTopic(long, 0, 129), knownTopic(long, 0, 0)], [undefined, undefined])
})
