// QoS 0 messages of the present connection: done once their bytes have left, and at risk until a PINGRESP shows that the
// broker has read them.

import { ClosedError } from '../errors.js'
import { DONE } from './effects.js'
import { Queue } from './queue.js'
import type { Sink } from './sink.js'

/** Messages whose bytes have not left. */
interface Unflushed<Tag> {
  /** Numbers of the first and the last packet. */
  from: number
  sentAs: number
  tag: Tag
  /** Which of the messages that were given with `tag` the first one is. */
  at: number
}

export class Qos0<Tag> {
  readonly #sink: Sink<Tag>
  readonly #unflushed = new Queue<Unflushed<Tag>>()
  #unsettled = 0
  /** Messages sent, and how many of them a PINGRESP has shown to have been read. */
  #sent = 0
  #proved = 0
  /** `#sent` at each PINGREQ without PINGRESP. */
  readonly #atPings = new Queue<number>()
  #atRisk = 0

  constructor(sink: Sink<Tag>) {
    this.#sink = sink
  }

  /** Messages whose bytes have not left. */
  get unsettled(): number {
    return this.#unsettled
  }

  /** Of all lost connections: messages that had left, and that the broker may not have read. */
  get atRisk(): number {
    return this.#atRisk
  }

  /** The last `count` packets were such; those given together that leave one behind the other share an entry. */
  sent(count: number, tag: Tag, at: number): void {
    const sentAs = this.#sink.sent
    const from = sentAs - count + 1
    this.#sent += count
    this.#unsettled += count
    const last = this.#unflushed.last
    const isNext = last?.tag === tag && last.sentAs === from - 1 && last.at + from - last.from === at
    if (last !== undefined && isNext) last.sentAs = sentAs
    else this.#unflushed.push({ from, sentAs, tag, at })
  }

  /** The transport has taken all packets up to number `sentAs`. */
  flushed(sentAs: number): void {
    for (let item = this.#unflushed.peek(); item !== undefined; item = this.#unflushed.peek()) {
      const left = Math.min(item.sentAs, sentAs) - item.from + 1
      if (left <= 0) break
      this.#sink.settle(item.tag, DONE, item.at, left)
      item.from += left
      item.at += left
      this.#unsettled -= left
      if (item.from <= item.sentAs) break
      this.#unflushed.shift()
    }
  }

  pinged(): void {
    this.#atPings.push(this.#sent)
  }

  /** PINGRESP: the broker has read everything before the PINGREQ that it answers. */
  pingAnswered(): void {
    this.#proved = this.#atPings.shift() ?? this.#proved
  }

  /** The connection is gone, and messages that had not left with it [MQTT-4.3.1-1]; `inOrder`: behind our DISCONNECT. */
  lost(inOrder: boolean): void {
    if (!inOrder) this.#atRisk += this.#sent - this.#proved - this.#unsettled
    const unflushed = this.#unflushed.clear()
    if (unflushed.length > 0) {
      const error = new ClosedError('connection lost before the QoS 0 message had left')
      const outcome = { reasonCode: 0, error }
      for (const { from, sentAs, tag, at } of unflushed)
        this.#sink.settle(tag, outcome, at, sentAs - from + 1)
    }
    this.#unsettled = this.#sent = this.#proved = 0
    this.#atPings.clear()
  }
}
