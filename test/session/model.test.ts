// Random publishes, cuts and orders of answers against the broker of broker.ts, with a session that is kept. Whatever
// happens on the way: nothing at QoS 1 or 2 is lost, nothing at QoS 2 is doubled, order and window are kept, and every
// message is settled once. A failing run prints its seed, path and steps.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Packet, Publish, Qos, Version } from '../../src/packet/index.js'
import { Broker } from './broker.js'
import { Driver, each, optionsFor, VERSIONS } from './support.js'

/** One step of the machine. The world knows what is possible: a step that is not does nothing. */
class Step implements fc.Command<object, World> {
  readonly #text: string
  readonly #act: (world: World) => void

  constructor(text: string, act: (world: World) => void) {
    this.#text = text
    this.#act = act
  }

  check(): boolean {
    return true
  }

  run(_model: object, world: World): void {
    this.#act(world)
  }

  /** For the report of a failing run. */
  toString(): string {
    return this.#text
  }
}

const small = fc.integer({ min: 1, max: 5 })

const STEPS: fc.Arbitrary<Step>[] = [
  // More often than the rest, or the window would rarely be full.
  ...[0, 1, 2, 1, 2].map((qos) =>
    fc.constant(new Step(`publish q${qos}`, (world) => world.publish(qos as Qos))),
  ),
  // Messages that were read together.
  fc
    .tuple(fc.constantFrom<Qos>(0, 1, 2), fc.integer({ min: 2, max: 12 }))
    .map(([qos, count]) => new Step(`publish ${count} q${qos}`, (world) => world.publishMany(qos, count))),
  // A packet of ours reaches the broker.
  fc.constant(new Step('forward', (world) => world.forward())),
  // The broker sends one of the answers it owes; which one is its choice.
  fc
    .tuple(fc.nat(9), fc.boolean())
    .map(([which, refuse]) => new Step(`answer ${which} ${refuse}`, (world) => world.answer(which, refuse))),
  // A packet of the broker reaches us.
  fc.constant(new Step('deliver', (world) => world.deliver())),
  // Several steps of the line at once, or exchanges would rarely come to their end.
  small.map((times) => new Step(`carry ${times}`, (world) => world.carry(times))),
  // The connection is lost; the number is what the broker allows on the next one.
  small.map((window) => new Step(`cut ${window}`, (world) => world.cut(window))),
  // Time passes, which may be long enough for the timed retry of 3.x.
  fc.constantFrom(300, 1_000, 5_000).map((ms) => new Step(`wait ${ms}`, (world) => world.wait(ms))),
]

class World {
  readonly driver: Driver
  readonly broker: Broker
  readonly #version: Version
  readonly #qos: Qos[] = []
  /** The tag of each message; those that were published together have their number besides. */
  readonly #tags: string[] = []
  /** How they were settled. */
  readonly #settled = new Map<string, string>()
  /** Messages the broker refused, which then need not have arrived. */
  readonly #refused = new Set<string>()
  #window: number
  #forwarded = 1
  #owed: string[] = []
  #back: string[] = []
  /** Packets of this connection looked at, beginning behind CONNECT. */
  #checked = 1
  /** Payload of each identifier that is in use. */
  readonly #inUse = new Map<number, string>()
  /** Identifiers whose PUBLISH went out on this connection and is not done. */
  readonly #onWire = new Set<number>()
  /** First transmissions at each QoS. */
  readonly #first: number[][] = [[], [], []]

  constructor(version: Version, window: number) {
    this.#version = version
    this.#window = window
    this.broker = new Broker(version)
    const retry = version === 5 ? {} : { retryIntervalMs: 1_000, maxInFlight: window }
    this.driver = new Driver(optionsFor(version, 'kept', retry))
    this.#see(this.driver.reconnect('CONNACK', this.#limits()))
  }

  #limits(): object {
    return this.#version === 5 ? { receiveMaximum: this.#window } : {}
  }

  publish(qos: Qos): void {
    const payload = `${this.#qos.length}`
    this.#qos.push(qos)
    this.#tags.push(payload)
    this.#see(this.driver.publish(qos, payload))
  }

  publishMany(qos: Qos, count: number): void {
    const tag = `from ${this.#qos.length}`
    const payloads = Array.from({ length: count }, () => `${this.#qos.push(qos) - 1}`)
    for (const at of payloads.keys()) this.#tags.push(`${tag}[${at}]`)
    this.#see(this.driver.publishMany(qos, payloads, tag))
  }

  /** In parts shorter than the retry interval, for one round of repetitions at a time. */
  wait(ms: number): void {
    for (let passed = 0; passed < ms; passed += 100) this.#see(this.driver.wait(100))
  }

  carry(times: number): void {
    for (let time = 0; time < times; time++) {
      this.forward()
      this.answer(0, false)
      this.deliver()
    }
  }

  forward(): void {
    const packet = this.driver.sent[this.#forwarded]
    if (packet === undefined) return
    this.#forwarded++
    this.#owed.push(...this.broker.answer(packet))
  }

  answer(which: number, refuse: boolean): void {
    if (this.#owed.length === 0) return
    // Answers about one identifier keep their order, or PUBCOMP might overtake PUBREC.
    const chosen = this.#owed[which % this.#owed.length] as string
    const at = this.#owed.findIndex((answer) => answer.split(' ')[1] === chosen.split(' ')[1])
    let [answer = ''] = this.#owed.splice(at, 1)
    // Only PUBACK may refuse here: a broker that refuses with PUBREC must not have taken the message over.
    if (refuse && this.#version === 5 && answer.startsWith('PUBACK')) {
      this.#refused.add(this.#inUse.get(Number(answer.split(' ')[1])) as string)
      answer += ' 0x97'
    }
    this.#back.push(answer)
  }

  deliver(): void {
    const answer = this.#back.shift()
    if (answer === undefined) return
    const [name, id] = answer.split(' ')
    const packetId = Number(id)
    if (name === 'PUBACK' || name === 'PUBCOMP') {
      this.#onWire.delete(packetId)
      const tag = this.#tags[Number(this.#inUse.get(packetId))]
      const lines = this.driver.from(answer)
      const isDone = lines.some((line) => line.startsWith(`settle ${tag} `))
      if (isDone) this.#inUse.delete(packetId)
      return this.#see(lines)
    }
    this.#see(this.driver.from(answer))
  }

  cut(window: number): void {
    this.#see(this.driver.cut())
    this.#forwarded = this.#checked = 1
    this.#owed = []
    this.#back = []
    this.#onWire.clear()
    if (this.#version === 5) this.#window = window
    this.#see(this.driver.reconnect('CONNACK SP', this.#limits()))
  }

  /** Checks what the session did. */
  #see(lines: readonly string[]): void {
    for (const line of lines) {
      assert.ok(!line.startsWith('close'), line)
      const [, tag, how = ''] = /^settle (\d+|from \d+\[\d+\]) (\w+)/.exec(line) ?? []
      if (tag === undefined) continue
      assert.ok(this.#tags.includes(tag), `${tag} was never given`)
      assert.ok(!this.#settled.has(tag), `${tag} settled twice`)
      this.#settled.set(tag, how)
    }
    let lastAgain = -1
    for (const packet of this.driver.sent.slice(this.#checked)) {
      if (packet.type !== 'publish') continue
      const number = Number(packet.payload.toString())
      if (packet.dup) {
        assert.ok(number > lastAgain, 'retransmissions in their order [MQTT-4.6.0-1]')
        lastAgain = number
      }
      this.#checkPublish(packet, number)
    }
    this.#checked = this.driver.sent.length
  }

  #checkPublish({ qos, dup, packetId }: Publish, number: number): void {
    if (!dup) this.#first[qos]?.push(number)
    if (qos === 0) return
    if (dup) assert.equal(this.#inUse.get(packetId), `${number}`, 'a retransmission keeps its identifier')
    else assert.ok(!this.#inUse.has(packetId), `identifier ${packetId} is in use [MQTT-2.2.1-3]`)
    this.#inUse.set(packetId, `${number}`)
    this.#onWire.add(packetId)
    assert.ok(this.#onWire.size <= this.#window, `window of ${this.#window} exceeded [MQTT-3.3.4-7]`)
  }

  /** Messages that are not settled. */
  get #open(): number {
    return this.#qos.length - this.#settled.size
  }

  /** Lets everything come to its end and looks at the result. */
  finish(): void {
    for (let round = 0; round < 10_000 && this.#open > 0; round++) this.carry(1)
    assert.equal(this.#open, 0)
    const { accepted } = this.broker
    for (const [number, qos] of this.#qos.entries()) {
      const payload = `${number}`
      const times = accepted.filter((each) => each === payload).length
      if (qos === 0) assert.ok(times <= 1, 'QoS 0 at most once [MQTT-4.3.1-1]')
      if (qos === 1) assert.ok(times >= 1, `QoS 1 message ${payload} at least once [MQTT-4.3.2-1]`)
      if (qos === 2) assert.equal(times, 1, `QoS 2 message ${payload} exactly once [MQTT-4.3.3-6]`)
    }
    for (const [tag, how] of this.#settled) {
      const isRefused = how === 'REFUSED' && this.#refused.has(`${this.#tags.indexOf(tag)}`)
      assert.ok(how === 'ok' || isRefused, `${tag}: ${how}`)
    }
    for (const [qos, numbers] of this.#first.entries()) {
      assert.deepEqual(numbers, numbers.toSorted(ascending), `first transmissions at QoS ${qos}`)
      assert.equal(new Set(numbers).size, numbers.length, `one first transmission each at QoS ${qos}`)
      const arrived = [...new Set(accepted)].map(Number).filter((number) => this.#qos[number] === qos)
      assert.deepEqual(arrived, arrived.toSorted(ascending), `arrival at QoS ${qos}`)
    }
    assert.equal(this.driver.session.inFlight + this.driver.session.waiting, 0)
  }
}

function ascending(a: number, b: number): number {
  return a - b
}

each(VERSIONS, 'model: any publishes, cuts and answers, with a kept session', (version) => {
  fc.assert(
    fc.property(small, fc.commands(STEPS, { maxCommands: 80, size: 'max' }), (window, steps) => {
      const world = new World(version, window)
      fc.modelRun(() => ({ model: {}, real: world }), steps)
      world.finish()
    }),
    { numRuns: 1_200 },
  )
})

/** What the other direction may do: the broker's messages, ours to deliver and to acknowledge. */
type Inward = { do: 'offer'; qos: 1 | 2 } | { do: 'forward' | 'back' | 'cut' | 'stall' | 'write' }

const inward: fc.Arbitrary<Inward> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('offer'), qos: fc.constantFrom(1, 2) }) },
  { weight: 16, arbitrary: fc.record({ do: fc.constantFrom('forward', 'back') }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('cut', 'stall', 'write') }) },
) as fc.Arbitrary<Inward>

each(VERSIONS, 'model: any messages, cuts and stalls of the output, with a kept session', (version) => {
  fc.assert(
    fc.property(fc.array(inward, { maxLength: 80, size: 'max' }), (steps) => {
      const broker = new Broker(version)
      const driver = new Driver(optionsFor(version, 'kept'))
      const kinds: Qos[] = []
      let [forwarded, back] = [1, [] as string[]]
      let safe = 0
      driver.reconnect()

      const forward = (): void => {
        const packet: Packet | undefined = driver.sent[forwarded]
        if (packet === undefined) return
        forwarded++
        back.push(...broker.answer(packet))
      }
      const receive = (): void => {
        const text = back.shift()
        if (text === undefined) return
        for (const line of driver.from(text)) {
          if (!driver.stalled) safe = driver.delivered.length
          const [name, id] = line.split(' ')
          if (name !== 'PUBACK' && name !== 'PUBREC') continue
          const payload = `${Number(id) - 1}`
          const last = driver.delivered.findLastIndex((message) => message.payload.toString() === payload)
          assert.ok(last >= 0 && last < safe, `message ${payload} acknowledged before it was safe`)
        }
      }
      for (const one of steps) {
        if (one.do === 'offer') {
          // An identifier for each message keeps the test simple; the broker may use them again all the same.
          back.push(broker.offer(one.qos, kinds.length + 1, `${kinds.length}`))
          kinds.push(one.qos)
        }
        if (one.do === 'forward') forward()
        if (one.do === 'back') receive()
        if (one.do === 'stall') driver.stalled = true
        if (one.do === 'write') {
          driver.written()
          safe = driver.delivered.length
        }
        if (one.do === 'cut') {
          driver.cut()
          driver.reconnect('CONNACK SP')
          forwarded = 1
          back = broker.resume()
        }
      }
      driver.written()
      safe = driver.delivered.length
      for (let round = 0; round < 1_000 && broker.open > 0; round++) {
        forward()
        receive()
      }
      assert.equal(broker.open, 0)
      const seen = driver.delivered.map(({ payload }) => Number(payload.toString()))
      for (const [number, qos] of kinds.entries()) {
        const times = seen.filter((other) => other === number).length
        assert.ok(qos === 2 ? times === 1 : times >= 1, `QoS ${qos} message ${number}: ${times} times`)
      }
    }),
    { numRuns: 700 },
  )
})
