// Messages towards the broker: QoS 0, 1 and 2, the send window, the order of resending, the timed retry of 3.x.
//
//   waiting --send--> published --PUBACK--> settled                          QoS 1
//   waiting --send--> published --PUBREC--> released --PUBCOMP--> settled    QoS 2
//
// `#flows` holds what was sent and is not fully acknowledged.

import { ClosedError, type MqttError, ProtocolError, RefusedError } from '../errors.js'
import {
  ack,
  type Payloads,
  type Publish,
  packAck,
  payloadAt,
  type Qos,
  reasonText,
  type Version,
} from '../packet/index.js'
import { Backlog, countOf, type Waiting } from './backlog.js'
import { DONE, type Outcome } from './effects.js'
import { type Flow, Flows, payloadOf, repeated } from './flows.js'
import type { PacketIds } from './ids.js'
import type { Message } from './message.js'
import { Qos0 } from './qos0.js'
import { Retry } from './retry.js'
import { Limited, type SendLimits } from './send-limits.js'
import type { Sink } from './sink.js'
import { Surplus } from './surplus.js'

/** A QoS 1 or 2 message of an earlier run that may have been sent, and whether its PUBREC came. */
export interface Restored<Tag> {
  message: Message & { packetId: number }
  tag: Tag
  stage: Flow<Tag>['stage']
}

/** What to do with QoS 2 messages whose fate is unknown because the broker lost the session. */
export type SessionLossPolicy = 'report' | 'republish'

const NEVER = Number.POSITIVE_INFINITY

export class Outbound<Tag> {
  readonly #sink: Sink<Tag>
  readonly #ids: PacketIds
  readonly #version: Version
  readonly #tellPacketIds: boolean
  readonly #flows = new Flows<Tag>()
  readonly #backlog = new Backlog<Tag>()
  readonly #qos0: Qos0<Tag>
  readonly #retry: Retry

  // Of the present connection.
  #limits: Limited | undefined
  #quota = 0
  /** How many flows are held. */
  #held = 0
  readonly #surplus: Surplus

  constructor(
    sink: Sink<Tag>,
    ids: PacketIds,
    version: Version,
    retryIntervalMs: number,
    tellPacketIds = false,
  ) {
    this.#sink = sink
    this.#ids = ids
    this.#version = version
    this.#qos0 = new Qos0(sink)
    this.#retry = new Retry(retryIntervalMs)
    this.#tellPacketIds = tellPacketIds
    this.#surplus = new Surplus(ids)
  }

  /** Messages sent and not acknowledged in full. */
  get inFlight(): number {
    return this.#flows.size
  }

  /** Messages not yet sent. */
  get waiting(): number {
    return this.#backlog.count
  }

  /** Payload bytes of messages that wait or may have to be sent again. */
  get heldBytes(): number {
    return this.#backlog.heldBytes + this.#flows.heldBytes
  }

  /** Messages whose outcome is not known yet. */
  get unsettled(): number {
    return this.#flows.size + this.#backlog.count + this.#qos0.unsettled
  }

  /**
   * QoS 0 messages that had left on a connection which was then lost, and that the broker may not have read. Those
   * settled with an error do not count.
   */
  get qos0AtRisk(): number {
    return this.#qos0.atRisk
  }

  publish(message: Message, tag: Tag, now: number): void {
    if (this.#mayPass(message.qos) && this.#send(message, tag)) return
    const expiry = message.properties.messageExpiryInterval
    const expiresAt = expiry === undefined ? NEVER : now + expiry * 1000
    this.#backlog.push({ message, payloads: undefined, at: 0, tag, expiresAt })
  }

  /** As `publish` of each, of messages that differ in their payload alone and have no properties. */
  publishMany(message: Message, payloads: Payloads, tag: Tag): void {
    if (payloads.ends.length === 0) return
    const item: Waiting<Tag> = { message, payloads, at: 0, tag, expiresAt: NEVER }
    if (this.#mayPass(message.qos) && this.#sendMany(item, payloads)) return
    this.#backlog.push(item)
  }

  /** Whether a message may go out before those that wait: QoS 0 does not wait for the window of the others. */
  #mayPass(qos: Qos): boolean {
    return this.#limits !== undefined && (qos === 0 ? this.#backlog.qos0Count : this.#backlog.count) === 0
  }

  /**
   * A connection is open: sends again what is unacknowledged, if the session lives [MQTT-4.4.0-1]. New messages
   * follow with `pump`, after the subscriptions.
   */
  open(limits: SendLimits): void {
    this.#limits = new Limited(limits, this.#version)
    this.#quota = limits.window
    for (const flow of this.#flows) {
      // This connection may allow less than the one on which the message began.
      const error = flow.stage === 'published' ? this.#limits.refusal(repeated(flow)) : undefined
      if (error === undefined) this.#resend(flow)
      else this.#drop(flow, error)
    }
  }

  /** Sends what waits, in order, as far as the window allows. */
  pump(now: number): void {
    if (this.#limits === undefined) return
    // Retransmissions held back by a smaller quota go first, or the order would be lost [MQTT-4.6.0-1].
    if (this.#held > 0) for (const flow of this.#flows) if (flow.held) this.#resend(flow)
    this.#backlog.drain((item) => {
      return item.payloads === undefined ? this.#sendInTime(item, now) : this.#sendMany(item, item.payloads)
    })
  }

  /** As `#send`, but settles a message that has waited for too long. */
  #sendInTime({ message, tag, at, expiresAt }: Waiting<Tag>, now: number): boolean {
    if (expiresAt > now) return this.#send(message, tag, at)
    const error = new ClosedError('message expired before it could be sent', { fate: 'expired' })
    this.#sink.settle(tag, { reasonCode: 0, error }, at)
    return true
  }

  /** Sends the next ones of many, and notes how far it came; false where the window is full. */
  #sendMany(item: Waiting<Tag>, payloads: Payloads): boolean {
    const { message, tag } = item
    const { ends } = payloads
    if (!(this.#limits as Limited).isPlain(message)) {
      for (; item.at < ends.length; item.at++) {
        if (!this.#send({ ...message, payload: payloadAt(payloads, item.at) }, tag, item.at)) return false
      }
      return true
    }
    const from = item.at
    const packetIds: number[] = []
    if (message.qos === 0) item.at = ends.length
    else
      while (item.at < ends.length && this.#hasRoom) {
        const packetId = this.#ids.allocate()
        if (packetId === 0) break
        this.#quota--
        packetIds.push(packetId)
        const flow = this.#flows.add(
          packetId,
          message,
          tag,
          this.#sink.sent + packetIds.length,
          payloads,
          item.at,
        )
        flow.owedFirst = 1
        item.at++
      }
    const count = item.at - from
    if (count > 0) this.#sink.sendMany(message, payloads, from, item.at, packetIds)
    if (message.qos === 0) this.#qos0.sent(count, tag, from)
    return item.at === ends.length
  }

  /** Whether the window has room for one more. */
  get #hasRoom(): boolean {
    return this.#quota > 0 && this.#held === 0
  }

  /** Sends, or settles what cannot be sent; false where the window is full. */
  #send(message: Message, tag: Tag, at = 0): boolean {
    const { topic, payload, qos, retain, properties } = message
    if (qos > 0 && !this.#hasRoom) return false
    const packet: Publish = {
      type: 'publish',
      dup: false,
      qos,
      retain,
      topic,
      packetId: 0,
      properties,
      payload,
    }
    const limits = this.#limits as Limited
    const error = limits.refusal(packet)
    if (error !== undefined) {
      this.#sink.settle(tag, { reasonCode: 0, error }, at)
      return true
    }
    if (qos === 0) {
      this.#sink.send(limits.aliased(packet))
      this.#qos0.sent(1, tag, at)
      return true
    }
    const chosen = message.packetId
    packet.packetId = chosen === undefined ? this.#ids.allocate() : this.#ids.claim(chosen)
    if (packet.packetId === 0) return false
    this.#quota--
    this.#sink.send(limits.aliased(packet))
    const flow = this.#flows.add(packet.packetId, withoutAlias(message), tag, this.#sink.sent, undefined, at)
    flow.owedFirst = 1
    return true
  }

  /** Takes up what an earlier run has left, in its order; `open` sends it again. */
  restore(restored: readonly Restored<Tag>[]): void {
    for (const { message, tag, stage } of restored) {
      this.#ids.claim(message.packetId)
      this.#flows.add(message.packetId, withoutAlias(message), tag, NEVER).stage = stage
    }
  }

  #resend(flow: Flow<Tag>): void {
    if (flow.stage === 'released') {
      // PUBREL is never held back [MQTT-3.3.4-8], yet counts: the broker may still count the message.
      if (flow.owedFirst + flow.owedComp === 0) this.#quota--
      flow.owedComp++
      this.#sink.send(ack('pubrel', flow.packetId, 0, true))
    } else {
      if (flow.owedFirst === 0) {
        const held = this.#quota <= 0
        if (held !== flow.held) this.#held += held ? 1 : -1
        flow.held = held
        if (held) return
        this.#quota--
      }
      flow.owedFirst++
      this.#sink.send((this.#limits as Limited).aliased(repeated(flow)))
    }
    flow.sentAs = this.#sink.sent
  }

  puback(packetId: number, reasonCode: number, reasonString: string | undefined): void {
    const flow = this.#flows.get(packetId)
    if (flow === undefined) return this.#surplus.acknowledged(packetId, 'first')
    if (flow.message.qos !== 1) throw wrongKind('PUBACK', 'a QoS 2 message')
    flow.owedFirst--
    this.#settle(flow, reasonCode, reasonString)
  }

  pubrec(packetId: number, reasonCode: number, reasonString: string | undefined): void {
    const flow = this.#flows.get(packetId)
    if (flow === undefined) {
      // Answer even a PUBREC that belongs to nothing, or the broker keeps that identifier for ever.
      this.#sink.send(ack('pubrel', packetId, this.#version === 5 ? 0x92 : 0))
      this.#surplus.released(packetId)
      return this.#surplus.acknowledged(packetId, 'first')
    }
    if (flow.message.qos !== 2) throw wrongKind('PUBREC', 'a QoS 1 message')
    if (flow.owedFirst > 0) flow.owedFirst--
    if (reasonCode >= 0x80) return this.#settle(flow, reasonCode, reasonString)
    if (flow.held) {
      flow.held = false
      this.#held--
      this.#quota--
    }
    this.#flows.forgetPayload(flow)
    flow.stage = 'released' // from here a resend is the PUBREL, never the message [MQTT-4.3.3-6]
    flow.owedComp++
    this.#sink.acknowledge(packAck('pubrel', packetId))
    flow.sentAs = this.#sink.sent
    this.#retry.progress()
  }

  pubcomp(packetId: number, reasonCode: number): void {
    const flow = this.#flows.get(packetId)
    if (flow === undefined) return this.#surplus.acknowledged(packetId, 'comp')
    if (flow.stage !== 'released') throw wrongKind('PUBCOMP', 'a message without PUBREC')
    flow.owedComp--
    // 0x92 is what a broker says that had completed the exchange already: the message is delivered.
    this.#settle(flow, reasonCode === 0x92 ? 0x92 : 0, undefined, false)
  }

  isInFlight(packetId: number): boolean {
    return this.#flows.get(packetId) !== undefined
  }

  #settle(flow: Flow<Tag>, reasonCode: number, reasonString: string | undefined, mayRefuse = true): void {
    const { packetId, message: published } = flow
    this.#flows.delete(flow)
    const window = this.#limits?.window ?? 0
    if (flow.held) this.#held--
    else if (this.#quota < window) this.#quota++
    if (flow.owedFirst > 0 || flow.owedComp > 0) {
      this.#surplus.add(packetId, flow.owedFirst, flow.owedComp)
    } else {
      this.#ids.release(packetId)
    }
    this.#retry.progress()
    if (mayRefuse && reasonCode >= 0x80) {
      const why = reasonString === undefined ? '' : `: ${reasonString}`
      const message = `broker refused message ${packetId} to '${published.topic}': ${reasonText(reasonCode)}${why}`
      const error = new RefusedError('PUBLISH', message, { reasonCode, reasonString })
      this.#tell(flow, { reasonCode, error })
    } else {
      this.#tell(flow, reasonCode === 0 ? DONE : { reasonCode })
    }
  }

  #tell({ tag, at, packetId }: Flow<Tag>, outcome: Outcome): void {
    if (this.#tellPacketIds) this.#sink.settleWith(packetId, tag, outcome, at)
    else this.#sink.settle(tag, outcome, at)
  }

  #drop(flow: Flow<Tag>, error: MqttError): void {
    this.#flows.delete(flow)
    this.#ids.release(flow.packetId)
    this.#tell(flow, { reasonCode: 0, error })
  }

  /** The transport has taken all packets up to number `sentAs`. */
  flushed(sentAs: number, now: number): void {
    this.#qos0.flushed(sentAs)
    if (sentAs > 0 && this.#flows.size > 0) this.#retry.flushed(sentAs, now)
  }

  /** When the oldest unacknowledged packet has to be sent again, or Infinity. */
  get retryAt(): number {
    return this.#retry.at
  }

  /** Sends again, oldest first, what has waited long enough. Never in MQTT 5 [MQTT-4.4.0-1]. */
  retry(now: number): void {
    if (now < this.#retry.at) return
    const due = this.#retry.take(now, this.#flows.size > 0)
    let isResent = false
    for (const flow of this.#flows) {
      if (flow.sentAs > due) continue
      this.#resend(flow)
      isResent = true
    }
    if (isResent) this.#retry.resent()
  }

  pinged(): void {
    this.#qos0.pinged()
  }

  pingAnswered(): void {
    this.#qos0.pingAnswered()
  }

  /** Nothing more is sent on this connection. */
  stop(): void {
    this.#limits = undefined
  }

  /** The connection is gone. QoS 0 messages that had not left are lost with it [MQTT-4.3.1-1]. */
  lost(inOrder: boolean): void {
    this.#qos0.lost(inOrder)
    this.#surplus.lost()
    for (const flow of this.#flows) {
      flow.owedFirst = flow.owedComp = 0
      flow.held = false
      flow.sentAs = NEVER
    }
    this.stop()
    this.#held = 0
    this.#retry.lost()
  }

  /** The broker no longer knows the session: old identifiers are void, and no message may be passed over in silence. */
  sessionLost(policy: SessionLossPolicy): { republished: number; unknown: number } {
    const again: Waiting<Tag>[] = []
    let unknown = 0
    for (const flow of this.#flows) {
      const { packetId, message, tag, at } = flow
      this.#ids.release(packetId)
      if (flow.stage === 'released') {
        this.#tell(flow, DONE) // with PUBREC the broker took the message over
      } else if (message.qos === 1 || policy === 'republish') {
        const alone = { ...message, payload: payloadOf(flow) }
        again.push({ message: alone, payloads: undefined, at, tag, expiresAt: NEVER })
      } else {
        unknown++
        const text = `delivery unknown of a QoS 2 message to '${message.topic}': the broker lost the session`
        this.#tell(flow, { reasonCode: 0, error: new ClosedError(text, { fate: 'unknown' }) })
      }
    }
    this.#flows.clear()
    this.#backlog.unshiftAll(again)
    return { republished: again.length, unknown }
  }

  /** Gives up, when there is no connection: everything not confirmed is settled with `error`. */
  abandon(error: MqttError): void {
    const outcome = { reasonCode: 0, error }
    for (const flow of this.#flows) this.#tell(flow, outcome)
    this.#flows.clear()
    for (const item of this.#backlog.clear()) this.#sink.settle(item.tag, outcome, item.at, countOf(item))
  }
}

/** The message as it may go out on another connection, where the caller's alias means nothing [MQTT-3.3.2-7]. */
function withoutAlias(message: Message): Message {
  if (message.properties.topicAlias === undefined) return message
  const { topicAlias: _, ...properties } = message.properties
  return { ...message, properties }
}

function wrongKind(packet: string, what: string): ProtocolError {
  return new ProtocolError({ packet, fault: `its packet identifier belongs to ${what}`, clause: '5.0 §4.3' })
}
