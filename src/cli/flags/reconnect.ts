// Flags about attempts to connect: how long, how often and how far apart.

import { UsageError } from '../../errors.js'
import { ALL, type Flag, value } from './table.js'
import { decimal, int, printable } from './values.js'

const LONGEST_SECONDS = 86_400
const SECONDS = decimal(0.1, LONGEST_SECONDS)
const DELAY = decimal(0.01, LONGEST_SECONDS)

export const RECONNECT_FLAGS: readonly Flag[] = [
  {
    long: 'connect-timeout',
    value: 'SECONDS',
    group: 'connection',
    on: ALL,
    brief: 'Limit for an attempt to connect (default 30, at most -k)',
    detail:
      'Covers --password-command, name lookup, TCP, proxy, TLS, WebSocket and CONNACK together; SUBACK has as long again. The error names what did not come in time.',
    takes: value('connectTimeoutSeconds', SECONDS),
  },
  {
    long: 'retry-connect',
    value: 'SECONDS',
    joined: true,
    group: 'connection',
    on: ALL,
    brief: 'Repeat a first connection that fails, for SECONDS in all',
    detail:
      'Without it a first connection that fails ends the program; later ones are another matter, see LOST CONNECTIONS. The number of seconds may be left out, which means for ever; it stands in the same word behind =, and in an options file it may also follow a blank. In the environment 1 means for ever, 0 not at all, and any other number is seconds. The first failure is told, the others with -d or --explain. What would only fail again ends the program at once: bad credentials, TLS that fails, an upgrade that is refused.',
    takes: {
      type: SECONDS,
      set: (given, text) => {
        given.retryConnectSeconds = text === '' ? Number.POSITIVE_INFINITY : SECONDS.read(text)
      },
    },
  },
  {
    long: 'reconnect-delay',
    value: 'RANGE',
    group: 'connection',
    on: ALL,
    brief: 'MIN,MAX seconds between attempts (default 1,30)',
    detail:
      'The delay begins with MIN and doubles up to MAX while attempts fail, or connections are of no use; chance takes off up to half, so that many clients do not come back in the same moment.',
    takes: value('reconnectDelaySeconds', {
      read: delays,
      range: () => `two numbers from 0.01 to ${LONGEST_SECONDS} with a comma between them, fractions allowed`,
    }),
  },
  {
    long: 'max-reconnects',
    value: 'COUNT',
    group: 'connection',
    on: ['mqtt-pub', 'mqtt-sub'],
    brief: 'Give up after COUNT attempts in a row to connect again',
    detail:
      'The program then exits with the status of the last failure. The count begins anew when a connection was of use: something was acknowledged or received, or it lasted for half a minute. 0 means not to connect again. Without it only -W limits how often.',
    takes: value('maxReconnects', int(0, Number.MAX_SAFE_INTEGER)),
  },
]

function delays(text: string): readonly [number, number] {
  const [min = '', max = '', ...more] = text.split(',')
  if (more.length === 0 && max !== '') {
    const range = [DELAY.read(min), DELAY.read(max)] as const
    if (range[0] <= range[1]) return range
  }
  throw new UsageError(`'${printable(text)}': expected MIN,MAX in seconds, MIN not above MAX`)
}
