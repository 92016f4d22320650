// Words to `Given`: yargs, set up from the flag table, tells options from values; the rows check and note them.

import { Parser } from 'yargs/helpers'
import { UsageError } from '../../errors.js'
import { flagsOf } from './index.js'
import { type Flag, type Given, type Program, printable, spelling } from './table.js'

// Together these give the lexing of mosquitto 2.1: a value is whatever follows, `-abc`, empty or `007` included.
const LEXING = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'duplicate-arguments-array': true,
  'halt-at-non-option': true,
  'nargs-eats-options': true,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'short-option-groups': false,
  'strip-aliased': true,
  'unknown-options-as-args': true,
}

/** Throws UsageError for the first word, from the left, that is wrong. `--help` and `--version` end the reading. */
export function parse(program: Program, words: readonly string[]): Given {
  const flags = flagsOf(program)
  const rows = new Map<string, Flag>()
  for (const flag of flags) {
    if (flag.short !== undefined) rows.set(`-${flag.short}`, flag)
    if (flag.long !== undefined) rows.set(`--${flag.long}`, flag)
  }
  const withValue = flags.filter(({ value }) => value !== undefined).map(key)
  const { argv } = Parser.detailed([...words], {
    alias: Object.fromEntries(flags.flatMap(({ long, short }) => (long && short ? [[long, short]] : []))),
    string: withValue,
    array: [],
    boolean: flags.filter(({ value }) => value === undefined).map(key),
    narg: Object.fromEntries(withValue.map((name) => [name, 1])),
    configuration: LEXING,
  } as Parameters<typeof Parser.detailed>[1])

  // Later words override earlier ones and the first error counts, so the values are taken up in their order.
  const given: Given = {}
  const taken = new Map<string, number>()
  for (let at = 0; at < words.length; at++) {
    const typed = words[at] as string
    const flag = rows.get(typed)
    if (flag === undefined) throw unknown(typed)
    let text = ''
    if (flag.value !== undefined) {
      const name = key(flag)
      const nth = taken.get(name) ?? 0
      taken.set(name, nth + 1)
      at++
      const value = at < words.length ? [argv[name]].flat()[nth] : undefined
      if (value === undefined) throw new UsageError(`${typed} needs a value: ${flag.value}`)
      text = String(value)
    }
    note(program, flag, given, text)
    if (given.help || given.showVersion) return given
  }
  return given
}

function key({ long, short }: Flag): string {
  return (long ?? short) as string
}

function note(program: Program, flag: Flag, given: Given, text: string): void {
  try {
    flag.set(given, text, program)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(
      `${spelling(flag).replace(', ', ' (')}${flag.short && flag.long ? ')' : ''} ${error.message}`,
    )
  }
}

function unknown(typed: string): UsageError {
  const hint = typed.startsWith('-') ? '' : ' (values with spaces need quotes)'
  return new UsageError(`unknown option '${printable(typed)}'${hint}`)
}
