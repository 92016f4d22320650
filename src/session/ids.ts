// Packet identifiers 1 to 65,535, shared by PUBLISH, SUBSCRIBE and UNSUBSCRIBE [MQTT-2.2.1-3].

import { IdBytes } from './id-bytes.js'

const LAST = 65_535

/** Hands out identifiers in a circle, so that one comes back as late as can be. */
export class PacketIds {
  readonly #taken = new IdBytes()
  #count = 0
  #next = 1

  /** An identifier not in use, or 0 when all are. */
  allocate(): number {
    if (this.#count === LAST) return 0
    while (this.#taken.get(this.#next) === 1) this.#next = this.#next === LAST ? 1 : this.#next + 1
    const id = this.#next
    this.#taken.set(id, 1)
    this.#count++
    this.#next = id === LAST ? 1 : id + 1
    return id
  }

  /** Takes this identifier; 0 when it is in use. */
  claim(id: number): number {
    if (this.#taken.get(id) !== 0) return 0
    this.#taken.set(id, 1)
    this.#count++
    return id
  }

  release(id: number): void {
    if (this.#taken.get(id) === 0) return
    this.#taken.set(id, 0)
    this.#count--
  }
}
