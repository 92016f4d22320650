// HTTP proxies: CONNECT, and how each answer is told apart.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { exchange, failure, open, serve, take } from './support.js'

/** A proxy that answers every request with `answer`; then it echoes. */
function proxyServer(answer: string | Buffer, asked: (head: string) => void = () => {}) {
  return (socket: import('node:net').Socket): void => {
    let head = ''
    socket.on('data', function onData(chunk) {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      socket.off('data', onData)
      asked(head)
      socket.write(answer)
      socket.pipe(socket)
    })
  }
}

const headersOf = (head: string): string[] => head.split('\r\n').filter(Boolean)

test('200: the request, and bytes both ways', async (t) => {
  const asked: string[] = []
  const port = await serve(
    t,
    proxyServer('HTTP/1.1 200 Connection established\r\n\r\n', (head) => asked.push(head)),
  )
  const proxy = { kind: 'http', host: '127.0.0.1', port } as const
  const stream = await open(t, { host: 'broker.example', port: 8883, proxy })
  assert.equal(await exchange(stream, 'hello'), 'hello')
  const [line, ...headers] = headersOf(asked[0] ?? '')
  assert.equal(line, 'CONNECT broker.example:8883 HTTP/1.1')
  assert.ok(headers.includes('Host: broker.example:8883'))
  assert.ok(!headers.some((header) => /^proxy-authorization/i.test(header)))
})

test('IPv6 goes in brackets, credentials by Basic, UTF-8', async (t) => {
  const asked: string[] = []
  const port = await serve(
    t,
    proxyServer('HTTP/1.1 204 x\r\n\r\n', (head) => asked.push(head)),
  )
  const proxy = { kind: 'http', host: '127.0.0.1', port, userName: 'ü', password: 'a:b' } as const
  await open(t, { host: '2001:db8::1', port: 1883, proxy })
  const headers = headersOf(asked[0] ?? '')
  assert.equal(headers[0], 'CONNECT [2001:db8::1]:1883 HTTP/1.1')
  assert.ok(headers.includes(`Proxy-Authorization: Basic ${Buffer.from('ü:a:b').toString('base64')}`))
})

test('bytes behind the answer are kept until somebody reads', async (t) => {
  const port = await serve(t, proxyServer('HTTP/1.0 200\r\nVia: x\r\n\r\nearly bird'))
  const stream = await open(t, { host: 'b', proxy: { kind: 'http', host: '127.0.0.1', port } })
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await take(stream, 10)).toString(), 'early bird')
})

const FAILURES: readonly [answer: string, detail: string, reply: number | undefined, text: RegExp][] = [
  ['HTTP/1.1 407 Auth Required\r\n\r\n', 'denied', 407, /HTTP 407 Auth Required: it does not take/],
  ['HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', 'denied', 403, /HTTP 403 Forbidden$/],
  ['HTTP/1.1 502 Bad Gateway\r\n\r\n', 'unreachable', 502, /HTTP 502 Bad Gateway$/],
  ['HTTP/1.1 503 x\r\n\r\n', 'unreachable', 503, /HTTP 503/],
  ['HTTP/1.1 504 x\r\n\r\n', 'unreachable', 504, /HTTP 504/],
  ['HTTP/1.1 500 x\r\n\r\n', 'failed', 500, /HTTP 500/],
  ['HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n', 'failed', 302, /HTTP 302/],
  ['\x05\x00', 'failed', undefined, /not an HTTP proxy/],
  [`HTTP/1.1 200 x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, 'failed', undefined, /over 16384 bytes of headers/],
]
for (const [answer, detail, reply, text] of FAILURES) {
  test(`fails: ${JSON.stringify(answer.slice(0, 40))}`, async (t) => {
    let gone: Promise<unknown> | undefined
    const port = await serve(t, (socket) => {
      gone = once(socket, 'close')
      proxyServer(answer)(socket)
    })
    const proxy = { kind: 'http', host: '127.0.0.1', port, userName: 'u', password: 'sesame' } as const
    const error = await failure(t, { host: 'broker.example', port: 1883, proxy })
    assert.deepEqual([error.step, error.detail, error.reply], ['proxy', detail, reply])
    assert.match(error.message, text)
    assert.match(
      error.message,
      /^cannot connect to broker\.example port 1883 through the proxy 127\.0\.0\.1 port/,
    )
    assert.doesNotMatch(error.message, /sesame/)
    await gone
  })
}

test('407 without credentials: the message says how to give them', async (t) => {
  const port = await serve(t, proxyServer('HTTP/1.1 407 x\r\n\r\n'))
  const error = await failure(t, { host: 'b', proxy: { kind: 'http', host: '127.0.0.1', port } })
  assert.match(error.message, /give it a user name and password \(USER:PASSWORD@ before its host\)/)
})

for (const part of ['', 'HTTP/1.1 200 Conn']) {
  test(`closes after ${JSON.stringify(part)}`, async (t) => {
    const port = await serve(t, (socket) => socket.resume().end(part))
    const error = await failure(t, { host: 'b', proxy: { kind: 'http', host: '127.0.0.1', port } })
    assert.deepEqual([error.step, error.detail], ['proxy', 'failed'])
    assert.match(error.message, /closed the connection without an answer/)
  })
}
