// The WebSocket upgrade, through the `ws` package, over any stream.

import type { IncomingMessage, RequestOptions } from 'node:http'
import { isIPv6, type Socket } from 'node:net'
import { type ClientOptions, WebSocket } from 'ws'
import { type TransportDetail, TransportError } from '../errors.js'
import { isTlsError, over, type Step } from './step.js'
import { type WebSocketSettings, withoutQuery } from './target.js'
import { WebSocketStream } from './web-socket-stream.js'

const MAX_HEADER_BYTES = 4_096
/** The longest MQTT packet, should a broker put it into one message. */
const MAX_MESSAGE_BYTES = 268_435_460
/** How long the other end has for its part in closing; the package sees to that. */
const CLOSE_LIMIT_MS = 5_000

/** Those that the package knows, and its types not all. */
type Options = ClientOptions & Pick<RequestOptions, 'maxHeaderSize'> & { closeTimeout: number }

/** Upgrades `socket` to WebSocket. `host` is what the request asks for. Throws TransportError. */
export function dialWebSocket(
  socket: Socket,
  { path = '/mqtt', headers = {}, protocol = 'mqtt' }: WebSocketSettings,
  host: string,
  where: string,
  signal: AbortSignal,
): Promise<WebSocketStream> {
  const fail = (text: string, detail: TransportDetail, reply?: number): TransportError =>
    new TransportError('upgrade', `${where}: ${text}`, { detail, reply })
  const closed = (): TransportError =>
    fail(
      'the connection was closed instead of an upgrade to WebSocket: is it a port for plain MQTT?',
      'closed',
    )
  const tooLong = (): TransportError =>
    fail(`the answer to the WebSocket upgrade has over ${MAX_HEADER_BYTES} bytes of headers`, 'failed')
  let answer: IncomingMessage | undefined
  const step: Step = {
    name: 'upgrade',
    where,
    signal,
    closed,
    explain: (error) => {
      const { code = '', message } = error
      if (isTlsError(error)) return undefined
      if (code === 'HPE_HEADER_OVERFLOW') return tooLong()
      if (code.startsWith('HPE_'))
        return fail('the port did not answer in HTTP, which WebSocket begins with', 'failed')
      if (code === 'ECONNRESET' || code === 'EPIPE') return closed()
      const chosen = answer?.headers['sec-websocket-protocol']
      if (answer !== undefined && chosen !== protocol && /subprotocol/.test(message))
        return fail(
          `the server chose ${chosen === undefined ? 'no subprotocol' : `subprotocol '${chosen}'`} instead of '${protocol}': is ${withoutQuery(path)} its path for MQTT? [MQTT-6.0.0-4]`,
          'refused',
          101,
        )
      return fail(`WebSocket upgrade failed: ${message}`, 'refused')
    },
  }
  return over<WebSocketStream>([socket], step, (done, stop) => {
    const options: Options = {
      // Without the port, as the reference does it; whoever needs it there can say so.
      headers: { Host: isIPv6(host) ? `[${host}]` : host, ...headers },
      createConnection: () => socket,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      maxHeaderSize: 2 * MAX_HEADER_BYTES, // of the parser, which does not count all bytes
      skipUTF8Validation: true, // text is refused, whatever it says
      closeTimeout: CLOSE_LIMIT_MS,
    }
    // Of the URL only the path counts: the connection is there.
    const webSocket = new WebSocket(`ws://localhost${path}`, protocol, options)
    const onUpgrade = (response: IncomingMessage): void => {
      answer = response
      if (headBytes(response) > MAX_HEADER_BYTES) stop(tooLong())
    }
    const onOpen = (): void => done(new WebSocketStream(webSocket, socket))
    const onResponse = (_request: unknown, response: IncomingMessage): void => {
      const { statusCode = 0 } = response
      stop(fail(refusal(response, path), statusCode >= 500 ? 'failed' : 'refused', statusCode))
    }
    webSocket.on('error', stop).on('upgrade', onUpgrade)
    webSocket.on('open', onOpen).on('unexpected-response', onResponse)
    return () => {
      webSocket.on('error', () => {}).off('error', stop)
      webSocket.off('upgrade', onUpgrade).off('open', onOpen).off('unexpected-response', onResponse)
    }
  })
}

/** Of the status line, the headers and the empty line behind them. */
function headBytes({ httpVersion, statusCode, statusMessage, rawHeaders }: IncomingMessage): number {
  const lines = rawHeaders.length / 2
  const text = rawHeaders.reduce((sum, each) => sum + each.length, 0)
  return `HTTP/${httpVersion} ${statusCode} ${statusMessage}\r\n\r\n`.length + text + ': \r\n'.length * lines
}

function refusal({ statusCode = 0, statusMessage = '', headers }: IncomingMessage, path: string): string {
  const remedy =
    statusCode === 404
      ? `: '${withoutQuery(path)}' is not its path for MQTT: try another with --ws-path`
      : statusCode === 401 || statusCode === 403
        ? ': it wants other credentials in the request headers (--ws-header)'
        : headers.location !== undefined && statusCode >= 300 && statusCode < 400
          ? `: it points to ${withoutQuery(headers.location).slice(0, 200)}`
          : ''
  return `the server refused the WebSocket upgrade with HTTP ${statusCode} ${statusMessage.slice(0, 100)}${remedy}`
}
