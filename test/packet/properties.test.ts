// What holds for any packet and any bytes: two implementations agree in both directions, cuts change nothing, and
// rubbish gives packets or a MalformedError and nothing else. fast-check prints the seed of what fails.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MalformedError } from '../../src/errors.js'
import { Decoder, encode, type Packet, packetSize, type Version } from '../../src/packet/index.js'
import { chunked, packets, sizes } from './arbitraries.js'
import { grouped, theyDecode, theyEncode } from './oracle.js'
import { decodeAll, PACKET_VECTORS, SIDES, type Side, VERSIONS } from './vectors.js'

const RUNS = 1_000

const LABEL: Readonly<Record<Version, string>> = { 3: '3.1', 4: '3.1.1', 5: '5.0' }

function forEachStream(body: (version: Version, from: Side, title: string) => void): void {
  for (const version of VERSIONS) {
    for (const from of SIDES) body(version, from, `${LABEL[version]} from the ${from}`)
  }
}

describe('mqtt-packet reads what encode makes', () => {
  forEachStream((version, from, title) => {
    test(title, () => {
      fc.assert(
        fc.property(packets(from, { version, plain: true }), (packet) => {
          assert.deepEqual(theyDecode(encode(packet, version), version).map(grouped), [grouped(packet)])
        }),
        { numRuns: RUNS },
      )
    })
  })
})

describe('the decoder reads what mqtt-packet makes, in any chunks', () => {
  forEachStream((version, from, title) => {
    test(title, () => {
      fc.assert(
        fc.property(packets(from, { version, plain: true }), sizes, (packet, lengths) => {
          const chunks = chunked(theyEncode(packet, version), lengths)
          assert.deepEqual(decodeAll(chunks, { version, from }).map(grouped), [grouped(packet)])
        }),
        { numRuns: RUNS },
      )
    })
  })
})

describe('several packets make the round trip, in any chunks', () => {
  forEachStream((version, from, title) => {
    test(title, () => {
      const stream = fc.array(packets(from, { version, plain: false }), { minLength: 1, maxLength: 5 })
      fc.assert(
        fc.property(stream, sizes, (sent, lengths) => {
          const encoded = sent.map((packet) => encode(packet, version))
          assert.deepEqual(
            sent.map((packet) => packetSize(packet, version)),
            encoded.map(({ length }) => length),
          )
          const chunks = chunked(Buffer.concat(encoded), lengths)
          assert.deepEqual(decodeAll(chunks, { version, from }), sent)
        }),
        { numRuns: RUNS },
      )
    })
  })
})

/**
 * Feeds `bytes` in chunks until they end or are refused. Whatever comes out must be a packet that can be written and
 * read again, and no error but MalformedError may come.
 */
function assertHarmless(bytes: Buffer, lengths: readonly number[], version: Version, from: Side): void {
  const decoder = new Decoder({ version, from })
  const found: Packet[] = []
  try {
    for (const chunk of chunked(bytes, lengths)) {
      decoder.push(chunk)
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) found.push(packet)
    }
    assert.ok(decoder.buffered <= bytes.length)
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    assert.ok([0x81, 0x82, 0x84, 0x94, 0x95].includes(error.reasonCode), `0x${error.reasonCode.toString(16)}`)
    assert.ok(error.clause.length > 0)
  }
  for (const packet of found) {
    // A 3.x refusal read by a 5.0 client has no form in 5.0.
    if (packet.type === 'connack' && version === 5 && packet.reasonCode >= 1 && packet.reasonCode <= 5)
      continue
    const again = encode(packet, version)
    assert.ok(again.length <= bytes.length + 2, 'longer than what it was read from')
    assert.deepEqual(decodeAll([again], { version, from }), [packet])
  }
}

const SMALL = PACKET_VECTORS.filter(({ size }) => size < 1_024)

/** A packet of the vectors, possibly of another version or side, with a few bytes changed. */
const mutated = fc
  .tuple(
    fc.constantFrom(...SMALL),
    fc.array(
      fc.tuple(
        fc.constantFrom('set', 'flip', 'insert', 'remove', 'cut'),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
      ),
      { minLength: 1, maxLength: 4 },
    ),
    fc.boolean(),
  )
  .map(([vector, changes, fixLength]) => {
    const bytes = [...vector.bytes()]
    for (const [change, where, value] of changes) {
      const at = where % (bytes.length + 1)
      if (change === 'set') bytes[at] = value
      else if (change === 'flip') bytes[at] = (bytes[at] ?? 0) ^ (1 << (value & 7))
      else if (change === 'insert') bytes.splice(at, 0, value)
      else if (change === 'remove') bytes.splice(at, 1)
      else bytes.length = at
    }
    // Mended, the change reaches the body; left alone, it also moves the end of the packet.
    if (fixLength && bytes.length >= 2 && bytes.length < 130) bytes[1] = bytes.length - 2
    return Buffer.from(bytes)
  })

/** A first byte that gets past the header, a length that fits, and then anything. */
const framed = fc
  .tuple(
    fc.constantFrom(
      0x10,
      0x20,
      0x30,
      0x32,
      0x34,
      0x3d,
      0x40,
      0x50,
      0x62,
      0x70,
      0x82,
      0x90,
      0xa2,
      0xb0,
      0xe0,
      0xf0,
    ),
    fc.uint8Array({ maxLength: 80 }),
  )
  .map(([first, body]) => Buffer.from([first, body.length, ...body]))

describe('any bytes give packets or a MalformedError', () => {
  const kinds: readonly [title: string, bytes: fc.Arbitrary<Buffer>][] = [
    ['random bytes', fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array))],
    ['random bodies', framed],
    ['mutated vectors', mutated],
  ]
  for (const [kind, bytes] of kinds) {
    forEachStream((version, from, title) => {
      test(`${kind}, ${title}`, () => {
        fc.assert(
          fc.property(bytes, sizes, (given, lengths) => assertHarmless(given, lengths, version, from)),
          { numRuns: RUNS },
        )
      })
    })
  }
})
