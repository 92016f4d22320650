// The built programs as processes: started, fed, listened to, and gone when the test is over.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ScriptOptions, script } from '../broker/script.js'
import { environment, type Scope } from './processes.js'

export type Program = 'mqtt-pub' | 'mqtt-sub'
export type Args = readonly (string | number)[]

export interface Result {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: Buffer
  stderr: Buffer
}

export interface CliOptions {
  /** All of standard input. Without it, standard input is empty. */
  input?: string | Uint8Array
  /** Standard input is a pipe that the shell made, from `printf` with this text. */
  pipeFrom?: string
  /** Standard input is this file. */
  inputFile?: string
  /** Standard input stays open, for `stdin.write`. */
  keepStdin?: boolean
  /** Standard output is not read before `stdout.resume()`. */
  pauseStdout?: boolean
  env?: Readonly<Record<string, string>>
  /** After this time the program is killed and the test fails. */
  limitMs?: number
}

export interface Running {
  readonly child: ChildProcess
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly done: Promise<Result>
  /** Both outputs so far. */
  readonly out: string
  readonly err: string
  /** Resolves when the text matches; rejects when the program ends before. */
  saw(stream: 'out' | 'err', pattern: RegExp): Promise<void>
  kill(signal: NodeJS.Signals): void
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const LIMIT_MS = 45_000

/** Starts a program; it is killed when the test ends. */
export function start(t: Scope, program: Program, args: Args, options: CliOptions = {}): Running {
  const { input, pipeFrom, inputFile, keepStdin, pauseStdout, limitMs = LIMIT_MS } = options
  const words = [process.execPath, join(ROOT, 'bin', program), ...args.map(String)]
  // Between Node processes a "pipe" is a socket, which cannot be opened by its name.
  const piped = ['/bin/sh', '-c', 'printf %s "$0" | "$@"', pipeFrom ?? '', ...words]
  const fed = ['/bin/sh', '-c', 'exec "$@" < "$0"', inputFile ?? '', ...words]
  const [command = '', ...rest] = pipeFrom !== undefined ? piped : inputFile !== undefined ? fed : words
  const child = spawn(command, rest, {
    env: { ...environment(), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  const watchers: (() => void)[] = []
  const changed = (): void => {
    for (const watcher of watchers.splice(0)) watcher()
  }
  const collect = (stream: Readable, into: Buffer[]): void => {
    stream.on('data', (chunk: Buffer) => {
      into.push(chunk)
      changed()
    })
  }
  collect(child.stdout, out)
  collect(child.stderr, err)
  if (pauseStdout) child.stdout.pause()
  child.stdin.on('error', () => {}) // a program need not read all its input
  if (input !== undefined) child.stdin.end(input)
  else if (!keepStdin) child.stdin.end()

  let ended = false
  const done = new Promise<Result>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${program} did not end within ${limitMs / 1000} s; it said:\n${Buffer.concat(err)}`))
    }, limitMs)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      ended = true
      resolve({ code, signal, stdout: Buffer.concat(out), stderr: Buffer.concat(err) })
      changed()
    })
  })
  done.catch(() => {})
  t.after(() => {
    child.kill('SIGKILL')
    child.stdout.destroy()
  })
  return {
    child,
    pid: child.pid as number,
    stdin: child.stdin,
    stdout: child.stdout,
    done,
    get out() {
      return Buffer.concat(out).toString()
    },
    get err() {
      return Buffer.concat(err).toString()
    },
    async saw(stream, pattern) {
      const text = (): string => Buffer.concat(stream === 'out' ? out : err).toString()
      while (!pattern.test(text())) {
        if (ended) throw new Error(`${program} ended without ${pattern}; it said:\n${Buffer.concat(err)}`)
        await new Promise<void>((resolve) => watchers.push(resolve))
      }
    },
    kill: (signal) => void child.kill(signal),
  }
}

/** Runs a program to its end. */
export function cli(t: TestContext, program: Program, args: Args, options: CliOptions = {}): Promise<Result> {
  return start(t, program, args, options).done
}

/** Runs a program against a scripted broker; a script that was not played as written fails the test first. */
export async function converse(
  t: TestContext,
  text: string,
  program: Program,
  args: Args,
  options: CliOptions & ScriptOptions = {},
): Promise<Told> {
  const broker = await script(t, text, options)
  const run = start(t, program, ['-h', '127.0.0.1', '-p', broker.port, ...args], options)
  try {
    await broker.done
  } catch (error) {
    run.kill('SIGKILL')
    throw new Error(`${(error as Error).message}\n--- ${program} said:\n${run.err}`)
  }
  return told(await run.done)
}

/** A result in words, for comparing. */
export interface Told {
  code: number | NodeJS.Signals | null
  out: string
  err: string
}

export function told({ code, signal, stdout, stderr }: Result): Told {
  return { code: signal ?? code, out: stdout.toString(), err: stderr.toString() }
}

export const QUIET: Told = { code: 0, out: '', err: '' }

/** A folder that is gone when the test is over. */
export function temporaryFolder(t: Scope): string {
  const path = mkdtempSync(join(tmpdir(), 'mqtt-tools-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** What a program does in this process, for the many command lines that end before anything is connected. */
export async function inProcess(program: Program, args: Args): Promise<Told> {
  const { main } =
    program === 'mqtt-pub' ? await import('../../src/cli/pub.js') : await import('../../src/cli/sub.js')
  let out = ''
  let err = ''
  const code = await main(args.map(String), {
    env: {},
    pid: 4711,
    stdinFile: undefined,
    get stdin(): never {
      throw new Error('standard input was touched')
    },
    terminal: undefined,
    stderr: new PassThrough(),
    screen: undefined,
    colour: false,
    hideArguments() {},
    keepFilesPrivate() {},
    keepHeapSmall() {},
    write(parts, done) {
      out += Buffer.concat(parts)
      done()
    },
    complain(line) {
      err += `${line}\n`
    },
    draw() {},
    onSignal() {},
    dieBy() {},
    isRunning: () => true,
  })
  return { code, out, err }
}
