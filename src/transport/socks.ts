// SOCKS5 through the `socks` package. It tells failures apart by sentences only, so that the proxy's answers are read
// beside it.

import type { Socket } from 'node:net'
import { domainToASCII } from 'node:url'
import { SocksClient } from 'socks'
import { type TransportDetail, TransportError, UsageError } from '../errors.js'
import type { ProxySettings } from './proxy.js'
import { over, type Step } from './step.js'

/** The package keeps an (idle) timer that long; the signal is what ends us. */
const PACKAGE_LIMIT_MS = 600_000

/** Asks the proxy at the other end of `socket` to connect us to a host. Throws TransportError, UsageError. */
export async function throughSocks(
  socket: Socket,
  { userName, password = '' }: ProxySettings,
  { host, port }: { host: string; port: number },
  where: string,
  signal: AbortSignal,
): Promise<Socket> {
  // The package writes the name as UTF-8 but counts its characters.
  const name = /[^\x00-\x7f]/.test(host) ? domainToASCII(host) : host
  if (Buffer.byteLength(name) > 255) {
    socket.destroy()
    throw new UsageError(`host name of ${Buffer.byteLength(name)} bytes: a SOCKS proxy takes 255`)
  }
  let answer = Buffer.alloc(0)
  const failed = (): TransportError => rejection(answer, userName !== undefined, where)
  const step: Step = { name: 'proxy', where, signal, closed: failed }
  await over<Socket>([socket], step, (done, fail) => {
    const read = (chunk: Buffer): void => {
      if (answer.length < 8) answer = Buffer.concat([answer, chunk])
    }
    socket.on('data', read)
    SocksClient.createConnection({
      command: 'connect',
      proxy: {
        host: 'unused', // it gets a connection
        port: 1080,
        type: 5,
        ...(userName !== undefined && { userId: userName, password }),
      },
      destination: { host: name, port },
      existing_socket: socket,
      timeout: PACKAGE_LIMIT_MS,
    }).then(
      () => (isAnswer(answer) ? done(socket) : fail(failed())),
      // Its error holds the password.
      () => fail(failed()),
    )
    return () => socket.off('data', read)
  })
  await calm(socket)
  return socket
}

/**
 * The package sets the socket flowing in the next turn, when nobody may listen yet. A listener for `readable` prevents
 * that, and leaves it as fresh as after connecting.
 */
async function calm(socket: Socket): Promise<void> {
  const early: Buffer[] = []
  const keep = (chunk: Buffer): void => {
    early.push(chunk)
  }
  const wait = (): void => {}
  socket.on('readable', wait).on('data', keep)
  await new Promise((resolve) => setImmediate(resolve))
  socket.off('data', keep).off('readable', wait)
  if (early.length > 0) socket.unshift(Buffer.concat(early))
}

// `05 METHOD`, after a login `01 STATUS`, then `05 REPLY 00 TYPE ...`
const replyAt = (answer: Buffer): number => (answer[1] === 2 ? 4 : 2)

function isAnswer(answer: Buffer): boolean {
  return [1, 3, 4].includes(answer[replyAt(answer) + 3] ?? 0)
}

function rejection(answer: Buffer, hadLogin: boolean, where: string): TransportError {
  const fail = (text: string, detail: TransportDetail, reply?: number): TransportError =>
    new TransportError('proxy', `${where}: ${text}`, { detail, reply })
  const [first, method] = answer
  const at = replyAt(answer)
  const status = at === 4 ? answer[3] : 0
  const reply = answer[at + 1]
  if (first === undefined) return fail('the proxy closed the connection without an answer', 'failed')
  if (first !== 5) return fail('what answers there is not a SOCKS5 proxy', 'failed')
  if (method === 0xff) {
    const remedy = hadLogin ? '' : ': give it a user name and password (USER:PASSWORD@ before its host)'
    return fail(`the proxy accepts none of our ways to log in${remedy}`, 'denied', method)
  }
  if (method !== undefined && method !== 0 && method !== 2)
    return fail(`the proxy chose login method ${method}, which was not offered`, 'failed')
  if (status !== undefined && status !== 0)
    return fail(`the proxy refused the user name and password (status ${status})`, detailOf(status), status)
  if (reply === undefined) return fail('the proxy closed the connection in the middle of an answer', 'failed')
  if (answer[at] !== 5 || reply === 0) return fail('the proxy sent an answer that is not SOCKS5', 'failed')
  const text = REPLIES[reply] ?? 'the proxy refused, for a reason without a meaning in SOCKS5'
  return fail(`${text} (reply ${reply})`, detailOf(reply), reply)
}

const REPLIES: Readonly<Record<number, string>> = {
  1: 'the proxy failed',
  2: "the proxy's rules do not allow it",
  3: 'the network is unreachable from the proxy',
  4: 'the host is unreachable from the proxy',
  5: 'the broker refused the connection of the proxy: nothing listens there',
  6: 'the connection of the proxy ran out of time (TTL)',
  7: 'the proxy does not support the command',
  8: 'the proxy does not support this type of address',
}

function detailOf(reply: number): TransportDetail {
  if (reply === 2) return 'denied'
  if (reply >= 3 && reply <= 5) return 'unreachable'
  return reply >= 1 && reply <= 8 ? 'failed' : 'unknown'
}
