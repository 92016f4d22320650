// The manual pages, printed from the flag table. Everything else that they say stands here.

import { flagsOf } from './index.js'
import { type Flag, GROUPS, type Program } from './table.js'

interface Page {
  brief: string
  synopsis: readonly string[]
  description: readonly string[]
  /** Sections between the options and the exit status. */
  sections: readonly { title: string; paragraphs: readonly string[] }[]
  examples: readonly { text: string; command: string }[]
  status: readonly (readonly [string, string])[]
  seeAlso: string
}

const STATUS: readonly (readonly [string, string])[] = [
  [
    '1',
    'Wrong options, unreadable files, or no connection: unknown host, refused, no answer. Before MQTT 5 also a broker that does not speak the protocol version (CONNACK 1).',
  ],
  [
    '2 to 5',
    'The broker refused the connection before MQTT 5, by its CONNACK code: 2 identifier rejected, 3 server unavailable, 4 bad user name or password, 5 not authorized. 2 also: the broker sent a packet that is illegal at that moment; 4 also: an MQTT 5 broker said goodbye while work was outstanding.',
  ],
  ['7', 'The connection was lost with work outstanding, or messages are not confirmed.'],
  ['8', 'TLS failed: certificate not trusted, expired or for another host, or no TLS at the other end.'],
  ['19', 'No CONNACK, SUBACK, PINGRESP or acknowledgement within its time limit.'],
  ['21', 'The broker sent bytes that are not MQTT.'],
  [
    '128 to 162',
    'The reason code with which the broker refused the connection, a message or a subscription. 128 is also a subscription refused before MQTT 5.',
  ],
]

const LIMITS = {
  title: 'TIME LIMITS',
  paragraphs: [
    'Nothing waits for ever. Looking the host up, connecting, the TLS handshake and CONNACK have 30 seconds together, or the keep alive time (\\fB\\-k\\fR) where that is shorter; SUBACK and UNSUBACK have the same. A PINGREQ has to be answered within the keep alive time. Messages in flight have to see an acknowledgement every 120 seconds (\\fB\\-\\-ack\\-timeout\\fR).',
    'After a lost connection the next attempt follows after about a second; the delay doubles up to 30 seconds as long as attempts fail.',
  ],
}

const PAGES: Record<Program, Page> = {
  'mqtt-pub': {
    brief: 'publish messages to an MQTT broker',
    synopsis: [
      '\\-t TOPIC {\\-m TEXT | \\-n | \\-f FILE | \\-s | \\-l} [\\-q QOS] [\\-r] [\\-h HOST] [\\-p PORT] [OPTION...]',
    ],
    description: [
      'Publishes one message, or each line of standard input as a message, with MQTT 3.1, 3.1.1 (the default) or 5.0. It takes the command lines of mosquitto_pub.',
      'The exit status tells the truth: it is 0 only when the broker owns every message. At QoS 0 the bytes have left and the connection was closed in order, at QoS 1 every PUBACK is in, at QoS 2 every PUBCOMP. Otherwise the status is not 0 and standard error says how many messages are not confirmed.',
      'Payloads are bytes, and none of them is changed.',
    ],
    sections: [
      {
        title: 'LOST CONNECTIONS',
        paragraphs: [
          'With \\fB\\-l\\fR a lost connection is made again. Unacknowledged QoS 1 and 2 messages are then sent again in their order, with DUP set and the same packet identifiers, before anything new. Where the broker no longer knows the session, QoS 1 messages go out as new ones, while QoS 2 messages of unknown fate are not repeated, because they could arrive twice: they are counted, reported, and the exit status is not 0.',
          'For QoS 2 exactly once across lost connections, MQTT 3.1 and 3.1.1 need \\fB\\-c \\-i ID\\fR. MQTT 5 needs nothing: the run begins with a clean session, keeps it across its own cuts (for up to an hour) and ends it when it leaves.',
          'Without \\fB\\-l\\fR, a connection lost before the message is confirmed is only made again in a kept session (\\fB\\-c \\-i ID\\fR); otherwise the program exits with 7.',
          'QoS 0 messages that had left on a lost connection may have been lost with it; they are counted as not confirmed unless the broker had answered a ping after them.',
          'SIGINT, SIGTERM and SIGHUP stop the reading and the sending, disconnect in order, say how many messages are not confirmed, and end the program by the signal. A second signal ends it at once.',
        ],
      },
      LIMITS,
    ],
    examples: [
      { text: 'Publish one message, exactly once:', command: 'mqtt\\-pub \\-t hello \\-m abcd \\-q 2' },
      {
        text: 'Publish what a sensor prints, line by line:',
        command: 'sensor | mqtt\\-pub \\-t house/t \\-l \\-q 1',
      },
      {
        text: 'Watch the packets of MQTT 3.1:',
        command: 'mqtt\\-pub \\-V mqttv31 \\-t hello \\-m abcd \\-q 2 \\-d',
      },
    ],
    status: [
      ['0', 'The broker owns every message.'],
      ...STATUS,
      [
        '9, 24, 25',
        'A message is larger than MQTT allows, its QoS is above what the broker allows, or its packet is larger than the broker allows.',
      ],
      ['129, 130, 143', 'In the shell: ended by SIGHUP, SIGINT or SIGTERM.'],
    ],
    seeAlso: '.BR mqtt\\-sub (1)',
  },
  'mqtt-sub': {
    brief: 'subscribe to topics of an MQTT broker and print the messages',
    synopsis: [
      '\\-t FILTER [\\-q QOS] [\\-v | \\-F FORMAT] [\\-C COUNT] [\\-W SECONDS] [\\-h HOST] [\\-p PORT] [OPTION...]',
    ],
    description: [
      'Subscribes with MQTT 3.1, 3.1.1 (the default) or 5.0 and prints each message as it comes, on a line of its own. It takes the command lines of mosquitto_sub.',
      'A QoS 1 or 2 message is acknowledged only after the kernel has taken its output. Killed at any moment, with a kept session (\\fB\\-c \\-i ID\\fR) the next run prints what was not printed. A QoS 2 message that the broker sends again is printed once.',
      'Standard output carries messages alone, byte for byte; everything else goes to standard error. A slow reader slows the broker down and nothing piles up; pings go on meanwhile. A reader that closes the pipe ends the program quietly, with status 0.',
    ],
    sections: [
      {
        title: 'OUTPUT FORMAT',
        paragraphs: [
          'The argument of \\fB\\-F\\fR is printed for each message, with these replaced: \\fB%t\\fR topic, \\fB%p\\fR payload, \\fB%q\\fR QoS, \\fB%r\\fR 1 for a retained message and else 0, \\fB%l\\fR length of the payload in bytes, \\fB%m\\fR packet identifier (0 at QoS 0), \\fB%j\\fR the message as one line of JSON, \\fB%%\\fR a percent sign. \\fB\\e\\e \\e0 \\ea \\ee \\en \\er \\et \\ev\\fR are the usual characters.',
          'Between the percent sign and the letter may stand \\- (to the left) or 0 (zeros in front) and a width, for %t also a precision (bytes at most): \\fB%\\-20t %5l\\fR. A width on %p also cuts the payload.',
          'The JSON of %j has the keys tst, topic, qos, retain, payloadlen, mid (QoS 1 and 2), properties (MQTT 5) and payload, a string, or null for an empty one. Where the payload is not UTF\\-8, the string has U+FFFD for what is not and a further key, payload_base64, carries the bytes without loss.',
        ],
      },
      {
        title: 'LOST CONNECTIONS',
        paragraphs: [
          'A lost connection is made again, for as long as it takes; one line on standard error tells of the loss and one of the recovery. Subscriptions are made again where the broker forgot them. The program gives up when the broker refuses it for good, sends what is not MQTT, or another client takes over its identifier (status 142).',
          'SIGINT and SIGTERM disconnect in order and end the program with status 0. In MQTT 5 the broker then publishes the will.',
        ],
      },
      LIMITS,
    ],
    examples: [
      { text: 'Print everything below house/, with topics:', command: "mqtt\\-sub \\-t 'house/#' \\-v" },
      { text: 'Feed jq:', command: "mqtt\\-sub \\-t 'house/#' \\-F %j | jq .payload" },
      { text: 'Wait half a minute for one message:', command: 'mqtt\\-sub \\-t door \\-C 1 \\-W 30' },
    ],
    status: [
      [
        '0',
        'Ended as asked: COUNT messages, requests answered (\\fB\\-E\\fR), a signal, or a closed output.',
      ],
      ...STATUS,
      ['27', 'The time of \\fB\\-W\\fR is over.'],
      ['255', 'Ended by a signal before there was a connection.'],
    ],
    seeAlso: '.BR mqtt\\-pub (1)',
  },
}

export function manualPage(program: Program): string {
  const page = PAGES[program]
  const lines = [
    `.\\" Printed from the flag tables by npm run build: change those.`,
    `.TH ${program.toUpperCase().replace('-', '\\-')} 1 "" "mqtt\\-tools" "User Commands"`,
    '.SH NAME',
    `${escaped(program)} \\- ${page.brief}`,
    '.SH SYNOPSIS',
    ...page.synopsis.map((text) => `.B ${escaped(program)}\n${text}`),
    '.SH DESCRIPTION',
    ...paragraphs(page.description),
    '.SH OPTIONS',
    'Options take their value as the next word, whatever it looks like. The last one of several wins, except where it may be repeated.',
  ]
  for (const [group, title] of Object.entries(GROUPS)) {
    const flags = flagsOf(program).filter((flag) => flag.group === group)
    if (flags.length > 0) lines.push(`.SS ${title}`, ...flags.flatMap(option))
  }
  for (const { title, paragraphs: texts } of page.sections) lines.push(`.SH ${title}`, ...paragraphs(texts))
  lines.push('.SH EXIT STATUS')
  for (const [status, text] of page.status) lines.push('.TP', `.B ${status}`, text)
  lines.push(
    '.SH ENVIRONMENT',
    '.TP',
    '.B NO_COLOR',
    'Set to anything, it keeps diagnostics on a terminal from being coloured. Elsewhere they never are.',
    '.SH EXAMPLES',
  )
  for (const { text, command } of page.examples) lines.push('.PP', text, '.PP', '.EX', command, '.EE')
  lines.push('.SH SEE ALSO', page.seeAlso)
  return `${lines.join('\n')}\n`
}

function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text, at) => (at === 0 ? [text] : ['.PP', text]))
}

function option({ short, long, value, brief, detail }: Flag): string[] {
  const names = [short && `\\-${short}`, long && `\\-\\-${escaped(long)}`].filter(Boolean)
  const words = names.map((name) => `\\fB${name}\\fR${value === undefined ? '' : ` \\fI${value}\\fR`}`)
  return ['.TP', words.join(', '), `${escaped(brief)}.`, escaped(detail)]
}

/** Plain text for troff: its backslash and its minus are characters of their own. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1')
}
