// The shape of the flag table. Everything that knows flags (parsing, help, manual pages, tests) is read off the rows.

import { UsageError } from '../../errors.js'
import { filterFault, type Qos, stringFault, topicFault, type Version } from '../../packet/index.js'

export type Program = 'mqtt-pub' | 'mqtt-sub'

/** Where the payload comes from. */
export type Source =
  | { kind: 'message'; text: string }
  | { kind: 'null' }
  | { kind: 'file'; path: string }
  | { kind: 'stdin' }
  | { kind: 'lines' }

/** What the command line says, checked word by word; nothing is looked up or read yet. */
export interface Given {
  host?: string
  port?: number
  userName?: string
  password?: string
  clientId?: string
  clientIdPrefix?: string
  keepAliveSeconds?: number
  keepSession?: true
  version?: Version
  maxInFlight?: number
  retryIntervalSeconds?: number
  ackTimeoutSeconds?: number
  cafile?: string
  capath?: string
  cert?: string
  key?: string
  insecure?: true
  willTopic?: string
  willPayload?: string
  willQos?: Qos
  willRetain?: true
  debug?: true
  quiet?: true
  qos?: Qos
  retain?: true
  topics?: string[]
  source?: Source
  filterOut?: string[]
  unsubscribe?: string[]
  count?: number
  timeoutSeconds?: number
  exitOnSuback?: true
  verbose?: true
  noEol?: true
  noRetained?: true
  format?: string
  help?: true
  showVersion?: true
}

export const GROUPS = {
  message: 'Message',
  subscription: 'Subscription',
  output: 'Output',
  connection: 'Connection',
  session: 'Session and delivery',
  tls: 'TLS',
  will: 'Will',
  general: 'General',
} as const

export interface Flag {
  /** Without dashes. Each flag has at least one of the two. */
  long?: string
  short?: string
  /** Name of the value in help and manual; absent: the flag takes none. */
  value?: string
  group: keyof typeof GROUPS
  on: readonly Program[]
  /** One line for `--help`. */
  brief: string
  /** The paragraph of the manual page, in plain sentences. */
  detail: string
  /** Notes one occurrence. Throws UsageError naming the value; the flag is named by the caller. */
  set(given: Given, text: string, program: Program): void
}

export const BOTH: readonly Program[] = ['mqtt-pub', 'mqtt-sub']

/** `-q, --qos` */
export function spelling({ short, long }: Flag): string {
  return [short && `-${short}`, long && `--${long}`].filter(Boolean).join(', ')
}

/** The shortest spelling, as users type it. */
export function word({ short, long }: Flag): string {
  return short === undefined ? `--${long}` : `-${short}`
}

export function wholeNumber(text: string, min: number, max: number): number {
  const value = /^\s*[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new UsageError(`'${text}': expected a whole number from ${min} to ${max}`)
}

export function qosValue(text: string): Qos {
  return wholeNumber(text, 0, 2) as Qos
}

export function oneOf<T>(text: string, values: Readonly<Record<string, T>>): T {
  if (Object.hasOwn(values, text)) return values[text] as T
  throw new UsageError(`'${text}': expected one of ${Object.keys(values).join(', ')}`)
}

/** Text that brokers take: well-formed, without control and non-characters (cli-contract, "utf8"). */
export function plainText(text: string): string {
  const fault = stringFault(text) ?? (isPlain(text) ? undefined : 'holds a control or non-character')
  if (fault !== undefined) throw new UsageError(`'${printable(text)}' ${fault}`)
  return text
}

export function topicName(text: string): string {
  return checkedTopic(text, topicFault(text))
}

export function topicFilter(text: string): string {
  return checkedTopic(text, filterFault(text))
}

function checkedTopic(text: string, fault: string | undefined): string {
  const deep = text.split('/').length > 201 ? 'has more than 200 levels' : undefined
  if (fault !== undefined || deep !== undefined) throw new UsageError(`'${printable(text)}' ${fault ?? deep}`)
  return plainText(text)
}

function isPlain(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) as number
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false
    if ((code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe) return false
  }
  return true
}

/** For error lines: control characters made visible, and not longer than a line. */
export function printable(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 80)}...` : text
  return shown.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
