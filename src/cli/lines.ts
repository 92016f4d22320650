// Standard input as lines of bytes, without changing one.

import type { Readable } from 'node:stream'
import split2 from 'split2'
import { MqttError, UsageError } from '../errors.js'
import { MAX_REMAINING_LENGTH, type Payloads, payloadAt } from '../packet/index.js'
import type { ReadNext } from './io.js'

export interface Lines {
  /** Resolves behind the last line, or when stopped. Throws what `onLines` did, or UsageError about the input. */
  readonly ended: Promise<void>
  /** No line follows before `resume`, not even of those that came together with the last one. */
  pause(): void
  resume(): void
  /** No line follows. */
  stop(): void
}

/**
 * Lines that came together, at most 1,000, one behind the other in `bytes`: number `at` ends before byte `ends[at]`, where
 * its LF is.
 */
export type LineBlock = Payloads
const BLOCK_LINES = 1_000
/** So much is split at a time, and no more before its lines are handed on: text that V8 still keeps with small objects. */
const SPLIT_BYTES = 126_976
/** Memory that a file is read into again and again. */
const SHARED_BYTES = 4 * SPLIT_BYTES
/** New memory, where lines are still needed: a single line keeps all of it. */
const PIECE_BYTES = 65_536
const LF = 10
const EMPTY = Buffer.alloc(0)

/**
 * Hands on lines, without their LF, as they come together. split2 works on text, so the bytes travel as latin1, in which
 * every byte is one character. A line longer than any packet is an error. A file is read into the same memory again
 * when all lines so far `areGone`: to get new memory takes longer than the reading.
 */
export function readLines(
  input: Readable | ReadNext,
  onLines: (lines: LineBlock) => void,
  areGone = (): boolean => false,
): Lines {
  const stream = typeof input === 'function' ? undefined : input
  let stopped = false
  let paused = false
  /** What came before a pause and is due behind it. */
  let due: LineBlock[] = []
  let isOver = false
  let finish = (): void => {}
  let fail = (_error: Error): void => {}
  const ended = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = (error) => {
      stopped = true
      reject(lineError(error))
    }
  })
  const handOn = (): void => {
    try {
      while (!paused && !stopped) {
        const block = due.shift()
        if (block !== undefined) onLines(block)
        else if (!splitNext()) break
      }
    } catch (error) {
      return fail(error as Error)
    }
    if (paused || stopped) return
    if (isOver) finish()
    else if (stream !== undefined) stream.resume()
    else askForMore()
  }

  /** Blocks of the bytes at hand, the last of them in the making. */
  let ends: number[] = []
  let blocks: number[][] = [ends]
  let end = 0
  const splitter = split2(
    '\n',
    (line: string) => {
      if (ends.length === BLOCK_LINES) {
        ends = []
        blocks.push(ends)
        end = 0
      }
      end += line.length
      ends.push(end++)
    },
    { decodeStrings: false },
  )
  splitter.on('error', (error) => fail(error))
  const split = (bytes: Buffer): void => {
    splitter.write(bytes.toString('latin1'))
    let start = 0
    for (const block of blocks) {
      const length = (block.at(-1) as number) + 1
      due.push({ bytes: bytes.subarray(start, start + length), ends: block })
      start += length
    }
    if (start !== bytes.length) throw new Error('split2 did not split at once')
    ends = []
    blocks = [ends]
    end = 0
  }

  /** Whole lines that came and are not split yet. */
  let unsplit: Buffer = EMPTY
  // What stands behind the last LF is held back until more has come: split2 would search it again with every chunk.
  let held: Buffer[] = []
  let length = 0
  /** False where there is nothing to split. */
  const splitNext = (): boolean => {
    if (unsplit.length > 0) {
      const last = unsplit.lastIndexOf(LF, SPLIT_BYTES - 1)
      const end = (last < 0 ? unsplit.indexOf(LF) : last) + 1
      split(unsplit.subarray(0, end))
      unsplit = unsplit.subarray(end)
      return true
    }
    if (!isOver || held.length === 0) return false
    const bytes = Buffer.concat(held.splice(0))
    due.push({ bytes, ends: [bytes.length] })
    return true
  }

  const take = (chunk: Buffer): void => {
    const whole = chunk.lastIndexOf(LF) + 1
    let start = 0
    if (whole > 0 && held.length > 0) {
      start = chunk.indexOf(LF) + 1
      split(Buffer.concat([...held, chunk.subarray(0, start)])) // the line that was held, without a copy of the others
      held = []
      length = 0
    }
    unsplit = chunk.subarray(start, whole) // of earlier chunks none is left: the input pauses with us
    if (whole < chunk.length) {
      held.push(Buffer.from(chunk.subarray(whole))) // a copy: a file may be read over it
      length += chunk.length - whole
      if (length > MAX_REMAINING_LENGTH) fail(new Error('maximum buffer reached'))
    }
  }

  let shared: Buffer | undefined
  let isAsked = false
  /** The next piece of a file, in a turn of its own: signals, time limits and the broker have to be heard in between. */
  const askForMore = (): void => {
    if (isAsked) return
    isAsked = true
    setImmediate(() => {
      isAsked = false
      if (!paused && !stopped) readMore()
    })
  }
  const readMore = (): void => {
    let memory: Buffer
    if (areGone()) {
      shared ??= Buffer.allocUnsafeSlow(SHARED_BYTES)
      memory = shared
    } else memory = Buffer.allocUnsafeSlow(PIECE_BYTES)
    try {
      const count = (input as ReadNext)(memory)
      if (count > 0) take(memory.subarray(0, count))
      else isOver = true
    } catch (error) {
      return fail(error as Error)
    }
    handOn()
  }

  stream?.on('error', (error) => fail(error))
  stream?.on('data', (chunk: Buffer) => {
    if (stopped) return
    take(chunk)
    handOn()
  })
  stream?.on('end', () => {
    isOver = true
    handOn()
  })
  if (stream === undefined) askForMore()
  return {
    ended,
    pause: () => {
      paused = true
      stream?.pause()
    },
    resume: () => {
      paused = false
      handOn()
    },
    stop: () => {
      stopped = true
      due = []
      stream?.pause()
      finish()
    },
  }
}

/** Each line as bytes of its own. */
export function eachLine(block: LineBlock): Uint8Array[] {
  return Array.from(block.ends, (_, at) => payloadAt(block, at))
}

/** What a failure means to the user; what `onLine` threw speaks for itself. */
function lineError(error: Error): MqttError {
  if (error instanceof MqttError) return error
  return error.message === 'maximum buffer reached'
    ? new UsageError(
        `a line of standard input is longer than ${MAX_REMAINING_LENGTH} bytes`,
        'PAYLOAD_TOO_LARGE',
      )
    : new UsageError(`standard input: ${error.message}`)
}
