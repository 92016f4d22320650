// The flag table, and what is printed from it: help and manual pages say the same, about every flag and no other.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { helpText } from '../../src/cli/flags/help.js'
import { FLAGS, flagsOf } from '../../src/cli/flags/index.js'
import { manualPage } from '../../src/cli/flags/man.js'
import { GROUPS, type Program, spelling } from '../../src/cli/flags/table.js'

const PROGRAMS: readonly Program[] = ['mqtt-pub', 'mqtt-sub']
const manPath = (program: Program): string =>
  fileURLToPath(new URL(`../../man/${program}.1`, import.meta.url))

function spellings(program: Program): string[] {
  return flagsOf(program).flatMap(({ short, long }) => [
    ...(short === undefined ? [] : [`-${short}`]),
    ...(long === undefined ? [] : [`--${long}`]),
  ])
}

test('each row has a spelling, a group, a program, one line for help and a paragraph for the manual', () => {
  assert.ok(FLAGS.length > 30, 'the table is the real one')
  for (const flag of FLAGS) {
    const name = spelling(flag)
    assert.match(name, /^(-[A-Za-z])?(, )?(--[a-z][a-z-]+)?$/, name)
    assert.ok(name !== '', 'a row without a spelling')
    assert.ok(flag.group in GROUPS, name)
    assert.ok(flag.on.length > 0, name)
    assert.match(flag.brief, /^[A-Za-z][^\n]*[^.\n]$/, `${name}: a line without a stop at its end`)
    assert.match(flag.detail, /^[A-Z0-9][^\n]*[.]$/, `${name}: whole sentences`)
    if (flag.value !== undefined) assert.match(flag.value, /^[A-Z]+$/, name)
  }
})

for (const program of PROGRAMS) {
  test(`${program}: no spelling is used twice`, () => {
    const all = spellings(program)
    assert.deepEqual(all, [...new Set(all)])
  })

  test(`${program} --help has every flag, and none more, on lines of at most 100 columns`, async () => {
    const text = await helpText(program)
    for (const line of text.split('\n')) assert.ok([...line].length <= 100, `${line.length} columns: ${line}`)
    const listed = text
      .split('\n')
      .filter((line) => /^ {2,6}-/.test(line))
      .flatMap(
        (line) =>
          line
            .trim()
            .split(/\s{2,}/)[0]
            ?.match(/(^|(?<=[ ,]))--?[A-Za-z][a-z-]*/g) ?? [],
      )
    assert.deepEqual([...listed].sort(), [...spellings(program)].sort())
    for (const { brief, value = '' } of flagsOf(program)) {
      assert.ok(text.includes(brief), brief)
      assert.ok(text.includes(value), value)
    }
    for (const [group, title] of Object.entries(GROUPS)) {
      const used = flagsOf(program).some((flag) => flag.group === group)
      assert.equal(new RegExp(`^${title}:$`, 'm').test(text), used, title)
    }
  })

  test(`man/${program}.1 is what the table says (npm run build writes it)`, () => {
    assert.equal(readFileSync(manPath(program), 'utf8'), manualPage(program))
  })

  test(`man/${program}.1 has every flag, and none more`, () => {
    const options = /\.SH OPTIONS\n([\s\S]*?)\n\.SH /.exec(manualPage(program))?.[1] ?? ''
    const listed = options
      .split('\n')
      .filter((_, at, lines) => lines[at - 1] === '.TP')
      .flatMap((line) => line.replaceAll('\\-', '-').match(/(?<=\\fB)-[^\\]+/g) ?? [])
    assert.deepEqual([...listed].sort(), [...spellings(program)].sort())
  })

  test(`man/${program}.1 names no option that does not exist`, () => {
    const known = new Set(flagsOf(program).map(({ long }) => `--${long}`))
    const named =
      manualPage(program)
        .replaceAll('\\-', '-')
        .match(/(?<![-\w])--[a-z][a-z-]+/g) ?? []
    assert.ok(named.length > 0)
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
    )
  })

  for (const [command, args] of [
    ['man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z']],
    ['groff', ['-ww', '-man', '-Tutf8', '-z']],
    ['mandoc', ['-Tlint', '-Wwarning']],
  ] as const) {
    test(`${command} reads man/${program}.1 without a warning`, (t) => {
      if (!isInstalled(command)) return t.skip(`${command} is not installed`)
      const { stderr, stdout, status } = spawnSync(command, [...args, manPath(program)], {
        encoding: 'utf8',
        env: { ...process.env, MANPAGER: 'cat', LC_ALL: 'C.UTF-8' },
      })
      assert.equal(stderr, '')
      assert.equal(status, 0)
      if (command === 'mandoc') assert.equal(stdout, '')
    })
  }
}

function isInstalled(command: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', `command -v ${command}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
