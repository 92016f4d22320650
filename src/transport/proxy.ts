// What proxies there are, and how people write them down.

import { UsageError } from '../errors.js'

export interface ProxySettings {
  /** `socks5h` lets the proxy look the broker's name up, `socks5` does it here. `http` asks with CONNECT. */
  kind: 'socks5h' | 'socks5' | 'http'
  host: string
  port: number
  userName?: string
  password?: string
}

const DEFAULT_PORTS: Readonly<Record<ProxySettings['kind'], number>> = {
  socks5h: 1080,
  socks5: 1080,
  http: 8080,
}
const SHAPE = 'expected socks5h://[USER[:PASSWORD]@]HOST[:PORT]'

/**
 * `socks5h://[user[:password]@]host[:port]`, or `socks5://` or `http://`. In user and password `%25`, `%3A` and `%40`
 * stand for `%`, `:` and `@`. Throws UsageError, which never shows them.
 */
export function parseProxy(text: string): ProxySettings {
  const [, kind, rest = ''] = /^(socks5h|socks5|http):\/\/(.*)$/s.exec(text) ?? []
  if (kind === undefined)
    throw new UsageError('proxy URL: begins with none of socks5h://, socks5:// and http://')
  const at = rest.indexOf('@')
  const place = /^(?:\[([^[\]]+)\]|([^:/[\]@]+))(?::(\d+))?\/?$/.exec(rest.slice(at + 1))
  const host = place?.[1] ?? place?.[2]
  if (host === undefined) throw new UsageError(`proxy URL: host or port is not valid: ${SHAPE}`)
  const proxy: ProxySettings = {
    kind: kind as ProxySettings['kind'],
    host,
    port: DEFAULT_PORTS[kind as ProxySettings['kind']],
  }
  if (place?.[3] !== undefined) {
    proxy.port = Number(place[3])
    if (proxy.port < 1 || proxy.port > 65_535)
      throw new UsageError(`proxy URL: port ${place[3]}: expected 1 to 65535`)
  }
  if (at === -1) return proxy
  const [userName = '', password, ...more] = rest.slice(0, at).split(':')
  if (userName === '') throw new UsageError('proxy URL: the user name is empty')
  if (more.length > 0) throw new UsageError("proxy URL: write ':' in the user name or password as %3A")
  proxy.userName = credential('user name', userName)
  if (password !== undefined) proxy.password = credential('password', password)
  return proxy
}

const DECODED: Readonly<Record<string, string>> = { '%25': '%', '%3a': ':', '%40': '@' }

function credential(what: string, text: string): string {
  const decoded = text.replace(/%.{0,2}/gs, (sequence) => {
    const char = DECODED[sequence.toLowerCase()]
    if (char === undefined)
      throw new UsageError(`proxy URL: the ${what} has a '%' that begins none of %25, %3A and %40`)
    return char
  })
  if (Buffer.byteLength(decoded) > 255) throw new UsageError(`proxy URL: the ${what} is over 255 bytes`)
  return decoded
}
