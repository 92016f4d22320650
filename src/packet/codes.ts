// The numbers of the standard: packet types with their fixed flags, and reason codes with their names.

import { lazily } from './lazily.js'
import type { AckType, PacketType, Version } from './types.js'

/** Who may send a packet: the client, the server, or both. */
export type Sender = 'client' | 'server' | 'both'

export interface PacketRow {
  number: number
  type: PacketType
  /** As the standard prints it. */
  label: string
  /** Bits 3 to 0 of the first byte; PUBLISH has its own. */
  flags: number
  from: Sender
  /** Lowest version that has it; `server` where the server may send it only from then on. */
  since?: { version: Version; for: 'both' | 'server' }
}

// MQTT 5.0 tables 2-1 and 2-2, in the order of their numbers.
export const PACKETS: readonly PacketRow[] = [
  { number: 1, type: 'connect', label: 'CONNECT', flags: 0, from: 'client' },
  { number: 2, type: 'connack', label: 'CONNACK', flags: 0, from: 'server' },
  { number: 3, type: 'publish', label: 'PUBLISH', flags: 0, from: 'both' },
  { number: 4, type: 'puback', label: 'PUBACK', flags: 0, from: 'both' },
  { number: 5, type: 'pubrec', label: 'PUBREC', flags: 0, from: 'both' },
  { number: 6, type: 'pubrel', label: 'PUBREL', flags: 2, from: 'both' },
  { number: 7, type: 'pubcomp', label: 'PUBCOMP', flags: 0, from: 'both' },
  { number: 8, type: 'subscribe', label: 'SUBSCRIBE', flags: 2, from: 'client' },
  { number: 9, type: 'suback', label: 'SUBACK', flags: 0, from: 'server' },
  { number: 10, type: 'unsubscribe', label: 'UNSUBSCRIBE', flags: 2, from: 'client' },
  { number: 11, type: 'unsuback', label: 'UNSUBACK', flags: 0, from: 'server' },
  { number: 12, type: 'pingreq', label: 'PINGREQ', flags: 0, from: 'client' },
  { number: 13, type: 'pingresp', label: 'PINGRESP', flags: 0, from: 'server' },
  {
    number: 14,
    type: 'disconnect',
    label: 'DISCONNECT',
    flags: 0,
    from: 'both',
    since: { version: 5, for: 'server' },
  },
  { number: 15, type: 'auth', label: 'AUTH', flags: 0, from: 'both', since: { version: 5, for: 'both' } },
]

const byType = lazily(() => new Map(PACKETS.map((row) => [row.type, row])))

export function packetRow(type: PacketType): PacketRow {
  return byType().get(type) as PacketRow
}

/** `PUBLISH` for `publish`. */
export function packetLabel(type: PacketType): string {
  return packetRow(type).label
}

type CodedPacket = 'connack' | AckType | 'suback' | 'unsuback' | 'disconnect' | 'auth'

interface ReasonRow {
  code: number
  name: string
  in: readonly CodedPacket[]
  /** The same request may succeed later: worth another try. */
  later?: true
}

const PUB: readonly CodedPacket[] = ['puback', 'pubrec']
const REL: readonly CodedPacket[] = ['pubrel', 'pubcomp']

// MQTT 5.0 table 2-6; where a code may stand, sections 3.2 to 3.15. The names of 0x00 depend on the packet.
const REASONS: readonly ReasonRow[] = [
  {
    code: 0x00,
    name: 'success',
    in: ['connack', ...PUB, ...REL, 'suback', 'unsuback', 'disconnect', 'auth'],
  },
  { code: 0x01, name: 'granted QoS 1', in: ['suback'] },
  { code: 0x02, name: 'granted QoS 2', in: ['suback'] },
  { code: 0x04, name: 'disconnect with Will Message', in: ['disconnect'] },
  { code: 0x10, name: 'no matching subscribers', in: PUB },
  { code: 0x11, name: 'no subscription existed', in: ['unsuback'] },
  { code: 0x18, name: 'continue authentication', in: ['auth'] },
  { code: 0x19, name: 're-authenticate', in: ['auth'] },
  { code: 0x80, name: 'unspecified error', in: ['connack', ...PUB, 'suback', 'unsuback', 'disconnect'] },
  { code: 0x81, name: 'malformed packet', in: ['connack', 'disconnect'] },
  { code: 0x82, name: 'protocol error', in: ['connack', 'disconnect'] },
  {
    code: 0x83,
    name: 'implementation specific error',
    in: ['connack', ...PUB, 'suback', 'unsuback', 'disconnect'],
  },
  { code: 0x84, name: 'unsupported protocol version', in: ['connack'] },
  { code: 0x85, name: 'client identifier not valid', in: ['connack'] },
  { code: 0x86, name: 'bad user name or password', in: ['connack'] },
  { code: 0x87, name: 'not authorized', in: ['connack', ...PUB, 'suback', 'unsuback', 'disconnect'] },
  { code: 0x88, name: 'server unavailable', in: ['connack'], later: true },
  { code: 0x89, name: 'server busy', in: ['connack', 'disconnect'], later: true },
  { code: 0x8a, name: 'banned', in: ['connack'] },
  { code: 0x8b, name: 'server shutting down', in: ['disconnect'], later: true },
  { code: 0x8c, name: 'bad authentication method', in: ['connack', 'disconnect'] },
  { code: 0x8d, name: 'keep alive timeout', in: ['disconnect'], later: true },
  { code: 0x8e, name: 'session taken over', in: ['disconnect'] },
  { code: 0x8f, name: 'topic filter invalid', in: ['suback', 'unsuback', 'disconnect'] },
  { code: 0x90, name: 'topic name invalid', in: ['connack', ...PUB, 'disconnect'] },
  { code: 0x91, name: 'packet identifier in use', in: [...PUB, 'suback', 'unsuback'] },
  { code: 0x92, name: 'packet identifier not found', in: REL },
  { code: 0x93, name: 'receive maximum exceeded', in: ['disconnect'] },
  { code: 0x94, name: 'topic alias invalid', in: ['disconnect'] },
  { code: 0x95, name: 'packet too large', in: ['connack', 'disconnect'] },
  { code: 0x96, name: 'message rate too high', in: ['disconnect'], later: true },
  { code: 0x97, name: 'quota exceeded', in: ['connack', ...PUB, 'suback', 'disconnect'], later: true },
  { code: 0x98, name: 'administrative action', in: ['disconnect'], later: true },
  { code: 0x99, name: 'payload format invalid', in: ['connack', ...PUB, 'disconnect'] },
  { code: 0x9a, name: 'retain not supported', in: ['connack', 'disconnect'] },
  { code: 0x9b, name: 'QoS not supported', in: ['connack', 'disconnect'] },
  { code: 0x9c, name: 'use another server', in: ['connack', 'disconnect'] },
  { code: 0x9d, name: 'server moved', in: ['connack', 'disconnect'] },
  { code: 0x9e, name: 'shared subscriptions not supported', in: ['suback', 'disconnect'] },
  { code: 0x9f, name: 'connection rate exceeded', in: ['connack', 'disconnect'], later: true },
  { code: 0xa0, name: 'maximum connect time', in: ['disconnect'], later: true },
  { code: 0xa1, name: 'subscription identifiers not supported', in: ['suback', 'disconnect'] },
  { code: 0xa2, name: 'wildcard subscriptions not supported', in: ['suback', 'disconnect'] },
]

const byCode = lazily(() => new Map(REASONS.map((row) => [row.code, row])))

/** Whether MQTT 5 lets `type` carry `code`, in either direction. */
export function isReasonCode(type: CodedPacket, code: number): boolean {
  return byCode().get(code)?.in.includes(type) === true
}

// MQTT 3.1.1 table 3.1.
const RETURN_CODES = [
  'connection accepted',
  'unacceptable protocol version',
  'identifier rejected',
  'server unavailable',
  'bad user name or password',
  'not authorized',
]

/** `not authorized (0x87)`; for a CONNACK before MQTT 5 `not authorized (5)`. */
export function reasonText(code: number, version: Version = 5): string {
  if (version !== 5 && code < 0x80) return `${RETURN_CODES[code] ?? 'reserved return code'} (${code})`
  return `${reasonName(code)} (0x${code.toString(16).padStart(2, '0')})`
}

/** `not authorized` */
export function reasonName(code: number): string {
  return byCode().get(code)?.name ?? 'unknown reason'
}

/** Whether a CONNACK or DISCONNECT with this code means "try later" rather than "never". */
export function isTryLater(code: number, version: Version): boolean {
  return version === 5 ? byCode().get(code)?.later === true : code === 3
}
