// A broker with one client, which knows the standard and nothing of our session: it takes messages over, hands
// messages out, and keeps its session until told to forget it. What it says are lines for the driver of support.ts.

import type { Packet, Version } from '../../src/packet/index.js'

interface Flow {
  qos: 1 | 2
  packetId: number
  payload: string
  stage: 'published' | 'released'
}

export class Broker {
  /** Payloads taken over, in order. */
  readonly accepted: string[] = []
  readonly #version: Version
  /** Identifiers of QoS 2 messages taken over and not yet released. */
  readonly #unreleased = new Set<number>()
  #flows: Flow[] = []

  constructor(version: Version) {
    this.#version = version
  }

  /** What it answers to one packet. */
  answer(packet: Packet): string[] {
    switch (packet.type) {
      case 'publish': {
        const { qos, packetId } = packet
        if (qos !== 2 || !this.#unreleased.has(packetId)) this.accepted.push(packet.payload.toString())
        if (qos === 2) this.#unreleased.add(packetId)
        return qos === 0 ? [] : [`${qos === 1 ? 'PUBACK' : 'PUBREC'} ${packetId}`]
      }
      case 'pubrel': {
        const isKnown = this.#unreleased.delete(packet.packetId)
        return [`PUBCOMP ${packet.packetId}${isKnown || this.#version !== 5 ? '' : ' 0x92'}`]
      }
      case 'puback':
      case 'pubcomp':
        this.#flows = this.#flows.filter(({ packetId }) => packetId !== packet.packetId)
        return []
      case 'pubrec':
        for (const flow of this.#flows) if (flow.packetId === packet.packetId) flow.stage = 'released'
        return [`PUBREL ${packet.packetId}`]
      case 'pingreq':
        return ['PINGRESP']
      default:
        return []
    }
  }

  /** Sends a message; its exchange is open until it is acknowledged. */
  offer(qos: 1 | 2, packetId: number, payload: string): string {
    this.#flows.push({ qos, packetId, payload, stage: 'published' })
    return `q${qos} ${packetId} ${payload}`
  }

  get open(): number {
    return this.#flows.length
  }

  /** What it sends again on a new connection. */
  resume(): string[] {
    return this.#flows.map(({ qos, packetId, payload, stage }) =>
      stage === 'published' ? `q${qos} ${packetId} ${payload} dup` : `PUBREL ${packetId}`,
    )
  }

  /** Its session is gone. */
  forget(): void {
    this.#unreleased.clear()
    this.#flows = []
  }
}
