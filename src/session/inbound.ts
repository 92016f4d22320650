// Messages from the broker: delivery once, and acknowledgements in the order of arrival, each only after the
// message's bytes are safe [MQTT-4.6.0-2] [MQTT-4.6.0-3].

import { ProtocolError } from '../errors.js'
import { ack, type Publish, type Version } from '../packet/index.js'
import { InboundAliases } from './aliases.js'
import { Queue } from './queue.js'
import type { Sink } from './sink.js'

interface Owed {
  type: 'puback' | 'pubrec' | 'pubcomp'
  packetId: number
  reasonCode: number
  /** The acknowledgement leaves when everything delivered up to this number is safe. */
  sequence: number
}

export class Inbound<Tag> {
  readonly #sink: Sink<Tag>
  readonly #version: Version
  readonly #receiveMaximum: number
  readonly #aliasMaximum: number
  /** QoS 2 identifiers delivered and not yet released by PUBREL, with the connection; part of the session. */
  readonly #unreleased = new Map<number, number>()
  #delivered = 0
  #written = 0
  #connection = 0

  // Of the present connection.
  #owed = new Queue<Owed>()
  /** Identifiers of incomplete exchanges, which Receive Maximum limits. */
  readonly #open = new Set<number>()
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
    this.#open.add(packetId)
    if (this.#open.size > this.#receiveMaximum) {
      const fault = `more than Receive Maximum ${this.#receiveMaximum} messages unacknowledged`
      throw new ProtocolError({ packet: 'PUBLISH', fault, clause: 'MQTT-3.3.4-9', reasonCode: 0x93 })
    }
    // Until PUBREL the identifier means the message that was delivered, whatever DUP says [MQTT-4.3.3-10].
    if (qos === 1 || !this.#isRepeated(packet)) this.#deliver(packet, topic)
    if (qos === 2) this.#unreleased.set(packetId, this.#connection)
    this.#owe({ type: qos === 1 ? 'puback' : 'pubrec', packetId, reasonCode: 0, sequence: this.#delivered })
  }

  #isRepeated({ packetId, dup }: Publish): boolean {
    const since = this.#unreleased.get(packetId)
    if (since === undefined) return false
    // 3.1 does not tell that the broker lost the session, but on a new connection only a message without DUP is new.
    return this.#version !== 3 || dup || since === this.#connection
  }

  #deliver(packet: Publish, topic: string): void {
    this.#delivered++
    const message = topic === packet.topic ? packet : { ...packet, topic }
    this.#sink.push({ type: 'deliver', message, sequence: this.#delivered })
  }

  /** The bytes of all messages up to `sequence` are safe. */
  written(sequence: number): void {
    if (sequence > this.#written) this.#written = sequence
    this.#acknowledge()
  }

  #owe(owed: Owed): void {
    this.#owed.push(owed)
    this.#acknowledge()
  }

  #acknowledge(): void {
    for (let owed = this.#owed.peek(); owed !== undefined; owed = this.#owed.peek()) {
      if (owed.sequence > this.#written) return
      this.#owed.shift()
      if (owed.type === 'puback') this.#open.delete(owed.packetId)
      this.#sink.send(ack(owed.type, owed.packetId, owed.reasonCode))
    }
  }

  pubrel(packetId: number): void {
    const known = this.#unreleased.delete(packetId)
    this.#open.delete(packetId)
    const reasonCode = known || this.#version !== 5 ? 0 : 0x92 // [MQTT-4.3.3-11]
    // It needs nothing to be safe, but must not overtake a PUBREC that does.
    this.#owe({ type: 'pubcomp', packetId, reasonCode, sequence: 0 })
  }

  /** Acknowledgements owed to the old connection are void: the broker sends those messages again. */
  lost(): void {
    this.#connection++
    this.#owed = new Queue()
    this.#open.clear()
    this.#aliases = new InboundAliases(this.#aliasMaximum)
  }

  /** The broker no longer knows the session: every identifier means a new message. */
  sessionLost(): void {
    this.#unreleased.clear()
  }
}
