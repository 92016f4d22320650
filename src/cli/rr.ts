// mqtt-rr: one request, one response.

import { Alarm, type Client, type Message, now } from '../client/index.js'
import { ClosedError, UsageError } from '../errors.js'
import { NONE, type PropertiesOf } from '../packet/index.js'
import { missing, open, runProgram, within } from './common.js'
import { EXIT, type Reporter } from './exit.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'
import { Out } from './out.js'
import { readPayload } from './payload.js'
import { printer } from './printer.js'
import { clientOptions, identityFault, versionOf } from './settings.js'

export function main(argv: readonly string[], io: Io): Promise<number> {
  return runProgram(
    'mqtt-rr',
    argv,
    io,
    () => {},
    (given, reporter) => request(given, reporter, io),
  )
}

function responseTopicFault(given: Given): UsageError | undefined {
  if (given.responseTopic === undefined && versionOf(given, 'mqtt-rr') !== 5) {
    return new UsageError('needs -e TOPIC before MQTT 5, where a request cannot say where to answer')
  }
  if (given.properties?.publish?.responseTopic === undefined) return undefined
  return new UsageError(
    '-D publish response-topic is given twice: -e (or the topic made up without it) sets it too',
  )
}

type Result = { message: Message; elapsedMs: number } | 'timeout'

async function request(given: Given, reporter: Reporter, io: Io): Promise<number> {
  const payload = await within(given, readPayload(given.source, io))
  const topic = given.topics?.[0]
  if (topic === undefined || payload === undefined) {
    return reporter.usage(missing(given, '-m, -n, -f and -s'))
  }
  const fault = responseTopicFault(given) ?? identityFault(given, 'mqtt-rr')
  if (fault !== undefined) return reporter.usage(fault)
  const print = printer(given, (text) => reporter.warn(text))
  const stopped = new AbortController()
  const alarm = new Alarm()
  const timedOut = new Promise<'timeout'>((resolve) => {
    if (given.timeoutSeconds === undefined) return
    alarm.set(now() + 1_000 * given.timeoutSeconds, () => {
      resolve('timeout')
      stopped.abort()
    })
  })
  let client: Client | undefined
  let result: Result
  try {
    const options = await within(given, clientOptions(given, 'mqtt-rr', io, reporter, false))
    client = await open({ ...options, reconnect: 'never', signal: stopped.signal }, given, reporter)
    result = await Promise.race([ask(client, topic, payload, given), timedOut])
  } catch (error) {
    if (!stopped.signal.aborted) {
      alarm.cancel()
      await client?.disconnect()
      return reporter.error(error)
    }
    result = 'timeout'
  }
  alarm.cancel()
  const five = versionOf(given, 'mqtt-rr') === 5
  if (result === 'timeout') {
    await client?.disconnect(five ? 4 : 0, given.properties?.disconnect)
    reporter.note(`timed out after ${given.timeoutSeconds} s (-W): no response`)
    return EXIT.timedOut
  }
  const { message, elapsedMs } = result
  const out = new Out()
  print(message, out)
  if (given.latency) out.text(`Latency: ${duration(elapsedMs)}\n`)
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    io.write(out.take(), resolve)
  })
  if (error === undefined) client?.acknowledge(message.sequence)
  await client?.disconnect(0, given.properties?.disconnect)
  if (error === undefined || error.code === 'EPIPE') return EXIT.ok
  reporter.note(`cannot write to standard output: ${error.message}`)
  return EXIT.failure
}

/** Subscribes, publishes the request, and waits for what can be its response. Throws MqttError. */
async function ask(client: Client, topic: string, payload: Uint8Array, given: Given): Promise<Result> {
  const five = versionOf(given, 'mqtt-rr') === 5
  const { qos = 0, properties: { publish = NONE as PropertiesOf<'publish'>, subscribe } = {} } = given
  const responseTopic = given.responseTopic ?? (await topicOfOurOwn())
  const wanted = publish.correlationData
  const keepsFlag = five && given.retainAsPublished
  let sentAt: number | undefined
  const response = new Promise<Result>((resolve, reject) => {
    client.onMessages((batch) => {
      for (const message of batch) {
        // A stored message is no answer. The flag tells it from a live one, unless it is kept as published.
        const mayBeLive = keepsFlag && sentAt !== undefined && !given.noRetained
        const stale = message.retain && !mayBeLive
        if (!stale && isAnswer(message, wanted))
          return resolve({ message, elapsedMs: now() - (sentAt ?? now()) })
        client.acknowledge(message.sequence)
      }
    })
    client.ended.then(({ error }) =>
      reject(error ?? new ClosedError('the connection was closed before a response')),
    )
  })
  response.catch(() => {}) // also told through `publish` or `subscribe`
  const options = {
    retainHandling: given.retainHandling ?? 0,
    retainAsPublished: given.retainAsPublished ?? false,
    ...(subscribe && { properties: subscribe }),
  }
  await client.subscribe(responseTopic, { qos, ...(five && options) })
  if (keepsFlag) await client.ping() // what the broker had stored comes before its answer
  sentAt = now()
  const properties = five ? { ...publish, responseTopic } : NONE
  // A request that is refused, or lost, will see no response.
  const published = client.publish(topic, payload, { qos, properties })
  return Promise.race([response, published.then(() => response)])
}

/** A response without correlation data is taken; one with other data answers somebody else. */
async function topicOfOurOwn(): Promise<string> {
  const { randomBytes } = await import('node:crypto')
  return `mqtt-rr/${randomBytes(12).toString('hex')}`
}

function isAnswer({ properties }: Message, wanted: Uint8Array | undefined): boolean {
  const { correlationData } = properties
  return (
    wanted === undefined || correlationData === undefined || Buffer.compare(wanted, correlationData) === 0
  )
}

/** As the reference prints it: integer ns, six decimals of µs or ms, or seconds with nine. */
function duration(ms: number): string {
  if (ms < 0.001) return `${Math.round(ms * 1e6)} ns`
  if (ms < 1) return `${(ms * 1_000).toFixed(6)} µs`
  return ms < 1_000 ? `${ms.toFixed(6)} ms` : (ms / 1_000).toFixed(9)
}
