// mqtt-sub with a reader that does not read: nothing is acknowledged before it is written, nothing grows, and the
// connection lives (P3, P5). Standard output is a real pipe, as between programs in a shell.

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type BrokerLink, blast, broker } from '../broker/broker.js'
import { packet } from '../broker/wire.js'
import { type Args, temporaryFolder } from '../support/run.js'

interface Piped {
  child: ChildProcess
  /** Begins to read. */
  read(): Socket
  exit: Promise<number | null>
  err(): string
}

/** Starts mqtt-sub with its output into a pipe that nobody reads yet. */
function intoPipe(t: TestContext, args: Args): Piped {
  const path = join(temporaryFolder(t), 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  const bin = fileURLToPath(new URL('../../bin/mqtt-sub', import.meta.url))
  const child = spawn(process.execPath, [bin, ...args.map(String)], { stdio: ['ignore', writer, 'pipe'] })
  closeSync(writer)
  let err = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk
  })
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve))
  let socket: Socket | undefined
  t.after(() => {
    child.kill('SIGKILL')
    if (socket === undefined) closeSync(reader)
    else socket.destroy()
  })
  return {
    child,
    exit,
    err: () => err,
    read: () => {
      socket = new Socket({ fd: reader, readable: true, writable: false })
      return socket
    },
  }
}

function peakMemory(pid: number): number {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}

async function lines(stream: Socket): Promise<string[]> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString().split('\n').slice(0, -1)
}

describe('mqtt-sub and a reader that does not read', { concurrency: 6 }, () => {
  test('S44 no PUBACK for what is not written; PINGREQ goes on; everything comes once reading begins', async (t) => {
    // Each message is larger than a pipe, so that none after the first can be written whole.
    const count = 40
    const size = 100_000
    const acknowledged: number[] = []
    const server = await broker(t, {
      on: ({ name, facts }, link) => {
        if (name === 'PUBACK') acknowledged.push(Number(facts.id))
        if (name !== 'SUBSCRIBE') return false
        link.send(packet(0x90, [0, 1, 1]))
        void blast(link, { count, size, qos: 1 })
        return true
      },
    })
    const args = ['-h', '127.0.0.1', '-p', server.port, '-t', 'b', '-q', 1, '-k', 5, '-C', count]
    const run = intoPipe(t, args)
    const pings = (): number => server.seen.filter(({ name }) => name === 'PINGREQ').length
    // Three keep alive times: by then a client that takes silence for death has gone.
    await server.until(() => pings() >= 3)
    assert.deepEqual(acknowledged, [])
    assert.equal(server.links.length, 1, 'the connection lives')
    assert.equal(run.err(), '')
    const got = await lines(run.read())
    assert.equal(await run.exit, 0)
    assert.deepEqual(
      got.map((line) => Number(line.split(' ')[0])),
      Array.from({ length: count }, (_, at) => at + 1),
    )
    assert.ok(got.every((line) => line.length === size))
    assert.deepEqual(
      acknowledged,
      Array.from({ length: count }, (_, at) => at + 1),
    )
    assert.equal(server.links.length, 1)
  })

  test('memory that is used again spoils nothing that waits for the reader (P4)', async (t) => {
    // Larger than what is copied into the output, and more than is read at a time.
    const count = 1_000
    const size = 20_000
    const server = await broker(t, {
      on: ({ name }, link) => {
        if (name !== 'SUBSCRIBE') return false
        link.send(packet(0x90, [0, 1, 0]))
        void blast(link, { count, size })
        return true
      },
    })
    const run = intoPipe(t, ['-h', '127.0.0.1', '-p', server.port, '-t', 'b', '-k', 5, '-C', count])
    await server.until(() => server.seen.some(({ name }) => name === 'PINGREQ'))
    const got = await lines(run.read())
    assert.equal(await run.exit, 0)
    const expected = Array.from({ length: count }, (_, at) => `${at + 1} `.padEnd(size, 'x'))
    assert.ok(got.length === count && got.every((line, at) => line === expected[at]))
  })

  test('a blaster is held back by TCP, and memory stays flat', async (t) => {
    const links: BrokerLink[] = []
    const total = 300
    const size = 1_000_000
    const server = await broker(t, {
      on: ({ name }, link) => {
        if (name !== 'SUBSCRIBE') return false
        links.push(link)
        link.send(packet(0x90, [0, 1, 0]))
        void blast(link, { count: total, size })
        return true
      },
    })
    const args = ['-h', '127.0.0.1', '-p', server.port, '-t', 'b', '-k', 5, '-C', total]
    const run = intoPipe(t, args)
    await server.until(() => server.seen.filter(({ name }) => name === 'PINGREQ').length >= 2)
    const { bytesWritten = 0, writableLength = 0 } = links[0]?.socket ?? {}
    // Sockets may hold some 36 MiB between them, the program little more than one message, of 300 MB in sum.
    assert.ok(bytesWritten - writableLength < 80_000_000, `${bytesWritten - writableLength} bytes were taken`)
    let received = 0
    for await (const chunk of run.read()) received += (chunk as Buffer).length
    assert.equal(received, total * (size + 1))
    assert.equal(await run.exit, 0)
  })

  test('300 MB through a fast reader need no 300 MB of memory', async (t) => {
    if (!existsSync('/proc/self/status'))
      return t.skip('there is no /proc here to tell the memory of a process')
    const total = 300
    const size = 1_000_000
    let peak = 0
    const server = await broker(t, {
      on: ({ name }, link) => {
        if (name !== 'SUBSCRIBE') return false
        link.send(packet(0x90, [0, 1, 0]))
        void blast(link, { count: total, size })
        return true
      },
    })
    const run = intoPipe(t, ['-h', '127.0.0.1', '-p', server.port, '-t', 'b'])
    let received = 0
    for await (const chunk of run.read()) {
      received += (chunk as Buffer).length
      if (received === total * (size + 1)) {
        peak = peakMemory(run.child.pid as number)
        run.child.kill('SIGTERM')
      }
    }
    assert.equal(received, total * (size + 1))
    assert.equal(await run.exit, 0)
    assert.ok(peak < 250_000_000, `${peak} bytes`)
  })

  test('kill -9 at any moment: what was acknowledged had been written (P3)', async (t) => {
    const acknowledged = new Set<number>()
    const server = await broker(t, {
      on: ({ name, facts }, link) => {
        if (name === 'PUBACK') acknowledged.add(Number(facts.id))
        if (name !== 'SUBSCRIBE') return false
        link.send(packet(0x90, [0, 1, 1]))
        void blast(link, { count: 60_000, size: 40, qos: 1 })
        return true
      },
    })
    const run = intoPipe(t, ['-h', '127.0.0.1', '-p', server.port, '-t', 'b', '-q', 1, '-c', '-i', 's'])
    const got = lines(run.read())
    await server.until(() => acknowledged.size >= 5_000)
    run.child.kill('SIGKILL')
    await run.exit
    await server.until(() => server.links.every(({ socket }) => socket.destroyed || socket.closed))
    const printed = new Set((await got).map((line) => Number(line.split(' ')[0])))
    const gap = [...acknowledged].filter((id) => !printed.has(id))
    assert.deepEqual(gap, [])
    assert.ok(acknowledged.size >= 5_000)
  })

  test('a closed pipe is noticed at the next write: DISCONNECT, exit 0 in silence (Q51)', async (t) => {
    const links: BrokerLink[] = []
    const server = await broker(t, {
      on: ({ name }, link) => {
        if (name === 'SUBSCRIBE') links.push(link)
        return false
      },
    })
    const run = intoPipe(t, ['-h', '127.0.0.1', '-p', server.port, '-t', 'b', '-q', 1])
    await server.until(() => links.length === 1)
    const stream = run.read()
    const closed = new Promise((resolve) => stream.on('close', resolve))
    void blast(links[0] as BrokerLink, { count: 1, size: 10, qos: 1 })
    await new Promise((resolve) => stream.once('data', resolve))
    stream.destroy()
    await closed
    void blast(links[0] as BrokerLink, { first: 2, count: 1, size: 10, qos: 1 })
    assert.equal(await run.exit, 0)
    assert.equal(run.err(), '')
    const acknowledged = server.seen.filter(({ name }) => name === 'PUBACK').map(({ facts }) => facts.id)
    assert.deepEqual(acknowledged, ['1'], 'what could not be written is not acknowledged')
    assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
  })

  test('a full disk: one line, exit 1, and no acknowledgement (Q51)', async (t) => {
    if (!isDevFull()) return t.skip('there is no /dev/full here')
    const server = await broker(t, {
      on: ({ name }, link) => {
        if (name !== 'SUBSCRIBE') return false
        link.send(packet(0x90, [0, 1, 1]))
        void blast(link, { count: 3, size: 10, qos: 1 })
        return true
      },
    })
    const bin = fileURLToPath(new URL('../../bin/mqtt-sub', import.meta.url))
    const full = openSync('/dev/full', 'w')
    const args = ['-h', '127.0.0.1', '-p', String(server.port), '-t', 'b', '-q', '1']
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    t.after(() => child.kill('SIGKILL'))
    let err = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      err += chunk
    })
    assert.equal(await new Promise((resolve) => child.on('close', resolve)), 1)
    assert.match(err, /^mqtt-sub: [^\n]*standard output[^\n]*\n$/)
    assert.ok(server.seen.every(({ name }) => name !== 'PUBACK'))
  })
})

function isDevFull(): boolean {
  try {
    closeSync(openSync('/dev/full', 'r'))
    return true
  } catch {
    return false
  }
}
