// Nothing lost and nothing doubled while the broker, or the connection to it, goes away in the middle of a stream.
//
// A broker that is killed loses what it acknowledged since it last saved its data, and no client can mend that. So the
// kill is made fair: both clients are frozen (SIGSTOP), mosquitto reads what they had sent, saves (SIGUSR1), and only
// then is killed (SIGKILL) and started again on the same port and data; then the clients go on (SIGCONT). They find
// their connections dead, with answers in them that they have not read, and bytes that nobody will read.
//
// The lines come from a producer that keeps only a little ahead of what mqtt-sub has printed, so that each cut falls in
// the middle of the stream, however fast or slow the machine is.

import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { cannot, KEEPING_BROKER, type Mosquitto, needs, startMosquitto } from '../support/mosquitto.js'
import { assertSameBytes, type Running, seq, startPub, startSub } from '../support/processes.js'

const VERSIONS = ['mqttv31', 'mqttv311', 'mqttv5'] as const
const AHEAD = 1_000
// mosquitto 2.0.11 sends an MQTT 5 client more than its window allows, and after a restart publishes anew what exceeds
// it, even what the client had acknowledged with PUBREC: the window must hold all that can be on the way.
const BROKER = KEEPING_BROKER.replace('max_inflight_messages 1000', 'max_inflight_messages 20000')
const broker = needs('mosquitto')

function at(port: number, version: string): string[] {
  return ['-h', '127.0.0.1', '-p', String(port), '-V', version]
}

/** Feeds 1 to `count` to `pub` as lines, at most AHEAD of what `sub` has printed. */
class Producer {
  given = 0
  readonly #count: number
  readonly #pub: Running
  readonly #sub: Running

  constructor(count: number, pub: Running, sub: Running) {
    this.#count = count
    this.#pub = pub
    this.#sub = sub
    sub.onPrint(() => this.#give())
    this.#give()
  }

  #give(): void {
    const end = Math.min(this.#count, this.#sub.printed + AHEAD)
    if (end === this.given || (end < this.#count && end - this.given < AHEAD / 4)) return
    let text = ''
    while (this.given < end) text += `${++this.given}\n`
    this.#pub.write(text)
    if (this.given === this.#count) this.#pub.endInput()
  }
}

/** A broker of MQTT 3.1 does not tell whether it had the session still. */
function reconnections(
  { stderr }: { stderr: string },
  version: string,
): { lost: number; resumed: number; other: string[] } {
  const lines = stderr.split('\n').slice(0, -1)
  const lost = lines.filter((line) => / connecting again in [\d.]+ s$/.test(line))
  const end = version === 'mqttv31' ? ': connected again' : ': connected again, session resumed'
  const resumed = lines.filter((line) => line.endsWith(end))
  return {
    lost: lost.length,
    resumed: resumed.length,
    other: lines.filter((line) => !lost.includes(line) && !resumed.includes(line)),
  }
}

for (const version of VERSIONS) {
  test(`100,000 lines at QoS 2 survive three kills of the broker, in ${version}`, broker, async (t) => {
    if (process.platform !== 'linux') return cannot(t, 'only Linux shows what the broker has not read yet')
    const count = 100_000
    const mosquitto = await startMosquitto(t, BROKER)
    const to = at(mosquitto.port, version)
    const sub = startSub(t, [...to, '-c', '-i', 'reader', '-t', 'n', '-q', '2', '-C', String(count)])
    await mosquitto.subscribed(sub, 'reader', 'n')
    const pub = startPub(t, [...to, '-c', '-i', 'writer', '-t', 'n', '-q', '2', '-l'], { input: 'open' })
    const producer = new Producer(count, pub, sub)
    for (const part of [1, 2, 3]) {
      await sub.prints((count / 4) * part)
      await Promise.all([pub.freeze(), sub.freeze()])
      assert.ok(producer.given < count, 'the broker is killed in the middle')
      await mosquitto.settled()
      await mosquitto.save()
      await mosquitto.kill()
      await mosquitto.restart()
      for (const client of [pub, sub]) client.signal('SIGCONT')
    }
    const [written, read] = await Promise.all([pub.ended, sub.ended])
    assertSameBytes(read.stdout, seq(count))
    for (const result of [written, read]) {
      assert.equal(result.status, 0)
      assert.deepEqual(reconnections(result, version), { lost: 3, resumed: 3, other: [] })
    }
  })
}

for (const version of ['mqttv311', 'mqttv5']) {
  test(`20,000 lines at QoS 1 survive restarts without a missing one, in ${version}`, broker, async (t) => {
    const count = 20_000
    const mosquitto = await startMosquitto(t, BROKER)
    const to = at(mosquitto.port, version)
    const sub = startSub(t, [...to, '-c', '-i', 'reader', '-t', 'n', '-q', '1'])
    await mosquitto.subscribed(sub, 'reader', 'n')
    const pub = startPub(t, [...to, '-t', 'n', '-q', '1', '-l'], { input: 'open' })
    const producer = new Producer(count, pub, sub)
    for (const part of [1, 2]) {
      await sub.prints((count / 3) * part)
      assert.ok(producer.given < count, 'the broker is restarted in the middle')
      await mosquitto.stop()
      await mosquitto.restart()
    }
    const written = await pub.ended
    assert.equal(written.status, 0)
    assert.equal(reconnections(written, version).lost, 2)
    await sub.printsAtEnd(`\n${count}\n`)
    sub.signal('SIGTERM')
    const read = await sub.ended
    assert.equal(read.status, 0)
    const lines = read.stdout.toString().split('\n').slice(0, -1)
    // In the order of their first arrival; what was in flight may come twice.
    assertSameBytes(Buffer.from([...new Set(lines)].map((line) => `${line}\n`).join('')), seq(count))
  })
}

/** A relay to a broker that cuts its connections with a reset, in the middle of whatever is on the way. */
class Relay {
  readonly #server = createServer((client) => this.#join(client))
  readonly #target: number
  #sockets = new Set<Socket>()
  #cutAt = Number.POSITIVE_INFINITY
  #passed = 0
  cuts = 0

  constructor(t: TestContext, target: number) {
    this.#target = target
    t.after(() => {
      this.#server.close()
      this.#reset()
    })
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        resolve((this.#server.address() as { port: number }).port)
      })
    })
  }

  /** Cuts when that many bytes more have passed, in both directions together. */
  cutAfter(bytes: number): void {
    this.#cutAt = this.#passed + bytes
  }

  #join(client: Socket): void {
    const server = connect({ host: '127.0.0.1', port: this.#target })
    const forward = (from: Socket, to: Socket): void => {
      this.#sockets.add(from)
      from.on('data', (chunk: Buffer) => this.#forward(chunk, to))
      from.on('end', () => to.end())
      from.on('error', () => cut(to))
      from.on('close', () => this.#sockets.delete(from))
    }
    forward(client, server)
    forward(server, client)
  }

  #forward(chunk: Buffer, to: Socket): void {
    const room = this.#cutAt - this.#passed
    this.#passed += chunk.length
    if (room > chunk.length) return void to.write(chunk)
    this.#cutAt = Number.POSITIVE_INFINITY
    this.cuts++
    to.write(chunk.subarray(0, Math.max(0, room)), () => this.#reset())
  }

  #reset(): void {
    for (const socket of this.#sockets) cut(socket)
  }
}

/** With a reset, unless it is being closed: then libuv would refuse, and Node would never let go of the socket. */
function cut(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

async function cutStream(
  t: TestContext,
  { mosquitto, version, writer }: { mosquitto: Mosquitto; version: string; writer: readonly string[] },
): Promise<void> {
  const count = 20_000
  const relay = new Relay(t, mosquitto.port)
  const through = at(await relay.listen(), version)
  const sub = startSub(t, [...through, '-c', '-i', 'reader', '-t', 'n', '-q', '2', '-C', String(count)])
  await mosquitto.subscribed(sub, 'reader', 'n')
  const pub = startPub(t, [...through, ...writer, '-t', 'n', '-q', '2', '-l'], { input: 'open' })
  const producer = new Producer(count, pub, sub)
  for (const part of [1, 2, 3]) {
    await sub.prints((count / 4) * part)
    assert.ok(producer.given < count, 'the connections are cut in the middle')
    assert.equal(relay.cuts, part - 1)
    relay.cutAfter(1_001 * part)
  }
  const [written, read] = await Promise.all([pub.ended, sub.ended])
  assertSameBytes(read.stdout, seq(count))
  for (const result of [written, read]) {
    assert.equal(result.status, 0)
    assert.deepEqual(reconnections(result, version), { lost: 3, resumed: 3, other: [] })
  }
}

test('mqtt-pub -l -q 2 without -c survives resets in mqttv5, each line once', broker, async (t) => {
  await cutStream(t, { mosquitto: await startMosquitto(t), version: 'mqttv5', writer: ['-i', 'writer'] })
})

test('mqtt-pub -l -q 2 with -c survives resets in mqttv311, each line once', broker, async (t) => {
  const writer = ['-c', '-i', 'writer']
  await cutStream(t, { mosquitto: await startMosquitto(t), version: 'mqttv311', writer })
})
