// Memory that a socket is read into. Payloads are views of it: it is used again only where the reader has agreed to that,
// and when every message in it is done with.

const EMPTY = Buffer.alloc(0)
const BUFFER_BYTES = 65_536
/** Of those that are used again: large, as they cost nothing but the first time. */
const LENT_BYTES = 2_097_152
/** A socket is not asked to read into a smaller part of one than this. */
const PART = 1 / 4

interface Full {
  bytes: Buffer
  /** Number of the last message that came before it was full. */
  last: number
}

/** Those of one client, whatever connection is read. */
export class ReadBuffers {
  /** Numbers of the last message that was delivered, and of the last one that is done with. */
  delivered = 0
  acknowledged = 0
  readonly #isLent: boolean
  readonly #size: number
  #bytes: Buffer = EMPTY
  #at = 0
  /** Oldest first, where they are used again. */
  readonly #full: Full[] = []

  /** `isLent`: payloads are valid until their message is acknowledged, and no longer. */
  constructor(isLent: boolean) {
    this.#isLent = isLent
    this.#size = isLent ? LENT_BYTES : BUFFER_BYTES
  }

  /** Room for the next bytes. `isDrained`: everything read before has been decoded. */
  space(isDrained: boolean): Buffer {
    if (this.#isLent && isDrained && this.acknowledged >= this.delivered) this.#at = 0
    if (this.#bytes.length - this.#at < PART * this.#size) this.#change(isDrained)
    return this.#bytes.subarray(this.#at)
  }

  /** So many bytes of that room are in use. */
  used(length: number): void {
    this.#at += length
  }

  #change(isDrained: boolean): void {
    const full = this.#full
    // What is not decoded yet belongs to messages without a number: that buffer is left to them.
    if (this.#isLent && isDrained && this.#at > 0) full.push({ bytes: this.#bytes, last: this.delivered })
    const [oldest] = full
    const isFree = oldest !== undefined && oldest.last <= this.acknowledged
    this.#bytes = (isFree ? full.shift()?.bytes : undefined) ?? Buffer.allocUnsafeSlow(this.#size)
    this.#at = 0
  }
}
