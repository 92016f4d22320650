// Servers for each way to a broker, and tunnels to them.

import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { connect, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { createServer as createTls } from 'node:tls'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Target } from '../../src/transport/index.js'
import type { Certificates } from './certificates.js'
import { socksServer } from './socks-server.js'
import { listen, serve } from './support.js'

/** Starts a server whose connections go to `handle`; returns how to reach it. */
export type Way = (t: TestContext, handle: (stream: Duplex) => void) => Promise<Partial<Target>>

/** `tls` and `wss` need certificates. */
export function waysWith(certificates: Certificates | undefined): Record<string, Way> {
  const plain: Record<string, Way> = {
    tcp: async (t, handle) => ({ port: await serve(t, handle) }),
    ws: async (t, handle) => ({
      port: await listen(t, speaksWebSocket(createHttp(), handle)),
      webSocket: {},
    }),
  }
  if (certificates === undefined) return plain
  const { server: pair, ca } = certificates
  const tls = { ca: [ca] }
  return {
    ...plain,
    tls: async (t, handle) => ({ port: await listen(t, createTls(pair, handle)), tls }),
    wss: async (t, handle) => {
      const server = speaksWebSocket(createHttps(pair), handle)
      return { port: await listen(t, server), tls, webSocket: {} }
    },
  }
}

function speaksWebSocket<T extends Server>(server: T, handle: (stream: Duplex) => void): T {
  const sockets = new WebSocketServer({ server: server as never, handleProtocols: () => 'mqtt' })
  sockets.on('connection', (webSocket) => handle(createWebSocketStream(webSocket)))
  return server
}

/** Starts a proxy that leads to a port of 127.0.0.1, whatever it is asked for. */
export type Tunnel = (t: TestContext, port: number) => Promise<Partial<Target>>

export const TUNNELS: Record<string, Tunnel> = {
  socks: async (t, port) => {
    const at = await serve(t, socksServer({ to: { host: '127.0.0.1', port } }))
    return { proxy: { kind: 'socks5h', host: '127.0.0.1', port: at } }
  },
  http: async (t, port) => {
    const server = createHttp()
    server.on('connect', (_request, client: Duplex, head) => {
      const onward = connect(port, '127.0.0.1')
      onward.on('error', () => {}).on('close', () => client.destroy())
      client.on('error', () => {}).on('close', () => onward.destroy())
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.write(head)
      onward.pipe(client).pipe(onward)
    })
    return { proxy: { kind: 'http', host: '127.0.0.1', port: await listen(t, server) } }
  },
}
