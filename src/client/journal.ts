// What a caller that keeps its messages on disk has to know before the session goes on. For clients that publish only.

import type { Packet } from '../packet/index.js'

export interface Journal {
  /**
   * The broker owns the messages with these packet identifiers (PUBREC): no PUBREL leaves before this resolves, and
   * nothing more is read. A rejection ends the client.
   */
  recorded(packetIds: readonly number[]): Promise<void>
}

/** The identifiers of what `recorded` is for. */
export function toRecord(packets: readonly Packet[]): number[] {
  return packets.flatMap((packet) =>
    packet.type === 'pubrec' && packet.reasonCode < 0x80 ? [packet.packetId] : [],
  )
}
