// %j and %J of mqtt-sub for messages that a real mosquitto kept: every row of 4.4, the vectors of 9.3, Q54.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { needs, startMosquitto } from '../support/mosquitto.js'
import type { Args } from '../support/run.js'
import { at, brokerRows, listening, store } from './real.js'
import { cli } from './support.js'

const PROPERTIES = [
  ...['content-type text/x', 'correlation-data corr', 'payload-format-indicator 1', 'response-topic resp/t'],
  ...['user-property k1 v1', 'user-property k2 v_2', 'user-property k1 v3', 'message-expiry-interval 3590'],
].flatMap((words) => ['-D', 'publish', ...words.split(' ').map((word) => word.replace('_', ' '))])

async function printed(
  t: TestContext,
  broker: { port: number },
  topic: string,
  args: Args,
): Promise<{ out: string; err: string }> {
  const words = ['-V', 5, '-t', topic, '-C', 1, '-W', 30, ...args, ...at(broker)]
  const { code, out, err } = await cli(t, 'mqtt-sub', words)
  assert.equal(code, 0, err)
  return { out, err }
}

test('4.4, 9.3: each key of %j, from mosquitto', needs('mosquitto'), async (t) => {
  const broker = await startMosquitto(t)
  await store(t, broker, 'fmt/p', 'hello', PROPERTIES)
  const { out, err } = await printed(t, broker, 'fmt/p', ['-q', 1, '-F', '%j'])
  assert.equal(err, '')
  const message = JSON.parse(out) as Record<string, unknown>
  await t.test('9.3 %j, compact, byte for byte', () => {
    assert.equal(
      out.replace(/"tst":"[^"]*"/, '"tst":"T"').replace(/"message-expiry-interval":35[89]\d/, '"E":0'),
      '{"tst":"T","topic":"fmt/p","qos":1,"retain":true,"payloadlen":5,"mid":1,"properties":{"content-type":"text/x",' +
        '"correlation-data":"corr","payload-format-indicator":1,"response-topic":"resp/t",' +
        '"user-properties":[{"k1":"v1"},{"k2":"v 2"},{"k1":"v3"}],"E":0},"payload":"hello"}\n',
    )
  })
  await t.test('4.4: the keys in this order', () => {
    const keys = ['tst', 'topic', 'qos', 'retain', 'payloadlen', 'mid', 'properties', 'payload']
    assert.deepEqual(Object.keys(message), keys)
  })
  await t.test('4.4 tst: six digits, no colon in the zone', () => {
    assert.match(String(message.tst), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000$/)
  })
  for (const [key, value] of Object.entries({
    topic: 'fmt/p',
    qos: 1,
    retain: true,
    payloadlen: 5,
    mid: 1,
  })) {
    await t.test(`4.4 ${key}`, () => assert.equal(message[key], value))
  }
  await t.test('4.4 mid: only when QoS > 0; retain: false', async (t) => {
    const running = await listening(t, broker, ['-t', 'live', '-C', 1, '-F', '%j'])
    assert.equal((await cli(t, 'mqtt-pub', ['-t', 'live', '-m', 'x', ...at(broker)])).code, 0)
    const text = (await running.done).stdout.toString()
    assert.match(text, /"topic":"live","qos":0,"retain":false,"payloadlen":1,"payload":"x"\}\n$/)
  })
  await t.test('4.4 properties: only in MQTT 5', async (t) => {
    const { out } = await printed(t, broker, 'fmt/p', ['-V', '311', '-q', 1, '-F', '%j'])
    assert.match(out, /"mid":1,"payload":"hello"\}\n$/)
  })
  await t.test('4.4 properties: only if the message has one', async (t) => {
    await store(t, broker, 'plain', 'x')
    assert.match((await printed(t, broker, 'plain', ['-F', '%j'])).out, /"payloadlen":1,"payload":"x"\}\n$/)
  })
  await t.test('4.4 properties: a subscription identifier is a number', async (t) => {
    const identifier = ['-D', 'subscribe', 'subscription-identifier', 268_435_455]
    const { out } = await printed(t, broker, 'fmt/p', ['-F', '%j', ...identifier])
    assert.match(out, /"subscription-identifier":268435455[,}]/)
  })
  await t.test('4.4 payload: null where it is empty, in both forms', async (t) => {
    for (const format of ['%j', '%J']) {
      const running = await listening(t, broker, ['-t', 'none', '-C', 1, '-F', format])
      assert.equal((await cli(t, 'mqtt-pub', ['-t', 'none', '-n', ...at(broker)])).code, 0)
      assert.match((await running.done).stdout.toString(), /"payloadlen":0,"payload":null\}\n$/)
    }
  })
})

interface TextRow {
  what: string
  payload: string | Uint8Array
  json: string
  format?: '%J'
}

const bytes = (...list: readonly number[]): Buffer => Buffer.from(list)
// What stands behind "payload": in the line, as %j prints it and, with `format`, as %J does.
const TEXTS: readonly TextRow[] = [
  { what: '4.4 %j escapes', payload: '"\\/\b\f\n\r\t\x1f\x7f', json: '"\\"\\\\/\\b\\f\\n\\r\\t\\u001f\x7f"' },
  { what: '4.4 %j: all above 0x7f as it is', payload: 'é€\u{1f600}\u2028', json: '"é€\u{1f600}\u2028"' },
  { what: '4.4 %j: JSON in the payload is text', payload: '{"a":1}', json: '"{\\"a\\":1}"' },
  { what: 'Q54 %j: NUL', payload: 'a\0b', json: '"a\\u0000b"' },
  { what: 'Q54 %j: not UTF-8', payload: bytes(0x41, 0xff), json: '"A\ufffd","payload_base64":"Qf8="' },
  { what: 'Q54 %j: a cut character', payload: bytes(0xe2, 0x82), json: '"\ufffd","payload_base64":"4oI="' },
  {
    what: '4.4 %J: white space removed',
    format: '%J',
    payload: ' [ 1 , { "a" : 2 } ]\n',
    json: '[1,{"a":2}]',
  },
  { what: '4.4 %J: a byte order mark', format: '%J', payload: '\ufeff1', json: '1' },
  {
    what: '4.4 %J: order and duplicates kept',
    format: '%J',
    payload: '{"b":1,"a":2,"b":3}',
    json: '{"b":1,"a":2,"b":3}',
  },
  {
    what: '4.4 %J: \\u and \\/ decoded',
    format: '%J',
    payload: '"\\u0041\\/\\u00e9\\u000a"',
    json: '"A/é\\n"',
  },
  {
    what: '4.4 %J: nesting up to 1000',
    format: '%J',
    payload: '['.repeat(1_000) + ']'.repeat(1_000),
    json: '['.repeat(1_000) + ']'.repeat(1_000),
  },
  ...['9007199254740993', '3.141592653589793', '-0', '1E+05', '"text"', 'true', 'null'].map(
    (json): TextRow => ({ what: `Q54 %J: ${json} verbatim`, format: '%J', payload: json, json }),
  ),
]

brokerRows(
  '4.4, Q54: payloads as %j and %J print them',
  TEXTS,
  ({ what }) => what,
  async (t, { what, payload, json, format = '%j' }, broker) => {
    const topic = `t${TEXTS.findIndex((row) => row.what === what)}`
    await store(t, broker, topic, payload)
    const { out, err } = await printed(t, broker, topic, ['-F', format])
    assert.equal(err, '')
    const head = `"payloadlen":${Buffer.from(payload).length},"payload":`
    assert.equal(out.slice(out.indexOf(head)), `${head}${json}}\n`)
    JSON.parse(out)
  },
)

brokerRows(
  '4.4, Q54: what %J does not take for JSON: an error naming the topic, exit 0, the rest is printed',
  [
    'hello',
    '01',
    '1.',
    '"a\nb"',
    '1 2',
    '[1,]',
    '\ufeff\ufeff1',
    '{a:1}',
    '['.repeat(1_001) + ']'.repeat(1_001),
  ],
  (payload) => JSON.stringify(payload.slice(0, 20)),
  async (t, payload, broker) => {
    const topic = `n/${Buffer.from(payload.slice(0, 20)).toString('hex')}`
    await store(t, broker, topic, payload)
    const { out, err } = await printed(t, broker, topic, ['-F', '<%J>%l'])
    assert.equal(out, `<>${Buffer.byteLength(payload)}\n`)
    assert.match(err, new RegExp(`^mqtt-sub: [^\\n]*'${topic}'[^\\n]*\\n$`))
  },
)

const LAYERED = '["a",{"b":[1,[]]},{}]'
brokerRows(
  '9.3, 4.4: --pretty',
  [
    {
      what: '9.3 %J --pretty',
      payload: LAYERED,
      tail: '\t"payloadlen":\t21,\n\t"payload":\t["a", {\n\t\t\t"b":\t[1, []]\n\t\t}, {\n\t\t}]\n}\n',
    },
    {
      what: '4.4: objects in objects, empty ones',
      payload: '{"a":{"b":1},"c":{},"d":[]}',
      tail: '\t"payload":\t{\n\t\t"a":\t{\n\t\t\t"b":\t1\n\t\t},\n\t\t"c":\t{\n\t\t},\n\t\t"d":\t[]\n\t}\n}\n',
    },
  ],
  ({ what }) => what,
  async (t, { what, payload, tail }, broker) => {
    await store(t, broker, what.slice(0, 3), payload)
    const { out } = await printed(t, broker, what.slice(0, 3), ['-F', '%J', '--pretty'])
    assert.ok(out.startsWith('{\n\t"tst":\t"'), out)
    assert.ok(out.endsWith(tail), out)
  },
)

test('4.4: --pretty changes %j and %J alone', needs('mosquitto'), async (t) => {
  const broker = await startMosquitto(t)
  await store(t, broker, 'a', '{}')
  assert.equal((await printed(t, broker, 'a', ['--pretty', '-F', '%t %p'])).out, 'a {}\n')
})
