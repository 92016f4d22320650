// Messages that wait for a connection or for the send window, in order.

import { type Payloads, payloadStart } from '../packet/index.js'
import type { Message } from './message.js'
import { Queue } from './queue.js'

export interface Waiting<Tag> {
  /** The message or, with `payloads`, what it shares with many others. */
  message: Message
  payloads: Payloads | undefined
  /** Which of the messages that were given with `tag` it is, or is the next of `payloads`. */
  at: number
  tag: Tag
  /** Time at which its Message Expiry Interval has run out. */
  expiresAt: number
}

export class Backlog<Tag> {
  readonly #queue = new Queue<Waiting<Tag>>()
  #count = 0
  #qos0Count = 0
  #heldBytes = 0

  /** Messages that wait. */
  get count(): number {
    return this.#count
  }

  /** Of these, those at QoS 0. */
  get qos0Count(): number {
    return this.#qos0Count
  }

  /** Their payload bytes, with what stands between payloads that were given together. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  push(item: Waiting<Tag>): void {
    this.#queue.push(item)
    this.#add(item, 1)
  }

  /** Puts items in front, keeping their order. */
  unshiftAll(items: readonly Waiting<Tag>[]): void {
    this.#queue.unshiftAll(items)
    for (const item of items) this.#add(item, 1)
  }

  /** Hands on item after item until `send` answers that the rest of one has to wait on. */
  drain(send: (item: Waiting<Tag>) => boolean): void {
    for (let item = this.#queue.peek(); item !== undefined; item = this.#queue.peek()) {
      this.#add(item, -1)
      if (!send(item)) return this.#add(item, 1)
      this.#queue.shift()
    }
  }

  clear(): Waiting<Tag>[] {
    this.#count = this.#qos0Count = this.#heldBytes = 0
    return this.#queue.clear()
  }

  #add(item: Waiting<Tag>, sign: 1 | -1): void {
    const count = sign * countOf(item)
    this.#count += count
    if (item.message.qos === 0) this.#qos0Count += count
    this.#heldBytes += sign * bytesOf(item)
  }
}

/** Messages that an item still has. */
export function countOf({ payloads, at }: Waiting<unknown>): number {
  return payloads === undefined ? 1 : payloads.ends.length - at
}

function bytesOf({ message, payloads, at }: Waiting<unknown>): number {
  if (payloads === undefined) return message.payload.length
  return at === payloads.ends.length ? 0 : payloads.bytes.length - payloadStart(payloads, at)
}
