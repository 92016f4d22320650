// SUBACK and UNSUBACK: MQTT 5.0 §3.9 and §3.11, MQTT 3.1.1 §3.9 and §3.11.

import { isReasonCode } from './codes.js'
import { NONE, propertiesLength, readProperties, writeProperties } from './properties.js'
import type { Reader } from './reader.js'
import type { Suback, Unsuback, Version } from './types.js'
import type { Writer } from './writer.js'

export function decodeSuback(body: Reader, version: Version): Suback {
  const packetId = body.packetId()
  const properties: Suback['properties'] = version === 5 ? readProperties(body, 'suback') : NONE
  const reasonCodes: number[] = []
  while (body.left > 0) {
    const code = body.u8()
    const known = version === 5 ? isReasonCode('suback', code) : code <= 2 || code === 0x80
    if (!known && version !== 3) throw body.fail(`reason code 0x${code.toString(16)}`, 'MQTT-3.9.3-2', 0x82)
    reasonCodes.push(known ? code : 0x80) // 3.1 knows granted QoS alone: anything else is a failure
  }
  if (reasonCodes.length === 0) throw body.fail('no reason code', 'MQTT-3.8.4-6', 0x82)
  return { type: 'suback', packetId, properties, reasonCodes }
}

export function decodeUnsuback(body: Reader, version: Version): Unsuback {
  const packetId = body.packetId()
  const reasonCodes: number[] = []
  if (version !== 5) return { type: 'unsuback', packetId, properties: NONE, reasonCodes }
  const properties: Unsuback['properties'] = readProperties(body, 'unsuback')
  while (body.left > 0) {
    const code = body.u8()
    if (!isReasonCode('unsuback', code)) {
      throw body.fail(`reason code 0x${code.toString(16)}`, 'MQTT-3.11.3-2', 0x82)
    }
    reasonCodes.push(code)
  }
  if (reasonCodes.length === 0) throw body.fail('no reason code', 'MQTT-3.11.3-2', 0x82)
  return { type: 'unsuback', packetId, properties, reasonCodes }
}

export function measureSuback(
  { type, properties, reasonCodes }: Suback | Unsuback,
  version: Version,
): number {
  if (version !== 5) return 2 + (type === 'suback' ? reasonCodes.length : 0)
  return 2 + propertiesLength(properties) + reasonCodes.length
}

export function encodeSuback(out: Writer, packet: Suback | Unsuback, version: Version): void {
  out.begin(packet.type === 'suback' ? 0x90 : 0xb0, measureSuback(packet, version))
  out.u16(packet.packetId)
  if (version === 5) writeProperties(out, packet.properties)
  if (version === 5 || packet.type === 'suback') for (const code of packet.reasonCodes) out.u8(code)
}
