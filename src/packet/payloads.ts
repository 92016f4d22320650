// Payloads of many messages that lie one behind the other.

import type { Qos } from './types.js'

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
