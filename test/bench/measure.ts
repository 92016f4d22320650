// Runs a command as a whole process: time from start to exit, peak memory, what it printed.

import { spawn } from 'node:child_process'
import { createReadStream, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

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
    const started = performance.now()
    const [file = '', ...rest] = [...words, ...args.map(String)]
    const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'inherit'], env: environment() })
    const sample: Sample = { seconds: 0, peakMiB: 0, status: null, lines: 0 }
    child.stdin.on('error', () => {})
    if (input?.piped) createReadStream(input.path, { highWaterMark: 1 << 16 }).pipe(child.stdin)
    else child.stdin.end()
    child.stdout.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) sample.lines++
    })
    const poll = setInterval(() => {
      if (isPolling) sample.peakMiB = Math.max(sample.peakMiB, highWaterMiB(child.pid as number))
    }, POLL_MS)
    child.on('error', reject)
    child.on('exit', () => {
      sample.seconds = (performance.now() - started) / 1000
      clearInterval(poll)
    })
    child.on('close', (status) => resolve({ ...sample, status }))
  })
}

/** Nothing of the user's settings, and no colours. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: '/nonexistent', LANG: 'C.UTF-8' }
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
