// mqtt-sub: subscribe, filter, format and print. A message is acknowledged when its bytes have been written.

import { Alarm, type Client, type Message, now } from '../client/index.js'
import { RefusedError, UsageError } from '../errors.js'
import { matches, reasonText } from '../packet/index.js'
import { open, runProgram } from './common.js'
import { EXIT, type Reporter } from './exit.js'
import type { Given } from './flags/table.js'
import { compile, type Print, plainPrint } from './format.js'
import type { Io } from './io.js'
import { clientOptions } from './settings.js'

export function main(argv: readonly string[], io: Io): Promise<number> {
  let print: Print
  const check = (given: Given): void => {
    if (given.topics === undefined && given.unsubscribe === undefined) {
      throw new UsageError('needs something to subscribe to: add -t FILTER')
    }
    print = printer(given)
  }
  return runProgram('mqtt-sub', argv, io, check, (given, reporter) => subscribe(given, print, reporter, io))
}

function printer(given: Given): Print {
  return given.format === undefined ? plainPrint(given) : compile(given.format, given.noEol)
}

/** Why the program ends. */
type End =
  | { why: 'done' }
  | { why: 'signal' }
  | { why: 'timeout' }
  | { why: 'stdout'; error: NodeJS.ErrnoException }
  | { why: 'failed'; error: unknown }

async function subscribe(given: Given, print: Print, reporter: Reporter, io: Io): Promise<number> {
  const options = clientOptions(given, io.pid, false)
  const stopped = new AbortController()
  let end: End | undefined
  const stop = (why: End): void => {
    end ??= why
    stopped.abort()
  }
  const alarm = new Alarm()
  if (given.timeoutSeconds !== undefined) {
    alarm.set(now() + 1_000 * given.timeoutSeconds, () => stop({ why: 'timeout' }))
  }
  io.onSignal(['SIGINT', 'SIGTERM'], () => stop({ why: 'signal' }))

  let client: Client | undefined
  try {
    client = await open({ ...options, signal: stopped.signal }, given, reporter)
    client.onMessages(new Output(given, print, client, io, stop).listener)
    const ended = client.ended.then(({ error }) => stop(error ? { why: 'failed', error } : { why: 'done' }))
    request(client, given, reporter).then(
      () => given.exitOnSuback && stop({ why: 'done' }),
      (error: unknown) => stop({ why: 'failed', error }),
    )
    if (!stopped.signal.aborted) await Promise.race([ended, aborted(stopped.signal)])
  } catch (error) {
    stop({ why: 'failed', error }) // no effect where a signal or the time limit came first
  }
  alarm.cancel()
  return conclude(end as unknown as End, client, given, reporter)
}

/** Subscribes, then unsubscribes, each in one go. Throws MqttError where everything was refused. */
async function request(client: Client, given: Given, reporter: Reporter): Promise<void> {
  const { topics = [], unsubscribe = [], qos = 0, noRetained, version } = given
  const answers: Promise<unknown>[] = []
  if (topics.length > 0) {
    // In MQTT 5 the broker need not even send what -R would hide.
    const retainHandling = noRetained && version === 5 ? 2 : 0
    const asked = client.subscribe(topics, { qos, retainHandling })
    answers.push(asked.then((codes) => warnOfRefusals(topics, codes, reporter)))
  }
  for (const filter of unsubscribe) {
    const refused = (error: unknown): void => {
      if (!(error instanceof RefusedError)) throw error
      reporter.warn(error.message)
    }
    answers.push(client.unsubscribe(filter).catch(refused))
  }
  await Promise.all(answers)
}

function warnOfRefusals(topics: readonly string[], codes: readonly number[], reporter: Reporter): void {
  for (const [at, code] of codes.entries()) {
    if (code >= 0x80) reporter.warn(`broker refused the subscription to '${topics[at]}': ${reasonText(code)}`)
  }
}

/** Prints batches of messages and acknowledges them once the kernel has taken their bytes. */
class Output {
  readonly #given: Given
  readonly #print: Print
  readonly #client: Client
  readonly #io: Io
  readonly #stop: (why: End) => void
  #printed = 0
  #unwritten = 0
  #finished = false

  constructor(given: Given, print: Print, client: Client, io: Io, stop: (why: End) => void) {
    this.#given = given
    this.#print = print
    this.#client = client
    this.#io = io
    this.#stop = stop
  }

  readonly listener = (batch: readonly Message[]): void => {
    const { count = Number.POSITIVE_INFINITY } = this.#given
    if (this.#finished) return // what comes behind the last one counted stays unacknowledged
    const parts: Uint8Array[] = []
    let last = 0
    for (const message of batch) {
      last = message.sequence
      if (this.#isHidden(message)) continue
      parts.push(...this.#print(message))
      this.#printed++
      if (this.#printed === count) {
        this.#finished = true
        break
      }
    }
    this.#write(parts, last)
  }

  #isHidden({ topic, retain }: Message): boolean {
    const { noRetained, filterOut } = this.#given
    if (noRetained && retain) return true
    return filterOut?.some((filter) => matches(filter, topic)) === true
  }

  #write(parts: readonly Uint8Array[], last: number): void {
    const finished = this.#finished
    const written = (error?: NodeJS.ErrnoException): void => {
      if (error !== undefined) return this.#stop({ why: 'stdout', error })
      this.#client.acknowledge(last)
      if (finished) this.#stop({ why: 'done' })
    }
    // Nothing to print still waits for what is being written: acknowledgements keep their order.
    if (parts.length === 0 && this.#unwritten === 0) return written()
    this.#unwritten++
    this.#io.write(Buffer.concat(parts), (error) => {
      this.#unwritten--
      written(error)
    })
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
}

async function conclude(
  end: End,
  client: Client | undefined,
  given: Given,
  reporter: Reporter,
): Promise<number> {
  const wasOpen = client !== undefined
  // Leaving because of a signal or the time limit has the broker send the will, where the protocol can say so.
  const withWill = given.version === 5 && (end.why === 'signal' || end.why === 'timeout')
  await client?.disconnect(withWill ? 4 : 0)
  switch (end.why) {
    case 'done':
      return EXIT.ok
    case 'signal':
      return wasOpen ? EXIT.ok : EXIT.interrupted
    case 'timeout':
      reporter.note(`timed out after ${given.timeoutSeconds} s (-W)`)
      return EXIT.timedOut
    case 'stdout':
      if (end.error.code === 'EPIPE') return EXIT.ok // the reader has seen enough
      reporter.note(`cannot write to standard output: ${end.error.message}`)
      return EXIT.failure
    case 'failed':
      return reporter.error(end.error)
  }
}
