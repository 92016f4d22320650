// From the spool to the client: in order, no faster than the client takes it, and out of the spool when the broker owns
// it. A QoS 0 message counts as owned when the broker has answered a ping behind it.

import type { Client, Settled } from '../client/index.js'
import { ClosedError, type MqttError, RefusedError, UsageError } from '../errors.js'
import { packetIdOf, type Spool, type SpoolRecord } from '../spool/index.js'
import type { Reporter } from './exit.js'
import type { Receipts } from './receipts.js'

/** QoS 0 messages that left are proved read in groups of about this many. */
const PROVE_COUNT = 1_000
/** With more than this many on their way or not proved, no more are taken. */
const BEHIND_COUNT = 2_000

export class Sender {
  /** The first refusal of a message, or what keeps all of them from being sent. */
  error: MqttError | undefined
  refused = 0
  confirmed = 0
  /** Its Message Expiry Interval had run out. */
  expired = 0
  /** Messages whose fate this run could not find out. */
  unknown = 0
  readonly #spool: Spool
  readonly #client: Client
  readonly #reporter: Reporter
  readonly #receipts: Receipts | undefined
  /** QoS 0 messages that are with the client, and those that left on the present connection. */
  #leaving = 0
  #left: number[] = []
  #isProving = false
  /** To be sent once more. */
  #again: number[] = []
  #gone: number[] = []
  #isLeaving = false
  #changed = false
  #onChange: (() => void) | undefined
  #isStopped = false
  #warnedOfRetain = false
  #fail!: (error: unknown) => void
  /** Rejects when the spool cannot be read or written, or no message can be sent at all. */
  readonly failed: Promise<never> = new Promise((_, reject) => {
    this.#fail = reject
  })

  constructor(spool: Spool, client: Client, reporter: Reporter, receipts: Receipts | undefined) {
    this.#spool = spool
    this.#client = client
    this.#reporter = reporter
    this.#receipts = receipts
    this.failed.catch(() => {}) // whoever races it is told
  }

  /** Takes up what an earlier run left; before the client connects. */
  restore(records: readonly SpoolRecord[]): void {
    const mayBeKnown = records.filter(({ message, stage }) => message.qos > 0 && stage !== 'unknown')
    for (const { sequence, stage, message } of mayBeKnown) {
      const topic = stage === 'released' ? undefined : message.topic
      this.#receipts?.given(sequence + 1, topic, message.qos, packetIdOf(sequence))
    }
    this.#client.restore(
      mayBeKnown.map(({ sequence, stage, message }) => {
        return {
          message: { ...message, packetId: packetIdOf(sequence) },
          tag: this.#settled(sequence, message.qos),
          stage: stage === 'released' ? 'released' : 'published',
        }
      }),
    )
    this.#again = records.filter((record) => !mayBeKnown.includes(record)).map(({ sequence }) => sequence)
  }

  /** There may be something to do. */
  wake(): void {
    this.#changed = true
    this.#onChange?.()
  }

  stop(): void {
    this.#isStopped = true
    this.wake()
  }

  /** The connection was lost: nothing shows that the broker has read the QoS 0 messages on it. */
  lost(): void {
    this.#again.push(...this.#left.splice(0))
    this.wake()
  }

  /** Sends until stopped, or until `isLast` says that no more will come and everything has been sent and settled. */
  async run(isLast: () => boolean): Promise<void> {
    try {
      while (!this.#isStopped) {
        if (this.#receipts?.isBehind) {
          this.#receipts.drain(() => this.wake())
          await this.#nextChange()
          continue
        }
        if (this.#leaving + this.#left.length > BEHIND_COUNT) {
          this.#prove()
          await this.#nextChange()
          continue
        }
        if (!this.#client.writable) await new Promise<void>((resolve) => this.#client.drain(resolve))
        if (this.#isStopped) return
        this.#changed = false
        const records = this.#again.length > 0 ? await this.#takeAgain() : await this.#spool.take()
        for (const record of records) this.#send(record)
        if (this.#left.length >= PROVE_COUNT || records.length === 0) this.#prove()
        if (records.length > 0) continue
        if (isLast() && this.#spool.messages === this.#spool.unknown) return
        if (!this.#changed) await this.#nextChange()
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  async #nextChange(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onChange = resolve
    })
    this.#onChange = undefined
  }

  #takeAgain(): Promise<SpoolRecord[]> {
    return this.#spool.again(this.#again.splice(0).sort((one, other) => one - other))
  }

  #send({ sequence, time, message }: SpoolRecord): void {
    if (this.#isStopped) return
    const { topic, payload, qos } = message
    const packetId = qos > 0 ? packetIdOf(sequence) : undefined
    this.#receipts?.given(sequence + 1, topic, qos, packetId)
    let { properties } = message
    const { messageExpiryInterval: expiry } = properties
    if (expiry !== undefined) {
      // It counts from when the message was taken; the broker counts the rest.
      const rest = expiry - Math.max(0, Math.floor((Date.now() - time) / 1_000))
      if (rest <= 0) return this.#expire(sequence)
      properties = { ...properties, messageExpiryInterval: rest }
    }
    const retain = message.retain && this.#mayRetain()
    const options =
      packetId === undefined ? { qos, retain, properties } : { qos, retain, properties, packetId }
    if (qos === 0) this.#leaving++
    try {
      this.#client.enqueue(topic, payload, options, this.#settled(sequence, qos))
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      if (qos === 0) this.#leaving--
      this.#refuse(sequence, error) // no broker could take it
    }
  }

  /** Sent again it would be refused again, and would keep all others from being sent. */
  #refuse(sequence: number, error: MqttError & { reasonCode?: number }): void {
    this.refused++
    this.error ??= error
    this.#receipts?.settled(sequence + 1, { reasonCode: error.reasonCode ?? 0, error })
    this.#reporter.warn(error.message)
    this.#remove(sequence)
  }

  #expire(sequence: number): void {
    this.expired++
    const error = new ClosedError('message expired before it could be sent', { fate: 'expired' })
    this.#receipts?.settled(sequence + 1, { reasonCode: 0, error })
    this.#remove(sequence)
  }

  #confirm(sequence: number, reasonCode: number): void {
    this.confirmed++
    this.#receipts?.settled(sequence + 1, { reasonCode })
    this.#remove(sequence)
  }

  #mayRetain(): boolean {
    if (this.#client.connack?.properties.retainAvailable !== 0) return true
    if (!this.#warnedOfRetain) {
      this.#reporter.warn('the broker does not keep retained messages: published without -r')
    }
    this.#warnedOfRetain = true
    return false
  }

  #settled(sequence: number, qos: number): Settled {
    return ({ error, reasonCode }) => {
      if (qos === 0) this.#leaving--
      if (error === undefined) {
        if (qos > 0) return this.#confirm(sequence, reasonCode)
        this.#receipts?.answered(sequence + 1)
        this.#left.push(sequence)
        return this.wake()
      }
      if (error instanceof RefusedError || error.code === 'PACKET_TOO_LARGE') {
        return this.#refuse(sequence, error)
      }
      if (error instanceof UsageError) return this.#fail(error)
      if (!(error instanceof ClosedError)) return // the client has ended: it waits for the next run
      if (error.fate === 'expired') {
        this.#expire(sequence)
      } else if (error.fate === 'unknown') {
        this.unknown++
        this.#receipts?.settled(sequence + 1, { reasonCode, error })
        this.#spool.forget([sequence]).then(() => this.wake(), this.#fail)
      } else if (qos === 0) {
        this.#again.push(sequence)
      }
    }
  }

  /** What is done with in one turn leaves the spool together. */
  #remove(sequence: number): void {
    this.#gone.push(sequence)
    if (this.#isLeaving) return
    this.#isLeaving = true
    queueMicrotask(() => {
      this.#isLeaving = false
      this.#spool.remove(this.#gone.splice(0)).then(() => this.wake(), this.#fail)
    })
  }

  #prove(): void {
    if (this.#isProving || this.#left.length === 0) return
    const left = this.#left.splice(0)
    this.#isProving = true
    const proved = (isRead: boolean): void => {
      this.#isProving = false
      if (isRead) for (const sequence of left) this.#confirm(sequence, 0)
      else this.#again.push(...left)
      this.wake()
    }
    this.#client.ping().then(
      () => proved(true),
      () => proved(false),
    )
  }
}
