// The payload of a message that is published whole.

import { closeSync, createReadStream, fstatSync, openSync, readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { UsageError } from '../errors.js'
import { MAX_REMAINING_LENGTH } from '../packet/index.js'
import { reason } from './files.js'
import type { Source } from './flags/table.js'
import type { Io } from './io.js'

/** The one message to publish; undefined for lines. Throws UsageError. */
export async function readPayload(source: Source | undefined, io: Io): Promise<Uint8Array | undefined> {
  switch (source?.kind) {
    case 'message': {
      const bytes = Buffer.from(source.text)
      if (bytes.length <= MAX_REMAINING_LENGTH) return bytes
      throw new UsageError(`-m: ${bytes.length} bytes are more than a message can hold`)
    }
    case 'null':
      return new Uint8Array(0)
    case 'file':
      if (source.path === '-') return readAll(io.stdin, 'standard input')
      try {
        return await readFile(source.path)
      } catch (error) {
        if (error instanceof UsageError) throw error
        throw new UsageError(`-f '${source.path}': ${reason(error)}`)
      }
    case 'stdin': {
      const bytes = await readAll(io.stdin, 'standard input')
      if (bytes.length > 0) return bytes
      throw new UsageError('-s: standard input is empty; use -n to publish an empty message')
    }
    default:
      return undefined
  }
}

/** A file of known size is read into one buffer; a pipe or a device as its bytes come. */
async function readFile(path: string): Promise<Buffer> {
  const what = `-f '${path}'`
  const fd = openSync(path, 'r')
  const stats = fstatSync(fd)
  if (!stats.isFile() || stats.size === 0) return readAll(createReadStream(path, { fd }), what)
  try {
    checkLength(stats.size, what)
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
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
function checkLength(length: number, what: string): void {
  if (length <= MAX_REMAINING_LENGTH) return
  throw new UsageError(`${what} is longer than ${MAX_REMAINING_LENGTH} bytes, the most a message can hold`)
}
