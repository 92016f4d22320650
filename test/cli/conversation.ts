// Conversations in the short notation of the session tests, played by the scripted broker to a built program.
//
//   < CONNECT clean=0        as in broker/script.ts            > CONNACK [SP] | SUBACK 1 | PUBREC 1 | DISCONNECT 8e
//   > q1 5 x [dup] [@topic]  a PUBLISH; @topic else than a     > q1 1 a + q1 2 b   in one segment
//   > singly q1 5 x          each byte in its own              3: ... or 34: ...   only in these versions
//   do stop                  SIGTERM to the program
//
// `reconnect` stands for a cut and a new connection that resumes the session, up to the CONNACK.

import type { TestContext } from 'node:test'
import { script } from '../broker/script.js'
import { packet, publish, u16 } from '../broker/wire.js'
import type { Args } from '../support/run.js'
import { type Program, start, type Told } from './support.js'

export type Level = 3 | 4 | 5
export const LEVELS: readonly Level[] = [3, 4, 5]
const NAMES = { 3: 'mqttv31', 4: 'mqttv311', 5: 'mqttv5' } as const

const ACKS: Readonly<Record<string, number>> = { PUBACK: 0x40, PUBREC: 0x50, PUBREL: 0x62, PUBCOMP: 0x70 }
/** 3.1 does not tell whether it has the session, so that mqtt-sub subscribes again. */
const RECONNECT = ['cut', 'accept', '< CONNECT clean=0', '> CONNACK SP']

export interface Conversation {
  program: Program
  args: Args
  level: Level
  text: string
  input?: string
}

/** Plays it; a script that was not played as written fails the test. */
export async function play(
  t: TestContext,
  { program, args, level, text, input = '' }: Conversation,
): Promise<Told> {
  const broker = await script(t, expand(text, level), { do: { stop: () => run.kill('SIGTERM') } })
  const run = start(t, program, ['-h', '127.0.0.1', '-p', broker.port, '-V', NAMES[level], ...args], {
    input,
  })
  await broker.done.catch((error) => {
    run.kill('SIGKILL')
    throw new Error(`${error.message}\n--- ${program} said:\n${run.err}`)
  })
  const { code, signal, stdout, stderr } = await run.done
  return { code: signal ?? code, out: stdout.toString(), err: stderr.toString() }
}

function expand(text: string, level: Level): string {
  const lines = text.split('\n').flatMap((line) => (line.trim() === 'reconnect' ? RECONNECT : [line.trim()]))
  return lines
    .flatMap((line) => {
      const [, levels, rest = line] = /^(\d+): (.*)$/.exec(line) ?? []
      return levels === undefined || levels.includes(String(level)) ? [rest] : []
    })
    .map((line) => (line.startsWith('> ') ? sending(line.slice(2), level) : line))
    .join('\n')
}

function sending(text: string, level: Level): string {
  const singly = text.startsWith('singly ')
  const parts = (singly ? text.slice(7) : text).split(' + ').map((each) => bytesOf(each, level))
  const hex = Buffer.concat(parts).toString('hex')
  return `> ${singly ? hex.replace(/..(?=.)/g, '$& | ') : hex}`
}

function bytesOf(text: string, level: Level): Buffer {
  const [name = '', first = '', ...rest] = text.split(' ')
  const words = [first, ...rest]
  if (/^q[012]$/.test(name)) {
    const qos = Number(name[1])
    const topic = words.find((word) => word.startsWith('@'))?.slice(1) ?? 'a'
    const [dup, retain] = [words.includes('dup'), words.includes('retain')]
    return publish(level, topic, rest[0] ?? '', { qos, id: Number(first), dup, retain })
  }
  const id = u16(Number(first) || 0)
  const ack = ACKS[name]
  if (ack !== undefined) return packet(ack, id, rest.length === 0 ? [] : [Number.parseInt(rest[0] ?? '', 16)])
  switch (name) {
    case 'CONNACK':
      return packet(0x20, [words.includes('SP') && level !== 3 ? 1 : 0, 0], level === 5 ? [0] : [])
    case 'SUBACK':
      return packet(0x90, id, level === 5 ? [0] : [], rest.map(Number))
    case 'PINGRESP':
      return packet(0xd0)
    case 'DISCONNECT':
      return packet(0xe0, [Number.parseInt(first, 16)])
    default:
      return Buffer.from(text.replaceAll(' ', ''), 'hex')
  }
}
