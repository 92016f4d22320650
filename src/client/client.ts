// The client library: a session and what drives it, as promises, iterators and callbacks.

import { RefusedError } from '../errors.js'
import { type Connack, NONE, type Payloads, type PropertiesOf, type Subscription } from '../packet/index.js'
import { DEFAULT_WINDOW, type Outcome, type Restored, type Session } from '../session/index.js'
import { parseUrl } from '../transport/index.js'
import { now } from './clock.js'
import { Driver, type Ending, type Settled } from './driver.js'
import type { ClientOptions, Message, PublishOptions, SubscribeOptions } from './options.js'

const EMPTY = new Uint8Array(0)
/** From here on `enqueue` asks to wait, however small the messages' number. */
const HELD_BYTES = 8_388_608

export class Client {
  readonly #options: ClientOptions
  readonly #driver: Driver
  readonly #session: Session<Settled>
  #wantsDrain: (() => void)[] = []
  #wantsDrained: (() => void)[] = []

  constructor(options: ClientOptions) {
    this.#options = options
    this.#driver = new Driver(options, () => this.#checkDrain())
    this.#session = this.#driver.session
  }

  /** Takes up, in order and before `open`, QoS 1 and 2 messages that an earlier client may have sent. */
  restore(restored: readonly Restored<Settled>[]): void {
    this.#session.restore(restored)
  }

  /** Makes the first connection. Throws the MqttError that prevented it, after the last try. */
  async open(): Promise<this> {
    await this.#driver.open()
    return this
  }

  /** Settles when the client is done for good, by `disconnect` or by an error. */
  get ended(): Promise<Ending> {
    return this.#driver.ended
  }

  get isOpen(): boolean {
    return this.#driver.isOpen
  }

  /** As sent or, in MQTT 5, as assigned by the broker. */
  get clientId(): string {
    return this.#session.clientId
  }

  /** The broker's latest CONNACK, with what it allows. */
  get connack(): Connack | undefined {
    return this.#driver.connack
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
    return this.#driver.isEmpty && this.#session.unsettled === 0
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
    this.#driver.checkAlive()
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    const { qos = 0, retain = false, properties = NONE, packetId } = options
    const message = { topic, payload: bytes, qos, retain, properties }
    const chosen =
      packetId === undefined ? message : { topic, payload: bytes, qos, retain, properties, packetId }
    this.#session.enqueue(chosen, settled, now())
    this.#driver.enqueued(1, bytes.length)
    return this.writable
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
    this.#driver.checkAlive()
    const message = { topic, payload: EMPTY, qos, retain, properties: NONE }
    this.#session.enqueueMany(message, payloads, settled, now())
    this.#driver.enqueued(payloads.ends.length, payloads.bytes.length)
    return this.writable
  }

  /** Whether `enqueue` would find room. */
  get writable(): boolean {
    if (this.#driver.isBehind) return false
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
    if (this.#session.unsettled === 0 || this.#driver.isClosed) return
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
      this.#driver.run(this.#session.subscribe(subscriptions, properties, settled, now()))
    })
  }

  /** Resolves with one reason code for each filter; before MQTT 5 with none. Throws like `subscribe`. */
  async unsubscribe(
    filters: string | readonly string[],
    properties: PropertiesOf<'unsubscribe'> = NONE,
  ): Promise<readonly number[]> {
    const list = typeof filters === 'string' ? [filters] : filters
    return this.#request((settled) => {
      this.#driver.run(this.#session.unsubscribe(list, properties, settled, now()))
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
    const batches = this.#driver.inbox.read()
    for (let batch = await batches.next(); batch !== undefined; batch = await batches.next()) yield batch
    const { error } = await this.ended
    if (error !== undefined) throw error
  }

  /**
   * Hands messages to `listener` as they come together, instead of `messages`. Nothing is acknowledged before
   * `acknowledge`; when too much is not, the connection is no longer read.
   */
  onMessages(listener: (batch: readonly Message[]) => void): void {
    this.#driver.inbox.listen(listener)
  }

  /** All messages up to this sequence number are safe: the broker may forget them. */
  acknowledge(sequence: number): void {
    this.#driver.inbox.acknowledge(sequence)
  }

  /** Resolves when the broker has answered a PINGREQ: it has then read all that was sent before. Throws ClosedError. */
  async ping(): Promise<void> {
    this.#driver.checkAlive()
    await this.#ask((settled) => this.#driver.run(this.#session.ping(settled, now())))
  }

  /** Answers an AUTH packet or begins to authenticate anew; only with an Authentication Method in CONNECT. */
  authenticate(data: Uint8Array): void {
    this.#driver.run(this.#session.authenticate(data, now()))
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
    this.#driver.disconnect(reasonCode, properties, isPatient)
    return this.ended
  }

  /** Ends the pause between two attempts to connect. */
  retryNow(): void {
    this.#driver.retryNow()
  }

  #checkDrain(): void {
    if (this.#wantsDrain.length > 0 && (this.writable || this.#driver.isClosed)) {
      for (const listener of this.#wantsDrain.splice(0)) listener()
    }
    if (this.#wantsDrained.length > 0 && this.#session.unsettled === 0) {
      for (const resolve of this.#wantsDrained.splice(0)) resolve()
    }
  }

  #ask(start: (settled: Settled) => void): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      start((outcome) => (outcome.error === undefined ? resolve(outcome) : reject(outcome.error)))
    })
  }

  async #request(start: (settled: Settled) => void): Promise<readonly number[]> {
    this.#driver.checkAlive()
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
