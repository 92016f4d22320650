// CONNACK: MQTT 5.0 §3.2, MQTT 3.1.1 §3.2.

import { isReasonCode } from './codes.js'
import { NONE, propertiesLength, readProperties, writeProperties } from './properties.js'
import type { Reader } from './reader.js'
import type { Connack, Version } from './types.js'
import type { Writer } from './writer.js'

export function decodeConnack(body: Reader, version: Version): Connack {
  const flags = body.u8()
  const packet = { type: 'connack', sessionPresent: version !== 3 && (flags & 1) !== 0 } as const
  if (flags > 1 && version !== 3) throw body.fail('reserved acknowledge flags are set', 'MQTT-3.2.2-1')
  const reasonCode = body.u8()
  // A server that does not know MQTT 5 may answer in the form of 3.x, which is worth a sentence of its own.
  const oldForm = version === 5 && body.left === 0 && reasonCode >= 1 && reasonCode <= 5
  if (version !== 5 || oldForm) return { ...packet, reasonCode, properties: NONE }
  if (!isReasonCode('connack', reasonCode)) {
    throw body.fail(`reason code 0x${reasonCode.toString(16)}`, 'MQTT-3.2.2-8', 0x82)
  }
  return { ...packet, reasonCode, properties: readProperties(body, 'connack') }
}

export function measureConnack({ properties }: Connack, version: Version): number {
  return 2 + (version === 5 ? propertiesLength(properties) : 0)
}

export function encodeConnack(out: Writer, packet: Connack, version: Version): void {
  out.begin(0x20, measureConnack(packet, version))
  out.u8(packet.sessionPresent ? 1 : 0)
  out.u8(packet.reasonCode)
  if (version === 5) writeProperties(out, packet.properties)
}
