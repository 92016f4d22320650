// Flags of the spool, messages that wait on disk.

import { UsageError } from '../../errors.js'
import { type Flag, type Given, on, value } from './table.js'
import { decimal, FOLDER, oneOf, printable, type Type } from './values.js'

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }

const SIZE: Type<number> = {
  range: () => 'at least 1; K, M or G behind it stands for KiB, MiB or GiB',
  read: (text) => {
    const [, digits = '', unit = ''] = /^(\d+)([KMG]?)$/i.exec(text) ?? []
    const bytes = digits === '' ? 0 : Number(digits) * (UNITS[unit.toUpperCase()] as number)
    if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes
    throw new UsageError(`'${printable(text)}': expected a number of bytes, such as 500000, 64M or 2G`)
  },
}

export const SPOOL_FLAGS: readonly Flag[] = [
  {
    long: 'spool',
    value: 'DIR',
    group: 'spool',
    on: ['mqtt-pub'],
    brief: 'Keep messages in DIR until the broker has them',
    detail:
      'Each message is on disk before it counts as read, and is removed when the broker owns it. What a crash, a reboot or a dead network leaves is sent by the next run with the same DIR. DIR is made where it does not exist, for its owner alone; one process at a time can use it. See SPOOL.',
    takes: value('spool', FOLDER),
  },
  {
    long: 'flush',
    env: null,
    group: 'spool',
    on: ['mqtt-pub'],
    brief: 'Send what waits in the spool, and nothing else',
    detail: 'Needs --spool, and neither a topic nor a message.',
    takes: on('flush'),
  },
  {
    long: 'spool-status',
    env: null,
    group: 'spool',
    on: ['mqtt-pub'],
    brief: 'Print what waits in the spool and exit',
    detail:
      'Prints the number of messages, their bytes, the age of the oldest, the client identifier, and how many messages were ever taken. Nothing is connected to.',
    takes: on('spoolStatus'),
  },
  {
    long: 'spool-sync',
    value: 'WHEN',
    group: 'spool',
    on: ['mqtt-pub'],
    brief: 'Wait for the disk: each, batch (default) or none',
    detail:
      'What a power failure may take. each: nothing but the line that is just being stored, as every line has its own fsync. batch: the lines that are just being stored; up to 1000 that were read together share an fsync. none: whatever the operating system had not written yet, half a minute or so, and then QoS 2 messages may arrive twice. Even so a killed program loses nothing that was taken.',
    takes: value('spoolSync', oneOf({ each: 'each', batch: 'batch', none: 'none' } as const)),
  },
  {
    long: 'spool-max-bytes',
    value: 'SIZE',
    group: 'spool',
    on: ['mqtt-pub'],
    brief: 'Room in the spool (default 1G)',
    detail:
      'Counts payloads, topics and properties, and 24 bytes for each message; the files may be a little larger or, compressed, smaller. Lines that have been read already go in even beyond it.',
    takes: value('spoolMaxBytes', SIZE),
  },
  {
    long: 'spool-max-age',
    value: 'SECONDS',
    group: 'spool',
    on: ['mqtt-pub'],
    brief: 'Remove messages that have waited for SECONDS',
    detail:
      'Those that may have been sent are spared. What is removed is counted and reported, and the exit status is not 0. Without it nothing is ever too old.',
    takes: value('spoolMaxAgeSeconds', decimal(0.001, Number.MAX_SAFE_INTEGER)),
  },
  {
    long: 'spool-full',
    value: 'WHAT',
    group: 'spool',
    on: ['mqtt-pub'],
    brief: 'When the spool is full: pause (default) or drop-oldest',
    detail:
      'pause stops reading until there is room, which is said once. drop-oldest removes what has waited longest, but nothing that may have been sent; what is removed is counted and reported, and the exit status is not 0.',
    takes: value('spoolFull', oneOf({ pause: 'pause', 'drop-oldest': 'drop-oldest' } as const)),
  },
  {
    long: 'on-session-loss',
    value: 'WHAT',
    group: 'session',
    on: ['mqtt-pub'],
    brief: 'When the broker lost the session: report (default) or republish',
    detail:
      'About QoS 2 messages that were sent in a session the broker no longer knows, so that they may have arrived or not. report counts them as not confirmed; a spool keeps them. republish sends them anew, and they may arrive twice. QoS 1 messages are sent anew in any case. MQTT 3.1 and 3.1.1 send again whatever the broker says.',
    takes: value('onSessionLoss', oneOf({ report: 'report', republish: 'republish' } as const)),
  },
]

const DEPENDENT = [
  ['flush', '--flush'],
  ['spoolStatus', '--spool-status'],
  ['spoolSync', '--spool-sync'],
  ['spoolMaxBytes', '--spool-max-bytes'],
  ['spoolMaxAgeSeconds', '--spool-max-age'],
  ['spoolFull', '--spool-full'],
] as const satisfies readonly (readonly [keyof Given, string])[]

/** Checks between the options of the spool. Throws UsageError naming them. */
export function checkSpool(given: Given): void {
  if (given.spool === '') throw new UsageError("--spool '': expected a folder")
  if (given.spool === undefined) {
    const orphan = DEPENDENT.find(([field]) => given[field] !== undefined)
    if (orphan !== undefined) throw new UsageError(`${orphan[1]} needs --spool DIR`)
  }
  if (given.flush && given.source !== undefined) {
    throw new UsageError('--flush sends what waits: it cannot be combined with -f, -l, -m, -n or -s')
  }
}
