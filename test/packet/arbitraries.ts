// Random packets for the property tests: every type, every field, in the values each version allows.

import fc from 'fast-check'
import {
  type AckType,
  NONE,
  type Packet,
  PROPERTIES,
  type Qos,
  type Version,
} from '../../src/packet/index.js'
import type { Bearer } from '../../src/packet/properties.js'
import type { Side } from './vectors.js'

export interface Style {
  version: Version
  /** Leaves out what the other implementation cannot say; `oracle.ts` has the list. */
  plain: boolean
}

/** Objects as ours are: with a prototype. */
const record: typeof fc.record = (model: object, constraints?: object) =>
  fc.record(model as never, { ...constraints, noNullPrototype: true } as never)

const ACKS: readonly AckType[] = ['puback', 'pubrec', 'pubrel', 'pubcomp']
// Legal codes, typed from the tables of MQTT 5.0 rather than taken from ours.
const CODES = {
  connack: [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99,
    0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
  ],
  puback: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrec: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrel: [0x00, 0x92],
  pubcomp: [0x00, 0x92],
  suback: [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  unsuback: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
  disconnect: [
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ],
  auth: [0x00, 0x18, 0x19],
}

const u8 = fc.integer({ min: 0, max: 0xff })
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0x7fff_ffff, 0x8000_0000))
const packetId = fc.integer({ min: 1, max: 0xffff })
const qos = fc.constantFrom<Qos>(0, 1, 2)
const varint = fc.oneof(
  fc.integer({ min: 1, max: 268_435_455 }),
  fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455),
)
const bytes = fc
  .oneof({ weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }) }, fc.uint8Array({ maxLength: 400 }))
  .map((array) => Buffer.from(array))

/** Any legal string: all of Unicode except U+0000 and lone surrogates, U+FEFF more often than chance has it. */
const unit = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'abcxyz019 /$') },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\ufeff', 'é', '温', '\u{1f600}', '\x01', '\x7f', '\x80', '\uffff'),
  },
)
const text = fc.string({ unit, maxLength: 24 }).map((string) => string.replaceAll('\0', '?'))
const someText = text.map((string) => (string === '' ? 't' : string))
const topic = someText.map((string) => string.replaceAll('+', 'p').replaceAll('#', 'h'))
const level = fc.oneof(
  { weight: 2, arbitrary: fc.constant('+') },
  { weight: 5, arbitrary: topic.map((string) => string.replaceAll('/', '')) },
)
const filter = fc
  .tuple(
    fc.constantFrom('', '', '', '$share/group/'),
    fc.array(level, { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '', '/#'),
  )
  .map(([share, levels, end]) => {
    // `$share` is for the prefix to say, and an empty filter for nobody.
    const rest = levels.join('/').replace(/^\$share/, 'share')
    return share + (rest === '' ? 'f' : rest) + end
  })

function propertyValue(row: (typeof PROPERTIES)[number], plain: boolean): fc.Arbitrary<unknown> {
  const min = 'min' in row ? row.min : 0
  switch (row.wire) {
    case 'byte':
      return fc.constantFrom(0, 1)
    case 'u16':
      return fc.integer({ min, max: 0xffff })
    case 'u32':
      return min === 0 ? u32 : fc.integer({ min, max: 0xffff_ffff })
    case 'varint':
      return varint
    case 'utf8':
      return text
    case 'topic':
      return topic
    case 'binary':
      return bytes
    case 'pair':
      // The other side keys a map by name, which loses the order of names and any empty value but the last.
      return plain
        ? fc.tuple(
            fc.constantFrom('k1', 'k2', 'k3').chain((name) => text.map((end) => name + end)),
            someText,
          )
        : fc.tuple(text, text)
  }
}

function properties(bearer: Bearer, { version, plain }: Style, required: readonly string[] = []) {
  if (version !== 5) return fc.constant(NONE)
  const model: Record<string, fc.Arbitrary<unknown>> = {}
  for (const row of PROPERTIES) {
    if (!(row.in as readonly Bearer[]).includes(bearer)) continue
    const value = propertyValue(row, plain)
    model[row.name] = 'many' in row ? fc.array(value, { minLength: 1, maxLength: 3 }) : value
  }
  // One in three has none at all, the others each with a chance of its own; in an order of their own too.
  const some = fc
    .tuple(record(model, { requiredKeys: required as string[] }), fc.nat())
    .map(([record, turn]) => {
      const entries = Object.entries(record)
      const at = entries.length === 0 ? 0 : turn % entries.length
      return Object.fromEntries([...entries.slice(at), ...entries.slice(0, at)])
    })
  return required.length > 0 ? some : fc.oneof(fc.constant({}), some, some)
}

function code(type: keyof typeof CODES): fc.Arbitrary<number> {
  return fc.constantFrom(...CODES[type])
}

function connect(style: Style): fc.Arbitrary<unknown> {
  const { version, plain } = style
  const will = record({
    topic,
    payload: bytes,
    qos,
    retain: fc.boolean(),
    properties: properties('will', style),
  })
  return record(
    {
      type: fc.constant('connect'),
      version: fc.constant(version),
      cleanStart: fc.boolean(),
      keepAlive: u16,
      properties: properties('connect', style),
      clientId: plain ? someText : text,
      will,
      userName: text,
      password: bytes,
    },
    { requiredKeys: ['type', 'version', 'cleanStart', 'keepAlive', 'properties', 'clientId'] },
  ).map(({ password, ...rest }) =>
    password === undefined || (rest.userName === undefined && (version !== 5 || plain))
      ? rest
      : { ...rest, password },
  )
}

function publish(style: Style): fc.Arbitrary<unknown> {
  return record({
    type: fc.constant('publish'),
    dup: fc.boolean(),
    qos,
    retain: fc.boolean(),
    topic,
    packetId,
    properties: properties('publish', style),
    payload: bytes,
    byAlias: fc.boolean(),
  }).map(({ byAlias, ...packet }) => ({
    ...packet,
    dup: packet.qos !== 0 && packet.dup,
    packetId: packet.qos === 0 ? 0 : packet.packetId,
    topic: byAlias && 'topicAlias' in packet.properties ? '' : packet.topic,
  }))
}

/** Repeated packets of 3.1 carry DUP, of which the other side has not heard. */
function dup({ version, plain }: Style): fc.Arbitrary<boolean> {
  return version === 3 && !plain ? fc.boolean() : fc.constant(false)
}

function byType(style: Style): Record<Packet['type'], fc.Arbitrary<unknown>> {
  const { version } = style
  const ack = (type: AckType) =>
    record({
      type: fc.constant(type),
      packetId,
      dup: type === 'pubrel' ? dup(style) : fc.constant(false),
      reasonCode: version === 5 ? code(type) : fc.constant(0),
      properties: properties(type, style),
    })
  const option = <T>(arbitrary: fc.Arbitrary<T>, otherwise: T) =>
    version === 5 ? arbitrary : fc.constant(otherwise)
  return {
    connect: connect(style),
    connack: record({
      type: fc.constant('connack'),
      sessionPresent: version === 3 ? fc.constant(false) : fc.boolean(),
      reasonCode: version === 5 ? code('connack') : u8,
      properties: properties('connack', style),
    }),
    publish: publish(style),
    puback: ack('puback'),
    pubrec: ack('pubrec'),
    pubrel: ack('pubrel'),
    pubcomp: ack('pubcomp'),
    subscribe: record({
      type: fc.constant('subscribe'),
      packetId,
      dup: dup(style),
      properties: properties('subscribe', style),
      subscriptions: fc.array(
        record({
          filter,
          qos,
          noLocal: option(fc.boolean(), false),
          retainAsPublished: option(fc.boolean(), false),
          retainHandling: option(fc.constantFrom(0, 1, 2), 0),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    suback: record({
      type: fc.constant('suback'),
      packetId,
      properties: properties('suback', style),
      reasonCodes: fc.array(version === 5 ? code('suback') : fc.constantFrom(0, 1, 2, 0x80), {
        minLength: 1,
        maxLength: 6,
      }),
    }),
    unsubscribe: record({
      type: fc.constant('unsubscribe'),
      packetId,
      dup: dup(style),
      properties: properties('unsubscribe', style),
      filters: fc.array(filter, { minLength: 1, maxLength: 4 }),
    }),
    unsuback: record({
      type: fc.constant('unsuback'),
      packetId,
      properties: properties('unsuback', style),
      reasonCodes:
        version === 5 ? fc.array(code('unsuback'), { minLength: 1, maxLength: 6 }) : fc.constant([]),
    }),
    pingreq: fc.constant({ type: 'pingreq' }),
    pingresp: fc.constant({ type: 'pingresp' }),
    disconnect: record({
      type: fc.constant('disconnect'),
      reasonCode: version === 5 ? code('disconnect') : fc.constant(0),
      properties: properties('disconnect', style),
    }),
    auth: record({
      type: fc.constant('auth'),
      reasonCode: code('auth'),
      properties: properties('auth', style, ['authenticationMethod']),
    }),
  }
}

const CLIENT_TYPES: readonly Packet['type'][] = ['connect', 'publish', ...ACKS, 'subscribe', 'unsubscribe']
const SERVER_TYPES: readonly Packet['type'][] = [
  'connack',
  'publish',
  ...ACKS,
  'suback',
  'unsuback',
  'pingresp',
]

/** Packets that `from` may send, each type as likely as the next. */
export function packets(from: Side, style: Style): fc.Arbitrary<Packet> {
  const types = [...(from === 'client' ? CLIENT_TYPES : SERVER_TYPES)]
  if (from === 'client') types.push('pingreq', 'disconnect')
  else if (style.version === 5) types.push('disconnect')
  if (style.version === 5) types.push('auth')
  const all = byType(style)
  return fc.oneof(...types.map((type) => all[type])) as fc.Arbitrary<Packet>
}

/** Sizes of chunks to cut bytes into; the last goes on for ever. */
export const sizes = fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 60 })), {
  minLength: 1,
  maxLength: 12,
})

export function* chunked(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const length = lengths[Math.min(turn, lengths.length - 1)] as number
    yield bytes.subarray(at, at + length)
    at += length
  }
}
