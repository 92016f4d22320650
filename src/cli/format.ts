// What mqtt-sub and mqtt-rr print for a message: a format is compiled once and used for many.

import type { Message } from '../client/index.js'
import { UsageError } from '../errors.js'
import { CONVERSIONS, type Piece, type Put, type Tools } from './conversions.js'
import { type Moment, wallClock } from './moment.js'
import type { Out } from './out.js'
import { dateConversion } from './strftime.js'

/** Puts what is printed for one message, which may be nothing, into `out`. */
export type Print = (message: Message, out: Out) => void

const EOL = 10

/** `payload` and a line end; with `verbose` the topic in front, and `(null)` for an empty payload if lines end. */
export function plainPrint({
  verbose = false,
  noEol = false,
}: {
  verbose?: boolean
  noEol?: boolean
}): Print {
  return ({ topic, payload }, out) => {
    if (payload.length === 0 && (noEol || !verbose)) return
    if (verbose) {
      out.text(topic)
      out.text(' ')
    }
    if (payload.length === 0) out.text('(null)')
    else out.bytes(payload)
    if (!noEol) out.byte(EOL)
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  0: '\0',
  a: '\x07',
  e: '\x1b',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

// % [-] [0] [WIDTH] [. [PRECISION]] [SEPARATOR] CONVERSION
const SEQUENCE = /%(-?)(0?)(\d*)(?:(\.)(\d*))?([!"#$&'()*+,./:;<=>?@[\\\]^_`{|}~ -]?)([\s\S]?)/uy
const SPECIAL = /[\\@%]/g
/** No payload is longer. */
const MAX_FIELD = 268_435_455

export interface FormatOptions extends Partial<Tools> {
  noEol?: boolean
}

/**
 * Compiles the argument of -F. Throws UsageError naming the part that cannot be used. `complain` hears of payloads
 * that a conversion cannot print; the rest of the format is printed nevertheless.
 */
export function compile(
  format: string,
  { noEol = false, pretty = false, complain = () => {}, clock = wallClock }: FormatOptions = {},
): Print {
  const tools: Tools = { pretty, complain, clock }
  const pieces: Piece[] = []
  let moment: Moment = { seconds: 0, nanoseconds: 0 } // that of all dates in a message
  let dated = false
  for (let at = 0; at < format.length; ) {
    const character = format[at]
    if (character === '\\') {
      pieces.push(unescaped(characterAt(format, at + 1)))
      at += 2
    } else if (character === '@') {
      const letter = characterAt(format, at + 1)
      if (letter === '') throw new UsageError("'@' at the end: the sequence is unfinished")
      const date = dateConversion(letter)
      if (typeof date !== 'string') dated = true
      pieces.push(typeof date === 'string' ? date : () => date(moment))
      at += 1 + letter.length
    } else if (character === '%') {
      const { piece, length } = conversion(format, at, tools)
      pieces.push(piece)
      at += length
    } else {
      SPECIAL.lastIndex = at
      const end = SPECIAL.exec(format)?.index ?? format.length
      pieces.push(format.slice(at, end))
      at = end
    }
  }
  if (!noEol) pieces.push('\n')
  const parts = join(pieces)
  return (message, out) => {
    if (dated) moment = clock()
    for (const put of parts) put(message, out)
  }
}

function unescaped(letter: string): string {
  if (letter === '') throw new UsageError("'\\' at the end: the sequence is unfinished")
  const text = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined
  if (text !== undefined) return text
  throw new UsageError(`'\\${letter}': unknown escape, expected one of \\\\ \\0 \\a \\e \\n \\r \\t \\v`)
}

function characterAt(text: string, at: number): string {
  return at < text.length ? String.fromCodePoint(text.codePointAt(at) as number) : ''
}

function conversion(format: string, start: number, tools: Tools): { piece: Piece; length: number } {
  SEQUENCE.lastIndex = start
  const match = SEQUENCE.exec(format) as RegExpExecArray // everything behind % is optional
  const [sequence, minus, zero, width, dot, precision, separator = '', letter = ''] = match
  if (letter === '') throw new UsageError(`'${sequence}' at the end: the sequence is unfinished`)
  const make = Object.hasOwn(CONVERSIONS, letter) ? CONVERSIONS[letter] : undefined
  if (make === undefined) {
    const known = Object.keys(CONVERSIONS).map((each) => `%${each}`)
    throw new UsageError(`'${sequence}': unknown conversion, expected one of ${known.join(' ')}`)
  }
  const spec = {
    left: minus !== '',
    zero: zero !== '',
    width: Number(width),
    precision: dot === undefined ? undefined : Number(precision),
    separator,
  }
  if (Math.max(spec.width, spec.precision ?? 0) > MAX_FIELD) {
    throw new UsageError(`'${sequence}': width and precision cannot be greater than ${MAX_FIELD}`)
  }
  return { piece: make(spec, tools), length: sequence.length }
}

/** Neighbouring constants become one. */
function join(pieces: readonly Piece[]): Put[] {
  const joined: Piece[] = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (typeof piece === 'string' && typeof last === 'string') joined[joined.length - 1] = last + piece
    else joined.push(piece)
  }
  return joined.map((piece): Put => {
    if (typeof piece === 'object') return piece.put
    if (typeof piece === 'function') return (message, out) => out.text(piece(message))
    const bytes = Buffer.from(piece)
    return (_, out) => out.bytes(bytes)
  })
}
