// The cursor over a packet's body: it reads what is there, and throws where it is not.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Reader } from '../../src/packet/reader.js'
import { unhex } from './vectors.js'

/** A reader of a body that stands behind a fixed header of two bytes and in front of bytes of the next packet. */
function reader(hex: string): Reader {
  const body = unhex(hex)
  return new Reader(Buffer.concat([unhex('30ff'), body, unhex('ffffffff')]), 2, 2 + body.length, 'PUBLISH', 2)
}

const SHORT = { code: 'MALFORMED', packet: 'PUBLISH', clause: '5.0 §4.13', reasonCode: 0x81 } as const

describe('numbers', () => {
  const rows: readonly [read: 'u8' | 'u16' | 'u32' | 'varint', hex: string, value: number][] = [
    ['u8', '00', 0],
    ['u8', 'ff', 255],
    ['u16', '0000', 0],
    ['u16', '0102', 258],
    ['u16', 'ffff', 65_535],
    ['u32', '00000000', 0],
    ['u32', '01020304', 16_909_060],
    ['u32', '7fffffff', 2_147_483_647],
    ['u32', '80000000', 2_147_483_648],
    ['u32', 'ffffffff', 4_294_967_295],
    ['varint', '00', 0],
    ['varint', '7f', 127],
    ['varint', '8001', 128],
    ['varint', 'ff7f', 16_383],
    ['varint', '808001', 16_384],
    ['varint', 'ffff7f', 2_097_151],
    ['varint', '80808001', 2_097_152],
    ['varint', 'ffffff7f', 268_435_455],
  ]
  for (const [read, hex, value] of rows) {
    test(`${read} of ${hex} is ${value}, and every beginning of it is too short`, () => {
      const body = reader(hex)
      assert.equal(body[read](), value)
      assert.equal(body.left, 0)
      body.done()
      for (let length = 0; length < hex.length; length += 2) {
        assert.throws(() => reader(hex.slice(0, length))[read](), SHORT)
      }
    })
  }

  for (const hex of ['8000', '808000', '80808000', '8100', 'ff00']) {
    test(`varint ${hex} is not in the fewest bytes [MQTT-1.5.5-1]`, () => {
      assert.throws(() => reader(hex).varint(), { clause: 'MQTT-1.5.5-1', reasonCode: 0x81 })
    })
  }
  for (const hex of ['8080808001', 'ffffffff7f', '80808080']) {
    test(`varint ${hex} is longer than four bytes [5.0 §1.5.5]`, () => {
      assert.throws(() => reader(hex).varint(), { clause: '5.0 §1.5.5', reasonCode: 0x81 })
    })
  }

  test('a packet identifier is not 0 [MQTT-2.2.1-3]', () => {
    assert.equal(reader('0001').packetId(), 1)
    assert.equal(reader('ffff').packetId(), 65_535)
    assert.throws(() => reader('0000').packetId(), { clause: 'MQTT-2.2.1-3', reasonCode: 0x82 })
  })
})

describe('strings', () => {
  const good: readonly [title: string, hex: string, text: string][] = [
    ['empty', '', ''],
    ['ASCII', '612f62', 'a/b'],
    ['all of ASCII that is legal', '01097e7f', '\x01\t~\x7f'],
    ['two, three and four bytes a character', 'c3a9e6b8a9f09f9880', 'é温\u{1f600}'],
    ['U+FEFF in front, kept [MQTT-1.5.4-3]', 'efbbbf61', '\ufeffa'],
    ['U+FEFF twice [MQTT-1.5.4-3]', 'efbbbfefbbbf', '\ufeff\ufeff'],
    ['U+0080, the first of two bytes', 'c280', '\x80'],
    ['U+0800, the first of three', 'e0a080', '\u0800'],
    ['U+10000, the first of four', 'f0908080', '\u{10000}'],
    ['U+10FFFF, the last of all', 'f48fbfbf', '\u{10ffff}'],
    ['U+FFFD, which is a character as well', 'efbfbd', '\ufffd'],
  ]
  for (const [title, hex, text] of good) {
    test(title, () => {
      const body = reader(`${(hex.length / 2).toString(16).padStart(4, '0')}${hex}`)
      assert.equal(body.utf8(), text)
      assert.equal(body.left, 0)
    })
  }

  const bad: readonly [title: string, hex: string, clause: string][] = [
    ['U+0000', '00', 'MQTT-1.5.4-2'],
    ['U+0000 at the end of ASCII', '616200', 'MQTT-1.5.4-2'],
    ['U+0000 beside other characters', 'c3a900', 'MQTT-1.5.4-2'],
    ['U+0000 in two bytes', 'c080', 'MQTT-1.5.4-1'],
    ['"/" in two bytes', 'c0af', 'MQTT-1.5.4-1'],
    ['"/" in three bytes', 'e080af', 'MQTT-1.5.4-1'],
    ['"/" in four bytes', 'f08080af', 'MQTT-1.5.4-1'],
    ['the surrogate U+D800', 'eda080', 'MQTT-1.5.4-1'],
    ['the surrogate U+DFFF', 'edbfbf', 'MQTT-1.5.4-1'],
    ['a pair of surrogates', 'eda0bdedb880', 'MQTT-1.5.4-1'],
    ['U+110000', 'f4908080', 'MQTT-1.5.4-1'],
    ['a continuation byte alone', '80', 'MQTT-1.5.4-1'],
    ['a sequence cut short', 'e282', 'MQTT-1.5.4-1'],
    ['a sequence cut short by ASCII', 'e28261', 'MQTT-1.5.4-1'],
    ['five bytes a character', 'f888808080', 'MQTT-1.5.4-1'],
    ['FE and FF', 'feff', 'MQTT-1.5.4-1'],
  ]
  for (const [title, hex, clause] of bad) {
    test(`${title} is refused [${clause}]`, () => {
      const body = reader(`6162${(hex.length / 2).toString(16).padStart(4, '0')}${hex}`)
      body.u16()
      // The offset is that of the string, counted from the start of the packet: two of header, two of body.
      assert.throws(() => body.utf8(), { clause, reasonCode: 0x81, offset: 4 })
    })
  }

  test('65,535 bytes are read, with one missing they are not', () => {
    const text = Buffer.alloc(65_535, 'x').toString('hex')
    assert.equal(reader(`ffff${text}`).utf8().length, 65_535)
    assert.throws(() => reader(`ffff${text.slice(2)}`).utf8(), SHORT)
  })

  test('a string ends where the body does, not where the bytes do', () => {
    assert.throws(() => reader('000361 62').utf8(), SHORT)
    assert.throws(() => reader('00').utf8(), SHORT)
    assert.throws(() => reader('').utf8(), SHORT)
  })
})

describe('bytes', () => {
  test('are views, empty ones too', () => {
    const bytes = unhex('30ff 0002 00ff 0000 c0')
    const body = new Reader(bytes, 2, bytes.length, 'PUBLISH', 2)
    const first = body.binary()
    assert.deepEqual(first, unhex('00ff'))
    assert.equal(first.buffer, bytes.buffer)
    assert.equal(first.byteOffset, bytes.byteOffset + 4)
    assert.equal(body.binary().length, 0)
    const rest = body.rest()
    assert.deepEqual(rest, unhex('c0'))
    assert.equal(rest.byteOffset, bytes.byteOffset + 8)
    assert.equal(body.rest().length, 0)
  })

  test('are not read past the end', () => {
    for (const hex of ['', '00', '0001', '0002 61', 'ffff 61']) {
      assert.throws(() => reader(hex).binary(), SHORT)
    }
  })
})

describe('bounds', () => {
  test('narrow hides what follows, widen shows it again', () => {
    const body = reader('0102 0304')
    const end = body.narrow(body.offset + 2)
    assert.equal(body.left, 2)
    assert.equal(body.u16(), 0x0102)
    assert.throws(() => body.u8(), SHORT)
    body.widen(end)
    assert.equal(body.u16(), 0x0304)
  })

  test('done finds bytes too many', () => {
    const body = reader('0102')
    body.u8()
    assert.throws(() => body.done(), { message: /^malformed PUBLISH: 1 byte\(s\) too many at byte 3 / })
  })
})
