// Flags about what is published or subscribed to.

import { UsageError } from '../../errors.js'
import { type Flag, type Given, qosValue, type Source, topicFilter, topicName, wholeNumber } from './table.js'

function setSource(given: Given, source: Source): void {
  if (given.source !== undefined) {
    throw new UsageError('is a second source of messages: only one of -f, -l, -m, -n and -s is possible')
  }
  given.source = source
}

export const MESSAGE_FLAGS: readonly Flag[] = [
  {
    long: 'topic',
    short: 't',
    value: 'TOPIC',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Topic to publish to',
    detail: 'Required. From 1 to 65535 bytes, without the wildcards + and #.',
    set: (given, text) => {
      given.topics = [topicName(text)]
    },
  },
  {
    long: 'topic',
    short: 't',
    value: 'FILTER',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Topic or filter to subscribe to; may be repeated',
    detail:
      'A + stands for one level and a # at the end for any number of levels. Quote filters in the shell. At least one -t or -U is required.',
    set: (given, text) => {
      given.topics = [...(given.topics ?? []), topicFilter(text)]
    },
  },
  {
    long: 'message',
    short: 'm',
    value: 'TEXT',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Publish TEXT',
    detail: 'The bytes of TEXT as the shell passed them; they may be none.',
    set: (given, text) => setSource(given, { kind: 'message', text }),
  },
  {
    long: 'null-message',
    short: 'n',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Publish a message without payload',
    detail: 'With -r it removes the retained message of the topic.',
    set: (given) => setSource(given, { kind: 'null' }),
  },
  {
    long: 'file',
    short: 'f',
    value: 'FILE',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Publish the content of FILE as one message',
    detail: 'Byte for byte, read to its end. Anything readable but a folder will do, pipes included.',
    set: (given, text) => setSource(given, { kind: 'file', path: text }),
  },
  {
    long: 'stdin-file',
    short: 's',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Publish all of standard input as one message',
    detail: 'Byte for byte. Input without a single byte is an error.',
    set: (given) => setSource(given, { kind: 'stdin' }),
  },
  {
    long: 'stdin-line',
    short: 'l',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Publish each line of standard input as a message',
    detail:
      'Lines end with LF, which is not sent; every other byte is, NUL, CR and invalid UTF-8 included. A blank line is a message without payload, and the last line needs no LF. Each line is sent as soon as it is complete. Input is read no faster than the broker takes it, and not at all while there is no connection; a lost connection is made again, with growing delays, for as long as it takes. At the end of the input the program waits until every message is confirmed.',
    set: (given) => setSource(given, { kind: 'lines' }),
  },
  {
    long: 'qos',
    short: 'q',
    value: 'QOS',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Quality of service: 0 (default), 1 or 2',
    detail: '0 is at most once, 1 at least once, 2 exactly once. Applies to every message.',
    set: (given, text) => {
      given.qos = qosValue(text)
    },
  },
  {
    long: 'qos',
    short: 'q',
    value: 'QOS',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Greatest quality of service wanted: 0 (default), 1 or 2',
    detail:
      'Messages arrive with the lower of this and the QoS they were published with. Applies to every filter.',
    set: (given, text) => {
      given.qos = qosValue(text)
    },
  },
  {
    long: 'retain',
    short: 'r',
    group: 'message',
    on: ['mqtt-pub'],
    brief: 'Have the broker retain the message',
    detail: 'New subscribers receive the last retained message of a topic at once.',
    set: (given) => {
      given.retain = true
    },
  },
  {
    long: 'unsubscribe',
    short: 'U',
    value: 'FILTER',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Filter to unsubscribe from; may be repeated',
    detail: 'For kept sessions (-c). Unsubscribing follows subscribing.',
    set: (given, text) => {
      given.unsubscribe = [...(given.unsubscribe ?? []), topicFilter(text)]
    },
  },
  {
    long: 'filter-out',
    short: 'T',
    value: 'FILTER',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Do not print messages that match; may be repeated',
    detail: 'They are received and acknowledged, but neither printed nor counted.',
    set: (given, text) => {
      given.filterOut = [...(given.filterOut ?? []), topicFilter(text)]
    },
  },
  {
    short: 'R',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'No retained messages',
    detail:
      'Messages that come with the retain flag are neither printed nor counted. In MQTT 5 the broker is asked not to send them at all.',
    set: (given) => {
      given.noRetained = true
    },
  },
  {
    short: 'C',
    value: 'COUNT',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Exit after COUNT messages',
    detail:
      'With status 0, when the last one has been written. Further messages are not acknowledged, so a kept session still has them.',
    set: (given, text) => {
      given.count = wholeNumber(text, 1, Number.MAX_SAFE_INTEGER)
    },
  },
  {
    short: 'W',
    value: 'SECONDS',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Exit after SECONDS, with status 27',
    detail: 'Counted from the start of the program and covering everything, connecting too.',
    set: (given, text) => {
      given.timeoutSeconds = wholeNumber(text, 1, 2_000_000)
    },
  },
  {
    short: 'E',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Exit when the broker has answered all requests',
    detail: 'To set up or change a kept session (-c) without waiting for messages. Exits with status 0.',
    set: (given) => {
      given.exitOnSuback = true
    },
  },
]
