// mqtt-pub: publish one message, a file, standard input whole, or standard input line by line.

import {
  Alarm,
  type Client,
  type Closing,
  type Ending,
  now,
  type PublishOptions,
  type Settled,
} from '../client/index.js'
import { type MqttError, RefusedError, UsageError } from '../errors.js'
import { NONE, type PropertiesOf } from '../packet/index.js'
import { missing, open, runProgram, within } from './common.js'
import { EXIT, type Reporter, statusOf, statusOfSignal } from './exit.js'
import { checkSpool } from './flags/spool.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'
import { readPayload } from './payload.js'
import { type Progress, showProgress } from './progress-line.js'
import type { RunReceipts } from './pub-receipts.js'
import { clientOptions, identityFault } from './settings.js'
import { Stop } from './stop.js'

/**
 * Unacknowledged messages at a time at QoS 1, unless -M or an MQTT 5 broker says less: enough that round trips do not
 * limit. At QoS 2 the default of the client stays: before MQTT 5 brokers do not tell their limit, and mosquitto 2.0.11
 * with max_queued_messages 0 resets the connection at the 21st message without PUBREL.
 */
const IN_FLIGHT = 1_000

export function main(argv: readonly string[], io: Io): Promise<number> {
  return runProgram('mqtt-pub', argv, io, checkSpool, async (given, reporter) => {
    if (given.spool === undefined) return publish(given, reporter, io)
    return (await import('./pub-spool.js')).publishSpooled(given, reporter, io)
  })
}

async function publish(given: Given, reporter: Reporter, io: Io): Promise<number> {
  const payload = await within(given, readPayload(given.source, io))
  const topic = given.topics?.[0]
  // A missing file is told before a missing topic, as the reference does.
  if (topic === undefined || given.source === undefined) {
    return reporter.usage(missing(given, '-m, -n, -f, -s and -l'))
  }
  const fault = identityFault(given, 'mqtt-pub')
  if (fault !== undefined) return reporter.usage(fault)
  const lines = payload === undefined
  const tally = new Tally(given.qos ?? 0, reporter)
  if (given.receipts !== undefined) tally.receipts = await receiptsFor(topic, tally.qos, given, io, reporter)
  const stop = new Stop()
  if (given.timeoutSeconds !== undefined) stop.after(1_000 * given.timeoutSeconds)

  const options = await within(given, clientOptions(given, 'mqtt-pub', io, reporter, lines))
  // Not before a password has been asked for: until then a signal has its default effect.
  io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => stop.now({ why: 'signal', signal }))
  // One message in a session nobody keeps could be doubled by a second try: the caller decides.
  options.reconnect = lines ? 'always' : 'kept'
  if (given.qos !== 2) options.maxInFlight ??= IN_FLIGHT
  if (tally.receipts !== undefined) {
    options.tellPacketIds = true
    options.onNote = ({ type }) => {
      if (type === 'connection-lost') tally.receipts?.lost()
    }
  }
  const end = { given, tally, stop, io, reporter }
  let client: Client
  try {
    client = await open({ ...options, signal: stop.signal }, given, reporter)
  } catch (failure) {
    return leave({ ...end, failure })
  }
  tally.receipts?.attach(client)
  const hideProgress = showProgress(given, io, () => progressOf(client, tally))
  const { publish: properties = NONE, disconnect } = given.properties ?? {}
  const message = { qos: tally.qos, retain: mayRetain(given, client, reporter), properties }
  const work = lines
    ? (await import('./pub-lines.js')).publishLines(client, topic, message, tally, io, stop.signal)
    : publishRepeatedly(client, topic, payload, message, tally, given, stop.signal)
  let failure: unknown
  try {
    await Promise.race([work, client.ended, stop.reached])
  } catch (error) {
    failure = error
  }
  stop.cancel()
  const ending = await leaveBroker(client, disconnect, given, stop)
  hideProgress()
  return leave({ ...end, client, ending, failure: failure ?? ending.error })
}

/** Whoever has set a limit, or wants to end the run, does not wait for a broker that still reads. */
async function leaveBroker(
  client: Client,
  properties: PropertiesOf<'disconnect'> | undefined,
  { timeoutSeconds }: Given,
  stop: Stop,
): Promise<Ending> {
  if (stop.cause !== undefined || timeoutSeconds !== undefined) return client.disconnect(0, properties)
  void stop.reached.then(() => client.disconnect()) // a second time it waits for nobody
  return client.disconnect(0, properties, true)
}

async function receiptsFor(
  topic: string,
  qos: 0 | 1 | 2,
  given: Given,
  io: Io,
  reporter: Reporter,
): Promise<RunReceipts | undefined> {
  const [{ receiptsOf }, { RunReceipts }] = await Promise.all([
    import('./receipts.js'),
    import('./pub-receipts.js'),
  ])
  const receipts = receiptsOf(given, io, reporter)
  return receipts && new RunReceipts(receipts, topic, qos)
}

function progressOf(client: Client, { given, confirmed }: Tally): Progress {
  return { read: given, sent: given - client.waiting, confirmed, inFlight: client.inFlight }
}

function mayRetain({ retain }: Given, client: Client, reporter: Reporter): boolean {
  if (!retain) return false
  if (client.connack?.properties.retainAvailable !== 0) return true
  reporter.warn('the broker does not keep retained messages: published without -r')
  return false
}

/** Counts what became of the messages. */
export class Tally {
  given = 0
  confirmed = 0
  /** The first thing that went wrong with a message. */
  error: MqttError | undefined
  /** A message cannot be sent at all, nor can the next ones. */
  isStopped = false
  receipts: RunReceipts | undefined
  readonly qos: 0 | 1 | 2
  readonly #reporter: Reporter
  #stop: (() => void) | undefined

  constructor(qos: 0 | 1 | 2, reporter: Reporter) {
    this.qos = qos
    this.#reporter = reporter
  }

  /** Calls `stop` when a message shows that going on makes no sense. */
  onStop(stop: () => void): void {
    this.#stop = stop
  }

  /** One more message, or so many: what to call with the outcome of each. */
  next(count = 1): Settled {
    this.given += count
    return this.receipts === undefined ? this.#settled : this.receipts.next(count, this.#settled)
  }

  /** Whether receipts do not keep up. */
  get isBehind(): boolean {
    return this.receipts?.isBehind === true
  }

  /** Calls `listener` once, as soon as that is over. */
  drain(listener: () => void): void {
    if (this.receipts === undefined) listener()
    else this.receipts.drain(listener)
  }

  readonly #settled: Settled = ({ error, reasonCode }) => {
    if (error === undefined) {
      this.confirmed++
      if (reasonCode >= 0x80) this.#reporter.warn('the broker had completed the message before')
      return
    }
    this.error ??= error
    // A DISCONNECT concerns them all, and is told once.
    if (error instanceof RefusedError && error.packet === 'PUBLISH') this.#reporter.warn(error.message)
    if (error instanceof UsageError) {
      this.isStopped = true
      this.#stop?.()
    }
  }
}

/** Each message follows when the one before is confirmed, and the pause is over. */
async function publishRepeatedly(
  client: Client,
  topic: string,
  payload: Uint8Array,
  message: PublishOptions,
  tally: Tally,
  { repeat = 1, repeatDelaySeconds = 0 }: Given,
  stopped: AbortSignal,
): Promise<void> {
  const alarm = new Alarm()
  while (tally.given < repeat && !stopped.aborted && !tally.isStopped) {
    if (tally.given > 0 && repeatDelaySeconds > 0) {
      await new Promise<void>((resolve) => alarm.set(now() + 1_000 * repeatDelaySeconds, resolve))
      if (stopped.aborted) return
    }
    client.enqueue(topic, payload, message, tally.next())
    await client.drained()
    await new Promise<void>((resolve) => tally.drain(resolve))
  }
}

interface Conclusion {
  given: Given
  tally: Tally
  stop: Stop
  io: Io
  reporter: Reporter
  failure: unknown
  client?: Client
  ending?: Ending
}

/** How an ending leaves it open whether QoS 0 messages were read. */
const DOUBTS: Readonly<Record<Closing, string | undefined>> = {
  closed: undefined,
  timeout: 'the broker did not close the connection after DISCONNECT',
  reset: 'the broker reset the connection',
}

/** Ends the run, and the program where a signal did, when receipts tell the same. */
async function leave(conclusion: Conclusion): Promise<number> {
  const { tally, stop, io, reporter, failure } = conclusion
  let status = conclude(conclusion)
  if (tally.receipts !== undefined) status = await tally.receipts.close(status, failure, stop)
  await stop.dieBySignal(status, io, reporter)
  return status
}

/** The truth about every message, and the status that goes with it. */
function conclude({ given, tally, stop, reporter, failure, client, ending }: Conclusion): number {
  const { cause: stopped } = stop
  const { confirmed, qos, error } = tally
  // QoS 0 has no acknowledgement: what left on a connection that ended badly may not have been read.
  const unconfirmed = tally.given - confirmed + (qos === 0 ? (client?.qos0AtRisk ?? 0) : 0)
  const doubt = ending?.closing && DOUBTS[ending.closing]
  if (qos === 0 && doubt !== undefined) reporter.note(`${doubt}: it may not have read everything`)
  const refusal = error instanceof RefusedError ? error : undefined
  const cause = failure ?? (refusal === undefined ? error : undefined)
  let status: number = EXIT.ok
  if (stopped?.why === 'timeout') {
    reporter.note(`timed out after ${given.timeoutSeconds} s (-W)`)
    status = EXIT.timedOut
  } else if (stopped === undefined && cause !== undefined) {
    status = reporter.error(cause)
  }
  if (unconfirmed > 0) {
    reporter.note(`${unconfirmed} of ${tally.given} message(s) not confirmed`)
    status ||= (error && statusOf(error)) ?? EXIT.lost
  }
  return stopped?.why === 'signal' ? statusOfSignal(stopped.signal) : status
}
