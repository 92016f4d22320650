// A message as it lies in the store: its key, its bytes, and the packet identifier that follows from its number.

import type { PropertiesOf, Qos } from '../packet/index.js'

export interface SpoolMessage {
  topic: string
  payload: Uint8Array
  qos: Qos
  retain: boolean
  properties: PropertiesOf<'publish'>
}

/**
 *   waiting    to be sent, or sent and not answered: the mark of the spool tells which
 *   released   the broker owns it by its PUBREC: only PUBREL is still to be said
 *   unknown    sent in a session that the broker lost, at QoS 2: it may have arrived
 */
export type Stage = 'waiting' | 'released' | 'unknown'

export interface SpoolRecord {
  /** Counts the messages of the spool, from 0. */
  sequence: number
  stage: Stage
  /** When it was taken, in milliseconds since 1970. */
  time: number
  message: SpoolMessage
  /** Bytes that it takes, key and all. */
  size: number
}

const STAGES: readonly Stage[] = ['waiting', 'released', 'unknown']
const KEY_BYTES = 8
// stage, QoS and retain, time (8), length of the topic (2) and of the properties (4); then topic, properties, payload.
const HEAD_BYTES = 16
/** Packet identifiers go round in this many steps. */
export const IDENTIFIERS = 65_535

/** Nothing has to be stored for it: after a crash the same message has the same identifier. */
export function packetIdOf(sequence: number): number {
  return (sequence % IDENTIFIERS) + 1
}

export function keyOf(sequence: number): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES)
  key.writeUInt32BE(Math.floor(sequence / 0x1_0000_0000), 0)
  key.writeUInt32BE(sequence % 0x1_0000_0000, 4)
  return key
}

export function encodeRecord(stage: Stage, time: number, message: SpoolMessage): Buffer {
  const { topic, payload, qos, retain, properties } = message
  const topicBytes = Buffer.byteLength(topic)
  const text = propertiesText(properties)
  const textBytes = Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + topicBytes + textBytes + payload.length)
  bytes[0] = STAGES.indexOf(stage)
  bytes[1] = qos | (retain ? 4 : 0)
  bytes.writeDoubleBE(time, 2)
  bytes.writeUInt16BE(topicBytes, 10)
  bytes.writeUInt32BE(textBytes, 12)
  bytes.write(topic, HEAD_BYTES)
  bytes.write(text, HEAD_BYTES + topicBytes)
  bytes.set(payload, HEAD_BYTES + topicBytes + textBytes)
  return bytes
}

export function decodeRecord(key: Buffer, bytes: Buffer): SpoolRecord {
  const textAt = HEAD_BYTES + bytes.readUInt16BE(10)
  const payloadAt = textAt + bytes.readUInt32BE(12)
  const text = bytes.toString('utf8', textAt, payloadAt)
  const flags = bytes[1] as number
  return {
    sequence: key.readUInt32BE(0) * 0x1_0000_0000 + key.readUInt32BE(4),
    stage: STAGES[bytes[0] as number] ?? 'waiting',
    time: bytes.readDoubleBE(2),
    message: {
      topic: bytes.toString('utf8', HEAD_BYTES, textAt),
      payload: bytes.subarray(payloadAt),
      qos: (flags & 3) as Qos,
      retain: (flags & 4) !== 0,
      properties: text === '' ? {} : JSON.parse(text, fromBase64),
    },
    size: sizeOf(bytes),
  }
}

/** Bytes that a record takes, its key included. */
export function sizeOf(bytes: Buffer): number {
  return KEY_BYTES + bytes.length
}

function propertiesText(properties: PropertiesOf<'publish'>): string {
  const entries = Object.entries(properties).map(([name, value]) => {
    return [name, value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value]
  })
  return entries.length === 0 ? '' : JSON.stringify(Object.fromEntries(entries))
}

function fromBase64(_key: string, value: unknown): unknown {
  const { base64 } = (value ?? {}) as { base64?: unknown }
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : value
}
