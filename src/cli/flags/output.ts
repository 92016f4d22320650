// Flags about how messages are printed.

import { compile } from '../format.js'
import { type Flag, on, value } from './table.js'
import { decimal, TEXT } from './values.js'

const READERS = ['mqtt-sub', 'mqtt-rr'] as const

export const OUTPUT_FLAGS: readonly Flag[] = [
  {
    long: 'verbose',
    short: 'v',
    group: 'output',
    on: READERS,
    brief: 'Print the topic in front of the payload',
    detail: 'Topic, a space, payload. An empty payload shows as (null); without -v it prints nothing at all.',
    takes: on('verbose'),
  },
  {
    short: 'N',
    env: 'MQTT_NO_EOL',
    group: 'output',
    on: READERS,
    brief: 'No line end after each message',
    detail: 'The output is then the payloads, one behind the other.',
    takes: on('noEol'),
  },
  {
    short: 'F',
    value: 'FORMAT',
    env: 'MQTT_FORMAT',
    group: 'output',
    on: READERS,
    brief: "Print each message by FORMAT, such as '%t %q %p'",
    detail: 'See OUTPUT FORMAT. Takes the place of -v; empty payloads print too.',
    takes: {
      type: TEXT,
      set: (given, text) => {
        compile(text) // to be told of its faults in the order of the words
        given.format = text
      },
    },
  },
  {
    long: 'pretty',
    group: 'output',
    on: READERS,
    brief: 'Spread the JSON of %j and %J over lines',
    detail: 'With tabs. Otherwise each message is one line.',
    takes: on('pretty'),
  },
  {
    long: 'random-filter',
    value: 'PERCENT',
    group: 'output',
    on: ['mqtt-sub'],
    brief: 'Print only that share of the messages, at random',
    detail: 'The others are acknowledged and counted all the same.',
    takes: value('randomFilter', decimal(0.1, 100)),
  },
  {
    long: 'message-rate',
    group: 'output',
    on: ['mqtt-sub'],
    brief: 'Print the number of messages each second, not the messages',
    detail: 'One line a second, from the start. -v, -F, -w and -C have no effect.',
    takes: on('messageRate'),
  },
  {
    long: 'watch',
    short: 'w',
    group: 'output',
    on: ['mqtt-sub'],
    brief: 'A screen with one line for each topic',
    detail: 'Each topic keeps its line, in the order of first arrival, and shows its latest message.',
    takes: on('watch'),
  },
  {
    long: 'latency',
    group: 'output',
    on: ['mqtt-rr'],
    brief: 'Print how long the response took',
    detail: 'From the sending of the request to the response, on a line of its own.',
    takes: on('latency'),
  },
]
