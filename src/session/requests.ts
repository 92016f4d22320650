// SUBSCRIBE and UNSUBSCRIBE: one answer each, asked again after a cut, and the list of what is subscribed to.

import { type MqttError, ProtocolError, RefusedError, TimeoutError, UsageError } from '../errors.js'
import {
  type Connack,
  packetLabel,
  packetSize,
  reasonText,
  type Suback,
  type Subscribe,
  type Subscription,
  type Unsuback,
  type Unsubscribe,
  type Version,
} from '../packet/index.js'
import type { Outcome } from './effects.js'
import type { PacketIds } from './ids.js'
import type { Sink } from './sink.js'

interface Request<Tag> {
  packet: Subscribe | Unsubscribe
  /** Absent for what is subscribed to again by ourselves. */
  tag: Tag | undefined
  sentAt: number
  transmissions: number
}

/** What the broker allows on this connection. */
export interface RequestLimits {
  wildcards: boolean
  identifiers: boolean
  shared: boolean
  /** Bytes of a whole packet. */
  maximumPacketSize: number
}

const NEVER = Number.POSITIVE_INFINITY

export function requestLimits(properties: Connack['properties']): RequestLimits {
  return {
    wildcards: properties.wildcardSubscriptionAvailable !== 0,
    identifiers: properties.subscriptionIdentifiersAvailable !== 0,
    shared: properties.sharedSubscriptionAvailable !== 0,
    maximumPacketSize: properties.maximumPacketSize ?? NEVER,
  }
}

export class Requests<Tag> {
  readonly #sink: Sink<Tag>
  readonly #ids: PacketIds
  readonly #version: Version
  readonly #retryIntervalMs: number
  readonly #limitMs: number
  readonly #pending = new Map<number, Request<Tag>>()
  #waiting: Request<Tag>[] = []
  /** What the broker granted, as it was asked for. */
  #granted: Subscribe[] = []
  /** Of the present connection, if there is one. */
  #limits: RequestLimits | undefined

  /** `limitMs` is how long an answer may take. */
  constructor(sink: Sink<Tag>, ids: PacketIds, version: Version, retryIntervalMs: number, limitMs: number) {
    this.#sink = sink
    this.#ids = ids
    this.#version = version
    this.#retryIntervalMs = version === 3 ? retryIntervalMs : 0 // 3.1.1 does not repeat these, checklist 2.3 b
    this.#limitMs = limitMs
  }

  isPending(packetId: number): boolean {
    return this.#pending.has(packetId)
  }

  ask(packet: Subscribe | Unsubscribe, tag: Tag, now: number): void {
    this.#waiting.push({ packet, tag, sentAt: 0, transmissions: 0 })
    this.pump(now)
  }

  /** A connection is open. `resubscribe` where the broker does not, or may not, know the subscriptions any more. */
  open(resubscribe: boolean, limits: RequestLimits, now: number): void {
    this.#limits = limits
    if (resubscribe) {
      const again = this.#granted.map((packet) => ({ packet, tag: undefined, sentAt: 0, transmissions: 0 }))
      this.#granted = []
      this.#waiting.unshift(...again)
    }
    this.pump(now)
  }

  /** Sends what waits, as far as there are identifiers. */
  pump(now: number): void {
    const limits = this.#limits
    if (limits === undefined || this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const request of waiting) {
      const error = refusal(request.packet, limits, this.#version)
      if (error !== undefined) {
        if (request.tag !== undefined) this.#sink.settle(request.tag, { reasonCode: 0, error })
        continue
      }
      const packetId = this.#ids.allocate()
      if (packetId === 0) {
        this.#waiting.push(request)
        continue
      }
      request.packet = { ...request.packet, packetId, dup: false }
      request.sentAt = now
      request.transmissions = 1
      this.#pending.set(packetId, request)
      this.#sink.send(request.packet)
    }
  }

  answered(packet: Suback | Unsuback, now: number): void {
    const { type, packetId, reasonCodes, properties } = packet
    const request = this.#pending.get(packetId)
    const label = packetLabel(type)
    if (request === undefined && this.#version === 3) return // a repeated request may be answered twice
    if (request === undefined || (request.packet.type === 'subscribe') !== (type === 'suback')) {
      const clause = 'MQTT-2.2.1-6'
      throw new ProtocolError({
        packet: label,
        fault: `no request has packet identifier ${packetId}`,
        clause,
      })
    }
    const filters = filtersOf(request.packet)
    const hasCodes = type === 'suback' || this.#version === 5
    if (hasCodes && reasonCodes.length !== filters.length) {
      const fault = `${reasonCodes.length} reason code(s) for ${filters.length} filter(s)`
      throw new ProtocolError({
        packet: label,
        fault,
        clause: type === 'suback' ? 'MQTT-3.8.4-6' : 'MQTT-3.11.3-1',
      })
    }
    this.#pending.delete(packetId)
    this.#ids.release(packetId)
    const refused = filters.filter((_, at) => (reasonCodes[at] ?? 0) >= 0x80)
    if (request.packet.type === 'subscribe') this.#grant(request.packet, reasonCodes)
    else this.#revoke(filters.filter((filter) => !refused.includes(filter)))
    if (request.tag !== undefined) {
      this.#sink.settle(request.tag, outcome(request.packet, filters, reasonCodes, properties.reasonString))
    } else if (refused.length > 0) {
      this.#sink.push({
        type: 'resubscribe-refused',
        filters: refused,
        reasonCodes: reasonCodes.filter((c) => c >= 0x80),
      })
    }
    this.pump(now)
  }

  #grant(packet: Subscribe, reasonCodes: readonly number[]): void {
    const subscriptions = packet.subscriptions.filter((_, at) => (reasonCodes[at] ?? 0x80) < 0x80)
    this.#revoke(subscriptions.map(({ filter }) => filter)) // the new one replaces the old [MQTT-3.8.4-3]
    if (subscriptions.length > 0) this.#granted.push({ ...packet, subscriptions })
  }

  #revoke(filters: readonly string[]): void {
    const keep = ({ filter }: Subscription): boolean => !filters.includes(filter)
    this.#granted = this.#granted
      .map((packet) => ({ ...packet, subscriptions: packet.subscriptions.filter(keep) }))
      .filter(({ subscriptions }) => subscriptions.length > 0)
  }

  /** MQTT 3.1: sends unanswered requests again with DUP. Throws TimeoutError where an answer is overdue. */
  check(now: number): void {
    for (const request of this.#pending.values()) {
      if (now >= request.sentAt + this.#limitMs) {
        const answer = request.packet.type === 'subscribe' ? 'SUBACK' : 'UNSUBACK'
        const seconds = this.#limitMs / 1000
        throw new TimeoutError(answer, this.#limitMs, `the broker sent no ${answer} within ${seconds} s`)
      }
      if (now >= this.#retryAt(request)) {
        request.transmissions++
        this.#sink.send({ ...request.packet, dup: true })
      }
    }
  }

  #retryAt({ sentAt, transmissions }: Request<Tag>): number {
    // The n-th repetition comes 1 + 2 + ... + 2^(n-1) intervals after the first transmission.
    return this.#retryIntervalMs > 0 ? sentAt + this.#retryIntervalMs * (2 ** transmissions - 1) : NEVER
  }

  /** When `check` has something to do, or Infinity. */
  get wakeAt(): number {
    let at = NEVER
    for (const request of this.#pending.values()) {
      at = Math.min(at, request.sentAt + this.#limitMs, this.#retryAt(request))
    }
    return at
  }

  /** While nobody reads, no answer can come: the waits start anew. */
  restart(now: number): void {
    for (const request of this.#pending.values()) request.sentAt = now
  }

  /** The connection is gone: what was not answered is asked again on the next one, under a new identifier. */
  lost(): void {
    this.#limits = undefined
    for (const [packetId, request] of this.#pending) {
      this.#ids.release(packetId)
      this.#waiting.push(request)
    }
    this.#pending.clear()
  }

  abandon(error: MqttError): void {
    for (const { tag } of [...this.#pending.values(), ...this.#waiting]) {
      if (tag !== undefined) this.#sink.settle(tag, { reasonCode: 0, error })
    }
    this.#pending.clear()
    this.#waiting = []
  }
}

/** Why the broker would not take this request, or undefined [5.0 §3.2.2.3.11-13] [MQTT-3.2.2-15]. */
function refusal(
  packet: Subscribe | Unsubscribe,
  limits: RequestLimits,
  version: Version,
): UsageError | undefined {
  const size = limits.maximumPacketSize < NEVER ? packetSize(packet, version) : 0
  if (size > limits.maximumPacketSize) {
    const message = `packet of ${size} bytes: the broker takes at most ${limits.maximumPacketSize}`
    return new UsageError(message, 'PACKET_TOO_LARGE')
  }
  if (packet.type === 'unsubscribe') return undefined
  if (!limits.identifiers && packet.properties.subscriptionIdentifier !== undefined) {
    return new UsageError('the broker does not support subscription identifiers')
  }
  for (const { filter } of packet.subscriptions) {
    if (!limits.wildcards && /[+#]/.test(filter))
      return new UsageError(`'${filter}': the broker does not support wildcards`)
    if (!limits.shared && filter.startsWith('$share/')) {
      return new UsageError(`'${filter}': the broker does not support shared subscriptions`)
    }
  }
  return undefined
}

function filtersOf(packet: Subscribe | Unsubscribe): readonly string[] {
  return packet.type === 'subscribe' ? packet.subscriptions.map(({ filter }) => filter) : packet.filters
}

function outcome(
  packet: Subscribe | Unsubscribe,
  filters: readonly string[],
  reasonCodes: readonly number[],
  reasonString: string | undefined,
): Outcome {
  const refused = reasonCodes.find((code) => code >= 0x80)
  if (refused === undefined) return { reasonCode: 0, reasonCodes }
  const list = filters
    .map((filter, at) => ({ filter, code: reasonCodes[at] ?? 0 }))
    .filter(({ code }) => code >= 0x80)
    .map(({ filter, code }) => `'${filter}': ${reasonText(code)}`)
  const why = reasonString === undefined ? '' : ` (${reasonString})`
  const verb = packet.type === 'subscribe' ? 'subscription' : 'unsubscription'
  const message = `broker refused the ${verb} to ${list.join(', ')}${why}`
  const error = new RefusedError(packetLabel(packet.type), message, { reasonCode: refused, reasonString })
  return { reasonCode: refused, reasonCodes, error }
}
