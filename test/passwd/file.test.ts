// Password files in memory: what a line is, and that nothing changes but what is meant to (contract 6.3, 6.4, 8.6).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { PasswordFile } from '../../src/passwd/file.js'

const open = (text: string): PasswordFile => new PasswordFile(Buffer.from(text, 'latin1'))
const text = (file: PasswordFile): string => file.toBuffer().toString('latin1')

describe('6.4 a line', () => {
  for (const [line, user, value] of [
    ['alice:hash', 'alice', 'hash'],
    ['alice:hash:ignored', 'alice', 'hash'],
    ['alice::hash', 'alice', 'hash'],
    [':alice:::hash::x:', 'alice', 'hash'],
    [' \talice\v : \fhash \r', 'alice', 'hash'],
    ['alice:#hash', 'alice', '#hash'],
    [' #alice:hash', '#alice', 'hash'],
    ['a\0b:h\0h', 'a\0b', 'h\0h'],
    ['\xc3\xa0:hash', '\xc3\xa0', 'hash'],
    ['\xff\xa0:\xa0', '\xff\xa0', '\xa0'],
  ] as const) {
    test(`${JSON.stringify(line)} has a user and a value`, () => {
      const file = open(`${line}\n`)
      assert.deepEqual(
        file.entries().map((entry) => [entry.user, entry.value]),
        [[user, value]],
      )
      assert.equal(file.valueOf(user), value)
      assert.deepEqual(file.unknown(), [])
    })
  }
  for (const line of ['#alice:hash', '#', '', ' ', '\t\r', '\v\f']) {
    test(`${JSON.stringify(line)} is a comment or blank`, () => {
      const file = open(`${line}\n`)
      assert.deepEqual([file.entries(), file.unknown()], [[], []])
    })
  }
  for (const line of ['alice', 'alice:', ':hash', ' : hash', '::', 'alice: \r', '\0', '\xa0']) {
    test(`${JSON.stringify(line)} is neither`, () => {
      const file = open(`a:b\n${line}\nc:d`)
      assert.deepEqual(file.unknown(), [2])
      assert.equal(file.entries().length, 2)
    })
  }
  test('a third field is seen, white space behind a colon is none', () => {
    assert.deepEqual(
      open('a:b:c\na:b: \na:b:\r\na:b')
        .entries()
        .map(({ hasMore }) => hasMore),
      [true, false, false, false],
    )
  })
})

describe('changing', () => {
  for (const [what, before, after] of [
    ['an empty file', '', 'new:H\n'],
    ['6.3 appended', 'a:b\n', 'a:b\nnew:H\n'],
    ['8.6 Q71 no line end at the end', 'a:b', 'a:b\nnew:H\n'],
    ['CR LF', 'a:b\r\nc:d\r\n', 'a:b\r\nc:d\r\nnew:H\r\n'],
    ['CR LF without the last', 'a:b\r\nc:d', 'a:b\r\nc:d\r\nnew:H\r\n'],
    ['8.6 Q70 among comments, blanks and others', '#c\n\nbad\na:b\n \n', '#c\n\nbad\na:b\n \nnew:H\n'],
    ['6.3 replaced where it is', 'a:b\nnew:old:x\nc:d\n', 'a:b\nnew:H\nc:d\n'],
    ['replaced, with the line end that it has', 'a:b\n new : old\r\nc:d\n', 'a:b\nnew:H\r\nc:d\n'],
    ['replaced at the end, without line end', 'a:b\nnew:old', 'a:b\nnew:H\n'],
    ['6.3 only the first of several', 'new:1\nnew:2\n', 'new:H\nnew:2\n'],
    ['NUL bytes', 'a\0:b\0\n\0\0\nc:d\n', 'a\0:b\0\n\0\0\nc:d\nnew:H\n'],
  ] as const) {
    test(`set: ${what}`, () => {
      const file = open(before)
      assert.equal(file.set('new', 'H'), /(^|\n) ?new/.test(before) ? 'updated' : 'added')
      assert.equal(text(file), after)
      assert.equal(file.valueOf('new'), 'H')
    })
  }
  test('6.3 -D removes all lines of the user and no other', () => {
    const file = open('a:1\nb:2\n#a:3\n a :4\r\nA:5\nab:6\na')
    assert.equal(file.delete('a'), 2)
    assert.equal(text(file), 'b:2\n#a:3\nA:5\nab:6\na')
    assert.equal(file.delete('a'), 0)
    assert.equal(file.set('ab', 'x'), 'updated')
    assert.equal(text(file), 'b:2\n#a:3\nA:5\nab:x\na')
  })
  test('duplicates are found with their lines', () => {
    const file = open('a:1\n\nb:2\na:3\nc:4\nb:5\na:6\n')
    assert.deepEqual(
      [...file.duplicates()],
      [
        ['a', [1, 4, 7]],
        ['b', [3, 6]],
      ],
    )
  })
})

/** Lines as they come in files, and as they do not. */
const line = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[a-d]{1,2}:[a-z$]{1,5}(:x)?$/) },
  fc.constantFrom('', '#a:b', '# c', ' ', 'a', 'a:', ':', ' a : b ', '\0', 'a:\0b', '\xff:\xfe'),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('\n', '')),
)
const content = fc
  .tuple(fc.array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n'))), line)
  .map(([lines, last]) => lines.map((each) => each.join('')).join('') + last)

/** By hand, so as not to share a mistake: the user of a line, if it is one. */
function userOf(each: string): string | undefined {
  if (each.startsWith('#')) return undefined
  const strip = (part: string): string => part.replace(/^[ \t\n\v\f\r]*/, '').replace(/[ \t\n\v\f\r]*$/, '')
  const parts = each.split(':').filter((part) => part !== '')
  return parts.length > 1 && strip(parts[0] as string) !== '' && strip(parts[1] as string) !== ''
    ? strip(parts[0] as string)
    : undefined
}

describe('whatever stands in the file', () => {
  const lines = (whole: string): string[] => whole.split('\n')
  test('reading and writing changes no byte', () => {
    fc.assert(fc.property(content, (before) => assert.equal(text(open(before)), before)))
  })
  test('other lines stay byte for byte after set', () => {
    fc.assert(
      fc.property(content, fc.constantFrom('a', 'bc', 'zz'), (before, user) => {
        const file = open(before)
        file.set(user, '$H')
        const old = lines(before)
        const at = old.findIndex((each) => userOf(each) === user)
        const now = lines(text(file))
        if (at !== -1) {
          old[at] = `${user}:$H${old[at]?.endsWith('\r') && at < old.length - 1 ? '\r' : ''}`
          assert.deepEqual(
            now.slice(0, old.length).map((each, i) => (i === at ? each.replace('\r', '') : each)),
            old.map((each, i) => (i === at ? each.replace('\r', '') : each)),
          )
        } else {
          const kept = before === '' || before.endsWith('\n') ? old.slice(0, -1) : old
          const same = now.slice(0, kept.length)
          if (!before.endsWith('\n') && kept.length > 0)
            same[kept.length - 1] = same.at(-1)?.slice(0, kept.at(-1)?.length) ?? ''
          assert.deepEqual(same, kept)
          assert.equal(now.slice(kept.length).join('').replace('\r', ''), `${user}:$H`)
        }
      }),
      { numRuns: 500 },
    )
  })
  test('other lines stay byte for byte after delete', () => {
    fc.assert(
      fc.property(content, fc.constantFrom('a', 'bc', 'zz'), (before, user) => {
        const file = open(before)
        file.delete(user)
        const ended = before.match(/[^\n]*\n|[^\n]+$/g) ?? []
        assert.equal(text(file), ended.filter((each) => userOf(each) !== user).join(''))
      }),
      { numRuns: 500 },
    )
  })
})
