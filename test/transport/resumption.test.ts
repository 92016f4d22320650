// Sessions of TLS that are resumed when the same server is dialled again, and those that must not be.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { before, describe, type TestContext, test } from 'node:test'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { connect } from '../../src/index.js'
import type { Target } from '../../src/transport/index.js'
import { broker } from '../broker/broker.js'
import { type Certificates, makeCertificates, type Pair } from '../support/certificates.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { newFolder } from '../support/processes.js'
import { echo, exchange, failure, listen, open, serve, take } from './support.js'

const options = needs('openssl')
let pem: Certificates
before(() => {
  if (options.skip === undefined) pem = makeCertificates(newFolder())
})

const read = ({ cert, key }: Pair): { cert: string; key: string } => ({
  cert: readFileSync(cert, 'latin1'),
  key: readFileSync(key, 'latin1'),
})

function server(t: TestContext, pair: Pair, more: TlsOptions = {}): Promise<number> {
  return listen(t, createServer({ ...read(pair), ...more }, echo))
}

/** Dials and reads something: sessions of TLS 1.3 come behind the handshake. */
async function talk(t: TestContext, target: Partial<Target>): Promise<TLSSocket> {
  const stream = (await open(t, { host: 'localhost', ...target })) as TLSSocket
  assert.equal(await exchange(stream, 'hello'), 'hello')
  return stream
}

const trusting = (): { ca: string[] } => ({ ca: [read(pem.ca).cert] })

describe('a second connection', options, () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version}: resumes the session, once each, and is authorized`, async (t) => {
      const port = await server(t, pem.server, { maxVersion: version })
      const target = { port, tls: trusting(), tlsSessions: new Map<string, Buffer>() }
      const first = await talk(t, target)
      assert.deepEqual([first.getProtocol(), first.isSessionReused()], [version, false])
      const offered = target.tlsSessions.get(`localhost:${port}`)
      const second = await talk(t, target)
      assert.deepEqual([second.isSessionReused(), second.authorized], [true, true])
      assert.notDeepEqual(target.tlsSessions.get(`localhost:${port}`), offered)
    })
  }

  test('to a server that has forgotten: a new handshake, with all its checks', async (t) => {
    let to = await server(t, pem.server)
    const port = await serve(t, (socket) => void socket.pipe(connectTcp(to, '127.0.0.1')).pipe(socket))
    const target = { port, tls: trusting(), tlsSessions: new Map<string, Buffer>() }
    await talk(t, target)
    to = await server(t, pem.server)
    assert.equal((await talk(t, target)).isSessionReused(), false)
    to = await server(t, pem.expired)
    assert.match((await failure(t, { host: 'localhost', ...target })).message, /has expired/)
  })

  test('to a server that gives no sessions', async (t) => {
    const { constants } = await import('node:crypto')
    const more: TlsOptions = { maxVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET }
    const port = await server(t, pem.server, more)
    const target = { port, tls: trusting(), tlsSessions: new Map<string, Buffer>() }
    await talk(t, target)
    assert.equal((await talk(t, target)).isSessionReused(), false)
  })

  test('to a server that fails where a session is offered: dialled again without', async (t) => {
    const to = await server(t, pem.server)
    let count = 0
    const port = await serve(t, (socket) => {
      if (++count === 2) return alert(socket)
      socket.pipe(connectTcp(to, '127.0.0.1')).pipe(socket)
    })
    const target = { port, tls: trusting(), tlsSessions: new Map<string, Buffer>() }
    await talk(t, target)
    assert.equal((await talk(t, target)).isSessionReused(), false)
    assert.equal(count, 3)
  })

  test('under another name: that one is checked', async (t) => {
    const port = await server(t, pem.otherName)
    const target = { port, tls: trusting(), tlsSessions: new Map<string, Buffer>() }
    assert.match((await failure(t, { host: 'localhost', ...target })).message, /not for 'localhost'/)
    assert.equal(target.tlsSessions.size, 0, 'a session that failed its check is not kept')
    assert.match((await failure(t, { host: '127.0.0.1', ...target })).message, /not for '127\.0\.0\.1'/)
  })

  test('after one that was not checked: nothing is resumed', async (t) => {
    const port = await server(t, pem.otherName)
    const tlsSessions = new Map<string, Buffer>()
    await talk(t, { port, tls: { insecure: true }, tlsSessions })
    assert.equal(tlsSessions.size, 0)
  })
})

/** A fatal alert, as servers send that have no session id context. */
function alert(socket: Socket): void {
  socket.once('data', () => socket.end(Buffer.from('15030300020250', 'hex')))
}

test('a client resumes the session when it connects again', options, async (t) => {
  const plain = await broker(t)
  const reused: boolean[] = []
  const sockets: TLSSocket[] = []
  const port = await listen(
    t,
    createServer(read(pem.server), (socket) => {
      reused.push(socket.isSessionReused())
      sockets.push(socket)
      socket.on('error', () => {})
      const onward = connectTcp(plain.port, '127.0.0.1')
      onward.on('close', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
    }),
  )
  let again: () => void = () => {}
  const reconnected = new Promise<void>((resolve) => {
    again = resolve
  })
  const client = await connect({
    port,
    tls: trusting(),
    onNote: ({ type }) => type === 'reconnected' && again(),
  })
  await client.publish('a', 'x', { qos: 1 })
  sockets[0]?.destroy()
  await reconnected
  await client.publish('a', 'y', { qos: 1 })
  await client.disconnect()
  assert.deepEqual(reused, [false, true])
})

const real = needs('mosquitto', 'openssl')
for (const [name, more] of [
  ['mosquitto', (): string => ''],
  ['mosquitto with client certificates', (): string => `cafile ${pem.ca.cert}\nrequire_certificate true\n`],
] as const) {
  for (const minVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${name} resumes a session, ${minVersion} at least`, real, async (t) => {
      const { port } = await startMosquitto(
        t,
        `listener {port} 127.0.0.1\nallow_anonymous true\ncertfile ${pem.server.cert}\nkeyfile ${pem.server.key}\n${more()}`,
      )
      const tls = { ...trusting(), ...read(pem.client), minVersion }
      const target = { host: 'localhost', port, tls, tlsSessions: new Map<string, Buffer>() }
      for (const reused of [false, true, true]) {
        const stream = (await open(t, target)) as TLSSocket
        assert.deepEqual([stream.isSessionReused(), stream.authorized], [reused, true])
        stream.write(Buffer.from('100c00044d515454040200000000', 'hex'))
        assert.equal((await take(stream, 4)).toString('hex'), '20020000')
        stream.on('error', () => {}) // it may close without reading our close_notify
        stream.end(Buffer.from('e000', 'hex'))
      }
    })
  }
}
