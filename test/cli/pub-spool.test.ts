// mqtt-pub --spool: what one run leaves the next one sends, packet by packet, wherever the first one was killed.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { broker } from '../broker/broker.js'
import { script } from '../broker/script.js'
import { packet, u16 } from '../broker/wire.js'
import { deadPort } from '../support/ports.js'
import { MQTT_PUB, seq, start as startCommand } from '../support/processes.js'
import {
  type Args,
  cli,
  QUIET,
  type Running,
  start,
  type Told,
  temporaryFolder,
  told,
} from '../support/run.js'
import { misuse } from './support.js'

const CONNACK = { 3: '> 20 02 00 00', 4: '> 20 02 00 00', 5: '> 20 03 00 00 00' } as const
const PRESENT = { 3: '> 20 02 00 00', 4: '> 20 02 01 00', 5: '> 20 03 01 00 00' } as const
const NAMES = { 3: '31', 4: '311', 5: '5' } as const
type Version = keyof typeof CONNACK

/** Of MQTT 5, without a session and without properties. */
function plain(): Buffer {
  return packet(0x20, [0, 0, 0])
}

function newSpool(t: TestContext): string {
  return join(temporaryFolder(t), 'spool')
}

function to(port: number, folder: string, ...args: Args): Args {
  return ['-h', '127.0.0.1', '-p', port, '--spool', folder, ...args]
}

async function run(t: TestContext, args: Args, input?: string): Promise<Told> {
  return told(await cli(t, 'mqtt-pub', args, input === undefined ? {} : { input }))
}

/** What --spool-status prints, as words. */
async function status(t: TestContext, folder: string): Promise<Record<string, string>> {
  const { code, out, err } = await run(t, ['--spool', folder, '--spool-status'])
  assert.deepEqual({ code, err }, { code: 0, err: '' })
  return Object.fromEntries(
    out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(': ') as [string, string]),
  )
}

/** A folder in which these lines wait. */
async function waiting(t: TestContext, lines: readonly string[], ...args: Args): Promise<string> {
  const folder = newSpool(t)
  const input = lines.map((line) => `${line}\n`).join('')
  const { code } = await run(t, to(await deadPort(), folder, '-t', 'a', '-l', '-q', 1, ...args), input)
  assert.equal(code, 7)
  return folder
}

/**
 * Plays `first` with a run that is killed at its end, then `second` with one that sends what waits. The spool is empty
 * in the end.
 */
async function crash(
  t: TestContext,
  version: Version,
  first: string,
  second: string,
  input: Args,
): Promise<void> {
  const folder = newSpool(t)
  let running: Running | undefined
  const kill = async (): Promise<void> => {
    running?.kill('SIGKILL')
    await running?.done
    running = start(t, 'mqtt-pub', to(server.port, folder, '--flush'))
  }
  const steps = `< CONNECT clean=0\n${CONNACK[version]}\n${first}\ndo kill\naccept\n< CONNECT clean=0\n${PRESENT[version]}\n${second}\n< DISCONNECT`
  const line = (): void => void running?.stdin.write('two\n')
  const server = await script(t, steps, { do: { kill, line } })
  const args = to(server.port, folder, '-t', 'a', '-V', NAMES[version], ...input)
  running = start(t, 'mqtt-pub', args, { keepStdin: true })
  running.stdin.write('one\n')
  await server.done
  assert.deepEqual(told(await running.done), QUIET)
  assert.equal((await status(t, folder)).messages, '0')
}

describe('killed at each step of an exchange', { concurrency: 4 }, () => {
  for (const version of [3, 4, 5] as const) {
    const one = '< PUBLISH qos=2 dup=0 id=1 topic=a payload=one'
    const again = one.replace('dup=0', 'dup=1')
    const two = '< PUBLISH qos=2 dup=0 id=2 topic=a payload=two'
    const [recorded, completed] = ['> 50 02 00 01', '> 70 02 00 01']
    const rest = `${recorded}\n< PUBREL id=1\n${completed}`
    const rows: readonly [what: string, first: string, second: string][] = [
      ['after PUBLISH', one, `${again}\n${rest}`],
      [
        'after PUBREL: PUBREC was on disk before',
        `${one}\n${recorded}\n< PUBREL id=1`,
        `< PUBREL id=1\n${completed}`,
      ],
      [
        'after PUBCOMP',
        `${one}\n${rest}\ndo line\n${two}`,
        `${two.replace('dup=0', 'dup=1')}\n> 50 02 00 02\n< PUBREL id=2\n> 70 02 00 02`,
      ],
      [
        'with one message released and one not',
        `${one}\n${recorded}\n< PUBREL id=1\ndo line\n${two}`,
        `< PUBREL id=1\n${two.replace('dup=0', 'dup=1')}\n${completed}\n> 50 02 00 02\n< PUBREL id=2\n> 70 02 00 02`,
      ],
    ]
    for (const [what, first, second] of rows) {
      test(`QoS 2, ${what}, -V ${NAMES[version]}`, (t) => crash(t, version, first, second, ['-l', '-q', 2]))
    }

    test(`QoS 1, after PUBLISH, -V ${NAMES[version]}`, (t) => {
      const [sent, answer] = ['< PUBLISH qos=1 dup=0 id=1 payload=one', '> 40 02 00 01']
      return crash(t, version, sent, `${sent.replace('dup=0', 'dup=1')}\n${answer}`, ['-l', '-q', 1])
    })

    test(`before PUBLISH: what was never sent goes without DUP, -V ${NAMES[version]}`, async (t) => {
      const folder = await waiting(t, ['one'], '-V', NAMES[version], '-q', 2)
      let running: Running | undefined
      const kill = async (): Promise<void> => {
        running?.kill('SIGKILL')
        await running?.done
        running = start(t, 'mqtt-pub', to(server.port, folder, '--flush'))
      }
      const text = `< CONNECT\ndo kill\naccept\n< CONNECT\n${CONNACK[version]}\n${one}\n${rest}\n< DISCONNECT`
      const server = await script(t, text, { do: { kill } })
      running = start(t, 'mqtt-pub', to(server.port, folder, '--flush'))
      await server.done
      assert.deepEqual(told(await running.done), QUIET)
    })

    test(`when PUBREC has left: PUBLISH or PUBREL, as the disk says, and never both, -V ${NAMES[version]}`, async (t) => {
      const folder = newSpool(t)
      let running: Running | undefined
      const server = await broker(t, {
        connack: (nth, level) => packet(0x20, [nth > 1 && level > 3 ? 1 : 0, 0], level === 5 ? [0] : []),
        on: ({ name, facts }, link) => {
          if (link.nth > 1 || name !== 'PUBLISH') return false
          link.send(packet(0x50, u16(Number(facts.id))))
          running?.kill('SIGKILL')
          return true
        },
      })
      running = start(
        t,
        'mqtt-pub',
        to(server.port, folder, '-t', 'a', '-l', '-q', 2, '-V', NAMES[version]),
        { keepStdin: true },
      )
      running.stdin.write('one\n')
      await running.done
      assert.deepEqual(await run(t, to(server.port, folder, '--flush')), QUIET)
      const names = server.links[1]?.seen.map(({ name }) => name).join(' ') ?? ''
      assert.match(names, /^CONNECT (PUBLISH )?PUBREL DISCONNECT$/)
    })
  }
})

describe('the session of a spool', { concurrency: 4 }, () => {
  test('MQTT 5: it never expires while something waits, and ends with the last message', async (t) => {
    const folder = newSpool(t)
    const text = `< CONNECT v=5 clean=0 props=11ffffffff210014\n${CONNACK[5]}\n< PUBLISH qos=1 id=1\n> 40 02 00 01\n< DISCONNECT props=1100000000`
    const server = await script(t, text)
    assert.deepEqual(await run(t, to(server.port, folder, '-V', 5, '-t', 'a', '-q', 1, '-m', 'x')), QUIET)
  })

  test('MQTT 5: it is left alone where -x says how long it lasts', async (t) => {
    const folder = newSpool(t)
    const text = `< CONNECT v=5 clean=0 props=110000003c210014\n${CONNACK[5]}\n< PUBLISH\n> 40 02 00 01\n< e0 00`
    const server = await script(t, text)
    assert.deepEqual(await run(t, to(server.port, folder, '-x', 60, '-t', 'a', '-q', 1, '-m', 'x')), QUIET)
  })

  test('every run has the same client identifier, which -i and -I choose while nothing waits', async (t) => {
    const folder = newSpool(t)
    const server = await broker(t)
    const message = ['-t', 'a', '-q', 1, '-m', 'x'] as const
    for (const args of [[], [], ['-i', 'mine'], ['-I', 'my-'], ['-I', 'my-'], []] as const) {
      assert.deepEqual(await run(t, to(server.port, folder, ...message, ...args)), QUIET)
    }
    const ids = server.seen.flatMap(({ name, facts }) => (name === 'CONNECT' ? [facts.id as string] : []))
    const [first, second, third, fourth, fifth, sixth] = ids
    assert.match(first ?? '', /^mqtt-spool-[a-z0-9]{12}$/)
    assert.deepEqual([second, third], [first, 'mine'])
    assert.match(fourth ?? '', /^my-\d+$/)
    assert.deepEqual([fifth, sixth], [fourth, fourth])
  })

  test('while messages wait, another identifier or level is an error that names both', async (t) => {
    const folder = await waiting(t, ['one'], '-i', 'mine')
    const port = await deadPort()
    const rows: readonly [args: Args, patterns: readonly RegExp[]][] = [
      [
        ['-i', 'yours'],
        [/-i 'yours'/, /'mine'/, /--flush/],
      ],
      [
        ['-I', 'your-'],
        [/-I 'your-'/, /'mine'/, /--flush/],
      ],
      [
        ['-V', '5'],
        [/-V mqttv5/, /mqttv311/, /--flush/],
      ],
      [
        ['-x', '60'],
        [/mqttv5/, /mqttv311/],
      ],
    ]
    for (const [args, patterns] of rows) {
      const { code, err } = await run(t, to(port, folder, '--flush', ...args))
      assert.equal(code, 1, err)
      for (const pattern of patterns) assert.match(err, pattern)
      assert.equal(err.trimEnd().split('\n').length, 1)
    }
    assert.equal((await status(t, folder)).messages, '1')
  })

  for (const [policy, args] of [
    ['report', []],
    ['republish', ['--on-session-loss', 'republish']],
  ] as const) {
    test(`the broker lost it, MQTT 5, ${policy}`, async (t) => {
      const folder = newSpool(t)
      const held = await broker(t, { connack: plain, on: ({ name }) => name === 'PUBLISH' })
      const first = start(t, 'mqtt-pub', to(held.port, folder, '-V', 5, '-t', 'a', '-l', '-q', 2), {
        input: 'x\ny\n',
      })
      await held.until(() => held.messages.length === 2)
      first.kill('SIGKILL')
      await first.done
      const server = await broker(t, { connack: plain })
      const second = await run(t, to(server.port, folder, '--flush', ...args))
      const sent = server.messages.map(({ facts: { id, dup, payload } }) => `${id} ${dup} ${payload}`)
      assert.match(second.err, /warning: the broker lost the session/)
      if (policy === 'republish') {
        assert.equal(second.code, 0, second.err)
        assert.deepEqual(sent, ['1 0 x', '2 0 y'])
        return
      }
      assert.equal(second.code, 7, second.err)
      assert.match(second.err, /2 QoS 2 message\(s\) of unknown fate stay in the spool/)
      assert.deepEqual(sent, [])
      assert.equal((await status(t, folder))['unknown fate'], '2')
      const third = await run(t, to(server.port, folder, '--flush'))
      assert.equal(third.code, 7, 'it is told again as long as they are there')
      const last = await run(t, to(server.port, folder, '--flush', '--on-session-loss', 'republish'))
      assert.deepEqual(last, QUIET)
      assert.deepEqual(server.messages.map(({ facts }) => `${facts.id} ${facts.payload}`).sort(), [
        '1 x',
        '2 y',
      ])
    })
  }
})

test('--on-session-loss republish without a spool: the message goes out anew', async (t) => {
  const text = `< CONNECT\n${CONNACK[4]}\n< PUBLISH qos=2 id=1 dup=0\ncut\naccept\n< CONNECT\n${CONNACK[4]}\n< PUBLISH qos=2 dup=0 payload=x\n> 50 02 00 01\n< PUBREL\n> 70 02 00 01\n< DISCONNECT`
  const server = await script(
    t,
    text.replaceAll('> 50 02 00 01', '> 50 02 00 02').replaceAll('> 70 02 00 01', '> 70 02 00 02'),
  )
  const args = [
    '-h',
    '127.0.0.1',
    '-p',
    server.port,
    '-t',
    'a',
    '-l',
    '-q',
    2,
    '--on-session-loss',
    'republish',
  ]
  const { code, err } = told(await cli(t, 'mqtt-pub', args, { input: 'x\n' }))
  assert.equal(code, 0, err)
})

describe('no network', { concurrency: 4 }, () => {
  test('lines are taken, the end is status 7 and one line, and the next run sends them in order', async (t) => {
    const folder = newSpool(t)
    const first = await run(t, to(await deadPort(), folder, '-t', 'a', '-l', '-q', 1), 'one\ntwo\n')
    assert.equal(first.code, 7)
    assert.match(
      first.err,
      /^mqtt-pub: error: [^\n]*refused[^\n]*; 2 message\(s\) wait in the spool '[^']+': mqtt-pub --spool '[^']+' --flush sends them\n$/,
    )
    const server = await broker(t)
    assert.deepEqual(await run(t, to(server.port, folder, '-t', 'b', '-l', '-q', 2, '-r'), 'three\n'), QUIET)
    const sent = server.messages.map(({ facts: { qos, id, dup, retain, topic, payload } }) => {
      return `${topic} q${qos} r${retain} ${id} ${dup} ${payload}`
    })
    assert.deepEqual(sent, ['a q1 r0 1 0 one', 'a q1 r0 2 0 two', 'b q2 r1 3 0 three'])
  })

  for (const sync of ['each', 'batch', 'none'] as const) {
    test(`--spool-sync ${sync}: what was taken survives SIGKILL`, async (t) => {
      const folder = newSpool(t)
      const lines = Array.from({ length: 30 }, (_, at) => `${at + 1}`)
      const held = await broker(t, { on: ({ name }) => name === 'PUBLISH' })
      const args = to(held.port, folder, '-t', 'a', '-l', '-q', 1, '--spool-sync', sync)
      const running = start(t, 'mqtt-pub', args, { keepStdin: true })
      running.stdin.write(`${lines.join('\n')}\n`)
      await held.until(() => held.messages.length === 20)
      running.kill('SIGKILL')
      await running.done
      const taken = Number((await status(t, folder)).taken)
      assert.ok(taken >= 20 && taken <= 30)
      const server = await broker(t, { connack: () => Buffer.from('20020100', 'hex') })
      assert.deepEqual(await run(t, to(server.port, folder, '--flush')), QUIET)
      assert.deepEqual(
        server.messages.map(({ payload }) => payload.toString()),
        lines.slice(0, taken),
      )
    })
  }

  test('--spool-sync: each waits for the disk with every line, batch with up to 1000, none never', async (t) => {
    const log = join(temporaryFolder(t), 'calls')
    const trace = ['-f', '-e', 'trace=fdatasync', '-o', log]
    if (spawnSync('strace', [...trace, 'true']).status !== 0) return t.skip('strace cannot be used here')
    const count = async (sync: string): Promise<number> => {
      const args = to(await deadPort(), newSpool(t), '-t', 'a', '-l', '-q', 1, '--spool-sync', sync)
      const words = [...trace, process.execPath, MQTT_PUB, ...args.map(String)]
      assert.equal((await startCommand(t, 'strace', words, { input: seq(3_000) }).ended).status, 7)
      return readFileSync(log, 'latin1').split('fdatasync(').length - 1
    }
    const none = await count('none') // LevelDB's own, when it opens
    const batch = await count('batch')
    assert.ok(batch >= none + 3 && batch < none + 100, `${batch}, and ${none} of them without lines`)
    const each = await count('each')
    assert.ok(each >= none + 3_000, `${each}, and ${none} of them without lines`)
  })

  test('lines go on being taken while there is no broker, and one line says so', async (t) => {
    const folder = newSpool(t)
    const running = start(t, 'mqtt-pub', to(await deadPort(), folder, '-t', 'a', '-l', '-q', 1), {
      keepStdin: true,
    })
    running.stdin.write('one\n')
    await running.saw('err', /messages are kept in the spool meanwhile\n/)
    running.stdin.end('two\n')
    const { code, err } = told(await running.done)
    assert.equal(code, 7)
    assert.equal(err.trimEnd().split('\n').length, 2, err)
    assert.equal((await status(t, folder)).messages, '2')
  })

  test('a broker that comes later gets them in the same run', async (t) => {
    const folder = newSpool(t)
    const port = await deadPort()
    const running = start(t, 'mqtt-pub', to(port, folder, '-t', 'a', '-l', '-q', 2, '-d'), {
      keepStdin: true,
    })
    running.stdin.write('one\n')
    await running.saw('err', /next try in/)
    const text = `< CONNECT clean=0\n${CONNACK[4]}\n< PUBLISH qos=2 dup=0 id=1 payload=one\n> 50 02 00 01\n< PUBREL\n> 70 02 00 01\ndo end\n< DISCONNECT`
    const server = await script(t, text, { do: { end: () => running.stdin.end() }, port })
    await server.done
    assert.equal(told(await running.done).code, 0)
  })

  for (const [what, args] of [
    ['-m', ['-m', 'one']],
    ['-n', ['-n']],
    ['-f', ['-f', join(import.meta.dirname, 'support.ts')]],
    ['-s', ['-s']],
    ['--repeat', ['-m', 'x', '--repeat', 3]],
  ] as const) {
    test(`${what} waits in the spool, and --flush sends it`, async (t) => {
      const folder = newSpool(t)
      const first = await run(t, to(await deadPort(), folder, '-t', 'a', '-q', 2, ...args), 'input')
      assert.equal(first.code, 7, first.err)
      const count = what === '--repeat' ? 3 : 1
      assert.match(first.err, new RegExp(`; ${count} message\\(s\\) wait in the spool`))
      const server = await broker(t)
      assert.deepEqual(await run(t, to(server.port, folder, '--flush')), QUIET)
      assert.equal(server.messages.length, count)
      const { payload } = server.messages[0] as { payload: Buffer }
      if (what === '-f') assert.equal(payload.length, statSync(join(import.meta.dirname, 'support.ts')).size)
      else assert.equal(payload.toString(), { '-m': 'one', '-n': '', '-s': 'input', '--repeat': 'x' }[what])
    })
  }

  test('a refusal for good ends the run with its status, and the messages stay', async (t) => {
    const folder = newSpool(t)
    const server = await broker(t, { connack: () => Buffer.from('20020005', 'hex') })
    const running = start(t, 'mqtt-pub', to(server.port, folder, '-t', 'a', '-l', '-q', 1), {
      keepStdin: true,
    })
    const { code, err } = told(await running.done)
    assert.equal(code, 5)
    assert.match(err, /not authorized/)
    const later = await run(t, to(server.port, folder, '-t', 'a', '-m', 'x', '-q', 1))
    assert.equal(later.code, 5)
    assert.match(later.err, /1 message\(s\) wait in the spool/)
  })

  test('-W ends it with 27, and tells what waits', async (t) => {
    const folder = newSpool(t)
    const running = start(t, 'mqtt-pub', to(await deadPort(), folder, '-t', 'a', '-l', '-W', 1), {
      keepStdin: true,
    })
    running.stdin.write('one\n')
    const { code, err } = told(await running.done)
    assert.equal(code, 27)
    assert.match(err, /timed out after 1 s \(-W\)\n.*1 message\(s\) wait in the spool/)
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} ends it by the signal, and tells what waits`, async (t) => {
      const folder = newSpool(t)
      const server = await broker(t, { on: ({ name }) => name === 'PUBLISH' })
      const running = start(t, 'mqtt-pub', to(server.port, folder, '-t', 'a', '-l', '-q', 1), {
        keepStdin: true,
      })
      running.stdin.write('one\ntwo\n')
      await server.until(() => server.messages.length === 2)
      running.kill(signal)
      const { code, err } = told(await running.done)
      assert.equal(code, signal)
      assert.match(err, /^mqtt-pub: 2 message\(s\) wait in the spool '.*\n$/)
      assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
      assert.equal((await status(t, folder)).messages, '2')
    })
  }
})

describe('what becomes of messages', { concurrency: 4 }, () => {
  test('QoS 0 leaves the spool when the broker has answered a ping behind it', async (t) => {
    const folder = newSpool(t)
    const server = await broker(t)
    assert.deepEqual(await run(t, to(server.port, folder, '-t', 'a', '-l'), 'one\ntwo\n'), QUIET)
    assert.deepEqual(
      server.seen.map(({ name }) => name),
      ['CONNECT', 'PUBLISH', 'PUBLISH', 'PINGREQ', 'DISCONNECT'],
    )
  })

  test('QoS 0 on a connection that is lost before goes again', async (t) => {
    const folder = newSpool(t)
    const one = '< PUBLISH qos=0 dup=0 payload=one'
    const text = `< CONNECT\n${CONNACK[4]}\n${one}\n< PINGREQ\nreset\naccept\n< CONNECT\n${CONNACK[4]}\n${one}\n< PINGREQ\n> d0 00\n< DISCONNECT`
    const server = await script(t, text)
    const { code } = await run(t, to(server.port, folder, '-t', 'a', '-l'), 'one\n')
    assert.equal(code, 0)
  })

  test('a refused message is told and leaves the spool; the others are sent', async (t) => {
    const folder = newSpool(t)
    const server = await broker(t, {
      connack: plain,
      on: ({ name, payload }, link) => {
        if (name !== 'PUBLISH' || payload.toString() !== 'bad') return false
        link.send(packet(0x40, u16(2), [0x87]))
        return true
      },
    })
    const { code, err } = await run(
      t,
      to(server.port, folder, '-V', 5, '-t', 'a', '-l', '-q', 1),
      'a\nbad\nb\n',
    )
    assert.equal(code, 0x87)
    assert.match(
      err,
      /refused message 2 [^\n]*not authorized[^\n]*\n[^\n]*1 message\(s\) refused, and no longer in the spool\n$/,
    )
    assert.equal((await status(t, folder)).messages, '0')
  })

  test('a message larger than the broker takes is told and leaves the spool; the others are sent', async (t) => {
    const folder = newSpool(t)
    const server = await broker(t, { connack: () => packet(0x20, [0, 0, 5, 0x27, 0, 0, 0, 50]) })
    const input = `a\n${'x'.repeat(100)}\nb\n`
    const { code, err } = await run(t, to(server.port, folder, '-V', 5, '-t', 'a', '-l', '-q', 1), input)
    assert.equal(code, 25)
    assert.match(err, /the broker takes at most 50/)
    assert.deepEqual(
      server.messages.map(({ payload }) => payload.toString()),
      ['a', 'b'],
    )
  })

  test('a QoS above what the broker allows ends the run, and everything stays', async (t) => {
    const folder = newSpool(t)
    const server = await broker(t, { connack: () => packet(0x20, [0, 0, 2, 0x24, 0]) })
    const { code, err } = await run(t, to(server.port, folder, '-V', 5, '-t', 'a', '-l', '-q', 1), 'a\nb\n')
    assert.equal(code, 24)
    assert.match(err, /2 message\(s\) wait in the spool/)
  })

  test('properties wait with the message, and its expiry counts from when it was taken', async (t) => {
    const folder = newSpool(t)
    const properties = [
      '-D',
      'publish',
      'message-expiry-interval',
      '1000',
      '-D',
      'publish',
      'content-type',
      'x',
    ]
    const dead = await deadPort()
    await run(t, to(dead, folder, '-t', 'a', '-q', 1, '-m', 'x', ...properties))
    const server = await broker(t, { connack: plain })
    assert.deepEqual(await run(t, to(server.port, folder, '--flush')), QUIET)
    assert.match(server.messages[0]?.facts.props ?? '', /^02000003..03000178$/)
  })

  test('drop-oldest: the newest are sent, the others counted, and the status is not 0', async (t) => {
    const folder = newSpool(t)
    const lines = Array.from({ length: 100 }, (_, at) => `${at + 1}`)
    const limits = ['--spool-max-bytes', 400, '--spool-full', 'drop-oldest'] as const
    const input = `${lines.join('\n')}\n`
    const first = await run(t, to(await deadPort(), folder, '-t', 'a', '-l', '-q', 1, ...limits), input)
    assert.equal(first.code, 7)
    const [, dropped] = /(\d+) message\(s\), the oldest, removed/.exec(first.err) ?? []
    const { messages, bytes } = await status(t, folder)
    assert.equal(Number(dropped) + Number(messages), 100, first.err)
    assert.ok(Number(bytes) < 400 && Number(messages) > 5)
    const server = await broker(t)
    assert.deepEqual(await run(t, to(server.port, folder, '--flush')), QUIET)
    const sent = server.messages.map(({ payload }) => payload.toString())
    assert.deepEqual(sent, lines.slice(-Number(messages)))
  })

  test('pause: a full spool stops the reading until the broker takes messages', async (t) => {
    const folder = newSpool(t)
    const port = await deadPort()
    const args = to(port, folder, '-t', 'a', '-l', '-q', 1, '--spool-max-bytes', '100K')
    const running = start(t, 'mqtt-pub', args, { keepStdin: true })
    const line = `${'x'.repeat(999)}\n`
    let taken = 0
    const chunk = line.repeat(64)
    const more = (): void => {
      running.stdin.write(chunk, (error) => {
        if (error || taken >= 5_000) return
        taken += 64
        if (taken < 5_000) more()
        else running.stdin.end()
      })
    }
    more()
    await running.saw('err', /kept in the spool meanwhile/)
    await running.saw('err', /the spool '[^']+' is full: standard input waits \(--spool-max-bytes\)\n/)
    assert.ok(taken < 2_000, `${taken} lines`)
    const server = await broker(t, { port })
    assert.equal(told(await running.done).code, 0)
    assert.equal(server.messages.length, taken)
  })

  test('-m into a full spool without a broker ends with 7, and says that it was not taken', async (t) => {
    const folder = await waiting(t, ['one', 'two'])
    const args = ['-t', 'a', '-m', 'x', '--spool-max-bytes', 50] as const
    const { code, err } = await run(t, to(await deadPort(), folder, ...args))
    assert.equal(code, 7)
    assert.match(err, /2 message\(s\) wait in the spool[^\n]*\n[^\n]*1 message\(s\) not taken/)
    const server = await broker(t)
    assert.deepEqual(await run(t, to(server.port, folder, ...args)), QUIET)
    assert.deepEqual(
      server.messages.map(({ payload }) => payload.toString()),
      ['one', 'two', 'x'],
    )
  })

  test('what is older than --spool-max-age is removed and counted', async (t) => {
    const folder = await waiting(t, ['one', 'two'])
    const server = await broker(t)
    const { code, err } = await run(t, to(server.port, folder, '--flush', '--spool-max-age', '0.001'))
    assert.equal(code, 7)
    assert.match(err, /^mqtt-pub: 2 message\(s\) removed: they had waited for too long\n$/)
    assert.deepEqual(server.messages, [])
  })
})

test('--spool-max-age without a broker: what is removed is counted, and what is said to wait does', async (t) => {
  const lines = Array.from({ length: 5_000 }, (_, at) => `${at + 1}`)
  const folder = await waiting(t, lines)
  const args = to(await deadPort(), folder, '-t', 'a', '-l', '-q', 1, '--spool-max-age', '0.001')
  const { code, err } = await run(t, args, 'x\n')
  assert.equal(code, 7)
  const { messages } = await status(t, folder)
  const [, waits = '0'] = /(\d+) message\(s\) wait/.exec(err) ?? []
  const [, removed = '0'] = /(\d+) message\(s\) removed/.exec(err) ?? []
  assert.equal(waits, messages, err)
  assert.equal(Number(waits) + Number(removed), 5_001, err)
})

describe('the folder', { concurrency: 4 }, () => {
  test('only its owner can read it; one that others can look into is warned about', async (t) => {
    const folder = await waiting(t, ['one'])
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o077, 0, name)
    chmodSync(folder, 0o755)
    const server = await broker(t)
    const { code, err } = await run(t, to(server.port, folder, '--flush'))
    assert.equal(code, 0)
    assert.match(err, /^mqtt-pub: warning: .*chmod 700/)
  })

  test('a second process is told who is there', async (t) => {
    const folder = newSpool(t)
    const server = await broker(t)
    const running = start(t, 'mqtt-pub', to(server.port, folder, '-t', 'a', '-l', '-q', 1), {
      keepStdin: true,
    })
    await server.until(() => server.seen.length > 0)
    for (const args of [['-t', 'a', '-m', 'x'], ['--flush'], ['--spool-status']]) {
      const { code, err } = await run(t, to(server.port, folder, ...args))
      assert.equal(code, 1)
      assert.equal(
        err,
        `mqtt-pub: error: --spool '${folder}': another process uses it: wait for its end, or name another folder\n`,
      )
    }
    running.stdin.end('one\n')
    assert.deepEqual(told(await running.done), QUIET)
  })

  test('--spool-status tells what waits and what was ever taken', async (t) => {
    const folder = await waiting(t, ['one', 'two', 'three'], '-i', 'me')
    const { oldest, ...rest } = await status(t, folder)
    assert.match(oldest ?? '', /^\d+ s$/)
    assert.deepEqual(rest, { messages: '3', bytes: '86', 'client identifier': 'me', taken: '3' })
    const server = await broker(t)
    await run(t, to(server.port, folder, '--flush'))
    assert.deepEqual(await status(t, folder), {
      messages: '0',
      bytes: '0',
      'client identifier': 'me',
      taken: '3',
    })
  })

  test('a disk that is full ends the run with 1, and the truth about what was stored', async (t) => {
    const folder = newSpool(t)
    // Files cannot grow beyond 100 or 200 KiB here, which looks like a full disk.
    const words = ['-c', 'ulimit -f 200; trap \'\' XFSZ; exec "$0" "$@"', process.execPath, MQTT_PUB]
    const args = to(await deadPort(), folder, '-t', 'a', '-l', '-q', 1).map(String)
    const { status: code, stderr } = await startCommand(t, 'sh', [...words, ...args], { input: seq(100_000) })
      .ended
    assert.equal(code, 1)
    const [, count] = /error: --spool '[^\n]*\n[^\n]* (\d+) message\(s\) wait in the spool/.exec(stderr) ?? []
    assert.ok(Number(count) > 1_000, stderr)
    assert.equal((await status(t, folder)).messages, count)
  })

  test('--flush and --spool-status make no spool where there is none', async (t) => {
    for (const option of ['--flush', '--spool-status']) {
      const { code, err } = await run(t, ['--spool', newSpool(t), option])
      assert.equal(code, 1)
      assert.match(err, /there is no spool in this folder\n$/)
    }
  })

  test('the store is loaded only where a spool is asked for', async (t) => {
    const server = await broker(t)
    const script = `process.on('exit', () => {
      const { sharedObjects } = process.report.getReport()
      console.error(sharedObjects.some((each) => each.includes('classic-level')))
    })`
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(script)}` }
    const args = ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', '-m', 'x']
    for (const [more, isLoaded] of [
      [[], 'false'],
      [['--spool', newSpool(t)], 'true'],
    ] as const) {
      const { stderr } = await cli(t, 'mqtt-pub', [...args, ...more], { env })
      assert.equal(stderr.toString().trim(), isLoaded)
    }
  })
})

describe('wrong options', { concurrency: 4 }, () => {
  for (const [args, patterns] of [
    [['--flush'], ['--flush', '--spool DIR']],
    [['--spool-status'], ['--spool-status', '--spool DIR']],
    [
      ['-t', 'a', '-m', 'x', '--spool-sync', 'batch'],
      ['--spool-sync', '--spool DIR'],
    ],
    [
      ['-t', 'a', '-m', 'x', '--spool-max-age', '1'],
      ['--spool-max-age', '--spool DIR'],
    ],
    [
      ['--spool', 'd', '--flush', '-m', 'x'],
      ['--flush', '-m'],
    ],
    [['--spool', '', '--flush'], ["--spool ''"]],
    [['--spool', 'd', '-m', 'x'], ['there is no topic']],
    [
      ['--spool', 'd', '-t', 'a', '-l', '--spool-max-bytes', '1T'],
      ['--spool-max-bytes', "'1T'", '64M'],
    ],
    [
      ['--spool', 'd', '-t', 'a', '-l', '--spool-max-bytes', '0'],
      ['--spool-max-bytes', "'0'"],
    ],
    [
      ['--spool', 'd', '-t', 'a', '-l', '--spool-sync', 'all'],
      ['--spool-sync', "'all'", 'each, batch, none'],
    ],
    [
      ['--spool', 'd', '-t', 'a', '-l', '--spool-full', 'drop'],
      ['--spool-full', 'drop-oldest'],
    ],
    [
      ['-t', 'a', '-m', 'x', '--on-session-loss', 'x'],
      ['--on-session-loss', 'republish'],
    ],
  ] as const) {
    test(args.join(' '), (t) => misuse(t, 'mqtt-pub', args, patterns))
  }
})
