// Runs one case of the matrix: a broker, the relay in front of it, the program under test, and an independent sender or
// receiver, mosquitto's own clients, straight at the broker. What a program publishes waits there in a durable session
// until the run is over, and what a program is to read has been there before it begins.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KEEPING_BROKER, type Mosquitto, startMosquitto } from '../support/mosquitto.js'
import {
  findCommand,
  type Scope,
  start as startCommand,
  temporaryFolder,
  until,
} from '../support/processes.js'
import { randomFrom, whole } from '../support/random.js'
import { type Running, start } from '../support/run.js'
import { type Case, directionOf } from './cases.js'
import { judge, type Run, type Verdict } from './judge.js'
import { type Fault, type Place, type Relay, type RelayOptions, relay } from './relay.js'
import { responder } from './responder.js'

const MESSAGES = 200
/** A message that fills pipes. */
const LARGE_BYTES = 4_000
const TOPIC = 'n'
const END = 'END'
// mosquitto 2.0.11 publishes anew after a restart what exceeds its window: the window must hold all.
const BROKER = `${KEEPING_BROKER.replace('max_inflight_messages 1000', 'max_inflight_messages 20000')}
queue_qos0_messages true
`
const FREEZE_MS = 1_500
const STALL_MS = 1_500
const PAUSE_MS = 1_000

export interface Result extends Verdict {
  /** Whether the fault came about, where it had to. */
  happened: boolean
}

/** `planted`: a fault beside that of the case, for tests of this harness. */
export async function runCase(t: Scope, test: Case, seed: string, planted?: Fault): Promise<Result> {
  const bench = new Bench(t, test, randomFrom(`${seed} ${test.name}`), planted)
  const run = await bench.run()
  return { ...judge(test, run), happened: bench.happened }
}

class Bench {
  readonly #t: Scope
  readonly #test: Case
  readonly #random: () => number
  readonly #planted: readonly Fault[]
  #mosquitto!: Mosquitto
  #relay!: Relay & { port: number }
  #program: Running | undefined
  #turn = Promise.resolve()

  constructor(t: Scope, test: Case, random: () => number, planted?: Fault) {
    this.#t = t
    this.#test = test
    this.#random = random
    this.#planted = planted === undefined ? [] : [planted]
  }

  get happened(): boolean {
    return this.#relay.pending.size === 0 && !this.#relay.isCancelled
  }

  async run(): Promise<Run> {
    this.#mosquitto = await startMosquitto(this.#t, BROKER)
    const { port } = this.#mosquitto
    this.#relay = await relay(this.#t, port, this.#relayOptions())
    if (this.#test.program === 'sub') return this.#read()
    return this.#test.program === 'rr' ? this.#request() : this.#write()
  }

  // --- the three kinds of run

  async #write(): Promise<Run> {
    const { program, version, qos, fault } = this.#test
    const sent = program === 'pub-f' ? [`file ${'x'.repeat(20_000)}`] : numbered(MESSAGES)
    await this.#mosquittoSub('-E')
    // In MQTT 5 -l needs no -c; but mosquitto 2.0.11 does not save the session of a client that asked for a clean start.
    const survives = fault.kind === 'broker-killed' || fault.kind === 'broker-restarted'
    const kept = version !== 'mqttv5' || program === 'pub-f' || survives ? ['-c'] : []
    const file = join(temporaryFolder(this.#t), 'payload')
    writeFileSync(file, sent[0] as string)
    const stalls = fault.kind === 'stdin-stalls'
    const source = program === 'pub-l' ? ['-l'] : ['-f', stalls ? '-' : file]
    const input = program === 'pub-l' ? sent.map((line) => `${line}\n`).join('') : (sent[0] as string)
    this.#program = this.#start(
      'mqtt-pub',
      [...kept, '-i', 'writer', '-t', TOPIC, '-q', qos, ...source],
      input,
    )
    const ending = await this.#ended(this.#program)
    await this.#relay.drained()
    await this.#mosquittoPub(`${END}\n`, 2)
    const swallowed = this.#relay.hasSwallowed
    return { ...ending, swallowed, sent, received: await this.#mosquittoSub() }
  }

  async #read(): Promise<Run> {
    const { qos, fault } = this.#test
    const isLarge = fault.kind === 'stdout-stalls' || fault.kind === 'stdout-closed'
    const sent = numbered(MESSAGES).map((line) => (isLarge ? line.padEnd(LARGE_BYTES, '.') : line))
    const args = ['-c', '-i', 'reader', '-t', TOPIC, '-q', qos]
    await this.#direct('mqtt-sub', [...args, '-E']).done
    await this.#mosquittoPub(sent.map((line) => `${line}\n`).join(''), qos)
    this.#program = this.#start('mqtt-sub', args)
    const first = await this.#readToEnd(this.#program)
    const { ending } = first
    if (fault.kind !== 'signal') return { ...ending, sent, received: first.lines }
    // Killed is not failed; and what the first one did not print is there for the next.
    const status = fault.signal === 'SIGKILL' && ending.status === 'SIGKILL' ? 0 : ending.status
    if (first.isEnd) return { ...ending, status, sent, received: first.lines }
    const second = await this.#readToEnd(this.#direct('mqtt-sub', args))
    return { ...ending, status, sent, received: [...first.lines, ...second.lines] }
  }

  /** Reads until the last line has come or the program has ended, and ends it then. */
  async #readToEnd(program: Running): Promise<{ ending: Ending; lines: string[]; isEnd: boolean }> {
    let isOver = false
    const done = this.#ended(program).finally(() => {
      isOver = true
    })
    const text = (): string => program.out
    const isEnd = (): boolean => text().includes(`${END}\n`)
    const closing = this.#test.fault.kind === 'stdout-closed'
    // A QoS 0 message may be lost, the last one too: it is sent until it arrives.
    const more = (async () => {
      // The fault has its chance before the end.
      for (let wait = 0; wait < 10 && this.#relay.pending.size > 0 && !isOver; wait++) await after(100)
      for (let pause = 0; !isOver && !isEnd(); pause = 5) {
        await this.#mosquittoPub(`${END}\n`, this.#test.qos)
        for (let wait = 0; wait < pause && !isOver && !isEnd(); wait++) await after(200)
      }
    })()
    await Promise.race([done, until('the last line', () => isOver || isEnd())])
    if (this.#program !== program || this.#relay.pending.size > 0 || this.#test.fault.kind !== 'signal') {
      this.#relay.cancel() // or the signal of the fault would be the second one, which kills
      if (!closing) program.kill('SIGTERM')
    }
    const ending = await done
    await more
    const lines = text()
      .split('\n')
      .slice(0, -1) // what a kill tore is printed again
      .filter((line) => line !== END)
    return { ending, lines, isEnd: isEnd() }
  }

  async #request(): Promise<Run> {
    const { qos, fault } = this.#test
    const answer = `answer ${whole(this.#random, 1, 1_000)}`
    await responder(this.#t, { port: this.#mosquitto.port, topic: 'ask', to: 'reply', answer, qos })
    const source = fault.kind === 'stdin-stalls' ? ['-f', '-'] : ['-m', 'question']
    const args = ['-i', 'asker', '-t', 'ask', '-e', 'reply', '-q', qos, '-W', 15, ...source]
    this.#program = this.#start('mqtt-rr', args, 'question')
    const ending = await this.#ended(this.#program)
    const received = this.#program.out.split('\n').slice(0, -1)
    return { ...ending, sent: [answer], received }
  }

  // --- programs

  #start(name: string, args: readonly (string | number)[], input = ''): Running {
    const { version, fault } = this.#test
    const stalls = fault.kind === 'stdin-stalls'
    const quiet = fault.kind === 'stdout-stalls' || fault.kind === 'stdout-closed'
    const where = ['-h', '127.0.0.1', '-p', this.#relay.port, '-V', version, '-k', 5]
    const program = start(this.#t, name as 'mqtt-sub', [...where, ...args], {
      ...(stalls ? { keepStdin: true } : { input }),
      pauseStdout: quiet,
    })
    if (stalls) void this.#stall(program, input)
    if (fault.kind === 'stdout-stalls') void after(STALL_MS).then(() => program.stdout.resume())
    if (fault.kind === 'stdout-closed') program.stdout.once('readable', () => program.stdout.destroy())
    return program
  }

  /** Gives the first half of the input, and the other one later. */
  async #stall({ stdin }: Running, input: string): Promise<void> {
    const half = input.length >> 1
    stdin.write(input.slice(0, half))
    await after(STALL_MS)
    stdin.end(input.slice(half))
  }

  #direct(name: string, args: readonly (string | number)[]): Running {
    const where = ['-h', '127.0.0.1', '-p', this.#mosquitto.port, '-V', this.#test.version]
    return start(this.#t, name as 'mqtt-sub', [...where, ...args])
  }

  async #ended(program: Running): Promise<Ending> {
    const { program: name } = this.#test
    // mqtt-sub ends where its first subscription gets no answer, and tries again everything after that.
    const greeted = (): boolean =>
      name === 'sub'
        ? this.#relay.connections > 1 || this.#relay.count('down', 'SUBACK') > 0
        : this.#relay.count('up', 'PUBLISH') > 0
    try {
      const { code, signal, stderr } = await program.done
      const status = signal ?? code ?? 'hang'
      return { status, stderr: stderr.toString(), greeted: greeted() }
    } catch (error) {
      return { status: 'hang', stderr: String(error), greeted: greeted() }
    }
  }

  /** Subscribes durably with -E, or prints what has come for that subscription. */
  async #mosquittoSub(...more: string[]): Promise<string[]> {
    const args = [
      '-h',
      '127.0.0.1',
      '-p',
      String(this.#mosquitto.port),
      '-c',
      '-i',
      'receiver',
      '-q',
      '2',
      '-t',
      TOPIC,
    ]
    const command = findCommand('mosquitto_sub') ?? 'mosquitto_sub'
    const sub = startCommand(this.#t, command, [...args, ...more])
    if (more.length > 0) {
      await sub.ended
      return []
    }
    await sub.printsAtEnd(`${END}\n`)
    sub.signal('SIGTERM')
    await sub.ended
    return sub.stdout.toString().split('\n').slice(0, -2)
  }

  /** Publishes each line. */
  async #mosquittoPub(input: string, qos: number): Promise<void> {
    return this.#alone(() => this.#publish(input, qos))
  }

  async #publish(input: string, qos: number): Promise<void> {
    const args = ['-h', '127.0.0.1', '-p', String(this.#mosquitto.port), '-q', String(qos), '-t', TOPIC, '-l']
    const command = findCommand('mosquitto_pub') ?? 'mosquitto_pub'
    await startCommand(this.#t, command, args, { input }).ended
  }

  // --- faults

  #relayOptions(): RelayOptions {
    const { fault } = this.#test
    switch (fault.kind) {
      case 'delay':
        return { delayMs: 100 }
      case 'slow':
        return { bytesPerSecond: 4_000 * (this.#test.program === 'pub-f' ? 5 : 1) }
      case 'single-bytes':
        return { singly: true }
      case 'byte':
        return { faults: [{ at: this.#byte(fault.direction), act: fault.how }] }
      case 'packet':
        return { faults: [{ at: this.#packet(fault.packet), act: this.#random() < 0.5 ? 'fin' : 'rst' }] }
      case 'cuts':
        return { faults: this.#cuts() }
      case 'broker-frozen':
        return { faults: [{ at: this.#byte(), act: () => this.#alone(() => this.#freeze()) }] }
      case 'broker-killed':
        return { faults: [{ at: this.#byte(), act: () => this.#alone(() => this.#kill()) }] }
      case 'broker-restarted':
        return { faults: [{ at: this.#byte(), act: () => this.#alone(() => this.#restart()) }] }
      case 'signal':
        return { faults: [{ at: this.#byte(), act: () => this.#program?.kill(fault.signal) }] }
      default:
        return { faults: this.#planted }
    }
  }

  #cuts(): Fault[] {
    const cuts = Array.from({ length: 4 }, (): Fault => {
      return { at: this.#byte(), act: this.#random() < 0.5 ? 'fin' : 'rst' }
    })
    // One of them before the program has gone on where it was.
    cuts.push({ at: { direction: 'down', packet: 'CONNACK', nth: 2, where: 'middle' }, act: 'rst' })
    return cuts
  }

  /** A byte that passes while the program works, as far as that can be told before. */
  #byte(direction: 'up' | 'down' = this.#random() < 0.5 ? 'up' : 'down'): Place {
    const { program, qos } = this.#test
    const forward = (program === 'sub') === (direction === 'down')
    const count = program === 'pub-l' || program === 'sub' ? MESSAGES : 1
    const size = program === 'pub-f' ? 20_000 : 10
    const perMessage = forward ? size + (qos === 2 ? 4 : 0) : 4 * qos
    return { direction, byte: whole(this.#random, 1, 25 + Math.floor(0.8 * count * perMessage)) }
  }

  #packet(packet: Extract<Case['fault'], { kind: 'packet' }>['packet']): Place {
    const { program } = this.#test
    const isOne = packet === 'CONNACK' || packet === 'SUBACK' || program === 'pub-f' || program === 'rr'
    const where = (['before', 'middle', 'after'] as const)[whole(this.#random, 0, 2)] as 'middle'
    const nth = isOne ? 1 : whole(this.#random, 1, MESSAGES)
    return { direction: directionOf(program, packet, this.#random), packet, nth, where }
  }

  /** mosquitto's own publisher cannot bear that its broker goes away: one at a time. */
  async #alone(act: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(act)
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #freeze(): Promise<void> {
    await this.#mosquitto.freeze()
    await after(FREEZE_MS)
    this.#mosquitto.thaw()
  }

  /**
   * What mosquitto acknowledged after it last saved it forgets, and no client can mend that: nothing passes the relay
   * while it reads what it was sent, saves, and is killed.
   */
  async #kill(): Promise<void> {
    this.#relay.hold()
    await this.#mosquitto.settled()
    await this.#mosquitto.save()
    await this.#mosquitto.kill()
    await after(PAUSE_MS)
    await this.#mosquitto.restart()
    this.#relay.cut('rst')
    this.#relay.release()
  }

  async #restart(): Promise<void> {
    await this.#mosquitto.stop()
    await after(PAUSE_MS)
    await this.#mosquitto.restart()
  }
}

type Ending = Pick<Run, 'status' | 'stderr' | 'greeted'>

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${at + 1}`)
}

/** How long a fault lasts. */
function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}
