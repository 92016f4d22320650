// PUBACK, PUBREC, PUBREL and PUBCOMP, which differ in number, flags and legal reason codes alone:
// MQTT 5.0 §3.4 to §3.7, MQTT 3.1.1 §3.4 to §3.7.

import { isReasonCode, PACKETS, type PacketRow, packetRow } from './codes.js'
import { hasProperties, NONE, propertiesLength, readProperties, writeProperties } from './properties.js'
import type { Reader } from './reader.js'
import type { Ack, AckType, Version } from './types.js'
import type { Writer } from './writer.js'

export function ack<K extends AckType>(type: K, packetId: number, reasonCode = 0, dup = false): Ack<K> {
  return { type, packetId, dup, reasonCode, properties: NONE }
}

/** In one number: packet type, reason code and packet identifier of an acknowledgement without properties. */
export type PackedAck = number

const NUMBERS: Readonly<Record<AckType, number>> = { puback: 4, pubrec: 5, pubrel: 6, pubcomp: 7 }
/** By packet type. */
const FIRST_BYTES = Uint8Array.of(0, ...PACKETS.map(({ number, flags }) => (number << 4) | flags))

/** A stream of messages is answered by as many acknowledgements, for which objects would be too much. */
export function packAck(type: AckType, packetId: number, reasonCode = 0): PackedAck {
  return (NUMBERS[type] << 24) | (reasonCode << 16) | packetId
}

export function isAck(row: PacketRow): row is PacketRow & { type: AckType } {
  return row.number >= NUMBERS.puback && row.number <= NUMBERS.pubcomp
}

export function isPuback(packed: PackedAck): boolean {
  return packed >> 24 === NUMBERS.puback
}

export function packetIdOf(packed: PackedAck): number {
  return packed & 0xffff
}

export function unpackAck(packed: PackedAck): Ack {
  return ack(rowOf(packed).type as AckType, packed & 0xffff, (packed >> 16) & 0xff)
}

function rowOf(packed: PackedAck): PacketRow {
  return PACKETS[(packed >> 24) - 1] as PacketRow
}

/** Appends acknowledgements that were packed. */
export function writeAcks(out: Writer, acks: readonly PackedAck[], version: Version): void {
  for (const packed of acks) {
    if ((packed & 0xff_0000) !== 0) encodeAck(out, unpackAck(packed), version)
    else {
      out.begin(FIRST_BYTES[packed >> 24] as number, 2)
      out.u16(packed)
    }
  }
}

export function decodeAck(type: AckType, flags: number, body: Reader, version: Version): Ack {
  const packet = ack(type, body.packetId(), 0, version === 3 && type === 'pubrel' && (flags & 8) !== 0)
  // Both may be left out for plain success, the Property Length also behind a reason code.
  if (version !== 5 || body.left === 0) return packet
  packet.reasonCode = body.u8()
  if (!isReasonCode(type, packet.reasonCode)) {
    throw body.fail(`reason code 0x${packet.reasonCode.toString(16)}`, 'MQTT-3.4.2-1', 0x82)
  }
  if (body.left > 0) packet.properties = readProperties(body, type)
  return packet
}

export function measureAck({ reasonCode, properties }: Ack, version: Version): number {
  if (version !== 5 || (reasonCode === 0 && !hasProperties(properties))) return 2
  return 3 + propertiesLength(properties)
}

export function encodeAck(out: Writer, packet: Ack, version: Version): void {
  const { number, flags } = packetRow(packet.type)
  const length = measureAck(packet, version)
  out.begin((number << 4) | flags | (packet.dup && packet.type === 'pubrel' && version === 3 ? 8 : 0), length)
  out.u16(packet.packetId)
  if (length === 2) return
  out.u8(packet.reasonCode)
  writeProperties(out, packet.properties)
}
