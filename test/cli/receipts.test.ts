// mqtt-pub --receipts and --progress: a line for each message, totals that agree with everything else, and output that
// cannot be written.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { broker, type Policy } from '../broker/broker.js'
import { WELCOME } from '../broker/script.js'
import { packet, u16 } from '../broker/wire.js'
import { deadPort } from '../support/ports.js'
import { MQTT_PUB, start as startCommand, startInTerminal } from '../support/processes.js'
import { temporaryFolder } from '../support/run.js'
import { cli, converse, misuse, rows, start, type Told } from './support.js'

interface Line {
  number: number
  topic: string | null
  mid: number | null
  qos: number
  outcome: string
  code: number | null
  reason: string | null
  ms: number | null
  error?: string
}
interface Totals {
  given: number
  confirmed: number
  refused: number
  removed: number
  unconfirmed: number
  status: number
  unknown?: number
  untaken?: number
}

const at = ({ port }: { port: number }): string[] => ['-h', '127.0.0.1', '-p', String(port)]
const OUTCOMES = ['confirmed', 'refused', 'removed', 'unconfirmed'] as const
const LEVELS = { 31: 3, 311: 4, 5: 5 } as const
const VERSIONS = ['31', '311', '5'] as const
const BY_SIGNAL: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

function read(text: string): { lines: Line[]; totals: Totals } {
  assert.ok(text.endsWith('\n'), text)
  const values = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const totals = values.pop()
  assert.ok('status' in totals, text)
  return { lines: values, totals }
}

/** The lines, the totals, the exit status and standard error say the same. */
function agreed({ code, out, err }: Told, text = out): { lines: Line[]; totals: Totals } {
  const { lines, totals } = read(text)
  const numbers = lines.map(({ number }) => number).sort((one, other) => one - other)
  assert.deepEqual(
    numbers,
    Array.from({ length: totals.given }, (_, index) => index + 1),
    text,
  )
  for (const outcome of OUTCOMES) {
    assert.equal(
      lines.filter((line) => line.outcome === outcome).length,
      totals[outcome],
      `${outcome}: ${text}`,
    )
  }
  assert.equal(
    totals.given,
    OUTCOMES.reduce((sum, outcome) => sum + totals[outcome], 0),
  )
  assert.equal(totals.status, typeof code === 'string' ? BY_SIGNAL[code] : code, text)
  if (code === 0) assert.equal(totals.confirmed, totals.given, text)
  const [, open = '0', given = String(totals.given)] =
    /(\d+) of (\d+) message\(s\) not confirmed/.exec(err) ?? []
  assert.deepEqual([Number(open), Number(given)], [totals.given - totals.confirmed, totals.given], err)
  for (const { outcome, error } of lines) assert.equal(error === undefined, outcome === 'confirmed')
  return { lines, totals }
}

/** Without what no test can know. */
function fixed({ ms, ...line }: Line): Omit<Line, 'ms'> & { timed: boolean } {
  return { ...line, timed: typeof ms === 'number' && ms >= 0 }
}

async function lines(
  t: TestContext,
  args: readonly string[],
  policy: Policy = {},
  input: string | Uint8Array = 'a\nb\n',
): Promise<Told> {
  const server = await broker(t, policy)
  return cli(t, 'mqtt-pub', ['-t', 'a', '-l', '--receipts', ...args, ...at(server)], { input })
}

describe('a line for each message', { concurrency: 4 }, () => {
  for (const version of VERSIONS) {
    for (const qos of [0, 1, 2]) {
      test(`confirmed at QoS ${qos}, -V ${version}`, async (t) => {
        const told = await lines(t, ['-V', version, '-q', String(qos)])
        const { lines: got, totals } = agreed(told)
        const answer = qos === 0 ? { code: null, reason: null } : { code: 0, reason: 'success' }
        const line = (number: number) => {
          const mid = qos === 0 ? null : number
          return { number, topic: 'a', mid, qos, outcome: 'confirmed', ...answer, timed: true }
        }
        assert.deepEqual(got.map(fixed), [line(1), line(2)])
        assert.deepEqual(totals, {
          given: 2,
          confirmed: 2,
          refused: 0,
          removed: 0,
          unconfirmed: 0,
          status: 0,
        })
        assert.equal(told.err, '')
      })
    }
    for (const qos of [1, 2]) {
      test(`-l with a cut in a kept session: one line, whatever was sent twice, QoS ${qos}, -V ${version}`, async (t) => {
        const level = LEVELS[version]
        const present = { 3: '> 20 02 00 00', 4: '> 20 02 01 00', 5: '> 20 03 01 00 00' }[level]
        const fresh = level === 5 ? '> 20 03 00 00 00' : '> 20 02 00 00'
        const answer = (id: number): string =>
          qos === 1 ? `> 40 02 00 0${id}` : `> 50 02 00 0${id}\n< PUBREL id=${id}\n> 70 02 00 0${id}`
        const text = `
          < CONNECT
          ${fresh}
          < PUBLISH id=1 dup=0
          < PUBLISH id=2 dup=0
          ${answer(1)}
          cut
          accept
          < CONNECT
          ${present}
          < PUBLISH id=2 dup=1
          ${answer(2)}
          < DISCONNECT`
        const args = ['-V', version, '-c', '-i', 's', '-q', qos, '-t', 'a', '-l', '--receipts']
        const told = await converse(t, text, 'mqtt-pub', args, { input: 'a\nb\n' })
        const got = agreed(told).lines.map(({ number, mid, outcome }) => [number, mid, outcome])
        assert.deepEqual(got, [
          [1, 1, 'confirmed'],
          [2, 2, 'confirmed'],
        ])
        assert.equal(told.code, 0)
      })
    }
  }

  test('the identifier is that of the last transmission where the session was lost', async (t) => {
    const text = `
      < CONNECT
      > 20 02 00 00
      < PUBLISH id=1
      < PUBLISH id=2
      > 40 02 00 01
      cut
      accept
      < CONNECT
      > 20 02 00 00
      < PUBLISH id=3 dup=0 payload=b
      > 40 02 00 03
      < DISCONNECT`
    const told = await converse(t, text, 'mqtt-pub', ['-q', 1, '-t', 'a', '-l', '--receipts'], {
      input: 'a\nb\n',
    })
    assert.deepEqual(
      agreed(told).lines.map(({ number, mid }) => [number, mid]),
      [
        [1, 1],
        [2, 3],
      ],
    )
  })

  test('lines come as messages are answered, not in the order of their numbers', async (t) => {
    const text = `
      < CONNECT
      > 20 02 00 00
      < PUBLISH id=1
      < PUBLISH id=2
      > 40 02 00 02 40 02 00 01
      < DISCONNECT`
    const told = await converse(t, text, 'mqtt-pub', ['-q', 1, '-t', 'a', '-l', '--receipts'], {
      input: 'a\nb\n',
    })
    assert.deepEqual(
      agreed(told).lines.map(({ number }) => number),
      [2, 1],
    )
  })

  test('refused, with a reason string, and a code that is none of success', async (t) => {
    const text = `
      < CONNECT v=5
      ${WELCOME[5]}
      < PUBLISH id=1
      < PUBLISH id=2
      > 40 0a 00 01 97 06 1f 00 03 'why'
      > 40 04 00 02 10 00
      < DISCONNECT`
    const args = ['-V', 5, '-q', 1, '-t', 'a', '-l', '--receipts']
    const told = await converse(t, text, 'mqtt-pub', args, { input: 'a\nb\n' })
    const { lines: got, totals } = agreed(told)
    assert.deepEqual(got.map(fixed), [
      {
        number: 1,
        topic: 'a',
        mid: 1,
        qos: 1,
        outcome: 'refused',
        code: 0x97,
        reason: 'quota exceeded',
        error: "broker refused message 1 to 'a': quota exceeded (0x97): why",
        timed: true,
      },
      {
        number: 2,
        topic: 'a',
        mid: 2,
        qos: 1,
        outcome: 'confirmed',
        code: 0x10,
        reason: 'no matching subscribers',
        timed: true,
      },
    ])
    assert.deepEqual(totals, { given: 2, confirmed: 1, refused: 1, removed: 0, unconfirmed: 0, status: 0x97 })
  })

  for (const [what, args, input] of [
    ['-m', ['-m', 'x'], ''],
    ['-n', ['-n'], ''],
    ['-s', ['-s'], 'all'],
    ['-f -', ['-f', '-'], 'all'],
    ['--repeat', ['-m', 'x', '--repeat', '3'], ''],
  ] as const) {
    test(`of ${what}`, async (t) => {
      const server = await broker(t)
      const told = await cli(t, 'mqtt-pub', ['-t', 'a', '-q', '2', ...args, '--receipts', ...at(server)], {
        input,
      })
      const { lines: got } = agreed(told)
      assert.deepEqual(
        got.map(({ mid }) => mid),
        what === '--repeat' ? [1, 2, 3] : [1],
      )
    })
  }

  test('a line is there as soon as the answer is, and at QoS 0 when a ping behind it is answered', async (t) => {
    for (const qos of ['0', '1']) {
      const server = await broker(t)
      const args = ['-t', 'a', '-l', '-q', qos, '--receipts', ...at(server)]
      const run = start(t, 'mqtt-pub', args, { keepStdin: true })
      run.stdin.write('a\n')
      await run.saw('out', /"number":1.*\n/)
      run.stdin.end('b\n')
      assert.equal((await run.done).code, 0)
      assert.equal(read(run.out).totals.given, 2)
    }
  })

  test('a topic with quotes and without ASCII is JSON', async (t) => {
    const server = await broker(t)
    const topic = 'a"\\ä😀'
    const told = await cli(t, 'mqtt-pub', ['-t', topic, '-m', 'x', '--receipts', ...at(server)])
    assert.equal(agreed(told).lines[0]?.topic, topic)
  })
})

interface OutcomeRow {
  what: string
  args: readonly string[]
  policy?: Policy
  input?: string | Uint8Array
  code: number
  totals: Partial<Totals>
}

const WITHHELD: Policy = { on: ({ name }) => name === 'PUBLISH' }
/** Closes the connection at the second message. */
const CUT: Policy = {
  on: ({ name, facts }, { socket }) => {
    if (name !== 'PUBLISH' || facts.payload !== 'b') return false
    socket.resetAndDestroy()
    return true
  },
}

rows(
  'lines, totals, exit status and standard error agree',
  [
    { what: 'no input', args: ['-q', '1'], input: '', code: 0, totals: { given: 0 } },
    {
      what: '1,000 lines at QoS 2',
      args: ['-q', '2'],
      input: 'x\n'.repeat(1_000),
      code: 0,
      totals: { given: 1_000 },
    },
    { what: '3,000 lines at QoS 0', args: [], input: 'x\n'.repeat(3_000), code: 0, totals: { given: 3_000 } },
    {
      what: 'no acknowledgement within --ack-timeout',
      args: ['-q', '1', '--ack-timeout', '1'],
      policy: WITHHELD,
      code: 19,
      totals: { given: 2, confirmed: 0, unconfirmed: 2 },
    },
    {
      what: '-W',
      args: ['-q', '2', '-W', '3'],
      policy: WITHHELD,
      code: 27,
      totals: { given: 2, confirmed: 0, unconfirmed: 2 },
    },
    ...[0, 1, 2].map((qos) => ({
      what: `a connection that is lost for good, QoS ${qos}`,
      args: ['-q', `${qos}`, '--max-reconnects', '0'],
      policy: CUT,
      code: 7,
      totals: {},
    })),
    {
      what: 'a broker that refuses each second message',
      args: ['-V', '5', '-q', '1'],
      policy: {
        on: ({ name, facts }, link) => {
          if (name !== 'PUBLISH' || Number(facts.id) % 2 === 1) return false
          link.send(packet(0x40, u16(Number(facts.id)), [0x87, 0]))
          return true
        },
      },
      input: 'x\n'.repeat(50),
      code: 0x87,
      totals: { given: 50, confirmed: 25, refused: 25 },
    },
    {
      what: 'a broker with a lower maximum QoS',
      args: ['-V', '5', '-q', '2'],
      policy: { connack: () => packet(0x20, [0, 0, 6, 0x12, 0, 1, 0x7a, 0x24, 1]) },
      code: 24,
      totals: { confirmed: 0 },
    },
    {
      what: 'a DISCONNECT of the broker',
      args: ['-V', '5', '-q', '1', '--max-reconnects', '0'],
      policy: {
        on: ({ name }, link) => {
          if (name === 'PUBLISH') link.send(packet(0xe0, [0x98, 0]))
          return name === 'PUBLISH'
        },
      },
      code: 0x98,
      totals: { confirmed: 0 },
    },
    {
      what: 'a malformed answer',
      args: ['-q', '1'],
      policy: {
        on: ({ name }, link) => {
          if (name === 'PUBLISH') link.send(Buffer.from('4101', 'hex'))
          return name === 'PUBLISH'
        },
      },
      code: 21,
      totals: { confirmed: 0 },
    },
    {
      what: 'a line that the client cannot send',
      args: ['-V', '5', '-q', '1', '-D', 'publish', 'payload-format-indicator', '1'],
      input: Buffer.from('610aff0a620a', 'hex'),
      code: 1,
      totals: { given: 2, refused: 1 },
    },
    {
      what: 'a message that expires before it can be sent',
      args: ['-V', '5', '-q', '1', '-M', '1', '-D', 'publish', 'message-expiry-interval', '1'],
      policy: { delayMs: 1_500 },
      code: 7,
      totals: { given: 2, confirmed: 1, removed: 1 },
    },
    {
      what: 'a broker that does not close after DISCONNECT, QoS 0',
      args: [],
      policy: { on: ({ name }) => name === 'DISCONNECT' },
      code: 7,
      totals: {},
    },
  ] satisfies OutcomeRow[],
  ({ what }) => what,
  async (t, { args, policy, input, code, totals }: OutcomeRow) => {
    const told = await lines(t, args, policy, input)
    const got = agreed(told).totals
    // How a connection that was reset ends is not ours to choose.
    if (code !== 7) assert.equal(told.code, code, told.err)
    for (const [name, value] of Object.entries(totals)) assert.equal(got[name as keyof Totals], value, name)
  },
)

describe('how a run ends', { concurrency: 4 }, () => {
  test('a first connection that fails: totals alone', async (t) => {
    const told = await cli(t, 'mqtt-pub', [
      '-t',
      'a',
      '-m',
      'x',
      '--receipts',
      ...at({ port: await deadPort() }),
    ])
    assert.deepEqual(agreed(told).totals.given, 0)
    assert.equal(told.code, 1)
  })

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`${signal}: a line for what is not confirmed, the status of the shell, death by the signal`, async (t) => {
      const server = await broker(t, { on: ({ name, facts }) => name === 'PUBLISH' && facts.payload !== 'a' })
      const args = ['-t', 'a', '-l', '-q', '1', '--receipts', ...at(server)]
      const run = start(t, 'mqtt-pub', args, { keepStdin: true })
      run.stdin.write('a\nb\nc\n')
      await run.saw('out', /"confirmed"/)
      await server.until(() => server.messages.length === 3)
      run.kill(signal)
      const { stderr, code } = await run.done
      const { lines: got, totals } = agreed({
        code: (code ?? signal) as number,
        out: run.out,
        err: `${stderr}`,
      })
      assert.deepEqual([totals.confirmed, totals.unconfirmed, totals.status], [1, 2, BY_SIGNAL[signal]])
      assert.deepEqual(
        got.slice(1).map(({ mid, ms }) => [mid, ms]),
        [
          [2, null],
          [3, null],
        ],
      )
    })
  }

  test('QoS 0 messages on a connection that is then lost: confirmed as far as a ping was answered', async (t) => {
    let pings = 0
    const server = await broker(t, {
      on: ({ name, facts }, { socket }) => {
        if (name === 'PINGREQ') pings++
        if (name !== 'PUBLISH' || facts.payload !== 'c') return false
        socket.resetAndDestroy()
        return true
      },
    })
    const args = ['-t', 'a', '-l', '--receipts', '--max-reconnects', '0', ...at(server)]
    const run = start(t, 'mqtt-pub', args, { keepStdin: true })
    run.stdin.write('a\nb\n')
    await run.saw('out', /"number":2.*\n/)
    assert.ok(pings > 0)
    run.stdin.write('c\n')
    const { code } = await run.done
    const { lines: got } = agreed({ code, out: run.out, err: run.err })
    assert.deepEqual(
      got.map(({ outcome }) => outcome),
      ['confirmed', 'confirmed', 'unconfirmed'],
    )
  })

  test('QoS 0: no more is sent while a ping is not answered, and all is when it is', async (t) => {
    let held: (() => void) | undefined
    const server = await broker(t, {
      on: ({ name }, link) => {
        if (name !== 'PINGREQ' || held !== undefined) return false
        held = () => link.send(packet(0xd0))
        return true
      },
    })
    const total = 60_000
    const args = ['-t', 'a', '-l', '-k', '10', '--receipts', ...at(server)]
    const run = start(t, 'mqtt-pub', args, { input: 'x\n'.repeat(total) })
    const count = (name: string): number => server.seen.filter((each) => each.name === name).length
    // The second ping is that of the keep alive: for seconds nothing else was sent.
    await server.until(() => server.seen.at(-1)?.name === 'PINGREQ' && count('PINGREQ') === 2)
    const sent = server.messages.length
    assert.ok(sent >= 5_000 && sent < total, `${sent} messages`)
    held?.()
    const { code } = await run.done
    assert.equal(agreed({ code, out: run.out, err: run.err }).totals.confirmed, total)
  })

  test('in the library identifiers are told only where it was asked for', async (t) => {
    const server = await broker(t)
    const { connect } = await import('../../src/client/index.js')
    for (const tellPacketIds of [false, true]) {
      const client = await connect({ host: '127.0.0.1', port: server.port, tellPacketIds })
      const told = await new Promise((resolve) =>
        client.enqueue('a', 'x', { qos: 1 }, (...all) => resolve(all)),
      )
      assert.deepEqual(told, [{ reasonCode: 0 }, 0, tellPacketIds ? 1 : undefined])
      await client.disconnect()
    }
  })
})

describe('where receipts go', { concurrency: 4 }, () => {
  /** Runs the program in a shell, with `text` around its words, `"$@"`. */
  async function viaShell(t: TestContext, text: string, args: readonly string[], path = ''): Promise<Told> {
    const words = [process.execPath, MQTT_PUB, '-t', 'a', '-m', 'x', '-q', '1', ...args]
    const { status, stdout, stderr } = await startCommand(t, 'sh', ['-c', text, path, ...words]).ended
    return { code: status as number, out: stdout.toString(), err: stderr }
  }

  test('FILE: made for its owner alone, and appended to', async (t) => {
    const path = join(temporaryFolder(t), 'receipts')
    const server = await broker(t)
    for (const count of [1, 2]) {
      const told = await cli(t, 'mqtt-pub', ['-t', 'a', '-m', 'x', `--receipts=${path}`, ...at(server)])
      assert.deepEqual(told, { code: 0, out: '', err: '' })
      assert.equal(statSync(path).mode & 0o777, 0o600)
      const text = readFileSync(path, 'utf8')
      assert.equal(text.split('\n').length, 2 * count + 1)
      agreed(told, text.split('\n').slice(-3).join('\n'))
    }
  })

  test('a file descriptor that is a file', async (t) => {
    const path = join(temporaryFolder(t), 'receipts')
    const told = await viaShell(t, '"$@" 3>"$0"', ['--receipts=3', ...at(await broker(t))], path)
    agreed(told, readFileSync(path, 'utf8'))
    assert.deepEqual(told, { code: 0, out: '', err: '' })
  })

  test('a file descriptor that is a pipe, and one that is standard error', async (t) => {
    const server = await broker(t)
    const piped = await viaShell(t, '"$@" 3>&1 >/dev/null | cat', ['--receipts=3', ...at(server)])
    agreed(piped)
    const { code, err } = await viaShell(t, '"$@"', ['--receipts=2', ...at(server)])
    agreed({ code, out: err, err: '' })
  })

  for (const [what, fd, around] of [
    ['that is not open', 42, '"$@"'],
    ['of the program itself', 5, '"$@" 5>&- 6>&- 7>&-'],
    ['for reading only', 3, '"$@" 3</dev/null'],
  ] as const) {
    test(`a file descriptor ${what}: exit 1, and no connection`, async (t) => {
      const server = await broker(t)
      const told = await viaShell(t, around, [`--receipts=${fd}`, ...at(server)])
      assert.deepEqual(told, {
        code: 1,
        out: '',
        err: `mqtt-pub: error: --receipts=${fd}: the file descriptor is not open for writing\n`,
      })
      assert.equal(server.links.length, 0)
    })
  }

  test('a FILE that cannot be written, and a FIFO that nobody reads: exit 1, and no connection', async (t) => {
    const folder = temporaryFolder(t)
    execFileSync('mkfifo', [join(folder, 'fifo')])
    for (const [path, why] of [
      [folder, /folder|directory/],
      [join(folder, 'no', 'such'), /no such file/],
      [join(folder, 'fifo'), /nobody reads it/],
    ] as const) {
      const server = await broker(t)
      const { code, err } = await cli(t, 'mqtt-pub', [
        '-t',
        'a',
        '-m',
        'x',
        `--receipts=${path}`,
        ...at(server),
      ])
      assert.equal(code, 1)
      assert.match(err, why)
      assert.ok(err.startsWith(`mqtt-pub: error: --receipts '${path}': `), err)
      assert.equal(server.links.length, 0)
    }
  })

  test('0 is no file descriptor to write to', (t) =>
    misuse(t, 'mqtt-pub', ['-t', 'a', '-m', 'x', '--receipts=0'], ['--receipts', "'0'", 'from 1 to']))

  test('a full disk: told once, every message goes out, and the status is 1', async (t) => {
    const server = await broker(t)
    const args = ['-t', 'a', '-l', '-q', '1', '--receipts=/dev/full', ...at(server)]
    const { code, out, err } = await cli(t, 'mqtt-pub', args, { input: 'x\n'.repeat(500) })
    assert.deepEqual({ code, out, count: server.messages.length }, { code: 1, out: '', count: 500 })
    assert.match(err, /^mqtt-pub: error: --receipts '\/dev\/full': receipts end here: .*no space.*\n$/i)
  })

  for (const [fd, status] of [
    [1, 0],
    [3, 1],
  ] as const) {
    test(`a reader that goes away, on file descriptor ${fd}: every message goes out, status ${status}`, async (t) => {
      const server = await broker(t)
      const folder = temporaryFolder(t)
      const count = 5_000 // whose receipts are more than a pipe holds
      writeFileSync(join(folder, 'in'), 'x\n'.repeat(count))
      // The first line is read, then nothing any more.
      const text = '("$@" <"$0/in" 3>&1; echo $? >"$0/status") | head -n 1'
      const words = [
        process.execPath,
        MQTT_PUB,
        '-t',
        'a',
        '-l',
        '-q',
        '1',
        `--receipts=${fd}`,
        ...at(server),
      ]
      const { stdout, stderr } = await startCommand(t, 'sh', ['-c', text, folder, ...words]).ended
      assert.equal(stdout.toString().split('\n').length, 2)
      assert.equal(readFileSync(join(folder, 'status'), 'utf8'), `${status}\n`)
      assert.equal(server.messages.length, count)
      assert.equal(stderr.split('\n').length, status + 1)
    })
  }

  test('a reader that stands still pauses standard input, and a signal still ends the program', async (t) => {
    const server = await broker(t)
    const args = ['-t', 'a', '-l', '-q', '1', '-k', '5', '--receipts', ...at(server)]
    const run = start(t, 'mqtt-pub', args, { keepStdin: true, pauseStdout: true })
    const total = 100_000
    run.stdin.end('x\n'.repeat(total))
    // A ping: nothing was sent for so long.
    await server.until(() => ['PINGREQ', 'DISCONNECT'].includes(server.seen.at(-1)?.name ?? ''))
    const sent = server.messages.length
    assert.ok(sent > 1_000 && sent < total / 2, `${sent} messages`)
    run.kill('SIGTERM')
    await run.saw('err', /receipts end here: nobody takes them/)
    if (run.child.signalCode === null) await once(run.child, 'exit')
    assert.equal(run.child.signalCode, 'SIGTERM')
  })

  for (const what of ['', ' with --spool']) {
    test(`a signal ends the waiting for a reader at the end, and then the program${what}`, async (t) => {
      const server = await broker(t)
      const folder = temporaryFolder(t)
      const fifo = join(folder, 'fifo')
      execFileSync('mkfifo', [fifo])
      const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
      t.after(() => closeSync(reader))
      // More than the FIFO holds, and less than what pauses standard input.
      const input = 'x\n'.repeat(1_500)
      const spool = what === '' ? [] : ['--spool', join(folder, 'spool')]
      const args = ['-t', 'a', '-l', '-q', '1', `--receipts=${fifo}`, ...spool, ...at(server)]
      const run = start(t, 'mqtt-pub', args, { input })
      await server.until(() => server.seen.at(-1)?.name === 'DISCONNECT')
      await server.until(() => server.links.every(({ socket }) => socket.closed))
      run.kill('SIGINT')
      const { signal, stderr } = await run.done
      assert.equal(signal, 'SIGINT', stderr.toString())
      assert.match(
        stderr.toString(),
        /^mqtt-pub: error: --receipts '[^']+': receipts end here: nobody takes them\n$/,
      )
      assert.equal(server.messages.length, 1_500)
    })
  }

  test('a reader that is slow gets all of it', async (t) => {
    const server = await broker(t)
    const args = ['-t', 'a', '-l', '-q', '1', '--receipts', ...at(server)]
    const run = start(t, 'mqtt-pub', args, { input: 'x\n'.repeat(20_000), pauseStdout: true })
    await server.until(() => server.messages.length > 3_000)
    run.stdout.resume()
    const { code } = await run.done
    assert.equal(agreed({ code, out: run.out, err: run.err }).totals.confirmed, 20_000)
  })
})

describe('with --spool', { concurrency: 4 }, () => {
  const folderOf = (t: TestContext): string => join(temporaryFolder(t), 'spool')

  for (const qos of [0, 1, 2]) {
    test(`numbers are those of the spool, in this run and in later ones, QoS ${qos}`, async (t) => {
      const folder = folderOf(t)
      const server = await broker(t)
      const args = ['--spool', folder, '-t', 'a', '-l', '-q', `${qos}`, '--receipts', ...at(server)]
      const first = agreed(await cli(t, 'mqtt-pub', args, { input: 'a\nb\n' }))
      assert.deepEqual(first.totals, {
        given: 2,
        confirmed: 2,
        refused: 0,
        removed: 0,
        unconfirmed: 0,
        unknown: 0,
        untaken: 0,
        status: 0,
      })
      const dead = await cli(t, 'mqtt-pub', [...args, '-p', String(await deadPort())], { input: 'c\n' })
      const { lines: none, totals } = read(dead.out)
      assert.deepEqual([none, dead.code, totals.status, totals.unconfirmed], [[], 7, 7, 1])
      assert.match(dead.err, /1 message\(s\) wait/)
      const flush = ['--spool', folder, '--flush', '--receipts', ...at(server)]
      const last = read((await cli(t, 'mqtt-pub', flush)).out)
      const mid = qos === 0 ? null : 3
      assert.deepEqual(
        last.lines.map(({ number, topic, mid, outcome }) => ({ number, topic, mid, outcome })),
        [{ number: 3, topic: 'a', mid, outcome: 'confirmed' }],
      )
      assert.deepEqual([last.totals.given, last.totals.status], [1, 0])
    })
  }

  test('what was sent and not answered has a line, and another one in the run that confirms it', async (t) => {
    const folder = folderOf(t)
    const mutest = await broker(t, WITHHELD)
    const args = ['--spool', folder, '-t', 'a', '-m', 'x', '-q', '1', '--receipts', '-W', '3', ...at(mutest)]
    const told = await cli(t, 'mqtt-pub', args)
    const { lines: got, totals } = read(told.out)
    assert.deepEqual(
      got.map(({ number, mid, outcome }) => [number, mid, outcome]),
      [[1, 1, 'unconfirmed']],
    )
    assert.deepEqual([told.code, totals.status, totals.unconfirmed], [27, 27, 1])
    const server = await broker(t)
    const flushed = agreed(
      await cli(t, 'mqtt-pub', ['--spool', folder, '--flush', '--receipts', ...at(server)]),
    )
    assert.equal(flushed.lines[0]?.outcome, 'confirmed')
  })

  test('a message that the broker had but for PUBCOMP: without topic in the next run', async (t) => {
    const folder = folderOf(t)
    const silent = await broker(t, { on: ({ name }) => name === 'PUBREL' })
    const args = ['--spool', folder, '-t', 'a', '-l', '-q', '2', '--receipts', ...at(silent)]
    const run = start(t, 'mqtt-pub', args, { keepStdin: true })
    run.stdin.write('x\n')
    await silent.until(() => silent.seen.some(({ name }) => name === 'PUBREL'))
    run.kill('SIGTERM')
    const { signal } = await run.done
    const { lines: got, totals } = read(run.out)
    assert.deepEqual([signal, totals.status, totals.unconfirmed], ['SIGTERM', 143, 1])
    assert.deepEqual([got.length, got[0]?.topic, got[0]?.outcome], [1, 'a', 'unconfirmed'])
    const server = await broker(t)
    const flush = ['--spool', folder, '--flush', '--receipts', ...at(server)]
    const { lines: last } = agreed(await cli(t, 'mqtt-pub', flush))
    assert.deepEqual(
      last.map(({ topic, mid, outcome }) => ({ topic, mid, outcome })),
      [{ topic: null, mid: 1, outcome: 'confirmed' }],
    )
  })

  test('refused, and removed to make room: a line each', async (t) => {
    const folder = folderOf(t)
    const dead = ['-h', '127.0.0.1', '-p', String(await deadPort())]
    const small = ['--spool', folder, '-t', 'a', '-l', '-V', '5', '-q', '1', '--spool-max-bytes', '60']
    const keeping = [...small, '--spool-full', 'drop-oldest', '--receipts', ...dead]
    const run = start(t, 'mqtt-pub', keeping, { keepStdin: true })
    run.stdin.write('a\n')
    run.stdin.write('b\nc\nd\n')
    await run.saw('out', /"removed".*\n/)
    run.stdin.end()
    const { code } = await run.done
    const { lines: got, totals } = read(run.out)
    assert.ok(totals.removed > 0)
    assert.equal(got.filter(({ outcome }) => outcome === 'removed').length, totals.removed)
    assert.match(run.err, new RegExp(`${totals.removed} message\\(s\\), the oldest, removed`))
    assert.deepEqual([totals.given, totals.status], [4, code])

    const refusing = await broker(t, {
      connack: () => packet(0x20, [0, 0, 0]),
      on: ({ name, facts }, link) => {
        if (name === 'PUBLISH') link.send(packet(0x40, u16(Number(facts.id)), [0x87, 0]))
        return name === 'PUBLISH'
      },
    })
    const flush = ['--spool', folder, '--flush', '--receipts', ...at(refusing)]
    const told = await cli(t, 'mqtt-pub', flush)
    const after = read(told.out)
    assert.equal(after.totals.refused, totals.unconfirmed)
    assert.ok(after.lines.every(({ outcome, code: each }) => outcome === 'refused' && each === 0x87))
    assert.deepEqual([told.code, after.totals.status], [0x87, 0x87])
    assert.match(told.err, new RegExp(`${after.totals.refused} message\\(s\\) refused`))
  })
})

describe('--progress', { concurrency: 4 }, () => {
  /** Holds acknowledgements back until released. */
  async function holding(t: TestContext): Promise<{ port: number; release: () => void }> {
    let answer: (() => void) | undefined
    const server = await broker(t, {
      on: ({ name, facts }, link) => {
        if (name === 'PUBLISH') answer = () => link.send(packet(0x40, u16(Number(facts.id))))
        return name === 'PUBLISH'
      },
    })
    return { port: server.port, release: () => answer?.() }
  }
  const LINE = '1 read, 1 sent, 0 confirmed, 1 in flight, 0/s'
  const shown = (text: string): string => JSON.stringify(text)

  test('on a terminal: a line, and nothing of it at the end', async (t) => {
    const { port, release } = await holding(t)
    const args = ['-t', 'a', '-m', 'x', '-q', '1', '--progress', ...at({ port })]
    const running = startInTerminal(t, 'mqtt-pub', args)
    if (running === undefined) return
    await running.printsAtEnd(LINE)
    release()
    const { status, stdout } = await running.ended
    assert.equal(status, 0)
    assert.ok(stdout.toString().endsWith(`${LINE}\r\u001b[K`), shown(stdout.toString()))
  })

  test('on a terminal: diagnostics and receipts have lines of their own', async (t) => {
    const { port, release } = await holding(t)
    const args = ['-t', 'a', '-m', 'x', '-q', '1', '--progress', '--receipts', '-d', ...at({ port })]
    const running = startInTerminal(t, 'mqtt-pub', args, { env: { NO_COLOR: '1' } })
    if (running === undefined) return
    await running.printsAtEnd(LINE)
    release()
    const { status, stdout } = await running.ended
    assert.equal(status, 0)
    const text = stdout.toString()
    assert.match(text, /in flight, 0\/s\r\u001b\[K- received PUBACK/, shown(text))
    for (const line of text.split('\r\n')) {
      const rest = line.replace(/^.*\r\u001b\[K/, '')
      assert.ok(!rest.includes('in flight'), shown(text))
    }
  })

  test('with a spool, what waits there too', async (t) => {
    const { port, release } = await holding(t)
    const folder = join(temporaryFolder(t), 'spool')
    const args = ['-t', 'a', '-m', 'x', '-q', '1', '--progress', '--spool', folder, ...at({ port })]
    const running = startInTerminal(t, 'mqtt-pub', args)
    if (running === undefined) return
    await running.printsAtEnd('1 read, 1 sent, 0 confirmed, 1 in flight, 1 in the spool, 0/s')
    release()
    assert.equal((await running.ended).status, 0)
  })

  for (const [what, more, env] of [
    ['--quiet', ['--quiet'], {}],
    ['a terminal that cannot clear a line', [], { TERM: 'dumb' }],
  ] as const) {
    test(`nothing with ${what}`, async (t) => {
      const server = await broker(t, { delayMs: 700 })
      const args = ['-t', 'a', '-m', 'x', '-q', '1', '--progress', ...more, ...at(server)]
      const running = startInTerminal(t, 'mqtt-pub', args, { env })
      if (running === undefined) return
      const { status, stdout } = await running.ended
      assert.deepEqual([status, stdout.toString()], [0, ''])
    })
  }

  test('nothing in a pipe', async (t) => {
    const server = await broker(t, { delayMs: 700 })
    const told = await cli(t, 'mqtt-pub', ['-t', 'a', '-m', 'x', '-q', '1', '--progress', ...at(server)])
    assert.deepEqual(told, { code: 0, out: '', err: '' })
  })
})
