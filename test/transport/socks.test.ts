// SOCKS5: what is sent, and how each answer of a proxy is told apart.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import { dial } from '../../src/transport/index.js'
import { deadPort } from '../support/ports.js'
import { type SocksRequest, type SocksScript, socksServer } from './socks-server.js'
import { echo, exchange, failure, open, serve, take } from './support.js'

const HOST = 'broker.example'

test('the proxy gets the name as it is, and carries bytes both ways', async (t) => {
  const asked: SocksRequest[] = []
  const broker = await serve(t, echo)
  const to = { host: '127.0.0.1', port: broker }
  const port = await serve(
    t,
    socksServer({ to }, (request) => asked.push(request)),
  )
  const proxy = { kind: 'socks5h', host: '127.0.0.1', port } as const
  const stream = await open(t, { host: HOST, port: 1883, proxy })
  assert.equal(await exchange(stream, 'hello'), 'hello')
  assert.deepEqual(asked, [{ methods: [0], type: 3, host: HOST, port: 1883 }])
})

const ADDRESSES: readonly [kind: 'socks5h' | 'socks5', host: string, type: number, sent: string][] = [
  ['socks5h', '192.0.2.1', 1, 'c0000201'],
  ['socks5h', '2001:db8::1', 4, '20010db8000000000000000000000001'],
  ['socks5', '192.0.2.1', 1, 'c0000201'],
  ['socks5h', 'bücher.example', 3, 'xn--bcher-kva.example'],
]
for (const [kind, host, type, sent] of ADDRESSES) {
  test(`${kind}: ${host} goes out as address type ${type}`, async (t) => {
    const asked: SocksRequest[] = []
    const port = await serve(
      t,
      socksServer({}, (request) => asked.push(request)),
    )
    await open(t, { host, port: 8883, proxy: { kind, host: '127.0.0.1', port } })
    assert.deepEqual(asked, [{ methods: [0], type, host: sent, port: 8883 }])
  })
}

test('socks5 looks the name up here', async (t) => {
  const asked: SocksRequest[] = []
  const port = await serve(
    t,
    socksServer({}, (request) => asked.push(request)),
  )
  await open(t, { host: 'localhost', port: 1, proxy: { kind: 'socks5', host: '127.0.0.1', port } })
  assert.notEqual(asked[0]?.type, 3)
})

for (const password of ['p@ss:w%rd', '', undefined]) {
  test(`user name with password ${JSON.stringify(password)}`, async (t) => {
    const asked: SocksRequest[] = []
    const port = await serve(
      t,
      socksServer({ status: 0 }, (request) => asked.push(request)),
    )
    const login = { userName: 'üser', ...(password !== undefined && { password }) }
    const stream = await open(t, {
      host: HOST,
      port: 1883,
      proxy: { kind: 'socks5h', host: '127.0.0.1', port, ...login },
    })
    assert.equal(await exchange(stream, 'x'), 'x')
    const [request] = asked
    assert.deepEqual(request?.methods, [0, 2])
    assert.equal(request?.userName, 'üser')
    assert.equal(request?.password, password ?? '')
  })
}

for (const type of [1, 3, 4]) {
  for (const dribble of [false, true]) {
    test(`reply with address type ${type}${dribble ? ', byte by byte' : ''}; no byte behind it is lost`, async (t) => {
      const behind = dribble ? '' : 'early bird'
      const port = await serve(t, socksServer({ type, dribble, behind }))
      const stream = await open(t, { host: HOST, proxy: { kind: 'socks5h', host: '127.0.0.1', port } })
      // Nobody listens for a while: nothing may be dropped meanwhile.
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
      stream.write('worm')
      const expected = `${behind}worm`
      assert.equal((await take(stream, expected.length)).toString(), expected)
    })
  }
}

describe('refusals', () => {
  const rows: readonly [
    name: string,
    script: SocksScript,
    detail: string,
    reply: number | undefined,
    text: RegExp,
  ][] = [
    ['no method', { method: 0xff }, 'denied', 0xff, /accepts none of our ways to log in$/],
    ['foreign method', { method: 1 }, 'failed', undefined, /login method 1, which was not offered/],
    ['login status 1', { status: 1 }, 'failed', 1, /refused the user name and password \(status 1\)/],
    ['login status 2', { status: 2 }, 'denied', 2, /refused the user name and password/],
    ['login status 3', { status: 3 }, 'unreachable', 3, /refused the user name and password/],
    ['login status 99', { status: 99 }, 'unknown', 99, /refused the user name and password/],
    ['reply 1', { reply: 1 }, 'failed', 1, /the proxy failed \(reply 1\)/],
    ['reply 2', { reply: 2 }, 'denied', 2, /rules do not allow it/],
    ['reply 2 after login', { status: 0, reply: 2 }, 'denied', 2, /rules do not allow it/],
    ['reply 3', { reply: 3 }, 'unreachable', 3, /network is unreachable/],
    ['reply 4', { reply: 4 }, 'unreachable', 4, /host is unreachable/],
    ['reply 5', { reply: 5 }, 'unreachable', 5, /nothing listens there/],
    ['reply 5, domain', { reply: 5, type: 3 }, 'unreachable', 5, /nothing listens there/],
    ['reply 6', { reply: 6 }, 'failed', 6, /TTL/],
    ['reply 7', { reply: 7 }, 'failed', 7, /command/],
    ['reply 8', { reply: 8 }, 'failed', 8, /type of address/],
    ['reply 9', { reply: 9 }, 'unknown', 9, /without a meaning/],
    ['reply 255', { reply: 255 }, 'unknown', 255, /without a meaning/],
    ['address type 9', { type: 9 }, 'failed', undefined, /not SOCKS5/],
  ]
  for (const [name, script, detail, reply, text] of rows) {
    test(name, async (t) => {
      let gone: Promise<unknown> | undefined
      const port = await serve(t, (socket) => {
        gone = once(socket, 'close')
        socksServer(script)(socket)
      })
      const proxy = { kind: 'socks5h', host: '127.0.0.1', port, userName: 'zoe', password: 'sesame' } as const
      const error = await failure(t, { host: HOST, port: 1883, proxy })
      assert.equal(error.step, 'proxy')
      assert.equal(error.detail, detail)
      assert.equal(error.reply, reply)
      assert.match(error.message, text)
      assert.ok(
        error.message.startsWith(
          `cannot connect to ${HOST} port 1883 through the proxy 127.0.0.1 port ${port}: `,
        ),
      )
      assert.doesNotMatch(JSON.stringify([error, error.message, error.stack, error.cause]), /sesame|zoe/)
      await gone
    })
  }

  const closings: readonly [name: string, bytes: string, text: RegExp][] = [
    ['nothing', '', /closed the connection without an answer/],
    ['half a method', '05', /in the middle of an answer/],
    ['method only', '0500', /in the middle of an answer/],
    ['half a reply', '0500050000', /not SOCKS5|in the middle/],
    ['HTTP', '485454502f312e31', /not a SOCKS5 proxy/],
    ['SOCKS4', '005a', /not a SOCKS5 proxy/],
    ['another version in the reply', '050004000001000000000000', /not SOCKS5/],
  ]
  for (const [name, bytes, text] of closings) {
    test(`closes after ${name}`, async (t) => {
      const port = await serve(t, (socket) => socket.resume().end(Buffer.from(bytes, 'hex')))
      const error = await failure(t, { host: HOST, proxy: { kind: 'socks5h', host: '127.0.0.1', port } })
      assert.deepEqual([error.step, error.detail], ['proxy', 'failed'])
      assert.match(error.message, text)
    })
  }

  test('no login at hand: the message says how to give one', async (t) => {
    const port = await serve(t, socksServer({ method: 0xff }))
    const error = await failure(t, { host: HOST, proxy: { kind: 'socks5h', host: '127.0.0.1', port } })
    assert.match(error.message, /give it a user name and password \(USER:PASSWORD@ before its host\)/)
  })

  test('the proxy is not there', async (t) => {
    const port = await deadPort()
    const error = await failure(t, { host: HOST, proxy: { kind: 'socks5h', host: '127.0.0.1', port } })
    assert.deepEqual([error.step, error.detail], ['tcp', undefined])
    assert.equal(
      error.message,
      `cannot connect to the proxy 127.0.0.1 port ${port}: connection refused: nothing listens there (ECONNREFUSED)`,
    )
  })

  test('a host name over 255 bytes', async (t) => {
    const port = await serve(t, socksServer({}))
    const proxy = { kind: 'socks5h', host: '127.0.0.1', port } as const
    await assert.rejects(
      dial({ host: 'x'.repeat(256), port: 1883, proxy }, new AbortController().signal),
      (error: Error) => error instanceof UsageError && /256 bytes/.test(error.message),
    )
  })
})
