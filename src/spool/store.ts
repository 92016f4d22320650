// Opening the store: its lock, what was damaged, and the one record about all the others.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ClassicLevel } from 'classic-level'
import { UsageError } from '../errors.js'
import type { Version } from '../packet/index.js'
import { unfinishedBytes } from './log-tail.js'
import { decodeRecord, IDENTIFIERS, keyOf } from './record.js'

export type Store = ClassicLevel<Buffer, Buffer>

/** What the spool knows about itself; written with every batch, so that it always fits the records. */
export interface Meta {
  format: number
  clientId: string
  version: Version
  /** Sequence number of the next message. */
  next: number
  /** Messages ever taken. */
  taken: number
  /** No record is older than this one. */
  first: number
  /** Messages below this number may have been sent. */
  mark: number
  messages: number
  bytes: number
  /** Messages of unknown fate; they count in `messages` too. */
  unknown: number
}

export interface Opened {
  store: Store
  /** Absent in a new spool. */
  meta: Meta | undefined
  /** What was found damaged and cut off, in words. */
  damage: string | undefined
}

/** Shorter than every record's key, so it sorts before them all. */
export const META_KEY = Buffer.from([0])
const FORMAT = 1
const LAST = Number.MAX_SAFE_INTEGER

/** Opens the store in `folder`, making one where `create` says so. Throws UsageError. */
export async function openStore(folder: string, create: boolean): Promise<Opened> {
  const isSpool = existsSync(join(folder, 'CURRENT'))
  if (!isSpool && !create) throw new UsageError(`--spool '${folder}': there is no spool in this folder`)
  if (!isSpool) makeFolder(folder)
  const { ClassicLevel } = await import('classic-level')
  const unfinished = unfinishedAt(folder)
  const store: Store = new ClassicLevel(folder, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  let repaired = false
  try {
    await store.open()
  } catch (error) {
    const { code, message } = causeOf(error)
    if (code === 'LEVEL_LOCKED') {
      throw new UsageError(
        `--spool '${folder}': another process uses it: wait for its end, or name another folder`,
      )
    }
    if (code !== 'LEVEL_CORRUPTION') throw new UsageError(`--spool '${folder}': ${message}`)
    await ClassicLevel.repair(folder).catch((failure: unknown) => {
      throw new UsageError(
        `--spool '${folder}': damaged beyond repair (${causeOf(failure).message}): move it away`,
      )
    })
    await store.open()
    repaired = true
  }
  const dropped = droppedBytes(folder)
  const faults = [
    ...(repaired ? [`its index was damaged and has been rebuilt`] : []),
    ...(dropped > 0 ? [`${dropped} damaged byte(s) were cut off`] : []),
    ...(unfinished > 0 ? [`an unfinished write of ${unfinished} byte(s) was cut off`] : []),
  ]
  const damage = faults.length === 0 ? undefined : faults.join(', ')
  const found = await store.get(META_KEY)
  if (found === undefined && damage === undefined) return { store, meta: undefined, damage }
  const meta = found === undefined ? undefined : (JSON.parse(found.toString()) as Meta)
  if (meta !== undefined && meta.format !== FORMAT) {
    await store.close()
    throw new UsageError(
      `--spool '${folder}': its format is ${meta.format}, which needs a later version of this program`,
    )
  }
  return { store, meta: damage === undefined ? meta : await recount(store, meta), damage }
}

/** Of a spool that nobody has used: the client identifier is still to be found. */
export function newMeta(): Meta {
  return {
    format: FORMAT,
    clientId: '',
    version: 4,
    next: 0,
    taken: 0,
    first: 0,
    mark: 0,
    messages: 0,
    bytes: 0,
    unknown: 0,
  }
}

/** Damage may have taken records, or the writes that removed them, away from under the counters. */
async function recount(store: Store, known: Meta | undefined): Promise<Meta> {
  let [first, next, messages, bytes, unknown] = [LAST, known?.next ?? 0, 0, 0, 0]
  for await (const [key, value] of store.iterator({ gte: keyOf(0) })) {
    const { sequence, stage, size } = decodeRecord(key, value)
    first = Math.min(first, sequence)
    next = Math.max(next, sequence + 1)
    messages++
    bytes += size
    if (stage === 'unknown') unknown++
  }
  const mark = known?.mark ?? next
  // Messages that have been sent may be missing. The broker may still know their packet identifiers, and would take a
  // new message with one of them for a repetition: go on half a round away.
  next += Math.ceil(IDENTIFIERS / 2)
  return { ...(known ?? newMeta()), first: Math.min(first, next), next, mark, messages, bytes, unknown }
}

/** What a first run leaves that was killed before its store was complete. */
const UNFINISHED = /^(LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(log|dbtmp))$/

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const stray = readdirSync(folder).find((name) => !UNFINISHED.test(name))
    if (stray === undefined) return
    throw new UsageError(
      `--spool '${folder}': neither empty nor a spool (it holds '${stray}'): name a new folder`,
    )
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`--spool '${folder}': ${(error as Error).message}`)
  }
}

/** Whether others than the owner can look into the folder. */
export function isOpenToOthers(folder: string): boolean {
  return (statSync(folder).mode & 0o077) !== 0
}

function unfinishedAt(folder: string): number {
  if (!existsSync(folder)) return 0
  const newest = readdirSync(folder)
    .filter((name) => /^\d+\.log$/.test(name))
    .sort()
    .at(-1)
  return newest === undefined ? 0 : unfinishedBytes(readFileSync(join(folder, newest)))
}

/** LevelDB begins a new LOG at each start, and says there what it could not read. */
function droppedBytes(folder: string): number {
  const text = existsSync(join(folder, 'LOG')) ? readFileSync(join(folder, 'LOG'), 'utf8') : ''
  return [...text.matchAll(/: dropping (\d+) bytes/g)].reduce((sum, [, count]) => sum + Number(count), 0)
}

/** The error behind the one that the store wraps around it. */
export function causeOf(error: unknown): { code: string; message: string } {
  const { cause = error } = error as { cause?: unknown }
  const { code = '', message } = cause as { code?: string; message: string }
  return { code, message }
}
