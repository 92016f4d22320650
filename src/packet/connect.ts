// CONNECT: MQTT 5.0 §3.1, MQTT 3.1.1 §3.1, MQTT V3.1 "CONNECT".

import { NONE, propertiesLength, readProperties, writeProperties } from './properties.js'
import type { Reader } from './reader.js'
import type { Connect, Qos, Version, Will } from './types.js'
import { binaryLength, utf8Length, type Writer } from './writer.js'

// Bits of the Connect Flags.
const USER_NAME = 0x80
const PASSWORD = 0x40
const WILL_RETAIN = 0x20
const WILL = 0x04
const CLEAN_START = 0x02

export function protocolName(version: Version): string {
  return version === 3 ? 'MQIsdp' : 'MQTT'
}

export function connectFlags({ cleanStart, will, userName, password }: Connect): number {
  return (
    (userName === undefined ? 0 : USER_NAME) |
    (password === undefined ? 0 : PASSWORD) |
    (will === undefined ? 0 : WILL | (will.qos << 3) | (will.retain ? WILL_RETAIN : 0)) |
    (cleanStart ? CLEAN_START : 0)
  )
}

export function decodeConnect(body: Reader): Connect {
  const name = body.utf8()
  const level = body.u8()
  if (level !== 3 && level !== 4 && level !== 5)
    throw body.fail(`protocol level ${level}`, 'MQTT-3.1.2-2', 0x84)
  const version: Version = level
  if (name !== protocolName(version))
    throw body.fail(`protocol name '${name}' at level ${level}`, 'MQTT-3.1.2-1')
  const flags = body.u8()
  if (flags & 1) throw body.fail('reserved connect flag is set', 'MQTT-3.1.2-3')
  const willFlag = (flags & WILL) !== 0
  const willQos = (flags >> 3) & 3
  if (willQos === 3) throw body.fail('Will QoS 3', 'MQTT-3.1.2-12')
  // 3.1 disregards these bits when the Will Flag is 0.
  if (!willFlag && flags & 0x38 && version !== 3) {
    throw body.fail('Will QoS or Will Retain without a will', 'MQTT-3.1.2-11')
  }
  if ((flags & PASSWORD) !== 0 && (flags & USER_NAME) === 0 && version !== 5) {
    throw body.fail('password without user name', '3.1.1 MQTT-3.1.2-22')
  }
  const packet: Connect = {
    type: 'connect',
    version,
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAlive: body.u16(),
    properties: version === 5 ? readProperties(body, 'connect') : NONE,
    clientId: body.utf8(),
  }
  if (willFlag) {
    const properties: Will['properties'] = version === 5 ? readProperties(body, 'will') : NONE
    packet.will = {
      topic: body.utf8(),
      payload: body.binary(),
      qos: willQos as Qos,
      retain: (flags & WILL_RETAIN) !== 0,
      properties,
    }
  }
  if (flags & USER_NAME) packet.userName = body.utf8()
  if (flags & PASSWORD) packet.password = body.binary()
  return packet
}

export function measureConnect({ version, properties, clientId, will, userName, password }: Connect): number {
  let size = 2 + protocolName(version).length + 4 + 2 + utf8Length(clientId)
  if (version === 5) size += propertiesLength(properties)
  if (will !== undefined) {
    if (version === 5) size += propertiesLength(will.properties)
    size += 4 + utf8Length(will.topic) + binaryLength(will.payload)
  }
  if (userName !== undefined) size += 2 + utf8Length(userName)
  if (password !== undefined) size += 2 + binaryLength(password)
  return size
}

export function encodeConnect(out: Writer, packet: Connect): void {
  const { version, keepAlive, properties, clientId, will, userName, password } = packet
  out.begin(0x10, measureConnect(packet))
  out.utf8(protocolName(version))
  out.u8(version)
  out.u8(connectFlags(packet))
  out.u16(keepAlive)
  if (version === 5) writeProperties(out, properties)
  out.utf8(clientId)
  if (will !== undefined) {
    if (version === 5) writeProperties(out, will.properties)
    out.utf8(will.topic)
    out.binary(will.payload)
  }
  if (userName !== undefined) out.utf8(userName)
  if (password !== undefined) out.binary(password)
}
