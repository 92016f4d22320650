// How long and how often the programs try to connect: --connect-timeout, --retry-connect, --reconnect-delay and
// --max-reconnects; and the passwords of --password-command.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { gather } from '../../src/cli/flags/sources.js'
import type { Given } from '../../src/cli/flags/table.js'
import { type Broker, broker, mute } from '../broker/broker.js'
import { script } from '../broker/script.js'
import { deadPort } from '../support/ports.js'
import { type Args, temporaryFolder } from '../support/run.js'
import { socksServer } from '../transport/socks-server.js'
import { serve } from '../transport/support.js'
import { cli, misuse, PROGRAMS, rows, start, WORK } from './support.js'

const FOR_EVER = Number.POSITIVE_INFINITY
const SECRET = 'geheim-4711'

function to({ port }: { port: number }): Args {
  return ['-h', '127.0.0.1', '-p', port]
}

/** What the words, a file of options or variables say. */
function given(words: readonly string[], file = '', env: Readonly<Record<string, string>> = {}): Given {
  const read = (path: string): string | undefined => (path === 'opts' ? file : undefined)
  const { optionsFile, ...rest } = gather('mqtt-sub', [...words, '-o', 'opts'], env, read)
  return rest
}

rows<{ what: string; got: () => Given; seconds: number | undefined }>(
  '--retry-connect[=SECONDS]: forever, so long, or not at all',
  [
    { what: 'alone', got: () => given(['--retry-connect']), seconds: FOR_EVER },
    { what: 'with seconds', got: () => given(['--retry-connect=2.5']), seconds: 2.5 },
    {
      what: 'alone, before an option',
      got: () => given(['--retry-connect', '-d', '--retry-connect', '-t', 'a']),
      seconds: FOR_EVER,
    },
    {
      what: 'the last one counts',
      got: () => given(['--retry-connect=5', '--retry-connect']),
      seconds: FOR_EVER,
    },
    { what: 'in a file', got: () => given([], '--retry-connect'), seconds: FOR_EVER },
    { what: 'in a file, behind blanks', got: () => given([], '--retry-connect \t 7'), seconds: 7 },
    { what: 'in a file, behind =', got: () => given([], '--retry-connect=7'), seconds: 7 },
    ...['1', 'true', 'yes', 'ON'].map((text) => ({
      what: `MQTT_RETRY_CONNECT=${text}`,
      got: () => given([], '', { MQTT_RETRY_CONNECT: text }),
      seconds: FOR_EVER,
    })),
    ...['', '0', 'false', 'no', 'off'].map((text) => ({
      what: `MQTT_RETRY_CONNECT=${text}`,
      got: () => given([], '', { MQTT_RETRY_CONNECT: text }),
      seconds: undefined,
    })),
    ...['1.0', '10', '0.5', '90'].map((text) => ({
      what: `MQTT_RETRY_CONNECT=${text}`,
      got: () => given([], '', { MQTT_RETRY_CONNECT: text }),
      seconds: Number(text),
    })),
  ],
  ({ what }) => what,
  async (_t, { got, seconds }) => assert.equal(got().retryConnectSeconds, seconds),
)

rows<{ args: readonly string[]; names: readonly string[] }>(
  'values that cannot be: exit 1 naming option and value',
  [
    { args: ['--retry-connect=abc'], names: ['--retry-connect', "'abc'"] },
    { args: ['--retry-connect=0'], names: ['--retry-connect', "'0'"] },
    { args: ['--retry-connect='], names: ['--retry-connect= needs a value: SECONDS'] },
    { args: ['--retry-connect', '5'], names: ['unknown option', "'5'"] },
    { args: ['--explain=1'], names: ['unknown option', "'--explain=1'"] },
    { args: ['--connect-timeout', '0'], names: ['--connect-timeout', "'0'"] },
    { args: ['--connect-timeout', '5s'], names: ['--connect-timeout', "'5s'"] },
    { args: ['--connect-timeout'], names: ['--connect-timeout needs a value: SECONDS'] },
    { args: ['--reconnect-delay', '5'], names: ['--reconnect-delay', "'5'", 'MIN,MAX'] },
    { args: ['--reconnect-delay', '5,1'], names: ['--reconnect-delay', "'5,1'", 'MIN not above MAX'] },
    { args: ['--reconnect-delay', '1,2,3'], names: ['--reconnect-delay', "'1,2,3'"] },
    { args: ['--reconnect-delay', '0,1'], names: ['--reconnect-delay', "'0'"] },
    { args: ['--reconnect-delay', 'a,1'], names: ['--reconnect-delay', "'a'"] },
    { args: ['--reconnect-delay', ''], names: ['--reconnect-delay', "''"] },
    { args: ['--max-reconnects', '-1'], names: ['--max-reconnects', "'-1'"] },
    { args: ['--max-reconnects', '1.5'], names: ['--max-reconnects', "'1.5'"] },
  ],
  ({ args }) => args.join(' '),
  (t, { args, names }) => misuse(t, 'mqtt-sub', ['-t', 'a', ...args], names),
)

test('the values as they are understood', () => {
  assert.deepEqual(
    given(['--connect-timeout', '0.25', '--reconnect-delay', '.5,10', '--max-reconnects', '3']),
    { connectTimeoutSeconds: 0.25, reconnectDelaySeconds: [0.5, 10], maxReconnects: 3 },
  )
})

test('mqtt-rr, which never connects again, has no --max-reconnects', (t) =>
  misuse(t, 'mqtt-rr', ['--max-reconnects', '1'], ["unknown option '--max-reconnects'"]))

describe('--connect-timeout', { concurrency: 4 }, () => {
  for (const program of PROGRAMS) {
    test(`${program}: no CONNACK within it: exit 19, naming the limit`, async (t) => {
      const told = await cli(t, program, [...WORK[program], ...to(await mute(t)), '--connect-timeout', 1.5])
      assert.equal(told.code, 19)
      assert.match(told.err, /sent no CONNACK: no answer within 1\.5 s; is it a port for MQTT\?\n$/)
    })
  }
})

const FAST: Args = ['--reconnect-delay', '0.05,0.1']

describe('--retry-connect', { concurrency: 4 }, () => {
  for (const program of PROGRAMS) {
    test(`${program}: the first failure is told, and the last one`, async (t) => {
      const args = [...WORK[program], ...to({ port: await deadPort() }), ...FAST, '--retry-connect=2']
      const { code, err } = await cli(t, program, args)
      assert.equal(code, 1)
      const [first = '', gaveUp = '', last = '', ...more] = err.trimEnd().split('\n')
      assert.match(first, new RegExp(`^${program}: cannot connect to .* refused.*; next try in 0\\.\\d s$`))
      assert.match(gaveUp, new RegExp(`^${program}: gave up after \\d+ attempt\\(s\\) to connect$`))
      assert.match(last, new RegExp(`^${program}: error: cannot connect to .* refused`))
      assert.deepEqual(more, [])
    })
  }

  test('-d tells each failure', async (t) => {
    const args = [...WORK['mqtt-pub'], ...to({ port: await deadPort() }), ...FAST, '--retry-connect', '-d']
    const running = start(t, 'mqtt-pub', args)
    await running.saw('err', /(next try in[\s\S]*){3}/)
    running.kill('SIGTERM')
    assert.equal((await running.done).signal, 'SIGTERM')
  })

  test('-W ends it', async (t) => {
    const args = [...WORK['mqtt-sub'], ...to({ port: await deadPort() }), ...FAST, '--retry-connect']
    const { code, err } = await cli(t, 'mqtt-sub', [...args, '-W', 0.5])
    assert.equal(code, 27)
    assert.match(err, /timed out after 0\.5 s \(-W\)\n$/)
  })

  test('CONNACK 3 is tried again, CONNACK 4 ends the program', async (t) => {
    const server = await script(
      t,
      '< CONNECT\n> 20 02 00 03\nwait-eof\naccept\n< CONNECT\n> 20 02 00 04\nwait-eof',
    )
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...to(server), ...FAST, '--retry-connect'])
    assert.equal(told.code, 4)
    assert.match(told.err, /server unavailable.*; next try[\s\S]*error: .*bad user name or password/)
  })
})

describe('a proxy that cannot reach the broker (contract 1.12.5)', { concurrency: 4 }, () => {
  for (const reply of [3, 4, 5]) {
    test(`reply ${reply}: mqtt-sub tries again, on the first connection too`, async (t) => {
      const server = await broker(t)
      let count = 0
      const port = await serve(t, (socket) => {
        const reached = { to: { host: '127.0.0.1', port: server.port } }
        socksServer(++count < 3 ? { reply } : reached)(socket)
      })
      const args = [...WORK['mqtt-sub'], '-h', 'broker.invalid', '--proxy', `socks5h://127.0.0.1:${port}`]
      const told = await cli(t, 'mqtt-sub', [...args, ...FAST])
      assert.equal(told.code, 0, told.err)
      assert.match(told.err, new RegExp(`^mqtt-sub: [^\\n]*\\(reply ${reply}\\); next try in 0\\.\\d s\\n$`))
      assert.equal(count, 3)
    })
  }
})

/** Takes publishes never: the connection is reset at each. */
function resetting(t: TestContext): Promise<Broker> {
  return broker(t, {
    on: ({ name }, { socket }) => {
      if (name !== 'PUBLISH') return false
      socket.resetAndDestroy()
      return true
    },
  })
}

test('--max-reconnects: so many attempts in a row, the last status, and what is not confirmed', async (t) => {
  const server = await resetting(t)
  const args = ['-t', 'a', '-q', 1, '-l', ...to(server), ...FAST, '--max-reconnects', 2]
  const { code, err } = await cli(t, 'mqtt-pub', args, { input: 'x\ny\n' })
  assert.equal(code, 7)
  assert.equal(server.links.length, 3)
  assert.match(
    err,
    /mqtt-pub: gave up after 2 attempt\(s\) to connect\nmqtt-pub: error: connection lost: .*\n/,
  )
  assert.match(err, /mqtt-pub: 2 of 2 message\(s\) not confirmed\n$/)
})

test('a fight for the identifier ends mqtt-pub too, with what is not confirmed', async (t) => {
  const server = await broker(t, {
    on: ({ name }, { socket }) => {
      if (name === 'PUBLISH') socket.end()
      return name === 'PUBLISH'
    },
  })
  const args = ['-t', 'a', '-q', 1, '-l', '-i', 'twin', ...to(server), ...FAST]
  const { code, err } = await cli(t, 'mqtt-pub', args, { input: 'x\n' })
  assert.equal(code, 7)
  assert.equal(server.links.length, 5)
  const [error, count] = err.trimEnd().split('\n').slice(-2)
  assert.match(error ?? '', /^mqtt-pub: error: .*another client probably uses the identifier 'twin'/)
  assert.equal(count, 'mqtt-pub: 1 of 1 message(s) not confirmed')
})

describe('--password-command', { concurrency: 4 }, () => {
  test('runs before each connection; its first line is the password', async (t) => {
    const server = await broker(t, {
      on: ({ name }, { nth, socket }) => {
        if (name !== 'PUBLISH' || nth > 1) return false
        socket.resetAndDestroy()
        return true
      },
    })
    const counter = join(temporaryFolder(t), 'count')
    const command = `echo x >> ${counter}; echo "${SECRET} $(wc -l < ${counter} | tr -d ' ')"; echo more`
    const args = ['-t', 'a', '-q', 1, '-l', '-u', 'me', ...to(server), ...FAST, '--password-command', command]
    const { code, err } = await cli(t, 'mqtt-pub', args, { input: 'x\n' })
    assert.equal(code, 0, err)
    const sent = server.seen.filter(({ name }) => name === 'CONNECT').map(({ facts }) => facts.password)
    assert.deepEqual(sent, [`${SECRET} 1`, `${SECRET} 2`])
    assert.ok(!err.includes(SECRET))
  })

  test('a failure on a reconnect is a failed attempt', async (t) => {
    const server = await broker(t, {
      on: ({ name }, { nth, socket }) => {
        if (name !== 'PUBLISH' || nth > 1) return false
        socket.resetAndDestroy()
        return true
      },
    })
    const counter = join(temporaryFolder(t), 'count')
    const command = `echo x >> ${counter}; test $(wc -l < ${counter}) -ne 2 && echo p`
    const args = ['-t', 'a', '-q', 1, '-l', '-d', '-u', 'me', ...to(server), ...FAST]
    const { code, err } = await cli(t, 'mqtt-pub', [...args, '--password-command', command], { input: 'x\n' })
    assert.equal(code, 0, err)
    assert.match(err, /no password: --password-command failed with status 1; next try in/)
    assert.equal(readFileSync(counter, 'utf8'), 'x\nx\nx\n')
  })

  for (const [what, command, says, limit = 30] of [
    ['another status than 0', `echo ${SECRET}; exit 3`, /failed with status 3/],
    ['a signal', `echo ${SECRET}; kill -9 $$`, /was ended by SIGKILL/],
    ['no output', 'true', /printed no password/],
    ['an empty first line', `echo; echo ${SECRET}`, /printed no password/],
    ['a command that does not exist', '/nonexistent/command', /failed with status 127/],
    [
      'a command that takes too long',
      'exec sleep 60',
      /--password-command gave no answer within 0\.5 s$/m,
      0.5,
    ],
  ] as readonly [string, string, RegExp, number?][]) {
    test(`${what}: exit 1 without its output, and nothing is dialled`, async (t) => {
      const server = await broker(t)
      const args = [...WORK['mqtt-pub'], '-u', 'me', ...to(server), '--connect-timeout', limit]
      const { code, err } = await cli(t, 'mqtt-pub', [...args, '--password-command', command])
      assert.equal(code, 1)
      assert.match(err.trimEnd().split('\n').at(-1) ?? '', /^mqtt-pub: error: no password: /)
      assert.match(err, says)
      assert.ok(!err.includes(SECRET), err)
      assert.equal(server.links.length, 0)
    })
  }

  test('does not read standard input, and what it complains about is ours', async (t) => {
    const server = await broker(t)
    const args = [
      '-t',
      'a',
      '-l',
      '-u',
      'me',
      ...to(server),
      '--password-command',
      'cat; echo hm >&2; echo p',
    ]
    const { code, err } = await cli(t, 'mqtt-pub', args, { input: 'x\ny\n' })
    assert.deepEqual([code, err], [0, 'hm\n'])
    assert.equal(server.messages.length, 2)
    const quiet = await cli(t, 'mqtt-pub', [...args, '--quiet'], { input: 'x\n' })
    assert.equal(quiet.err, '')
  })

  test('of all places for a password the last one counts', async (t) => {
    const path = join(temporaryFolder(t), 'secret')
    const touched = join(temporaryFolder(t), 'touched')
    writeFileSync(path, 'from file\n', { mode: 0o600 })
    const command = ['--password-command', `touch ${touched}; echo from command`]
    for (const [args, password, runs] of [
      [[...command, '-P', 'from option'], 'from option', false],
      [[...command, '--password-file', path], 'from file', false],
      [['-P', 'from option', '--password-file', path, ...command], 'from command', true],
    ] as const) {
      const server = await broker(t)
      const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '-u', 'me', ...to(server), ...args])
      assert.equal(told.code, 0, told.err)
      assert.equal(server.seen[0]?.facts.password, password)
      assert.equal(existsSync(touched), runs)
    }
  })

  test('before MQTT 5 it needs a user name, like every password', async (t) => {
    const { code, err } = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--password-command', 'echo p'])
    assert.equal(code, 1)
    assert.match(err, /-u/)
  })

  test('glued to its option it is not repeated in the error', (t) =>
    misuse(t, 'mqtt-pub', [`--password-command=echo ${SECRET}`], ["'--password-command=...'"]))
})
