// Section 7 and the streams of 0.2: each line of -d with its facts, on standard error alone; colours; the statuses.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { STATUSES } from '../../src/cli/flags/man.js'
import { publish } from '../broker/wire.js'
import { deadPort } from '../support/ports.js'
import { startInTerminal } from '../support/processes.js'
import { type Args, QUIET } from '../support/run.js'
import { cli, converse, PROGRAMS, type Program, rows, WORK } from './support.js'

/** The lines of one packet type. */
function of(label: string, err: string): string[] {
  return err.split('\n').filter((line) => new RegExp(`(sent|received) ${label}( |$)`).test(line))
}

function bytes(...args: Parameters<typeof publish>): string {
  return publish(...args).toString('hex')
}

interface Row {
  packet: string
  program: Program
  args: Args
  script: string
  /** A pattern for each line of this packet, in order. */
  lines: readonly RegExp[]
  code?: number
  out?: string
}

const ACCEPT = '< CONNECT\n> 20 02 00 00'
const ACCEPT_5 = '< CONNECT\n> 20 03 00 00 00'
const ID = ['-i', 'me']

const LINES: readonly Row[] = [
  {
    packet: 'CONNECT',
    program: 'mqtt-pub',
    args: [...ID, '-t', 'a', '-m', 'x'],
    script: `${ACCEPT}\n< PUBLISH\n< DISCONNECT`,
    lines: [/^me sent CONNECT/],
  },
  {
    packet: 'CONNACK',
    program: 'mqtt-pub',
    args: [...ID, '-t', 'a', '-m', 'x'],
    script: '< CONNECT\n> 20 02 00 05\nwait-eof',
    lines: [/^me received CONNACK .*reason=5 \(.*not authori[sz]ed.*\)/i],
    code: 5,
  },
  {
    packet: 'CONNACK',
    program: 'mqtt-sub',
    args: [...ID, '-V', 5, '-t', 'a'],
    script: '< CONNECT\n> 20 03 00 87 00\nwait-eof',
    lines: [/^me received CONNACK .*reason=135 \(not authori[sz]ed\)/i],
    code: 135,
  },
  {
    packet: 'PUBLISH',
    program: 'mqtt-pub',
    args: [...ID, '-t', 'a/b', '-m', 'hello', '-q', 1, '-r'],
    script: `${ACCEPT}\n< PUBLISH\n> 40 02 00 01\n< DISCONNECT`,
    lines: [/^me sent PUBLISH .*dup=0 qos=1 retain=1 id=1 topic="a\/b" payload=5/],
  },
  {
    packet: 'PUBLISH',
    program: 'mqtt-pub',
    args: [...ID, '-V', 5, '-t', 'a', '-m', 'x', '-D', 'publish', 'topic-alias', 1, '--repeat', 2],
    script: '< CONNECT\n> 20 06 00 00 03 22 00 05\n< PUBLISH\n< PUBLISH\n< DISCONNECT',
    lines: [/topic="a" payload=1 .*topicAlias=1/, /topic=("a"|"") payload=1 .*topicAlias=1/],
  },
  {
    packet: 'PUBLISH',
    program: 'mqtt-sub',
    args: [...ID, '-t', 'a', '-C', 2],
    script: `${ACCEPT}\n< SUBSCRIBE\n> 90 03 00 01 00\n> ${bytes(4, 'a', 'p0')}\n> ${bytes(4, 'a', 'p', { qos: 1, id: 9, dup: true })}\n< PUBACK id=9\n< DISCONNECT`,
    lines: [
      /^me received PUBLISH .*dup=0 qos=0 retain=0 id=0 topic="a" payload=2/,
      /^me received PUBLISH .*dup=1 qos=1 retain=0 id=9 topic="a" payload=1/,
    ],
    out: 'p0\np\n',
  },
  {
    packet: 'PUBACK',
    program: 'mqtt-sub',
    args: [...ID, '-V', 5, '-t', 'a', '-C', 1],
    script: `${ACCEPT_5}\n< SUBSCRIBE\n> 90 04 00 01 00 01\n> ${bytes(5, 'a', 'p', { qos: 1, id: 9 })}\n< PUBACK id=9\n< DISCONNECT`,
    lines: [/^me sent PUBACK id=9 reason=0/],
    out: 'p\n',
  },
  {
    packet: 'PUBACK',
    program: 'mqtt-pub',
    args: [...ID, '-V', 5, '-t', 'a', '-m', 'x', '-q', 1],
    script: `${ACCEPT_5}\n< PUBLISH\n> 40 04 00 01 87 00\n< DISCONNECT`,
    lines: [/^me received PUBACK id=1 reason=135 \(not authori[sz]ed\)/i],
    code: 135,
  },
  ...(['PUBREC', 'PUBREL', 'PUBCOMP'] as const).flatMap((packet): Row[] => [
    {
      packet,
      program: 'mqtt-pub',
      args: [...ID, '-V', 5, '-t', 'a', '-m', 'x', '-q', 2],
      script: `${ACCEPT_5}\n< PUBLISH\n> 50 02 00 01\n< PUBREL id=1\n> 70 02 00 01\n< DISCONNECT`,
      lines: [new RegExp(`^me ${packet === 'PUBREL' ? 'sent' : 'received'} ${packet} .*\\bid=1\\b`)],
    },
    {
      packet,
      program: 'mqtt-sub',
      args: [...ID, '-t', 'a', '-E', '-q', 2],
      script: `${ACCEPT}\n< SUBSCRIBE\n> ${bytes(4, 'a', 'p', { qos: 2, id: 9 })}\n< PUBREC id=9\n> 62 02 00 09\n< PUBCOMP id=9\n> 90 03 00 01 02\n< DISCONNECT`,
      lines: [new RegExp(`^me ${packet === 'PUBREL' ? 'received' : 'sent'} ${packet} .*\\bid=9\\b`)],
      out: 'p\n',
    },
  ]),
  {
    packet: 'SUBSCRIBE',
    program: 'mqtt-sub',
    args: [...ID, '-V', 5, '-t', 'a', '-t', 'b/#', '-q', 1, '-R', '--retain-as-published', '-E'],
    script: `${ACCEPT_5}\n< SUBSCRIBE\n> 90 05 00 01 00 01 01\n< DISCONNECT`,
    lines: [/^me sent SUBSCRIBE .*id=1 filter="a" qos=1 options=0x28 filter="b\/#" qos=1 options=0x28/],
  },
  {
    packet: 'SUBACK',
    program: 'mqtt-sub',
    args: [...ID, '-t', 'a', '-t', 'b', '-t', 'c', '-q', 2, '-E'],
    script: `${ACCEPT}\n< SUBSCRIBE\n> 90 05 00 01 02 00 80\n< DISCONNECT`,
    lines: [/^me received SUBACK id=1 codes=2,0,128\b/],
  },
  {
    packet: 'UNSUBSCRIBE',
    program: 'mqtt-sub',
    args: [...ID, '-U', 'old/#', '-E'],
    script: `${ACCEPT}\n< UNSUBSCRIBE\n> b0 02 00 01\n< DISCONNECT`,
    lines: [/^me sent UNSUBSCRIBE .*id=1 filter="old\/#"/],
  },
  {
    packet: 'UNSUBACK',
    program: 'mqtt-sub',
    args: [...ID, '-U', 'old/#', '-E'],
    script: `${ACCEPT}\n< UNSUBSCRIBE\n> b0 02 00 01\n< DISCONNECT`,
    lines: [/^me received UNSUBACK/],
  },
  ...(['PINGREQ', 'PINGRESP'] as const).map(
    (packet): Row => ({
      packet,
      program: 'mqtt-rr',
      // What came before the answer to the ping is stale: the one way to a ping without a wait.
      args: [...ID, '-V', 5, '-t', 'a', '-e', 'b', '-m', 'x', '--retain-as-published'],
      script: `${ACCEPT_5}\n< SUBSCRIBE\n> 90 04 00 01 00 00\n< PINGREQ\n> d0 00\n< PUBLISH\n> ${bytes(5, 'b', 'r')}\n< DISCONNECT`,
      lines: [new RegExp(`^me ${packet === 'PINGREQ' ? 'sent' : 'received'} ${packet}`)],
      out: 'r\n',
    }),
  ),
  {
    packet: 'DISCONNECT',
    program: 'mqtt-pub',
    args: [...ID, '-t', 'a', '-m', 'x'],
    script: `${ACCEPT}\n< PUBLISH\n< DISCONNECT`,
    lines: [/^me sent DISCONNECT/],
  },
  {
    packet: 'DISCONNECT',
    program: 'mqtt-pub',
    args: [...ID, '-V', 5, '-t', 'a', '-m', 'x', '-q', 1],
    script: `${ACCEPT_5}\n< PUBLISH\n> e0 02 97 00\nwait-eof`,
    lines: [/^me received DISCONNECT reason=151 \(quota exceeded\)/i],
    code: 151,
  },
  {
    packet: 'AUTH',
    program: 'mqtt-pub',
    args: [...ID, '-V', 5, '-t', 'a', '-m', 'x', '-D', 'connect', 'authentication-method', 'm'],
    // A challenge that nobody here can answer, with data; then the broker says no.
    script: '< CONNECT\n> f0 0a 18 08 15 00 01 6d 16 00 01 73\n> 20 03 00 87 00\nwait-eof',
    lines: [/^me received AUTH .*reason=24 \(continue authentication\) .*authenticationData=\.\.\. /],
    code: 135,
  },
]

rows<Row>(
  'each line of -d with its facts, on standard error alone (7, Q68)',
  LINES,
  ({ packet, program, args }) => `${packet}: ${program} ${args.slice(2).join(' ')}`,
  async (t, { packet, program, args, script, lines, code = 0, out = '' }) => {
    const told = await converse(t, script, program, [...args, '-d'])
    assert.deepEqual({ code: told.code, out: told.out }, { code, out }, told.err)
    const got = of(packet, told.err)
    assert.equal(got.length, lines.length, told.err)
    for (const [at, line] of lines.entries()) assert.match(got[at] ?? '', line)
    // Without -d nothing of that.
    const plain = await converse(t, script, program, args)
    assert.deepEqual({ code: plain.code, out: plain.out }, { code, out })
    assert.doesNotMatch(plain.err, /^\S+ (sent|received) [A-Z]{4}[^:\n]*length=/m)
  },
)

describe('the identifier in -d (7)', { concurrency: 4 }, () => {
  test('a mark until there is one, then what the broker assigned', async (t) => {
    const script = '< CONNECT\n> 20 07 00 00 04 12 "z"\n< PUBLISH\n< DISCONNECT'
    const { err } = await converse(t, script, 'mqtt-pub', ['-V', 5, '-t', 'a', '-m', 'x', '-d'])
    assert.deepEqual(
      err
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ').slice(0, 3).join(' ')),
      ['- sent CONNECT', 'z received CONNACK', 'z sent PUBLISH', 'z sent DISCONNECT'],
    )
  })
  test('--quiet silences errors at run time, not what -d was asked for', async (t) => {
    const script = '< CONNECT\n> 20 02 00 05\nwait-eof'
    const told = await converse(t, script, 'mqtt-pub', ['-t', 'a', '-m', 'x', '-d', '--quiet'])
    assert.equal(told.code, 5)
    assert.equal(of('CONNECT', told.err).length, 1)
    assert.doesNotMatch(told.err, /error/)
  })
})

rows(
  'streams (0.2)',
  PROGRAMS.flatMap((program) => [
    { program, what: '--help', args: ['--help'], code: 0, out: /^.*mqtt-/s, err: /^$/ },
    {
      program,
      what: '--version',
      args: ['--version'],
      code: 0,
      out: new RegExp(`^${program} \\d[^\\n]*\\n$`),
      err: /^$/,
    },
    {
      program,
      what: 'an option error, --quiet or not',
      args: ['--quiet', '--none-such'],
      code: 1,
      out: /^$/,
      err: new RegExp(`^${program}: error: [^\\n]*--none-such[^\\n]*\\nTry '${program} --help'\\.\\n$`),
    },
    { program, what: 'nothing to do', args: ['--quiet'], code: 1, out: /^$/, err: /--help'\.\n$/ },
  ]),
  ({ program, what }) => `${program}: ${what}`,
  async (t, { program, args, code, out, err }) => {
    const told = await cli(t, program, args)
    assert.equal(told.code, code)
    assert.match(told.out, out)
    assert.match(told.err, err)
  },
)

for (const program of PROGRAMS) {
  test(`0.2: ${program}: a failed connection is told on standard error, and --quiet silences it`, async (t) => {
    const to = [...WORK[program], '-h', '127.0.0.1', '-p', await deadPort()]
    const told = await cli(t, program, to)
    assert.deepEqual({ ...told, err: '' }, { ...QUIET, code: 1 })
    assert.match(told.err, /^[^\n]+\n$/)
    assert.deepEqual(await cli(t, program, [...to, '--quiet']), { ...QUIET, code: 1 })
  })
}

rows(
  'colours of diagnostics in a pipe (FORCE_COLOR, NO_COLOR)',
  [
    { env: {}, coloured: false },
    { env: { FORCE_COLOR: '1' }, coloured: true },
    { env: { FORCE_COLOR: '3' }, coloured: true },
    { env: { FORCE_COLOR: '0' }, coloured: false },
    { env: { FORCE_COLOR: '1', NO_COLOR: '1' }, coloured: false },
    { env: { FORCE_COLOR: '1', NO_COLOR: '' }, coloured: true },
    { env: { TERM: 'xterm-256color', COLORTERM: 'truecolor' }, coloured: false },
  ] as readonly { env: Readonly<Record<string, string>>; coloured: boolean }[],
  ({ env, coloured }) => `${JSON.stringify(env)}: ${coloured ? 'coloured' : 'plain'}`,
  async (t, { env, coloured }) => {
    const script = `${ACCEPT}\n< SUBSCRIBE\n> 90 03 00 01 00\n> ${bytes(4, 'a', 'p')}\n> 20 02 00 00\nwait-eof`
    const told = await converse(t, script, 'mqtt-sub', ['-t', 'a', '-d'], { env })
    assert.notEqual(told.code, 0)
    const error = told.err.split('\n').find((line) => line.includes('error:')) ?? ''
    const trace = of('PUBLISH', told.err)[0] ?? ''
    assert.deepEqual([error.includes('\x1b['), trace.includes('\x1b[')], [coloured, coloured], told.err)
    assert.equal(told.out, 'p\n', 'messages are never coloured')
  },
)

rows(
  'colours of diagnostics on a terminal (NO_COLOR)',
  [
    { env: { TERM: 'xterm' }, coloured: true },
    { env: { TERM: 'xterm', NO_COLOR: '1' }, coloured: false },
    { env: { TERM: 'xterm', FORCE_COLOR: '0' }, coloured: false },
    { env: { TERM: 'dumb' }, coloured: false },
  ] as readonly { env: Readonly<Record<string, string>>; coloured: boolean }[],
  ({ env, coloured }) => `${JSON.stringify(env)}: ${coloured ? 'coloured' : 'plain'}`,
  async (t, { env, coloured }) => {
    const running = startInTerminal(
      t,
      'mqtt-pub',
      [...WORK['mqtt-pub'], '-h', '127.0.0.1', '-p', await deadPort()],
      { env },
    )
    const { status, stdout } = (await running?.ended) ?? {}
    if (status === undefined) return
    assert.equal(status, 1)
    assert.match(
      String(stdout),
      coloured ? /\x1b\[31merror:\x1b\[39m cannot connect/ : /^mqtt-pub: error: cannot connect/,
    )
  },
)

test('0.1: the exit statuses of README are those of the manual pages', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const section = /^## Exit status\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? ''
  const table = [...section.matchAll(/^\| (.+?) \| (.+) \|$/gm)].map(([, status, text]) => [status, text])
  assert.deepEqual(table.slice(1), STATUSES)
})

test('0.1: the manual pages have every status', () => {
  for (const program of PROGRAMS) {
    const page = readFileSync(new URL(`../../man/${program}.1`, import.meta.url), 'utf8')
    const section = /^\.SH EXIT STATUS\n([\s\S]*?)^\.SH /m.exec(page)?.[1] ?? ''
    const listed = [...section.matchAll(/^\.TP\n\.B (.*)$/gm)].map(([, status]) => status)
    assert.deepEqual(
      listed,
      STATUSES.map(([status]) => status),
    )
  }
})
