// SRV records: their order, the next one on failure, and what is said when all fail.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResolveSrv, SrvRecord } from '../../src/transport/index.js'
import { orderServers } from '../../src/transport/srv.js'
import { deadPort } from '../support/ports.js'
import { echo, exchange, failure, open, serve } from './support.js'

const record = (name: string, port: number, priority = 0, weight = 0): SrvRecord => ({
  name,
  port,
  priority,
  weight,
})

/** A resolver that knows `records` and writes down what it is asked for. */
function resolver(records: readonly SrvRecord[], asked: string[] = []): { resolveSrv: ResolveSrv } {
  return {
    resolveSrv: async (name) => {
      asked.push(name)
      return records
    },
  }
}

test('priority first', () => {
  const names = orderServers([record('c', 1, 20), record('a', 1, 0), record('b', 1, 10)], () => 0.9)
  assert.deepEqual(
    names.map(({ name }) => name),
    ['a', 'b', 'c'],
  )
})

test('weight by chance: the share of the first place follows it, and none is left out', () => {
  const records = [record('none', 1, 0, 0), record('one', 1, 0, 1), record('nine', 1, 0, 9)]
  const first = new Map<string, number>()
  for (let at = 0; at < 1100; at++) {
    let turn = 0
    const ordered = orderServers(records, () => (turn++ === 0 ? at / 1100 : 0.5))
    assert.equal(new Set(ordered).size, 3)
    const name = ordered[0]?.name ?? ''
    first.set(name, (first.get(name) ?? 0) + 1)
  }
  // Of the numbers 0 to 10 the one without weight gets 0, the next 1, the last 2 to 10.
  assert.deepEqual(Object.fromEntries(first), { none: 100, one: 100, nine: 900 })
})

test('target and port come from the record', async (t) => {
  const asked: string[] = []
  const port = await serve(t, echo)
  const tools = resolver([record('127.0.0.1', port)], asked)
  const stream = await open(t, { host: 'example.org', port: 9, srv: true }, tools)
  assert.equal(await exchange(stream, 'hi'), 'hi')
  assert.deepEqual(asked, ['_mqtt._tcp.example.org'])
})

test('with TLS the name is _secure-mqtt, and the next server is tried', async (t) => {
  const asked: string[] = []
  const dead = await deadPort()
  const plain = await serve(t, (socket) => socket.end('no TLS here'))
  const tools = resolver([record('localhost', plain, 2), record('127.0.0.1', dead, 1)], asked)
  const error = await failure(t, { host: 'example.org', srv: true, tls: {} }, tools)
  assert.deepEqual(asked, ['_secure-mqtt._tcp.example.org'])
  assert.equal(error.step, 'tls')
  assert.ok(
    error.message.startsWith(`cannot connect to localhost port ${plain}: the port did not answer in TLS`),
  )
  assert.match(error.message, /\(the last of 2 servers by the SRV record _secure-mqtt\._tcp\.example\.org\)$/)
})

test('a dead server is passed over', async (t) => {
  const port = await serve(t, echo)
  const tools = resolver([record('127.0.0.1', port, 5), record('127.0.0.1', await deadPort(), 1)])
  const stream = await open(t, { host: 'example.org', srv: true }, tools)
  assert.equal(await exchange(stream, 'hi'), 'hi')
})

test('all fail', async (t) => {
  const error = await failure(
    t,
    { host: 'example.org', srv: true },
    resolver([record('127.0.0.1', await deadPort())]),
  )
  assert.equal(error.step, 'tcp')
  assert.match(
    error.message,
    /nothing listens there .*\(its only server by the SRV record _mqtt\._tcp\.example\.org\)$/,
  )
})

for (const [name, outcome, text] of [
  ['no such name', 'ENOTFOUND', /there is no SRV record _mqtt\._tcp\.example\.org/],
  ['no such type', 'ENODATA', /there is no SRV record _mqtt\._tcp\.example\.org/],
  [
    'no answer',
    'ETIMEOUT',
    /lookup of the SRV record _mqtt\._tcp\.example\.org failed: the name server did not/,
  ],
  ['server failure', 'ESERVFAIL', /_mqtt\._tcp\.example\.org failed: queried in vain/],
] as const) {
  test(`lookup: ${name}`, async (t) => {
    const error = await failure(
      t,
      { host: 'example.org', srv: true },
      { resolveSrv: () => Promise.reject(Object.assign(new Error('queried in vain'), { code: outcome })) },
    )
    assert.equal(error.step, 'lookup')
    assert.match(error.message, text)
  })
}

test('no records, and the record that says there is no service', async (t) => {
  const none = await failure(t, { host: 'example.org', srv: true }, resolver([]))
  assert.match(none.message, /there is no SRV record _mqtt\._tcp\.example\.org/)
  const dot = await failure(t, { host: 'example.org', srv: true }, resolver([record('', 0)]))
  assert.match(dot.message, /by _mqtt\._tcp\.example\.org it offers no such service/)
})
