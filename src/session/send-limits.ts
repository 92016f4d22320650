// What the broker takes of messages, as its CONNACK says, and which Topic Aliases they go out with.

import { type MqttError, UsageError } from '../errors.js'
import { type Connack, type Publish, packetSize, type Qos, type Version } from '../packet/index.js'
import { OutboundAliases } from './aliases.js'
import type { Message } from './message.js'
import type { SessionOptions } from './options.js'

/** What the broker allows on this connection. */
export interface SendLimits {
  /** QoS 1 and 2 messages in flight at a time, 1 to 65,535. */
  window: number
  maximumQoS: Qos
  retainAvailable: boolean
  /** Bytes of a whole packet. */
  maximumPacketSize: number
  topicAliasMaximum: number
  automaticAliases: boolean
}

const NEVER = Number.POSITIVE_INFINITY
export const DEFAULT_WINDOW = 20
/** What an alias adds at most: the property, and a byte to either length in front of it. */
const ALIAS_SIZE = 5

/** As CONNACK says, and the options of the session. */
export function sendLimits(
  properties: Connack['properties'],
  { version, maxInFlight, automaticAliases = false }: SessionOptions,
): SendLimits {
  const receiveMaximum =
    properties.receiveMaximum ?? (version === 5 && maxInFlight === undefined ? DEFAULT_WINDOW : NEVER)
  return {
    window: Math.min(receiveMaximum, maxInFlight ?? (version === 5 ? receiveMaximum : DEFAULT_WINDOW)),
    maximumQoS: properties.maximumQoS === undefined ? 2 : (properties.maximumQoS as 0 | 1),
    retainAvailable: properties.retainAvailable !== 0,
    maximumPacketSize: properties.maximumPacketSize ?? NEVER,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    automaticAliases,
  }
}

/** Those of one connection: the aliases end with it [MQTT-3.3.2-7]. */
export class Limited {
  readonly #limits: SendLimits
  readonly #version: Version
  readonly #aliases: OutboundAliases

  constructor(limits: SendLimits, version: Version) {
    this.#limits = limits
    this.#version = version
    this.#aliases = new OutboundAliases(limits.topicAliasMaximum, limits.automaticAliases)
  }

  /** QoS 1 and 2 messages in flight at a time, 1 to 65,535. */
  get window(): number {
    return this.#limits.window
  }

  /** Whether nothing that the broker said concerns messages of this kind. */
  isPlain({ qos, retain }: Message): boolean {
    const { maximumQoS, retainAvailable, maximumPacketSize, automaticAliases } = this.#limits
    const isTaken = qos <= maximumQoS && (!retain || retainAvailable)
    return isTaken && maximumPacketSize === NEVER && !automaticAliases
  }

  /** Why the broker would not take this packet, or undefined [MQTT-3.2.2-11] [MQTT-3.2.2-14] [MQTT-3.2.2-15]. */
  refusal(packet: Publish): MqttError | undefined {
    const { maximumQoS, retainAvailable, maximumPacketSize } = this.#limits
    if (packet.qos > maximumQoS) {
      return new UsageError(
        `QoS ${packet.qos}: the broker's maximum is QoS ${maximumQoS}`,
        'QOS_NOT_SUPPORTED',
      )
    }
    if (packet.retain && !retainAvailable) return new UsageError('the broker does not keep retained messages')
    if (maximumPacketSize < NEVER) {
      const size = packetSize(packet, this.#version)
      if (size > maximumPacketSize) {
        const message = `packet of ${size} bytes: the broker takes at most ${maximumPacketSize}`
        return new UsageError(message, 'PACKET_TOO_LARGE')
      }
    }
    try {
      this.#aliases.check(packet)
    } catch (error) {
      return error as UsageError
    }
    return undefined
  }

  /** The packet as it goes out: without an automatic alias where that might take it over the broker's limit. */
  aliased(packet: Publish): Publish {
    const { maximumPacketSize, automaticAliases } = this.#limits
    const isOurs = automaticAliases && packet.properties.topicAlias === undefined
    if (isOurs && maximumPacketSize < NEVER) {
      if (packetSize(packet, this.#version) + ALIAS_SIZE > maximumPacketSize) return packet // [MQTT-3.2.2-15]
    }
    return this.#aliases.apply(packet)
  }
}
