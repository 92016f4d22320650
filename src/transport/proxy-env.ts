// The proxy that environment variables name, as curl and others read them.

import { BlockList, isIP } from 'node:net'
import { UsageError } from '../errors.js'
import { type ProxySettings, parseProxy } from './proxy.js'

type Environment = Readonly<Record<string, string | undefined>>

/** The first that is not empty counts. The second is for whoever has a proxy for HTTPS, which is asked to CONNECT too. */
const VARIABLES = ['all_proxy', 'ALL_PROXY', 'https_proxy', 'HTTPS_PROXY'] as const
const EXCEPTIONS = ['no_proxy', 'NO_PROXY'] as const

/** The variable that names the proxy, and the one that excepts the broker from it. */
export function proxyVariables(
  env: Environment,
  broker: { host: string; port: number },
): { name?: string; except?: string } {
  const name = VARIABLES.find((each) => (env[each] ?? '').trim() !== '')
  if (name === undefined) return {}
  const except = EXCEPTIONS.find((each) => env[each] !== undefined)
  return except !== undefined && isExcepted(env[except] ?? '', broker) ? { name, except } : { name }
}

/**
 * The proxy for a broker; undefined where there is none, or NO_PROXY excepts the broker. Throws UsageError, which
 * never shows a value.
 */
export function proxyFromEnv(
  env: Environment,
  broker: { host: string; port: number },
): ProxySettings | undefined {
  const { name, except } = proxyVariables(env, broker)
  if (name === undefined || except !== undefined) return undefined
  const text = (env[name] ?? '').trim()
  try {
    return parseProxy(usual(text))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(`${name}: ${error.message}`)
  }
}

/** Without a scheme it is an HTTP proxy; `socks:` is what some desktops write; any character may be percent-encoded. */
function usual(text: string): string {
  const [, scheme = 'http:', rest = ''] = /^(?:([a-z][a-z0-9]*:)\/\/)?(.*)$/is.exec(text) ?? []
  const at = rest.lastIndexOf('@')
  const kind = scheme.toLowerCase() === 'socks:' ? 'socks5:' : scheme.toLowerCase()
  const place = rest.slice(at + 1).replace(/\/+$/, '')
  if (at === -1) return `${kind}//${place}`
  const credentials = rest.slice(0, at).replace(/(?:%[0-9a-f]{2})+/gi, recoded)
  return `${kind}//${credentials.replaceAll('@', '%40')}@${place}`
}

/** Only those that parseProxy decodes stay encoded. */
function recoded(sequence: string): string {
  try {
    return decodeURIComponent(sequence).replace(
      /[%:@]/g,
      (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
    )
  } catch {
    return sequence // which parseProxy complains of
  }
}

/** `*`, or names, which stand for all below them too, addresses and networks, each with a port or without. */
function isExcepted(list: string, { host, port }: { host: string; port: number }): boolean {
  return list
    .split(/[\s,]+/)
    .filter(Boolean)
    .some((entry) => {
      if (entry === '*') return true
      if (isIP(entry) !== 0 || entry.includes('/')) return covers(entry, host)
      const [, bracketed, plain = '', only] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? []
      if (only !== undefined && Number(only) !== port) return false
      return isIP(bracketed ?? plain) !== 0 ? covers(bracketed ?? plain, host) : isBelow(plain, host)
    })
}

function covers(network: string, host: string): boolean {
  const [address = '', bits] = network.split('/')
  const [plain = ''] = host.split('%') // without the zone of a link-local address
  const kind = isIP(plain)
  if (kind === 0 || isIP(address) !== kind) return false
  const most = kind === 6 ? 128 : 32
  const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : most + 1
  if (length > most) return false
  const family = kind === 6 ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  list.addSubnet(address, length, family)
  return list.check(plain, family)
}

function isBelow(entry: string, host: string): boolean {
  const domain = entry.toLowerCase().replace(/^\*?\./, '')
  const name = host.toLowerCase().replace(/\.$/, '')
  return domain !== '' && isIP(host) === 0 && (name === domain || name.endsWith(`.${domain}`))
}
