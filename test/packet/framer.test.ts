// The decoder's memory: what it copies, what it allocates, what it refuses before it has to.

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { MalformedError } from '../../src/errors.js'
import { Decoder, type Packet, type Publish } from '../../src/packet/index.js'
import { decodeAll, pieces, SIDES, unhex, VERSIONS } from './vectors.js'

const MB = 1_000_000

/** A 3.1.1 PUBLISH on topic `t` at QoS 0, `size` bytes of payload that look different wherever they are cut. */
function publishOf(size: number): { bytes: Buffer; payload: Buffer } {
  const header = [0x30]
  for (let left = size + 3; ; left >>>= 7) {
    header.push(left > 0x7f ? (left & 0x7f) | 0x80 : left)
    if (left <= 0x7f) break
  }
  const bytes = Buffer.alloc(header.length + 3 + size)
  bytes.set([...header, 0, 1, 0x74])
  const payload = bytes.subarray(header.length + 3)
  // A prime period, so that no chunk size repeats it.
  for (let at = 0; at < Math.min(size, 9_973); at++) payload[at] = at * 31 + (at >> 8)
  for (let done = 9_973; done < size; done *= 2) payload.copyWithin(done, 0, Math.min(done, size - done))
  return { bytes, payload }
}

interface Spent {
  allocated: number
  largest: number
  copied: number
}

/**
 * Counts bytes that buffers are asked for and bytes that `copy` moves, until `stop`. Not a mock of node:test, which
 * keeps a record of every one of twenty million calls.
 */
function spy(t: TestContext): Spent & { stop(): void } {
  const { alloc, allocUnsafe, allocUnsafeSlow } = Buffer
  const { copy } = Buffer.prototype
  const spent = { allocated: 0, largest: 0, copied: 0 }
  type Allocate = (size: number) => Buffer<ArrayBuffer>
  const counting =
    (allocate: Allocate): Allocate =>
    (size) => {
      spent.allocated += size
      spent.largest = Math.max(spent.largest, size)
      return allocate.call(Buffer, size)
    }
  Buffer.alloc = counting(alloc)
  Buffer.allocUnsafe = counting(allocUnsafe)
  Buffer.allocUnsafeSlow = counting(allocUnsafeSlow)
  Buffer.prototype.copy = function (target: Uint8Array, ...range: number[]) {
    const moved = copy.call(this, target, ...range)
    spent.copied += moved
    return moved
  }
  const stop = () => {
    Object.assign(Buffer, { alloc, allocUnsafe, allocUnsafeSlow })
    Buffer.prototype.copy = copy
  }
  t.after(stop)
  return Object.assign(spent, { stop })
}

function onlyPublish(packets: Packet[]): Publish {
  assert.equal(packets.length, 1)
  const [packet] = packets
  assert.ok(packet?.type === 'publish')
  return packet
}

const FROM_SERVER = { version: 4, from: 'server' } as const

describe('large payloads', () => {
  test('100 MB in chunks of 64 KiB, in linear time and memory', (t) => {
    const { bytes, payload } = publishOf(100 * MB)
    const spent = spy(t)
    const packet = onlyPublish(decodeAll(pieces(bytes, 65_536), FROM_SERVER))
    spent.stop()
    assert.equal(packet.topic, 't')
    assert.ok(payload.equals(packet.payload))
    // Doubling asks for at most four times the packet over all its steps and copies at most three times as much.
    assert.ok(spent.allocated <= 4 * bytes.length, `${spent.allocated} bytes allocated`)
    assert.ok(spent.copied <= 3 * bytes.length, `${spent.copied} bytes copied`)
    assert.ok(spent.copied >= bytes.length, 'the spy sees the copying')
  })

  // 100 MB would be a hundred million calls; a fifth of them shows the same.
  test('20 MB in chunks of one byte, in linear time and memory', (t) => {
    const { bytes, payload } = publishOf(20 * MB)
    const spent = spy(t)
    const packet = onlyPublish(decodeAll(pieces(bytes, 1), FROM_SERVER))
    spent.stop()
    assert.ok(payload.equals(packet.payload))
    assert.ok(spent.allocated <= 4 * bytes.length, `${spent.allocated} bytes allocated`)
    assert.ok(spent.copied <= 3 * bytes.length, `${spent.copied} bytes copied`)
    assert.ok(spent.copied >= bytes.length, 'the spy sees the copying')
  })

  test('a packet whole in its chunk is neither copied nor allocated for', (t) => {
    const { bytes } = publishOf(MB)
    const chunk = Buffer.concat([bytes, unhex('d000')])
    const spent = spy(t)
    const [packet, ping] = decodeAll([chunk], FROM_SERVER)
    spent.stop()
    assert.ok(packet?.type === 'publish' && ping?.type === 'pingresp')
    assert.equal(packet.payload.buffer, chunk.buffer)
    assert.equal(spent.copied, 0)
    assert.equal(spent.allocated, 0)
  })

  test('a packet that ran over chunks keeps its bytes when the next one does the same', () => {
    const first = publishOf(300)
    const second = publishOf(500)
    second.payload.fill(0x7a)
    const bytes = Buffer.concat([first.bytes, second.bytes])
    const packets = decodeAll(pieces(bytes, 77), FROM_SERVER) as Publish[]
    assert.deepEqual(
      packets.map((packet) => packet.payload),
      [first.payload, second.payload],
    )
  })
})

describe('a claimed length sizes nothing', () => {
  test('256 MiB announced, ten bytes sent', (t) => {
    const bytes = unhex('30 ffffff7f 0001 74 78 78')
    for (const size of [1, 3, 10]) {
      const spent = spy(t)
      const before = process.memoryUsage().arrayBuffers
      const decoder = new Decoder(FROM_SERVER)
      for (const chunk of pieces(bytes, size)) {
        decoder.push(chunk)
        assert.equal(decoder.next(), undefined)
      }
      const grown = process.memoryUsage().arrayBuffers - before
      spent.stop()
      assert.equal(decoder.buffered, 10)
      assert.ok(spent.largest > 0 && spent.largest <= 1_024, `a buffer of ${spent.largest} bytes`)
      assert.ok(grown < MB, `${grown} bytes more`)
    }
  })

  test('of a packet of which a megabyte has come the rest is not copied again', (t) => {
    const spent = spy(t)
    const decoder = new Decoder(FROM_SERVER)
    const chunk = Buffer.from(new Uint8Array(100_000))
    chunk.set(unhex('30 ffffff7f 0001 74'))
    for (let received = 0; received < 10_000_000; received += chunk.length) {
      decoder.push(chunk)
      assert.equal(decoder.next(), undefined)
      assert.equal(
        spent.largest > 20_000_000,
        received >= 1_600_000,
        `${spent.largest} bytes for ${received}`,
      )
    }
    spent.stop()
  })

  test('the buffer grows with what arrives', (t) => {
    const spent = spy(t)
    const decoder = new Decoder(FROM_SERVER)
    decoder.push(unhex('30 ffffff7f 0001 74'))
    assert.equal(decoder.next(), undefined)
    const chunk = Buffer.from(new Uint8Array(1_000))
    for (let received = 8; received < 100_000; received += chunk.length) {
      decoder.push(chunk)
      assert.equal(decoder.next(), undefined)
      assert.ok(spent.largest <= 16 * (received + chunk.length), `${spent.largest} bytes for ${received}`)
    }
    spent.stop()
  })
})

describe('maxPacketSize', () => {
  for (const from of SIDES) {
    for (const version of VERSIONS) {
      test(`is the last size accepted, from the ${from} in version ${version} [5.0 §3.1.2.11.4]`, () => {
        // 2 bytes of fixed header, 3 of topic, the Property Length of 5.0, a payload of 9.
        const bytes = Buffer.concat([
          unhex(version === 5 ? '300d 0001 74 00' : '300c 0001 74'),
          Buffer.from('xxxxxxxxx'),
        ])
        const size = bytes.length
        for (const piece of [1, size]) {
          const chunks = () => pieces(bytes, piece)
          assert.equal(decodeAll(chunks(), { version, from, maxPacketSize: size }).length, 1)
          assert.equal(decodeAll(chunks(), { version, from, maxPacketSize: size + 1 }).length, 1)
          assert.throws(() => decodeAll(chunks(), { version, from, maxPacketSize: size - 1 }), {
            code: 'MALFORMED',
            packet: 'PUBLISH',
            reasonCode: 0x95,
          })
        }
      })
    }
  }

  test('is judged by the header alone', () => {
    for (const [hex, size] of [
      ['30 7f', 129],
      ['30 8001', 131],
      ['30 ffffff7f', 268_435_460],
    ] as const) {
      const accepting = new Decoder({ version: 5, from: 'server', maxPacketSize: size })
      accepting.push(unhex(hex))
      assert.equal(accepting.next(), undefined)
      const refusing = new Decoder({ version: 5, from: 'server', maxPacketSize: size - 1 })
      refusing.push(unhex(hex))
      assert.throws(
        () => refusing.next(),
        new RegExp(`${size} bytes announced, at most ${size - 1} accepted`),
      )
    }
  })

  test('without one, the largest packet of all is awaited', () => {
    const decoder = new Decoder(FROM_SERVER)
    decoder.push(unhex('30ffffff7f'))
    assert.equal(decoder.next(), undefined)
  })
})

describe('buffered', () => {
  test('counts what was pushed and not yet decoded', () => {
    const decoder = new Decoder(FROM_SERVER)
    assert.equal(decoder.buffered, 0)
    decoder.push(unhex('d000 4002'))
    assert.equal(decoder.buffered, 4)
    assert.equal(decoder.next()?.type, 'pingresp')
    assert.equal(decoder.buffered, 2)
    assert.equal(decoder.next(), undefined)
    assert.equal(decoder.buffered, 2)
    decoder.push(unhex('00'))
    assert.equal(decoder.buffered, 3)
    assert.equal(decoder.next(), undefined)
    decoder.push(unhex('0a d000 d0'))
    assert.equal(decoder.buffered, 7)
    assert.equal(decoder.next()?.type, 'puback')
    assert.equal(decoder.buffered, 3)
    assert.equal(decoder.next()?.type, 'pingresp')
    assert.equal(decoder.next(), undefined)
    assert.equal(decoder.buffered, 1)
  })

  test('chunks may be pushed before the last one was used up', () => {
    const decoder = new Decoder(FROM_SERVER)
    decoder.push(unhex('d000 40'))
    decoder.push(unhex('02 00'))
    assert.equal(decoder.next()?.type, 'pingresp')
    decoder.push(unhex('0a'))
    assert.equal(decoder.buffered, 4)
    const packet = decoder.next()
    assert.ok(packet?.type === 'puback')
    assert.equal(packet.packetId, 10)
    assert.equal(decoder.buffered, 0)
    assert.equal(decoder.next(), undefined)
  })

  test('an empty chunk changes nothing', () => {
    const decoder = new Decoder(FROM_SERVER)
    for (const hex of ['', '40', '', '02000a', '']) {
      decoder.push(unhex(hex))
      if (hex !== '02000a') assert.equal(decoder.next(), undefined)
      else assert.equal(decoder.next()?.type, 'puback')
    }
    assert.equal(decoder.buffered, 0)
  })
})

test('a Remaining Length in 3.x may be longer than it must, even over chunks', () => {
  for (const size of [1, 2, 3, 9]) {
    const packets = decodeAll(pieces(unhex('40828080 00 000a d0808000'), size), FROM_SERVER)
    assert.deepEqual(
      packets.map(({ type }) => type),
      ['puback', 'pingresp'],
    )
  }
  assert.throws(() => decodeAll([unhex('4082808000000a')], { version: 5, from: 'server' }), MalformedError)
})
