// What brokers read: files of lines, which can be changed in place, and three formats that are only written whole.

import { isUtf8 } from 'node:buffer'
import type { Entry } from './file.js'

export const FORMATS = ['mosquitto', 'nats', 'rabbitmq', 'emqx', 'htpasswd'] as const
export type Format = (typeof FORMATS)[number]

type User = Pick<Entry, 'user' | 'value'>

/** Whether a format is lines of USER:HASH. */
export function isLineBased(format: Format): boolean {
  return format === 'mosquitto' || format === 'htpasswd'
}

/** Why a format has no place for a user name, in bytes as latin1, that is fine otherwise. */
export function formatFault(format: Format, user: string): string | undefined {
  if (isLineBased(format)) return undefined
  if (!isUtf8(Buffer.from(user, 'latin1'))) return `is not UTF-8, which --format ${format} needs`
  // EMQX splits the line at these, and knows no quotes.
  if (format === 'emqx' && /[, "]/.test(user)) return 'holds a comma, blank or quote, which EMQX cannot read'
  return undefined
}

/** The whole text for a broker, users in the order given. */
export function render(format: Format, users: readonly User[]): Buffer {
  const named = users.map(({ user, value }) => ({ name: Buffer.from(user, 'latin1').toString(), value }))
  switch (format) {
    case 'nats': {
      // In quotes $ is no variable, and JSON's escapes are understood: names hold no control characters.
      const lines = named.map(
        ({ name, value }) => `    { user: ${JSON.stringify(name)}, password: "${value}" }`,
      )
      return Buffer.from(`authorization {\n  users = [\n${lines.join('\n')}\n  ]\n}\n`)
    }
    case 'rabbitmq': {
      const list = named.map(({ name, value }) => ({
        name,
        password_hash: value,
        hashing_algorithm: 'rabbit_password_hashing_sha256',
        tags: '',
      }))
      return Buffer.from(`${JSON.stringify({ users: list }, undefined, 2)}\n`)
    }
    case 'emqx': {
      // No column for the salt: it is part of a bcrypt hash, and EMQX drops empty fields.
      const lines = named.map(({ name, value }) => `${name},${value},false\n`)
      return Buffer.from(`user_id,password_hash,is_superuser\n${lines.join('')}`)
    }
    default:
      return Buffer.from(users.map(({ user, value }) => `${user}:${value}\n`).join(''), 'latin1')
  }
}
