// Messages that are settled while acknowledgements of repeated transmissions are still to come: until then, or until the
// connection is gone, their packet identifiers stay taken.

import type { PacketIds } from './ids.js'

/** Acknowledgements of a message that are still to come. */
interface Outstanding {
  /** PUBACK or PUBREC, one for each PUBLISH. */
  first: number
  /** PUBCOMP, one for each PUBREL. */
  comp: number
}

export class Surplus {
  readonly #ids: PacketIds
  readonly #owed = new Map<number, Outstanding>()

  constructor(ids: PacketIds) {
    this.#ids = ids
  }

  add(packetId: number, first: number, comp: number): void {
    this.#owed.set(packetId, { first, comp })
  }

  /** A PUBREL answers a PUBREC that came again. */
  released(packetId: number): void {
    const owed = this.#owed.get(packetId)
    if (owed !== undefined) owed.comp++
  }

  /** One of them came; `packetId` may be that of no message at all. */
  acknowledged(packetId: number, which: keyof Outstanding): void {
    const owed = this.#owed.get(packetId)
    if (owed === undefined) return
    owed[which]--
    if (owed.first > 0 || owed.comp > 0) return
    this.#owed.delete(packetId)
    this.#ids.release(packetId)
  }

  /** The connection is gone: nothing comes any more. */
  lost(): void {
    for (const packetId of this.#owed.keys()) this.#ids.release(packetId)
    this.#owed.clear()
  }
}
