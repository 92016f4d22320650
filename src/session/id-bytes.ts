// What is known of packet identifiers, a byte for each.

const FIRST_ROOM = 64
const GROWTH = 8

/** 0 for each identifier until it is set. Takes memory as far as identifiers are used: a short run has no time for 64 KiB. */
export class IdBytes {
  #bytes = new Uint8Array(FIRST_ROOM)

  get(packetId: number): number {
    return this.#bytes[packetId] ?? 0
  }

  set(packetId: number, value: number): void {
    if (packetId >= this.#bytes.length) this.#grow(packetId)
    this.#bytes[packetId] = value
  }

  #grow(packetId: number): void {
    const bytes = new Uint8Array(Math.min(65_536, GROWTH * packetId))
    bytes.set(this.#bytes)
    this.#bytes = bytes
  }

  clear(): void {
    this.#bytes.fill(0)
  }
}
