// Servers on random ports that end with their test, and what dials them.

import assert from 'node:assert/strict'
import { EventEmitter, getEventListeners, once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { TransportError } from '../../src/errors.js'
import { type DialTools, dial, type Target } from '../../src/transport/index.js'

/** Only ends what hangs: no test waits for it. */
const GUARD_MS = 30_000

/** Listens on a random port of 127.0.0.1, or where `at` says. The test's end closes all. */
export async function listen(
  t: TestContext,
  server: Server,
  at: { path: string } | { port: number; host: string } = { port: 0, host: '127.0.0.1' },
): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  server.listen(at)
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const address = server.address() as AddressInfo | string
  return typeof address === 'string' ? 0 : address.port
}

/** A TCP server that hands each connection over. */
export function serve(t: TestContext, handle: (socket: Socket) => void): Promise<number> {
  return listen(t, createServer(handle))
}

export function echo(socket: Duplex): void {
  socket.on('error', () => {})
  socket.pipe(socket)
}

/** Dials; the stream ends with the test. */
export async function open(t: TestContext, target: Partial<Target>, tools?: DialTools): Promise<Duplex> {
  const abort = new AbortController()
  const guard = setTimeout(() => abort.abort(new Error('the test hangs')), GUARD_MS)
  try {
    const stream = await dial({ host: '127.0.0.1', port: 0, ...target }, abort.signal, tools)
    t.after(() => stream.destroy())
    assert.deepEqual(getEventListeners(abort.signal, 'abort'), [], 'nobody listens to the signal any more')
    return stream
  } catch (error) {
    assert.deepEqual(getEventListeners(abort.signal, 'abort'), [], 'nobody listens to the signal any more')
    throw error
  } finally {
    clearTimeout(guard)
  }
}

/** Dials in vain; returns the error, which must be a TransportError of one line. */
export async function failure(
  t: TestContext,
  target: Partial<Target>,
  tools?: DialTools,
): Promise<TransportError> {
  const error = await open(t, target, tools).then(
    () => assert.fail('it connected'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof TransportError)) throw error
  assert.doesNotMatch(error.message, /\n/)
  return error
}

/** Sends `text` and waits for as many bytes. */
export async function exchange(stream: Duplex, text: string): Promise<string> {
  stream.write(text)
  return (await take(stream, Buffer.byteLength(text))).toString()
}

/** The next `length` bytes. */
export async function take(stream: Duplex, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const [chunk] of until(stream, 'data')) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size >= length) break
  }
  return Buffer.concat(chunks)
}

/** How a stream came to its end: `end` read or not, and the error. */
export async function ending(stream: Duplex): Promise<{ ended: boolean; error: Error | undefined }> {
  let ended = false
  let error: Error | undefined
  stream.on('end', () => {
    ended = true
  })
  stream.on('error', (reason: Error) => {
    error = reason
  })
  stream.resume()
  if (!stream.closed) await new Promise((resolve) => stream.on('close', resolve))
  return { ended, error }
}

async function* until(stream: Duplex, event: string): AsyncGenerator<unknown[]> {
  const queue: unknown[][] = []
  const bell = new EventEmitter()
  let over: Error | undefined
  const onEvent = (...args: unknown[]): void => {
    queue.push(args)
    bell.emit('ring')
  }
  const onClose = (): void => {
    over = new Error('the stream closed')
    bell.emit('ring')
  }
  stream.on(event, onEvent).on('close', onClose)
  try {
    while (true) {
      const next = queue.shift()
      if (next !== undefined) yield next
      else if (over !== undefined) throw over
      else await once(bell, 'ring')
    }
  } finally {
    stream.off(event, onEvent).off('close', onClose)
  }
}
