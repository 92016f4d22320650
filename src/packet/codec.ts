// From packets to bytes and from frames to packets: dispatch on the packet type.

import { decodeAck, encodeAck, measureAck } from './acks.js'
import { decodeConnack, encodeConnack, measureConnack } from './connack.js'
import { decodeConnect, encodeConnect, measureConnect } from './connect.js'
import { decodeAuth, decodeDisconnect, encodeDisconnect, measureDisconnect } from './disconnect.js'
import { decodePublish, encodePublish, measurePublish } from './publish.js'
import type { Reader } from './reader.js'
import { decodeSuback, decodeUnsuback, encodeSuback, measureSuback } from './suback.js'
import {
  decodeSubscribe,
  decodeUnsubscribe,
  encodeSubscribe,
  encodeUnsubscribe,
  measureSubscribe,
  measureUnsubscribe,
} from './subscribe.js'
import type { Packet, PacketType, Version } from './types.js'
import { utf8Length, varintLength, Writer } from './writer.js'

/** Reads the body of one packet whose fixed header was already judged. Throws MalformedError. */
export function decodeBody(type: PacketType, flags: number, body: Reader, version: Version): Packet {
  const packet = decodeByType(type, flags, body, version)
  body.done()
  return packet
}

function decodeByType(type: PacketType, flags: number, body: Reader, version: Version): Packet {
  switch (type) {
    case 'publish':
      return decodePublish(flags, body, version)
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return decodeAck(type, flags, body, version)
    case 'connect':
      return decodeConnect(body)
    case 'connack':
      return decodeConnack(body, version)
    case 'subscribe':
      return decodeSubscribe(flags, body, version)
    case 'suback':
      return decodeSuback(body, version)
    case 'unsubscribe':
      return decodeUnsubscribe(flags, body, version)
    case 'unsuback':
      return decodeUnsuback(body, version)
    case 'pingreq':
    case 'pingresp':
      return { type }
    case 'disconnect':
      return decodeDisconnect(body, version)
    case 'auth':
      return decodeAuth(body)
  }
}

/** Appends one packet. Throws UsageError, and writes nothing, for values that no packet can hold. */
export function write(out: Writer, packet: Packet, version: Version): void {
  switch (packet.type) {
    case 'publish':
      return encodePublish(out, packet, version)
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return encodeAck(out, packet, version)
    case 'connect':
      return encodeConnect(out, packet)
    case 'connack':
      return encodeConnack(out, packet, version)
    case 'subscribe':
      return encodeSubscribe(out, packet, version)
    case 'suback':
    case 'unsuback':
      return encodeSuback(out, packet, version)
    case 'unsubscribe':
      return encodeUnsubscribe(out, packet, version)
    case 'pingreq':
      return out.begin(0xc0, 0)
    case 'pingresp':
      return out.begin(0xd0, 0)
    case 'disconnect':
    case 'auth':
      return encodeDisconnect(out, packet, version)
  }
}

/** One packet as bytes. A CONNECT is written in its own version. */
export function encode(packet: Packet, version: Version): Buffer {
  const out = new Writer()
  write(out, packet, version)
  return Buffer.concat(out.take())
}

/** Bytes of the whole packet, fixed header included, as Maximum Packet Size counts them. */
export function packetSize(packet: Packet, version: Version): number {
  const length = measure(packet, version)
  return 1 + varintLength(length) + length
}

function measure(packet: Packet, version: Version): number {
  switch (packet.type) {
    case 'publish':
      return measurePublish(packet, version, utf8Length(packet.topic))
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return measureAck(packet, version)
    case 'connect':
      return measureConnect(packet)
    case 'connack':
      return measureConnack(packet, version)
    case 'subscribe':
      return measureSubscribe(packet, version)
    case 'suback':
    case 'unsuback':
      return measureSuback(packet, version)
    case 'unsubscribe':
      return measureUnsubscribe(packet, version)
    case 'pingreq':
    case 'pingresp':
      return 0
    case 'disconnect':
    case 'auth':
      return measureDisconnect(packet, version)
  }
}
