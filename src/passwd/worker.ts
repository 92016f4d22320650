// A thread of the pool: hashes what it is given, one password at a time. Built as a file of its own.

import { parentPort } from 'node:worker_threads'
import { UsageError } from '../errors.js'
import { type Answer, type Job, work } from './pool.js'

parentPort?.on('message', async ({ at, job }: { at: number; job: Job }) => {
  // A Buffer arrives as a Uint8Array.
  const answer = await work({ ...job, password: Buffer.from(job.password) }).then(
    (value): Answer => ({ at, value }),
    (error: unknown): Answer => {
      if (error instanceof UsageError) return { at, fault: error.message }
      throw error
    },
  )
  parentPort?.postMessage(answer)
})
