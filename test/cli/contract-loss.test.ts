// What is tried again and what ends a program (4.6, 4.7), which silences are noticed (Q66, 1.6), and what is said (Q58).

import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { broker, mute } from '../broker/broker.js'
import { publish } from '../broker/wire.js'
import { deadPort } from '../support/ports.js'
import type { Args } from '../support/run.js'
import { type SocksScript, socksServer } from '../transport/socks-server.js'
import { listen, serve } from '../transport/support.js'
import { switching, upgrades } from '../transport/web-socket-server.js'
import { cli, converse, type Program, rows, start, type Told, WORK } from './support.js'

const MESSAGE = publish(4, 'a', 'p').toString('hex')
const MESSAGE_5 = publish(5, 'a', 'p').toString('hex')
const FIRST = '< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\n> 90 03 00 01 00'
const FIRST_5 = '< CONNECT\n> 20 03 00 00 00\n< SUBSCRIBE\n> 90 04 00 01 00 00'
const SECOND = FIRST.replace('90 03 00 01', '90 03 00 02')
const SECOND_5 = FIRST_5.replace('90 04 00 01', '90 04 00 02')
const SUB = ['-t', 'a', '-C', 1, '-i', 'me'] as const

/** Exactly one line on the loss and one on the recovery. */
function assertTwoNotes({ err }: Told): void {
  const [loss = '', recovery = '', ...more] = err.trimEnd().split('\n')
  assert.match(loss, /^mqtt-sub: .*; connecting again in /)
  assert.match(recovery, /^mqtt-sub: connected again/)
  assert.deepEqual(more, [])
}

interface Loss {
  what: string
  version?: 5
  script: string
}

const AGAIN = `accept\n${SECOND}\n> ${MESSAGE}\n< DISCONNECT`
const THIRD = AGAIN.replace('90 03 00 02', '90 03 00 03')
const AGAIN_5 = `accept\n${SECOND_5}\n> ${MESSAGE_5}\n< DISCONNECT`

rows<Loss>(
  'mqtt-sub connects and subscribes again, with one note on loss and one on recovery (4.7, Q58)',
  [
    { what: 'after an end', script: `${FIRST}\ncut\n${AGAIN}` },
    { what: 'after a reset', script: `${FIRST}\nreset\n${AGAIN}` },
    { what: 'in the middle of a packet', script: `${FIRST}\n> 30 05 00\ncut\n${AGAIN}` },
    {
      what: 'where the next connection ends before CONNACK',
      script: `${FIRST}\ncut\naccept\n< CONNECT\nreset\n${AGAIN}`,
    },
    ...[0x00, 0x8b, 0x89, 0x98, 0x8d].map(
      (reason): Loss => ({
        what: `after DISCONNECT 0x${reason.toString(16).padStart(2, '0')}`,
        version: 5,
        script: `${FIRST_5}\n> e0 02 ${reason.toString(16).padStart(2, '0')} 00\ncut\n${AGAIN_5}`,
      }),
    ),
  ],
  ({ what }) => what,
  async (t, { version, script }) => {
    const told = await converse(t, script, 'mqtt-sub', [...SUB, ...(version ? ['-V', version] : [])])
    assert.deepEqual({ code: told.code, out: told.out }, { code: 0, out: 'p\n' }, told.err)
    assertTwoNotes(told)
  },
)

describe('more than one attempt (4.7, Q58)', { concurrency: 4 }, () => {
  for (const debug of [[], ['-d']] as const) {
    test(`refused TCP while reconnecting is tried again${debug.length > 0 ? '; -d tells of each try' : ''}`, async (t) => {
      const first = await broker(t, { port: await deadPort() })
      const { port } = first
      const running = start(t, 'mqtt-sub', [...SUB, ...debug, '-h', '127.0.0.1', '-p', port])
      await first.until(() => first.seen.some(({ name }) => name === 'SUBSCRIBE'))
      await first.stopListening()
      for (const { socket } of first.links) socket.destroy()
      await running.saw('err', debug.length > 0 ? /refused.*next try/ : /connecting again/)
      const second = await broker(t, {
        on: ({ name }, link) => {
          if (name === 'SUBSCRIBE') setImmediate(() => link.send(publish(link.level, 'a', 'p')))
          return false
        },
      })
      const server = createServer((socket) => {
        const onward = connect(second.port, '127.0.0.1')
        onward.on('error', () => socket.destroy())
        socket.pipe(onward).pipe(socket)
      })
      await listen(t, server, { port, host: '127.0.0.1' })
      const { code, stdout, stderr } = await running.done
      assert.deepEqual([code, stdout.toString()], [0, 'p\n'])
      const notes = stderr
        .toString()
        .split('\n')
        .filter((line) => line.startsWith('mqtt-sub: '))
      assert.equal(notes.filter((line) => line.includes('; connecting again in ')).length, 1)
      assert.equal(notes.filter((line) => line.includes('connected again')).length, 1)
      if (debug.length === 0) assert.equal(notes.length, 2)
    })
  }
  test('every loss has its own two notes', async (t) => {
    const told = await converse(t, `${FIRST}\ncut\naccept\n${SECOND}\ncut\n${THIRD}`, 'mqtt-sub', SUB)
    assert.equal(told.code, 0)
    const kinds = told.err
      .trimEnd()
      .split('\n')
      .map((line) => /connecting again|connected again/.exec(line)?.[0])
    assert.deepEqual(kinds, ['connecting again', 'connected again', 'connecting again', 'connected again'])
  })
})

interface End {
  what: string
  version?: 5
  /** What the second connection answers to CONNECT. */
  connack: string
  code: number
  says: RegExp
}

rows<End>(
  'mqtt-sub gives up while reconnecting (4.7)',
  [
    { what: 'CONNACK 2', connack: '20 02 00 02', code: 2, says: /identifier/ },
    { what: 'CONNACK 5', connack: '20 02 00 05', code: 5, says: /authori[sz]ed/ },
    { what: 'CONNACK 135', version: 5, connack: '20 03 00 87 00', code: 135, says: /authori[sz]ed/ },
    { what: 'CONNACK 138', version: 5, connack: '20 03 00 8a 00', code: 138, says: /banned/ },
    { what: 'Q65: an illegal packet', connack: 'd0 00', code: 2, says: /PINGRESP/ },
    { what: 'Q65: a malformed packet', connack: '20 05 00 00 00 00 00', code: 21, says: /CONNACK/ },
  ],
  ({ what, code }) => `${what}: exit ${code}`,
  async (t, { version, connack, code, says }) => {
    const first = version === 5 ? FIRST_5 : FIRST
    // In MQTT 5 a fault is answered, hence no `wait-eof`.
    const told = await converse(t, `${first}\ncut\naccept\n< CONNECT\n> ${connack}\nsilence`, 'mqtt-sub', [
      ...SUB,
      ...(version ? ['-V', version] : []),
    ])
    assert.deepEqual({ code: told.code, out: told.out }, { code, out: '' }, told.err)
    assert.match(told.err.trimEnd().split('\n').at(-1) ?? '', says)
    assert.match(told.err.trimEnd().split('\n').at(-1) ?? '', /^mqtt-sub: error: /)
  },
)

/** A front that lets the first connection through to a broker, which is cut, and plays `second` for the next ones. */
async function secondTime(
  t: TestContext,
  first: (port: number) => Parameters<typeof serve>[1],
  second: Parameters<typeof serve>[1],
): Promise<{ port: number; count: () => number }> {
  const server = await broker(t, {
    on: ({ name }, { socket }) => {
      if (name === 'SUBSCRIBE') socket.destroy()
      return name === 'SUBSCRIBE'
    },
  })
  let count = 0
  const port = await serve(t, (socket) => (++count === 1 ? first(server.port) : second)(socket))
  return { port, count: () => count }
}

describe('the way to the broker fails while reconnecting (4.7)', { concurrency: 4 }, () => {
  const outcomes: readonly [what: string, script: SocksScript, code: number][] = [
    ['authorisation', { reply: 2 }, 11],
    ['no method', { method: 0xff }, 11],
  ]
  for (const [what, script, code] of outcomes) {
    test(`${what}: exit ${code}`, async (t) => {
      const through = (port: number) => socksServer({ to: { host: '127.0.0.1', port } })
      const front = await secondTime(t, through, socksServer(script))
      const url = `socks5h://127.0.0.1:${front.port}`
      const told = await cli(t, 'mqtt-sub', ['-t', 'a', '--proxy', url])
      assert.equal(told.code, code, told.err)
      assert.equal(front.count(), 2)
    })
  }
  test('the WebSocket upgrade is refused: exit 13', async (t) => {
    let count = 0
    const port = await serve(t, (socket) => {
      count++
      const refused = () => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'
      const accepted = upgrades(switching('mqtt'), () => {
        let frames = 0
        socket.on('data', () => {
          // CONNACK to the first frame; the connection ends at the second.
          if (frames++ === 0) socket.write(Buffer.from('820420020000', 'hex'))
          else socket.destroy()
        })
      })
      ;(count === 1 ? accepted : upgrades(refused))(socket)
    })
    const told = await cli(t, 'mqtt-sub', ['-t', 'a', '--ws', '-h', '127.0.0.1', '-p', port])
    assert.equal(told.code, 13, told.err)
    assert.equal(count, 2)
  })
})

interface Silence {
  what: string
  program: Program
  args: Args
  script: string
  says: RegExp
}

const GRANTED = '> 90 04 00 01 00 00'
/** Server Keep Alive of one second, which replaces -k: a ping and its limit take two. */
const HASTY = '< CONNECT\n> 20 06 00 00 03 13 00 01'

// Those with -k 5 take five seconds each, so they run side by side.
describe('silence of the broker: exit 19 naming what did not come (1.6, Q66)', { concurrency: 10 }, () => {
  for (const program of ['mqtt-pub', 'mqtt-rr'] as const) {
    test(`${program}: no CONNACK within -k 5`, async (t) => {
      const server = await mute(t)
      const told = await cli(t, program, [...WORK[program], '-k', 5, '-h', '127.0.0.1', '-p', server.port])
      assert.deepEqual({ code: told.code, out: told.out }, { code: 19, out: '' }, told.err)
      assert.match(told.err, new RegExp(`^${program}: error: [^\\n]*CONNACK`))
      assert.equal(server.connections(), 1)
    })
  }
  test('mqtt-pub -l: no CONNACK within -k 5 either', async (t) => {
    const server = await mute(t)
    const args = ['-t', 'a', '-l', '-k', 5, '-h', '127.0.0.1', '-p', server.port]
    const told = await cli(t, 'mqtt-pub', args, { input: 'x\n' })
    assert.deepEqual({ code: told.code, out: told.out }, { code: 19, out: '' }, told.err)
  })
  const silences: readonly Silence[] = [
    {
      what: 'no SUBACK within -k 5',
      program: 'mqtt-rr',
      args: ['-k', 5],
      script: '< CONNECT\n> 20 03 00 00 00\n< SUBSCRIBE\nsilence',
      says: /SUBACK/,
    },
    {
      what: 'no PINGRESP',
      program: 'mqtt-pub',
      args: ['-V', 5, '-q', 1],
      script: `${HASTY}\n< PUBLISH\n< PINGREQ\nsilence`,
      says: /PINGRESP|keep-?alive/i,
    },
    {
      what: 'no PINGRESP',
      program: 'mqtt-rr',
      args: [],
      script: `${HASTY}\n< SUBSCRIBE\n${GRANTED}\n< PUBLISH\n< PINGREQ\nsilence`,
      says: /PINGRESP|keep-?alive/i,
    },
  ]
  for (const { what, program, args, script, says } of silences) {
    test(`${program}: ${what}`, async (t) => {
      const told = await converse(t, script, program, [...WORK[program], '-i', 'me', ...args])
      assert.deepEqual({ code: told.code, out: told.out }, { code: 19, out: '' }, told.err)
      assert.match(told.err, says)
    })
  }
  test('mqtt-sub: no PINGRESP is a loss, noted and tried again (4.7)', async (t) => {
    const script = `${HASTY}\n< SUBSCRIBE\n${GRANTED}\n< PINGREQ\nsilence\n${AGAIN_5}`
    const told = await converse(t, script, 'mqtt-sub', [...SUB, '-V', 5])
    assert.deepEqual({ code: told.code, out: told.out }, { code: 0, out: 'p\n' }, told.err)
    assertTwoNotes(told)
  })
  test('mqtt-sub: no CONNACK on a later connection is tried again (4.7, Q66)', async (t) => {
    const script = `${FIRST}\ncut\naccept\n< CONNECT\nsilence\n${AGAIN}`
    const told = await converse(t, script, 'mqtt-sub', [...SUB, '-k', 5])
    assert.deepEqual({ code: told.code, out: told.out }, { code: 0, out: 'p\n' }, told.err)
    assertTwoNotes(told)
  })
  test('mqtt-sub: no SUBACK on a later connection is tried again (Q66)', async (t) => {
    const script = `${FIRST}\ncut\naccept\n< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\nsilence\n${THIRD}`
    const told = await converse(t, script, 'mqtt-sub', [...SUB, '-k', 5])
    assert.deepEqual({ code: told.code, out: told.out }, { code: 0, out: 'p\n' }, told.err)
  })
  test('--quiet hides it, not the status', async (t) => {
    const { port } = await mute(t)
    const args = [...WORK['mqtt-pub'], '-k', 5, '--quiet', '-h', '127.0.0.1', '-p', port]
    assert.deepEqual(await cli(t, 'mqtt-pub', args), { code: 19, out: '', err: '' })
  })
})
