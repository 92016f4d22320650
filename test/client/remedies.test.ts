// What answers in place of a broker is recognised by its first bytes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientOptions } from '../../src/client/index.js'
import { foreignAnswer, silentEnd } from '../../src/client/remedies.js'
import { ClosedError } from '../../src/errors.js'

for (const [what, head, options, says] of [
  ['HTTP', Buffer.from('HTTP/'), {}, /looks like HTTP: try --ws/],
  ['HTTP inside TLS', Buffer.from('HTTP/'), { tls: {} }, /looks like HTTP: try --ws/],
  ['a TLS alert', Buffer.of(0x15, 3, 1, 0, 2), {}, /looks like TLS: .*--cafile FILE/],
  ['a TLS handshake', Buffer.of(0x16, 3, 3), {}, /looks like TLS/],
  ['the same inside TLS', Buffer.of(0x15, 3, 1, 0, 2), { tls: {} }, undefined],
  ['HTTP inside WebSocket', Buffer.from('HTTP/'), { webSocket: {} }, undefined],
  [
    'a line of text',
    Buffer.from('SSH-2'),
    {},
    /text that begins with 'SSH-2', not MQTT: is it another port\?/,
  ],
  ['a greeting', Buffer.from('220 m'), {}, /begins with '220 m'/],
  ['a CONNACK', Buffer.of(0x20, 2, 0, 0), {}, undefined],
  ['a part of HTTP', Buffer.from('HTT'), {}, undefined],
  ['nothing', Buffer.of(), {}, undefined],
] as readonly [string, Buffer, ClientOptions, RegExp | undefined][]) {
  test(`${what}: ${says ?? 'may be MQTT'}`, () => {
    const error = foreignAnswer(head.toString('latin1'), options)
    if (says === undefined) return assert.equal(error, undefined)
    assert.ok(error instanceof ClosedError)
    assert.match(error.message, says)
  })
}

for (const [what, options, says] of [
  ['a plain port', { port: 1883 }, /before CONNACK: .*TLS \(--cafile FILE\), WebSocket \(--ws\), .*-V.*-i/],
  ['port 8883', { port: 8883 }, /before CONNACK: port 8883 is usually one for TLS: try --cafile/],
  ['port 8884', { port: 8884 }, /port 8884 is usually one for TLS/],
  ['port 8883 with TLS', { port: 8883, tls: {} }, /may want WebSocket \(--ws\), another/],
  ['with TLS and WebSocket', { tls: {}, webSocket: {} }, /may want another protocol version/],
] as const) {
  test(`a connection that ends without a word: ${what}`, () => {
    const { message } = silentEnd(new ClosedError('connection closed by the broker'), options)
    assert.match(message, /^connection closed by the broker /)
    assert.match(message, says)
  })
}
