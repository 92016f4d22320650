// The short name of the local time zone, `CET`. The runtime has only `GMT+1` for most; the system's zone files (TZif,
// RFC 8536) have what the C library prints.

import { readFileSync } from 'node:fs'

interface Zone {
  /** Seconds since 1970, ascending, from which on a name holds. */
  from: readonly number[]
  /** The name before all of `from`, then one for each. */
  names: readonly string[]
  /** What holds after the last of `from`. */
  rule: Rule | undefined
}

interface Rule {
  standard: string
  offsetSeconds: number
  summer: string
}

let local: Zone | undefined | 'not read' = 'not read'

/** `offsetSeconds`: what the runtime says of that moment; it chooses between standard and summer time. */
export function zoneName(seconds: number, offsetSeconds: number): string {
  if (local === 'not read') local = readLocalZone()
  if (local === undefined) return withoutFile(seconds, offsetSeconds)
  const { from, names, rule } = local
  const next = from.findIndex((start) => start > seconds)
  if (next === -1 && rule !== undefined) {
    return offsetSeconds === rule.offsetSeconds ? rule.standard : rule.summer
  }
  return names[next === -1 ? from.length : next] as string
}

function readLocalZone(): Zone | undefined {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
  for (const folder of ['/usr/share/zoneinfo', '/etc/zoneinfo']) {
    try {
      return parseZone(readFileSync(`${folder}/${timeZone}`))
    } catch {
      // no such file, or not one of its kind
    }
  }
  return undefined
}

/** RFC 8536: a header and data with 4-byte times, the same with 8-byte times, then a rule between line ends. */
function parseZone(file: Buffer): Zone | undefined {
  if (file.toString('latin1', 0, 4) !== 'TZif' || file[4] === 0) return undefined
  const header = 44 + dataLength(counts(file, 0), 4)
  const layout = counts(file, header)
  const timesAt = header + 44
  const indexAt = timesAt + 8 * layout.times
  const typesAt = indexAt + layout.times
  const namesAt = typesAt + 6 * layout.types
  const name = (type: number): string => {
    const start = namesAt + (file[typesAt + 6 * type + 5] as number)
    return file.toString('latin1', start, file.indexOf(0, start))
  }
  const from = Array.from({ length: layout.times }, (_, at) => Number(file.readBigInt64BE(timesAt + 8 * at)))
  const names = from.map((_, at) => name(file[indexAt + at] as number))
  const footer = file.toString('latin1', timesAt + dataLength(layout, 8) + 1)
  return { from, names: [name(0), ...names], rule: parseRule(footer.trimEnd()) }
}

type Counts = Record<'utc' | 'standard' | 'leaps' | 'times' | 'types' | 'chars', number>

function counts(file: Buffer, header: number): Counts {
  const count = (at: number): number => file.readUInt32BE(header + 20 + 4 * at)
  return {
    utc: count(0),
    standard: count(1),
    leaps: count(2),
    times: count(3),
    types: count(4),
    chars: count(5),
  }
}

function dataLength({ utc, standard, leaps, times, types, chars }: Counts, timeLength: number): number {
  return times * (timeLength + 1) + types * 6 + chars + leaps * (timeLength + 4) + standard + utc
}

// `CET-1CEST,M3.5.0,M10.5.0/3` or `<+0545>-5:45`. Hours count west of Greenwich.
const RULE = /^(?:<([^>]+)>|([A-Za-z]+))([-+]?)(\d+)(?::(\d+))?(?::(\d+))?(?:<([^>]+)>|([A-Za-z]+))?/

function parseRule(text: string): Rule | undefined {
  const match = RULE.exec(text)
  if (match === null) return undefined
  const [, quoted, plain, sign, hours, minutes = '0', seconds = '0', quotedSummer, plainSummer] = match
  const standard = (quoted ?? plain) as string
  const distance = 3_600 * Number(hours) + 60 * Number(minutes) + Number(seconds)
  const offsetSeconds = sign === '-' ? distance : -distance
  return { standard, offsetSeconds, summer: quotedSummer ?? plainSummer ?? standard }
}

/** Without a zone file: the runtime's name, or hours and minutes as zones without a name have them. */
function withoutFile(seconds: number, offsetSeconds: number): string {
  for (const locale of ['en-US', 'en-GB']) {
    const parts = new Intl.DateTimeFormat(locale, { timeZoneName: 'short' }).formatToParts(1_000 * seconds)
    const name = parts.find(({ type }) => type === 'timeZoneName')?.value
    if (name !== undefined && /^[A-Z]+$/.test(name) && (name !== 'GMT' || offsetSeconds !== 0)) return name
  }
  if (offsetSeconds === 0) return 'UTC'
  const minutes = Math.floor(Math.abs(offsetSeconds) / 60)
  const text = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0'))
  return `${offsetSeconds < 0 ? '-' : '+'}${text[0]}${text[1] === '00' ? '' : text[1]}`
}
