// Standard input as lines of bytes, without changing one.

import { type Readable, Transform } from 'node:stream'
import split2 from 'split2'
import { UsageError } from '../errors.js'
import { MAX_REMAINING_LENGTH } from '../packet/index.js'

/**
 * A stream of Buffers, one for each line, without its LF. split2 works on text, so the bytes travel as latin1, in
 * which every byte is one character. A line longer than any packet ends the stream with an error.
 */
export function readLines(input: Readable): Readable {
  const whole = wholeLines()
  const lines = split2('\n', (line: string) => Buffer.from(line, 'latin1'), { decodeStrings: false })
  for (const each of [input, whole]) each.on('error', (error) => lines.destroy(error))
  return input.pipe(whole).pipe(lines)
}

/** Holds a line back until its end has come: split2 would search all of it again with every chunk. */
function wholeLines(): Transform {
  let held: Buffer[] = []
  let length = 0
  return new Transform({
    encoding: 'latin1',
    transform(chunk: Buffer, _encoding, done) {
      const end = chunk.lastIndexOf(10) + 1
      if (end > 0) {
        this.push(Buffer.concat([...held, chunk.subarray(0, end)]))
        held = []
        length = 0
      }
      held.push(chunk.subarray(end))
      length += chunk.length - end
      done(length > MAX_REMAINING_LENGTH ? new Error('maximum buffer reached') : undefined)
    },
    flush(done) {
      this.push(Buffer.concat(held))
      done()
    },
  })
}

/** What a failure of `readLines` means to the user. */
export function lineError(error: Error): UsageError {
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
