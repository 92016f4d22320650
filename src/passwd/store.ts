// A password file on disk. A change is all or nothing: the new content is written beside the file, synced, given the
// file's mode and owner, and put in its place by one rename, under a lock.

import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { UsageError } from '../errors.js'
import { codeOf, type Files, type Holder, Lock, NO_LINKS, remove, type Self } from './lock.js'

const NEW_MODE = 0o600

/** What came of an attempt. */
export type Outcome =
  | { kind: 'written' }
  | { kind: 'unchanged' }
  /** Another process holds the lock. */
  | { kind: 'busy'; holder: Holder }
  /** `change` asked for it, or the file or the lock changed under our hands. */
  | { kind: 'again' }

export class Store {
  readonly #files: Files
  readonly #self: Self
  readonly #given: string
  /** Symlinks resolved. */
  readonly path: string

  /** `path` as given. Throws errors of the file system, and UsageError for what is no regular file. */
  constructor(path: string, self: Self, files: Files = fs) {
    this.#files = files
    this.#self = self
    this.#given = path
    this.path = this.#resolve(path)
  }

  #resolve(path: string): string {
    const files = this.#files
    try {
      return files.realpathSync(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
    if (files.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
      throw new UsageError(`'${path}' is a link to a file that does not exist`)
    }
    try {
      return join(files.realpathSync(dirname(path)), basename(path))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      throw new UsageError(`'${path}': there is no folder '${dirname(path)}'`)
    }
  }

  /** The content, or undefined where there is no file. */
  read(): Buffer | undefined {
    return this.#read()?.content
  }

  /** Whether users other than the owner and the group have any right to the file. */
  isOpenToOthers(): boolean {
    return ((this.#files.statSync(this.path, { throwIfNoEntry: false })?.mode ?? 0) & 0o007) !== 0
  }

  #read(): { content: Buffer; stat: fs.Stats } | undefined {
    const files = this.#files
    // Opening a pipe would wait for its other end.
    const found = files.statSync(this.path, { throwIfNoEntry: false })
    if (found === undefined) return undefined
    if (!found.isFile()) throw new UsageError(`'${this.#given}' is not a regular file`)
    const descriptor = files.openSync(this.path, 'r')
    try {
      return { stat: files.fstatSync(descriptor), content: files.readFileSync(descriptor) }
    } finally {
      files.closeSync(descriptor)
    }
  }

  /**
   * Has `change` make the new content out of the present one, or of undefined where there is no file, and puts it in
   * place. Everything happens in one turn, so that no signal is handled in the middle. `change` returns undefined for
   * no change, and 'again' where it has to prepare something for this content first. Throws errors of the file system.
   */
  attempt(change: (content: Buffer | undefined) => Buffer | undefined | 'again'): Outcome {
    const lock = new Lock(this.path, this.#self, this.#files)
    const holder = lock.take()
    if (holder !== undefined) return { kind: 'busy', holder }
    try {
      const before = this.#read()
      const content = change(before?.content)
      if (content === 'again') return { kind: 'again' }
      if (content === undefined) return { kind: 'unchanged' }
      const temporary = lock.temporary()
      try {
        this.#write(temporary, content, before?.stat)
        if (!lock.isOurs() || !this.#isStill(before?.stat)) return { kind: 'again' }
        if (!this.#place(temporary, before === undefined)) return { kind: 'again' }
      } finally {
        remove(this.#files, temporary)
      }
      this.#syncFolder()
      return { kind: 'written' }
    } finally {
      lock.release()
    }
  }

  #write(path: string, content: Buffer, like: fs.Stats | undefined): void {
    const files = this.#files
    const descriptor = files.openSync(path, 'wx', NEW_MODE)
    try {
      files.writeFileSync(descriptor, content)
      const { uid, gid, mode } = like ?? files.fstatSync(descriptor)
      const own = files.fstatSync(descriptor)
      if (own.uid !== uid || own.gid !== gid) this.#giveAway(descriptor, uid, gid)
      files.fchmodSync(descriptor, like === undefined ? NEW_MODE : mode & 0o7777) // after the owner, which resets bits
      files.fsyncSync(descriptor)
    } finally {
      files.closeSync(descriptor)
    }
  }

  #giveAway(descriptor: number, uid: number, gid: number): void {
    try {
      this.#files.fchownSync(descriptor, uid, gid)
    } catch (error) {
      if (codeOf(error) !== 'EPERM') throw error
      throw new UsageError(
        `'${this.#given}' belongs to user ${uid} and group ${gid}, which cannot be kept: run this as that user or as root`,
      )
    }
  }

  /** Whether the file is the one that was read: others than this program do not look at the lock. */
  #isStill(stat: fs.Stats | undefined): boolean {
    const now = this.#files.statSync(this.path, { throwIfNoEntry: false })
    return (
      now?.ino === stat?.ino &&
      now?.dev === stat?.dev &&
      now?.mtimeMs === stat?.mtimeMs &&
      now?.size === stat?.size
    )
  }

  /** Returns false where the file is new and somebody else has made one meanwhile. */
  #place(temporary: string, isNew: boolean): boolean {
    const files = this.#files
    try {
      if (isNew) {
        files.linkSync(temporary, this.path)
        return true
      }
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      if (!NO_LINKS.includes(codeOf(error))) throw error
    }
    try {
      files.renameSync(temporary, this.path)
      return true
    } catch (error) {
      if (codeOf(error) !== 'EBUSY') throw error
      throw new UsageError(
        `'${this.#given}' is a mount point, which cannot be replaced: mount the folder that it is in instead`,
      )
    }
  }

  /** Makes the rename last through a power failure, where the system can do that. */
  #syncFolder(): void {
    const files = this.#files
    let descriptor: number | undefined
    try {
      descriptor = files.openSync(dirname(this.path), 'r')
      files.fsyncSync(descriptor)
    } catch (error) {
      if (!['EINVAL', 'EISDIR', 'EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP'].includes(codeOf(error)))
        throw error
    } finally {
      if (descriptor !== undefined) files.closeSync(descriptor)
    }
  }
}
