// Output formats against the tables of the contract.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compile, type Print, plainPrint } from '../../src/cli/format.js'
import type { Message } from '../../src/client/index.js'
import { UsageError } from '../../src/errors.js'
import { EXAMPLE, MOMENT, printed, shown } from './format-message.js'

process.env.TZ = 'UTC'

type Rows = readonly (readonly [format: string, output: string, changes?: Partial<Message>])[]

function table(title: string, rows: Rows): void {
  describe(title, () => {
    for (const [format, output, changes] of rows) {
      const what = changes === undefined ? '' : `, ${JSON.stringify(changes)}`
      test(`${JSON.stringify(format)} prints ${JSON.stringify(output)}${what}`, () => {
        assert.equal(printed(format, changes).toString(), output)
      })
    }
  })
}

const NO_PROPERTIES = { properties: {} }

table('contract 9.2, formats', [
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
])

describe('contract 9.2, formats that are rejected', () => {
  const rows: readonly [format: string, named: string][] = [
    ['%', "'%'"],
    ['%0', "'%0'"],
    ['%-', "'%-'"],
    ['%10', "'%10'"],
    ['%.', "'%.'"],
    ['%.3', "'%.3'"],
    ['%:', "'%:'"],
    ['%z', "'%z'"],
    ['%s', "'%s'"],
    ['%0-5t', "'%0-5'"],
    ['%--5t', "'%--5'"],
    ['%+5t', "'%+5'"],
    ['@', "'@'"],
    ['\\', "'\\'"],
    ['\\q', "'\\q'"],
    ['a %t %-010.5:', "'%-010.5:'"],
    ['%é', "'%é'"],
    ['%\u{1f600}', "'%\u{1f600}'"],
    ['\\\u{1f600}', "'\\\u{1f600}'"],
    ['%.2::x', "'%.2::'"],
    ['%268435456p', "'%268435456p'"],
    ['%.268435456d', "'%.268435456d'"],
    ['%constructor', "'%c'"],
  ]
  for (const [format, named] of rows) {
    test(`${JSON.stringify(format)} names ${named}`, () => {
      assert.throws(
        () => compile(format),
        (error) => error instanceof UsageError && error.message.startsWith(named),
      )
    })
  }
})

table('contract 4.3, the table of conversions', [
  ['%A', '3', { properties: { topicAlias: 3 } }],
  ['[%05A]', '[00003]', { properties: { topicAlias: 3 } }],
  ['%E', '3590'],
  ['%l %m %q %r', '5 1 1 1'],
  ['%m %q %r', '0 0 0', { packetId: 0, qos: 0, retain: false }],
  ['[%-5m][%5m][%05m]', '[1    ][    1][00001]'],
  ['%S', '7', { properties: { subscriptionIdentifiers: [7] } }],
  ['[%3S]', '[  7]', { properties: { subscriptionIdentifiers: [7] } }],
  ['[%9R][%-9R][%.4R]', '[   resp/t][resp/t   ][resp]'],
  ['[%9t][%-9t][%09t][%.0t][%.t]', '[    fmt/p][fmt/p    ][    fmt/p][][]'],
  ['[%7.3t]', '[    fmt]'],
  ['[%010q][%-10r][%5P]', '[1][1][k1:v1 k2:v 2 k1:v3]'],
  ['[%A][%C][%D][%E][%F][%P][%R][%S]', '[][][][][][][][]', NO_PROPERTIES],
  ['[%3A][%3C][%3D][%3E][%3F][%3P][%3S]', '[   ][   ][][   ][   ][][   ]', NO_PROPERTIES],
  ['[%03C][%-03C][%03.1C][%-03E]', '[000][000][000][000]', NO_PROPERTIES],
  ['%U', '1795170115.832710123'],
  ['[%40U]', '[1795170115.832710123]'],
  ['%I', '2026-11-20T10:21:55+0000'],
  ['[%28I][%-28I][%.10I]', '[    2026-11-20T10:21:55+0000][2026-11-20T10:21:55+0000    ][2026-11-20]'],
  ['%-t,%0t,%--t,%0-t,%.9-t,%:t', 'fmt/p,fmt/p,fmt/p,fmt/p,fmt/p,fmt/p'],
])

table('contract 4.3, escapes and other text', [
  ['\\\\', '\\'],
  ['\\0', '\0'],
  ['\\a', '\x07'],
  ['\\e', '\x1b'],
  ['\\n', '\n'],
  ['\\r', '\r'],
  ['\\t', '\t'],
  ['\\v', '\v'],
  ['é\u{1f600} $', 'é\u{1f600} $'],
  ['%%%%@@', '%%@'],
  ['', ''],
])

table('contract 4.3.1 and 4.3.2, width and groups', [
  ['[%-010p]', '[hello     ]'],
  ['[%5p][%-3p][%03p]', '[hello][hel][hel]'],
  ['[%0p][%00p]', '[hello][hello]'],
  ['[%-20x]', '[68656c6c6f          ]'],
  ['[%-020x]', '[68656c6c6f          ]'],
  ['[%-20.2:x]', '[68:65:6c:6c:6f          ]'],
  ['[%-3x][%-8X]', '[68656c][68656C6C6F]'],
  ['[%13.4x]', '[   6 8656 c6c6 f]'],
  ['[%.0x][%.x][%.0:x][%:x]', '[68656c6c6f][68656c6c6f][68656c6c6f][68656c6c6f]'],
  ['[%.10x]', '[68656c6c6f]'],
  ['[%.9x]', '[68656c6c6 f]'],
  ['[%x][%3x][%p][%3p][%.2x]', '[][   ][][   ][]', { payload: Buffer.alloc(0) }],
  ['[%4.2:x]', '[  :  ]', { payload: Buffer.alloc(0) }],
])

test('contract 4.3: all 32 separators group hex digits', () => {
  const separators = '!"#$&\'()*+,-./:;<=>?@[\\]^_`{|}~ '
  assert.equal(separators.length, 32)
  for (const separator of separators) {
    assert.equal(printed(`%.4${separator}x`).toString(), ['6865', '6c6c', '6f'].join(separator))
  }
})

test('contract 4.3: each conversion takes flags, width, precision and separator', () => {
  for (const letter of '%ACDEFIJPRSUXdfjlmpqrtx') {
    for (const flags of ['', '-', '0', '-0', '12', '012', '-012', '.', '.3', '12.3', '-012.3']) {
      compile(`%${flags}${letter}%${flags}:${letter}`)
    }
  }
})

table('contract Q53', [
  ['[%-p][%-x][%-X]', '[hello][68656c6c6f][68656C6C6F]'],
  ['[%-6x]', '[68656c6c6f]'],
  ['%E', '4294967295', { properties: { messageExpiryInterval: 4_294_967_295 } }],
  ['[%C][%3C][%.3C][%03C]', '[][   ][][   ]', { properties: { contentType: '' } }],
  ['[%P]', '[:]', { properties: { userProperties: [['', '']] } }],
  ['[%5R][%05R][%5.2R]', '[     ][00000][     ]', NO_PROPERTIES],
  ['%S', '4', { properties: { subscriptionIdentifiers: [4, 9] } }],
])

describe('bytes', () => {
  const payload = Buffer.from([0, 0xff, 0xc3, 0x0a, 0x0d])
  test('P4: payload and correlation data come through unchanged', () => {
    const correlationData = Buffer.from([0, 0xfe, 0x80])
    const message = { ...EXAMPLE, payload, properties: { correlationData } }
    assert.deepEqual(
      shown(compile('%p%D'), message),
      Buffer.concat([payload, correlationData, Buffer.from('\n')]),
    )
  })
  test('contract 4.3: widths and precisions count bytes', () => {
    assert.equal(printed('[%6t][%-6t]', { topic: 'äöü' }).toString(), '[äöü][äöü]')
    assert.equal(printed('[%8t][%-8t]', { topic: 'äöü' }).toString(), '[  äöü][äöü  ]')
    assert.deepEqual(printed('%.3t', { topic: 'äö' }), Buffer.from([0xc3, 0xa4, 0xc3]))
    assert.deepEqual(printed('%4.3t', { topic: 'äö' }), Buffer.from([0x20, 0xc3, 0xa4, 0xc3]))
    assert.deepEqual(printed('%3p', { payload }), payload.subarray(0, 3))
  })
  test('nothing to print leaves nothing', () => {
    assert.equal(shown(compile('%p', { noEol: true }), { ...EXAMPLE, payload: Buffer.alloc(0) }).length, 0)
    assert.equal(shown(compile('', { noEol: true }), EXAMPLE).length, 0)
  })
})

describe('dates in a format', () => {
  test('contract 4.3.4: all @ of a message have one time stamp, each %I %U %j %J takes its own', () => {
    let seconds = MOMENT.seconds
    const clock = () => ({ seconds: seconds++, nanoseconds: 5 })
    const print = compile('@s @N %U @s %I @s', { noEol: true, clock })
    const text = () => shown(print, EXAMPLE).toString()
    assert.equal(
      text(),
      '1795170115 000000005 1795170116.000000005 1795170115 2026-11-20T10:21:57+0000 1795170115',
    )
    assert.match(text(), /^1795170118 .* 1795170119\.\S+ 1795170118 .*:22:00\+0000 1795170118$/)
  })
  test('a format without dates does not ask for the time', () => {
    shown(compile('%t %p %x %d', { clock: () => assert.fail() }), EXAMPLE)
  })
})

describe('contract 4.2', () => {
  const empty = { ...EXAMPLE, payload: Buffer.alloc(0) }
  const check = (print: Print, whole: string, none: string): void => {
    assert.equal(shown(print, EXAMPLE).toString(), whole)
    assert.equal(shown(print, empty).toString(), none)
  }
  test('none', () => check(plainPrint({}), 'hello\n', ''))
  test('-N', () => check(plainPrint({ noEol: true }), 'hello', ''))
  test('-v', () => check(plainPrint({ verbose: true }), 'fmt/p hello\n', 'fmt/p (null)\n'))
  test('-v -N', () => check(plainPrint({ verbose: true, noEol: true }), 'fmt/p hello', ''))
  test('-F', () => check(compile('%q'), '1\n', '1\n'))
  test('-F -N', () => check(compile('%q', { noEol: true }), '1', '1'))
  test('the empty format', () => check(compile(''), '\n', '\n'))
})

test('any string compiles or is a UsageError, and what compiles prints', () => {
  const pieces = fc.oneof(
    fc.constantFrom(
      '%',
      '@',
      '\\',
      '-',
      '0',
      '.',
      ':',
      '12',
      '%t',
      '%.2:x',
      '%08.2d',
      '%j',
      '%J',
      '@Y',
      '\\n',
    ),
    fc.constantFrom(...'ACDEFIJPRSUXdfjlmpqrtxaenrtvNZz'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  const formats = fc.array(pieces, { maxLength: 12 }).map((all) => all.join(''))
  fc.assert(
    fc.property(formats, fc.uint8Array({ maxLength: 20 }), (format, payload) => {
      let print: Print
      try {
        print = compile(format)
      } catch (error) {
        assert.ok(error instanceof UsageError)
        return
      }
      if (!/\d{5}/.test(format)) shown(print, { ...EXAMPLE, payload: Buffer.from(payload) })
    }),
    { numRuns: 5_000 },
  )
})
