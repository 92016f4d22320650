// A cursor over the body of one packet. It cannot run past the end: every read checks and throws.

import { type Fault, MalformedError } from '../errors.js'
import { knownTopic, rememberTopic } from './topic-cache.js'

// The defaults of TextDecoder repair bad bytes and strip a leading U+FEFF; neither is allowed here.
const STRICT = { fatal: true, ignoreBOM: true }
let decoder: InstanceType<typeof TextDecoder> | undefined // it loads slowly, and many runs receive only ASCII

export class Reader {
  /** Offset in the body, for errors and to mark a place. */
  offset: number
  #bytes: Buffer
  #packet: string
  #headerLength: number
  #end: number

  /** `bytes` from `start` to `end` is the body of the packet named `packet`; what stands before is its fixed header. */
  constructor(bytes: Buffer, start: number, end: number, packet: string, headerLength: number) {
    this.#bytes = bytes
    this.offset = start
    this.#end = end
    this.#packet = packet
    this.#headerLength = headerLength - start
  }

  /** As a new one would begin: one serves a stream of packets. */
  restart(bytes: Buffer, start: number, end: number, packet: string, headerLength: number): this {
    this.#bytes = bytes
    this.offset = start
    this.#end = end
    this.#packet = packet
    this.#headerLength = headerLength - start
    return this
  }

  get left(): number {
    return this.#end - this.offset
  }

  fail(fault: string, clause: string, reasonCode?: number): MalformedError {
    const details: Fault = { packet: this.#packet, fault, clause, offset: this.offset + this.#headerLength }
    if (reasonCode !== undefined) details.reasonCode = reasonCode
    return new MalformedError(details)
  }

  /** Moves the end to an earlier offset, so that what follows cannot be read, and returns the old one for `widen`. */
  narrow(end: number): number {
    const old = this.#end
    this.#end = end
    return old
  }

  widen(end: number): void {
    this.#end = end
  }

  /** Call it when the packet has been read: no bytes may be left. */
  done(): void {
    if (this.left > 0) throw this.fail(`${this.left} byte(s) too many`, '5.0 §4.13')
  }

  u8(): number {
    if (this.offset >= this.#end) throw this.#short()
    return this.#bytes[this.offset++] as number
  }

  u16(): number {
    return (this.u8() << 8) | this.u8()
  }

  u32(): number {
    return ((this.u16() << 16) | this.u16()) >>> 0 // << is signed; ffffffff is not -1
  }

  /** Variable byte integer of MQTT 5, at most four bytes and as short as can be. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (byte === 0 && shift > 0)
          throw this.fail('integer not written in the fewest bytes', 'MQTT-1.5.5-1')
        return value
      }
    }
    throw this.fail('integer longer than four bytes', '5.0 §1.5.5')
  }

  /** A length-prefixed string: well-formed UTF-8 without U+0000. */
  utf8(): string {
    const start = this.offset
    const length = this.u16()
    const from = this.offset
    const to = from + length
    if (to > this.#end) {
      this.offset = start
      throw this.#short()
    }
    this.offset = to
    let at = from
    const bytes = this.#bytes
    // 1 to 127 are themselves in every encoding.
    while (at < to && ((bytes[at] as number) - 1) >>> 0 < 0x7f) at++
    if (at === to) return bytes.toString('latin1', from, to)
    let text: string
    try {
      decoder ??= new TextDecoder('utf-8', STRICT)
      text = decoder.decode(bytes.subarray(from, to))
    } catch {
      this.offset = start
      throw this.fail('string is not well-formed UTF-8', 'MQTT-1.5.4-1')
    }
    if (text.includes('\0')) {
      this.offset = start
      throw this.fail('string holds U+0000', 'MQTT-1.5.4-2')
    }
    return text
  }

  /** A topic name that was found legal before; undefined, and nothing read, where it was not. */
  knownTopic(): string | undefined {
    const from = this.offset + 2
    if (from > this.#end) return undefined
    const length = ((this.#bytes[from - 2] as number) << 8) | (this.#bytes[from - 1] as number)
    if (from + length > this.#end) return undefined
    const topic = knownTopic(this.#bytes, from, length)
    if (topic !== undefined) this.offset = from + length
    return topic
  }

  /** Notes that `topic`, read at offset `start` by `utf8`, is a legal topic name. */
  noteTopic(start: number, topic: string): void {
    const from = start + 2
    rememberTopic(
      this.#bytes,
      from,
      ((this.#bytes[start] as number) << 8) | (this.#bytes[start + 1] as number),
      topic,
    )
  }

  /** Length-prefixed bytes, as a view. */
  binary(): Buffer {
    const length = this.u16()
    if (length > this.left) throw this.#short()
    return this.#view(length)
  }

  /** Everything up to the end, as a view. */
  rest(): Buffer {
    return this.#view(this.left)
  }

  packetId(): number {
    const packetId = this.u16()
    if (packetId === 0) throw this.fail('packet identifier 0', 'MQTT-2.2.1-3', 0x82)
    return packetId
  }

  #view(length: number): Buffer {
    const from = this.offset
    this.offset += length
    return this.#bytes.subarray(from, this.offset)
  }

  #short(): MalformedError {
    return this.fail('packet ends too early', '5.0 §4.13')
  }
}
