// Chunks of a byte stream in, packets out. A type, flag or length that cannot be right is refused before its body is
// awaited, and no buffer is ever sized by a length that the peer merely claims.

import { MalformedError } from '../errors.js'
import { ack, isAck } from './acks.js'
import { decodeBody } from './codec.js'
import { PACKETS, type PacketRow } from './codes.js'
import { Reader } from './reader.js'
import type { Packet, Version } from './types.js'
import { MAX_REMAINING_LENGTH, varintLength } from './writer.js'

const EMPTY = Buffer.alloc(0)
/** Room is made for so many times what has arrived of a packet. */
const GROWTH = 16
/** When so many have come, the whole packet is believed to come. */
const BELIEVED_BYTES = 1_048_576
/** Longest fixed header. */
const HEADER_BYTES = 5

export interface DecoderOptions {
  version: Version
  /** Whose packets these are: packets only the other side may send are refused. */
  from: 'client' | 'server'
  /** Limit in bytes for one packet with its fixed header; default and greatest useful value 268,435,460. */
  maxPacketSize?: number
}

/** `push` a chunk, then call `next` until it answers undefined. After an error the stream is beyond repair. */
export class Decoder {
  readonly #version: Version
  readonly #from: 'client' | 'server'
  readonly #maxPacketSize: number
  /** The caller's chunk, decoded up to `#at`. Packets that lie in it whole are views of it. */
  #chunk: Buffer = EMPTY
  #at = 0
  /** Beginning of a packet that runs over chunks, in a buffer of ours that grows with what arrives. */
  #partial: Buffer = EMPTY
  #partialLength = 0
  /** Whole length of that packet; 0 while its fixed header is incomplete. */
  #awaited = 0

  /** Serves packet after packet. */
  readonly #body = new Reader(EMPTY, 0, 0, '', 0)

  // What `#readHeader` found.
  #row: PacketRow | undefined
  #headerLength = 0
  #frameLength = 0

  constructor({ version, from, maxPacketSize = MAX_REMAINING_LENGTH + 5 }: DecoderOptions) {
    this.#version = version
    this.#from = from
    this.#maxPacketSize = maxPacketSize
  }

  /** Bytes received and not yet decoded. */
  get buffered(): number {
    return this.#partialLength + this.#chunk.length - this.#at
  }

  /** Payloads decoded later may be views of `chunk`: it must not be written to again. */
  push(chunk: Buffer): void {
    this.#chunk =
      this.#at === this.#chunk.length ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk])
    this.#at = 0
  }

  /** Whether nothing is left of the chunk that was pushed last. */
  get isDrained(): boolean {
    return this.#at === this.#chunk.length
  }

  /**
   * Where the next bytes of the packet under way belong, if it lacks at least `least` of them and all that was pushed is
   * decoded: whoever reads them into it calls `took`, and spares the copy.
   */
  room(least: number): Buffer | undefined {
    if (!this.isDrained || this.#awaited - this.#partialLength < least) return undefined
    this.#reserve(this.#partialLength + 1, this.#awaited)
    return this.#partial.subarray(this.#partialLength, this.#awaited)
  }

  /** So many bytes are in the `room`. */
  took(length: number): void {
    this.#partialLength += length
  }

  /** The next whole packet, or undefined when more bytes are needed. Throws MalformedError. */
  next(): Packet | undefined {
    if (this.#partialLength > 0) return this.#nextFromPartial()
    const at = this.#at
    const left = this.#chunk.length - at
    if (left === 0) return undefined
    const known = this.#readHeader(this.#chunk, at, this.#chunk.length)
    if (known && this.#frameLength <= left) {
      this.#at = at + this.#frameLength
      return this.#decode(this.#chunk, at)
    }
    this.#awaited = known ? this.#frameLength : 0
    this.#collect(left, known ? this.#frameLength : HEADER_BYTES)
    return undefined
  }

  #nextFromPartial(): Packet | undefined {
    while (!this.#readHeader(this.#partial, 0, this.#partialLength)) {
      if (this.#at === this.#chunk.length) return undefined
      this.#collect(1, HEADER_BYTES)
    }
    this.#awaited = this.#frameLength
    const missing = Math.min(this.#frameLength - this.#partialLength, this.#chunk.length - this.#at)
    this.#collect(missing, this.#frameLength)
    if (this.#partialLength < this.#frameLength) return undefined
    const bytes = this.#partial
    this.#partial = EMPTY // it belongs to the packet's views now
    this.#partialLength = 0
    this.#awaited = 0
    return this.#decode(bytes, 0)
  }

  /**
   * Makes room for `needed` bytes of the partial packet, which will not need more than `enough`. Growing in large steps
   * keeps the copying small and an old buffer far smaller than the new one; what of this is not written to yet takes no
   * memory.
   */
  #reserve(needed: number, enough: number): void {
    if (needed <= this.#partial.length) return
    const size = needed > BELIEVED_BYTES ? enough : Math.min(GROWTH * needed, enough)
    const bytes = Buffer.allocUnsafe(Math.max(needed, size))
    this.#partial.copy(bytes, 0, 0, this.#partialLength)
    this.#partial = bytes
  }

  /** Moves `length` bytes from the chunk to the partial packet, which will not need more than `enough`. */
  #collect(length: number, enough: number): void {
    const needed = this.#partialLength + length
    this.#reserve(needed, enough)
    this.#chunk.copy(this.#partial, this.#partialLength, this.#at, this.#at + length)
    this.#partialLength = needed
    this.#at += length
    if (this.#at === this.#chunk.length) {
      this.#chunk = EMPTY
      this.#at = 0
    }
  }

  /** Judges the fixed header at `at`; false while it is incomplete. */
  #readHeader(bytes: Buffer, at: number, end: number): boolean {
    const row = this.#judge(bytes[at] as number)
    let length = 0
    let body = at + 1
    for (let shift = 0; ; shift += 7) {
      if (body === end) return false
      const byte = bytes[body++] as number
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) break
      if (shift === 21) throw this.#fail(row.label, 'Remaining Length has more than four bytes', '5.0 §1.5.5')
    }
    const headerLength = body - at
    if (this.#version === 5 && headerLength - 1 > varintLength(length)) {
      throw this.#fail(row.label, 'Remaining Length not written in the fewest bytes', 'MQTT-1.5.5-1')
    }
    if (headerLength + length > this.#maxPacketSize) {
      const fault = `${headerLength + length} bytes announced, at most ${this.#maxPacketSize} accepted`
      throw this.#fail(row.label, fault, '5.0 §3.1.2.11.4', 0x95)
    }
    this.#row = row
    this.#headerLength = headerLength
    this.#frameLength = headerLength + length
    return true
  }

  #decode(bytes: Buffer, at: number): Packet {
    const row = this.#row as PacketRow
    const headerLength = this.#headerLength
    // What a stream of messages is full of: success, in the shortest form.
    if (this.#frameLength === 4 && isAck(row) && ((bytes[at] as number) & 8) === 0) {
      const packetId = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
      if (packetId !== 0) return ack(row.type, packetId)
    }
    const body = this.#body.restart(bytes, at + headerLength, at + this.#frameLength, row.label, headerLength)
    return decodeBody(row.type, (bytes[at] as number) & 15, body, this.#version)
  }

  /** Type and flags, which one byte tells. */
  #judge(first: number): PacketRow {
    const type = first >> 4
    const flags = first & 15
    const version = this.#version
    const row = PACKETS[type - 1]
    if (row === undefined) throw this.#fail('packet', `packet type ${type} is reserved`, '5.0 §2.1.2')
    const { label, since } = row
    const known =
      since === undefined || version >= since.version || (since.for === 'server' && this.#from === 'client')
    if (!known || (row.from !== 'both' && row.from !== this.#from)) {
      const clause = since?.for === 'both' ? '3.1.1 table 2.1' : '5.0 §2.1.2'
      throw this.#fail(label, `a ${this.#from} never sends it${known ? '' : ' before MQTT 5'}`, clause, 0x82)
    }
    if (type === 3) {
      if ((flags & 6) === 6) throw this.#fail(label, 'both QoS bits are set', 'MQTT-3.3.1-4')
      // 3.1 has no such rule.
      if ((flags & 14) === 8 && version !== 3) throw this.#fail(label, 'DUP at QoS 0', 'MQTT-3.3.1-2')
    } else if (flags !== row.flags && version !== 3) {
      // In 3.1 these bits are "not used": DUP may be set in PUBREL, SUBSCRIBE and UNSUBSCRIBE.
      throw this.#fail(label, `fixed header flags ${flags}, not ${row.flags}`, 'MQTT-2.1.3-1')
    }
    return row
  }

  #fail(packet: string, fault: string, clause: string, reasonCode = 0x81): MalformedError {
    return new MalformedError({ packet, fault, clause, reasonCode })
  }
}
