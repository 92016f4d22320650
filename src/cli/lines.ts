// Standard input as lines of bytes, without changing one.

import type { Readable } from 'node:stream'
import split2 from 'split2'
import { MqttError, UsageError } from '../errors.js'
import { MAX_REMAINING_LENGTH, type Payloads, payloadAt } from '../packet/index.js'

export interface Lines {
  /** Resolves behind the last line, or when stopped. Throws what `onLines` did, or UsageError about the input. */
  readonly ended: Promise<void>
  /** Reads no further; lines that came together with the last one still follow. */
  pause(): void
  resume(): void
  /** No line follows. */
  stop(): void
}

/** Lines that came together, one behind the other in `bytes`: number `at` ends before byte `ends[at]`, where its LF is. */
export type LineBlock = Payloads

/**
 * Hands on lines, without their LF, as they come together. split2 works on text, so the bytes travel as latin1, in which
 * every byte is one character. A line longer than any packet is an error.
 */
export function readLines(input: Readable, onLines: (lines: LineBlock) => void): Lines {
  let stopped = false
  let ends: number[] = []
  let end = 0
  const splitter = split2(
    '\n',
    (line: string) => {
      end += line.length
      ends.push(end++)
    },
    { decodeStrings: false },
  )
  // What stands behind the last LF is held back until more has come: split2 would search it again with every chunk.
  let held: Buffer[] = []
  let length = 0
  let finish = (): void => {}
  const ended = new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => reject(lineError(error))
    const handOn = (block: LineBlock): void => {
      try {
        if (!stopped) onLines(block)
      } catch (error) {
        stopped = true
        fail(error as Error)
      }
    }
    finish = resolve
    splitter.on('error', fail)
    input.on('error', fail)
    input.on('data', (chunk: Buffer) => {
      const whole = chunk.lastIndexOf(10) + 1
      if (whole > 0) {
        const bytes = joined([...held, chunk.subarray(0, whole)])
        held = []
        length = 0
        splitter.write(bytes.toString('latin1'))
        if (end !== bytes.length) throw new Error('split2 did not split at once')
        const block = { bytes, ends }
        ends = []
        end = 0
        handOn(block)
      }
      if (whole === chunk.length) return
      held.push(chunk.subarray(whole))
      length += chunk.length - whole
      if (length > MAX_REMAINING_LENGTH) fail(new Error('maximum buffer reached'))
    })
    input.on('end', () => {
      splitter.end()
      const bytes = joined(held)
      if (bytes.length > 0) handOn({ bytes, ends: [bytes.length] })
      resolve()
    })
  })
  splitter.resume()
  return {
    ended,
    pause: () => void input.pause(),
    resume: () => void input.resume(),
    stop: () => {
      stopped = true
      input.pause()
      finish()
    },
  }
}

/** Each line as bytes of its own. */
export function eachLine(block: LineBlock): Uint8Array[] {
  return Array.from(block.ends, (_, at) => payloadAt(block, at))
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
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

/** All bytes of a stream. Throws UsageError, naming `what`, where they are more than a packet can hold. */
export async function readAll(input: Readable, what: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of input as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    checkLength(length, what)
  }
  return Buffer.concat(chunks)
}

/** Throws UsageError, naming `what`, where so many bytes are more than a packet can hold. */
export function checkLength(length: number, what: string): void {
  if (length <= MAX_REMAINING_LENGTH) return
  throw new UsageError(`${what} is longer than ${MAX_REMAINING_LENGTH} bytes, the most a message can hold`)
}
