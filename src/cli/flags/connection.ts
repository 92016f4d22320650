// Flags that say whom to connect to, as whom, and how. All programs share them.

import { UsageError } from '../../errors.js'
import { setProperty } from './property.js'
import { ALL, EVERY, type Flag, on, SHELLS, type Shell, value } from './table.js'
import { setUrl } from './url.js'
import { FILE, FILTER, int, oneOf, PLAIN, printable, TEXT, TOPIC, wholeNumber } from './values.js'
import { WAY_FLAGS } from './ways.js'

const VERSIONS = { mqttv5: 5, mqttv311: 4, mqttv31: 3, 5: 5, 311: 4, 31: 3 } as const
const MANY = Number.MAX_SAFE_INTEGER
const NEVER_EXPIRES = 0xffff_ffff

const URL_DETAIL =
  'The scheme is mqtt, mqtts (TLS, port 8883), ws (WebSocket, port 80) or wss (both, port 443). User name and password are percent-decoded, an IPv6 address stands in brackets, and the topic, which may be left out where -t gives one, is taken as it is. Other options before it are overridden, later ones override it.'

export const CONNECTION_FLAGS: readonly Flag[] = [
  {
    long: 'host',
    short: 'h',
    value: 'HOST',
    group: 'connection',
    on: ALL,
    brief: 'Broker to connect to (default localhost)',
    detail: 'A name, an IPv4 address or an IPv6 address without brackets. All addresses of a name are tried.',
    takes: value('host', TEXT),
  },
  {
    long: 'port',
    short: 'p',
    value: 'PORT',
    group: 'connection',
    on: ALL,
    brief: 'Port of the broker (default 1883, with TLS 8883)',
    detail: 'Port 8883 turns TLS on. With port 0 the host is the path of a unix socket.',
    takes: value('port', int(0, 65_535)),
  },
  {
    long: 'url',
    short: 'L',
    value: 'URL',
    secret: ({ password }) => password !== undefined,
    group: 'connection',
    on: ['mqtt-pub', 'mqtt-rr'],
    brief: 'Broker and topic in one: mqtt://USER:PW@HOST:PORT/TOPIC',
    detail: URL_DETAIL,
    takes: { type: TEXT, set: (given, text) => setUrl(given, text, TOPIC) },
  },
  {
    long: 'url',
    short: 'L',
    value: 'URL',
    secret: ({ password }) => password !== undefined,
    group: 'connection',
    on: ['mqtt-sub'],
    brief: 'Broker and filter in one: mqtt://USER:PW@HOST:PORT/FILTER',
    detail: URL_DETAIL,
    takes: { type: TEXT, set: (given, text) => setUrl(given, text, FILTER) },
  },
  ...WAY_FLAGS,
  {
    long: 'keepalive',
    short: 'k',
    value: 'SECONDS',
    group: 'connection',
    on: ALL,
    brief: 'Ping the broker after SECONDS of silence (default 60)',
    detail:
      'When a ping is not answered within the same time, the connection counts as lost. Also limits the time for connecting, where it is below 30 seconds.',
    takes: value('keepAliveSeconds', int(5, 65_535)),
  },
  {
    long: 'protocol-version',
    short: 'V',
    value: 'VERSION',
    group: 'connection',
    on: ALL,
    brief: 'mqttv5, mqttv311 or mqttv31; also 5, 311, 31',
    detail:
      'MQTT 3.1 uses protocol name MQIsdp and level 3, MQTT 3.1.1 uses MQTT and level 4, MQTT 5.0 uses MQTT and level 5. The default is mqttv311, for mqtt-rr mqttv5.',
    takes: value('version', oneOf(VERSIONS)),
  },
  {
    long: 'property',
    short: 'D',
    value: 'COMMAND PROPERTY VALUE',
    secret: ({ properties }) => properties?.connect?.authenticationData !== undefined,
    group: 'connection',
    on: ALL,
    brief: 'An MQTT 5 property of a packet; may be repeated',
    detail:
      'COMMAND is connect, publish, subscribe, unsubscribe, disconnect or will. A user-property has a name and a value, four words in all. Switches to MQTT 5. See PROPERTIES.',
    takes: { type: TEXT, many: true, set: setProperty },
  },
  {
    long: 'disable-clean-session',
    short: 'c',
    group: 'session',
    on: ALL,
    brief: 'Keep the session at the broker; needs -i',
    detail:
      'The broker keeps subscriptions and undelivered messages of the client identifier after the connection ends, and the next run with -c and the same identifier takes them up. In MQTT 5 the session never expires, unless -x says when. In MQTT 3.1 and 3.1.1 only a kept session can deliver QoS 2 messages exactly once across a lost connection.',
    takes: on('keepSession'),
  },
  {
    short: 'x',
    value: 'SECONDS',
    env: 'MQTT_SESSION_EXPIRY',
    group: 'session',
    on: ALL,
    brief: 'Keep the session for SECONDS; switches to MQTT 5',
    detail: 'The session expiry interval. -1 and the infinity sign mean for ever, which needs -i.',
    takes: {
      type: { ...TEXT, range: () => '-1 to 4294967295' },
      set: (given, text) => {
        given.sessionExpiry = expiry(text)
        given.version = 5
      },
    },
  },
  {
    short: 'M',
    value: 'COUNT',
    env: 'MQTT_MAX_INFLIGHT',
    group: 'session',
    on: ALL,
    brief: 'QoS 1 and 2 messages in flight (default 20; mqtt-pub at QoS 1: 1000)',
    detail:
      'Messages sent and not yet acknowledged in full, up to 65535; a greater number means the default. An MQTT 5 broker may allow fewer, by its Receive Maximum; more than -M are never sent. The default of mqtt-pub is large enough for round trips not to limit it on a slow network, and more than it made neither mosquitto nor NATS much faster; at QoS 2 it is smaller, because brokers limit the unreleased messages of a client, and before MQTT 5 end its connection without a word (mosquitto 2.0.11 with max_queued_messages 0, at more than its max_inflight_messages, 20 by default). Give more where the broker allows it. mqtt-sub and mqtt-rr, which send few, have 20.',
    takes: {
      type: int(1, MANY),
      set: (given, text) => {
        const count = wholeNumber(text, 1, MANY)
        if (count <= 65_535) given.maxInFlight = count
      },
    },
  },
  {
    long: 'retry-interval',
    value: 'SECONDS',
    group: 'session',
    on: ALL,
    brief: 'MQTT 3.x: resend what is unacknowledged after SECONDS (default 20)',
    detail:
      'Unacknowledged QoS 1 and 2 packets are sent again with DUP set, at growing intervals until they are acknowledged, counted from the moment the packet had left. 0 means never. MQTT 5 forbids it, so there the option is an error. Lost connections are another matter: what is unacknowledged is sent again after every reconnect.',
    takes: value('retryIntervalSeconds', int(0, 2_000_000)),
  },
  {
    long: 'ack-timeout',
    value: 'SECONDS',
    group: 'session',
    on: ALL,
    brief: 'Give up when nothing is acknowledged for SECONDS (default 120)',
    detail:
      'Limit for a broker that stays connected and acknowledges none of the messages in flight. The program then says how many are not confirmed and exits with 19. 0 waits for ever.',
    takes: value('ackTimeoutSeconds', int(0, 2_000_000)),
  },
  {
    long: 'options-file',
    short: 'o',
    value: 'FILE',
    env: null,
    group: 'general',
    on: ALL,
    brief: 'Read options from FILE',
    detail: 'Instead of the default file, see OPTIONS FILES. Only once, and only on the command line.',
    takes: {
      type: FILE,
      set: (given, text) => {
        if (given.optionsFile !== undefined) throw new UsageError('is possible only once')
        given.optionsFile = text
      },
    },
  },
  {
    long: 'profile',
    value: 'NAME',
    env: 'MQTT_PROFILE',
    group: 'general',
    on: ALL,
    brief: 'Read options from the profile NAME too',
    detail:
      'A profile is an options file named NAME in the folder mqtt-tools beside the default options file. It is read after that file, so its options win.',
    takes: {
      type: PLAIN,
      set: (given, text) => {
        if (!/^[^/\\\0]+$/.test(text) || text.startsWith('.')) {
          throw new UsageError(`'${printable(text)}': a profile is named by a file name without a folder`)
        }
        given.profile = text
      },
    },
  },
  {
    long: 'debug',
    short: 'd',
    group: 'general',
    on: ALL,
    brief: 'Show every packet sent and received, on stderr',
    detail:
      'One line for each packet with the fields that a packet dissector shows. Passwords are never shown.',
    takes: on('debug'),
  },
  {
    long: 'explain',
    group: 'general',
    on: ALL,
    brief: 'Tell each stage of connecting, with times, on stderr',
    detail: 'One line each, see EXPLAIN. Passwords and other secrets are never shown.',
    takes: on('explain'),
  },
  {
    long: 'quiet',
    group: 'general',
    on: ALL,
    brief: 'No errors or warnings at run time',
    detail: 'Errors in the command line are still told, and the exit status does not change.',
    takes: on('quiet'),
  },
  {
    long: 'completion',
    value: 'SHELL',
    env: null,
    group: 'general',
    on: EVERY,
    brief: 'Print a completion script for bash, zsh or fish and exit',
    detail: 'See COMPLETION.',
    takes: value('completion', oneOf<Shell>(Object.fromEntries(SHELLS.map((shell) => [shell, shell])))),
  },
  {
    long: 'help',
    env: null,
    group: 'general',
    on: EVERY,
    brief: 'Show this help and exit',
    detail: 'Exits with status 0.',
    takes: on('help'),
  },
  {
    long: 'version',
    env: null,
    group: 'general',
    on: EVERY,
    brief: 'Show the version and exit',
    detail: 'Exits with status 0.',
    takes: on('showVersion'),
  },
]

function expiry(text: string): number {
  if (text === '∞') return NEVER_EXPIRES
  const [, sign, digits = ''] = /^\s*([+-]?)(0x[0-9a-f]+|\d+)$/i.exec(text) ?? []
  // The bases of C: 0x is hexadecimal and a leading 0 octal.
  const octal = /^0[0-7]+$/.test(digits)
  const number = octal ? Number.parseInt(digits, 8) : /^0\d|^$/.test(digits) ? Number.NaN : Number(digits)
  const value = sign === '-' ? -number : number
  if (value === -1) return NEVER_EXPIRES
  if (value >= 0 && value <= NEVER_EXPIRES) return value
  throw new UsageError(`'${printable(text)}': expected -1, ∞ or a whole number from 0 to ${NEVER_EXPIRES}`)
}
