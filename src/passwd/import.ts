// Several users from text: lines of USER:PASSWORD, or CSV with a header. Bytes as latin1 throughout.

export interface NewUser {
  user: string
  password: Buffer
  /** Where it stands, from 1. */
  line: number
}

/** What is wrong with a line; never says what stands in it. */
export interface Fault {
  line: number
  fault: string
}

export interface Imported {
  users: NewUser[]
  faults: Fault[]
}

export const IMPORTS = { lines: parseLines, csv: parseCsv } as const
export type ImportKind = keyof typeof IMPORTS

/** The first colon ends the name; blank lines and those that begin with # are passed over. */
export function parseLines(bytes: Buffer): Imported {
  const users: NewUser[] = []
  const faults: Fault[] = []
  for (const [at, text] of bytes.toString('latin1').split('\n').entries()) {
    const body = text.replace(/\r+$/, '')
    if (/^[ \t]*$/.test(body) || body.startsWith('#')) continue
    const colon = body.indexOf(':')
    if (colon === -1) faults.push({ line: at + 1, fault: 'there is no colon between user and password' })
    else {
      const password = Buffer.from(body.slice(colon + 1), 'latin1')
      users.push({ user: body.slice(0, colon), password, line: at + 1 })
    }
  }
  return { users, faults }
}

/** A header names the columns `username` and `password`; others are ignored. Fields may be quoted (RFC 4180). */
export function parseCsv(bytes: Buffer): Imported {
  const { records, fault } = readRecords(bytes.toString('latin1').replace(/^\xef\xbb\xbf/, ''))
  const [header, ...rows] = records
  const columns = header?.fields.map((name) => name.trim().toLowerCase()) ?? []
  const [userAt, passwordAt] = [columns.indexOf('username'), columns.indexOf('password')]
  if (userAt === -1 || passwordAt === -1) {
    return {
      users: [],
      faults: [{ line: 1, fault: 'the header must name the columns username and password' }],
    }
  }
  const users: NewUser[] = []
  const faults: Fault[] = []
  for (const { fields, line } of rows) {
    if (fields.length === 1 && fields[0] === '') continue
    if (fields.length === columns.length) {
      const password = Buffer.from(fields[passwordAt] ?? '', 'latin1')
      users.push({ user: fields[userAt] ?? '', password, line })
    } else {
      faults.push({ line, fault: `${fields.length} fields where the header has ${columns.length}` })
    }
  }
  return { users, faults: fault === undefined ? faults : [...faults, fault] }
}

interface Row {
  fields: string[]
  /** Where it begins. */
  line: number
}

// A field, quoted or not, and what ends it.
const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r*\n|\r*$)/y

function readRecords(text: string): { records: Row[]; fault?: Fault } {
  const records: Row[] = []
  let fields: string[] = []
  let line = 1
  let begin = 1
  FIELD.lastIndex = 0
  while (FIELD.lastIndex < text.length || fields.length > 0) {
    const match = FIELD.exec(text)
    if (match === null) {
      return { records, fault: { line, fault: 'a quote that is not closed, or stands inside a field' } }
    }
    const [whole, quoted, plain = '', end] = match
    fields.push(quoted?.replaceAll('""', '"') ?? plain)
    line += whole.split('\n').length - 1
    if (end === ',') continue
    records.push({ fields, line: begin })
    fields = []
    begin = line
  }
  return { records }
}
