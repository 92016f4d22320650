// All flags, in the order of help and manual.

import { CONNECTION_FLAGS } from './connection.js'
import { CREDENTIAL_FLAGS } from './credentials.js'
import { MESSAGE_FLAGS } from './message.js'
import { OUTPUT_FLAGS } from './output.js'
import { PASSWD_FLAGS } from './passwd.js'
import { RECONNECT_FLAGS } from './reconnect.js'
import { REPORT_FLAGS } from './report.js'
import { SPOOL_FLAGS } from './spool.js'
import { SUBSCRIPTION_FLAGS } from './subscription.js'
import type { Flag, Program } from './table.js'
import { TLS_FLAGS } from './tls.js'

export const FLAGS: readonly Flag[] = [
  ...PASSWD_FLAGS,
  ...MESSAGE_FLAGS,
  ...SUBSCRIPTION_FLAGS,
  ...OUTPUT_FLAGS,
  ...REPORT_FLAGS,
  ...CREDENTIAL_FLAGS,
  ...CONNECTION_FLAGS,
  ...RECONNECT_FLAGS,
  ...SPOOL_FLAGS,
  ...TLS_FLAGS,
]

/** The one that `word` spells, among these; a list of all spellings would be longer to make than to do without. */
export function flagNamed(flags: readonly Flag[], word: string): Flag | undefined {
  const name = word.startsWith('--') ? word.slice(2) : word.slice(1)
  if (!word.startsWith('-') || name === '') return undefined
  return flags.find(({ long, short }) => (word.startsWith('--') ? long : short) === name)
}

export function flagsOf(program: Program): readonly Flag[] {
  return FLAGS.filter(({ on }) => on.includes(program))
}
