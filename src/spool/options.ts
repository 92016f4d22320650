// How a spool is opened, and what it tells of itself.

import type { SpoolRecord } from './record.js'

/** When what is appended counts as safe: each message by itself on disk, all that came together, or in the kernel. */
export type SpoolSync = 'each' | 'batch' | 'none'

export interface SpoolOptions {
  folder: string
  /** Make the folder and the spool where there is none. */
  create: boolean
  sync?: SpoolSync
  /** Records may take this much; a single `append` may go beyond. */
  maxBytes?: number
  /** Messages that wait for longer are removed, unless they have been sent. */
  maxAgeMs?: number
  /** What `room` does when there is none: wait (the default), or remove what has waited longest. */
  full?: 'pause' | 'drop-oldest'
  /** Whether messages of unknown fate are handed out too. */
  takeUnknown?: boolean
  /** Told of each message that is removed without having been sent, and why. */
  onDiscard?: (record: SpoolRecord, why: 'dropped' | 'expired') => void
  /** Milliseconds since 1970. */
  now?: () => number
}

export interface SpoolStatus {
  messages: number
  bytes: number
  unknown: number
  /** Milliseconds since the oldest message was taken; undefined for none. */
  ageMs: number | undefined
  clientId: string
  taken: number
}
