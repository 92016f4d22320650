// A stream of numbered lines through a spool, while publisher and broker are killed (SIGKILL) in turn.
//
// What counts as read: a killed program takes with it what it had in its hands, and the pipe with all that is in it. A
// line counts as read once it is in the spool, so the feeder asks the spool (`taken` of --spool-status) how many there
// have been, and goes on behind them. The broker is killed as in test/brokers/restart.test.ts: frozen clients, then
// everything read and saved, because what it acknowledges and has not saved is lost with it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { KEEPING_BROKER, type Mosquitto, startMosquitto } from './mosquitto.js'
import { MQTT_PUB, MQTT_SUB, type Running, start, startPub, temporaryFolder } from './processes.js'

// See test/brokers/restart.test.ts for the window.
const BROKER = KEEPING_BROKER.replace('max_inflight_messages 1000', 'max_inflight_messages 20000')

export interface Stream {
  version: string
  qos: 1 | 2
  count: number
  /** How often each of both is killed. */
  kills: number
  seed: number
  /** Lines that may be ahead of what the subscriber has printed. */
  ahead: number
}

/** Lines as they arrived, and how often a publisher was started. */
export interface Outcome {
  stdout: Buffer
  runs: number
}

export async function stream(
  t: TestContext,
  { version, qos, count, kills, seed, ahead }: Stream,
): Promise<Outcome> {
  const random = generator(seed)
  const mosquitto = await startMosquitto(t, BROKER)
  const to = ['-h', '127.0.0.1', '-p', String(mosquitto.port), '-V', version]
  const words = [...to, '-c', '-i', 'reader', '-t', 'n', '-q', String(qos)]
  // Which tells of attempts to connect that fail.
  const sub = start(t, process.execPath, [MQTT_SUB, ...words, '--explain'], { endless: true })
  await mosquitto.subscribed(sub, 'reader', 'n')
  const publisher = new Publisher(t, sub, to, { qos, count, ahead })
  for (let nth = 0; nth < 2 * kills; nth++) {
    const share = (nth + 0.1 + 0.8 * random()) / (2 * kills)
    await sub.prints(Math.floor(count * share))
    if (nth % 2 === 0) await publisher.killAndRestart()
    else await killBroker(mosquitto, publisher.running, sub)
  }
  const { status, stderr } = await publisher.running.ended
  assert.equal(status, 0, stderr)
  const last = startPub(t, [...to, '-t', 'n', '-q', String(qos), '-m', 'END'])
  assert.equal((await last.ended).status, 0)
  await sub.printsAtEnd('END\n')
  sub.signal('SIGTERM')
  const { stdout } = await sub.ended
  return { stdout: stdout.subarray(0, -4), runs: publisher.runs }
}

class Publisher {
  running: Running
  runs = 0
  readonly #t: TestContext
  readonly #sub: Running
  readonly #words: readonly string[]
  readonly #folder: string
  readonly #count: number
  readonly #ahead: number
  #given = 0
  #isKilled = false
  /** The present publisher has been given the last line. */
  #isOver = false

  constructor(
    t: TestContext,
    sub: Running,
    to: readonly string[],
    { qos, count, ahead }: Pick<Stream, 'qos' | 'count' | 'ahead'>,
  ) {
    this.#t = t
    this.#sub = sub
    this.#folder = join(temporaryFolder(t), 'spool')
    this.#words = [...to, '--spool', this.#folder, '-t', 'n', '-q', String(qos), '-l']
    this.#count = count
    this.#ahead = ahead
    this.running = this.#start()
    sub.onPrint(() => this.#give())
    this.#give()
  }

  #start(): Running {
    this.runs++
    return startPub(this.#t, this.#words, { input: 'open', endless: true })
  }

  async killAndRestart(): Promise<void> {
    this.#isKilled = true
    this.running.signal('SIGKILL')
    await this.running.ended
    this.#given = this.#taken
    this.running = this.#start()
    this.#isKilled = false
    this.#isOver = false
    this.#give()
  }

  get #taken(): number {
    const status = [MQTT_PUB, '--spool', this.#folder, '--spool-status']
    const text = execFileSync(process.execPath, status, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return Number(/^taken: (\d+)$/m.exec(text)?.[1])
  }

  #give(): void {
    const end = Math.min(this.#count, this.#sub.printed + this.#ahead)
    if (this.#isKilled || this.#isOver) return
    if (end < this.#count && end - this.#given < this.#ahead / 4) return
    let text = ''
    while (this.#given < end) text += `${++this.#given}\n`
    this.running.write(text)
    this.#isOver = this.#given === this.#count
    if (this.#isOver) this.running.endInput()
  }
}

async function killBroker(mosquitto: Mosquitto, pub: Running, sub: Running): Promise<void> {
  await Promise.all([pub.freeze(), sub.freeze()])
  await mosquitto.settled()
  await mosquitto.save()
  await mosquitto.kill()
  const said = sub.stderr.all.length
  sub.signal('SIGCONT')
  // A broker that is back at once, again and again within seconds, looks like another client with the same identifier.
  await sub.stderr.seen(/next try in/, said)
  await mosquitto.restart()
  pub.signal('SIGCONT')
}

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** SEED of the environment, or a new one. */
export function newSeed(): number {
  return Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
}
