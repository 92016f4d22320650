// Messages through a real mosquitto: long streams, every byte, retained messages, wills and kept sessions, alone and
// together with mosquitto_pub and mosquitto_sub.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Mosquitto, needs, OPEN_BROKER, startMosquitto } from '../support/mosquitto.js'
import {
  assertQuiet,
  assertSameBytes,
  type Running,
  seq,
  start,
  startPub,
  startSeqPub,
  startSub,
} from '../support/processes.js'

const VERSIONS = ['mqttv31', 'mqttv311', 'mqttv5'] as const
const broker = needs('mosquitto')

function at({ port }: Mosquitto, version: string): string[] {
  return ['-h', '127.0.0.1', '-p', String(port), '-V', version]
}

/** An mqtt-sub that has subscribed. */
async function subscriber(
  t: TestContext,
  mosquitto: Mosquitto,
  version: string,
  filter: string,
  args: readonly string[],
  id = 'reader',
): Promise<Running> {
  const from = mosquitto.log.all.length
  const sub = startSub(t, [...at(mosquitto, version), '-i', id, '-t', filter, ...args])
  await mosquitto.subscribed(sub, id, filter, from)
  return sub
}

async function publish(t: TestContext, mosquitto: Mosquitto, version: string, args: string[]): Promise<void> {
  assertQuiet(await startPub(t, [...at(mosquitto, version), ...args]).ended)
}

for (const version of VERSIONS) {
  test(`100,000 lines at QoS 2 arrive once each, in order, in ${version}`, broker, async (t) => {
    const mosquitto = await startMosquitto(t)
    const sub = await subscriber(t, mosquitto, version, 'n', ['-q', '2', '-C', '100000'])
    const pub = startSeqPub(t, 100_000, [...at(mosquitto, version), '-t', 'n', '-l', '-q', '2'])
    assertQuiet(await pub.ended)
    const result = await sub.ended
    assertQuiet(result)
    assertSameBytes(result.stdout, seq(100_000))
  })

  for (const qos of ['0', '1']) {
    test(`20,000 lines at QoS ${qos} arrive once each, in order, in ${version}`, broker, async (t) => {
      const mosquitto = await startMosquitto(t)
      const sub = await subscriber(t, mosquitto, version, 'n', ['-q', qos, '-C', '20000'])
      const pub = startSeqPub(t, 20_000, [...at(mosquitto, version), '-t', 'n', '-l', '-q', qos])
      assertQuiet(await pub.ended)
      const result = await sub.ended
      assertQuiet(result)
      assertSameBytes(result.stdout, seq(20_000))
    })
  }

  test(`retained messages in ${version}: kept with -r, hidden by -R, removed by -r -n`, broker, async (t) => {
    const mosquitto = await startMosquitto(t)
    const format = ['-F', '%r %q %t %p', '-q', '2']
    const read = async (args: readonly string[], id: string): Promise<string> => {
      const sub = await subscriber(t, mosquitto, version, 'kept/#', [...format, ...args], id)
      // What is retained comes before what is published now.
      await publish(t, mosquitto, version, ['-t', 'kept/now', '-m', 'new', '-q', '1'])
      const result = await sub.ended
      assertQuiet(result)
      return result.stdout.toString()
    }
    await publish(t, mosquitto, version, ['-t', 'kept/a', '-m', 'first', '-r'])
    await publish(t, mosquitto, version, ['-t', 'kept/a', '-m', 'second', '-r', '-q', '2'])
    await publish(t, mosquitto, version, ['-t', 'kept/b', '-m', 'not kept'])
    assert.equal(await read(['-C', '2'], 'with'), '1 2 kept/a second\n0 1 kept/now new\n')
    assert.equal(await read(['-C', '1', '-R'], 'without'), '0 1 kept/now new\n')
    await publish(t, mosquitto, version, ['-t', 'kept/a', '-r', '-n'])
    assert.equal(await read(['-C', '1'], 'after'), '0 1 kept/now new\n')
  })

  test(`the will comes after SIGKILL and not after a regular end, in ${version}`, broker, async (t) => {
    const mosquitto = await startMosquitto(t)
    const sub = await subscriber(t, mosquitto, version, '#', ['-C', '3', '-v', '-q', '2'])
    const will = (name: string): string[] => [
      ...at(mosquitto, version),
      ...['-i', name, '--will-topic', `will/${name}`, '--will-payload', `${name} is gone`, '--will-qos', '2'],
    ]
    assertQuiet(await startPub(t, [...will('regular'), '-t', 'word', '-m', 'bye', '-q', '1']).ended)
    const killed = startPub(t, [...will('killed'), '-t', 'word', '-l', '-q', '1'], { input: 'open' })
    killed.write('hello\n')
    await sub.prints(2)
    killed.signal('SIGKILL')
    assert.equal((await killed.ended).status, 'SIGKILL')
    const result = await sub.ended
    assertQuiet(result)
    assert.equal(result.stdout.toString(), 'word bye\nword hello\nwill/killed killed is gone\n')
  })

  test(`mqtt-sub -c, killed, leaves no gap for its next run, in ${version}`, broker, async (t) => {
    const mosquitto = await startMosquitto(t)
    const count = 20_000
    const kept = ['-c', '-q', '2']
    const first = await subscriber(t, mosquitto, version, 'n', kept)
    const to = [...at(mosquitto, version), '-t', 'n', '-l', '-q', '2']
    const pub = startPub(t, to, { input: 'open' })
    pub.write(seq(count / 2))
    await first.prints(count / 4)
    first.signal('SIGKILL')
    const { stdout: before } = await first.ended
    pub.write(seq(count).slice(seq(count / 2).length))
    pub.endInput()
    const second = startSub(t, [...at(mosquitto, version), '-i', 'reader', '-t', 'n', ...kept])
    assertQuiet(await pub.ended)
    await second.printsAtEnd(`\n${count}\n`)
    second.signal('SIGTERM')
    const result = await second.ended
    assertQuiet(result)
    // Killed between printing and acknowledging, it prints the last ones again, but passes nothing over.
    const printed = before.subarray(0, before.lastIndexOf(10) + 1).toString()
    const lines = printed.split('\n').length - 1
    assertSameBytes(Buffer.from(printed), seq(lines))
    const resumedAt = Number.parseInt(result.stdout.toString('latin1', 0, 10), 10)
    assert.ok(resumedAt > 1 && resumedAt <= lines + 1, `printed up to ${lines}, then from ${resumedAt}`)
    assertSameBytes(result.stdout, seq(count).slice(seq(resumedAt - 1).length))
  })
}

// Every byte there is, again and again in an order that does not repeat with the 256 of them.
function bytes(length: number): Buffer {
  const all = Buffer.alloc(length)
  for (let at = 0; at < length; at++) all[at] = (at * 167 + (at >> 8) * 13 + (at >> 16) * 7) & 255
  return all
}

const MIB = 1_048_576
const PAYLOADS = [
  { name: 'all bytes', payload: bytes(256) },
  { name: '1 MiB', payload: bytes(MIB) },
  { name: '20 MiB', payload: bytes(20 * MIB) },
]

for (const { name, payload } of PAYLOADS) {
  for (const [version, qos] of [
    ['mqttv31', '0'],
    ['mqttv311', '1'],
    ['mqttv5', '2'],
  ] as const) {
    test(`${name} through -f, -s and -N in ${version} at QoS ${qos}`, broker, async (t) => {
      const mosquitto = await startMosquitto(t)
      const path = join(mosquitto.folder, 'payload')
      writeFileSync(path, payload)
      const sub = await subscriber(t, mosquitto, version, 'b', ['-N', '-C', '2', '-q', qos])
      const to = [...at(mosquitto, version), '-t', 'b', '-q', qos]
      assertQuiet(await startPub(t, [...to, '-f', path]).ended)
      assertQuiet(await startPub(t, [...to, '-s'], { input: payload }).ended)
      const result = await sub.ended
      assertQuiet(result)
      assertSameBytes(result.stdout, Buffer.concat([payload, payload]))
    })
  }

  test(`${name} but LF as lines through -l`, broker, async (t) => {
    const mosquitto = await startMosquitto(t)
    const line = Buffer.from(payload).map((byte) => (byte === 10 ? 11 : byte))
    const input = Buffer.concat([line, Buffer.from('\n\r\n'), line])
    const sub = await subscriber(t, mosquitto, 'mqttv311', 'b', ['-C', '3', '-q', '2'])
    assertQuiet(
      await startPub(t, [...at(mosquitto, 'mqttv311'), '-t', 'b', '-q', '2', '-l'], { input }).ended,
    )
    const result = await sub.ended
    assertQuiet(result)
    assertSameBytes(result.stdout, Buffer.concat([input, Buffer.from('\n')]))
  })
}

const LINES = [
  ...Array.from({ length: 200 }, (_, at) => `line ${at}`),
  'tab\tand spaces  ',
  'Zażółć gęślą jaźń – 漢字 🙂',
  'x'.repeat(3_000),
  ...Array.from({ length: 20 }, (_, at) => `line ${at}`),
]
const TEXT = LINES.map((line) => `${line}\n`).join('')
const clients = needs('mosquitto', 'mosquitto_pub', 'mosquitto_sub')
// mosquitto 2.0.11 sends more QoS 2 messages than the Receive Maximum of its own mosquitto_sub allows, which then
// leaves with a protocol error: that pair is not tried in MQTT 5.
const OVERRUN = (version: string, qos: string): boolean => version === 'mqttv5' && qos === '2'
const NARROW_BROKER = OPEN_BROKER.replace('max_inflight_messages 1000', 'max_inflight_messages 20')

for (const version of VERSIONS) {
  for (const qos of ['0', '1', '2']) {
    if (!OVERRUN(version, qos))
      test(`mosquitto_sub prints what mqtt-pub -l sends, in ${version} at QoS ${qos}`, clients, async (t) => {
        const mosquitto = await startMosquitto(t, NARROW_BROKER)
        const args = [...at(mosquitto, version), '-t', 'talk', '-q', qos]
        const sub = start(t, 'mosquitto_sub', [...args, '-i', 'theirs', '-C', String(LINES.length)])
        await mosquitto.subscribed(sub, 'theirs', 'talk')
        assertQuiet(await startPub(t, [...args, '-l'], { input: TEXT }).ended)
        const result = await sub.ended
        assertQuiet(result)
        assertSameBytes(result.stdout, TEXT)
      })

    test(`mqtt-sub prints what mosquitto_pub -l sends, in ${version} at QoS ${qos}`, clients, async (t) => {
      const mosquitto = await startMosquitto(t, NARROW_BROKER)
      const sub = await subscriber(t, mosquitto, version, 'talk', ['-q', qos, '-C', String(LINES.length)])
      const args = [...at(mosquitto, version), '-t', 'talk', '-q', qos]
      assertQuiet(await start(t, 'mosquitto_pub', [...args, '-l'], { input: TEXT }).ended)
      const result = await sub.ended
      assertQuiet(result)
      assertSameBytes(result.stdout, TEXT)
    })
  }
}
