// mqtt-sub killed with SIGKILL again and again while it drains a durable session: the joined outputs have no gap.

import { KEEPING_BROKER, startMosquitto } from '../support/mosquitto.js'
import { findCommand, type Scope, start as startCommand, until } from '../support/processes.js'
import { randomFrom, whole } from '../support/random.js'
import { type Running, start } from '../support/run.js'
import type { Version } from './cases.js'
import { relay } from './relay.js'

export interface Kills {
  version: Version
  messages: number
  kills: number
  seed: string
}

export interface Killed {
  /** Messages that were never printed. */
  lost: string[]
  repeated: number
}

/** So slow that each run gets a small part of the stream. */
const BYTES_PER_SECOND = 40_000
const BROKER = KEEPING_BROKER.replace('max_inflight_messages 1000', 'max_inflight_messages 20')
const END = 'END'

export async function killAgainAndAgain(
  t: Scope,
  { version, messages, kills, seed }: Kills,
): Promise<Killed> {
  const random = randomFrom(`${seed} kills ${version}`)
  const { port } = await startMosquitto(t, BROKER)
  const where = ['-h', '127.0.0.1', '-p', String(port)]
  const slow = await relay(t, port, { bytesPerSecond: BYTES_PER_SECOND })
  const to = ['-h', '127.0.0.1', '-p', slow.port, '-V', version]
  const args = [...to, '-c', '-i', 'reader', '-t', 'n', '-q', 2]
  const sub = (...more: string[]): Running => start(t, 'mqtt-sub', [...args, ...more])
  await sub('-E').done
  const publish = async (lines: readonly string[], qos: number): Promise<void> => {
    const command = findCommand('mosquitto_pub') ?? 'mosquitto_pub'
    const input = lines.map((line) => `${line}\n`).join('')
    await startCommand(t, command, [...where, '-t', 'n', '-q', String(qos), '-l'], { input }).ended
  }
  const sent: string[] = []
  // Both qualities of service in one stream, in turns of a hundred.
  const extend = async (count: number): Promise<void> => {
    for (const end = sent.length + count; sent.length < end; ) {
      const lines = Array.from({ length: 100 }, (_, at) => `${sent.length + at + 1}`)
      await publish(lines, sent.length % 200 === 0 ? 1 : 2)
      sent.push(...lines)
    }
  }
  await extend(messages)
  const printed: string[] = []
  for (let left = kills; left > 0; left--) {
    const missing = sent.length - new Set(printed).size
    if (missing === 0) await extend(messages / 10) // it was faster than expected
    // Each is allowed a part of its share of what is left, and then an instant more.
    const run = sub()
    const wanted = whole(random, 0, Math.ceil(missing / left))
    let isOver = false
    const done = run.done.finally(() => {
      isOver = true
    })
    await until('a moment to kill it', () => isOver || linesOf(run.out).length >= wanted)
    if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, whole(random, 0, 20)))
    run.kill('SIGKILL')
    await done
    printed.push(...linesOf(run.out))
  }
  await publish([END], 2)
  const last = sub()
  await last.saw('out', new RegExp(`^${END}$`, 'm'))
  last.kill('SIGTERM')
  await last.done
  printed.push(...linesOf(last.out))
  const all = printed.filter((line) => line !== END)
  const seen = new Set(all)
  return { lost: sent.filter((line) => !seen.has(line)), repeated: all.length - seen.size }
}

/** Whole lines: one that a kill tore is printed again. */
function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1)
}
