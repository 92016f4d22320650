// Built programs and a real mosquitto: one broker for a whole table, and messages that wait in it.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Mosquitto, needs, OPEN_BROKER, startMosquitto } from '../support/mosquitto.js'
import type { Args, Running } from '../support/run.js'
import { cli, start } from './support.js'

export function at({ port }: { port: number }): Args {
  return ['-h', '127.0.0.1', '-p', port]
}

/** One mosquitto, and one test for each row, a few at a time. */
export function brokerRows<R>(
  title: string,
  list: readonly R[],
  name: (row: R) => string,
  check: (t: TestContext, row: R, broker: Mosquitto) => Promise<void>,
  config: string = OPEN_BROKER,
): void {
  test(title, { ...needs('mosquitto'), concurrency: 4 }, async (t) => {
    const broker = await startMosquitto(t, config)
    await Promise.all(list.map((row) => t.test(name(row), (t) => check(t, row, broker))))
  })
}

/** Has the broker keep a message, sent by mqtt-pub. */
export async function store(
  t: TestContext,
  broker: { port: number },
  topic: string,
  payload: string | Uint8Array,
  args: Args = [],
): Promise<void> {
  const words = ['-V', 5, '-t', topic, '-s', '-r', '-q', 1, ...args, ...at(broker)]
  const told = await cli(t, 'mqtt-pub', words, { input: payload })
  assert.deepEqual(told, { code: 0, out: '', err: '' })
}

/** An mqtt-sub with -d that has its subscriptions. */
export async function listening(t: TestContext, broker: { port: number }, args: Args): Promise<Running> {
  const running = start(t, 'mqtt-sub', [...args, '-d', ...at(broker)])
  await running.saw('err', /received SUBACK/)
  return running
}
