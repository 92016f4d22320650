// A reader that stands still keeps messages from being read, but not a new connection from being made.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../src/index.js'
import { blast, broker } from '../broker/broker.js'

test('a full inbox does not keep the CONNACK of a reconnect from being seen (P2)', async (t) => {
  const server = await broker(t, {
    on: ({ name }, link) => {
      if (name === 'SUBSCRIBE' && link.nth === 1)
        setImmediate(() => void blast(link, { count: 40, size: 65_536 }))
      return false
    },
  })
  let full = (): void => {}
  let again = (): void => {}
  const isFull = new Promise<void>((resolve) => {
    full = resolve
  })
  const isBack = new Promise<void>((resolve) => {
    again = resolve
  })
  const client = await connect({
    host: '127.0.0.1',
    port: server.port,
    connectTimeoutMs: 3_000,
    // While nothing is read, only a write shows that the connection is gone.
    keepAliveSeconds: 1,
    onNote: ({ type }) => type === 'reconnected' && again(),
  })
  let bytes = 0
  client.onMessages((batch) => {
    for (const { payload } of batch) bytes += payload.length
    if (bytes >= 1_048_576) full()
  })
  await client.subscribe('#')
  await isFull
  server.links[0]?.socket.resetAndDestroy()
  await isBack
  assert.equal(client.isOpen, true)
  await client.disconnect()
})
