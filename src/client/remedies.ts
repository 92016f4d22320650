// What answered in place of an MQTT broker, by its first bytes or by none, and what to try.

import { ClosedError } from '../errors.js'
import type { ClientOptions } from './options.js'

/** Ports that are for TLS by custom. */
const TLS_PORTS = new Set([8883, 8884])

/** The first bytes after CONNECT belong to another protocol; undefined where they may be MQTT. */
export function foreignAnswer(head: string, { tls, webSocket }: ClientOptions): ClosedError | undefined {
  // Inside WebSocket, or a second time inside TLS, nobody speaks these.
  if (webSocket !== undefined) return undefined
  if (head[1] === '\x02') return undefined // the Remaining Length of a CONNACK before MQTT 5, as most are
  if (head.startsWith('HTTP/'))
    return new ClosedError(
      'connection lost: the answer to CONNECT looks like HTTP: try --ws, or another port',
    )
  // A TLS record: an alert (0x15) or a handshake message (0x16), then the major version 3.
  if (tls === undefined && /^[\x15\x16]\x03/.test(head))
    return new ClosedError(
      'connection lost: the answer to CONNECT looks like TLS: try --cafile FILE, or -p 8883',
    )
  if (/^[ -~]{4}[ -~\r\n]?$/.test(head))
    return new ClosedError(
      `connection lost: the answer to CONNECT is text that begins with '${head.trim()}', not MQTT: is it another port?`,
    )
  return undefined
}

/** The connection ended before the broker had sent anything, unless a close frame said why. */
export function silentEnd(error: ClosedError, { port, tls, webSocket }: ClientOptions): ClosedError {
  if (error.cause instanceof ClosedError) return error
  const wantsTls = tls === undefined && TLS_PORTS.has(port ?? 0)
  const causes = [
    ...(tls === undefined ? ['TLS (--cafile FILE)'] : []),
    ...(webSocket === undefined ? ['WebSocket (--ws)'] : []),
    'another protocol version (-V)',
  ]
  const remedy = wantsTls
    ? `port ${port} is usually one for TLS: try --cafile FILE`
    : `the port may want ${causes.join(', ')} or another client identifier (-i)`
  return new ClosedError(`${error.message} before CONNACK: ${remedy}`, { cause: error.cause })
}
