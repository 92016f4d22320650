// What a socket reads, into packets and into memory that is used again: every payload is whole until its message is done
// with.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecoderIntake } from '../../src/client/intake.js'
import { ReadBuffers } from '../../src/client/read-buffers.js'
import { Decoder, encode, NONE, type Packet, type Publish } from '../../src/packet/index.js'

function message(payload: Uint8Array): Publish {
  return {
    type: 'publish',
    topic: 't',
    payload,
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    properties: NONE,
  }
}

/** `length` bytes that tell one message from another. */
function payload(length: number, nth: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => at * 31 + nth))
}

interface Read {
  intake: DecoderIntake
  buffers: ReadBuffers
  /** In the order of arrival. */
  packets: Packet[]
  /** Reads as a socket does: into the room it was given, at most `most` bytes at a time. Returns the rooms. */
  read(bytes: Buffer, most: number): Uint8Array[]
}

function open(isLent: boolean): Read {
  const decoder = new Decoder({ version: 4, from: 'server' })
  const buffers = new ReadBuffers(isLent)
  const intake = new DecoderIntake(decoder, buffers)
  const packets: Packet[] = []
  intake.onBytes = () => {
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
      packets.push(packet)
      buffers.delivered++
    }
  }
  let room: Uint8Array = intake.room()
  const read = (bytes: Buffer, most: number): Uint8Array[] => {
    const rooms: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + Math.min(most, room.length))
      room.set(part)
      rooms.push(room)
      at += part.length
      intake.took(part.length)
      room = intake.room()
      assert.ok(room.length > 0)
    }
    return rooms
  }
  return { intake, buffers, packets, read }
}

function payloadsOf(packets: readonly Packet[]): Uint8Array[] {
  return packets.map((packet) => (packet as Publish).payload)
}

test('messages of every size come out whole, wherever reads end and whenever they are acknowledged', () => {
  const sizes = fc.array(
    fc.oneof(
      fc.nat(100),
      fc.integer({ min: 60_000, max: 70_000 }),
      fc.integer({ min: 260_000, max: 900_000 }),
    ),
    { minLength: 1, maxLength: 12 },
  )
  fc.assert(
    fc.property(
      sizes,
      fc.integer({ min: 1_000, max: 300_000 }),
      fc.nat(3),
      fc.boolean(),
      (lengths, most, late, isLent) => {
        const { buffers, packets, read } = open(isLent)
        const wanted = lengths.map((length, nth) => payload(length, nth))
        let checked = 0
        for (const each of wanted) {
          read(encode(message(each), 4), most)
          // The last few messages are not done with.
          while (checked < packets.length - late) {
            assert.ok(payloadsOf(packets)[checked]?.length === wanted[checked]?.length)
            assert.ok(
              wanted[checked]?.equals(payloadsOf(packets)[checked] as Uint8Array),
              `message ${checked}`,
            )
            buffers.acknowledged = ++checked
          }
        }
        for (; checked < wanted.length; checked++) {
          assert.ok(wanted[checked]?.equals(payloadsOf(packets)[checked] as Uint8Array), `message ${checked}`)
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('a large packet is read into the memory of its payload', () => {
  const { packets, read } = open(false)
  const bytes = encode(message(payload(8_000_000, 1)), 4)
  const rooms = read(bytes, 1_000_000)
  const [whole] = payloadsOf(packets)
  assert.ok(whole !== undefined && payload(8_000_000, 1).equals(whole))
  assert.ok(rooms.filter(({ buffer }) => buffer === whole.buffer).length >= 6)
})

test('lent memory serves again and again where messages are acknowledged at once', () => {
  const { buffers, read } = open(true)
  const memory = new Set<unknown>()
  for (let nth = 0; nth < 300; nth++) {
    for (const { buffer } of read(encode(message(payload(16_000, nth)), 4), 65_536)) memory.add(buffer)
    buffers.acknowledged = buffers.delivered
  }
  assert.ok(memory.size <= 3, `${memory.size} pieces`)
})

test('memory that is not lent never serves twice', () => {
  const { buffers, packets, read } = open(false)
  for (let nth = 0; nth < 50; nth++) {
    read(encode(message(payload(16_000, nth)), 4), 65_536)
    buffers.acknowledged = buffers.delivered
  }
  for (const [nth, bytes] of payloadsOf(packets).entries()) assert.ok(payload(16_000, nth).equals(bytes))
})

test('closed, it takes nothing in', () => {
  const { intake, packets, read } = open(true)
  intake.close()
  read(encode(message(payload(10, 0)), 4), 100)
  intake.chunk(Buffer.from('d000', 'hex'))
  assert.equal(packets.length, 0)
  assert.equal(intake.decoder.buffered, 0)
})
