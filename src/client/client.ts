// A session, a stream and a clock make a client: it dials, reconnects, and moves effects between the session and the
// connection. Publishing and receiving many messages stays free of promises, events and timers for each of them.

import type { Duplex } from 'node:stream'
import {
  ClosedError,
  MalformedError,
  type MqttError,
  RefusedError,
  TimeoutError,
  TransportError,
  UsageError,
} from '../errors.js'
import {
  type Connack,
  Decoder,
  NONE,
  type PackedAck,
  type Packet,
  type Payloads,
  type PropertiesOf,
  type Publish,
  type Publishes,
  packetsOf,
  type Subscription,
  unpackAck,
} from '../packet/index.js'
import { DEFAULT_WINDOW, type Effect, type Outcome, type Restored, Session } from '../session/index.js'
import { dial, faultOf, type Intake, nameOf, parseUrl, type Target } from '../transport/index.js'
import { Alarm, now, soon } from './clock.js'
import { type Closing, Connection } from './connection.js'
import { Deferred } from './deferred.js'
import { Inbox } from './inbox.js'
import { DecoderIntake } from './intake.js'
import { toRecord } from './journal.js'
import type { ClientOptions, Message, Note, PublishOptions, SubscribeOptions } from './options.js'
import { ReadBuffers } from './read-buffers.js'
import { type Loss, Reconnect } from './reconnect.js'
import { foreignAnswer, silentEnd } from './remedies.js'
import { freshPassword, sessionOptions, targetOf } from './setup.js'
import { Stages } from './stages.js'

/**
 * Called with the outcome of a publish, subscribe or unsubscribe: once or, where many messages were given together, for
 * each, with its number among them, from 0 on. `packetId` is the last one of a QoS 1 or 2 message that was sent, where
 * the options ask for it.
 */
export type Settled = (outcome: Outcome, at: number, packetId?: number) => void

type Phase =
  | { name: 'idle' }
  | { name: 'dialling'; abort: AbortController }
  | { name: 'greeting'; connection: Connection }
  | { name: 'open'; connection: Connection }
  /** Waits for what was written, a DISCONNECT perhaps, to leave. */
  | { name: 'leaving'; connection: Connection }
  | { name: 'waiting' }
  | { name: 'closed'; error: MqttError | undefined }

/** How the client ended. */
export interface Ending {
  /** Why, if it was not asked to. */
  error: MqttError | undefined
  /** How the last connection closed after our DISCONNECT; absent where there was none. */
  closing?: Closing
}

const EMPTY = new Uint8Array(0)
/** From here on `enqueue` asks to wait, however small the messages' number. */
const HELD_BYTES = 8_388_608
/** Packets that the session is handed before what it wants is carried out, and the bytes of their payloads. */
const TOGETHER = 256
const TOGETHER_BYTES = 32_768
/** How long our DISCONNECT may take to leave and the broker to close: when all went well, and after a fault. */
const END_LIMIT_MS = 2_000
const FAULT_LIMIT_MS = 1_000
/** Why an answer is not waited for. */
const LEFT = 'the client left first'

export class Client {
  readonly #options: ClientOptions
  readonly #session: Session<Settled>
  readonly #target: Target
  readonly #attemptAlarm = new Alarm()
  readonly #sessionAlarm = new Alarm()
  readonly #inbox: Inbox
  readonly #buffers: ReadBuffers
  #phase: Phase = { name: 'idle' }
  #connack: Connack | undefined
  readonly #reconnect: Reconnect
  readonly #stages: Stages | undefined
  #isRunPending = false
  /** Messages that the session was handed since what it wants was carried out. */
  #enqueued = 0
  #enqueuedBytes = 0
  /** For a broker that still reads when we leave. */
  #isPatient = false
  /** The journal is being written; nothing is decoded. */
  #recording = false
  #wantsDrain: (() => void)[] = []
  #wantsDrained: (() => void)[] = []
  readonly #opening = new Deferred<void>()
  readonly #ended = new Deferred<Ending>()

  constructor(options: ClientOptions) {
    this.#options = options
    this.#target = targetOf(options)
    this.#session = new Session(sessionOptions(options))
    this.#reconnect = new Reconnect(options)
    this.#stages = options.onStage && new Stages(options.onStage)
    this.#buffers = new ReadBuffers(options.lendPayloads ?? false)
    this.#inbox = new Inbox({
      pause: () => this.#setReading(false),
      resume: () => this.#setReading(true),
      acknowledge: (sequence) => {
        this.#buffers.acknowledged = sequence
        this.#run(this.#session.written(sequence, now()))
      },
    })
  }

  /** Takes up, in order and before `open`, QoS 1 and 2 messages that an earlier client may have sent. */
  restore(restored: readonly Restored<Settled>[]): void {
    this.#session.restore(restored)
  }

  /** Makes the first connection. Throws the MqttError that prevented it, after the last try. */
  async open(): Promise<this> {
    this.#dial()
    const { signal } = this.#options
    const onAbort = (): void => this.#end(new ClosedError('interrupted while connecting'))
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted) onAbort()
    try {
      await this.#opening.promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
    return this
  }

  /** Settles when the client is done for good, by `disconnect` or by an error. */
  get ended(): Promise<Ending> {
    return this.#ended.promise
  }

  get isOpen(): boolean {
    return this.#phase.name === 'open'
  }

  /** As sent or, in MQTT 5, as assigned by the broker. */
  get clientId(): string {
    return this.#session.clientId
  }

  /** The broker's latest CONNACK, with what it allows. */
  get connack(): Connack | undefined {
    return this.#connack
  }

  /** Messages not yet sent. */
  get waiting(): number {
    return this.#session.waiting
  }

  /** Messages that were sent and whose outcome is not known yet; at QoS 0, whose bytes have not left. */
  get inFlight(): number {
    return this.#session.unsettled - this.#session.waiting
  }

  /**
   * Whether nothing refers to the payloads of earlier messages any more: all are settled, and none, perhaps repeated, has
   * still to leave.
   */
  get isClear(): boolean {
    const phase = this.#phase
    return phase.name === 'open' && phase.connection.isEmpty && this.#session.unsettled === 0
  }

  /** QoS 0 messages that had left on a connection which was then lost; the broker may not have read them. */
  get qos0AtRisk(): number {
    return this.#session.qos0AtRisk
  }

  /**
   * Publishes one message. At QoS 1 and 2 it resolves, with the reason code, when the broker owns the message; at
   * QoS 0 when the bytes have left. Messages given while there is no connection wait for one. Throws UsageError,
   * RefusedError or, when its fate will never be known, ClosedError.
   */
  publish(
    topic: string,
    payload: string | Uint8Array = EMPTY,
    options: PublishOptions = {},
  ): Promise<number> {
    return this.#ask((settled) => this.enqueue(topic, payload, options, settled)).then(
      ({ reasonCode }) => reasonCode,
    )
  }

  /**
   * Publishes one message of many: no promise is made. Returns false when the next one should wait for `drain`, as
   * the broker, the network or the send window does not keep up; nothing is refused. The payload must not be changed
   * afterwards. Throws UsageError.
   */
  enqueue(topic: string, payload: string | Uint8Array, options: PublishOptions, settled: Settled): boolean {
    this.#checkAlive()
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    const { qos = 0, retain = false, properties = NONE, packetId } = options
    const message = { topic, payload: bytes, qos, retain, properties }
    const chosen =
      packetId === undefined ? message : { topic, payload: bytes, qos, retain, properties, packetId }
    this.#session.enqueue(chosen, settled, now())
    return this.#enqueuedMore(1, bytes.length)
  }

  /**
   * As `enqueue` of each payload, for messages that differ in nothing else; `settled` is called for each. Throws
   * UsageError, and takes none, where one is too long.
   */
  enqueueMany(
    topic: string,
    payloads: Payloads,
    { qos = 0, retain = false }: Pick<PublishOptions, 'qos' | 'retain'>,
    settled: Settled,
  ): boolean {
    this.#checkAlive()
    const message = { topic, payload: EMPTY, qos, retain, properties: NONE }
    this.#session.enqueueMany(message, payloads, settled, now())
    return this.#enqueuedMore(payloads.ends.length, payloads.bytes.length)
  }

  #enqueuedMore(count: number, bytes: number): boolean {
    this.#enqueued += count
    this.#enqueuedBytes += bytes
    // Before much has gathered: `writable` has to know what the connection holds.
    if (this.#enqueued < TOGETHER && this.#enqueuedBytes < TOGETHER_BYTES) this.#runSoon()
    else this.#runEnqueued()
    return this.writable
  }

  /** Whether `enqueue` would find room. */
  get writable(): boolean {
    if (this.#phase.name !== 'open' || this.#phase.connection.isBehind) return false
    const { maxInFlight = DEFAULT_WINDOW } = this.#options
    return this.#session.waiting < maxInFlight && this.#session.heldBytes < HELD_BYTES
  }

  /** Calls `listener` once, as soon as the client is `writable` (or has ended). */
  drain(listener: () => void): void {
    this.#wantsDrain.push(listener)
    this.#checkDrain()
  }

  /** Resolves when every message has been settled. */
  async drained(): Promise<void> {
    if (this.#session.unsettled === 0 || this.#phase.name === 'closed') return
    await new Promise<void>((resolve) => this.#wantsDrained.push(resolve))
  }

  /**
   * Subscribes, and after a reconnect again where the broker forgot. Resolves with one reason code for each filter,
   * the granted QoS or a refusal (0x80 and above). Throws UsageError, TimeoutError or, when all filters are refused,
   * RefusedError.
   */
  async subscribe(
    filters: string | readonly string[],
    options: SubscribeOptions = {},
  ): Promise<readonly number[]> {
    const {
      qos = 0,
      noLocal = false,
      retainAsPublished = false,
      retainHandling = 0,
      properties = NONE,
    } = options
    const subscriptions: Subscription[] = (typeof filters === 'string' ? [filters] : filters).map(
      (filter) => {
        return { filter, qos, noLocal, retainAsPublished, retainHandling }
      },
    )
    return this.#request((settled) => {
      this.#run(this.#session.subscribe(subscriptions, properties, settled, now()))
    })
  }

  /** Resolves with one reason code for each filter; before MQTT 5 with none. Throws like `subscribe`. */
  async unsubscribe(
    filters: string | readonly string[],
    properties: PropertiesOf<'unsubscribe'> = NONE,
  ): Promise<readonly number[]> {
    const list = typeof filters === 'string' ? [filters] : filters
    return this.#request((settled) => {
      this.#run(this.#session.unsubscribe(list, properties, settled, now()))
    })
  }

  /**
   * Messages, one by one. Each counts as processed, and is acknowledged to the broker, when the next one is asked
   * for. There is one reader: a second call throws UsageError. Ends with the client; throws what ended it.
   */
  async *messages(): AsyncGenerator<Message, void, undefined> {
    for await (const batch of this.batches()) {
      for (const message of batch) {
        yield message
        this.acknowledge(message.sequence)
      }
    }
  }

  /** Messages as they came together. Nothing is acknowledged before `acknowledge`. */
  async *batches(): AsyncGenerator<readonly Message[], void, undefined> {
    const batches = this.#inbox.read()
    for (let batch = await batches.next(); batch !== undefined; batch = await batches.next()) yield batch
    const { error } = await this.ended
    if (error !== undefined) throw error
  }

  /**
   * Hands messages to `listener` as they come together, instead of `messages`. Nothing is acknowledged before
   * `acknowledge`; when too much is not, the connection is no longer read.
   */
  onMessages(listener: (batch: readonly Message[]) => void): void {
    this.#inbox.listen(listener)
  }

  /** All messages up to this sequence number are safe: the broker may forget them. */
  acknowledge(sequence: number): void {
    this.#inbox.acknowledge(sequence)
  }

  /** Resolves when the broker has answered a PINGREQ: it has then read all that was sent before. Throws ClosedError. */
  async ping(): Promise<void> {
    this.#checkAlive()
    await this.#ask((settled) => this.#run(this.#session.ping(settled, now())))
  }

  /** Answers an AUTH packet or begins to authenticate anew; only with an Authentication Method in CONNECT. */
  authenticate(data: Uint8Array): void {
    this.#run(this.#session.authenticate(data, now()))
  }

  /**
   * Leaves in order; what is not confirmed is settled with a ClosedError. Resolves when the connection is closed. The
   * broker has two seconds for its part; `isPatient` adds ten for each megabyte that it may still have to read, up to 8.
   * A second call ends that wait.
   */
  async disconnect(
    reasonCode = 0,
    properties: PropertiesOf<'disconnect'> = NONE,
    isPatient = false,
  ): Promise<Ending> {
    this.#isPatient = isPatient
    if (this.#phase.name === 'open') this.#run(this.#session.disconnect(reasonCode, properties))
    else if (this.#phase.name !== 'closed') this.#end(undefined)
    return this.ended
  }

  // --- connecting

  #dial(): void {
    const { version = 4, properties: { maximumPacketSize } = {} } = this.#options
    const abort = new AbortController()
    const decoder = new Decoder({
      version,
      from: 'server',
      ...(maximumPacketSize !== undefined && { maxPacketSize: maximumPacketSize }),
    })
    const intake = new DecoderIntake(decoder, this.#buffers)
    this.#phase = { name: 'dialling', abort }
    const limitMs = this.#reconnect.begin(now())
    this.#attemptAlarm.set(now() + limitMs, () => this.#attemptTimedOut(limitMs))
    this.#stages?.begin()
    this.#reach(abort.signal, intake).then(
      ({ stream, password }) => {
        if (this.#phase.name !== 'dialling' || this.#phase.abort !== abort) return stream.destroy()
        const connection = new Connection(stream, version, intake, {
          readable: () => this.#read(connection),
          flushed: (mark) => {
            const { name } = this.#phase
            if (this.#isCurrent(connection) || name === 'leaving')
              this.#run(this.#session.flushed(mark, now()))
          },
          closed: (error, inOrder) => {
            if (this.#isCurrent(connection)) this.#closed(connection, error, inOrder)
          },
        })
        this.#phase = { name: 'greeting', connection }
        this.#greet(password)
      },
      (error: unknown) => {
        this.#stages?.lost(error as Error)
        if (this.#phase.name !== 'dialling' || this.#phase.abort !== abort) return
        if (error instanceof TransportError) this.#lost({ error, retry: true })
        else this.#end(error as MqttError)
      },
    )
  }

  /** A stream to the broker, and a password where each connection has its own. */
  async #reach(
    signal: AbortSignal,
    intake: Intake,
  ): Promise<{ stream: Duplex; password: Uint8Array | undefined }> {
    const onStage = this.#stages?.passed
    const password = await freshPassword(this.#options, signal).catch((error: Error) => {
      onStage?.({ name: 'password', fault: faultOf((error.cause ?? error) as Error) })
      throw error
    })
    if (password !== undefined) onStage?.({ name: 'password' })
    return { stream: await dial(this.#target, signal, { onStage, intake }), password }
  }

  #greet(password: Uint8Array | undefined): void {
    try {
      this.#run(this.#session.connect(now(), password))
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      this.#end(error)
    }
  }

  #attemptTimedOut(limitMs: number): void {
    const within = `no answer within ${limitMs / 1000} s`
    const phase = this.#phase
    if (phase.name === 'dialling') return phase.abort.abort(new Error(within))
    if (phase.name !== 'greeting') return
    phase.connection.destroy()
    const error = new TimeoutError(
      'CONNACK',
      limitMs,
      `${nameOf(this.#target)} sent no CONNACK: ${within}; is it a port for MQTT?`,
    )
    this.#lost({ error, retry: true })
  }

  #isCurrent(connection: Connection): boolean {
    const phase = this.#phase
    return (phase.name === 'open' || phase.name === 'greeting') && phase.connection === connection
  }

  /** The stream has ended by itself. */
  #closed(connection: Connection, error: MqttError, inOrder: boolean): void {
    const isSilent = this.#phase.name === 'greeting' && connection.head.length === 0
    const isEnd = isSilent && error instanceof ClosedError
    this.#stages?.lost(error) // without the remedy
    this.#lost({ error: isEnd ? silentEnd(error, this.#options) : error, retry: true, inOrder })
  }

  /** The connection, or the attempt, is over. */
  #lost({ error, retry, inOrder = false }: Pick<Loss, 'error' | 'retry'> & { inOrder?: boolean }): void {
    const wasOpen = this.#phase.name === 'open' || this.#phase.name === 'leaving'
    this.#stages?.lost(error)
    this.#attemptAlarm.cancel()
    this.#sessionAlarm.cancel()
    this.#phase = { name: 'waiting' }
    this.#inbox.flush()
    this.#run(this.#session.lost())
    const next = this.#reconnect.next({ error, retry, inOrder, isKept: this.#session.isKept }, now())
    if ('error' in next) {
      const { attempts = 0 } = next
      if (attempts > 0) this.#note({ type: 'gave-up', attempts })
      return this.#end(next.error)
    }
    const { delayMs, attempt } = next
    // Before the note: whoever hears it may end the client.
    this.#attemptAlarm.set(now() + delayMs, () => this.#dial())
    if (this.#reconnect.connections === 0) this.#note({ type: 'connect-failed', error, delayMs, attempt })
    else this.#note({ type: wasOpen ? 'connection-lost' : 'reconnect-failed', error, delayMs })
  }

  /** Ends the pause between two attempts to connect. */
  retryNow(): void {
    if (this.#phase.name !== 'waiting') return
    this.#attemptAlarm.cancel()
    this.#dial()
  }

  #end(error: MqttError | undefined, closing?: Closing): void {
    const phase = this.#phase
    if (phase.name === 'closed') return
    this.#phase = { name: 'closed', error }
    if (phase.name === 'dialling') phase.abort.abort(error ?? new ClosedError('interrupted'))
    if ('connection' in phase) {
      phase.connection.destroy()
      this.#stages?.lost(error ?? new ClosedError(LEFT))
    }
    this.#attemptAlarm.cancel()
    this.#sessionAlarm.cancel()
    this.#run(this.#session.lost(closing === 'closed'))
    this.#run(this.#session.abandon(error))
    // An error is dear, and most runs end well.
    if (this.#reconnect.connections === 0)
      this.#opening.reject(error ?? new ClosedError('the client was closed'))
    this.#ended.resolve({ error, ...(closing && { closing }) })
    this.#inbox.end()
    this.#checkDrain()
  }

  // --- moving packets and effects

  #read(connection: Connection): void {
    if (!this.#isCurrent(connection)) return
    const foreign =
      this.#phase.name === 'greeting' ? foreignAnswer(connection.head, this.#options) : undefined
    if (foreign !== undefined) {
      connection.destroy()
      return this.#lost({ error: foreign, retry: false })
    }
    this.#session.received(now())
    this.#decode(connection)
  }

  #decode(connection: Connection): void {
    if (this.#options.journal !== undefined) return void this.#decodeRecorded(connection)
    try {
      // A full inbox must not keep the CONNACK of a new connection waiting.
      while (this.#isCurrent(connection) && (this.#phase.name === 'greeting' || !this.#inbox.isFull)) {
        if (!this.#receiveSome(connection)) break
        this.#inbox.flush() // while they are young, messages cost the least to forget
      }
    } catch (error) {
      this.#fault(error)
    }
    this.#inbox.flush()
  }

  /** Hands the session what came together, as far as the inbox may have room; false where nothing more has come. */
  #receiveSome(connection: Connection): boolean {
    const isWatched = this.#isWatched
    const at = now()
    let room = isWatched || this.#phase.name === 'greeting' ? 1 : TOGETHER
    let packet: Packet | undefined
    try {
      for (; room > 0; room--) {
        packet = connection.next()
        if (packet === undefined) break
        if (isWatched) this.#watch(packet)
        if (!this.#session.accept(packet, at)) break
      }
    } finally {
      this.#run(this.#session.take(at))
    }
    return packet !== undefined
  }

  get #isWatched(): boolean {
    return this.#options.onPacket !== undefined || this.#stages !== undefined
  }

  #watch(packet: Packet): void {
    this.#options.onPacket?.('received', packet)
    this.#stages?.received(packet)
  }

  #receive(packet: Packet): void {
    this.#watch(packet)
    this.#run(this.#session.receive(packet, now()))
  }

  #fault(error: unknown): void {
    if (!(error instanceof MalformedError)) throw error
    this.#run(this.#session.fault(error))
  }

  /** As `#decode`, but the session sees nothing of what came together before the journal has what it needs of it. */
  async #decodeRecorded(connection: Connection): Promise<void> {
    if (this.#recording) return // whatever has come meanwhile follows
    const packets: Packet[] = []
    let fault: unknown
    try {
      for (let next = connection.next(); next !== undefined; next = connection.next()) packets.push(next)
    } catch (error) {
      fault = error
    }
    const packetIds = toRecord(packets)
    if (packetIds.length > 0) {
      this.#recording = true
      this.#setReading(false)
      try {
        await this.#options.journal?.recorded(packetIds)
      } catch (error) {
        return this.#end(error as MqttError)
      } finally {
        this.#recording = false
      }
    }
    for (const packet of packets) if (this.#isCurrent(connection)) this.#receive(packet)
    if (fault !== undefined && this.#isCurrent(connection)) this.#fault(fault)
    this.#inbox.flush()
    if (packetIds.length === 0) return
    this.#setReading(true)
    if (this.#phase.name === 'greeting') this.#decode(this.#phase.connection)
  }

  #setReading(reading: boolean): void {
    const phase = this.#phase
    this.#session.reading(reading, now())
    if (phase.name !== 'open') return
    if (!reading) return phase.connection.pause()
    // What has been received but not decoded comes first; it may fill the inbox again.
    this.#decode(phase.connection)
    if (!this.#inbox.isFull && this.#isCurrent(phase.connection)) phase.connection.resume()
  }

  #run(effects: readonly Effect<Settled>[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send':
          this.#send(effect.packet, effect.number)
          break
        case 'acknowledge':
          this.#sendAcks(effect.acks, effect.number)
          break
        case 'deliver':
          this.#deliver(effect.messages, effect.last)
          break
        case 'send-many':
          this.#sendMany(effect.packets, effect.number)
          break
        case 'settle': {
          const { tag, outcome, at, count = 1, packetId } = effect
          if (outcome.error === undefined) this.#reconnect.useful()
          for (let nth = 0; nth < count; nth++) tag(outcome, at + nth, packetId)
          break
        }
        case 'opened':
          this.#opened(effect.connack, effect.resumed)
          break
        case 'close':
          this.#close(effect.error, effect.retry)
          break
        case 'auth':
          this.#note({ type: 'auth', packet: effect.packet })
          break
        default:
          this.#note(effect)
      }
    }
    this.#runSoon()
  }

  /** At the end of the turn: carries out what was enqueued, and looks at what all of it has changed. */
  #runSoon(): void {
    if (this.#isRunPending) return
    this.#isRunPending = true
    soon(this.#endTurn)
  }

  #runEnqueued(): void {
    this.#enqueued = 0
    this.#enqueuedBytes = 0
    const effects = this.#session.take(now())
    if (effects.length > 0) this.#run(effects)
  }

  readonly #endTurn = (): void => {
    this.#runEnqueued()
    this.#isRunPending = false
    this.#sessionAlarm.set(this.#session.wakeAt, this.#onAlarm)
    if (this.#wantsDrain.length > 0) this.#checkDrain()
    if (this.#wantsDrained.length > 0 && this.#session.unsettled === 0) {
      for (const resolve of this.#wantsDrained.splice(0)) resolve()
    }
  }

  readonly #onAlarm = (): void => this.#run(this.#session.tick(now()))

  #send(packet: Packet, number: number): void {
    const phase = this.#phase
    if (phase.name !== 'open' && phase.name !== 'greeting') return
    phase.connection.send(packet, number)
    this.#options.onPacket?.('sent', packet)
    this.#stages?.sent(packet)
  }

  #sendMany(packets: Publishes, number: number): void {
    const phase = this.#phase
    if (phase.name !== 'open') return
    if (!this.#isWatched) return phase.connection.sendMany(packets, number)
    const first = number - (packets.to - packets.from) + 1
    for (const [at, packet] of packetsOf(packets).entries()) this.#send(packet, first + at)
  }

  #sendAcks(acks: readonly PackedAck[], number: number): void {
    const phase = this.#phase
    if (phase.name !== 'open') return
    phase.connection.acknowledge(acks, number)
    if (!this.#isWatched) return
    for (const packed of acks) {
      const packet = unpackAck(packed)
      this.#options.onPacket?.('sent', packet)
      this.#stages?.sent(packet)
    }
  }

  #deliver(messages: readonly Publish[], last: number): void {
    this.#reconnect.useful()
    this.#buffers.delivered = last
    let sequence = last - messages.length
    for (const { topic, payload, qos, retain, dup, packetId, properties } of messages) {
      sequence++
      this.#inbox.push({
        topic,
        payload: asBuffer(payload),
        qos,
        retain,
        dup,
        packetId,
        properties,
        sequence,
      })
    }
  }

  #opened(connack: Connack, resumed: boolean): void {
    const phase = this.#phase
    if (phase.name !== 'greeting') return
    this.#attemptAlarm.cancel()
    this.#phase = { name: 'open', connection: phase.connection }
    this.#connack = connack
    this.#reconnect.opened(now())
    if (this.#reconnect.connections === 1) this.#opening.resolve()
    else this.#note({ type: 'reconnected', resumed })
    if (this.#inbox.isFull) phase.connection.pause()
  }

  /** The session wants the connection closed, behind what it has sent. */
  #close(error: MqttError | undefined, retry: boolean): void {
    const phase = this.#phase
    if (phase.name !== 'open' && phase.name !== 'greeting') return
    const { connection } = phase
    this.#stages?.lost(error ?? new ClosedError(LEFT))
    this.#phase = { name: 'leaving', connection }
    this.#attemptAlarm.cancel()
    const isInOrder = error === undefined
    const isPatient = isInOrder && this.#isPatient
    void connection.end(isInOrder ? END_LIMIT_MS : FAULT_LIMIT_MS, isPatient).then((closing) => {
      if (isInOrder) this.#end(undefined, closing)
      else this.#lost({ error, retry })
    })
  }

  #checkDrain(): void {
    if (this.#wantsDrain.length === 0 || !(this.writable || this.#phase.name === 'closed')) return
    for (const listener of this.#wantsDrain.splice(0)) listener()
  }

  #note(note: Note): void {
    this.#options.onNote?.(note)
  }

  // --- requests

  #checkAlive(): void {
    if (this.#phase.name === 'closed')
      throw new ClosedError('the client is closed', { cause: this.#phase.error })
  }

  #ask(start: (settled: Settled) => void): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      start((outcome) => (outcome.error === undefined ? resolve(outcome) : reject(outcome.error)))
    })
  }

  async #request(start: (settled: Settled) => void): Promise<readonly number[]> {
    this.#checkAlive()
    const { reasonCodes = [], error } = await new Promise<Outcome>((resolve) => start(resolve))
    const allRefused = error instanceof RefusedError && reasonCodes.every((code) => code >= 0x80)
    if (error !== undefined && (allRefused || reasonCodes.length === 0)) throw error
    return reasonCodes
  }
}

/** Connects to a broker. Throws the MqttError that prevented it. */
export async function connect(options: ClientOptions): Promise<Client>
export async function connect(url: string, options?: ClientOptions): Promise<Client>
export async function connect(where: string | ClientOptions, options: ClientOptions = {}): Promise<Client> {
  if (typeof where !== 'string') return new Client(where).open()
  const { tls, ...rest } = parseUrl(where)
  return new Client({ ...rest, ...(tls && { tls: {} }), ...options }).open()
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
