// The lock of a password file: a file .NAME.lock beside it, whole from its first moment, that says who holds it.
//
//   PID HOST START NONCE
//
// START is when the process began (Linux; - elsewhere), so that a pid given out again is not taken for the holder.

import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** What of node:fs is used: tests put failures in between. */
export type Files = Pick<
  typeof fs,
  | 'closeSync'
  | 'fchmodSync'
  | 'fchownSync'
  | 'fstatSync'
  | 'fsyncSync'
  | 'linkSync'
  | 'lstatSync'
  | 'openSync'
  | 'readdirSync'
  | 'readFileSync'
  | 'realpathSync'
  | 'renameSync'
  | 'statSync'
  | 'unlinkSync'
  | 'writeFileSync'
>

/** The process that works, and how it knows of others. */
export interface Self {
  pid: number
  /** Whether a process of this host is alive. */
  isRunning(pid: number): boolean
}

/** Whoever has the lock. */
export interface Holder {
  pid: number
  host: string
  /** The lock file. */
  path: string
}

/** Longer names would not fit with what is put around them. */
const MAX_STEM_BYTES = 100

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}

/** Removes a file; one that is not there is fine. */
export function remove(files: Files, path: string): void {
  try {
    files.unlinkSync(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

export class Lock {
  readonly #files: Files
  readonly #self: Self
  readonly #folder: string
  readonly #stem: string
  readonly path: string
  /** What the lock file says while it is ours. */
  #mark: string | undefined

  /** `target` is the file to lock, its symlinks resolved. */
  constructor(target: string, self: Self, files: Files = fs) {
    this.#files = files
    this.#self = self
    this.#folder = dirname(target)
    const name = basename(target)
    const long = Buffer.byteLength(name) > MAX_STEM_BYTES
    this.#stem = long ? createHash('sha256').update(name).digest('hex') : name
    this.path = join(this.#folder, `.${this.#stem}.lock`)
  }

  /** Takes the lock, from a dead holder too. Returns who has it otherwise. Throws errors of the file system. */
  take(): Holder | undefined {
    const files = this.#files
    const present = this.#read(this.path)
    if (present !== undefined && this.#isAlive(present)) return holder(present, this.path)
    this.sweep()
    const mark = `${this.#self.pid} ${host()} ${startOf(this.#self.pid)} ${randomBytes(8).toString('hex')}\n`
    const own = this.temporary()
    try {
      files.writeFileSync(own, mark, { flag: 'wx', mode: 0o600 })
      // Once more behind a dead holder whose lock was taken away.
      for (const isLast of [false, true]) {
        if (this.#create(own, mark)) {
          this.#mark = mark
          return undefined
        }
        const found = this.#read(this.path)
        if (found === undefined) continue
        if (this.#isAlive(found) || isLast || !this.#breakLock(found)) return holder(found, this.path)
      }
      return holder(this.#read(this.path) ?? '', this.path)
    } finally {
      remove(files, own)
    }
  }

  /** Whether nobody has taken the lock away from us. */
  isOurs(): boolean {
    return this.#mark !== undefined && this.#read(this.path) === this.#mark
  }

  release(): void {
    if (this.isOurs()) remove(this.#files, this.path)
    this.#mark = undefined
  }

  /** A name for a file of this process beside the target; what is left of it is swept away once the process is dead. */
  temporary(): string {
    const nonce = randomBytes(6).toString('hex')
    return join(this.#folder, `.${this.#stem}.${hostTag()}-${this.#self.pid}-${nonce}.tmp`)
  }

  /** Removes what dead processes of this host have left. */
  sweep(): void {
    const start = `.${this.#stem}.${hostTag()}-`
    for (const name of this.#files.readdirSync(this.#folder)) {
      const [, pid] =
        (name.startsWith(start) && /^(\d+)-[0-9a-f]{12}\.tmp$/.exec(name.slice(start.length))) || []
      if (pid !== undefined && Number(pid) !== this.#self.pid && !this.#self.isRunning(Number(pid))) {
        remove(this.#files, join(this.#folder, name))
      }
    }
  }

  #create(own: string, mark: string): boolean {
    try {
      this.#files.linkSync(own, this.path)
      return true
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      if (!NO_LINKS.includes(codeOf(error))) throw error
    }
    try {
      this.#files.writeFileSync(this.path, mark, { flag: 'wx', mode: 0o600 })
      return true
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      throw error
    }
  }

  #read(path: string): string | undefined {
    try {
      return this.#files.readFileSync(path, 'latin1')
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  #isAlive(mark: string): boolean {
    const [pid, where, start] = mark.split(' ')
    if (where !== host() || !/^\d+$/.test(pid ?? '')) return true // who knows
    if (!this.#self.isRunning(Number(pid))) return false
    const now = startOf(Number(pid))
    return start === '-' || now === '-' || start === now
  }

  /**
   * Takes the lock file of a dead holder away; false where another process was faster. Moved first and looked at then,
   * because a third process may have broken and taken the lock in between: its lock is put back.
   */
  #breakLock(found: string): boolean {
    const aside = this.temporary()
    try {
      this.#files.renameSync(this.path, aside)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return true
      throw error
    }
    const isDead = this.#read(aside) === found
    try {
      if (!isDead) this.#files.linkSync(aside, this.path)
    } catch (error) {
      // Somebody has the lock by now; whoever lost it sees that before the file is changed.
      if (codeOf(error) !== 'EEXIST' && !NO_LINKS.includes(codeOf(error))) throw error
    }
    remove(this.#files, aside)
    return isDead
  }
}

/** How file systems without hard links say so. */
export const NO_LINKS: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

function holder(mark: string, path: string): Holder {
  const [pid = '', where = ''] = mark.split(' ')
  return { pid: Number(pid), host: where, path }
}

/** One word of ASCII, whatever the host is called. */
function host(): string {
  return hostname().replace(/[^!-~]/g, '') || '-'
}

function hostTag(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
}

/** When a process began, in the ticks that Linux counts; - where that is not known. */
function startOf(pid: number): string {
  try {
    // number (name) state ...; the name may hold anything, and the start is the 20th field behind it.
    const fields = fs
      .readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    return fields[19] ?? '-'
  } catch {
    return '-'
  }
}
