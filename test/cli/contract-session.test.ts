// Client id, session and will row by row (1.5, 1.6, 1.7), with the built programs and a real mosquitto.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Mosquitto } from '../support/mosquitto.js'
import { type Args, type Running, temporaryFolder, told as toldOf } from '../support/run.js'
import { at, brokerRows } from './real.js'
import { cli, converse, misuse, PROGRAMS, type Program, rows, start, WORK } from './support.js'

/** What a program needs to end by itself at a real broker: the request of mqtt-rr is its own response. */
function work(program: Program, topic: string): Args {
  if (program === 'mqtt-rr') return ['-t', topic, '-e', topic, '-m', 'x']
  return program === 'mqtt-sub' ? ['-t', topic, '-E'] : ['-t', topic, '-m', 'x']
}

const LEVELS = { '31': 'p1', '311': 'p2', '5': 'p5' } as const

brokerRows(
  'the client id, as mosquitto sees it (1.5)',
  (['31', '311', '5'] as const).flatMap((version) =>
    PROGRAMS.flatMap((program) => [
      { version, program, args: ['-i', `X_${version}_${program}`], id: `X_${version}_${program}` },
      { version, program, args: ['-I', `P_${version}_${program}_`], id: `P_${version}_${program}_PID` },
      { version, program, args: ['-I', '', '-u', `u${version}${program}`], id: 'PID' },
      // Where it is empty mosquitto makes one up.
      {
        version,
        program,
        args: ['-u', `v${version}${program}`],
        id: version === '31' ? 'mosq-[A-Za-z0-9]{18}' : 'auto-\\S+',
      },
    ]),
  ),
  ({ version, program, args }) =>
    `1.5 ${args.slice(0, args[0] === '-u' ? 0 : 2).join(' ') || 'neither'}: ${program} -V ${version}`,
  async (t, { version, program, args, id }, broker) => {
    const words = [...at(broker), ...work(program, `${args.join('')}`), '-V', version, ...args, '-d']
    const running = start(t, program, words)
    const { code, err } = toldOf(await running.done)
    assert.equal(code, 0, err)
    const user = args.at(-2) === '-u' ? `, u'${args.at(-1)}'` : ''
    const name = id.replace('PID', String(running.pid))
    const line = await broker.logged(new RegExp(` as ${name} \\(${LEVELS[version]}, c1, k60${user}\\)`))
    if (args[0] !== '-u') return
    const sent = /client-id="([^"]*)"/.exec(err)?.[1] ?? 'none'
    assert.equal(sent, version === '31' ? / as (\S+) /.exec(line)?.[1] : '')
    // The one that the broker assigned is in all later lines.
    const last = err.trimEnd().split('\n').at(-1) ?? ''
    if (version === '5') assert.match(last, / sent DISCONNECT /)
    if (version === '5') assert.equal(last.split(' ')[0], / as (\S+) /.exec(line)?.[1])
  },
)

rows<{ what: string; args: readonly string[]; names: readonly string[] }>(
  'ids that are refused (1.5)',
  [
    { what: 'empty', args: ['-i', ''], names: ['-i (--id)'] },
    { what: 'not utf8', args: ['-i', 'a\u0001'], names: ['-i (--id)'] },
    {
      what: 'none while clean session is off',
      args: ['-V', '5', '-c', '-x', '0'],
      names: ['client identifier', '-i'],
    },
  ],
  ({ what }) => `1.5 ${what}`,
  async (t, { args, names }) => {
    for (const program of PROGRAMS) await misuse(t, program, [...WORK[program], ...args], names)
  },
)

brokerRows<{ args: Args; clean: 0 | 1; expiry?: number }>(
  'Clean Start and Session Expiry in MQTT 5, as mosquitto sees them (1.6)',
  [
    { args: [], clean: 1 },
    { args: ['-x', '0'], clean: 1 },
    { args: ['-x', '300'], clean: 1, expiry: 300 },
    { args: ['-x', '-1'], clean: 1, expiry: 4_294_967_295 },
    { args: ['-x', '4294967295'], clean: 1, expiry: 4_294_967_295 },
    { args: ['-x', '∞'], clean: 1, expiry: 4_294_967_295 },
    { args: ['-c'], clean: 0, expiry: 4_294_967_295 },
    { args: ['-c', '-x', '9'], clean: 0, expiry: 9 },
    { args: ['-c', '-x', '0'], clean: 0 },
    { args: ['-D', 'connect', 'session-expiry-interval', '7'], clean: 1, expiry: 7 },
  ],
  ({ args }) => `1.6 ${args.join(' ') || 'nothing'}`,
  async (t, { args, clean, expiry }, broker) => {
    const id = `s${args.join('')}`
    const words = [...at(broker), '-V', 5, '-i', id, ...args, '-t', 'a', '-E', '-d']
    const first = await cli(t, 'mqtt-sub', words)
    assert.equal(first.code, 0, first.err)
    const connect = /sent CONNECT .*/.exec(first.err)?.[0] ?? ''
    assert.ok(connect.includes(` clean=${clean} `), connect)
    assert.equal(
      /sessionExpiryInterval=(\d+)/.exec(connect)?.[1],
      expiry === undefined ? undefined : String(expiry),
    )
    await broker.logged(new RegExp(` as ${id} \\(p5, c${clean}, k60\\)`))
    // What is asked for again with Clean Start 0 is there, if it was kept at all.
    const again = await cli(t, 'mqtt-sub', [
      ...at(broker),
      '-V',
      5,
      '-i',
      id,
      '-c',
      '-x',
      0,
      '-t',
      'a',
      '-E',
      '-d',
    ])
    assert.equal(again.code, 0, again.err)
    assert.match(again.err, new RegExp(`received CONNACK session-present=${expiry === undefined ? 0 : 1} `))
  },
)

brokerRows<{ program: Program; args: Args; maximum: number }>(
  'Receive Maximum in MQTT 5 (1.6)',
  [
    { program: 'mqtt-pub', args: [], maximum: 20 },
    { program: 'mqtt-sub', args: ['-E'], maximum: 20 },
    { program: 'mqtt-sub', args: ['-E', '-C', 3], maximum: 3 },
    { program: 'mqtt-sub', args: ['-E', '-C', 21], maximum: 20 },
    { program: 'mqtt-rr', args: [], maximum: 1 },
    { program: 'mqtt-rr', args: ['-D', 'connect', 'receive-maximum', 9], maximum: 9 },
    { program: 'mqtt-sub', args: ['-E', '-C', 3, '-D', 'connect', 'receive-maximum', 9], maximum: 9 },
  ],
  ({ program, args }) => `1.6 ${program} ${args.join(' ')}`,
  async (t, { program, args, maximum }, broker) => {
    const { code, err } = await cli(t, program, [
      ...at(broker),
      ...work(program, 'm'),
      '-V',
      5,
      '-d',
      ...args,
    ])
    assert.equal(code, 0, err)
    assert.match(err, new RegExp(`sent CONNECT .*receiveMaximum=${maximum} `))
  },
)

brokerRows<{ args: Args; level: string }>(
  '-D and -x set the version when they are read (1.6)',
  [
    { args: ['-V', '311', '-x', 10], level: 'p5' },
    { args: ['-x', 10, '-V', '311'], level: 'p2' },
    { args: ['-V', '31', '-D', 'publish', 'content-type', 'x'], level: 'p5' },
  ],
  ({ args }) => `1.6 ${args.join(' ')}`,
  async (t, { args, level }, broker) => {
    const id = `v${args.join('')}`
    const told = await cli(t, 'mqtt-pub', [...at(broker), ...WORK['mqtt-pub'], '-i', id, ...args])
    assert.equal(told.code, 0, told.err)
    await broker.logged(new RegExp(` as ${id} \\(${level}, `))
  },
)

interface WillRow {
  program: Program
  by: string
  /** Options, and what is done once the program has its subscriptions, or waits for its response. */
  args?: Args
  meanwhile?: (running: Running, broker: Mosquitto) => unknown
  code: number | NodeJS.Signals
  /** By version; both where it is one. */
  will: boolean | { 311: boolean; 5: boolean }
}

const kill = (signal: NodeJS.Signals) => (running: Running) => running.kill(signal)
const BY_VERSION = { 311: false, 5: true } as const

const WILLS: readonly WillRow[] = [
  { program: 'mqtt-pub', by: 'normal end', args: ['-m', 'x', '-q', 1], code: 0, will: false },
  { program: 'mqtt-sub', by: '-E', args: ['-E'], code: 0, will: false },
  { program: 'mqtt-sub', by: '-C', args: ['-t', 'kept', '-C', 1], code: 0, will: false },
  { program: 'mqtt-sub', by: '--retained-only', args: ['--retained-only'], code: 0, will: false },
  {
    program: 'mqtt-sub',
    by: 'stdout failure',
    meanwhile: async (running) => {
      running.stdout.destroy()
      await once(running.stdout, 'close')
    },
    args: ['-t', 'kept', '-t', 'chat'],
    code: 0,
    will: false,
  },
  { program: 'mqtt-sub', by: 'SIGINT', meanwhile: kill('SIGINT'), code: 0, will: BY_VERSION },
  { program: 'mqtt-sub', by: 'SIGTERM', meanwhile: kill('SIGTERM'), code: 0, will: BY_VERSION },
  { program: 'mqtt-sub', by: '-W', args: ['-W', 2], meanwhile: () => {}, code: 27, will: BY_VERSION },
  {
    program: 'mqtt-rr',
    by: '-W',
    args: ['-e', 'none', '-m', 'x', '-W', 2],
    meanwhile: () => {},
    code: 27,
    will: BY_VERSION,
  },
  {
    program: 'mqtt-rr',
    by: 'response received (Q59)',
    args: ['-t', 'own', '-e', 'own', '-m', 'x'],
    code: 0,
    will: false,
  },
  {
    program: 'mqtt-rr',
    by: 'a signal',
    args: ['-e', 'none', '-m', 'x'],
    meanwhile: kill('SIGTERM'),
    code: 'SIGTERM',
    will: true,
  },
  // Which says good-bye first (Q67).
  {
    program: 'mqtt-pub',
    by: 'a signal',
    args: ['-l'],
    meanwhile: kill('SIGTERM'),
    code: 'SIGTERM',
    will: false,
  },
  {
    program: 'mqtt-pub',
    by: 'SIGKILL',
    args: ['-l'],
    meanwhile: kill('SIGKILL'),
    code: 'SIGKILL',
    will: true,
  },
]

brokerRows(
  'whether mosquitto publishes the will (1.7)',
  WILLS.flatMap((row) => (['311', '5'] as const).map((version) => ({ ...row, version }))),
  ({ program, by, version }) => `1.7 ${program} ends by ${by}, -V ${version}`,
  async (t, { program, by, args = [], meanwhile, code, will, version }, broker) => {
    const id = `${program}${by.replace(/\W/g, '')}${version}`
    const topic = `will/${id}`
    const from = broker.log.all.length
    const sender = at(broker)
    await cli(t, 'mqtt-pub', [...sender, '-t', 'kept', '-m', 'x', '-r', '-q', 1])
    const options = ['-i', id, '--will-topic', topic, '--will-payload', 'gone', '--will-retain', '-d']
    const words = [
      ...sender,
      '-V',
      version,
      ...options,
      ...(args.includes('-t') ? [] : ['-t', 'quiet']),
      ...args,
    ]
    const running = start(t, program, words, { keepStdin: meanwhile !== undefined })
    if (meanwhile !== undefined) {
      await running.saw(
        'err',
        program === 'mqtt-pub'
          ? /received CONNACK/
          : program === 'mqtt-sub'
            ? /received SUBACK/
            : /sent PUBLISH/,
      )
      await meanwhile(running, broker)
      // Something to print, for the one that cannot.
      if (by === 'stdout failure') await cli(t, 'mqtt-pub', [...sender, '-t', 'chat', '-m', 'x'])
    }
    assert.equal(toldOf(await running.done).code, code, running.err)
    await broker.logged(new RegExp(`: Client ${id} (disconnected|closed its connection)`), from)
    const after = await cli(t, 'mqtt-sub', [...sender, '-t', topic, '--retained-only'])
    const expected = typeof will === 'boolean' ? will : will[version]
    assert.deepEqual(after, { code: 0, out: expected ? 'gone\n' : '', err: '' })
  },
)

test('1.7 mqtt-sub ends by all subscriptions refused: DISCONNECT with reason 0', async (t) => {
  const script = '< CONNECT will-topic=w\n> 20 03 00 00 00\n< SUBSCRIBE\n> 90 04 00 01 00 87\n< e0 00'
  const args = ['-V', 5, '-i', 'me', '-t', 'a', '--will-topic', 'w']
  assert.equal((await converse(t, script, 'mqtt-sub', args)).code, 0x87)
})

test('1.7: -D will without --will-topic is silently unused', async (t) => {
  const script = '< CONNECT flags=02\n> 20 03 00 00 00\n< PUBLISH\n< DISCONNECT'
  const args = ['-i', 'me', '-t', 'a', '-m', 'x', '-D', 'will', 'content-type', 'x']
  assert.deepEqual(await converse(t, script, 'mqtt-pub', args), { code: 0, out: '', err: '' })
})

test('1.7: a will that cannot be is told, naming the will', async (t) => {
  const will = ['--will-topic', 'w', '-D', 'will', 'content-type', 'a']
  await misuse(
    t,
    'mqtt-pub',
    [...WORK['mqtt-pub'], ...will, '-D', 'will', 'content-type', 'b'],
    ['will', 'twice'],
  )
  await misuse(t, 'mqtt-rr', [...WORK['mqtt-rr'], ...will, '-V', '311'], ['-D', 'MQTT 5'])
  const folder = temporaryFolder(t)
  await misuse(t, 'mqtt-sub', [...WORK['mqtt-sub'], '--will-topic', `${folder}/#`], ['--will-topic'])
})
