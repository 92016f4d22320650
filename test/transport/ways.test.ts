// Every way inside every tunnel carries bytes; much data meets a slow reader; the attempt can be ended at any step.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { EventEmitter, getEventListeners, once } from 'node:events'
import type { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import { TransportError } from '../../src/errors.js'
import { type DialTools, dial, type Target } from '../../src/transport/index.js'
import { makeCertificates, skipWithoutOpenssl } from './certificates.js'
import { echo, exchange, open, serve, take } from './support.js'
import { TUNNELS, waysWith } from './ways.js'

const MIB = 1024 * 1024
/** Much more than kernel and streams may hold on the way, which with Linux's largest buffers is about 10 MiB. */
const LENGTH = 20 * MIB
const HELD_LIMIT = 14 * MIB

const certificates = skipWithoutOpenssl ? undefined : makeCertificates()
const ways = Object.entries(waysWith(certificates))
test('tls and wss', { skip: skipWithoutOpenssl }, () => assert.equal(ways.length, 4))

describe('inside each other', () => {
  for (const [way, start] of ways) {
    for (const [tunnel, dig] of Object.entries(TUNNELS)) {
      test(`${way} through ${tunnel}`, async (t) => {
        const target = await start(t, echo)
        const stream = await open(t, { host: 'localhost', ...target, ...(await dig(t, target.port ?? 0)) })
        assert.equal(await exchange(stream, 'hello'), 'hello')
      })
    }
  }
})

const CHUNK = randomBytes(64 * 1024)
const DIGEST = (() => {
  const hash = createHash('sha256')
  for (let at = 0; at < LENGTH; at += CHUNK.length) hash.update(CHUNK)
  return hash.digest('hex')
})()

/** Writes LENGTH bytes as fast as `stream` takes them; `sent.bytes` is how many it took. */
async function pour(stream: Duplex, sent: { bytes: number }): Promise<void> {
  while (sent.bytes < LENGTH) {
    const more = stream.write(CHUNK)
    sent.bytes += CHUNK.length
    if (!more) await once(stream, 'drain')
  }
}

/** Turns of the event loop until `sent` stands still. Too few would only make the test milder. */
async function standstill(sent: { bytes: number }): Promise<void> {
  let last = -1
  for (let still = 0; still < 200; still++) {
    if (sent.bytes !== last) still = 0
    last = sent.bytes
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Reads LENGTH bytes, a chunk in a turn, and checks them. */
async function sip(stream: Duplex): Promise<void> {
  const hash = createHash('sha256')
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    size += chunk.length
    stream.pause()
    setImmediate(() => stream.resume())
    if (size >= LENGTH) stream.emit('all')
  })
  if (size < LENGTH) await once(stream, 'all')
  assert.equal(size, LENGTH)
  assert.equal(hash.digest('hex'), DIGEST)
}

describe('20 MiB and a slow reader', () => {
  const rows = [
    ...ways.map(([way, start]) => ({ name: way, start, dig: undefined })),
    ...Object.entries(TUNNELS).map(([tunnel, dig]) => ({
      name: tunnel,
      start: waysWith(undefined).tcp,
      dig,
    })),
  ]
  for (const { name, start, dig } of rows) {
    for (const down of [true, false]) {
      test(`${name}, ${down ? 'from' : 'to'} the server`, async (t) => {
        const bell = new EventEmitter()
        const arrived = once(bell, 'connection')
        const target = (await start?.(t, (socket) => bell.emit('connection', socket))) ?? {}
        const tunnel = await dig?.(t, target.port ?? 0)
        const ours = await open(t, { host: 'localhost', ...target, ...tunnel })
        const [theirs] = (await arrived) as [Duplex]
        theirs.on('error', () => {})
        const [from, to] = down ? [theirs, ours] : [ours, theirs]
        const sent = { bytes: 0 }
        const poured = pour(from, sent)
        await standstill(sent)
        const limit = tunnel === undefined ? HELD_LIMIT : LENGTH // a proxy has sockets of its own
        assert.ok(sent.bytes <= limit, `${sent.bytes} bytes left the sender, but nobody reads`)
        assert.ok(ours.readableLength <= MIB, `${ours.readableLength} bytes wait to be read`)
        assert.ok(ours.writableLength <= MIB, `${ours.writableLength} bytes wait to be written`)
        await sip(to)
        await poured
      })
    }
  }
})

describe('ends with the signal', () => {
  const REASON = new Error('no answer within 5 s')
  const silent: readonly [
    name: string,
    step: string,
    phrase: string,
    more: (port: number) => Partial<Target>,
  ][] = [
    ['TLS', 'tls', 'TLS handshake', (port) => ({ port, tls: {} })],
    ['WebSocket', 'upgrade', 'WebSocket upgrade', (port) => ({ port, webSocket: {} })],
    ['SOCKS', 'proxy', 'proxy', (port) => ({ proxy: { kind: 'socks5h', host: '127.0.0.1', port } })],
    [
      'SOCKS by address',
      'proxy',
      'proxy',
      (port) => ({ proxy: { kind: 'socks5', host: '127.0.0.1', port } }),
    ],
    ['HTTP proxy', 'proxy', 'proxy', (port) => ({ proxy: { kind: 'http', host: '127.0.0.1', port } })],
    ['TLS from an address', 'tls', 'TLS handshake', (port) => ({ port, tls: {}, localAddress: '127.0.0.2' })],
  ]
  for (const [name, step, phrase, more] of silent) {
    test(`a silent ${name}`, async (t) => {
      const abort = new AbortController()
      let gone: Promise<unknown> | undefined
      const port = await serve(t, (socket) => {
        gone = once(socket.resume(), 'close')
        socket.once('data', () => abort.abort(REASON))
      })
      await rejects({ host: '127.0.0.1', port: 1883, ...more(port) }, abort, step, phrase)
      await gone
    })
  }

  test('a silent name server', async () => {
    const abort = new AbortController()
    const tools: DialTools = {
      resolveSrv: () => {
        queueMicrotask(() => abort.abort(REASON))
        return new Promise(() => {})
      },
    }
    await rejects({ host: 'example.org', port: 0, srv: true }, abort, 'lookup', 'name lookup', tools)
  })

  test('the servers of an SRV record that come after it are not tried', async (t) => {
    const abort = new AbortController()
    let connections = 0
    const port = await serve(t, (socket) => {
      connections++
      socket.once('data', () => abort.abort(REASON))
    })
    const records = [1, 2].map((priority) => ({ name: '127.0.0.1', port, priority, weight: 0 }))
    const tools: DialTools = { resolveSrv: async () => records }
    await rejects({ host: 'example.org', port: 0, srv: true, tls: {} }, abort, 'tls', 'TLS handshake', tools)
    assert.equal(connections, 1)
  })

  for (const more of [{}, { tls: {} }, { webSocket: {} }, { localAddress: '127.0.0.2' }, { path: '/none' }]) {
    test(`aborted before it begins: ${JSON.stringify(more)}`, async (t) => {
      const abort = new AbortController()
      abort.abort(REASON)
      const port = await serve(t, echo)
      const error = await dial({ host: '127.0.0.1', port, ...more }, abort.signal).catch((reason) => reason)
      assert.ok(error instanceof TransportError)
      assert.equal(error.cause, REASON)
    })
  }

  async function rejects(
    target: Target,
    abort: AbortController,
    step: string,
    phrase: string,
    tools?: DialTools,
  ): Promise<void> {
    const error = await dial(target, abort.signal, tools).catch((reason: unknown) => reason)
    assert.ok(error instanceof TransportError, String(error))
    assert.equal(error.step, step)
    assert.ok(error.message.includes(`: no answer within 5 s (${phrase})`), error.message)
    assert.deepEqual(getEventListeners(abort.signal, 'abort'), [])
  }
})

test('one WebSocket message of 20 MiB arrives whole', async (t) => {
  const message = randomBytes(LENGTH)
  const target = (await waysWith(undefined).ws?.(t, (stream) => stream.write(message))) ?? {}
  const stream = await open(t, target)
  assert.ok((await take(stream, LENGTH)).equals(message))
})
