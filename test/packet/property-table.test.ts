// The properties of MQTT 5, tables 2-4 and chapter 3: each in every packet, legal or not, and at its limits. The rows
// are typed from the standard.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MalformedError, UsageError } from '../../src/errors.js'
import { checkProperties, encode, NONE, type Packet } from '../../src/packet/index.js'
import type { Bearer } from '../../src/packet/properties.js'
import { decodeAll, type Side, unhex } from './vectors.js'

interface Row {
  id: number
  name: string
  /** Value bytes and value, the smallest and the largest that are legal. */
  least: [hex: string, value: unknown]
  most: [hex: string, value: unknown]
  /** Value bytes that are refused, with the code. */
  bad?: readonly [hex: string, code: number][]
  in: readonly Bearer[]
  /** Where it may stand more than once. */
  many?: readonly Bearer[]
}

const ANSWERS: readonly Bearer[] = [
  'connack',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'suback',
  'unsuback',
  'disconnect',
  'auth',
]
const ALL: readonly Bearer[] = [...ANSWERS, 'connect', 'will', 'publish', 'subscribe', 'unsubscribe']
const MESSAGE: readonly Bearer[] = ['publish', 'will']

const flag = (id: number, name: string, ...where: Bearer[]): Row => {
  return {
    id,
    name,
    least: ['00', 0],
    most: ['01', 1],
    bad: [
      ['02', 0x82],
      ['ff', 0x82],
    ],
    in: where,
  }
}
const u16 = (id: number, name: string, where: readonly Bearer[]): Row => {
  return { id, name, least: ['0000', 0], most: ['ffff', 65_535], in: where }
}
/** As `u16`, but 0 is refused with `code`. */
const positive = (id: number, name: string, where: readonly Bearer[], code: number): Row => {
  return { id, name, least: ['0001', 1], most: ['ffff', 65_535], bad: [['0000', code]], in: where }
}
const u32 = (id: number, name: string, where: readonly Bearer[]): Row => {
  return { id, name, least: ['00000000', 0], most: ['ffffffff', 4_294_967_295], in: where }
}
const text = (id: number, name: string, where: readonly Bearer[]): Row => ({
  id,
  name,
  least: ['0000', ''],
  most: ['0004 efbbbf61', '\ufeffa'],
  bad: [
    ['0001 ff', 0x81],
    ['0001 00', 0x81],
    ['0003 eda080', 0x81],
  ],
  in: where,
})
const binary = (id: number, name: string, where: readonly Bearer[]): Row => {
  return { id, name, least: ['0000', unhex('')], most: ['0003 00ff80', unhex('00ff80')], in: where }
}

const ROWS: readonly Row[] = [
  flag(0x01, 'payloadFormatIndicator', ...MESSAGE),
  u32(0x02, 'messageExpiryInterval', MESSAGE),
  text(0x03, 'contentType', MESSAGE),
  {
    id: 0x08,
    name: 'responseTopic',
    least: ['0001 2f', '/'],
    most: ['0003 722f74', 'r/t'],
    bad: [
      ['0000', 0x82],
      ['0002 7223', 0x82],
      ['0001 2b', 0x82],
      ['0001 00', 0x81],
      ['0001 ff', 0x81],
    ],
    in: MESSAGE,
  },
  binary(0x09, 'correlationData', MESSAGE),
  {
    id: 0x0b,
    name: 'subscriptionIdentifiers',
    least: ['01', [1]],
    most: ['ffffff7f', [268_435_455]],
    bad: [
      ['00', 0x82],
      ['8100', 0x81],
      ['8080808001', 0x81],
    ],
    in: ['publish'],
    many: ['publish'],
  },
  {
    id: 0x0b,
    name: 'subscriptionIdentifier',
    least: ['01', 1],
    most: ['ffffff7f', 268_435_455],
    bad: [
      ['00', 0x82],
      ['8100', 0x81],
      ['8080808001', 0x81],
    ],
    in: ['subscribe'],
  },
  u32(0x11, 'sessionExpiryInterval', ['connect', 'connack', 'disconnect']),
  text(0x12, 'assignedClientIdentifier', ['connack']),
  u16(0x13, 'serverKeepAlive', ['connack']),
  text(0x15, 'authenticationMethod', ['connect', 'connack', 'auth']),
  binary(0x16, 'authenticationData', ['connect', 'connack', 'auth']),
  flag(0x17, 'requestProblemInformation', 'connect'),
  u32(0x18, 'willDelayInterval', ['will']),
  flag(0x19, 'requestResponseInformation', 'connect'),
  text(0x1a, 'responseInformation', ['connack']),
  text(0x1c, 'serverReference', ['connack', 'disconnect']),
  text(0x1f, 'reasonString', ANSWERS),
  positive(0x21, 'receiveMaximum', ['connect', 'connack'], 0x82),
  u16(0x22, 'topicAliasMaximum', ['connect', 'connack']),
  positive(0x23, 'topicAlias', ['publish'], 0x94),
  flag(0x24, 'maximumQoS', 'connack'),
  flag(0x25, 'retainAvailable', 'connack'),
  {
    id: 0x26,
    name: 'userProperties',
    least: ['0000 0000', [['', '']]],
    most: ['0001 6b 0002 c3a9', [['k', 'é']]],
    bad: [
      ['0001 00 0000', 0x81],
      ['0000 0001 00', 0x81],
      ['0001 ff 0000', 0x81],
      ['0001 6b', 0x81],
    ],
    in: ALL,
    many: ALL,
  },
  {
    id: 0x27,
    name: 'maximumPacketSize',
    least: ['00000001', 1],
    most: ['ffffffff', 4_294_967_295],
    bad: [['00000000', 0x82]],
    in: ['connect', 'connack'],
  },
  flag(0x28, 'wildcardSubscriptionAvailable', 'connack'),
  flag(0x29, 'subscriptionIdentifiersAvailable', 'connack'),
  flag(0x2a, 'sharedSubscriptionAvailable', 'connack'),
]

/** A packet around properties: its first byte, its body before and after them, and who sends it. */
const FRAMES: Readonly<Record<Bearer, [first: string, before: string, after: string, from: Side]>> = {
  connect: ['10', '0004 4d515454 05 02 003c', '0002 6331', 'client'],
  will: ['10', '0004 4d515454 05 06 003c 00 0002 6331', '0001 77 0000', 'client'],
  connack: ['20', '0000', '', 'server'],
  publish: ['30', '0001 74', '78', 'server'],
  puback: ['40', '000a 00', '', 'server'],
  pubrec: ['50', '000a 00', '', 'client'],
  pubrel: ['62', '000a 00', '', 'server'],
  pubcomp: ['70', '000a 00', '', 'client'],
  subscribe: ['82', '000a', '0001 61 00', 'client'],
  suback: ['90', '000a', '00', 'server'],
  unsubscribe: ['a2', '000a', '0001 61', 'client'],
  unsuback: ['b0', '000a', '00', 'server'],
  disconnect: ['e0', '00', '', 'server'],
  // It must have a method.
  auth: ['f0', '18', '', 'server'],
}

const METHOD = '15 0001 4d'

const byte = (value: number) => value.toString(16).padStart(2, '0')

function frame(bearer: Bearer, properties: string): Buffer {
  const [first, before, after] = FRAMES[bearer]
  const given = unhex(properties)
  const body = Buffer.concat([unhex(before), Buffer.of(given.length), given, unhex(after)])
  return Buffer.concat([unhex(first), Buffer.of(body.length), body])
}

/** The properties read from `hex` in a packet of that kind. */
function read(bearer: Bearer, hex: string, withMethod = bearer === 'auth'): object {
  const bytes = frame(bearer, withMethod ? `${METHOD} ${hex}` : hex)
  const [packet] = decodeAll([bytes], { version: 5, from: FRAMES[bearer][3] })
  assert.ok(packet !== undefined && 'properties' in packet)
  if (bearer === 'will') {
    assert.ok(packet.type === 'connect' && packet.will !== undefined)
    return packet.will.properties
  }
  assert.equal(packet.type, bearer)
  if (!withMethod) return packet.properties
  const { authenticationMethod, ...rest } = packet.properties as Record<string, unknown>
  assert.equal(authenticationMethod, 'M')
  return rest
}

function assertRefused(bearer: Bearer, hex: string, code: number, withMethod?: boolean): void {
  assert.throws(
    () => read(bearer, hex, withMethod),
    (error) => {
      assert.ok(error instanceof MalformedError, String(error))
      assert.equal(error.reasonCode, code, error.message)
      return true
    },
  )
}

test('the frames are packets, without properties and with an empty set', () => {
  for (const bearer of ALL) assert.deepEqual(read(bearer, ''), {}, bearer)
})

for (const row of ROWS) {
  const id = byte(row.id)
  describe(`0x${id} ${row.name}`, () => {
    for (const bearer of row.in) {
      // AUTH needs a method of its own, so there the row about it stands alone.
      const withMethod = bearer === 'auth' && row.id !== 0x15

      test(`is read and written in ${bearer} at its limits [5.0 §2.2.2.2]`, () => {
        for (const [hex, value] of [row.least, row.most]) {
          assert.deepEqual(read(bearer, `${id} ${hex}`, withMethod), { [row.name]: value })
        }
        for (const [hex, value] of [row.least, row.most]) {
          const method = withMethod ? { authenticationMethod: 'M' } : {}
          const properties = { ...method, [row.name]: value }
          const bytes = frame(bearer, `${withMethod ? METHOD : ''} ${id} ${hex}`)
          const [model] = decodeAll([bytes], { version: 5, from: FRAMES[bearer][3] })
          const packet = structuredClone(model) as Packet & {
            properties: object
            will?: { properties: object }
          }
          // structuredClone makes plain Uint8Arrays of Buffers; the bytes are the same.
          if (packet.will !== undefined) packet.will.properties = properties
          else packet.properties = properties
          assert.deepEqual(encode(packet, 5), bytes)
        }
      })

      test(`is refused in ${bearer} beyond them`, () => {
        for (const [hex, code] of row.bad ?? []) assertRefused(bearer, `${id} ${hex}`, code, withMethod)
        // Cut short by the Property Length, whatever follows in the packet.
        const whole = unhex(`${id} ${row.most[0]}`).toString('hex')
        assertRefused(bearer, whole.slice(0, -2), 0x81, withMethod)
        assertRefused(bearer, id, 0x81, withMethod)
      })

      test(`${row.many?.includes(bearer) ? 'may' : 'may not'} stand twice in ${bearer} [5.0 §3.x.2]`, () => {
        const twice = `${id} ${row.least[0]} ${id} ${row.most[0]}`
        if (!row.many?.includes(bearer)) return assertRefused(bearer, twice, 0x82, withMethod)
        const value = [...(row.least[1] as unknown[]), ...(row.most[1] as unknown[])]
        assert.deepEqual(read(bearer, twice, withMethod), { [row.name]: value })
      })

      test(`passes the check of what a caller gives for ${bearer}, at its limits alone`, () => {
        for (const [, value] of [row.least, row.most]) checkProperties({ [row.name]: value }, bearer)
        if (typeof row.most[1] !== 'number') return
        const [least, most] = [row.least[1] as number, row.most[1]]
        for (const value of [least - 1, most + 1, least + 0.5, Number.NaN]) {
          assert.throws(() => checkProperties({ [row.name]: value }, bearer), UsageError)
        }
      })
    }

    const elsewhere = ALL.filter(
      (bearer) => !ROWS.some(({ id, in: where }) => id === row.id && where.includes(bearer)),
    )
    test(`is refused elsewhere (${elsewhere.length}) [5.0 §2.2.2.2]`, () => {
      for (const bearer of elsewhere) {
        assertRefused(bearer, `${id} ${row.least[0]}`, 0x81)
        assert.throws(
          () => checkProperties({ [row.name]: row.least[1] }, bearer),
          (error) => error instanceof UsageError && error.message.includes(row.name),
        )
      }
    })
  })
}

test('no other identifier is known anywhere [5.0 §2.2.2.2]', () => {
  const known = new Set(ROWS.map(({ id }) => id))
  for (const bearer of ALL) {
    for (let id = 0; id < 128; id++) {
      if (!known.has(id)) assertRefused(bearer, `${byte(id)} 00000000`, 0x81)
    }
    assertRefused(bearer, '8001 00', 0x81)
  }
})

test('a property of no known name is refused from a caller', () => {
  assert.throws(() => checkProperties({ colour: 'red' }, 'publish'), UsageError)
  checkProperties(NONE, 'publish')
})

describe('values a caller may not give', () => {
  const rows: readonly [title: string, properties: object, bearer: Bearer][] = [
    ['a Response Topic with a wildcard [MQTT-3.3.2-14]', { responseTopic: 'r/#' }, 'publish'],
    ['an empty Response Topic [MQTT-4.7.3-1]', { responseTopic: '' }, 'will'],
    ['a Content Type with U+0000 [MQTT-1.5.4-2]', { contentType: '\0' }, 'publish'],
    ['a Content Type of 65,536 bytes', { contentType: 'x'.repeat(65_536) }, 'publish'],
    ['Correlation Data of 65,536 bytes', { correlationData: Buffer.alloc(65_536) }, 'publish'],
    [
      'a User Property name with a lone surrogate [MQTT-1.5.7-1]',
      { userProperties: [['\ud800', '']] },
      'connect',
    ],
    [
      'a User Property value with U+0000 [MQTT-1.5.7-1]',
      {
        userProperties: [
          ['a', 'b'],
          ['', '\0'],
        ],
      },
      'connect',
    ],
    ['a Subscription Identifier of 0', { subscriptionIdentifier: 0 }, 'subscribe'],
    ['a Subscription Identifier of 268,435,456', { subscriptionIdentifier: 268_435_456 }, 'subscribe'],
    ['a list of them with a 0', { subscriptionIdentifiers: [1, 0] }, 'publish'],
    ['a Topic Alias of 0 [MQTT-3.3.2-8]', { topicAlias: 0 }, 'publish'],
    ['a Topic Alias of 65,536', { topicAlias: 65_536 }, 'publish'],
    ['a Receive Maximum of 0 [5.0 §3.1.2.11.3]', { receiveMaximum: 0 }, 'connect'],
    ['a Session Expiry Interval of 2^32', { sessionExpiryInterval: 4_294_967_296 }, 'connect'],
    ['a Payload Format Indicator of 2', { payloadFormatIndicator: 2 }, 'will'],
  ]
  for (const [title, properties, bearer] of rows) {
    test(title, () => assert.throws(() => checkProperties(properties, bearer), UsageError))
  }
})
