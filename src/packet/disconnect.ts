// DISCONNECT and AUTH: MQTT 5.0 §3.14 and §3.15, MQTT 3.1.1 §3.14.

import { isReasonCode } from './codes.js'
import { hasProperties, NONE, propertiesLength, readProperties, writeProperties } from './properties.js'
import type { Reader } from './reader.js'
import type { Auth, Disconnect, Version } from './types.js'
import type { Writer } from './writer.js'

/** The reason code is not checked: the peer is leaving, and its number is worth reporting whatever it is. */
export function decodeDisconnect(body: Reader, version: Version): Disconnect {
  const packet: Disconnect = { type: 'disconnect', reasonCode: 0, properties: NONE }
  if (version !== 5 || body.left === 0) return packet
  packet.reasonCode = body.u8()
  if (body.left > 0) packet.properties = readProperties(body, 'disconnect')
  return packet
}

export function decodeAuth(body: Reader): Auth {
  // The short form of §3.15.2.1 leaves out the Authentication Method, which §3.15.2.2.2 forbids.
  if (body.left === 0) throw body.fail('no Authentication Method', '5.0 §3.15.2.2.2', 0x82)
  const reasonCode = body.u8()
  if (!isReasonCode('auth', reasonCode))
    throw body.fail(`reason code 0x${reasonCode.toString(16)}`, 'MQTT-3.15.2-1', 0x82)
  const properties: Auth['properties'] = readProperties(body, 'auth')
  if (properties.authenticationMethod === undefined) {
    throw body.fail('no Authentication Method', '5.0 §3.15.2.2.2', 0x82)
  }
  return { type: 'auth', reasonCode, properties }
}

export function measureDisconnect(
  { type, reasonCode, properties }: Disconnect | Auth,
  version: Version,
): number {
  if (version !== 5 || (type === 'disconnect' && reasonCode === 0 && !hasProperties(properties))) return 0
  return 1 + propertiesLength(properties)
}

export function encodeDisconnect(out: Writer, packet: Disconnect | Auth, version: Version): void {
  const length = measureDisconnect(packet, version)
  out.begin(packet.type === 'auth' ? 0xf0 : 0xe0, length)
  if (length === 0) return
  out.u8(packet.reasonCode)
  writeProperties(out, packet.properties)
}
