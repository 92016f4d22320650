// Every error this project throws on purpose. Imports nothing.
//
// Each class answers one question: whose fault, and what now?
//   UsageError      ours: a bad flag, topic or value; nothing was sent
//   MalformedError  the peer sent bytes that are not an MQTT packet, or hold an illegal value
//   ProtocolError   the peer sent a legal packet at the wrong time, or broke a limit
//   RefusedError    the broker said no
//   TransportError  a step before MQTT failed: credentials, lookup, tcp, tls, proxy, upgrade
//   TimeoutError    a wait ran out
//   ClosedError     the work outlived the connection

export type ErrorCode =
  | 'USAGE'
  | 'QOS_NOT_SUPPORTED'
  | 'PACKET_TOO_LARGE'
  | 'PAYLOAD_TOO_LARGE'
  | 'PASSWORDS_DIFFER'
  | 'WRONG_PASSWORD'
  | 'MALFORMED'
  | 'PROTOCOL'
  | 'REFUSED'
  | 'TRANSPORT'
  | 'TIMEOUT'
  | 'CLOSED'

export class MqttError extends Error {
  /** Stable, for programs. The message is for people and may change. */
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** A value given to us cannot be used. Nothing of it reached the broker. */
export class UsageError extends MqttError {
  constructor(message: string, code: ErrorCode = 'USAGE', options?: ErrorOptions) {
    super(code, message, options)
  }
}

/** Where in a packet a fault was seen. */
export interface Fault {
  /** The packet's name as the standard spells it, or `packet` while its type is unknown. */
  packet: string
  /** What is wrong, in a few words. */
  fault: string
  /** Statement or section of the standard, such as `MQTT-3.3.1-4`. */
  clause: string
  /** Reason code for the DISCONNECT of MQTT 5: 0x81, 0x82, 0x94 or 0x95. */
  reasonCode?: number
  /** Offset in bytes from the start of the packet. */
  offset?: number
}

/** Bytes from the peer that no packet may consist of. */
export class MalformedError extends MqttError {
  readonly packet: string
  readonly clause: string
  readonly reasonCode: number
  readonly offset: number | undefined

  constructor({ packet, fault, clause, reasonCode = 0x81, offset }: Fault) {
    const at = offset === undefined ? '' : ` at byte ${offset}`
    super('MALFORMED', `malformed ${packet}: ${fault}${at} [${clause}]`)
    this.packet = packet
    this.clause = clause
    this.reasonCode = reasonCode
    this.offset = offset
  }
}

/** A well-formed packet that the peer may not send now. */
export class ProtocolError extends MqttError {
  readonly packet: string
  readonly clause: string
  /** Reason code for the DISCONNECT of MQTT 5, 0x82, 0x93 or 0x94. */
  readonly reasonCode: number

  constructor({ packet, fault, clause, reasonCode = 0x82 }: Fault) {
    super('PROTOCOL', `illegal ${packet}: ${fault} [${clause}]`)
    this.packet = packet
    this.clause = clause
    this.reasonCode = reasonCode
  }
}

/** The broker understood and declined. */
export class RefusedError extends MqttError {
  /** What was refused or which packet carried the refusal: CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT. */
  readonly packet: string
  /** CONNACK return code before MQTT 5 (1 to 255), otherwise the reason code (0 to 255). */
  readonly reasonCode: number
  readonly reasonString: string | undefined
  /** Set where the broker asked the client to use another server (0x9C, 0x9D). */
  readonly serverReference: string | undefined

  constructor(
    packet: string,
    message: string,
    details: { reasonCode: number; reasonString?: string | undefined; serverReference?: string | undefined },
  ) {
    super('REFUSED', message)
    this.packet = packet
    this.reasonCode = details.reasonCode
    this.reasonString = details.reasonString
    this.serverReference = details.serverReference
  }
}

export type TransportStep = 'credentials' | 'lookup' | 'tcp' | 'tls' | 'unix' | 'proxy' | 'upgrade'

/**
 * How a proxy or a WebSocket server failed us:
 *   denied       the proxy's rules or our credentials forbid it
 *   unreachable  the proxy cannot reach the broker
 *   failed       something in the proxy or the server, or an answer that is none
 *   unknown      the proxy answered a code that nobody has defined
 *   refused      the server does not speak MQTT over WebSocket there
 *   closed       the server closed the connection instead of answering the upgrade
 */
export type TransportDetail = 'denied' | 'unreachable' | 'failed' | 'unknown' | 'refused' | 'closed'

/** A step before MQTT failed. */
export class TransportError extends MqttError {
  readonly step: TransportStep
  /** Set for the steps `proxy` and `upgrade`. */
  readonly detail: TransportDetail | undefined
  /** The SOCKS reply code or the HTTP status that said so. */
  readonly reply: number | undefined

  constructor(
    step: TransportStep,
    message: string,
    options?: ErrorOptions & { detail?: TransportDetail | undefined; reply?: number | undefined },
  ) {
    super('TRANSPORT', message, options)
    this.step = step
    this.detail = options?.detail
    this.reply = options?.reply
  }

  /** Whether the same would happen again: trying once more is of no use. */
  get isFinal(): boolean {
    if (this.step === 'proxy') return this.detail !== undefined && this.detail !== 'unreachable'
    return this.step === 'tls' || this.detail === 'refused'
  }
}

/** A wait reached its limit. */
export class TimeoutError extends MqttError {
  /** What did not come: CONNACK, SUBACK, PUBACK, PINGRESP and so on. */
  readonly waitedFor: string
  readonly waitedMs: number

  constructor(waitedFor: string, waitedMs: number, message: string) {
    super('TIMEOUT', message)
    this.waitedFor = waitedFor
    this.waitedMs = waitedMs
  }
}

/** The connection ended, or was ended, with work outstanding. */
export class ClosedError extends MqttError {
  /** What is known of a message: it was not sent in time, or was sent in a session that the broker then lost. */
  readonly fate: 'expired' | 'unknown' | undefined

  constructor(message: string, options?: ErrorOptions & { fate?: 'expired' | 'unknown' }) {
    super('CLOSED', message, options)
    this.fate = options?.fate
  }
}
