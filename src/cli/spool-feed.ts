// What goes into the spool: a message, or lines of standard input, read no faster than they can be stored.

import type { Readable } from 'node:stream'
import { Alarm, now } from '../client/index.js'
import type { Spool, SpoolMessage } from '../spool/index.js'
import type { Given } from './flags/table.js'
import { eachLine, readLines } from './lines.js'

/** Stores the message as often as --repeat says. */
export async function feedMessage(
  spool: Spool,
  message: SpoolMessage,
  { repeat = 1, repeatDelaySeconds = 0 }: Given,
  stopped: AbortSignal,
  stored: () => void,
): Promise<void> {
  for (let nth = 0; nth < repeat && !stopped.aborted; nth++) {
    if (nth > 0 && repeatDelaySeconds > 0) {
      await new Promise<void>((resolve) => new Alarm().set(now() + 1_000 * repeatDelaySeconds, resolve))
    }
    await spool.room()
    await spool.append([message])
    stored()
  }
}

/** Stores each line; those that came together share a write. Resolves at the end of the input. */
export async function feedLines(
  spool: Spool,
  message: Omit<SpoolMessage, 'payload'>,
  input: Readable,
  stopped: AbortSignal,
  stored: () => void,
): Promise<void> {
  const batch: Uint8Array[] = []
  let storing: Promise<void> = Promise.resolve()
  let failed = (_error: unknown): void => {}
  const failure = new Promise<never>((_, reject) => {
    failed = reject
  })
  const store = async (): Promise<void> => {
    lines.pause()
    await spool.append(batch.splice(0).map((payload) => ({ ...message, payload })))
    stored()
    await spool.room()
    lines.resume()
  }
  const lines = readLines(input, (block) => {
    for (const line of eachLine(block)) batch.push(line)
    if (batch.length > block.ends.length) return
    storing = Promise.resolve().then(store) // when the turn is over, and all of them are here
    storing.catch(failed)
  })
  stopped.addEventListener('abort', () => lines.stop())
  await Promise.race([lines.ended, failure])
  await storing
}
