// Users from text, and what is said of lines that are wrong.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Imported, parseCsv, parseLines } from '../../src/passwd/import.js'

const bytes = (text: string): Buffer => Buffer.from(text)
const brief = ({ users, faults }: Imported): unknown[] => [
  ...users.map(({ user, password, line }) => [line, user, password.toString()]),
  ...faults.map(({ line, fault }) => [line, fault]),
]

describe('lines', () => {
  test('the first colon ends the name; comments and blank lines are passed over', () => {
    assert.deepEqual(brief(parseLines(bytes('a:b\n# no\n\n \t\nc:d:e\r\n f : g \nh:\n'))), [
      [1, 'a', 'b'],
      [5, 'c', 'd:e'],
      [6, ' f ', ' g '],
      [7, 'h', ''],
    ])
  })
  test('a line without a colon is named, not shown', () => {
    const { faults } = parseLines(bytes('a:b\nsecret\n'))
    assert.deepEqual(
      faults.map(({ line }) => line),
      [2],
    )
    assert.ok(!JSON.stringify(faults).includes('secret'))
  })
  test('bytes stay bytes', () => {
    const { users } = parseLines(Buffer.from('\xff:\xfe\0\xa0', 'latin1'))
    assert.equal(users[0]?.user, '\xff')
    assert.deepEqual(users[0]?.password, Buffer.from('\xfe\0\xa0', 'latin1'))
  })
})

describe('csv', () => {
  for (const [what, text, expected] of [
    [
      'plain',
      'username,password\na,b\nc,d\n',
      [
        [2, 'a', 'b'],
        [3, 'c', 'd'],
      ],
    ],
    ['without the last line end, CR LF', 'username,password\r\na,b', [[2, 'a', 'b']]],
    ['columns in another order, and more of them', 'x,Password, UserName\n1,b,a\n', [[2, 'a', 'b']]],
    [
      'quotes, with comma, quote and line end inside',
      'username,password\n"a","b,""\nc"\nd,e\n',
      [
        [2, 'a', 'b,"\nc'],
        [4, 'd', 'e'],
      ],
    ],
    ['a byte order mark', '\ufeffusername,password\na,b\n', [[2, 'a', 'b']]],
    ['blank lines', 'username,password\n\na,b\n\n', [[3, 'a', 'b']]],
    [
      'an empty field at the end',
      'username,password\na,\nb,',
      [
        [2, 'a', ''],
        [3, 'b', ''],
      ],
    ],
    ['blanks are part of a field', 'username,password\na, b \n', [[2, 'a', ' b ']]],
  ] as const) {
    test(what, () => assert.deepEqual(brief(parseCsv(bytes(text))), expected))
  }
  for (const [what, text, line, fault] of [
    ['no header', 'a,b\n', 1, /username and password/],
    ['nothing', '', 1, /header/],
    ['a column missing', 'username,password\na,b\nc\n', 3, /1 fields .* 2/],
    ['a column too many', 'username,password\na,secret,x\n', 2, /3 fields/],
    ['a quote that is not closed', 'username,password\na,b\nc,"secret\n', 3, /quote/],
    ['a quote in the middle', 'username,password\na,sec"ret\n', 2, /quote/],
    ['text behind a quote', 'username,password\na,"sec"ret\n', 2, /quote/],
  ] as const) {
    test(`${what}: named by line, not shown`, () => {
      const { faults } = parseCsv(bytes(text))
      assert.equal(faults[0]?.line, line)
      assert.match(faults[0]?.fault ?? '', fault)
      assert.ok(!JSON.stringify(faults).includes('sec'))
    })
  }
  test('any fields in quotes come back', () => {
    const field = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field), { maxLength: 5 }), (pairs) => {
        const quoted = (each: string): string => `"${each.replaceAll('"', '""')}"`
        const text = `username,password\n${pairs.map((pair) => `${pair.map(quoted).join(',')}\n`).join('')}`
        const { users, faults } = parseCsv(bytes(text))
        assert.deepEqual(faults, [])
        assert.deepEqual(
          users.map(({ user, password }) => [Buffer.from(user, 'latin1').toString(), password.toString()]),
          pairs.map((pair) => pair.map((each) => bytes(each).toString())),
        )
      }),
    )
  })
})
