// The library: `import { connect } from 'mqtt-tools'`.

export type {
  ClientOptions,
  ConnectionStage,
  Ending,
  Message,
  Note,
  PublishOptions,
  Settled,
  StageListener,
  SubscribeOptions,
  WillOptions,
} from './client/index.js'
export { type Client, connect } from './client/index.js'
export {
  ClosedError,
  MalformedError,
  MqttError,
  ProtocolError,
  RefusedError,
  TimeoutError,
  TransportError,
  UsageError,
} from './errors.js'
export type { Payloads, PropertiesOf, Qos, Version, Will } from './packet/index.js'
export { filterFault, matches, reasonText, topicFault } from './packet/index.js'
export type { Outcome, SessionLossPolicy } from './session/index.js'
export type { ProxySettings, TlsSettings, WebSocketSettings } from './transport/index.js'
