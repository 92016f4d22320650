// Where to connect to, and by which way.

import { UsageError } from '../errors.js'
import type { ProxySettings } from './proxy.js'

export interface TlsSettings {
  /** PEM certificates to trust instead of the runtime's bundle. */
  ca?: readonly (string | Buffer)[]
  /** PEM client certificate with its chain, and its key. */
  cert?: string | Buffer
  key?: string | Buffer
  /** Of an encrypted key. */
  passphrase?: string
  /** Accept any certificate, for any host. */
  insecure?: boolean
  /** OpenSSL cipher list for TLS 1.2; with `minVersion` TLSv1.3 the suites of TLS 1.3, colons between them. */
  ciphers?: string
  /** Default TLSv1.2. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** Protocol name to offer; bytes beyond the 254th are left out. */
  alpn?: string
  /** Pre-shared key: TLS 1.2, and unless `ciphers` says otherwise the server needs no certificate. */
  psk?: { identity: string; key: Buffer }
  /** Given each line of the NSS key log, line feed included. It opens recorded traffic to whoever has it. */
  keylog?: (line: Buffer) => void
}

export interface WebSocketSettings {
  /** Default `/mqtt`. */
  path?: string
  /** Added to the upgrade request; several values make several headers. */
  headers?: Readonly<Record<string, string | readonly string[]>>
  /** Subprotocol, default `mqtt`; MQTT 3.1 calls itself `mqttv3.1`. */
  protocol?: 'mqtt' | 'mqttv3.1'
}

export interface Target {
  /** Name, IPv4 or IPv6 address without brackets. */
  host: string
  /** 1 to 65,535. */
  port: number
  /** Unix socket of 1 to 107 bytes, instead of host and port. A proxy goes before it. */
  path?: string
  /** Find servers and ports by the SRV records of `host`; `port` is not used. */
  srv?: boolean
  /** Name or address of ours to connect from. */
  localAddress?: string
  /** Present: through this proxy. */
  proxy?: ProxySettings
  /** Present: TLS. */
  tls?: TlsSettings
  /** TLS sessions to resume, by server. They are put here as servers give them, and taken out as they are used. */
  tlsSessions?: Map<string, Buffer>
  /** Present: WebSocket, inside TLS if both are. */
  webSocket?: WebSocketSettings
}

export const DEFAULT_PORT = 1883
export const DEFAULT_TLS_PORT = 8883

/** The target as messages name it. */
export function nameOf({
  host,
  port,
  path,
  proxy,
}: Pick<Target, 'host' | 'port' | 'path' | 'proxy'>): string {
  if (proxy !== undefined) return `${host} port ${port} through ${proxyName(proxy)}`
  return path === undefined ? `${host} port ${port}` : `the socket ${path}`
}

/** The proxy as messages name it: never with its credentials. */
export function proxyName({ host, port }: Pick<ProxySettings, 'host' | 'port'>): string {
  return `the proxy ${host} port ${port}`
}

export interface ParsedUrl {
  host: string
  port: number
  tls: boolean
  webSocket?: WebSocketSettings
  userName?: string
  password?: string
}

/** The URL schemes of brokers, with their default ports and what they switch on. */
export const SCHEMES: ReadonlyMap<string, { port: number; tls: boolean; webSocket: boolean }> = new Map([
  ['mqtt', { port: DEFAULT_PORT, tls: false, webSocket: false }],
  ['mqtts', { port: DEFAULT_TLS_PORT, tls: true, webSocket: false }],
  ['ws', { port: 80, tls: false, webSocket: true }],
  ['wss', { port: 443, tls: true, webSocket: true }],
])

/**
 * `mqtt://[user[:password]@]host[:port]`, `mqtts://` for TLS, `ws://` and `wss://` with an optional path for WebSocket,
 * by the rules of RFC 3986: percent-decoding, brackets around IPv6. Throws UsageError, which never shows the password.
 */
export function parseUrl(text: string): ParsedUrl {
  const [, name = '', rest = ''] = /^([a-z]+):(.*)$/is.exec(text) ?? []
  const scheme = SCHEMES.get(name.toLowerCase())
  let url: URL
  try {
    // Without one of its special schemes, URL leaves the host undecoded and unchecked.
    url = new URL(scheme === undefined ? text : `http:${rest}`)
  } catch {
    throw new UsageError('broker URL is not valid: expected mqtt://[user:password@]host[:port]')
  }
  if (scheme === undefined)
    throw new UsageError(`broker URL scheme '${url.protocol}': expected mqtt:, mqtts:, ws: or wss:`)
  const port = /^\/*[^/?#]*:(\d+)(?:[/?#]|$)/.exec(rest)?.[1] // URL drops 80, the default port of http
  const parsed: ParsedUrl = {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? scheme.port : Number(port),
    tls: scheme.tls,
  }
  const path = `${url.pathname}${url.search}`
  if (scheme.webSocket) parsed.webSocket = path === '/' ? {} : { path }
  try {
    if (url.username !== '') parsed.userName = decodeURIComponent(url.username)
    if (url.password !== '') parsed.password = decodeURIComponent(url.password)
  } catch {
    throw new UsageError('broker URL: user name or password is not percent-encoded UTF-8')
  }
  return parsed
}

const OWN_HEADERS = /^(connection|upgrade|sec-websocket-.*|content-length|transfer-encoding)$/i

/** Throws UsageError, which never shows a value, for settings that make no request. */
export function checkWebSocket({ path = '/mqtt', headers = {} }: WebSocketSettings): void {
  if (!/^\/[!-"$-~]*$/.test(path))
    throw new UsageError(
      `WebSocket path '${withoutQuery(path)}': expected '/' and then ASCII without blanks or '#'`,
    )
  for (const [name, values] of Object.entries(headers)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name))
      throw new UsageError(`WebSocket header '${name}': not a valid name`)
    if (OWN_HEADERS.test(name))
      throw new UsageError(`WebSocket header '${name}' belongs to the upgrade itself`)
    if ([values].flat().some((value) => /[^\t -~\u0080-\u00ff]/.test(value)))
      throw new UsageError(`WebSocket header '${name}': its value holds a control or non-Latin character`)
  }
}

/** A path or address without its query, where people put secrets. */
export function withoutQuery(path: string): string {
  return path.replace(/\?.*/s, '')
}
