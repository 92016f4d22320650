// Ways to the broker by the command line: ports, addresses, unix sockets, WebSocket and the proxy.

import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type Broker, broker } from '../broker/broker.js'
import { Wire } from '../broker/wire.js'
import { cannot } from '../support/mosquitto.js'
import { deadPort } from '../support/ports.js'
import { type Args, QUIET, temporaryFolder } from '../support/run.js'
import { type SocksRequest, type SocksScript, socksServer } from '../transport/socks-server.js'
import { listen, serve } from '../transport/support.js'
import { frame, framesOf, switching, upgrades } from '../transport/web-socket-server.js'
import { cli, hexOf, PROGRAMS, type Program, rows, WORK } from './support.js'

interface Proxy {
  url: string
  asked: SocksRequest[]
}

async function proxy(t: TestContext, script: SocksScript): Promise<Proxy> {
  const asked: SocksRequest[] = []
  const port = await serve(
    t,
    socksServer(script, (request) => asked.push(request)),
  )
  return { url: `socks5h://127.0.0.1:${port}`, asked }
}

function to({ port }: Broker): Args {
  return ['-h', '127.0.0.1', '-p', port]
}

/** A proxy is asked for the port, so that nothing is dialled outside the test; it refuses. */
rows(
  'the port (1.12.1), as the proxy is asked for it',
  [
    { args: [], port: 1883 },
    { args: ['-p', 4711], port: 4711 },
    { args: ['-p', 4711, '-p', 4712], port: 4712 },
    { args: ['--cafile', '/etc/hosts.pem'], port: undefined },
    { args: ['--psk', 'ab', '--psk-identity', 'me'], port: 8883 },
    { args: ['--psk', 'ab', '--psk-identity', 'me', '-p', 1883], port: 1883 },
    { args: ['--psk', 'ab', '--psk-identity', 'me', '--no-tls'], port: 1883, tag: 'Q14' },
    { args: ['--cafile', 'x.pem', '--no-tls'], port: 1883, tag: 'Q14' },
    { args: ['--capath', 'x', '--no-tls'], port: 1883, tag: 'Q14' },
    { args: ['--tls-use-os-certs'], port: 8883, tag: 'Q13' },
    { args: ['--insecure'], port: 8883, tag: 'Q11' },
    { args: ['--ciphers', 'DEFAULT'], port: 8883, tag: 'Q11' },
    { args: ['--tls-version', 'tlsv1.2'], port: 8883, tag: 'Q11' },
    { args: ['--tls-alpn', 'mqtt'], port: 8883, tag: 'Q11' },
    { args: ['--psk-identity', 'me'], port: 1883, tag: '1.4 row 7: inert' },
    { args: ['--ws'], port: 1883 },
    { args: ['-L', 'mqtt://broker.invalid/a'], port: 1883 },
    { args: ['-L', 'mqtts://broker.invalid/a'], port: 8883 },
    { args: ['-L', 'ws://broker.invalid/a'], port: 80, tag: 'Q17' },
    { args: ['-L', 'wss://broker.invalid/a'], port: 443, tag: 'Q17' },
    { args: ['-L', 'mqtts://broker.invalid/a', '-p', 99], port: 99 },
    { args: ['-p', 99, '-L', 'mqtts://broker.invalid/a'], port: 8883 },
  ] as readonly { args: Args; port: number | undefined; tag?: string }[],
  ({ args, port, tag }) => `${args.join(' ') || 'nothing'}: ${port ?? 'exit 1'}${tag ? ` (${tag})` : ''}`,
  async (t, { args, port }) => {
    const { url, asked } = await proxy(t, { reply: 2 })
    const told = await cli(t, 'mqtt-pub', [
      ...WORK['mqtt-pub'],
      '-h',
      'broker.invalid',
      ...args,
      '--proxy',
      url,
    ])
    assert.equal(told.code, port === undefined ? 1 : 11, told.err)
    assert.deepEqual(
      asked.map((request) => [request.host, request.port]),
      port === undefined ? [] : [['broker.invalid', port]],
    )
  },
)

rows(
  '-S with a name that has no SRV record: exit 1 naming the record (1.12.2, Q21)',
  [
    { program: 'mqtt-pub', args: [], record: '_mqtt._tcp.broker.invalid' },
    { program: 'mqtt-sub', args: [], record: '_mqtt._tcp.broker.invalid' },
    {
      program: 'mqtt-rr',
      args: ['--psk', 'ab', '--psk-identity', 'i'],
      record: '_secure-mqtt._tcp.broker.invalid',
    },
  ] as readonly { program: Program; args: Args; record: string }[],
  ({ program, record }) => `${program}: ${record}`,
  async (t, { program, args, record }) => {
    const told = await cli(t, program, [...WORK[program], '-S', '-h', 'broker.invalid', ...args])
    assert.equal(told.code, 1, told.err)
    assert.ok(told.err.includes(record), told.err)
  },
)

describe('addresses (1.12.1)', { concurrency: 4 }, () => {
  for (const program of PROGRAMS) {
    test(`${program}: nothing listens: exit 1 naming host, port and reason (Q8)`, async (t) => {
      const port = await deadPort()
      const told = await cli(t, program, [...WORK[program], '-h', '127.0.0.1', '-p', port])
      assert.deepEqual({ code: told.code, out: told.out }, { code: 1, out: '' })
      assert.match(told.err, new RegExp(`^${program}: error: .*127\\.0\\.0\\.1.*${port}.*refused.*\\n$`))
    })
    test(`${program}: an unknown host: exit 1 naming it; --quiet hides that`, async (t) => {
      const args = [...WORK[program], '-h', 'broker.invalid', '-p', 1883]
      const told = await cli(t, program, args)
      assert.equal(told.code, 1)
      assert.match(told.err, /broker\.invalid/)
      assert.deepEqual(await cli(t, program, [...args, '--quiet']), { code: 1, out: '', err: '' })
    })
  }
  test('-A: the local address', async (t) => {
    if (process.platform !== 'linux') return cannot(t, 'only Linux has all of 127/8')
    const peers: (string | undefined)[] = []
    const server = await broker(t, {
      on: (_, { socket }) => {
        peers.push(socket.remoteAddress)
        return false
      },
    })
    assert.deepEqual(await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...to(server), '-A', '127.0.0.9']), QUIET)
    assert.deepEqual([...new Set(peers)], ['127.0.0.9'])
  })
  for (const [address, why] of [
    ['::1', 'of another family'],
    ['192.0.2.77', 'of another machine'],
    ['local.invalid', 'that no lookup finds'],
  ] as const) {
    test(`-A ${address}, ${why}: exit 1 naming it`, async (t) => {
      const server = await broker(t)
      const told = await cli(t, 'mqtt-sub', [...WORK['mqtt-sub'], ...to(server), '-A', address])
      assert.equal(told.code, 1, told.err)
      assert.ok(told.err.includes(address), told.err)
      assert.equal(server.links.length, 0)
    })
  }
})

describe('unix sockets (1.12.3)', { concurrency: 4 }, () => {
  async function unixBroker(t: TestContext): Promise<{ path: string; server: Broker }> {
    const server = await broker(t)
    const path = join(temporaryFolder(t), 's')
    const { connect } = await import('node:net')
    await listen(
      t,
      createServer((socket) => {
        const onward = connect(server.port, '127.0.0.1')
        onward.on('error', () => socket.destroy())
        socket.pipe(onward).pipe(socket)
      }),
      { path },
    )
    return { path, server }
  }
  for (const program of ['mqtt-pub', 'mqtt-sub'] as const) {
    for (const [name, args] of [
      ['--unix PATH', (path: string) => ['--unix', path]],
      ['-h PATH -p 0', (path: string) => ['-h', path, '-p', 0]],
      [
        '-p 1883 -h other --unix PATH: the last wins',
        (path: string) => ['-p', 1883, '-h', 'other', '--unix', path],
      ],
    ] as const) {
      test(`${program} ${name}`, async (t) => {
        const { path, server } = await unixBroker(t)
        assert.deepEqual(await cli(t, program, [...WORK[program], ...args(path)]), QUIET)
        assert.equal(server.seen[0]?.name, 'CONNECT')
      })
    }
  }
  test('a later -p makes the path a host name: exit 1 naming it', async (t) => {
    const { path, server } = await unixBroker(t)
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--unix', path, '-p', 1883])
    assert.equal(told.code, 1)
    assert.ok(told.err.includes(path) && told.err.includes('unknown host'), told.err)
    assert.equal(server.links.length, 0)
  })
  test('no such socket: exit 1 naming the path', async (t) => {
    const path = join(temporaryFolder(t), 'none')
    for (const program of PROGRAMS) {
      const told = await cli(t, program, [...WORK[program], '--unix', path])
      assert.equal(told.code, 1)
      assert.ok(told.err.includes(path), told.err)
    }
  })
  for (const [what, path] of [
    ['0 bytes', ''],
    ['108 bytes', 'x'.repeat(108)],
    ['108 bytes of 54 characters', 'é'.repeat(54)],
  ] as const) {
    test(`a path of ${what}: exit 1`, async (t) => {
      const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--unix', path])
      assert.equal(told.code, 1)
      assert.match(told.err, /--unix/)
    })
  }
  test('with --proxy the proxy is contacted instead', async (t) => {
    const { path, server } = await unixBroker(t)
    const { url, asked } = await proxy(t, { reply: 2 })
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--unix', path, '--proxy', url])
    assert.equal(server.links.length, 0)
    assert.equal(asked.length, 1, told.err)
    assert.ok(told.err.startsWith(`mqtt-pub: warning: the socket '${path}' is not used: --proxy `), told.err)
  })
  test('with -S nothing is looked up, and a warning says so', async (t) => {
    const { path, server } = await unixBroker(t)
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--unix', path, '-S'])
    assert.deepEqual([told.code, server.links.length], [0, 1])
    assert.equal(
      told.err,
      `mqtt-pub: warning: -S is not used: nothing is looked up for the socket '${path}'\n`,
    )
  })
})

interface WebBroker {
  port: number
  heads: string[]
  /** First byte of each frame of the client, and whether it was masked. */
  frames: [first: number, masked: boolean][]
  wire: Wire
}

/** Accepts whoever connects, grants and takes everything. */
function webTalk(into: WebBroker, refuse = 'mqtt'): (socket: Socket) => void {
  return upgrades(switching(refuse), (socket, head) => {
    into.heads.push(head)
    let bytes = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      for (;;) {
        const [first] = framesOf(bytes)
        if (first === undefined) return
        into.frames.push([first.first, first.masked])
        bytes = bytes.subarray(6 + first.payload.length)
        if (first.first !== 0x82) continue
        into.wire.push(first.payload)
        for (let seen = into.wire.next(); seen !== undefined; seen = into.wire.next()) {
          if (seen.name === 'CONNECT')
            socket.write(frame(0x82, Buffer.from(into.wire.level === 5 ? '2003000000' : '20020000', 'hex')))
          if (seen.name === 'SUBSCRIBE')
            socket.write(
              frame(0x82, Buffer.from(into.wire.level === 5 ? '900400010000' : '9003000100', 'hex')),
            )
          if (seen.name === 'DISCONNECT') socket.end()
        }
      }
    })
  })
}

async function webBroker(t: TestContext): Promise<WebBroker> {
  const made: WebBroker = { port: 0, heads: [], frames: [], wire: new Wire() }
  made.port = await serve(t, webTalk(made))
  return made
}

describe('--ws (1.12.4)', { concurrency: 4 }, () => {
  for (const program of ['mqtt-pub', 'mqtt-sub'] as const) {
    test(`${program}: GET /mqtt, its headers, masked binary frames only`, async (t) => {
      const server = await webBroker(t)
      const args = [...WORK[program], '--ws', '-h', 'localhost', '-p', server.port, '-i', 'me']
      assert.deepEqual(await cli(t, program, args), QUIET)
      const [head = ''] = server.heads
      assert.match(head, /^GET \/mqtt HTTP\/1\.1\r\n/)
      for (const header of [
        /^host: localhost(:\d+)?\r$/im,
        /^upgrade: websocket\r$/im,
        /^connection: upgrade\r$/im,
        /^sec-websocket-key: [A-Za-z0-9+/]{22}==\r$/im,
        /^sec-websocket-protocol: mqtt\r$/im,
        /^sec-websocket-version: 13\r$/im,
      ]) {
        assert.match(head, header)
      }
      assert.ok(server.frames.length > 0)
      for (const [first, masked] of server.frames) {
        assert.ok([0x82, 0x88].includes(first), `frame 0x${first.toString(16)}`)
        assert.ok(masked)
      }
    })
  }
  test('Q18: CONNECT is the same as over TCP, properties and all', async (t) => {
    const options = ['-V', 5, '-i', 'me', '-x', 10, '-D', 'connect', 'user-property', 'k', 'v', '-k', 30]
    const plain = await broker(t, { connack: () => Buffer.from('2003000000', 'hex') })
    assert.deepEqual(await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...options, ...to(plain)]), QUIET)
    const connects: Buffer[] = []
    const port = await serve(
      t,
      upgrades(switching('mqtt'), (socket) => {
        socket.once('data', (chunk: Buffer) => {
          connects.push(framesOf(chunk)[0]?.payload ?? Buffer.alloc(0))
          socket.destroy()
        })
      }),
    )
    await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...options, '--ws', '-h', '127.0.0.1', '-p', port])
    const { url } = await proxy(t, { to: { host: '127.0.0.1', port: plain.port } })
    await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...options, '-h', 'broker.invalid', '--proxy', url])
    const [first, , second] = plain.seen.filter(({ name }) => name !== 'PUBLISH')
    assert.equal(connects[0]?.toString('hex'), first?.bytes.toString('hex'))
    assert.equal(second?.bytes.toString('hex'), first?.bytes.toString('hex'))
    assert.ok(first?.bytes.includes(Buffer.from(hexOf('26 0001 6b 0001 76'), 'hex')))
  })

  for (const program of PROGRAMS) {
    test(`${program}: a refused upgrade: exit 13, no second try`, async (t) => {
      let count = 0
      const port = await serve(t, (socket) => {
        count++
        upgrades(() => 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')(socket)
      })
      const told = await cli(t, program, [...WORK[program], '--ws', '-h', '127.0.0.1', '-p', port])
      assert.deepEqual({ code: told.code, out: told.out }, { code: 13, out: '' }, told.err)
      assert.match(told.err, new RegExp(`^${program}: error: [^\\n]*404[^\\n]*\\n$`))
      assert.equal(count, 1)
    })
  }
  const good = switching('mqtt')
  for (const [what, answer] of [
    ['status 200', (accept: string) => good(accept).replace('101 Switching Protocols', '200 OK')],
    ['a redirect', (accept: string) => good(accept).replace('101 Switching Protocols', '302 Found')],
    ['another accept value', () => good('AAAAAAAAAAAAAAAAAAAAAAAAAAA=')],
    ['no Upgrade header', (accept: string) => good(accept).replace('Upgrade: websocket\r\n', '')],
    ['no Connection header', (accept: string) => good(accept).replace('Connection: Upgrade\r\n', '')],
    ['no sub-protocol', switching(undefined)],
    ['another sub-protocol', switching('chat')],
    [
      'headers over 4096 bytes',
      (accept: string) => good(accept).replace('\r\n', `\r\nX: ${'x'.repeat(70_000)}\r\n`),
    ],
    ['no HTTP', () => 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ] as const) {
    test(`an answer with ${what}: exit 13`, async (t) => {
      const port = await serve(t, upgrades(answer))
      const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--ws', '-h', '127.0.0.1', '-p', port])
      assert.deepEqual({ code: told.code, out: told.out }, { code: 13, out: '' }, told.err)
    })
  }
  test('a text frame is an error', async (t) => {
    const port = await serve(
      t,
      upgrades(good, (socket) => socket.write(frame(0x81, ' \x02\x00\x00'))),
    )
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--ws', '-h', '127.0.0.1', '-p', port])
    assert.notEqual(told.code, 0)
    assert.match(told.err, /^mqtt-pub: error: [^\n]*\n$/)
  })
  test('a PING of the server is answered', async (t) => {
    const seen: Buffer[] = []
    const port = await serve(
      t,
      upgrades(good, (socket) => {
        socket.write(frame(0x89, 'hello'))
        socket.on('data', (chunk: Buffer) => {
          seen.push(chunk)
          const frames = framesOf(Buffer.concat(seen))
          if (frames.some(({ first }) => first === 0x8a)) socket.write(frame(0x82, '\x20\x02\x00\x05'))
        })
      }),
    )
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--ws', '-h', '127.0.0.1', '-p', port])
    assert.equal(told.code, 5, told.err)
    const pong = framesOf(Buffer.concat(seen)).find(({ first }) => first === 0x8a)
    assert.equal(pong?.payload.toString(), 'hello')
    assert.ok(pong.masked)
  })
  test('WebSocket to a plain MQTT port, which closes: exit 7', async (t) => {
    const port = await serve(t, (socket) => socket.once('data', () => socket.end()))
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--ws', '-h', '127.0.0.1', '-p', port])
    assert.equal(told.code, 7, told.err)
  })
  test('plain MQTT to a WebSocket port, which closes: exit 7', async (t) => {
    const { createServer: http } = await import('node:http')
    const port = await listen(t, http())
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '-h', '127.0.0.1', '-p', port])
    assert.ok(told.code === 7 || told.code === 21, told.err) // 21: the server says "HTTP/1.1 400" first
  })
})

describe('--proxy (1.12.5)', { concurrency: 4 }, () => {
  for (const program of ['mqtt-pub', 'mqtt-sub'] as const) {
    test(`${program} connects through it, the name unresolved`, async (t) => {
      const server = await broker(t)
      const { url, asked } = await proxy(t, { to: { host: '127.0.0.1', port: server.port } })
      const args = [...WORK[program], '-h', 'broker.invalid', '-p', 4711, '--proxy', url]
      assert.deepEqual(await cli(t, program, args), QUIET)
      assert.deepEqual(
        asked.map(({ type, host, port, methods }) => ({ type, host, port, methods })),
        [{ type: 3, host: 'broker.invalid', port: 4711, methods: [0] }],
      )
      assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
    })
  }
  for (const [host, type, sent] of [
    ['192.0.2.1', 1, 'c0000201'],
    ['2001:db8::1', 4, '20010db8000000000000000000000001'],
    ['broker.invalid', 3, 'broker.invalid'],
  ] as const) {
    test(`-h ${host}: address type ${type}`, async (t) => {
      const { url, asked } = await proxy(t, { reply: 2 })
      await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '-h', host, '--proxy', url])
      assert.deepEqual([asked[0]?.type, asked[0]?.host], [type, sent])
    })
  }
  for (const [credentials, userName, password] of [
    ['joe:pw', 'joe', 'pw'],
    ['joe', 'joe', ''],
    ['j%40e:p%3Aw%25', 'j@e', 'p:w%'],
    ['j%40e:p%3aw', 'j@e', 'p:w'],
  ] as const) {
    test(`credentials ${credentials}: both methods are offered (Q20)`, async (t) => {
      const server = await broker(t)
      const socks = await proxy(t, { status: 0, to: { host: '127.0.0.1', port: server.port } })
      const url = socks.url.replace('//', `//${credentials}@`)
      assert.deepEqual(await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--proxy', url]), QUIET)
      const [request] = socks.asked
      assert.deepEqual([request?.methods, request?.userName, request?.password], [[0, 2], userName, password])
    })
  }
  for (const type of [1, 3, 4]) {
    test(`a reply with address type ${type} (Q20)`, async (t) => {
      const server = await broker(t)
      const { url } = await proxy(t, { type, to: { host: '127.0.0.1', port: server.port } })
      assert.deepEqual(await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--proxy', url]), QUIET)
    })
  }
  test('Q19: --ws with --proxy upgrades inside the tunnel', async (t) => {
    const server = await webBroker(t)
    const { url } = await proxy(t, { to: { host: '127.0.0.1', port: server.port } })
    const args = [...WORK['mqtt-pub'], '--ws', '-h', 'broker.invalid', '--proxy', url]
    assert.deepEqual(await cli(t, 'mqtt-pub', args), QUIET)
    assert.match(server.heads[0] ?? '', /^GET \/mqtt HTTP\/1\.1\r\n[\s\S]*host: broker\.invalid/i)
  })

  const outcomes: readonly [what: string, script: SocksScript, code: number][] = [
    ['no acceptable method', { method: 0xff }, 11],
    ['refused credentials', { status: 1 }, 16],
    ['reply 1, general failure', { reply: 1 }, 16],
    ['reply 2, not allowed', { reply: 2 }, 11],
    ['reply 3, network unreachable', { reply: 3 }, 4],
    ['reply 4, host unreachable', { reply: 4 }, 4],
    ['reply 5, refused', { reply: 5 }, 4],
    ['reply 6, TTL expired', { reply: 6 }, 16],
    ['reply 7, command', { reply: 7 }, 16],
    ['reply 8, address type', { reply: 8 }, 16],
    ['reply 9, which is none', { reply: 9 }, 3],
  ]
  for (const program of PROGRAMS) {
    for (const [what, script, code] of outcomes) {
      const retried = program === 'mqtt-sub' && code === 4
      if (retried || (program === 'mqtt-rr' && ![1, 2, 5, 9].includes(script.reply ?? 1))) continue
      test(`${program}: ${what}: exit ${code}`, async (t) => {
        const socks = await proxy(t, script)
        const url = script.status === undefined ? socks.url : socks.url.replace('//', '//joe:pw@')
        const told = await cli(t, program, [...WORK[program], '-h', 'broker.invalid', '--proxy', url])
        assert.deepEqual({ code: told.code, out: told.out }, { code, out: '' }, told.err)
        assert.match(told.err, new RegExp(`^${program}: error: [^\\n]*\\n$`))
      })
    }
    test(`${program}: no proxy there: exit 1`, async (t) => {
      const port = await deadPort()
      const told = await cli(t, program, [...WORK[program], '--proxy', `socks5h://127.0.0.1:${port}`])
      assert.equal(told.code, 1, told.err)
      assert.ok(told.err.includes(String(port)), told.err)
    })
    test(`${program}: not a SOCKS5 answer: exit 16`, async (t) => {
      const port = await serve(t, (socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 400 no\r\n\r\n')),
      )
      const told = await cli(t, program, [...WORK[program], '--proxy', `socks5h://127.0.0.1:${port}`])
      assert.equal(told.code, 16, told.err)
    })
  }
})
