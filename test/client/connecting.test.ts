// The way to an open connection: repeated first attempts, fresh passwords, and what is told of each stage.

import assert from 'node:assert/strict'
import { createServer, connect as dialOnward } from 'node:net'
import { describe, test } from 'node:test'
import {
  type ClientOptions,
  ClosedError,
  type ConnectionStage,
  connect,
  type Note,
  TransportError,
  UsageError,
} from '../../src/index.js'
import { broker } from '../broker/broker.js'
import { script } from '../broker/script.js'
import { deadPort } from '../support/ports.js'
import { serve } from '../transport/support.js'

const host = '127.0.0.1'
/** Short enough to wait for. */
const reconnectDelayMs = [10, 20] as const

describe('retryConnectMs', { concurrency: 4 }, () => {
  test('the broker may come later', async (t) => {
    const port = await deadPort()
    const late = await broker(t)
    const notes: Note[] = []
    const server = createServer((socket) => {
      const onward = dialOnward(late.port, host)
      onward.on('error', () => socket.destroy())
      socket.on('error', () => onward.destroy())
      socket.pipe(onward).pipe(socket)
    })
    t.after(() => server.close())
    const client = await connect({
      host,
      port,
      reconnectDelayMs,
      retryConnectMs: Number.POSITIVE_INFINITY,
      onNote: (note) => {
        notes.push(note)
        if (notes.length === 3) server.listen(port, host)
      },
    })
    await client.disconnect()
    assert.ok(notes.length >= 3)
    for (const [at, note] of notes.entries()) {
      assert.ok(note.type === 'connect-failed' && note.error instanceof TransportError)
      assert.equal(note.attempt, at + 1)
    }
  })

  test('ends with the last error when the time is over, and says how often it tried', async () => {
    const notes: Note[] = []
    const failed = connect({
      host,
      port: await deadPort(),
      reconnectDelayMs,
      retryConnectMs: 200,
      onNote: (note) => notes.push(note),
    })
    await assert.rejects(failed, (error) => error instanceof TransportError && error.step === 'tcp')
    const last = notes.at(-1)
    assert.ok(last?.type === 'gave-up' && last.attempts === notes.length)
  })

  test('"server unavailable" is tried again, "not authorized" is not', async (t) => {
    const server = await broker(t, {
      connack: (nth) => Buffer.from(nth < 3 ? '20020003' : '20020005', 'hex'),
    })
    const failed = connect({ host, port: server.port, reconnectDelayMs, retryConnectMs: 30_000 })
    await assert.rejects(failed, /not authorized/)
    assert.equal(server.links.length, 3)
  })

  test('an aborted signal ends the waiting', async () => {
    const aborter = new AbortController()
    const failed = connect({
      host,
      port: await deadPort(),
      retryConnectMs: Number.POSITIVE_INFINITY,
      signal: aborter.signal,
      onNote: () => aborter.abort(),
    })
    await assert.rejects(failed, ClosedError)
  })
})

test('maxReconnects: the last error, and how many attempts there were', async (t) => {
  const server = await broker(t, {
    on: ({ name }, { socket }) => {
      if (name === 'PUBLISH') socket.resetAndDestroy()
      return name === 'PUBLISH'
    },
  })
  const notes: Note[] = []
  const options: ClientOptions = { host, port: server.port, reconnectDelayMs, maxReconnects: 2 }
  const client = await connect({ ...options, onNote: (note) => notes.push(note) })
  await assert.rejects(client.publish('a', 'x', { qos: 1 }))
  assert.equal(server.links.length, 3)
  assert.deepEqual(notes.at(-1), { type: 'gave-up', attempts: 2 })
})

describe('a password that is asked for', { concurrency: 4 }, () => {
  test('is asked for at each connection', async (t) => {
    const server = await broker(t, {
      on: ({ name }, { nth, socket }) => {
        if (name !== 'PUBLISH' || nth > 2) return false
        socket.resetAndDestroy()
        return true
      },
    })
    let count = 0
    const password = async (): Promise<string> => `token ${++count}`
    const client = await connect({ host, port: server.port, reconnectDelayMs, userName: 'me', password })
    await client.publish('a', 'x', { qos: 1 })
    await client.disconnect()
    const sent = server.seen.filter(({ name }) => name === 'CONNECT').map(({ facts }) => facts.password)
    assert.deepEqual(sent, ['token 1', 'token 2', 'token 3'])
  })

  test('that fails ends the first connection before anything is dialled', async (t) => {
    const server = await broker(t)
    const password = (): Promise<string> => Promise.reject(new Error('the vault is closed'))
    const failed = connect({ host, port: server.port, userName: 'me', password })
    await assert.rejects(failed, (error) => {
      assert.ok(error instanceof TransportError && error.step === 'credentials')
      assert.equal(error.message, 'no password: the vault is closed')
      return true
    })
    assert.equal(server.links.length, 0)
  })

  test('that fails later is a failed attempt', async (t) => {
    const server = await broker(t, {
      on: ({ name }, { nth, socket }) => {
        if (name !== 'PUBLISH' || nth > 1) return false
        socket.resetAndDestroy()
        return true
      },
    })
    let count = 0
    const password = async (): Promise<string> => {
      if (++count === 2) throw new Error('not now')
      return 'p'
    }
    const notes: Note[] = []
    const client = await connect({
      ...{ host, port: server.port, reconnectDelayMs, userName: 'me', password },
      onNote: (note) => notes.push(note),
    })
    await client.publish('a', 'x', { qos: 1 })
    await client.disconnect()
    assert.deepEqual(
      notes.map(({ type }) => type),
      ['connection-lost', 'reconnect-failed', 'reconnected', 'session-lost'],
    )
    assert.equal(count, 3)
  })

  test('has no longer than the attempt', async () => {
    let aborted = false
    const password = (signal: AbortSignal): Promise<string> => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      return new Promise(() => {})
    }
    const failed = connect({ host, port: 1, userName: 'me', password, connectTimeoutMs: 50 })
    await assert.rejects(failed, /no password: no answer within 0\.05 s/)
    assert.ok(aborted)
  })

  test('is checked like any other', async (t) => {
    const server = await broker(t)
    const long = async (): Promise<string> => 'x'.repeat(65_536)
    await assert.rejects(async () => connect({ host, port: 1, password: long }), UsageError)
    await assert.rejects(connect({ host, port: server.port, userName: 'me', password: long }), UsageError)
    assert.equal(server.seen.length, 0)
  })
})

describe('what did not come is told as a stage that failed', { concurrency: 4 }, () => {
  const rows: readonly [
    what: string,
    text: string,
    fault: string | RegExp,
    stage: string,
    options?: ClientOptions,
  ][] = [
    ['no CONNACK', '< CONNECT\nsilence', 'no answer within 2 s', 'connack', { connectTimeoutMs: 2_000 }],
    ['a reset', '< CONNECT\nreset', 'ECONNRESET', 'connack'],
    ['an end', '< CONNECT\ncut', 'connection closed by the broker', 'connack'],
    ['no MQTT', "< CONNECT\n> 'HTTP/1.1 400'\nwait-eof", /looks like HTTP/, 'connack'],
    [
      'no SUBACK',
      '< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\nsilence',
      'no answer within 0.2 s',
      'suback',
      { requestTimeoutMs: 200 },
    ],
    ['a reset before SUBACK', '< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\nreset', 'ECONNRESET', 'suback'],
  ]
  for (const [what, text, fault, stage, options] of rows) {
    test(what, async (t) => {
      const server = await script(t, text)
      const stages: ConnectionStage[] = []
      const onStage = (each: ConnectionStage): void => void stages.push(each)
      const limits = { reconnect: 'never', ...options } as const
      await assert.rejects(
        connect({ host, port: server.port, onStage, ...limits }).then((client) => client.subscribe('a')),
      )
      await server.done
      const before = stage === 'connack' ? [] : ['connack']
      assert.deepEqual(
        stages.map(({ name }) => name),
        ['attempt', 'tcp', ...before, stage],
      )
      const last = stages.at(-1)
      assert.ok((last?.name === 'connack' || last?.name === 'suback') && last.packet === undefined)
      if (typeof fault === 'string') assert.equal(last.fault, fault)
      else assert.match(last.fault, fault)
    })
  }

  test('no password, and then no other stage', async () => {
    const stages: ConnectionStage[] = []
    const password = (): never => {
      throw new Error('the vault is shut')
    }
    const onStage = (each: ConnectionStage): void => void stages.push(each)
    await assert.rejects(connect({ host, userName: 'me', password, onStage }), TransportError)
    assert.deepEqual(stages, [
      { name: 'attempt', nth: 1 },
      { name: 'password', fault: 'the vault is shut' },
    ])
  })
})

test('each stage of each attempt is told, with times that do not fall', async (t) => {
  const server = await script(
    t,
    '< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\n> 90 04 00 01 00 80\nreset\naccept\n< CONNECT\n> 20 02 00 05\nwait-eof',
  )
  const stages: ConnectionStage[] = []
  let lastMs = 0
  const client = await connect({
    ...{ host, port: server.port, reconnectDelayMs },
    onStage: (stage, elapsedMs) => {
      stages.push(stage)
      if (stage.name === 'attempt') lastMs = 0
      assert.ok(elapsedMs >= lastMs)
      lastMs = elapsedMs
    },
  })
  await client.subscribe(['a', 'b'])
  await client.ended
  assert.deepEqual(
    stages.map(({ name }) => name),
    ['attempt', 'tcp', 'connack', 'suback', 'attempt', 'tcp', 'connack'],
  )
  const [, tcp, , suback, second, , refused] = stages
  assert.deepEqual(tcp, { name: 'tcp', address: host, port: server.port })
  assert.ok(suback?.name === 'suback' && suback.packet !== undefined)
  assert.deepEqual(
    [suback.filters, [...suback.packet.reasonCodes]],
    [
      ['a', 'b'],
      [0, 0x80],
    ],
  )
  assert.deepEqual(second, { name: 'attempt', nth: 2 })
  assert.ok(refused?.name === 'connack' && refused.packet?.reasonCode === 5)
})

test('what is not MQTT, and a connection that ends without a word, end in what to try', async (t) => {
  for (const [answer, says] of [
    ['HTTP/1.1 400 Bad Request\r\n\r\n', /looks like HTTP: try --ws/],
    ['\x15\x03\x01\x00\x02\x02\x46', /looks like TLS: try --cafile/],
    ['', /closed by the broker before CONNACK: the port may want TLS/],
  ] as const) {
    const port = await serve(t, (socket) => socket.once('data', () => socket.end(answer, 'latin1')))
    await assert.rejects(connect({ host, port }), (error) => {
      assert.ok(error instanceof ClosedError)
      assert.match(error.message, says)
      return true
    })
  }
})
