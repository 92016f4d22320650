// The world as the programs see it: streams, environment, signals. The only file that names `process`.

import type { Readable } from 'node:stream'

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly pid: number
  readonly stdin: Readable
  /** Whether diagnostics may be coloured: a terminal, and nobody said NO_COLOR. */
  readonly colour: boolean
  /** Writes to stdout; `done` comes when the kernel has taken the bytes, or with the error that prevented it. */
  write(bytes: Uint8Array, done: (error?: NodeJS.ErrnoException) => void): void
  /** Writes one line to stderr. */
  complain(line: string): void
  /** Calls `handler` at the first of these signals; a second one, whichever it is, has its default effect. */
  onSignal(signals: readonly Signal[], handler: (signal: Signal) => void): void
  /** Ends this process as the signal would have done. */
  dieBy(signal: Signal): void
}

export function processIo(): Io {
  const { stdout, stderr, env } = process
  let broken: NodeJS.ErrnoException | undefined
  // Each write hears of its own failure; this only keeps the stream from throwing.
  stdout.on('error', (error) => {
    broken = error
  })
  stderr.on('error', () => {})
  return {
    env,
    pid: process.pid,
    get stdin() {
      return process.stdin
    },
    colour: stderr.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb',
    write(bytes, done) {
      if (broken !== undefined) return done(broken)
      stdout.write(bytes, (error) => done(error ?? undefined))
    },
    complain(line) {
      stderr.write(`${line}\n`)
    },
    onSignal(signals, handler) {
      const once = (signal: NodeJS.Signals): void => {
        for (const each of signals) process.removeListener(each, once)
        handler(signal as Signal)
      }
      for (const each of signals) process.on(each, once)
    },
    dieBy(signal) {
      process.kill(process.pid, signal)
    },
  }
}

/** Runs a program and exits with its status once everything written has left. */
export async function run(main: (argv: readonly string[], io: Io) => Promise<number>): Promise<void> {
  const status = await main(process.argv.slice(2), processIo())
  const { stdout, stderr } = process
  const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
    new Promise((resolve) => (stream.writableLength === 0 ? resolve() : stream.write('', () => resolve())))
  await flushed(stderr)
  if (stdout.writable) await flushed(stdout)
  process.exit(status) // an open stdin would keep the process alive
}
