// Every legal packet of vectors/packets.json, from bytes to value and back, under every cut.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Decoder, encode, packetSize, Writer, write } from '../../src/packet/index.js'
import { cut, decodeAll, PACKET_VECTORS, pieces, type Side, unhex, type Vector } from './vectors.js'

/** From here on a vector is too big to be cut at each of its bytes. */
const BIG = 1_024
/** From here on it is too big to be held several times over. */
const HUGE = 100_000_000

const EDGES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

function cutsOf({ size }: Vector): number[] {
  if (size <= BIG) return Array.from({ length: size + 1 }, (_, at) => at)
  const middle = [16_383, 16_384, 65_535, 65_536, 65_537, size >> 1].filter((at) => at < size)
  return [...EDGES, ...middle, ...EDGES.map((back) => size - back)]
}

/** A packet this side may send, to follow the one under test, and then the first byte of another. */
function following(from: Side): { bytes: Buffer; type: 'pingreq' | 'pingresp' } {
  return from === 'client'
    ? { bytes: unhex('c000 30'), type: 'pingreq' }
    : { bytes: unhex('d000 30'), type: 'pingresp' }
}

test('the file holds 152 vectors with names of their own', () => {
  assert.equal(PACKET_VECTORS.length, 152)
  assert.equal(new Set(PACKET_VECTORS.map(({ name }) => name)).size, 152)
})

for (const vector of PACKET_VECTORS) {
  const { name, version, size, from } = vector
  if (size > HUGE) continue
  describe(name, () => {
    const bytes = vector.bytes()
    const packet = vector.packet()

    test('encodes to its canonical bytes', () => {
      const canonical = vector.canonical()
      assert.deepEqual(encode(packet, version), canonical)
      assert.equal(packetSize(packet, version), canonical.length)
      const out = new Writer()
      write(out, packet, version)
      assert.equal(out.pending, canonical.length)
      assert.deepEqual(Buffer.concat(out.take()), canonical)
    })

    for (const side of from) {
      const options = { version, from: side }

      test(`decodes from the ${side} in one chunk, as views of it`, () => {
        const [decoded, ...more] = decodeAll([bytes], options)
        assert.deepEqual(decoded, packet)
        assert.deepEqual(more, [])
        if (decoded?.type !== 'publish') return
        assert.equal(decoded.payload.buffer, bytes.buffer)
        assert.equal(decoded.payload.byteOffset, bytes.byteOffset + size - decoded.payload.length)
      })

      test(`decodes from the ${side} cut in two anywhere`, () => {
        for (const at of cutsOf(vector)) {
          assert.deepEqual(decodeAll(cut(bytes, at), options), [packet], `cut at ${at}`)
        }
      })

      test(`decodes from the ${side} byte by byte and in pieces of 64 KiB`, () => {
        assert.deepEqual(decodeAll(pieces(bytes, 1), options), [packet])
        assert.deepEqual(decodeAll(pieces(bytes, 65_536), options), [packet])
      })

      test(`decodes from the ${side} and leaves what follows alone`, () => {
        const next = following(side)
        const whole = Buffer.concat([bytes, next.bytes])
        const expected = [packet, { type: next.type }]
        for (const at of [whole.length, size, ...cutsOf(vector)]) {
          const decoder = new Decoder(options)
          const packets = []
          for (const chunk of cut(whole, at)) {
            decoder.push(chunk)
            for (let got = decoder.next(); got !== undefined; got = decoder.next()) packets.push(got)
          }
          assert.deepEqual(packets, expected, `cut at ${at}`)
          assert.equal(decoder.buffered, 1)
        }
      })
    }
  })
}

test('v311-publish-remaining-length-268435455 makes the round trip [3.1.1 §2.2.3]', () => {
  const vector = PACKET_VECTORS.find(({ size }) => size > HUGE)
  assert.ok(vector !== undefined)
  const packet = vector.packet()
  assert.ok(packet.type === 'publish')
  assert.equal(packetSize(packet, vector.version), 268_435_460)
  // As it leaves: the header in a chunk of its own, the payload linked behind it.
  const out = new Writer()
  write(out, packet, vector.version)
  assert.equal(out.pending, 268_435_460)
  const parts = out.take()
  assert.equal(parts.length, 2)
  assert.equal(Buffer.from(parts[0] as Uint8Array).toString('hex'), '30ffffff7f000174')
  assert.equal(parts[1], packet.payload)
  // As it arrives, in two chunks: the header's copy grows, so this holds it twice.
  const [decoded, ...more] = decodeAll(parts as Buffer[], { version: vector.version, from: 'server' })
  assert.deepEqual(more, [])
  assert.ok(decoded?.type === 'publish')
  assert.equal(decoded.topic, 't')
  assert.equal(decoded.payload.length, 268_435_452)
  assert.ok(packet.payload instanceof Buffer && packet.payload.equals(decoded.payload))
})
