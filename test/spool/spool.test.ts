// The spool by itself: what is stored, handed out, kept over a restart and counted.

import assert from 'node:assert/strict'
import { chmodSync, cpSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ClassicLevel } from 'classic-level'
import { UsageError } from '../../src/errors.js'
import { packetIdOf } from '../../src/spool/index.js'
import { Bench, message, messages, told } from './support.js'

/** What the store hands to its native part. */
type Batch = (operations: unknown[], options: { sync?: boolean }) => Promise<void>

test('what is appended is taken in order, once, and is gone when removed', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  await spool.append(messages(1, 3))
  assert.deepEqual(told(await spool.take()), ['0 1', '1 2', '2 3'])
  assert.deepEqual(told(await spool.take()), [])
  await spool.append([message('4')])
  assert.deepEqual(told(await spool.take()), ['3 4'])
  assert.equal(spool.messages, 4)
  await spool.remove([0, 2])
  await bench.close(spool)
  const again = await bench.open()
  assert.equal(again.messages, 2)
  assert.deepEqual(told(await again.restore()), ['1 2', '3 4'])
})

test('topic, QoS, retain flag, properties and bytes come back as they were', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  const full = message('', {
    topic: 'é/日本',
    payload: Buffer.from([0, 255, 10, 13, 0]),
    qos: 2,
    retain: true,
    properties: {
      contentType: 'a"b',
      correlationData: new Uint8Array([0, 1, 254]),
      messageExpiryInterval: 7,
      userProperties: [
        ['base64', 'x'],
        ['a', ''],
      ],
    },
  })
  await spool.append([full, message('', { qos: 0 })])
  await bench.close(spool)
  const [first, second] = await (await bench.open()).take()
  const { correlationData, ...properties } = first?.message.properties ?? {}
  assert.deepEqual([...(correlationData ?? [])], [0, 1, 254])
  const { correlationData: _, ...rest } = full.properties
  assert.deepEqual({ ...first?.message, properties }, { ...full, properties: rest })
  assert.deepEqual(second?.message, { ...message('', { qos: 0 }) })
})

test('a packet identifier follows from the sequence number', () => {
  assert.deepEqual([0, 1, 65_534, 65_535, 131_070].map(packetIdOf), [1, 2, 65_535, 1, 1])
})

test('only what was taken before the end may have been sent', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  await spool.append(messages(1, 300))
  const taken = await spool.take()
  assert.ok(taken.length > 0 && taken.length < 300)
  await bench.close(spool)
  const again = await bench.open()
  assert.equal((await again.restore()).length, taken.length)
  assert.equal((await again.take())[0]?.sequence, taken.length)
})

test('all that may have been sent is restored, however much it is', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  await spool.append(Array.from({ length: 5 }, () => message('x'.repeat(700_000))))
  for (let count = 0; count < 4; ) count += (await spool.take()).length
  await bench.close(spool)
  const again = await bench.open()
  assert.equal((await again.restore()).length, 4)
})

test('of a message that was released only the number is left, on disk', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  await spool.append(messages(1, 3, { qos: 2 }))
  await spool.take()
  const before = (await spool.status()).bytes
  await spool.release([2, 40_000])
  assert.ok((await spool.status()).bytes < before)
  await bench.close(spool)
  assert.deepEqual(told(await (await bench.open()).restore()), ['0 1', '1  released', '2 3'])
})

test('messages of unknown fate stay, and are handed out only where asked for', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  await spool.append(messages(1, 3, { qos: 2 }))
  await spool.take()
  await spool.forget([1])
  assert.deepEqual([spool.messages, spool.unknown], [3, 1])
  await spool.remove([0, 2])
  await bench.close(spool)
  const without = await bench.open()
  assert.deepEqual(told(await without.restore()), [])
  assert.deepEqual([without.messages, without.unknown], [1, 1])
  await bench.close(without)
  const again = await bench.open({ takeUnknown: true })
  assert.deepEqual(told(await again.restore()), ['1 2 unknown'])
  await again.remove([1])
  assert.deepEqual([again.messages, again.unknown], [0, 0])
})

test('two messages with one identifier are never out together', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open({ sync: 'none' })
  await spool.append(messages(1, 65_600, { payload: Buffer.alloc(0) }))
  let last = -1
  for (let taken = await spool.take(); taken.length > 0; taken = await spool.take()) {
    await spool.remove(taken.map(({ sequence }) => sequence).filter((sequence) => sequence > 0))
    last = taken.at(-1)?.sequence as number
  }
  assert.equal(last, 65_534)
  assert.equal(spool.messages, 66)
  await spool.remove([0])
  assert.equal((await spool.take())[0]?.sequence, 65_535)
})

test('messages of unknown fate, and gaps of more than a round, hold up nothing', async (t) => {
  const bench = new Bench(t)
  const empty = { payload: Buffer.alloc(0) }
  const first = await bench.open({ sync: 'none' })
  await first.append([message('old', { qos: 2 })])
  await first.take()
  await first.forget([0])
  await first.append(messages(1, 70_000, empty))
  for (let taken = await first.take(); taken.length > 0; taken = await first.take()) {
    await first.remove(taken.map(({ sequence }) => sequence))
  }
  await first.append(messages(1, 2))
  await first.take()
  await first.append([message('new')])
  await bench.close(first)
  const spool = await bench.open()
  assert.deepEqual(told(await spool.restore()), ['70001 1', '70002 2'])
  assert.deepEqual(told(await spool.take()), ['70003 new'])
})

test('what a promise says is with the system when it is kept', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  /** What the next run would find, were this one killed now. */
  const found = async (): Promise<string> => {
    const copy = new Bench(t)
    cpSync(bench.folder, copy.folder, { recursive: true })
    const killed = await copy.open()
    const state = [...told(await killed.restore()), '|', ...told(await killed.take())].join(' ')
    await copy.close(killed)
    return state
  }
  await spool.append([message('x', { qos: 2 })])
  assert.equal(await found(), '| 0 x')
  await spool.take()
  assert.equal(await found(), '0 x |')
  await spool.release([1])
  assert.equal(await found(), '0  released |')
  await spool.remove([0])
  assert.equal(await found(), '|')
})

test('the counters are right after many turns, and survive', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  await Promise.all([spool.append(messages(1, 10)), spool.append(messages(11, 20))])
  const taken = await spool.take()
  await Promise.all(taken.map(({ sequence }) => sequence % 3 === 0 && spool.remove([sequence])))
  const { messages: count, bytes, taken: ever } = await spool.status()
  assert.deepEqual([count, ever], [13, 20])
  await bench.close(spool)
  const again = await bench.open()
  const restored = await again.restore()
  const sum = restored.reduce((total, { size }) => total + size, 0)
  assert.deepEqual([restored.length, sum], [count, bytes])
})

test('the status tells the age of the oldest, also of what is out', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  assert.equal((await spool.status()).ageMs, undefined)
  await spool.append([message('1')])
  bench.now += 5_000
  await spool.append([message('2')])
  await spool.take()
  bench.now += 2_000
  assert.equal((await spool.status()).ageMs, 7_000)
  await spool.remove([0])
  assert.equal((await spool.status()).ageMs, 2_000)
})

test('a full spool has no room until something is removed', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open({ maxBytes: 100 })
  await spool.room()
  await spool.append(messages(1, 10))
  await spool.take()
  let hasRoom = false
  const room = spool.room().then(() => {
    hasRoom = true
  })
  await spool.remove([0])
  assert.equal(hasRoom, false)
  await spool.remove([1, 2, 3, 4, 5, 6, 7])
  await room
})

test('drop-oldest spares what is out, and counts', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open({ maxBytes: 150, full: 'drop-oldest' })
  await spool.append(messages(1, 2))
  await spool.take()
  await spool.append(messages(3, 9))
  await spool.room()
  const { bytes, messages: left } = await spool.status()
  assert.ok(bytes < 150)
  assert.equal(spool.dropped, 9 - left)
  assert.ok(spool.dropped > 0)
  const rest = await spool.take()
  assert.equal(rest.at(-1)?.message.payload.toString(), '9')
  assert.equal(rest.length, left - 2)
  await spool.remove([0, 1])
  await bench.close(spool)
  assert.equal((await (await bench.open()).restore()).length, left - 2)
})

test('drop-oldest waits where all that is left may have been sent', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open({ maxBytes: 60, full: 'drop-oldest' })
  await spool.append(messages(1, 5))
  await spool.take()
  const room = spool.room()
  await spool.remove([0, 1, 2, 3, 4])
  await room
  assert.equal(spool.dropped, 0)
})

test('what is too old is removed and counted, unless it may have been sent', async (t) => {
  const bench = new Bench(t)
  const first = await bench.open({ maxAgeMs: 10_000 })
  await first.append(messages(1, 2))
  await first.take()
  await first.append(messages(3, 600))
  bench.now += 9_000
  await first.append([message('601')])
  await bench.close(first)
  bench.now += 2_000
  const spool = await bench.open({ maxAgeMs: 10_000 })
  assert.deepEqual(told(await spool.restore()), ['0 1', '1 2'])
  assert.deepEqual(told(await spool.take()), ['600 601'])
  assert.equal(spool.expired, 598)
  assert.equal(spool.messages, 3)
})

test('a second one on the same folder is told so', async (t) => {
  const bench = new Bench(t)
  await bench.open()
  await assert.rejects(bench.open(), (error: Error) => {
    return (
      error instanceof UsageError && error.message.includes(bench.folder) && /another/.test(error.message)
    )
  })
})

test('a folder is made for its owner alone; one that others can look into is seen', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  assert.equal(statSync(bench.folder).mode & 0o777, 0o700)
  assert.equal(spool.isOpenToOthers, false)
  chmodSync(bench.folder, 0o750)
  assert.equal(spool.isOpenToOthers, true)
})

test('a folder with other things in it is left alone', async (t) => {
  const bench = new Bench(t)
  mkdirSync(bench.folder)
  writeFileSync(join(bench.folder, 'letter'), '')
  await assert.rejects(bench.open(), /neither empty nor a spool \(it holds 'letter'\)/)
})

test('a first run that was killed while it made the spool is no hindrance', async (t) => {
  const bench = new Bench(t)
  mkdirSync(bench.folder)
  for (const name of ['LOCK', 'LOG', 'MANIFEST-000001', '000001.dbtmp'])
    writeFileSync(join(bench.folder, name), '')
  const spool = await bench.open()
  await spool.append([message('1')])
  assert.deepEqual(told(await spool.take()), ['0 1'])
})

test('without `create` nothing is made', async (t) => {
  const bench = new Bench(t)
  await assert.rejects(bench.open({ create: false }), /there is no spool in this folder/)
  assert.equal(existsSync(bench.folder), false)
})

test('an error of the disk is told in one line that names the folder', async (t) => {
  const bench = new Bench(t)
  writeFileSync(bench.folder, '')
  await assert.rejects(bench.open(), (error: Error) => {
    return error instanceof UsageError && error.message.startsWith(`--spool '${bench.folder}': `)
  })
})

test('the store is told to wait for the disk with each write, but where that is not wanted', async (t) => {
  const batch = t.mock.method(ClassicLevel.prototype as unknown as { _batch: Batch }, '_batch')
  for (const [sync, wanted] of [
    ['each', true],
    ['batch', true],
    ['none', undefined],
  ] as const) {
    const bench = new Bench(t)
    const spool = await bench.open({ sync })
    batch.mock.resetCalls()
    await spool.append(messages(1, 3))
    // Also where the store hands the options on in an object of its own.
    const syncs = batch.mock.calls.map(({ arguments: [, options] }) => options.sync)
    assert.deepEqual(syncs, new Array(sync === 'each' ? 3 : 1).fill(wanted), sync)
    await bench.close(spool)
  }
})
