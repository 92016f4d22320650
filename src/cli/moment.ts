// The time of day: read in one place, with what lies below the millisecond, and taken apart in local time.

export interface Moment {
  /** Whole seconds since 1970 in UTC. */
  seconds: number
  nanoseconds: number
}

export type Clock = () => Moment

const STARTED_MS = Date.now()
let shiftMs: number | undefined

/**
 * The steady clock gives what Date lacks below the millisecond; Date says which millisecond it is, so that a clock
 * that was set while we ran is followed.
 */
export function wallClock(): Moment {
  shiftMs ??= performance.timeOrigin - STARTED_MS
  const wallMs = Date.now() - STARTED_MS
  const steadyMs = performance.now() + shiftMs
  const elapsedMs = Math.min(Math.max(steadyMs, wallMs), wallMs + 0.999_999)
  shiftMs += elapsedMs - steadyMs
  const wholeMs = Math.floor(elapsedMs)
  const ms = STARTED_MS + wholeMs
  const seconds = Math.floor(ms / 1_000)
  return {
    seconds,
    nanoseconds: (ms - 1_000 * seconds) * 1_000_000 + Math.floor((elapsedMs - wholeMs) * 1_000_000),
  }
}

/** A second in local time. */
export interface Civil {
  seconds: number
  year: number
  /** 0 to 11. */
  month: number
  day: number
  hour: number
  minute: number
  second: number
  /** 0 is Sunday. */
  weekday: number
  /** 0 to 365. */
  yearDay: number
  /** East of Greenwich. */
  offsetSeconds: number
  /** `YYYY-MM-DDThh:mm:ss`. */
  iso: string
  /** `+hhmm`. */
  zone: string
}

let latest: Civil | undefined

/** Messages come many in a second, so the last answer is kept. */
export function civil(seconds: number): Civil {
  if (latest?.seconds === seconds) return latest
  const date = new Date(1_000 * seconds)
  const [year, month, day] = [date.getFullYear(), date.getMonth(), date.getDate()]
  const [hour, minute, second] = [date.getHours(), date.getMinutes(), date.getSeconds()]
  // getTimezoneOffset has whole minutes only, which zones of the past had not.
  const offsetSeconds = Date.UTC(year, month, day, hour, minute, second) / 1_000 - seconds
  const offsetMinutes = Math.floor(Math.abs(offsetSeconds) / 60)
  latest = {
    seconds,
    year,
    month,
    day,
    hour,
    minute,
    second,
    weekday: date.getDay(),
    yearDay: (Date.UTC(year, month, day) - Date.UTC(year, 0, 1)) / 86_400_000,
    offsetSeconds,
    iso: `${year}-${two(month + 1)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`,
    zone: `${offsetSeconds < 0 ? '-' : '+'}${two(Math.floor(offsetMinutes / 60))}${two(offsetMinutes % 60)}`,
  }
  return latest
}

export function digits(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

export function two(value: number): string {
  return digits(value, 2)
}
