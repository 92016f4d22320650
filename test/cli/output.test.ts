// When mqtt-sub writes and acknowledges what it was given.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reporter } from '../../src/cli/exit.js'
import type { Io } from '../../src/cli/io.js'
import { type End, Output } from '../../src/cli/output.js'
import type { Client, Message } from '../../src/client/index.js'
import { NONE } from '../../src/packet/index.js'

/** An output whose writes are taken by hand. */
function attached(given: object) {
  const writes: { text: string; done: () => void }[] = []
  const acknowledged: number[] = []
  const ends: End[] = []
  const listeners: ((batch: readonly Message[]) => void)[] = []
  const io = {
    write: (parts: readonly Uint8Array[], done: () => void) =>
      writes.push({ text: Buffer.concat(parts).toString(), done }),
  } as unknown as Io
  const client = {
    onMessages: (listener: (batch: readonly Message[]) => void) => listeners.push(listener),
    acknowledge: (sequence: number) => acknowledged.push(sequence),
  } as unknown as Client
  new Output(given, io, {} as Reporter, (end) => ends.push(end)).attach(client)
  let sequence = 0
  const message = (text: string): Message => {
    const fields = { qos: 1, retain: false, dup: false, packetId: 1, properties: NONE } as const
    return { topic: 't', payload: Buffer.from(text), sequence: ++sequence, ...fields }
  }
  const give = (...texts: string[]): void => {
    const batch = texts.map(message)
    for (const listener of listeners) listener(batch)
  }
  return { writes, acknowledged, ends, give }
}

test('what comes in one turn leaves in one write, and is acknowledged when that is done', async () => {
  const { writes, acknowledged, give } = attached({})
  give('a', 'b')
  give('c')
  assert.equal(writes.length, 0)
  await undefined
  give('d')
  await undefined
  assert.deepEqual(
    writes.map(({ text }) => text),
    ['a\nb\nc\n', 'd\n'],
  )
  assert.deepEqual(acknowledged, [])
  for (const { done } of writes) done()
  assert.deepEqual(acknowledged, [3, 4])
})

test('the last message counted is written at once, with those before it', () => {
  const { writes, acknowledged, ends, give } = attached({ count: 2 })
  give('a')
  give('b', 'c')
  assert.deepEqual(
    writes.map(({ text }) => text),
    ['a\nb\n'],
  )
  writes[0]?.done()
  assert.deepEqual(acknowledged, [2])
  assert.deepEqual(ends, [{ why: 'done' }])
})

test('messages that print nothing are acknowledged behind those that do', async () => {
  const { writes, acknowledged, give } = attached({ filterOut: ['t'] })
  give('a')
  await undefined
  assert.deepEqual([writes.length, acknowledged], [0, [1]])
})
