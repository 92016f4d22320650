// Bytes on their way out: what is shared, what is linked, what is refused, and that a refusal leaves nothing behind.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import {
  ack,
  type Connect,
  encode,
  MAX_REMAINING_LENGTH,
  NONE,
  type Packet,
  type Publish,
  packetSize,
  packetsOf,
  type Qos,
  type Subscribe,
  type Version,
  Writer,
  write,
  writePublishes,
} from '../../src/packet/index.js'
import { unhex } from './vectors.js'

const LONGEST = 'x'.repeat(65_535)

function publish(fields: Partial<Publish> = {}): Publish {
  return {
    type: 'publish',
    dup: false,
    qos: 0,
    retain: false,
    topic: 't',
    packetId: 0,
    properties: NONE,
    payload: Buffer.from('hi'),
    ...fields,
  }
}

function connect(fields: Partial<Connect> = {}): Connect {
  return {
    type: 'connect',
    version: 5,
    cleanStart: true,
    keepAlive: 60,
    properties: NONE,
    clientId: 'c1',
    ...fields,
  }
}

function subscribe(filter: string): Subscribe {
  const subscription = {
    filter,
    qos: 0,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
  } as const
  return { type: 'subscribe', packetId: 1, dup: false, properties: NONE, subscriptions: [subscription] }
}

function hexOf(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('hex')
}

describe('numbers', () => {
  const rows: readonly [write: 'u8' | 'u16' | 'u32' | 'varint', value: number, hex: string][] = [
    ['u8', 255, 'ff'],
    ['u16', 0, '0000'],
    ['u16', 65_535, 'ffff'],
    ['u32', 1, '00000001'],
    ['u32', 2_147_483_648, '80000000'],
    ['u32', 4_294_967_295, 'ffffffff'],
    ['varint', 0, '00'],
    ['varint', 127, '7f'],
    ['varint', 128, '8001'],
    ['varint', 16_383, 'ff7f'],
    ['varint', 16_384, '808001'],
    ['varint', 2_097_151, 'ffff7f'],
    ['varint', 2_097_152, '80808001'],
    ['varint', 268_435_455, 'ffffff7f'],
  ]
  for (const [kind, value, hex] of rows) {
    test(`${kind} of ${value} is ${hex}`, () => {
      const out = new Writer()
      out.begin(0, 4)
      out[kind](value)
      assert.equal(hexOf(out.take()), `0004${hex}`)
    })
  }
})

describe('chunks', () => {
  test('small packets share one, in order', () => {
    const out = new Writer()
    for (let id = 1; id <= 100; id++) write(out, ack('puback', id), 4)
    write(out, publish(), 4)
    assert.equal(out.pending, 407)
    const parts = out.take()
    assert.equal(parts.length, 1)
    const expected = Array.from({ length: 100 }, (_, at) => `400200${(at + 1).toString(16).padStart(2, '0')}`)
    assert.equal(hexOf(parts), `${expected.join('')}30050001746869`)
    assert.equal(out.pending, 0)
    assert.deepEqual(out.take(), [])
  })

  test('what was taken is not written over', () => {
    const out = new Writer()
    write(out, ack('puback', 1), 4)
    const first = out.take()
    write(out, ack('puback', 2), 4)
    const second = out.take()
    assert.equal(hexOf(first), '40020001')
    assert.equal(hexOf(second), '40020002')
    // The rest of the chunk stays in use.
    assert.equal(first[0]?.buffer, second[0]?.buffer)
  })

  test('full chunks are used again, but only those whose bytes were taken and have left', () => {
    const out = new Writer()
    const fill = (turns: number): ArrayBufferLike[] => {
      for (let turn = 0; turn < turns; turn++) write(out, publish({ payload: Buffer.alloc(1_000, 'x') }), 4)
      return out.take().map(({ buffer }) => buffer)
    }
    const [first, second] = fill(200)
    assert.notEqual(first, second)
    const [, third] = fill(140)
    assert.equal([first, second].includes(third as ArrayBufferLike), false, 'nothing has left yet')
    out.reuse()
    const last = fill(400)
    assert.ok(last.includes(first as ArrayBufferLike))
    assert.ok(last.includes(second as ArrayBufferLike))
    // The third still has room behind what was taken, and goes on.
    assert.equal(last[0], third)
    assert.equal(new Set(last).size, last.length)
  })

  test('when all has left, the chunk in use is written from its start again, unless it holds more', () => {
    const out = new Writer()
    const one = (id: number): Uint8Array => {
      write(out, ack('puback', id), 4)
      return out.take()[0] as Uint8Array
    }
    const first = one(1)
    out.reuse()
    const second = one(2)
    assert.deepEqual([second.buffer, second.byteOffset], [first.buffer, first.byteOffset])
    write(out, ack('puback', 3), 4)
    out.reuse()
    write(out, ack('puback', 4), 4)
    assert.equal(hexOf([second, ...out.take()]), '400200024002000340020004')
    // The head of what is linked is in the chunk.
    const long = publish({ payload: Buffer.alloc(4_096) })
    out.reuse()
    write(out, long, 4)
    out.reuse()
    write(out, ack('puback', 5), 4)
    assert.equal(hexOf(out.take()), `${encode(long, 4).toString('hex')}40020005`)
  })

  test('many payloads are written as each of them alone', () => {
    const lengths = [0, 1, 63, 64, 120, 121, 122, 127, 4_095, 4_096, 16_380, 70_000, 131_072, 10]
    const lines = lengths.map((length, at) => Buffer.alloc(length, 97 + at))
    const bytes = Buffer.concat([
      Buffer.from('?'),
      ...lines.flatMap((line) => [line, Buffer.from('\n')]),
    ]).subarray(1)
    let end = -1
    const ends = lines.map(({ length }) => {
      end += 1 + length
      return end
    })
    const writing = (topic: string, qos: Qos, version: Version, from: number, to: number): void => {
      const packetIds = qos === 0 ? [] : lines.slice(from, to).map((_, at) => 0x1fe + at)
      const many = { topic, qos, retain: qos === 1, payloads: { bytes, ends }, from, to, packetIds }
      const [together, alone] = [new Writer(), new Writer()]
      writePublishes(together, many, version)
      for (const packet of packetsOf(many)) write(alone, packet, version)
      assert.equal(together.pending, alone.pending)
      assert.equal(
        hexOf(together.take()),
        hexOf(alone.take()),
        `QoS ${qos}, version ${version}, ${from} to ${to}`,
      )
    }
    for (const qos of [0, 1, 2] as const) {
      for (const version of [3, 4, 5] as const) {
        writing('h\u00e9/t', qos, version, 0, lines.length)
        writing('t'.repeat(300), qos, version, 3, 9)
        writing('t', qos, version, 9, 9)
      }
    }
  })

  test('one of many payloads that no packet can hold is told, before a byte of it is written', () => {
    const out = new Writer()
    const bytes = { length: 300_000_000, buffer: new ArrayBuffer(0), byteOffset: 0 } as Uint8Array
    const payloads = { bytes, ends: [300_000_000] }
    const many = { topic: 'a', qos: 0, retain: false, payloads, from: 0, to: 1, packetIds: [] } as const
    assert.throws(() => writePublishes(out, many, 4), /payload of 300000000 bytes/)
    assert.equal(out.pending, 0)
  })

  test('more packets than a chunk holds go on in the next', () => {
    const out = new Writer()
    const single = encode(publish({ payload: Buffer.alloc(1_000, 'x') }), 5)
    for (let turn = 0; turn < 100; turn++) write(out, publish({ payload: Buffer.alloc(1_000, 'x') }), 5)
    assert.equal(out.pending, 100 * single.length)
    const parts = out.take()
    assert.ok(parts.length < 20, `${parts.length} parts`)
    assert.equal(hexOf(parts), single.toString('hex').repeat(100))
  })

  test('a large payload is linked, not copied, and what follows stays behind it', () => {
    const out = new Writer()
    const payload = Buffer.alloc(100_000, 'x')
    write(out, ack('puback', 1), 4)
    write(out, publish({ payload }), 4)
    write(out, ack('puback', 2), 4)
    assert.equal(out.pending, 4 + 7 + 100_000 + 4)
    const parts = out.take()
    assert.equal(parts.length, 3)
    assert.equal(parts[1], payload)
    assert.equal(Buffer.from(parts[0] as Uint8Array).toString('hex'), '4002000130a38d06000174')
    assert.equal(Buffer.from(parts[2] as Uint8Array).toString('hex'), '40020002')
  })

  test('a small payload is copied: it may change afterwards', () => {
    const out = new Writer()
    const payload = Buffer.from('hi')
    write(out, publish({ payload }), 4)
    payload.fill(0)
    assert.equal(hexOf(out.take()), '30050001746869')
  })

  test('a header larger than a chunk gets one of its own', () => {
    const out = new Writer()
    write(out, ack('puback', 1), 4)
    const packet = connect({
      version: 4,
      clientId: LONGEST,
      userName: LONGEST,
      password: Buffer.alloc(65_535),
    })
    write(out, packet, 4)
    write(out, ack('puback', 2), 4)
    const bytes = Buffer.concat(out.take())
    assert.equal(bytes.length, 4 + packetSize(packet, 4) + 4)
    assert.deepEqual(bytes.subarray(4, -4), encode(packet, 4))
    assert.equal(bytes.subarray(-4).toString('hex'), '40020002')
  })

  test('topics in turn are each their own', () => {
    const out = new Writer()
    for (const topic of ['a', 'a', 'bc', 'é', 'a', '', 'a'])
      write(out, publish({ topic, payload: Buffer.of() }), 4)
    assert.equal(
      hexOf(out.take()),
      '3003000161 3003000161 300400026263 30040002c3a9 3003000161 30020000 3003000161'.replaceAll(' ', ''),
    )
  })
})

describe('limits', () => {
  test('strings of 65,535 bytes fit wherever a string stands [MQTT-4.7.3-3]', () => {
    const property = { contentType: LONGEST, userProperties: [[LONGEST, LONGEST]] as const }
    const packets: Packet[] = [
      publish({ topic: LONGEST }),
      publish({ topic: 'é'.repeat(32_767) }),
      publish({ properties: property }),
      connect({ clientId: LONGEST, userName: LONGEST }),
      subscribe(LONGEST),
      { type: 'unsubscribe', packetId: 1, dup: false, properties: NONE, filters: [LONGEST, LONGEST] },
    ]
    for (const packet of packets) assert.equal(encode(packet, 5).length, packetSize(packet, 5))
    assert.equal(
      encode(publish({ topic: LONGEST }), 4)
        .subarray(4, 6)
        .toString('hex'),
      'ffff',
    )
  })

  test('binary values of 65,535 bytes fit wherever they stand', () => {
    const bytes = Buffer.alloc(65_535, 0xff)
    const will = { topic: 'w', payload: bytes, qos: 0, retain: false, properties: NONE } as const
    const packets: Packet[] = [
      connect({ will, password: bytes }),
      publish({ properties: { correlationData: bytes } }),
      {
        type: 'auth',
        reasonCode: 0x18,
        properties: { authenticationMethod: 'M', authenticationData: bytes },
      },
    ]
    for (const packet of packets) assert.equal(encode(packet, 5).length, packetSize(packet, 5))
  })

  /** A payload that says it has `length` bytes and has none, so that its packet is measured and not made. */
  function phantom(length: number): Uint8Array {
    return Object.defineProperty(new Uint8Array(0), 'length', { value: length })
  }

  test('a payload may fill the largest packet and not one byte more [5.0 §2.1.4]', () => {
    const room = MAX_REMAINING_LENGTH - 3
    assert.equal(packetSize(publish({ payload: phantom(room) }), 4), 268_435_460)
    const out = new Writer()
    write(out, publish({ payload: phantom(room) }), 4)
    assert.equal(out.pending, 268_435_460)
    for (const over of [1, 12]) {
      assert.throws(
        () => encode(publish({ payload: phantom(room + over) }), 4),
        (error) => {
          assert.ok(error instanceof UsageError)
          assert.equal(error.code, 'PAYLOAD_TOO_LARGE')
          assert.equal(
            error.message,
            `payload of ${room + over} bytes is ${over} too many: no MQTT packet holds more than 268435455`,
          )
          return true
        },
      )
    }
  })
})

describe('a UsageError writes nothing', () => {
  const tooLong = `${LONGEST}x`
  const tooMany = Buffer.alloc(65_536)
  const payload = Object.defineProperty(new Uint8Array(0), 'length', { value: MAX_REMAINING_LENGTH })
  const will = { topic: 'w', payload: tooMany, qos: 0, retain: false, properties: NONE } as const
  const rows: readonly [title: string, packet: Packet, message: RegExp][] = [
    ['a topic of 65,536 bytes [MQTT-4.7.3-3]', publish({ topic: tooLong }), /longer than 65535 bytes/],
    ['a topic with U+0000 [MQTT-1.5.4-2]', publish({ topic: 'a\0' }), /U\+0000/],
    ['a topic with a lone surrogate [MQTT-1.5.4-1]', publish({ topic: '\ud800' }), /surrogate/],
    ['a payload too large', publish({ payload }), /bytes is \d+ too many/],
    ['a Content Type with U+0000', publish({ properties: { contentType: '\0' } }), /U\+0000/],
    [
      'a User Property of 65,536 bytes',
      publish({ properties: { userProperties: [['k', tooLong]] } }),
      /longer/,
    ],
    [
      'Correlation Data of 65,536 bytes',
      publish({ properties: { correlationData: tooMany } }),
      /65536 bytes/,
    ],
    ['a client identifier of 65,536 bytes', connect({ clientId: tooLong }), /longer than 65535 bytes/],
    [
      'a client identifier with a lone surrogate [MQTT-3.1.3-4]',
      connect({ clientId: '\udc00' }),
      /surrogate/,
    ],
    ['a user name with U+0000 [MQTT-3.1.3-12]', connect({ userName: '\0' }), /U\+0000/],
    ['a password of 65,536 bytes', connect({ password: tooMany }), /binary value of 65536 bytes/],
    ['a will payload of 65,536 bytes', connect({ will }), /binary value of 65536 bytes/],
    [
      'a will topic with U+0000',
      connect({ will: { ...will, topic: '\0', payload: Buffer.of() } }),
      /U\+0000/,
    ],
    ['a filter with a lone surrogate [MQTT-3.8.3-1]', subscribe('\ud800'), /surrogate/],
    ['a filter of 65,536 bytes', subscribe(tooLong), /longer than 65535 bytes/],
    [
      'an UNSUBSCRIBE filter with U+0000 [MQTT-3.10.3-1]',
      { type: 'unsubscribe', packetId: 1, dup: false, properties: NONE, filters: ['a', '\0'] },
      /U\+0000/,
    ],
    [
      'a Reason String of 65,536 bytes',
      { type: 'disconnect', reasonCode: 0x82, properties: { reasonString: tooLong } },
      /longer than 65535 bytes/,
    ],
    [
      'a Reason String with U+0000 in an acknowledgement',
      { ...ack('puback', 1, 0x80), properties: { reasonString: '\0' } },
      /U\+0000/,
    ],
  ]
  for (const [title, packet, message] of rows) {
    test(title, () => {
      const out = new Writer()
      write(out, ack('puback', 1), 5)
      assert.throws(
        () => write(out, packet, 5),
        (error) => error instanceof UsageError && message.test(error.message),
      )
      assert.equal(out.pending, 4)
      write(out, publish(), 5)
      assert.equal(hexOf(out.take()), '400200013006000174006869')
    })
  }

  test('the message shows a long string in part', () => {
    assert.throws(
      () => encode(publish({ topic: tooLong }), 4),
      (error) => error instanceof UsageError && error.message.length < 100,
    )
  })

  test('all that is legal is taken byte for byte', () => {
    assert.deepEqual(
      encode(publish({ topic: '\ufeffa', payload: Buffer.from('x') }), 4),
      unhex('30070004efbbbf6178'),
    )
  })
})
