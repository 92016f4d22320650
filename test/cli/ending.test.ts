// How a run ends when the other side does not do its part: a broker that never closes, a reader that stands still.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { blast, broker } from '../broker/broker.js'
import { cli, converse, start, told } from '../support/run.js'

/** Answers CONNECT and each QoS 1 PUBLISH with identifier 1, and keeps its side open whatever comes. */
async function neverClosing(t: TestContext, onLeave = (): void => {}): Promise<number> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      if (bytes[0] === 0x10) socket.write(Buffer.from('20020000', 'hex'))
      if (bytes[0] === 0x32) socket.write(Buffer.from('40020001', 'hex'))
    })
    socket.on('end', onLeave)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

test('QoS 0 on a connection that the broker does not close is not confirmed: exit 7 and the count (P1)', async (t) => {
  const args = ['-h', '127.0.0.1', '-p', await neverClosing(t), '-t', 'a', '-l']
  const run = told(await cli(t, 'mqtt-pub', args, { input: '1\n2\n' }))
  assert.equal(run.code, 7)
  assert.match(run.err, /did not close the connection after DISCONNECT/)
  assert.match(run.err, /2 of 2 message\(s\) not confirmed/)
})

for (const env of [{}, { FORCE_COLOR: '1' }]) {
  test(`a signal ends the wait for a broker that has much to read, and all is said ${JSON.stringify(env)}`, (t) =>
    endsBySignal(t, env))
}

async function endsBySignal(t: TestContext, env: Readonly<Record<string, string>>): Promise<void> {
  let leave = (): void => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  const args = ['-h', '127.0.0.1', '-p', await neverClosing(t, leave), '-t', 'a', '-l']
  const run = start(t, 'mqtt-pub', args, { input: `${'x'.repeat(999)}\n`.repeat(9_000), env })
  await left
  run.kill('SIGTERM')
  const { code, err } = told(await run.done)
  assert.equal(code, 'SIGTERM')
  assert.match(err, /9000 of 9000 message\(s\) not confirmed/)
}

test('QoS 1 is confirmed by PUBACK, whether or not the broker closes (P1)', async (t) => {
  const args = ['-h', '127.0.0.1', '-p', await neverClosing(t), '-t', 'a', '-m', 'x', '-q', 1]
  assert.deepEqual(told(await cli(t, 'mqtt-pub', args)), { code: 0, out: '', err: '' })
})

test('-W of mqtt-pub ends with the last confirmation, not with the closing of the connection', async (t) => {
  const args = ['-h', '127.0.0.1', '-p', await neverClosing(t), '-t', 'a', '-m', 'x', '-q', 1, '-W', 1]
  assert.deepEqual(told(await cli(t, 'mqtt-pub', args)), { code: 0, out: '', err: '' })
})

test('mqtt-sub ends by -W although its reader stands still (P6)', async (t) => {
  const server = await broker(t, {
    on: ({ name }, link) => {
      if (name === 'SUBSCRIBE') setImmediate(() => void blast(link, { count: 5_000, size: 1_000 }))
      return false
    },
  })
  const args = ['-h', '127.0.0.1', '-p', server.port, '-t', '#', '-W', 2]
  const run = start(t, 'mqtt-sub', args, { pauseStdout: true })
  const [code] = await once(run.child, 'exit')
  assert.equal(code, 27)
})

test('--retained-only does not acknowledge the live message that ends it (P3)', async (t) => {
  const run = await converse(
    t,
    `
    < CONNECT
    > 20 02 00 00
    < SUBSCRIBE
    > 32 06 00 01 'a' 00 07 'x' 90 03 00 01 01
    < DISCONNECT`,
    'mqtt-sub',
    ['-t', 'a', '-q', 1, '--retained-only', '-c', '-i', 'r'],
  )
  assert.deepEqual([run.code, run.out], [0, ''])
})

for (const words of [['--pw=secret'], ['-Psecret'], ['--proxy=socks5h://u:secret@h']]) {
  test(`${words[0]?.slice(0, 5)}... glued to its value does not repeat the secret (P8)`, async (t) => {
    const run = told(await cli(t, 'mqtt-pub', ['-t', 'a', '-n', ...words]))
    assert.equal(run.code, 1)
    assert.doesNotMatch(run.err, /secret/)
    assert.match(run.err, /VALUE/)
  })
}

test('QoS 0 on a connection that the broker ends for a reason of its own is not confirmed (P1)', async (t) => {
  // It is shut down while our DISCONNECT is on its way; what it has not read by then it never will.
  const server = await broker(t, {
    on: ({ name }, link) => {
      if (name === 'PUBLISH') link.send(Buffer.from('e0018b', 'hex'))
      if (name === 'PUBLISH') link.socket.end()
      return name !== 'CONNECT'
    },
  })
  const args = ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', '-m', 'x', '-V', 'mqttv5']
  const { code, err } = told(await cli(t, 'mqtt-pub', args))
  assert.equal(code, 7, err)
  assert.match(err, /1 of 1 message\(s\) not confirmed/)
})
