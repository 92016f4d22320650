// What a session is set up with, and what the protocol forbids about it.

import { UsageError } from '../errors.js'
import {
  checkProperties,
  hasProperties,
  type PropertiesOf,
  stringFault,
  topicFault,
  type Version,
  type Will,
} from '../packet/index.js'
import type { SessionLossPolicy } from './outbound.js'

export interface SessionOptions {
  version: Version
  /** Up to 65,535 bytes. Empty: the broker chooses, which 3.1 does not know and 3.1.1 allows with a clean start. */
  clientId: string
  /** Clean Session before MQTT 5. In MQTT 5 it is asked for once: reconnects resume, if the session is kept. */
  cleanStart: boolean
  /** 0 to 65,535; 0 turns pings off. */
  keepAliveSeconds: number
  userName?: string
  /** Before MQTT 5 only with a user name. */
  password?: Uint8Array
  will?: Will
  /** Of CONNECT, MQTT 5. `topicAliasMaximum` and `receiveMaximum` are enforced on the broker. */
  properties?: PropertiesOf<'connect'>
  /** Do not hold the broker to `receiveMaximum`: mosquitto 2.0 exceeds a small one at QoS 2. */
  tolerateReceiveMaximum?: boolean
  /** Ends the session with the last DISCONNECT (Session Expiry Interval 0), MQTT 5. */
  endSession?: boolean
  /**
   * Unacknowledged QoS 1 and 2 messages at a time, 1 to 65,535. Default 20, or the Receive Maximum that an MQTT 5
   * broker names; a Receive Maximum below it always wins.
   */
  maxInFlight?: number
  /** Timed retry of MQTT 3.1 and 3.1.1 in milliseconds, 0 for never. An error in MQTT 5 [MQTT-4.4.0-1]. */
  retryIntervalMs?: number
  /** Default `report`. */
  onSessionLoss?: SessionLossPolicy
  /** Use topic aliases towards an MQTT 5 broker that offers them. */
  automaticAliases?: boolean
  /** What settles QoS 1 and 2 messages names their packet identifiers. */
  tellPacketIds?: boolean
  /** Limit for SUBACK and UNSUBACK. */
  requestLimitMs: number
  /** Longest time without any acknowledgement while messages are in flight; Infinity for none. */
  ackLimitMs: number
}

/** Throws UsageError. */
export function checkOptions(options: SessionOptions): void {
  const { version, clientId, cleanStart, keepAliveSeconds, userName, password, will, properties } = options
  const idFault = stringFault(clientId)
  if (idFault !== undefined) throw new UsageError(`client identifier ${idFault}`)
  if (clientId === '' && version === 3) throw new UsageError('MQTT 3.1 needs a client identifier')
  if (clientId === '' && version === 4 && !cleanStart) {
    throw new UsageError('a session can only be kept with a client identifier') // [MQTT-3.1.3-7]
  }
  checkRange('keep alive', keepAliveSeconds, 0, 65_535)
  if (options.maxInFlight !== undefined) checkRange('in-flight limit', options.maxInFlight, 1, 65_535)
  if (version === 5 && (options.retryIntervalMs ?? 0) > 0) {
    throw new UsageError('MQTT 5 forbids sending again on a live connection: leave the retry interval out')
  }
  const nameFault = userName === undefined ? undefined : stringFault(userName)
  if (nameFault !== undefined) throw new UsageError(`user name ${nameFault}`)
  checkPassword({ version, userName, password })
  if (will !== undefined) {
    const topic = topicFault(will.topic)
    if (topic !== undefined) throw new UsageError(`will topic '${will.topic}' ${topic}`)
    if (will.payload.length > 65_535) throw new UsageError('will payload longer than 65535 bytes')
    checkRange('will QoS', will.qos, 0, 2)
    if (version !== 5 && hasProperties(will.properties)) throw new UsageError('will properties need MQTT 5')
    checkProperties(will.properties, 'will')
  }
  if (properties === undefined) return
  if (version !== 5 && hasProperties(properties)) throw new UsageError('connect properties need MQTT 5')
  checkProperties(properties, 'connect')
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw new UsageError('authentication data needs an authentication method') // [5.0 §3.1.2.11.10]
  }
}

/** Throws UsageError. */
export function checkPassword({
  version,
  userName,
  password,
}: {
  version: Version
  userName: string | undefined
  password: Uint8Array | undefined
}): void {
  if (password === undefined) return
  if (userName === undefined && version !== 5) {
    throw new UsageError('before MQTT 5 a password needs a user name') // [MQTT-3.1.2-22]
  }
  if (password.length > 65_535) throw new UsageError('password longer than 65535 bytes')
}

function checkRange(what: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return
  throw new UsageError(`${what} ${value}: expected a whole number from ${min} to ${max}`)
}
