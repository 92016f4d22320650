// The lines of --explain: what led to an attempt to connect, and how far it got. `TIME STAGE FACT=VALUE...`, where the
// time is seconds since the attempt began. Never a secret.

import type { ClientOptions, ConnectionStage, StageListener } from '../client/index.js'
import type { Packet } from '../packet/index.js'
import { type CertificateFacts, DEFAULT_PORT, DEFAULT_TLS_PORT } from '../transport/index.js'
import type { Reporter } from './exit.js'
import type { Origins } from './flags/sources.js'
import type { Given } from './flags/table.js'
import { connectLimit, tlsReason } from './settings.js'
import { packetFacts } from './trace.js'

/** Names of options, not their values. */
export function explainOrigins(origins: Origins, reporter: Reporter): void {
  for (const [source, names] of origins)
    reporter.explain(line(0, 'source', [fact('from', source), fact('options', [...names].join(','))]))
}

/** Tells the options now, and each stage as it comes. */
export function explainer(options: ClientOptions, given: Given, reporter: Reporter): StageListener {
  reporter.explain(line(0, 'options', optionFacts(options, given)))
  const { version = 4 } = options
  return (stage, elapsedMs) => {
    for (const facts of stageFacts(stage, version)) reporter.explain(line(elapsedMs, stage.name, facts))
  }
}

function line(elapsedMs: number, stage: string, facts: readonly string[]): string {
  return [(elapsedMs / 1_000).toFixed(3), stage, ...facts].join(' ')
}

/** Quoted where it would not be one word. */
function fact(name: string, value: string | number): string {
  const text = String(value)
  return `${name}=${/^[^\s"\\=]+$/.test(text) ? text : JSON.stringify(text)}`
}

const PROTOCOLS = { 3: '3.1', 4: '3.1.1', 5: '5.0' } as const

function optionFacts(options: ClientOptions, given: Given): string[] {
  const { host = 'localhost', path, srv, localAddress, proxy, tls, webSocket, version = 4 } = options
  const { userName, clientId = '', cleanStart, keepAliveSeconds = 0 } = options
  const port = options.port ?? (tls ? DEFAULT_TLS_PORT : DEFAULT_PORT)
  const { seconds, by } = connectLimit(given)
  return [
    ...(path === undefined
      ? [fact('host', host), srv ? 'port=srv' : fact('port', port)]
      : [fact('socket', path)]),
    ...(localAddress === undefined ? [] : [fact('from', localAddress)]),
    ...(proxy ? [fact('proxy', `${proxy.kind}://${proxy.host}:${proxy.port}`)] : []),
    ...(proxy ? [`proxy-login=${yes(proxy.userName !== undefined)}`] : []),
    ...(given.proxy === 'env' && !proxy ? ['proxy=no'] : []),
    ...known('proxy-by', given.proxyVariable),
    `tls=${yes(tls !== undefined)}`,
    ...(tls ? [fact('because', tlsReason(given) ?? '')] : []),
    `websocket=${yes(webSocket !== undefined)}`,
    fact('version', PROTOCOLS[version]),
    fact('client-id', clientId),
    `clean=${yes(cleanStart !== false)}`,
    `user-name=${yes(userName !== undefined)}`,
    fact('password', passwordOrigin(given)),
    fact('keepalive', keepAliveSeconds),
    fact('limit', `${seconds} s (${by})`),
  ]
}

function passwordOrigin({ password, passwordFile, passwordCommand }: Given): string {
  if (passwordCommand !== undefined) return 'command'
  if (passwordFile !== undefined) return 'file'
  return password === undefined ? 'no' : 'option'
}

function yes(value: boolean): string {
  return value ? 'yes' : 'no'
}

/** The facts of one line, or of several. */
function stageFacts(stage: ConnectionStage, version: 3 | 4 | 5): string[][] {
  switch (stage.name) {
    case 'attempt':
      return [[fact('number', stage.nth)]]
    case 'password':
      return [[result(stage)]]
    case 'srv': {
      const servers = stage.servers.map(({ name, port }) => `${name}:${port}`).join(',')
      return [
        [fact('record', stage.record), stage.fault === undefined ? fact('servers', servers) : result(stage)],
      ]
    }
    case 'lookup': {
      const { host, addresses, fault } = stage
      return [
        [fact('host', host), fault === undefined ? fact('addresses', addresses.join(',')) : result(stage)],
      ]
    }
    case 'tcp':
      return [[fact('address', stage.address), fact('port', stage.port), result(stage)]]
    case 'unix':
      return [[fact('socket', stage.path), result(stage)]]
    case 'proxy': {
      const { kind, proxy, port, to, reply } = stage
      return [
        [
          fact('proxy', `${kind}://${proxy}:${port}`),
          fact('to', to),
          ...known('reply', reply),
          result(stage),
        ],
      ]
    }
    case 'tls': {
      const { wanted, cipher, alpn, names, resumed, chain = [] } = stage
      const facts = [
        ...known('version', stage.version),
        ...known('cipher', cipher),
        ...known('alpn', alpn),
        ...(resumed === undefined ? [] : [`resumed=${yes(resumed)}`]),
        ...known('wanted', wanted),
        ...known('names', names?.join(', ')),
        result(stage),
      ]
      return [facts, ...chain.map(certificateFacts)]
    }
    case 'upgrade': {
      const { path, status, protocol } = stage
      return [[fact('path', path), ...known('status', status), ...known('protocol', protocol), result(stage)]]
    }
    case 'connack':
      return [answer(stage, version)]
    case 'suback':
      return [[...stage.filters.map((filter) => fact('filter', filter)), ...answer(stage, version)]]
  }
}

function known(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [fact(name, value)]
}

function result({ fault }: { fault?: string }): string {
  return fact('result', fault ?? 'ok')
}

/** What is in a packet of the broker, or why it did not come. */
function answer(
  { packet, ...rest }: { packet?: Packet | undefined; fault?: string },
  version: 3 | 4 | 5,
): string[] {
  return packet === undefined ? [result(rest)] : packetFacts(packet, version)
}

function certificateFacts(
  { subject, issuer, notBefore, notAfter }: CertificateFacts,
  depth: number,
): string[] {
  return [
    fact('certificate', depth),
    fact('subject', subject),
    fact('issuer', issuer),
    fact('from', notBefore.toISOString()),
    fact('until', notAfter.toISOString()),
  ]
}
