// The manual pages, printed from the flag table. Everything else that they say stands here.

import { flagsOf } from './index.js'
import { PASSWD_PAGE } from './man-passwd.js'
import { propertiesFor, propertyName } from './property.js'
import { COMMANDS, envName, type Flag, GROUPS, type Program, spelling, valuePart } from './table.js'

interface Section {
  title: string
  paragraphs: (program: string) => readonly Paragraph[]
}

/** Text, or lines as they are. */
type Paragraph = string | { code: string }

export interface Page {
  brief: string
  synopsis: string
  description: readonly string[]
  sections: readonly Section[]
  /** From the program that it stands in for; default: those of the clients. */
  differences?: string
  examples: readonly { text: string; command: string }[]
}

/** Every exit status, the same for all programs. README has the same table. */
export const STATUSES: readonly (readonly [string, string])[] = [
  [
    '0',
    'Done: every message is confirmed, or the messages asked for were printed. Also a subscriber that was ended by a signal, and a closed output.',
  ],
  [
    '1',
    'Wrong options, unreadable files, a password file that cannot be changed, or no connection: unknown host, refused, unreachable, a proxy that is silent. Before MQTT 5 also CONNACK 1, protocol version not supported.',
  ],
  [
    '2',
    'The broker sent a packet that is illegal at that moment. Before MQTT 5 also CONNACK 2, identifier rejected. Of mqtt-passwd: the two passwords that were typed differ.',
  ],
  ['3', 'Before MQTT 5: CONNACK 3, server unavailable. Also a proxy that answered an undefined code.'],
  [
    '4',
    'The broker ended the connection by a DISCONNECT that is no refusal, with work outstanding; or the proxy could not reach it. Before MQTT 5 also CONNACK 4, bad user name or password. Of mqtt-passwd --verify: wrong password or unknown user.',
  ],
  ['5', 'Before MQTT 5: CONNACK 5, not authorized.'],
  ['7', 'The connection was lost with work outstanding, or messages are not confirmed, or wait in a spool.'],
  [
    '8',
    'TLS failed: certificate not trusted, expired or for another host, no TLS at the other end, or no answer in time.',
  ],
  ['9', 'The message is larger than MQTT allows.'],
  ['11, 16', 'The proxy refused the authentication or the connection (11), or failed otherwise (16).'],
  ['13', 'The WebSocket upgrade was refused, or not answered in time.'],
  ['19', 'No CONNACK, SUBACK, PINGRESP or acknowledgement within its time limit.'],
  ['21', 'The broker sent bytes that are not MQTT.'],
  ['24', "The QoS is above the broker's maximum."],
  ['25', 'The packet is larger than the broker allows.'],
  ['27', 'The time of -W is over.'],
  [
    '128 to 162',
    'The reason code with which the broker refused the connection, a message or a subscription; 128 also for a subscription refused before MQTT 5.',
  ],
  ['129, 130, 143', 'In the shell: ended by SIGHUP, SIGINT or SIGTERM.'],
  ['255', 'mqtt-sub was ended by a signal before there was a connection.'],
]

const OPTIONS_FILES = {
  title: 'OPTIONS FILES',
  paragraphs: (program: string) => [
    `Options are read, in this order, from an options file, from a profile, from the environment and from the command line; what comes later wins, and options that may be repeated add up. The options file is the one of -o, otherwise ${program} in the folder \\fB$XDG_CONFIG_HOME\\fR, or \\fB$HOME/.config\\fR where that is not set. Where there is no such file, that of the mosquitto program (${program.replace('mqtt-', 'mosquitto_')}) is read instead.`,
    'Each line is an option and, behind blanks, its value up to the end of the line, without quotes. Lines that begin with # and empty lines are passed over. For -D the last word takes the rest of the line.',
    'A profile (--profile NAME) is such a file named NAME in the folder mqtt-tools beside the options file. Files with passwords should be readable by their owner alone.',
  ],
}

const PROPERTIES_SECTION = {
  title: 'PROPERTIES',
  paragraphs: () => [
    'The properties that -D takes, by command:',
    ...COMMANDS.map(
      (command) => `\\fB${command}\\fR: ${propertiesFor(command).map(propertyName).join(', ')}.`,
    ),
    'Flags (payload-format-indicator, request-problem-information, request-response-information) are 0 or 1. Only user-property may be given more than once for a command.',
  ],
}

const LIMITS = {
  title: 'TIME LIMITS',
  paragraphs: () => [
    'Nothing waits for ever. --password-command, looking the host up, connecting, proxy, TLS handshake, WebSocket upgrade and CONNACK have 30 seconds together, or the keep alive time (-k) where that is shorter, or what --connect-timeout says; SUBACK and UNSUBACK have the same. A PINGREQ has to be answered within the keep alive time. Messages in flight have to see an acknowledgement every 120 seconds (--ack-timeout). After DISCONNECT the broker has 2 seconds to close the connection; without -W, mqtt-pub gives it 10 more for each megabyte that it may still have to read, of at most 8.',
  ],
}

/** Of those that connect again. */
const RECONNECTING = [
  'The next attempt follows after about a second, and the delay doubles up to 30 seconds as long as attempts fail or connections are of no use; chance takes off up to half (--reconnect-delay). Only -W and --max-reconnects limit how often.',
  'Some answers would only come again, and end the program at once with their status, at the first connection and later: before MQTT 5 CONNACK 1 (protocol version), 2 (identifier rejected), 4 (bad user name or password), 5 (not authorized) and codes without a meaning; in MQTT 5 every refusal but 136 (server unavailable), 137 (server busy), 151 (quota exceeded) and 159 (connection rate exceeded); TLS that fails, an upgrade that is refused, a proxy that forbids the connection or fails, and bytes that are not MQTT. After those four, CONNACK 3 (server unavailable) and everything else the next attempt follows; they only end a first connection without --retry-connect.',
  'Two clients with one identifier would push each other off the broker for ever. An MQTT 5 broker may tell the loser, which ends with 142. Otherwise it only closes the connection; when it has done so five times in a row, within ten seconds after it had accepted the first attempt, the program ends with 7 and says that another client probably uses the identifier.',
]

/** A first connection that fails ends a program, but for what its options say. */
const FIRST_CONNECTION =
  'A first connection that fails ends the program, unless --retry-connect says to try again.'

const EXPLAIN = {
  title: 'EXPLAIN',
  paragraphs: (program: string) => [
    `With --explain each stage of an attempt to connect is a line on standard error: ${program}: explain, the seconds since the attempt began, the name of the stage, and facts as name=value, with quotes around a value that is not one word.`,
    'The stages are source (where options came from, by name), options (what they led to; with --proxy env, proxy-by= is the variable that named the proxy or excepted the broker from it), attempt, password (of --password-command), srv, lookup, tcp (for each address tried), unix, proxy, tls (followed by a line for each certificate of the chain), upgrade (of WebSocket), connack and suback. A stage that fails says result= and why, connack and suback too where they do not come, and the error that follows names the likeliest remedy. Reconnects are explained too.',
  ],
}

const FORMAT_SECTION = {
  title: 'OUTPUT FORMAT',
  paragraphs: () => [
    'The argument of -F is printed for each message, with these replaced:',
    '%t topic, %p payload, %x and %X payload in hexadecimal, %f and %d payload as a float of 4 or 8 bytes, %l length of the payload, %q QoS, %r 1 for a retained message and else 0, %m packet identifier (0 at QoS 0), %j the message as JSON, %J the same with a payload that is JSON itself, %I local time, %U Unix time with nanoseconds, %% a percent sign.',
    'From MQTT 5: %A topic alias, %C content type, %D correlation data, %E message expiry interval, %F payload format indicator, %P user properties, %R response topic, %S subscription identifier.',
    'Between the percent sign and the letter may stand - (to the left) or 0 (zeros in front), a width, a point with a precision, and for %x and %X a separator: %-20t, %8.3f, %.2:x. A width on %p, %x and %X also cuts the payload.',
    '@ and a letter is that letter of strftime, as in @Y-@m-@d @H:@M:@S; @N is nanoseconds, @@ an @. \\\\, \\0, \\a, \\e, \\n, \\r, \\t and \\v are the usual characters.',
    'The JSON of %j has the keys tst, topic, qos, retain, payloadlen, mid (QoS 1 and 2), properties (MQTT 5) and payload, a string, or null for an empty one. Where the payload is not UTF-8, the string has U+FFFD for what is not and a further key, payload_base64, carries the bytes without loss. %J copies the numbers of the payload as they are, and keeps duplicate keys.',
  ],
}

const COMPLETION_SECTION = {
  title: 'COMPLETION',
  paragraphs: (program: string) => [
    `For bash, put this into ~/.bashrc: source <(${program} --completion bash). For zsh, write the output of ${program} --completion zsh to a file _${program} in a folder of $fpath. For fish, put this into its configuration: ${program} --completion fish | source.`,
  ],
}

function clientDifferences(program: Program): string {
  return `Command lines of ${program.replace('mqtt-', 'mosquitto_')} 2.1 work unchanged. Different on purpose: --help and --version exit with 0; numbers have to be numbers; a missing file of -o is an error; -d writes to standard error; what the broker refuses gives a non-zero status; TLS options always turn TLS on, a failure of TLS is always 8, and --insecure skips the whole check; -L decodes percent signs, takes IPv6 addresses and knows ports 80 and 443 for ws and wss; malformed packets end the program instead of an endless reconnect.`
}

const SPOOL_SECTION = {
  title: 'SPOOL',
  paragraphs: () => [
    'With --spool DIR each message is written to DIR, flushed to the disk, and only then counts as read; it is sent from there, and removed when the broker owns it: at QoS 1 with PUBACK, at QoS 2 with PUBCOMP, at QoS 0 when the broker has answered a ping sent after it. Whatever ends the program, the next run with the same DIR goes on, under the same client identifier and with the same packet identifiers. mqtt-pub --spool DIR --flush only sends what waits. The exit status is 0 only when nothing is left.',
    'QoS 2 means exactly once even if the program is killed at any moment, with a broker that keeps sessions: that the broker took a message (PUBREC) is on disk before its release (PUBREL) is sent. At QoS 1 a message may arrive twice, at QoS 0 too.',
    'What is in the pipe, or in the hands of whoever writes to it, is not in the spool. A writer that can begin anywhere finds out by --spool-status where to go on: taken is the number of lines that were ever stored.',
    'The session is not clean (as with -c). The client identifier is made up once, mqtt-spool- and 12 characters, unless -i or -I names one, and lasts as long as messages wait; so does the protocol level of -V. Topic, QoS, retain flag and properties are those of the run that read the message; how to connect is said by the present command line. In MQTT 5 the session never expires while messages wait, unless -x says otherwise, and ends when the last one is confirmed; a Message Expiry Interval counts from when the message was read. MQTT 3.1 and 3.1.1 leave an empty session behind at the broker.',
    'Without a connection, lines go on being stored, and connecting is tried again with growing delays. At the end of the input a failed attempt ends the program with status 7 and says how many messages wait. A refusal for good, a wrong password for example, ends it at once.',
    'A message that the broker refuses, or that is larger than it takes, is reported and leaves the spool, because it would be refused again and hold up all others. QoS 2 messages of unknown fate (see --on-session-loss) stay in the spool and are not sent, but reported in every run, until a run with --on-session-loss republish sends them. All of these make the exit status other than 0, and so do messages removed by --spool-max-age or --spool-full drop-oldest.',
    'What a power failure may take is said at --spool-sync. A damaged end of the files is cut off, with a warning: messages may then be missing or come twice. The files are those of LevelDB, and readable by their owner alone; the payloads in them are not encrypted.',
  ],
}

const RECEIPTS_SECTION = {
  title: 'RECEIPTS',
  paragraphs: () => [
    'With --receipts each message leads to one line of JSON, when it is known what became of it, however often it was sent:',
    {
      code: '{"number":7,"topic":"t","mid":7,"qos":1,"outcome":"confirmed","code":0,"reason":"success","ms":1.7}',
    },
    'number counts the messages of the run from 1; with --spool those of the spool, so that a message keeps its number in later runs. Lines come in the order of the outcomes, which need not be that of the numbers. mid is the packet identifier, null at QoS 0 and, without a spool, for what was never sent. topic is null for a message of an earlier run of which the broker had everything but the last packet. code and reason are those of PUBACK, PUBREC or PUBCOMP, null where there was none. ms is the time from the message being handed to the session until the answer or, at QoS 0, until its bytes had left; null where there was neither. error, a sentence, stands in every line that is not confirmed.',
    'outcome is confirmed, refused (by the broker, or because the broker would not take it), removed (it was never sent: it expired, or the spool was full) or unconfirmed (everything else at the end of the run; it may have arrived or not). At QoS 0 a message is confirmed when the connection was closed in order or a ping behind it was answered; pings follow after a tenth of a second.',
    'The last line has the totals: given is the sum of confirmed, refused, removed and unconfirmed, and status the exit status; for an end by a signal that of the shell, 143 for SIGTERM. All but confirmed is what standard error calls not confirmed. Without this line the program did not reach its end. With --spool, given counts what was in the spool and what came into it; unconfirmed is what stays in the spool, where only what may have been sent has a line; unknown is how much of it has an unknown fate, and untaken what did not go into the spool. Errors before there is anything to connect with leave no line.',
    'A reader that is slow slows the reading of standard input down; at the end the program waits for it, for as long as -W allows, and a second more after a signal or the end of that time. When receipts cannot be written, no message suffers: the failure is told once, publishing goes on, and the exit status is 1 where it would have been 0. Only a reader that closes standard output changes nothing: it has seen enough.',
  ],
}

const PAGES: Record<Program, Page> = {
  'mqtt-pub': {
    brief: 'publish messages to an MQTT broker',
    synopsis: '-t TOPIC {-m TEXT | -n | -f FILE | -s | -l} [-q QOS] [-r] [-h HOST] [-p PORT] [OPTION...]',
    description: [
      'Publishes one message, or each line of standard input as a message, with MQTT 3.1, 3.1.1 (the default) or 5.0. It takes the command lines of mosquitto_pub.',
      'The exit status tells the truth: it is 0 only when the broker owns every message. At QoS 0 the bytes have left and the connection was closed in order, at QoS 1 every PUBACK is in, at QoS 2 every PUBCOMP. Otherwise the status is not 0 and standard error says how many messages are not confirmed.',
      'Payloads are bytes, and none of them is changed. Secrets are never shown, colours only on a terminal.',
    ],
    sections: [
      {
        title: 'LOST CONNECTIONS',
        paragraphs: () => [
          FIRST_CONNECTION,
          'With -l a lost connection is made again. Unacknowledged QoS 1 and 2 messages are then sent again in their order, with DUP set and the same packet identifiers, before anything new. Where the broker no longer knows the session, QoS 1 messages go out as new ones, while QoS 2 messages of unknown fate are not repeated, because they could arrive twice: they are counted, reported, and the exit status is not 0.',
          'For QoS 2 exactly once across lost connections, MQTT 3.1 and 3.1.1 need -c -i ID. MQTT 5 needs nothing: the run begins with a clean session, keeps it across its own cuts (for up to an hour) and ends it when it leaves.',
          'Without -l, a connection lost before the message is confirmed is only made again in a kept session (-c -i ID, or -x in MQTT 5); otherwise the program exits with 7.',
          ...RECONNECTING,
          'QoS 0 messages that had left on a lost connection may have been lost with it; they are counted as not confirmed unless the broker had answered a ping after them.',
          'SIGINT, SIGTERM and SIGHUP stop the reading and the sending, disconnect in order, say how many messages are not confirmed, and end the program by the signal. A second signal ends it at once.',
        ],
      },
      SPOOL_SECTION,
      RECEIPTS_SECTION,
      LIMITS,
      EXPLAIN,
    ],
    examples: [
      { text: 'Publish one message, exactly once:', command: 'mqtt-pub -t hello -m abcd -q 2' },
      {
        text: 'Publish what a sensor prints, line by line:',
        command: 'sensor | mqtt-pub -t house/t -l -q 1',
      },
      {
        text: 'Keep the password out of ps:',
        command: 'mqtt-pub -u me --password-file ~/.mqtt-password -t hello -m abcd',
      },
      {
        text: 'Keep what a sensor prints on disk until the broker has it, exactly once:',
        command: 'sensor | mqtt-pub -t house/t -l -q 2 --spool /var/spool/house',
      },
      {
        text: 'Keep a record of what became of each line, and list what was not confirmed:',
        command:
          'sensor | mqtt-pub -t house/t -l -q 1 --receipts=receipts.jsonl\njq -c \'select(.number and .outcome != "confirmed")\' receipts.jsonl',
      },
      { text: 'Watch the packets of MQTT 3.1:', command: 'mqtt-pub -V mqttv31 -t hello -m abcd -q 2 -d' },
    ],
  },
  'mqtt-sub': {
    brief: 'subscribe to topics of an MQTT broker and print the messages',
    synopsis: '-t FILTER [-q QOS] [-v | -F FORMAT] [-C COUNT] [-W SECONDS] [-h HOST] [-p PORT] [OPTION...]',
    description: [
      'Subscribes with MQTT 3.1, 3.1.1 (the default) or 5.0 and prints each message as it comes, on a line of its own. It takes the command lines of mosquitto_sub.',
      'A QoS 1 or 2 message is acknowledged only after the kernel has taken its output. Killed at any moment, with a kept session (-c -i ID) the next run prints what was not printed. A QoS 2 message that the broker sends again is printed once.',
      'Standard output carries messages alone, byte for byte; everything else goes to standard error. A slow reader slows the broker down and nothing piles up; pings go on meanwhile. A reader that closes the pipe ends the program quietly, with status 0. Secrets are never shown, colours only on a terminal.',
    ],
    sections: [
      FORMAT_SECTION,
      {
        title: 'LOST CONNECTIONS',
        paragraphs: () => [
          `${FIRST_CONNECTION} Where a proxy says that it cannot reach the broker, this program tries again without being told.`,
          'A lost connection is made again, for as long as it takes; one line on standard error tells of the loss and one of the recovery. Subscriptions are made again where the broker forgot them.',
          ...RECONNECTING,
          'SIGINT and SIGTERM disconnect in order and end the program with status 0. In MQTT 5 the broker then publishes the will.',
        ],
      },
      LIMITS,
      EXPLAIN,
    ],
    examples: [
      { text: 'Print everything below house/, with topics:', command: "mqtt-sub -t 'house/#' -v" },
      { text: 'Feed jq:', command: "mqtt-sub -t 'house/#' -F %j | jq .payload" },
      { text: 'Wait half a minute for one message:', command: 'mqtt-sub -t door -C 1 -W 30' },
      { text: 'Watch temperatures on a screen:', command: "mqtt-sub -t '+/temperature' -w -F '%-30t %p'" },
      {
        text: 'List, then clear, old retained messages:',
        command:
          "mqtt-sub -t 'old/#' --retained-only -v\nmqtt-sub -t 'old/#' --retained-only --remove-retained -v",
      },
    ],
  },
  'mqtt-rr': {
    brief: 'publish a request to an MQTT broker and print the response',
    synopsis:
      '-t TOPIC [-e TOPIC] {-m TEXT | -n | -f FILE | -s} [-q QOS] [-W SECONDS] [-h HOST] [-p PORT] [OPTION...]',
    description: [
      'Subscribes to the response topic, publishes the request, prints the first response and exits. It takes the command lines of mosquitto_rr, with MQTT 5 by default.',
      'In MQTT 5 the request names the response topic. Where it has correlation data (-D publish correlation-data), a response with other data belongs to somebody else and is ignored; one without any is taken. A retained message, which is older than the request, is never the response; with --retain-as-published, where the flag does not tell, those that come after the request are.',
    ],
    sections: [
      FORMAT_SECTION,
      {
        title: 'LOST CONNECTIONS',
        paragraphs: () => [
          `${FIRST_CONNECTION} There is no second one: when it is lost before the response, the status is 7. A request that the broker refuses ends the program with the reason code. A wait without -W ends only with the connection.`,
        ],
      },
      LIMITS,
      EXPLAIN,
    ],
    examples: [
      {
        text: 'Ask a device and print its answer, for five seconds at most:',
        command: 'mqtt-rr -t lamp/get -m state -W 5',
      },
      { text: 'See how long it takes:', command: 'mqtt-rr -t lamp/get -e lamp/state -m state --latency' },
    ],
  },
  'mqtt-passwd': PASSWD_PAGE,
}

export function manualPage(program: Program): string {
  const page = PAGES[program]
  const isClient = program !== 'mqtt-passwd'
  const forClients = isClient ? [OPTIONS_FILES, PROPERTIES_SECTION] : []
  const sections = [...page.sections, ...forClients, COMPLETION_SECTION]
  const others = Object.keys(PAGES).filter((name) => name !== program)
  const lines = [
    '.\\" Printed from the flag tables by npm run build: change those.',
    `.TH ${escaped(program.toUpperCase())} 1 "" "mqtt\\-tools" "User Commands"`,
    '.SH NAME',
    `${escaped(program)} \\- ${page.brief}`,
    '.SH SYNOPSIS',
    `.B ${escaped(program)}`,
    escaped(page.synopsis),
    '.SH DESCRIPTION',
    ...paragraphs(page.description),
    '.SH OPTIONS',
    'Options take their value as the next word, whatever it looks like. The last one of several wins, except where it may be repeated.',
  ]
  for (const [group, title] of Object.entries(GROUPS)) {
    const flags = flagsOf(program).filter((flag) => flag.group === group)
    if (flags.length > 0) lines.push(`.SS ${title}`, ...flags.flatMap(option))
  }
  for (const section of sections)
    lines.push(`.SH ${section.title}`, ...paragraphs(section.paragraphs(program)))
  lines.push('.SH EXIT STATUS', 'The same for all programs.')
  for (const [status, text] of STATUSES) lines.push('.TP', `.B ${status}`, escaped(text))
  lines.push('.SH ENVIRONMENT')
  if (isClient) {
    lines.push('Options can be set in the environment; switches with 1 or 0.')
    lines.push('Options that may be repeated take one value on each line.')
  }
  for (const flag of flagsOf(program)) {
    const name = envName(flag)
    if (name !== undefined) lines.push('.TP', `.B ${name}`, escaped(spelling(flag)))
  }
  const variables = OTHER_VARIABLES.filter(([name]) => isClient || name.endsWith('_COLOR'))
  for (const [name, text] of variables) lines.push('.TP', `.B ${name}`, escaped(text))
  const differences = page.differences ?? clientDifferences(program)
  lines.push('.SH DIFFERENCES FROM MOSQUITTO', ...paragraphs([differences]), '.SH EXAMPLES')
  for (const { text, command } of page.examples) {
    lines.push('.PP', escaped(text), '.PP', ...code(command))
  }
  const pages = [
    ...others.map((name) => `\\fB${escaped(name)}\\fR(1)`),
    '\\fBmqtt\\-tools\\-guarantees\\fR(7)',
  ]
  lines.push('.SH SEE ALSO', pages.join(', '))
  return `${lines.join('\n')}\n`
}

const OTHER_VARIABLES = [
  ['NO_COLOR', 'Set to anything, it keeps diagnostics on a terminal from being coloured.'],
  ['FORCE_COLOR', 'Set to anything but 0, it has diagnostics coloured elsewhere too.'],
  ['XDG_CONFIG_HOME, HOME', 'Where the options files are.'],
  ['TZ', 'The time zone of printed times.'],
  ['SSL_CERT_FILE, SSL_CERT_DIR', 'Take the place of the certificates of the operating system.'],
  ['MQTT_KEY_PASSPHRASE', 'The pass phrase of an encrypted key, where --key-passphrase-file gives none.'],
  [
    'ALL_PROXY, HTTPS_PROXY, NO_PROXY',
    'Read only with --proxy env, each in lower case first. ALL_PROXY, or else HTTPS_PROXY, is the URL of the proxy; without a scheme it is an HTTP proxy. NO_PROXY lists, with commas or blanks between them, what is connected to directly: host names, which stand for all names below them too, addresses, networks such as 10.0.0.0/8, each name and address with :PORT where only that port is meant, or * for everything. Where no variable names a proxy there is none.',
  ],
] as const

function paragraphs(texts: readonly Paragraph[]): string[] {
  return texts.flatMap((text, at) => {
    const lines = typeof text === 'string' ? [escaped(text)] : code(text.code)
    return at === 0 ? lines : ['.PP', ...lines]
  })
}

function code(text: string): string[] {
  return ['.EX', ...text.split('\n').map(escaped), '.EE']
}

function option(flag: Flag): string[] {
  const { short, long, value, brief, detail, takes } = flag
  const names = [short && `-${short}`, long && `--${long}`].filter(
    (name) => name !== undefined && name !== '',
  )
  const tail = valuePart(flag, (text) => `\\fI${text}\\fR`)
  const words = names.map((name) => `\\fB${escaped(String(name))}\\fR${tail}`)
  const range = takes.type?.range === undefined ? '' : ` ${value}: ${takes.type.range()}.`
  return ['.TP', words.join(', '), `${escaped(brief)}.`, escaped(`${detail}${range}`)]
}

/** Text for troff: its backslash and its minus are characters of their own; \fB and \fR of ours stay. */
function escaped(text: string): string {
  return text
    .replace(/\\(?!f[BRI])/g, '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1')
}
