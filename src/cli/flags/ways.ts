// Flags that say by which way to the broker: sockets, SRV records, WebSocket, proxies. All programs share them.

import { UsageError } from '../../errors.js'
import { checkWebSocket, parseProxy } from '../../transport/index.js'
import { ALL, type Flag, type Given, on, value } from './table.js'
import { FILE, printable, TEXT } from './values.js'

export const WAY_FLAGS: readonly Flag[] = [
  {
    long: 'unix',
    value: 'PATH',
    group: 'connection',
    on: ALL,
    brief: 'Connect to a unix socket',
    detail: 'A path of at most 107 bytes. The same as -h PATH -p 0.',
    takes: {
      type: FILE,
      set: (given, text) => {
        const length = Buffer.byteLength(text)
        if (length < 1 || length > 107)
          throw new UsageError(`'${printable(text)}': a socket path has 1 to 107 bytes`)
        given.host = text
        given.port = 0
      },
    },
  },
  {
    short: 'A',
    value: 'ADDRESS',
    env: 'MQTT_BIND',
    group: 'connection',
    on: ALL,
    brief: 'Local address or host name to connect from',
    detail: 'For machines with several addresses.',
    takes: value('bind', TEXT),
  },
  {
    short: 'S',
    env: 'MQTT_SRV',
    group: 'connection',
    on: ALL,
    brief: 'Find the broker by the SRV records of HOST',
    detail:
      'Looks _mqtt._tcp.HOST up, with TLS _secure-mqtt._tcp.HOST, and tries the servers found by priority and weight. -p is not used.',
    takes: on('srv'),
  },
  {
    long: 'ws',
    group: 'connection',
    on: ALL,
    brief: 'Use WebSocket',
    detail:
      'With TLS a secure WebSocket. The subprotocol is mqtt, for MQTT 3.1 mqttv3.1. --ws-path and --ws-header turn it on too.',
    takes: on('ws'),
  },
  {
    long: 'ws-path',
    value: 'PATH',
    secret: true,
    group: 'connection',
    on: ALL,
    brief: 'Path of the WebSocket (default /mqtt)',
    detail:
      'May have a query, which is never shown. Turns WebSocket on. In -L what follows the host is the topic, so the path is said here.',
    takes: {
      type: TEXT,
      set: (given, text) => {
        checkWebSocket({ path: text })
        given.wsPath = text
      },
    },
  },
  {
    long: 'ws-header',
    value: 'HEADER',
    secret: true,
    group: 'connection',
    on: ALL,
    brief: "Header of the WebSocket request: 'Name: value'; repeatable",
    detail:
      'Turns WebSocket on. For instance an Authorization header; the same name several times sends all its values. This program never shows the value, but others may see it in ps: MQTT_WS_HEADER and an options file avoid that.',
    takes: { type: TEXT, many: true, set: addHeader },
  },
  {
    long: 'proxy',
    value: 'URL',
    secret: true,
    group: 'connection',
    on: ALL,
    brief: 'Connect through a proxy: socks5h://USER:PW@HOST:PORT',
    detail:
      'socks5h:// has the proxy look the broker up, socks5:// looks it up here (default port 1080), http:// asks an HTTP proxy to CONNECT (default port 8080). User name and password are percent-decoded and never shown. With the word env in place of a URL the environment names the proxy, see ENVIRONMENT; without --proxy env it is not asked.',
    takes: {
      type: TEXT,
      set: (given, text) => {
        if (text !== 'env') parseProxy(text)
        given.proxy = text
      },
    },
  },
  {
    long: 'nodelay',
    group: 'connection',
    on: ALL,
    brief: 'Send small packets at once (always done)',
    detail: 'Accepted for compatibility: writes are gathered, and nothing waits for more.',
    takes: on('nodelay'),
  },
]

/** `Name: value`, which may be a secret. */
function addHeader(given: Given, text: string): void {
  const colon = text.indexOf(':')
  if (colon < 1) throw new UsageError("expected 'Name: value'")
  const name = text.slice(0, colon)
  const value = text.slice(colon + 1).trim()
  checkWebSocket({ headers: { [name]: value } })
  const known = Object.keys(given.wsHeaders ?? {}).find((each) => each.toLowerCase() === name.toLowerCase())
  const values = known === undefined ? [] : (given.wsHeaders?.[known] ?? [])
  given.wsHeaders = { ...given.wsHeaders, [known ?? name]: [...values, value] }
}
