// Unix sockets, and a local address to connect from.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import { echo, exchange, failure, listen, open, serve } from './support.js'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'dial-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

test('unix socket: bytes both ways', async (t) => {
  const path = join(folder(t), 'broker')
  await listen(t, createServer(echo), { path })
  const stream = await open(t, { path })
  assert.equal(await exchange(stream, 'hello'), 'hello')
})

test('unix socket: a path of 107 bytes fits', async (t) => {
  const parent = folder(t)
  const path = join(parent, 'x'.repeat(106 - Buffer.byteLength(parent)))
  assert.equal(Buffer.byteLength(path), 107)
  await listen(t, createServer(echo), { path })
  const stream = await open(t, { path })
  assert.equal(await exchange(stream, 'x'), 'x')
})

for (const length of [0, 108]) {
  test(`unix socket: a path of ${length} bytes does not`, async (t) => {
    await assert.rejects(
      open(t, { path: 'x'.repeat(length) }),
      (error: Error) =>
        error instanceof UsageError && error.message.includes(`${length} bytes, expected 1 to 107`),
    )
  })
}

test('unix socket: none there, and a file that is none', async (t) => {
  const path = join(folder(t), 'broker')
  const missing = await failure(t, { path })
  assert.equal(missing.step, 'unix')
  assert.ok(missing.message.startsWith(`cannot connect to the socket ${path}: no such socket`))
  writeFileSync(path, '')
  const file = await failure(t, { path })
  assert.equal(file.step, 'unix')
  assert.match(file.message, /nothing listens there|not a socket/)
})

for (const from of ['127.0.0.2', 'localhost']) {
  test(`connects from ${from}`, async (t) => {
    const peers: (string | undefined)[] = []
    const port = await serve(t, (socket) => {
      peers.push(socket.remoteAddress)
      echo(socket)
    })
    const stream = await open(t, { port, localAddress: from })
    assert.equal(await exchange(stream, 'x'), 'x')
    assert.deepEqual(peers, [from === 'localhost' ? '127.0.0.1' : from])
  })
}

test('connects from an address to a name', async (t) => {
  const port = await serve(t, echo)
  const stream = await open(t, { host: 'localhost', port, localAddress: '127.0.0.2' })
  assert.equal(await exchange(stream, 'x'), 'x')
})

test('no local address fits the family', async (t) => {
  const error = await failure(t, { host: '127.0.0.1', port: 9, localAddress: '::1' })
  assert.equal(error.step, 'tcp')
  assert.equal(
    error.message,
    'cannot connect to 127.0.0.1 port 9: no local address fits: ::1 is IPv6, 127.0.0.1 is IPv4',
  )
})

test('an address that is not ours', async (t) => {
  const error = await failure(t, { host: '127.0.0.1', port: 9, localAddress: '192.0.2.1' })
  assert.equal(error.step, 'tcp')
  assert.match(error.message, /from 192\.0\.2\.1: no interface of this computer has the local address/)
})
