// Collects the effects of one session step, in order.

import type { Packet } from '../packet/index.js'
import type { Effect, Outcome } from './effects.js'

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

  settle(tag: Tag, outcome: Outcome): void {
    this.#effects.push({ type: 'settle', tag, outcome })
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
