// The relay does what it is told, byte for byte, or the matrix would prove nothing.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { packet, publish, u16 } from '../broker/wire.js'
import { type RelayOptions, relay } from './relay.js'

interface Ends {
  relay: Awaited<ReturnType<typeof relay>>
  client: Socket
  /** All bytes each side has read, and how it ended. */
  up: { bytes: Buffer; chunks: Buffer[]; end: Promise<string>; socket: Socket }
  down: { bytes: Buffer; chunks: Buffer[]; end: Promise<string> }
}

function watch(socket: Socket): { bytes: Buffer; chunks: Buffer[]; end: Promise<string> } {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const end = new Promise<string>((resolve) => {
    socket.on('end', () => resolve('fin'))
    socket.on('error', () => resolve('rst'))
  })
  return {
    get bytes() {
      return Buffer.concat(chunks)
    },
    chunks,
    end,
  }
}

async function ends(t: TestContext, options: RelayOptions = {}): Promise<Ends> {
  const server = createServer({ noDelay: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const made = await relay(t, (server.address() as AddressInfo).port, options)
  const accepted = once(server, 'connection')
  const client = connect({ port: made.port, host: '127.0.0.1', noDelay: true })
  const [socket] = (await accepted) as [Socket]
  t.after(() => {
    server.close()
    client.destroy()
    socket.destroy()
  })
  return { relay: made, client, up: Object.assign(watch(socket), { socket }), down: watch(client) }
}

/** Writes and waits until as much has come out at the other side. */
async function arrive({ relay }: Ends, direction: 'up' | 'down', count: number): Promise<void> {
  await relay.until(() => relay.bytes[direction] >= count)
}

const ACK = packet(0x40, u16(1))
const MESSAGE = publish(4, 'a', 'hello', { qos: 1, id: 1 })

test('bytes pass unchanged both ways, and an end is handed on', async (t) => {
  const all = await ends(t)
  all.client.write(MESSAGE)
  all.up.socket.write(ACK)
  all.client.end()
  assert.equal(await all.up.end, 'fin')
  assert.equal(await all.down.end, 'fin')
  assert.deepEqual(all.up.bytes, MESSAGE)
  assert.deepEqual(all.down.bytes, ACK)
  assert.equal(all.relay.count('up', 'PUBLISH'), 1)
  assert.equal(all.relay.count('down', 'PUBACK'), 1)
})

test('single bytes, delay and a narrow link change nothing but time', async (t) => {
  for (const options of [{ singly: true }, { delayMs: 20 }, { bytesPerSecond: 1_000 }]) {
    const all = await ends(t, options)
    all.client.write(MESSAGE)
    all.client.end(MESSAGE)
    assert.equal(await all.up.end, 'fin')
    assert.deepEqual(all.up.bytes, Buffer.concat([MESSAGE, MESSAGE]))
  }
})

for (const how of ['fin', 'rst'] as const) {
  test(`${how} at a chosen byte: what is before it arrives, nothing behind it`, async (t) => {
    const all = await ends(t, { faults: [{ at: { direction: 'up', byte: 5 }, act: how }] })
    all.client.write(MESSAGE)
    assert.equal(await all.down.end, how)
    // Linux may show a reset as an end to who had not read everything before.
    if (how === 'fin') assert.equal(await all.up.end, how)
    if (how === 'fin') assert.deepEqual(all.up.bytes, MESSAGE.subarray(0, 5))
    assert.equal(all.relay.bytes.up, 5)
  })
}

test('silence at a chosen byte: nothing passes, nothing ends', async (t) => {
  const all = await ends(t, { faults: [{ at: { direction: 'up', byte: 5 }, act: 'silence' }] })
  all.client.write(MESSAGE)
  await arrive(all, 'up', 5)
  all.client.end(MESSAGE)
  all.up.socket.write(ACK)
  // Another connection shows that the relay has gone on meanwhile.
  const second = connect({ port: all.relay.port, host: '127.0.0.1' })
  t.after(() => second.destroy())
  second.write(MESSAGE)
  await arrive(all, 'up', 5 + MESSAGE.length)
  assert.equal(all.up.bytes.length, 5)
  assert.equal(all.down.bytes.length, 0)
  assert.ok(!all.client.closed && !all.up.socket.closed)
})

for (const [where, arrives] of [
  ['before', MESSAGE.length],
  ['middle', MESSAGE.length + (MESSAGE.length >> 1)],
  ['after', 2 * MESSAGE.length],
] as const) {
  test(`a cut ${where} the second PUBLISH, whatever its segments`, async (t) => {
    const at = { direction: 'up', packet: 'PUBLISH', nth: 2, where } as const
    const all = await ends(t, { faults: [{ at, act: 'fin' }] })
    const three = Buffer.concat([MESSAGE, MESSAGE, MESSAGE])
    for (let from = 0; from < three.length; from += 4) all.client.write(three.subarray(from, from + 4))
    assert.equal(await all.up.end, 'fin')
    assert.equal(all.up.bytes.length, arrives)
  })
}

test('a packet is dropped, another doubled', async (t) => {
  const faults = [
    { at: { direction: 'down', packet: 'PUBACK', nth: 1 }, act: 'drop' },
    { at: { direction: 'down', packet: 'PUBACK', nth: 2 }, act: 'double' },
  ] as const
  const all = await ends(t, { faults })
  all.up.socket.end(Buffer.concat([1, 2, 3].map((id) => packet(0x40, u16(id)))))
  assert.equal(await all.down.end, 'fin')
  assert.equal(all.down.bytes.toString('hex'), ['40020002', '40020002', '40020003'].join(''))
})

test('faults happen once each, in turn, over several connections; a held relay passes nothing', async (t) => {
  let held = -1
  const all = await ends(t, {
    faults: [
      { at: { direction: 'up', byte: 3 }, act: () => all.relay.hold() },
      { at: { direction: 'up', byte: 6 }, act: 'rst' },
    ],
  })
  all.client.write(MESSAGE)
  await all.relay.until(() => all.relay.pending.size === 1)
  held = all.relay.bytes.up
  all.relay.release()
  assert.equal(await all.down.end, 'rst')
  assert.equal(held, 3)
  assert.equal(all.relay.pending.size, 0)
})
