// %j and %J against the contract, byte by byte.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { reprint } from '../../src/cli/json-reprint.js'
import type { Message } from '../../src/client/index.js'
import { NONE } from '../../src/packet/index.js'
import { attempted, printed } from './format-message.js'

process.env.TZ = 'UTC'

const BARE: Partial<Message> = { properties: {}, qos: 0, retain: false, packetId: 0 }

/** What stands behind `"payload":`, without the closing brace. */
function payloadOf(format: string, payload: string | Buffer): string {
  const text = printed(format, { ...BARE, payload: Buffer.from(payload) }).toString()
  return text.slice(text.indexOf('"payload":') + '"payload":'.length, -1)
}

function propertiesOf(properties: Message['properties']): string {
  const text = printed('%j', { properties }).toString()
  const start = text.indexOf('"properties":')
  return text.slice(start + '"properties":'.length, text.lastIndexOf(',"payload":'))
}

test('contract 9.3: %j, compact', () => {
  const expected =
    '{"tst":"2026-11-20T10:21:55.832710+0000","topic":"fmt/p","qos":1,"retain":true,"payloadlen":5,"mid":1,' +
    '"properties":{"content-type":"text/x","correlation-data":"corr","payload-format-indicator":1,' +
    '"response-topic":"resp/t","user-properties":[{"k1":"v1"},{"k2":"v 2"},{"k1":"v3"}],' +
    '"message-expiry-interval":3590},"payload":"hello"}'
  assert.equal(printed('%j').toString(), expected)
  assert.equal(printed('<%10j>\\n%.3:j').toString(), `<${expected}>\n${expected}`)
})

const LAYERED = '["a",{"b":[1,[]]},{}]'
const PRETTY_HEAD = '{\n\t"tst":\t"2026-11-20T10:21:55.832710+0000",\n\t"topic":\t"fmt/p",\n'

describe('contract 9.3 and 4.4: --pretty', () => {
  test('%J', () => {
    const expected =
      `${PRETTY_HEAD}\t"qos":\t0,\n\t"retain":\tfalse,\n\t"payloadlen":\t21,\n` +
      '\t"payload":\t["a", {\n\t\t\t"b":\t[1, []]\n\t\t}, {\n\t\t}]\n}'
    assert.equal(
      printed('%J', { ...BARE, payload: Buffer.from(LAYERED) }, { pretty: true }).toString(),
      expected,
    )
    const spacious = Buffer.from(' [ "a" , { "b" : [ 1 , [ ] ] } , { } ] ')
    const again = printed('%J', { ...BARE, payload: spacious }, { pretty: true }).toString()
    assert.equal(again, expected.replace('\t21', '\t39'))
  })
  test('objects in objects, empty ones, the top', () => {
    const rows: readonly [payload: string, printed: string][] = [
      [
        '{"a":{"b":{"c":1}},"d":{}}',
        '{\n\t\t"a":\t{\n\t\t\t"b":\t{\n\t\t\t\t"c":\t1\n\t\t\t}\n\t\t},\n\t\t"d":\t{\n\t\t}\n\t}',
      ],
      ['{}', '{\n\t}'],
      ['[]', '[]'],
      ['[[{"a":[]}],1]', '[[{\n\t\t\t\t"a":\t[]\n\t\t\t}], 1]'],
      ['"\\u0041"', '"A"'],
      ['12', '12'],
    ]
    for (const [payload, expected] of rows) {
      const text = printed('%J', { ...BARE, payload: Buffer.from(payload) }, { pretty: true }).toString()
      assert.equal(text.slice(text.indexOf('"payload":') + 11, -2), expected)
    }
  })
  test('%j', () => {
    const properties: Message['properties'] = {
      contentType: 'a\tb',
      userProperties: [
        ['k', 'v'],
        ['', ''],
      ],
      subscriptionIdentifiers: [1, 2],
      topicAlias: 3,
      correlationData: Buffer.from([0xff]),
    }
    const text = printed(
      '%j',
      { properties, payload: Buffer.from([0x41, 0x80]) },
      { pretty: true },
    ).toString()
    assert.equal(
      text,
      `${PRETTY_HEAD}\t"qos":\t1,\n\t"retain":\ttrue,\n\t"payloadlen":\t2,\n\t"mid":\t1,\n` +
        '\t"properties":\t{\n\t\t"content-type":\t"a\\tb",\n' +
        '\t\t"user-properties":\t[{\n\t\t\t\t"k":\t"v"\n\t\t\t}, {\n\t\t\t\t"":\t""\n\t\t\t}],\n' +
        '\t\t"subscription-identifier":\t[1, 2],\n\t\t"topic-alias":\t3,\n' +
        '\t\t"correlation-data":\t"\ufffd",\n\t\t"correlation-data_base64":\t"/w=="\n\t},\n' +
        '\t"payload":\t"A\ufffd",\n\t"payload_base64":\t"QYA="\n}',
    )
  })
  test('no payload', () => {
    const payload = Buffer.alloc(0)
    for (const format of ['%j', '%J']) {
      const text = printed(format, { ...BARE, payload }, { pretty: true }).toString()
      assert.ok(text.endsWith('\n\t"payloadlen":\t0,\n\t"payload":\tnull\n}'))
    }
  })
})

describe('contract 4.4: members', () => {
  test('QoS 0 has no mid, no properties no member, an empty payload is null in both forms', () => {
    const expected =
      '{"tst":"2026-11-20T10:21:55.832710+0000","topic":"fmt/p","qos":0,"retain":false,"payloadlen":0,"payload":null}'
    for (const format of ['%j', '%J']) {
      assert.equal(printed(format, { ...BARE, payload: Buffer.alloc(0) }).toString(), expected)
    }
  })
  test('microseconds have six digits', () => {
    const clock = () => ({ seconds: 0, nanoseconds: 1_999 })
    assert.match(printed('%j', {}, { clock }).toString(), /^\{"tst":"1970-01-01T00:00:00\.000001\+0000"/)
  })
  const rows: readonly [properties: Message['properties'], json: string][] = [
    [{ messageExpiryInterval: 4_294_967_295 }, '{"message-expiry-interval":4294967295}'],
    [{ subscriptionIdentifiers: [268_435_455] }, '{"subscription-identifier":268435455}'],
    [{ subscriptionIdentifiers: [2, 1, 2] }, '{"subscription-identifier":[2,1,2]}'],
    [{ topicAlias: 65_535, payloadFormatIndicator: 0 }, '{"topic-alias":65535,"payload-format-indicator":0}'],
    [{ payloadFormatIndicator: 0, topicAlias: 1 }, '{"payload-format-indicator":0,"topic-alias":1}'],
    [{ contentType: '', responseTopic: 'ü"\\' }, '{"content-type":"","response-topic":"ü\\"\\\\"}'],
    [{ correlationData: Buffer.alloc(0) }, '{"correlation-data":""}'],
    [{ correlationData: Buffer.from('a\0b') }, '{"correlation-data":"a\\u0000b"}'],
    [
      { correlationData: Uint8Array.of(0xc3, 0x28), topicAlias: 1 },
      '{"correlation-data":"\ufffd(","correlation-data_base64":"wyg=","topic-alias":1}',
    ],
    [{ correlationData: Buffer.from('\ufeffa') }, '{"correlation-data":"\ufeffa"}'],
    [
      {
        userProperties: [
          ['__proto__', 'x'],
          ['a"', '\n'],
        ],
      },
      '{"user-properties":[{"__proto__":"x"},{"a\\"":"\\n"}]}',
    ],
  ]
  for (const [properties, json] of rows) {
    test(`properties ${json}`, () => assert.equal(propertiesOf(properties), json))
  }
})

describe('contract 4.4 and Q54: the payload as a string', () => {
  const rows: readonly [payload: string | Buffer, json: string][] = [
    ['"\\/', '"\\"\\\\/"'],
    ['\b\f\n\r\t', '"\\b\\f\\n\\r\\t"'],
    ['\x00\x01\x0b\x1f', '"\\u0000\\u0001\\u000b\\u001f"'],
    ['\x7f\x80é€\u{1f600}\u2028\ufeff\uffff', '"\x7f\x80é€\u{1f600}\u2028\ufeff\uffff"'],
    ['\ufeffx', '"\ufeffx"'],
    ['a\0b', '"a\\u0000b"'],
    [Buffer.from([0xff]), '"\ufffd","payload_base64":"/w=="'],
    [Buffer.from([0x00, 0xc3, 0x22]), '"\\u0000\ufffd\\"","payload_base64":"AMMi"'],
    // One U+FFFD for what could have begun a character, as browsers do it.
    [Buffer.from([0xe2, 0x82, 0x41, 0xf0, 0x9f, 0x98]), '"\ufffdA\ufffd","payload_base64":"4oJB8J+Y"'],
    [Buffer.from([0xed, 0xa0, 0x80]), '"\ufffd\ufffd\ufffd","payload_base64":"7aCA"'],
    [Buffer.from([0xc0, 0x80]), '"\ufffd\ufffd","payload_base64":"wIA="'],
  ]
  for (const [payload, json] of rows) {
    test(json, () => assert.equal(payloadOf('%j', payload), json))
  }
})

describe('contract 4.4 and Q54: the payload as JSON', () => {
  const kept = [
    ...['0', '-0', '12', '-1.50', '1e5', '1E+05', '0.1e-7', '9007199254740993', '3.141592653589793'],
    '123456789012345678901234567890.000000000000000000000000010e999',
    ...['true', 'false', 'null', '""', '[]', '{}', '[[],{}]', '{"b":1,"a":2,"b":3}', '{"":{"":[]}}'],
    ...[
      '"\\"\\\\\\b\\f\\n\\r\\t"',
      '"/\x7f\u2028é€\u{1f600}"',
      '"\\u0000\\u001f"',
      '"a\\ud800"',
      '"\\udc00\\ud800"',
    ],
    ...['"\\uD83Dx\\uDE00"', '"\\ud83d\\ud83d"', '"\\ud800\\n"'],
  ]
  for (const json of kept) {
    test(`${json} stays as it is`, () => assert.equal(payloadOf('%J', json), json))
  }
  const changed: readonly [payload: string, json: string][] = [
    [' \t\r\n[ 1 , 2 ]\n\n', '[1,2]'],
    ['\ufeff{"a" :\t"b c" }', '{"a":"b c"}'],
    ['\ufeff 1', '1'],
    ['"\\/\\u002f\\u0041\\u00e9\\u20AC"', '"//Aé€"'],
    ['"\\ud83d\\ude00\\uD83D\\uDE00"', '"\u{1f600}\u{1f600}"'],
    ['"\\ud83d\\ud83d\\ude00"', '"\\ud83d\u{1f600}"'],
    ['"\\u0022\\u005C\\u0008\\u000A\\u001F\\u007f\\u2028"', '"\\"\\\\\\b\\n\\u001f\x7f\u2028"'],
    ['{"\\u0061\\/":"\\u0062"}', '{"a/":"b"}'],
  ]
  for (const [payload, json] of changed) {
    test(`${JSON.stringify(payload)} becomes ${json}`, () => assert.equal(payloadOf('%J', payload), json))
  }
  test('what is compact already is not copied', () => {
    const payload = Buffer.from('  {"a":[1,"\\n"]} ')
    const text = reprint(payload, false, 1)
    assert.equal(text.buffer, payload.buffer)
    assert.equal(text.byteOffset, payload.byteOffset + 2)
    assert.equal(text.length, 14)
  })

  const refused: readonly [payload: string | Buffer, why: RegExp][] = [
    ['hello', /unexpected 'h' at byte 0/],
    ['01', /unexpected '1' at byte 1/],
    ['1.', /ends too early/],
    ['1.x', /unexpected 'x' at byte 2/],
    ['-', /too early/],
    ['+1', /'\+'/],
    ['.5', /'\.'/],
    ['1e', /too early/],
    ['1e+', /too early/],
    ['0x1', /'x'/],
    ['--1', /'-' at byte 1/],
    ['NaN', /'N'/],
    ['Infinity', /'I'/],
    ['"a\nb"', /0x0a at byte 2/],
    ['"\0"', /0x00 at byte 1/],
    ['"\t"', /0x09/],
    ['"a', /too early/],
    ['"\\', /too early/],
    ['"\\x"', /'x'/],
    ['"\\u12"', /'"'/],
    ['"\\u12g4"', /'g'/],
    ['"\\ud800\\u12"', /'"'/],
    ['"\\U0041"', /'U'/],
    ["'a'", /'''/],
    ['[1,]', /'\]' at byte 3/],
    ['[,1]', /','/],
    ['[1 2]', /'2'/],
    ['[', /too early/],
    ['[1', /too early/],
    ['[1}', /'}'/],
    ['{"a":1,}', /'}'/],
    ['{a:1}', /'a'/],
    ['{"a" 1}', /'1'/],
    ['{"a":}', /'}'/],
    ['{1:1}', /'1'/],
    ['{', /too early/],
    ['{"a":1]', /'\]'/],
    ['1 2', /'2' at byte 2/],
    ['[]]', /'\]' at byte 2/],
    ['{}x', /'x'/],
    ['nul', /too early/],
    ['nulL', /'L' at byte 3/],
    ['truefalse', /'f'/],
    ['True', /'T'/],
    [' ', /too early/],
    ['\ufeff', /too early/],
    ['\ufeff\ufeff1', /0xef at byte 3/],
    ['1\ufeff', /0xef at byte 1/],
    ['\xa01', /0xc2/],
    ['\f1', /0x0c/],
    ['/**/1', /'\/'/],
    [Buffer.from([0x22, 0xff, 0x22]), /not UTF-8/],
    [Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), /not UTF-8/],
    ['1\0', /0x00 at byte 1/],
  ]
  for (const [payload, why] of refused) {
    test(`${JSON.stringify(payload.toString())} is not JSON`, () => {
      const changes = { topic: 'some/topic', payload: Buffer.from(payload) }
      const { text, complaints } = attempted('%q<%J>%t', changes, { noEol: false })
      assert.equal(text, '1<>some/topic\n')
      assert.equal(complaints.length, 1)
      assert.match(complaints[0] as string, /^%J: the payload on 'some\/topic' is not JSON: /)
      assert.match(complaints[0] as string, why)
    })
  }

  test('nesting up to 1000', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    const objects = (depth: number): string => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`
    for (const deep of [nested, objects]) {
      assert.equal(payloadOf('%J', deep(1_000)), deep(1_000))
      for (const depth of [1_001, 100_000]) {
        const { complaints } = attempted('%J', { payload: Buffer.from(deep(depth)) })
        assert.match(complaints[0] as string, /nested deeper than 1000/)
      }
    }
    const siblings = `[${Array(1_001).fill('[]').join()}]`
    assert.equal(payloadOf('%J', siblings), siblings)
  })
  test('--pretty has a limit, so that a small payload cannot fill the memory', () => {
    const payload = Buffer.from(`${'['.repeat(500)}{},{}${']'.repeat(500)}`)
    assert.equal(reprint(payload, true, 1, 2_100).length, 1_000 + 2 * (2 + 1 + 501) + 2)
    assert.throws(() => reprint(payload, true, 1, 2_000), {
      message: /^would take more .* 2000 .* --pretty$/,
    })
    assert.equal(reprint(payload, false, 1, 0).length, payload.length)
  })
})

test('in a stream each message has a head of its own, whatever the one before it was', () => {
  const message = fc.record({
    topic: fc.constantFrom('a', 'a/"b"', 'ä'),
    retain: fc.boolean(),
    qos: fc.constantFrom(0, 1, 2) as fc.Arbitrary<0 | 1 | 2>,
    payload: fc.constantFrom('', 'x', 'y', 'xyz').map((text) => Buffer.from(text)),
    properties: fc.constantFrom(NONE, {}, { contentType: 'c' }),
    pretty: fc.boolean(),
    at: fc.record({ seconds: fc.constantFrom(0, 1, 1_795_170_115), nanoseconds: fc.nat(999_999_999) }),
  })
  fc.assert(
    fc.property(fc.array(message, { minLength: 2, maxLength: 20 }), (stream) => {
      for (const { pretty, at, ...changes } of stream) {
        const packetId = changes.qos === 0 ? 0 : 7
        const text = printed('%j', { ...changes, packetId }, { pretty, clock: () => at }).toString()
        const day = new Date(1_000 * at.seconds).toISOString().slice(0, 19)
        const micros = String(Math.floor(at.nanoseconds / 1_000)).padStart(6, '0')
        assert.deepEqual(JSON.parse(text), {
          tst: `${day}.${micros}+0000`,
          topic: changes.topic,
          qos: changes.qos,
          retain: changes.retain,
          payloadlen: changes.payload.length,
          ...(packetId > 0 && { mid: packetId }),
          ...('contentType' in changes.properties && { properties: { 'content-type': 'c' } }),
          payload: changes.payload.length === 0 ? null : changes.payload.toString(),
        })
      }
    }),
  )
})
