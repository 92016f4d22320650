// A message as one line of JSON, with the keys and the order of mosquitto's %j.

import type { Message } from '../client/index.js'

const TEXT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Local time as `YYYY-MM-DDThh:mm:ss.uuuuuu±hhmm`. */
export function timestamp(time: Date): string {
  const pad = (value: number, width = 2): string => String(value).padStart(width, '0')
  const date = `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}`
  const clock = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`
  const zone = -time.getTimezoneOffset()
  const offset = `${zone < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(zone) / 60))}${pad(Math.abs(zone) % 60)}`
  return `${date}T${clock}.${pad(time.getMilliseconds() * 1000, 6)}${offset}`
}

const NAMES: Record<string, string> = {
  payloadFormatIndicator: 'payload-format-indicator',
  messageExpiryInterval: 'message-expiry-interval',
  contentType: 'content-type',
  responseTopic: 'response-topic',
  correlationData: 'correlation-data',
  subscriptionIdentifiers: 'subscription-identifier',
  topicAlias: 'topic-alias',
  userProperties: 'user-properties',
}

function jsonProperties(properties: Message['properties']): Record<string, unknown> | undefined {
  const entries = Object.entries(properties).map(([name, value]): [string, unknown] => {
    if (name === 'userProperties') {
      return ['user-properties', (value as [string, string][]).map(([key, text]) => ({ [key]: text }))]
    }
    if (name === 'subscriptionIdentifiers') {
      const list = value as number[]
      return ['subscription-identifier', list.length === 1 ? list[0] : list]
    }
    return [NAMES[name] ?? name, value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value]
  })
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/**
 * `payload` is a string. Where the bytes are not UTF-8, it has U+FFFD for what is not, and `payload_base64` carries
 * the bytes without loss. A message without payload has null.
 */
export function jsonLine(message: Message, time: Date): string {
  const { topic, qos, retain, payload, packetId } = message
  let text: string
  let base64: string | undefined
  try {
    text = TEXT.decode(payload)
  } catch {
    text = payload.toString('utf8')
    base64 = payload.toString('base64')
  }
  const properties = jsonProperties(message.properties)
  return JSON.stringify({
    tst: timestamp(time),
    topic,
    qos,
    retain,
    payloadlen: payload.length,
    ...(qos > 0 && { mid: packetId }),
    ...(properties && { properties }),
    payload: payload.length === 0 ? null : text,
    ...(base64 !== undefined && { payload_base64: base64 }),
  })
}
