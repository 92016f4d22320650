// A JSON line for what became of each message and, at the end, one with the totals. Lines of one turn leave together.

import { Alarm, now } from '../client/index.js'
import { ClosedError, RefusedError, UsageError } from '../errors.js'
import { Numbered } from '../numbered.js'
import { type Qos, reasonName } from '../packet/index.js'
import type { Outcome } from '../session/index.js'
import { EXIT, type Reporter, statusOfSignal } from './exit.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'
import { Out } from './out.js'
import { openReceipts, type ReceiptsFile } from './receipts-file.js'
import type { Stop } from './stop.js'

/** With more than this unwritten, no more messages should be taken. */
const BEHIND_BYTES = 262_144
/** How long the last lines may take when the run was ended from outside. */
const LEAVE_LIMIT_MS = 1_000

/**
 *   confirmed     the broker owns it; at QoS 0, it left on a connection that shows no doubt
 *   refused       the broker will not take it
 *   removed       it was never sent, and never will be: it expired, or had to make room
 *   unconfirmed   all others
 */
type Fate = 'confirmed' | 'refused' | 'removed' | 'unconfirmed'

/** What messages whose fate is open have in common that were given together. */
interface Entry {
  /** Undefined where nothing but the identifier is left of it. */
  topic: string | undefined
  qos: Qos
  packetId: number | undefined
  givenAt: number
}

export class Receipts {
  readonly #file: ReceiptsFile
  readonly #reporter: Reporter
  readonly #open = new Numbered<Entry>()
  /** How long the answer took of those that have one, and no fate yet. */
  readonly #ms = new Numbered<number>()
  readonly counts: Record<Fate, number> = { confirmed: 0, refused: 0, removed: 0, unconfirmed: 0 }
  readonly #out = new Out()
  #isWriteDue = false
  #unwritten = 0
  #isBroken = false
  /** Lines are missing that somebody waits for. */
  #hasFailed = false
  #wantsRoom: (() => void)[] = []
  #wantsAll: (() => void)[] = []

  constructor(file: ReceiptsFile, reporter: Reporter) {
    this.#file = file
    this.#reporter = reporter
  }

  /** The session has been handed message `number`; with a spool perhaps once more. */
  given(number: number, topic: string | undefined, qos: Qos, packetId?: number): void {
    if (this.#open.get(number) === undefined) this.#open.set(number, { topic, qos, packetId, givenAt: now() })
  }

  /** The same of `count` messages from `number` on. */
  givenMany(number: number, count: number, topic: string, qos: Qos): void {
    const entry = { topic, qos, packetId: undefined, givenAt: now() }
    for (let nth = 0; nth < count; nth++) this.#open.set(number + nth, entry)
  }

  /** There was an answer or, at QoS 0, the bytes have left. */
  answered(number: number): void {
    const entry = this.#open.get(number)
    if (entry !== undefined && this.#ms.get(number) === undefined) this.#ms.set(number, msSince(entry))
  }

  /** Messages whose fate is open. */
  get open(): number {
    return this.#open.size
  }

  /** What `outcome` says is final. */
  settled(number: number, outcome: Outcome, packetId?: number): void {
    const fate = fateOf(outcome)
    const { error } = outcome
    const isAnswer = error === undefined || error instanceof RefusedError
    this.#done(number, fate, outcome, isAnswer, packetId)
  }

  done(number: number, fate: Fate, outcome: Outcome): void {
    this.#done(number, fate, outcome, false)
  }

  /** `isAnswer`: the answer comes now, unless there was one. `packetId`: where it is not that of `given`. */
  #done(number: number, fate: Fate, outcome: Outcome, isAnswer: boolean, packetId?: number): void {
    const entry = this.#open.get(number)
    if (entry === undefined) return
    const ms = this.#ms.get(number) ?? (isAnswer ? msSince(entry) : undefined)
    this.#open.delete(number)
    this.#ms.delete(number)
    this.#tell(number, entry, fate, outcome, ms, packetId)
  }

  /** A message that the session has never seen will not be sent. */
  removed(number: number, topic: string, qos: Qos, why: string): void {
    const entry = { topic, qos, packetId: undefined, givenAt: 0 }
    this.#tell(number, entry, 'removed', { reasonCode: 0, error: new ClosedError(why) })
  }

  #tell(
    number: number,
    { topic, qos, packetId: given }: Entry,
    fate: Fate,
    outcome: Outcome,
    ms?: number,
    packetId = given,
  ): void {
    this.counts[fate]++
    const { error, reasonCode } = outcome
    const isAnswer = fate === 'confirmed' ? qos > 0 : error instanceof RefusedError && fate === 'refused'
    this.#line({
      number,
      topic: topic ?? null,
      mid: packetId ?? null,
      qos,
      outcome: fate,
      code: isAnswer ? reasonCode : null,
      reason: isAnswer ? reasonName(reasonCode) : null,
      ms: fate === 'confirmed' || isAnswer ? (ms ?? null) : null,
      ...(fate !== 'confirmed' && { error: error?.message ?? 'the run ended before it was confirmed' }),
    })
  }

  #line(value: object): void {
    if (this.#isBroken) return
    this.#out.text(`${JSON.stringify(value)}\n`)
    if (this.#isWriteDue || this.#unwritten > 0) return
    this.#isWriteDue = true
    queueMicrotask(() => this.#write())
  }

  /** One write at a time: what comes meanwhile is gathered for the next. */
  #write(): void {
    this.#isWriteDue = false
    if (this.#isBroken) return
    this.#unwritten = this.#out.length
    this.#file.write(this.#out.take(), (error) => {
      this.#unwritten = 0
      if (error !== undefined) this.#fail(error)
      if (this.#out.length > 0) this.#write()
      if (!this.isBehind) for (const listener of this.#wantsRoom.splice(0)) listener()
      if (this.#isFlushed) for (const resolve of this.#wantsAll.splice(0)) resolve()
    })
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (this.#isBroken) return
    this.#isBroken = true
    if (error.code === 'EPIPE' && this.#file.mayClose) return
    this.#hasFailed = true
    this.#reporter.error(new UsageError(`${this.#file.name}: receipts end here: ${error.message}`))
  }

  get #isFlushed(): boolean {
    return this.#isBroken || (this.#unwritten === 0 && this.#out.length === 0)
  }

  /** Whether whoever reads the receipts does not keep up. */
  get isBehind(): boolean {
    return !this.#isBroken && this.#unwritten + this.#out.length > BEHIND_BYTES
  }

  /** Calls `listener` once, as soon as receipts are no longer behind. */
  drain(listener: () => void): void {
    if (this.isBehind) this.#wantsRoom.push(listener)
    else listener()
  }

  /** Messages without an outcome have none any more. */
  abandon(): void {
    for (const number of this.#open.numbers()) this.done(number, 'unconfirmed', { reasonCode: 0 })
  }

  /**
   * Writes the totals and waits until all is written: for as long as the reader likes, unless the run is, or is then,
   * ended from outside. Returns the exit status; that of a signal which ended the waiting.
   */
  async close(status: number, totals: object, stop: Stop): Promise<number> {
    stop.resume()
    const end = this.#hasFailed ? status || EXIT.failure : status
    this.#line({ ...totals, status: end })
    if (!this.#isFlushed) {
      const flushed = new Promise<void>((resolve) => this.#wantsAll.push(resolve))
      const limit = stop.reached.then(
        () => new Promise<void>((resolve) => new Alarm().set(now() + LEAVE_LIMIT_MS, resolve)),
      )
      await Promise.race([flushed, limit])
    }
    if (!this.#isFlushed) {
      this.#fail(new Error('nobody takes them'))
      if (stop.cause?.why === 'signal') return statusOfSignal(stop.cause.signal)
    }
    return this.#hasFailed ? end || EXIT.failure : end
  }
}

/** Milliseconds since the message was given, to the microsecond. */
function msSince({ givenAt }: Entry): number {
  return Math.round((now() - givenAt) * 1_000) / 1_000
}

function fateOf({ error }: Outcome): Fate {
  if (error === undefined) return 'confirmed'
  if (error instanceof UsageError) return 'refused'
  if (error instanceof RefusedError && error.packet === 'PUBLISH') return 'refused'
  return error instanceof ClosedError && error.fate === 'expired' ? 'removed' : 'unconfirmed'
}

/** The receipts that the options ask for. Throws UsageError where they cannot be written. */
export function receiptsOf({ receipts }: Given, io: Io, reporter: Reporter): Receipts | undefined {
  return receipts === undefined ? undefined : new Receipts(openReceipts(receipts, io), reporter)
}
