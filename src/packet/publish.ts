// PUBLISH: MQTT 5.0 §3.3, MQTT 3.1.1 §3.3.

import { type Publishes, payloadAt } from './payloads.js'
import { NONE, propertiesLength, readProperties, writeProperties } from './properties.js'
import type { Reader } from './reader.js'
import { topicFault } from './topic.js'
import type { Publish, Qos, Version } from './types.js'
import type { Writer } from './writer.js'

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
export function writePublishes(out: Writer, packets: Publishes, version: Version): void {
  const { topic, qos, retain } = packets
  const idAt = 2 + out.topicLength(topic)
  const header = Buffer.alloc(idAt + (qos === 0 ? 0 : 2) + (version === 5 ? 1 : 0)) // at its end a Property Length of 0
  header.writeUInt16BE(header.write(topic, 2))
  out.publishes(0x30 | (qos << 1) | (retain ? 1 : 0), header, idAt, packets)
}
