// What a client is set up with.

import type { MqttError } from '../errors.js'
import type { Auth, Packet, PropertiesOf, Qos, Version } from '../packet/index.js'
import type { SessionLossPolicy } from '../session/index.js'
import type { ProxySettings, TlsSettings, WebSocketSettings } from '../transport/index.js'
import type { DelayRange } from './backoff.js'
import type { Journal } from './journal.js'
import type { StageListener } from './stages.js'

export interface WillOptions {
  topic: string
  payload?: string | Uint8Array
  qos?: Qos
  retain?: boolean
  properties?: PropertiesOf<'will'>
}

export interface ClientOptions {
  /** Default `localhost`. */
  host?: string
  /** Default 1883, with `tls` 8883. */
  port?: number
  /** A unix socket, instead of host and port. */
  path?: string
  /** Find servers and ports by the SRV records of `host`. */
  srv?: boolean
  /** Name or address of ours to connect from. */
  localAddress?: string
  /** Through this proxy. */
  proxy?: ProxySettings
  /** Present, even if empty: TLS. */
  tls?: TlsSettings
  /** Present, even if empty: WebSocket. */
  webSocket?: WebSocketSettings
  /** Protocol level: 3 is MQTT 3.1, 4 (the default) is MQTT 3.1.1, 5 is MQTT 5.0. */
  version?: Version
  /** Default empty, so that the broker chooses; in MQTT 3.1 a random one. */
  clientId?: string
  /** Default true. Called Clean Session before MQTT 5. */
  cleanStart?: boolean
  /** 0 to 65,535, default 60; 0 turns pings off. */
  keepAliveSeconds?: number
  userName?: string
  /** A function is asked before each connection; `signal` ends its time. */
  password?: string | Uint8Array | ((signal: AbortSignal) => Promise<string | Uint8Array>)
  will?: WillOptions
  /** Of CONNECT, in MQTT 5. */
  properties?: PropertiesOf<'connect'>
  /** Do not hold the broker to the Receive Maximum in `properties`. */
  tolerateReceiveMaximum?: boolean
  /** End an MQTT 5 session with the last DISCONNECT, whatever its expiry interval. */
  endSession?: boolean
  /** Unacknowledged QoS 1 and 2 messages at a time, 1 to 65,535. Default 20, or what an MQTT 5 broker allows. */
  maxInFlight?: number
  /** MQTT 3.1 and 3.1.1: send again what was not acknowledged for that long on a live connection. Default 20,000; 0: never. */
  retryIntervalMs?: number
  /** What becomes of QoS 2 messages of unknown fate when the broker lost the session. Default `report`. */
  onSessionLoss?: SessionLossPolicy
  /** Use topic aliases towards an MQTT 5 broker that offers them. Default false. */
  automaticAliases?: boolean
  /**
   * Payloads and binary properties of messages are valid until the message is acknowledged and no longer: their memory is
   * used again for what comes then, which makes large messages cheaper. Default false.
   */
  lendPayloads?: boolean
  /** `Settled` is told the packet identifiers of QoS 1 and 2 messages. Default false. */
  tellPacketIds?: boolean
  /** Whether to connect again after a loss: always (the default), only where the session is kept, or never. */
  reconnect?: 'always' | 'kept' | 'never'
  /** How long to try for the first connection. Default 0: one attempt; Infinity: for ever. */
  retryConnectMs?: number
  /** Try for the first connection as long as a proxy says that it cannot reach the broker. Default false. */
  retryUnreachable?: boolean
  /** Shortest and longest delay between attempts, of which chance takes off up to half. Default 1,000 and 30,000. */
  reconnectDelayMs?: DelayRange
  /** Attempts in a row to connect again after a loss, before the client ends. Default Infinity. */
  maxReconnects?: number
  /** Limit for the password, lookup, TCP, proxy, TLS, WebSocket and CONNACK together. Default 30,000. */
  connectTimeoutMs?: number
  /** Limit for SUBACK and UNSUBACK. Default 30,000. */
  requestTimeoutMs?: number
  /** Longest time without any acknowledgement while messages are in flight. Default 120,000; Infinity: none. */
  ackTimeoutMs?: number
  /** Ends the attempts to make the first connection. */
  signal?: AbortSignal
  /** Sees each packet as it is sent or when it has been received. Must not change it. */
  onPacket?: (direction: 'sent' | 'received', packet: Packet) => void
  /** Told of each stage of an attempt to connect, with the milliseconds since the attempt began. */
  onStage?: StageListener
  /** Told of what a user may want to know. */
  onNote?: (note: Note) => void
  /** For messages that outlive the process. */
  journal?: Journal
}

export type Note =
  /** `delayMs` until the next attempt, here and below. Of the first connection; `attempt` counts from 1. */
  | { type: 'connect-failed'; error: MqttError; delayMs: number; attempt: number }
  | { type: 'connection-lost'; error: MqttError; delayMs: number }
  | { type: 'reconnect-failed'; error: MqttError; delayMs: number }
  | { type: 'reconnected'; resumed: boolean }
  /** The policy allows no more attempts: the client ends with the last error. */
  | { type: 'gave-up'; attempts: number }
  | { type: 'session-lost'; republished: number; unknown: number }
  /** Enhanced authentication: answer with `authenticate`. */
  | { type: 'auth'; packet: Auth }
  | { type: 'resubscribe-refused'; filters: readonly string[]; reasonCodes: readonly number[] }

export interface PublishOptions {
  /** Default 0. */
  qos?: Qos
  retain?: boolean
  properties?: PropertiesOf<'publish'>
  /** The packet identifier to use, where the caller hands them out itself. */
  packetId?: number
}

export interface SubscribeOptions {
  /** Greatest QoS wanted, default 0. */
  qos?: Qos
  /** This and the rest: MQTT 5. */
  noLocal?: boolean
  retainAsPublished?: boolean
  retainHandling?: 0 | 1 | 2
  properties?: PropertiesOf<'subscribe'>
}

/** A message from the broker. */
export interface Message {
  topic: string
  payload: Buffer
  /** QoS it came with. */
  qos: Qos
  retain: boolean
  dup: boolean
  /** 0 at QoS 0. */
  packetId: number
  /** Empty before MQTT 5. */
  properties: PropertiesOf<'publish'>
  /** Counts the messages of this client; for `acknowledge`. */
  sequence: number
}
