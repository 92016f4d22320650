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
import { NONE } from '../packet/index.js'
import { missing, open, runProgram, within } from './common.js'
import { EXIT, type Reporter, statusOf } from './exit.js'
import { checkSpool } from './flags/spool.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'
import { readLines } from './lines.js'
import { readPayload } from './payload.js'
import { clientOptions, identityFault } from './settings.js'
import { Stop } from './stop.js'

/**
 * Unacknowledged messages at a time, unless -M or an MQTT 5 broker says less: enough that round trips do not limit. Some
 * brokers take no more than 100 QoS 2 messages without PUBREL from a client, and in 3.x cannot say so.
 */
const IN_FLIGHT = { 0: 1_000, 1: 1_000, 2: 100 } as const

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
  const stop = new Stop()
  if (given.timeoutSeconds !== undefined) stop.after(1_000 * given.timeoutSeconds)

  const options = await within(given, clientOptions(given, 'mqtt-pub', io, reporter, lines))
  // Not before a password has been asked for: until then a signal has its default effect.
  io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => stop.now({ why: 'signal', signal }))
  // One message in a session nobody keeps could be doubled by a second try: the caller decides.
  options.reconnect = lines ? 'always' : 'kept'
  options.maxInFlight ??= IN_FLIGHT[given.qos ?? 0]
  const tally = new Tally(given.qos ?? 0, reporter)
  const end = { given, tally, stop, io, reporter }
  let client: Client
  try {
    client = await open({ ...options, signal: stop.signal }, given, reporter)
  } catch (failure) {
    return conclude({ ...end, failure })
  }
  const { publish: properties = NONE, disconnect } = given.properties ?? {}
  const message = { qos: tally.qos, retain: mayRetain(given, client, reporter), properties }
  const work = lines
    ? publishLines(client, topic, message, tally, io, stop.signal)
    : publishRepeatedly(client, topic, payload, message, tally, given, stop.signal)
  let failure: unknown
  try {
    await Promise.race([work, client.ended, stop.reached])
  } catch (error) {
    failure = error
  }
  stop.cancel()
  const ending = await client.disconnect(0, disconnect)
  return conclude({ ...end, client, ending, failure: failure ?? ending.error })
}

function mayRetain({ retain }: Given, client: Client, reporter: Reporter): boolean {
  if (!retain) return false
  if (client.connack?.properties.retainAvailable !== 0) return true
  reporter.warn('the broker does not keep retained messages: published without -r')
  return false
}

/** Counts what became of the messages. */
class Tally {
  given = 0
  confirmed = 0
  /** The first thing that went wrong with a message. */
  error: MqttError | undefined
  /** A message cannot be sent at all, nor can the next ones. */
  isStopped = false
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

  readonly settled: Settled = ({ error, reasonCode }) => {
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
    tally.given++
    client.enqueue(topic, payload, message, tally.settled)
    await client.drained()
  }
}

/** Reads no faster than the client takes the lines. Resolves when the input has ended and all is settled. */
async function publishLines(
  client: Client,
  topic: string,
  message: PublishOptions,
  tally: Tally,
  io: Io,
  interrupted: AbortSignal,
): Promise<void> {
  let isPaused = false
  const lines = readLines(io.stdin, (line) => {
    if (interrupted.aborted) return
    tally.given++
    if (client.enqueue(topic, line, message, tally.settled) || isPaused) return
    isPaused = true
    lines.pause()
    client.drain(() => {
      isPaused = false
      lines.resume()
    })
  })
  interrupted.addEventListener('abort', () => lines.stop())
  tally.onStop(() => lines.stop())
  await lines.ended
  if (!interrupted.aborted) await client.drained()
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

/** The truth about every message, and the status that goes with it. */
function conclude({ given, tally, stop, io, reporter, failure, client, ending }: Conclusion): number {
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
  if (stopped?.why !== 'signal') return status
  io.dieBy(stopped.signal)
  return EXIT.failure // not reached: the signal has ended the process
}
