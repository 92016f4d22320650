// Where to connect to.

import { UsageError } from '../errors.js'

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
}

export interface Target {
  /** Name, IPv4 or IPv6 address without brackets. */
  host: string
  /** 1 to 65,535. */
  port: number
  /** Present: TLS. */
  tls?: TlsSettings
}

export const DEFAULT_PORT = 1883
export const DEFAULT_TLS_PORT = 8883

export interface ParsedUrl {
  host: string
  port: number
  tls: boolean
  userName?: string
  password?: string
}

/**
 * `mqtt://[user[:password]@]host[:port]`, `mqtts://` for TLS, by the rules of RFC 3986: percent-decoding, brackets
 * around IPv6. Throws UsageError, which never shows the password.
 */
export function parseUrl(text: string): ParsedUrl {
  let url: URL
  try {
    // Without one of its special schemes, URL leaves the host undecoded and unchecked.
    url = new URL(text.replace(/^mqtts?:/i, 'http:'))
  } catch {
    throw new UsageError('broker URL is not valid: expected mqtt://[user:password@]host[:port]')
  }
  const tls = /^mqtts:/i.test(text)
  if (!tls && !/^mqtt:/i.test(text))
    throw new UsageError(`broker URL scheme '${url.protocol}': expected mqtt: or mqtts:`)
  const port = /:(\d+)\/?$/.exec(text)?.[1] // URL drops 80, the default port of http
  const parsed: ParsedUrl = {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? (tls ? DEFAULT_TLS_PORT : DEFAULT_PORT) : Number(port),
    tls,
  }
  try {
    if (url.username !== '') parsed.userName = decodeURIComponent(url.username)
    if (url.password !== '') parsed.password = decodeURIComponent(url.password)
  } catch {
    throw new UsageError('broker URL: user name or password is not percent-encoded UTF-8')
  }
  return parsed
}
