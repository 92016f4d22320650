// Reason codes: which are legal where, what they are called, and which mean "later". The lists are typed from MQTT 5.0
// table 2-6 and from MQTT 3.1.1 table 3.1.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isTryLater, packetLabel, reasonText } from '../../src/packet/index.js'
import { decodeAll, type Side, unhex } from './vectors.js'

const PUB = '00 10 80 83 87 90 91 97 99'
const ROWS: readonly [type: string, before: string, after: string, from: Side, legal: string][] = [
  // 1 to 5 stand for an answer in the form of 3.x, which has no Property Length; here there is one.
  [
    'connack',
    '20 03 00',
    '00',
    'server',
    '00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f',
  ],
  ['puback', '40 04 000a', '00', 'server', PUB],
  ['pubrec', '50 04 000a', '00', 'client', PUB],
  ['pubrel', '62 04 000a', '00', 'server', '00 92'],
  ['pubcomp', '70 04 000a', '00', 'client', '00 92'],
  ['suback', '90 04 000a 00', '', 'server', '00 01 02 80 83 87 8f 91 97 9e a1 a2'],
  ['unsuback', 'b0 04 000a 00', '', 'server', '00 11 80 83 87 8f 91'],
  ['auth', 'f0 06', '04 15 0001 4d', 'server', '00 18 19'],
]

for (const [type, before, after, from, legal] of ROWS) {
  test(`${packetLabel(type as 'puback')} carries ${legal} and no other [5.0 table 2-6]`, () => {
    const expected = new Set([...unhex(legal)])
    for (let code = 0; code < 256; code++) {
      const bytes = unhex(`${before} ${code.toString(16).padStart(2, '0')} ${after}`)
      const read = () => decodeAll([bytes], { version: 5, from })
      if (expected.has(code)) assert.equal(read()[0]?.type, type)
      else assert.throws(read, { code: 'MALFORMED', reasonCode: 0x82 }, `0x${code.toString(16)}`)
    }
  })
}

test('DISCONNECT carries any: the peer is leaving, and its number is reported', () => {
  for (let code = 0; code < 256; code++) {
    const [packet] = decodeAll([Buffer.of(0xe0, 1, code)], { version: 5, from: 'server' })
    assert.ok(packet?.type === 'disconnect')
    assert.equal(packet.reasonCode, code)
  }
})

test('a CONNACK of 3.x carries any, a SUBACK of 3.1.1 carries 0, 1, 2 and 0x80 [MQTT-3.9.3-2]', () => {
  for (let code = 0; code < 256; code++) {
    const [connack] = decodeAll([Buffer.of(0x20, 2, 0, code)], { version: 4, from: 'server' })
    assert.equal(connack?.type === 'connack' && connack.reasonCode, code)
    const suback = () => decodeAll([Buffer.of(0x90, 3, 0, 10, code)], { version: 4, from: 'server' })
    if (code <= 2 || code === 0x80) assert.equal(suback().length, 1)
    else assert.throws(suback, { code: 'MALFORMED' })
  }
})

describe('what people read', () => {
  const rows: readonly [code: number, version: 3 | 4 | 5, text: string][] = [
    [0x00, 5, 'success (0x00)'],
    [0x87, 5, 'not authorized (0x87)'],
    [0x8d, 5, 'keep alive timeout (0x8d)'],
    [0xa2, 5, 'wildcard subscriptions not supported (0xa2)'],
    [0x05, 5, 'unknown reason (0x05)'],
    [0xff, 5, 'unknown reason (0xff)'],
    [0, 4, 'connection accepted (0)'],
    [1, 4, 'unacceptable protocol version (1)'],
    [2, 3, 'identifier rejected (2)'],
    [3, 3, 'server unavailable (3)'],
    [4, 4, 'bad user name or password (4)'],
    [5, 4, 'not authorized (5)'],
    [6, 4, 'reserved return code (6)'],
    [0x80, 4, 'unspecified error (0x80)'],
  ]
  for (const [code, version, text] of rows) {
    test(`${code} in version ${version} is '${text}'`, () => assert.equal(reasonText(code, version), text))
  }

  test('every code of table 2-6 has a name', () => {
    const named = ROWS.flatMap(([, , , , legal]) => [...unhex(legal)])
    for (const code of named) assert.doesNotMatch(reasonText(code), /unknown/)
  })
})

test('which refusals are worth another try', () => {
  const later = [0x88, 0x89, 0x8b, 0x8d, 0x96, 0x97, 0x98, 0x9f, 0xa0]
  for (let code = 0; code < 256; code++) {
    assert.equal(isTryLater(code, 5), later.includes(code), `0x${code.toString(16)}`)
    assert.equal(isTryLater(code, 4), code === 3)
    assert.equal(isTryLater(code, 3), code === 3)
  }
})
