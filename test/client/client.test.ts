// The library as a program uses it, over real sockets: promises, iteration, endings, and the reconnect loop.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import {
  type Client,
  type ClientOptions,
  ClosedError,
  connect,
  MqttError,
  type Note,
  ProtocolError,
  RefusedError,
  TimeoutError,
  TransportError,
  UsageError,
} from '../../src/index.js'
import { accepted, broker, mute, type Policy } from '../broker/broker.js'
import { script, WELCOME } from '../broker/script.js'
import { packet, publish, u16 } from '../broker/wire.js'
import { deadPort } from '../support/ports.js'
import { until } from '../support/processes.js'

const HOST = '127.0.0.1'

/** A client of a broker that takes everything. */
async function open(t: TestContext, options: ClientOptions = {}, policy: Policy = {}) {
  const server = await broker(t, policy)
  const client = await connect({ host: HOST, port: server.port, ...options })
  t.after(() => client.disconnect())
  return { server, client }
}

/** A client of a scripted broker. */
async function scripted(t: TestContext, text: string, options: ClientOptions = {}) {
  let client: Client | undefined
  t.after(() => client?.disconnect()) // in front of the script's own end, which may fail
  const server = await script(t, text)
  const notes: Note[] = []
  client = await connect({ host: HOST, port: server.port, onNote: (note) => notes.push(note), ...options })
  return { server, client, notes }
}

function refused(code: number) {
  return (error: unknown): boolean => error instanceof RefusedError && error.reasonCode === code
}

describe('the client library', { concurrency: 4 }, () => {
  test('with a repeated PUBLISH still to leave, the payload is in use, though its PUBACK has come', async (t) => {
    const payload = Buffer.alloc(30_000_000, 'x') // more than the kernels hold of the second one
    const length = packet(0x32, Buffer.concat([Buffer.from('00016a0001', 'hex'), payload])).length
    let link: Socket | undefined
    let [got, wanted, onWanted] = [0, 0, (): void => {}]
    const server = createServer((socket) => {
      link = socket
        .on('error', () => {})
        .on('data', (chunk) => {
          if (got === 0) socket.write(packet(0x20, Buffer.from('0000', 'hex')))
          got += chunk.length
          if (got < wanted) return
          socket.pause()
          onWanted()
        })
    })
    await once(server.listen(0, HOST), 'listening')
    t.after(() => server.close())
    const reading = (bytes: number): Promise<void> => {
      wanted = bytes
      return new Promise((resolve) => {
        onWanted = resolve
        link?.resume()
      })
    }
    const client = await connect({
      host: HOST,
      port: (server.address() as AddressInfo).port,
      retryIntervalMs: 200,
    })
    t.after(async () => {
      const left = client.disconnect()
      link?.destroy()
      await left
    })
    assert.equal(client.isClear, true)
    const [connected, settled] = [got, client.publish('j', payload, { qos: 1 })]
    assert.equal(client.isClear, false)
    await reading(connected + length)
    await reading(connected + length + 1) // the first byte of its repetition
    link?.write(packet(0x40, u16(1)))
    await settled
    assert.deepEqual([client.inFlight, client.waiting, client.isClear], [0, 0, false])
    await reading(connected + 2 * length)
    await until('the repeated PUBLISH has left', () => client.isClear)
  })

  test('enqueue asks to wait when much is unacknowledged, however wide the window', async (t) => {
    const held: (() => void)[] = []
    const on: Policy['on'] = ({ name, facts }, link) => {
      if (name !== 'PUBLISH') return false
      held.push(() => link.send(packet(0x40, u16(Number(facts.id)))))
      return true
    }
    const { client, server } = await open(t, { maxInFlight: 1_000 }, { on })
    const send = async (count: number): Promise<void> => {
      const all = server.messages.length + count
      for (let nth = 0; nth < count; nth++) client.enqueue('a', Buffer.alloc(1_048_576), { qos: 1 }, () => {})
      await server.until(() => server.messages.length === all)
    }
    await send(7)
    await new Promise<void>((resolve) => client.drain(resolve))
    await send(1)
    assert.equal(client.writable, false)
    for (const acknowledge of held) acknowledge()
    await new Promise<void>((resolve) => client.drain(resolve))
    assert.equal(client.writable, true)
  })
  for (const version of [3, 4, 5] as const) {
    test(`publish resolves when the broker owns the message, at each QoS, level ${version}`, async (t) => {
      const { server, client } = await open(t, { version })
      assert.equal(await client.publish('a', 'zero'), 0)
      assert.equal(await client.publish('a', 'one', { qos: 1 }), 0)
      assert.equal(await client.publish('a', Buffer.from('two'), { qos: 2, retain: true }), 0)
      assert.deepEqual(
        server.messages.map(({ facts: { qos, retain, payload } }) => `${qos} ${retain} ${payload}`),
        ['0 0 zero', '1 0 one', '2 1 two'],
      )
      assert.deepEqual(await client.disconnect(), { error: undefined, closing: 'closed' })
      assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
    })
  }

  test('publish at QoS 1 is pending until PUBACK, and others do not wait for it', async (t) => {
    const held: (() => void)[] = []
    const { server, client } = await open(
      t,
      {},
      {
        on: ({ name, facts }, link) => {
          if (name === 'PUBLISH' && facts.qos === '1')
            held.push(() => link.send(packet(0x40, u16(Number(facts.id)))))
          return name === 'PUBLISH'
        },
      },
    )
    let settled = false
    const first = client.publish('a', 'x', { qos: 1 }).then(() => {
      settled = true
    })
    await client.publish('a', 'y')
    await server.until(() => server.messages.length === 2)
    assert.equal(settled, false)
    held[0]?.()
    await first
  })

  test('publish passes on reason codes below 0x80 and rejects those above', async (t) => {
    let code = 0x10
    const { client } = await open(
      t,
      { version: 5 },
      {
        on: ({ name, facts }, link) => {
          if (name === 'PUBLISH')
            link.send(packet(facts.qos === '1' ? 0x40 : 0x50, u16(Number(facts.id)), [code]))
          return name === 'PUBLISH'
        },
      },
    )
    assert.equal(await client.publish('a', 'x', { qos: 1 }), 0x10)
    code = 0x87
    await assert.rejects(client.publish('a', 'x', { qos: 1 }), refused(0x87))
    await assert.rejects(client.publish('a', 'x', { qos: 2 }), refused(0x87))
  })

  test('what no broker could take is a UsageError, and nothing is sent', async (t) => {
    const { server, client } = await open(t)
    await assert.rejects(client.publish('a/#', 'x'), UsageError)
    await assert.rejects(client.publish('', 'x'), UsageError)
    await assert.rejects(client.publish('a', 'x', { properties: { contentType: 'x' } }), UsageError)
    await assert.rejects(client.subscribe('a#'), UsageError)
    await assert.rejects(client.subscribe([]), UsageError)
    await assert.rejects(client.unsubscribe('+a'), UsageError)
    await client.publish('a', 'last')
    await server.until(() => server.messages.length > 0)
    assert.deepEqual(
      server.seen.map(({ name }) => name),
      ['CONNECT', 'PUBLISH'],
    )
  })

  test('subscribe: one code for each filter; a partial refusal resolves, a whole one rejects', async (t) => {
    let codes = [0, 0x80, 2]
    const { client } = await open(
      t,
      {},
      {
        on: ({ name, facts }, link) => {
          if (name === 'SUBSCRIBE') link.send(packet(0x90, u16(Number(facts.id)), codes))
          return name === 'SUBSCRIBE'
        },
      },
    )
    assert.deepEqual(await client.subscribe(['a', 'b', 'c'], { qos: 2 }), [0, 0x80, 2])
    codes = [0x80]
    await assert.rejects(client.subscribe('a'), refused(0x80))
    assert.deepEqual(await client.unsubscribe('a'), [])
  })

  test('messages() acknowledges a message when the next one is asked for', async (t) => {
    const { server, client } = await scripted(
      t,
      `
      < CONNECT
      > 20 02 00 00
      < SUBSCRIBE
      > 90 03 00 01 01
      > ${publish(4, 'a', 'one', { qos: 1, id: 1 }).toString('hex')} ${publish(4, 'a', 'two', { qos: 1, id: 2 }).toString('hex')}
      < PUBLISH qos=0 topic=mark payload=1 # in front of any PUBACK
      < PUBACK id=1
      < PUBLISH qos=0 topic=mark payload=2
      < DISCONNECT`,
    )
    await client.subscribe('a', { qos: 1 })
    const messages = client.messages()
    const first = await messages.next()
    assert.equal(first.value?.payload.toString(), 'one')
    await client.publish('mark', '1')
    const second = await messages.next()
    assert.equal(second.value?.payload.toString(), 'two')
    await client.publish('mark', '2')
    await client.disconnect()
    await server.done
    assert.equal((await messages.next()).done, true)
  })

  test('a message has its topic, QoS, flags, identifier and properties', async (t) => {
    const { client } = await scripted(
      t,
      `
      < CONNECT v=5
      ${WELCOME[5]}
      > 35 0d "a/b" 00 07 03 03 00 00 'x' 79
      < DISCONNECT`,
      { version: 5 },
    )
    for await (const { topic, payload, qos, retain, dup, packetId, properties } of client.messages()) {
      assert.deepEqual(
        { topic, payload: payload.toString(), qos, retain, dup, packetId, properties: { ...properties } },
        {
          ...{ topic: 'a/b', payload: 'xy', qos: 2, retain: true, dup: false, packetId: 7 },
          properties: { contentType: '' },
        },
      )
      break
    }
  })

  test('a second reader throws', async (t) => {
    const { client } = await open(t)
    client.onMessages(() => {})
    await assert.rejects(client.messages().next(), UsageError)
    assert.throws(() => client.onMessages(() => {}), UsageError)
  })

  test('after disconnect: ended is settled, work is refused, iteration is over', async (t) => {
    const { client } = await open(t)
    const reading = client.messages().next()
    await client.disconnect()
    assert.equal((await reading).done, true)
    assert.equal((await client.ended).error, undefined)
    await assert.rejects(client.publish('a', 'x'), ClosedError)
    await assert.rejects(client.subscribe('a'), ClosedError)
    assert.deepEqual(await client.disconnect(), await client.ended, 'a second one changes nothing')
  })

  test('disconnect settles what is not confirmed with a ClosedError', async (t) => {
    const { client } = await open(t, {}, { on: ({ name }) => name === 'PUBLISH' || name === 'SUBSCRIBE' })
    const work = [
      client.publish('a', 'x', { qos: 1 }),
      client.publish('a', 'x', { qos: 2 }),
      client.subscribe('a'),
    ]
    const settled = Promise.allSettled(work)
    await client.disconnect()
    for (const each of await settled)
      assert.ok(each.status === 'rejected' && each.reason instanceof ClosedError)
  })

  test('what ends a client for good reaches every waiter', async (t) => {
    const { client } = await scripted(t, '< CONNECT\n> 20 02 00 00\n< PUBLISH\n> 20 02 00 00\nwait-eof')
    const reading = client.messages().next()
    await assert.rejects(client.publish('a', 'x', { qos: 1 }), ProtocolError)
    await assert.rejects(reading, ProtocolError)
    assert.ok((await client.ended).error instanceof ProtocolError)
  })

  test('connect rejects with the step that failed', async (t) => {
    const isTcp = (error: unknown): boolean => error instanceof TransportError && error.step === 'tcp'
    await assert.rejects(connect({ host: HOST, port: await deadPort() }), isTcp)
    await assert.rejects(connect(`mqtt://${HOST}:${await deadPort()}`), isTcp)
    const { port } = await mute(t)
    const late = (error: unknown): boolean => error instanceof TimeoutError && error.waitedFor === 'CONNACK'
    await assert.rejects(connect({ host: HOST, port, connectTimeoutMs: 1_000 }), late)
    const server = await script(t, '< CONNECT\n> 20 02 00 05\nwait-eof')
    await assert.rejects(connect({ host: HOST, port: server.port }), refused(5))
  })

  test('connect checks its options before anything is dialled', async () => {
    for (const options of [
      { version: 4, cleanStart: false },
      { version: 4, password: 'x' },
      { keepAliveSeconds: 70_000 },
      { maxInFlight: 0 },
      { will: { topic: 'a/#' } },
      { version: 5, retryIntervalMs: 1_000 },
      { version: 4, properties: { receiveMaximum: 5 } },
    ] as const) {
      await assert.rejects(
        async () => connect({ host: HOST, port: 1, ...options }),
        UsageError,
        JSON.stringify(options),
      )
    }
    await assert.rejects(async () => connect('http://localhost'), UsageError)
  })

  test('a signal ends the first attempt', async (t) => {
    const { port } = await mute(t)
    const aborter = new AbortController()
    const opening = connect({
      host: HOST,
      port,
      signal: aborter.signal,
      onPacket: (_, { type }) => type === 'connect' && aborter.abort(),
    })
    await assert.rejects(opening, ClosedError)
    await assert.rejects(connect({ host: HOST, port, signal: AbortSignal.abort() }), ClosedError)
  })

  test('connect takes a URL, with user name and password', async (t) => {
    const server = await broker(t)
    const client = await connect(`mqtt://us%40er:p%3Aw@${HOST}:${server.port}`, { clientId: 'c' })
    await client.disconnect()
    const { user, password, id } = server.seen[0]?.facts ?? {}
    assert.deepEqual({ user, password, id }, { user: 'us@er', password: 'p:w', id: 'c' })
  })

  test('the identifier that an MQTT 5 broker assigns is kept', async (t) => {
    const { client } = await open(t, { version: 5 })
    assert.equal(client.clientId, 'z')
  })

  test('no SUBACK within requestTimeoutMs ends the first connection', async (t) => {
    const { client } = await open(t, { requestTimeoutMs: 50 }, { on: ({ name }) => name === 'SUBSCRIBE' })
    const late = (error: unknown): boolean => error instanceof TimeoutError && error.waitedFor === 'SUBACK'
    await assert.rejects(client.subscribe('a'), late)
  })

  test('enqueueMany sends what enqueue sends of each, and a trace sees each packet', async (t) => {
    const server = await broker(t)
    const words = ['', 'a', 'x'.repeat(5_000), 'end']
    const bytes = Buffer.from(words.map((word) => `${word}\n`).join(''))
    let end = -1
    const ends = words.map(({ length }) => (end += length + 1))
    const seen: string[] = []
    let all = 0
    for (const onPacket of [undefined, (_: string, { type }: { type: string }) => void seen.push(type)]) {
      for (const qos of [0, 1, 2] as const) {
        const client = await connect({ host: '127.0.0.1', port: server.port, ...(onPacket && { onPacket }) })
        let settled = 0
        client.enqueueMany('a', { bytes, ends }, { qos }, () => settled++)
        await client.drained()
        await client.disconnect()
        assert.equal(settled, words.length)
        all += words.length
        await server.until(() => server.messages.length === all)
        const got = server.messages.slice(-words.length).map(({ payload }) => payload.toString())
        assert.deepEqual(got, words)
      }
    }
    assert.equal(seen.filter((type) => type === 'publish').length, 3 * words.length)
  })

  test('enqueue tells when to wait, and drain when to go on', async (t) => {
    let held: (() => void)[] | undefined = []
    const { server, client } = await open(
      t,
      { maxInFlight: 2 },
      {
        on: ({ name, facts }, link) => {
          if (name !== 'PUBLISH' || held === undefined) return false
          held.push(() => link.send(packet(0x40, u16(Number(facts.id)))))
          return true
        },
      },
    )
    let settled = 0
    let given = 1
    while (client.enqueue('a', 'x', { qos: 1 }, () => settled++) && given < 100) given++
    assert.ok(given >= 2 && given <= 6, `${given}`)
    await server.until(() => server.messages.length === 2)
    assert.deepEqual([client.writable, settled], [false, 0])
    const drained = new Promise<void>((resolve) => client.drain(resolve))
    const release = held
    held = undefined
    for (const each of release) each()
    await drained
    assert.equal(client.writable, true)
    await client.drained()
    assert.equal(settled, given)
  })
})

describe('the reconnect loop', { concurrency: 6 }, () => {
  test('publishes and subscriptions survive a cut; notes tell of it', async (t) => {
    const { client, server, notes } = await scripted(
      t,
      `
      < CONNECT clean=1
      > 20 02 00 00
      < SUBSCRIBE filters=s:01
      > 90 03 00 01 01
      < PUBLISH qos=1 payload=x
      cut
      accept
      < CONNECT clean=1
      > 20 02 00 00
      < SUBSCRIBE filters=s:01 id=*
      < PUBLISH qos=1 payload=x dup=0 id=4
      > 40 02 00 04
      < DISCONNECT`,
    )
    await client.subscribe('s', { qos: 1 })
    assert.equal(await client.publish('a', 'x', { qos: 1 }), 0)
    await client.disconnect()
    await server.done
    assert.deepEqual(
      notes.map(({ type }) => type),
      ['connection-lost', 'reconnected', 'session-lost'],
    )
  })

  test('attempts that fail are told, with growing delays, until one succeeds', async (t) => {
    const notes: Note[] = []
    const { server, client } = await open(
      t,
      { onNote: (note) => notes.push(note), clientId: 'c', cleanStart: false },
      {
        // A refusal "server unavailable" between the first connection and the last.
        connack: (nth) => Buffer.from(['20020000', '20020003'][nth - 1] ?? '20020100', 'hex'),
        on: ({ name }, { nth, socket }) => {
          if (name !== 'PUBLISH' || nth > 1) return false
          socket.resetAndDestroy()
          return true
        },
      },
    )
    assert.equal(await client.publish('a', 'x', { qos: 1 }), 0)
    assert.equal(server.links.length, 3)
    assert.deepEqual(
      server.messages.map(({ facts: { id, dup } }) => `${id} ${dup}`),
      ['1 0', '1 1'],
    )
    const delays = notes.flatMap((note) => ('delayMs' in note ? [note.delayMs] : []))
    assert.equal(delays.length, 2)
    for (const [at, delay] of delays.entries()) {
      assert.ok(delay >= 500 * 2 ** at && delay <= 1_000 * 2 ** at, `${delays}`)
    }
  })

  for (const [reconnect, keep, reconnects] of [
    ['never', true, false],
    ['kept', false, false],
    ['kept', true, true],
    ['always', false, true],
  ] as const) {
    test(`reconnect '${reconnect}' in a ${keep ? 'kept' : 'clean'} session: ${reconnects ? 'connects again' : 'ends'}`, async (t) => {
      const { server, client } = await open(
        t,
        { reconnect, ...(keep && { clientId: 'c', cleanStart: false }) },
        {
          on: ({ name }, { nth, socket }) => {
            if (name !== 'PUBLISH' || nth > 1) return false
            socket.resetAndDestroy()
            return true
          },
        },
      )
      const published = client.publish('a', 'x', { qos: 1 })
      if (reconnects) await published
      else await assert.rejects(published, ClosedError)
      assert.equal(server.links.length, reconnects ? 2 : 1)
      if (!reconnects) assert.ok((await client.ended).error instanceof MqttError)
    })
  }

  test('a connection that was of no use does not reset the delay (F8)', async (t) => {
    // Every connection is accepted and dropped at the first PUBLISH.
    const delays: number[] = []
    const { client } = await open(
      t,
      { onNote: (note) => 'delayMs' in note && delays.push(note.delayMs), clientId: 'c', cleanStart: false },
      {
        connack: (nth) => Buffer.from(nth === 1 ? '20020000' : '20020100', 'hex'),
        on: ({ name }, { nth, socket }) => {
          if (name !== 'PUBLISH' || nth > 2) return false
          socket.resetAndDestroy()
          return true
        },
      },
    )
    await client.publish('a', 'x', { qos: 1 })
    for (const [at, delay] of delays.entries()) {
      assert.ok(delay >= 500 * 2 ** at && delay <= 1_000 * 2 ** at, `${delays}`)
    }
    assert.equal(delays.length, 2)
  })

  test('disconnect while waiting to connect again ends at once', async (t) => {
    let lost: (() => void) | undefined
    const note = new Promise<void>((resolve) => {
      lost = resolve
    })
    const { server, client } = await open(
      t,
      { onNote: ({ type }) => type === 'connection-lost' && lost?.() },
      {
        on: ({ name }, { socket }) => {
          if (name !== 'PUBLISH') return false
          socket.resetAndDestroy()
          return true
        },
      },
    )
    const published = assert.rejects(client.publish('a', 'x', { qos: 1 }), ClosedError)
    await note
    assert.equal((await client.disconnect()).error, undefined)
    await published
    assert.equal(server.links.length, 1)
  })

  test('a permanent refusal at a reconnect ends the client', async (t) => {
    const { server, client } = await open(
      t,
      {},
      {
        connack: (nth, level) => (nth === 1 ? accepted(1, level) : Buffer.from('20020005', 'hex')),
        on: ({ name }, { socket }) => {
          if (name !== 'PUBLISH') return false
          socket.resetAndDestroy()
          return true
        },
      },
    )
    await assert.rejects(client.publish('a', 'x', { qos: 1 }), refused(5))
    assert.equal(server.links.length, 2)
  })
})
