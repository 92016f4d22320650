// SUBSCRIBE and UNSUBSCRIBE: MQTT 5.0 §3.8 and §3.10, MQTT 3.1.1 §3.8 and §3.10.

import { NONE, propertiesLength, readProperties, writeProperties } from './properties.js'
import type { Reader } from './reader.js'
import { filterFault } from './topic.js'
import type { Qos, Subscribe, Subscription, Unsubscribe, Version } from './types.js'
import { utf8Length, type Writer } from './writer.js'

export function decodeSubscribe(flags: number, body: Reader, version: Version): Subscribe {
  const packetId = body.packetId()
  const properties: Subscribe['properties'] = version === 5 ? readProperties(body, 'subscribe') : NONE
  const subscriptions: Subscription[] = []
  while (body.left > 0) subscriptions.push(decodeSubscription(body, version))
  if (subscriptions.length === 0) throw body.fail('no topic filter', 'MQTT-3.8.3-2', 0x82)
  return { type: 'subscribe', packetId, dup: version === 3 && (flags & 8) !== 0, properties, subscriptions }
}

function decodeSubscription(body: Reader, version: Version): Subscription {
  const filter = decodeFilter(body)
  const options = body.u8()
  const qos = options & 3
  const retainHandling = (options >> 4) & 3
  // 3.1 leaves the upper bits unused rather than zero.
  const reserved = version === 5 ? options & 0xc0 : version === 4 ? options & 0xfc : 0
  if (reserved !== 0) throw body.fail('reserved subscription options are set', 'MQTT-3.8.3-5')
  if (qos === 3) throw body.fail('requested QoS 3', 'MQTT-3.8.3-4', 0x82)
  if (version !== 5)
    return { filter, qos: qos as Qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }
  if (retainHandling === 3) throw body.fail('Retain Handling 3', '5.0 §3.8.3.1', 0x82)
  return {
    filter,
    qos: qos as Qos,
    noLocal: (options & 4) !== 0,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  }
}

function decodeFilter(body: Reader): string {
  const filter = body.utf8()
  const fault = filterFault(filter)
  if (fault !== undefined) throw body.fail(`topic filter ${fault}`, 'MQTT-4.7.1-1', 0x82)
  return filter
}

export function measureSubscribe({ properties, subscriptions }: Subscribe, version: Version): number {
  let size = 2 + (version === 5 ? propertiesLength(properties) : 0)
  for (const { filter } of subscriptions) size += 3 + utf8Length(filter)
  return size
}

export function encodeSubscribe(out: Writer, packet: Subscribe, version: Version): void {
  out.begin(packet.dup && version === 3 ? 0x8a : 0x82, measureSubscribe(packet, version))
  out.u16(packet.packetId)
  if (version === 5) writeProperties(out, packet.properties)
  for (const { filter, qos, noLocal, retainAsPublished, retainHandling } of packet.subscriptions) {
    out.utf8(filter)
    const options = (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4)
    out.u8(version === 5 ? qos | options : qos)
  }
}

export function decodeUnsubscribe(flags: number, body: Reader, version: Version): Unsubscribe {
  const packetId = body.packetId()
  const properties: Unsubscribe['properties'] = version === 5 ? readProperties(body, 'unsubscribe') : NONE
  const filters: string[] = []
  while (body.left > 0) filters.push(decodeFilter(body))
  if (filters.length === 0) throw body.fail('no topic filter', 'MQTT-3.10.3-2', 0x82)
  return { type: 'unsubscribe', packetId, dup: version === 3 && (flags & 8) !== 0, properties, filters }
}

export function measureUnsubscribe({ properties, filters }: Unsubscribe, version: Version): number {
  let size = 2 + (version === 5 ? propertiesLength(properties) : 0)
  for (const filter of filters) size += 2 + utf8Length(filter)
  return size
}

export function encodeUnsubscribe(out: Writer, packet: Unsubscribe, version: Version): void {
  out.begin(packet.dup && version === 3 ? 0xaa : 0xa2, measureUnsubscribe(packet, version))
  out.u16(packet.packetId)
  if (version === 5) writeProperties(out, packet.properties)
  for (const filter of packet.filters) out.utf8(filter)
}
