// Where receipts go: standard output, a file, or a file descriptor that somebody opened for us.

import { constants, createWriteStream, fstatSync, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { isatty, WriteStream } from 'node:tty'
import { UsageError } from '../errors.js'
import { reason } from './files.js'
import { type Io, writeTogether } from './io.js'

export interface ReceiptsFile {
  /** As it stands in errors. */
  name: string
  /** Whoever closes it has seen enough. */
  mayClose: boolean
  write(parts: readonly Uint8Array[], done: (error?: NodeJS.ErrnoException) => void): void
}

const NOTHING = new Uint8Array(0)
const FIRST_FREE = 3

/** Throws UsageError where nothing can be written there. */
export function openReceipts(where: number | string, io: Io): ReceiptsFile {
  if (typeof where === 'string') return openFile(where)
  const name = `--receipts=${where}`
  checkWritable(where, name)
  if (where === 1)
    return { name: 'standard output', mayClose: true, write: (parts, done) => io.write(parts, done) }
  if (where === 2) return fileOf(name, io.stderr)
  return fileOf(name, streamOf(where, name))
}

function openFile(path: string): ReceiptsFile {
  const name = `--receipts '${path}'`
  // A FIFO that nobody reads is an error, and not a reason to wait.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK
  let fd: number
  try {
    fd = openSync(path, flags, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') throw new UsageError(`${name}: nobody reads it`)
    throw new UsageError(`${name}: ${reason(error)}`)
  }
  return fileOf(name, streamOf(fd, name))
}

function fileOf(name: string, stream: Writable): ReceiptsFile {
  stream.on('error', () => {}) // each write hears of its own failure
  return { name, mayClose: false, write: (parts, done) => writeTogether(stream, parts, done) }
}

/** A stream that never blocks: a write that a pipe does not take would keep the process from ending. */
function streamOf(fd: number, name: string): Writable {
  try {
    if (isatty(fd)) return new WriteStream(fd)
    const stat = fstatSync(fd)
    if (stat.isFIFO() || stat.isSocket()) return new Socket({ fd, readable: false, writable: true })
    return createWriteStream('', { fd, autoClose: false })
  } catch (error) {
    throw new UsageError(`${name}: ${reason(error)}`)
  }
}

function checkWritable(fd: number, name: string): void {
  if (isWritable(fd) && !(fd >= FIRST_FREE && isOwnPipe(fd))) return
  throw new UsageError(`${name}: the file descriptor is not open for writing`)
}

function isWritable(fd: number): boolean {
  try {
    writeSync(fd, NOTHING)
    return true
  } catch {
    return false
  }
}

/** Node has pipes to itself among its file descriptors: the end for reading is open here too. */
function isOwnPipe(fd: number): boolean {
  const pipe = fstatSync(fd)
  if (!pipe.isFIFO()) return false
  for (let other = 0; other < fd + 8; other++) {
    try {
      const { dev, ino } = fstatSync(other)
      if (dev === pipe.dev && ino === pipe.ino && !isWritable(other)) return true
    } catch {
      // not open
    }
  }
  return false
}
