// mqtt-sub: subscribe, filter, format and print. A message is acknowledged when its bytes have been written.

import { Alarm, type Client, now } from '../client/index.js'
import { RefusedError, UsageError } from '../errors.js'
import { reasonText } from '../packet/index.js'
import { open, runProgram, within } from './common.js'
import { EXIT, type Reporter } from './exit.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'
import { type End, Output } from './output.js'
import { clientOptions, identityFault, versionOf } from './settings.js'

export function main(argv: readonly string[], io: Io): Promise<number> {
  const check = (given: Given): void => {
    if (given.topics === undefined && given.unsubscribe === undefined) {
      throw new UsageError('needs something to subscribe to: add -t FILTER')
    }
    if (given.noRetained && given.retainedOnly)
      throw new UsageError('-R and --retained-only exclude each other')
    const shared = given.topics?.find((topic) => topic.startsWith('$share/'))
    if (given.noLocal && shared !== undefined) {
      throw new UsageError(`--no-local is not possible with the shared subscription '${shared}'`)
    }
    const fault = identityFault(given, 'mqtt-sub')
    if (fault !== undefined) throw fault
  }
  return runProgram('mqtt-sub', argv, io, check, (given, reporter) => subscribe(given, reporter, io))
}

async function subscribe(given: Given, reporter: Reporter, io: Io): Promise<number> {
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

  let client: Client | undefined
  let output: Output | undefined
  try {
    const options = await within(given, clientOptions(given, 'mqtt-sub', io, reporter, false))
    // Not before a password has been asked for: until then a signal has its default effect.
    io.onSignal(['SIGINT', 'SIGTERM'], () => stop({ why: 'signal' }))
    options.lendPayloads = true // what has been printed is done with
    output = new Output(given, io, reporter, stop)
    client = await open({ ...options, signal: stopped.signal }, given, reporter)
    output.attach(client)
    client.ended.then(({ error }) => stop(error ? { why: 'failed', error } : { why: 'done' }))
    request(client, given, reporter).then(
      () => (given.exitOnSuback ? stop({ why: 'done' }) : output?.subscribed()),
      (error: unknown) => stop({ why: 'failed', error }),
    )
    if (!stopped.signal.aborted)
      await new Promise((resolve) => stopped.signal.addEventListener('abort', resolve))
  } catch (error) {
    stop({ why: 'failed', error }) // no effect where a signal or the time limit came first
  }
  alarm.cancel()
  output?.close()
  return conclude(end as unknown as End, client, given, reporter)
}

/** Subscribes, then unsubscribes, each filter of -U on its own. Throws MqttError where everything was refused. */
async function request(client: Client, given: Given, reporter: Reporter): Promise<void> {
  const { topics = [], unsubscribe = [], qos = 0, noRetained, removeRetained, properties = {} } = given
  const five = versionOf(given, 'mqtt-sub') === 5
  const answers: Promise<unknown>[] = []
  if (topics.length > 0) {
    // What -R hides may have to come all the same, to be removed.
    const retainHandling = noRetained && removeRetained ? 0 : (given.retainHandling ?? 0)
    const options = {
      retainHandling,
      noLocal: given.noLocal ?? false,
      retainAsPublished: given.retainAsPublished ?? false,
      ...(properties.subscribe && { properties: properties.subscribe }),
    }
    const asked = client.subscribe(topics, { qos, ...(five && options) })
    answers.push(asked.then((codes) => warnOfRefusals(topics, codes, reporter)))
  }
  for (const filter of unsubscribe) {
    const refused = (error: unknown): void => {
      if (!(error instanceof RefusedError)) throw error
      reporter.warn(error.message)
    }
    answers.push(client.unsubscribe(filter, properties.unsubscribe).catch(refused))
  }
  await Promise.all(answers)
}

function warnOfRefusals(topics: readonly string[], codes: readonly number[], reporter: Reporter): void {
  for (const [at, code] of codes.entries()) {
    if (code >= 0x80) reporter.warn(`broker refused the subscription to '${topics[at]}': ${reasonText(code)}`)
  }
}

async function conclude(
  end: End,
  client: Client | undefined,
  given: Given,
  reporter: Reporter,
): Promise<number> {
  // Leaving because of a signal or the time limit has the broker send the will, where the protocol can say so.
  const withWill = versionOf(given, 'mqtt-sub') === 5 && (end.why === 'signal' || end.why === 'timeout')
  await client?.disconnect(withWill ? 4 : 0, given.properties?.disconnect)
  switch (end.why) {
    case 'done':
      return EXIT.ok
    case 'signal':
      return client === undefined ? EXIT.interrupted : EXIT.ok
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
