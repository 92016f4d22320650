// The common ground of the programs row by row: exit statuses (0.1), streams (0.2), the order of work (0.3).

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { broker, mute } from '../broker/broker.js'
import { deadPort } from '../support/ports.js'
import { type Args, QUIET, temporaryFolder } from '../support/run.js'
import { type SocksScript, socksServer } from '../transport/socks-server.js'
import { serve } from '../transport/support.js'
import { upgrades } from '../transport/web-socket-server.js'
import { at } from './real.js'
import { cli, converse, misuse, PROGRAMS, type Program, rows, start, WORK } from './support.js'

const ACCEPT = '< CONNECT\n> 20 02 00 00'
const ACCEPT_5 = '< CONNECT\n> 20 03 00 00 00'
const PUB_5 = ['-V', 5, '-i', 'me', '-t', 'a', '-m', 'x']

interface ScriptedStatus {
  code: number
  what: string
  program: Program
  args?: Args
  script: string
  says?: RegExp
}

// Those of the MQTT 5.0 specification.
const CONNACKS = '128 129 130 131 132 133 134 135 136 137 138 140 144 149 151 153 154 155 156 157 159'
  .split(' ')
  .map(Number)

const refusal = (code: number): ScriptedStatus => ({
  code,
  what: `v3 CONNACK ${code}`,
  program: PROGRAMS[code % 3] as Program,
  args: ['-V', 311],
  script: `< CONNECT\n> 20 02 00 ${code.toString(16).padStart(2, '0')}\nwait-eof`,
})

rows<ScriptedStatus>(
  'exit statuses that a broker brings about (0.1)',
  [
    { code: 0, what: 'done', program: 'mqtt-pub', script: `${ACCEPT}\n< PUBLISH\n< DISCONNECT`, says: /^$/ },
    ...[1, 2, 3, 4, 5, 6, 255].map(refusal),
    {
      code: 2,
      what: 'unexpected packet',
      program: 'mqtt-sub',
      script: `${ACCEPT}\n< SUBSCRIBE\n> 90 03 00 09 00\nwait-eof`,
      says: /SUBACK/,
    },
    {
      code: 4,
      what: 'v5 DISCONNECT 0 while work is outstanding',
      program: 'mqtt-pub',
      args: [...PUB_5, '-q', 1],
      script: `${ACCEPT_5}\n< PUBLISH\n> e0 00\nwait-eof`,
      says: /DISCONNECT/,
    },
    {
      code: 7,
      what: 'lost while work is outstanding',
      program: 'mqtt-pub',
      args: ['-q', 1],
      script: `${ACCEPT}\n< PUBLISH\ncut`,
      says: /not confirmed/,
    },
    {
      code: 7,
      what: 'lost while waiting for the response',
      program: 'mqtt-rr',
      args: ['-V', 311],
      script: `${ACCEPT}\n< SUBSCRIBE\n> 90 03 00 01 00\n< PUBLISH\nreset`,
    },
    {
      code: 19,
      what: 'keepalive expired',
      program: 'mqtt-pub',
      args: [...PUB_5, '-q', 1],
      // Server Keep Alive 1.
      script: '< CONNECT\n> 20 06 00 00 03 13 00 01\n< PUBLISH\n< PINGREQ\nsilence',
    },
    {
      code: 21,
      what: 'malformed packet',
      program: 'mqtt-sub',
      script: `${ACCEPT}\n< SUBSCRIBE\n> 90 03 00 01 00\n> 30 01 00\nwait-eof`,
      says: /PUBLISH/,
    },
    {
      code: 24,
      what: "QoS above the server's maximum",
      program: 'mqtt-pub',
      args: [...PUB_5, '-q', 2],
      script: '< CONNECT\n> 20 05 00 00 02 24 01\n< DISCONNECT',
      says: /QoS 1/,
    },
    {
      code: 25,
      what: "packet above the server's maximum",
      program: 'mqtt-pub',
      args: PUB_5,
      script: '< CONNECT\n> 20 08 00 00 05 27 00 00 00 05\n< DISCONNECT',
      says: /at most 5/,
    },
    ...CONNACKS.map((code, nth): ScriptedStatus => {
      const program = PROGRAMS[nth % 3] as Program
      const script = `< CONNECT\n> 20 03 00 ${code.toString(16)} 00\nwait-eof`
      return {
        code,
        what: 'v5 CONNACK',
        program,
        args: ['-V', 5],
        script,
        says: /^mqtt-\w+: error: [^\n]+\n$/,
      }
    }),
  ],
  ({ code, what, program }) => `0.1 ${code}: ${what} (${program})`,
  async (t, { code, program, args = [], script, says = /^mqtt-\w+: error: / }) => {
    const work = args.includes('-t') ? [] : WORK[program].filter((word) => word !== '-E')
    const told = await converse(t, script, program, [...work, ...args])
    assert.equal(told.code, code, told.err)
    assert.match(told.err, says)
    assert.equal(told.out, '')
  },
)

interface OwnStatus {
  what: string
  program: Program
  args: (t: TestContext) => Args | Promise<Args>
  says: RegExp
}

async function sparse(t: TestContext, size: number): Promise<string> {
  const path = join(temporaryFolder(t), 'hole')
  const file = await open(path, 'w')
  await file.truncate(size)
  await file.close()
  return path
}

const own = (
  program: Program,
  what: string,
  args: Args | (() => Promise<Args>),
  says: RegExp,
): OwnStatus => ({ what, program, args: () => (typeof args === 'function' ? args() : args), says })

// Without --quiet and with it: what goes wrong while the program runs is silent then, with the same status (0.2).
rows<OwnStatus>(
  '0.1 exit 1, and 0.2 --quiet: what fails before MQTT starts',
  [
    own('mqtt-pub', 'unreadable payload source', ['-t', 'a', '-f', '/nonexistent/f'], /'\/nonexistent\/f'/),
    {
      what: 'oversize payload source',
      program: 'mqtt-pub',
      args: async (t) => ['-t', 'a', '-f', await sparse(t, 268_435_456)],
      says: /268435455/,
    },
    own('mqtt-rr', 'empty stdin with -s', ['-t', 'a', '-s'], /standard input/),
    own(
      'mqtt-sub',
      'invalid will',
      ['-t', 'a', '--will-topic', 'w', '--will-payload', 'x'.repeat(65_536)],
      /--will-payload/,
    ),
    own(
      'mqtt-pub',
      'invalid credentials: a password without user name',
      [...WORK['mqtt-pub'], '-P', 'x'],
      /-P.*-u/,
    ),
    own('mqtt-sub', 'invalid credentials: user name', ['-t', 'a', '-u', 'a\u0001'], /-u/),
    own(
      'mqtt-rr',
      'invalid TLS settings',
      [...WORK['mqtt-rr'], '--cafile', '/nonexistent/ca'],
      /--cafile '\/nonexistent\/ca'/,
    ),
    own(
      'mqtt-pub',
      'TLS context that cannot be built',
      [...WORK['mqtt-pub'], '--ciphers', 'none-such'],
      /none-such/,
    ),
    own('mqtt-sub', 'name lookup', ['-t', 'a', '-h', 'broker.invalid'], /broker\.invalid/),
    own(
      'mqtt-rr',
      'TCP refused',
      async () => [...WORK['mqtt-rr'], '-h', '127.0.0.1', '-p', await deadPort()],
      /127\.0\.0\.1 port \d+: .*refused/,
    ),
    own(
      'mqtt-pub',
      'bind address',
      [...WORK['mqtt-pub'], '-h', '127.0.0.1', '-p', 1, '-A', 'local.invalid'],
      /local\.invalid/,
    ),
    own('mqtt-sub', 'unix path', ['-t', 'a', '--unix', '/nonexistent/socket'], /\/nonexistent\/socket/),
  ],
  ({ what, program }) => `0.1 1: ${what} (${program})`,
  async (t, { program, args, says }) => {
    const words = await args(t)
    const told = await cli(t, program, words)
    assert.deepEqual({ code: told.code, out: told.out }, { code: 1, out: '' }, told.err)
    assert.match(told.err, new RegExp(`^${program}: error: [^\\n]*\\n$`))
    assert.match(told.err, says)
    assert.deepEqual(await cli(t, program, [...words, '--quiet']), { ...QUIET, code: 1 })
  },
)

describe('more exit statuses (0.1)', { concurrency: 4 }, () => {
  test('0.1 1: command-line misuse; 0: --help and --version (Q1)', async (t) => {
    await misuse(t, 'mqtt-sub', ['-t', 'a', '-i', ''], ['-i'])
    for (const option of ['--help', '--version']) assert.equal((await cli(t, 'mqtt-rr', [option])).code, 0)
  })
  const proxied: readonly [code: number, what: string, script: SocksScript][] = [
    [3, 'invalid input deep in the client: an unknown reply of a proxy', { reply: 9 }],
    [4, 'not connected: the proxy says refused', { reply: 5 }],
    [11, 'authorisation refused', { reply: 2 }],
    [16, 'proxy failure', { reply: 1 }],
  ]
  for (const [code, what, script] of proxied) {
    test(`0.1 ${code}: ${what}`, async (t) => {
      const port = await serve(t, socksServer(script))
      const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--proxy', `socks5h://127.0.0.1:${port}`])
      assert.equal(told.code, code, told.err)
    })
  }
  test('0.1 8: TLS failure', async (t) => {
    const port = await serve(t, (socket) => socket.once('data', () => socket.end('no TLS')))
    const told = await cli(t, 'mqtt-rr', [...WORK['mqtt-rr'], '--insecure', ...at({ port })])
    assert.equal(told.code, 8, told.err)
  })
  for (const program of ['mqtt-pub', 'mqtt-rr'] as const) {
    test(`0.1 9: payload too large for the protocol, and for this topic (3.1, Q37, ${program})`, async (t) => {
      const path = await sparse(t, 268_435_453)
      const work = program === 'mqtt-rr' ? ['-e', 'b'] : []
      const told = await cli(t, program, ['-t', 'a', '-f', path, ...work, ...at(await broker(t))])
      assert.equal(told.code, 9, told.err)
      assert.match(told.err, /error: .*268435453 bytes/)
    })
  }
  test('0.1 13: WebSocket upgrade refused', async (t) => {
    const port = await serve(
      t,
      upgrades(() => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'),
    )
    const told = await cli(t, 'mqtt-sub', [...WORK['mqtt-sub'], '--ws', ...at({ port })])
    assert.equal(told.code, 13, told.err)
  })
  test('0.1 22: a duplicate property is found while parsing: 1 (Q27)', (t) =>
    misuse(
      t,
      'mqtt-pub',
      [...WORK['mqtt-pub'], ...'-D publish content-type a -D publish content-type b'.split(' ')],
      ['twice'],
    ))
  for (const program of ['mqtt-sub', 'mqtt-rr'] as const) {
    test(`0.1 27: -W expired (${program})`, async (t) => {
      const told = await cli(t, program, [...WORK[program], '-W', 0.3, ...at(await mute(t))])
      assert.equal(told.code, 27, told.err)
    })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`0.1 255: mqtt-sub, ${signal} before the first CONNACK; 0 afterwards`, async (t) => {
      const silent = await broker(t, { on: () => true })
      const early = start(t, 'mqtt-sub', ['-t', 'a', ...at(silent)])
      await silent.until(() => silent.seen.length === 1)
      early.kill(signal)
      assert.equal((await early.done).code, 255)
      const late = start(t, 'mqtt-sub', ['-t', 'a', '-d', ...at(await broker(t))])
      await late.saw('err', /received CONNACK/)
      late.kill(signal)
      assert.equal((await late.done).code, 0)
    })
  }
})

rows<{ what: string; program: Program; args: readonly string[]; first: RegExp; input?: string }>(
  'what is told first (0.3)',
  [
    { what: 'step 3 before 4', program: 'mqtt-pub', args: ['--will-payload', 'x', '-q', '9'], first: /-q/ },
    {
      what: 'step 4 before 5',
      program: 'mqtt-rr',
      args: ['--will-payload', 'x', '-f', '/nonexistent/f'],
      first: /--will-payload/,
    },
    {
      what: 'step 4, 1.4 before -t',
      program: 'mqtt-sub',
      args: ['--cert', 'c', '-R', '--retained-only'],
      first: /--cert/,
    },
    {
      what: 'step 4, -t before -R and --retained-only',
      program: 'mqtt-sub',
      args: ['-R', '--retained-only'],
      first: /-t/,
    },
    {
      what: 'step 5 before 6',
      program: 'mqtt-pub',
      args: ['-f', '/nonexistent/f'],
      first: /'\/nonexistent\/f'/,
    },
    {
      what: 'step 5 before 6',
      program: 'mqtt-rr',
      args: ['-f', '/nonexistent/f'],
      first: /'\/nonexistent\/f'/,
    },
    {
      what: 'step 5 before 8',
      program: 'mqtt-pub',
      args: ['-t', 'a', '-s', '-u', 'a\u0001'],
      first: /standard input/,
      input: '',
    },
    { what: 'step 6 before 8', program: 'mqtt-pub', args: ['-m', 'x', '-u', 'a\u0001'], first: /-t/ },
    {
      what: 'step 8, the will before credentials',
      program: 'mqtt-sub',
      args: ['-t', 'a', '--will-topic', 'w', '--will-payload', 'x'.repeat(65_536), '-u', 'a\u0001'],
      first: /--will-payload/,
    },
    {
      what: 'step 8, credentials before TLS',
      program: 'mqtt-rr',
      args: [...WORK['mqtt-rr'], '-u', 'a\u0001', '--cafile', '/nonexistent/ca'],
      first: /-u/,
    },
    {
      what: 'step 8 before 9',
      program: 'mqtt-pub',
      args: [...WORK['mqtt-pub'], '--cafile', '/nonexistent/ca', '-h', 'broker.invalid'],
      first: /--cafile/,
    },
  ],
  ({ what, program }) => `0.3 ${what} (${program})`,
  async (t, { program, args, first, input }) => {
    const { code, out, err } = await cli(t, program, args, input === undefined ? {} : { input })
    assert.deepEqual({ code, out }, { code: 1, out: '' })
    assert.match(err.split('\n')[0] ?? '', first)
  },
)

test('0.3 step 2 before 3: what is wrong in the options file comes first, wherever -o stands', async (t) => {
  const path = join(temporaryFolder(t), 'options')
  writeFileSync(path, '--bogus\n')
  for (const args of [
    ['-o', path, '-q', '9'],
    ['-q', '9', '-o', path],
  ])
    await misuse(t, 'mqtt-pub', args, ["line 1: unknown option '--bogus'"])
})

rows<{ what: string; program: Program; args: Args }>(
  '0.3: the payload is read first (step 5)',
  [
    { what: 'before the client id is looked at (7)', program: 'mqtt-pub', args: ['-V', 5, '-c', '-x', 0] },
    {
      what: 'before a second response-topic is found (6)',
      program: 'mqtt-rr',
      args: ['-e', 'b', '-D', 'publish', 'response-topic', 'x'],
    },
  ],
  ({ what, program }) => `${program}: ${what}`,
  async (t, { program, args }) => {
    const told = await cli(t, program, ['-t', 'a', '-f', '/nonexistent/f', ...args])
    assert.equal(told.code, 1)
    assert.match(told.err, /'\/nonexistent\/f'/)
  },
)

test('0.3 step 5 before 9: -s reads all of standard input before anything is connected', async (t) => {
  const server = await broker(t)
  const running = start(t, 'mqtt-pub', ['-t', 'a', '-s', ...at(server)], { keepStdin: true })
  running.stdin.write('x')
  // Another program comes and goes meanwhile.
  assert.deepEqual(await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...at(server)]), QUIET)
  assert.equal(server.links.length, 1)
  running.stdin.end('y')
  assert.equal((await running.done).code, 0)
  assert.equal(server.messages[1]?.payload.toString(), 'xy')
})
