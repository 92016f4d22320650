// The flag table, and everything that is read off it: help, manual pages, environment variables (issue).

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FLAGS, flagsOf } from '../../src/cli/flags/index.js'
import { manualPage, STATUSES } from '../../src/cli/flags/man.js'
import { envName, GROUPS, spelling } from '../../src/cli/flags/table.js'
import { findCommand, start as startCommand } from '../support/processes.js'
import { ALL_PROGRAMS, type AnyProgram, cli, PROGRAMS } from './support.js'

const page = (program: AnyProgram): string =>
  fileURLToPath(new URL(`../../man/${program}.1`, import.meta.url))

for (const flag of FLAGS) {
  test(`${spelling(flag)} (${flag.on.join(', ')}) is described`, () => {
    const { long, short, brief, detail, group, value, takes, on } = flag
    assert.ok(long !== undefined || short !== undefined)
    if (long !== undefined) assert.match(long, /^[a-z][a-z0-9-]+$/)
    if (short !== undefined) assert.match(short, /^[A-Za-z]$/)
    assert.ok(Object.hasOwn(GROUPS, group))
    assert.ok(on.length > 0)
    assert.match(brief, /^\S.*[^.\s]$/, 'one line without a full stop')
    assert.ok(brief.length <= 70)
    assert.match(detail, /^\S[^\n]*\.$/, 'sentences')
    if (value === undefined) assert.equal(takes.type, undefined)
    else assert.match(value, /^[A-Z]+( [A-Z]+)*$/)
    // A flag without a long name must say its variable, or have none.
    if (long === undefined) assert.notEqual(flag.env, undefined)
  })
}

describe('per program', () => {
  for (const program of ALL_PROGRAMS) {
    const flags = flagsOf(program)
    const names = flags.flatMap(({ long, short }) => [
      ...(short === undefined ? [] : [`-${short}`]),
      ...(long === undefined ? [] : [`--${long}`]),
    ])

    test(`${program}: no spelling and no variable twice`, () => {
      assert.equal(new Set(names).size, names.length)
      const variables = flags.map(envName).filter((name) => name !== undefined)
      assert.equal(new Set(variables).size, variables.length)
      for (const name of variables) assert.match(name, /^MQTT_[A-Z0-9_]+$/)
    })

    test(`${program} --help shows every option and none that does not exist, in lines of at most 100 columns`, async (t) => {
      const { code, out, err } = await cli(t, program, ['--help'])
      assert.deepEqual({ code, err }, { code: 0, err: '' })
      const shown: string[] = []
      for (const line of out.split('\n')) {
        assert.ok(line.length <= 100, `${line.length} columns: ${line}`)
        const [, words = ''] = /^ +((?:-{1,2}[A-Za-z][\w-]*,? ?)+)/.exec(line) ?? []
        shown.push(...words.split(/[ ,]+/).filter((word) => word !== ''))
      }
      assert.deepEqual(shown.toSorted(), names.toSorted())
      for (const { brief } of flags) assert.ok(out.includes(brief), brief)
      assert.match(out, new RegExp(`^Usage: ${program} `, 'm'))
    })

    test(`man/${program}.1 is what the table says`, () => {
      assert.equal(readFileSync(page(program), 'utf8'), manualPage(program), 'stale: run npm run build')
    })

    test(`man/${program}.1 documents every option, variable and exit status, and no other option`, () => {
      const text = readFileSync(page(program), 'utf8').replaceAll('\\-', '-')
      const [, options = ''] = /^\.SH OPTIONS\n([\s\S]*?)^\.SH /m.exec(text) ?? []
      const documented = [...options.matchAll(/\\fB(-{1,2}[A-Za-z][\w-]*)\\fR/g)].map(([, name]) => name)
      assert.deepEqual(documented.toSorted(), names.toSorted())
      for (const { brief } of flags) assert.ok(text.includes(brief.replaceAll('\\', '\\e')), brief)
      for (const flag of flags) {
        const name = envName(flag)
        if (name !== undefined) assert.ok(text.includes(`.B ${name}\n`), name)
      }
      for (const [status] of STATUSES) assert.ok(text.includes(`.B ${status}\n`), status)
    })

    test(`man/${program}.1 mentions only options that exist somewhere`, () => {
      const known = new Set(FLAGS.flatMap(({ long, short }) => [`--${long}`, `-${short}`]))
      const text = readFileSync(page(program), 'utf8').replaceAll('\\-', '-')
      for (const [, name = ''] of text.matchAll(/(?<![\w-])(--[a-z][a-z-]+)(?![\w-])/g)) {
        assert.ok(known.has(name), name)
      }
    })

    test(`man/${program}.1 has no warnings for groff`, async (t) => {
      const groff = findCommand('groff')
      if (groff === undefined) return t.skip('groff is not on PATH')
      const { status, stdout, stderr } = await startCommand(t, groff, [
        '-man',
        '-ww',
        '-Tutf8',
        page(program),
      ]).ended
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
      assert.ok(stdout.length > 5_000)
    })

    test(`man/${program}.1 has no warnings for man`, async (t) => {
      const man = findCommand('man')
      if (man === undefined) return t.skip('man is not on PATH')
      const words = ['-c', 'MANWIDTH=80 LC_ALL=C.UTF-8 exec "$0" --warnings -l "$1"', man, page(program)]
      const { status, stdout, stderr } = await startCommand(t, 'sh', words).ended
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
      if (/minimized/.test(stdout.toString())) return t.skip('man is a stub here: the system was minimized')
      assert.match(stdout.toString(), /EXIT STATUS/)
    })
  }
})

describe('man/mqtt-tools-guarantees.7', () => {
  const path = fileURLToPath(new URL('../../man/mqtt-tools-guarantees.7', import.meta.url))

  test('is shipped, and the other pages name it', () => {
    const { man } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    assert.ok(man.includes('man/mqtt-tools-guarantees.7'))
    for (const program of PROGRAMS) {
      assert.ok(readFileSync(page(program), 'utf8').endsWith('\\fBmqtt\\-tools\\-guarantees\\fR(7)\n'))
      assert.ok(readFileSync(path, 'utf8').includes(`\\fB${program.replace('-', '\\-')}\\fR(1)`))
    }
  })

  test('has no warnings for groff', async (t) => {
    const groff = findCommand('groff')
    if (groff === undefined) return t.skip('groff is not on PATH')
    const { status, stdout, stderr } = await startCommand(t, groff, ['-man', '-ww', '-Tutf8', path]).ended
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.ok(stdout.length > 3_000)
  })
})
