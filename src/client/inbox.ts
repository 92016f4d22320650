// Messages on their way to the reader, bounded: when too much is not acknowledged, the connection is not read.

import { UsageError } from '../errors.js'
import type { Message } from './options.js'

/** Held without acknowledgement before reading stops, and where it goes on. A single message may be larger. */
const HIGH_BYTES = 1_048_576
const LOW_BYTES = HIGH_BYTES / 2
/** What a message costs beside its payload. */
const OVERHEAD_BYTES = 200

interface InboxEvents {
  pause(): void
  resume(): void
  acknowledge(sequence: number): void
}

interface Held {
  last: number
  bytes: number
}

export class Inbox {
  readonly #events: InboxEvents
  /** Messages of the present turn. */
  #batch: Message[] = []
  #batchBytes = 0
  /** Batches handed on and not acknowledged. */
  #held: Held[] = []
  #heldBytes = 0
  #paused = false
  #listener: ((batch: readonly Message[]) => void) | undefined
  /** Batches nobody has taken yet, while there is no listener. */
  #unread: Message[][] = []
  #waiting: ((batch: readonly Message[] | undefined) => void) | undefined
  #hasReader = false
  #ended = false

  constructor(events: InboxEvents) {
    this.#events = events
  }

  get isFull(): boolean {
    return this.#heldBytes + this.#batchBytes >= HIGH_BYTES || (this.#paused && this.#heldBytes > LOW_BYTES)
  }

  push(message: Message): void {
    this.#batch.push(message)
    this.#batchBytes += message.payload.length + OVERHEAD_BYTES
  }

  /** Hands on what came together. */
  flush(): void {
    const batch = this.#batch
    const last = batch.at(-1)?.sequence
    if (last !== undefined) {
      this.#batch = []
      this.#held.push({ last, bytes: this.#batchBytes })
      this.#heldBytes += this.#batchBytes
      this.#batchBytes = 0
    }
    if (this.isFull && !this.#paused) {
      this.#paused = true
      this.#events.pause()
    }
    if (last === undefined) return
    if (this.#listener !== undefined) this.#listener(batch)
    else if (this.#waiting !== undefined) this.#waiting(batch)
    else this.#unread.push(batch)
  }

  acknowledge(sequence: number): void {
    for (let held = this.#held[0]; held !== undefined && held.last <= sequence; held = this.#held[0]) {
      this.#held.shift()
      this.#heldBytes -= held.bytes
    }
    this.#events.acknowledge(sequence)
    if (this.#paused && this.#heldBytes <= LOW_BYTES) {
      this.#paused = false
      this.#events.resume()
    }
  }

  listen(listener: (batch: readonly Message[]) => void): void {
    this.#claim()
    this.#listener = listener
    for (const batch of this.#unread.splice(0)) listener(batch)
  }

  read(): { next(): Promise<readonly Message[] | undefined> } {
    this.#claim()
    return {
      next: () => {
        const batch = this.#unread.shift()
        if (batch !== undefined || this.#ended) return Promise.resolve(batch)
        return new Promise((resolve) => {
          this.#waiting = (next) => {
            this.#waiting = undefined
            resolve(next)
          }
        })
      },
    }
  }

  #claim(): void {
    if (this.#hasReader) throw new UsageError('the messages of this client have a reader already')
    this.#hasReader = true
  }

  end(): void {
    this.flush()
    this.#ended = true
    this.#waiting?.(undefined)
  }
}
