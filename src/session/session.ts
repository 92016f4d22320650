// The rules of MQTT for a client, in all three versions. Inputs and the time come in, effects go out; there are no
// sockets, timers or promises here. One Session lives through many connections:
//
//   idle --connect--> greeting --CONNACK--> open --disconnect, fault or lost--> idle
//
// Times are milliseconds of any steady clock.

import { ClosedError, type MqttError, ProtocolError, TimeoutError } from '../errors.js'
import {
  type Auth,
  type Connack,
  type Connect,
  NONE,
  type Packet,
  type Payloads,
  type PropertiesOf,
  packetLabel,
  type Subscription,
} from '../packet/index.js'
import { Authentication } from './authentication.js'
import { checkDisconnect, checkSubscribe, checkUnsubscribe, MessageCheck } from './checks.js'
import { checkConnack } from './connack.js'
import type { Effect } from './effects.js'
import { PacketIds } from './ids.js'
import { Inbound } from './inbound.js'
import { KeepAlive } from './keepalive.js'
import type { Message } from './message.js'
import { checkOptions, checkPassword, type SessionOptions } from './options.js'
import { Outbound, type Restored } from './outbound.js'
import { disconnected, refusedConnect } from './refusals.js'
import { Requests, requestLimits } from './requests.js'
import { sendLimits } from './send-limits.js'
import { Sink } from './sink.js'

const NEVER = Number.POSITIVE_INFINITY

type State = 'idle' | 'greeting' | 'open'

export class Session<Tag> {
  readonly #options: SessionOptions
  readonly #sink = new Sink<Tag>()
  readonly #ids = new PacketIds()
  readonly #outbound: Outbound<Tag>
  readonly #inbound: Inbound<Tag>
  readonly #requests: Requests<Tag>
  readonly #keepAlive = new KeepAlive()
  readonly #messageCheck: MessageCheck
  readonly #authentication: Authentication
  #state: State = 'idle'
  #clientId: string
  /** Connections that reached CONNACK. */
  #connections = 0
  /** There are messages of an earlier run. */
  #isRestored = false
  #cleanStart: boolean
  #sessionExpiryInterval: number
  #reading = true
  /** Since when an acknowledgement is being waited for. */
  #progressAt = 0
  /** There may be room for what waits. */
  #isPumpDue = false
  /** PINGREQs without an answer, oldest first, with the tag of those somebody waits for. */
  #pings: (Tag | undefined)[] = []

  /** Throws UsageError for options that the protocol forbids. */
  constructor(options: SessionOptions) {
    checkOptions(options)
    this.#options = options
    const { version, properties = NONE as PropertiesOf<'connect'>, retryIntervalMs = 0 } = options
    this.#clientId = options.clientId
    this.#cleanStart = options.cleanStart
    this.#sessionExpiryInterval = properties.sessionExpiryInterval ?? 0
    const receiveMaximum = options.tolerateReceiveMaximum ? NEVER : (properties.receiveMaximum ?? NEVER)
    this.#outbound = new Outbound(this.#sink, this.#ids, version, retryIntervalMs, options.tellPacketIds)
    this.#inbound = new Inbound(this.#sink, version, receiveMaximum, properties.topicAliasMaximum ?? 0)
    this.#requests = new Requests(this.#sink, this.#ids, version, retryIntervalMs, options.requestLimitMs)
    this.#messageCheck = new MessageCheck(version)
    this.#authentication = new Authentication(properties.authenticationMethod)
  }

  /** As sent in CONNECT, or as assigned by the broker. */
  get clientId(): string {
    return this.#clientId
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** QoS 1 and 2 messages sent and not acknowledged in full. */
  get inFlight(): number {
    return this.#outbound.inFlight
  }

  /** Messages that wait for a connection or for the send window. */
  get waiting(): number {
    return this.#outbound.waiting
  }

  /** Messages whose outcome is not known yet. */
  get unsettled(): number {
    return this.#outbound.unsettled
  }

  /** QoS 0 messages that left on a connection which was then lost; the broker may not have read them. */
  get qos0AtRisk(): number {
    return this.#outbound.qos0AtRisk
  }

  /** Whether a lost connection can be taken up again without losing or doubling messages in flight. */
  get isKept(): boolean {
    return this.#options.version === 5 ? this.#sessionExpiryInterval > 0 : !this.#cleanStart
  }

  /** Takes up, in order, messages that an earlier run may have sent; before the first connection. */
  restore(restored: readonly Restored<Tag>[]): void {
    this.#isRestored ||= restored.length > 0
    this.#outbound.restore(restored)
  }

  /** The transport is up. `password` replaces that of the options. Throws UsageError. */
  connect(now: number, password = this.#options.password): Effect<Tag>[] {
    const { version, keepAliveSeconds, will, userName, properties } = this.#options
    checkPassword({ version, userName, password })
    const packet: Connect = {
      type: 'connect',
      version,
      cleanStart: this.#cleanStart,
      keepAlive: keepAliveSeconds,
      properties: properties ?? NONE,
      clientId: this.#clientId,
    }
    if (will !== undefined) packet.will = will
    if (userName !== undefined) packet.userName = userName
    if (password !== undefined) packet.password = password
    this.#state = 'greeting'
    this.#sink.restart()
    this.#sink.send(packet)
    this.#keepAlive.start(0, now) // pings may not come before CONNACK
    return this.#sink.take()
  }

  /** A packet came. Whatever it is, the answer is effects: a fault of the broker ends in a `close`. */
  receive(packet: Packet, now: number): Effect<Tag>[] {
    this.accept(packet, now)
    return this.take(now)
  }

  /** As `receive`, of many packets; what they ask for comes with `take`. False where nothing more is to be read. */
  accept(packet: Packet, now: number): boolean {
    if (this.#state === 'idle') return false // bytes behind a DISCONNECT or a fault
    try {
      this.#checkProblemInformation(packet)
      if (this.#state === 'greeting') this.#greet(packet, now)
      else this.#handle(packet, now)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#fault(error)
    }
    return this.#state === 'open'
  }

  /** The broker broke the rules: MQTT 5 names the reason in a DISCONNECT, 3.x closes, so that the will is sent. */
  fault(error: MqttError & { reasonCode: number }): Effect<Tag>[] {
    if (this.#state !== 'idle') this.#fault(error)
    return this.#sink.take()
  }

  #fault(error: MqttError & { reasonCode: number }): void {
    if (this.#options.version === 5) {
      this.#sink.send({ type: 'disconnect', reasonCode: error.reasonCode, properties: NONE })
    }
    this.#close(error, false)
  }

  #greet(packet: Packet, now: number): void {
    if (packet.type === 'auth') return this.#auth(packet)
    if (packet.type === 'disconnect') return this.#close(...disconnected(packet))
    if (packet.type !== 'connack') {
      const fault = 'the first packet must be CONNACK'
      throw new ProtocolError({ packet: packetLabel(packet.type), fault, clause: 'MQTT-3.2.0-1' })
    }
    const { reasonCode, properties, sessionPresent } = packet
    if (reasonCode !== 0) return this.#close(...refusedConnect(packet, this.#options))
    checkConnack(packet, this.#cleanStart, this.#clientId, this.#options)
    if (properties.assignedClientIdentifier !== undefined)
      this.#clientId = properties.assignedClientIdentifier
    this.#sessionExpiryInterval =
      properties.sessionExpiryInterval ?? this.#options.properties?.sessionExpiryInterval ?? 0
    this.#state = 'open'
    this.#connections++
    this.#progressAt = now
    this.#authentication.opened()
    this.#keepAlive.start(properties.serverKeepAlive ?? this.#options.keepAliveSeconds, now)
    this.#resume(packet, sessionPresent, now)
    // What was begun is taken up again on later connections [MQTT-3.1.2-23].
    if (this.#options.version === 5 && this.isKept) this.#cleanStart = false
  }

  #resume(connack: Connack, sessionPresent: boolean, now: number): void {
    const { version, onSessionLoss = 'report' } = this.#options
    const first = this.#connections === 1
    // 3.1 does not tell whether the session survived; 3.1.1 sends again in any case [MQTT-4.4.0-1].
    const lives = version === 5 ? sessionPresent : !this.#cleanStart
    const known = version === 3 ? lives : sessionPresent
    this.#sink.push({ type: 'opened', connack, resumed: sessionPresent && !first })
    if (!known) this.#inbound.sessionLost()
    const counts = lives ? { republished: 0, unknown: 0 } : this.#outbound.sessionLost(onSessionLoss)
    const expected = !this.#cleanStart && version !== 3
    if ((!first || this.#isRestored) && !known && (expected || counts.republished + counts.unknown > 0)) {
      this.#sink.push({ type: 'session-lost', ...counts })
    }
    const { properties } = connack
    this.#outbound.open(sendLimits(properties, this.#options))
    this.#requests.open(!first && (version === 3 || !sessionPresent), requestLimits(properties), now)
    this.#outbound.pump(now)
  }

  #handle(packet: Packet, now: number): void {
    switch (packet.type) {
      case 'publish':
        return this.#inbound.publish(packet)
      case 'puback':
        this.#checkNoRequest('PUBACK', packet.packetId)
        this.#outbound.puback(packet.packetId, packet.reasonCode, packet.properties.reasonString)
        return this.#progress(now)
      case 'pubrec':
        this.#checkNoRequest('PUBREC', packet.packetId)
        this.#outbound.pubrec(packet.packetId, packet.reasonCode, packet.properties.reasonString)
        return this.#progress(now)
      case 'pubcomp':
        this.#checkNoRequest('PUBCOMP', packet.packetId)
        this.#outbound.pubcomp(packet.packetId, packet.reasonCode)
        return this.#progress(now)
      case 'pubrel':
        return this.#inbound.pubrel(packet.packetId)
      case 'suback':
      case 'unsuback':
        this.#checkNoMessage(packetLabel(packet.type), packet.packetId)
        this.#requests.answered(packet, now)
        this.#isPumpDue = true // a message may have waited for a packet identifier
        return
      case 'pingresp':
        return this.#pong()
      case 'disconnect':
        return this.#close(...disconnected(packet))
      case 'auth':
        return this.#auth(packet)
      default: {
        const fault =
          packet.type === 'connack' ? 'a second one on this connection' : 'a server never sends it'
        throw new ProtocolError({ packet: packetLabel(packet.type), fault, clause: 'MQTT-3.2.0-2' })
      }
    }
  }

  #pong(): void {
    this.#keepAlive.answered()
    this.#outbound.pingAnswered()
    const tag = this.#pings.shift()
    if (tag !== undefined) this.#sink.settle(tag, { reasonCode: 0 })
  }

  #checkNoRequest(label: string, packetId: number): void {
    if (!this.#requests.isPending(packetId)) return
    const fault = `packet identifier ${packetId} belongs to a request`
    throw new ProtocolError({ packet: label, fault, clause: 'MQTT-2.2.1-5' })
  }

  #checkNoMessage(label: string, packetId: number): void {
    if (!this.#outbound.isInFlight(packetId)) return
    const fault = `packet identifier ${packetId} belongs to a message`
    throw new ProtocolError({ packet: label, fault, clause: 'MQTT-2.2.1-6' })
  }

  /** With Request Problem Information 0 only three packets may carry diagnostics [MQTT-3.1.2-29]. */
  #checkProblemInformation(packet: Packet): void {
    if (this.#options.properties?.requestProblemInformation !== 0) return
    if (!('properties' in packet) || ['publish', 'connack', 'disconnect'].includes(packet.type)) return
    if ('reasonString' in packet.properties || 'userProperties' in packet.properties) {
      const fault = 'diagnostics although Request Problem Information was 0'
      throw new ProtocolError({ packet: packetLabel(packet.type), fault, clause: 'MQTT-3.1.2-29' })
    }
  }

  /** An acknowledgement: what has room now goes out when all that came with it has been looked at. */
  #progress(now: number): void {
    this.#progressAt = now
    this.#isPumpDue = true
  }

  #auth(packet: Auth): void {
    this.#authentication.received(packet, this.#state === 'open')
    this.#sink.push({ type: 'auth', packet })
  }

  /** Answers an `auth` effect, or begins to authenticate anew on an open connection [MQTT-4.12.0-3] [MQTT-4.12.1-1]. */
  authenticate(data: Uint8Array, now: number): Effect<Tag>[] {
    this.#sink.send(this.#authentication.next(data, this.#state === 'open'))
    return this.take(now)
  }

  /**
   * Takes a message. It is sent at once, or when there is a connection and the window has room; its outcome comes as
   * `settle`. Throws UsageError for what no broker could take.
   */
  publish(message: Message, tag: Tag, now: number): Effect<Tag>[] {
    this.enqueue(message, tag, now)
    return this.take(now)
  }

  /** As `publish`, of many messages; what they ask for comes with `take`. */
  enqueue(message: Message, tag: Tag, now: number): void {
    this.#messageCheck.check(message)
    if (this.#outbound.inFlight === 0) this.#progressAt = now
    this.#outbound.publish(message, tag, now)
  }

  /** As `enqueue` of each payload: `message` is what they share, without properties and payload of its own. */
  enqueueMany(message: Message, payloads: Payloads, tag: Tag, now: number): void {
    this.#messageCheck.checkMany(message, payloads)
    if (this.#outbound.inFlight === 0) this.#progressAt = now
    this.#outbound.publishMany(message, payloads, tag)
  }

  /** All that was asked for since the last time. */
  take(now: number): Effect<Tag>[] {
    if (this.#isPumpDue) {
      this.#isPumpDue = false
      this.#requests.pump(now)
      this.#outbound.pump(now)
    }
    const effects = this.#sink.take()
    for (const { type } of effects) {
      if (type !== 'send' && type !== 'send-many' && type !== 'acknowledge') continue
      this.#keepAlive.sent(now)
      break
    }
    return effects
  }

  /** Throws UsageError for filters and options that no broker could take. */
  subscribe(
    subscriptions: readonly Subscription[],
    properties: PropertiesOf<'subscribe'>,
    tag: Tag,
    now: number,
  ): Effect<Tag>[] {
    checkSubscribe(subscriptions, properties, this.#options.version)
    this.#requests.ask({ type: 'subscribe', packetId: 0, dup: false, properties, subscriptions }, tag, now)
    return this.take(now)
  }

  /** Throws UsageError for filters that no broker could take. */
  unsubscribe(
    filters: readonly string[],
    properties: PropertiesOf<'unsubscribe'>,
    tag: Tag,
    now: number,
  ): Effect<Tag>[] {
    checkUnsubscribe(filters, properties, this.#options.version)
    this.#requests.ask({ type: 'unsubscribe', packetId: 0, dup: false, properties, filters }, tag, now)
    return this.take(now)
  }

  /** The bytes of all delivered messages up to `sequence` are safe: they may be acknowledged. */
  written(sequence: number, now: number): Effect<Tag>[] {
    this.#inbound.written(sequence)
    return this.take(now)
  }

  /** The transport has taken bytes: all packets up to number `sent`, counted from 1 on each connection, or 0. */
  flushed(sent: number, now: number): Effect<Tag>[] {
    this.#keepAlive.flushed(sent, now)
    this.#outbound.flushed(sent, now)
    return this.take(now)
  }

  /** Payload bytes of messages that wait or may have to be sent again. */
  get heldBytes(): number {
    return this.#outbound.heldBytes
  }

  /** Number of the last packet sent, for `flushed`. */
  get sent(): number {
    return this.#sink.sent
  }

  /** Bytes came, whether or not they complete a packet. */
  received(now: number): void {
    this.#keepAlive.received(now)
  }

  /** Whether the driver reads from the transport; while it does not, the broker is not to blame for its silence. */
  reading(reading: boolean, now: number): void {
    if (reading && !this.#reading) {
      this.#progressAt = now
      this.#requests.restart(now)
    }
    this.#reading = reading
    this.#keepAlive.reading(reading, now)
  }

  /** When `tick` has something to do, or Infinity. */
  get wakeAt(): number {
    if (this.#state !== 'open') return NEVER
    const { ackLimitMs } = this.#options
    const ackAt = this.#reading && this.#outbound.inFlight > 0 ? this.#progressAt + ackLimitMs : NEVER
    const requestAt = this.#reading ? this.#requests.wakeAt : NEVER
    const retryAt = this.#reading ? this.#outbound.retryAt : NEVER
    return Math.min(this.#keepAlive.wakeAt, retryAt, requestAt, ackAt)
  }

  /** Time has passed. */
  tick(now: number): Effect<Tag>[] {
    if (this.#state !== 'open') return []
    if (this.#keepAlive.isDead(now)) {
      const ms = this.#keepAlive.intervalMs
      const message = `no PINGRESP within ${ms / 1000} s (keep alive)`
      this.#close(new TimeoutError('PINGRESP', ms, message), true)
      return this.#sink.take()
    }
    try {
      if (this.#reading) this.#requests.check(now)
    } catch (error) {
      // The first connection tells the user; a later one is worth another try.
      this.#close(error as TimeoutError, this.#connections > 1)
      return this.#sink.take()
    }
    const { ackLimitMs } = this.#options
    if (this.#reading && this.#outbound.inFlight > 0 && now >= this.#progressAt + ackLimitMs) {
      const message = `the broker acknowledged none of ${this.#outbound.inFlight} message(s) for ${ackLimitMs / 1000} s`
      this.#close(new TimeoutError('acknowledgement', ackLimitMs, message), false)
      return this.#sink.take()
    }
    if (this.#reading) this.#outbound.retry(now)
    if (this.#keepAlive.isPingDue(now)) this.#ping(undefined, now)
    return this.take(now)
  }

  /** Asks for a sign of life: settles when the broker has answered, and so has read all that was sent before. */
  ping(tag: Tag, now: number): Effect<Tag>[] {
    if (this.#state === 'open') this.#ping(tag, now)
    else this.#sink.settle(tag, { reasonCode: 0, error: new ClosedError('there is no connection') })
    return this.take(now)
  }

  #ping(tag: Tag | undefined, now: number): void {
    this.#sink.send({ type: 'pingreq' })
    this.#keepAlive.pinged(this.#sink.sent, now)
    this.#outbound.pinged()
    this.#pings.push(tag)
  }

  /**
   * The connection is gone, for whatever reason; `inOrder` if it was closed behind our DISCONNECT. Outcomes of QoS 0
   * messages that had not left follow.
   */
  lost(inOrder = false): Effect<Tag>[] {
    this.#state = 'idle'
    for (const tag of this.#pings.splice(0)) {
      if (tag !== undefined)
        this.#sink.settle(tag, { reasonCode: 0, error: new ClosedError('connection lost') })
    }
    this.#outbound.lost(inOrder)
    this.#inbound.lost()
    this.#requests.lost()
    return this.#sink.take()
  }

  /**
   * Leaves in order: nothing follows the DISCONNECT [MQTT-3.14.4-2]. With reason code 4 the broker sends the will;
   * 3.x has no such code and leaves without a DISCONNECT. Throws UsageError.
   */
  disconnect(reasonCode = 0, properties: PropertiesOf<'disconnect'> = NONE): Effect<Tag>[] {
    checkDisconnect(reasonCode, properties, this.#options)
    const { version, endSession } = this.#options
    if (this.#state === 'idle') return []
    if (version === 5 && endSession && this.isKept && properties.sessionExpiryInterval === undefined) {
      properties = { sessionExpiryInterval: 0, ...properties }
    }
    if (version === 5 || reasonCode === 0) this.#sink.send({ type: 'disconnect', reasonCode, properties })
    this.#close(undefined, false)
    return this.#sink.take()
  }

  /** Gives up on everything that is not confirmed. */
  abandon(error: MqttError = new ClosedError('the client was closed')): Effect<Tag>[] {
    this.#outbound.abandon(error)
    this.#requests.abandon(error)
    return this.#sink.take()
  }

  #close(error: MqttError | undefined, retry: boolean): void {
    this.#state = 'idle'
    // Whatever comes up from here on waits for another connection [MQTT-3.14.4-1].
    this.#outbound.stop()
    this.#inbound.lost()
    this.#requests.lost()
    this.#sink.push(error === undefined ? { type: 'close', retry } : { type: 'close', error, retry })
  }
}
