// Bytes on their way into the stream, a slice at a time: each slice that the transport takes shows progress, also
// within a payload that takes minutes.

import type { Duplex } from 'node:stream'

const SLICE_BYTES = 65_536

interface Item {
  bytes: Uint8Array
  /** Number of the last packet that ends with these bytes; 0 where none does. */
  mark: number
}

export class Outflow {
  readonly #stream: Duplex
  readonly #onTaken: (mark: number) => void
  #items: Item[] = []
  #pending = 0
  #writing = false
  #ending = false

  /** `onTaken` is called whenever the transport has taken bytes, with the number of the last whole packet or 0. */
  constructor(stream: Duplex, onTaken: (mark: number) => void) {
    this.#stream = stream
    this.#onTaken = onTaken
  }

  /** Bytes not yet taken by the transport. */
  get pending(): number {
    return this.#pending
  }

  /** The last packet in `parts` has number `mark`. The bytes must not change before they are taken. */
  push(parts: readonly Uint8Array[], mark: number): void {
    for (const bytes of parts) {
      this.#items.push({ bytes, mark: 0 })
      this.#pending += bytes.length
    }
    const last = this.#items.at(-1)
    if (last !== undefined) last.mark = mark
    this.#pump()
  }

  /** Closes our side of the stream behind everything pushed. */
  end(): void {
    this.#ending = true
    this.#pump()
  }

  #pump(): void {
    if (this.#writing) return
    const slice = this.#slice()
    const last = slice.at(-1)
    if (last === undefined) {
      if (this.#ending) this.#stream.end()
      return
    }
    this.#writing = true
    const length = slice.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const mark = slice.reduce((latest, item) => Math.max(latest, item.mark), 0)
    if (slice.length > 1) this.#stream.cork()
    for (const item of slice) {
      if (item !== last) this.#stream.write(item.bytes)
    }
    this.#stream.write(last.bytes, (error) => {
      this.#writing = false
      if (error != null) return // the stream's end tells why
      this.#pending -= length
      this.#onTaken(mark)
      this.#pump()
    })
    if (slice.length > 1) this.#stream.uncork()
  }

  /** Takes 64 KiB from the front, or all that is left where that is little more. */
  #slice(): Item[] {
    if (this.#pending <= 2 * SLICE_BYTES) return this.#items.splice(0)
    const slice: Item[] = []
    let room = SLICE_BYTES
    let at = 0
    for (; at < this.#items.length && room > 0; at++) {
      const item = this.#items[at] as Item
      if (item.bytes.length > room) {
        slice.push({ bytes: item.bytes.subarray(0, room), mark: 0 })
        item.bytes = item.bytes.subarray(room)
        break
      }
      slice.push(item)
      room -= item.bytes.length
    }
    this.#items.splice(0, at)
    return slice
  }
}
