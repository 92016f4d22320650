// The only place that tells the time and sets timers.

import { uptime } from 'node:process'

let turn: number | undefined
const forget = (): void => {
  turn = undefined
}

/** Milliseconds of a steady clock, that of the shortest way to it, read once for all that happens in a turn. */
export function now(): number {
  if (turn === undefined) {
    turn = 1_000 * uptime()
    soon(forget)
  }
  return turn
}

const RESOLVED = Promise.resolve()

/** Calls `task` when the turn ends. Without what queueMicrotask loads at its first call and makes at each. */
export function soon(task: () => void): void {
  RESOLVED.then(task)
}

/** One timer that can be set, moved and cancelled. */
export class Alarm {
  #timer: NodeJS.Timeout | undefined
  #at = Number.POSITIVE_INFINITY

  /** Calls `ring` at the time `at` of `now()`, unless an earlier call is due anyway; Infinity cancels. */
  set(at: number, ring: () => void): void {
    if (at === Number.POSITIVE_INFINITY) return this.cancel()
    // A timer that rings too early is cheaper than one that is moved for each packet.
    if (this.#timer !== undefined && this.#at <= at) return
    this.cancel()
    this.#at = at
    const delay = Math.min(Math.max(0, Math.ceil(at - now())), 2_147_483_647)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#at = Number.POSITIVE_INFINITY
      ring()
    }, delay)
  }

  cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#at = Number.POSITIVE_INFINITY
  }
}
