// Hashing of many passwords, on all cores where that takes long.

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { UsageError } from '../errors.js'
import { estimateMs, hash, type Scheme, verify } from './hash.js'

/** One password to hash, unless `current` is its hash already. */
export interface Job {
  password: Buffer
  scheme: Scheme
  current?: string
}

/** A worker's answer to job number `at`; `fault` is the message of a UsageError. */
export interface Answer {
  at: number
  value?: string | undefined
  fault?: string
}

/** Starting a worker takes a tenth of a second. */
const WORTH_WORKERS_MS = 500

/** The new value, or undefined where the current one is right. Throws UsageError. */
export async function work({ password, scheme, current }: Job): Promise<string | undefined> {
  if (current !== undefined && (await verify(password, current))) return undefined
  return hash(password, scheme)
}

/** About how long the jobs take on one core. */
export function durationMs(jobs: readonly Job[]): number {
  return jobs.reduce((sum, { scheme }) => sum + estimateMs(scheme), 0)
}

/**
 * Does all jobs, and calls `onDone` after each; the answers are in the order of the jobs. `worker` is the path of the
 * built worker.ts. Throws UsageError at the first job that fails.
 */
export async function workAll(
  jobs: readonly Job[],
  worker: string,
  onDone: () => void = () => {},
): Promise<(string | undefined)[]> {
  if (jobs.length > 1 && durationMs(jobs) >= WORTH_WORKERS_MS) return inWorkers(jobs, worker, onDone)
  const values: (string | undefined)[] = []
  for (const job of jobs) {
    values.push(await work(job))
    onDone()
  }
  return values
}

function inWorkers(jobs: readonly Job[], path: string, onDone: () => void): Promise<(string | undefined)[]> {
  const values: (string | undefined)[] = Array(jobs.length)
  const workers = Array.from(
    { length: Math.min(jobs.length, availableParallelism()) },
    () => new Worker(path),
  )
  let next = 0
  let left = jobs.length
  const done = new Promise<void>((resolve, reject) => {
    for (const worker of workers) {
      const give = (): void => {
        if (next < jobs.length) worker.postMessage({ at: next, job: jobs[next++] })
      }
      worker.on('error', reject)
      worker.on('message', ({ at, value, fault }: Answer) => {
        if (fault !== undefined) return reject(new UsageError(fault))
        values[at] = value
        onDone()
        if (--left === 0) resolve()
        give()
      })
      give()
    }
  })
  return done.then(() => values).finally(() => Promise.all(workers.map((worker) => worker.terminate())))
}
