// Password hashes: one codec for each scheme. Passwords are bytes and are hashed as they are.
//
//   $6$SALT$DIGEST                                    sha512 of password and salt
//   $7$ITERATIONS$SALT$DIGEST                         PBKDF2-HMAC-SHA-512
//   $argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$DIGEST
//   $2a$COST$SALT-AND-DIGEST                          bcrypt, in an alphabet of its own
//
// SALT and DIGEST are base64, with padding in the first two and without in the third.

import { isUtf8 } from 'node:buffer'
import { createHash, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { UsageError } from '../errors.js'

/** How a password is hashed. */
export type Scheme =
  | { name: 'sha512' }
  | { name: 'sha512-pbkdf2'; iterations: number }
  | { name: 'argon2id'; memoryKiB: number; passes: number; lanes: number }
  /** `cost` is 4 to 31, `revision` the letter behind $2: all three mean the same hash. */
  | { name: 'bcrypt'; cost: number; revision: 'a' | 'b' | 'y' }
  /** RabbitMQ's own, for its definitions: base64 of a 4-byte salt and of SHA-256 over salt and password. */
  | { name: 'rabbitmq' }

export type SchemeName = Scheme['name']

/** What mosquitto 2.1 uses. */
export const DEFAULT_ITERATIONS = 1_000
export const ARGON2ID: Scheme = { name: 'argon2id', memoryKiB: 47_104, passes: 1, lanes: 1 }
/** What EMQX and most libraries use. */
export const DEFAULT_COST = 10

/** mosquitto before 2.1 takes no other length for $6$ and $7$; 2.1, whose own are of 64 bytes, takes both. */
const SALT_BYTES = 12
const DIGEST_BYTES = 64
/** More is cut off by bcrypt without a word. */
const BCRYPT_MAX_BYTES = 72
/** Other lengths than 12. */
const SALT_LENGTHS: Partial<Record<SchemeName, number>> = { argon2id: 64, bcrypt: 16, rabbitmq: 4 }

const PREFIXES: readonly [prefix: RegExp, name: SchemeName][] = [
  [/^\$6\$/, 'sha512'],
  [/^\$7\$/, 'sha512-pbkdf2'],
  [/^\$argon2id\$/, 'argon2id'],
  [/^\$2[aby]\$/, 'bcrypt'],
]
/** Values of other tools, which are no plain passwords either. */
const FOREIGN = /^(?:\$(?:1|5|apr1|argon2i|argon2d|scrypt|y|2x?)\$|\{SHA\}|PBKDF2\$)/

/** The scheme by the beginning of a value; `other` is a hash that is not ours to check, `plain` is none. */
export function schemeOf(value: string): SchemeName | 'other' | 'plain' {
  const [, name] = PREFIXES.find(([prefix]) => prefix.test(value)) ?? []
  return name ?? (FOREIGN.test(value) ? 'other' : 'plain')
}

interface Parsed {
  scheme: Scheme
  salt: Buffer
  digest: Buffer
}

/** A value taken apart, or undefined where it is not well-formed. */
function parse(value: string): Parsed | undefined {
  const name = schemeOf(value)
  if (name === 'bcrypt') {
    const match = /^\$2([aby])\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(value)
    const cost = Number(match?.[2])
    if (match === null || cost < 4 || cost > 31) return undefined
    const revision = match[1] as 'a' | 'b' | 'y'
    return { scheme: { name, cost, revision }, salt: Buffer.alloc(0), digest: Buffer.from(value) }
  }
  const fields = value.split('$')
  const [salt, digest] = fields.slice(-2).map((field) => base64(field, name !== 'argon2id')) as [
    Buffer | undefined,
    Buffer | undefined,
  ]
  const scheme = parameters(name, fields)
  if (scheme === undefined || salt === undefined || digest === undefined) return undefined
  // Of Argon2 digests the length is a parameter; RFC 9106 wants salts of at least 8 bytes.
  const fits = name === 'argon2id' ? digest.length >= 4 && salt.length >= 8 : digest.length === DIGEST_BYTES
  return fits ? { scheme, salt, digest } : undefined
}

function parameters(name: SchemeName | 'other' | 'plain', fields: readonly string[]): Scheme | undefined {
  if (name === 'sha512') return fields.length === 4 ? { name } : undefined
  if (name === 'sha512-pbkdf2') {
    const iterations = /^[1-9]\d{0,9}$/.test(fields[2] ?? '') ? Number(fields[2]) : Number.NaN
    return fields.length === 5 && iterations <= 0x7fff_ffff ? { name, iterations } : undefined
  }
  if (name !== 'argon2id' || fields.length !== 6 || fields[2] !== 'v=19') return undefined
  const match = /^m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,7})$/.exec(fields[3] ?? '')
  if (match === null) return undefined
  const [memoryKiB, passes, lanes] = match.slice(1).map(Number) as [number, number, number]
  return memoryKiB >= 8 * lanes ? { name, memoryKiB, passes, lanes } : undefined
}

/** Strict, because Buffer.from passes over whatever is not base64. */
function base64(text: string, isPadded: boolean): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return text !== '' && text === (isPadded ? bytes.toString('base64') : unpadded(bytes)) ? bytes : undefined
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

/** Scheme and parameters of a value, or undefined where it is not a hash that can be checked. */
export function parametersOf(value: string): Scheme | undefined {
  return parse(value)?.scheme
}

/** Whether `value` is of this scheme, with the same parameters. The letter of bcrypt makes no difference. */
export function isOfScheme(value: string, scheme: Scheme): boolean {
  const found = parse(value)?.scheme
  if (found?.name === 'bcrypt' && scheme.name === 'bcrypt') return found.cost === scheme.cost
  return found !== undefined && JSON.stringify(found) === JSON.stringify(scheme)
}

/**
 * The value to write for a password, with a fresh random salt. Throws UsageError for a password that the scheme cannot
 * take (bcrypt: more than 72 bytes, NUL, not UTF-8).
 */
export async function hash(password: Buffer, scheme: Scheme): Promise<string> {
  return hashWith(password, scheme, randomBytes(SALT_LENGTHS[scheme.name] ?? SALT_BYTES))
}

/** As `hash`, with a given salt: 16 bytes for bcrypt, 4 for RabbitMQ. For tests against other implementations. */
export async function hashWith(password: Buffer, scheme: Scheme, salt: Buffer): Promise<string> {
  if (scheme.name === 'bcrypt') {
    const { encodeBase64 } = await import('bcryptjs')
    const cost = String(scheme.cost).padStart(2, '0')
    return bcrypt(password, `$2${scheme.revision}$${cost}$${encodeBase64(salt, salt.length)}`)
  }
  if (scheme.name === 'rabbitmq') {
    const digest = createHash('sha256').update(salt).update(password).digest()
    return Buffer.concat([salt, digest]).toString('base64')
  }
  const digest = await derive(password, scheme, salt, DIGEST_BYTES)
  switch (scheme.name) {
    case 'sha512':
      return `$6$${salt.toString('base64')}$${digest.toString('base64')}`
    case 'sha512-pbkdf2':
      return `$7$${scheme.iterations}$${salt.toString('base64')}$${digest.toString('base64')}`
    case 'argon2id': {
      const { memoryKiB, passes, lanes } = scheme
      return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${lanes}$${unpadded(salt)}$${unpadded(digest)}`
    }
  }
}

/**
 * Whether the password is the one of `value`, compared in constant time. Throws UsageError where `value` is not a hash
 * of ours, and for a password that the scheme cannot take.
 */
export async function verify(password: Buffer, value: string): Promise<boolean> {
  const parsed = parse(value)
  if (parsed === undefined) throw new UsageError('the value is not a hash that can be checked')
  const { scheme, salt, digest } = parsed
  if (scheme.name === 'bcrypt') {
    return timingSafeEqual(Buffer.from(await bcrypt(password, value.slice(0, 29))), digest)
  }
  if (scheme.name === 'rabbitmq') return false // has no place in password files
  return timingSafeEqual(await derive(password, scheme, salt, digest.length), digest)
}

/** The password's digest under the schemes that keep salt and digest apart. */
async function derive(
  password: Buffer,
  scheme: Exclude<Scheme, { name: 'bcrypt' | 'rabbitmq' }>,
  salt: Buffer,
  length: number,
): Promise<Buffer> {
  switch (scheme.name) {
    case 'sha512':
      return createHash('sha512').update(password).update(salt).digest()
    case 'sha512-pbkdf2':
      return promisify(pbkdf2)(password, salt, scheme.iterations, length, 'sha512')
    case 'argon2id': {
      const { argon2id } = await import('@noble/hashes/argon2.js')
      const { memoryKiB: m, passes: t, lanes: p } = scheme
      try {
        return Buffer.from(argon2id(password, salt, { m, t, p, dkLen: length }))
      } catch (error) {
        throw new UsageError(`argon2id with m=${m},t=${t},p=${p}: ${(error as Error).message}`)
      }
    }
  }
}

/** `settings` is the beginning of a value, up to its salt. */
async function bcrypt(password: Buffer, settings: string): Promise<string> {
  const fault = passwordFault(password, 'bcrypt')
  if (fault !== undefined) throw new UsageError(fault)
  const { hash } = await import('bcryptjs')
  return hash(password.toString(), settings)
}

/** Why a scheme cannot take a password, or undefined where it can. */
export function passwordFault(password: Buffer, name: SchemeName): string | undefined {
  if (name !== 'bcrypt') return undefined
  if (password.length > BCRYPT_MAX_BYTES) {
    return `the password has ${password.length} bytes: bcrypt takes at most ${BCRYPT_MAX_BYTES} and would ignore the rest`
  }
  if (password.includes(0)) return 'the password holds a NUL byte: bcrypt would end there'
  return isUtf8(password) ? undefined : 'the password is not UTF-8, which is all that bcrypt takes here'
}

/** About how long one hash takes on one core, in milliseconds: enough to choose between one thread and several. */
export function estimateMs(scheme: Scheme): number {
  switch (scheme.name) {
    case 'sha512':
    case 'rabbitmq':
      return 0.01
    case 'sha512-pbkdf2':
      return 0.001 * scheme.iterations
    case 'argon2id':
      return 0.01 * scheme.memoryKiB * scheme.passes
    case 'bcrypt':
      return 0.08 * 2 ** scheme.cost
  }
}
