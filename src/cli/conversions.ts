// The % conversions of output formats: each is made once, for its flags, and then prints message after message.

import type { Message } from '../client/index.js'
import { formatFloat } from './float.js'
import { formatHex } from './hex.js'
import { putJson } from './json.js'
import { ReprintError } from './json-reprint.js'
import { type Clock, civil, digits } from './moment.js'
import type { Out } from './out.js'

/** What stands between % and the letter. */
export interface Spec {
  left: boolean
  zero: boolean
  width: number
  precision: number | undefined
  /** Empty where none is given. */
  separator: string
}

export interface Tools {
  clock: Clock
  pretty: boolean
  /** Told of a payload that a conversion cannot print. */
  complain: (text: string) => void
}

/** Always the same text, text of a message, or what puts bytes of it into `out`. */
export type Piece = string | ((message: Message) => string) | { put: Put }
export type Put = (message: Message, out: Out) => void

type Value<T> = (message: Message) => T | undefined

/** By letter. */
export const CONVERSIONS: Readonly<Record<string, (spec: Spec, tools: Tools) => Piece>> = {
  '%': () => '%',
  A: (spec) => numeric(({ properties }) => properties.topicAlias, spec),
  C: (spec) => textual(({ properties }) => properties.contentType, spec),
  D: () => ({
    put: ({ properties: { correlationData } }, out) => {
      if (correlationData !== undefined) out.bytes(correlationData)
    },
  }),
  d: (spec, tools) => float(8, 'an 8-byte float', (payload) => payload.readDoubleLE(), spec, tools),
  E: (spec) => numeric(({ properties }) => properties.messageExpiryInterval, spec),
  F: (spec) => numeric(({ properties }) => properties.payloadFormatIndicator, spec),
  f: (spec, tools) => float(4, 'a 4-byte float', (payload) => payload.readFloatLE(), spec, tools),
  I: (spec, { clock }) =>
    textual(() => {
      const at = civil(clock().seconds)
      return at.iso + at.zone
    }, spec),
  J: (_, tools) => json(true, tools),
  j: (_, tools) => json(false, tools),
  l: (spec) => numeric(({ payload }) => payload.length, spec),
  m: (spec) => numeric(({ packetId }) => packetId, spec),
  P: () => (message) => (message.properties.userProperties ?? []).map((pair) => pair.join(':')).join(' '),
  p: (spec) => ({ put: ({ payload }, out) => putPadded(cut(payload, spec), spec, out) }),
  q: () => (message) => String(message.qos),
  R: (spec) => textual(({ properties }) => properties.responseTopic, spec),
  r: () => (message) => (message.retain ? '1' : '0'),
  S: (spec) => numeric(({ properties }) => properties.subscriptionIdentifiers?.[0], spec),
  t: (spec) => textual(({ topic }) => topic, spec),
  U: (_, { clock }) => {
    return () => {
      const { seconds, nanoseconds } = clock()
      return `${seconds}.${digits(nanoseconds, 9)}`
    }
  },
  X: (spec) => hex(true, spec),
  x: (spec) => hex(false, spec),
}

/** What stands for an absent value. */
function blank({ zero, width }: Spec): string {
  return (zero ? '0' : ' ').repeat(width)
}

function numeric(value: Value<number>, spec: Spec): Piece {
  return (message) => {
    const number = value(message)
    return number === undefined ? blank(spec) : padNumber(String(number), spec)
  }
}

/** As printf does: zeros go between sign and digits, and `-` is stronger. */
function padNumber(text: string, { left, zero, width }: Spec): string {
  if (text.length >= width) return text
  if (left) return text.padEnd(width)
  if (!zero || text.endsWith('n') || text.endsWith('f')) return text.padStart(width) // nan, inf
  return text.startsWith('-') ? `-${text.slice(1).padStart(width - 1, '0')}` : text.padStart(width, '0')
}

function textual(value: Value<string>, spec: Spec): Piece {
  const { left, width, precision } = spec
  const absent = blank(spec)
  if (precision === undefined) {
    if (width === 0) return (message) => value(message) ?? ''
    return (message) => {
      const text = value(message)
      if (text === undefined) return absent
      const padding = ' '.repeat(Math.max(0, width - Buffer.byteLength(text)))
      return left ? text + padding : padding + text
    }
  }
  return {
    put: (message, out) => {
      const text = value(message)
      if (text === undefined) out.text(absent)
      else putPadded(Buffer.from(text).subarray(0, precision), { ...spec, zero: false }, out)
    },
  }
}

function putPadded(bytes: Uint8Array, { left, zero, width }: Spec, out: Out): void {
  if (left) out.bytes(bytes)
  if (bytes.length < width) out.bytes(Buffer.alloc(width - bytes.length, zero && !left ? '0' : ' '))
  if (!left) out.bytes(bytes)
}

/** The width of payloads is a limit as well. */
function cut(payload: Buffer, { width }: Spec): Buffer {
  return width === 0 ? payload : payload.subarray(0, width)
}

function hex(upperCase: boolean, spec: Spec): Piece {
  const { left, zero, width, precision = 0, separator } = spec
  const layout = {
    upperCase,
    group: precision,
    separator: (separator || ' ').charCodeAt(0),
    fill: (zero ? '0' : ' ').charCodeAt(0),
  }
  return {
    put: ({ payload }, out) => {
      const bytes = cut(payload, spec)
      const padding = Math.max(0, width - 2 * bytes.length)
      out.bytes(formatHex(bytes, left ? 0 : padding, layout))
      if (left && padding > 0) out.bytes(Buffer.alloc(padding, ' '))
    },
  }
}

function float(
  length: number,
  kind: string,
  read: (payload: Buffer) => number,
  spec: Spec,
  { complain }: Tools,
): Piece {
  const { precision = 6 } = spec
  const letter = length === 8 ? 'd' : 'f'
  return ({ topic, payload }) => {
    if (payload.length === length) return padNumber(formatFloat(read(payload), precision), spec)
    complain(`%${letter}: the payload on '${topic}' is not ${kind}: it has ${payload.length} bytes`)
    return ''
  }
}

function json(parse: boolean, { clock, pretty, complain }: Tools): Piece {
  return {
    put: (message, out) => {
      try {
        putJson(message, clock(), { parse, pretty }, out)
      } catch (error) {
        if (!(error instanceof ReprintError)) throw error
        complain(`%J: the payload on '${message.topic}' ${error.message}`)
      }
    },
  }
}
