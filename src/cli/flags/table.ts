// The shape of the flag table. Everything that knows flags (parsing, help, manual pages, tests) is read off the rows.

import type { UsageError } from '../../errors.js'
import type { PropertiesOf, Qos, Version } from '../../packet/index.js'
import type { Format, ImportKind, SchemeName } from '../../passwd/index.js'
import type { Type } from './values.js'

export type Program = 'mqtt-pub' | 'mqtt-sub' | 'mqtt-rr' | 'mqtt-passwd'

/** Where the payload comes from. */
export type Source =
  | { kind: 'message'; text: string }
  | { kind: 'null' }
  | { kind: 'file'; path: string }
  | { kind: 'stdin' }
  | { kind: 'lines' }

/** Packets that -D can give properties to; `will` is the message inside CONNECT. */
export const COMMANDS = ['connect', 'publish', 'subscribe', 'unsubscribe', 'disconnect', 'will'] as const
export type Command = (typeof COMMANDS)[number]
export type GivenProperties = { [C in Command]?: PropertiesOf<C> }

/** What the command line says, checked word by word; nothing is looked up or read yet. */
export interface Given {
  host?: string
  port?: number
  bind?: string
  srv?: true
  ws?: true
  wsPath?: string
  wsHeaders?: Readonly<Record<string, readonly string[]>>
  /** A URL, or `env`. */
  proxy?: string
  /** With --explain: the environment variable that named the proxy, or excepted the broker from it. */
  proxyVariable?: string
  nodelay?: true
  userName?: string
  password?: string
  passwordFile?: string
  passwordCommand?: string
  clientId?: string
  clientIdPrefix?: string
  keepAliveSeconds?: number
  connectTimeoutSeconds?: number
  /** Infinity: for ever. */
  retryConnectSeconds?: number
  reconnectDelaySeconds?: readonly [min: number, max: number]
  maxReconnects?: number
  keepSession?: true
  /** Seconds, 0xffffffff for ever. */
  sessionExpiry?: number
  version?: Version
  maxInFlight?: number
  retryIntervalSeconds?: number
  ackTimeoutSeconds?: number
  properties?: GivenProperties
  /** The URL switched TLS on. */
  urlTls?: true
  cafile?: string
  capath?: string
  cert?: string
  key?: string
  keyPassphraseFile?: string
  keyform?: 'pem' | 'engine'
  ciphers?: string
  tlsVersion?: 'TLSv1.2' | 'TLSv1.3'
  tlsAlpn?: string
  tlsKeylog?: string
  tlsEngine?: string
  tlsEngineKeyPass?: string
  osCerts?: true
  nodeCerts?: true
  psk?: Buffer
  pskIdentity?: string
  insecure?: true
  noTls?: true
  /** A value that is wrong, unless --no-tls makes it idle. */
  tlsFault?: UsageError
  willTopic?: string
  willPayload?: string
  willQos?: Qos
  willRetain?: true
  debug?: true
  explain?: true
  quiet?: true
  qos?: Qos
  retain?: true
  topics?: string[]
  responseTopic?: string
  source?: Source
  repeat?: number
  repeatDelaySeconds?: number
  /** A file descriptor or the name of a file. */
  receipts?: number | string
  progress?: true
  filterOut?: string[]
  unsubscribe?: string[]
  count?: number
  timeoutSeconds?: number
  exitOnSuback?: true
  verbose?: true
  noEol?: true
  noRetained?: true
  noLocal?: true
  retainedOnly?: true
  removeRetained?: true
  retainAsPublished?: true
  retainHandling?: 0 | 1 | 2
  randomFilter?: number
  messageRate?: true
  watch?: true
  latency?: true
  pretty?: true
  format?: string
  optionsFile?: string
  profile?: string
  spool?: string
  flush?: true
  spoolStatus?: true
  spoolSync?: 'each' | 'batch' | 'none'
  spoolMaxBytes?: number
  spoolMaxAgeSeconds?: number
  spoolFull?: 'pause' | 'drop-oldest'
  onSessionLoss?: 'report' | 'republish'
  completion?: Shell
  help?: true
  showVersion?: true
  /** What stands behind the options, where a program takes such words. */
  words?: string[]
  passwd?: GivenPasswd
  /** A secret is among what was given. */
  holdsSecret?: true
}

/** The options of mqtt-passwd alone. */
export interface GivenPasswd {
  batch?: true
  create?: true
  delete?: true
  hashPlain?: true
  verify?: string
  list?: true
  import?: ImportKind
  generate?: true
  ifChanged?: true
  hash?: SchemeName
  iterations?: number
  cost?: number
  format?: Format
  lockTimeoutSeconds?: number
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export const GROUPS = {
  message: 'Message',
  subscription: 'Subscription',
  output: 'Output',
  connection: 'Connection',
  session: 'Session and delivery',
  spool: 'Spool',
  tls: 'TLS',
  will: 'Will',
  mode: 'What to do',
  password: 'Where the password comes from',
  hash: 'Hashes and formats',
  file: 'The file',
  general: 'General',
} as const

/** What an occurrence of a flag does to `Given`. */
export interface Takes {
  type?: Type<unknown>
  /** Repeating adds up instead of overriding. */
  many?: true
  /** Only one of these may be given; one on the command line takes the place of one in the environment. */
  alternative?: 'source' | 'identifier'
  /** With --no-tls nobody minds a value that is wrong. */
  idleWithoutTls?: true
  set(given: Given, text: string): void
}

export interface Flag {
  /** Without dashes. Each flag has at least one of the two. */
  long?: string
  short?: string
  /** Name of the value in help and manual; absent: the flag takes none. */
  value?: string
  /** The value may be left out, and stands in the same word behind `=`. */
  joined?: true
  /** Environment variable; default MQTT_ and the long name. Flags without a long name must have it. */
  env?: string | null
  /**
   * Its value is a secret, or may hold one, and a function tells whether what was given does. Such a value is never
   * repeated, nor left where ps shows it.
   */
  secret?: true | ((given: Given) => boolean)
  group: keyof typeof GROUPS
  on: readonly Program[]
  /** One line for `--help`. */
  brief: string
  /** The paragraph of the manual page, in plain sentences. */
  detail: string
  takes: Takes
}

/** The programs that talk to a broker. */
export const ALL: readonly Program[] = ['mqtt-pub', 'mqtt-sub', 'mqtt-rr']
export const EVERY: readonly Program[] = [...ALL, 'mqtt-passwd']

/** Sets one field; the last occurrence wins. */
export function value<K extends keyof Given>(field: K, type: Type<Given[K]>): Takes {
  return {
    type,
    set: (given, text) => {
      given[field] = type.read(text)
    },
  }
}

type Switch = { [K in keyof Given]-?: true extends Given[K] ? K : never }[keyof Given]

/** A flag without value. */
export function on(field: Switch): Takes {
  return {
    set: (given) => {
      ;(given as Record<Switch, true>)[field] = true
    },
  }
}

/** A password from one place, which the last occurrence names. */
export function setPassword(
  given: Given,
  from: Pick<Given, 'password' | 'passwordFile' | 'passwordCommand'>,
): void {
  for (const field of ['password', 'passwordFile', 'passwordCommand'] as const) delete given[field]
  Object.assign(given, from)
}

/** Adds to a list. */
export function list(field: 'topics' | 'filterOut' | 'unsubscribe', type: Type<string>): Takes {
  return {
    type,
    many: true,
    set: (given, text) => {
      given[field] = [...(given[field] ?? []), type.read(text)]
    },
  }
}

/** Name of the environment variable, or undefined where there is none. */
export function envName({ env, long }: Flag): string | undefined {
  if (env === null) return undefined
  return env ?? `MQTT_${long?.toUpperCase().replaceAll('-', '_')}`
}

/** `-q` and `--qos` */
export function spellings({ short, long }: Flag): string[] {
  return [...(short === undefined ? [] : [`-${short}`]), ...(long === undefined ? [] : [`--${long}`])]
}

/** `-q, --qos` */
export function spelling(flag: Flag): string {
  return spellings(flag).join(', ')
}

/** The value as it follows the name in help and manual: ` SECONDS`, or `[=SECONDS]` where it may be left out. */
export function valuePart({ value, joined }: Flag, mark: (name: string) => string = (name) => name): string {
  if (value === undefined) return ''
  return joined ? `[=${mark(value)}]` : ` ${mark(value)}`
}

/** The shortest spelling, as users type it. */
export function word({ short, long }: Flag): string {
  return short === undefined ? `--${long}` : `-${short}`
}
