// How mqtt-pub ends by what a broker does that mosquitto does not do by itself (3.5), which status counts (0.1), and a signal
// that ends nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publish } from '../broker/wire.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { type Args, type Told, told as toldOf } from '../support/run.js'
import { at, listening } from './real.js'
import { converse, type Program, rows, start } from './support.js'

interface EndRow {
  what: string
  args?: Args
  script: string
  code: number
  says?: RegExp
}

const ACCEPT = '< CONNECT\n> 20 02 00 00\n< PUBLISH'
const ACCEPT_5 = '< CONNECT\n> 20 03 00 00 00\n< PUBLISH'
const FIVE = ['-V', 5, '-i', 'me']
const byte = (code: number): string => code.toString(16)

rows<EndRow>(
  'what mosquitto does not do by itself (3.5)',
  [
    { what: 'closed before CONNACK', script: '< CONNECT\ncut', code: 7 },
    {
      what: 'v3-style refusal to a v5 CONNECT (Q25)',
      args: FIVE,
      script: '< CONNECT\n> 20 02 00 01\nwait-eof',
      code: 132,
    },
    {
      what: 'DISCONNECT from the server in v3',
      script: `${ACCEPT}\n> e0 00\nwait-eof`,
      code: 2,
      says: /DISCONNECT/,
    },
    {
      what: 'unknown packet',
      script: `${ACCEPT}\n> 82 06 00 01 "a" 00\nwait-eof`,
      code: 2,
      says: /SUBSCRIBE/,
    },
    {
      what: 'session present although clean',
      script: '< CONNECT\n> 20 02 01 00\nwait-eof',
      code: 2,
      says: /CONNACK/,
    },
    { what: 'malformed packet', script: `${ACCEPT}\n> 40 01 00\nwait-eof`, code: 21, says: /PUBACK/ },
    {
      what: 'v5 DISCONNECT 0 while waiting (Q39)',
      args: FIVE,
      script: `${ACCEPT_5}\n> e0 00\nwait-eof`,
      code: 4,
      says: /DISCONNECT/,
    },
    {
      what: 'v5 DISCONNECT 139 while waiting (Q39)',
      args: FIVE,
      script: `${ACCEPT_5}\n> e0 02 8b 00\nwait-eof`,
      code: 139,
      says: /shutting down/,
    },
    { what: 'connection lost before QoS 1 completes', script: `${ACCEPT}\nreset`, code: 7 },
    {
      what: 'connection lost before QoS 2 completes',
      args: ['-q', 2],
      script: `${ACCEPT}\n> 50 02 00 01\n< PUBREL\ncut`,
      code: 7,
    },
    ...[128, 131, 135, 144, 145, 151, 153].flatMap((code): EndRow[] => [
      {
        what: `PUBACK ${code} (Q28)`,
        args: FIVE,
        script: `${ACCEPT_5}\n> 40 03 00 01 ${byte(code)}\n< DISCONNECT`,
        code,
        says: /warning: .*message 1 /,
      },
      {
        what: `PUBREC ${code} (Q28)`,
        args: [...FIVE, '-q', 2],
        script: `${ACCEPT_5}\n> 50 03 00 01 ${byte(code)}\n< DISCONNECT`,
        code,
        says: /warning: .*message 1 /,
      },
    ]),
    // Answered with DISCONNECT before the connection is closed.
    ...[130, 149].flatMap((code): EndRow[] => [
      {
        what: `PUBACK ${code}`,
        args: FIVE,
        script: `${ACCEPT_5}\n> 40 03 00 01 ${byte(code)}\n< DISCONNECT\nwait-eof`,
        code: 2,
      },
      {
        what: `PUBREC ${code}`,
        args: [...FIVE, '-q', 2],
        script: `${ACCEPT_5}\n> 50 03 00 01 ${byte(code)}\n< DISCONNECT\nwait-eof`,
        code: 2,
      },
    ]),
  ],
  ({ what }) => `3.5 ${what}`,
  async (t, { args = [], script, code, says = /^mqtt-pub: error: / }) => {
    const told = await converse(t, script, 'mqtt-pub', ['-t', 'a', '-m', 'x', '-q', 1, ...args])
    assert.deepEqual({ code: told.code, out: told.out }, { code, out: '' }, told.err)
    assert.match(told.err, says)
  },
)

test('3.5, 4.8: SIGPIPE is ignored', needs('mosquitto'), async (t) => {
  const broker = await startMosquitto(t)
  const sub = await listening(t, broker, ['-t', 'a', '-C', 1])
  const pub = start(t, 'mqtt-pub', [...at(broker), '-t', 'a', '-l', '-d'], { keepStdin: true })
  await pub.saw('err', /received CONNACK/)
  for (const running of [pub, sub]) running.kill('SIGPIPE')
  pub.stdin.end('x\n')
  assert.equal((await pub.done).code, 0)
  const { code, out } = toldOf(await sub.done)
  assert.deepEqual({ code, out }, { code: 0, out: 'x\n' })
})

const MESSAGE_5 = publish(5, 'a', 'x').toString('hex')
const GRANTED_5 = `< CONNECT\n> 20 03 00 00 00\n< SUBSCRIBE\n> 90 04 00 01 00 00`

rows<{ what: string; program: Program; args: Args; script: string; expect: Partial<Told> }>(
  'which status counts (0.1, precedence)',
  [
    {
      what: 'mqtt-pub: the latest CONNACK before the loop',
      program: 'mqtt-pub',
      args: ['-t', 'a', '-l', '-q', 1, '-c', '-i', 'me'],
      script: `${ACCEPT}\ncut\naccept\n< CONNECT\n> 20 02 00 05\nwait-eof`,
      expect: { code: 5 },
    },
    {
      what: 'mqtt-sub: -W before a lost connection',
      program: 'mqtt-sub',
      args: ['-t', 'a', '-W', 2],
      script: `< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\n> 90 03 00 01 00\ncut\naccept\n< CONNECT\nsilence`,
      expect: { code: 27 },
    },
    {
      what: 'mqtt-sub -C: all messages are there, then DISCONNECT of the server: 0',
      program: 'mqtt-sub',
      args: ['-V', 5, '-i', 'me', '-t', 'a', '-C', 1],
      script: `${GRANTED_5} ${MESSAGE_5} e0 02 8b 00\nsilence`,
      expect: { code: 0, out: 'x\n' },
    },
    {
      what: 'mqtt-rr: the response is there, then DISCONNECT of the server: 0 (Q40)',
      program: 'mqtt-rr',
      args: ['-i', 'me', '-t', 'q', '-e', 'a', '-m', 'y'],
      script: `${GRANTED_5}\n< PUBLISH\n> ${MESSAGE_5} e0 02 8b 00\nsilence`,
      expect: { code: 0, out: 'x\n' },
    },
  ],
  ({ what }) => `0.1 ${what}`,
  async (t, { program, args, script, expect }) => {
    const told = await converse(t, script, program, args, { input: 'x\n' })
    assert.deepEqual({ ...told, ...expect }, told)
  },
)
