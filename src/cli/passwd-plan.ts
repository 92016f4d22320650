// Changes to a password file, in two steps: `prepare` hashes, which takes its time and no lock; `apply` makes the new
// content of the present one in no time, under the lock, or says that this content needs preparing first.

import { UsageError } from '../errors.js'
import {
  isLineBased,
  isOfScheme,
  type Job,
  type NewUser,
  PasswordFile,
  render,
  schemeOf,
} from '../passwd/index.js'
import { printable } from './flags/values.js'
import { checkPassword, type Task } from './passwd-task.js'

/** Hashes all, in the order of the jobs; undefined where the current value is right. */
export type HashAll = (jobs: readonly Job[]) => Promise<(string | undefined)[]>

export interface Plan {
  prepare(content: Buffer | undefined): Promise<void>
  /** The new content, or undefined for no change. Throws UsageError. */
  apply(content: Buffer | undefined): Buffer | undefined | 'again'
  /** What was done: for standard output, where that is wanted, and as a note. */
  done(): { text?: string; note?: string }
}

const EMPTY = Buffer.alloc(0)

/** For messages: bytes as latin1 to text. */
export function shown(user: string): string {
  return printable(Buffer.from(user, 'latin1').toString())
}

export interface Rules {
  create: boolean
  ifChanged: boolean
}

/** Throws UsageError where the file should be there and is not, or the other way round; -c is only for those with rules. */
export function checkExists(content: Buffer | undefined, file: string, rules?: Rules): void {
  if (content === undefined && !rules?.create) {
    throw new UsageError(`'${file}': no such file${rules === undefined ? '' : ' (-c makes it)'}`)
  }
  if (content !== undefined && rules?.create && !rules.ifChanged) {
    throw new UsageError(`'${file}' exists already: leave -c out to change it`)
  }
}

/** Adds or updates users. */
export class SetUsers implements Plan {
  readonly #task: Task
  readonly #users: readonly NewUser[]
  readonly #rules: Rules
  readonly #hashAll: HashAll
  /** New values by user and the value that they were found to replace. */
  readonly #values = new Map<string, string | undefined>()
  #counts = { added: 0, updated: 0, unchanged: 0 }

  constructor(task: Task, users: readonly NewUser[], rules: Rules, hashAll: HashAll) {
    this.#task = task
    this.#users = users
    this.#rules = rules
    this.#hashAll = hashAll
  }

  /** The present value, where it may be right already. */
  #current(file: PasswordFile, user: string): string | undefined {
    const value = this.#rules.ifChanged ? file.valueOf(user) : undefined
    return value !== undefined && isOfScheme(value, this.#task.scheme) ? value : undefined
  }

  async prepare(content: Buffer | undefined): Promise<void> {
    checkExists(content, this.#task.file ?? '-', this.#rules)
    const file = new PasswordFile(content ?? EMPTY)
    const jobs: (Job & { key: string })[] = []
    for (const { user, password } of this.#users) {
      const current = this.#current(file, user)
      const key = keyOf(user, current)
      if (this.#values.has(key)) continue
      jobs.push({ key, password, scheme: this.#task.scheme, ...(current !== undefined && { current }) })
    }
    const values = await this.#hashAll(jobs.map(({ key: _, ...job }) => job))
    for (const [at, { key }] of jobs.entries()) this.#values.set(key, values[at])
  }

  apply(content: Buffer | undefined): Buffer | undefined | 'again' {
    checkExists(content, this.#task.file ?? '-', this.#rules)
    const { format } = this.#task
    const file = new PasswordFile(content ?? EMPTY)
    const counts = { added: 0, updated: 0, unchanged: 0 }
    const written: { user: string; value: string }[] = []
    for (const { user } of this.#users) {
      const key = keyOf(user, this.#current(file, user))
      if (!this.#values.has(key)) return 'again'
      const value = this.#values.get(key)
      counts[value === undefined ? 'unchanged' : file.set(user, value)]++
      if (value !== undefined) written.push({ user, value })
    }
    this.#counts = counts
    if (written.length === 0) return undefined
    return isLineBased(format) ? file.toBuffer() : render(format, written)
  }

  done(): { text: string } {
    const counts = Object.entries(this.#counts).filter(([, count]) => count > 0)
    if (this.#task.mode === 'import') {
      return { text: `${counts.map(([what, count]) => `${what} ${count}`).join(', ')}\n` }
    }
    return { text: `${counts[0]?.[0]} ${shown(this.#task.user)}\n` }
  }
}

function keyOf(user: string, value: string | undefined): string {
  return `${user}:${value ?? ''}`
}

/** Hashes the plain values. */
export class HashPlain implements Plan {
  readonly #task: Task
  readonly #hashAll: HashAll
  readonly #values = new Map<string, string>()
  #hashed = 0
  #skipped = 0

  constructor(task: Task, hashAll: HashAll) {
    this.#task = task
    this.#hashAll = hashAll
  }

  async prepare(content: Buffer | undefined): Promise<void> {
    const { file: path = '', scheme } = this.#task
    checkExists(content, path)
    const entries = new PasswordFile(content ?? EMPTY).entries()
    if (entries.length === 0) throw new UsageError(`'${path}' has no users`)
    const jobs: (Job & { key: string })[] = []
    for (const { user, value, line } of entries) {
      const key = keyOf(user, value)
      if (schemeOf(value) !== 'plain' || this.#values.has(key)) continue
      const password = Buffer.from(value, 'latin1')
      const fault = checkPassword(password, scheme)
      if (fault !== undefined) throw new UsageError(`'${path}' line ${line}: ${fault}`)
      jobs.push({ key, password, scheme })
    }
    const values = await this.#hashAll(jobs.map(({ key: _, ...job }) => job))
    for (const [at, { key }] of jobs.entries()) this.#values.set(key, values[at] as string)
  }

  apply(content: Buffer | undefined): Buffer | undefined | 'again' {
    checkExists(content, this.#task.file ?? '')
    const file = new PasswordFile(content ?? EMPTY)
    const entries = file.entries()
    const plain = entries.filter(({ value }) => schemeOf(value) === 'plain')
    for (const { user, value, line } of plain) {
      const hashed = this.#values.get(keyOf(user, value))
      if (hashed === undefined) return 'again'
      file.replace(line, user, hashed)
    }
    this.#hashed = plain.length
    this.#skipped = entries.length - plain.length
    return plain.length === 0 ? undefined : file.toBuffer()
  }

  done(): { note: string } {
    const left = this.#skipped === 0 ? '' : `, left ${this.#skipped} alone that were hashes already`
    return { note: `hashed ${this.#hashed}${left}` }
  }
}

/** Removes a user. */
export class DeleteUser implements Plan {
  readonly #task: Task
  readonly #ifChanged: boolean
  #deleted = 0

  constructor(task: Task, ifChanged: boolean) {
    this.#task = task
    this.#ifChanged = ifChanged
  }

  async prepare(content: Buffer | undefined): Promise<void> {
    checkExists(content, this.#task.file ?? '')
  }

  apply(content: Buffer | undefined): Buffer | undefined {
    const { file: path = '', user } = this.#task
    checkExists(content, path)
    const file = new PasswordFile(content ?? EMPTY)
    this.#deleted = file.delete(user)
    if (this.#deleted === 0 && !this.#ifChanged) {
      throw new UsageError(`user '${shown(user)}' is not in '${path}'`)
    }
    return this.#deleted === 0 ? undefined : file.toBuffer()
  }

  done(): { text?: string } {
    if (!this.#ifChanged) return {}
    return { text: `${this.#deleted === 0 ? 'unchanged' : 'deleted'} ${shown(this.#task.user)}\n` }
  }
}
