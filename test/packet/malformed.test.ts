// The malformed catalogue as far as bytes alone decide: what the decoder must refuse, with which code, and the
// look-alikes it must let through.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MalformedError } from '../../src/errors.js'
import { Decoder, type DecoderOptions, type Packet, type Version } from '../../src/packet/index.js'
import { cases, decodeAll, MALFORMED, type Malformed, pieces, type Reaction, unhex } from './vectors.js'

const LABEL: Readonly<Record<Version, string>> = { 3: '3.1', 4: '3.1.1', 5: '5.0' }

function optionsFor(entry: Malformed, version: Version): DecoderOptions {
  const maxPacketSize = entry.setup?.connect?.maximumPacketSize
  return { version, from: 'server', ...(maxPacketSize === undefined ? {} : { maxPacketSize }) }
}

/** Bytes whole and one by one. */
function feedings(hex: string): Buffer[][] {
  const bytes = unhex(hex)
  return [[bytes], [...pieces(bytes, 1)]]
}

function assertRefused(chunks: Buffer[], options: DecoderOptions, { codes }: Reaction): void {
  assert.throws(
    () => decodeAll(chunks, options),
    (error) => {
      assert.ok(error instanceof MalformedError, String(error))
      assert.equal(error.code, 'MALFORMED')
      assert.match(error.message, /^malformed \S+: .+ \[.+\]$/)
      if (codes !== undefined) {
        assert.ok(codes.includes(error.reasonCode), `0x${error.reasonCode.toString(16)}: ${error.message}`)
      }
      return true
    },
  )
}

test('the catalogue is complete, M-001 to M-189', () => {
  assert.deepEqual(
    MALFORMED.map(({ no }) => no),
    Array.from({ length: 189 }, (_, at) => `M-${String(at + 1).padStart(3, '0')}`),
  )
  for (const entry of MALFORMED) {
    const found = cases(entry)
    assert.ok(found.length > 0, entry.no)
    for (const { version, expected } of found) {
      assert.equal(expected.codes !== undefined, version === 5 && expected.reaction === 'close', entry.no)
      assert.equal(expected.answer !== undefined, expected.reaction === 'answer', entry.no)
    }
  }
})

for (const entry of MALFORMED) {
  for (const { version, expected } of cases(entry)) {
    const options = optionsFor(entry, version)
    const title = `${entry.no} in ${LABEL[version]}: ${entry.what}`
    if (expected.layer === 'session') {
      test(`${title} is not the decoder's to judge [${entry.source}]`, () => {
        for (const chunks of feedings(expected.hex)) {
          const packets = decodeAll(chunks, options)
          assert.equal(packets.length === 0, expected.reaction === 'lost')
        }
      })
    } else if (expected.reaction === 'accept') {
      test(`${title} is accepted [${entry.source}]`, () => {
        for (const chunks of feedings(expected.hex)) assert.equal(decodeAll(chunks, options).length, 1)
      })
    } else {
      test(`${title} is refused [${entry.source}]`, () => {
        assert.equal(expected.reaction, 'close')
        for (const chunks of feedings(expected.hex)) assertRefused(chunks, options, expected)
      })
    }
  }
}

describe('a verdict does not wait', () => {
  // Entries of which the listed number of bytes is enough.
  const enough: readonly [no: string, bytes: number][] = [
    ['M-001', 1],
    ['M-003', 1],
    ['M-006', 1],
    ['M-010', 5],
    ['M-020', 1],
    ['M-025', 1],
    ['M-026', 1],
    ['M-027', 1],
    ['M-029', 1],
    ['M-120', 2],
    ['M-121', 5],
  ]
  for (const [no, length] of enough) {
    test(`${no} is refused after ${length} byte(s)`, () => {
      const entry = MALFORMED.find((candidate) => candidate.no === no) as Malformed
      const expected = entry.v5 as Reaction
      const bytes = unhex(expected.hex)
      const options = optionsFor(entry, 5)
      assert.deepEqual(decodeAll([bytes.subarray(0, length - 1)], options), [])
      assertRefused([bytes.subarray(0, length)], options, expected)
      assertRefused([...pieces(bytes.subarray(0, length), 1)], options, expected)
    })
  }

  test('packets before the bad one in the same read come out first', () => {
    const decoder = new Decoder({ version: 5, from: 'server' })
    decoder.push(unhex('d000 4002000a d000 d100 d000'))
    const types = [decoder.next(), decoder.next(), decoder.next()].map((packet) => packet?.type)
    assert.deepEqual(types, ['pingresp', 'puback', 'pingresp'])
    assert.throws(() => decoder.next(), { packet: 'PINGRESP', clause: 'MQTT-2.1.3-1', reasonCode: 0x81 })
  })
})

describe('what a message says', () => {
  const rows: readonly [title: string, hex: string, packet: string, clause: string, offset: number][] = [
    ['both QoS bits', '3609', 'PUBLISH', 'MQTT-3.3.1-4', -1],
    ['an unknown type', '00', 'packet', '5.0 §2.1.2', -1],
    ['a topic with U+0000', '30080003610062006869', 'PUBLISH', 'MQTT-1.5.4-2', 2],
    ['a packet identifier of 0', '320a0003612f620000006869', 'PUBLISH', 'MQTT-2.2.1-3', 9],
    ['a topic that runs past the packet', '30050009612f62', 'PUBLISH', '5.0 §4.13', 2],
    ['a byte too many', '4005000a0000ff', 'PUBACK', '5.0 §4.13', 6],
  ]
  for (const [title, hex, packet, clause, offset] of rows) {
    test(`${title}: packet, clause and offset`, () => {
      for (const prefix of ['', 'd000']) {
        assert.throws(
          () => decodeAll([unhex(prefix + hex)], { version: 5, from: 'server' }),
          (error) => {
            assert.ok(error instanceof MalformedError)
            assert.equal(error.packet, packet)
            assert.equal(error.clause, clause)
            assert.equal(error.offset, offset === -1 ? undefined : offset)
            return true
          },
        )
      }
    })
  }
})

test('codes and identifiers are shown in hexadecimal, as the standard prints them', () => {
  const rows: readonly [hex: string, message: string][] = [
    ['2003 00 1a 00', 'malformed CONNACK: reason code 0x1a at byte 4 [MQTT-3.2.2-8]'],
    ['4004 000a 92 00', 'malformed PUBACK: reason code 0x92 at byte 5 [MQTT-3.4.2-1]'],
    ['9004 000a 00 1a', 'malformed SUBACK: reason code 0x1a at byte 6 [MQTT-3.9.3-2]'],
    ['b004 000a 00 1a', 'malformed UNSUBACK: reason code 0x1a at byte 6 [MQTT-3.11.3-2]'],
    ['f006 17 04 15 0001 4d', 'malformed AUTH: reason code 0x17 at byte 3 [MQTT-3.15.2-1]'],
    [
      '2005 00 00 02 0c 00',
      'malformed CONNACK: property 0x0c does not belong in CONNACK at byte 6 [5.0 §2.2.2.2]',
    ],
    ['2006 00 00 03 21 0000', 'malformed CONNACK: receiveMaximum is 0 at byte 8 [5.0 §2.2.2.2]'],
    ['e100', 'malformed DISCONNECT: fixed header flags 1, not 0 [MQTT-2.1.3-1]'],
    ['c000', 'malformed PINGREQ: a server never sends it [5.0 §2.1.2]'],
  ]
  for (const [hex, message] of rows) {
    assert.throws(() => decodeAll([unhex(hex)], { version: 5, from: 'server' }), { message })
  }
  assert.throws(() => decodeAll([unhex('f000')], { version: 4, from: 'server' }), {
    message: 'malformed AUTH: a server never sends it before MQTT 5 [3.1.1 table 2.1]',
  })
  assert.throws(() => decodeAll([unhex('e000')], { version: 4, from: 'server' }), {
    message: 'malformed DISCONNECT: a server never sends it before MQTT 5 [5.0 §2.1.2]',
  })
})

describe('from a client', () => {
  // The catalogue is about servers; a decoder in a broker must not be fooled either.
  const rows: readonly [title: string, version: Version, hex: string, code: number][] = [
    ['CONNACK travels server to client only [Tab. 2-1]', 5, '2003000000', 0x82],
    ['SUBACK travels server to client only [Tab. 2-1]', 4, '9003000a00', 0x82],
    ['PINGRESP travels server to client only [Tab. 2-1]', 5, 'd000', 0x82],
    ['AUTH does not exist before 5.0 [3.1.1 Tab. 2.1]', 4, 'f000', 0x82],
    ['CONNECT of level 6 [MQTT-3.1.2-2]', 5, '100f00044d5154540602003c0000026331', 0x84],
    ['CONNECT of another name [MQTT-3.1.2-1]', 4, '100e00044d5154580402003c00026331', 0x81],
    ['CONNECT with 3.1.1 name and 3.1 level [MQTT-3.1.2-1]', 4, '100e00044d5154540302003c00026331', 0x81],
    ['CONNECT with reserved flag [MQTT-3.1.2-3]', 4, '100e00044d5154540403003c00026331', 0x81],
    ['CONNECT with Will QoS 3 [MQTT-3.1.2-12]', 4, '101500044d515454041e003c0002633100036c77740000', 0x81],
    ['CONNECT with Will QoS and no will [MQTT-3.1.2-11]', 4, '100e00044d515454040a003c00026331', 0x81],
    ['CONNECT with Will Retain and no will [MQTT-3.1.2-13]', 5, '100f00044d5154540522003c0000026331', 0x81],
    [
      'CONNECT with password alone before 5.0 [MQTT-3.1.2-22]',
      4,
      '101100044d5154540442003c00026331000170',
      0x81,
    ],
    ['CONNECT that ends early [5.0 §4.13]', 4, '100d00044d5154540402003c000263', 0x81],
    ['SUBSCRIBE without filter [MQTT-3.8.3-2]', 5, '8203000a00', 0x82],
    ['SUBSCRIBE with QoS 3 [MQTT-3.8.3-4]', 4, '8206000a00016103', 0x82],
    ['SUBSCRIBE with reserved bits [MQTT-3-8.3-4]', 4, '8206000a00016104', 0x81],
    ['SUBSCRIBE with reserved bits [MQTT-3.8.3-5]', 5, '8207000a0000016140', 0x81],
    ['SUBSCRIBE with Retain Handling 3 [5.0 §3.8.3.1]', 5, '8207000a0000016130', 0x82],
    ['SUBSCRIBE with a bad filter [MQTT-4.7.1-1]', 5, '8208000a000002612301', 0x82],
    ['SUBSCRIBE with an empty filter [MQTT-4.7.3-1]', 5, '8206000a00000001', 0x82],
    ['SUBSCRIBE without options [5.0 §4.13]', 5, '8206000a00000161', 0x81],
    ['SUBSCRIBE with packet identifier 0 [MQTT-2.2.1-3]', 5, '820700000000016100', 0x82],
    ['SUBSCRIBE with Subscription Identifier 0 [5.0 §3.8.2.1.2]', 5, '8209000a020b0000016100', 0x82],
    ['SUBSCRIBE with Subscription Identifier twice [5.0 §3.8.2.1.2]', 5, '820b000a040b010b0200016100', 0x82],
    ['SUBSCRIBE with flags 0 [MQTT-3.8.1-1]', 5, '8007000a0000016100', 0x81],
    ['UNSUBSCRIBE without filter [MQTT-3.10.3-2]', 5, 'a203000b00', 0x82],
    ['UNSUBSCRIBE with a bad filter [MQTT-4.7.1-2]', 5, 'a207000b000002612b', 0x82],
    ['UNSUBSCRIBE with flags 0 [MQTT-3.10.1-1]', 4, 'a005000b000161', 0x81],
    ['PINGREQ with a body [5.0 §4.13]', 5, 'c00100', 0x81],
    ['DISCONNECT with a body before 5.0 [3.1.1 §3.14]', 4, 'e00100', 0x81],
  ]
  for (const [title, version, hex, code] of rows) {
    test(`${title} is refused`, () => {
      const expected: Reaction = { hex, layer: 'decoder', reaction: 'close', codes: [code] }
      for (const chunks of feedings(hex)) assertRefused(chunks, { version, from: 'client' }, expected)
    })
  }
})

describe('look-alikes are accepted', () => {
  /** The one packet that `hex` is, from a server, whole and byte by byte. */
  function only(version: Version, hex: string): Packet {
    const [whole, bytewise] = feedings(hex).map((chunks) => decodeAll(chunks, { version, from: 'server' }))
    assert.deepEqual(bytewise, whole)
    assert.equal(whole?.length, 1)
    return whole[0] as Packet
  }

  const topics: readonly [title: string, hex: string, topic: string][] = [
    ['U+FEFF inside a string [MQTT-1.5.4-3]', '3007 0005 61efbbbf62', 'a\ufeffb'],
    ['U+FEFF alone', '3005 0003 efbbbf', '\ufeff'],
    ['a character outside the basic plane', '3006 0004 f09f9880', '\u{1f600}'],
    ['U+10FFFF', '3006 0004 f48fbfbf', '\u{10ffff}'],
    ['U+D7FF and U+E000, around the surrogates', '3008 0006 ed9fbf ee8080', '\ud7ff\ue000'],
    ['a control character [STR-06]', '3005 0003 610762', 'a\x07b'],
    ['a non-character [STR-06]', '3005 0003 efbfbf', '\uffff'],
    ['a space', '3005 0003 612062', 'a b'],
    ['a leading, a double and a trailing slash', '3008 0006 2f612f2f622f', '/a//b/'],
    ['a $ in front', '3006 0004 24535953', '$SYS'],
  ]
  for (const [title, hex, topic] of topics) {
    test(`a topic with ${title}`, () => {
      const packet = only(4, hex)
      assert.ok(packet.type === 'publish')
      assert.equal(packet.topic, topic)
      assert.equal(packet.payload.length, 0)
    })
  }

  test('acknowledgements with Remaining Length 2, 3 and 4 [5.0 §3.4.2.1]', () => {
    for (const [first, type] of [
      ['40', 'puback'],
      ['50', 'pubrec'],
      ['62', 'pubrel'],
      ['70', 'pubcomp'],
    ]) {
      const expected = { type, packetId: 10, dup: false, reasonCode: 0, properties: {} }
      for (const hex of ['02000a', '03000a00', '04000a0000']) {
        assert.deepEqual(only(5, `${first}${hex}`), expected)
      }
    }
  })

  test('DISCONNECT with Remaining Length 0, 1 and 2 [5.0 §3.14.2.1]', () => {
    for (const [hex, reasonCode] of [
      ['e000', 0],
      ['e00100', 0],
      ['e0020000', 0],
      ['e0018b', 0x8b],
      ['e0028b00', 0x8b],
    ] as const) {
      assert.deepEqual(only(5, hex), { type: 'disconnect', reasonCode, properties: {} })
    }
  })

  test('properties in reversed order [5.0 §2.2.2.2]', () => {
    const [forward, reversed] = [
      '200e 00 00 0b 13 000a 22 0003 11 ffffffff',
      '200e 00 00 0b 11 ffffffff 22 0003 13 000a',
    ].map((hex) => only(5, hex))
    assert.deepEqual(forward, reversed)
    assert.deepEqual(forward?.type === 'connack' && forward.properties, {
      serverKeepAlive: 10,
      topicAliasMaximum: 3,
      sessionExpiryInterval: 0xffff_ffff,
    })
  })

  test('CONNACK with Server Keep Alive 0, Topic Alias Maximum 0, no expiry and an empty Reason String', () => {
    const packet = only(5, '2011 00 00 0e 13 0000 22 0000 11 ffffffff 1f 0000')
    assert.deepEqual(packet, {
      type: 'connack',
      sessionPresent: false,
      reasonCode: 0,
      properties: {
        serverKeepAlive: 0,
        topicAliasMaximum: 0,
        sessionExpiryInterval: 0xffff_ffff,
        reasonString: '',
      },
    })
  })

  test('User Properties of one name and empty ones, several Subscription Identifiers, also equal ones', () => {
    const packet = only(5, '301b 0001 74 17 26 0001 6b 0001 31 0b 05 26 0001 6b 0001 31 26 0000 0000 0b 05')
    assert.ok(packet.type === 'publish')
    assert.deepEqual(packet.properties, {
      userProperties: [
        ['k', '1'],
        ['k', '1'],
        ['', ''],
      ],
      subscriptionIdentifiers: [5, 5],
    })
  })

  test('an empty topic with a Topic Alias [MQTT-3.3.2-8]', () => {
    const packet = only(5, '3006 0000 03 23 0005')
    assert.ok(packet.type === 'publish')
    assert.equal(packet.topic, '')
    assert.equal(packet.properties.topicAlias, 5)
  })

  test('many packets in one segment', () => {
    const packets = decodeAll([unhex('d000'.repeat(1_000))], { version: 4, from: 'server' })
    assert.equal(packets.length, 1_000)
  })

  test('a 3.1 SUBACK of any code: what is no QoS counts as a failure', () => {
    assert.deepEqual(only(3, '9007000a 00 01 02 03 80'), {
      type: 'suback',
      packetId: 10,
      properties: {},
      reasonCodes: [0, 1, 2, 0x80, 0x80],
    })
  })

  test('3.1 packets with unused flag bits: they are masked, and only bit 3 is DUP', () => {
    for (let flags = 0; flags < 16; flags++) {
      const first = (type: number) => ((type << 4) | flags).toString(16)
      const dup = flags >= 8
      const expected = { packetId: 10, properties: {} }
      const ack = { ...expected, reasonCode: 0 }
      assert.deepEqual(only(3, `${first(4)} 02 000a`), { ...ack, type: 'puback', dup: false })
      assert.deepEqual(only(3, `${first(6)} 02 000a`), { ...ack, type: 'pubrel', dup })
      const [unsubscribe, subscribe] = decodeAll(
        [unhex(`${first(10)} 05 000a 0001 61 ${first(8)} 06 000a 0001 61 00`)],
        { version: 3, from: 'client' },
      )
      assert.deepEqual(unsubscribe, { ...expected, type: 'unsubscribe', dup, filters: ['a'] })
      assert.ok(subscribe?.type === 'subscribe')
      assert.equal(subscribe.dup, dup)
    }
  })

  test('a 3.1 CONNECT with Will QoS and Will Retain but no will: they are disregarded', () => {
    const bytes = unhex('1010 0006 4d5149736470 03 2a 003c 0002 6331')
    const [packet] = decodeAll([bytes], { version: 3, from: 'client' })
    assert.ok(packet?.type === 'connect')
    assert.equal(packet.will, undefined)
    assert.equal(packet.cleanStart, true)
  })
})
