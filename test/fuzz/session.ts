// A session under any packets at any time, and whatever an application does meanwhile: it answers effects, and a fault
// of the broker ends in a close with a MalformedError or ProtocolError.

import assert from 'node:assert/strict'
import { MalformedError, MqttError, ProtocolError, UsageError } from '../../src/errors.js'
import {
  Decoder,
  encode,
  NONE,
  type Packet,
  packetsOf,
  type Qos,
  unpackAck,
  type Version,
} from '../../src/packet/index.js'
import { type Effect, Session } from '../../src/session/index.js'
import { PACKET_VECTORS } from '../packet/vectors.js'
import { whole } from '../support/random.js'
import { anyBytes } from './decoder.js'

const FROM_SERVER = ([3, 4, 5] as const).map((version) =>
  PACKET_VECTORS.filter(
    (vector) => vector.version === version && vector.from.includes('server') && vector.size < 2_000,
  ),
)
const WINDOW = 5

class Life {
  readonly #random: () => number
  readonly #version: Version
  readonly #session: Session<number>
  #decoder!: Decoder
  #now = 0
  #delivered = 0
  /** By tag, from 1 on: which messages of it have no fate. */
  readonly #open: Set<number>[] = [new Set()]

  constructor(random: () => number) {
    this.#random = random
    this.#version = ([3, 4, 5] as const)[whole(random, 0, 2)] as Version
    const five = this.#version === 5
    this.#session = new Session({
      version: this.#version,
      clientId: 'c1',
      cleanStart: random() < 0.5,
      keepAliveSeconds: whole(random, 0, 3),
      requestLimitMs: 5_000,
      ackLimitMs: 10_000,
      maxInFlight: WINDOW,
      retryIntervalMs: five ? 0 : 2_000,
      automaticAliases: five && random() < 0.5,
      onSessionLoss: random() < 0.5 ? 'report' : 'republish',
      ...(five && { properties: { sessionExpiryInterval: 60, topicAliasMaximum: 3, receiveMaximum: 10 } }),
    })
    this.#connect()
  }

  #connect(): void {
    this.#decoder = new Decoder({ version: this.#version, from: 'server' })
    this.#take(this.#session.connect(this.#now))
  }

  step(): unknown {
    const random = this.#random
    this.#now += whole(random, 0, 1_500) * whole(random, 0, 1)
    switch (whole(random, 0, 11)) {
      case 0:
        return this.#publish()
      case 1:
        return this.#request()
      case 2:
        return this.#take(this.#session.tick(this.#now))
      case 3:
        return this.#session.reading(random() < 0.7, this.#now)
      case 4:
        return this.#take(this.#session.written(whole(random, 0, this.#delivered), this.#now))
      case 5:
        return this.#take(this.#session.flushed(whole(random, 0, this.#session.sent), this.#now))
      case 6:
        return this.#lose()
      case 7:
        return this.#feed(anyBytes(random))
      default:
        return this.#feed(this.#likely())
    }
  }

  /** A packet that belongs here, or almost: its identifier is a small one. */
  #likely(): Buffer {
    const random = this.#random
    const id = whole(random, 1, WINDOW + 1)
    if (!this.#session.isOpen && random() < 0.7) {
      const sessionPresent = random() < 0.3
      return encode({ type: 'connack', sessionPresent, reasonCode: 0, properties: NONE }, this.#version)
    }
    const answers = ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const
    const type = answers[whole(random, 0, 5)]
    if (type !== undefined)
      return encode({ type, packetId: id, dup: false, reasonCode: 0, properties: NONE }, this.#version)
    if (random() < 0.5) {
      const qos = whole(random, 0, 2) as Qos
      const payload = Buffer.from('x')
      const dup = qos > 0 && random() < 0.3
      const packet: Packet = {
        type: 'publish',
        dup,
        qos,
        retain: false,
        topic: 't',
        packetId: qos && id,
        properties: NONE,
        payload,
      }
      return encode(packet, this.#version)
    }
    const known = FROM_SERVER[this.#version - 3] ?? []
    return known[whole(random, 0, known.length - 1)]?.bytes() ?? Buffer.alloc(0)
  }

  #publish(): void {
    const qos = whole(this.#random, 0, 2) as Qos
    const message = { topic: 't', payload: Buffer.from('m'), qos, retain: false, properties: NONE }
    const count = whole(this.#random, 1, 8)
    const tag = this.#open.push(new Set(Array(count).keys())) - 1
    if (count === 1) return void this.#take(this.#session.publish(message, tag, this.#now))
    const ends = Array.from({ length: count }, (_, at) => 2 * at + 1)
    this.#session.enqueueMany(message, { bytes: Buffer.alloc(2 * count), ends }, tag, this.#now)
    this.#take(this.#session.take(this.#now))
  }

  #request(): void {
    try {
      const filter = this.#random() < 0.9 ? 'a/+' : 'a#'
      const options = { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
      if (this.#random() < 0.7) this.#take(this.#session.subscribe([options], NONE, -1, this.#now))
      else this.#take(this.#session.unsubscribe([filter], NONE, -1, this.#now))
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
    }
  }

  #lose(): void {
    this.#take(this.#session.lost())
    this.#connect()
  }

  #feed(bytes: Buffer): void {
    this.#session.received(this.#now)
    try {
      this.#decoder.push(bytes)
      for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
        if (this.#take(this.#session.receive(packet, this.#now))) return
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      this.#take(this.#session.fault(error))
      this.#lose()
    }
  }

  /** Whether the connection is over. */
  #take(effects: readonly Effect<number>[]): boolean {
    let isOver = false
    for (const effect of effects) {
      if (effect.type === 'send') this.#checkSent(effect.packet)
      else if (effect.type === 'send-many') {
        for (const packet of packetsOf(effect.packets)) this.#checkSent(packet)
      } else if (effect.type === 'acknowledge') {
        for (const packed of effect.acks) this.#checkSent(unpackAck(packed))
      } else if (effect.type === 'deliver') {
        this.#delivered += effect.messages.length
        assert.equal(effect.last, this.#delivered)
      } else if (effect.type === 'settle' && effect.tag > 0) {
        for (let nth = 0; nth < (effect.count ?? 1); nth++) {
          const isOpen = this.#open[effect.tag]?.delete(effect.at + nth)
          assert.ok(isOpen, `message ${effect.at + nth} of ${effect.tag} settled twice`)
        }
      } else if (effect.type === 'close') {
        assert.ok(effect.error === undefined || effect.error instanceof MqttError)
        isOver = true
      }
    }
    assert.ok(this.#session.inFlight <= WINDOW, `${this.#session.inFlight} in flight`)
    if (isOver) this.#lose()
    return isOver
  }

  /** What is sent is legal. */
  #checkSent(packet: Packet): void {
    const read = new Decoder({ version: this.#version, from: 'client' })
    read.push(encode(packet, this.#version))
    assert.equal(read.next()?.type, packet.type)
  }

  /** Each message has one fate. */
  end(): void {
    this.#take(this.#session.lost())
    this.#take(
      this.#session.abandon(new ProtocolError({ packet: 'PUBLISH', fault: 'the end', clause: 'none' })),
    )
    assert.ok(this.#open.every(({ size }) => size === 0))
  }
}

/** One round. Throws where the session does not keep its word. */
export function fuzzSession(random: () => number): void {
  const life = new Life(random)
  for (let step = whole(random, 5, 60); step > 0; step--) life.step()
  life.end()
}
