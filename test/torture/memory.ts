// What the other side can do to make a program hold much, and how much it then holds at most: for the test that nothing
// grows without bound (P5), and for the bench.

import assert from 'node:assert/strict'
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packet, publish, u16 } from '../broker/wire.js'
import { OPEN_BROKER, startMosquitto } from '../support/mosquitto.js'
import { freePorts } from '../support/ports.js'
import { environment, type Scope } from '../support/processes.js'
import { temporaryFolder } from '../support/run.js'

export interface Scenario {
  name: string
  /** A broker of the system has to be installed. */
  needsBroker?: true
  /** The greatest resident memory ever seen, in bytes. */
  run(t: Scope): Promise<number>
}

/** A broker of raw bytes: `on` sees the first byte of each chunk. */
async function raw(t: Scope, on: (first: number, socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => on(chunk[0] as number, socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

interface Watched {
  child: ChildProcess
  /** Exit status, with the greatest memory ever seen. */
  ended: Promise<{ code: number | null; peak: number }>
}

function watch(t: Scope, program: string, args: readonly (string | number)[], stdin?: ChildProcess): Watched {
  const bin = fileURLToPath(new URL(`../../bin/${program}`, import.meta.url))
  const words = [bin, '-h', '127.0.0.1', '-t', 'b', ...args].map(String)
  const stdio = [stdin?.stdout ?? 'ignore', 'pipe', 'ignore'] satisfies StdioOptions
  const child = spawn(process.execPath, words, { stdio, env: environment() })
  let peak = 0
  const look = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid as number))
  }, 50)
  t.after(() => {
    clearInterval(look)
    child.kill('SIGKILL')
  })
  const ended = once(child, 'exit').then(([code]) => {
    clearInterval(look)
    return { code: code as number | null, peak }
  })
  return { child, ended }
}

function flood(t: Scope): ChildProcess {
  const lines = spawn('sh', ['-c', 'yes | head -n 300000'], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => lines.kill('SIGKILL'))
  return lines
}

/** 0 where the process has gone. */
function peakOf(pid: number): number {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kilobytes ?? 0) * 1024
  } catch {
    return 0
  }
}

const CONNACK = packet(0x20, [0, 0])
const SUBACK = packet(0x90, u16(1), [1])

/** Answers CONNECT, and SUBSCRIBE with what `then` does. */
function subscribed(then: (socket: Socket) => void): (first: number, socket: Socket) => void {
  return (first, socket) => {
    if (first === 0x10) socket.write(CONNACK)
    if (first !== 0x82) return
    socket.write(SUBACK)
    then(socket)
  }
}

/** A broker that has stopped, and lines without end. */
function intoStopped(qos: number, what: string, more: (folder: string) => string[]): Scenario {
  const run = async (t: Scope): Promise<number> => {
    const port = await raw(t, (first, socket) => {
      if (first === 0x10) socket.write(CONNACK)
      socket.pause()
    })
    const yes = spawn('yes', ['a line of some length, again and again'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    t.after(() => yes.kill('SIGKILL'))
    const args = ['-p', port, '-q', qos, '-l', '-W', 4, ...more(temporaryFolder(t))]
    const { code, peak } = await watch(t, 'mqtt-pub', args, yes).ended
    assert.equal(code, 27)
    return peak
  }
  return { name: `-l without end into a broker that has stopped, QoS ${qos}${what}`, run }
}

function stoppedOutput(qos: 0 | 1): Scenario {
  const run = async (t: Scope): Promise<number> => {
    const burst = Buffer.concat(
      Array.from({ length: 2_000 }, (_, at) => publish(4, 'b', 'x'.repeat(50), { qos, id: at + 1 })),
    )
    let written = 0
    const port = await raw(
      t,
      subscribed((socket) => {
        const more = (): void => {
          if (written > 400_000_000) return
          socket.write(burst, (error) => {
            if (error) return
            written += burst.length
            more()
          })
        }
        more()
      }),
    )
    const { child, ended } = watch(t, 'mqtt-sub', ['-p', port, '-q', qos, '-k', 5, '-W', 8])
    child.stdout?.pause()
    const { code, peak } = await ended
    assert.equal(code, 27)
    assert.ok(written < 100_000_000, `${written} bytes were taken`)
    return peak
  }
  return { name: `a stopped output under a fast broker, QoS ${qos}`, run }
}

async function tinyPackets(t: Scope): Promise<number> {
  const count = 1_000_000
  const tiny = publish(4, 'b', 'x')
  const million = Buffer.alloc(count * tiny.length, tiny)
  const port = await raw(
    t,
    subscribed((socket) => socket.write(million)),
  )
  const { child, ended } = watch(t, 'mqtt-sub', ['-p', port])
  let received = 0
  child.stdout?.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (received === 2 * count) child.kill('SIGTERM')
  })
  const { code, peak } = await ended
  assert.equal(code, 0)
  assert.equal(received, 2 * count)
  return peak
}

async function slowClaim(t: Scope): Promise<number> {
  let sent = 0
  let finish = (): void => {}
  const port = await raw(
    t,
    subscribed((socket) => {
      socket.write(Buffer.from('30ffffff7f0001', 'hex'))
      const drip = setInterval(() => {
        socket.write('b')
        if (++sent === 3) finish()
      }, 1_000)
      socket.on('close', () => clearInterval(drip))
    }),
  )
  const { child, ended } = watch(t, 'mqtt-sub', ['-p', port])
  await new Promise<void>((resolve) => {
    finish = resolve
  })
  child.kill('SIGTERM')
  return (await ended).peak
}

function shortLines(what: string, more: (folder: string) => (string | number)[]): Scenario {
  const run = async (t: Scope): Promise<number> => {
    const { port } = await startMosquitto(t, OPEN_BROKER)
    const { ended } = watch(t, 'mqtt-pub', ['-p', port, '-l', ...more(temporaryFolder(t))], flood(t))
    const { code, peak } = await ended
    assert.equal(code, 0)
    return peak
  }
  return { name: `300,000 lines of one byte, ${what}`, needsBroker: true, run }
}

async function withoutNetwork(t: Scope): Promise<number> {
  const [port = 0] = await freePorts(1)
  const folder = join(temporaryFolder(t), 'spool')
  const { ended } = watch(t, 'mqtt-pub', ['-p', port, '-q', 1, '-l', '--spool', folder], flood(t))
  const { code, peak } = await ended
  assert.equal(code, 7)
  return peak
}

/** Peers and readers that stand still, or send what takes much room. */
export const STALLED: readonly Scenario[] = [
  intoStopped(0, '', () => []),
  intoStopped(1, '', () => []),
  intoStopped(2, '', () => []),
  intoStopped(0, ', with receipts', (folder) => [`--receipts=${join(folder, 'receipts')}`]),
  intoStopped(0, ', through a spool', (folder) => ['--spool', join(folder, 'spool')]),
  stoppedOutput(0),
  stoppedOutput(1),
  { name: 'a million tiny packets in one segment', run: tinyPackets },
  { name: 'a peer that claims 256 MB and sends one byte a second', run: slowClaim },
]

/** Nothing costs more for each byte: a single chunk of standard input holds 32,768 lines. */
export const SHORT_LINES: readonly Scenario[] = [
  shortLines('QoS 0', () => ['-q', 0]),
  shortLines('QoS 1', () => ['-q', 1]),
  shortLines('QoS 0, with receipts', (folder) => ['-q', 0, `--receipts=${join(folder, 'receipts')}`]),
  shortLines('QoS 1, with receipts', (folder) => ['-q', 1, `--receipts=${join(folder, 'receipts')}`]),
  shortLines('QoS 0, through a spool', (folder) => ['-q', 0, '--spool', join(folder, 'spool')]),
  shortLines('QoS 1, through a spool', (folder) => ['-q', 1, '--spool', join(folder, 'spool')]),
  { name: '300,000 lines of one byte, QoS 1, into a spool without a network', run: withoutNetwork },
]
