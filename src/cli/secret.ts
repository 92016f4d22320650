// Passwords and pass phrases from somewhere else than the command line: files, the terminal, and the output of a command.

import { readFileSync, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { ClientOptions } from '../client/index.js'
import { UsageError } from '../errors.js'
import type { Reporter } from './exit.js'
import { FOR_OWNER_ALONE, isOpen, reason } from './files.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'

/** Longer input is no password; what MQTT takes is far below. */
const MAX_CHUNKS = 1_000

/** The password that --password-file names, or what --password-command will say at each connect. Throws UsageError. */
export async function readPassword(
  given: Given,
  io: Io,
  reporter: Reporter,
): Promise<ClientOptions['password']> {
  const { passwordFile: path, passwordCommand } = given
  if (passwordCommand !== undefined) return (signal) => ask(passwordCommand, signal, given.quiet ?? false)
  if (path === undefined) return given.password
  return readSecret({ option: '--password-file', path, prompt: 'Password: ' }, given, io, reporter)
}

/** The pass phrase of the encrypted key. Throws UsageError. */
export async function readPassphrase(given: Given, io: Io, reporter: Reporter): Promise<string> {
  const { key, keyPassphraseFile: path } = given
  const prompt = `Pass phrase of ${key}: `
  if (path !== undefined)
    return readSecret({ option: '--key-passphrase-file', path, prompt }, given, io, reporter)
  const { MQTT_KEY_PASSPHRASE: passphrase } = io.env
  if (passphrase !== undefined) return passphrase
  if (io.terminal !== undefined) return io.terminal.askSecret(prompt)
  throw new UsageError(
    `--key '${key}' is encrypted, and there is no terminal to ask for its pass phrase: give it by --key-passphrase-file FILE or in MQTT_KEY_PASSPHRASE`,
  )
}

interface Secret {
  option: string
  path: string
  prompt: string
}

async function readSecret(
  { option, path, prompt }: Secret,
  given: Given,
  io: Io,
  reporter: Reporter,
): Promise<string> {
  if (path !== '-') return readSecretFile(option, path, reporter).toString()
  if (io.terminal !== undefined) {
    const typed = await io.terminal.askSecret(prompt)
    if (typed === '') throw new UsageError(`${option} -: nothing was typed`)
    return typed
  }
  const { source, passwordFile } = given
  const taken =
    source?.kind === 'lines' || source?.kind === 'stdin' || (source?.kind === 'file' && source.path === '-')
  if (taken) throw new UsageError(`${option} -: standard input is the source of messages already`)
  if (option !== '--password-file' && passwordFile === '-')
    throw new UsageError(`${option} -: standard input is the source of the password already`)
  const secret = firstLine(await readLines(io.stdin, 1))
  if (secret.length === 0) throw new UsageError(`${option} -: the first line of standard input is empty`)
  return secret.toString()
}

/**
 * The first line of what --password-file or the like names, which is not empty; a file that others can read is warned
 * about. Throws UsageError.
 */
export function readSecretFile(option: string, path: string, reporter: Reporter): Buffer {
  const file = `${option} '${path}'`
  let secret: Buffer
  try {
    const stats = statSync(path)
    if (isOpen(stats)) reporter.warn(`${file} ${FOR_OWNER_ALONE}`)
    secret = firstLine(readFileSync(path)) // says of a folder that it is one
  } catch (error) {
    throw new UsageError(`${file}: ${reason(error)}`)
  }
  if (secret.length === 0) throw new UsageError(`${file}: its first line is empty`)
  return secret
}

/** No more than these lines have to be there: whoever writes them may keep the pipe open. */
export async function readLines(input: Readable, count: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let lines = 0
  for await (const chunk of input as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    for (const byte of chunk) if (byte === 10) lines++
    if (lines >= count || chunks.length > MAX_CHUNKS) break
  }
  return Buffer.concat(chunks)
}

export function firstLine(bytes: Buffer): Buffer {
  const end = bytes.findIndex((byte) => byte === 10 || byte === 13)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

/** What a command prints, which has to come before `signal`. */
function ask(command: string, signal: AbortSignal, quiet: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    // At once, or whoever waits for us would be told by the signal alone, which does not know for what.
    signal.addEventListener('abort', () => {
      const reason = signal.reason as Error
      reject(reason.name === 'AbortError' ? reason : commandFault(`gave ${reason.message}`))
    })
    firstLineOf(command, signal, quiet).then(resolve, reject)
  })
}

function commandFault(what: string): UsageError {
  return new UsageError(`--password-command ${what}`)
}

/** Runs a command in the shell and takes the first line of its output. Errors never show what it printed. */
async function firstLineOf(command: string, signal: AbortSignal, quiet: boolean): Promise<string> {
  const { spawn } = await import('node:child_process')
  return new Promise((resolve, reject) => {
    // Standard input may be the source of messages. What the command complains about goes where our complaints go.
    const child = spawn('/bin/sh', ['-c', command], {
      stdio: ['ignore', 'pipe', quiet ? 'ignore' : 'inherit'],
    })
    const chunks: Buffer[] = []
    const stop = (): void => {
      child.kill()
      child.stdout.destroy() // others may have it open too
    }
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunks.push(chunk) > MAX_CHUNKS) stop()
    })
    child.on('error', ({ message }) => reject(commandFault(`could not be run: ${message}`)))
    child.on('close', (code, killedBy) => {
      signal.removeEventListener('abort', stop)
      const password = firstLine(Buffer.concat(chunks)).toString()
      if (code !== 0)
        return reject(commandFault(code === null ? `was ended by ${killedBy}` : `failed with status ${code}`))
      if (password === '') return reject(commandFault('printed no password'))
      resolve(password)
    })
  })
}
