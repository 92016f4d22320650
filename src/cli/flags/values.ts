// How the value of a flag is read from text, and what it may be.

import { UsageError } from '../../errors.js'
import { filterFault, type Qos, stringFault, topicFault } from '../../packet/index.js'
import { oneLine } from '../one-line.js'

/** A kind of value: how it is read from text, what it may be, and how a shell completes it. */
export interface Type<T> {
  /** Throws UsageError naming the value; the flag is named by the caller. */
  read(text: string): T
  /** For the manual: range or list of values, as it follows "VALUE: ". */
  range?(): string
  choices?(): readonly string[]
  path?: 'file' | 'folder'
}

export const TEXT: Type<string> = { read: (text) => text }
export const FILE: Type<string> = { read: (text) => text, path: 'file' }
export const FOLDER: Type<string> = { read: (text) => text, path: 'folder' }

export function int(min: number, max: number): Type<number> {
  return { range: () => rangeText(min, max), read: (text) => wholeNumber(text, min, max) }
}

function rangeText(min: number, max: number): string {
  return max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`
}

export function wholeNumber(text: string, min: number, max: number): number {
  const value = /^\s*[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  throw new UsageError(`'${printable(text)}': expected a whole number ${range}`)
}

/** A decimal number, fractions allowed. */
export function decimal(min: number, max: number): Type<number> {
  return {
    range: () => `${rangeText(min, max)}, fractions allowed`,
    read: (text) => {
      const value = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
      if (value >= min && value <= max) return value
      throw new UsageError(`'${printable(text)}': expected a number, ${rangeText(min, max)}`)
    },
  }
}

export function oneOf<T>(values: Readonly<Record<string, T>>, ignoreCase = false): Type<T> {
  const choices = (): string[] => Object.keys(values)
  return {
    choices,
    range: () => choices().join(', '),
    read: (text) => {
      const key = ignoreCase ? text.toLowerCase() : text
      if (Object.hasOwn(values, key)) return values[key] as T
      throw new UsageError(
        `'${printable(text)}': expected one of ${choices().join(', ')}${didYouMean(key, choices())}`,
      )
    },
  }
}

export const QOS: Type<Qos> = {
  ...oneOf<Qos>({ 0: 0, 1: 1, 2: 2 }),
  read: (text) => wholeNumber(text, 0, 2) as Qos,
}

/** Text that brokers take: well-formed, without control and non-characters. */
export const PLAIN: Type<string> = { read: plainText }
export const TOPIC: Type<string> = { read: topicName }
export const FILTER: Type<string> = { read: topicFilter }

export function plainText(text: string): string {
  const fault = stringFault(text) ?? (isPlain(text) ? undefined : 'holds a control or non-character')
  if (fault !== undefined) throw new UsageError(`'${printable(text)}' ${fault}`)
  return text
}

function topicName(text: string): string {
  return checkedTopic(text, topicFault(text))
}

function topicFilter(text: string): string {
  return checkedTopic(text, filterFault(text))
}

function checkedTopic(text: string, fault: string | undefined): string {
  const deep = text.split('/').length > 201 ? 'has more than 200 levels' : undefined
  if (fault !== undefined || deep !== undefined) throw new UsageError(`'${printable(text)}' ${fault ?? deep}`)
  return plainText(text)
}

function isPlain(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) as number
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false
    if ((code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe) return false
  }
  return true
}

/** For error lines: control characters made visible, and not longer than a line. */
export function printable(text: string): string {
  return oneLine(text.length > 80 ? `${text.slice(0, 80)}...` : text)
}

/** `; did you mean 'x'?` for the nearest candidate, if one is near. */
export function didYouMean(typed: string, candidates: readonly string[]): string {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: distance(typed, candidate) }))
    .sort((one, other) => one.distance - other.distance)
  const nearest = ranked[0]
  const limit = Math.max(1, Math.floor(typed.length / 3))
  return nearest === undefined || nearest.distance > limit ? '' : `; did you mean '${nearest.candidate}'?`
}

/** Letters added, left out, changed or swapped with the next, from one word to the other (Damerau and Levenshtein). */
function distance(one: string, other: string): number {
  const rows = [Array.from({ length: other.length + 1 }, (_, at) => at)]
  const at = (i: number, j: number): number => rows[i]?.[j] as number
  for (let i = 1; i <= one.length; i++) {
    rows.push([i])
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1]
      const isSwapped = j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      const edits = [at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (isSame ? 0 : 1)]
      if (isSwapped) edits.push(at(i - 2, j - 2) + 1)
      rows[i]?.push(Math.min(...edits))
    }
  }
  return at(one.length, other.length)
}
