// Messages from the broker: delivery once, and acknowledgements in the order of arrival, each only after the
// message's bytes are safe [MQTT-4.6.0-2] [MQTT-4.6.0-3].

import { ProtocolError } from '../errors.js'
import { type AckType, isPuback, type Publish, packAck, packetIdOf, type Version } from '../packet/index.js'
import { InboundAliases } from './aliases.js'
import { IdBytes } from './id-bytes.js'
import { Owed } from './owed.js'
import type { Sink } from './sink.js'

// What is known of a packet identifier on the present connection.
/** Its exchange is incomplete. */
const OPEN = 1
/** At QoS 2: it was delivered here. */
const FRESH = 2

export class Inbound<Tag> {
  readonly #sink: Sink<Tag>
  readonly #version: Version
  readonly #receiveMaximum: number
  readonly #aliasMaximum: number
  /** 1 where a QoS 2 message was delivered and is not yet released by PUBREL. */
  readonly #unreleased = new IdBytes()
  #delivered = 0
  #written = 0

  // Of the present connection.
  readonly #states = new IdBytes()
  readonly #owed = new Owed()
  /** Incomplete exchanges, which Receive Maximum limits. */
  #open = 0
  #aliases: InboundAliases

  /** `receiveMaximum` and `aliasMaximum` are those of our CONNECT. */
  constructor(sink: Sink<Tag>, version: Version, receiveMaximum: number, aliasMaximum: number) {
    this.#sink = sink
    this.#version = version
    this.#receiveMaximum = receiveMaximum
    this.#aliasMaximum = aliasMaximum
    this.#aliases = new InboundAliases(aliasMaximum)
  }

  publish(packet: Publish): void {
    const { qos, packetId } = packet
    const topic = this.#aliases.resolve(packet)
    if (qos === 0) return this.#deliver(packet, topic)
    const state = this.#states.get(packetId)
    if ((state & OPEN) === 0) this.#open++
    if (this.#open > this.#receiveMaximum) {
      const fault = `more than Receive Maximum ${this.#receiveMaximum} messages unacknowledged`
      throw new ProtocolError({ packet: 'PUBLISH', fault, clause: 'MQTT-3.3.4-9', reasonCode: 0x93 })
    }
    // Until PUBREL the identifier means the message that was delivered, whatever DUP says [MQTT-4.3.3-10].
    if (qos === 1 || !this.#isRepeated(packet, state)) this.#deliver(packet, topic)
    if (qos === 2) this.#unreleased.set(packetId, 1)
    this.#states.set(packetId, state | (qos === 1 ? OPEN : OPEN | FRESH))
    this.#owe(qos === 1 ? 'puback' : 'pubrec', packetId, 0, this.#delivered)
  }

  #isRepeated({ dup, packetId }: Publish, state: number): boolean {
    if (this.#unreleased.get(packetId) === 0) return false
    // 3.1 does not tell that the broker lost the session, but on a new connection only a message without DUP is new.
    return this.#version !== 3 || dup || (state & FRESH) !== 0
  }

  #deliver(packet: Publish, topic: string): void {
    this.#delivered++
    const message = topic === packet.topic ? packet : { ...packet, topic }
    this.#sink.deliver(message, this.#delivered)
  }

  /** The bytes of all messages up to `sequence` are safe. */
  written(sequence: number): void {
    if (sequence > this.#written) this.#written = sequence
    this.#acknowledge()
  }

  /** The acknowledgement leaves when everything delivered up to number `sequence` is safe. */
  #owe(type: AckType, packetId: number, reasonCode: number, sequence: number): void {
    this.#owed.push(packAck(type, packetId, reasonCode), sequence)
    this.#acknowledge()
  }

  #acknowledge(): void {
    const written = this.#written
    for (let ack = this.#owed.shift(written); ack !== undefined; ack = this.#owed.shift(written)) {
      if (isPuback(ack)) this.#close(packetIdOf(ack))
      this.#sink.acknowledge(ack)
    }
  }

  /** The exchange is complete. */
  #close(packetId: number): void {
    const state = this.#states.get(packetId)
    if ((state & OPEN) === 0) return
    this.#states.set(packetId, state & ~OPEN)
    this.#open--
  }

  pubrel(packetId: number): void {
    const known = this.#unreleased.get(packetId) === 1
    this.#close(packetId)
    this.#states.set(packetId, 0)
    this.#unreleased.set(packetId, 0)
    const reasonCode = known || this.#version !== 5 ? 0 : 0x92 // [MQTT-4.3.3-11]
    // It needs nothing to be safe, but must not overtake a PUBREC that does.
    this.#owe('pubcomp', packetId, reasonCode, 0)
  }

  /** Acknowledgements owed to the old connection are void: the broker sends those messages again. */
  lost(): void {
    this.#owed.clear()
    this.#open = 0
    this.#states.clear()
    this.#aliases = new InboundAliases(this.#aliasMaximum)
  }

  /** The broker no longer knows the session: every identifier means a new message. */
  sessionLost(): void {
    this.#unreleased.clear()
  }
}
