// Payloads that are read whole.

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { readAll } from '../../src/cli/payload.js'
import { UsageError } from '../../src/errors.js'

test('readAll joins the bytes of a stream, none included', async () => {
  assert.equal((await readAll(Readable.from([]), 'it')).length, 0)
  const parts = [Buffer.from([0, 255]), Buffer.from([10])]
  assert.deepEqual([...(await readAll(Readable.from(parts), 'it'))], [0, 255, 10])
})

test('readAll stops at more bytes than a packet can hold, naming what it read', async () => {
  const chunk = Buffer.alloc(64 * 1024 * 1024)
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) yield chunk
  }
  await assert.rejects(
    readAll(Readable.from(endless()), 'standard input'),
    (error) => error instanceof UsageError && /standard input.*268435455/.test(error.message),
  )
})
