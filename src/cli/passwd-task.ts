// What a command line of mqtt-passwd asks for: its options and words, checked together.

import { UsageError } from '../errors.js'
import {
  ARGON2ID,
  DEFAULT_COST,
  DEFAULT_ITERATIONS,
  type Format,
  formatFault,
  isLineBased,
  MAX_BYTES,
  passwordFault,
  type Scheme,
  userFault,
} from '../passwd/index.js'
import { flagNamed, flagsOf } from './flags/index.js'
import type { Given, GivenPasswd } from './flags/table.js'
import { printable } from './flags/values.js'

export type Mode = 'set' | 'import' | 'delete' | 'hashPlain' | 'verify' | 'list'

export interface Task {
  mode: Mode
  /** The path as given; undefined for standard output. */
  file: string | undefined
  /** In bytes as latin1; empty where the mode has no user. */
  user: string
  /** Of -b. */
  password: Buffer | undefined
  scheme: Scheme
  format: Format
  lockTimeoutMs: number
}

const DEFAULT_LOCK_TIMEOUT_SECONDS = 30

/** The modes that have an option of their own. */
const MODES = ['delete', 'hashPlain', 'verify', 'list', 'import'] as const

const NAMES = {
  batch: '-b (--batch)',
  create: '-c (--create)',
  delete: '-D (--delete)',
  hashPlain: '-U (--hash-plain)',
  verify: '--verify',
  list: '--list',
  import: '--import',
  generate: '--generate',
  ifChanged: '--if-changed',
  iterations: '-I (--iterations)',
} as const satisfies Partial<Record<keyof GivenPasswd, string>>

type Named = keyof typeof NAMES

/** Options that exclude each other, beside the modes. */
const CONFLICTS: readonly (readonly [Named, Named])[] = [
  ['create', 'delete'],
  ['create', 'hashPlain'],
  ['create', 'verify'],
  ['create', 'list'],
  ['batch', 'delete'],
  ['batch', 'list'],
  ['batch', 'import'],
  ['generate', 'batch'],
  ['generate', 'ifChanged'],
  ...MODES.map((mode) => ['generate', mode] as const),
  ['ifChanged', 'hashPlain'],
  ['ifChanged', 'verify'],
  ['ifChanged', 'list'],
  ['iterations', 'hashPlain'],
]

/** Throws UsageError naming the options that do not go together, or the word that is missing or wrong. */
export function taskOf(given: Given): Task {
  const { passwd = {}, passwordFile } = given
  const modes = MODES.filter((mode) => passwd[mode] !== undefined)
  const [mode, second] = modes
  if (mode !== undefined && second !== undefined) throw conflict(NAMES[mode], NAMES[second])
  for (const [one, other] of CONFLICTS) {
    if (passwd[one] !== undefined && passwd[other] !== undefined) throw conflict(NAMES[one], NAMES[other])
  }
  if (passwordFile !== undefined) {
    const without = (['batch', 'generate', 'import', 'delete', 'list'] as const).find((each) => passwd[each])
    if (without !== undefined) throw conflict('--password-file', NAMES[without])
  }
  const format = passwd.format ?? 'mosquitto'
  const scheme = schemeFor(passwd, format)
  const words = wordsFor(given, mode)
  const file = passwd.create && words.file === '-' ? undefined : words.file
  if (!isLineBased(format) && (!passwd.create || passwd.ifChanged)) {
    throw new UsageError(`--format ${format} is only written whole: give -c, without --if-changed`)
  }
  if (file === undefined && passwd.ifChanged) throw new UsageError('--if-changed needs a file, not -c -')
  return {
    mode: mode ?? 'set',
    file,
    user: words.user === undefined ? '' : userName(words.user, format),
    password: words.password === undefined ? undefined : passwordWord(words.password, scheme),
    scheme,
    format,
    lockTimeoutMs: 1_000 * (passwd.lockTimeoutSeconds ?? DEFAULT_LOCK_TIMEOUT_SECONDS),
  }
}

function conflict(one: string, other: string): UsageError {
  return new UsageError(`${one} cannot be combined with ${other}`)
}

function schemeFor({ hash, iterations, cost }: GivenPasswd, format: Format): Scheme {
  const ofFormat = format === 'mosquitto' ? undefined : format === 'rabbitmq' ? 'rabbitmq' : 'bcrypt'
  if (hash !== undefined && ofFormat !== undefined && hash !== ofFormat) {
    const other = ofFormat === 'bcrypt' ? 'takes bcrypt' : 'has a hash of its own'
    throw new UsageError(`-H (--hash) ${hash}: --format ${format} ${other}`)
  }
  const name = ofFormat ?? hash ?? 'sha512-pbkdf2'
  if (iterations !== undefined && name !== 'sha512-pbkdf2') {
    throw new UsageError(`-I (--iterations) is for sha512-pbkdf2, not for ${name}`)
  }
  if (cost !== undefined && name !== 'bcrypt') {
    throw new UsageError(`--cost is for bcrypt, not for ${name}: add -H bcrypt`)
  }
  switch (name) {
    case 'sha512-pbkdf2':
      return { name, iterations: iterations ?? DEFAULT_ITERATIONS }
    case 'argon2id':
      return ARGON2ID
    case 'bcrypt':
      // Every implementation knows $2a$; htpasswd writes $2y$. Both mean the same.
      return { name, cost: cost ?? DEFAULT_COST, revision: format === 'htpasswd' ? 'y' : 'a' }
    default:
      return { name }
  }
}

interface Words {
  file: string
  user?: string | undefined
  password?: string | undefined
}

function wordsFor({ words = [], passwd = {} }: Given, mode: (typeof MODES)[number] | undefined): Words {
  const hasUser = mode === undefined || mode === 'delete'
  const hasPassword = passwd.batch === true && mode !== 'hashPlain'
  const wanted = ['FILE', ...(hasUser ? ['USER'] : []), ...(hasPassword ? ['PASSWORD'] : [])]
  if (words.length < wanted.length) {
    throw new UsageError(
      `${wanted.slice(words.length).join(' and ')} missing: expected ${wanted.join(' ')} behind the options`,
    )
  }
  // The words themselves are not shown: one of them may be a password.
  if (words.length > wanted.length) {
    const misplaced = words.slice(1).some(isOption)
    const hint = misplaced
      ? ': options stand in front of FILE'
      : hasUser && !hasPassword && mode === undefined && words.length === 3
        ? ': a password as a word needs -b'
        : ''
    throw new UsageError(`${words.length} words where ${wanted.join(' ')} was expected${hint}`)
  }
  const [file = '', ...others] = words
  const user = hasUser ? others.shift() : passwd.verify
  return { file, user, password: hasPassword ? others.shift() : undefined }
}

function isOption(word: string): boolean {
  return flagNamed(flagsOf('mqtt-passwd'), word) !== undefined
}

/** Whether the word for USER reads like an option behind FILE, where it is none. */
export function hasOptionAsUser({ mode, user }: Task): boolean {
  return (mode === 'set' || mode === 'delete') && isOption(user)
}

/** Arguments that are not UTF-8 arrive with this in place of their bytes. */
const LOST = '\ufffd'

function userName(word: string, format: Format): string {
  const user = Buffer.from(word).toString('latin1')
  const fault = word.includes(LOST) ? 'is not UTF-8: --import can do that' : checkUser(user, format)
  if (fault !== undefined) throw new UsageError(`user name '${printable(word)}' ${fault}`)
  return user
}

/** What is wrong with a user name, in bytes as latin1. */
export function checkUser(user: string, format: Format): string | undefined {
  return userFault(user) ?? formatFault(format, user)
}

function passwordWord(word: string, scheme: Scheme): Buffer {
  if (word.includes(LOST)) throw new UsageError('the password is not UTF-8: give it by --password-file')
  return checkedPassword(Buffer.from(word), scheme)
}

/** `maxBytes` is smaller for passwords that are typed. Throws UsageError, which does not show the password. */
export function checkedPassword(password: Buffer, scheme: Scheme, maxBytes = MAX_BYTES): Buffer {
  const fault = checkPassword(password, scheme, maxBytes)
  if (fault !== undefined) throw new UsageError(fault)
  return password
}

export function checkPassword(password: Buffer, scheme: Scheme, maxBytes = MAX_BYTES): string | undefined {
  if (password.length === 0) return 'the password is empty, which brokers do not take'
  if (password.length > maxBytes) return `the password has ${password.length} bytes: at most ${maxBytes} fit`
  return passwordFault(password, scheme.name)
}
