// Passwords from somewhere else than the command line.

import { readFileSync, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { UsageError } from '../errors.js'
import type { Reporter } from './exit.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'
import { reason } from './settings.js'

/** Longer input is no password; what MQTT takes is far below. */
const MAX_CHUNKS = 1_000

/** The password that --password-file names, or the one given otherwise. Throws UsageError. */
export async function readPassword(given: Given, io: Io, reporter: Reporter): Promise<string | undefined> {
  const { passwordFile, source } = given
  if (passwordFile === undefined) return given.password
  if (passwordFile !== '-') return firstLine(readFile(passwordFile, reporter))
  if (io.terminal !== undefined) return io.terminal.askSecret('Password: ')
  const taken =
    source?.kind === 'lines' || source?.kind === 'stdin' || (source?.kind === 'file' && source.path === '-')
  if (taken) throw new UsageError('--password-file -: standard input is the source of messages already')
  return firstLine(await untilLineEnd(io.stdin))
}

function readFile(path: string, reporter: Reporter): string {
  try {
    const { mode } = statSync(path)
    if ((mode & 0o077) !== 0) reporter.warn(`--password-file '${path}' can be read by others: chmod 600 it`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--password-file '${path}': ${reason(error)}`)
  }
}

/** No more than the first line has to be there: whoever writes it may keep the pipe open. */
async function untilLineEnd(input: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of input as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    if (chunk.includes(10) || chunks.length > MAX_CHUNKS) break
  }
  return Buffer.concat(chunks).toString()
}

function firstLine(text: string): string {
  return /^[^\r\n]*/.exec(text)?.[0] ?? ''
}
