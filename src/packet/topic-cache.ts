// Topic names that came lately: most messages of a stream share a few, and looking one up by its bytes is much cheaper
// than decoding and checking it again.

const SLOTS = 256
/** Longer ones are rare. */
const MAX_BYTES = 128

interface Slot {
  bytes: Uint8Array
  topic: string
}

const slots: (Slot | undefined)[] = Array.from({ length: SLOTS })

function slotOf(bytes: Uint8Array, from: number, length: number): number {
  // The ends and the middle tell most names apart.
  const sum = (bytes[from] as number) + 31 * (bytes[from + (length >> 1)] as number)
  return (sum + 131 * (bytes[from + length - 1] as number) + 7 * length) & (SLOTS - 1)
}

/** The topic that these bytes were decoded to before; undefined where they were not, or something else came since. */
export function knownTopic(bytes: Uint8Array, from: number, length: number): string | undefined {
  if (length === 0 || length > MAX_BYTES) return undefined
  const slot = slots[slotOf(bytes, from, length)]
  if (slot === undefined || slot.bytes.length !== length) return undefined
  for (let at = 0; at < length; at++) if (slot.bytes[at] !== bytes[from + at]) return undefined
  return slot.topic
}

/** Remembers a topic that was decoded from these bytes and found to be legal. */
export function rememberTopic(bytes: Uint8Array, from: number, length: number, topic: string): void {
  if (length === 0 || length > MAX_BYTES) return
  slots[slotOf(bytes, from, length)] = { bytes: Uint8Array.from(bytes.subarray(from, from + length)), topic }
}
