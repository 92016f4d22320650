// The WebSocket upgrade: the request, and how each answer is told apart.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import { UsageError } from '../../src/errors.js'
import type { WebSocketSettings } from '../../src/transport/index.js'
import { deadPort } from '../support/ports.js'
import { echo, exchange, failure, listen, open, serve } from './support.js'
import { switching, upgrades } from './web-socket-server.js'

test('a server made with ws: bytes both ways', async (t) => {
  const server = createServer()
  new WebSocketServer({ server, handleProtocols: () => 'mqtt' }).on('connection', (webSocket) => {
    webSocket.on('message', (data, isBinary) => webSocket.send(data, { binary: isBinary }))
  })
  const port = await listen(t, server)
  const stream = await open(t, { port, webSocket: {} })
  assert.equal(await exchange(stream, 'hello'), 'hello')
})

const REQUESTS: readonly [
  host: string,
  settings: WebSocketSettings,
  line: string,
  has: readonly string[],
  lacks: RegExp,
][] = [
  [
    '127.0.0.1',
    {},
    'GET /mqtt HTTP/1.1',
    ['Host: 127.0.0.1', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Protocol: mqtt'],
    /^(sec-websocket-extensions|origin|authorization):/i,
  ],
  [
    'localhost',
    { path: '/a/b?c=%20d', protocol: 'mqttv3.1', headers: { Authorization: 'Bearer x', host: 'other:99' } },
    'GET /a/b?c=%20d HTTP/1.1',
    ['Authorization: Bearer x', 'host: other:99', 'Sec-WebSocket-Protocol: mqttv3.1'],
    /^host: localhost/i,
  ],
  ['127.0.0.1', { path: '//x' }, 'GET //x HTTP/1.1', ['Host: 127.0.0.1'], /^$/],
]
for (const [host, settings, line, has, lacks] of REQUESTS) {
  test(`request ${line}`, async (t) => {
    const heads: string[] = []
    const answer = switching(settings.protocol ?? 'mqtt')
    const port = await serve(
      t,
      upgrades(answer, (_socket, head) => heads.push(head)),
    )
    await open(t, { host, port, webSocket: settings })
    const [first, ...headers] = (heads[0] ?? '').split('\r\n')
    assert.equal(first, line)
    for (const header of has) assert.ok(headers.includes(header), `${header} in ${headers.join(', ')}`)
    for (const header of headers.filter(Boolean)) assert.doesNotMatch(header, lacks)
    assert.ok(headers.includes('Sec-WebSocket-Version: 13'))
  })
}

const ACCEPT = (accept: string): string =>
  `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`

const REFUSALS: readonly [
  name: string,
  answer: (accept: string) => string,
  detail: string,
  reply: number | undefined,
  text: RegExp,
][] = [
  [
    '404',
    () => 'HTTP/1.1 404 Not Found\r\n\r\n',
    'refused',
    404,
    /HTTP 404 Not Found: '\/mqtt' is not its path/,
  ],
  ['401', () => 'HTTP/1.1 401 x\r\n\r\n', 'refused', 401, /HTTP 401 x: it wants other credentials/],
  [
    '302',
    () => 'HTTP/1.1 302 Found\r\nLocation: http://x/y\r\n\r\n',
    'refused',
    302,
    /points to http:\/\/x\/y$/,
  ],
  ['200', () => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', 'refused', 200, /HTTP 200 OK$/],
  ['503', () => 'HTTP/1.1 503 Busy\r\n\r\n', 'failed', 503, /HTTP 503 Busy$/],
  [
    'no subprotocol',
    switching(undefined),
    'refused',
    101,
    /chose no subprotocol instead of 'mqtt'.*MQTT-6\.0\.0-4/,
  ],
  [
    'another subprotocol',
    switching('mqttv5'),
    'refused',
    101,
    /chose subprotocol 'mqttv5' instead of 'mqtt'/,
  ],
  ['two subprotocols', switching('mqtt, mqttv5'), 'refused', 101, /chose subprotocol 'mqtt, mqttv5'/],
  [
    'a wrong accept value',
    () => switching('mqtt')('bm9wZQ=='),
    'refused',
    undefined,
    /Invalid Sec-WebSocket-Accept/,
  ],
  [
    'another upgrade',
    (accept) => `HTTP/1.1 101 x\r\n${ACCEPT(accept).replace('websocket', 'h2c')}\r\n\r\n`,
    'refused',
    undefined,
    /Invalid Upgrade header/,
  ],
  [
    'an extension that was not asked for',
    (accept) =>
      `HTTP/1.1 101 x\r\n${ACCEPT(accept)}\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`,
    'refused',
    undefined,
    /Sec-WebSocket-Extensions/,
  ],
  [
    'long headers',
    (accept) => switching('mqtt')(accept).replace('Upgrade:', `X: ${'y'.repeat(4_200)}\r\nUpgrade:`),
    'failed',
    undefined,
    /over 4096 bytes of headers/,
  ],
  ['no HTTP', () => 'MQTT to you\r\n', 'failed', undefined, /did not answer in HTTP/],
]
for (const [name, answer, detail, reply, text] of REFUSALS) {
  test(`fails: ${name}`, async (t) => {
    let gone: Promise<unknown> | undefined
    let sent = ''
    const port = await serve(t, (socket) => {
      gone = once(socket, 'close')
      upgrades(answer, () => {
        socket.on('data', (chunk) => {
          sent += chunk
        })
      })(socket)
    })
    const error = await failure(t, { port, webSocket: {} })
    assert.deepEqual([error.step, error.detail, error.reply], ['upgrade', detail, reply])
    assert.ok(error.message.startsWith(`cannot connect to 127.0.0.1 port ${port}: `), error.message)
    assert.match(error.message, text)
    await gone
    assert.equal(sent, '', 'nothing was sent after the request')
  })
}

const closers: readonly [name: string, handle: (socket: Socket) => void][] = [
  ['at once', (socket) => socket.destroy()],
  ['after the request', (socket) => socket.once('data', () => socket.end())],
  ['with a reset', (socket) => socket.once('data', () => socket.resetAndDestroy())],
  ['in mid answer', (socket) => socket.once('data', () => socket.end('HTTP/1.1 101 Sw'))],
]
for (const [name, handle] of closers) {
  test(`the server closes ${name}, as one for plain MQTT does`, async (t) => {
    const port = await serve(t, handle)
    const error = await failure(t, { port, webSocket: {} })
    assert.deepEqual([error.step, error.detail], ['upgrade', 'closed'])
    assert.match(error.message, /closed instead of an upgrade to WebSocket: is it a port for plain MQTT\?/)
  })
}

test('nothing listens', async (t) => {
  const error = await failure(t, { port: await deadPort(), webSocket: {} })
  assert.deepEqual([error.step, error.detail], ['tcp', undefined])
})

const UNUSABLE: readonly [settings: WebSocketSettings, text: RegExp][] = [
  [{ path: 'mqtt' }, /WebSocket path 'mqtt'/],
  [{ path: '/a b' }, /WebSocket path/],
  [{ path: '/a#b' }, /WebSocket path/],
  [{ path: '/a?token=sesame b' }, /WebSocket path '\/a'/],
  [{ path: '/a\r\nX: y' }, /WebSocket path/],
  [{ headers: { 'a b': 'x' } }, /header 'a b': not a valid name/],
  [{ headers: { a: 'x\r\nb: sesame' } }, /header 'a': its value holds/],
  [{ headers: { 'sec-websocket-key': 'x' } }, /belongs to the upgrade/],
]
for (const [settings, text] of UNUSABLE) {
  test(`unusable: ${JSON.stringify(settings)}`, async (t) => {
    let connections = 0
    const port = await serve(t, (socket) => {
      connections++
      echo(socket)
    })
    await assert.rejects(open(t, { port, webSocket: settings }), (error: Error) => {
      assert.ok(error instanceof UsageError, String(error))
      assert.match(error.message, text)
      assert.doesNotMatch(error.message, /sesame/)
      return true
    })
    assert.equal(connections, 0)
  })
}
