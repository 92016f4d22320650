// The decoder under any bytes: it answers packets, or a MalformedError, the same however the bytes are cut, and it
// holds no more than what has come.

import assert from 'node:assert/strict'
import { MalformedError } from '../../src/errors.js'
import { Decoder, type Packet, type Version } from '../../src/packet/index.js'
import { MALFORMED, PACKET_VECTORS, type Side, unhex } from '../packet/vectors.js'
import { whole } from '../support/random.js'

/** Good and bad packets to begin with. */
const SEEDS: readonly Buffer[] = [
  ...PACKET_VECTORS.filter(({ size }) => size < 2_000).map((vector) => vector.bytes()),
  ...MALFORMED.flatMap(({ v31, v311, v5 }) =>
    [v31, v311, v5].flatMap((each) => (each ? [unhex(each.hex)] : [])),
  ),
]
/** What has to have come before the length of a packet is sure to be known. */
const HEADER_BYTES = 5
const INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xc0, 0xed, 0xff]

/** Several packets in a row, changed here and there; or bytes of no sense at all. */
export function anyBytes(random: () => number): Buffer {
  if (random() < 0.1)
    return Buffer.from(Array.from({ length: whole(random, 1, 40) }, () => whole(random, 0, 255)))
  const parts: Buffer[] = []
  do parts.push(mutated(random))
  while (random() < 0.5)
  return Buffer.concat(parts)
}

function mutated(random: () => number): Buffer {
  let bytes = Buffer.from(SEEDS[whole(random, 0, SEEDS.length - 1)] as Buffer)
  while (random() < 0.6 && bytes.length > 0) {
    const at = whole(random, 0, bytes.length - 1)
    const value = random() < 0.5 ? whole(random, 0, 255) : (INTERESTING[whole(random, 0, 7)] as number)
    switch (whole(random, 0, 4)) {
      case 0:
        bytes[at] = value
        break
      case 1:
        bytes[at] = (bytes[at] as number) ^ (1 << whole(random, 0, 7))
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(value), bytes.subarray(at)])
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + whole(random, 1, 4))])
        break
      default:
        bytes = bytes.subarray(0, at + 1)
    }
  }
  return bytes
}

/** What became of the bytes: the packets, and the fault that ended them. */
interface Outcome {
  packets: Packet[]
  fault?: string
}

function decode(chunks: readonly Buffer[], version: Version, from: Side, maxPacketSize: number): Outcome {
  const decoder = new Decoder({ version, from, maxPacketSize })
  const packets: Packet[] = []
  let pushed = 0
  try {
    for (const chunk of chunks) {
      decoder.push(chunk)
      pushed += chunk.length
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(packet)
      const limit = Math.max(HEADER_BYTES, maxPacketSize)
      assert.ok(decoder.buffered <= Math.min(pushed, limit), `${decoder.buffered} bytes held`)
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return { packets, fault: error.message }
  }
  return { packets }
}

function randomPieces(bytes: Buffer, random: () => number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + whole(random, 1, 12)
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}

/** One round. Throws where the decoder does not keep its word; the error names the bytes. */
export function fuzzDecoder(random: () => number): void {
  const bytes = anyBytes(random)
  const version = ([3, 4, 5] as const)[whole(random, 0, 2)] as Version
  const from: Side = random() < 0.8 ? 'server' : 'client'
  const maxPacketSize = random() < 0.2 ? whole(random, 2, 64) : 268_435_460
  try {
    const expected = decode([bytes], version, from, maxPacketSize)
    const singly = [...bytes].map((byte) => Buffer.of(byte))
    assert.deepEqual(decode(singly, version, from, maxPacketSize), expected, 'byte by byte')
    assert.deepEqual(decode(randomPieces(bytes, random), version, from, maxPacketSize), expected, 'in pieces')
  } catch (error) {
    throw new Error(`version ${version}, from ${from}: ${bytes.toString('hex')}`, { cause: error })
  }
}
