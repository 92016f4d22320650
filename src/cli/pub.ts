// mqtt-pub: publish one message, a file, standard input whole, or standard input line by line.

import { createReadStream } from 'node:fs'
import type { Client, Ending, PublishOptions, Settled } from '../client/index.js'
import { ClosedError, type MqttError, RefusedError, UsageError } from '../errors.js'
import { MAX_REMAINING_LENGTH } from '../packet/index.js'
import { open, runProgram } from './common.js'
import { EXIT, type Reporter, statusOf } from './exit.js'
import type { Given, Source } from './flags/table.js'
import type { Io, Signal } from './io.js'
import { lineError, readAll, readLines } from './lines.js'
import { clientOptions, reason } from './settings.js'

export function main(argv: readonly string[], io: Io): Promise<number> {
  return runProgram(
    'mqtt-pub',
    argv,
    io,
    () => {},
    (given, reporter) => publish(given, reporter, io),
  )
}

async function publish(given: Given, reporter: Reporter, io: Io): Promise<number> {
  const payload = await readPayload(given.source, io)
  const topic = given.topics?.[0]
  // A missing file is told before a missing topic, as the reference does.
  if (topic === undefined || given.source === undefined) {
    const missing =
      topic === undefined ? 'a topic: add -t TOPIC' : 'a message: add one of -m, -n, -f, -s and -l'
    return reporter.usage(new UsageError(`needs ${missing}`))
  }
  const lines = payload === undefined
  const options = clientOptions(given, io.pid, lines)
  // One message in a session nobody keeps could be doubled by a second try: the caller decides.
  options.reconnect = lines ? 'always' : 'kept'

  const interrupted = new AbortController()
  let signal: Signal | undefined
  io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], (caught) => {
    signal = caught
    interrupted.abort()
  })
  let client: Client
  try {
    client = await open({ ...options, signal: interrupted.signal }, given, reporter)
  } catch (error) {
    if (signal !== undefined) return dieBy(signal, io)
    throw error
  }

  const tally = new Tally(given.qos ?? 0, reporter)
  const message: PublishOptions = { qos: tally.qos, retain: mayRetain(given, client, reporter) }
  const work = lines
    ? publishLines(client, topic, message, tally, io, interrupted.signal)
    : publishOne(client, topic, payload, message, tally)
  let failure: unknown
  try {
    await Promise.race([work, client.ended, aborted(interrupted.signal)])
  } catch (error) {
    failure = error
  }
  const ending = await client.disconnect()
  return conclude({ tally, ending, failure: failure ?? ending.error, client, signal, io, reporter })
}

/** The one message to publish; undefined for lines. Throws UsageError. */
async function readPayload(source: Source | undefined, io: Io): Promise<Uint8Array | undefined> {
  switch (source?.kind) {
    case 'message': {
      const bytes = Buffer.from(source.text)
      if (bytes.length <= MAX_REMAINING_LENGTH) return bytes
      throw new UsageError(`-m: ${bytes.length} bytes are more than a message can hold`)
    }
    case 'null':
      return new Uint8Array(0)
    case 'file':
      try {
        return await readAll(createReadStream(source.path), `-f '${source.path}'`)
      } catch (error) {
        if (error instanceof UsageError) throw error
        throw new UsageError(`-f '${source.path}': ${reason(error)}`)
      }
    case 'stdin': {
      const bytes = await readAll(io.stdin, 'standard input')
      if (bytes.length > 0) return bytes
      throw new UsageError('-s: standard input is empty; use -n to publish an empty message')
    }
    default:
      return undefined
  }
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
    if (error instanceof RefusedError) this.#reporter.warn(error.message)
    if (error instanceof UsageError) this.#stop?.()
  }
}

async function publishOne(
  client: Client,
  topic: string,
  payload: Uint8Array,
  message: PublishOptions,
  tally: Tally,
): Promise<void> {
  tally.given++
  client.enqueue(topic, payload, message, tally.settled)
  await client.drained()
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
  const lines = readLines(io.stdin)
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      lines.destroy()
      resolve()
    }
    interrupted.addEventListener('abort', stop)
    tally.onStop(stop)
    lines.on('error', (error) => reject(lineError(error)))
    lines.on('end', resolve)
    lines.on('data', (line: Buffer) => {
      if (interrupted.aborted) return
      tally.given++
      try {
        if (client.enqueue(topic, line, message, tally.settled)) return
      } catch (error) {
        stop()
        return reject(error as Error)
      }
      lines.pause()
      client.drain(() => lines.resume())
    })
  })
  if (!interrupted.aborted) await client.drained()
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
}

interface Conclusion {
  tally: Tally
  ending: Ending
  failure: unknown
  client: Client
  signal: Signal | undefined
  io: Io
  reporter: Reporter
}

/** The truth about every message, and the status that goes with it. */
function conclude({ tally, ending, failure, client, signal, io, reporter }: Conclusion): number {
  const { given, confirmed, qos, error } = tally
  // QoS 0 has no acknowledgement: what left on a connection that ended badly may not have been read.
  const unconfirmed = given - confirmed + (qos === 0 ? client.qos0AtRisk : 0)
  if (qos === 0 && ending.closing === 'timeout')
    reporter.warn('the broker did not close the connection after DISCONNECT')
  const cause = failure ?? (error instanceof RefusedError ? undefined : error)
  let status: number = EXIT.ok
  if (cause !== undefined)
    status = cause === error && error instanceof ClosedError ? EXIT.lost : reporter.error(cause)
  if (unconfirmed > 0) {
    reporter.note(`${unconfirmed} of ${given} message(s) not confirmed`)
    status ||= (error && statusOf(error)) ?? EXIT.lost
  }
  return signal === undefined ? status : dieBy(signal, io)
}

function dieBy(signal: Signal, io: Io): number {
  io.dieBy(signal)
  return EXIT.failure // not reached: the signal has ended the process
}
