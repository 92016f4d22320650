// The stages of an attempt to connect, with the time since it began. Made only where somebody listens.

import type { Packet } from '../packet/index.js'
import type { Stage } from '../transport/index.js'
import { now } from './clock.js'

type PacketOf<K extends Packet['type']> = Extract<Packet, { type: K }>

export type ConnectionStage =
  /** An attempt begins: number 1, 2, ... of this client. */
  | { name: 'attempt'; nth: number }
  /** A password that had to be asked for has come. */
  | { name: 'password' }
  | Stage
  | { name: 'connack'; packet: PacketOf<'connack'> }
  | { name: 'suback'; filters: readonly string[]; packet: PacketOf<'suback'> }

export type StageListener = (stage: ConnectionStage, elapsedMs: number) => void

export class Stages {
  readonly #listener: StageListener
  #beganAt = 0
  #attempts = 0
  /** Filters of SUBSCRIBE packets without an answer, by packet identifier. */
  readonly #asked = new Map<number, readonly string[]>()

  constructor(listener: StageListener) {
    this.#listener = listener
  }

  begin(): void {
    this.#beganAt = now()
    this.#asked.clear()
    this.tell({ name: 'attempt', nth: ++this.#attempts })
  }

  readonly tell = (stage: ConnectionStage): void => this.#listener(stage, now() - this.#beganAt)

  sent(packet: Packet): void {
    if (packet.type !== 'subscribe') return
    this.#asked.set(
      packet.packetId,
      packet.subscriptions.map(({ filter }) => filter),
    )
  }

  received(packet: Packet): void {
    if (packet.type === 'connack') return this.tell({ name: 'connack', packet })
    if (packet.type !== 'suback') return
    const filters = this.#asked.get(packet.packetId) ?? []
    this.#asked.delete(packet.packetId)
    this.tell({ name: 'suback', filters, packet })
  }
}
