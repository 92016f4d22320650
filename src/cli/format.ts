// What mqtt-sub prints for a message: a format is compiled once and used for many.

import type { Message } from '../client/index.js'
import { UsageError } from '../errors.js'
import { jsonLine } from './json.js'

/** The bytes to print for one message, none where nothing is printed. */
export type Print = (message: Message) => readonly Uint8Array[]

const EOL = Buffer.from('\n')
const SPACE = Buffer.from(' ')
const NULL = Buffer.from('(null)')

/** `payload` and a line end; with `verbose` the topic in front. An empty payload prints nothing, or `(null)`. */
export function plainPrint({
  verbose = false,
  noEol = false,
}: {
  verbose?: boolean
  noEol?: boolean
}): Print {
  const end = noEol ? [] : [EOL]
  if (!verbose) return ({ payload }) => (payload.length === 0 ? [] : [payload, ...end])
  return ({ topic, payload }) => [Buffer.from(topic), SPACE, payload.length === 0 ? NULL : payload, ...end]
}

const ESCAPES: Record<string, number> = { '\\': 92, 0: 0, a: 7, e: 27, n: 10, r: 13, t: 9, v: 11 }

interface Spec {
  left: boolean
  zero: boolean
  width: number
  /** Bytes to print at most. */
  precision: number | undefined
}

function pad(bytes: Buffer, { left, zero, width }: Spec, mayZero: boolean): Buffer {
  if (bytes.length >= width) return bytes
  const fill = Buffer.alloc(width - bytes.length, zero && mayZero && !left ? '0' : ' ')
  return Buffer.concat(left ? [bytes, fill] : [fill, bytes])
}

function number(value: number, spec: Spec): Buffer {
  return pad(Buffer.from(String(value)), spec, true)
}

// Flags and width where the reference honours them; the others print their value as it is.
const CONVERSIONS: Record<string, (message: Message, spec: Spec) => Buffer> = {
  '%': () => Buffer.from('%'),
  j: (message) => Buffer.from(jsonLine(message, new Date())),
  l: ({ payload }, spec) => number(payload.length, spec),
  m: ({ packetId }, spec) => number(packetId, spec),
  p: ({ payload }, spec) => (spec.width === 0 ? payload : pad(payload.subarray(0, spec.width), spec, true)),
  q: ({ qos }) => Buffer.from(String(qos)),
  r: ({ retain }) => Buffer.from(retain ? '1' : '0'),
  t: ({ topic }, spec) => {
    const bytes = Buffer.from(topic)
    return pad(spec.precision === undefined ? bytes : bytes.subarray(0, spec.precision), spec, false)
  },
}

// % [-|0] [WIDTH] [. [PRECISION]] [SEPARATOR] CONVERSION
const SEQUENCE = /^%([-0]?)(\d*)(?:(\.)(\d*))?([!"#$&'()*+,./:;<=>?@[\\\]^_`{|}~ -]?)([\s\S]?)/u

/** Compiles the argument of -F. Throws UsageError naming the part that cannot be used. */
export function compile(format: string, noEol = false): Print {
  const parts: ((message: Message) => Buffer)[] = []
  let literal: Buffer[] = []
  const flushLiteral = (): void => {
    if (literal.length === 0) return
    const bytes = Buffer.concat(literal)
    literal = []
    parts.push(() => bytes)
  }
  for (let at = 0; at < format.length; ) {
    const rest = format.slice(at)
    const character = rest[0]
    if (character === '\\') {
      const letter = rest[1]
      if (letter === undefined) throw new UsageError("'\\' at the end: the sequence is unfinished")
      const byte = ESCAPES[letter]
      if (byte === undefined)
        throw new UsageError(
          `'\\${letter}': unknown escape, expected one of \\\\ \\0 \\a \\e \\n \\r \\t \\v`,
        )
      literal.push(Buffer.from([byte]))
      at += 2
    } else if (character === '@') {
      throw new UsageError("'@': dates are not supported yet")
    } else if (character === '%') {
      const [sequence = '%', flag, width = '', dot, precision = '', , name = ''] = SEQUENCE.exec(rest) ?? []
      if (name === '') throw new UsageError(`'${sequence}' at the end: the sequence is unfinished`)
      const conversion = Object.hasOwn(CONVERSIONS, name) ? CONVERSIONS[name] : undefined
      if (conversion === undefined) {
        const known = Object.keys(CONVERSIONS).map((each) => `%${each}`)
        throw new UsageError(`'${sequence}': unknown conversion, expected one of ${known.join(' ')}`)
      }
      const spec: Spec = {
        left: flag === '-',
        zero: flag === '0',
        width: Number(width),
        precision: dot === undefined ? undefined : Number(precision),
      }
      flushLiteral()
      parts.push((message) => conversion(message, spec))
      at += sequence.length
    } else {
      const end = rest.search(/[\\@%]/)
      literal.push(Buffer.from(end === -1 ? rest : rest.slice(0, end)))
      at += end === -1 ? rest.length : end
    }
  }
  if (!noEol) literal.push(EOL)
  flushLiteral()
  return (message) => parts.map((part) => part(message))
}
