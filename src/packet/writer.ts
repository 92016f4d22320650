// Bytes on their way out: packets are written one behind the other into shared chunks, so that many small
// packets leave in one system call. Large payloads are linked, not copied.

import { UsageError } from '../errors.js'
import { type Publishes, payloadStart } from './payloads.js'
import { MAX_STRING_BYTES, stringFault } from './topic.js'

/** Largest Remaining Length, MQTT 5.0 §2.1.4. */
export const MAX_REMAINING_LENGTH = 268_435_455

/** Room for twice what is gathered, 64 KiB, or for the largest block of lines: mostly all of it is one part. */
const CHUNK_BYTES = 131_072
/** Chunks kept to be written into again. */
const MAX_FREE = 4
// From here on it is cheaper to hand a payload over as it is than to copy it next to its header.
const LINK_BYTES = 4_096
// Below this a loop is quicker than what it takes to call for a copy.
const LOOP_BYTES = 64

export function varintLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4
}

/** Encoded length in bytes without the length prefix. Throws UsageError for what no packet can hold. */
export function utf8Length(text: string): number {
  const fault = stringFault(text)
  if (fault !== undefined) throw new UsageError(`string '${text.slice(0, 40)}' ${fault}`)
  return Buffer.byteLength(text)
}

/** Length of bytes that take a two-byte length prefix, without it. Throws UsageError where they are too many. */
export function binaryLength(bytes: Uint8Array): number {
  if (bytes.length > MAX_STRING_BYTES) {
    throw new UsageError(`binary value of ${bytes.length} bytes: at most ${MAX_STRING_BYTES} fit`)
  }
  return bytes.length
}

function checkRemainingLength(remainingLength: number, payloadLength: number): void {
  if (remainingLength <= MAX_REMAINING_LENGTH) return
  const over = remainingLength - MAX_REMAINING_LENGTH
  throw new UsageError(
    `payload of ${payloadLength} bytes is ${over} too many: no MQTT packet holds more than ${MAX_REMAINING_LENGTH}`,
    'PAYLOAD_TOO_LARGE',
  )
}

export class Writer {
  #parts: Uint8Array[] = []
  #chunk: Buffer = Buffer.alloc(0)
  /** The chunk's bytes from here to `#at` are written and not yet among the parts. */
  #from = 0
  #at = 0
  #pending = 0
  /** Chunks that are full: with bytes not yet taken, taken and not yet gone, and free again. */
  #full: Buffer[] = []
  #taken: Buffer[] = []
  #free: Buffer[] = []
  // A stream of messages repeats one topic: its bytes are kept.
  #lastText: string | undefined
  #lastBytes: Buffer = Buffer.alloc(0)

  /** Bytes written and not yet taken. */
  get pending(): number {
    return this.#pending + this.#at - this.#from
  }

  /**
   * Begins a packet. Its fields must follow in `remainingLength` bytes, of which the last `payloadLength` come
   * through `payload`. Throws UsageError when the packet would be longer than the protocol can say.
   */
  begin(firstByte: number, remainingLength: number, payloadLength = 0): void {
    checkRemainingLength(remainingLength, payloadLength)
    this.#reserve(5 + remainingLength - payloadLength)
    this.u8(firstByte)
    this.varint(remainingLength)
  }

  u8(value: number): void {
    this.#chunk[this.#at++] = value
  }

  u16(value: number): void {
    this.#chunk[this.#at++] = value >> 8
    this.#chunk[this.#at++] = value
  }

  u32(value: number): void {
    this.u16(value >>> 16)
    this.u16(value & 0xffff)
  }

  varint(value: number): void {
    while (value > 0x7f) {
      this.u8((value & 0x7f) | 0x80)
      value >>>= 7
    }
    this.u8(value)
  }

  utf8(text: string): void {
    const length = this.#chunk.write(text, this.#at + 2)
    this.u16(length)
    this.#at += length
  }

  /** As `utf8`, for a text that is likely to be the same next time. Its length was taken by `topicLength`. */
  topic(text: string): void {
    if (text !== this.#lastText) this.topicLength(text)
    this.u16(this.#lastBytes.length)
    this.#copy(this.#lastBytes)
  }

  topicLength(text: string): number {
    if (text !== this.#lastText) {
      utf8Length(text)
      this.#lastText = text
      this.#lastBytes = Buffer.from(text)
    }
    return this.#lastBytes.length
  }

  binary(bytes: Uint8Array): void {
    this.u16(bytes.length)
    this.#chunk.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** The end of a PUBLISH. Must not change before it has left. */
  payload(bytes: Uint8Array): void {
    if (bytes.length < LINK_BYTES) {
      this.#reserve(bytes.length)
      this.#copy(bytes)
    } else this.#link(bytes)
  }

  #copy(bytes: Uint8Array): void {
    if (bytes.length >= LOOP_BYTES) this.#chunk.set(bytes, this.#at)
    else for (let at = 0; at < bytes.length; at++) this.#chunk[this.#at + at] = bytes[at] as number
    this.#at += bytes.length
  }

  #link(bytes: Uint8Array): void {
    this.#close()
    this.#parts.push(bytes)
    this.#pending += bytes.length
  }

  /**
   * Many packets, each of the first byte, its Remaining Length, `header` with its packet identifier at `idAt`, and its
   * payload, as `payload` takes it. Throws as `begin` does. One loop that calls little: in a run of a second most of it is
   * done before V8 has compiled the calls away.
   */
  publishes(
    firstByte: number,
    header: Uint8Array,
    idAt: number,
    { payloads, from, to, packetIds }: Publishes,
  ): void {
    const { bytes, ends } = payloads
    const { buffer, byteOffset } = bytes
    let start = payloadStart(payloads, from)
    for (let nth = from; nth < to; nth++) {
      const end = ends[nth] as number
      const length = end - start
      const isLong = length >= LINK_BYTES
      if (isLong) checkRemainingLength(header.length + length, length)
      this.#reserve(5 + header.length + (isLong ? 0 : length))
      const chunk = this.#chunk
      let at = this.#at
      chunk[at++] = firstByte
      let rest = header.length + length
      for (; rest > 0x7f; rest >>>= 7) chunk[at++] = (rest & 0x7f) | 0x80
      chunk[at++] = rest
      if (header.length >= LOOP_BYTES) chunk.set(header, at)
      else for (let each = 0; each < header.length; each++) chunk[at + each] = header[each] as number
      if (packetIds.length > 0) {
        const id = packetIds[nth - from] as number
        chunk[at + idAt] = id >> 8
        chunk[at + idAt + 1] = id
      }
      at += header.length
      this.#at = isLong ? at : at + length
      if (isLong) this.#link(bytes.subarray(start, end))
      else if (length >= LOOP_BYTES) chunk.set(new Uint8Array(buffer, byteOffset + start, length), at)
      else for (let each = start; each < end; each++) chunk[at++] = bytes[each] as number
      start = end + 1
    }
  }

  /** Everything written since the last call, in order. The bytes stay as they are until `reuse`. */
  take(): Uint8Array[] {
    this.#close()
    this.#taken.push(...this.#full.splice(0))
    const parts = this.#parts
    this.#parts = []
    this.#pending = 0
    return parts
  }

  /** All that was taken has left: its memory is used again. */
  reuse(): void {
    for (const chunk of this.#taken.splice(0)) {
      if (chunk.length === CHUNK_BYTES && this.#free.length < MAX_FREE) this.#free.push(chunk)
    }
    if (this.pending > 0) return
    this.#from = 0
    this.#at = 0
  }

  #reserve(length: number): void {
    if (this.#chunk.length - this.#at >= length) return
    this.#close()
    this.#full.push(this.#chunk)
    const free = length > CHUNK_BYTES ? undefined : this.#free.pop()
    this.#chunk = free ?? Buffer.allocUnsafe(Math.max(CHUNK_BYTES, length))
    this.#from = 0
    this.#at = 0
  }

  /** Moves what the chunk holds to the parts; the rest of the chunk stays in use. */
  #close(): void {
    if (this.#at === this.#from) return
    this.#parts.push(this.#chunk.subarray(this.#from, this.#at))
    this.#pending += this.#at - this.#from
    this.#from = this.#at
  }
}
