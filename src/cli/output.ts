// What becomes of the messages that mqtt-sub receives: hidden, removed, counted, printed, and acknowledged once the
// kernel has taken their bytes.

import { Alarm, type Client, type Message, now } from '../client/index.js'
import { matches } from '../packet/index.js'
import type { Reporter } from './exit.js'
import type { Given } from './flags/table.js'
import type { Print } from './format.js'
import type { Io } from './io.js'
import { Out } from './out.js'
import { printer } from './printer.js'
import { Screen } from './screen.js'

/** Why the program ends. */
export type End =
  | { why: 'done' }
  | { why: 'signal' }
  | { why: 'timeout' }
  | { why: 'stdout'; error: NodeJS.ErrnoException }
  | { why: 'failed'; error: unknown }

/** Pause between two pings that look for the end of the retained messages. */
const QUIET_MS = 100

export class Output {
  readonly #given: Given
  readonly #io: Io
  readonly #stop: (why: End) => void
  readonly #print: Print
  readonly #screen: Screen | undefined
  readonly #out = new Out()
  /** What a message prints, before it has its place on the screen. */
  readonly #line = new Out()
  readonly #alarm = new Alarm()
  #client: Client | undefined
  #received = 0
  /** Messages since the last line of --message-rate. */
  #rate = 0
  #counted = 0
  #unwritten = 0
  /** What is put together will be written at the end of the turn, and messages up to this one are done with it. */
  #due = 0
  /** Nothing more is printed or acknowledged. */
  #finished = false
  /** Topics whose retained message was removed; their empty message comes back to us. */
  readonly #removed = new Set<string>()
  #removing = 0

  constructor(given: Given, io: Io, reporter: Reporter, stop: (why: End) => void) {
    this.#given = given
    this.#io = io
    this.#stop = stop
    this.#print = printer(given, (text) => reporter.warn(text))
    if (given.watch && !given.messageRate) this.#screen = new Screen(given.host ?? 'localhost')
  }

  /** Begins: before the subscription, so that nothing is missed. */
  attach(client: Client): void {
    this.#client = client
    if (this.#screen !== undefined) {
      this.#screen.start(this.#out)
      this.#write(0)
    }
    if (this.#given.messageRate) this.#showRate(now() + 1_000)
    client.onMessages((batch) => this.#take(batch))
  }

  close(): void {
    this.#finished = true
    this.#alarm.cancel()
  }

  #take(batch: readonly Message[]): void {
    let last = 0
    for (const message of batch) {
      this.#received++
      if (this.#isBehindRetained(message)) this.#finished = true
      if (this.#finished) break // what comes behind the last one counted stays unacknowledged
      last = message.sequence
      this.#handle(message)
    }
    if (this.#finished) this.#write(last)
    else if (last > 0) this.#writeSoon(last)
  }

  /** At the end of the turn, so that what came together leaves together. */
  #writeSoon(last: number): void {
    if (this.#due === 0) queueMicrotask(() => this.#due > 0 && this.#write(this.#due))
    this.#due = last
  }

  /** A live message shows that the retained ones are over. */
  #isBehindRetained({ topic, retain, payload }: Message): boolean {
    const { retainedOnly, messageRate } = this.#given
    if (!retainedOnly || retain || messageRate) return false
    return payload.length > 0 || !this.#removed.has(topic)
  }

  /** In the order of the contract. */
  #handle(message: Message): void {
    const { noRetained, filterOut, removeRetained, messageRate, count } = this.#given
    const { topic, retain, payload } = message
    if (messageRate) {
      this.#rate++
      return
    }
    // Our own removal, which --retain-as-published brings back with its flag.
    if (payload.length === 0 && this.#removed.delete(topic)) return
    const hidden = filterOut?.some((filter) => matches(filter, topic)) === true
    if (hidden) return
    if (removeRetained && retain && payload.length > 0) this.#remove(topic)
    if (noRetained && retain) return
    if (this.#isChosen()) this.#show(message)
    this.#counted++
    if (this.#counted === count) this.#finished = true
  }

  #isChosen(): boolean {
    const { randomFilter } = this.#given
    return randomFilter === undefined || Math.random() * 100 < randomFilter
  }

  #show(message: Message): void {
    if (this.#screen === undefined) return this.#print(message, this.#out)
    this.#print(message, this.#line)
    const printed = this.#line.take()
    if (printed.length > 0) this.#screen.place(message.topic, printed, this.#out)
  }

  #remove(topic: string): void {
    this.#removed.add(topic)
    this.#removing++
    const options = { qos: 1, retain: true } as const
    this.#client?.enqueue(topic, new Uint8Array(0), options, ({ error }) => {
      this.#removing--
      if (error !== undefined) this.#stop({ why: 'failed', error })
      else if (this.#finished) this.#endIfDone()
    })
  }

  /** Writes what was put together; with it, all messages up to `last` are done. */
  #write(last: number): void {
    const upTo = Math.max(last, this.#due)
    this.#due = 0
    const written = (error?: NodeJS.ErrnoException): void => {
      if (error !== undefined) return this.#stop({ why: 'stdout', error })
      if (upTo > 0) this.#client?.acknowledge(upTo)
      if (this.#finished) this.#endIfDone()
    }
    const parts = this.#out.take()
    // Nothing to print still waits for what is being written: acknowledgements keep their order.
    if (parts.length === 0 && this.#unwritten === 0) return written()
    this.#unwritten++
    this.#io.write(parts, (error) => {
      this.#unwritten--
      written(error)
    })
  }

  #endIfDone(): void {
    if (this.#unwritten === 0 && this.#removing === 0) this.#stop({ why: 'done' })
  }

  /** The subscriptions stand: with options about retained messages, look for the end of those. */
  subscribed(): void {
    const { retainedOnly, removeRetained, messageRate } = this.#given
    if (!messageRate && (retainedOnly || removeRetained)) this.#awaitQuiet(-1, false)
  }

  /**
   * Retained messages have no end mark. But a broker that answers a ping, with nothing in between and everything
   * acknowledged, twice in a row, has no more to send.
   */
  #awaitQuiet(before: number, wasQuiet: boolean): void {
    if (this.#finished || this.#client === undefined) return
    const again = (quiet: boolean): void => {
      this.#alarm.set(now() + QUIET_MS, () => this.#awaitQuiet(this.#received, quiet))
    }
    this.#client.ping().then(
      () => {
        const quiet = this.#received === before && this.#unwritten === 0 && this.#removing === 0
        if (!(quiet && wasQuiet)) return again(quiet)
        this.#finished = true
        this.#endIfDone()
      },
      () => again(false), // the connection was lost: the client makes a new one
    )
  }

  #showRate(at: number): void {
    this.#alarm.set(at, () => {
      this.#out.text(`${this.#rate} msgs/s\n`)
      this.#write(0)
      this.#rate = 0
      this.#showRate(at + 1_000)
    })
  }
}
