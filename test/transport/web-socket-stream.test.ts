// A WebSocket as a stream of bytes: frames in any shape, faults, closing, and back pressure both ways.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { ClosedError } from '../../src/errors.js'
import { ending, failure, open, serve, take } from './support.js'
import { frame, framesOf, switching, upgrades } from './web-socket-server.js'

/** Both ends of a WebSocket: our stream and the server's raw socket. */
async function pair(t: TestContext): Promise<{ stream: Duplex; peer: Socket }> {
  let accepted: (socket: Socket) => void = () => {}
  const peer = new Promise<Socket>((resolve) => {
    accepted = resolve
  })
  const port = await serve(t, upgrades(switching('mqtt'), accepted))
  const stream = await open(t, { port, webSocket: {} })
  return { stream, peer: await peer }
}

const BINARY = 0x82
const TEXT = 0x81
const CLOSE = 0x88
const PING = 0x89
const PONG = 0x8a

test('fragments, control frames between them and messages in one segment become one row of bytes', async (t) => {
  const { stream, peer } = await pair(t)
  const bytes = Buffer.concat([
    frame(0x02, 'ab'),
    frame(PING, 'p'),
    frame(0x00, ''),
    frame(0x80, 'c'),
    frame(BINARY, ''),
    frame(BINARY, 'def'),
    frame(BINARY, 'g'),
  ])
  for (const byte of bytes) peer.write(Buffer.of(byte))
  peer.write(bytes)
  assert.equal((await take(stream, 14)).toString(), 'abcdefgabcdefg')
})

test('frames that come with the answer to the upgrade are not lost', async (t) => {
  const answer = (accept: string): string => `${switching('mqtt')(accept)}\x82\x02hi`
  const port = await serve(t, upgrades(answer))
  const stream = await open(t, { port, webSocket: {} })
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await take(stream, 2)).toString(), 'hi')
})

test('a breach that comes with the answer to the upgrade fails the dialling, and nothing else', async (t) => {
  const answer = (accept: string): string => `${switching('mqtt')(accept)}\x81\x02hi`
  const port = await serve(t, upgrades(answer))
  const error = await failure(t, { port, webSocket: {} })
  assert.deepEqual([error.step, error.detail], ['upgrade', 'failed'])
  assert.match(error.message, /^cannot connect to .*: the broker sent a text frame/)
})

test('what leaves: masked binary frames, a corked row in one, a pong for a ping', async (t) => {
  const { stream, peer } = await pair(t)
  stream.cork()
  for (const word of ['a', 'b', 'c']) stream.write(word)
  stream.uncork()
  stream.write('d')
  assert.deepEqual(framesOf(await take(peer, 9 + 7)), [
    { first: BINARY, masked: true, payload: Buffer.from('abc') },
    { first: BINARY, masked: true, payload: Buffer.from('d') },
  ])
  peer.write(frame(PING, 'are you there'))
  assert.deepEqual(framesOf(await take(peer, 6 + 13)), [
    { first: PONG, masked: true, payload: Buffer.from('are you there') },
  ])
})

test('a text frame: close 1003, and a clear error', async (t) => {
  const { stream, peer } = await pair(t)
  peer.write(frame(TEXT, Buffer.from('20020000', 'hex')))
  const end = ending(stream)
  const [closing] = framesOf(await take(peer, 8))
  assert.equal(closing?.first, CLOSE)
  assert.equal(closing?.payload.readUInt16BE(), 1003)
  const { error } = await end
  assert.ok(error instanceof ClosedError)
  assert.match(error.message, /text frame.*MQTT-6\.0\.0-1/)
  await once(peer.resume(), 'close')
})

test('a text frame that is not UTF-8 is the same', async (t) => {
  const { stream, peer } = await pair(t)
  peer.write(frame(TEXT, Buffer.of(0xff)))
  const { error } = await ending(stream)
  assert.match(error?.message ?? '', /text frame/)
})

test('a text frame of a peer that never closes: our side ends all the same', async (t) => {
  const { stream, peer } = await pair(t)
  peer.pause()
  peer.write(frame(TEXT, 'x'))
  const { error } = await ending(stream)
  assert.match(error?.message ?? '', /text frame/)
})

for (const [name, bytes, code] of [
  ['a masked frame', '828100000000aa', 1002],
  ['an unknown opcode', '8300', 1002],
  ['a stray continuation', '8001aa', 1002],
  ['a reserved bit', 'c201aa', 1002],
  ['over 256 MiB announced', '827f0000000010000006', 1009],
] as const) {
  test(`a breach of the protocol: ${name}`, async (t) => {
    const { stream, peer } = await pair(t)
    peer.write(Buffer.from(bytes, 'hex'))
    const end = ending(stream)
    const [closing] = framesOf(await take(peer, 8))
    assert.equal(closing?.payload.readUInt16BE(), code)
    const { error } = await end
    assert.ok(error instanceof ClosedError)
    assert.match(error.message, /broke the rules of WebSocket: /)
  })
}

const CLOSINGS: readonly [payload: string, text: RegExp | undefined][] = [
  ['', undefined],
  ['03e8', undefined],
  [`03e9`, /closed the WebSocket with code 1001, it is going away$/],
  [`03f0${Buffer.from('no room').toString('hex')}`, /code 1008, its policy forbids it: no room$/],
  ['0fa0', /with code 4000$/],
]
for (const [payload, text] of CLOSINGS) {
  test(`close frame '${payload}': what came before it is read, then the stream ends`, async (t) => {
    const { stream, peer } = await pair(t)
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    peer.write(
      Buffer.concat([frame(BINARY, Buffer.from('300a00', 'hex')), frame(CLOSE, Buffer.from(payload, 'hex'))]),
    )
    const { ended, error } = await ending(stream)
    assert.equal(Buffer.concat(chunks).toString('hex'), '300a00')
    assert.ok(ended)
    if (text === undefined) assert.equal(error, undefined)
    else assert.match(error?.message ?? '', text)
  })
}

test('a cut without a close frame is an end, in mid frame too', async (t) => {
  const { stream, peer } = await pair(t)
  peer.end(Buffer.from('8205300a', 'hex'))
  const { ended, error } = await ending(stream)
  assert.deepEqual([ended, error], [true, undefined])
})

test('a reset is an error', async (t) => {
  const { stream, peer } = await pair(t)
  peer.resetAndDestroy()
  const { error } = await ending(stream)
  assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET')
})

test('our end: everything written, then close 1000, then the end of the other side', async (t) => {
  const { stream, peer } = await pair(t)
  stream.end('bye')
  const frames = framesOf(await take(peer, 9 + 8))
  assert.deepEqual(
    frames.map(({ first, payload }) => [first, payload.toString('hex')]),
    [
      [BINARY, Buffer.from('bye').toString('hex')],
      [CLOSE, '03e8'],
    ],
  )
  const end = ending(stream)
  peer.end(frame(CLOSE, Buffer.from('03e8', 'hex')))
  assert.deepEqual(await end, { ended: true, error: undefined })
  assert.ok(stream.writableFinished)
})

for (const [name, answer] of [
  ['closes without a close frame', (peer: Socket) => peer.end()],
  ['resets', (peer: Socket) => peer.resetAndDestroy()],
  ['closes with code 1001', (peer: Socket) => peer.end(frame(CLOSE, Buffer.from('03e9', 'hex')))],
] as const) {
  test(`our end: a server that then ${name} has done no harm`, async (t) => {
    const { stream, peer } = await pair(t)
    stream.end('bye')
    await take(peer, 9 + 8)
    answer(peer)
    assert.deepEqual((await ending(stream)).error, undefined)
  })
}

test('writes after a close frame do not hide it, and are not reported as done', async (t) => {
  const { stream, peer } = await pair(t)
  peer.write(frame(CLOSE, Buffer.from('03e9', 'hex')))
  await take(peer, 8) // the answer to it
  let done = false
  stream.write('lost', (error) => {
    done = error == null
  })
  const { error } = await ending(stream)
  assert.match(error?.message ?? '', /code 1001/)
  assert.equal(done, false)
})

test('destroy closes the connection at once', async (t) => {
  const { stream, peer } = await pair(t)
  stream.destroy()
  await once(peer.resume(), 'close')
})
