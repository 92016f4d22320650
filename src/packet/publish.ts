// PUBLISH: MQTT 5.0 §3.3, MQTT 3.1.1 §3.3.

import { NONE, propertiesLength, readProperties, writeProperties } from './properties.js'
import type { Reader } from './reader.js'
import { topicFault } from './topic.js'
import type { Publish, Qos, Version } from './types.js'
import type { Writer } from './writer.js'

/**
 * Payloads of many messages, one behind the other: number `at` ends before byte `ends[at]`, and the next one begins a
 * byte later, as lines do.
 */
export interface Payloads {
  bytes: Uint8Array
  ends: readonly number[]
}

/** A view of one of them. */
export function payloadAt(payloads: Payloads, at: number): Uint8Array {
  return payloads.bytes.subarray(payloadStart(payloads, at), payloads.ends[at])
}

/** Where one of them begins. */
export function payloadStart({ ends }: Payloads, at: number): number {
  return at === 0 ? 0 : (ends[at - 1] as number) + 1
}

/** Messages without properties that differ in payload and packet identifier alone. */
export interface Publishes {
  topic: string
  qos: Qos
  retain: boolean
  payloads: Payloads
  /** Numbers of the first payload, and of the one behind the last. */
  from: number
  to: number
  /** One for each, from `from` on; none at QoS 0. */
  packetIds: readonly number[]
}

export function decodePublish(flags: number, body: Reader, version: Version): Publish {
  const qos = ((flags >> 1) & 3) as Qos
  const start = body.offset
  const known = body.knownTopic()
  const topic = known ?? body.utf8()
  const packetId = qos === 0 ? 0 : body.packetId()
  const properties: Publish['properties'] = version === 5 ? readProperties(body, 'publish') : NONE
  // An empty name stands for a Topic Alias, in MQTT 5 alone.
  if (known === undefined && (topic !== '' || properties.topicAlias === undefined)) {
    const fault = topicFault(topic)
    if (fault !== undefined) throw body.fail(`topic name ${fault}`, 'MQTT-3.3.2-2', 0x82)
    body.noteTopic(start, topic)
  }
  return {
    type: 'publish',
    dup: (flags & 8) !== 0,
    qos,
    retain: (flags & 1) !== 0,
    topic,
    packetId,
    properties,
    payload: body.rest(),
  }
}

export function measurePublish(packet: Publish, version: Version, topicLength: number): number {
  return (
    2 +
    topicLength +
    (packet.qos === 0 ? 0 : 2) +
    (version === 5 ? propertiesLength(packet.properties) : 0) +
    packet.payload.length
  )
}

export function encodePublish(out: Writer, packet: Publish, version: Version): void {
  const { dup, qos, retain, payload } = packet
  const length = measurePublish(packet, version, out.topicLength(packet.topic))
  out.begin(0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0), length, payload.length)
  out.topic(packet.topic)
  if (qos !== 0) out.u16(packet.packetId)
  if (version === 5) writeProperties(out, packet.properties)
  out.payload(payload)
}

/** Each as a packet of its own. */
export function packetsOf({ topic, qos, retain, payloads, from, to, packetIds }: Publishes): Publish[] {
  const packets: Publish[] = []
  for (let at = from; at < to; at++) {
    const packetId = packetIds[at - from] ?? 0
    const payload = payloadAt(payloads, at)
    packets.push({ type: 'publish', dup: false, qos, retain, topic, packetId, properties: NONE, payload })
  }
  return packets
}

/** Appends each as a packet of its own. */
export function writePublishes(
  out: Writer,
  { topic, qos, retain, payloads, from, to, packetIds }: Publishes,
  version: Version,
): void {
  const first = 0x30 | (qos << 1) | (retain ? 1 : 0)
  const ahead = 2 + out.topicLength(topic) + (qos === 0 ? 0 : 2) + (version === 5 ? 1 : 0)
  for (let at = from; at < to; at++) {
    const start = payloadStart(payloads, at)
    const end = payloads.ends[at] as number
    out.begin(first, ahead + end - start, end - start)
    out.topic(topic)
    if (qos !== 0) out.u16(packetIds[at - from] as number)
    if (version === 5) out.u8(0) // Property Length
    out.span(payloads.bytes, start, end)
  }
}
