// -L: broker, credentials and topic in one URL.

import { UsageError } from '../../errors.js'
import { SCHEMES } from '../../transport/index.js'
import { type Given, setPassword } from './table.js'
import { didYouMean, FILTER, printable, type Type } from './values.js'

/**
 * `SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]`. Sets host and port, and the rest as far as the URL has it. Throws
 * UsageError, which never shows the password.
 */
export function setUrl(given: Given, text: string, topicType: Type<string>): void {
  const [, name, authority, slash, topic] = /^([a-z0-9+.-]+):\/\/([^/]*)(\/?)([\s\S]*)$/i.exec(text) ?? []
  if (name === undefined || authority === undefined) {
    throw new UsageError('the URL is not of the form mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC')
  }
  const scheme = SCHEMES.get(name.toLowerCase())
  if (scheme === undefined) {
    const known = [...SCHEMES.keys()]
    throw new UsageError(
      `URL scheme '${name}': expected one of ${known.join(', ')}${didYouMean(name, known)}`,
    )
  }
  const at = authority.lastIndexOf('@')
  const place = authority.slice(at + 1)
  const [, bracketed, plain, portText] =
    /^(?:\[([0-9a-f:.]+(?:%[^[\]]+)?)\]|([^:[\]]+))(?::(.*))?$/i.exec(place) ?? []
  const host = bracketed ?? plain
  if (host === undefined)
    throw new UsageError(
      `URL host '${printable(place)}': expected a name, an IPv4 address or an IPv6 address in brackets`,
    )
  const port = portText === undefined ? scheme.port : /^\d+$/.test(portText) ? Number(portText) : Number.NaN
  if (!(port >= 1 && port <= 65_535)) {
    throw new UsageError(`URL port '${printable(portText ?? '')}': expected a whole number from 1 to 65535`)
  }
  given.host = host
  given.port = port
  delete given.urlTls
  delete given.ws
  if (scheme.tls) given.urlTls = true
  if (scheme.webSocket) given.ws = true
  if (at >= 0) {
    const credentials = authority.slice(0, at)
    const colon = credentials.indexOf(':')
    given.userName = decoded(colon < 0 ? credentials : credentials.slice(0, colon))
    if (colon >= 0) setPassword(given, { password: decoded(credentials.slice(colon + 1)) })
  }
  if (slash === '' || topic === undefined || topic === '') return // -t may give it
  const before = topicType === FILTER ? (given.topics ?? []) : [] // filters add up, of topics the last wins
  given.topics = [...before, topicType.read(topic)]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new UsageError('URL user name or password: a % is not followed by the digits of a UTF-8 character')
  }
}
