// Bytes of one connection on their way to the decoder: a chunk at a time or, where the socket is plain, read into the
// packet that they belong to.

import type { Decoder } from '../packet/index.js'
import type { Intake } from '../transport/index.js'
import type { ReadBuffers } from './read-buffers.js'

/** Fewer missing bytes of a packet are read along with what follows it. */
const DIRECT_BYTES = 65_536
const EMPTY = Buffer.alloc(0)

export class DecoderIntake implements Intake {
  readonly decoder: Decoder
  readonly #buffers: ReadBuffers
  #space: Buffer = EMPTY
  #isPacket = false
  #isClosed = false
  /** Called when bytes have come; `chunk` has them, but for those that went straight into a packet. */
  onBytes: (chunk: Buffer) => void = () => {}

  constructor(decoder: Decoder, buffers: ReadBuffers) {
    this.decoder = decoder
    this.#buffers = buffers
  }

  room(): Buffer {
    const packet = this.decoder.room(DIRECT_BYTES)
    this.#isPacket = packet !== undefined
    this.#space = packet ?? this.#buffers.space(this.decoder.isDrained)
    return this.#space
  }

  took(length: number): void {
    if (this.#isClosed) return
    if (this.#isPacket) {
      this.decoder.took(length)
      return this.onBytes(EMPTY)
    }
    this.#buffers.used(length)
    this.chunk(this.#space.subarray(0, length))
  }

  /** Bytes that came in memory of the stream's. */
  chunk(bytes: Buffer): void {
    if (this.#isClosed) return
    this.decoder.push(bytes)
    this.onBytes(bytes)
  }

  /** Nothing that still comes matters. */
  close(): void {
    this.#isClosed = true
  }
}
