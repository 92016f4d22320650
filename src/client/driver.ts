// Drives a session: dials, reconnects, and moves packets and effects between the session and the connection of the
// moment. Many messages stay free of promises, events and timers for each of them.

import {
  ClosedError,
  MalformedError,
  type MqttError,
  TimeoutError,
  TransportError,
  UsageError,
} from '../errors.js'
import {
  type Connack,
  type PackedAck,
  type Packet,
  type PropertiesOf,
  type Publish,
  type Publishes,
  packetsOf,
  unpackAck,
} from '../packet/index.js'
import { type Effect, type Outcome, Session } from '../session/index.js'
import { nameOf, type Target } from '../transport/index.js'
import { Alarm, now, soon } from './clock.js'
import { type Closing, Connection } from './connection.js'
import { Deferred } from './deferred.js'
import { Inbox } from './inbox.js'
import { toRecord } from './journal.js'
import type { ClientOptions, Note } from './options.js'
import { reach } from './reach.js'
import { ReadBuffers } from './read-buffers.js'
import { type Loss, Reconnect } from './reconnect.js'
import { foreignAnswer, silentEnd } from './remedies.js'
import { sessionOptions, targetOf } from './setup.js'
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

/** Packets that the session is handed before what it wants is carried out, and the bytes of their payloads. */
const TOGETHER = 256
const TOGETHER_BYTES = 32_768
/** How long our DISCONNECT may take to leave and the broker to close: when all went well, and after a fault. */
const END_LIMIT_MS = 2_000
const FAULT_LIMIT_MS = 1_000
/** Why an answer is not waited for. */
const LEFT = 'the client left first'

export class Driver {
  readonly session: Session<Settled>
  readonly inbox: Inbox
  readonly #options: ClientOptions
  /** Told when what is enqueued, settled or connected may have changed, at the end of a turn. */
  readonly #onTurn: () => void
  readonly #target: Target
  readonly #attemptAlarm = new Alarm()
  readonly #sessionAlarm = new Alarm()
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
  readonly #opening = new Deferred<void>()
  readonly #ended = new Deferred<Ending>()

  /** Throws UsageError for options that cannot be. */
  constructor(options: ClientOptions, onTurn: () => void) {
    this.#options = options
    this.#onTurn = onTurn
    this.#target = targetOf(options)
    this.session = new Session(sessionOptions(options))
    this.#reconnect = new Reconnect(options)
    this.#stages = options.onStage && new Stages(options.onStage)
    this.#buffers = new ReadBuffers(options.lendPayloads ?? false)
    this.inbox = new Inbox({
      pause: () => this.#setReading(false),
      resume: () => this.#setReading(true),
      acknowledge: (sequence) => {
        this.#buffers.acknowledged = sequence
        this.run(this.session.written(sequence, now()))
      },
    })
  }

  /** Makes the first connection. Throws the MqttError that prevented it, after the last try. */
  async open(): Promise<void> {
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
  }

  /** Settles when there will be no connection any more, by `disconnect` or by an error. */
  get ended(): Promise<Ending> {
    return this.#ended.promise
  }

  get isOpen(): boolean {
    return this.#phase.name === 'open'
  }

  /** Whether it has ended. */
  get isClosed(): boolean {
    return this.#phase.name === 'closed'
  }

  /** Whether the transport cannot take more for now, or is not there. */
  get isBehind(): boolean {
    return this.#phase.name !== 'open' || this.#phase.connection.isBehind
  }

  /** Whether there is a connection, and everything written to it has left. */
  get isEmpty(): boolean {
    return this.#phase.name === 'open' && this.#phase.connection.isEmpty
  }

  /** The broker's latest CONNACK. */
  get connack(): Connack | undefined {
    return this.#connack
  }

  /** Throws ClosedError, with what ended it as cause. */
  checkAlive(): void {
    if (this.#phase.name === 'closed')
      throw new ClosedError('the client is closed', { cause: this.#phase.error })
  }

  /** The session was handed so many more messages: what it wants is carried out soon, or at once when it is much. */
  enqueued(count: number, bytes: number): void {
    this.#enqueued += count
    this.#enqueuedBytes += bytes
    // Before much has gathered: `isBehind` has to know what the connection holds.
    if (this.#enqueued < TOGETHER && this.#enqueuedBytes < TOGETHER_BYTES) this.#runSoon()
    else this.#runEnqueued()
  }

  /** As that of the client. */
  disconnect(reasonCode: number, properties: PropertiesOf<'disconnect'>, isPatient: boolean): void {
    this.#isPatient = isPatient
    if (this.#phase.name === 'open') this.run(this.session.disconnect(reasonCode, properties))
    else if (this.#phase.name !== 'closed') this.#end(undefined)
  }

  // --- connecting

  #dial(): void {
    const { version = 4 } = this.#options
    const abort = new AbortController()
    this.#phase = { name: 'dialling', abort }
    const limitMs = this.#reconnect.begin(now())
    this.#attemptAlarm.set(now() + limitMs, () => this.#attemptTimedOut(limitMs))
    this.#stages?.begin()
    reach(this.#options, this.#target, this.#buffers, abort.signal, this.#stages?.passed).then(
      ({ stream, intake, password }) => {
        if (this.#phase.name !== 'dialling' || this.#phase.abort !== abort) return stream.destroy()
        const connection = new Connection(stream, version, intake, {
          readable: () => this.#read(connection),
          flushed: (mark) => {
            const { name } = this.#phase
            if (this.#isCurrent(connection) || name === 'leaving') this.run(this.session.flushed(mark, now()))
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

  #greet(password: Uint8Array | undefined): void {
    try {
      this.run(this.session.connect(now(), password))
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
    this.inbox.flush()
    this.run(this.session.lost())
    const next = this.#reconnect.next({ error, retry, inOrder, isKept: this.session.isKept }, now())
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
    this.run(this.session.lost(closing === 'closed'))
    this.run(this.session.abandon(error))
    // An error is dear, and most runs end well.
    if (this.#reconnect.connections === 0)
      this.#opening.reject(error ?? new ClosedError('the client was closed'))
    this.#ended.resolve({ error, ...(closing && { closing }) })
    this.inbox.end()
    this.#onTurn()
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
    this.session.received(now())
    this.#decode(connection)
  }

  #decode(connection: Connection): void {
    if (this.#options.journal !== undefined) return void this.#decodeRecorded(connection)
    try {
      // A full inbox must not keep the CONNACK of a new connection waiting.
      while (this.#isCurrent(connection) && (this.#phase.name === 'greeting' || !this.inbox.isFull)) {
        if (!this.#receiveSome(connection)) break
        this.inbox.flush() // while they are young, messages cost the least to forget
      }
    } catch (error) {
      this.#fault(error)
    }
    this.inbox.flush()
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
        if (!this.session.accept(packet, at)) break
      }
    } finally {
      this.run(this.session.take(at))
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
    this.run(this.session.receive(packet, now()))
  }

  #fault(error: unknown): void {
    if (!(error instanceof MalformedError)) throw error
    this.run(this.session.fault(error))
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
    this.inbox.flush()
    if (packetIds.length === 0) return
    this.#setReading(true)
    if (this.#phase.name === 'greeting') this.#decode(this.#phase.connection)
  }

  #setReading(reading: boolean): void {
    const phase = this.#phase
    this.session.reading(reading, now())
    if (phase.name !== 'open') return
    if (!reading) return phase.connection.pause()
    // What has been received but not decoded comes first; it may fill the inbox again.
    this.#decode(phase.connection)
    if (!this.inbox.isFull && this.#isCurrent(phase.connection)) phase.connection.resume()
  }

  /** Carries out what the session wants. */
  run(effects: readonly Effect<Settled>[]): void {
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
    const effects = this.session.take(now())
    if (effects.length > 0) this.run(effects)
  }

  readonly #endTurn = (): void => {
    this.#runEnqueued()
    this.#isRunPending = false
    this.#sessionAlarm.set(this.session.wakeAt, this.#onAlarm)
    this.#onTurn()
  }

  readonly #onAlarm = (): void => this.run(this.session.tick(now()))

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
      this.inbox.push({ topic, payload: asBuffer(payload), qos, retain, dup, packetId, properties, sequence })
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
    if (this.inbox.isFull) phase.connection.pause()
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

  #note(note: Note): void {
    this.#options.onNote?.(note)
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
