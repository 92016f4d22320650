// Standard input as lines: the same lines wherever the chunks happen to end.

import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import type { ReadNext } from '../../src/cli/io.js'
import { eachLine, type LineBlock, readLines } from '../../src/cli/lines.js'
import { UsageError } from '../../src/errors.js'

function texts(block: LineBlock): string[] {
  return eachLine(block).map((line) => Buffer.from(line).toString('latin1'))
}

async function lines(chunks: readonly Uint8Array[]): Promise<string[]> {
  const input = new PassThrough()
  const found: string[] = []
  const { ended } = readLines(input, (block) => found.push(...texts(block)))
  for (const chunk of chunks) {
    input.write(chunk)
    await new Promise((resolve) => setImmediate(resolve)) // so that chunks stay chunks
  }
  input.end()
  await ended
  return found
}

const CORPUS = Buffer.concat([
  Buffer.from('one\n\n  two\r\n\0\n'),
  Buffer.from('fffe80 0a c3 0a e282ac 0a efbbbf 0a'.replaceAll(' ', ''), 'hex'),
  Buffer.from('a\0b\n\nlast'),
])
const EXPECTED = [
  'one',
  '',
  '  two\r',
  '\0',
  '\xff\xfe\x80',
  '\xc3',
  '\xe2\x82\xac',
  '\xef\xbb\xbf',
  'a\0b',
  '',
  'last',
]

test('every cut into two chunks, and single bytes, give the same lines (F4)', async () => {
  assert.deepEqual(await lines([CORPUS]), EXPECTED)
  const cuts = Array.from({ length: CORPUS.length - 1 }, (_, at) => at + 1)
  const found = await Promise.all(cuts.map((at) => lines([CORPUS.subarray(0, at), CORPUS.subarray(at)])))
  for (const [at, each] of found.entries()) assert.deepEqual(each, EXPECTED, `cut at ${at + 1}`)
  assert.deepEqual(await lines(Array.from(CORPUS, (byte) => Uint8Array.of(byte))), EXPECTED)
})

test('with a line end at the end there is no further line', async () => {
  assert.deepEqual(await lines([CORPUS, Buffer.from('\n')]), EXPECTED)
  assert.deepEqual(await lines([Buffer.from('\n')]), [''])
  assert.deepEqual(await lines([]), [])
})

const MANY = Array.from({ length: 2_500 }, (_, at) => `${at}`)
const MANY_BYTES = Buffer.from(MANY.join('\n'))

test('paused, no line follows before it goes on, and none is lost', async () => {
  const input = new Readable({ read: () => {} })
  const found: string[] = []
  const reader = readLines(input, (block) => {
    found.push(...texts(block))
    reader.pause()
  })
  input.push(MANY_BYTES)
  input.push(null)
  // All came at once; the last line has no end, and stands alone.
  for (const count of [1_000, 2_000, 2_499, 2_500]) {
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(found, MANY.slice(0, count))
    input.read(0) // as a pipe does at its end, paused or not
    reader.resume()
  }
  await reader.ended
  assert.deepEqual(found, MANY)
})

test('more than is split at a time keeps its order through pauses, to the last line without an end', async () => {
  const wanted = Array.from({ length: 1_800 }, (_, at) => `${at}`.padEnd(at % 400, 'x'))
  wanted.splice(900, 0, 'y'.repeat(200_000)) // alone longer than what is split at a time
  const input = new Readable({ read: () => {} })
  const found: string[] = []
  const sizes: number[] = []
  const reader = readLines(input, (block) => {
    sizes.push(block.bytes.length)
    found.push(...texts(block))
    reader.pause()
    setImmediate(() => {
      input.read(0) // as a pipe does at its end, paused or not
      reader.resume()
    })
  })
  input.push(Buffer.from(wanted.join('\n')))
  input.push(null)
  await reader.ended
  assert.deepEqual(found, wanted)
  assert.ok(sizes.length > 4)
  assert.deepEqual(
    sizes.filter((size) => size > 126_976),
    [200_001],
  )
})

test('stopped in the middle of a chunk, no line follows', async () => {
  for (const isPaused of [false, true]) {
    const input = new PassThrough()
    const found: string[] = []
    const reader = readLines(input, (block) => {
      found.push(...texts(block))
      if (isPaused) reader.pause()
      reader.stop()
      reader.resume()
    })
    input.end(MANY_BYTES)
    await reader.ended
    assert.deepEqual(found, MANY.slice(0, 1_000))
  }
})

test('what is thrown behind a pause ends the reading too', async () => {
  const input = new PassThrough()
  let blocks = 0
  const reader = readLines(input, () => {
    if (++blocks === 2) throw new UsageError('enough')
    reader.pause()
    setImmediate(() => reader.resume())
  })
  input.end(MANY_BYTES)
  await assert.rejects(reader.ended, new UsageError('enough'))
  assert.equal(blocks, 2)
})

test('a block holds its own bytes: the ends are counted from its first', async () => {
  const blocks: LineBlock[] = []
  await readLines(Readable.from([MANY_BYTES]), (block) => blocks.push(block)).ended
  assert.deepEqual(
    blocks.map(({ ends }) => ends.length),
    [1_000, 1_000, 499, 1],
  )
  assert.deepEqual(blocks.flatMap(texts), MANY)
  for (const { bytes, ends } of blocks.slice(0, -1)) assert.equal(bytes.length, (ends.at(-1) as number) + 1)
})

test('a line over many chunks is joined once', async () => {
  const chunk = Buffer.alloc(65_536, 'x\xff\0', 'latin1')
  const found = await lines([...Array.from({ length: 160 }, () => chunk), Buffer.from('\nnext')])
  assert.deepEqual(
    found.map(({ length }) => length),
    [160 * 65_536, 4],
  )
})

/** A file that gives one piece after the other. */
function fileOf(pieces: readonly Uint8Array[]): { readNext: ReadNext; memory: ArrayBufferLike[] } {
  const memory: ArrayBufferLike[] = []
  const readNext = (into: Uint8Array): number => {
    memory.push(into.buffer)
    const piece = pieces[memory.length - 1] ?? new Uint8Array(0)
    into.set(piece)
    return piece.length
  }
  return { readNext, memory }
}

test('of a file come the same lines, wherever a piece of it ends, and the memory is used again (F4)', async () => {
  const cuts = Array.from({ length: CORPUS.length }, (_, at) => [CORPUS.subarray(0, at), CORPUS.subarray(at)])
  const everyByte = Array.from(CORPUS, (byte) => Uint8Array.of(byte))
  for (const pieces of [...cuts.slice(1), everyByte, [CORPUS, Buffer.from('\n')]]) {
    const { readNext, memory } = fileOf(pieces)
    const found: string[] = []
    await readLines(
      readNext,
      (block) => found.push(...texts(block)),
      () => true,
    ).ended
    assert.deepEqual(found, EXPECTED)
    assert.equal(memory.length, pieces.length + 1)
    assert.equal(new Set(memory).size, 1)
  }
})

test('lines of a file that somebody still needs are not written over', async () => {
  const pieces = ['one\ntw', 'o\nthree\n', 'four'].map((text) => Buffer.from(text))
  const blocks: LineBlock[] = []
  await readLines(fileOf(pieces).readNext, (block) => blocks.push(block)).ended
  assert.deepEqual(blocks.flatMap(texts), ['one', 'two', 'three', 'four'])
})

test('nothing more is read of a file before what came is handed on, and not through a pause', async () => {
  const { readNext, memory } = fileOf([MANY_BYTES, Buffer.from('0\nlast')])
  const found: string[] = []
  const reader = readLines(readNext, (block) => {
    found.push(...texts(block))
    reader.pause()
  })
  const all = [...MANY.slice(0, -1), '24990', 'last']
  for (const [count, reads] of [
    [1_000, 1],
    [2_000, 1],
    [2_499, 1],
    [2_500, 2],
    [2_501, 3],
  ] as const) {
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(found, all.slice(0, count))
    assert.equal(memory.length, reads)
    reader.resume()
  }
  await reader.ended
})

test('what the reading of a file throws is told', async () => {
  const fault = new UsageError('standard input: is a folder')
  const { ended } = readLines(
    () => {
      throw fault
    },
    () => {},
  )
  await assert.rejects(ended, (error) => error === fault)
})

test('between two pieces of a file other things happen, even if nobody ever pauses', async () => {
  const { readNext, memory } = fileOf(Array.from({ length: 1_000 }, () => Buffer.from('line\n')))
  const reader = readLines(readNext, () => {})
  setImmediate(() => reader.stop())
  await reader.ended
  assert.ok(memory.length < 10, `${memory.length} pieces`)
})
