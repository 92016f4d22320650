// What ends a run before its work is done: a signal, or the time limit.

import { Alarm, now } from '../client/index.js'
import { type Reporter, statusOfSignal } from './exit.js'
import type { Io, Signal } from './io.js'

export class Stop {
  readonly #controller = new AbortController()
  readonly #alarm = new Alarm()
  #limitAt = Number.POSITIVE_INFINITY
  cause: { why: 'signal'; signal: Signal } | { why: 'timeout' } | undefined
  #reach: (() => void) | undefined
  readonly reached: Promise<void> = new Promise((resolve) => {
    this.#reach = resolve
  })

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  now(cause: NonNullable<Stop['cause']>): void {
    this.cause ??= cause
    this.#controller.abort()
    this.#reach?.()
  }

  /** Ends the process, behind what was said, as the signal would have done, where the exit status is to be that of a signal. */
  async dieBySignal(status: number, io: Io, reporter: Reporter): Promise<void> {
    const { cause } = this
    if (cause?.why !== 'signal' || status !== statusOfSignal(cause.signal)) return
    await reporter.said()
    io.dieBy(cause.signal)
  }

  /** The work is done, or has failed: no time limit counts any more. */
  cancel(): void {
    this.#alarm.cancel()
  }

  after(delayMs: number): void {
    this.#limitAt = now() + delayMs
    this.resume()
  }

  /** There is something to do behind the work: the time limit counts for that too. */
  resume(): void {
    this.#alarm.set(this.#limitAt, () => this.now({ why: 'timeout' }))
  }
}
