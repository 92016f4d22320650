// mqtt-pub --spool: everything goes to disk first, and from there to the broker, in this run or in a later one.

import { randomBytes } from 'node:crypto'
import type { Client, ClientOptions, Note } from '../client/index.js'
import { ClosedError, type MqttError, UsageError } from '../errors.js'
import { NONE, type Version } from '../packet/index.js'
import { Spool, type SpoolMessage } from '../spool/index.js'
import { missing, prepare, within } from './common.js'
import { EXIT, type Reporter, statusOf, statusOfSignal } from './exit.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'
import { readPayload } from './payload.js'
import { showProgress } from './progress-line.js'
import type { Receipts } from './receipts.js'
import { checkTogether, clientOptions, versionOf } from './settings.js'
import { feedLines, feedMessage } from './spool-feed.js'
import { Sender } from './spool-sender.js'
import { Stop } from './stop.js'

const DEFAULT_MAX_BYTES = 2 ** 30
const DISCARDED = { dropped: 'the spool was full', expired: 'the message had waited for too long' } as const
const NEVER_EXPIRES = 0xffff_ffff
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

export async function publishSpooled(given: Given, reporter: Reporter, io: Io): Promise<number> {
  io.keepFilesPrivate()
  io.keepHeapSmall() // what waits for the disk survives, and soon dies
  if (given.spoolStatus) return printStatus(given, io)
  const payload = given.flush ? undefined : await within(given, readPayload(given.source, io))
  const message = messageOf(given)
  if (message === undefined && !given.flush) return reporter.usage(missing(given, '-m, -n, -f, -s and -l'))
  const receipts =
    given.receipts === undefined ? undefined : (await import('./receipts.js')).receiptsOf(given, io, reporter)
  const spool = await openSpool(given, reporter, receipts)
  const run = new Run(spool, given, reporter, io, receipts)
  let status: number
  try {
    status = await run.run(message, payload)
  } finally {
    await spool.close()
  }
  if (receipts !== undefined) status = await run.closeReceipts(receipts, status)
  await run.stop.dieBySignal(status, io, reporter)
  return status
}

function messageOf(given: Given): Omit<SpoolMessage, 'payload'> | undefined {
  const { topics, source, qos = 0, retain = false, properties } = given
  const topic = topics?.[0]
  if (topic === undefined || source === undefined) return undefined
  return { topic, qos, retain, properties: properties?.publish ?? NONE }
}

async function openSpool(given: Given, reporter: Reporter, receipts: Receipts | undefined): Promise<Spool> {
  const { spool: folder = '', spoolSync, spoolMaxAgeSeconds, spoolFull } = given
  const spool = await Spool.open({
    folder,
    create: !given.flush,
    maxBytes: given.spoolMaxBytes ?? DEFAULT_MAX_BYTES,
    onDiscard: ({ sequence, message: { topic, qos } }, why) => {
      receipts?.removed(sequence + 1, topic, qos, DISCARDED[why])
    },
    takeUnknown: given.onSessionLoss === 'republish',
    ...(spoolSync && { sync: spoolSync }),
    ...(spoolFull && { full: spoolFull }),
    ...(spoolMaxAgeSeconds !== undefined && { maxAgeMs: 1_000 * spoolMaxAgeSeconds }),
  })
  if (spool.damage !== undefined) {
    reporter.warn(`the spool '${folder}' was damaged: ${spool.damage}; messages may be missing or come twice`)
  }
  if (spool.isOpenToOthers) {
    reporter.warn(`--spool '${folder}': others can look into this folder: chmod 700 keeps them out`)
  }
  return spool
}

async function printStatus({ spool: folder = '' }: Given, io: Io): Promise<number> {
  const spool = await Spool.open({ folder, create: false })
  const { messages, bytes, unknown, ageMs, clientId, taken } = await spool.status()
  await spool.close()
  const lines = [
    `messages: ${messages}`,
    `bytes: ${bytes}`,
    ...(unknown > 0 ? [`unknown fate: ${unknown}`] : []),
    ...(ageMs === undefined ? [] : [`oldest: ${Math.floor(ageMs / 1_000)} s`]),
    `client identifier: ${clientId}`,
    `taken: ${taken}`,
    ...(spool.damage === undefined ? [] : [`damaged: ${spool.damage}`]),
  ]
  return new Promise((resolve) => {
    io.write([Buffer.from(`${lines.join('\n')}\n`)], (error) => {
      resolve(error === undefined || error.code === 'EPIPE' ? EXIT.ok : EXIT.failure)
    })
  })
}

/** The client identifier that the spool goes on with. Throws UsageError where another one is asked for. */
function identifierFor(spool: Spool, { clientId, clientIdPrefix }: Given, pid: number): string {
  const known = spool.clientId
  if (known === '' || spool.messages === 0) {
    if (clientId !== undefined) return clientId
    if (clientIdPrefix !== undefined && !known.startsWith(clientIdPrefix)) return `${clientIdPrefix}${pid}`
    return known === '' ? newIdentifier() : known
  }
  const fits = clientId === undefined ? known.startsWith(clientIdPrefix ?? '') : clientId === known
  if (fits) return known
  const asked = clientId === undefined ? `-I '${clientIdPrefix}'` : `-i '${clientId}'`
  throw new UsageError(
    `${asked}: ${spool.messages} message(s) wait in the spool '${spool.folder}' for client identifier '${known}': send them first, with --flush`,
  )
}

/** 23 characters, which every broker takes. */
function newIdentifier(): string {
  return `mqtt-spool-${Array.from(randomBytes(12), (byte) => LETTERS[byte % LETTERS.length]).join('')}`
}

const LEVELS: Readonly<Record<Version, string>> = { 3: 'mqttv31', 4: 'mqttv311', 5: 'mqttv5' }

/** The protocol level that the spool goes on with. Throws UsageError where another one is asked for. */
function versionFor(spool: Spool, given: Given): Version {
  const { messages, version } = spool
  if (messages === 0) return versionOf(given, 'mqtt-pub')
  if (given.version === undefined || given.version === version) return version
  throw new UsageError(
    `-V ${LEVELS[given.version]}: ${messages} message(s) wait in the spool '${spool.folder}' for ${LEVELS[version]}: send them first, with --flush`,
  )
}

class Run {
  readonly #spool: Spool
  readonly #given: Given
  readonly #reporter: Reporter
  readonly #io: Io
  readonly #receipts: Receipts | undefined
  readonly stop = new Stop()
  #isInputOver = false
  #hasBeenFull = false
  /** Messages, not lines, that are not in the spool yet. */
  #untaken = 0
  /** The input is over, and there is no broker: one line that says it all. */
  #unreachable: MqttError | undefined
  #expiring: Promise<void> = Promise.resolve()
  #giveUp!: (error: MqttError) => void
  readonly #gaveUp = new Promise<never>((_, reject) => {
    this.#giveUp = reject
  })
  #failedAttempts = 0
  #sender: Sender | undefined

  constructor(spool: Spool, given: Given, reporter: Reporter, io: Io, receipts: Receipts | undefined) {
    this.#spool = spool
    this.#given = given
    this.#reporter = reporter
    this.#io = io
    this.#receipts = receipts
  }

  async run(message: Omit<SpoolMessage, 'payload'> | undefined, payload?: Uint8Array): Promise<number> {
    const { timeoutSeconds } = this.#given
    if (timeoutSeconds !== undefined) this.stop.after(1_000 * timeoutSeconds)
    const options = await this.#options()
    this.#io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => this.stop.now({ why: 'signal', signal }))
    const client = await prepare(options, this.#given, this.#reporter)
    const sender = new Sender(this.#spool, client, this.#reporter, this.#receipts)
    this.#sender = sender
    sender.restore(await this.#spool.restore())
    client.open().catch(() => {}) // `ended` tells
    const hideProgress = this.#showProgress(client, sender)
    const sending = sender.run(() => this.#isInputOver)
    let failure: unknown
    try {
      const fed = this.#feed(message, payload).then(() => this.#inputIsOver(client))
      const done = Promise.all([fed, sending])
      const ended = client.ended.then(({ error }) => Promise.reject(error))
      await Promise.race([done, ended, sender.failed, this.stop.reached, this.#gaveUp])
    } catch (error) {
      failure = error
    }
    this.stop.cancel()
    sender.stop()
    await this.#leave(client, options)
    await Promise.all([sending, this.#spool.stored(), this.#expiring])
    hideProgress()
    return this.#conclude(failure)
  }

  #showProgress(client: Client, sender: Sender): () => void {
    const spool = this.#spool
    const before = spool.taken
    return showProgress(this.#given, this.#io, () => {
      const { confirmed, refused } = sender
      const { inFlight } = client
      const sent = confirmed + refused + inFlight
      return { read: spool.taken - before, sent, confirmed, inFlight, waiting: spool.messages }
    })
  }

  /** What stays in the spool is not confirmed, whether this run has sent it or not. Returns the exit status. */
  closeReceipts(receipts: Receipts, status: number): Promise<number> {
    const { messages, unknown } = this.#spool
    receipts.abandon()
    const { confirmed, refused, removed } = receipts.counts
    const given = confirmed + refused + removed + messages
    const counts = {
      given,
      confirmed,
      refused,
      removed,
      unconfirmed: messages,
      unknown,
      untaken: this.#untaken,
    }
    return receipts.close(status, counts, this.stop)
  }

  async #options(): Promise<ClientOptions> {
    const spool = this.#spool
    const clientId = identifierFor(spool, this.#given, this.#io.pid)
    const given: Given = { ...this.#given, clientId, version: versionFor(spool, this.#given) }
    delete given.clientIdPrefix
    checkTogether(given, 'mqtt-pub')
    const options = await within(given, clientOptions(given, 'mqtt-pub', this.#io, this.#reporter, true))
    await spool.identify(clientId, given.version as Version)
    options.cleanStart = false
    options.retryConnectMs ??= Number.POSITIVE_INFINITY
    options.onNote = (note) => this.#onNote(note)
    options.journal = { recorded: (packetIds) => spool.release(packetIds) }
    options.endSession = false // before all has been said: see #leave
    if (given.version === 5 && !this.#asksExpiry) {
      options.properties = { ...options.properties, sessionExpiryInterval: NEVER_EXPIRES }
    }
    return options
  }

  /** Whether the user says how long the session is to last. */
  get #asksExpiry(): boolean {
    const { keepSession, sessionExpiry, properties } = this.#given
    return (keepSession ?? sessionExpiry ?? properties?.connect?.sessionExpiryInterval) !== undefined
  }

  async #feed(message: Omit<SpoolMessage, 'payload'> | undefined, payload?: Uint8Array): Promise<void> {
    const wake = (): void => this.#sender?.wake()
    const { signal } = this.stop
    if (message === undefined) return
    if (payload === undefined)
      return feedLines(this.#spool, message, this.#io.stdinFile ?? this.#io.stdin, signal, wake, this.#full)
    this.#untaken = this.#given.repeat ?? 1
    return feedMessage(this.#spool, { ...message, payload }, this.#given, signal, () => {
      this.#untaken--
      wake()
    })
  }

  /** Says once why nothing more is read; what is dropped instead is counted at the end. */
  readonly #full = (): void => {
    if (this.#hasBeenFull || this.#given.spoolFull === 'drop-oldest') return
    this.#hasBeenFull = true
    this.#reporter.note(`the spool '${this.#spool.folder}' is full: standard input waits (--spool-max-bytes)`)
  }

  #inputIsOver(client: Client): void {
    this.#isInputOver = true
    this.#sender?.wake()
    client.retryNow() // one more attempt; then the next run has to see to it
  }

  #onNote(note: Note): void {
    if (note.type === 'connection-lost') {
      this.#sender?.lost()
    } else if (note.type === 'connect-failed' || note.type === 'reconnect-failed') {
      // Lines wait until there is room again; a single message does not wait for a broker.
      if (this.#isInputOver || (this.#untaken > 0 && this.#spool.isFull)) {
        this.#unreachable = note.error
        return this.#giveUp(note.error)
      }
      this.#expiring = this.#spool.expire().catch(() => {}) // the sender finds out the same
      // Not at the first: short input is over by then, and a second line would say the same.
      if (++this.#failedAttempts === 2) {
        this.#reporter.note(`${note.error.message}; messages are kept in the spool meanwhile`)
      }
    }
  }

  async #leave(client: Client, { version }: ClientOptions): Promise<void> {
    const given = this.#given.properties?.disconnect
    // Nothing is left that the broker would have to remember.
    const isDone = this.#spool.messages === 0 && version === 5 && !this.#asksExpiry
    await client.disconnect(0, { ...(isDone && { sessionExpiryInterval: 0 }), ...given })
  }

  get #waiting(): string {
    const { messages, unknown, folder } = this.#spool
    return `${messages - unknown} message(s) wait in the spool '${folder}': mqtt-pub --spool '${folder}' --flush sends them`
  }

  /** The truth about every message, and the status that goes with it. */
  #conclude(failure: unknown): number {
    const { cause: stopped } = this.stop
    const { messages, unknown, dropped, folder } = this.#spool
    const { refused, error } = this.#sender as Sender
    const expired = this.#spool.expired + (this.#sender as Sender).expired
    const reporter = this.#reporter
    let status: number = EXIT.ok
    const unreachable = failure === this.#unreachable ? this.#unreachable : undefined
    const isTold = unreachable !== undefined && messages > unknown
    if (stopped?.why === 'timeout') {
      reporter.note(`timed out after ${this.#given.timeoutSeconds} s (-W)`)
      status = EXIT.timedOut
    } else if (stopped === undefined && failure !== undefined) {
      const text = `${unreachable?.message}${isTold ? `; ${this.#waiting}` : ''}`
      status = reporter.error(unreachable === undefined ? failure : new ClosedError(text))
    }
    this.#noteIf(messages > unknown && !isTold, this.#waiting)
    this.#noteIf(this.#untaken > 0, `${this.#untaken} message(s) not taken: they are not in the spool`)
    this.#noteIf(refused > 0, `${refused} message(s) refused, and no longer in the spool`)
    this.#noteIf(
      dropped > 0,
      `${dropped} message(s), the oldest, removed: the spool is full (--spool-max-bytes)`,
    )
    this.#noteIf(expired > 0, `${expired} message(s) removed: they had waited for too long`)
    this.#noteIf(
      unknown > 0,
      `${unknown} QoS 2 message(s) of unknown fate stay in the spool '${folder}': --on-session-loss republish sends them again`,
    )
    if (messages + refused + dropped + expired + this.#untaken > 0)
      status ||= (error && statusOf(error)) ?? EXIT.lost
    return stopped?.why === 'signal' ? statusOfSignal(stopped.signal) : status
  }

  #noteIf(condition: boolean, text: string): void {
    if (condition) this.#reporter.note(text)
  }
}
