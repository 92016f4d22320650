// Output as it is put together: what many messages print stands in one buffer and leaves in one write.

const CHUNK_BYTES = 131_072
/** Longer pieces are not copied. */
const COPIED_BYTES = 4_096

export class Out {
  #chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  /** In the chunk: where the piece being put together begins, and where it ends. */
  #start = 0
  #end = 0
  #parts: Uint8Array[] = []
  #length = 0

  /** Bytes put in and not yet taken. */
  get length(): number {
    return this.#length + this.#end - this.#start
  }

  /** The bytes must not change until they have been written. */
  bytes(bytes: Uint8Array): void {
    const { length } = bytes
    if (length > COPIED_BYTES) {
      this.#close()
      this.#parts.push(bytes)
      this.#length += length
      return
    }
    this.#reserve(length)
    this.#chunk.set(bytes, this.#end)
    this.#end += length
  }

  byte(byte: number): void {
    this.#reserve(1)
    this.#chunk[this.#end++] = byte
  }

  /** In UTF-8. */
  text(text: string): void {
    const { length } = text
    if (3 * length > COPIED_BYTES) return this.bytes(Buffer.from(text))
    this.#reserve(3 * length)
    const chunk = this.#chunk
    // Short ASCII, which most of it is, is copied faster than a native call begins.
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code > 0x7f || length > 64) {
        this.#end += chunk.write(text, this.#end)
        return
      }
      chunk[this.#end + at] = code
    }
    this.#end += length
  }

  /** Everything so far, in as few pieces as possible; they are the caller's. */
  take(): Uint8Array[] {
    this.#close()
    const parts = this.#parts
    this.#parts = []
    this.#length = 0
    return parts
  }

  #close(): void {
    if (this.#end === this.#start) return
    this.#parts.push(this.#chunk.subarray(this.#start, this.#end))
    this.#length += this.#end - this.#start
    this.#start = this.#end
  }

  #reserve(length: number): void {
    if (this.#end + length <= CHUNK_BYTES) return
    this.#close()
    this.#chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    this.#start = 0
    this.#end = 0
  }
}
