// A broker that does as it is told, byte for byte. A script has one step on each line:
//
//   < CONNECT v=4 clean=1     expects a packet; every fact named has to be as it says, `*` is any value
//   < 10 0c 00 04 ...         expects these bytes
//   > 20 02 00 00             sends bytes; 'text' stands for its bytes, "text" has its length in front
//   > 20 02 | 00 00           in two segments
//   cut                       closes its side (FIN)            reset     resets the connection (RST)
//   accept                    awaits the next connection       wait-eof  awaits the end, and nothing before it
//   silence                   swallows what comes, to the end  do NAME   runs a function that the test gave
//
// The first connection is accepted by itself. A script that has run out closes in order and awaits the end. Whatever
// does not come, or comes unexpected, fails the test with the transcript.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { describe, hex, type Seen, Wire } from './wire.js'

export interface ScriptOptions {
  /** For `do NAME`; the script goes on when it is done. */
  do?: Readonly<Record<string, () => unknown>>
  /** How long a single step may take. */
  limitMs?: number
  /** Where to listen; default: on a free port. */
  port?: number
}

export interface ScriptedBroker {
  readonly port: number
  /** Resolves when the script has been played to its end; rejects with the transcript where it was not. */
  readonly done: Promise<void>
  /** What has happened so far, one line for each step. */
  readonly transcript: string
}

/** Listens on a port of its own and plays `text`. The test fails where the script does. */
export async function script(
  t: TestContext,
  text: string,
  options: ScriptOptions = {},
): Promise<ScriptedBroker> {
  const player = new Player(text, options)
  await player.listen()
  t.after(() => player.finish())
  return player
}

type Step =
  | { kind: 'facts'; line: string; name: string; facts: Readonly<Record<string, string>> }
  | { kind: 'bytes'; line: string; bytes: Buffer }
  | { kind: 'send'; line: string; segments: Buffer[] }
  | { kind: 'do'; line: string; name: string }
  | { kind: 'cut' | 'reset' | 'accept' | 'silence' | 'wait-eof'; line: string }

const LIMIT_MS = 20_000

class Player implements ScriptedBroker {
  readonly #done: Promise<void>
  #observed = false
  readonly #steps: readonly Step[]
  readonly #options: ScriptOptions
  readonly #server: Server = createServer({ allowHalfOpen: true }) // the script says when to close
  readonly #backlog: Link[] = []
  readonly #lines: string[] = []
  #link: Link | undefined
  #wake: (() => void) | undefined
  #finished = false
  #stray = 0
  #settle!: { resolve: () => void; reject: (error: Error) => void }

  constructor(text: string, options: ScriptOptions) {
    this.#steps = text
      .split('\n')
      .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
      .filter((line) => line !== '')
      .map(parseStep)
    this.#options = options
    this.#done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.#done.catch(() => {}) // `finish` tells of it if nobody else does
  }

  get done(): Promise<void> {
    this.#observed = true
    return this.#done
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get transcript(): string {
    return this.#lines.join('\n')
  }

  async listen(): Promise<void> {
    this.#server.on('connection', (socket) => {
      if (this.#finished) {
        this.#stray++
        socket.destroy()
        return
      }
      this.#backlog.push(new Link(socket, () => this.#wake?.()))
      this.#wake?.()
    })
    this.#server.listen(this.#options.port ?? 0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#play().then(
      () => this.#end(),
      (error: Error) => this.#end(error),
    )
  }

  /** At the end of the test. */
  async finish(): Promise<void> {
    if (!this.#finished) this.#end(new Error('the test ended in the middle of the script'))
    this.#server.close()
    if (this.#observed) await this.#done.catch(() => {})
    else await this.#done
    if (this.#stray > 0) throw new Error(`${this.#stray} connection(s) after the end of\n${this.transcript}`)
  }

  #end(error?: Error): void {
    if (this.#finished) return
    this.#finished = true
    for (const link of [this.#link, ...this.#backlog]) link?.socket.destroy()
    if (error === undefined) this.#settle.resolve()
    else this.#settle.reject(new Error(`${error.message}\n--- what happened:\n${this.transcript}`))
  }

  async #play(): Promise<void> {
    await this.#accept()
    for (const step of this.#steps) {
      this.#lines.push(step.line)
      await this.#step(step)
    }
    const last = this.#steps.at(-1)?.kind
    if (last === 'cut' || last === 'reset' || last === 'silence' || last === 'wait-eof') return
    this.#current.socket.end()
    await this.#eof('the end of the script')
  }

  async #step(step: Step): Promise<void> {
    switch (step.kind) {
      case 'facts':
        return this.#expectPacket(step)
      case 'bytes':
        return this.#expectBytes(step)
      case 'send': {
        const { socket } = this.#current
        for (const segment of step.segments) {
          if (socket.write(segment) || socket.destroyed) await new Promise((resolve) => setImmediate(resolve))
          else await once(socket, 'drain')
        }
        return
      }
      case 'do':
        return void (await this.#options.do?.[step.name]?.())
      case 'cut':
        this.#current.socket.end()
        return
      case 'reset':
        this.#current.socket.resetAndDestroy()
        return
      case 'accept':
        return this.#accept()
      case 'silence':
        await this.#until(step.line, () => {
          this.#current.wire.take(this.#current.wire.length)
          return this.#current.ended
        })
        return
      case 'wait-eof':
        return this.#eof(step.line)
    }
  }

  get #current(): Link {
    return this.#link as Link
  }

  async #accept(): Promise<void> {
    this.#link?.socket.end()
    this.#link = await this.#until('a connection', () => this.#backlog.shift())
  }

  async #expectPacket({ line, name, facts }: Extract<Step, { kind: 'facts' }>): Promise<void> {
    const seen = await this.#until(line, () => this.#orEnd(this.#current.wire.next()))
    const wrong = seen.name === name ? Object.keys(facts).filter((key) => !isAs(seen, key, facts)) : ['name']
    if (wrong.length > 0) {
      throw new Error(`expected ${line.slice(2)}\nbut got  ${describe(seen)}\nbytes    ${hex(seen.bytes)}`)
    }
  }

  async #expectBytes({ line, bytes }: Extract<Step, { kind: 'bytes' }>): Promise<void> {
    const { wire } = this.#current
    await this.#until(line, () => wire.length >= bytes.length || this.#orEnd(undefined))
    const got = wire.take(bytes.length)
    if (got[0] === 0x10) wire.level = got[got.indexOf('MQTT') === -1 ? 10 : 8] as number
    if (!got.equals(bytes)) throw new Error(`expected ${hex(bytes)}\nbut got  ${hex(got)}`)
  }

  async #eof(what: string): Promise<void> {
    await this.#until(what, () => this.#current.ended || this.#current.wire.length > 0)
    const { wire } = this.#current
    if (wire.length > 0) throw new Error(`expected nothing more but got ${hex(wire.bytes)}`)
  }

  #orEnd<T>(value: T | undefined): T | undefined {
    if (value === undefined && this.#current.ended) throw new Error('the connection ended too early')
    return value
  }

  /** Waits until `probe` answers something, and fails when that takes too long. */
  async #until<T>(what: string, probe: () => T | undefined | false): Promise<T> {
    const { limitMs = LIMIT_MS } = this.#options
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.#wake?.()
    }, limitMs)
    try {
      for (;;) {
        const value = probe()
        if (value !== undefined && value !== false) return value
        if (this.#finished) throw new Error('the test has ended')
        if (late) throw new Error(`nothing within ${limitMs / 1000} s: ${what}`)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      clearTimeout(timer)
      this.#wake = undefined
    }
  }
}

function isAs({ facts }: Seen, key: string, wanted: Readonly<Record<string, string>>): boolean {
  return wanted[key] === '*' ? facts[key] !== undefined : facts[key] === wanted[key]
}

/** One accepted connection. */
class Link {
  readonly socket: Socket
  readonly wire = new Wire()
  ended = false

  constructor(socket: Socket, wake: () => void) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.wire.push(chunk)
      wake()
    })
    const end = (): void => {
      this.ended = true
      wake()
    }
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', end) // a reset by the program is an end too
  }
}

function parseStep(line: string): Step {
  const [word = '', ...rest] = line.split(/\s+/)
  const text = line.slice(word.length).trim()
  if (word === '<' && /^[A-Z]{3,}$/.test(rest[0] ?? '')) {
    const facts: Record<string, string> = {}
    for (const [, key = '', quoted, plain] of text.matchAll(/(\S+?)=(?:'([^']*)'|(\S*))/g)) {
      facts[key] = quoted ?? plain ?? ''
    }
    return { kind: 'facts', line, name: rest[0] as string, facts }
  }
  if (word === '<') return { kind: 'bytes', line, bytes: parseBytes(text) }
  if (word === '>') return { kind: 'send', line: shorter(line), segments: text.split('|').map(parseBytes) }
  if (word === 'do') return { kind: 'do', line, name: text }
  if (['cut', 'reset', 'accept', 'silence', 'wait-eof'].includes(word)) {
    return { kind: word as 'cut', line }
  }
  throw new Error(`no such step: ${line}`)
}

function shorter(line: string): string {
  return line.length > 200 ? `${line.slice(0, 200)}...` : line
}

function parseBytes(text: string): Buffer {
  const parts: Buffer[] = []
  for (const [word] of text.matchAll(/'[^']*'|"[^"]*"|\S+/g)) {
    if (word.startsWith("'")) parts.push(Buffer.from(word.slice(1, -1)))
    else if (word.startsWith('"')) {
      const bytes = Buffer.from(word.slice(1, -1))
      parts.push(Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes)
    } else if (/^([0-9a-f]{2})+$/i.test(word)) parts.push(Buffer.from(word, 'hex'))
    else throw new Error(`neither hex nor text in a script: ${word}`)
  }
  return Buffer.concat(parts)
}

/** The CONNACK that accepts, by protocol level; level 5 assigns the identifier z to a client without one. */
export const WELCOME: Readonly<Record<3 | 4 | 5, string>> = {
  3: '> 20 02 00 00',
  4: '> 20 02 00 00',
  5: '> 20 07 00 00 04 12 "z"',
}
