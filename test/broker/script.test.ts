// The scripted broker itself: a test that leans on it fails when the conversation is not the one that was written.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type ScriptOptions, script } from './script.js'

/** Plays `text` to a peer that sends `bytes`, waits for what it is sent, and closes. */
async function play(
  t: TestContext,
  text: string,
  bytes: string,
  options: ScriptOptions = {},
): Promise<Buffer> {
  const server = await script(t, text, options)
  const socket: Socket = connect(server.port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.end(Buffer.from(bytes.replaceAll(' ', ''), 'hex'))
  const closed = once(socket, 'close')
  await server.done
  await closed
  return Buffer.concat(chunks)
}

const CONNECT = '10 0c 0004 4d515454 04 02 003c 0000'

test('a conversation as written passes, by bytes, by facts and in segments', async (t) => {
  const text = `
    # a remark
    < CONNECT v=4 clean=1 keepalive=60 id=''
    > 20 02 | 00 00
    < 30 05 00 01 61 78 79   # bytes
    > "ab" 'cd'`
  const got = await play(t, text, `${CONNECT} 30 05 0001 61 78 79`)
  assert.equal(got.toString('hex'), `2002000000026162${'6364'}`)
})

for (const [what, text, bytes, message] of [
  ['another packet', '< SUBSCRIBE', CONNECT, /expected SUBSCRIBE\nbut got {2}CONNECT/],
  ['another fact', '< CONNECT v=5', CONNECT, /expected CONNECT v=5\nbut got {2}CONNECT/],
  ['a fact that is not there', '< CONNECT user=*', CONNECT, /expected CONNECT user=\*/],
  ['other bytes', '< 10 0d', CONNECT, /expected 10 0d\nbut got {2}10 0c/],
  ['bytes behind the script', '< CONNECT', `${CONNECT} e0 00`, /expected nothing more but got e0 00/],
  ['bytes where the end was awaited', '< CONNECT\nwait-eof', `${CONNECT} c0 00`, /expected nothing more/],
  ['an early end', '< CONNECT\n< DISCONNECT', CONNECT, /ended too early/],
] as const) {
  test(`${what} fails with the transcript`, async (t) => {
    await assert.rejects(play(t, text, bytes), (error: Error) => {
      assert.match(error.message, message)
      return /--- what happened:\n< /.test(error.message)
    })
  })
}

test('what does not come fails at the limit of its step', async (t) => {
  const server = await script(t, '< CONNECT', { limitMs: 20 })
  await assert.rejects(server.done, /nothing within 0.02 s: a connection/)
})

test('do runs a function of the test, and silence swallows everything', async (t) => {
  let done = 0
  await play(t, '< CONNECT\ndo count\nsilence', `${CONNECT} c0 00 e0 00`, { do: { count: () => done++ } })
  assert.equal(done, 1)
})

test('a step that does not exist is refused', async (t) => {
  await assert.rejects(script(t, 'wait 5'), /no such step: wait 5/)
  await assert.rejects(script(t, '> hello'), /neither hex nor text/)
})
