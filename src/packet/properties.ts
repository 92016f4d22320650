// The properties of MQTT 5: one table, from which the types, the reading and the writing are derived.

import { UsageError } from '../errors.js'
import { packetLabel } from './codes.js'
import { lazily } from './lazily.js'
import type { Reader } from './reader.js'
import { topicFault } from './topic.js'
import { binaryLength, utf8Length, varintLength, type Writer } from './writer.js'

const ACKS = ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const
const ANSWERS = ['connack', ...ACKS, 'suback', 'unsuback', 'disconnect', 'auth'] as const
const EVERYWHERE = [...ANSWERS, 'connect', 'publish', 'subscribe', 'unsubscribe', 'will'] as const
const MESSAGE = ['publish', 'will'] as const

/** A packet that has properties; the will has its own inside CONNECT. */
export type Bearer = (typeof EVERYWHERE)[number]

interface Row {
  id: number
  name: string
  wire: keyof Wire
  in: readonly Bearer[]
  /** May stand more than once; the value is then a list, in order. */
  many?: true
  /** Least and greatest legal number. */
  min?: number
  max?: number
  /** Reason code for a number out of range, where it is not 0x82. */
  fault?: number
}

/** What each wire type is in JavaScript. */
interface Wire {
  byte: number
  u16: number
  u32: number
  varint: number
  utf8: string
  topic: string
  binary: Uint8Array
  pair: readonly [string, string]
}

// MQTT 5.0 table 2-4 with the ranges of chapter 3. Binary flags are the numbers 0 and 1.
export const PROPERTIES = [
  { id: 0x01, name: 'payloadFormatIndicator', wire: 'byte', in: MESSAGE, max: 1 },
  { id: 0x02, name: 'messageExpiryInterval', wire: 'u32', in: MESSAGE },
  { id: 0x03, name: 'contentType', wire: 'utf8', in: MESSAGE },
  { id: 0x08, name: 'responseTopic', wire: 'topic', in: MESSAGE },
  { id: 0x09, name: 'correlationData', wire: 'binary', in: MESSAGE },
  { id: 0x0b, name: 'subscriptionIdentifiers', wire: 'varint', in: ['publish'], many: true, min: 1 },
  { id: 0x0b, name: 'subscriptionIdentifier', wire: 'varint', in: ['subscribe'], min: 1 },
  { id: 0x11, name: 'sessionExpiryInterval', wire: 'u32', in: ['connect', 'connack', 'disconnect'] },
  { id: 0x12, name: 'assignedClientIdentifier', wire: 'utf8', in: ['connack'] },
  { id: 0x13, name: 'serverKeepAlive', wire: 'u16', in: ['connack'] },
  { id: 0x15, name: 'authenticationMethod', wire: 'utf8', in: ['connect', 'connack', 'auth'] },
  { id: 0x16, name: 'authenticationData', wire: 'binary', in: ['connect', 'connack', 'auth'] },
  { id: 0x17, name: 'requestProblemInformation', wire: 'byte', in: ['connect'], max: 1 },
  { id: 0x18, name: 'willDelayInterval', wire: 'u32', in: ['will'] },
  { id: 0x19, name: 'requestResponseInformation', wire: 'byte', in: ['connect'], max: 1 },
  { id: 0x1a, name: 'responseInformation', wire: 'utf8', in: ['connack'] },
  { id: 0x1c, name: 'serverReference', wire: 'utf8', in: ['connack', 'disconnect'] },
  { id: 0x1f, name: 'reasonString', wire: 'utf8', in: ANSWERS },
  { id: 0x21, name: 'receiveMaximum', wire: 'u16', in: ['connect', 'connack'], min: 1 },
  { id: 0x22, name: 'topicAliasMaximum', wire: 'u16', in: ['connect', 'connack'] },
  { id: 0x23, name: 'topicAlias', wire: 'u16', in: ['publish'], min: 1, fault: 0x94 },
  { id: 0x24, name: 'maximumQoS', wire: 'byte', in: ['connack'], max: 1 },
  { id: 0x25, name: 'retainAvailable', wire: 'byte', in: ['connack'], max: 1 },
  { id: 0x26, name: 'userProperties', wire: 'pair', in: EVERYWHERE, many: true },
  { id: 0x27, name: 'maximumPacketSize', wire: 'u32', in: ['connect', 'connack'], min: 1 },
  { id: 0x28, name: 'wildcardSubscriptionAvailable', wire: 'byte', in: ['connack'], max: 1 },
  { id: 0x29, name: 'subscriptionIdentifiersAvailable', wire: 'byte', in: ['connack'], max: 1 },
  { id: 0x2a, name: 'sharedSubscriptionAvailable', wire: 'byte', in: ['connack'], max: 1 },
] as const satisfies readonly Row[]

type P = (typeof PROPERTIES)[number]
type ValueOf<R extends P> = R extends { many: true } ? readonly Wire[R['wire']][] : Wire[R['wire']]

/** The properties that the packet `K` may carry, in wire order where that matters. */
export type PropertiesOf<K extends Bearer> = {
  readonly [R in P as K extends R['in'][number] ? R['name'] : never]?: ValueOf<R>
}
type Values = Record<string, Wire[keyof Wire] | readonly Wire[keyof Wire][]>

/** The empty set, shared by all packets that have none. */
export const NONE: Readonly<Record<string, never>> = Object.freeze({})

const ROWS: readonly Row[] = PROPERTIES
const byId = lazily(
  () => new Map(ROWS.flatMap((row) => row.in.map((bearer) => [`${bearer} ${row.id}`, row] as const))),
)
const byName = lazily(() => new Map(ROWS.map((row) => [row.name, row])))

/** Reads Property Length and properties. Unknown or misplaced ones are malformed, repeated ones a protocol error. */
export function readProperties<K extends Bearer>(body: Reader, bearer: K): PropertiesOf<K> {
  const length = body.varint()
  if (length === 0) return NONE as PropertiesOf<K>
  const end = body.offset + length
  if (length > body.left) throw body.fail('Property Length runs past the packet', '5.0 §2.2.2')
  const values: Values = {}
  const rest = body.narrow(end)
  while (body.left > 0) {
    const id = body.varint()
    const row = byId().get(`${bearer} ${id}`)
    if (row === undefined) {
      const where = bearer === 'will' ? 'will' : packetLabel(bearer)
      throw body.fail(
        `property 0x${id.toString(16).padStart(2, '0')} does not belong in ${where}`,
        '5.0 §2.2.2.2',
      )
    }
    const value = readValue(body, row)
    if (row.many) {
      const list = values[row.name] as Wire[keyof Wire][] | undefined
      if (list === undefined) values[row.name] = [value]
      else list.push(value)
    } else {
      if (values[row.name] !== undefined) throw body.fail(`${row.name} stands twice`, '5.0 §2.2.2', 0x82)
      values[row.name] = value
    }
  }
  body.widen(rest)
  return values as PropertiesOf<K>
}

function readValue(body: Reader, row: Row): Wire[keyof Wire] {
  switch (row.wire) {
    case 'utf8':
      return body.utf8()
    case 'topic': {
      const topic = body.utf8()
      const fault = topicFault(topic)
      if (fault !== undefined) throw body.fail(`${row.name} ${fault}`, 'MQTT-3.3.2-14', 0x82)
      return topic
    }
    case 'binary':
      return body.binary()
    case 'pair':
      return [body.utf8(), body.utf8()]
    default: {
      const value = body[row.wire === 'byte' ? 'u8' : row.wire]()
      if (value < (row.min ?? 0) || value > (row.max ?? value)) {
        throw body.fail(`${row.name} is ${value}`, '5.0 §2.2.2.2', row.fault ?? 0x82)
      }
      return value
    }
  }
}

/** Bytes of all properties without their Property Length. */
function measure(properties: object): number {
  let size = 0
  for (const [name, value] of Object.entries(properties)) {
    const row = byName().get(name)
    if (row === undefined || value === undefined) continue
    for (const item of row.many ? (value as Wire[keyof Wire][]) : [value]) size += 1 + measureValue(row, item)
  }
  return size
}

function measureValue(row: Row, value: unknown): number {
  switch (row.wire) {
    case 'byte':
      return 1
    case 'u16':
      return 2
    case 'u32':
      return 4
    case 'varint':
      return varintLength(value as number)
    case 'binary':
      return 2 + binaryLength(value as Uint8Array)
    case 'pair':
      return 4 + utf8Length((value as [string, string])[0]) + utf8Length((value as [string, string])[1])
    default:
      return 2 + utf8Length(value as string)
  }
}

/** Bytes of Property Length and properties. */
export function propertiesLength(properties: object): number {
  if (properties === NONE) return 1
  const size = measure(properties)
  return varintLength(size) + size
}

export function hasProperties(properties: object): boolean {
  for (const _ in properties) return true
  return false
}

export function writeProperties(out: Writer, properties: object): void {
  if (properties === NONE) return out.u8(0)
  out.varint(measure(properties))
  for (const [name, value] of Object.entries(properties)) {
    const row = byName().get(name)
    if (row === undefined || value === undefined) continue
    for (const item of row.many ? (value as Wire[keyof Wire][]) : [value]) {
      out.u8(row.id)
      writeValue(out, row, item as never)
    }
  }
}

function writeValue(out: Writer, row: Row, value: never): void {
  switch (row.wire) {
    case 'byte':
      return out.u8(value)
    case 'u16':
      return out.u16(value)
    case 'u32':
      return out.u32(value)
    case 'varint':
      return out.varint(value)
    case 'binary':
      return out.binary(value)
    case 'pair':
      out.utf8(value[0])
      return out.utf8(value[1])
    default:
      return out.utf8(value)
  }
}

/**
 * Checks properties that a caller made. Throws UsageError for one that `bearer` cannot carry or a value out of range,
 * naming both, so that nothing of the packet is written.
 */
export function checkProperties(properties: object, bearer: Bearer): void {
  for (const [name, value] of Object.entries(properties)) {
    const row = byName().get(name)
    if (row === undefined || !row.in.includes(bearer))
      throw new UsageError(`${name} does not belong in ${bearer}`)
    for (const item of row.many ? (value as Wire[keyof Wire][]) : [value as Wire[keyof Wire]])
      checkValue(row, item)
  }
}

const MAXIMUM = { byte: 0xff, u16: 0xffff, u32: 0xffff_ffff, varint: 268_435_455 } as const

function checkValue(row: Row, value: Wire[keyof Wire]): void {
  switch (row.wire) {
    case 'topic': {
      const fault = topicFault(value as string)
      if (fault !== undefined) throw new UsageError(`${row.name} '${value}' ${fault}`)
      return
    }
    case 'utf8':
    case 'pair':
    case 'binary':
      measureValue(row, value)
      return
    default: {
      const { min = 0, max = MAXIMUM[row.wire] } = row
      if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return
      throw new UsageError(`${row.name} ${value}: expected a whole number from ${min} to ${max}`)
    }
  }
}
