// Standard input as lines of bytes, without changing one.

import type { Readable } from 'node:stream'
import split2 from 'split2'
import { UsageError } from '../errors.js'
import { MAX_REMAINING_LENGTH } from '../packet/index.js'

/**
 * A stream of Buffers, one for each line, without its LF. split2 works on text, so the bytes travel as latin1, in
 * which every byte is one character. A line longer than any packet ends the stream with an error.
 */
export function readLines(input: Readable): Readable {
  const lines = split2('\n', (line: string) => Buffer.from(line, 'latin1'), {
    maxLength: MAX_REMAINING_LENGTH,
  })
  input.setEncoding('latin1')
  input.on('error', (error) => lines.destroy(error))
  return input.pipe(lines)
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
