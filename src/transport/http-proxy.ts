// HTTP proxies, by CONNECT.

import { request } from 'node:http'
import { isIPv6, type Socket } from 'node:net'
import { type TransportDetail, TransportError } from '../errors.js'
import type { ProxySettings } from './proxy.js'
import { over, type Step } from './step.js'

const MAX_HEADER_BYTES = 16_384

/** Asks the proxy at the other end of `socket` to connect us to a host. Throws TransportError. */
export function throughHttp(
  socket: Socket,
  { userName, password = '' }: ProxySettings,
  { host, port }: { host: string; port: number },
  where: string,
  signal: AbortSignal,
): Promise<Socket> {
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`
  const fail = (text: string, detail: TransportDetail, reply?: number): TransportError =>
    new TransportError('proxy', `${where}: ${text}`, { detail, reply })
  const closed = (): TransportError => fail('the proxy closed the connection without an answer', 'failed')
  const step: Step = {
    name: 'proxy',
    where,
    signal,
    closed,
    explain: ({ code = '', message }) => {
      if (code === 'HPE_HEADER_OVERFLOW')
        return fail(`the proxy's answer has over ${MAX_HEADER_BYTES} bytes of headers`, 'failed')
      if (code.startsWith('HPE_')) return fail('what answers there is not an HTTP proxy', 'failed')
      return code === 'ECONNRESET' ? closed() : fail(message, 'failed')
    },
  }
  return over<Socket>([socket], step, (done, stop) => {
    const login = Buffer.from(`${userName}:${password}`).toString('base64')
    const asking = request({
      method: 'CONNECT',
      path: authority,
      headers: {
        Host: authority,
        ...(userName !== undefined && { 'Proxy-Authorization': `Basic ${login}` }),
      },
      maxHeaderSize: MAX_HEADER_BYTES,
      createConnection: () => socket,
    })
    asking.on('error', stop)
    asking.on('connect', ({ statusCode = 0, statusMessage = '' }, _socket, head) => {
      if (statusCode < 200 || statusCode > 299)
        return stop(
          fail(refusal(statusCode, statusMessage, userName !== undefined), detailOf(statusCode), statusCode),
        )
      if (head.length > 0) socket.unshift(head)
      done(socket)
    })
    asking.end()
    return () => asking.off('error', stop).on('error', () => {})
  })
}

function refusal(status: number, message: string, hadLogin: boolean): string {
  const remedy =
    status === 407 || status === 401 // which tinyproxy answers to a wrong login
      ? hadLogin
        ? ': it does not take this user name and password'
        : ': give it a user name and password (USER:PASSWORD@ before its host)'
      : ''
  return `the proxy answered HTTP ${status} ${message.slice(0, 100)}${remedy}`
}

function detailOf(status: number): TransportDetail {
  if (status === 401 || status === 403 || status === 407) return 'denied'
  return status === 502 || status === 503 || status === 504 ? 'unreachable' : 'failed'
}
