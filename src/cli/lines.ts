// Standard input as lines of bytes, without changing one.

import type { Readable } from 'node:stream'
import split2 from 'split2'
import { MqttError, UsageError } from '../errors.js'
import { MAX_REMAINING_LENGTH } from '../packet/index.js'

export interface Lines {
  /** Resolves behind the last line, or when stopped. Throws what `onLine` did, or UsageError about the input. */
  readonly ended: Promise<void>
  /** Reads no further; lines that came together with the last one still follow. */
  pause(): void
  resume(): void
  /** No line follows. */
  stop(): void
}

/**
 * Hands each line, without its LF, to `onLine`. split2 works on text, so the bytes travel as latin1, in which every byte
 * is one character. A line longer than any packet is an error.
 */
export function readLines(input: Readable, onLine: (line: Buffer) => void): Lines {
  let stopped = false
  // Each line goes straight on: nothing is queued behind split2.
  const splitter = split2(
    '\n',
    (line: string) => {
      if (!stopped) onLine(Buffer.from(line, 'latin1'))
    },
    { decodeStrings: false },
  )
  // A line is held back until its end has come: split2 would search all of it again with every chunk.
  let held: Buffer[] = []
  let length = 0
  let end = (): void => {}
  const ended = new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => reject(lineError(error))
    end = resolve
    splitter.on('error', fail).on('finish', resolve)
    input.on('error', fail)
    input.on('data', (chunk: Buffer) => {
      const whole = chunk.lastIndexOf(10) + 1
      if (whole > 0) {
        splitter.write(joined([...held, chunk.subarray(0, whole)]))
        held = []
        length = 0
      }
      if (whole === chunk.length) return
      held.push(chunk.subarray(whole))
      length += chunk.length - whole
      if (length > MAX_REMAINING_LENGTH) fail(new Error('maximum buffer reached'))
    })
    input.on('end', () => splitter.end(joined(held)))
  })
  splitter.resume() // or it would never finish
  return {
    ended,
    pause: () => void input.pause(),
    resume: () => void input.resume(),
    stop: () => {
      stopped = true
      input.pause()
      end()
    },
  }
}

function joined(chunks: readonly Buffer[]): string {
  const [first] = chunks
  return (chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)).toString('latin1')
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
    if (length > MAX_REMAINING_LENGTH) {
      throw new UsageError(
        `${what} is longer than ${MAX_REMAINING_LENGTH} bytes, the most a message can hold`,
      )
    }
  }
  return Buffer.concat(chunks)
}
