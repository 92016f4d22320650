// What may be a user and a password, and passwords made here.

import { randomInt } from 'node:crypto'

/** What MQTT carries. */
export const MAX_BYTES = 65_535

/** Why brokers cannot use a name, in bytes as latin1, or undefined where they can. */
export function userFault(user: string): string | undefined {
  if (user === '') return 'is empty'
  if (user.length > MAX_BYTES) return `has ${user.length} bytes: at most ${MAX_BYTES} fit`
  if (/[\u0000-\u001f\u007f]/.test(user)) return 'holds a control character'
  if (user.includes(':')) return 'holds a colon, which ends the name in a password file'
  if (user.startsWith(' ') || user.endsWith(' ')) return 'begins or ends with a blank, which brokers cut off'
  return user.startsWith('#') ? 'begins with #, which makes the line a comment' : undefined
}

// Letters and digits that nobody takes for one another.
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'
/** 24 of 57 characters are 139 bits. */
const GENERATED_LENGTH = 24

export function generatePassword(): string {
  return Array.from({ length: GENERATED_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
}
