// A driver for sessions: it plays the transport and the application, and renders what the session asks for as short
// lines. What is sent passes through the codec first, so a line stands for the bytes on the wire:
//
//   CONNECT clean | q1 1 a dup | PUBREL 2 | SUBSCRIBE 1 a/b:1 | DISCONNECT 0x82 | PINGREQ
//   opened | deliver x | settle a ok | settle a REFUSED 0x97 | session-lost 1 0 | close retry TIMEOUT

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MalformedError, type MqttError, RefusedError } from '../../src/errors.js'
import {
  Decoder,
  encode,
  NONE,
  type Packet,
  type Publish,
  type Publishes,
  packetsOf,
  type Qos,
  unpackAck,
  type Version,
  Writer,
  writePublishes,
} from '../../src/packet/index.js'
import { type Effect, Session, type SessionOptions } from '../../src/session/index.js'
import { unhex } from '../packet/vectors.js'

export type Options = Partial<Omit<SessionOptions, 'version'>>
export type Keeping = 'kept' | 'clean'

export const VERSIONS: readonly Version[] = [3, 4, 5]
export const BEFORE_5: readonly Version[] = [3, 4]
const LABEL: Readonly<Record<Version, string>> = { 3: '3.1', 4: '3.1.1', 5: '5.0' }

/** One test for each version. */
export function each(versions: readonly Version[], name: string, body: (version: Version) => void): void {
  for (const version of versions) test(`${name}, in ${LABEL[version]}`, () => body(version))
}

/** Compares lines. */
export function is(actual: readonly string[], ...expected: readonly string[]): void {
  assert.deepEqual(actual, expected)
}

export function bytes(text: string): Uint8Array {
  return Buffer.from(text)
}

export function optionsFor(version: Version, keeping: Keeping, more: Options = {}): SessionOptions {
  const expiry = version === 5 && keeping === 'kept' ? { sessionExpiryInterval: 3600 } : {}
  const properties = { ...expiry, ...more.properties }
  return {
    clientId: 'c1',
    cleanStart: keeping === 'clean',
    keepAliveSeconds: 0,
    requestLimitMs: 10_000,
    ackLimitMs: Number.POSITIVE_INFINITY,
    ...more,
    version,
    ...(version === 5 ? { properties } : {}),
  }
}

/** A driver whose connection is open. */
export function open(version: Version, keeping: Keeping, more: Options = {}, connack: object = NONE): Driver {
  const driver = new Driver(optionsFor(version, keeping, more))
  driver.reconnect('CONNACK', connack)
  return driver
}

export class Driver {
  readonly version: Version
  readonly #maxPacketSize: number | undefined
  readonly session: Session<string>
  now = 0
  /** Output stalls: nothing of what is delivered becomes safe. */
  stalled = false
  /** The transport takes nothing: no packet is flushed. */
  clogged = false
  /** Every packet sent on the present connection, and its bytes. */
  sent: Packet[] = []
  wire: string[] = []
  delivered: Publish[] = []
  /** Error of the last close. */
  error: MqttError | undefined
  #decoder: Decoder
  #connected = false
  readonly #manyTags = new Set<string>()
  #flushed = 0

  constructor(options: SessionOptions) {
    this.version = options.version
    this.#maxPacketSize = options.properties?.maximumPacketSize
    this.session = new Session(options)
    this.#decoder = this.#fromServer()
  }

  #fromServer(): Decoder {
    const limit = this.#maxPacketSize === undefined ? {} : { maxPacketSize: this.#maxPacketSize }
    return new Decoder({ version: this.version, from: 'server', ...limit })
  }

  /** The transport comes up. */
  connect(): string[] {
    this.#decoder = this.#fromServer()
    this.#connected = true
    this.#flushed = 0
    this.sent = []
    this.wire = []
    return this.run(this.session.connect(this.now))
  }

  /** The transport comes up and the broker answers. */
  reconnect(connack = 'CONNACK', properties: object = NONE): string[] {
    return [...this.connect(), ...this.from(connack, properties)]
  }

  /** The connection is lost. */
  cut(): string[] {
    this.#connected = false
    return this.run(this.session.lost())
  }

  /** The broker sends a packet: `q1 5 x dup`, `PUBREC 1 0x97`, `SUBACK 1 0 0x80`, `CONNACK SP` and so on. */
  from(text: string, properties: object = NONE): string[] {
    return this.feed(encode(parse(text, properties), this.version))
  }

  /** The broker sends several packets at once. */
  burst(...texts: string[]): string[] {
    return this.feed(Buffer.concat(texts.map((text) => encode(parse(text, NONE), this.version))))
  }

  /** The broker sends these bytes. */
  feed(input: string | Buffer): string[] {
    const lines: string[] = []
    try {
      this.session.received(this.now)
      this.#decoder.push(typeof input === 'string' ? unhex(input) : input)
      for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
        lines.push(...this.run(this.session.receive(packet, this.now)))
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      lines.push(...this.run(this.session.fault(error)))
    }
    return lines
  }

  /** The application publishes, perhaps with an identifier of its choice; the payload is the tag. */
  publish(qos: Qos, payload: string, more: Partial<Publish> = {}, packetId?: number): string[] {
    const { topic = 't', retain = false, properties = NONE } = more
    const message = { topic, payload: bytes(payload), qos, retain, properties, ...(packetId && { packetId }) }
    return this.run(this.session.publish(message, payload, this.now))
  }

  /** The application publishes messages that differ in their payload alone: with the tag `a`, they are `a[0]` and so on. */
  publishMany(qos: Qos, payloads: readonly string[], tag: string, more: Partial<Publish> = {}): string[] {
    const { topic = 't', retain = false } = more
    const message = { topic, payload: bytes(''), qos, retain, properties: NONE }
    const all = Buffer.concat(payloads.map((payload) => bytes(`${payload}\n`)))
    let end = -1
    const ends = payloads.map((payload) => (end += bytes(payload).length + 1))
    this.#manyTags.add(tag)
    this.session.enqueueMany(message, { bytes: all, ends }, tag, this.now)
    return this.run(this.session.take(this.now))
  }

  /** The application subscribes to filters at QoS 1; they are the tag. */
  subscribe(...filters: string[]): string[] {
    const subscriptions = filters.map((filter) => {
      return { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    })
    return this.run(this.session.subscribe(subscriptions, NONE, filters.join(), this.now))
  }

  unsubscribe(...filters: string[]): string[] {
    return this.run(this.session.unsubscribe(filters, NONE, filters.join(), this.now))
  }

  /** Time passes. */
  wait(ms: number): string[] {
    return this.at(this.now + ms)
  }

  /** Time passes until `end`; the session is ticked whenever it asked for it. */
  at(end: number): string[] {
    const lines: string[] = []
    for (let wakeAt = this.session.wakeAt; wakeAt <= end; wakeAt = this.session.wakeAt) {
      assert.ok(wakeAt >= this.now, `wakes in the past: ${wakeAt} at ${this.now}`)
      const before = this.session.wakeAt
      this.now = wakeAt
      const tick = this.run(this.session.tick(wakeAt))
      lines.push(...tick.map((line) => `${line} @${wakeAt}`))
      assert.ok(tick.length > 0 || this.session.wakeAt > before, `tick at ${wakeAt} had nothing to do`)
    }
    this.now = end
    return lines
  }

  /** Everything delivered is safe. */
  written(): string[] {
    this.stalled = false
    return this.run(this.session.written(this.delivered.length, this.now))
  }

  /** The transport has taken the packets up to `number`, or all. */
  flushed(number = this.session.sent): string[] {
    this.#flushed = number
    return this.#apply(this.session.flushed(number, this.now))
  }

  run(effects: readonly Effect<string>[]): string[] {
    const lines = this.#apply(effects)
    assert.equal(this.session.sent, this.sent.length)
    if (!this.clogged && this.#flushed < this.sent.length) lines.push(...this.flushed())
    return lines
  }

  #apply(effects: readonly Effect<string>[]): string[] {
    const lines: string[] = []
    for (const effect of effects) {
      lines.push(...this.#render(effect))
      if (effect.type === 'deliver') {
        this.delivered.push(...effect.messages)
        assert.equal(effect.last, this.delivered.length)
      }
      if (effect.type === 'close') {
        this.#connected = false
        this.error = effect.error
      }
    }
    if (!this.stalled && effects.some(({ type }) => type === 'deliver')) {
      lines.push(...this.#apply(this.session.written(this.delivered.length, this.now)))
    }
    return lines
  }

  #render(effect: Effect<string>): string[] {
    switch (effect.type) {
      case 'acknowledge':
        return effect.acks.map((packed) => this.#renderSent(unpackAck(packed)))
      case 'deliver':
        return effect.messages.map((each) => `deliver ${message(each)}`)
      case 'send-many':
        return this.#renderMany(effect.packets)
      case 'settle':
        return Array.from({ length: effect.count ?? 1 }, (_, nth) =>
          this.#renderOne({ ...effect, at: effect.at + nth }),
        )
      default:
        return [this.#renderOne(effect)]
    }
  }

  /** Each as a packet of its own, which must be what its bytes say that were written together. */
  #renderMany(packets: Publishes): string[] {
    const alone = packetsOf(packets)
    const out = new Writer()
    writePublishes(out, packets, this.version)
    const encoded = Buffer.concat(alone.map((packet) => encode(packet, this.version)))
    assert.deepEqual(Buffer.concat(out.take()), encoded)
    return alone.map((packet) => this.#renderSent(packet))
  }

  #renderOne(effect: Exclude<Effect<string>, { type: 'send-many' | 'acknowledge' | 'deliver' }>): string {
    switch (effect.type) {
      case 'send':
        return this.#renderSent(effect.packet)
      case 'settle': {
        const { tag, at } = effect
        const { error, reasonCode } = effect.outcome
        const which = this.#manyTags.has(tag) ? `${tag}[${at}]` : tag
        if (which === tag) assert.equal(at, 0)
        const code = reasonCode === 0 ? '' : ` ${hex(reasonCode)}`
        return `settle ${which} ${error === undefined ? 'ok' : error.code}${code}`
      }
      case 'opened':
        return 'opened'
      case 'session-lost':
        return `session-lost ${effect.republished} ${effect.unknown}`
      case 'resubscribe-refused':
        return `resubscribe-refused ${effect.filters.join()} ${effect.reasonCodes.map(hex).join()}`
      case 'auth':
        return `auth ${hex(effect.packet.reasonCode)}`
      case 'close': {
        const { error, retry } = effect
        if (error === undefined) return 'close'
        const code = error instanceof RefusedError ? ` ${hex(error.reasonCode)}` : ''
        return `close ${retry ? 'retry' : 'final'} ${error.code}${code}`
      }
    }
  }

  /** The packet as its bytes read. */
  #renderSent(packet: Packet): string {
    assert.ok(this.#connected, `${packet.type} sent without a connection`)
    const wire = encode(packet, this.version)
    const decoder = new Decoder({ version: this.version, from: 'client' })
    decoder.push(wire)
    const read = decoder.next() as Packet
    this.sent.push(read)
    this.wire.push(wire.toString('hex'))
    return line(read)
  }
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`
}

function message({ qos, packetId, payload, topic, properties, dup, retain }: Publish): string {
  const words = [Buffer.from(payload).toString()]
  if (qos > 0) words.unshift(`${packetId}`)
  if (topic !== 't') words.push(`@${topic}`)
  if (properties.topicAlias !== undefined) words.push(`#${properties.topicAlias}`)
  if (retain) words.push('retain')
  if (dup) words.push('dup')
  return `q${qos} ${words.join(' ')}`
}

/** One packet of the client as one line. */
export function line(packet: Packet): string {
  switch (packet.type) {
    case 'connect':
      return packet.cleanStart ? 'CONNECT clean' : 'CONNECT'
    case 'publish':
      return message(packet)
    case 'subscribe': {
      const filters = packet.subscriptions.map(({ filter, qos }) => `${filter}:${qos}`)
      return `SUBSCRIBE ${packet.packetId} ${filters.join(' ')}${packet.dup ? ' dup' : ''}`
    }
    case 'unsubscribe':
      return `UNSUBSCRIBE ${packet.packetId} ${packet.filters.join(' ')}${packet.dup ? ' dup' : ''}`
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp': {
      const code = packet.reasonCode === 0 ? '' : ` ${hex(packet.reasonCode)}`
      return `${packet.type.toUpperCase()} ${packet.packetId}${code}${packet.dup ? ' dup' : ''}`
    }
    case 'disconnect': {
      const expiry = packet.properties.sessionExpiryInterval
      const code = packet.reasonCode === 0 ? '' : ` ${hex(packet.reasonCode)}`
      return `DISCONNECT${code}${expiry === undefined ? '' : ` expiry ${expiry}`}`
    }
    case 'auth':
      return `AUTH ${hex(packet.reasonCode)}`
    default:
      return packet.type.toUpperCase()
  }
}

/** A line as a packet of the broker. */
function parse(text: string, given: object): Packet {
  const [name = '', ...words] = text.split(' ')
  const numbers = words.map(Number)
  const properties = given as Record<string, never>
  const packetId = numbers[0] as number
  switch (name) {
    case 'CONNACK': {
      const reasonCode = numbers.find((number) => number > 0) ?? 0
      return { type: 'connack', sessionPresent: words.includes('SP'), reasonCode, properties }
    }
    case 'q0':
    case 'q1':
    case 'q2': {
      const qos = Number(name[1]) as Qos
      const payload = bytes(words[qos === 0 ? 0 : 1] as string)
      const topic = words.find((word) => word.startsWith('@'))?.slice(1) ?? 't'
      const [dup, retain] = [words.includes('dup'), words.includes('retain')]
      return { type: 'publish', dup, qos, retain, topic, packetId: qos && packetId, properties, payload }
    }
    case 'PUBACK':
    case 'PUBREC':
    case 'PUBREL':
    case 'PUBCOMP': {
      const type = name.toLowerCase() as 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'
      return { type, packetId, dup: false, reasonCode: numbers[1] ?? 0, properties }
    }
    case 'SUBACK':
      return { type: 'suback', packetId, properties, reasonCodes: numbers.slice(1) }
    case 'UNSUBACK':
      return { type: 'unsuback', packetId, properties, reasonCodes: numbers.slice(1) }
    case 'PINGRESP':
      return { type: 'pingresp' }
    case 'DISCONNECT':
      return { type: 'disconnect', reasonCode: numbers[0] ?? 0, properties }
    case 'AUTH':
      return { type: 'auth', reasonCode: numbers[0] ?? 0, properties }
    default:
      throw new Error(`no packet: ${text}`)
  }
}
