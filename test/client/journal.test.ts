// A journal: what it has to know of what came goes to it before the session, and nothing leaves meanwhile.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Client, type ClientOptions } from '../../src/client/index.js'
import { ClosedError, UsageError } from '../../src/errors.js'
import { accepted, type BrokerLink, broker } from '../broker/broker.js'
import { packet, u16 } from '../broker/wire.js'
import { deadPort } from '../support/ports.js'

const HOST = '127.0.0.1'

/** A journal whose writes end when the test says so. */
class Slow {
  readonly asked: number[][] = []
  #writes: { resolve: () => void; reject: (error: Error) => void }[] = []
  #onAsk: (() => void) | undefined

  recorded(packetIds: readonly number[]): Promise<void> {
    this.asked.push([...packetIds])
    this.#onAsk?.()
    return new Promise((resolve, reject) => this.#writes.push({ resolve, reject }))
  }

  async until(count: number): Promise<void> {
    while (this.asked.length < count) {
      await new Promise<void>((resolve) => {
        this.#onAsk = resolve
      })
    }
  }

  done(error?: Error): void {
    const write = this.#writes.shift()
    if (error === undefined) write?.resolve()
    else write?.reject(error)
  }
}

for (const version of [3, 4, 5] as const) {
  test(`no PUBREL leaves before the journal has the PUBREC, and one write serves all that came together, level ${version}`, async (t) => {
    const journal = new Slow()
    const server = await broker(t, {
      on: ({ name, facts }, link) => {
        if (name !== 'PUBLISH' || facts.qos !== '2') return false
        if (facts.id === '3') link.send(Buffer.concat([1, 2, 3].map((id) => packet(0x50, u16(id)))))
        return true
      },
    })
    const options: ClientOptions = { host: HOST, port: server.port, version, journal }
    const client = await new Client(options).open()
    t.after(() => client.disconnect())
    const published = [1, 2, 3].map((each) => client.publish('a', `${each}`, { qos: 2 }))
    await journal.until(1)
    assert.deepEqual(journal.asked, [[1, 2, 3]])
    const last = client.publish('a', 'later', { qos: 0 }) // what the broker sees behind it, it would have seen before
    await last
    await server.until(() => server.messages.length === 4)
    assert.deepEqual(
      server.seen.filter(({ name }) => name === 'PUBREL'),
      [],
    )
    journal.done()
    await Promise.all(published)
    const released = server.seen.filter(({ name }) => name === 'PUBREL').map(({ facts }) => facts.id)
    assert.deepEqual(released, ['1', '2', '3'])
  })
}

test('a journal that cannot be written ends the client, and no PUBREL leaves', async (t) => {
  const journal = new Slow()
  const server = await broker(t)
  const client = await new Client({ host: HOST, port: server.port, journal }).open()
  const published = client.publish('a', '1', { qos: 2 })
  await journal.until(1)
  journal.done(new UsageError('no space'))
  await assert.rejects(published)
  assert.equal((await client.ended).error?.message, 'no space')
  assert.ok(!server.seen.some(({ name }) => name === 'PUBREL'))
})

test('a connection lost while the journal is written is made again, and the answer to it is read', async (t) => {
  const journal = new Slow()
  const server = await broker(t)
  const client = await new Client({
    host: HOST,
    port: server.port,
    cleanStart: false,
    clientId: 'c',
    journal,
  }).open()
  t.after(() => client.disconnect())
  const published = client.publish('a', '1', { qos: 2 })
  await journal.until(1)
  const { socket } = server.links[0] as BrokerLink
  const closed = once(socket, 'close')
  socket.resetAndDestroy()
  await closed
  client.publish('a', '2', { qos: 0 }).catch(() => {}) // notices the reset
  await server.until(() => server.seen.filter(({ name }) => name === 'CONNECT').length === 2)
  journal.done()
  await journal.until(2)
  journal.done()
  assert.equal(await published, 0)
})

test('refused messages are none of its business, other packets neither', async (t) => {
  const journal = new Slow()
  const server = await broker(t, {
    connack: accepted,
    on: ({ name }, link) => {
      if (name !== 'PUBLISH') return false
      link.send(packet(0x50, u16(1), [0x97]))
      return true
    },
  })
  const client = await new Client({ host: HOST, port: server.port, version: 5, journal }).open()
  t.after(() => client.disconnect())
  await assert.rejects(client.publish('a', '1', { qos: 2 }), { code: 'REFUSED' })
  await client.ping()
  assert.deepEqual(journal.asked, [])
})

test('the first connection is tried again, at once where `retryNow` asks for it', async (t) => {
  const port = await deadPort()
  let failures = 0
  const client: Client = new Client({
    host: HOST,
    port,
    retryConnectMs: Number.POSITIVE_INFINITY,
    onNote: ({ type }) => {
      assert.equal(type, 'connect-failed')
      if (++failures < 3) client.retryNow()
      else void client.disconnect()
    },
  })
  t.after(() => client.disconnect())
  await assert.rejects(client.open(), ClosedError)
  assert.equal(failures, 3)
})
