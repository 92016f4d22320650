// The world as the programs see it: streams, environment, signals. The only file that names `process`.

import type { Readable, Writable } from 'node:stream'
import { Alarm, now } from '../client/index.js'
import { UsageError } from '../errors.js'
import { reason } from './files.js'

/** How long the last output may take to leave. */
const FLUSH_LIMIT_MS = 1_000
/** Diagnostics that nobody reads are left out from here on. */
const MAX_STDERR_BYTES = 1_048_576
/** A stream reads a file in pieces of this size. */
const FILE_BYTES = 131_072
/** Back to the first column, and clear up to the end of the line. */
const WIPE = '\r\u001b[K'

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

export interface Terminal {
  /**
   * Asks on stderr and reads a line without echo; what is typed beyond the line answers the next call. Ctrl-C and Ctrl-\
   * end the process as ever; Ctrl-D in place of a line is an empty one.
   */
  askSecret(prompt: string): Promise<string>
}

/** Reads the next bytes of a file into `memory`, and returns how many: 0 at its end. Throws UsageError. */
export type ReadNext = (memory: Uint8Array) => number

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly pid: number
  readonly stdin: Readable
  /** Takes the place of `stdin` where that is a file, or a folder and fails, for those who need no stream. */
  readonly stdinFile: ReadNext | undefined
  /** Present where standard input is a terminal. */
  readonly terminal: Terminal | undefined
  readonly stderr: Writable
  /** Standard error where it is a terminal, for what is drawn on it. */
  readonly screen: NodeJS.WriteStream | undefined
  /** Whether diagnostics are coloured: on a terminal unless NO_COLOR says no, elsewhere only if FORCE_COLOR says so. */
  readonly colour: boolean
  /** Shows `name` as the title of this process in place of its arguments, which may hold a secret. */
  hideArguments(name: string): void
  /** From here on, files that are made can be read by their owner alone. */
  keepFilesPrivate(): void
  /**
   * From here on, V8 leaves the space for young objects as small as it is, where it would double it whenever as much has
   * survived in sum, to 32 MiB; and it collects garbage when the heap has grown by a fifth, where it would let it grow to
   * four times what lives. Both are options that it asks again while it runs.
   */
  keepHeapSmall(): void
  /** Writes to stdout, in one go; `done` comes when the kernel has taken the bytes, or with the error that prevented it. */
  write(parts: readonly Uint8Array[], done: (error?: NodeJS.ErrnoException) => void): void
  /** Writes one line to stderr. */
  complain(line: string): void
  /** Shows a line on the terminal, where there is one, until the next is drawn or something else is said. */
  draw(line: string): void
  /** Calls `handler` at the first of these signals; a second one, whichever it is, has its default effect. */
  onSignal(signals: readonly Signal[], handler: (signal: Signal) => void): void
  /** Ends this process as the signal would have done. */
  dieBy(signal: Signal): void
  /** Whether a process of this host is alive. */
  isRunning(pid: number): boolean
}

/** Writes all parts in one go, where the stream can. */
export function writeTogether(
  stream: Writable,
  parts: readonly Uint8Array[],
  done: (error?: NodeJS.ErrnoException) => void,
): void {
  stream.cork()
  // What an earlier part suffers, the last one suffers too.
  for (const part of parts.slice(0, -1)) stream.write(part)
  stream.write(parts.at(-1) ?? '', (error) => done(error ?? undefined))
  stream.uncork()
}

/** Standard output and error, as far as they were needed: opening them takes a while, and many runs say nothing. */
const opened: { stdout?: NodeJS.WriteStream; stderr?: NodeJS.WriteStream } = {}
let broken: NodeJS.ErrnoException | undefined

function stdout(): NodeJS.WriteStream {
  // Each write hears of its own failure; this only keeps the stream from throwing.
  opened.stdout ??= process.stdout.on('error', (error) => {
    broken = error
  })
  return opened.stdout
}

function stderr(): NodeJS.WriteStream {
  opened.stderr ??= process.stderr.on('error', () => {})
  return opened.stderr
}

/**
 * A file as standard input is read at once: asking a thread for each piece takes longer than the reading. A folder fails
 * at the first of them, where Node would see no input at all.
 */
function stdinFile(): ReadNext | undefined {
  const { fstatSync, readSync } = process.getBuiltinModule('node:fs')
  const stats = fstatSync(0)
  if (!stats.isFile() && !stats.isDirectory()) return undefined
  return (memory) => {
    try {
      return readSync(0, memory)
    } catch (error) {
      throw new UsageError(`standard input: ${reason(error)}`)
    }
  }
}

function streamOf(readNext: ReadNext): Readable {
  const { Readable } = process.getBuiltinModule('node:stream')
  return new Readable({
    highWaterMark: FILE_BYTES,
    read(size) {
      try {
        const bytes = Buffer.allocUnsafe(size)
        const length = readNext(bytes)
        this.push(length === 0 ? null : bytes.subarray(0, length))
      } catch (error) {
        this.destroy(error as UsageError)
      }
    },
  })
}

export function processIo(): Io {
  const { env } = process
  let input: Readable | undefined
  let leftOut = 0
  let isDrawn = false
  const wipe = (): void => {
    if (isDrawn) stderr().write(WIPE)
    isDrawn = false
  }
  return {
    env,
    pid: process.pid,
    get stdin() {
      if (input !== undefined) return input
      const file = stdinFile()
      input = file === undefined ? process.stdin : streamOf(file)
      return input
    },
    get stdinFile() {
      return stdinFile()
    },
    get terminal() {
      const { stdin } = process
      return stdin.isTTY ? { askSecret: (prompt: string) => ask(stdin, stderr(), prompt) } : undefined
    },
    get stderr() {
      return stderr()
    },
    get screen() {
      return stderr().isTTY ? stderr() : undefined
    },
    get colour() {
      return wantsColour(env)
    },
    hideArguments(name) {
      process.title = name
    },
    keepFilesPrivate() {
      process.umask(0o077)
    },
    keepHeapSmall() {
      const { setFlagsFromString } = process.getBuiltinModule('node:v8')
      for (const flag of ['--semi-space-growth-factor=1', '--heap-growing-percent=20'])
        setFlagsFromString(flag)
    },
    write(parts, done) {
      if (broken !== undefined) return done(broken)
      const out = stdout()
      if (out.isTTY) wipe()
      writeTogether(out, parts, done)
    },
    complain(line) {
      if (stderr().writableLength > MAX_STDERR_BYTES) {
        leftOut++
        return
      }
      wipe()
      if (leftOut > 0) stderr().write(`(${leftOut} lines left out)\n`)
      leftOut = 0
      stderr().write(`${line}\n`)
    },
    draw(line) {
      wipe()
      const terminal = stderr()
      if (!terminal.isTTY || env.TERM === 'dumb' || line === '' || terminal.writableLength > 0) return
      terminal.write(line.slice(0, (terminal.columns || 80) - 1)) // in a second line it could not be removed
      isDrawn = true
    },
    onSignal(signals, handler) {
      const once = (signal: NodeJS.Signals): void => {
        for (const each of signals) process.removeListener(each, once)
        handler(signal as Signal)
      }
      for (const each of signals) process.on(each, once)
    },
    dieBy,
    isRunning(pid) {
      try {
        process.kill(pid, 0)
        return true
      } catch (error) {
        return (error as NodeJS.ErrnoException).code !== 'ESRCH' // the process of another user, otherwise
      }
    },
  }
}

async function ask(stdin: NodeJS.ReadStream, stderr: NodeJS.WriteStream, prompt: string): Promise<string> {
  return (await import('./ask-secret.js')).askSecret(stdin, stderr, prompt, dieBy)
}

function dieBy(signal: NodeJS.Signals): void {
  process.kill(process.pid, signal)
}

function wantsColour(env: Io['env']): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false
  const forced = env.FORCE_COLOR
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  // A terminal has a type, so without one nobody has to load what looks for a terminal.
  return !['', 'dumb'].includes(env.TERM ?? '') && process.getBuiltinModule('node:tty').isatty(2)
}

function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => new Alarm().set(now() + delayMs, resolve))
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}

/** 128 and its number, as a shell tells of a program that the signal ended. */
const BY_SIGUSR1 = 138

/** Runs a program and exits with its status once everything written has left. */
export async function run(main: (argv: readonly string[], io: Io) => Promise<number>): Promise<void> {
  // Node would open its debugger, which is a door for others.
  process.once('SIGUSR1', () => process.exit(BY_SIGUSR1))
  const status = await main(process.argv.slice(2), processIo())
  const left = Object.values(opened).filter((stream) => stream.writable && stream.writableLength > 0)
  // A reader that stands still must not hold up the end: what it has not taken was not acknowledged.
  if (left.length > 0) await Promise.race([Promise.all(left.map(flushed)), after(FLUSH_LIMIT_MS)])
  process.exit(status) // an open stdin would keep the process alive
}
