// The door's one function: puts the ways to a broker together, each inside the one before.

import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { TransportError, type TransportStep } from '../errors.js'
import type { ResolveSrv } from './srv.js'
import { type OnStage, told } from './stage.js'
import { type Intake, release } from './step.js'
import { checkWebSocket, nameOf, proxyName, type Target, withoutQuery } from './target.js'
import { addressesOf, dialTcp } from './tcp.js'
import type { Resumption } from './tls.js'

export interface DialTools {
  /** Stands in for the DNS, in tests. */
  resolveSrv?: ResolveSrv
  /** Told of each stage when it is over. Nothing is collected where nobody listens. */
  onStage?: OnStage | undefined
  /**
   * Takes what is read, once the stream is told to `resume`, where nothing but TCP or a unix socket is on the way. Elsewhere
   * it comes as `data`.
   */
  intake?: Intake | undefined
}

/**
 * Opens a byte stream to the target: by its SRV records, through its proxy, over TCP or a unix socket, then TLS, then
 * WebSocket. Aborting `signal` ends the attempt with the signal's reason as the cause. Throws TransportError, and
 * UsageError for settings that cannot be used.
 */
export async function dial(target: Target, signal: AbortSignal, tools: DialTools = {}): Promise<Duplex> {
  if (!target.srv || (target.path !== undefined && target.proxy === undefined))
    return dialServer(target, signal, tools)
  const { findServers, recordOf } = await import('./srv.js')
  const name = recordOf(target)
  const servers = await told(
    findServers(target, signal, tools.resolveSrv),
    tools.onStage,
    (found) => ({ name: 'srv', record: name, servers: found }),
    (fault) => ({ name: 'srv', record: name, servers: [], fault }),
  )
  let failure: unknown
  for (const server of servers) {
    try {
      return await dialServer({ ...target, host: server.name, port: server.port }, signal, tools)
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

async function dialServer(target: Target, signal: AbortSignal, tools: DialTools): Promise<Duplex> {
  const { host, path, proxy, tls, webSocket } = target
  const { onStage } = tools
  // Loading TLS takes a third of a plain publish's time, so only those who need it pay. All is loaded and checked
  // before there is a socket that could fail unheard.
  const tlsDialler = tls && (await import('./tls.js'))
  const webSocketDialler = webSocket && (await import('./web-socket.js'))
  if (webSocket !== undefined) checkWebSocket(webSocket)
  const context = tls && tlsDialler?.prepareTls(tls)
  const where = `cannot connect to ${nameOf(target)}`
  const isPlain = tls === undefined && webSocket === undefined && proxy === undefined
  let stream = await dialBase(target, where, signal, onStage, isPlain ? tools.intake : undefined)
  let step: TransportStep = proxy !== undefined ? 'proxy' : path !== undefined ? 'unix' : 'tcp'
  const overUnix = path !== undefined && proxy === undefined
  if (tls !== undefined && tlsDialler !== undefined && context !== undefined) {
    const wanted = overUnix ? undefined : host
    const resumption = resumptionOf(target)
    const watch = onStage && new (await import('./handshake.js')).HandshakeWatch(wanted)
    const started = watch && ((socket: TLSSocket): void => watch.begin(socket))
    try {
      stream = await told(
        tlsDialler.dialTls(stream, tls, context, { host: wanted, where, signal, resumption, started }),
        onStage,
        () => watch?.stage(),
        (fault) => watch?.stage(fault),
      )
    } catch (error) {
      if (!resumption?.wasUsed || signal.aborted || !isHandshakeFault(error)) throw error
      return dialServer(target, signal, tools)
    }
    step = 'tls'
  }
  if (webSocket === undefined || webSocketDialler === undefined)
    return release(stream, { name: step, where, signal })
  const asked = overUnix ? 'localhost' : host
  const upgrading = webSocketDialler.dialWebSocket(stream, webSocket, asked, where, signal)
  const page = { name: 'upgrade', path: withoutQuery(webSocket.path ?? '/mqtt') } as const
  const upgraded = await told(
    upgrading,
    onStage,
    () => ({ ...page, status: 101, protocol: webSocket.protocol ?? 'mqtt' }),
    (fault, status) => ({ ...page, ...(status !== undefined && { status }), fault }),
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
async function dialBase(
  target: Target,
  where: string,
  signal: AbortSignal,
  onStage: OnStage | undefined,
  intake: Intake | undefined,
): Promise<Socket> {
  const { host, port, path, proxy, localAddress } = target
  if (proxy === undefined) {
    if (path === undefined) return dialTcp({ host, port, localAddress, where, intake }, signal, onStage)
    const { dialUnix } = await import('./unix.js')
    return told(
      dialUnix(path, where, signal, intake),
      onStage,
      () => ({ name: 'unix', path }),
      (fault) => ({ name: 'unix', path, fault }),
    )
  }
  const through =
    proxy.kind === 'http'
      ? (await import('./http-proxy.js')).throughHttp
      : (await import('./socks.js')).throughSocks
  const isLookedUpHere = proxy.kind === 'socks5' && isIP(host) === 0
  const [address = host] = isLookedUpHere
    ? await addressesOf(host, { name: 'lookup', where, signal }, onStage)
    : []
  const toProxy = {
    host: proxy.host,
    port: proxy.port,
    localAddress,
    where: `cannot connect to ${proxyName(proxy)}`,
  }
  const socket = await dialTcp(toProxy, signal, onStage)
  const stage = {
    name: 'proxy',
    kind: proxy.kind,
    proxy: proxy.host,
    port: proxy.port,
    to: `${address}:${port}`,
  } as const
  return told(
    through(socket, proxy, { host: address, port }, where, signal),
    onStage,
    () => stage,
    (fault, reply) => ({ ...stage, ...(reply !== undefined && { reply }), fault }),
  )
}
