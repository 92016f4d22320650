// The door of the transport layer. It carries bytes and has never heard of MQTT.

export { dial, isTlsError } from './dial.js'
export {
  DEFAULT_PORT,
  DEFAULT_TLS_PORT,
  type ParsedUrl,
  parseUrl,
  type Target,
  type TlsSettings,
} from './target.js'
