// Messages for the tests of output formats, and what a format prints for one.

import { compile, type FormatOptions, type Print } from '../../src/cli/format.js'
import type { Moment } from '../../src/cli/moment.js'
import { Out } from '../../src/cli/out.js'
import type { Message } from '../../src/client/index.js'

/** The message of contract 9.2. */
export const EXAMPLE: Message = {
  topic: 'fmt/p',
  payload: Buffer.from('hello'),
  qos: 1,
  retain: true,
  dup: false,
  packetId: 1,
  properties: {
    contentType: 'text/x',
    correlationData: Buffer.from('corr'),
    payloadFormatIndicator: 1,
    responseTopic: 'resp/t',
    userProperties: [
      ['k1', 'v1'],
      ['k2', 'v 2'],
      ['k1', 'v3'],
    ],
    messageExpiryInterval: 3590,
  },
  sequence: 1,
}

/** Friday, 20 November 2026, 10:21:55.832710123 UTC. */
export const MOMENT: Moment = { seconds: 1_795_170_115, nanoseconds: 832_710_123 }

export function printed(format: string, changes: Partial<Message> = {}, options: FormatOptions = {}): Buffer {
  const print = compile(format, { noEol: true, clock: () => MOMENT, ...options })
  return shown(print, { ...EXAMPLE, ...changes })
}

/** What is printed for one message. */
export function shown(print: Print, message: Message): Buffer {
  const out = new Out()
  print(message, out)
  return Buffer.concat(out.take())
}

/** The text printed, and the complaints. */
export function attempted(
  format: string,
  changes: Partial<Message> = {},
  options: FormatOptions = {},
): { text: string; complaints: string[] } {
  const complaints: string[] = []
  const bytes = printed(format, changes, { ...options, complain: (text) => complaints.push(text) })
  return { text: bytes.toString(), complaints }
}
