// Words to `Given`: yargs, set up from the flag table, tells options from values; the rows check and note them.

import { Parser } from 'yargs/helpers'
import { UsageError } from '../../errors.js'
import { FLAGS, flagNamed, flagsOf } from './index.js'
import { packWords, propertyWords } from './property.js'
import { type Flag, type Given, type Program, spelling, spellings } from './table.js'
import { didYouMean, printable } from './values.js'

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

/** One flag as it was given, with its value; `name` is how it was spelled. */
export interface Occurrence {
  flag: Flag
  name: string
  text: string
}

/**
 * The flags in `words`, from the left, up to the first word that is wrong: its error comes last, because what stands
 * before it counts (`--help`, say).
 */
export function lex(program: Program, words: readonly string[]): (Occurrence | UsageError)[] {
  const rows = flagsOf(program)
  const packed = packProperties(words, rows)
  // The parser takes its time for each flag that it knows, so it gets to know those that could be meant.
  const flags = [...new Set(packed.flatMap((each) => option(each, rows).flag ?? []))]
  const withValue = flags.filter(takesNextWord).map(key)
  const { argv } = Parser.detailed([...packed], {
    alias: Object.fromEntries(flags.flatMap(({ long, short }) => (long && short ? [[long, short]] : []))),
    string: withValue,
    boolean: flags.filter((flag) => !takesNextWord(flag)).map(key),
    narg: Object.fromEntries(withValue.map((name) => [name, 1])),
    configuration: LEXING,
  } as Parameters<typeof Parser.detailed>[1])

  // Later words override earlier ones, so the values are taken up in the order of the words.
  const found: (Occurrence | UsageError)[] = []
  const taken = new Map<string, number>()
  for (let at = 0; at < packed.length; at++) {
    const { flag, name, joined = '' } = option(packed[at] as string, rows)
    if (flag === undefined) return [...found, ...behindOptions(program, packed.slice(at), rows)]
    if (!takesNextWord(flag)) {
      found.push({ flag, name, text: joined })
      continue
    }
    const nth = taken.get(key(flag)) ?? 0
    taken.set(key(flag), nth + 1)
    at++
    const text = at < packed.length ? [argv[key(flag)]].flat()[nth] : undefined
    if (text === undefined) return [...found, new UsageError(`${name} needs a value: ${flag.value}`)]
    found.push({ flag, name, text: String(text) })
  }
  return found
}

/** An option in a word of its own; a value that may be left out is joined to it by `=`. */
export function option(
  word: string,
  rows: readonly Flag[],
): { flag: Flag | undefined; name: string; joined?: string } {
  const [, name = '', joined] = (word.startsWith('--') && /^(--[^=]+)=(.+)$/s.exec(word)) || []
  const flag = flagNamed(rows, name)
  return flag?.joined && joined !== undefined
    ? { flag, name, joined }
    : { flag: flagNamed(rows, word), name: word }
}

function takesNextWord({ value, joined }: Flag): boolean {
  return value !== undefined && !joined
}

/** A word that is no option, for the program that takes such: noted like one. */
const WORD: Flag = {
  env: null,
  group: 'general',
  on: ['mqtt-passwd'],
  brief: '',
  detail: '',
  takes: {
    set: (given, text) => {
      given.words = [...(given.words ?? []), text]
    },
  },
}

/** Whether words that are no options may stand behind them. */
export function takesWords(program: Program): boolean {
  return WORD.on.includes(program)
}

/** What the first word that is no option, and all behind it, mean. */
function behindOptions(
  program: Program,
  words: readonly string[],
  rows: readonly Flag[],
): (Occurrence | UsageError)[] {
  const [first = '', ...others] = words
  const wrong = (): UsageError => unknown(first, rows)
  if (!takesWords(program)) return [wrong()]
  // Behind FILE everything is taken as it is: users and passwords may begin with a minus sign.
  if (first.startsWith('-') && first !== '-' && first !== '--') {
    return [new UsageError(`${wrong().message}; a file of that name needs ./ in front`)]
  }
  return (first === '--' ? others : words).map((text) => ({ flag: WORD, name: text, text }))
}

/** The three or four words behind each -D as one, which is what the rest can handle. */
function packProperties(words: readonly string[], rows: readonly Flag[]): string[] {
  const packed: string[] = []
  for (let at = 0; at < words.length; at++) {
    const name = words[at] as string
    const { flag } = option(name, rows)
    packed.push(name)
    if (flag === undefined) return [...packed, ...words.slice(at + 1)]
    if (flag.long === 'property') {
      const values = words.slice(at + 1)
      const wanted = propertyWords(values)
      at += wanted
      if (values.length >= wanted) packed.push(packWords(values.slice(0, wanted)))
    } else if (takesNextWord(flag) && at + 1 < words.length) {
      packed.push(words[++at] as string)
    }
  }
  return packed
}

function key({ long, short }: Flag): string {
  return (long ?? short) as string
}

/** Notes one occurrence. Throws UsageError naming the flag and the value. */
export function note(given: Given, { flag, text }: Occurrence): void {
  try {
    flag.takes.set(given, text)
    if (flag.secret === true || flag.secret?.(given)) given.holdsSecret = true
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const [first, second] = spelling(flag).split(', ')
    throw new UsageError(`${first}${second === undefined ? '' : ` (${second})`} ${error.message}`)
  }
}

/** A word that is no option of this program. */
export function unknown(typed: string, rows: readonly Flag[]): UsageError {
  const [, name] = /^(--[^=]+=|-[^-])./s.exec(typed) ?? []
  if (name !== undefined && isSecret(name)) {
    return new UsageError(
      `unknown option '${name}...': the value is a word of its own, as in ${name.replace('=', '')} VALUE`,
    )
  }
  const { joined, value } = flagNamed(rows, typed.replace(/=$/, '')) ?? {}
  if (joined) return new UsageError(`${typed} needs a value: ${value}`)
  const hint = typed.startsWith('-')
    ? didYouMean(typed, rows.flatMap(spellings))
    : ' (values with spaces need quotes)'
  return new UsageError(`unknown option '${printable(typed)}'${hint}`)
}

/** Whether `--NAME=` or `-N` begins a word with a secret in it, which must not be repeated. */
function isSecret(start: string): boolean {
  const name = start.replace('=', '')
  if (name === '--password') return true // said of -P everywhere else
  return FLAGS.some(
    ({ short, long, value, secret }) => secret && value && (name === `-${short}` || name === `--${long}`),
  )
}
