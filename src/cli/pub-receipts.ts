// Receipts of a run without spool, whose messages have one topic and QoS and are counted from 1.

import { Alarm, type Client, now, type Settled } from '../client/index.js'
import { ClosedError, UsageError } from '../errors.js'
import type { Qos } from '../packet/index.js'
import type { Outcome } from '../session/index.js'
import type { Receipts } from './receipts.js'
import type { Stop } from './stop.js'

/** QoS 0 messages are proved read together, by a ping as long after the first of them or when they are as many. */
const PROVE_MS = 100
const PROVE_COUNT = 1_000
/** With more QoS 0 messages than this without a fate, no more should be taken. */
const BEHIND_COUNT = 5_000
const DONE = { reasonCode: 0 }

export class RunReceipts {
  readonly #receipts: Receipts
  readonly #topic: string
  readonly #qos: Qos
  #count = 0
  /** QoS 0 messages that left on the present connection, in order, and that no ping has shown to be read. */
  #left: number[] = []
  #atRisk = 0
  #client: Client | undefined
  readonly #alarm = new Alarm()
  #isProving = false
  #wantsProof: (() => void)[] = []

  constructor(receipts: Receipts, topic: string, qos: Qos) {
    this.#receipts = receipts
    this.#topic = topic
    this.#qos = qos
  }

  attach(client: Client): void {
    this.#client = client
  }

  /** Whether the broker, or whoever reads the receipts, does not keep up. */
  get isBehind(): boolean {
    return this.#receipts.isBehind || this.#wantsProofs
  }

  get #wantsProofs(): boolean {
    return this.#qos === 0 && this.#receipts.open > BEHIND_COUNT
  }

  /** Calls `listener` once, as soon as both do, or the connection is lost. */
  drain(listener: () => void): void {
    if (this.#wantsProofs) this.#wantsProof.push(() => this.drain(listener))
    else this.#receipts.drain(listener)
  }

  #checkDrain(): void {
    if (!this.#wantsProofs) for (const listener of this.#wantsProof.splice(0)) listener()
  }

  /** So many messages more: what to call with the outcome of each, which `settled` is told too. */
  next(count: number, settled: Settled): Settled {
    const first = this.#count + 1
    this.#count += count
    this.#receipts.givenMany(first, count, this.#topic, this.#qos)
    return (outcome, at, packetId) => {
      if (this.#qos === 0 && outcome.error === undefined) this.#leave(first + at)
      else this.#settle(first + at, outcome, packetId)
      settled(outcome, at)
    }
  }

  #settle(number: number, outcome: Outcome, packetId?: number): void {
    this.#receipts.settled(number, outcome, packetId)
    this.#checkDrain()
  }

  #leave(number: number): void {
    this.#receipts.answered(number)
    this.#left.push(number)
    this.#proveSoon()
  }

  #proveSoon(): void {
    const { length } = this.#left
    if (this.#isProving || length === 0) return
    if (length >= PROVE_COUNT) this.#prove()
    else this.#alarm.set(now() + PROVE_MS, () => this.#prove())
  }

  #prove(): void {
    const left = this.#left
    const { length } = left
    if (this.#isProving || length === 0) return
    this.#isProving = true
    const proved = (isRead: boolean): void => {
      this.#isProving = false
      // Those of a lost connection have their lines already.
      if (isRead && left === this.#left) this.#confirm(left.splice(0, length))
      this.#proveSoon()
      this.#checkDrain()
    }
    this.#client?.ping().then(
      () => proved(true),
      () => proved(false),
    )
  }

  /** The connection is gone. The client knows how many of those that left last on it may not have been read. */
  lost(): void {
    const left = this.#left
    const atRisk = this.#client?.qos0AtRisk ?? 0
    const doubtful = left.splice(left.length - (atRisk - this.#atRisk))
    this.#atRisk = atRisk
    this.#left = []
    this.#confirm(left)
    const error = new ClosedError('the connection ended without a sign that the broker had read it')
    for (const number of doubtful) this.#receipts.done(number, 'unconfirmed', { reasonCode: 0, error })
    this.#checkDrain()
  }

  #confirm(numbers: readonly number[]): void {
    for (const number of numbers) this.#receipts.done(number, 'confirmed', DONE)
  }

  /** The client has ended, all fates are known. Returns the exit status. */
  close(status: number, failure: unknown, stop: Stop): Promise<number> {
    this.#alarm.cancel()
    this.lost()
    // What is still open is a message that the client did not take at all.
    if (failure instanceof UsageError) this.#receipts.settled(this.#count, { reasonCode: 0, error: failure })
    this.#receipts.abandon()
    return this.#receipts.close(status, { given: this.#count, ...this.#receipts.counts }, stop)
  }
}
