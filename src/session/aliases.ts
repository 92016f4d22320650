// Topic Aliases of MQTT 5, one table for each direction. Both end with the connection [MQTT-3.3.2-7].

import { ProtocolError, UsageError } from '../errors.js'
import type { Publish } from '../packet/index.js'

/** Aliases the broker uses towards us. */
export class InboundAliases {
  readonly #topics = new Map<number, string>()
  readonly #maximum: number

  /** `maximum` is the Topic Alias Maximum of our CONNECT, 0 where it had none. */
  constructor(maximum: number) {
    this.#maximum = maximum
  }

  /** The message's Topic Name. Throws ProtocolError for an alias we did not allow or do not know. */
  resolve({ topic, properties }: Publish): string {
    const alias = properties.topicAlias
    if (alias === undefined) return topic
    if (alias > this.#maximum) {
      const fault = `Topic Alias ${alias}, at most ${this.#maximum} was allowed`
      throw new ProtocolError({ packet: 'PUBLISH', fault, clause: 'MQTT-3.1.2-26', reasonCode: 0x94 })
    }
    if (topic !== '') {
      this.#topics.set(alias, topic)
      return topic
    }
    const known = this.#topics.get(alias)
    if (known === undefined) {
      throw new ProtocolError({
        packet: 'PUBLISH',
        fault: `Topic Alias ${alias} was never set`,
        clause: '5.0 §3.3.4',
      })
    }
    return known
  }
}

/** Aliases we use towards the broker. */
export class OutboundAliases {
  readonly #aliases = new Map<string, number>()
  readonly #topics = new Map<number, string>()
  readonly #maximum: number
  readonly #automatic: boolean

  /** `maximum` is the Topic Alias Maximum of CONNACK, 0 where it had none [MQTT-3.2.2-17] [MQTT-3.2.2-18]. */
  constructor(maximum: number, automatic: boolean) {
    this.#maximum = maximum
    this.#automatic = automatic
  }

  /** Throws UsageError where the caller chose an alias that the broker does not take. */
  check(packet: Publish): void {
    const alias = packet.properties.topicAlias
    if (alias !== undefined && alias > this.#maximum) {
      throw new UsageError(`topic alias ${alias}: the broker takes at most ${this.#maximum}`)
    }
  }

  /** The packet as it goes out: with an alias where one is given or free, without the name where the alias is known. */
  apply(packet: Publish): Publish {
    const { topic, properties } = packet
    let alias = properties.topicAlias ?? this.#aliases.get(topic)
    if (alias === undefined) {
      if (!this.#automatic || this.#topics.size >= this.#maximum) return packet
      alias = this.#topics.size + 1
      while (this.#topics.has(alias)) alias = alias === this.#maximum ? 1 : alias + 1
    }
    if (this.#topics.get(alias) === topic) {
      return { ...packet, topic: '', properties: { ...properties, topicAlias: alias } }
    }
    const before = this.#topics.get(alias)
    if (before !== undefined) this.#aliases.delete(before)
    this.#topics.set(alias, topic)
    this.#aliases.set(topic, alias)
    return { ...packet, properties: { ...properties, topicAlias: alias } }
  }
}
