// The stages of an attempt to connect, with the time since it began. Made only where somebody listens.

import { TimeoutError, UsageError } from '../errors.js'
import type { Packet } from '../packet/index.js'
import { faultOf, type Stage } from '../transport/index.js'
import { now } from './clock.js'

type PacketOf<K extends Packet['type']> = Extract<Packet, { type: K }>

export type ConnectionStage =
  /** An attempt begins: number 1, 2, ... of this client. */
  | { name: 'attempt'; nth: number }
  /** A password that had to be asked for has come, or why it has not. */
  | { name: 'password'; fault?: string }
  | Stage
  /** The broker's answer, or why there is none. */
  | { name: 'connack'; packet: PacketOf<'connack'> }
  | { name: 'connack'; packet?: undefined; fault: string }
  | { name: 'suback'; filters: readonly string[]; packet: PacketOf<'suback'> }
  | { name: 'suback'; filters: readonly string[]; packet?: undefined; fault: string }

export type StageListener = (stage: ConnectionStage, elapsedMs: number) => void

export class Stages {
  readonly #listener: StageListener
  #beganAt = 0
  #attempts = 0
  /** The last stage did not fail, and CONNACK has not come. */
  #awaitsConnack = false
  /** Filters of SUBSCRIBE packets without an answer, by packet identifier. */
  readonly #asked = new Map<number, readonly string[]>()

  constructor(listener: StageListener) {
    this.#listener = listener
  }

  begin(): void {
    this.#beganAt = now()
    this.#asked.clear()
    this.#awaitsConnack = true
    this.#tell({ name: 'attempt', nth: ++this.#attempts })
  }

  /** A stage on the way to the broker is over. */
  readonly passed = (stage: Stage | { name: 'password'; fault?: string }): void => {
    // Another address or server may follow one that fails.
    this.#awaitsConnack = !('fault' in stage)
    this.#tell(stage)
  }

  /** The connection, or the attempt, is over: so are the stages that wait for an answer. */
  lost(error: Error): void {
    if (error instanceof UsageError) return // ours, and of no stage
    const fault =
      error instanceof TimeoutError
        ? `no answer within ${error.waitedMs / 1_000} s`
        : faultOf((error.cause ?? error) as Error)
    if (this.#awaitsConnack) this.#tell({ name: 'connack', fault })
    this.#awaitsConnack = false
    for (const filters of this.#asked.values()) this.#tell({ name: 'suback', filters, fault })
    this.#asked.clear()
  }

  #tell(stage: ConnectionStage): void {
    this.#listener(stage, now() - this.#beganAt)
  }

  sent(packet: Packet): void {
    if (packet.type === 'connect') this.#awaitsConnack = true
    if (packet.type !== 'subscribe') return
    this.#asked.set(
      packet.packetId,
      packet.subscriptions.map(({ filter }) => filter),
    )
  }

  received(packet: Packet): void {
    if (packet.type === 'connack') {
      this.#awaitsConnack = false
      return this.#tell({ name: 'connack', packet })
    }
    if (packet.type !== 'suback') return
    const filters = this.#asked.get(packet.packetId) ?? []
    this.#asked.delete(packet.packetId)
    this.#tell({ name: 'suback', filters, packet })
  }
}
