// Flags about what is published.

import { UsageError } from '../../errors.js'
import { type Flag, type Given, on, type Source, type Takes, value } from './table.js'
import { decimal, FILE, int, QOS, TEXT, TOPIC, type Type } from './values.js'

const MANY = Number.MAX_SAFE_INTEGER

function setSource(given: Given, source: Source): void {
  if (given.source !== undefined) {
    throw new UsageError('is a second source of messages: only one of -f, -l, -m, -n and -s is possible')
  }
  given.source = source
}

function source(make: (text: string) => Source, type?: Type<string>): Takes {
  return { ...(type && { type }), alternative: 'source', set: (given, text) => setSource(given, make(text)) }
}

const TOPIC_FLAG: Takes = {
  type: TOPIC,
  set: (given, text) => {
    given.topics = [TOPIC.read(text)]
  },
}

export const MESSAGE_FLAGS: readonly Flag[] = [
  {
    long: 'topic',
    short: 't',
    value: 'TOPIC',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Topic to publish to',
    detail: 'Required, unless -L has one. From 1 to 65535 bytes, without the wildcards + and #.',
    takes: TOPIC_FLAG,
  },
  {
    long: 'topic',
    short: 't',
    value: 'TOPIC',
    group: 'message',
    on: ['mqtt-rr'],
    brief: 'Topic to publish the request to',
    detail: 'Required, unless -L has one. From 1 to 65535 bytes, without the wildcards + and #.',
    takes: TOPIC_FLAG,
  },
  {
    short: 'e',
    value: 'TOPIC',
    env: 'MQTT_RESPONSE_TOPIC',
    group: 'message',
    on: ['mqtt-rr'],
    brief: 'Topic on which the response comes',
    detail:
      'Subscribed to before the request is sent, and in MQTT 5 named in the request as its Response Topic. Without it, one is made up for this request: mqtt-rr/ and random characters.',
    takes: value('responseTopic', TOPIC),
  },
  {
    long: 'message',
    short: 'm',
    value: 'TEXT',
    group: 'message',
    on: ['mqtt-pub', 'mqtt-rr'],
    brief: 'Publish TEXT',
    detail: 'The bytes of TEXT as the shell passed them; they may be none.',
    takes: source((text) => ({ kind: 'message', text }), TEXT),
  },
  {
    long: 'null-message',
    short: 'n',
    group: 'message',
    on: ['mqtt-pub', 'mqtt-rr'],
    brief: 'Publish a message without payload',
    detail: 'With -r it removes the retained message of the topic.',
    takes: source(() => ({ kind: 'null' })),
  },
  {
    long: 'file',
    short: 'f',
    value: 'FILE',
    group: 'message',
    on: ['mqtt-pub', 'mqtt-rr'],
    brief: 'Publish the content of FILE as one message',
    detail:
      'Byte for byte, read once to its end. Anything readable but a folder will do, pipes included; - is standard input.',
    takes: source((text) => ({ kind: 'file', path: text }), FILE),
  },
  {
    long: 'stdin-file',
    short: 's',
    group: 'message',
    on: ['mqtt-pub', 'mqtt-rr'],
    brief: 'Publish all of standard input as one message',
    detail: 'Byte for byte. Input without a single byte is an error.',
    takes: source(() => ({ kind: 'stdin' })),
  },
  {
    long: 'stdin-line',
    short: 'l',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Publish each line of standard input as a message',
    detail:
      'Lines end with LF, which is not sent; every other byte is, NUL, CR and invalid UTF-8 included. A blank line is a message without payload, and the last line needs no LF. Each line is sent as soon as it is complete. Input is read no faster than the broker takes it, and not at all while there is no connection; a lost connection is made again, with growing delays, for as long as it takes. At the end of the input the program waits until every message is confirmed.',
    takes: source(() => ({ kind: 'lines' })),
  },
  {
    long: 'qos',
    short: 'q',
    value: 'QOS',
    group: 'message',
    on: ['mqtt-pub', 'mqtt-rr'],
    brief: 'Quality of service: 0 (default), 1 or 2',
    detail:
      '0 is at most once, 1 at least once, 2 exactly once. Applies to every message, and to the subscription of mqtt-rr.',
    takes: value('qos', QOS),
  },
  {
    long: 'retain',
    short: 'r',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Have the broker retain the message',
    detail: 'New subscribers receive the last retained message of a topic at once.',
    takes: on('retain'),
  },
  {
    long: 'repeat',
    value: 'COUNT',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Publish the message COUNT times',
    detail: 'One after the other, each when the one before is confirmed. Not with -l.',
    takes: value('repeat', int(1, MANY)),
  },
  {
    long: 'repeat-delay',
    value: 'SECONDS',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Wait between the repeated messages',
    detail: 'Counted from the confirmation of one message to the sending of the next.',
    takes: value('repeatDelaySeconds', decimal(0, MANY)),
  },
  {
    short: 'W',
    value: 'SECONDS',
    env: 'MQTT_TIMEOUT',
    group: 'session',
    on: ['mqtt-pub', 'mqtt-sub', 'mqtt-rr'],
    brief: 'Exit after SECONDS with status 27',
    detail:
      'Counted from the start of the program and covering everything, connecting too. For mqtt-pub it is the time within which everything has to be confirmed.',
    takes: value('timeoutSeconds', decimal(0.001, 2_000_000)),
  },
]
