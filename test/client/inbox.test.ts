// The queue between connection and reader: its bounds, its order, and when it asks the connection to stop.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Inbox } from '../../src/client/inbox.js'
import type { Message } from '../../src/client/options.js'
import { UsageError } from '../../src/errors.js'

function message(sequence: number, bytes = 0): Message {
  return {
    topic: 't',
    payload: Buffer.alloc(bytes),
    qos: 1,
    retain: false,
    dup: false,
    packetId: sequence,
    properties: {},
    sequence,
  }
}

function inbox(): { box: Inbox; log: string[] } {
  const log: string[] = []
  const box = new Inbox({
    pause: () => log.push('pause'),
    resume: () => log.push('resume'),
    acknowledge: (sequence) => log.push(`ack ${sequence}`),
  })
  return { box, log }
}

function numbers(batch: readonly Message[] | undefined): number[] | undefined {
  return batch?.map(({ sequence }) => sequence)
}

test('messages come in the batches they arrived in, those before the listener too', () => {
  const { box } = inbox()
  const seen: (number[] | undefined)[] = []
  box.push(message(1))
  box.push(message(2))
  box.flush()
  box.push(message(3))
  box.flush()
  box.listen((batch) => seen.push(numbers(batch)))
  box.push(message(4))
  assert.deepEqual(seen, [[1, 2], [3]])
  box.flush()
  box.flush()
  assert.deepEqual(seen, [[1, 2], [3], [4]])
})

test('reading pauses at 1 MiB without acknowledgement and resumes at half of it', () => {
  const { box, log } = inbox()
  box.listen(() => {})
  for (let sequence = 1; sequence <= 11; sequence++) {
    assert.equal(box.isFull, false, `${sequence}`)
    box.push(message(sequence, 100_000))
    box.flush()
  }
  assert.equal(box.isFull, true)
  assert.deepEqual(log, ['pause'])
  box.acknowledge(5)
  assert.deepEqual(log, ['pause', 'ack 5'], 'six of eleven are more than half')
  assert.equal(box.isFull, true, 'a paused inbox takes no more before it resumes')
  box.acknowledge(6)
  assert.deepEqual(log, ['pause', 'ack 5', 'ack 6', 'resume'])
  assert.equal(box.isFull, false)
})

test('the bound counts messages without payload too', () => {
  const { box, log } = inbox()
  box.listen(() => {})
  let sequence = 0
  while (!box.isFull) box.push(message(++sequence))
  assert.ok(sequence < 10_000, `${sequence}`)
  box.flush()
  assert.deepEqual(log, ['pause'])
})

test('a single message larger than the bound passes, and pauses', () => {
  const { box, log } = inbox()
  const seen: (number[] | undefined)[] = []
  box.listen((batch) => seen.push(numbers(batch)))
  box.push(message(1, 5_000_000))
  box.flush()
  assert.deepEqual(seen, [[1]])
  assert.deepEqual(log, ['pause'])
  box.acknowledge(1)
  assert.deepEqual(log, ['pause', 'ack 1', 'resume'])
})

test('a batch acknowledged in part is held whole', () => {
  const { box, log } = inbox()
  box.listen(() => {})
  for (let sequence = 1; sequence <= 12; sequence++) box.push(message(sequence, 100_000))
  box.flush()
  box.acknowledge(11)
  assert.deepEqual(log, ['pause', 'ack 11'])
  box.acknowledge(12)
  assert.deepEqual(log, ['pause', 'ack 11', 'ack 12', 'resume'])
})

test('there is one reader', () => {
  for (const first of ['listen', 'read'] as const) {
    const { box } = inbox()
    if (first === 'listen') box.listen(() => {})
    else box.read()
    assert.throws(() => box.read(), UsageError)
    assert.throws(() => box.listen(() => {}), UsageError)
  }
})

test('a reader waits for the next batch, and the end ends it behind the last one', async () => {
  const { box } = inbox()
  const reader = box.read()
  const first = reader.next()
  box.push(message(1))
  box.flush()
  assert.deepEqual(numbers(await first), [1])
  box.push(message(2))
  box.end()
  assert.deepEqual(numbers(await reader.next()), [2])
  assert.equal(await reader.next(), undefined)
  assert.equal(await reader.next(), undefined)
})

test('the end wakes a reader that waits', async () => {
  const { box } = inbox()
  const next = box.read().next()
  box.end()
  assert.equal(await next, undefined)
})
