// Our packets in the words of `mqtt-packet`, an implementation that shares no code and no author with ours.
//
// What it cannot say stays out of the comparison (`plain` in arbitraries.ts):
//   - a password without a user name, legal in 5.0
//   - DUP on PUBREL, SUBSCRIBE and UNSUBSCRIBE in 3.1: its parser wants the flags of 3.1.1
//   - the order of User Properties of different names, and an empty value in front of another of the same name
//   - an empty client identifier without clean start, and in 3.1 any
// It writes a normal 5.0 DISCONNECT as E0 02 00 00 where ours is E0 00; each reads both.

import { generate, parser } from 'mqtt-packet'
import { NONE, type Packet, PROPERTIES, type Version } from '../../src/packet/index.js'

type Fields = Record<string, unknown>

// Its names are those of the standard too, apart from this one.
const RENAMED = 'subscriptionIdentifiers'
// Numbers to us, booleans to it; Maximum QoS is a number to both.
const BOOLEAN = new Set<string>(
  PROPERTIES.filter(({ wire, name }) => wire === 'byte' && name !== 'maximumQoS').map(({ name }) => name),
)

function theirProperties(properties: object): Fields | undefined {
  const theirs: Fields = {}
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'userProperties') {
      const map: Record<string, string[]> = Object.create(null)
      for (const [key, item] of value as [string, string][]) {
        map[key] ??= []
        map[key].push(item)
      }
      theirs.userProperties = map
    } else if (name === RENAMED) theirs.subscriptionIdentifier = value
    else theirs[name] = BOOLEAN.has(name) ? value === 1 : value
  }
  return theirs
}

function ourProperties(given: unknown, type: string): object {
  if (given === undefined) return NONE
  const ours: Fields = {}
  for (const [name, value] of Object.entries(given as Fields)) {
    if (name === 'userProperties') {
      ours.userProperties = Object.entries(value as Record<string, string | string[]>).flatMap(
        ([key, items]) => (Array.isArray(items) ? items : [items]).map((item) => [key, item]),
      )
    } else if (name === 'subscriptionIdentifier' && type === 'publish') {
      ours[RENAMED] = Array.isArray(value) ? value : [value]
    } else ours[name] = BOOLEAN.has(name) ? Number(value) : value
  }
  return ours
}

function theirs(packet: Packet, version: Version): Fields {
  const out: Fields = { cmd: packet.type }
  if ('packetId' in packet) out.messageId = packet.packetId
  if (version === 5 && 'properties' in packet) out.properties = theirProperties(packet.properties)
  switch (packet.type) {
    case 'connect':
      Object.assign(out, {
        protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
        protocolVersion: version,
        clean: packet.cleanStart,
        keepalive: packet.keepAlive,
        clientId: packet.clientId,
        username: packet.userName,
        password: packet.password,
      })
      if (packet.will !== undefined) {
        const { properties, ...will } = packet.will
        out.will = version === 5 ? { ...will, properties: theirProperties(properties) } : will
      }
      return out
    case 'connack':
      out.sessionPresent = packet.sessionPresent
      out[version === 5 ? 'reasonCode' : 'returnCode'] = packet.reasonCode
      return out
    case 'publish': {
      const { topic, qos, retain, dup, payload } = packet
      return Object.assign(out, { topic, qos, retain, dup, payload })
    }
    case 'subscribe':
      out.subscriptions = packet.subscriptions.map(({ filter, qos, ...options }) => ({
        topic: filter,
        qos,
        nl: options.noLocal,
        rap: options.retainAsPublished,
        rh: options.retainHandling,
      }))
      return out
    case 'unsubscribe':
      out.unsubscriptions = packet.filters
      return out
    case 'suback':
    case 'unsuback':
      out.granted = packet.reasonCodes
      return out
    case 'pingreq':
    case 'pingresp':
      return out
    default:
      out.reasonCode = packet.reasonCode
      return out
  }
}

function ours(given: Fields, version: Version): Packet {
  const type = given.cmd as Packet['type']
  const properties = ourProperties(given.properties, type)
  const packetId = given.messageId
  const reasonCode = given.reasonCode ?? 0
  const fields = (): Fields => {
    switch (type) {
      case 'connect': {
        const will = given.will as Fields | undefined
        return {
          version: given.protocolVersion,
          cleanStart: given.clean,
          keepAlive: given.keepalive,
          properties,
          clientId: given.clientId,
          ...(will && { will: { ...will, properties: ourProperties(will.properties, 'will') } }),
          ...(given.username !== undefined && { userName: given.username }),
          ...(given.password !== undefined && { password: given.password }),
        }
      }
      case 'connack': {
        const code = version === 5 ? reasonCode : given.returnCode
        // It reads the bit in 3.1 too, which has no such field.
        return { sessionPresent: version !== 3 && given.sessionPresent, reasonCode: code, properties }
      }
      case 'publish': {
        const { dup, qos, retain, topic, payload } = given
        return { dup, qos, retain, topic, packetId: packetId ?? 0, properties, payload }
      }
      case 'subscribe': {
        const subscriptions = (given.subscriptions as Fields[]).map(({ topic, qos, nl, rap, rh }) => ({
          filter: topic,
          qos,
          noLocal: nl ?? false,
          retainAsPublished: rap ?? false,
          retainHandling: rh ?? 0,
        }))
        return { packetId, dup: given.dup, properties, subscriptions }
      }
      case 'unsubscribe':
        return { packetId, dup: given.dup, properties, filters: given.unsubscriptions }
      case 'suback':
      case 'unsuback':
        return { packetId, properties, reasonCodes: given.granted ?? [] }
      case 'pingreq':
      case 'pingresp':
        return {}
      case 'disconnect':
      case 'auth':
        return { reasonCode, properties }
      default:
        return { packetId, dup: given.dup, reasonCode, properties }
    }
  }
  return { type, ...fields() } as Packet
}

/** What the other implementation reads in `bytes`, as values of ours. */
export function theyDecode(bytes: Buffer, version: Version): Packet[] {
  const found: Packet[] = []
  const reader = parser({ protocolVersion: version })
  reader.on('packet', (packet) => found.push(ours(packet as unknown as Fields, version)))
  reader.on('error', (error: Error) => {
    throw error
  })
  reader.parse(bytes)
  return found
}

/** The bytes the other implementation makes of `packet`. */
export function theyEncode(packet: Packet, version: Version): Buffer {
  return generate(theirs(packet, version) as unknown as Parameters<typeof generate>[0], {
    protocolVersion: version,
  })
}

/** `packet` with its User Properties grouped by name, which is all the other implementation keeps of their order. */
export function grouped(packet: Packet): Packet {
  const sort = (properties: object): object => {
    const { userProperties: pairs, ...rest } = properties as { userProperties?: [string, string][] }
    if (pairs === undefined) return properties
    return { ...rest, userProperties: pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) }
  }
  if (!('properties' in packet)) return packet
  const out = { ...packet, properties: sort(packet.properties) } as Packet
  if (out.type === 'connect' && out.will !== undefined) {
    out.will = { ...out.will, properties: sort(out.will.properties) }
  }
  return out
}
