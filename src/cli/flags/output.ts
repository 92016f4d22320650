// Flags about how messages are printed.

import { compile } from '../format.js'
import type { Flag } from './table.js'

export const OUTPUT_FLAGS: readonly Flag[] = [
  {
    long: 'verbose',
    short: 'v',
    group: 'output',
    on: ['mqtt-sub'],
    brief: 'Print the topic in front of the payload',
    detail: 'Topic, a space, payload. An empty payload shows as (null); without -v it prints nothing at all.',
    set: (given) => {
      given.verbose = true
    },
  },
  {
    short: 'N',
    group: 'output',
    on: ['mqtt-sub'],
    brief: 'No line end after each message',
    detail: 'The output is then the payloads, one behind the other.',
    set: (given) => {
      given.noEol = true
    },
  },
  {
    short: 'F',
    value: 'FORMAT',
    group: 'output',
    on: ['mqtt-sub'],
    brief: "Print each message by FORMAT, such as '%t %q %p'",
    detail: 'See OUTPUT FORMAT. Takes the place of -v; empty payloads print too.',
    set: (given, text) => {
      compile(text) // throws for what cannot be printed
      given.format = text
    },
  },
]
