// The library against the real mosquitto, one exchange by each of its listeners.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type ClientOptions, connect } from '../../src/index.js'
import { freePorts } from '../support/ports.js'
import { makeCertificates, PASSPHRASE, skipWithoutOpenssl } from './certificates.js'
import { TUNNELS } from './ways.js'

const program = ['mosquitto', '/usr/sbin/mosquitto'].find(
  (each) => spawnSync(each, ['-h']).stdout?.length > 0,
)
const skip = program === undefined ? 'mosquitto is missing' : skipWithoutOpenssl

describe('mosquitto', { skip }, () => {
  if (skip !== false || program === undefined) return
  const { folder, ca, client } = makeCertificates()
  const path = join(folder, 'mosquitto.sock')
  writeFileSync(join(folder, 'psk'), 'ann:c0ffee00\n')

  /** Runs a broker with one listener; undefined when its build does not know that. */
  async function broker(t: TestContext, listener: string, reached: () => Promise<boolean>): Promise<boolean> {
    const config = join(folder, 'mosquitto.conf')
    writeFileSync(config, `user root\nallow_anonymous true\n${listener}\n`)
    const child: ChildProcess = spawn(program as string, ['-c', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const exit = once(child, 'exit')
    t.after(async () => {
      child.kill()
      await exit
    })
    let log = ''
    child.stderr?.on('data', (chunk) => {
      log += chunk
    })
    while (child.exitCode === null) {
      if (await reached()) return true
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.match(log, /not available|[Uu]nsupported/, log)
    return false
  }

  const answers = (at: { port: number } | { path: string }): (() => Promise<boolean>) => {
    return () =>
      new Promise((resolve) => {
        const socket = connectTcp(at as { port: number })
        socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
        socket.on('connect', () => socket.destroy())
      })
  }

  async function exchange(options: ClientOptions): Promise<void> {
    const connection = await connect({ host: 'localhost', reconnect: 'never', ...options })
    await connection.subscribe('a/b', { qos: 1 })
    // Version 2.0.11 sends 4 KiB a tenth of a second over WebSocket.
    const payload = Buffer.alloc(options.webSocket === undefined ? 300_000 : 3_000, 'x')
    await connection.publish('a/b', payload, { qos: 1 })
    for await (const message of connection.messages()) {
      assert.ok(message.payload.equals(payload))
      break
    }
    assert.equal((await connection.disconnect()).closing, 'closed')
  }

  const tlsFiles = `cafile ${join(folder, 'ca.crt')}\ncertfile ${join(folder, 'server.crt')}\nkeyfile ${join(folder, 'server.key')}`
  const psk = { identity: 'ann', key: Buffer.from('c0ffee00', 'hex') }
  const LISTENERS: readonly [name: string, listener: string, options: ClientOptions][] = [
    ['plain, from 127.0.0.2', '', { localAddress: '127.0.0.2' }],
    ['TLS', tlsFiles, { tls: { ca: [ca] } }],
    [
      'TLS with a client certificate',
      `${tlsFiles}\nrequire_certificate true`,
      { tls: { ca: [ca], ...client, passphrase: PASSPHRASE } },
    ],
    ['TLS, 1.3 at least', tlsFiles, { tls: { ca: [ca], minVersion: 'TLSv1.3' } }],
    ['PSK', `psk_file ${join(folder, 'psk')}\npsk_hint hint`, { tls: { psk } }],
    ['WebSocket', 'protocol websockets', { webSocket: {} }],
    ['WebSocket, MQTT 3.1', 'protocol websockets', { webSocket: {}, version: 3 }],
    ['WebSocket in TLS', `protocol websockets\n${tlsFiles}`, { webSocket: {}, tls: { ca: [ca] } }],
  ]
  for (const [name, listener, options] of LISTENERS) {
    test(name, async (t) => {
      const [port = 0, other] = await freePorts(2)
      // Version 2.0.11 does not start with WebSocket alone.
      const plain = listener.includes('websockets') ? `listener ${other} 127.0.0.1\n` : ''
      if (!(await broker(t, `${plain}listener ${port} 127.0.0.1\n${listener}`, answers({ port }))))
        return t.skip('this build of mosquitto has no such listener')
      await exchange({ port, ...options })
    })
  }

  test('unix socket', async (t) => {
    if (!(await broker(t, `listener 0 ${path}`, answers({ path }))))
      return t.skip('this build of mosquitto has no unix sockets')
    await exchange({ path })
  })

  for (const [tunnel, dig] of Object.entries(TUNNELS)) {
    test(`TLS through ${tunnel}`, async (t) => {
      const [port = 0] = await freePorts(1)
      assert.ok(await broker(t, `listener ${port} 127.0.0.1\n${tlsFiles}`, answers({ port })))
      await exchange({ port, tls: { ca: [ca] }, ...(await dig(t, port)) })
    })
  }

  test('WebSocket to a port for plain MQTT', async (t) => {
    const [port = 0] = await freePorts(1)
    assert.ok(await broker(t, `listener ${port} 127.0.0.1`, answers({ port })))
    await assert.rejects(connect({ port, host: '127.0.0.1', webSocket: {} }), (error: Error) => {
      assert.match(error.message, /closed instead of an upgrade to WebSocket: is it a port for plain MQTT\?/)
      return true
    })
  })
})
