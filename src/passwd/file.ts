// A password file in memory: lines of USER:HASH among comments, blank lines and whatever else. Every byte that is not
// changed on purpose stays; text here is latin1, one character for one byte.

interface Line {
  /** With its line end, if it has one. */
  text: string
  /** Absent where the line is none of USER:HASH. */
  entry?: { user: string; value: string }
}

export interface Entry {
  /** Bytes as latin1. */
  user: string
  value: string
  /** From 1. */
  line: number
  /** There is text behind the second field, which brokers ignore. */
  hasMore: boolean
}

// The white space of C: trim() would also take a0, the second byte of 'à' in UTF-8.
const BLANKS = /^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g

export class PasswordFile {
  #lines: Line[]
  /** Where the first line of each user is. */
  readonly #first = new Map<string, number>()
  readonly #lineEnd: '\n' | '\r\n'

  constructor(bytes: Buffer) {
    const texts = bytes.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? []
    this.#lines = texts.map(readLine)
    this.#lineEnd = texts[0]?.endsWith('\r\n') ? '\r\n' : '\n'
    this.#index()
  }

  #index(): void {
    this.#first.clear()
    for (const [at, { entry }] of this.#lines.entries()) {
      if (entry !== undefined && !this.#first.has(entry.user)) this.#first.set(entry.user, at)
    }
  }

  entries(): Entry[] {
    return this.#lines.flatMap(({ text, entry }, at) =>
      entry === undefined ? [] : [{ ...entry, line: at + 1, hasMore: fields(text).length > 2 }],
    )
  }

  /** The first value of a user. */
  valueOf(user: string): string | undefined {
    const at = this.#first.get(user)
    return at === undefined ? undefined : this.#lines[at]?.entry?.value
  }

  /** Numbers of the lines that are neither USER:HASH nor comment nor blank. */
  unknown(): number[] {
    return this.#lines.flatMap(({ text, entry }, at) =>
      entry !== undefined || text.startsWith('#') || text.replace(BLANKS, '') === '' ? [] : [at + 1],
    )
  }

  /** Users with more than one line, and their lines. */
  duplicates(): Map<string, number[]> {
    const lines = new Map<string, number[]>()
    for (const { user, line } of this.entries()) lines.set(user, [...(lines.get(user) ?? []), line])
    for (const [user, numbers] of lines) if (numbers.length < 2) lines.delete(user)
    return lines
  }

  /** Replaces the first line of a user, or appends one. */
  set(user: string, value: string): 'added' | 'updated' {
    const at = this.#first.get(user)
    if (at !== undefined) {
      this.replace(at + 1, user, value)
      return 'updated'
    }
    const last = this.#lines.at(-1)
    if (last !== undefined && !last.text.endsWith('\n')) last.text += this.#lineEnd
    this.#first.set(user, this.#lines.length)
    this.#lines.push({ text: `${user}:${value}${this.#lineEnd}`, entry: { user, value } })
    return 'added'
  }

  /** Writes the line of that number anew, with the end that it has. */
  replace(line: number, user: string, value: string): void {
    const [end = this.#lineEnd] = /\r?\n$/.exec(this.#lines[line - 1]?.text ?? '') ?? []
    this.#lines[line - 1] = { text: `${user}:${value}${end}`, entry: { user, value } }
  }

  /** Removes all lines of a user; returns how many there were. */
  delete(user: string): number {
    const before = this.#lines.length
    this.#lines = this.#lines.filter(({ entry }) => entry?.user !== user)
    this.#index()
    return before - this.#lines.length
  }

  toBuffer(): Buffer {
    return Buffer.from(this.#lines.map(({ text }) => text).join(''), 'latin1')
  }
}

/** The fields of a line, without white space around them: colons in a row count as one. */
function fields(text: string): string[] {
  const [user = '', value = '', ...more] = text
    .split(/:+/)
    .filter((field) => field !== '')
    .map((field) => field.replace(BLANKS, ''))
  return [user, value, ...more.filter((field) => field !== '')]
}

function readLine(text: string): Line {
  if (text.startsWith('#')) return { text }
  const [user = '', value = ''] = fields(text)
  return user === '' || value === '' ? { text } : { text, entry: { user, value } }
}
