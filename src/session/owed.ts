// Acknowledgements that wait until their message's bytes are safe: first in, first out, and bare numbers, because a
// stream of messages has as many of them.

import type { PackedAck } from '../packet/index.js'

const FIRST_ROOM = 256

export class Owed {
  #acks = new Uint32Array(FIRST_ROOM)
  #sequences = new Float64Array(FIRST_ROOM)
  #head = 0
  #tail = 0

  /** `ack` may leave when everything delivered up to number `sequence` is safe. */
  push(ack: PackedAck, sequence: number): void {
    if (this.#tail === this.#acks.length) this.#makeRoom()
    this.#acks[this.#tail] = ack
    this.#sequences[this.#tail++] = sequence
  }

  /** Takes the first one if it is due, all up to number `written` being safe. */
  shift(written: number): PackedAck | undefined {
    const head = this.#head
    if (head === this.#tail || (this.#sequences[head] as number) > written) return undefined
    this.#head = head + 1
    if (this.#head === this.#tail) this.clear()
    return this.#acks[head]
  }

  clear(): void {
    this.#head = 0
    this.#tail = 0
  }

  /** Moving the rest only when it is the smaller half keeps the work linear. */
  #makeRoom(): void {
    const acks = this.#acks.subarray(this.#head)
    const sequences = this.#sequences.subarray(this.#head)
    if (this.#head * 2 < this.#tail) {
      this.#acks = new Uint32Array(2 * this.#tail)
      this.#sequences = new Float64Array(2 * this.#tail)
    }
    this.#acks.set(acks)
    this.#sequences.set(sequences)
    this.#tail -= this.#head
    this.#head = 0
  }
}
