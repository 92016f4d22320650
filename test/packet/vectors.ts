// The files of test/vectors as typed values, and the ways to feed bytes to a decoder. vectors/README.md says what
// the files hold.

import { readFileSync } from 'node:fs'
import {
  Decoder,
  type DecoderOptions,
  NONE,
  type Packet,
  type Qos,
  type Version,
} from '../../src/packet/index.js'

export type Side = 'client' | 'server'
export const VERSIONS: readonly Version[] = [3, 4, 5]
export const SIDES: readonly Side[] = ['client', 'server']

type Json = string | number | boolean | { [key: string]: Json } | Json[]
type Fields = { [key: string]: Json }

interface Fill {
  byte: string
  count: number
}

interface RawVector {
  name: string
  version: '3.1' | '3.1.1' | '5.0'
  hex: string
  fill?: Fill
  from: Side | 'either'
  packet: Fields
  canonicalHex?: string
  note?: string
}

export interface Vector {
  name: string
  version: Version
  /** Length of the whole packet. */
  size: number
  /** Who may send it. */
  from: readonly Side[]
  /** What to decode. A function because one of them has 256 MiB. */
  bytes(): Buffer
  /** What `encode` makes of the packet. */
  canonical(): Buffer
  packet(): Packet
}

/** Every legal packet. */
export const PACKET_VECTORS: readonly Vector[] = load<RawVector[]>('packets.json').map((raw) => {
  const bytes = () => Buffer.concat([unhex(raw.hex), filled(raw.fill)])
  return {
    name: raw.name,
    version: ({ '3.1': 3, '3.1.1': 4, '5.0': 5 } as const)[raw.version],
    size: raw.hex.length / 2 + (raw.fill?.count ?? 0),
    from: raw.from === 'either' ? SIDES : [raw.from],
    bytes,
    canonical: () => (raw.canonicalHex === undefined ? bytes() : unhex(raw.canonicalHex)),
    packet: () => packetOf(raw.packet),
  }
})

export interface Reaction {
  hex: string
  layer: 'decoder' | 'session'
  reaction: 'close' | 'accept' | 'ignore' | 'answer' | 'refused' | 'disconnected' | 'lost'
  codes?: readonly number[]
  code?: number
  answer?: string
  optional?: true
  note?: string
}

export interface Malformed {
  no: string
  what: string
  given?: string
  setup?: {
    awaiting?: 'connack'
    connect?: {
      clientId?: string
      cleanStart?: boolean
      authenticationMethod?: string
      topicAliasMaximum?: number
      maximumPacketSize?: number
      receiveMaximum?: number
      requestProblemInformation?: number
    }
    inFlight?: readonly {
      type: 'publish' | 'pubrel' | 'subscribe' | 'unsubscribe'
      packetId: number
      qos?: Qos
      filters?: number
    }[]
    before?: string
    validatePayload?: true
    fin?: true
  }
  source: string
  v31?: Reaction
  v311?: Reaction
  v5?: Reaction
}

/** The malformed catalogue, M-001 to M-189. */
export const MALFORMED: readonly Malformed[] = load<Malformed[]>('malformed.json')

/** The entry in each version it applies to. */
export function cases(entry: Malformed): { version: Version; expected: Reaction }[] {
  const found: { version: Version; expected: Reaction }[] = []
  if (entry.v31 !== undefined) found.push({ version: 3, expected: entry.v31 })
  if (entry.v311 !== undefined) found.push({ version: 4, expected: entry.v311 })
  if (entry.v5 !== undefined) found.push({ version: 5, expected: entry.v5 })
  return found
}

export function unhex(digits: string): Buffer {
  const bytes = Buffer.from(digits.replaceAll(' ', ''), 'hex')
  // Buffer.from stops without a word at what is no digit.
  if (bytes.length * 2 !== digits.replaceAll(' ', '').length) throw new Error(`not hex: ${digits}`)
  return bytes
}

/** All packets in `chunks`, taken out after each chunk as a client does. */
export function decodeAll(chunks: Iterable<Buffer>, options: DecoderOptions): Packet[] {
  const decoder = new Decoder(options)
  const packets: Packet[] = []
  for (const chunk of chunks) {
    decoder.push(chunk)
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(packet)
  }
  return packets
}

/** `bytes` in pieces of `size`, each a view. */
export function* pieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** `bytes` cut in two at `at`. */
export function cut(bytes: Buffer, at: number): Buffer[] {
  return [bytes.subarray(0, at), bytes.subarray(at)]
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')) as T
}

function filled(fill: Fill | undefined): Buffer {
  return fill === undefined ? Buffer.alloc(0) : Buffer.alloc(fill.count, fill.byte, 'hex')
}

function binary(value: Json | undefined): Buffer {
  const { utf8, hex, fill, count } = value as { utf8?: string; hex?: string; fill?: string; count?: number }
  if (utf8 !== undefined) return Buffer.from(utf8)
  if (hex !== undefined) return unhex(hex)
  return filled({ byte: fill as string, count: count as number })
}

function propertiesOf(value: Json | undefined): object {
  if (value === undefined) return NONE
  const properties: Record<string, Json | Buffer> = {}
  for (const [name, given] of Object.entries(value as Fields)) {
    properties[name] = name === 'correlationData' || name === 'authenticationData' ? binary(given) : given
  }
  return properties
}

/** The packet of a vector, its defaults filled in. Whatever the file does not say stays out. */
function packetOf(raw: Fields): Packet {
  const { type: label, protocolName, protocolLevel, ...given } = raw
  const type = (label as string).toLowerCase() as Packet['type']
  const fields: Record<string, unknown> = { ...given, type }
  if (type !== 'pingreq' && type !== 'pingresp') fields.properties = propertiesOf(raw.properties)
  switch (type) {
    case 'connect':
      fields.version = protocolLevel
      if (raw.password !== undefined) fields.password = binary(raw.password)
      if (raw.will !== undefined) {
        const will = raw.will as Fields
        const payload = binary(will.payload)
        fields.will = { ...will, payload, properties: propertiesOf(will.properties) }
      }
      break
    case 'publish':
      fields.packetId ??= 0
      fields.payload = binary(raw.payload)
      break
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      fields.dup ??= false
      fields.reasonCode ??= 0
      break
    case 'subscribe':
      fields.dup ??= false
      fields.subscriptions = (raw.subscriptions as Fields[]).map((subscription) => ({
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0,
        ...subscription,
      }))
      break
    case 'unsubscribe':
      fields.dup ??= false
      break
    case 'unsuback':
      fields.reasonCodes ??= []
      break
    case 'disconnect':
      fields.reasonCode ??= 0
      break
  }
  return fields as unknown as Packet
}
