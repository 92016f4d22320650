// What a caller may not ask for, because no broker could take it. All of it throws UsageError.

import { UsageError } from '../errors.js'
import {
  checkProperties,
  filterFault,
  hasProperties,
  MAX_REMAINING_LENGTH,
  type Payloads,
  type PropertiesOf,
  type Publish,
  packetSize,
  payloadAt,
  reasonText,
  type Subscription,
  topicFault,
  type Version,
} from '../packet/index.js'
import type { Message } from './message.js'
import type { SessionOptions } from './options.js'

/** From here on a payload may be too long for a packet. */
const NEAR_LIMIT = MAX_REMAINING_LENGTH - 1_000_000
/** Codes with which a client may leave, MQTT 5.0 table 3-10. */
const CLIENT_DISCONNECTS = new Set([
  0, 4, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
])
let decoder: InstanceType<typeof TextDecoder> | undefined // made when a payload says that it is text

/** Of messages. */
export class MessageCheck {
  readonly #version: Version
  #lastTopic: string | undefined

  constructor(version: Version) {
    this.#version = version
  }

  check(message: Message): void {
    const { topic, properties, payload } = message
    if (topic !== this.#lastTopic) {
      const fault = topicFault(topic)
      if (fault !== undefined) throw new UsageError(`topic '${topic}' ${fault}`)
      this.#lastTopic = topic
    }
    if (hasProperties(properties)) {
      needsFive('publish properties', this.#version)
      if (properties.subscriptionIdentifiers !== undefined) {
        throw new UsageError('a client sends no subscription identifier in PUBLISH') // [MQTT-3.3.4-6]
      }
      checkProperties(properties, 'publish')
      if (properties.payloadFormatIndicator === 1 && !isUtf8(payload)) {
        throw new UsageError('payload is not UTF-8, as its payload format indicator says') // [5.0 §3.3.2.3.2]
      }
    }
    // The exact size is only worth its price near the limit.
    if (payload.length > NEAR_LIMIT) {
      const packet: Publish = { type: 'publish', dup: false, packetId: 1, ...message }
      const over = packetSize(packet, this.#version) - 5 - MAX_REMAINING_LENGTH
      if (over > 0) {
        const limit = payload.length - over
        const text = `payload of ${payload.length} bytes: at most ${limit} fit into a packet with this topic`
        throw new UsageError(text, 'PAYLOAD_TOO_LARGE')
      }
    }
  }

  /** Of each payload; `message` is what they share. */
  checkMany(message: Message, payloads: Payloads): void {
    this.check(message)
    if (payloads.bytes.length <= NEAR_LIMIT) return
    for (const at of payloads.ends.keys()) this.check({ ...message, payload: payloadAt(payloads, at) })
  }
}

export function checkSubscribe(
  subscriptions: readonly Subscription[],
  properties: PropertiesOf<'subscribe'>,
  version: Version,
): void {
  if (subscriptions.length === 0) throw new UsageError('no topic filter to subscribe to') // [MQTT-3.8.3-2]
  for (const { filter, noLocal } of subscriptions) {
    checkFilter(filter)
    if (noLocal && filter.startsWith('$share/')) {
      throw new UsageError(`'${filter}': No Local is not possible with a shared subscription`) // [MQTT-3.8.3-4]
    }
  }
  if (hasProperties(properties)) needsFive('subscribe properties', version)
  checkProperties(properties, 'subscribe')
}

export function checkUnsubscribe(
  filters: readonly string[],
  properties: PropertiesOf<'unsubscribe'>,
  version: Version,
): void {
  if (filters.length === 0) throw new UsageError('no topic filter to unsubscribe from') // [MQTT-3.10.3-2]
  for (const filter of filters) checkFilter(filter)
  if (hasProperties(properties)) needsFive('unsubscribe properties', version)
  checkProperties(properties, 'unsubscribe')
}

export function checkDisconnect(
  reasonCode: number,
  properties: PropertiesOf<'disconnect'>,
  { version, properties: asked }: SessionOptions,
): void {
  if (hasProperties(properties)) needsFive('disconnect properties', version)
  checkProperties(properties, 'disconnect')
  if (!CLIENT_DISCONNECTS.has(reasonCode)) {
    throw new UsageError(`a client does not disconnect with ${reasonText(reasonCode)}`) // [MQTT-3.14.2-1]
  }
  if ((properties.sessionExpiryInterval ?? 0) > 0 && (asked?.sessionExpiryInterval ?? 0) === 0) {
    // [5.0 §3.14.2.2.2]
    throw new UsageError('DISCONNECT cannot set a Session Expiry Interval when CONNECT had none')
  }
}

function needsFive(what: string, version: Version): void {
  if (version !== 5) throw new UsageError(`${what} need MQTT 5`)
}

function checkFilter(filter: string): void {
  const fault = filterFault(filter)
  if (fault !== undefined) throw new UsageError(`topic filter '${filter}' ${fault}`)
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    decoder ??= new TextDecoder('utf-8', { fatal: true })
    decoder.decode(bytes)
    return true
  } catch {
    return false
  }
}
