// Programs as child processes of a test: each in a group of its own, watched line by line, ended within a limit, and
// killed when the test is over, however it ends.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

/** What a test context is to a helper: it tells when everything has to be gone. */
export type Scope = Pick<TestContext, 'after'>

/** Gives `body` what a test context gives: an end at which everything is cleared up. */
export async function within<R>(body: (t: Scope) => Promise<R>): Promise<R> {
  const cleanups: (() => unknown)[] = []
  try {
    return await body({ after: (cleanup) => void cleanups.unshift(cleanup as () => unknown) })
  } finally {
    for (const cleanup of cleanups) await cleanup()
  }
}

/** The environment of a program under test: nothing of the caller's may change what it does. */
export function environment(): NodeJS.ProcessEnv {
  const { PATH, SYSTEMROOT } = process.env
  return { PATH, ...(SYSTEMROOT && { SYSTEMROOT }), HOME: '/nonexistent', LANG: 'C.UTF-8', TZ: 'UTC' }
}

/** Far longer than anything here takes: reaching it means that something hangs. */
const LIMIT_MS = 90_000

export const MQTT_PUB = fileURLToPath(new URL('../../bin/mqtt-pub', import.meta.url))
export const MQTT_SUB = fileURLToPath(new URL('../../bin/mqtt-sub', import.meta.url))

/** Text that comes in pieces, as lines. */
export class Lines {
  readonly all: string[] = []
  #rest = ''
  #closed = false
  readonly #waiting = new Set<() => void>()

  push(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    this.all.push(...lines)
    for (const check of this.#waiting) check()
  }

  /** No more will come, until `reopen`. */
  close(): void {
    if (this.#rest !== '') this.push('\n')
    this.#closed = true
    for (const check of this.#waiting) check()
  }

  reopen(): void {
    this.#closed = false
  }

  /** The first line from number `from` on that matches, now or later. */
  seen(pattern: RegExp, from = 0): Promise<string> {
    let next = from
    return waitFor(
      `a line like ${pattern}`,
      () => {
        for (; next < this.all.length; next++) if (pattern.test(this.all[next] ?? '')) return this.all[next]
        return undefined
      },
      { on: this.#waiting, closed: () => this.#closed, context: () => this.all.slice(-20).join('\n') },
    )
  }
}

interface Source {
  on: Set<() => void>
  closed: () => boolean
  /** For the error. */
  context: () => string
}

/** Waits until `check` has a value, asking again whenever the source calls. */
function waitFor<T>(what: string, check: () => T | undefined, { on, closed, context }: Source): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(limit)
      on.delete(look)
      act()
    }
    const fail = (why: string): void => {
      settle(() => reject(new Error(`${what} did not come ${why}; the last of the text:\n${context()}`)))
    }
    const look = (): void => {
      const value = check()
      if (value !== undefined) settle(() => resolve(value))
      else if (closed()) fail('before the end')
    }
    const limit = setTimeout(() => fail('in time'), LIMIT_MS)
    on.add(look)
    look()
  })
}

/** Asks until `check` answers true; for what tells nobody when it changes. */
export async function until(what: string, check: () => boolean): Promise<void> {
  const end = performance.now() + LIMIT_MS
  while (!check()) {
    if (performance.now() > end) throw new Error(`did not happen in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export interface Result {
  /** Exit status, or the signal that ended it. */
  status: number | NodeJS.Signals
  stdout: Buffer
  stderr: string
}

export interface StartOptions {
  /** All of standard input; `open` leaves it to the test. Default: none. */
  input?: string | Uint8Array | 'open'
  /** Where lines of stderr go. */
  log?: Lines
  /** May run for as long as the test does. */
  endless?: boolean
}

const alive = new Set<Running>()
process.on('exit', () => {
  for (const each of alive) each.signal('SIGKILL')
  for (const each of folders) remove(each)
})
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
  process.once(signal, () => process.exit(128 + number))
}

export class Running {
  readonly #child: ChildProcess
  readonly #chunks: Buffer[] = []
  readonly #waiting = new Set<() => void>()
  readonly stderr: Lines
  /** Lines that have come on stdout. */
  printed = 0
  readonly ended: Promise<Result>
  #over = false

  constructor(command: string, args: readonly string[], { input, log, endless }: StartOptions) {
    this.stderr = log ?? new Lines()
    const child = spawn(command, args, {
      detached: true, // a group of its own, so that a pipeline can be stopped and killed as one
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: environment(),
    })
    this.#child = child
    alive.add(this)
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) this.printed++
      for (const check of this.#waiting) check()
    })
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      this.stderr.push(chunk)
    })
    this.ended = new Promise((resolve, reject) => {
      const onLimit = (): void => {
        this.signal('SIGKILL')
        reject(new Error(`${command} ${args.join(' ')} did not end; it said:\n${text}`))
      }
      const limit = endless ? undefined : setTimeout(onLimit, LIMIT_MS)
      const close = (): void => {
        clearTimeout(limit)
        this.#over = true
        alive.delete(this)
        this.stderr.close()
        for (const check of this.#waiting) check()
      }
      child.on('error', (error) => {
        close()
        reject(error)
      })
      child.on('close', (code, signal) => {
        close()
        resolve({ status: code ?? signal ?? 'SIGKILL', stdout: this.stdout, stderr: text })
      })
    })
    this.ended.catch(() => {}) // whoever awaits it is told
    child.stdin?.on('error', () => {}) // the program may end before it has read everything
    if (input !== undefined && input !== 'open') child.stdin?.end(input)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  write(text: string): void {
    this.#child.stdin?.write(text)
  }

  endInput(): void {
    this.#child.stdin?.end()
  }

  /** To the program and, in a pipeline, all others of it. */
  signal(name: NodeJS.Signals): void {
    if (this.#over || this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  /** Stops it, and waits until no thread of it runs any more. Linux only, and not for pipelines. */
  async freeze(): Promise<void> {
    this.signal('SIGSTOP')
    const tasks = `/proc/${this.pid}/task`
    const isStopped = (task: string): boolean =>
      // number (name) state ...
      / T [^)]*$/.test(readFileSync(join(tasks, task, 'stat'), 'latin1'))
    await until(`process ${this.pid} has stopped, or is over`, () => {
      try {
        return this.#over || readdirSync(tasks).every(isStopped)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        return !existsSync(tasks) // or one thread has ended
      }
    })
  }

  /** Waits until stdout has that many lines. */
  prints(count: number): Promise<number> {
    return this.#onStdout(`line ${count} of stdout`, () => (this.printed >= count ? this.printed : undefined))
  }

  /** Waits until stdout ends in `text`. */
  async printsAtEnd(text: string): Promise<void> {
    const bytes = Buffer.from(text)
    await this.#onStdout(`${JSON.stringify(text)} at the end of stdout`, () => {
      const last = this.#chunks.at(-1)
      if (last === undefined) return undefined
      const tail = last.length >= bytes.length ? last : this.stdout
      return tail.subarray(-bytes.length).equals(bytes) ? true : undefined
    })
  }

  /** Calls `listener` for what comes on stdout from now on. */
  onPrint(listener: () => void): void {
    this.#waiting.add(listener)
  }

  #onStdout<T>(what: string, check: () => T | undefined): Promise<T> {
    return waitFor(what, check, {
      on: this.#waiting,
      closed: () => this.#over,
      context: () =>
        `${this.stdout.subarray(-500).toString('latin1')}\n${this.stderr.all.slice(-20).join('\n')}`,
    })
  }
}

/** Starts a program that does not outlive the test. */
export function start(
  t: Scope,
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Running {
  const running = new Running(command, args, options)
  t.after(async () => {
    running.signal('SIGKILL')
    await running.ended.catch(() => {})
  })
  return running
}

/** A program of ours in a pseudo-terminal, whose output, CR before LF, is its stdout; undefined where there is none. */
export function startInTerminal(
  t: TestContext,
  program: string,
  args: readonly (string | number)[],
  { env = {}, ...options }: StartOptions & { env?: Readonly<Record<string, string>> } = {},
): Running | undefined {
  const script = findCommand('script')
  if (script === undefined) {
    t.skip('script (of bsdutils) is not on PATH')
    return undefined
  }
  const bin = fileURLToPath(new URL(`../../bin/${program}`, import.meta.url))
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const words = ['env', ...settings, process.execPath, bin, ...args]
  const quoted = words.map((word) => `'${String(word).replaceAll("'", "'\\''")}'`).join(' ')
  return start(t, script, ['-qec', quoted, '/dev/null'], options)
}

export function startPub(t: TestContext, args: readonly string[], options?: StartOptions): Running {
  return start(t, process.execPath, [MQTT_PUB, ...args], options)
}

export function startSub(t: TestContext, args: readonly string[]): Running {
  return start(t, process.execPath, [MQTT_SUB, ...args])
}

/** `seq 1 COUNT | mqtt-pub ARGS`, in a shell. */
export function startSeqPub(t: TestContext, count: number, args: readonly string[]): Running {
  return start(t, 'sh', ['-c', 'seq 1 "$0" | "$@"', String(count), process.execPath, MQTT_PUB, ...args])
}

/** What `seq 1 COUNT` prints. */
export function seq(count: number): string {
  return Array.from({ length: count }, (_, at) => `${at + 1}\n`).join('')
}

/** Status 0 and nothing on stderr. */
export function assertQuiet({ status, stderr }: Result): void {
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
}

/** Compares what may be long, without printing all of it. */
export function assertSameBytes(actual: Uint8Array, expected: string | Uint8Array): void {
  const [a, b] = [Buffer.from(actual), Buffer.from(expected)]
  if (a.equals(b)) return
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at++
  const from = Math.max(0, at - 40)
  assert.fail(
    [
      `${a.length} bytes instead of ${b.length}, the first difference at offset ${at}:`,
      `expected ${JSON.stringify(b.toString('latin1', from, at + 40))}`,
      `got      ${JSON.stringify(a.toString('latin1', from, at + 40))}`,
    ].join('\n'),
  )
}

const folders = new Set<string>()

/** An empty folder that is gone when this process ends. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mqtt-tools-brokers-'))
  folders.add(folder)
  return folder
}

/** An empty folder that is gone when the test is over. */
export function temporaryFolder(t: Scope): string {
  const folder = newFolder()
  t.after(() => remove(folder))
  return folder
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  folders.delete(folder)
}

/** Where a command is; brokers live where the PATH of a user need not lead. */
export function findCommand(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
