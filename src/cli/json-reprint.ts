// The strict parser of RFC 8259 that prints again what it reads. It makes no values of it, so numbers keep their
// digits and members their order.

import { isUtf8 } from 'node:buffer'
import { ESCAPED } from './json-escape.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The bytes are not JSON or not to be printed. The message continues a sentence about them. */
export class ReprintError extends Error {}

const MAX_NESTING = 1_000
const MAX_BYTES = 2 ** 30

/**
 * The JSON text in `bytes` without white space and with no more escapes than needed; a view of `bytes` where that
 * changes nothing. With `pretty` laid out for a place `indent` levels deep. Throws ReprintError.
 */
export function reprint(bytes: Buffer, pretty: boolean, indent: number, maxBytes = MAX_BYTES): Uint8Array {
  if (!isUtf8(bytes)) throw new ReprintError('is not JSON: it is not UTF-8')
  return new Reprinter(bytes, pretty, indent, maxBytes).run()
}

/**
 * One pass over the input. What can stay is not looked at twice: `#kept` is where the present stretch of such bytes
 * begins, copied when something must be left out or put in.
 */
class Reprinter {
  readonly #in: Buffer
  readonly #pretty: boolean
  readonly #indent: number
  readonly #maxBytes: number
  #at = 0
  #kept = 0
  #nesting = 0
  #out = Buffer.alloc(0)
  #length = 0

  constructor(bytes: Buffer, pretty: boolean, indent: number, maxBytes: number) {
    this.#in = bytes
    this.#pretty = pretty
    this.#indent = indent
    this.#maxBytes = maxBytes
  }

  run(): Uint8Array {
    const bytes = this.#in
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#leaveOut(3)
    this.#space()
    this.#value()
    const end = this.#at
    while (isSpace(bytes[this.#at])) this.#at++
    if (this.#at < bytes.length) throw this.#fault()
    if (this.#length === 0) return bytes.subarray(this.#kept, end)
    this.#at = end
    this.#flush()
    return this.#out.subarray(0, this.#length)
  }

  #value(): void {
    switch (this.#in[this.#at]) {
      case 0x7b:
        return this.#object()
      case 0x5b:
        return this.#array()
      case QUOTE:
        return this.#string()
      case 0x66:
        return this.#word('false')
      case 0x6e:
        return this.#word('null')
      case 0x74:
        return this.#word('true')
      default:
        return this.#number()
    }
  }

  #object(): void {
    this.#enter()
    this.#space()
    if (this.#in[this.#at] === 0x7d) {
      if (this.#pretty) this.#putIn(`\n${this.#tabs(-1)}`)
    } else {
      for (;;) {
        if (this.#pretty) this.#putIn(`\n${this.#tabs(0)}`)
        if (this.#in[this.#at] !== QUOTE) throw this.#fault()
        this.#string()
        this.#space()
        this.#expect(0x3a)
        if (this.#pretty) this.#putIn('\t')
        this.#space()
        this.#value()
        this.#space()
        if (this.#in[this.#at] !== 0x2c) break
        this.#at++
        this.#space()
      }
      if (this.#pretty) this.#putIn(`\n${this.#tabs(-1)}`)
    }
    this.#expect(0x7d)
    this.#nesting--
  }

  #array(): void {
    this.#enter()
    this.#space()
    if (this.#in[this.#at] !== 0x5d) {
      for (;;) {
        this.#value()
        this.#space()
        if (this.#in[this.#at] !== 0x2c) break
        this.#at++
        if (this.#pretty) this.#putIn(' ')
        this.#space()
      }
    }
    this.#expect(0x5d)
    this.#nesting--
  }

  #enter(): void {
    if (this.#nesting === MAX_NESTING) {
      throw new ReprintError(`is nested deeper than ${MAX_NESTING} levels at byte ${this.#at}`)
    }
    this.#nesting++
    this.#at++
  }

  #string(): void {
    const bytes = this.#in
    this.#at++
    for (;;) {
      const byte = bytes[this.#at]
      if (byte === undefined || byte < 0x20) throw this.#fault()
      if (byte === BACKSLASH) {
        this.#escape()
        continue
      }
      this.#at++
      if (byte === QUOTE) return
    }
  }

  #escape(): void {
    this.#at++
    switch (this.#in[this.#at]) {
      case 0x2f: // \/
        this.#at--
        this.#leaveOut(1)
        this.#at++
        return
      case 0x75:
        return this.#unicode()
      case QUOTE:
      case BACKSLASH:
      case 0x62:
      case 0x66:
      case 0x6e:
      case 0x72:
      case 0x74:
        this.#at++
        return
      default:
        throw this.#fault()
    }
  }

  /** At the u of \uXXXX. */
  #unicode(): void {
    const start = this.#at - 1
    const unit = this.#hex()
    let code = unit
    if (unit >= 0xd800 && unit <= 0xdfff) {
      const next = this.#at
      if (unit > 0xdbff || this.#in[next] !== BACKSLASH || this.#in[next + 1] !== 0x75) return // alone: stays
      this.#at++
      const low = this.#hex()
      if (low < 0xdc00 || low > 0xdfff) {
        this.#at = next
        return
      }
      code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
    }
    const end = this.#at
    this.#at = start
    this.#leaveOut(end - start)
    this.#write(ESCAPED[code] ?? Buffer.from(String.fromCodePoint(code)))
  }

  /** At the u, moves behind the four digits. */
  #hex(): number {
    let value = 0
    this.#at++
    for (const end = this.#at + 4; this.#at < end; this.#at++) {
      const byte = this.#in[this.#at] ?? 0
      const lower = byte | 0x20
      if (byte >= 0x30 && byte <= 0x39) value = 16 * value + byte - 0x30
      else if (lower >= 0x61 && lower <= 0x66) value = 16 * value + lower - 0x57
      else throw this.#fault()
    }
    return value
  }

  #number(): void {
    if (this.#in[this.#at] === 0x2d) this.#at++
    if (this.#in[this.#at] === 0x30) this.#at++
    else this.#digits()
    if (this.#in[this.#at] === 0x2e) {
      this.#at++
      this.#digits()
    }
    if (((this.#in[this.#at] ?? 0) | 0x20) === 0x65) {
      this.#at++
      const sign = this.#in[this.#at]
      if (sign === 0x2b || sign === 0x2d) this.#at++
      this.#digits()
    }
  }

  /** One or more. */
  #digits(): void {
    if (!isDigit(this.#in[this.#at])) throw this.#fault()
    while (isDigit(this.#in[this.#at])) this.#at++
  }

  #word(word: string): void {
    for (let at = 0; at < word.length; at++) this.#expect(word.charCodeAt(at))
  }

  #expect(byte: number): void {
    if (this.#in[this.#at] !== byte) throw this.#fault()
    this.#at++
  }

  #space(): void {
    let end = this.#at
    while (isSpace(this.#in[end])) end++
    if (end > this.#at) this.#leaveOut(end - this.#at)
  }

  #leaveOut(length: number): void {
    this.#flush()
    this.#at += length
    this.#kept = this.#at
  }

  /** Puts ASCII in at the present place. */
  #putIn(text: string): void {
    this.#flush()
    this.#reserve(text.length)
    this.#length += this.#out.write(text, this.#length, 'latin1')
  }

  #flush(): void {
    const length = this.#at - this.#kept
    if (length === 0) return
    this.#reserve(length)
    this.#length += this.#in.copy(this.#out, this.#length, this.#kept, this.#at)
    this.#kept = this.#at
  }

  #write(bytes: Buffer): void {
    this.#reserve(bytes.length)
    this.#length += bytes.copy(this.#out, this.#length)
  }

  /** Only --pretty makes it longer than the input, and then, deeply nested, very much so. */
  #reserve(length: number): void {
    const needed = this.#length + length
    if (needed > this.#maxBytes) {
      throw new ReprintError(`would take more than ${this.#maxBytes} bytes with --pretty`)
    }
    if (needed <= this.#out.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#out.length, this.#in.length))
    this.#out.copy(grown, 0, 0, this.#length)
    this.#out = grown
  }

  #tabs(more: number): string {
    return '\t'.repeat(this.#indent + this.#nesting + more)
  }

  #fault(): ReprintError {
    const byte = this.#in[this.#at]
    if (byte === undefined) return new ReprintError('is not JSON: it ends too early')
    const shown =
      byte > 0x20 && byte < 0x7f
        ? `'${String.fromCharCode(byte)}'`
        : `0x${byte.toString(16).padStart(2, '0')}`
    return new ReprintError(`is not JSON: unexpected ${shown} at byte ${this.#at}`)
  }
}

const isSpace = (byte = 0): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

const isDigit = (byte = 0): boolean => byte >= 0x30 && byte <= 0x39
