// The bytes of CONNECT and of the other packets that options make (contract 1.5, 1.6, 1.7 and 9.1).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { broker as plainBroker } from '../broker/broker.js'
import { broker, publish } from './answering.js'
import { cli, connectOf, converse, hexOf, PROGRAMS, type Program, rows, start, WORK } from './support.js'

interface ConnectRow {
  args: readonly string[]
  bytes: string
  /** Default: mqtt-pub and mqtt-sub, whose own default is MQTT 3.1.1. */
  programs?: readonly Program[]
}

const TWO = ['mqtt-pub', 'mqtt-sub'] as const

rows(
  'CONNECT (9.1)',
  (
    [
      { args: [], bytes: '10 0c 0004 4d515454 04 02 003c 0000' },
      { args: [], bytes: '10 10 0004 4d515454 05 02 003c 03 210001 0000', programs: ['mqtt-rr'] },
      { args: ['-V', '311'], bytes: '10 0c 0004 4d515454 04 02 003c 0000', programs: ['mqtt-rr'] },
      { args: ['-V', '5'], bytes: '10 10 0004 4d515454 05 02 003c 03 210014 0000', programs: TWO },
      { args: ['-x', '10'], bytes: '10 15 0004 4d515454 05 02 003c 08 110000000a 210014 0000' },
      {
        args: ['-x', '10'],
        bytes: '10 15 0004 4d515454 05 02 003c 08 110000000a 210001 0000',
        programs: ['mqtt-rr'],
      },
      {
        args: ['-V', '5', '-c', '-i', 'a'],
        bytes: '10 16 0004 4d515454 05 00 003c 08 11ffffffff 210014 0001 61',
      },
      { args: ['-c', '-i', 'a'], bytes: '10 0d 0004 4d515454 04 00 003c 0001 61' },
      { args: ['-u', 'U', '-P', 'pw'], bytes: '10 13 0004 4d515454 04 c2 003c 0000 0001 55 0002 7077' },
      { args: ['-u', ''], bytes: '10 0e 0004 4d515454 04 82 003c 0000 0000' },
      {
        args: ['--will-topic', 'w', '--will-payload', 'pp', '--will-qos', '2', '--will-retain'],
        bytes: '10 13 0004 4d515454 04 36 003c 0000 0001 77 0002 7070',
      },
      {
        args: ['-D', 'will', 'will-delay-interval', '5', '--will-topic', 'w'],
        bytes: '10 1b 0004 4d515454 05 06 003c 03 210014 0000 05 1800000005 0001 77 0000',
      },
      // Beyond the vectors: options that show in CONNECT.
      { args: ['-k', '300'], bytes: '10 0c 0004 4d515454 04 02 012c 0000' },
      { args: ['-i', 'é'], bytes: '10 0e 0004 4d515454 04 02 003c 0002 c3a9' },
      { args: ['-V', '31', '-i', 'a'], bytes: '10 0f 0006 4d5149736470 03 02 003c 0001 61' },
      { args: ['-V', '5', '-P', 'pw'], bytes: '10 14 0004 4d515454 05 42 003c 03 210014 0000 0002 7077' },
      { args: ['--will-topic', 'w'], bytes: '10 11 0004 4d515454 04 06 003c 0000 0001 77 0000' },
      {
        args: ['--will-topic', 'w', '--will-qos', '1'],
        bytes: '10 11 0004 4d515454 04 0e 003c 0000 0001 77 0000',
      },
      // 1.7: of a will without --will-topic nothing is sent.
      { args: ['--will-qos', '2'], bytes: '10 0c 0004 4d515454 04 02 003c 0000' },
      { args: ['-D', 'will', 'content-type', 'x'], bytes: '10 10 0004 4d515454 05 02 003c 03 210014 0000' },
    ] satisfies ConnectRow[] as ConnectRow[]
  ).flatMap((row, at) => (row.programs ?? [TWO[at % 2] as Program]).map((program) => ({ ...row, program }))),
  ({ program, args }) => `${program} ${args.join(' ')}`,
  async (t, { program, args, bytes }) => {
    assert.equal((await connectOf(t, program, args)).bytes.toString('hex'), hexOf(bytes))
  },
)

interface FiveRow {
  args: readonly string[]
  clean: '0' | '1'
  /** Session Expiry in hex; empty for none. */
  expiry: string
}

rows<FiveRow>(
  'Clean Start and Session Expiry in MQTT 5 (1.6)',
  [
    { args: ['-x', '0'], clean: '1', expiry: '' },
    { args: ['-x', '300'], clean: '1', expiry: '0000012c' },
    { args: ['-x', '-1', '-i', 'a'], clean: '1', expiry: 'ffffffff' },
    { args: ['-x', '4294967295', '-i', 'a'], clean: '1', expiry: 'ffffffff' },
    { args: ['-x', '∞', '-i', 'a'], clean: '1', expiry: 'ffffffff' },
    { args: ['-V', '5', '-c', '-i', 'a'], clean: '0', expiry: 'ffffffff' },
    { args: ['-c', '-x', '9', '-i', 'a'], clean: '0', expiry: '00000009' },
    { args: ['-c', '-x', '9', '-I', 'a'], clean: '0', expiry: '00000009' },
    { args: ['-c', '-x', '0', '-i', 'a'], clean: '0', expiry: '' },
    { args: ['-D', 'connect', 'session-expiry-interval', '7'], clean: '1', expiry: '00000007' },
    { args: ['-D', 'connect', 'session-expiry-interval', '7', '-x', '0'], clean: '1', expiry: '00000007' },
  ],
  ({ args }) => args.join(' '),
  async (t, { args, clean, expiry }) => {
    const { facts } = await connectOf(t, 'mqtt-pub', args)
    assert.deepEqual(
      { v: facts.v, clean: facts.clean, props: facts.props },
      { v: '5', clean, props: `${expiry === '' ? '' : `11${expiry}`}210014` },
    )
  },
)

rows<{ args: readonly string[]; level: string }>(
  '-D and -x switch to MQTT 5 when they are read (1.6)',
  [
    { args: ['-V', '311', '-x', '10'], level: '5' },
    { args: ['-x', '10', '-V', '311'], level: '4' },
    { args: ['-x', '10', '-V', '31'], level: '3' },
    { args: ['-V', '31', '-D', 'publish', 'content-type', 'x'], level: '5' },
    { args: ['-V', '311', '-D', 'unsubscribe', 'user-property', 'a', 'b'], level: '5' },
  ],
  ({ args }) => args.join(' '),
  async (t, { args, level }) => {
    const { facts } = await connectOf(t, 'mqtt-sub', args)
    assert.equal(facts.v, level)
    if (level !== '5') assert.equal(facts.props, undefined)
  },
)

rows<{ program: Program; args: readonly string[]; maximum: string }>(
  'Receive Maximum in MQTT 5 (1.6)',
  [
    { program: 'mqtt-sub', args: ['-C', '3'], maximum: '210003' },
    { program: 'mqtt-sub', args: ['-C', '20'], maximum: '210014' },
    { program: 'mqtt-sub', args: ['-C', '500'], maximum: '210014' },
    { program: 'mqtt-sub', args: ['-C', '3', '-D', 'connect', 'receive-maximum', '9'], maximum: '210009' },
    { program: 'mqtt-rr', args: ['-D', 'connect', 'receive-maximum', '65535'], maximum: '21ffff' },
    { program: 'mqtt-pub', args: ['-D', 'connect', 'receive-maximum', '1'], maximum: '210001' },
  ],
  ({ program, args }) => `${program} ${args.join(' ')}`,
  async (t, { program, args, maximum }) => {
    assert.equal((await connectOf(t, program, ['-V', '5', ...args])).facts.props, maximum)
  },
)

interface IdRow {
  version: string
  args: readonly string[]
  id: RegExp | 'prefix'
}

rows<IdRow>(
  'client id (1.5)',
  ['311', '31', '5'].flatMap((version) => [
    { version, args: ['-i', 'X y'], id: /^X y$/ },
    { version, args: ['-I', 'pre'], id: 'prefix' as const },
    { version, args: ['-I', ''], id: 'prefix' as const },
    { version, args: [], id: version === '31' ? /^mosq-[A-Za-z0-9]{18}$/ : /^$/ },
  ]),
  ({ version, args }) => `-V ${version} ${args.join(' ') || '(neither)'}`,
  async (t, { version, args, id }) => {
    const server = await plainBroker(t, { on: () => true })
    const { port } = server
    const running = start(t, 'mqtt-pub', [
      ...WORK['mqtt-pub'],
      '-V',
      version,
      ...args,
      '-h',
      '127.0.0.1',
      '-p',
      port,
    ])
    await server.until(() => server.seen.length > 0)
    const actual = server.seen[0]?.facts.id ?? 'none'
    if (id === 'prefix') assert.equal(actual, `${args[1]}${running.pid}`)
    else assert.match(actual, id)
  },
)

rows<{ program: Program; args: readonly string[]; packet: string; bytes: string }>(
  'other packets (9.1)',
  [
    {
      program: 'mqtt-sub',
      args: ['-t', 'a', '-t', 'b/#', '-q', '1'],
      packet: 'SUBSCRIBE',
      bytes: '82 0c 0001 0001 61 01 0003 622f23 01',
    },
    {
      program: 'mqtt-sub',
      args: ['-V', '5', '-t', 'a', '-R'],
      packet: 'SUBSCRIBE',
      bytes: '82 07 0001 00 0001 61 20',
    },
    {
      program: 'mqtt-sub',
      args: ['-V', '5', '-t', 'a', '-R', '--retain-as-published'],
      packet: 'SUBSCRIBE',
      bytes: '82 07 0001 00 0001 61 28',
    },
    {
      program: 'mqtt-sub',
      args: ['-V', '5', '-t', 'a', '-R', '--retain-handling', 'new'],
      packet: 'SUBSCRIBE',
      bytes: '82 07 0001 00 0001 61 10',
    },
    {
      program: 'mqtt-sub', // Q44
      args: ['-V', '5', '-t', 'a', '--retain-handling', 'new', '-R'],
      packet: 'SUBSCRIBE',
      bytes: '82 07 0001 00 0001 61 20',
    },
    {
      program: 'mqtt-sub', // only the QoS before MQTT 5 (4.1)
      args: ['-t', 'a', '-R', '--retain-as-published', '--retain-handling', 'new', '-q', '2'],
      packet: 'SUBSCRIBE',
      bytes: '82 06 0001 0001 61 02',
    },
    {
      program: 'mqtt-sub',
      args: ['-V', '5', '-t', 'a', '--no-local', '-q', '1'],
      packet: 'SUBSCRIBE',
      bytes: '82 07 0001 00 0001 61 05',
    },
    { program: 'mqtt-sub', args: ['-U', 'a/#'], packet: 'UNSUBSCRIBE', bytes: 'a2 07 0001 0003 612f23' },
    {
      program: 'mqtt-rr',
      args: ['-t', 'rq/a', '-e', 'b', '-m', 'hello'],
      packet: 'PUBLISH',
      bytes: '30 10 0004 72712f61 04 08 0001 62 68656c6c6f',
    },
    {
      program: 'mqtt-rr', // no properties before MQTT 5
      args: ['-V', '311', '-t', 'rq/a', '-e', 'b', '-m', 'hello'],
      packet: 'PUBLISH',
      bytes: '30 0b 0004 72712f61 68656c6c6f',
    },
    {
      program: 'mqtt-rr',
      args: ['-t', 'rq/a', '-e', 'b', '-m', 'hello', '-q', '1', '-R'],
      packet: 'SUBSCRIBE',
      bytes: '82 07 0001 00 0001 62 21',
    },
    {
      program: 'mqtt-rr', // the response topic comes after the user's properties (5)
      args: ['-t', 'q', '-e', 'b', '-n', '-D', 'publish', 'content-type', 'x'],
      packet: 'PUBLISH',
      bytes: '30 0c 0001 71 08 03 0001 78 08 0001 62',
    },
    { program: 'mqtt-pub', args: ['-t', 'a', '-n'], packet: 'DISCONNECT', bytes: 'e0 00' },
    { program: 'mqtt-pub', args: ['-t', 'a', '-n', '-V', '5'], packet: 'DISCONNECT', bytes: 'e0 00' },
    { program: 'mqtt-rr', args: ['-t', 'a', '-e', 'b', '-n'], packet: 'DISCONNECT', bytes: 'e0 00' }, // Q59
    {
      program: 'mqtt-pub',
      args: ['-t', 'a', '-n', '-x', '60', '-D', 'disconnect', 'session-expiry-interval', '7'],
      packet: 'DISCONNECT',
      bytes: 'e0 07 00 05 1100000007',
    },
    { program: 'mqtt-pub', args: ['-t', 'a', '-m', 'x', '-r'], packet: 'PUBLISH', bytes: '31 04 0001 61 78' },
    {
      program: 'mqtt-pub',
      args: ['-t', 'a', '-m', 'x', '-q', '2', '-V', '5'],
      packet: 'PUBLISH',
      bytes: '34 07 0001 61 0001 00 78',
    },
  ],
  ({ program, args }) => `${program} ${args.join(' ')}`,
  async (t, { program, args, packet, bytes }) => {
    const server = await broker(t, publish('b', 'y'))
    const own = program === 'mqtt-sub' ? ['-E'] : []
    const told = await cli(t, program, [...args, ...own, '-h', '127.0.0.1', '-p', server.port])
    assert.equal(told.code, 0, told.err)
    const seen = server.seen.find(({ name }) => name === packet)
    assert.equal(seen?.bytes.toString('hex'), hexOf(bytes))
  },
)

// How a program leaves, and so whether the broker sends the will (1.7).

const HELLO = { 4: Buffer.from('20020000', 'hex'), 5: Buffer.from('2003000000', 'hex') } as const

for (const level of [4, 5] as const) {
  const version = ['-V', level === 5 ? '5' : '311', '-i', 'me']

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`1.7, 9.1: mqtt-sub, MQTT ${level}, ${signal}: exit 0 and DISCONNECT${level === 5 ? ' 4' : ''}`, async (t) => {
      const server = await plainBroker(t, { connack: () => HELLO[level] })
      const reason = level === 5 ? ['-D', 'disconnect', 'reason-string', 'bye'] : []
      const where = ['-h', '127.0.0.1', '-p', server.port]
      const running = start(t, 'mqtt-sub', ['-t', 'a', ...version, ...reason, ...where])
      await server.until(() => server.seen.some(({ name }) => name === 'SUBSCRIBE'))
      running.kill(signal)
      const { code } = await running.done
      assert.equal(code, 0)
      assert.equal(server.seen.at(-1)?.bytes.toString('hex'), level === 5 ? 'e00804061f0003627965' : 'e000')
    })
  }

  for (const program of ['mqtt-sub', 'mqtt-rr'] as const) {
    test(`1.7: ${program}, MQTT ${level}, -W: exit 27 and DISCONNECT${level === 5 ? ' 4' : ''}`, async (t) => {
      const server = await plainBroker(t, { connack: () => HELLO[level] })
      const work = program === 'mqtt-sub' ? ['-t', 'a'] : WORK[program]
      const args = [...work, ...version, '-W', '1', '-h', '127.0.0.1', '-p', server.port]
      const { code, out, err } = await cli(t, program, args)
      assert.deepEqual({ code, out }, { code: 27, out: '' })
      assert.match(err, /timed out/)
      const last = server.seen.at(-1)
      assert.equal(last?.name, 'DISCONNECT')
      assert.equal(last?.facts.reason, level === 5 ? '4' : '0')
    })
  }
}

test('1.6: PINGREQ after -k seconds of silence', async (t) => {
  const script = `
    < CONNECT keepalive=5
    > 20 02 00 00
    < PUBLISH qos=1
    < c0 00
    > 40 02 00 01
    < e0 00`
  // The broker acknowledges only once a ping has come.
  const told = await converse(t, script, 'mqtt-pub', ['-t', 'a', '-m', 'x', '-q', '1', '-k', '5'])
  assert.deepEqual(told, { code: 0, out: '', err: '' })
})

test('every program names itself in its version', async (t) => {
  for (const program of PROGRAMS) {
    assert.match((await cli(t, program, ['--version'])).out, new RegExp(`^${program} \\d+\\.\\d+\\.\\d+`))
  }
})
