// Collects the effects of one session step, in order.

import type { PackedAck, Packet, Payloads, Publish, Publishes } from '../packet/index.js'
import type { Effect, Outcome } from './effects.js'
import type { Message } from './message.js'

export class Sink<Tag> {
  #effects: Effect<Tag>[] = []
  #sent = 0

  /** Packets sent since the connection began: the number of the last one. */
  get sent(): number {
    return this.#sent
  }

  send(packet: Packet): void {
    this.#sent++
    this.#effects.push({ type: 'send', packet, number: this.#sent })
  }

  acknowledge(ack: PackedAck): void {
    this.#sent++
    const last = this.#effects.at(-1)
    if (last?.type === 'acknowledge') {
      last.acks.push(ack)
      last.number = this.#sent
    } else this.#effects.push({ type: 'acknowledge', acks: [ack], number: this.#sent })
  }

  deliver(message: Publish, sequence: number): void {
    const last = this.#effects.at(-1)
    if (last?.type === 'deliver') {
      last.messages.push(message)
      last.last = sequence
    } else this.#effects.push({ type: 'deliver', messages: [message], last: sequence })
  }

  /** Sends the payloads from number `from` up to `to`, with one packet identifier each, or none at QoS 0. */
  sendMany(message: Message, payloads: Payloads, from: number, to: number, packetIds: number[]): void {
    this.#sent += to - from
    const { topic, qos, retain } = message
    const packets: Publishes = { topic, qos, retain, payloads, from, to, packetIds }
    this.#effects.push({ type: 'send-many', packets, number: this.#sent })
  }

  /** Of the messages that were given with `tag`, number `at` and those behind it, or of the only one. */
  settle(tag: Tag, outcome: Outcome, at = 0, count = 1): void {
    const last = this.#effects.at(-1)
    if (last?.type === 'settle' && last.tag === tag && last.outcome === outcome) {
      const before = last.count ?? 1
      if (last.at + before === at && last.packetId === undefined) {
        last.count = before + count
        return
      }
    }
    this.#effects.push({ type: 'settle', tag, outcome, at, ...(count > 1 && { count }) })
  }

  /** As `settle` of one message, with its packet identifier. */
  settleWith(packetId: number, tag: Tag, outcome: Outcome, at: number): void {
    this.#effects.push({ type: 'settle', tag, outcome, at, packetId })
  }

  push(effect: Effect<Tag>): void {
    this.#effects.push(effect)
  }

  restart(): void {
    this.#sent = 0
  }

  take(): Effect<Tag>[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
