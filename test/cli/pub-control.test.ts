// What mqtt-pub does around its messages: sources, repetition, limits, refusals, signals (contract 1.8, 3.1 to 3.3
// and 3.5 with their Q-tags).

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Broker, broker, type Policy } from '../broker/broker.js'
import { packet, string, u16 } from '../broker/wire.js'
import { findCommand, start as startCommand } from '../support/processes.js'
import { temporaryFolder } from '../support/run.js'
import { cli, converse, rows, start, type Told } from './support.js'

const at = ({ port }: { port: number }): string[] => ['-h', '127.0.0.1', '-p', String(port)]
const QUIET: Told = { code: 0, out: '', err: '' }

/** A CONNACK of MQTT 5 that assigns the identifier z and has more properties, in hex. */
function connack(props: string): Buffer {
  const properties = Buffer.concat([Buffer.from([0x12]), string('z'), Buffer.from(props, 'hex')])
  return packet(0x20, [0, 0, properties.length], properties)
}

async function pub(
  t: TestContext,
  args: readonly string[],
  policy: Policy = {},
  options: { input?: string | Uint8Array } = {},
): Promise<{ told: Told; server: Broker }> {
  const server = await broker(t, policy)
  return { told: await cli(t, 'mqtt-pub', ['-t', 'a', ...args, ...at(server)], options), server }
}

const payloads = ({ messages }: Broker): string[] => messages.map(({ payload }) => payload.toString('latin1'))

describe('--repeat and --repeat-delay (3.3)', { concurrency: 4 }, () => {
  for (const [qos, acknowledge] of [
    ['0', () => ''],
    ['1', (id: number) => `> 40 02 00 0${id}`],
    ['2', (id: number) => `> 50 02 00 0${id}\n< PUBREL id=${id}\n> 70 02 00 0${id}`],
  ] as const) {
    test(`QoS ${qos}: in all N messages, strictly one after another, each with its own packet id`, async (t) => {
      const step = (id: number): string =>
        `< PUBLISH qos=${qos} dup=0 payload=x${qos === '0' ? '' : ` id=${id}`}\n${acknowledge(id)}`
      const ids = qos === '0' ? [0, 0, 0] : [1, 2, 3]
      const script = `< CONNECT\n> 20 02 00 00\n${ids.map(step).join('\n')}\n< e0 00`
      const args = ['-t', 'a', '-m', 'x', '-q', qos, '--repeat', '3', '--repeat-delay', '0.01']
      assert.deepEqual(await converse(t, script, 'mqtt-pub', args), QUIET)
    })
  }
  test('the next one does not start before the one before is confirmed', async (t) => {
    const { told, server } = await pub(t, ['-m', 'x', '-q', '1', '--repeat', '3', '-W', '2'], {
      on: ({ name }) => name === 'PUBLISH',
    })
    assert.equal(told.code, 27)
    assert.equal(server.messages.length, 1)
  })
  for (const delay of ['60', '3000000']) {
    test(`nor before the delay of ${delay} s is over (Q36: any finite value)`, async (t) => {
      const args = ['-m', 'x', '-q', '1', '--repeat', '3', '--repeat-delay', delay, '-W', '2']
      const { told, server } = await pub(t, args)
      assert.deepEqual({ code: told.code, count: server.messages.length }, { code: 27, count: 1 })
    })
  }
  test('--repeat is ignored with -l', async (t) => {
    const { told, server } = await pub(t, ['-l', '--repeat', '3'], {}, { input: 'x\ny\n' })
    assert.deepEqual(told, QUIET)
    assert.deepEqual(payloads(server), ['x', 'y'])
  })
  for (const source of ['-n', '-s']) {
    test(`with ${source}`, async (t) => {
      const { told, server } = await pub(t, [source, '--repeat', '2'], {}, { input: 'in' })
      assert.deepEqual(told, QUIET)
      assert.deepEqual(payloads(server), source === '-n' ? ['', ''] : ['in', 'in'])
    })
  }
})

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

describe('sources of the payload (3.1)', { concurrency: 4 }, () => {
  for (const [what, args] of [
    ['-s', ['-s']],
    ['-f -', ['-f', '-']],
    ['-f /dev/stdin (Q41)', ['-f', '/dev/stdin']],
  ] as const) {
    test(`${what}: all of standard input, byte for byte`, async (t) => {
      if (what.includes('/dev/') && process.platform !== 'linux') return t.skip('there is no /dev/stdin')
      if (what.includes('/dev/')) return viaShell(t, 'cat "$0" | "$@"', ['-f', '/dev/stdin'])
      const { told, server } = await pub(t, args, {}, { input: BYTES })
      assert.deepEqual(told, QUIET)
      assert.deepEqual(server.messages[0]?.payload, BYTES)
    })
  }
  test('Q41: -f with a process substitution', (t) => viaShell(t, '"$@" -f <(cat "$0")', []))
  test('Q41: -f with a FIFO', (t) => viaShell(t, 'mkfifo "$0.p"; cat "$0" > "$0.p" & "$@" -f "$0.p"', []))

  /** Runs bash with a file of all bytes as $0 and the program as $@. */
  async function viaShell(t: TestContext, text: string, args: readonly string[]): Promise<void> {
    const bash = findCommand('bash')
    if (bash === undefined) return t.skip('bash is not on PATH')
    const path = join(temporaryFolder(t), 'bytes')
    writeFileSync(path, BYTES)
    const server = await broker(t)
    const bin = fileURLToPath(new URL('../../bin/mqtt-pub', import.meta.url))
    const words = [process.execPath, bin, '-t', 'a', ...args, ...at(server)]
    const { status, stderr } = await startCommand(t, bash, ['-c', text, path, ...words]).ended
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.deepEqual(server.messages[0]?.payload, BYTES)
  }
  test('-f: a whole file; an empty one is a zero-length message', async (t) => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'full'), BYTES)
    writeFileSync(join(folder, 'empty'), '')
    assert.deepEqual((await pub(t, ['-f', join(folder, 'full')])).server.messages[0]?.payload, BYTES)
    const { told, server } = await pub(t, ['-f', join(folder, 'empty')])
    assert.deepEqual(
      { ...told, sizes: server.messages.map(({ facts }) => facts.size) },
      { ...QUIET, sizes: ['0'] },
    )
  })
  test('-f: a folder: exit 1, naming it', async (t) => {
    const folder = join(temporaryFolder(t), 'here')
    mkdirSync(folder)
    const { told } = await pub(t, ['-f', folder])
    assert.equal(told.code, 1)
    assert.match(told.err, /-f '.*\/here': is a folder/)
  })
  test('-s with zero bytes: exit 1 naming standard input', async (t) => {
    const { told, server } = await pub(t, ['-s'], {}, { input: '' })
    assert.equal(told.code, 1)
    assert.match(told.err, /standard input is empty/)
    assert.equal(server.links.length, 0)
  })
  test('-n: zero length; with -r it clears the retained value', async (t) => {
    const { told, server } = await pub(t, ['-n', '-r'])
    assert.deepEqual(told, QUIET)
    assert.equal(server.messages[0]?.bytes.toString('hex'), '3103000161')
  })
  test('-q and -r apply to every message', async (t) => {
    const { server } = await pub(t, ['-l', '-q', '1', '-r'], {}, { input: '1\n2\n' })
    assert.deepEqual(
      server.messages.map(({ facts }) => [facts.qos, facts.retain]),
      [
        ['1', '1'],
        ['1', '1'],
      ],
    )
  })
})

describe('-W (issue: a deadline for everything to be confirmed): exit 27', { concurrency: 4 }, () => {
  for (const source of ['-m', '-l']) {
    test(`a message that is not confirmed is told, ${source}`, async (t) => {
      const args = source === '-m' ? ['-m', 'x'] : ['-l']
      const policy: Policy = { on: ({ name }) => name === 'PUBLISH' }
      const { told, server } = await pub(t, [...args, '-q', '1', '-W', '2'], policy, { input: 'x\n' })
      assert.equal(told.code, 27)
      assert.match(told.err, /timed out after 2 s \(-W\)\n.*1 of 1 message\(s\) not confirmed\n$/)
      assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
    })
  }
  test('an input that does not end', async (t) => {
    const server = await broker(t)
    const args = ['-t', 'a', '-l', '-q', '1', '-W', '0.6', ...at(server)]
    const { code, signal } = await start(t, 'mqtt-pub', args, { keepStdin: true }).done
    assert.deepEqual({ code, signal }, { code: 27, signal: null })
  })
})

test('-W covers the reading of standard input (issue: 27 at every stage)', async (t) => {
  const secret = ['-u', 'me', '--password-file', '-']
  for (const [program, args] of [
    ['mqtt-pub', ['-t', 'a', '-s']],
    ['mqtt-rr', ['-t', 'a', '-f', '-']],
    ['mqtt-pub', ['-t', 'a', '-m', 'x', ...secret]],
    ['mqtt-sub', ['-t', 'a', ...secret]],
    ['mqtt-rr', ['-t', 'a', '-m', 'x', ...secret]],
  ] as const) {
    const { code, stderr } = await start(t, program, [...args, '-W', '0.2'], { keepStdin: true }).done
    assert.equal(code, 27, `${program} ${args.join(' ')}`)
    assert.match(stderr.toString(), /timed out after 0\.2 s \(-W\)/)
  }
})

describe('refused publications (3.5, 3.6, Q28, D4)', { concurrency: 4 }, () => {
  /** Refuses the messages whose payload is in `codes`, in the packet that fits the QoS. */
  const refusing = (codes: Readonly<Record<string, number>>, reason = ''): Policy => ({
    on: ({ name, facts, payload }, link) => {
      const code = codes[payload.toString()]
      if (name !== 'PUBLISH' || code === undefined) return undefined
      const text = reason === '' ? [] : [...Buffer.concat([Buffer.from([0x1f]), string(reason)])]
      const properties = reason === '' ? [] : [text.length, ...text]
      link.send(packet(facts.qos === '1' ? 0x40 : 0x50, u16(Number(facts.id)), [code], properties))
      return true
    },
  })
  for (const qos of ['1', '2']) {
    test(`QoS ${qos}: warning with packet id and reason, exit with the reason code`, async (t) => {
      const { told, server } = await pub(
        t,
        ['-V', '5', '-q', qos, '-m', 'x'],
        refusing({ x: 0x87 }, 'not you'),
      )
      assert.deepEqual({ code: told.code, out: told.out }, { code: 0x87, out: '' })
      assert.match(told.err, /^mqtt-pub: warning: .*message 1 .*'a'.*not authorized.*not you/i)
      assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
    })
  }
  for (const [code, words] of [
    [0x80, /unspecified/i],
    [0x83, /implementation/i],
    [0x90, /topic name invalid/i],
    [0x91, /packet identifier in use/i],
    [0x97, /quota/i],
    [0x99, /payload format/i],
  ] as const) {
    test(`reason 0x${code.toString(16)}`, async (t) => {
      const { told } = await pub(t, ['-V', '5', '-q', '1', '-m', 'x'], refusing({ x: code }))
      assert.equal(told.code, code)
      assert.match(told.err, words)
    })
  }
  test('the rest is finished, and the first reason counts', async (t) => {
    const policy = refusing({ two: 0x97, three: 0x87 })
    const { told, server } = await pub(t, ['-V', '5', '-q', '1', '-l'], policy, {
      input: 'one\ntwo\nthree\nfour\n',
    })
    assert.equal(told.code, 0x97)
    assert.deepEqual(payloads(server), ['one', 'two', 'three', 'four'])
    assert.match(told.err, /message 2 .*\n.*message 3 /)
  })
  test('--repeat goes on behind a refusal', async (t) => {
    const { told, server } = await pub(
      t,
      ['-V', '5', '-q', '1', '-m', 'x', '--repeat', '3'],
      refusing({ x: 0x87 }),
    )
    assert.equal(told.code, 0x87)
    assert.equal(server.messages.length, 3)
  })
  test('--quiet silences the warning, not the status', async (t) => {
    const { told } = await pub(t, ['-V', '5', '-q', '1', '-m', 'x', '--quiet'], refusing({ x: 0x87 }))
    assert.deepEqual(told, { code: 0x87, out: '', err: '' })
  })
  test('PUBACK 16 (no subscribers): exit 0, silent', async (t) => {
    const { told } = await pub(t, ['-V', '5', '-q', '1', '-m', 'x'], refusing({ x: 0x10 }))
    assert.deepEqual(told, QUIET)
  })
})

interface AliasSeen {
  topic: string | undefined
  alias: string | undefined
}

const aliases = (server: Broker): AliasSeen[] =>
  server.messages.map(({ facts }) => ({ topic: facts.topic, alias: facts.props }))

describe('-D publish topic-alias (1.8)', { concurrency: 4 }, () => {
  const ALIAS = ['-D', 'publish', 'topic-alias', '3']
  const policy: Policy = { connack: () => connack('220005') }
  const first = { topic: 'a', alias: '230003' }
  const later = { topic: '', alias: '230003' }
  for (const qos of ['0', '1', '2']) {
    test(`over --repeat, QoS ${qos}: the first PUBLISH carries topic and alias, later ones the alias`, async (t) => {
      const { told, server } = await pub(t, ['-m', 'x', '-q', qos, '--repeat', '3', ...ALIAS], policy)
      assert.deepEqual(told, QUIET)
      assert.deepEqual(aliases(server), [first, later, later])
    })
  }
  test('over -l, and after a reconnect the topic again (Q64)', async (t) => {
    const resumed = Buffer.from('2006010003220005', 'hex')
    const server = await broker(t, { connack: (nth) => (nth === 1 ? connack('220005') : resumed) })
    const args = ['-t', 'a', '-l', '-q', '1', ...ALIAS, ...at(server)]
    const running = start(t, 'mqtt-pub', args, { keepStdin: true })
    running.stdin.write('1\n2\n')
    await server.until(() => server.messages.length === 2)
    server.links[0]?.socket.end()
    await running.saw('err', /connecting again/)
    running.stdin.end('3\n4\n')
    assert.equal((await running.done).code, 0)
    assert.deepEqual(aliases(server).slice(0, 2), [first, later])
    const again = server.links[1]?.seen.filter(({ name }) => name === 'PUBLISH') ?? []
    assert.deepEqual(
      again.map(({ facts }) => facts.topic),
      ['a', ...again.slice(1).map(() => '')],
    )
    assert.deepEqual([...new Set(payloads(server))], ['1', '2', '3', '4'])
  })
})

describe('what the broker does not take (3.5)', { concurrency: 4 }, () => {
  for (const args of [['-m', 'x'], ['-l']]) {
    test(`Q38: no retained messages: warning, sent without retain, exit 0 (${args[0]})`, async (t) => {
      const policy: Policy = { connack: () => connack('2500') }
      const { told, server } = await pub(t, ['-V', '5', '-r', ...args], policy, { input: 'x\n' })
      assert.deepEqual({ code: told.code, out: told.out }, { code: 0, out: '' })
      assert.match(told.err, /^mqtt-pub: warning: .*retain.*\n$/)
      assert.deepEqual(
        server.messages.map(({ facts }) => facts.retain),
        ['0'],
      )
    })
    test(`Q37: QoS above the maximum: exit 24 naming it (${args[0]})`, async (t) => {
      const policy: Policy = { connack: () => connack('2401') }
      const { told, server } = await pub(t, ['-V', '5', '-q', '2', ...args], policy, { input: 'x\n' })
      assert.equal(told.code, 24)
      assert.match(told.err, /QoS 2.*QoS 1/)
      assert.equal(server.messages.length, 0)
    })
    test(`Q37: packet above the maximum: exit 25 naming the limit (${args[0]})`, async (t) => {
      const policy: Policy = { connack: () => connack('2700000064') }
      const long = 'y'.repeat(200)
      const own = args[0] === '-m' ? ['-m', long] : args
      const { told, server } = await pub(t, ['-V', '5', ...own], policy, { input: long })
      assert.equal(told.code, 25)
      assert.match(told.err, /at most 100/)
      assert.equal(server.messages.length, 0)
    })
  }
  test('connection lost before QoS 1 completes: exit 7, no reconnect', async (t) => {
    const { told, server } = await pub(t, ['-q', '1', '-m', 'x'], {
      on: ({ name }, { socket }) => {
        if (name === 'PUBLISH') socket.end()
        return name === 'PUBLISH'
      },
    })
    assert.deepEqual({ code: told.code, links: server.links.length }, { code: 7, links: 1 })
    assert.match(told.err, /1 of 1 message\(s\) not confirmed/)
  })
})

describe('signals (Q67)', { concurrency: 4 }, () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`${signal}: DISCONNECT, what is not confirmed, then the signal`, async (t) => {
      const server = await broker(t, { on: ({ name }) => name === 'PUBLISH' })
      const running = start(t, 'mqtt-pub', ['-t', 'a', '-l', '-q', '1', ...at(server)], { keepStdin: true })
      running.stdin.write('1\n2\n3\n')
      await server.until(() => server.messages.length === 3)
      running.kill(signal)
      const { signal: died, stderr } = await running.done
      assert.equal(died, signal)
      assert.equal(stderr.toString(), 'mqtt-pub: 3 of 3 message(s) not confirmed\n')
      assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
    })
  }
  test('nothing to tell where everything is confirmed', async (t) => {
    const server = await broker(t)
    const args = [
      '-t',
      'a',
      '-m',
      'x',
      '-q',
      '1',
      '--repeat',
      '2',
      '--repeat-delay',
      '60',
      '-d',
      ...at(server),
    ]
    const running = start(t, 'mqtt-pub', args)
    await running.saw('err', /received PUBACK/)
    running.kill('SIGINT')
    const { signal, stderr } = await running.done
    assert.equal(signal, 'SIGINT')
    assert.doesNotMatch(stderr.toString(), /not confirmed/)
    assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
  })
  test('a second signal kills at once', async (t) => {
    // The DISCONNECT is not answered: the program would wait for the broker to close.
    const server = await broker(t, { on: ({ name }) => name === 'PUBLISH' || name === 'DISCONNECT' })
    const running = start(t, 'mqtt-pub', ['-t', 'a', '-m', 'x', '-q', '1', ...at(server)])
    await server.until(() => server.messages.length === 1)
    running.kill('SIGINT')
    await server.until(() => server.seen.at(-1)?.name === 'DISCONNECT')
    running.kill('SIGTERM')
    const { signal, stderr } = await running.done
    assert.deepEqual({ signal, err: stderr.toString() }, { signal: 'SIGTERM', err: '' })
  })
  test('before CONNACK too', async (t) => {
    const server = await broker(t, { on: () => true })
    const running = start(t, 'mqtt-pub', ['-t', 'a', '-m', 'x', ...at(server)])
    await server.until(() => server.seen.length === 1)
    running.kill('SIGTERM')
    assert.equal((await running.done).signal, 'SIGTERM')
  })
})

rows<{ what: string; input: string; expect: readonly string[] }>(
  '-l: input to messages (9.4)',
  [
    {
      what: 'blank lines, CR kept, last line without LF',
      input: 'one\n\ntwo\r\nthree',
      expect: ['one', '', 'two\r', 'three'],
    },
    { what: 'one LF', input: '\n', expect: [''] },
    { what: 'nothing', input: '', expect: [] },
    { what: 'no LF', input: 'x', expect: ['x'] },
    { what: 'bytes that are not UTF-8', input: '\xff\xfe\x80\n\xc3\n', expect: ['\xff\xfe\x80', '\xc3'] },
    { what: 'Q31: NUL', input: 'a\0b\nc\n', expect: ['a\0b', 'c'] },
  ],
  ({ what }) => what,
  async (t, { input, expect }) => {
    const { told, server } = await pub(t, ['-l'], {}, { input: Buffer.from(input, 'latin1') })
    assert.deepEqual(told, QUIET)
    assert.deepEqual(payloads(server), expect)
  },
)
