// Writes to the store of a spool. Those that come while one is under way leave together in the next, with the counters,
// as one atomic batch.

import { keyOf } from './record.js'
import { META_KEY, type Meta, type Store } from './store.js'

type Operation = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer }

/**
 * How a batch is written. The store copies an own property of these into every operation, which costs 250 bytes each and
 * half the speed of storing short lines; from a prototype it only reads them.
 */
const SYNCED: { sync?: boolean } = Object.create({ sync: true })
const UNSYNCED: { sync?: boolean } = {}

export class Writes {
  readonly #store: Store
  readonly #meta: Meta
  readonly #first: () => number
  readonly #failure: (error: unknown) => Error
  #operations: Operation[] = []
  #committing: { resolve: () => void; reject: (error: Error) => void }[] = []
  #isSync = false
  #isWriting = false
  /** The meta record as it is in the store, and its `next`. */
  #written: string
  #stored: number

  /**
   * `meta` is written with every batch, `first` being what `first` says then; when a batch fails it is set back to what
   * the store has. `failure` makes the error that `commit` throws.
   */
  constructor(store: Store, meta: Meta, first: () => number, failure: (error: unknown) => Error) {
    this.#store = store
    this.#meta = meta
    this.#first = first
    this.#failure = failure
    this.#written = JSON.stringify(meta)
    this.#stored = meta.next
  }

  /** The store has all records with a sequence number below this. */
  get stored(): number {
    return this.#stored
  }

  /** With the next commit, a record is there. */
  put(sequence: number, value: Buffer): void {
    this.#operations.push({ type: 'put', key: keyOf(sequence), value })
  }

  /** With the next commit, a record is gone. */
  remove(sequence: number): void {
    this.#operations.push({ type: 'del', key: keyOf(sequence) })
  }

  /** Resolves when everything asked for so far is written, and `sync`: is on disk. */
  commit(sync: boolean): Promise<void> {
    this.#isSync ||= sync
    const committed = new Promise<void>((resolve, reject) => this.#committing.push({ resolve, reject }))
    if (!this.#isWriting) void this.#write()
    return committed
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    while (this.#committing.length > 0) {
      const [operations, waiting, isSync] = [this.#operations, this.#committing, this.#isSync]
      this.#operations = []
      this.#committing = []
      this.#isSync = false
      this.#meta.first = this.#first()
      const { next } = this.#meta
      const text = JSON.stringify(this.#meta)
      operations.push({ type: 'put', key: META_KEY, value: Buffer.from(text) })
      try {
        await this.#store.batch(operations, isSync ? SYNCED : UNSYNCED)
        this.#written = text
        this.#stored = next
        for (const { resolve } of waiting) resolve()
      } catch (error) {
        Object.assign(this.#meta, JSON.parse(this.#written)) // the counters tell what there is
        for (const { reject } of waiting) reject(this.#failure(error))
      }
    }
    this.#isWriting = false
  }
}
