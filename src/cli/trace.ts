// The lines of -d: a packet with the fields that a packet dissector shows. Never a password, never a payload.

import {
  connectFlags,
  type Packet,
  packetLabel,
  packetSize,
  protocolName,
  reasonText,
  type Version,
} from '../packet/index.js'

/** `who` is the client identifier, empty until there is one. */
export function traceLine(
  who: string,
  direction: 'sent' | 'received',
  packet: Packet,
  version: Version,
): string {
  const size = packetSize(packet, version)
  const length = size - (size < 130 ? 2 : size < 16_387 ? 3 : size < 2_097_156 ? 4 : 5)
  const facts = [...packetFacts(packet, version), `length=${length}`]
  return `${who === '' ? '-' : who} ${direction} ${packetLabel(packet.type)} ${facts.join(' ')}`
}

/** Without its name and its length. */
export function packetFacts(packet: Packet, version: Version): string[] {
  switch (packet.type) {
    case 'connect': {
      const flags = connectFlags(packet)
      const { will, userName, password, cleanStart, keepAlive, clientId } = packet
      return [
        `protocol=${protocolName(packet.version)} level=${packet.version} flags=${hex(flags)}`,
        `clean=${bit(cleanStart)} will=${bit(will !== undefined)} will-qos=${will?.qos ?? 0}`,
        `will-retain=${bit(will?.retain)} user-name=${bit(userName !== undefined)} password=${bit(password !== undefined)}`,
        `keepalive=${keepAlive} client-id=${JSON.stringify(clientId)}`,
        ...(will === undefined
          ? []
          : [`will-topic=${JSON.stringify(will.topic)} will-payload=${will.payload.length}`]),
        ...properties(packet.properties),
      ]
    }
    case 'connack':
      return [
        `session-present=${bit(packet.sessionPresent)}`,
        ...reason(packet.reasonCode, version, 'accepted'),
        ...properties(packet.properties),
      ]
    case 'publish': {
      const { dup, qos, retain, packetId, topic, payload } = packet
      return [
        `flags=${hex((dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0), 1)} dup=${bit(dup)} qos=${qos} retain=${bit(retain)}`,
        `id=${packetId} topic=${JSON.stringify(topic)} payload=${payload.length}`,
        ...properties(packet.properties),
      ]
    }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return [
        ...(packet.type === 'pubrel' ? [`flags=${hex(packet.dup && version === 3 ? 10 : 2, 1)}`] : []),
        `id=${packet.packetId}`,
        ...(version === 5 ? reason(packet.reasonCode, version, 'success') : []),
        ...properties(packet.properties),
      ]
    case 'subscribe':
      return [
        `flags=${hex(packet.dup ? 10 : 2, 1)} id=${packet.packetId}`,
        ...packet.subscriptions.map(({ filter, qos, noLocal, retainAsPublished, retainHandling }) => {
          const options = (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4)
          return `filter=${JSON.stringify(filter)} qos=${qos} options=${hex(options)}`
        }),
        ...properties(packet.properties),
      ]
    case 'unsubscribe':
      return [
        `flags=${hex(packet.dup ? 10 : 2, 1)} id=${packet.packetId}`,
        ...packet.filters.map((filter) => `filter=${JSON.stringify(filter)}`),
        ...properties(packet.properties),
      ]
    case 'suback':
    case 'unsuback':
      return [
        `id=${packet.packetId}`,
        ...(packet.reasonCodes.length === 0 ? [] : [`codes=${packet.reasonCodes.join(',')}`]),
        ...properties(packet.properties),
      ]
    case 'disconnect':
    case 'auth':
      return [
        ...(version === 5
          ? reason(packet.reasonCode, version, packet.type === 'auth' ? 'success' : 'normal')
          : []),
        ...properties(packet.properties),
      ]
    default:
      return []
  }
}

function bit(value: boolean | undefined): string {
  return value ? '1' : '0'
}

function hex(value: number, digits = 2): string {
  return `0x${value.toString(16).padStart(digits, '0')}`
}

function reason(code: number, version: Version, zero: string): string[] {
  return [
    `reason=${code === 0 ? `0 (${zero})` : `${code} (${reasonText(code, version).replace(/ \(.*/, '')})`}`,
  ]
}

function properties(values: object): string[] {
  return Object.entries(values).map(([name, value]) => {
    // Authentication Data is a secret, and may be in binary.
    if (name === 'authenticationData') return `${name}=...`
    return `${name}=${value instanceof Uint8Array ? Buffer.from(value).toString('hex') : JSON.stringify(value)}`
  })
}
