// What mqtt-sub does with messages, and when it ends (contract 4.1, 4.2, 4.5, 4.6 and 4.8 with their Q-tags).

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { connect } from '../../src/client/index.js'
import { type Broker, broker, mute, type Policy } from '../broker/broker.js'
import { publish } from '../broker/wire.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { start as startCommand, startInTerminal } from '../support/processes.js'
import { cli, converse, rows, start, type Told } from './support.js'

interface Sent {
  topic: string
  payload: string | Buffer
  retain?: boolean
  qos?: number
}

/** A broker that sends these messages as soon as it is subscribed to, all at once. */
function sending(t: TestContext, messages: readonly Sent[], policy: Policy = {}): Promise<Broker> {
  return broker(t, {
    ...policy,
    on: (packet, link) => {
      if (packet.name === 'SUBSCRIBE') {
        // In one write with the SUBACK that the broker will send: nothing may depend on the seams.
        const bytes = messages.map(({ topic, payload, retain = false, qos = 0 }, at) =>
          publish(link.level, topic, payload, { retain, qos, id: at + 1 }),
        )
        setImmediate(() => link.send(Buffer.concat(bytes)))
      }
      return policy.on?.(packet, link)
    },
  })
}

const at = (server: { port: number }): string[] => ['-h', '127.0.0.1', '-p', String(server.port)]

async function sub(t: TestContext, args: readonly string[], messages: readonly Sent[]): Promise<Told> {
  return cli(t, 'mqtt-sub', [...args, ...at(await sending(t, messages))])
}

const stored = (topic: string, payload: string): Sent => ({ topic, payload, retain: true })
const live = (topic: string, payload: string): Sent => ({ topic, payload })

for (const level of [4, 5] as const) {
  test(`4.1, Q45: MQTT ${level}: one SUBSCRIBE with all filters, one UNSUBSCRIBE for each -U, -E awaits all answers`, async (t) => {
    const five = level === 5 ? '00' : ''
    const told = await converse(
      t,
      `< CONNECT v=${level}
       > ${level === 5 ? '20 07 00 00 04 12 "z"' : '20 02 00 00'}
       < SUBSCRIBE id=1 filters=a:01,b/#:01,c:01
       < UNSUBSCRIBE id=2 filters=x
       < UNSUBSCRIBE id=3 filters=y/+
       > 90 0${level === 5 ? 6 : 5} 00 01 ${five} 01 01 01
       > b0 0${level === 5 ? 4 : 2} 00 02 ${level === 5 ? '00 00' : ''}
       > 32 0${level === 5 ? 7 : 6} 00 01 61 00 09 ${five} 78
       < PUBACK id=9
       > b0 0${level === 5 ? 4 : 2} 00 03 ${level === 5 ? '00 00' : ''}
       < e0 00`,
      'mqtt-sub',
      [...'-t a -t b/# -U x -t c -U y/+ -q 1 -E'.split(' '), '-V', level === 5 ? '5' : '311'],
    )
    assert.deepEqual(told, { code: 0, out: 'x\n', err: '' })
  })
}

test('4.1, Q45: no SUBSCRIBE with -U alone; -E ends with the UNSUBACK', async (t) => {
  const told = await converse(
    t,
    '< CONNECT\n> 20 02 00 00\n< UNSUBSCRIBE id=1 filters=x\n> b0 02 00 01\n< e0 00',
    'mqtt-sub',
    ['-U', 'x', '-E'],
  )
  assert.deepEqual(told, { code: 0, out: '', err: '' })
})

rows<{ what: string; args: string; messages: readonly Sent[]; out: string }>(
  'each message, in the order of 4.1',
  [
    {
      what: 'step 3: the first message without retain flag ends --retained-only, even if -T hides it',
      args: '-v --retained-only -T b',
      messages: [stored('a', '1'), live('b', '2'), stored('c', '3')],
      out: 'a 1\n',
    },
    {
      what: 'step 4: -R drops retained messages, which do not count',
      args: '-v -R -C 2',
      messages: [stored('a', '1'), live('a', '2'), stored('b', '3'), live('b', '4'), live('b', '5')],
      out: 'a 2\nb 4\n',
    },
    {
      what: 'step 5: -T drops what matches, the parent level too, which does not count',
      args: '-v -T a/# -T +/x -C 2',
      messages: [live('a', '1'), live('a/b', '2'), live('b/x', '3'), live('b', '4'), live('ab', '5')],
      out: 'b 4\nab 5\n',
    },
    {
      what: 'step 5: -T with a wildcard in front does not match topics with $',
      args: '-v -T # -T +/x -C 1',
      messages: [live('a', '1'), live('$SYS/x', '2')],
      out: '$SYS/x 2\n',
    },
    {
      what: 'step 7: --random-filter suppresses the print only, what it suppresses counts',
      args: '-v --random-filter 0.1 -C 3 -T d',
      messages: [live('d', '0'), ...['1', '2', '3'].map(() => live('a', '')), live('d', '4')],
      out: '',
    },
    { what: '-C 1', args: '-C 1', messages: [live('a', '1'), live('a', '2')], out: '1\n' },
    { what: 'empty messages count', args: '-C 2', messages: [live('a', ''), live('a', '2')], out: '2\n' },
  ],
  ({ what }) => what,
  async (t, { what, args, messages, out }) => {
    const told = await sub(t, ['-t', '#', ...args.split(' ')], messages)
    // Three in a thousand runs may print one of the three.
    if (what.includes('random')) assert.match(told.out, /^(a \(null\)\n){0,3}$/)
    else assert.equal(told.out, out)
    assert.deepEqual({ code: told.code, err: told.err }, { code: 0, err: '' })
  },
)

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

rows<{ args: readonly string[]; out: string }>(
  'plain and verbose output (4.2)',
  [
    { args: [], out: 'hello\n\x00\n' },
    { args: ['-N'], out: 'hello\x00' },
    { args: ['-v'], out: 'a/b hello\na (null)\nb \x00\n' },
    { args: ['-v', '-N'], out: 'a/b hellob \x00' },
    { args: ['-F', '%t=%p'], out: 'a/b=hello\na=\nb=\x00\n' },
    { args: ['-F', '%t=%p', '-v'], out: 'a/b=hello\na=\nb=\x00\n' },
    { args: ['-F', '%t=%p', '-N'], out: 'a/b=helloa=b=\x00' },
    { args: ['-F', ''], out: '\n\n\n' },
    { args: ['--verbose', '--quiet'], out: 'a/b hello\na (null)\nb \x00\n' },
  ],
  ({ args }) => (args.length === 0 ? 'none' : args.join(' ')),
  async (t, { args, out }) => {
    const messages = [live('a/b', 'hello'), live('a', ''), live('b', '\x00')]
    assert.deepEqual(await sub(t, ['-t', '#', '-C', '3', ...args], messages), { code: 0, out, err: '' })
  },
)

test('4.2: payload bytes are never altered', async (t) => {
  const server = await sending(t, [{ topic: 'a', payload: BYTES }])
  const { stdout } = await start(t, 'mqtt-sub', ['-t', 'a', '-N', '-C', '1', ...at(server)]).done
  assert.deepEqual(stdout, BYTES)
})

test('4.2: output is flushed after every message, also into a pipe', async (t) => {
  const server = await sending(t, [live('a', 'first')])
  const running = start(t, 'mqtt-sub', ['-t', 'a', '-C', '2', ...at(server)])
  await running.saw('out', /^first\n$/)
  server.links[0]?.send(publish(4, 'a', 'second'))
  assert.equal((await running.done).stdout.toString(), 'first\nsecond\n')
})

describe('-C and Receive Maximum (4.5)', { concurrency: 4 }, () => {
  test('-C N: message N is fully printed, also if the connection breaks right then: exit 0', async (t) => {
    const server = await broker(t, {
      on: ({ name }, link) => {
        if (name !== 'SUBSCRIBE') return false
        link.socket.end(
          Buffer.concat([Buffer.from('9003000100', 'hex'), publish(4, 'a', 'x'.repeat(50_000))]),
        )
        return true
      },
    })
    const { code, out, err } = await cli(t, 'mqtt-sub', ['-t', 'a', '-C', '1', ...at(server)])
    assert.deepEqual({ code, out, err }, { code: 0, out: `${'x'.repeat(50_000)}\n`, err: '' })
  })
  for (const qos of [1, 2]) {
    test(`Q56: QoS ${qos}: what lies beyond the count is not acknowledged`, async (t) => {
      const messages = ['1', '2', '3'].map((payload) => ({ topic: 'a', payload, qos }))
      const server = await sending(t, messages)
      const told = await cli(t, 'mqtt-sub', ['-t', 'a', '-q', String(qos), '-C', '2', ...at(server)])
      assert.deepEqual(told, { code: 0, out: '1\n2\n', err: '' })
      const acks = server.seen.filter(({ name }) => name === 'PUBACK' || name === 'PUBREC')
      assert.deepEqual(
        acks.map(({ facts }) => facts.id),
        ['1', '2'],
      )
    })
  }
})

describe('-W (4.5, Q22): exit 27 with a note, at every stage', { concurrency: 4 }, () => {
  const expired = (told: Told, limit = '0.25', out = ''): void => {
    assert.deepEqual({ code: told.code, out: told.out }, { code: 27, out })
    const [, found] = /^mqtt-\w+: timed out after ([\d.]+) s \(-W\).*\n$/.exec(told.err) ?? []
    assert.equal(found, limit, told.err)
  }
  for (const program of ['mqtt-sub', 'mqtt-pub', 'mqtt-rr'] as const) {
    test(`${program} before CONNACK, in fractions of a second`, async (t) => {
      const server = await mute(t)
      const work = {
        'mqtt-sub': ['-t', 'a'],
        'mqtt-pub': ['-t', 'a', '-m', 'x'],
        'mqtt-rr': ['-t', 'a', '-m', 'x'],
      }
      expired(await cli(t, program, [...work[program], '-W', '0.25', ...at(server)]))
    })
  }
  test('before SUBACK (4.6: it never arrives)', async (t) => {
    const server = await broker(t, { on: ({ name }) => name === 'SUBSCRIBE' })
    expired(await cli(t, 'mqtt-sub', ['-t', 'a', '-W', '0.25', ...at(server)]))
  })
  test('whatever was received', async (t) => {
    expired(await sub(t, ['-t', 'a', '-W', '2', '-C', '3'], [live('a', '1')]), '2', '1\n')
  })
  test('while waiting to reconnect', async (t) => {
    const server = await broker(t, {
      on: ({ name }, { socket }) => {
        if (name === 'SUBSCRIBE') socket.end()
        return name === 'SUBSCRIBE'
      },
    })
    const { code, err } = await cli(t, 'mqtt-sub', ['-t', 'a', '-W', '2', ...at(server)])
    assert.equal(code, 27)
    assert.match(err, /connecting again.*\n.*timed out/)
  })
  test('--quiet silences the note, not the status', async (t) => {
    const server = await mute(t)
    const told = await cli(t, 'mqtt-sub', ['-t', 'a', '-W', '0.25', '--quiet', ...at(server)])
    assert.deepEqual(told, { code: 27, out: '', err: '' })
  })
})

describe('--random-filter (4.5, Q49)', { concurrency: 2 }, () => {
  const many = Array.from({ length: 2_000 }, () => live('a', 'x'))
  for (const [percent, least, most] of [
    ['100', 2_000, 2_000],
    ['50', 800, 1_200],
    ['10', 100, 320],
  ] as const) {
    test(`${percent} percent`, async (t) => {
      const { code, out } = await sub(t, ['-t', 'a', '--random-filter', percent, '-C', '2000'], many)
      assert.equal(code, 0)
      const count = out.length / 2
      // At 50 % the bounds are nine standard deviations away.
      assert.ok(count >= least && count <= most, `${count} of 2000 at ${percent} %`)
    })
  }
})

test('--message-rate: a line each second, flushed, no message output; -C, -v, -F, -w inert (4.5, Q50)', async (t) => {
  const server = await sending(
    t,
    ['1', '2', '3'].map((payload) => live('a', payload)),
  )
  const args = [
    '-t',
    'a',
    '--message-rate',
    '-C',
    '1',
    '-v',
    '-w',
    '-F',
    '%p',
    '--retained-only',
    ...at(server),
  ]
  const running = start(t, 'mqtt-sub', args)
  await running.saw('out', /^3 msgs\/s\n0 msgs\/s\n/m)
  running.kill('SIGINT')
  const { code, stderr } = await running.done
  assert.deepEqual({ code, err: stderr.toString() }, { code: 0, err: '' })
  assert.match(running.out, /^(\d+ msgs\/s\n)+$/)
})

test('Q50: --message-rate ends with a refused subscription like any run', async (t) => {
  const server = await broker(t, { on: (packet, link) => refuseAll(packet.name, link) })
  const { code, err } = await cli(t, 'mqtt-sub', ['-t', 'a', '--message-rate', ...at(server)])
  assert.equal(code, 128)
  assert.match(err, /'a'/)
})

function refuseAll(name: string, link: { send(bytes: Uint8Array): void }): boolean {
  if (name === 'SUBSCRIBE') link.send(Buffer.from('9003000180', 'hex'))
  return name === 'SUBSCRIBE'
}

interface RefusalRow {
  what: string
  version: string
  /** Of the SUBACK for -t a -t b/+, in hex. */
  codes: string
  code: number
  err: RegExp
}

rows<RefusalRow>(
  'subscription results (4.6, Q42, Q43)',
  [
    {
      what: 'all refused, MQTT 3.1.1',
      version: '311',
      codes: '8080',
      code: 128,
      err: /error: .*'a'.*'b\/\+'/,
    },
    { what: 'all refused, MQTT 3.1', version: '31', codes: '8080', code: 128, err: /error: .*'a'.*'b\/\+'/ },
    {
      what: 'all refused, MQTT 5: the first reason',
      version: '5',
      codes: '879e',
      code: 0x87,
      err: /'a': not authorized.*'b\/\+': shared subscriptions not supported/i,
    },
    {
      what: 'some refused',
      version: '311',
      codes: '0080',
      code: 0,
      err: /^mqtt-sub: warning: .*'b\/\+'[^\n]*\n$/,
    },
    {
      what: 'some refused, MQTT 5',
      version: '5',
      codes: '8f00',
      code: 0,
      err: /^mqtt-sub: warning: .*'a'[^\n]*\n$/,
    },
    { what: 'granted QoS lower than asked', version: '311', codes: '0100', code: 0, err: /^$/ },
    { what: 'all granted', version: '5', codes: '0202', code: 0, err: /^$/ },
  ],
  ({ what }) => what,
  async (t, { version, codes, code, err }) => {
    const server = await broker(t, {
      on: ({ name }, link) => {
        if (name !== 'SUBSCRIBE') return false
        const body = `0001${version === '5' ? '00' : ''}${codes}`
        link.send(Buffer.from(`900${body.length / 2}${body}`, 'hex'))
        if (code === 0) setImmediate(() => link.send(publish(link.level, 'a', 'x')))
        return true
      },
    })
    const args = ['-t', 'a', '-t', 'b/+', '-q', '2', '-C', '1', '-V', version, ...at(server)]
    const told = await cli(t, 'mqtt-sub', args)
    assert.match(told.err, err)
    assert.equal(told.code, code, told.err)
    assert.equal(told.out, code === 0 ? 'x\n' : '')
    assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
  },
)

test('4.6: --quiet silences refusals, not the status', async (t) => {
  const server = await broker(t, { on: (packet, link) => refuseAll(packet.name, link) })
  const told = await cli(t, 'mqtt-sub', ['-t', 'a', '--quiet', ...at(server)])
  assert.deepEqual(told, { code: 128, out: '', err: '' })
})

test('a filter of -U that the broker refuses is a warning (4.1)', async (t) => {
  const server = await broker(t, {
    on: ({ name }, link) => {
      if (name === 'UNSUBSCRIBE') link.send(Buffer.from('b004000100' + '87', 'hex'))
      return name === 'UNSUBSCRIBE'
    },
  })
  const { code, err } = await cli(t, 'mqtt-sub', ['-U', 'secret/x', '-E', '-V', '5', ...at(server)])
  assert.equal(code, 0)
  assert.match(err, /^mqtt-sub: warning: .*'secret\/x'.*\n$/)
})

describe('signals and broken output (4.8)', { concurrency: 4 }, () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} before the first CONNACK: exit 255 without DISCONNECT`, async (t) => {
      const server = await broker(t, { on: () => true })
      const running = start(t, 'mqtt-sub', ['-t', 'a', ...at(server)])
      await server.until(() => server.seen.length === 1)
      running.kill(signal)
      assert.equal((await running.done).code, 255)
      assert.deepEqual(
        server.seen.map(({ name }) => name),
        ['CONNECT'],
      )
    })
    test(`${signal} while waiting to reconnect: exit 0`, async (t) => {
      const server = await broker(t, {
        on: ({ name }, { socket }) => {
          if (name === 'SUBSCRIBE') socket.end()
          return name === 'SUBSCRIBE'
        },
      })
      const running = start(t, 'mqtt-sub', ['-t', 'a', ...at(server)])
      await running.saw('err', /connecting again/)
      running.kill(signal)
      assert.equal((await running.done).code, 0)
    })
  }
  for (const signal of ['SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const) {
    test(`${signal}: default action`, async (t) => {
      const server = await sending(t, [])
      const running = start(t, 'mqtt-sub', ['-t', 'a', ...at(server)])
      await server.until(() => server.seen.some(({ name }) => name === 'SUBSCRIBE'))
      running.kill(signal)
      assert.equal((await running.done).signal, signal)
    })
  }
  test('SIGUSR1: ends the program too, and opens no debugger', async (t) => {
    const server = await sending(t, [])
    const running = start(t, 'mqtt-sub', ['-t', 'a', ...at(server)])
    await server.until(() => server.seen.some(({ name }) => name === 'SUBSCRIBE'))
    running.kill('SIGUSR1')
    assert.equal((await running.done).code, 138)
  })
  test('Q51: closed pipe: quiet exit 0 with DISCONNECT', async (t) => {
    const server = await sending(t, [live('a', '1')])
    const running = start(t, 'mqtt-sub', ['-t', 'a', ...at(server)])
    await running.saw('out', /1/)
    running.stdout.destroy()
    await once(running.stdout, 'close')
    server.links[0]?.send(publish(4, 'a', '2'), publish(4, 'a', '3'))
    const { code, stderr } = await running.done
    assert.deepEqual({ code, err: stderr.toString() }, { code: 0, err: '' })
    assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
  })
  test('Q51: full disk: message on stderr, exit 1', async (t) => {
    if (process.platform !== 'linux') return t.skip('there is no /dev/full')
    const server = await sending(t, [live('a', '1')])
    const words = [process.execPath, new URL('../../bin/mqtt-sub', import.meta.url).pathname]
    const shell = ['-c', '"$@" > /dev/full', 'sh', ...words, '-t', 'a', ...at(server)]
    const { status, stderr } = await startCommand(t, 'sh', shell).ended
    assert.equal(status, 1)
    assert.match(stderr, /^mqtt-sub: .*standard output.*(ENOSPC|no space)/i)
  })
})

const CLEAR = '\x1b[2J\x1b[1;1HBroker: 127.0.0.1\n'

rows<{ what: string; args: readonly string[]; messages: readonly Sent[]; out: string }>(
  '-w: a line for each topic (4.5, Q55)',
  [
    {
      what: 'fixed lines from 2 on, in the order of first arrival, cleared behind the text',
      args: ['-v', '-C', '3'],
      messages: [live('a', 'long text'), live('b', '2'), live('a', '3')],
      out: [
        '\x1b[2;1Ha long text\x1b[K\n\x1b[2;1H\n',
        '\x1b[3;1Hb 2\x1b[K\n\x1b[3;1H\n',
        '\x1b[2;1Ha 3\x1b[K\n\x1b[3;1H\n',
      ].join(''),
    },
    {
      what: 'Q55: what prints nothing does not touch the screen',
      args: ['-C', '2'],
      messages: [live('a', ''), live('b', '2')],
      out: '\x1b[2;1H2\x1b[K\n\x1b[2;1H\n',
    },
    {
      what: 'with -F and -N',
      args: ['-F', '%t:%p', '-N', '-C', '1'],
      messages: [live('a', '1')],
      out: '\x1b[2;1Ha:1\x1b[K\x1b[2;1H\n',
    },
  ],
  ({ what }) => what,
  async (t, { args, messages, out }) => {
    assert.deepEqual(await sub(t, ['-t', '#', '-w', ...args], messages), {
      code: 0,
      out: CLEAR + out,
      err: '',
    })
  },
)

test('-w on a terminal (4.5)', async (t) => {
  const server = await sending(t, [live('a', '1'), live('b', '2')])
  const running = startInTerminal(t, 'mqtt-sub', ['-t', '#', '-w', '-v', '-C', '2', ...at(server)])
  if (running === undefined) return
  const { status, stdout } = await running.ended
  assert.equal(status, 0)
  const expected = `${CLEAR}\x1b[2;1Ha 1\x1b[K\n\x1b[2;1H\n\x1b[3;1Hb 2\x1b[K\n\x1b[3;1H\n`
  assert.equal(stdout.toString(), expected.replaceAll('\n', '\r\n'))
})

// Against a real broker.

async function store(port: number, messages: Readonly<Record<string, string>>): Promise<void> {
  const client = await connect({ host: '127.0.0.1', port })
  for (const [topic, payload] of Object.entries(messages)) {
    await client.publish(topic, payload, { qos: 1, retain: true })
  }
  await client.disconnect()
}

interface RetainedRow {
  what: string
  args: string
  out: readonly string[]
  /** What is still there afterwards. */
  left: readonly string[]
}

const STORED = ['a 1', 'b 2', 'c 3']

const RETAINED: readonly RetainedRow[] = [
  { what: '--retained-only', args: '--retained-only', out: STORED, left: STORED },
  { what: '--retained-only with -T', args: '--retained-only -T {}/b', out: ['a 1', 'c 3'], left: STORED },
  { what: '--retained-only with -C', args: '--retained-only -C 3', out: STORED, left: STORED },
  { what: '--retained-only with -C beyond', args: '--retained-only -C 9', out: STORED, left: STORED },
  { what: '--remove-retained', args: '--remove-retained', out: STORED, left: [] },
  { what: 'both', args: '--remove-retained --retained-only', out: STORED, left: [] },
  {
    what: '--remove-retained with -T',
    args: '--remove-retained -T {}/b',
    out: ['a 1', 'c 3'],
    left: ['b 2'],
  },
  { what: 'Q46: --remove-retained with -C', args: '--remove-retained -C 3', out: STORED, left: [] },
  { what: 'Q47: --remove-retained with -R', args: '--remove-retained -R', out: [], left: [] },
  { what: '--retain-as-published', args: '--remove-retained --retain-as-published', out: STORED, left: [] },
]

for (const version of ['31', '311', '5']) {
  test(`retained messages on a quiet broker, -V ${version}: ends by itself (4.5, Q46, Q47)`, {
    ...needs('mosquitto'),
    concurrency: 4,
  }, async (t) => {
    const { port } = await startMosquitto(t)
    const list = version === '31' ? RETAINED.filter(({ what }) => /^(both|--re\S+)$/.test(what)) : RETAINED
    await Promise.all(
      list.map((row, nth) =>
        t.test(row.what, async (t) => {
          const own = `r${nth}`
          await store(port, Object.fromEntries(STORED.map((line) => [`${own}/${line[0]}`, line.slice(2)])))
          const where = ['-h', '127.0.0.1', '-p', String(port), '-V', version, '-t', `${own}/#`, '-v']
          const told = await cli(t, 'mqtt-sub', [...where, ...row.args.replace('{}', own).split(' ')])
          const lines = (out: string): string[] =>
            out
              .split('\n')
              .filter((line) => line !== '')
              .map((line) => line.replace(`${own}/`, ''))
          assert.deepEqual({ code: told.code, err: told.err }, { code: 0, err: '' })
          assert.deepEqual(lines(told.out).toSorted(), row.out)
          const after = await cli(t, 'mqtt-sub', [...where, '--retained-only'])
          assert.deepEqual(
            { code: after.code, left: lines(after.out).toSorted() },
            { code: 0, left: row.left },
          )
        }),
      ),
    )
  })
}

test('--remove-retained with -C removes what it counts, and no more (Q46)', needs('mosquitto'), async (t) => {
  const { port } = await startMosquitto(t)
  await store(port, { 'a/1': 'x', 'a/2': 'x', 'a/3': 'x' })
  const where = ['-h', '127.0.0.1', '-p', String(port), '-t', 'a/#', '-F', '%t']
  const removed = await cli(t, 'mqtt-sub', [...where, '--remove-retained', '-C', '2'])
  const left = await cli(t, 'mqtt-sub', [...where, '--retained-only'])
  const lines = (removed.out + left.out).trimEnd().split('\n')
  assert.deepEqual(lines.toSorted(), ['a/1', 'a/2', 'a/3'])
  assert.equal(left.out.trimEnd().split('\n').length, 1)
})

for (const version of ['31', '311', '5']) {
  test(`a durable session drained with -C 1 gives each message exactly one by one, -V ${version} (4.5, Q56, issue)`, {
    ...needs('mosquitto'),
    concurrency: 2,
  }, async (t) => {
    const { port } = await startMosquitto(t)
    await Promise.all(
      ['1', '2'].map((qos) =>
        t.test(`QoS ${qos}`, async (t) => {
          const topic = `q${qos}`
          const args = [
            '-h',
            '127.0.0.1',
            '-p',
            port,
            '-V',
            version,
            '-c',
            '-i',
            `d${qos}`,
            '-q',
            qos,
            '-t',
            topic,
          ]
          assert.equal((await cli(t, 'mqtt-sub', [...args, '-E'])).code, 0)
          const sender = await connect({ host: '127.0.0.1', port })
          const send = (payload: string) => sender.publish(topic, payload, { qos: 2 })
          for (const payload of ['1', '2', '3', '4']) await send(payload)
          const got: string[] = []
          for (let nth = 1; nth <= 4; nth++) {
            const { code, out, err } = await cli(t, 'mqtt-sub', [...args, '-C', '1'])
            assert.deepEqual({ code, err }, { code: 0, err: '' })
            got.push(out)
          }
          await send('last') // the next one, as nothing else is left
          got.push((await cli(t, 'mqtt-sub', [...args, '-C', '1'])).out)
          await sender.disconnect()
          assert.deepEqual(got, ['1\n', '2\n', '3\n', '4\n', 'last\n'])
        }),
      ),
    )
  })
}
