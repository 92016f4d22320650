// What goes into the spool: a message, or lines of standard input, read no faster than they can be stored.

import type { Readable } from 'node:stream'
import { Alarm, now } from '../client/index.js'
import { payloadAt } from '../packet/index.js'
import type { Spool, SpoolMessage } from '../spool/index.js'
import type { Given } from './flags/table.js'
import type { ReadNext } from './io.js'
import { type LineBlock, readLines } from './lines.js'

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

/** Each line as a message, none of which exists before it is asked for. */
function* messagesOf(
  block: LineBlock,
  { topic, qos, retain, properties }: Omit<SpoolMessage, 'payload'>,
): Iterable<SpoolMessage> {
  for (let at = 0; at < block.ends.length; at++) {
    yield { topic, payload: payloadAt(block, at), qos, retain, properties }
  }
}

/**
 * Stores each line; those that came together share a write. `full` is called whenever the reading waits for room. Resolves
 * at the end of the input.
 */
export async function feedLines(
  spool: Spool,
  message: Omit<SpoolMessage, 'payload'>,
  input: Readable | ReadNext,
  stopped: AbortSignal,
  stored: () => void,
  full: () => void,
): Promise<void> {
  let storing: Promise<void> = Promise.resolve()
  let failed = (_error: unknown): void => {}
  const failure = new Promise<never>((_, reject) => {
    failed = reject
  })
  const store = async (block: LineBlock): Promise<void> => {
    await spool.append(messagesOf(block, message))
    stored()
    if (spool.isFull) full()
    await spool.room()
    lines.resume()
  }
  const lines = readLines(input, (block) => {
    lines.pause() // no more than one write takes: what waits for its turn meanwhile costs memory
    storing = store(block)
    storing.catch(failed)
  })
  stopped.addEventListener('abort', () => lines.stop())
  await Promise.race([lines.ended, failure])
  await storing
}
