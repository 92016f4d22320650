// Dates as strftime of the C library prints them, C locale, local time.

import { type Civil, civil, digits, type Moment, two } from './moment.js'
import { zoneName } from './zone-name.js'

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
)

const weekday = ({ weekday }: Civil): string => WEEKDAYS[weekday] as string
const month = ({ month }: Civil): string => MONTHS[month] as string
const blank = (value: number): string => String(value).padStart(2)
const hour12 = ({ hour }: Civil): number => hour % 12 || 12
const half = ({ hour }: Civil): string => (hour < 12 ? 'AM' : 'PM')
const centuryYear = (year: number): number => ((year % 100) + 100) % 100
/** Days since Monday. */
const sinceMonday = ({ weekday }: Civil): number => (weekday + 6) % 7

const date = ({ iso }: Civil): string => iso.slice(0, -9)
const time = ({ iso }: Civil): string => iso.slice(-8)
const usDate = (at: Civil): string => `${two(at.month + 1)}/${two(at.day)}/${two(centuryYear(at.year))}`

/** A week of ISO 8601 belongs to the year that its Thursday lies in. */
function isoWeek(at: Civil): { year: number; week: number } {
  const thursday = at.yearDay - sinceMonday(at) + 3
  if (thursday < 0) {
    return { year: at.year - 1, week: Math.floor((thursday + daysIn(at.year - 1)) / 7) + 1 }
  }
  if (thursday >= daysIn(at.year)) return { year: at.year + 1, week: 1 }
  return { year: at.year, week: Math.floor(thursday / 7) + 1 }
}

function daysIn(year: number): number {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 366 : 365
}

const CONVERSIONS: Readonly<Record<string, (at: Civil) => string>> = {
  A: weekday,
  a: (at) => weekday(at).slice(0, 3),
  B: month,
  b: (at) => month(at).slice(0, 3),
  C: ({ year }) => two(Math.floor(year / 100)),
  c: (at) => `${weekday(at).slice(0, 3)} ${month(at).slice(0, 3)} ${blank(at.day)} ${time(at)} ${at.year}`,
  D: usDate,
  d: ({ day }) => two(day),
  e: ({ day }) => blank(day),
  F: date,
  G: (at) => String(isoWeek(at).year),
  g: (at) => two(centuryYear(isoWeek(at).year)),
  H: ({ hour }) => two(hour),
  h: (at) => month(at).slice(0, 3),
  I: (at) => two(hour12(at)),
  j: ({ yearDay }) => digits(yearDay + 1, 3),
  k: ({ hour }) => blank(hour),
  l: (at) => blank(hour12(at)),
  M: ({ minute }) => two(minute),
  m: ({ month }) => two(month + 1),
  P: (at) => half(at).toLowerCase(),
  p: half,
  R: ({ hour, minute }) => `${two(hour)}:${two(minute)}`,
  r: (at) => `${two(hour12(at))}:${two(at.minute)}:${two(at.second)} ${half(at)}`,
  S: ({ second }) => two(second),
  s: ({ seconds }) => String(seconds),
  T: time,
  U: ({ yearDay, weekday }) => two(Math.floor((yearDay + 7 - weekday) / 7)),
  u: ({ weekday }) => String(weekday || 7),
  V: (at) => two(isoWeek(at).week),
  W: (at) => two(Math.floor((at.yearDay + 7 - sinceMonday(at)) / 7)),
  w: ({ weekday }) => String(weekday),
  X: time,
  x: usDate,
  Y: ({ year }) => String(year),
  y: ({ year }) => two(centuryYear(year)),
  Z: ({ seconds, offsetSeconds }) => zoneName(seconds, offsetSeconds),
  z: ({ zone }) => zone,
}

const CONSTANTS: Readonly<Record<string, string>> = { '@': '@', '%': '%', n: '\n', t: '\t' }

/** What `@` and `letter` print: always the same, or something of the moment. An unknown letter prints itself behind %. */
export function dateConversion(letter: string): string | ((at: Moment) => string) {
  if (letter === 'N') return ({ nanoseconds }) => digits(nanoseconds, 9)
  const conversion = Object.hasOwn(CONVERSIONS, letter) ? CONVERSIONS[letter] : undefined
  if (conversion !== undefined) return ({ seconds }) => conversion(civil(seconds))
  return Object.hasOwn(CONSTANTS, letter) ? (CONSTANTS[letter] as string) : `%${letter}`
}
