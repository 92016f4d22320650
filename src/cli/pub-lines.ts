// mqtt-pub -l: each line of standard input is a message.

import type { Client, PublishOptions } from '../client/index.js'
import { NONE } from '../packet/index.js'
import type { Io } from './io.js'
import { eachLine, type LineBlock, readLines } from './lines.js'
import type { Tally } from './pub.js'

/** Lines that came together in fewer bytes are handed on together. */
const TOGETHER_BYTES = 1_048_576

/** Reads no faster than the client takes the lines. Resolves when the input has ended and all is settled. */
export async function publishLines(
  client: Client,
  topic: string,
  message: PublishOptions,
  tally: Tally,
  io: Io,
  interrupted: AbortSignal,
): Promise<void> {
  let isPaused = false
  // Where they have properties, or one may be too long, they are taken one by one.
  const together = message.properties === NONE
  const take = (block: LineBlock): boolean => {
    if (together && block.bytes.length < TOGETHER_BYTES) {
      client.enqueueMany(topic, block, message, tally.next(block.ends.length))
    } else for (const line of eachLine(block)) client.enqueue(topic, line, message, tally.next())
    return client.writable && !tally.isBehind
  }
  const onLines = (block: LineBlock): void => {
    if (interrupted.aborted || take(block) || isPaused) return
    isPaused = true
    lines.pause()
    const resume = (): void => {
      isPaused = false
      lines.resume()
    }
    client.drain(() => tally.drain(resume))
  }
  const lines = readLines(io.stdinFile ?? io.stdin, onLines, () => client.isClear)
  interrupted.addEventListener('abort', () => lines.stop())
  tally.onStop(() => lines.stop())
  await lines.ended
  if (!interrupted.aborted) await client.drained()
}
