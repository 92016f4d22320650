// What holds for any message: its line of JSON says the same, and nothing of it is lost.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReprintError, reprint } from '../../src/cli/json-reprint.js'
import type { Message } from '../../src/client/index.js'
import { printed } from './format-message.js'

const wellFormed = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => text.isWellFormed())
const data = fc.oneof(
  fc.uint8Array({ maxLength: 24 }),
  wellFormed.map((text) => new TextEncoder().encode(text)),
)
const whole = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max })

const properties = fc
  .record(
    {
      payloadFormatIndicator: fc.constantFrom(0, 1),
      messageExpiryInterval: whole(0xffff_ffff),
      contentType: wellFormed,
      responseTopic: wellFormed,
      correlationData: data,
      subscriptionIdentifiers: fc.array(whole(268_435_455), { minLength: 1, maxLength: 3 }),
      topicAlias: whole(65_535),
      userProperties: fc.array(fc.tuple(wellFormed, wellFormed), { minLength: 1, maxLength: 4 }),
    },
    { requiredKeys: [] },
  )
  .chain((all) => fc.shuffledSubarray(Object.entries(all), { minLength: Object.keys(all).length }))
  .map((entries) => Object.fromEntries(entries) as Message['properties'])

const messages: fc.Arbitrary<Partial<Message>> = fc.record({
  topic: wellFormed,
  payload: data.map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom(0, 1, 2),
  retain: fc.boolean(),
  packetId: whole(65_535),
  properties,
})

const kebab = (name: string): string =>
  name === 'subscriptionIdentifiers'
    ? 'subscription-identifier'
    : name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)

/** The members of `properties`, made in the plainest way. */
function expectedProperties(properties: Message['properties']): [string, unknown][] {
  return Object.entries(properties).flatMap(([name, value]): [string, unknown][] => {
    const key = kebab(name)
    if (value instanceof Uint8Array) {
      const bytes = Buffer.from(value)
      const text = bytes.toString()
      if (Buffer.from(text).equals(bytes)) return [[key, text]]
      return [
        [key, text],
        [`${key}_base64`, bytes.toString('base64')],
      ]
    }
    if (name === 'userProperties') {
      const pairs = value as [string, string][]
      return [[key, pairs.map((pair) => Object.fromEntries([pair]))]]
    }
    return [[key, Array.isArray(value) && value.length === 1 ? value[0] : value]]
  })
}

test('%j of any message is one valid JSON text on one line, and loses nothing', () => {
  fc.assert(
    fc.property(messages, fc.boolean(), (message, pretty) => {
      const bytes = printed('%j', message, { pretty })
      const text = bytes.toString()
      assert.ok(Buffer.from(text).equals(bytes), 'it is UTF-8')
      if (!pretty) assert.doesNotMatch(text, /[\x00-\x1f]/)
      const { payload, topic, qos, retain, packetId, properties = {} } = message as Message
      const value = JSON.parse(text)
      const { tst, payload: shown, payload_base64: base64, properties: listed, ...rest } = value
      assert.match(tst, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[-+]\d{4}$/)
      assert.deepEqual(rest, {
        topic,
        qos,
        retain,
        payloadlen: payload.length,
        ...(qos > 0 && { mid: packetId }),
      })
      const expected = expectedProperties(properties)
      assert.deepEqual(listed === undefined ? [] : Object.entries(listed), expected)
      if (payload.length === 0) assert.equal(shown, null)
      else {
        assert.equal(shown, new TextDecoder('utf-8', { ignoreBOM: true }).decode(payload))
        const carried = base64 === undefined ? Buffer.from(shown) : Buffer.from(base64, 'base64')
        assert.deepEqual(carried, payload)
        assert.equal(base64 === undefined, Buffer.from(shown).equals(payload))
      }
      const order = [
        'tst',
        'topic',
        'qos',
        'retain',
        'payloadlen',
        'mid',
        'properties',
        'payload',
        'payload_base64',
      ]
      assert.deepEqual(
        Object.keys(value),
        order.filter((key) => key in value),
      )
    }),
    { numRuns: 3_000 },
  )
})

const space = fc.constantFrom('', '', '', ' ', '\n', '\t ', '\r\n')
const character = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
  fc.constantFrom(
    '\\"',
    '\\\\',
    '\\/',
    '\\b',
    '\\f',
    '\\n',
    '\\r',
    '\\t',
    '\\ud800',
    '\\uDC00',
    '\\ud83d\\uDe00',
  ),
  fc.integer({ min: 0, max: 0xffff }).map((code) => `\\u${code.toString(16).padStart(4, '0')}`),
)
const quoted = fc
  .array(
    character.map((text) => (text.length > 1 || /[^\x00-\x1f"\\\ud800-\udfff]/.test(text) ? text : '.')),
    { maxLength: 8 },
  )
  .map((all) => `"${all.join('')}"`)
const digits = fc.stringMatching(/^[0-9]{1,25}$/)
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits.map((text) => text.replace(/^0+(?=.)/, '')),
    fc.oneof(
      fc.constant(''),
      digits.map((text) => `.${text}`),
    ),
    fc.oneof(fc.constant(''), fc.stringMatching(/^[eE][-+]?[0-9]{1,3}$/)),
  )
  .map((parts) => parts.join(''))
const keys = fc.oneof(fc.constantFrom('"a"', '"b"', '"\\u0061"'), quoted)

const { json } = fc.letrec<{ json: string; spaced: string }>((tie) => ({
  spaced: fc.tuple(space, tie('json'), space).map((parts) => parts.join('')),
  json: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(quoted, number, fc.constantFrom('true', 'false', 'null')),
    fc.array(tie('spaced'), { maxLength: 4 }).map((all) => `[${all.join(',') || ' '}]`),
    fc
      .array(fc.tuple(space, keys, space, tie('spaced')), { maxLength: 4 })
      .map((all) => `{${all.map(([a, key, b, value]) => `${a}${key}${b}:${value}`).join(',')}}`),
  ),
}))

/** All tokens in order, strings by their value. */
function tokens(text: string): unknown[] {
  const found = text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) ?? []
  return found.map((token) => (token.startsWith('"') ? [JSON.parse(token)] : token))
}

test('%J of any JSON has the same tokens: numbers by the digit, members in order, twice where twice', () => {
  fc.assert(
    fc.property(fc.tuple(space, json, space), fc.boolean(), (parts, pretty) => {
      const source = parts.join('')
      const bytes = printed('%J', { properties: {}, payload: Buffer.from(source) }, { pretty })
      const line = bytes.toString()
      const key = pretty ? '"payload":\t' : '"payload":'
      const text = line.slice(line.indexOf(key) + key.length, pretty ? -2 : -1)
      assert.deepEqual(JSON.parse(line).payload, JSON.parse(source))
      assert.deepEqual(tokens(text), tokens(source))
      const strings = /"(?:[^"\\]|\\.)*"/g
      if (!pretty) assert.doesNotMatch(text.replace(strings, ''), /\s/)
      for (const [string] of text.matchAll(strings)) {
        assert.doesNotMatch(string.replaceAll('\\\\', ''), /[\x00-\x1f]|\\\/|\\u(?!00[01]|d[89a-f])/i)
      }
    }),
    { numRuns: 3_000 },
  )
})

test('the parser takes what JSON.parse takes and nothing else', () => {
  const scraps = fc.constantFrom(
    ...[
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '"a"',
      '1',
      '0',
      '-',
      '.',
      'e',
      '+',
      'null',
      'true',
      'u0041',
      ' ',
    ],
    ...['\n', '\x00', '\t', 'é', '/', '{"a":', '[]', '\f', '\xa0'],
  )
  const mutated = fc.tuple(json, fc.nat(), fc.nat({ max: 3 }), scraps).map(([text, where, length, scrap]) => {
    const at = where % (text.length + 1)
    return text.slice(0, at) + scrap + text.slice(at + length)
  })
  const any = fc.oneof(
    mutated,
    fc.array(scraps, { maxLength: 8 }).map((all) => all.join('')),
  )
  let taken = 0
  fc.assert(
    fc.property(any, (text) => {
      fc.pre(text.isWellFormed())
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        assert.throws(() => reprint(Buffer.from(text), false, 0), ReprintError)
        return
      }
      taken++
      const again = Buffer.from(reprint(Buffer.from(text), false, 0)).toString()
      assert.deepEqual(JSON.parse(again), value)
    }),
    { numRuns: 10_000 },
  )
  assert.ok(taken > 500)
})

test('any bytes are printed or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, pretty) => {
      try {
        reprint(Buffer.from(bytes), pretty, 1)
      } catch (error) {
        assert.ok(error instanceof ReprintError)
      }
    }),
    { numRuns: 5_000 },
  )
})
