// What is measured: each case runs our program and, in turn with it, a peer that does the same.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import { startMosquitto } from '../support/mosquitto.js'
import { within } from '../support/processes.js'
import { measure, ours, type Run, type Sample } from './measure.js'
import { type Blast, BlastLink, encodeSlices, listen, SinkLink } from './peer.js'

/** One run, and how many messages of how many it brought to the other side. */
export interface Result extends Sample {
  done: number
  wanted: number
}

export interface Case {
  name: string
  /**
   * `time`: ours / peer, at most `goal`. `rate`: messages per second, ours / peer, at least `goal`. `delay`: milliseconds,
   * ours at most `goal` more than the peer's.
   */
  kind: 'time' | 'rate' | 'delay'
  goal: number
  ours: () => Promise<Result>
  peer: { name: string; run: () => Promise<Result> }
  /** Runs of each, after one that does not count. */
  runs: number
}

export const folder = mkdtempSync(join(tmpdir(), 'mqtt-tools-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Numbered lines of so many bytes, LF not counted. */
function lines(count: number, bytes: number): string {
  let text = ''
  for (let at = 0; at < count; at++) text += `${String(at).padEnd(bytes, 'x')}\n`
  return text
}

const EMPTY = file('empty.cjs', '')
const BARE_TLS = file(
  'tls.cjs',
  `const { connect } = require('node:tls')
const [, , port, ca] = process.argv
const socket = connect({ port, host: '127.0.0.1', ca: require('node:fs').readFileSync(ca), servername: 'localhost' })
socket.write(Buffer.from('100c00044d5154540402003c0000', 'hex'))
socket.once('data', () => socket.end(Buffer.from('300400016162e000', 'hex')))`,
)

/** A command that needs nobody else. */
async function alone(run: Run): Promise<Result> {
  return { ...(await measure(run)), done: 1, wanted: 1 }
}

async function publishing(run: (port: number) => Run, wanted: number): Promise<Result> {
  const sink = await listen((socket) => new SinkLink(socket, wanted))
  const sample = await measure(run(sink.port))
  sink.close()
  return { ...sample, done: sink.links.reduce((sum, { distinct }) => sum + distinct, 0), wanted }
}

async function subscribing(blast: Blast, run: (port: number) => Run): Promise<Result> {
  const slices = encodeSlices(blast)
  const blaster = await listen((socket) => new BlastLink(socket, blast, slices))
  const sample = await measure(run(blaster.port))
  blaster.close()
  return { ...sample, done: sample.lines, wanted: blast.count }
}

const RUNS = 5
/** A short run takes as long as the machine is in the mood for: the median wants many. */
const START_RUNS = 45
/** So does one in which three processes have two processors. */
const SHORT_RUNS = 15

function start(name: string, goal: number, args: readonly (string | number)[]): Case {
  const run = (): Promise<Result> => publishing((port) => ours('mqtt-pub', [...args, '-p', port]), 1)
  return { name, kind: 'time', goal, ours: run, peer: empty(), runs: START_RUNS }
}

function empty(): Case['peer'] {
  return { name: 'node empty.cjs', run: () => alone({ command: process.execPath, args: [EMPTY] }) }
}

async function startTls(client: (port: number, ca: string) => Run): Promise<Result> {
  const key = join(folder, 'key.pem')
  const ca = join(folder, 'ca.pem')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const asked = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
  ]
  try {
    readFileSync(ca)
  } catch {
    execFileSync('openssl', [...asked, ...subject, '-keyout', key, '-out', ca], { stdio: 'ignore' })
  }
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(ca) })
  const sink = await listen((socket) => new SinkLink(socket, 1), server)
  const result = await alone(client(sink.port, ca))
  sink.close()
  return result
}

interface Lines {
  name: string
  goal: number
  count: number
  /** The peer loses lines beyond 65,535 unacknowledged ones: it gets as many as it can take. */
  peerCount?: number
  bytes: number
  qos: 0 | 1 | 2
  piped: boolean
  /** Options for both. */
  more?: readonly string[]
  runs?: number
}

function publishLines({
  name,
  goal,
  count,
  peerCount = count,
  bytes,
  qos,
  piped,
  more = [],
  runs = RUNS,
}: Lines): Case {
  const input = (many: number): Run['input'] => ({
    path: file(`lines-${many}-${bytes}`, lines(many, bytes)),
    piped,
  })
  const args = (port: number): (string | number)[] => [
    '-t',
    'a',
    '-l',
    '-q',
    qos,
    ...more,
    '-h',
    '127.0.0.1',
    '-p',
    port,
  ]
  const run = (command: string, args: Run['args'], many: number): Run => {
    const given = input(many)
    return { command, args, ...(given && { input: given }) }
  }
  return {
    name,
    kind: 'rate',
    goal,
    ours: () =>
      publishing((port) => {
        const { command, args: words } = ours('mqtt-pub', args(port))
        return run(command, words, count)
      }, count),
    peer: {
      name: peerCount === count ? 'mosquitto_pub' : `mosquitto_pub, ${peerCount} lines`,
      run: () => publishing((port) => run('mosquitto_pub', args(port), peerCount), peerCount),
    },
    runs,
  }
}

interface Stream extends Blast {
  name: string
  goal: number
  args: readonly string[]
  runs?: number
}

function subscribeStream({ name, goal, args, runs = RUNS, ...blast }: Stream): Case {
  const words = (port: number): (string | number)[] => {
    return ['-t', 'a', '-q', blast.qos, '-C', blast.count, ...args, '-h', '127.0.0.1', '-p', port]
  }
  return {
    name,
    kind: 'rate',
    goal,
    ours: () => subscribing(blast, (port) => ours('mqtt-sub', words(port))),
    peer: {
      name: 'mosquitto_sub',
      run: () => subscribing(blast, (port) => ({ command: 'mosquitto_sub', args: words(port) })),
    },
    runs,
  }
}

const BIG_BYTES = 200_000_000

/** Lines from a publisher to a subscriber through a real broker, from the publisher's start to the subscriber's end. */
async function throughBroker(
  count: number,
  qos: 0 | 1 | 2,
  path: string,
  program: (name: 'pub' | 'sub', args: Run['args']) => Pick<Run, 'command' | 'args'>,
): Promise<Result> {
  return within(async (t) => {
    const broker = await startMosquitto(t)
    const to = ['-h', '127.0.0.1', '-p', broker.port, '-t', 'a', '-q', qos]
    const subscriber = measure(program('sub', [...to, '-i', 'bench', '-C', count, '-W', 120]))
    await broker.logged(/: bench [012] a$/)
    const publisher = measure({ ...program('pub', [...to, '-l']), input: { path, piped: false } })
    const [received, sent] = await Promise.all([subscriber, publisher])
    const status = sent.status || received.status
    return { ...received, status, done: received.lines, wanted: count }
  })
}

const TRIPS = 5_000
const TRIPS_PER_SECOND = 1_000

/** The 99th percentile of the time from a line of the publisher's input to the line that the subscriber prints. */
async function roundTrip(
  program: (name: 'pub' | 'sub', args: Run['args']) => Pick<Run, 'command' | 'args'>,
): Promise<Result> {
  return within(async (t) => {
    const broker = await startMosquitto(t)
    const to = ['-h', '127.0.0.1', '-p', broker.port, '-t', 'a', '-q', 1]
    const run = (name: 'pub' | 'sub', args: Run['args']): ChildProcess => {
      const { command, args: words } = program(name, [...to, ...args])
      return spawn(command, words.map(String), { stdio: ['pipe', 'pipe', 'inherit'] })
    }
    const sub = run('sub', ['-i', 'bench', '-C', TRIPS])
    const delays: number[] = []
    createInterface(sub.stdout as Readable).on('line', (line) =>
      delays.push(performance.now() - Number(line)),
    )
    const ended = once(sub, 'close')
    await broker.logged(/: bench [012] a$/)
    const pub = run('pub', ['-l'])
    const started = performance.now()
    let sent = 0
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(TRIPS, ((performance.now() - started) * TRIPS_PER_SECOND) / 1_000)
        for (; sent < due; sent++) pub.stdin?.write(`${performance.now()}\n`)
        if (sent < TRIPS) return
        clearInterval(timer)
        resolve()
      }, 1)
    })
    pub.stdin?.end()
    const [status] = await ended
    const sorted = delays.toSorted((a, b) => a - b)
    const p99 = sorted[Math.floor(0.99 * sorted.length)] ?? Number.NaN
    return {
      seconds: p99 / 1_000,
      peakMiB: 0,
      status,
      lines: delays.length,
      done: delays.length,
      wanted: TRIPS,
    }
  })
}

export const CASES: readonly (() => Case)[] = [
  () => start('mqtt-pub -t a -m b, exec to exit', 1.4, ['-t', 'a', '-m', 'b']),
  () => ({
    name: 'the same over TLS',
    kind: 'time',
    goal: 1.15,
    ours: () =>
      startTls((port, ca) =>
        ours('mqtt-pub', ['-t', 'a', '-m', 'b', '-h', '127.0.0.1', '-p', port, '--cafile', ca]),
      ),
    peer: {
      name: 'bare node:tls publisher',
      run: () => startTls((port, ca) => ({ command: process.execPath, args: [BARE_TLS, port, ca] })),
    },
    runs: START_RUNS,
  }),
  () => ({ ...start('mqtt-pub --help', 1.8, []), ours: () => alone(ours('mqtt-pub', ['--help'])) }),
  () => ({ ...start('mqtt-pub --version', 1.15, []), ours: () => alone(ours('mqtt-pub', ['--version'])) }),
  ...[false, true].map((piped) => (): Case => {
    const from = piped ? 'pipe' : 'file'
    const name = `mqtt-pub -l, 1,000,000 lines of 10 bytes, QoS 0, ${from}`
    return publishLines({ name, goal: 4, count: 1_000_000, bytes: 10, qos: 0, piped })
  }),
  ...(
    [
      [1, []],
      [2, []],
      [2, ['-M', '1000']],
    ] as const
  ).map(([qos, more]) => (): Case => {
    const name = `mqtt-pub -l, 200,000 lines of 10 bytes, QoS ${qos}`
    return publishLines({
      name: [name, ...more].join(' '),
      more,
      goal: qos === 1 ? 8 : 6,
      count: 200_000,
      peerCount: 60_000,
      bytes: 10,
      qos,
      piped: false,
    })
  }),
  () =>
    publishLines({
      name: 'mqtt-pub -l, 200,000 lines of 256 bytes, QoS 0',
      goal: 3,
      count: 200_000,
      bytes: 256,
      qos: 0,
      piped: false,
      runs: SHORT_RUNS,
    }),
  ...(
    [
      ['plain', [], 8],
      ['-v', ['-v'], 8],
      ["-F '%j'", ['-F', '%j'], 5],
    ] as const
  ).map(([form, args, goal]) => (): Case => {
    const name = `mqtt-sub, 1,000,000 messages of 10 bytes, QoS 0, ${form}`
    return subscribeStream({ name, goal, count: 1_000_000, bytes: 10, qos: 0, args })
  }),
  ...([1, 2] as const).map((qos) => (): Case => {
    const name = `mqtt-sub, 200,000 messages of 10 bytes, QoS ${qos}`
    return subscribeStream({ name, goal: 4, count: 200_000, bytes: 10, qos, args: [] })
  }),
  () =>
    subscribeStream({
      name: 'mqtt-sub, 20,000 messages of 16 KiB, QoS 0',
      goal: 1.5,
      count: 20_000,
      bytes: 16_384,
      qos: 0,
      slice: 16, // 256 KiB, which stay in a cache: the blaster must not be what is measured
      args: [],
      runs: SHORT_RUNS,
    }),
  ...([true, false] as const).map((publishes) => (): Case => {
    const [program, peer] = publishes ? ['mqtt-pub', 'mosquitto_pub'] : ['mqtt-sub', 'mosquitto_sub']
    const path = file('200MB', Buffer.alloc(BIG_BYTES, 'x'))
    const words = publishes ? ['-f', path] : ['-C', '1']
    const run = (command: (port: number) => Run): Promise<Result> =>
      publishes
        ? publishing(command, 1)
        : subscribing({ count: 1, bytes: BIG_BYTES, qos: 0, slice: 1 }, command)
    const args = (port: number): (string | number)[] => ['-t', 'a', ...words, '-h', '127.0.0.1', '-p', port]
    return {
      name: `${program}, one message of 200 MB`,
      kind: 'time',
      goal: 1.2,
      ours: () => run((port) => ours(program, args(port))),
      peer: { name: peer, run: () => run((port) => ({ command: peer, args: args(port) })) },
      runs: 3,
    }
  }),
  ...([0, 1, 2] as const).map((qos) => (): Case => {
    const count = 500_000
    const peerCount = qos === 0 ? count : 60_000
    const path = (many: number): string => file(`lines-${many}`, lines(many, 10))
    const name = 'mosquitto_pub and mosquitto_sub'
    return {
      name: `through mosquitto, ${count.toLocaleString('en')} lines, QoS ${qos}`,
      kind: 'rate',
      goal: 1,
      ours: () => throughBroker(count, qos, path(count), (program, args) => ours(`mqtt-${program}`, args)),
      peer: {
        name: peerCount === count ? name : `${name}, ${peerCount} lines`,
        run: () =>
          throughBroker(peerCount, qos, path(peerCount), (program, args) => ({
            command: `mosquitto_${program}`,
            args,
          })),
      },
      runs: 3,
    }
  }),
  () => ({
    name: 'round trip through mosquitto at 1,000 messages/s, QoS 1, 99th percentile',
    kind: 'delay',
    goal: 1,
    ours: () => roundTrip((program, args) => ours(`mqtt-${program}`, args)),
    peer: {
      name: 'mosquitto_pub and mosquitto_sub',
      run: () => roundTrip((program, args) => ({ command: `mosquitto_${program}`, args })),
    },
    runs: 3,
  }),
]
