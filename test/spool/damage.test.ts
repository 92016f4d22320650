// Damaged files: what can be read is kept, what cannot is cut off and told, and nothing is fatal.

import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { unfinishedBytes } from '../../src/spool/log-tail.js'
import { Bench, message, messages, told } from './support.js'

function newestLog(folder: string): string {
  const name = readdirSync(folder)
    .filter((each) => each.endsWith('.log'))
    .sort()
    .at(-1)
  return join(folder, name as string)
}

/** A spool of 100 messages, each written by itself, with the bytes of its log. */
async function filled(bench: Bench): Promise<{ path: string; log: Buffer }> {
  const spool = await bench.open({ sync: 'each' })
  await spool.identify('me', 5)
  await spool.append(messages(1, 100))
  await bench.close(spool)
  const path = newestLog(bench.folder)
  return { path, log: readFileSync(path) }
}

// The last write of all is that of the closing, about 150 bytes; each before it is a message.
for (const cut of [1, 5, 30, 300, 1_000]) {
  test(`a log that lacks its last ${cut} byte(s) loses its end only`, async (t) => {
    const bench = new Bench(t)
    const { path, log } = await filled(bench)
    truncateSync(path, log.length - cut)
    const spool = await bench.open()
    assert.match(spool.damage ?? '', /^an unfinished write of \d+ byte\(s\) was cut off$/)
    const taken = await spool.take()
    assert.ok(taken.length > 80)
    assert.equal(taken.length < 100, cut >= 300)
    assert.deepEqual(
      told(taken),
      taken.map((_, at) => `${at} ${at + 1}`),
    )
    assert.equal(spool.messages, taken.length)
    assert.equal(spool.clientId, 'me')
    // A broker may still know the identifiers of what was lost.
    await spool.append([message('new')])
    const [next] = await spool.take()
    assert.ok((next?.sequence ?? 0) > 30_000)
    await bench.close(spool)
    const again = await bench.open()
    assert.equal(again.damage, undefined)
    assert.equal((await again.restore()).length, taken.length + 1)
  })
}

for (const [where, back] of [
  ['the last message', 300],
  ['the middle', 3_000],
] as const) {
  test(`flipped bits in ${where} are cut off and told, and the counters are right`, async (t) => {
    const bench = new Bench(t)
    const { path, log } = await filled(bench)
    log[log.length - back] = (log[log.length - back] as number) ^ 0x55
    writeFileSync(path, log)
    const spool = await bench.open()
    assert.match(spool.damage ?? '', /^\d+ damaged byte\(s\) were cut off/)
    const taken = await spool.take()
    assert.ok(taken.length < 100)
    assert.equal(spool.messages, taken.length)
    assert.equal(
      (await spool.status()).bytes,
      taken.reduce((sum, { size }) => sum + size, 0),
    )
    await spool.remove(taken.map(({ sequence }) => sequence))
    assert.deepEqual([spool.messages, (await spool.status()).bytes], [0, 0])
  })
}

test('a lost index is rebuilt from what is there', async (t) => {
  const bench = new Bench(t)
  await filled(bench)
  const manifest = readdirSync(bench.folder).find((name) => name.startsWith('MANIFEST')) as string
  writeFileSync(join(bench.folder, manifest), 'nonsense')
  const spool = await bench.open()
  assert.match(spool.damage ?? '', /^its index was damaged and has been rebuilt/)
  assert.equal(spool.messages, 100)
  assert.equal((await spool.take()).length, 100)
})

test('a log that is gone leaves an empty spool', async (t) => {
  const bench = new Bench(t)
  const { path } = await filled(bench)
  truncateSync(path, 0)
  const spool = await bench.open()
  assert.equal(spool.messages, 0)
  await spool.append([message('1')])
  assert.equal((await spool.take()).length, 1)
})

/** A record of LevelDB's log; the checksum is not looked at. */
function part(type: number, length: number): Buffer {
  return Buffer.from([0, 0, 0, 0, length & 255, length >> 8, type, ...new Uint8Array(length)])
}

test('the end of a log: whole, in the middle of a header, of data, or of a write in parts', () => {
  const block = 32_768
  const rows: readonly [log: Buffer[], unfinished: number][] = [
    [[], 0],
    [[part(1, 3)], 0],
    [[part(1, 3), Buffer.alloc(4)], 4],
    [[part(1, 3), part(1, 9).subarray(0, 12)], 12],
    [[part(2, 3)], 10],
    [[part(2, 3), part(4, 0)], 0],
    [[part(1, block - 7 - 5), Buffer.alloc(5), part(1, 1)], 0],
    [[part(1, block - 7 - 5), Buffer.alloc(5)], 0],
    [[part(1, block - 7 - 5), Buffer.alloc(2)], 0],
    [[part(1, 2), part(2, block - 16), part(3, block - 7)], block * 2 - 9],
    [[part(1, 2), part(2, block - 16), part(3, block - 7), part(4, 1)], 0],
  ]
  for (const [log, unfinished] of rows) assert.equal(unfinishedBytes(Buffer.concat(log)), unfinished)
})

test('wherever the end of the log is lost, a message is as far as it was at some moment, never further back', async (t) => {
  const bench = new Bench(t)
  const spool = await bench.open()
  await spool.identify('me', 4)
  await spool.append(messages(1, 1, { qos: 2 }))
  await spool.take()
  await spool.release([1])
  await spool.remove([0])
  await bench.close(spool)
  const path = newestLog(bench.folder)
  const log = readFileSync(path)
  const seen: string[] = []
  for (let length = 0; length <= log.length; length++) {
    if (unfinishedBytes(log.subarray(0, length)) > 0) continue
    const copy = new Bench(t)
    cpSync(bench.folder, copy.folder, { recursive: true })
    truncateSync(join(copy.folder, basename(path)), length)
    const cut = await copy.open()
    const state = [...told(await cut.restore()), '|', ...told(await cut.take())].join(' ')
    assert.equal(cut.messages, state === '|' ? 0 : 1)
    if (seen.at(-1) !== state) seen.push(state)
    await copy.close(cut)
  }
  // Left of the bar: what is sent again; right of it: what is sent as new.
  assert.deepEqual(seen, ['|', '| 0 1', '0 1 |', '0  released |', '|'])
})
