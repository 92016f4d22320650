// mqtt-passwd: make and change the password files of brokers.

import { dirname } from 'node:path'
import { Alarm, now } from '../client/index.js'
import { UsageError } from '../errors.js'
import {
  durationMs,
  type Holder,
  type Job,
  type NewUser,
  PasswordFile,
  parametersOf,
  Store,
  schemeOf,
  verify,
  workAll,
} from '../passwd/index.js'
import { print, runProgram, write } from './common.js'
import { EXIT, type Reporter } from './exit.js'
import { reason } from './files.js'
import type { Given } from './flags/table.js'
import { printable } from './flags/values.js'
import type { Io } from './io.js'
import { importUsers, passwordFor } from './passwd-input.js'
import { checkExists, DeleteUser, HashPlain, type Plan, type Rules, SetUsers, shown } from './passwd-plan.js'
import { hasOptionAsUser, type Task, taskOf } from './passwd-task.js'
import { withProgress } from './progress.js'

/** Shorter work is over before a bar could be read. */
const WORTH_A_BAR_MS = 2_000
const FIRST_DELAY_MS = 5
const MAX_DELAY_MS = 100
/** A file that changes that often under our hands is not a password file. */
const MAX_ROUNDS = 1_000
/** Further lines are only counted. */
const MAX_WARNINGS = 5

/** `worker` is the path of the built src/passwd/worker.ts. */
export async function main(argv: readonly string[], io: Io, worker: string): Promise<number> {
  if (argv.length === 0) {
    await print(io, await (await import('./flags/help.js')).helpText('mqtt-passwd'))
    return EXIT.failure
  }
  const check = (given: Given): void => void taskOf(given)
  return runProgram('mqtt-passwd', argv, io, check, async (given, reporter) => {
    const task = taskOf(given)
    try {
      return await perform({ given, task, io, reporter, worker })
    } catch (error) {
      if (!(error instanceof UsageError) || !hasOptionAsUser(task)) throw error
      const hint = `'${task.user}' was taken as USER: options stand in front of FILE`
      throw new UsageError(`${error.message}; ${hint}`, error.code)
    }
  })
}

interface Run {
  given: Given
  task: Task
  io: Io
  reporter: Reporter
  worker: string
}

async function perform(run: Run): Promise<number> {
  const { task, io, reporter, given } = run
  const { create = false, ifChanged = false } = given.passwd ?? {}
  const rules: Rules = { create, ifChanged }
  const { file } = task
  if (file === undefined) return toStdout(run, rules)
  const store = inFile(file, () => new Store(file, io))
  const content = inFile(file, () => store.read())
  if (content !== undefined) {
    look(new PasswordFile(content), task, reporter)
    if (inFile(file, () => store.isOpenToOthers())) {
      reporter.warn(`'${file}' is open to others: chmod o= it`)
    }
  }
  switch (task.mode) {
    case 'list':
      checkExists(content, file)
      return print(io, listed(new PasswordFile(content ?? Buffer.alloc(0))))
    case 'verify':
      checkExists(content, file)
      return verified(run, new PasswordFile(content ?? Buffer.alloc(0)))
    case 'delete':
      return changed(run, store, new DeleteUser(task, ifChanged))
    case 'hashPlain':
      return changed(run, store, new HashPlain(task, hashing(run)))
    default: {
      checkExists(content, file, rules) // nobody should type a password in vain
      const users = await usersFor(run)
      const status = await changed(run, store, new SetUsers(task, users, rules, hashing(run)))
      if (!given.passwd?.generate) return status
      const error = await write(io, `${users[0]?.password}\n`)
      if (error === undefined) return status
      throw new UsageError(`'${shown(task.user)}' has a new password that could not be printed: make another`)
    }
  }
}

async function usersFor({ task, given, io, reporter }: Run): Promise<NewUser[]> {
  const kind = given.passwd?.import
  if (kind !== undefined) return importUsers(kind, task, io, reporter)
  const password = await passwordFor(task, given, io, reporter, true)
  return [{ user: task.user, password, line: 1 }]
}

/** -c -: the lines go to standard output, so that a made-up password has to go elsewhere. */
async function toStdout(run: Run, rules: Rules): Promise<number> {
  const { task, given, io } = run
  const users = await usersFor(run)
  const plan = new SetUsers(task, users, rules, hashing(run))
  await plan.prepare(undefined)
  const status = await print(io, plan.apply(undefined) as Buffer)
  if (given.passwd?.generate && status === EXIT.ok) io.complain(String(users[0]?.password))
  return status
}

/** Hashing in this thread or several, with a bar where it takes long. */
function hashing({ given, io, worker }: Run) {
  return async (jobs: readonly Job[]): Promise<(string | undefined)[]> => {
    if (given.quiet || jobs.length < 2 || durationMs(jobs) < WORTH_A_BAR_MS) return workAll(jobs, worker)
    return withProgress(io, jobs.length, (step) => workAll(jobs, worker, step))
  }
}

/** Carries a plan out and says what was done. */
async function changed(run: Run, store: Store, plan: Plan): Promise<number> {
  const { task, given, io, reporter } = run
  const content = inFile(task.file, () => store.read())
  await plan.prepare(content)
  // Where nothing is to be done nobody needs a lock, or rights to the folder.
  if (plan.apply(content) !== undefined) await exchange(run, store, plan)
  const { text, note } = plan.done()
  if (note !== undefined) reporter.note(note)
  return text === undefined || given.passwd?.generate ? EXIT.ok : print(io, text)
}

/** Changes the file, waiting for other runs. Throws UsageError. */
async function exchange({ task: { file, lockTimeoutMs }, io }: Run, store: Store, plan: Plan): Promise<void> {
  // Up to here a signal finds nothing to clean up. From here on it is handled between two attempts.
  io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => io.dieBy(signal))
  const until = now() + lockTimeoutMs
  let delayMs = FIRST_DELAY_MS
  let rounds = 0
  for (;;) {
    const outcome = inFile(file, () => store.attempt((content) => plan.apply(content)))
    switch (outcome.kind) {
      case 'written':
      case 'unchanged':
        return
      case 'again':
        if (++rounds > MAX_ROUNDS) throw new UsageError(`'${file}' does not stop changing`)
        await plan.prepare(inFile(file, () => store.read()))
        break
      case 'busy':
        if (now() >= until) throw locked(file, outcome.holder, lockTimeoutMs)
        await pause(delayMs * (0.5 + 0.5 * Math.random()))
        delayMs = Math.min(1.5 * delayMs, MAX_DELAY_MS)
    }
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => new Alarm().set(now() + delayMs, resolve))
}

function locked(file: string | undefined, { pid, host, path }: Holder, waitedMs: number): UsageError {
  return new UsageError(
    `'${file}' is locked by process ${pid} on ${host}, after waiting ${waitedMs / 1000} s: if it is gone, remove '${path}'`,
  )
}

/** Tells of lines that brokers will stumble over; they are kept as they are. */
function look(content: PasswordFile, { file, mode }: Task, reporter: Reporter): void {
  const cut = content.entries().filter(({ hasMore, value }) => hasMore && schemeOf(value) === 'plain')
  const warnings = [
    ...content.unknown().map((line) => `line ${line} is neither USER:HASH nor a comment: kept as it is`),
    ...[...content.duplicates()].map(
      ([user, lines]) => `has '${shown(user)}' on lines ${lines.join(', ')}: mosquitto refuses such a file`,
    ),
    ...(mode === 'hashPlain' ? cut : []).map(
      ({ line }) => `line ${line}: only what stands before the second colon is the password`,
    ),
  ]
  for (const warning of warnings.slice(0, MAX_WARNINGS)) reporter.warn(`'${file}' ${warning}`)
  if (warnings.length > MAX_WARNINGS) reporter.warn(`and ${warnings.length - MAX_WARNINGS} more such lines`)
}

function listed(content: PasswordFile): Buffer {
  const lines = content.entries().map(({ user, value }) => `${user}\t${stateOf(value)}\n`)
  return Buffer.from(lines.join(''), 'latin1')
}

/** The scheme of a value, or what else it is. */
function stateOf(value: string): string {
  const scheme = schemeOf(value)
  if (scheme === 'plain' || scheme === 'other') return scheme
  return parametersOf(value) === undefined ? 'damaged' : scheme
}

async function verified({ task, given, io, reporter }: Run, content: PasswordFile): Promise<number> {
  const user = shown(task.user)
  const password = await passwordFor(task, given, io, reporter, false)
  const value = content.valueOf(task.user)
  if (value === undefined) throw new UsageError(`user '${user}' is not in '${task.file}'`, 'WRONG_PASSWORD')
  const state = stateOf(value)
  if (parametersOf(value) === undefined) {
    const what =
      state === 'plain' ? 'a plain password: -U hashes it' : `no hash that can be checked (${state})`
    throw new UsageError(`the value of '${user}' is ${what}`)
  }
  const isRight = await verify(password, value)
  const status = await print(io, `${state}\n`)
  if (!isRight) throw new UsageError(`wrong password for '${user}'`, 'WRONG_PASSWORD')
  return status
}

/** Throws UsageError for errors of the file system, naming the file and, where it is another, the folder. */
function inFile<T>(file: string | undefined, run: () => T): T {
  try {
    return run()
  } catch (error) {
    const { code, path, syscall } = error as NodeJS.ErrnoException
    if (error instanceof UsageError || code === undefined) throw error
    const where = path === undefined || path === file ? '' : ` (${syscall} in '${dirname(path)}')`
    throw new UsageError(`'${printable(file ?? '-')}': ${reason(error)}${where}`)
  }
}
