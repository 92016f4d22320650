// Where mqtt-passwd gets its passwords: the terminal, a file, standard input, or chance.

import type { Readable } from 'node:stream'
import { UsageError } from '../errors.js'
import { type Fault, generatePassword, IMPORTS, type ImportKind, type NewUser } from '../passwd/index.js'
import type { Reporter } from './exit.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'
import { checkedPassword, checkPassword, checkUser, type Task } from './passwd-task.js'
import { firstLine, readLines, readSecretFile } from './secret.js'

/** Typed or piped; words and files may have the 65535 bytes of MQTT. */
const MAX_TYPED_BYTES = 65_499
/** Further lines that are wrong are only counted. */
const MAX_FAULTS = 10

/** The password of a run, `twice` where a mistake in typing would do harm. Throws UsageError. */
export async function passwordFor(
  task: Task,
  given: Given,
  io: Io,
  reporter: Reporter,
  twice: boolean,
): Promise<Buffer> {
  const { passwordFile, passwd = {} } = given
  if (passwd.generate) return Buffer.from(generatePassword())
  if (task.password !== undefined) {
    reporter.warn('-b: others on this machine can see the password among the arguments: use --password-file')
    return task.password
  }
  if (passwordFile !== undefined && passwordFile !== '-') {
    return checkedPassword(readSecretFile('--password-file', passwordFile, reporter), task.scheme)
  }
  if (io.terminal === undefined && passwordFile === '-') {
    return checkedPassword(firstLine(await readLines(io.stdin, 1)), task.scheme)
  }
  const [first, second] = await typed(io, twice)
  const password = checkedPassword(first, task.scheme, MAX_TYPED_BYTES)
  if (twice && !password.equals(second)) throw new UsageError('the passwords differ', 'PASSWORDS_DIFFER')
  return password
}

/** From the terminal, with prompts, or else the first lines of standard input. */
async function typed(io: Io, twice: boolean): Promise<[Buffer, Buffer]> {
  const { terminal } = io
  const none = Buffer.alloc(0)
  if (terminal !== undefined) {
    const first = Buffer.from(await terminal.askSecret('Password: '))
    if (!twice || first.length === 0) return [first, none]
    return [first, Buffer.from(await terminal.askSecret('The same again: '))]
  }
  const text = (await readLines(io.stdin, twice ? 2 : 1)).toString('latin1')
  const [first = '', second = ''] = text.split('\n').map((line) => line.replace(/\r+$/, ''))
  if (twice && first !== '' && second === '') {
    throw new UsageError('the password has to come twice, on two lines: --password-file - takes one')
  }
  return [Buffer.from(first, 'latin1'), Buffer.from(second, 'latin1')]
}

/** All of standard input as users. Throws UsageError naming every line that is wrong, and never what stands there. */
export async function importUsers(
  kind: ImportKind,
  task: Task,
  io: Io,
  reporter: Reporter,
): Promise<NewUser[]> {
  if (io.terminal !== undefined) {
    throw new UsageError('--import reads standard input, which is a terminal and would show the passwords')
  }
  const { users, faults } = IMPORTS[kind](await readAll(io.stdin))
  const lines = new Map<string, number>()
  const all: Fault[] = [...faults]
  for (const { user, password, line } of users) {
    const before = lines.get(user)
    lines.set(user, line)
    const ofUser = checkUser(user, task.format)
    const fault =
      ofUser !== undefined
        ? `the user name ${ofUser}`
        : before !== undefined
          ? `the user is on line ${before} too`
          : checkPassword(password, task.scheme)
    if (fault !== undefined) all.push({ line, fault })
  }
  all.sort((one, other) => one.line - other.line)
  for (const { line, fault } of all.slice(0, MAX_FAULTS)) reporter.note(`line ${line}: ${fault}`)
  if (all.length > 0) throw new UsageError(`--import: ${all.length} line(s) are wrong; nothing was changed`)
  if (users.length === 0) throw new UsageError('--import: there are no users on standard input')
  return users
}

async function readAll(input: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of input as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}
