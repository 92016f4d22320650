// Flags about what is told of messages that are published.

import { type Flag, on } from './table.js'
import { FILE, wholeNumber } from './values.js'

export const REPORT_FLAGS: readonly Flag[] = [
  {
    long: 'receipts',
    value: 'FILE',
    joined: true,
    group: 'output',
    on: ['mqtt-pub'],
    brief: 'Tell in JSON what became of each message',
    detail:
      'A line for each message and a last one with the totals, on standard output, which is otherwise empty. =FILE appends to FILE, which is made for its owner alone; a number, as in --receipts=3 3>>log, is a file descriptor that is open for writing; a file of such a name needs ./ in front. In the environment 1 means standard output. See RECEIPTS.',
    takes: {
      type: FILE,
      set: (given, text) => {
        given.receipts = /^\d+$/.test(text || '1') ? wholeNumber(text || '1', 1, 0x7fff_ffff) : text
      },
    },
  },
  {
    long: 'progress',
    group: 'output',
    on: ['mqtt-pub'],
    brief: 'Show on the terminal how far publishing has come',
    detail:
      'A line with the messages read, sent, confirmed and in flight and those confirmed per second, drawn again four times a second and removed at the end. Nothing is shown under --quiet, or where standard error is no terminal.',
    takes: on('progress'),
  },
]
