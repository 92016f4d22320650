// Runs a command as a whole process: time from start to exit, peak memory, what it printed.

import { execFileSync, spawn } from 'node:child_process'
import { closeSync, createReadStream, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { environment } from '../support/processes.js'

export interface Sample {
  seconds: number
  peakMiB: number
  status: number | null
  /** Lines on standard output. */
  lines: number
}

export interface Run {
  command: string
  args: readonly (string | number)[]
  /** A file for standard input: as it is, or through a pipe. */
  input?: { path: string; piped: boolean }
}

const POLL_MS = 10
let isPolling = true

/** Whether memory is looked at from here on: that costs a short run a part of its time. */
export function pollMemory(wanted: boolean): void {
  isPolling = wanted
}

/** One of our programs. */
export function ours(program: string, args: Run['args']): Pick<Run, 'command' | 'args'> {
  const bin = fileURLToPath(new URL(`../../bin/${program}`, import.meta.url))
  return { command: process.execPath, args: [bin, ...args] }
}

export function measure({ command, args, input }: Run): Promise<Sample> {
  return new Promise((resolve, reject) => {
    const shell = input !== undefined && !input.piped
    const words = shell ? ['sh', '-c', 'exec "$@" < "$0"', input.path, command] : [command]
    const [file = '', ...rest] = [...words, ...args.map(String)]
    const output = lineCounter()
    const started = performance.now() // behind all that is not the program's
    const child = spawn(file, rest, { stdio: ['pipe', output.fd, 'inherit'], env: environment() })
    closeSync(output.fd)
    const stdin = child.stdin as Writable // by the first word of stdio
    const sample: Sample = { seconds: 0, peakMiB: 0, status: null, lines: 0 }
    stdin.on('error', () => {})
    if (input?.piped) createReadStream(input.path, { highWaterMark: 1 << 16 }).pipe(stdin)
    else stdin.end()
    const poll = setInterval(() => {
      if (isPolling) sample.peakMiB = Math.max(sample.peakMiB, highWaterMiB(child.pid as number))
    }, POLL_MS)
    child.on('error', reject)
    child.on('exit', () => {
      sample.seconds = (performance.now() - started) / 1000
      clearInterval(poll)
    })
    child.on('close', (status) => output.lines.then((lines) => resolve({ ...sample, status, lines }), reject))
  })
}

/**
 * The end of a pipe to write into, and how many lines came out at the other. They are counted by a program that is quick
 * and not this one, which may be busy as the peer.
 */
function lineCounter(): { fd: number; lines: Promise<number> } {
  const folder = mkdtempSync(join(tmpdir(), 'mqtt-tools-bench-pipe-'))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const both = openSync(path, 'r+') // so that opening either end does not wait for the other
  const [from, fd] = [openSync(path, 'r'), openSync(path, 'w')]
  const counter = spawn('wc', ['-l'], { stdio: [from, 'pipe', 'inherit'] })
  for (const each of [both, from]) closeSync(each)
  rmSync(folder, { recursive: true })
  return { fd, lines: text(counter.stdout as Readable).then(Number) }
}

function highWaterMiB(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    return Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
