// The timed retry of MQTT 3.x on a live connection: when a packet counts as unanswered for too long. A round without
// progress doubles the interval.

import { Queue } from './queue.js'

/** When the transport had taken all packets up to a number. */
interface Flush {
  sentAs: number
  at: number
}

const NEVER = Number.POSITIVE_INFINITY
/** Growth of the interval ends here. */
const MAX_ROUND = 6
/** Flushes closer together than this part of the interval are one. */
const FLUSHES_PER_INTERVAL = 1_000

export class Retry {
  readonly #intervalMs: number
  readonly #flushes = new Queue<Flush>()
  #at = NEVER
  #round = 0

  /** `intervalMs` 0: never. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** When the oldest unacknowledged packet has to be sent again, or Infinity. */
  get at(): number {
    return this.#at
  }

  get #delayMs(): number {
    return this.#intervalMs * 2 ** this.#round
  }

  /** The transport has taken all packets up to number `sentAs`, and some are not acknowledged. */
  flushed(sentAs: number, now: number): void {
    if (this.#intervalMs === 0) return
    const last = this.#flushes.last
    if (last !== undefined && now - last.at < this.#intervalMs / FLUSHES_PER_INTERVAL) last.sentAs = sentAs
    else this.#flushes.push({ sentAs, at: now })
    if (this.#at === NEVER) this.#at = now + this.#delayMs
  }

  /** Time has passed: returns the number up to which packets have waited long enough. `isNeeded`: some are unanswered. */
  take(now: number, isNeeded: boolean): number {
    const delayMs = this.#delayMs
    let due = 0
    for (let flush = this.#flushes.peek(); flush !== undefined; flush = this.#flushes.peek()) {
      if (flush.at + delayMs > now) break
      due = flush.sentAs
      this.#flushes.shift()
    }
    if (!isNeeded) this.#flushes.clear()
    const next = this.#flushes.peek()
    this.#at = next === undefined ? NEVER : next.at + delayMs // those sent now set it when they have been flushed
    return due
  }

  /** Packets were sent again. */
  resent(): void {
    if (this.#round < MAX_ROUND) this.#round++
  }

  /** The broker acknowledged something. */
  progress(): void {
    this.#round = 0
  }

  /** The connection is gone. */
  lost(): void {
    this.#flushes.clear()
    this.#at = NEVER
    this.#round = 0
  }
}
