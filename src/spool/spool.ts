// Messages on disk, in order, until the broker owns them.
//
//   append --> waiting --take--> (out) --remove--> gone                     QoS 0, QoS 1
//                                (out) --release--> released --remove-->    QoS 2, PUBREC on disk before PUBREL
//
// Records that are out are with the client. `mark` tells the next run which of them may have been sent.

import { UsageError } from '../errors.js'
import { Numbered } from '../numbered.js'
import type { Version } from '../packet/index.js'
import type { SpoolOptions, SpoolStatus } from './options.js'
import {
  decodeRecord,
  encodeRecord,
  IDENTIFIERS,
  keyOf,
  packetIdOf,
  type SpoolMessage,
  type SpoolRecord,
  sizeOf,
} from './record.js'
import { causeOf, isOpenToOthers, type Meta, newMeta, openStore, type Store } from './store.js'
import { Writes } from './writes.js'

/** What is kept in memory of a record that is out. */
type Out = Omit<SpoolRecord, 'message'>

/** Messages in one write: a chunk of short lines holds ten thousands, and each costs a kilobyte on its way. */
const APPEND_COUNT = 1_000
/** At most this much is taken at a time: what may have been sent is known as closely as that. */
const TAKE_COUNT = 256
const TAKE_BYTES = 1_048_576

export class Spool {
  readonly folder: string
  /** What was found damaged when the spool was opened. */
  readonly damage: string | undefined
  /** Removed because the spool was full, and because they were too old. */
  dropped = 0
  expired = 0
  readonly #options: SpoolOptions
  readonly #store: Store
  readonly #meta: Meta
  readonly #writes: Writes
  /** Taken or restored, and not removed; in order. */
  readonly #out = new Numbered<Out>()
  readonly #unknown = new Numbered<Out>()
  /** The first sequence number that has not been taken. */
  #position: number
  /** Taking, dropping and expiring exclude each other; so do appends. */
  #lane: Promise<unknown> = Promise.resolve()
  #appends: Promise<unknown> = Promise.resolve()
  #wantsRoom: (() => void)[] = []

  private constructor(options: SpoolOptions, store: Store, meta: Meta, damage: string | undefined) {
    this.folder = options.folder
    this.damage = damage
    this.#options = options
    this.#store = store
    this.#meta = meta
    this.#writes = new Writes(
      store,
      meta,
      () => this.#oldest,
      (error) => this.#failure(error),
    )
    this.#position = meta.first
  }

  /** Throws UsageError where it cannot be opened, in the user's words. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const { store, meta, damage } = await openStore(options.folder, options.create)
    const spool = new Spool(options, store, meta ?? newMeta(), damage)
    if (damage !== undefined) await spool.#writes.commit(true) // the counters, which only this run knows to be wrong
    return spool
  }

  get messages(): number {
    return this.#meta.messages
  }

  /** Of these, messages of unknown fate. */
  get unknown(): number {
    return this.#meta.unknown
  }

  /** Messages that were ever taken. */
  get taken(): number {
    return this.#meta.taken
  }

  get isOpenToOthers(): boolean {
    return isOpenToOthers(this.folder)
  }

  get clientId(): string {
    return this.#meta.clientId
  }

  get version(): Version {
    return this.#meta.version
  }

  async status(): Promise<SpoolStatus> {
    const { messages, bytes, unknown, clientId, taken } = this.#meta
    const [oldest] = await this.#read(this.#meta.first, this.#meta.next, 1)
    const ageMs = oldest && Math.max(0, this.#now() - oldest.time)
    return { messages, bytes, unknown, ageMs, clientId, taken }
  }

  /** Under which identifier and protocol level the session of this spool runs from now on. */
  async identify(clientId: string, version: Version): Promise<void> {
    if (clientId === this.#meta.clientId && version === this.#meta.version) return
    this.#meta.clientId = clientId
    this.#meta.version = version
    await this.#writes.commit(true)
  }

  /** Resolves when the messages are as safe as `sync` says. */
  append(messages: Iterable<SpoolMessage>): Promise<void> {
    const { sync = 'batch' } = this.#options
    const appended = this.#appends.then(async () => {
      const time = this.#now()
      const most = sync === 'each' ? 1 : APPEND_COUNT
      let count = 0
      for (const message of messages) {
        this.#append(message, time)
        if (++count % most === 0) await this.#writes.commit(sync !== 'none')
      }
      if (count % most > 0) await this.#writes.commit(sync !== 'none')
    })
    this.#appends = appended.catch(() => {})
    return appended
  }

  /** Resolves when no append is under way. */
  async stored(): Promise<void> {
    await this.#appends
  }

  #append(message: SpoolMessage, time: number): void {
    const value = encodeRecord('waiting', time, message)
    this.#writes.put(this.#meta.next, value)
    this.#meta.next++
    this.#meta.taken++
    this.#count(1, sizeOf(value))
  }

  /**
   * What an earlier run left: in order, all that may have been sent at QoS 1 and 2 with the identifiers that it was
   * sent with, and whatever else lies between. To be called once, before `take`.
   */
  async restore(): Promise<SpoolRecord[]> {
    const restored: SpoolRecord[] = []
    for (;;) {
      const records = await this.#alone(() => this.#advance(this.#meta.mark))
      if (records.length === 0) return restored
      restored.push(...records)
    }
  }

  /**
   * The next messages to send, in order, none if there are none; before it resolves it is on disk that they may have
   * been sent.
   */
  take(): Promise<SpoolRecord[]> {
    return this.#alone(async () => {
      await this.#expire()
      const records = await this.#advance(this.#writes.stored)
      if (this.#position > this.#meta.mark) {
        this.#meta.mark = this.#position
        // Not even `none` leaves this to chance: a message that the broker knows, and we do not, would have its
        // identifier given to another one, which the broker would then take for a repetition.
        await this.#writes.commit(records.some(({ message }) => message.qos > 0))
      }
      return records
    })
  }

  /** Hands out the next records below `limit`, as long as no two with one identifier are out together. */
  async #advance(limit: number): Promise<SpoolRecord[]> {
    for (;;) {
      const from = this.#position
      const end = Math.min(limit, (this.#out.first ?? from) + IDENTIFIERS)
      const records = await this.#handOut(end)
      if (records.length > 0) return records
      if (this.#position > from) continue // all of unknown fate
      if (end >= limit || this.#out.size > 0) return []
      this.#position = end // a gap
    }
  }

  async #handOut(end: number): Promise<SpoolRecord[]> {
    const records = await this.#read(this.#position, end, TAKE_COUNT)
    const last = records.at(-1)
    if (last !== undefined) this.#position = last.sequence + 1
    let isRevived = false
    for (const { sequence, stage, size, time, message } of records) {
      const isAside = stage === 'unknown' && !this.#options.takeUnknown
      const into = isAside ? this.#unknown : this.#out
      const out = { sequence, stage, time, size }
      into.set(sequence, out)
      if (isAside || stage !== 'unknown') continue
      this.#replace(out, 'waiting', encodeRecord('waiting', time, message))
      isRevived = true
    }
    if (isRevived) await this.#writes.commit(true)
    return records.filter(({ sequence }) => this.#out.get(sequence) !== undefined)
  }

  /** Records that are out, once more. */
  async again(sequences: readonly number[]): Promise<SpoolRecord[]> {
    const keys = sequences.map(keyOf)
    const values = await this.#store.getMany(keys)
    return values.flatMap((value, at) =>
      value === undefined ? [] : [decodeRecord(keys[at] as Buffer, value)],
    )
  }

  /** Resolves when it is on disk that the broker owns these messages, which are out. */
  async release(packetIds: readonly number[]): Promise<void> {
    const oldest = this.#out.first
    if (oldest === undefined) return
    let isNew = false
    for (const packetId of packetIds) {
      const out = this.#out.get(oldest + ((packetId - packetIdOf(oldest) + IDENTIFIERS) % IDENTIFIERS))
      if (out === undefined || out.stage === 'released') continue
      this.#replace(out, 'released', encodeRecord('released', out.time, NOTHING))
      isNew = true
    }
    if (isNew) await this.#writes.commit(this.#options.sync !== 'none')
  }

  /** Keeps messages that are out, as ones of unknown fate. */
  async forget(sequences: readonly number[]): Promise<void> {
    for (const { sequence, time, message } of await this.again(sequences)) {
      const out = this.#out.get(sequence)
      if (out === undefined) continue
      this.#replace(out, 'unknown', encodeRecord('unknown', time, message))
      this.#out.delete(sequence)
      this.#unknown.set(sequence, out)
      this.#meta.unknown++
    }
    await this.#writes.commit(this.#options.sync !== 'none')
  }

  #replace(out: Out, stage: SpoolRecord['stage'], value: Buffer): void {
    if (out.stage === 'unknown') this.#meta.unknown--
    this.#writes.put(out.sequence, value)
    this.#count(0, sizeOf(value) - out.size)
    out.size = sizeOf(value)
    out.stage = stage
  }

  /** The broker owns these messages, or will never take them. They are out. */
  async remove(sequences: readonly number[]): Promise<void> {
    for (const sequence of sequences) {
      const out = this.#out.get(sequence)
      if (out === undefined) continue
      this.#out.delete(sequence)
      this.#delete(out)
    }
    // Later is fine: a message that comes back is sent again at QoS 1, and only released again at QoS 2.
    await this.#writes.commit(false)
  }

  #delete({ sequence, stage, size }: Out): void {
    this.#writes.remove(sequence)
    if (stage === 'unknown') this.#meta.unknown--
    this.#count(-1, -size)
  }

  #count(messages: number, bytes: number): void {
    this.#meta.messages += messages
    this.#meta.bytes += bytes
    if (bytes < 0 && !this.isFull) for (const resolve of this.#wantsRoom.splice(0)) resolve()
  }

  get isFull(): boolean {
    return this.#meta.bytes >= (this.#options.maxBytes ?? Number.POSITIVE_INFINITY)
  }

  /** Resolves when more may be appended. */
  async room(): Promise<void> {
    if (!this.isFull) return
    await this.expire()
    if (this.#options.full === 'drop-oldest') await this.#alone(() => this.#dropOldest())
    if (this.isFull) await new Promise<void>((resolve) => this.#wantsRoom.push(resolve))
  }

  async #dropOldest(): Promise<void> {
    while (this.isFull) {
      const records = await this.#read(this.#unsent, this.#writes.stored, TAKE_COUNT)
      if (records.length === 0) return // the rest is out
      for (const record of records) {
        if (!this.isFull) break
        this.dropped++
        this.#discard(record, 'dropped')
      }
      await this.#writes.commit(false)
    }
  }

  /** Removes what has waited for too long and was never sent. */
  expire(): Promise<void> {
    return this.#alone(() => this.#expire())
  }

  async #expire(): Promise<void> {
    const { maxAgeMs } = this.#options
    if (maxAgeMs === undefined) return
    const since = this.#now() - maxAgeMs
    // Mostly the oldest one is young enough, and tells for all.
    for (let count = 1; ; count = TAKE_COUNT) {
      const records = await this.#read(this.#unsent, this.#writes.stored, count)
      const young = records.findIndex(({ time }) => time >= since)
      const old = young === -1 ? records : records.slice(0, young)
      if (old.length === 0) return
      for (const record of old) {
        this.expired++
        this.#discard(record, 'expired')
      }
      await this.#writes.commit(false)
    }
  }

  /** Where the messages begin that were certainly not sent. */
  get #unsent(): number {
    return Math.max(this.#position, this.#meta.mark)
  }

  #discard(record: SpoolRecord, why: 'dropped' | 'expired'): void {
    this.#options.onDiscard?.(record, why)
    // What was removed is passed over slowly: do not go there again.
    if (this.#position >= this.#meta.mark) this.#position = record.sequence + 1
    this.#delete(record)
  }

  /** Ends all writes, and lets go of the folder. */
  async close(): Promise<void> {
    await Promise.all([this.#appends, this.#lane])
    await this.#writes.commit(this.#options.sync !== 'none').catch(() => {})
    await this.#store.close()
  }

  async #read(from: number, end: number, count: number): Promise<SpoolRecord[]> {
    const records: SpoolRecord[] = []
    if (from >= end) return records
    const iterator = this.#store.iterator({ gte: keyOf(from), lt: keyOf(end) })
    try {
      for (let bytes = 0; bytes < TAKE_BYTES && records.length < count; ) {
        const entries = await iterator.nextv(Math.min(TAKE_COUNT, count - records.length))
        if (entries.length === 0) break
        for (const [key, value] of entries) {
          const record = decodeRecord(key, value)
          records.push(record)
          bytes += record.size
        }
      }
    } catch (error) {
      throw this.#failure(error)
    } finally {
      await iterator.close()
    }
    return records
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lane.then(work)
    this.#lane = done.catch(() => {})
    return done
  }

  #now(): number {
    return (this.#options.now ?? Date.now)()
  }

  get #oldest(): number {
    return Math.min(this.#out.first ?? this.#position, this.#unknown.first ?? this.#position, this.#position)
  }

  #failure(error: unknown): UsageError {
    return new UsageError(`--spool '${this.folder}': ${causeOf(error).message}`)
  }
}

/** All that is left of a message that the broker owns. */
const NOTHING: SpoolMessage = { topic: '', payload: new Uint8Array(0), qos: 2, retain: false, properties: {} }
