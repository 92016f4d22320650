// One stream: how writes are gathered, what is told of their progress, and how a connection ends.

import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { Connection, type ConnectionEvents } from '../../src/client/connection.js'
import { DecoderIntake } from '../../src/client/intake.js'
import { ReadBuffers } from '../../src/client/read-buffers.js'
import type { MqttError } from '../../src/errors.js'
import { Decoder, NONE, type Packet } from '../../src/packet/index.js'

/** A transport that notes each system call and can refuse to take more. */
class Pipe extends Duplex {
  readonly calls: Buffer[] = []
  stalled = false
  /** Memory changed before the call that was given it was done. */
  spoiled = false
  /** The broker closes its side when we close ours. */
  polite = true
  #taken: (() => void) | undefined

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#take([chunk], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  override _final(done: () => void): void {
    done()
    if (this.polite) this.push(null)
  }

  #take(parts: readonly Buffer[], done: () => void): void {
    const bytes = Buffer.concat(parts)
    this.calls.push(bytes)
    const taken = (): void => {
      this.spoiled ||= !Buffer.concat(parts).equals(bytes)
      done()
    }
    if (this.stalled) this.#taken = taken
    else setImmediate(taken)
  }

  /** Takes the call that is waiting. */
  release(): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }
}

interface Opened {
  pipe: Pipe
  connection: Connection
  marks: number[]
  closed: Promise<MqttError>
  /** Resolves when the mark has been reported. */
  flushed(mark: number): Promise<void>
}

function open(events: Partial<ConnectionEvents> = {}): Opened {
  const pipe = new Pipe()
  const marks: number[] = []
  let changed = (): void => {}
  let close!: (error: MqttError) => void
  const closed = new Promise<MqttError>((resolve) => {
    close = resolve
  })
  const decoder = new Decoder({ version: 4, from: 'server' })
  const connection = new Connection(pipe, 4, new DecoderIntake(decoder, new ReadBuffers(false)), {
    readable: () => {},
    flushed: (mark) => {
      marks.push(mark)
      changed()
    },
    closed: close,
    ...events,
  })
  const flushed = async (mark: number): Promise<void> => {
    while (!marks.includes(mark)) {
      await new Promise<void>((resolve) => {
        changed = resolve
      })
    }
  }
  return { pipe, connection, marks, closed, flushed }
}

function message(payload: string | Uint8Array, topic = 't'): Packet {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  return {
    type: 'publish',
    topic,
    payload: bytes,
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    properties: NONE,
  }
}

test('small packets of one turn leave in one system call, in order, with one mark', async () => {
  const { pipe, connection, marks, flushed } = open()
  for (let mark = 1; mark <= 1_000; mark++) connection.send(message(`${mark % 10}`), mark)
  assert.equal(pipe.calls.length, 0, 'nothing leaves within the turn')
  await flushed(1_000)
  assert.equal(pipe.calls.length, 1)
  assert.deepEqual(marks, [1_000])
  const bytes = pipe.calls[0] as Buffer
  assert.equal(bytes.length, 6_000)
  assert.deepEqual([...bytes.subarray(0, 12)], [0x30, 4, 0, 1, 0x74, 0x31, 0x30, 4, 0, 1, 0x74, 0x32])
})

test('packets sent while the transport is busy gather for the next call', async () => {
  const { pipe, connection, flushed } = open()
  pipe.stalled = true
  connection.send(message('a'), 1)
  connection.flush()
  for (let mark = 2; mark <= 50; mark++) {
    connection.send(message('b'), mark)
    connection.flush()
  }
  assert.equal(pipe.calls.length, 1)
  pipe.stalled = false
  pipe.release()
  await flushed(50)
  assert.equal(pipe.calls.length, 2)
})

test('memory that is used again is not before the transport has taken what was in it', async () => {
  const { pipe, connection, flushed } = open()
  const sent: string[] = []
  for (let mark = 1; mark <= 3_000; mark++) {
    sent.push(`${mark}`.padEnd(200 + (mark % 700), 'x'))
    connection.send(message(sent.at(-1) as string), mark)
    // Now the transport is behind, now it has taken all.
    pipe.stalled = mark % 500 > 400
    if (mark % 90 === 0) await new Promise((resolve) => setImmediate(resolve))
    if (mark % 150 === 0) pipe.release()
  }
  pipe.stalled = false
  pipe.release()
  await flushed(3_000)
  assert.equal(pipe.spoiled, false)
  const decoder = new Decoder({ version: 4, from: 'client' })
  decoder.push(Buffer.concat(pipe.calls))
  const came: string[] = []
  for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
    assert.equal(packet.type, 'publish')
    came.push(Buffer.from((packet as { payload: Uint8Array }).payload).toString())
  }
  assert.deepEqual(came, sent)
})

test('a little more than a slice leaves in one system call', async () => {
  const { pipe, connection, flushed } = open()
  for (let mark = 1; mark <= 70; mark++) connection.send(message(Buffer.alloc(1_000)), mark)
  await flushed(70)
  assert.equal(pipe.calls.length, 2) // one when so much had gathered, the other at the end of the turn
  connection.send(message(Buffer.alloc(100_000)), 71)
  await flushed(71)
  assert.equal(pipe.calls.length, 3)
})

test('a large payload leaves in slices: progress is told, the mark only at its end', async () => {
  const { pipe, connection, marks, flushed } = open()
  const payload = Buffer.from(Array.from({ length: 1_000_000 }, (_, at) => (at * 7) % 251))
  connection.send(message('before'), 1)
  connection.send(message(payload), 2)
  connection.send(message('after'), 3)
  await flushed(3)
  const ends = marks.filter((mark) => mark > 0)
  assert.equal(ends.at(-1), 3)
  assert.deepEqual(
    ends,
    [...ends].sort((a, b) => a - b),
  )
  assert.ok(marks.filter((mark) => mark === 0).length >= 10, 'progress within the payload')
  const all = Buffer.concat(pipe.calls)
  assert.ok(all.subarray(0, 11).equals(Buffer.from('300900017462 65666f7265'.replaceAll(' ', ''), 'hex')))
  assert.ok(all.subarray(11 + 7, 11 + 7 + payload.length).equals(payload))
  assert.ok(all.subarray(-5).equals(Buffer.from('after')))
})

test('a transport that takes nothing makes the connection say that it is behind', async () => {
  const { pipe, connection, flushed } = open()
  pipe.stalled = true
  let mark = 0
  while (!connection.isBehind && mark < 1_000) connection.send(message(Buffer.alloc(1_000)), ++mark)
  assert.ok(mark >= 60 && mark <= 100, `${mark} messages of 1 kB`)
  await Promise.resolve()
  pipe.stalled = false
  pipe.release()
  await flushed(mark)
  assert.equal(connection.isBehind, false)
})

test('end: everything leaves, then both sides close', async () => {
  const { pipe, connection, closed } = open()
  connection.send(message('x'), 1)
  connection.send({ type: 'disconnect', reasonCode: 0, properties: NONE }, 2)
  assert.equal(await connection.end(10_000), 'closed')
  assert.ok(Buffer.concat(pipe.calls).equals(Buffer.from('3004000174 78 e000'.replaceAll(' ', ''), 'hex')))
  assert.equal((await closed).code, 'CLOSED')
})

test('end: a broker that does not close runs into the limit', async () => {
  const { pipe, connection } = open()
  pipe.polite = false
  assert.equal(await connection.end(20), 'timeout')
  assert.equal(pipe.destroyed, true)
})

test('end: a broker that has much to read gets the time for it', async () => {
  const slow = open()
  const silent = open()
  for (const { pipe } of [slow, silent]) pipe.polite = false
  slow.connection.send(message(Buffer.alloc(2_000_000)), 1)
  await slow.flushed(1)
  const ending = slow.connection.end(20, true)
  assert.equal(await silent.connection.end(20, true), 'timeout')
  slow.pipe.push(null)
  assert.equal(await ending, 'closed')
})

test('end: behind a fault nobody waits for what a broker may still read', async () => {
  const { pipe, connection, flushed } = open()
  pipe.polite = false
  connection.send(message(Buffer.alloc(2_000_000)), 1)
  await flushed(1)
  assert.equal(await connection.end(20), 'timeout')
})

test('end: a transport that takes nothing runs into the limit', async () => {
  const { pipe, connection } = open()
  pipe.stalled = true
  connection.send(message('x'), 1)
  assert.equal(await connection.end(20), 'timeout')
})

test('end: a reset shows that the broker did not read', async () => {
  const { pipe, connection, closed } = open()
  pipe.polite = false
  const ending = connection.end(10_000)
  pipe.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  assert.equal(await ending, 'reset')
  assert.match((await closed).message, /ECONNRESET/)
})

test('end: of a stream that is gone already', async () => {
  const { pipe, connection, closed } = open()
  pipe.destroy()
  await closed
  assert.equal(await connection.end(10_000), 'closed')
})

test('a stream that closes in the middle of a packet says so', async () => {
  const { pipe, connection, closed } = open({ readable: () => connection.next() })
  pipe.push(Buffer.from('30050001', 'hex'))
  pipe.push(null)
  pipe.on('end', () => pipe.destroy())
  assert.match((await closed).message, /in the middle of a packet \(4 bytes/)
})

test('after destroy nothing is decoded any more', () => {
  const { pipe, connection } = open()
  pipe.emit('data', Buffer.from('d000', 'hex'))
  connection.destroy()
  assert.equal(connection.next(), undefined)
})
