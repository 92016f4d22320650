// What follows a connection, or an attempt, that is over: another attempt or the end. Decisions only, no timers.

import { ClosedError, type MqttError, TransportError } from '../errors.js'
import { backoffMs, DEFAULT_DELAYS } from './backoff.js'
import { FightWatch } from './fight.js'
import type { ClientOptions } from './options.js'

export interface Loss {
  error: MqttError
  /** Whether another attempt can help. */
  retry: boolean
  /** The broker closed an open connection, and nothing was wrong with it. */
  inOrder: boolean
  /** The session outlives the connection. */
  isKept: boolean
}

export type Next =
  /** Wait, then make attempt number `attempt` in a row. */
  | { delayMs: number; attempt: number }
  /** End; after `attempts` that the policy allowed, where it would have been worth more. */
  | { error: MqttError; attempts?: number }

const ATTEMPT_LIMIT_MS = 30_000
/** A connection that lasts so long was of use, even if nothing happened on it. */
const USEFUL_MS = 30_000

export class Reconnect {
  readonly #options: ClientOptions
  readonly #random: () => number
  readonly #fight = new FightWatch()
  #connections = 0
  /** Failed attempts, or connections that were of no use, in a row. */
  #attempt = 0
  #openedAt: number | undefined
  /** Until when the first connection is tried. */
  #deadline: number | undefined

  constructor(options: ClientOptions, random: () => number = Math.random) {
    this.#options = options
    this.#random = random
  }

  /** Connections that reached CONNACK. */
  get connections(): number {
    return this.#connections
  }

  /** An attempt begins. Returns how long it may take. */
  begin(now: number): number {
    const { connectTimeoutMs = ATTEMPT_LIMIT_MS, retryConnectMs = 0 } = this.#options
    if (this.#connections > 0 || retryConnectMs === 0) return connectTimeoutMs
    this.#deadline ??= now + retryConnectMs
    return Math.min(connectTimeoutMs, Math.ceil(this.#deadline - now))
  }

  opened(now: number): void {
    if (this.#connections++ === 0) this.#attempt = 0 // those before it were none to connect again
    this.#openedAt = now
    this.#fight.opened(now)
  }

  /** The connection did something for us, which a CONNACK alone does not prove. */
  useful(): void {
    this.#attempt = 0
  }

  next(loss: Loss, now: number): Next {
    const { error, retry, inOrder } = loss
    const openedAt = this.#openedAt
    this.#openedAt = undefined
    if (openedAt === undefined) this.#fight.failed()
    else if (this.#fight.lost(inOrder, now) && this.#options.clientId) return { error: this.#fought() }
    if (!retry || (error instanceof TransportError && error.isFinal)) return { error }
    const { reconnectDelayMs = DEFAULT_DELAYS, maxReconnects = Number.POSITIVE_INFINITY } = this.#options
    if (openedAt !== undefined && now - openedAt >= USEFUL_MS) this.useful()
    const isFirst = this.#connections === 0
    if (!(isFirst ? this.#mayRetryFirst(error) : this.#mayReconnect(loss))) return { error }
    const delayMs = backoffMs(this.#attempt + 1, this.#random(), reconnectDelayMs)
    const isOver = isFirst ? now + delayMs >= this.#firstUntil : this.#attempt >= maxReconnects
    // The first attempt counts too, reconnects follow a connection.
    if (isOver) return { error, attempts: isFirst ? this.#attempt + 1 : this.#attempt }
    this.#attempt++
    return { delayMs, attempt: this.#attempt }
  }

  get #firstUntil(): number {
    return this.#deadline ?? Number.POSITIVE_INFINITY
  }

  #mayRetryFirst(error: MqttError): boolean {
    const { retryConnectMs = 0, retryUnreachable = false } = this.#options
    const isUnreachable = error instanceof TransportError && error.detail === 'unreachable'
    return retryConnectMs > 0 || (retryUnreachable && isUnreachable)
  }

  #mayReconnect({ isKept }: Loss): boolean {
    const { reconnect = 'always' } = this.#options
    return reconnect === 'always' || (reconnect === 'kept' && isKept)
  }

  #fought(): ClosedError {
    return new ClosedError(
      `the broker accepts us and closes the connection again and again: another client probably uses the identifier '${this.#options.clientId}', or the broker forbids what this one does`,
    )
  }
}
