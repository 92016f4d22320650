// The client over WebSocket, against the catalogue of what servers may do wrong there (M-190 to M-194), and URLs.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type ClientOptions, ClosedError, connect, MalformedError, TransportError } from '../../src/index.js'
import { type ParsedUrl, parseUrl } from '../../src/transport/index.js'
import { serve } from './support.js'
import { frame, framesOf, switching, upgrades } from './web-socket-server.js'

const CONNACK = Buffer.from('20020000', 'hex')
const BINARY = 0x82

/** A server that answers the first frame, CONNECT, with `reply`; what it was sent is in the returned list. */
async function server(
  t: TestContext,
  reply: (socket: Socket) => void,
): Promise<{ options: ClientOptions; packets: string[]; gone: Promise<unknown> }> {
  const packets: string[] = []
  const bell = new EventEmitter()
  const gone = once(bell, 'close')
  const port = await serve(
    t,
    upgrades(switching('mqtt'), (socket) => {
      socket.on('close', () => bell.emit('close'))
      socket.on('data', (bytes) => {
        const isFirst = packets.length === 0
        packets.push(
          ...framesOf(bytes).map(({ first, payload }) => `${first.toString(16)} ${payload.toString('hex')}`),
        )
        if (packets.some((packet) => packet.startsWith('88'))) socket.end()
        if (isFirst) reply(socket)
      })
    }),
  )
  return {
    options: { host: '127.0.0.1', port, webSocket: {}, reconnect: 'never', clientId: 'c1' },
    packets,
    gone,
  }
}

test('packets and frames have different borders: CONNACK in four frames, two packets and a half in one', async (t) => {
  const publish = Buffer.from('3003000161', 'hex')
  const { options } = await server(t, (socket) => {
    for (const byte of CONNACK) socket.write(frame(BINARY, Buffer.of(byte)))
    socket.write(frame(BINARY, Buffer.concat([publish, publish, publish.subarray(0, 2)])))
    socket.write(frame(BINARY, publish.subarray(2)))
  })
  const client = await connect(options)
  t.after(() => client.disconnect())
  const topics: string[] = []
  for await (const { topic } of client.messages()) if (topics.push(topic) === 3) break
  assert.deepEqual(topics, ['a', 'a', 'a'])
})

test('M-190: CONNACK in a text frame ends the connection with status 1003', async (t) => {
  const { options, packets, gone } = await server(t, (socket) => socket.write(frame(0x81, CONNACK)))
  await assert.rejects(connect(options), (error: Error) => {
    assert.ok(error instanceof ClosedError)
    assert.match(error.message, /^connection lost: the broker sent a text frame.*MQTT-6\.0\.0-1/)
    return true
  })
  await gone
  assert.equal(packets.length, 2)
  assert.match(packets[1] ?? '', /^88 03eb/)
})

for (const [name, protocol] of [
  ['M-191: the server selects mqttv5', 'mqttv5'],
  ['M-192: the server selects none', undefined],
] as const) {
  test(name, async (t) => {
    let sent = 0
    const port = await serve(
      t,
      upgrades(switching(protocol), (socket) => {
        socket.on('data', () => sent++)
      }),
    )
    await assert.rejects(connect({ host: '127.0.0.1', port, webSocket: {} }), (error: Error) => {
      assert.ok(error instanceof TransportError)
      assert.deepEqual([error.step, error.detail], ['upgrade', 'refused'])
      return true
    })
    assert.equal(sent, 0)
  })
}

test('M-193: a malformed packet in a good frame', async (t) => {
  const { options } = await server(t, (socket) => socket.write(frame(BINARY, Buffer.of(0, 0))))
  await assert.rejects(connect(options), MalformedError)
})

test('M-194: closed in the middle of a packet', async (t) => {
  const { options } = await server(t, (socket) => {
    socket.write(frame(BINARY, CONNACK))
    socket.end(Buffer.concat([frame(BINARY, Buffer.from('300a00', 'hex')), frame(0x88, '')]))
  })
  const client = await connect(options)
  const { error } = await client.ended
  assert.ok(error instanceof ClosedError)
  assert.match(error.message, /in the middle of a packet \(3 bytes of it came\)/)
})

test('MQTT 3.1 calls itself mqttv3.1', async (t) => {
  const heads: string[] = []
  const port = await serve(
    t,
    upgrades(switching('mqttv3.1'), (socket, head) => {
      heads.push(head)
      socket.once('data', () => socket.write(frame(BINARY, CONNACK)))
    }),
  )
  const client = await connect({ host: '127.0.0.1', port, webSocket: {}, version: 3, reconnect: 'never' })
  t.after(() => client.disconnect())
  assert.match(heads[0] ?? '', /^Sec-WebSocket-Protocol: mqttv3\.1\r$/m)
})

const URLS: readonly [text: string, parsed: ParsedUrl][] = [
  ['ws://host', { host: 'host', port: 80, tls: false, webSocket: {} }],
  ['wss://host/', { host: 'host', port: 443, tls: true, webSocket: {} }],
  ['WSS://[::1]:8084/a?b=1', { host: '::1', port: 8084, tls: true, webSocket: { path: '/a?b=1' } }],
  [
    'ws://u:p%40@host:80/mqtt',
    { host: 'host', port: 80, tls: false, userName: 'u', password: 'p@', webSocket: { path: '/mqtt' } },
  ],
  ['mqtts://host:80', { host: 'host', port: 80, tls: true }],
]
for (const [text, parsed] of URLS) test(text, () => assert.deepEqual(parseUrl(text), parsed))
