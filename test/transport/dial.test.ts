// Opening streams: each failure names its step, the host and the reason in plain words.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { TransportError, type TransportStep } from '../../src/errors.js'
import { dial } from '../../src/transport/index.js'
import { broker, mute } from '../broker/broker.js'
import { script } from '../broker/script.js'
import { cannot } from '../support/mosquitto.js'
import { deadPort } from '../support/ports.js'
import { temporaryFolder } from '../support/run.js'

const never = new AbortController().signal

function failed(step: TransportStep, words: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof TransportError, String(error))
    assert.equal(error.step, step)
    assert.match(error.message, words)
    return true
  }
}

test('an open port gives a stream, by address and by name', async (t) => {
  const { port } = await broker(t)
  for (const host of ['127.0.0.1', 'localhost']) {
    const stream = await dial({ host, port }, never)
    stream.destroy()
    await once(stream, 'close')
  }
})

for (const way of ['TCP', 'a unix socket']) {
  test(`over ${way} an intake has what is read, none of it before the stream is told to resume`, async (t) => {
    const sent = Buffer.from('said at once')
    const path = way === 'TCP' ? undefined : join(temporaryFolder(t), 'socket')
    const server = createServer((socket) => socket.write(sent)).listen(path ?? { port: 0, host: '127.0.0.1' })
    t.after(() => server.close())
    await once(server, 'listening')
    const port = path === undefined ? (server.address() as AddressInfo).port : 1
    const room = Buffer.alloc(100)
    let length = 0
    let told = (): void => {}
    const came = new Promise<void>((resolve) => {
      told = resolve
    })
    const intake = {
      room: () => room.subarray(length),
      took: (count: number) => {
        length += count
        if (length >= sent.length) told()
      },
    }
    const stream = await dial({ host: '127.0.0.1', port, ...(path && { path }) }, never, { intake })
    t.after(() => stream.destroy())
    stream.on('data', () => assert.fail('it came as data'))
    assert.equal(length, 0)
    stream.resume()
    await came
    assert.ok(room.subarray(0, length).equals(sent))
  })
}

test('a port without a listener', async () => {
  const port = await deadPort()
  await assert.rejects(
    dial({ host: '127.0.0.1', port }, never),
    failed('tcp', new RegExp(`127\\.0\\.0\\.1 port ${port}: connection refused.*ECONNREFUSED`)),
  )
})

test('localhost is both its addresses', async (t) => {
  const server = createServer((socket) => socket.end()).listen(0, '::1')
  t.after(() => server.close())
  const [error] = (await Promise.race([
    once(server, 'listening').then(() => []),
    once(server, 'error'),
  ])) as Error[]
  if (error !== undefined) return cannot(t, 'this machine has no ::1')
  const { port } = server.address() as AddressInfo
  const stream = await dial({ host: 'localhost', port }, never)
  assert.equal((stream as Socket).remoteAddress, '::1')
  stream.destroy()
})

test('all addresses of a name refuse', async () => {
  const port = await deadPort()
  await assert.rejects(dial({ host: 'localhost', port }, never), failed('tcp', /localhost port .*refused/))
})

test('a name that does not exist', async () => {
  await assert.rejects(dial({ host: 'nohost.invalid', port: 1 }, never), failed('lookup', /nohost\.invalid/))
})

test('an attempt that is aborted, before and in the middle, ends with the reason and the step', async (t) => {
  const reason = new Error('no answer within 1 s')
  await assert.rejects(
    dial({ host: '127.0.0.1', port: 1 }, AbortSignal.abort(reason)),
    failed('tcp', /no answer within 1 s \(TCP connection\)/),
  )
  const server = await mute(t)
  const aborter = new AbortController()
  const opening = dial({ host: '127.0.0.1', port: server.port, tls: {} }, aborter.signal)
  const rejected = assert.rejects(opening, failed('tls', /no answer within 1 s \(TLS handshake\)/))
  while (server.connections() === 0) await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  aborter.abort(reason)
  await rejected
})

test('TLS to a port that speaks MQTT without it', async (t) => {
  const server = await script(
    t,
    "> 20 02 00 00 'not tls at all, and long enough to be told from a record'\nsilence",
  )
  await assert.rejects(
    dial({ host: '127.0.0.1', port: server.port, tls: {} }, never),
    failed('tls', /did not answer in TLS/),
  )
  await server.done
})

for (const ending of ['cut', 'reset']) {
  test(`a handshake that the other side ends (${ending})`, async (t) => {
    const server = await script(t, `< 16\n${ending}`)
    await assert.rejects(
      dial({ host: '127.0.0.1', port: server.port, tls: {} }, never),
      failed('tls', /closed during the TLS handshake/),
    )
    await server.done
  })
}
