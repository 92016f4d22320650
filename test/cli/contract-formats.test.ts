// What mqtt-sub -F prints for messages that a real mosquitto kept: every vector of 9.2, every row of 4.3. One run of
// the program prints the formats of a table, with NUL in between.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { publish } from '../broker/wire.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { findCommand, start as startCommand } from '../support/processes.js'
import type { Args, CliOptions } from '../support/run.js'
import { at, brokerRows, listening, store } from './real.js'
import { cli, converse, misuse, PROGRAMS, rows } from './support.js'

const EXAMPLE = [
  ...['content-type text/x', 'correlation-data corr', 'payload-format-indicator 1', 'response-topic resp/t'],
  ...['user-property k1 v1', 'user-property k2 v_2', 'user-property k1 v3', 'message-expiry-interval 3590'],
].flatMap((words) => ['-D', 'publish', ...words.split(' ').map((word) => word.replace('_', ' '))])

/** What each of the formats prints for the message on a topic, and what is said on standard error. */
async function printed(
  t: TestContext,
  broker: { port: number },
  topic: string,
  formats: readonly string[],
  { args = [], ...options }: CliOptions & { args?: Args } = {},
): Promise<{ texts: string[]; err: string }> {
  const format = formats.join('\\0')
  const words = ['-V', 5, '-t', topic, '-q', 1, '-C', 1, '-W', 30, '-N', '-F', format, ...args, ...at(broker)]
  const { code, out, err } = await cli(t, 'mqtt-sub', words, options)
  assert.equal(code, 0, err)
  return { texts: out.split('\0'), err }
}

type Row = readonly [row: string, format: string, output: string]

/** One run for all rows of a message. */
async function table(
  t: TestContext,
  broker: { port: number },
  topic: string,
  list: readonly Row[],
  args: Args = [],
): Promise<void> {
  const { texts, err } = await printed(
    t,
    broker,
    topic,
    list.map(([, format]) => format),
    { args },
  )
  assert.equal(err, '')
  assert.equal(texts.length, list.length)
  for (const [nth, [row, format, output]] of list.entries()) {
    await t.test(`${row} ${JSON.stringify(format)} prints ${JSON.stringify(output)}`, () => {
      assert.equal(texts[nth], output)
    })
  }
}

const VECTORS: readonly Row[] = [
  ['[%10C]', '[    text/x]'],
  ['[%-10C]', '[text/x    ]'],
  ['[%010C]', '[    text/x]'],
  ['[%.3C]', '[tex]'],
  ['[%10.3C]', '[       tex]'],
  ['[%.2t]', '[fm]'],
  ['[%10l]', '[         5]'],
  ['[%010l]', '[0000000005]'],
  ['[%-010l]', '[5         ]'],
  ['[%10q]', '[1]'],
  ['[%10A]', '[          ]'],
  ['[%010A]', '[0000000000]'],
  ['[%3F]', '[  1]'],
  ['[%10D]', '[corr]'],
  ['%P', 'k1:v1 k2:v 2 k1:v3'],
  ['[%10%]', '[%]'],
  ['[%10p]', '[     hello]'],
  ['[%-10p]', '[hello     ]'],
  ['[%010p]', '[00000hello]'],
  ['[%3p]', '[hel]'],
  ['[%.3p]', '[hello]'],
  ['%x', '68656c6c6f'],
  ['[%20x]', '[          68656c6c6f]'],
  ['[%020x]', '[000000000068656c6c6f]'],
  ['[%3x]', '[68656c]'],
  ['[%8x]', '[68656c6c6f]'],
  ['[%.2x]', '[68 65 6c 6c 6f]'],
  ['[%.2:X]', '[68:65:6C:6C:6F]'],
  ['[%.4-x]', '[6865-6c6c-6f]'],
  ['[%.1x]', '[6 8 6 5 6 c 6 c 6 f]'],
  ['[%.3x]', '[686 56c 6c6 f]'],
  ['[%.20x]', '[68656c6c6f]'],
  ['[%20.2:x]', '[  :  :  :  :  :68:65:6c:6c:6f]'],
  ['[%020.2:x]', '[00:00:00:00:00:68:65:6c:6c:6f]'],
  ['[%.2%x]', '[%x]'],
  ['[%#t]', '[fmt/p]'],
].map(([format = '', output = '']) => ['9.2', format, output])

// The example has all that a broker passes on; of the rest (topic alias, subscription identifier) below.
const CONVERSIONS: readonly Row[] = [
  ['4.3 %', '%%|%5%|%-3.1%', '%|%|%'],
  ['4.3 C', '%C|%8C|%-8C|%.4C|%8.4C', 'text/x|  text/x|text/x  |text|    text'],
  ['4.3 D', '%D|%9D|%.1D', 'corr|corr|corr'],
  ['4.3 F', '%F|%3F|%-3F|%03F', '1|  1|1  |001'],
  ['4.3 l', '%l|%3l|%-3l|%03l', '5|  5|5  |005'],
  ['4.3 m', '%m|%3m|%-3m|%03m', '1|  1|1  |001'],
  ['4.3 P', '%P|%30P|%.2P', 'k1:v1 k2:v 2 k1:v3|k1:v1 k2:v 2 k1:v3|k1:v1 k2:v 2 k1:v3'],
  ['4.3 p', '%p|%7p|%-7p|%07p', 'hello|  hello|hello  |00hello'],
  ['4.3 q', '%q|%3q|%03q', '1|1|1'],
  ['4.3 R', '%R|%8R|%-8R|%.4R|%8.4R', 'resp/t|  resp/t|resp/t  |resp|    resp'],
  ['4.3 r', '%r|%3r', '1|1'],
  ['4.3 S', '%S|%3S|%-3S|%03S', '7|  7|7  |007'],
  ['4.3 t', '%t|%7t|%-7t|%.3t|%7.3t', 'fmt/p|  fmt/p|fmt/p  |fmt|    fmt'],
  ['4.3 x', '%x|%12x|%-12x|%012x', '68656c6c6f|  68656c6c6f|68656c6c6f  |0068656c6c6f'],
  ['4.3 X', '%X|%12X|%-12X|%012X', '68656C6C6F|  68656C6C6F|68656C6C6F  |0068656C6C6F'],
  [
    '4.3: flags, width, precision and separator before any',
    '%-t,%--t,%0-t,%.9-t,%:t',
    'fmt/p,fmt/p,fmt/p,fmt/p,fmt/p',
  ],
  ['4.3 ESC \\\\', '\\\\', '\\'],
  ['4.3 ESC \\a', '\\a', '\x07'],
  ['4.3 ESC \\e', '\\e', '\x1b'],
  ['4.3 ESC \\n', '\\n', '\n'],
  ['4.3 ESC \\r', '\\r', '\r'],
  ['4.3 ESC \\t', '\\t', '\t'],
  ['4.3 ESC \\v', '\\v', '\v'],
  ['4.3: any other byte is copied', 'grüße $ ∞', 'grüße $ ∞'],
  ['4.3.1: cut to WIDTH bytes, then padded to it', '[%3p][%-3x][%9X]', '[hel][68656c][68656C6C6F]'],
  ['4.3.2: padding takes nibble positions', '[%13.4x]', '[   6 8656 c6c6 f]'],
  ['4.3.2: %.0x and %.x do not group', '[%.0x][%.x][%:x]', '[68656c6c6f][68656c6c6f][68656c6c6f]'],
  [
    'Q53: no padding unless the width exceeds the text',
    '[%-p][%-x][%-6x]',
    '[hello][68656c6c6f][68656c6c6f]',
  ],
]

// A message with nothing but a topic and a payload of QoS 0.
const ABSENT: readonly Row[] = [
  ['4.3 A absent', '[%A][%3A][%03A][%-03A]', '[][   ][000][000]'],
  ['4.3 C absent', '[%C][%3C][%03C][%-3.1C]', '[][   ][000][   ]'],
  ['4.3 D absent', '[%D][%3D]', '[][]'],
  ['4.3 E absent', '[%E][%3E][%03E]', '[][   ][000]'],
  ['4.3 F absent', '[%F][%3F][%03F]', '[][   ][000]'],
  ['4.3 P absent', '[%P][%3P]', '[][]'],
  ['4.3 R absent, Q53', '[%R][%5R][%05R][%5.2R]', '[][     ][00000][     ]'],
  ['4.3 S absent', '[%S][%3S][%03S]', '[][   ][000]'],
  ['4.3 m of QoS 0', '[%m][%2m]', '[0][ 0]'],
  ['4.3 r not retained', '%r', '0'],
  ['4.3.1, 4.3.2: no payload', '[%x][%3x][%p][%3p][%4.2:x]', '[][   ][][   ][  :  ]'],
]

test('-F: every vector of 9.2 and every conversion of 4.3, from mosquitto', needs('mosquitto'), async (t) => {
  const broker = await startMosquitto(t)
  await store(t, broker, 'fmt/p', 'hello', EXAMPLE)
  const identifier = ['-D', 'subscribe', 'subscription-identifier', 7]
  await table(t, broker, 'fmt/p', [...VECTORS, ...CONVERSIONS], identifier)

  await t.test('4.3 E, Q53: the expiry that is left, unsigned', async (t) => {
    await store(t, broker, 'long', 'x', ['-D', 'publish', 'message-expiry-interval', 4_294_967_295])
    const { texts } = await printed(t, broker, 'long', ['%E', '[%12E]', '[%-12E]', '[%012E]'])
    const [left = ''] = texts
    assert.match(left, /^42949672\d\d$/)
    assert.deepEqual(texts, [left, `[  ${left}]`, `[${left}  ]`, `[00${left}]`])
  })
  await t.test('Q53: empty strings are empty', async (t) => {
    const empty = ['-D', 'publish', 'content-type', '', '-D', 'publish', 'user-property', '', '']
    await store(t, broker, 'empty', 'x', empty)
    const { texts } = await printed(t, broker, 'empty', ['[%C][%3C][%.3C]', '[%P]'])
    assert.deepEqual(texts, ['[][   ][]', '[:]'])
  })
  await t.test('4.3 J: not JSON is an error that names the topic, the rest is printed', async (t) => {
    const { texts, err } = await printed(t, broker, 'fmt/p', ['<%J>', '%q'])
    assert.deepEqual(texts, ['<>', '1'])
    assert.match(err, /^mqtt-sub: [^\n]*'fmt\/p'[^\n]*JSON[^\n]*\n$/)
  })
  await t.test('4.3: widths and precisions count bytes', async (t) => {
    await store(t, broker, 'aü/b', 'x')
    const { texts } = await printed(t, broker, 'aü/b', ['[%8t]', '[%-8t]', '[%.3t]'])
    assert.deepEqual(texts, ['[   aü/b]', '[aü/b   ]', '[aü]'])
  })
  await t.test('4.3, 4.2: what is absent, in a message of QoS 0 without payload', async (t) => {
    const format = ABSENT.map(([, text]) => text).join('\\0')
    const running = await listening(t, broker, ['-V', 5, '-t', 'bare', '-C', 1, '-N', '-F', format])
    assert.equal((await cli(t, 'mqtt-pub', ['-t', 'bare', '-n', ...at(broker)])).code, 0)
    const texts = (await running.done).stdout.toString().split('\0')
    for (const [nth, [row, text, output]] of ABSENT.entries()) {
      await t.test(`${row}: ${text}`, () => assert.equal(texts[nth], output))
    }
  })
})

test('4.3 A: a topic alias, which mosquitto does not use (4.3)', async (t) => {
  // PUBLISH of QoS 0 with Topic Alias 3; the client has to allow aliases first.
  const script = `< CONNECT v=5\n> 20 03 00 00 00\n< SUBSCRIBE\n> 90 04 00 01 00 00\n> 30 08 "a" 03 23 00 03 78\n< DISCONNECT`
  const args = ['-V', 5, '-i', 'me', '-t', 'a', '-C', 1, '-F', '%A|%3A|%-3A|%03A']
  const told = await converse(t, script, 'mqtt-sub', [...args, '-D', 'connect', 'topic-alias-maximum', 5])
  assert.deepEqual(told, { code: 0, out: '3|  3|3  |003\n', err: '' })
})

test('Q53: several subscription identifiers: %S prints the first, JSON has an array', async (t) => {
  const script = `< CONNECT v=5\n> 20 03 00 00 00\n< SUBSCRIBE\n> 90 04 00 01 00 00\n> 30 09 "a" 04 0b 04 0b 09 78\n< DISCONNECT`
  const told = await converse(t, script, 'mqtt-sub', ['-V', 5, '-i', 'me', '-t', 'a', '-C', 1, '-F', '%S %j'])
  assert.match(told.out, /^4 \{.*"subscription-identifier":\[4,9\].*\}\n$/)
})

function float(size: 4 | 8, value: number): Buffer {
  const bytes = Buffer.alloc(size)
  if (size === 4) bytes.writeFloatLE(value)
  else bytes.writeDoubleLE(value)
  return bytes
}

const PI = Number('3.14159')
const FLOATS: readonly { payload: Buffer; what: string; formats: readonly (readonly [string, string])[] }[] =
  [
    {
      payload: float(4, PI),
      what: '4-byte 3.14159',
      formats: [
        ['[%f]', '[3.141590]'],
        ['[%.2f]', '[3.14]'],
        ['[%10.2f]', '[      3.14]'],
        ['[%-10.2f]', '[3.14      ]'],
        ['[%010.2f]', '[0000003.14]'],
        ['[%.0f]', '[3]'],
      ],
    },
    { payload: float(4, 0.1), what: '4-byte 0.1', formats: [['%.20f', '0.10000000149011611938']] },
    { payload: float(8, 0.1), what: '8-byte 0.1', formats: [['%.25d', '0.1000000000000000055511151']] },
    {
      payload: float(8, -2.5),
      what: '8-byte -2.5',
      formats: [
        ['[%.0d]', '[-2]'],
        ['[%08.2d]', '[-0002.50]'],
        ['[%-08.2d]', '[-2.50   ]'],
      ],
    },
    { payload: float(8, Number.NaN), what: '8-byte NaN', formats: [['[%010d]', '[       nan]']] },
    { payload: float(8, Infinity), what: '8-byte infinity', formats: [['[%010d]', '[       inf]']] },
    { payload: float(8, -Infinity), what: '8-byte -infinity', formats: [['[%-010d]', '[-inf      ]']] },
    { payload: float(8, -0), what: '8-byte -0.0', formats: [['%d', '-0.000000']] },
  ]

brokerRows(
  '9.2, 4.3 d and f: floats from mosquitto',
  FLOATS,
  ({ what }) => `9.2 ${what}`,
  async (t, { payload, what, formats }, broker) => {
    await store(t, broker, what, payload)
    const { texts, err } = await printed(
      t,
      broker,
      what,
      formats.map(([format]) => format),
    )
    assert.equal(err, '')
    assert.deepEqual(
      texts,
      formats.map(([, output]) => output),
    )
  },
)

brokerRows(
  '4.3.3: payloads that are no floats: an error naming the kind, the rest is printed',
  [
    { format: '%d', payload: '1234', kind: '8-byte' },
    { format: '%f', payload: '12345678', kind: '4-byte' },
  ],
  ({ format, payload }) => `${format} of ${payload.length} bytes`,
  async (t, { format, payload, kind }, broker) => {
    await store(t, broker, payload, payload)
    const { texts, err } = await printed(t, broker, payload, [`<${format}>`, '%l'])
    assert.deepEqual(texts, ['<>', String(payload.length)])
    assert.match(err, new RegExp(`^mqtt-sub: [^\\n]*${kind}[^\\n]*\\n$`))
  },
)

const REJECTED = [
  '%',
  '%0',
  '%-',
  '%10',
  '%.',
  '%.3',
  '%:',
  '%z',
  '%s',
  '%0-5t',
  '%--5t',
  '%+5t',
  '@',
  '\\',
  '\\q',
]
rows(
  '9.2, 1.3: formats that are rejected, naming -F and what is wrong',
  REJECTED,
  (format) => `9.2 ${format}`,
  async (t, format) => {
    const program = PROGRAMS[1 + (REJECTED.indexOf(format) % 2)] ?? 'mqtt-sub'
    await misuse(
      t,
      program,
      ['-t', 'a', '-m', 'x'].slice(0, program === 'mqtt-sub' ? 2 : 4).concat('-F', format),
      ['-F', `'${format.slice(0, 3)}`],
    )
  },
)

const DATES = [...'aAbBcCdDeFgGhHIjklmMpPrRsSTuUVwWxXyYzZ']

test(
  '4.3.4, 1.11: @ conversions in the local time zone, whatever the locale',
  needs('mosquitto'),
  async (t) => {
    const broker = await startMosquitto(t)
    await store(t, broker, 'now', 'x')
    const others = [
      '@@',
      '@N',
      '@%',
      '@t',
      '@n',
      '@q',
      '@E',
      '@O',
      '@+',
      '%U',
      '%I',
      '[%26I]',
      '[%-26I]',
      '%.10I',
    ]
    const formats = ['@s', ...DATES.map((letter) => `@${letter}`), ...others]
    for (const TZ of ['Asia/Kathmandu', 'America/St_Johns']) {
      const env = { TZ, LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8', LC_TIME: 'de_DE.UTF-8' }
      const { texts } = await printed(t, broker, 'now', formats, { env })
      const seconds = texts[0] ?? ''
      const date = findCommand('date')
      const { stdout } = await startCommand(t, 'env', [
        ...[`TZ=${TZ}`, 'LC_ALL=C', date ?? 'date', '-d', `@${seconds}`],
        `+${DATES.map((letter) => `%${letter}`).join('|')}`,
      ]).ended
      const wanted = stdout.toString().replace(/\n$/, '').split('|')
      if (wanted.length !== DATES.length) return t.skip('date is not the one of GNU')
      for (const [nth, letter] of DATES.entries()) {
        await t.test(`4.3.4 @${letter} in ${TZ}`, () => assert.equal(texts[nth + 1], wanted[nth]))
      }
      const [both, nanoseconds, percent, tab, line, ...rest] = texts.slice(DATES.length + 1)
      await t.test(`4.3.4 @@ @N @% @t @n and what is no conversion in ${TZ}`, () => {
        assert.deepEqual(
          [both, percent, tab, line, ...rest.slice(0, 4)],
          ['@', '%', '\t', '\n', '%q', '%E', '%O', '%+'],
        )
        assert.match(nanoseconds ?? '', /^\d{9}$/)
      })
      await t.test(`4.3 U and I in ${TZ}`, () => {
        const [unix = '', local = '', right = '', left = '', cut = ''] = rest.slice(4)
        assert.match(unix, /^\d{10}\.\d{9}$/)
        const zone = wanted[DATES.indexOf('z')] ?? ''
        assert.match(local, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}$/)
        assert.ok(local.endsWith(zone), local)
        assert.match(right, /^\[ {2}\d{4}-.*\d{4}\]$/)
        assert.match(left, /^\[\d{4}-.*\d{4} {2}\]$/)
        assert.match(cut, /^\d{4}-\d\d-\d\d$/)
      })
    }
  },
)

test('4.3: every message of a run by the same format, also with -v, which is ignored (4.2)', async (t) => {
  const [one, two] = ['1', '2'].map((payload) => publish(4, 'a', payload).toString('hex'))
  const script = `< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\n> 90 03 00 01 00\n> ${one}\n> ${two}\n< DISCONNECT`
  const told = await converse(t, script, 'mqtt-sub', ['-t', 'a', '-C', 2, '-v', '-F', '%l:%p'])
  assert.deepEqual(told, { code: 0, out: '1:1\n1:2\n', err: '' })
})
