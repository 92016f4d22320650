// WebSocket by the command line: its path and headers, the limit for the answer, and what a close frame says.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { type Args, QUIET } from '../support/run.js'
import { serve } from '../transport/support.js'
import { frame, framesOf, switching, upgrades } from '../transport/web-socket-server.js'
import { cli, misuse, PROGRAMS, type Program, rows, start, WORK } from './support.js'

const SECRET = 'geheim-4711'
const accept = switching('mqtt')

/** The request of a program, which is refused behind it. */
async function requestOf(
  t: TestContext,
  program: Program,
  args: Args,
  env: Readonly<Record<string, string>> = {},
): Promise<{ line: string; headers: string[]; err: string }> {
  let request = ''
  const port = await serve(
    t,
    upgrades(
      () => 'HTTP/1.1 401 Unauthorized\r\n\r\n',
      (_, head) => {
        request = head
      },
    ),
  )
  const told = await cli(t, program, [...WORK[program], ...args, '-h', '127.0.0.1', '-p', port], { env })
  assert.equal(told.code, 13, told.err)
  const [line = '', ...headers] = request.split('\r\n').filter(Boolean)
  return { line, headers, err: told.err }
}

rows(
  '--ws-path and --ws-header turn WebSocket on',
  [
    { args: ['--ws-path', '/'], line: 'GET / HTTP/1.1', has: [] },
    { args: ['--ws-path', '/a/b?c=%20d'], line: 'GET /a/b?c=%20d HTTP/1.1', has: [] },
    { args: ['--ws', '--ws-path', '/x', '--ws-path', '/y'], line: 'GET /y HTTP/1.1', has: [] },
    { args: ['--ws-header', 'X-A: b: c'], line: 'GET /mqtt HTTP/1.1', has: ['X-A: b: c'] },
    {
      args: ['--ws-header', 'X-A:one', '--ws-header', 'x-a: two ', '--ws-header', 'X-B:'],
      line: 'GET /mqtt HTTP/1.1',
      has: ['X-A: one', 'X-A: two', 'X-B: '],
    },
    { args: ['--ws-header', 'host: other:99'], line: 'GET /mqtt HTTP/1.1', has: ['host: other:99'] },
    {
      args: [],
      env: { MQTT_WS_PATH: '/e', MQTT_WS_HEADER: 'X-A: 1\nX-B: 2' },
      line: 'GET /e HTTP/1.1',
      has: ['X-A: 1', 'X-B: 2'],
    },
  ] as readonly { args: Args; env?: Record<string, string>; line: string; has: readonly string[] }[],
  ({ args, env }) => [...args, ...Object.keys(env ?? {})].join(' '),
  async (t, { args, env, line, has }) => {
    for (const program of PROGRAMS) {
      const request = await requestOf(t, program, args, env)
      assert.equal(request.line, line)
      for (const header of has) assert.ok(request.headers.includes(header), request.headers.join('\n'))
      assert.ok(request.headers.includes('Sec-WebSocket-Protocol: mqtt'))
    }
  },
)

test('MQTT 3.1: subprotocol mqttv3.1', async (t) => {
  const { headers } = await requestOf(t, 'mqtt-pub', ['--ws-path', '/mqtt', '-V', '31'])
  assert.ok(headers.includes('Sec-WebSocket-Protocol: mqttv3.1'), headers.join('\n'))
})

test('-L ws: with --ws-path: the path of the URL is the topic (1.9)', async (t) => {
  const port = await serve(
    t,
    upgrades(
      (key) => accept(key),
      (socket, head) => {
        assert.match(head, /^GET \/socket HTTP/)
        socket.once('data', () => {
          socket.write(frame(0x82, Buffer.from('20020000', 'hex')))
          socket.once('data', (chunk: Buffer) => {
            const { payload } = framesOf(chunk)[0] ?? { payload: Buffer.alloc(0) }
            socket.destroy()
            topic = payload.toString('latin1', 4, 4 + (payload[3] ?? 0))
          })
        })
      },
    ),
  )
  let topic = ''
  await cli(t, 'mqtt-pub', ['-L', `ws://127.0.0.1:${port}/x/y`, '--ws-path', '/socket', '-m', 'm', '-q', 1])
  assert.equal(topic, 'x/y')
})

describe('a header may be a secret', { concurrency: 4 }, () => {
  const header = ['--ws-header', `Authorization: Bearer ${SECRET}`]
  test('it is sent, and not shown when it is refused, with -d neither', async (t) => {
    const path = `/mqtt?token=${SECRET}`
    const { line, headers, err } = await requestOf(t, 'mqtt-sub', [...header, '--ws-path', path, '-d'])
    assert.equal(line, `GET ${path} HTTP/1.1`)
    assert.ok(headers.includes(`Authorization: Bearer ${SECRET}`))
    assert.ok(!err.includes(SECRET), err)
    assert.match(err, /HTTP 401 Unauthorized: it wants other credentials/)
  })
  for (const [args, says] of [
    [['--ws-header', SECRET], ["expected 'Name: value'"]],
    [['--ws-header', `: ${SECRET}`], ["expected 'Name: value'"]],
    [
      ['--ws-header', `X-A: ${SECRET}\u0001`],
      ["header 'X-A'", 'control'],
    ],
    [
      ['--ws-header', `X A: ${SECRET}`],
      ["header 'X A'", 'not a valid name'],
    ],
    [
      ['--ws-header', `Sec-WebSocket-Key: ${SECRET}`],
      ['Sec-WebSocket-Key', 'belongs to the upgrade'],
    ],
    [['--ws-path', `/a?${SECRET} `], ["path '/a'"]],
    [
      ['--ws-path', 'mqtt'],
      ["path 'mqtt'", "expected '/'"],
    ],
  ] as const) {
    test(`${args[0]} ${JSON.stringify(args[1])}: exit 1, naming the option`, async (t) => {
      await misuse(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...args], [args[0], ...says])
      const { err } = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...args])
      assert.ok(!err.includes(SECRET), err)
    })
  }
  const unseen = { skip: process.platform === 'linux' ? false : 'there is no /proc/PID/cmdline' }
  test('it is not in /proc/PID/cmdline', unseen, async (t) => {
    for (const args of [header, ['--ws-path', `/mqtt?token=${SECRET}`]]) {
      let asked: () => void = () => {}
      const request = new Promise<void>((resolve) => {
        asked = resolve
      })
      const port = await serve(t, (socket) => void socket.once('data', asked))
      const running = start(t, 'mqtt-sub', ['-t', 'a', '-h', '127.0.0.1', '-p', port, ...args])
      await request
      const line = readFileSync(`/proc/${running.pid}/cmdline`, 'latin1')
      assert.ok(!line.includes(SECRET), line)
    }
  })
  test('as one word with its option it is not repeated', (t) =>
    misuse(t, 'mqtt-pub', [`--ws-header=X-A: ${SECRET}`], ["unknown option '--ws-header=...'"]))
})

describe('the answer to the upgrade (1.12.4)', { concurrency: 4 }, () => {
  for (const [bytes, code] of [
    [4_096, 0],
    [4_097, 13],
    [8_000, 13],
    [20_000, 13],
  ] as const) {
    test(`${bytes} bytes of it: exit ${code}`, async (t) => {
      const port = await serve(
        t,
        upgrades(
          (key) => padded(accept(key), bytes),
          (socket) => {
            socket.on('data', (chunk: Buffer) => {
              for (const { payload } of framesOf(chunk)) {
                if (payload[0] === 0x10) socket.write(frame(0x82, Buffer.from('20020000', 'hex')))
                if (payload.subarray(-2).equals(Buffer.from('e000', 'hex'))) socket.end()
              }
            })
          },
        ),
      )
      const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--ws', '-h', '127.0.0.1', '-p', port])
      if (code === 0) return assert.deepEqual(told, QUIET)
      assert.deepEqual({ code: told.code, out: told.out }, { code, out: '' }, told.err)
      assert.match(told.err, /^mqtt-pub: error: [^\n]*over 4096 bytes of headers\n$/)
    })
  }
})

/** With a header more, that makes it this long. */
function padded(answer: string, bytes: number): string {
  const head = answer.replace(/\r\n$/, 'X: ')
  return `${head}${'x'.repeat(bytes - head.length - 4)}\r\n\r\n`
}

describe('a close frame of the server: one line with its code, exit 7', { concurrency: 4 }, () => {
  for (const program of PROGRAMS) {
    for (const [name, code, reason, says] of [
      ['1001', 1001, '', 'code 1001, it is going away'],
      ['1008 with a reason', 1008, 'no room', 'code 1008, its policy forbids it: no room'],
      ['1011', 1011, '', 'code 1011, an unexpected failure'],
      ['4001, which is its own', 4001, 'quota', 'code 4001: quota'],
    ] as const) {
      test(`${program}: ${name}, instead of CONNACK`, async (t) => {
        const port = await serve(
          t,
          upgrades(accept, (socket) => {
            const status = Buffer.alloc(2)
            status.writeUInt16BE(code)
            socket.once('data', () => {
              socket.write(frame(0x88, Buffer.concat([status, Buffer.from(reason)])))
              socket.once('data', () => socket.end())
            })
          }),
        )
        const told = await cli(t, program, [...WORK[program], '--ws', '-h', '127.0.0.1', '-p', port])
        assert.deepEqual({ code: told.code, out: told.out }, { code: 7, out: '' }, told.err)
        assert.equal(
          told.err,
          `${program}: error: connection lost: the broker closed the WebSocket with ${says}\n`,
        )
      })
    }
  }
})
