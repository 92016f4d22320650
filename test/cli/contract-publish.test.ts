// mqtt-pub row by row (3.1 to 3.6, 9.4 and the Q rows of 8.3) against a real mosquitto.

import assert from 'node:assert/strict'
import { createReadStream, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { broker as plain } from '../broker/broker.js'
import { KEEPING_BROKER, needs, startMosquitto } from '../support/mosquitto.js'
import { newFolder } from '../support/processes.js'
import { type Args, QUIET, told as toldOf } from '../support/run.js'
import { at, brokerRows, listening } from './real.js'
import { cli, converse, start } from './support.js'

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

interface SourceRow {
  source: string
  args: (folder: string) => Args
  input?: string | Uint8Array
  /** Payloads, in hex. */
  messages: readonly string[]
}

const hex = (...list: readonly (string | Uint8Array)[]): string[] =>
  list.map((each) => Buffer.from(each).toString('hex'))

const SOURCES: readonly SourceRow[] = [
  { source: '-m TEXT', args: () => ['-m', 'grüße ∞'], messages: hex('grüße ∞') },
  { source: "-m ''", args: () => ['-m', ''], messages: [''] },
  { source: '-n', args: () => ['-n'], messages: [''] },
  { source: '-f FILE', args: (folder) => ['-f', join(folder, 'bytes')], messages: hex(BYTES) },
  { source: '-f, an empty file', args: (folder) => ['-f', join(folder, 'empty')], messages: [''] },
  { source: '-s', args: () => ['-s'], input: BYTES, messages: hex(BYTES) },
  { source: '-l', args: () => ['-l'], input: 'a\nb\n', messages: hex('a', 'b') },
]

// 9.4 and Q31.
const LINES: readonly SourceRow[] = [
  ['one\\n\\ntwo\\r\\nthree', 'one\n\ntwo\r\nthree', hex('one', '', 'two\r', 'three')],
  ['\\n', '\n', ['']],
  ['nothing', '', []],
  ['x', 'x', hex('x')],
  ['\\xff\\xfe\\x80\\n\\xc3\\n', Buffer.from('fffe800ac30a', 'hex'), ['fffe80', 'c3']],
  ['a\\0b\\nc (Q31)', 'a\0b\nc\n', hex('a\0b', 'c')],
].map(([source, input, messages]) => ({
  source: `9.4 ${source}`,
  args: () => ['-l'],
  input: input as string,
  messages: messages as string[],
}))

brokerRows<SourceRow>(
  'sources of messages, as they arrive from mosquitto (3.1, 9.4)',
  [...SOURCES, ...LINES],
  ({ source }) => (source.startsWith('9') ? source : `3.1 ${source}`),
  async (t, { source, args, input, messages }, broker) => {
    const folder = newFolder()
    writeFileSync(join(folder, 'bytes'), BYTES)
    writeFileSync(join(folder, 'empty'), '')
    const topic = `t${[...SOURCES, ...LINES].findIndex((row) => row.source === source)}`
    const count = messages.length + 1
    const sub = await listening(t, broker, ['-t', topic, '-q', 2, '-C', count, '-F', '%l:%x'])
    const words = [...at(broker), '-t', topic, '-q', 2, ...args(folder)]
    assert.deepEqual(await cli(t, 'mqtt-pub', words, input === undefined ? {} : { input }), QUIET)
    // What comes behind shows that there was no more.
    assert.deepEqual(await cli(t, 'mqtt-pub', [...at(broker), '-t', topic, '-q', 2, '-m', 'end']), QUIET)
    const lines = toldOf(await sub.done)
      .out.trimEnd()
      .split('\n')
    assert.deepEqual(lines, [...messages.map((each) => `${each.length / 2}:${each}`), '3:656e64'])
  },
)

brokerRows<{ qos: number; order: readonly string[] }>(
  'when a message is done (3.2), and --repeat: one after the other (3.3)',
  [
    { qos: 0, order: ['sent PUBLISH'] },
    { qos: 1, order: ['sent PUBLISH', 'received PUBACK'] },
    { qos: 2, order: ['sent PUBLISH', 'received PUBREC', 'sent PUBREL', 'received PUBCOMP'] },
  ],
  ({ qos }) => `3.2, 3.3 QoS ${qos}`,
  async (t, { qos, order }, broker) => {
    const repeat = ['--repeat', 3, '--repeat-delay', 0.01]
    const args = [...at(broker), '-t', 'a', '-m', 'x', '-q', qos, '-d', ...repeat]
    const { code, err } = await cli(t, 'mqtt-pub', args)
    assert.equal(code, 0, err)
    const seen = err.match(/(sent|received) [A-Z]+/g)?.slice(2)
    assert.deepEqual(seen, [...order, ...order, ...order, 'sent DISCONNECT'])
    const ids = [...err.matchAll(/sent PUBLISH .* id=(\d+) /g)].map(([, id]) => id)
    assert.deepEqual(ids, qos === 0 ? ['0', '0', '0'] : ['1', '2', '3'])
  },
)

test(
  '3.1: -r -n clears the retained value; -q and -r apply to every message',
  needs('mosquitto'),
  async (t) => {
    const broker = await startMosquitto(t)
    const read = async (): Promise<string> =>
      (await cli(t, 'mqtt-sub', [...at(broker), '-t', 'k', '-q', 2, '--retained-only', '-F', '%p %q'])).out
    const pub = (...args: Args) =>
      cli(t, 'mqtt-pub', [...at(broker), '-t', 'k', ...args], { input: '1\n2\n' })
    assert.deepEqual(await pub('-l', '-r', '-q', 2), QUIET)
    assert.equal(await read(), '2 2\n')
    assert.deepEqual(await pub('-r', '-n'), QUIET)
    assert.equal(await read(), '')
  },
)

test('3.4 streaming: each line is published as soon as it is complete', needs('mosquitto'), async (t) => {
  const broker = await startMosquitto(t)
  const sub = await listening(t, broker, ['-t', 'a', '-C', 3])
  const pub = start(t, 'mqtt-pub', [...at(broker), '-t', 'a', '-l'], { keepStdin: true })
  pub.stdin.write('one\ntw')
  await sub.saw('out', /^one\n$/)
  pub.stdin.write('o\n')
  await sub.saw('out', /^one\ntwo\n$/)
  pub.stdin.end('three')
  assert.equal((await pub.done).code, 0)
  assert.equal(toldOf(await sub.done).out, 'one\ntwo\nthree\n')
})

test(
  'Q29: at the end of the input everything is sent and acknowledged, then DISCONNECT',
  needs('mosquitto'),
  async (t) => {
    const broker = await startMosquitto(t)
    const input = Array.from({ length: 500 }, (_, nth) => `${nth}\n`).join('')
    for (const qos of [0, 1, 2]) {
      const sub = await listening(t, broker, ['-t', `q${qos}`, '-q', qos, '-C', 500])
      const args = [...at(broker), '-t', `q${qos}`, '-l', '-q', qos, '-d']
      const { code, err } = await cli(t, 'mqtt-pub', args, { input })
      assert.equal(code, 0)
      assert.match(err.trimEnd().split('\n').at(-1) ?? '', /sent DISCONNECT/)
      const last = ['sent PUBLISH', 'received PUBACK', 'received PUBCOMP'][qos] ?? ''
      assert.equal(err.split(last).length - 1, 500)
      assert.equal(toldOf(await sub.done).out, input)
    }
  },
)

test(
  'Q33, 3.4: the end of the input while disconnected: reconnects until all is sent',
  needs('mosquitto'),
  async (t) => {
    const broker = await startMosquitto(t, KEEPING_BROKER)
    const words = [...at(broker), '-t', 'a', '-l', '-q', 1, '-r', '-d']
    const pub = start(t, 'mqtt-pub', words, { keepStdin: true })
    pub.stdin.write('one\n')
    await pub.saw('err', /received PUBACK/)
    await broker.stop()
    await pub.saw('err', /connecting again/)
    pub.stdin.end('two\n')
    await broker.restart()
    assert.equal((await pub.done).code, 0, pub.err)
    assert.match(pub.err, /mqtt-pub: connected again/)
    const { out } = await cli(t, 'mqtt-sub', [...at(broker), '-t', 'a', '--retained-only'])
    assert.equal(out, 'two\n')
  },
)

interface LimitRow {
  what: string
  /** The listener: with max_qos 1, or with a small packet size and without retained messages. */
  port: 0 | 1
  args: Args
  input?: string
  code: number
  says: RegExp
}

const LONG = 'x'.repeat(500)
const LIMITED = `
per_listener_settings true
listener {port} 127.0.0.1
allow_anonymous true
max_qos 1
listener {port2} 127.0.0.1
allow_anonymous true
max_packet_size 200
retain_available false
`

brokerRows<LimitRow>(
  'what mosquitto does not take (3.4, 3.5)',
  [
    {
      what: 'Q37: QoS above the v5 maximum',
      port: 0,
      args: ['-V', 5, '-q', 2, '-m', 'x'],
      code: 24,
      says: /error: QoS 2/,
    },
    {
      what: 'Q37: QoS above the v5 maximum, -l',
      port: 0,
      args: ['-V', 5, '-q', 2, '-l'],
      input: 'x\n',
      code: 24,
      says: /error: QoS 2/,
    },
    {
      what: 'QoS above the maximum of a v3 server, which closes',
      port: 0,
      args: ['-q', 2, '-m', 'x'],
      code: 7,
      says: /1 of 1 message\(s\) not confirmed/,
    },
    {
      what: 'will QoS not supported (v5)',
      port: 0,
      args: ['-V', 5, '-m', 'x', '--will-topic', 'w', '--will-qos', 2],
      code: 155,
      says: /QoS not supported/,
    },
    {
      what: 'Q38: retain not available (v5)',
      port: 1,
      args: ['-V', 5, '-m', 'x', '-r', '-q', 1],
      code: 0,
      says: /^mqtt-pub: warning: .*retain.*\n$/,
    },
    {
      what: 'retain not available (v3), QoS 1: it closes',
      port: 1,
      args: ['-m', 'x', '-r', '-q', 1],
      code: 7,
      says: /not confirmed/,
    },
    {
      what: 'will retain not supported (v5)',
      port: 1,
      args: ['-V', 5, '-m', 'x', '--will-topic', 'w', '--will-retain'],
      code: 154,
      says: /retain not supported/,
    },
    {
      what: 'Q37: packet above the v5 maximum',
      port: 1,
      args: ['-V', 5, '-m', LONG],
      code: 25,
      says: /at most 200/,
    },
    {
      what: 'Q37: packet above the v5 maximum, -l',
      port: 1,
      args: ['-V', 5, '-l'],
      input: `${LONG}\n`,
      code: 25,
      says: /at most 200/,
    },
    {
      what: 'packet too big for a v3 server, QoS 1: it closes',
      port: 1,
      args: ['-m', LONG, '-q', 1],
      code: 7,
      says: /not confirmed/,
    },
    { what: 'PUBACK 16, no subscribers', port: 1, args: ['-V', 5, '-m', 'x', '-q', 1], code: 0, says: /^$/ },
  ],
  ({ what }) => `3.5 ${what}`,
  async (t, { port, args, input, code, says }, broker) => {
    const where = ['-h', '127.0.0.1', '-p', broker.ports[port] ?? 0]
    const told = await cli(
      t,
      'mqtt-pub',
      [...where, '-t', 'a', ...args],
      input === undefined ? {} : { input },
    )
    assert.deepEqual({ code: told.code, out: told.out }, { code, out: '' }, told.err)
    assert.match(told.err, says)
  },
  LIMITED,
)

const ACL = join(newFolder(), 'rights')
writeFileSync(ACL, 'topic readwrite mine/#\ntopic read #\n', { mode: 0o600 })

brokerRows<{ what: string; args: Args; input?: string; code: number; err: RegExp }>(
  'publishing that access control denies (3.5, 3.6, Q28)',
  [
    { what: '3.5 v3: invisible', args: ['-m', 'x', '-q', 1], code: 0, err: /^$/ },
    {
      what: '3.6 QoS 1: packet id and reason',
      args: ['-V', 5, '-m', 'x', '-q', 1],
      code: 135,
      err: /^mqtt-pub: warning: [^\n]*message 1 [^\n]*'a'[^\n]*not authorized[^\n]*\nmqtt-pub: 1 of 1 [^\n]*\n$/,
    },
    {
      what: '3.6 QoS 2',
      args: ['-V', 5, '-m', 'x', '-q', 2],
      code: 135,
      err: /warning: [^\n]*message 1 [^\n]*not authorized/,
    },
    {
      what: '3.4 -l goes on',
      args: ['-V', 5, '-l', '-q', 1],
      input: '1\n2\n',
      code: 135,
      err: /message 1 [\s\S]*message 2 /,
    },
    { what: '3.6 --quiet', args: ['-V', 5, '-m', 'x', '-q', 1, '--quiet'], code: 135, err: /^$/ },
  ],
  ({ what }) => what,
  async (t, { args, input, code, err }, broker) => {
    const words = [...at(broker), '-t', 'a', ...args]
    const told = await cli(t, 'mqtt-pub', words, input === undefined ? {} : { input })
    assert.equal(told.code, code, told.err)
    assert.match(told.err, err)
  },
  `listener {port} 127.0.0.1\nallow_anonymous true\nacl_file ${ACL}\n`,
)

test('3.6: the reason string of a PUBACK is told too', async (t) => {
  const script = `< CONNECT\n> 20 03 00 00 00\n< PUBLISH\n> 40 0c 00 01 87 08 1f 00 05 'no ve'\n< DISCONNECT`
  const told = await converse(t, script, 'mqtt-pub', ['-V', 5, '-i', 'me', '-t', 'a', '-m', 'x', '-q', 1])
  assert.equal(told.code, 135)
  assert.match(told.err, /no ve/)
})

test('3.2: PUBCOMP with an error reason (146) is a warning', async (t) => {
  const script =
    '< CONNECT\n> 20 03 00 00 00\n< PUBLISH\n> 50 02 00 01\n< PUBREL\n> 70 03 00 01 92\n< DISCONNECT'
  const told = await converse(t, script, 'mqtt-pub', ['-V', 5, '-i', 'me', '-t', 'a', '-m', 'x', '-q', 2])
  assert.match(told.err, /^mqtt-pub: warning: /)
})

test('3.4: a connection that is refused ends -l at once, without reading', async (t) => {
  const server = await plain(t, { connack: () => Buffer.from('20020005', 'hex') })
  const running = start(t, 'mqtt-pub', [...at(server), '-t', 'a', '-l'], { keepStdin: true })
  assert.equal((await running.done).code, 5)
})

test('3.4, Q37: -l: a line that fits no packet: exit 9 naming its size', async (t) => {
  const path = join(newFolder(), 'line')
  const file = await open(path, 'w')
  await file.truncate(268_435_455) // NULs without a line end
  await file.close()
  const running = start(t, 'mqtt-pub', [...at(await plain(t)), '-t', 'a', '-l'], { keepStdin: true })
  createReadStream(path).pipe(running.stdin)
  const { code, err } = toldOf(await running.done)
  assert.match(err, /^mqtt-pub: error: .*268435455 bytes/)
  assert.equal(code, 9)
})

test('3.4: -l: a line that is not what its payload format indicator says: told, exit 1', async (t) => {
  const server = await plain(t, { connack: () => Buffer.from('2003000000', 'hex') })
  const args = ['-V', 5, '-i', 'me', '-t', 'a', '-l', '-D', 'publish', 'payload-format-indicator', 1]
  const { code, err } = await cli(t, 'mqtt-pub', [...at(server), ...args], {
    input: Buffer.from('ff0a', 'hex'),
  })
  assert.match(err, /^mqtt-pub: error: payload is not UTF-8/)
  assert.equal(code, 1)
})
