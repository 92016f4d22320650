// The door's one function: puts the ways to a broker together, each inside the one before.

import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TransportError, type TransportStep } from '../errors.js'
import type { ResolveSrv } from './srv.js'
import { release } from './step.js'
import { checkWebSocket, nameOf, proxyName, type Target } from './target.js'
import { addressesOf, dialTcp } from './tcp.js'
import type { Resumption } from './tls.js'

/** Stands in for the world outside, in tests. */
export interface DialTools {
  resolveSrv?: ResolveSrv
}

/**
 * Opens a byte stream to the target: by its SRV records, through its proxy, over TCP or a unix socket, then TLS, then
 * WebSocket. Aborting `signal` ends the attempt with the signal's reason as the cause. Throws TransportError, and
 * UsageError for settings that cannot be used.
 */
export async function dial(target: Target, signal: AbortSignal, tools: DialTools = {}): Promise<Duplex> {
  if (!target.srv || (target.path !== undefined && target.proxy === undefined))
    return dialServer(target, signal)
  const { findServers } = await import('./srv.js')
  const { name, servers } = await findServers(target, signal, tools.resolveSrv)
  let failure: unknown
  for (const server of servers) {
    try {
      return await dialServer({ ...target, host: server.name, port: server.port }, signal)
    } catch (error) {
      failure = error
      if (!(error instanceof TransportError) || signal.aborted) break
    }
  }
  if (!(failure instanceof TransportError)) throw failure
  const { step, message, detail, reply } = failure
  const tried = servers.length === 1 ? 'its only server' : `the last of ${servers.length} servers`
  throw new TransportError(step, `${message} (${tried} by the SRV record ${name})`, {
    cause: failure,
    detail,
    reply,
  })
}

async function dialServer(target: Target, signal: AbortSignal): Promise<Duplex> {
  const { host, path, proxy, tls, webSocket } = target
  // Loading TLS takes a third of a plain publish's time, so only those who need it pay. All is loaded and checked
  // before there is a socket that could fail unheard.
  const tlsDialler = tls && (await import('./tls.js'))
  const webSocketDialler = webSocket && (await import('./web-socket.js'))
  if (webSocket !== undefined) checkWebSocket(webSocket)
  const context = tls && tlsDialler?.prepareTls(tls)
  const where = `cannot connect to ${nameOf(target)}`
  let stream = await dialBase(target, where, signal)
  let step: TransportStep = proxy !== undefined ? 'proxy' : path !== undefined ? 'unix' : 'tcp'
  const overUnix = path !== undefined && proxy === undefined
  if (tls !== undefined && tlsDialler !== undefined && context !== undefined) {
    const resumption = resumptionOf(target)
    const name = overUnix ? undefined : host
    try {
      stream = await tlsDialler.dialTls(stream, tls, context, name, resumption, where, signal)
    } catch (error) {
      if (resumption?.wasUsed && !signal.aborted && isHandshakeFault(error)) return dialServer(target, signal)
      throw error
    }
    step = 'tls'
  }
  if (webSocket === undefined || webSocketDialler === undefined)
    return release(stream, { name: step, where, signal })
  const upgraded = await webSocketDialler.dialWebSocket(
    stream,
    webSocket,
    overUnix ? 'localhost' : host,
    where,
    signal,
  )
  return release(upgraded, { name: 'upgrade', where, signal })
}

function resumptionOf({
  tlsSessions,
  host,
  port,
  path,
}: Target): (Resumption & { wasUsed: boolean }) | undefined {
  if (tlsSessions === undefined) return undefined
  const server = path ?? `${host}:${port}`
  return {
    wasUsed: false,
    take() {
      const session = tlsSessions.get(server)
      this.wasUsed = tlsSessions.delete(server)
      return session
    },
    keep: (session) => void tlsSessions.set(server, session),
  }
}

/** Some servers fail instead of beginning anew when they cannot resume a session. */
function isHandshakeFault(error: unknown): boolean {
  const { code = '' } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
  return code === '' || code === 'ECONNRESET' || code.startsWith('ERR_SSL_')
}

/** What carries everything else: TCP, a unix socket or a tunnel. */
async function dialBase(target: Target, where: string, signal: AbortSignal): Promise<Socket> {
  const { host, port, path, proxy, localAddress } = target
  if (proxy === undefined) {
    if (path === undefined) return dialTcp({ host, port, localAddress, where }, signal)
    const { dialUnix } = await import('./unix.js')
    return dialUnix(path, where, signal)
  }
  const through =
    proxy.kind === 'http'
      ? (await import('./http-proxy.js')).throughHttp
      : (await import('./socks.js')).throughSocks
  const isLookedUpHere = proxy.kind === 'socks5' && isIP(host) === 0
  const [address = host] = isLookedUpHere ? await addressesOf(host, { name: 'lookup', where, signal }) : []
  const toProxy = {
    host: proxy.host,
    port: proxy.port,
    localAddress,
    where: `cannot connect to ${proxyName(proxy)}`,
  }
  return through(await dialTcp(toProxy, signal), proxy, { host: address, port }, where, signal)
}
