// mqtt-sub and mqtt-rr row by row (4.1 to 4.8, 5 and the Q rows of 8.4 and 8.5) against a real mosquitto.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { newFolder } from '../support/processes.js'
import { type Args, QUIET, type Running, told as toldOf } from '../support/run.js'
import { at, brokerRows, listening, store } from './real.js'
import { cli, misuse, start, type Told, WORK } from './support.js'

brokerRows<{ what: string; args: Args; sent: readonly string[] }>(
  'what is asked for (4.1)',
  [
    {
      what: 'one SUBSCRIBE with all filters',
      args: ['-t', 'a', '-t', 'b/#', '-q', 1],
      sent: ['SUBSCRIBE .* id=1 filter="a" qos=1 .*filter="b/#" qos=1 '],
    },
    {
      what: 'then one UNSUBSCRIBE for each -U (Q45)',
      args: ['-U', 'x', '-t', 'a', '-U', 'y/+'],
      sent: [
        'SUBSCRIBE .* id=1 filter="a" ',
        'UNSUBSCRIBE .* id=2 filter="x" ',
        'UNSUBSCRIBE .* id=3 filter="y/\\+" ',
      ],
    },
    {
      what: 'no SUBSCRIBE with -U alone (Q45)',
      args: ['-U', 'x'],
      sent: ['UNSUBSCRIBE .* id=1 filter="x" '],
    },
    {
      what: 'the options byte: QoS',
      args: ['-V', 5, '-t', 'a', '-q', 2],
      sent: ['SUBSCRIBE .*qos=2 options=0x00'],
    },
    {
      what: 'the options byte: --retain-as-published',
      args: ['-V', 5, '-t', 'a', '--retain-as-published'],
      sent: ['SUBSCRIBE .*options=0x08'],
    },
    {
      what: 'the options byte: always',
      args: ['-V', 5, '-t', 'a', '--retain-handling', 'always'],
      sent: ['SUBSCRIBE .*options=0x00'],
    },
    {
      what: 'the options byte: new',
      args: ['-V', 5, '-t', 'a', '--retain-handling', 'new'],
      sent: ['SUBSCRIBE .*options=0x10'],
    },
    {
      what: 'the options byte: never',
      args: ['-V', 5, '-t', 'a', '--retain-handling', 'never'],
      sent: ['SUBSCRIBE .*options=0x20'],
    },
    { what: 'the options byte: -R', args: ['-V', 5, '-t', 'a', '-R'], sent: ['SUBSCRIBE .*options=0x20'] },
    {
      what: 'the options byte: -R, then new (9.1)',
      args: ['-V', 5, '-t', 'a', '-R', '--retain-handling', 'new'],
      sent: ['SUBSCRIBE .*options=0x10'],
    },
    {
      what: 'Q44: new, then -R',
      args: ['-V', 5, '-t', 'a', '--retain-handling', 'new', '-R'],
      sent: ['SUBSCRIBE .*options=0x20'],
    },
    {
      what: 'only the QoS in v3',
      args: ['-t', 'a', '-q', 1, '-R', '--retain-as-published'],
      sent: ['SUBSCRIBE .*qos=1 options=0x00'],
    },
  ],
  ({ what }) => (what.startsWith('Q') ? what : `4.1 ${what}`),
  async (t, { args, sent }, broker) => {
    const { code, out, err } = await cli(t, 'mqtt-sub', [...at(broker), ...args, '-E', '-d'])
    assert.deepEqual({ code, out }, { code: 0, out: '' }, err)
    const requests = err.split('\n').filter((line) => / sent (UN)?SUBSCRIBE /.test(line))
    assert.equal(requests.length, sent.length, err)
    for (const [nth, pattern] of sent.entries())
      assert.match(requests[nth] ?? '', new RegExp(` sent ${pattern}`))
    // -E awaits every answer.
    assert.equal(err.match(/ received (UN)?SUBACK /g)?.length, sent.length)
  },
)

brokerRows<{ mode: Args; full: string; empty: string }>(
  'plain and verbose output (4.2)',
  [
    { mode: [], full: 'hello\n', empty: '' },
    { mode: ['-N'], full: 'hello', empty: '' },
    { mode: ['-v'], full: 'TOPIC hello\n', empty: 'TOPIC (null)\n' },
    { mode: ['-v', '-N'], full: 'TOPIC hello', empty: '' },
    { mode: ['-F', '[%p]'], full: '[hello]\n', empty: '[]\n' },
    { mode: ['-F', '[%p]', '-v'], full: '[hello]\n', empty: '[]\n' },
    { mode: ['-F', '[%p]', '-N'], full: '[hello]', empty: '[]' },
  ],
  ({ mode }) => `4.2 ${mode.join(' ') || 'none'}`,
  async (t, { mode, full, empty }, broker) => {
    const topic = `o${mode.join('').replace(/\W/g, '')}`
    const sub = await listening(t, broker, ['-t', topic, '-q', 1, '-C', 2, ...mode])
    for (const payload of ['hello', '']) {
      assert.deepEqual(await cli(t, 'mqtt-pub', [...at(broker), '-t', topic, '-q', 1, '-m', payload]), QUIET)
    }
    const { code, out } = toldOf(await sub.done)
    assert.deepEqual({ code, out }, { code: 0, out: (full + empty).replaceAll('TOPIC', topic) })
  },
)

test(
  '4.7, Q58: the broker goes and comes: one note each, subscribed again',
  needs('mosquitto'),
  async (t) => {
    const broker = await startMosquitto(t)
    const running = start(t, 'mqtt-sub', [...at(broker), '-i', 'reader', '-t', 'a', '-C', 1])
    await broker.logged(/: reader 0 a$/)
    const from = broker.log.all.length
    await broker.stop()
    await running.saw('err', /connecting again/)
    await broker.restart()
    await broker.logged(/: reader 0 a$/, from)
    await running.saw('err', /connected again/)
    assert.deepEqual(await cli(t, 'mqtt-pub', [...at(broker), '-t', 'a', '-m', 'x']), QUIET)
    const { code, out, err } = toldOf(await running.done)
    assert.deepEqual({ code, out }, { code: 0, out: 'x\n' })
    assert.match(err, /^mqtt-sub: [^\n]*connecting again[^\n]*\nmqtt-sub: connected again[^\n]*\n$/)
  },
)

describe('a broker that lets nobody in (4.7, 7)', { concurrency: 2 }, () => {
  for (const [version, code] of [
    ['311', 5],
    ['5', 135],
  ] as const) {
    test(
      `Q50: --message-rate ends with a refused connection, Q63, -V ${version}`,
      needs('mosquitto'),
      async (t) => {
        const broker = await startMosquitto(t, 'listener {port} 127.0.0.1\nallow_anonymous false\n')
        const told = await cli(t, 'mqtt-sub', [...at(broker), '-V', version, '-t', 'a', '--message-rate'])
        assert.equal(told.code, code)
        const rr = await cli(t, 'mqtt-rr', [...at(broker), '-V', version, ...WORK['mqtt-rr']])
        assert.equal(rr.code, code)
        assert.match(rr.err, /^mqtt-rr: error: [^\n]*not authorized[^\n]*\n$/)
      },
    )
  }
})

// mqtt-rr

interface ResponseRow {
  what: string
  args: Args
  /** What is done once the request has left. */
  meanwhile?: (running: Running, pub: (...args: Args) => Promise<Told>) => unknown
  code: number | NodeJS.Signals
  out?: string
  says?: RegExp
  /** How the broker saw it go. */
  log?: RegExp
}

const ASK = ['-t', 'rq', '-m', 'question']
const DATA = ['-D', 'publish', 'correlation-data', 'c']
const other =
  (...args: Args): NonNullable<ResponseRow['meanwhile']> =>
  (_running, pub) =>
    pub(...args)

const RESPONSES: readonly ResponseRow[] = [
  {
    what: 'a response is printed, exit 0',
    args: [],
    meanwhile: other('-m', 'answer'),
    code: 0,
    out: 'answer\n',
  },
  {
    what: 'Q59: and then DISCONNECT',
    args: [],
    meanwhile: other('-m', 'a'),
    code: 0,
    out: 'a\n',
    log: / disconnected\.$/,
  },
  { what: 'in v3', args: ['-V', '311'], meanwhile: other('-m', 'answer'), code: 0, out: 'answer\n' },
  { what: 'an empty response prints as in 4.2', args: [], meanwhile: other('-n'), code: 0, out: '' },
  {
    what: 'an empty response prints as in 4.2: -v',
    args: ['-v'],
    meanwhile: other('-n'),
    code: 0,
    out: 'ID (null)\n',
  },
  {
    what: 'Q60: other correlation data are not the response, the same are',
    args: DATA,
    meanwhile: async (_running, pub) => {
      await pub('-V', 5, '-m', 'theirs', '-D', 'publish', 'correlation-data', 'x')
      await pub('-V', 5, '-m', 'ours', ...DATA)
    },
    code: 0,
    out: 'ours\n',
  },
  {
    what: 'Q60: a reply without data is accepted',
    args: DATA,
    meanwhile: other('-V', 5, '-m', 'none'),
    code: 0,
    out: 'none\n',
  },
  { what: '-W', args: ['-W', 2], meanwhile: () => {}, code: 27, says: /timed out/ },
  {
    what: 'Q62: no --latency without a response',
    args: ['-W', 2, '--latency'],
    meanwhile: () => {},
    code: 27,
    out: '',
  },
  {
    what: 'SIGINT: default action, no DISCONNECT',
    args: [],
    meanwhile: (running) => running.kill('SIGINT'),
    code: 'SIGINT',
    log: / closed its connection\.$/,
  },
  {
    what: 'SIGTERM: default action, no DISCONNECT',
    args: [],
    meanwhile: (running) => running.kill('SIGTERM'),
    code: 'SIGTERM',
    log: / closed its connection\.$/,
  },
]

brokerRows<ResponseRow>(
  'request and response (5)',
  RESPONSES,
  ({ what }) => (what.startsWith('Q') ? `${what} (5)` : `5 ${what}`),
  async (t, { what, args, meanwhile, code, out = '', says, log }, broker) => {
    const id = `rr${RESPONSES.findIndex((row) => row.what === what)}`
    const pub = (...words: Args): Promise<Told> =>
      cli(t, 'mqtt-pub', [...at(broker), '-t', id, '-q', 1, ...words])
    const running = start(t, 'mqtt-rr', [...at(broker), '-i', id, ...ASK, '-e', id, '-d', ...args])
    await running.saw('err', /sent PUBLISH/)
    await meanwhile?.(running, pub)
    const told = toldOf(await running.done)
    assert.deepEqual({ code: told.code, out: told.out }, { code, out: out.replace('ID', id) }, told.err)
    if (says !== undefined) assert.match(told.err, says)
    if (log !== undefined) await broker.logged(new RegExp(`: Client ${id}${log.source}`))
  },
)

test('5: connection lost while waiting: exit 7, no reconnect', needs('mosquitto'), async (t) => {
  const broker = await startMosquitto(t)
  const running = start(t, 'mqtt-rr', [...at(broker), ...ASK, '-e', 'none', '-V', 311, '-d'])
  await running.saw('err', /sent PUBLISH/)
  await broker.kill()
  const { code, out, err } = toldOf(await running.done)
  assert.deepEqual({ code, out }, { code: 7, out: '' })
  assert.equal(err.match(/sent CONNECT/g)?.length, 1)
})

const ACL = join(newFolder(), 'rights')
writeFileSync(ACL, 'topic readwrite mine/#\ntopic read #\n', { mode: 0o600 })

brokerRows<{ what: string; args: Args; code: number; says: RegExp }>(
  'requests that mosquitto does not take (5, Q61)',
  [
    {
      what: 'Q61: PUBACK with an error: its reason',
      args: ['-t', 'yours', '-q', 1],
      code: 135,
      says: /'yours'.*not authorized/,
    },
    {
      what: 'QoS above the maximum of the server',
      args: ['-t', 'mine/a', '-q', 2],
      code: 24,
      says: /error: .*QoS 2/,
    },
    {
      what: 'packet above the maximum of the server',
      args: ['-t', `mine/${'a'.repeat(300)}`],
      code: 25,
      says: /error: .*at most 200/,
    },
  ],
  ({ what }) => `5 ${what}`,
  async (t, { args, code, says }, broker) => {
    const told = await cli(t, 'mqtt-rr', [...at(broker), '-e', 'mine/b', '-m', 'x', ...args])
    assert.deepEqual({ code: told.code, out: told.out }, { code, out: '' }, told.err)
    assert.match(told.err, says)
  },
  `listener {port} 127.0.0.1\nallow_anonymous true\nacl_file ${ACL}\nmax_qos 1\nmax_packet_size 200\n`,
)

test('5: -e is a topic, not a filter; -D publish response-topic is a duplicate', async (t) => {
  await misuse(t, 'mqtt-rr', ['-t', 'a', '-m', 'x', '-e', 'b/#'], ['-e', "'b/#'"])
  const twice = [...WORK['mqtt-rr'], '-D', 'publish', 'response-topic', 'x']
  await misuse(t, 'mqtt-rr', twice, ['response-topic', 'twice'])
})

test('Q24: no timer runs down before a program ends', needs('mosquitto'), async (t) => {
  const broker = await startMosquitto(t)
  await store(t, broker, 'kept', 'x')
  // Whatever is put off by less than an hour never comes.
  const never =
    'const real = setTimeout; globalThis.setTimeout = (call, ms, ...rest) => real(call, 3600000 + ms, ...rest)'
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(never)}` }
  for (const args of [
    ['-t', 'kept', '-C', 1],
    ['-t', 'kept', '-R', '-E', '-V', 5],
  ]) {
    const { code, err } = await cli(t, 'mqtt-sub', [...at(broker), ...args], { env })
    assert.equal(code, 0, err)
  }
  const running = start(t, 'mqtt-sub', [...at(broker), '-t', 'a', '-d'], { env })
  await running.saw('err', /received SUBACK/)
  running.kill('SIGTERM')
  assert.equal((await running.done).code, 0)
})

test('Q52: each line of -d is there at once, in a pipe too', needs('mosquitto'), async (t) => {
  const broker = await startMosquitto(t)
  const running = start(t, 'mqtt-sub', [...at(broker), '-t', 'a', '-d', '-C', 1])
  for (const line of [/sent CONNECT/, /received CONNACK/, /sent SUBSCRIBE/, /received SUBACK[^\n]*\n$/])
    await running.saw('err', line)
  assert.deepEqual(await cli(t, 'mqtt-pub', [...at(broker), '-t', 'a', '-m', 'x']), QUIET)
  assert.equal((await running.done).code, 0)
})
