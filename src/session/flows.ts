// QoS 1 and 2 messages in flight: found by packet identifier, walked in the order of first transmission, which never
// changes.

import { NONE, type Payloads, type Publish, payloadAt, payloadStart } from '../packet/index.js'
import type { Message } from './message.js'

export interface Flow<Tag> {
  packetId: number
  /** The message or, with `payloads`, what it shares with many others. */
  message: Message
  payloads: Payloads | undefined
  /** Which of the messages that were given with `tag`, and of `payloads`, it is. */
  at: number
  tag: Tag
  stage: 'published' | 'released'
  /** Acknowledgements still to come on this connection, one for each PUBLISH and one for each PUBREL sent. */
  owedFirst: number
  owedComp: number
  /** Has to be sent again on this connection and found no quota yet. */
  held: boolean
  /** Number of the packet that carried it last; Infinity where this connection has seen none. */
  sentAs: number
  before: Flow<Tag> | undefined
  after: Flow<Tag> | undefined
}

const EMPTY = new Uint8Array(0)
const NO_MESSAGE: Message = { topic: '', payload: EMPTY, qos: 0, retain: false, properties: NONE }

export class Flows<Tag> implements Iterable<Flow<Tag>> {
  #byId: (Flow<Tag> | undefined)[] = []
  #first: Flow<Tag> | undefined
  #last: Flow<Tag> | undefined
  #size = 0
  #heldBytes = 0
  /** Rows that are free to be used again: a new one for each message would keep the garbage collector busy. */
  #free: Flow<Tag> | undefined

  get size(): number {
    return this.#size
  }

  /** Payload bytes of messages that may have to be sent again. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  get(packetId: number): Flow<Tag> | undefined {
    return this.#byId[packetId]
  }

  /** Adds a message behind all others. */
  add(
    packetId: number,
    message: Message,
    tag: Tag,
    sentAs: number,
    payloads: Payloads | undefined = undefined,
    at = 0,
  ): Flow<Tag> {
    const before = this.#last
    const flow = this.#free ?? ({} as Flow<Tag>)
    this.#free = flow.after
    flow.packetId = packetId
    flow.message = message
    flow.payloads = payloads
    flow.at = at
    flow.tag = tag
    flow.stage = 'published'
    flow.owedFirst = 0
    flow.owedComp = 0
    flow.held = false
    flow.sentAs = sentAs
    flow.before = before
    flow.after = undefined
    if (before === undefined) this.#first = flow
    else before.after = flow
    this.#last = flow
    this.#byId[packetId] = flow
    this.#size++
    this.#heldBytes += heldBy(flow)
    return flow
  }

  /** The row keeps its values, but for the message, until another one is added. */
  delete(flow: Flow<Tag>): void {
    this.#heldBytes -= heldBy(flow)
    const { packetId, before, after } = flow
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    this.#byId[packetId] = undefined
    this.#size--
    flow.payloads = undefined
    flow.message = NO_MESSAGE
    flow.after = this.#free
    this.#free = flow
  }

  /** With PUBREC the broker has the message: nothing needs its bytes any more. */
  forgetPayload(flow: Flow<Tag>): void {
    this.#heldBytes -= heldBy(flow)
    if (flow.payloads === undefined) flow.message = { ...flow.message, payload: EMPTY }
    else flow.payloads = undefined
  }

  clear(): void {
    this.#heldBytes = 0
    this.#byId = []
    this.#first = this.#last = undefined
    this.#size = 0
  }

  /** Oldest first; the one at hand may be deleted on the way. */
  *[Symbol.iterator](): Iterator<Flow<Tag>> {
    for (let flow = this.#first; flow !== undefined; ) {
      const { after } = flow
      yield flow
      flow = after
    }
  }
}

function heldBy({ message, payloads, at, stage }: Flow<unknown>): number {
  if (stage === 'released') return 0
  return payloads === undefined
    ? message.payload.length
    : (payloads.ends[at] as number) - payloadStart(payloads, at)
}

export function payloadOf({ message, payloads, at }: Flow<unknown>): Uint8Array {
  return payloads === undefined ? message.payload : payloadAt(payloads, at)
}

/** The PUBLISH that carries the message once more [MQTT-3.3.1-1]. */
export function repeated(flow: Flow<unknown>): Publish {
  const { topic, qos, retain, properties } = flow.message
  const { packetId } = flow
  return { type: 'publish', dup: true, qos, retain, topic, packetId, properties, payload: payloadOf(flow) }
}
