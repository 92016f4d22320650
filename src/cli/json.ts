// A message as one JSON object, with the keys and the order of mosquitto's %j.

import { isUtf8 } from 'node:buffer'
import type { Message } from '../client/index.js'
import { NONE } from '../packet/index.js'
import { escapeText } from './json-escape.js'
import { reprint } from './json-reprint.js'
import { civil, type Moment } from './moment.js'
import type { Out } from './out.js'

/** What stands between the tokens: a line end and tabs for each depth, and the rest. */
interface Layout {
  end: string
  one: string
  two: string
  three: string
  four: string
  colon: string
  /** Between the elements of an array, which stay on their line but are a depth of their own. */
  comma: string
}

const COMPACT: Layout = { end: '', one: '', two: '', three: '', four: '', colon: ':', comma: ',' }
const PRETTY: Layout = {
  end: '\n',
  one: '\n\t',
  two: '\n\t\t',
  three: '\n\t\t\t',
  four: '\n\t\t\t\t',
  colon: ':\t',
  comma: ', ',
}

const NAMES: Readonly<Record<string, string>> = {
  payloadFormatIndicator: 'payload-format-indicator',
  messageExpiryInterval: 'message-expiry-interval',
  contentType: 'content-type',
  responseTopic: 'response-topic',
  correlationData: 'correlation-data',
  subscriptionIdentifiers: 'subscription-identifier',
  topicAlias: 'topic-alias',
  userProperties: 'user-properties',
}

/**
 * Puts the object into `out`. With `parse` the payload is a JSON value, and ReprintError is thrown, before anything is
 * put there, where it cannot be printed as one. Else it is a string: U+FFFD stands for what is not UTF-8, and `payload_base64`
 * carries the bytes without loss. A message without payload has null in both.
 */
export function putJson(
  message: Message,
  at: Moment,
  { parse, pretty }: { parse: boolean; pretty: boolean },
  out: Out,
): void {
  const { payload } = message
  const layout = pretty ? PRETTY : COMPACT
  const { one, colon, end } = layout
  if (payload.length === 0) {
    putHead(message, at, layout, out)
    out.text('null')
  } else if (parse) {
    const parsed = reprint(payload, pretty, 1)
    putHead(message, at, layout, out)
    out.bytes(parsed)
  } else {
    const valid = isUtf8(payload)
    putHead(message, at, layout, out)
    out.text('"')
    // Encoded again, toString has U+FFFD for what is not UTF-8.
    out.bytes(escapeText(valid ? payload : Buffer.from(payload.toString())))
    out.text('"')
    if (!valid) out.text(`,${one}"payload_base64"${colon}"${payload.toString('base64')}"`)
  }
  out.text(`${end}}`)
}

/** What stands before and behind the microseconds in the head of a message, and of which messages. */
interface Head {
  seconds: number
  topic: string
  retain: boolean
  length: number
  layout: Layout
  before: Buffer
  behind: Buffer
}

let latest: Head | undefined

/** All up to the value of the payload. In a stream most of it stays the same, so the last one is kept. */
function putHead(message: Message, { seconds, nanoseconds }: Moment, layout: Layout, out: Out): void {
  const { topic, qos, retain, payload, properties } = message
  const isPlain = qos === 0 && properties === NONE
  const fits =
    isPlain &&
    latest?.seconds === seconds &&
    latest.topic === topic &&
    latest.retain === retain &&
    latest.length === payload.length &&
    latest.layout === layout
  const head = fits ? (latest as Head) : headOf(message, seconds, layout)
  if (isPlain) latest = head
  out.bytes(head.before)
  const microseconds = Math.floor(nanoseconds / 1_000)
  for (let unit = 100_000; unit >= 1; unit /= 10) out.byte(0x30 + (Math.floor(microseconds / unit) % 10))
  out.bytes(head.behind)
}

function headOf(message: Message, seconds: number, layout: Layout): Head {
  const { topic, qos, retain, payload, packetId, properties } = message
  const { one, colon } = layout
  const { iso, zone } = civil(seconds)
  let text = `${zone}",${one}"topic"${colon}${JSON.stringify(topic)}`
  text += `,${one}"qos"${colon}${qos},${one}"retain"${colon}${retain}`
  text += `,${one}"payloadlen"${colon}${payload.length}`
  if (qos > 0) text += `,${one}"mid"${colon}${packetId}`
  const listed = propertyMembers(properties, layout)
  if (listed !== '') text += `,${one}"properties"${colon}{${listed}${one}}`
  text += `,${one}"payload"${colon}`
  const before = Buffer.from(`{${one}"tst"${colon}"${iso}.`)
  return { seconds, topic, retain, length: payload.length, layout, before, behind: Buffer.from(text) }
}

function propertyMembers(properties: Message['properties'], layout: Layout): string {
  const { two, colon, comma } = layout
  let text = ''
  for (const [property, value] of Object.entries(properties)) {
    const name = NAMES[property] ?? property
    text += `${text === '' ? '' : ','}${two}"${name}"${colon}`
    if (typeof value === 'number') text += value
    else if (typeof value === 'string') text += JSON.stringify(value)
    else if (value instanceof Uint8Array) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      text += JSON.stringify(bytes.toString())
      if (!isUtf8(value)) text += `,${two}"${name}_base64"${colon}"${bytes.toString('base64')}"`
    } else if (property === 'userProperties') {
      text += userProperties(value as NonNullable<Message['properties']['userProperties']>, layout)
    } else {
      const numbers = (value as readonly number[]).join(comma)
      text += (value as readonly number[]).length === 1 ? numbers : `[${numbers}]`
    }
  }
  return text
}

function userProperties(
  pairs: NonNullable<Message['properties']['userProperties']>,
  { three, four, colon, comma }: Layout,
): string {
  const objects = pairs.map(
    ([name, value]) => `{${four}${JSON.stringify(name)}${colon}${JSON.stringify(value)}${three}}`,
  )
  return `[${objects.join(comma)}]`
}
