// The door of the transport layer. It carries bytes and has never heard of MQTT.

export { type DialTools, dial } from './dial.js'
export type { LeaveOut } from './pem.js'
export { type ProxySettings, parseProxy } from './proxy.js'
export type { ResolveSrv, SrvRecord } from './srv.js'
export { type CertificateFacts, faultOf, type Handshake, type OnStage, type Stage } from './stage.js'
export { type Intake, isTlsError, tlsFault } from './step.js'
export {
  checkWebSocket,
  DEFAULT_PORT,
  DEFAULT_TLS_PORT,
  nameOf,
  type ParsedUrl,
  parseUrl,
  SCHEMES,
  type Target,
  type TlsSettings,
  type WebSocketSettings,
} from './target.js'

/** The proxies that environment variables name, which few runs ask for. */
export const loadProxyEnv = (): Promise<typeof import('./proxy-env.js')> => import('./proxy-env.js')

/** Those of TLS and PEM files. OpenSSL comes with them, so only runs that need it load them. */
export const loadTls = (): Promise<typeof import('./tls.js')> => import('./tls.js')
