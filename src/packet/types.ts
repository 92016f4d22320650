// The values that packets are. Bytes know nothing of this file; it holds no code.

import type { PropertiesOf } from './properties.js'

/** Protocol level as in CONNECT: 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type Version = 3 | 4 | 5
export type Qos = 0 | 1 | 2

export interface Will {
  topic: string
  /** 0 to 65,535 bytes. */
  payload: Uint8Array
  qos: Qos
  retain: boolean
  /** Empty before MQTT 5, as everywhere below. */
  properties: PropertiesOf<'will'>
}

export interface Connect {
  type: 'connect'
  version: Version
  /** Clean Session before MQTT 5, Clean Start in it. */
  cleanStart: boolean
  /** Seconds, 0 to 65,535; 0 turns the mechanism off. */
  keepAlive: number
  properties: PropertiesOf<'connect'>
  clientId: string
  will?: Will
  userName?: string
  password?: Uint8Array
}

export interface Connack {
  type: 'connack'
  /** Always false in MQTT 3.1, which has no such field. */
  sessionPresent: boolean
  /** Return code before MQTT 5. In MQTT 5, 1 to 5 mean that the server answered in the form of 3.x. */
  reasonCode: number
  properties: PropertiesOf<'connack'>
}

export interface Publish {
  type: 'publish'
  dup: boolean
  qos: Qos
  retain: boolean
  /** Empty only in MQTT 5, where a Topic Alias stands for it. */
  topic: string
  /** 1 to 65,535; 0 at QoS 0, which has none. */
  packetId: number
  properties: PropertiesOf<'publish'>
  /** When decoded, a view of the received chunk: copy it if it must outlive the turn it came in. */
  payload: Uint8Array
}

export interface Ack<K extends AckType = AckType> {
  type: K
  packetId: number
  /** PUBREL in MQTT 3.1 only. */
  dup: boolean
  reasonCode: number
  properties: PropertiesOf<AckType>
}
export type AckType = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'

export interface Subscription {
  filter: string
  qos: Qos
  /** This and the two below exist in MQTT 5 only. */
  noLocal: boolean
  retainAsPublished: boolean
  /** 0: send retained messages; 1: only for a new subscription; 2: do not. */
  retainHandling: 0 | 1 | 2
}

export interface Subscribe {
  type: 'subscribe'
  packetId: number
  /** MQTT 3.1 only. */
  dup: boolean
  properties: PropertiesOf<'subscribe'>
  subscriptions: readonly Subscription[]
}

export interface Suback {
  type: 'suback'
  packetId: number
  properties: PropertiesOf<'suback'>
  /** One for each filter, in order; 0x80 and above is a refusal. */
  reasonCodes: readonly number[]
}

export interface Unsubscribe {
  type: 'unsubscribe'
  packetId: number
  /** MQTT 3.1 only. */
  dup: boolean
  properties: PropertiesOf<'unsubscribe'>
  filters: readonly string[]
}

export interface Unsuback {
  type: 'unsuback'
  packetId: number
  properties: PropertiesOf<'unsuback'>
  /** One for each filter, in order; none before MQTT 5. */
  reasonCodes: readonly number[]
}

export interface Pingreq {
  type: 'pingreq'
}
export interface Pingresp {
  type: 'pingresp'
}

export interface Disconnect {
  type: 'disconnect'
  reasonCode: number
  properties: PropertiesOf<'disconnect'>
}

/** MQTT 5 only. */
export interface Auth {
  type: 'auth'
  reasonCode: number
  properties: PropertiesOf<'auth'>
}

export type Packet =
  | Connect
  | Connack
  | Publish
  | Ack
  | Subscribe
  | Suback
  | Unsubscribe
  | Unsuback
  | Pingreq
  | Pingresp
  | Disconnect
  | Auth

export type PacketType = Packet['type']
