// A bad network between a program and a broker: it delays, is slow, splits into single bytes, and at a chosen byte or
// packet it cuts the connection, loses or doubles a packet, or has the test do something. It counts packets with the
// tests' own reader, which shares no code with src/.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Wire } from '../broker/wire.js'
import type { Scope } from '../support/processes.js'

/** Towards the broker, or towards the program. */
export type Direction = 'up' | 'down'
/** By an end, by a reset, or by nothing ever passing again. */
export type Cut = 'fin' | 'rst' | 'silence'

/** Where something happens, once. Bytes and packets are counted over all connections, from 1. */
export type Place =
  | { direction: Direction; byte: number }
  /** Before the packet, in the middle of it, or behind it. */
  | { direction: Direction; packet: string; nth: number; where?: 'before' | 'middle' | 'after' }

export interface Fault {
  at: Place
  /** `drop` and `double` concern the packet at `at`; a function may hold the relay, and act while it is held. */
  act: Cut | 'drop' | 'double' | (() => unknown)
}

export interface RelayOptions {
  /** One way. */
  delayMs?: number
  bytesPerSecond?: number
  /** Each byte on its own. */
  singly?: boolean
  faults?: readonly Fault[]
}

/** Read ahead for a slow side, and not more. */
const AHEAD_BYTES = 65_536
/** Reaching it means that something hangs. */
const LIMIT_MS = 90_000
/** A slow link moves what it may in this time. */
const STEP_MS = 20

export class Relay {
  readonly #server: Server
  readonly #links = new Set<Link>()
  readonly options: RelayOptions
  /** Faults that have not happened yet. */
  readonly pending: Set<Fault>
  readonly bytes: Record<Direction, number> = { up: 0, down: 0 }
  /** Whole packets, by direction and name, such as `up PUBLISH`. */
  readonly packets = new Map<string, number>()
  readonly target: number
  connections = 0
  /** Faults that had not happened were called off. */
  isCancelled = false
  /** A connection was ended in order although not all that the program had sent was passed on. */
  hasSwallowed = false
  /** Calls of `until` that wait. */
  #waiting: (() => void)[] = []
  #held: Promise<void> | undefined
  #release: (() => void) | undefined

  constructor(t: Scope, target: number, options: RelayOptions) {
    this.target = target
    this.options = options
    this.pending = new Set(options.faults)
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.connections++
      const link = new Link(this, client, () => {
        this.#links.delete(link)
        this.passed()
      })
      this.#links.add(link)
    })
    t.after(() => {
      this.#server.close()
      this.cut('rst')
    })
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** Cuts all connections now; new ones are accepted. */
  cut(how: Cut): void {
    for (const link of this.#links) link.cut(how)
  }

  /** No more faults. */
  cancel(): void {
    this.isCancelled ||= this.pending.size > 0
    this.pending.clear()
  }

  /** Nothing passes until `release`. */
  hold(): void {
    this.#held ??= new Promise((resolve) => {
      this.#release = resolve
    })
  }

  release(): void {
    this.#release?.()
    this.#held = this.#release = undefined
  }

  /** Resolves when the broker has read, or lost, all that was on its way. */
  async drained(): Promise<void> {
    await this.until(() => [...this.#links].every(({ isOver }) => isOver))
  }

  get held(): Promise<void> | undefined {
    return this.#held
  }

  count(direction: Direction, packet: string): number {
    return this.packets.get(`${direction} ${packet}`) ?? 0
  }

  /** Resolves as soon as `probe` holds; it is asked again whenever something passes. */
  async until(probe: () => boolean): Promise<void> {
    let isLate = false
    const limit = setTimeout(() => {
      isLate = true
      this.passed()
    }, LIMIT_MS)
    try {
      while (!probe()) {
        if (isLate) throw new Error('what was waited for did not pass the relay in time')
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
      }
    } finally {
      clearTimeout(limit)
    }
  }

  passed(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** One connection of the program, and ours to the broker for it. */
class Link {
  readonly #sockets: readonly [client: Socket, server: Socket]
  readonly #onGone: () => void
  /** How it was cut. */
  over: Cut | undefined
  /** The broker ended it in order: what comes for it now it does not read. */
  isLeft = false

  constructor(relay: Relay, client: Socket, onGone: () => void) {
    const server = connect({ port: relay.target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.#sockets = [client, server]
    this.#onGone = onGone
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('error', () => this.cut('rst'))
      from.on('close', () => {
        if (to.destroyed) this.#onGone()
      })
    }
    const flows = [new Flow(relay, this, 'up', client, server), new Flow(relay, this, 'down', server, client)]
    for (const flow of flows) flow.run().catch(() => this.cut('rst'))
  }

  get isOver(): boolean {
    return this.over !== undefined
  }

  cut(how: Cut): void {
    const wasOver = this.isOver
    this.over ??= how
    for (const socket of this.#sockets) {
      if (how === 'silence') socket.pause()
      // What still comes is read, or the system would make a reset of it.
      else if (how === 'fin' && !wasOver) socket.end().resume()
      else if (socket.writableEnded || socket.connecting) socket.destroy()
      else socket.resetAndDestroy()
    }
  }
}

interface Piece {
  bytes: Buffer
  /** Not before this time. */
  at: number
}

/** What goes one way. */
class Flow {
  readonly #relay: Relay
  readonly #link: Link
  readonly #direction: Direction
  readonly #from: Socket
  readonly #to: Socket
  readonly #wire = new Wire()
  readonly #byPacket: boolean
  #queue: Piece[] = []
  #queued = 0
  /** Bytes taken from the queue and not passed on. */
  #passing = 0
  #wake: (() => void) | undefined
  #ended = false

  constructor(relay: Relay, link: Link, direction: Direction, from: Socket, to: Socket) {
    this.#relay = relay
    this.#link = link
    this.#direction = direction
    this.#from = from
    this.#to = to
    this.#byPacket = (relay.options.faults ?? []).some(
      ({ at }) => at.direction === direction && 'packet' in at,
    )
    from.on('data', (bytes: Buffer) => {
      if (link.isOver) return void this.#swallow()
      this.#queue.push({ bytes, at: performance.now() + (relay.options.delayMs ?? 0) })
      this.#queued += bytes.length
      if (this.#queued > AHEAD_BYTES) from.pause()
      this.#wake?.()
    })
    to.on('close', () => {
      if (this.#queued + this.#passing > 0) this.#swallow()
    })
    from.on('end', () => {
      this.#ended = true
      // Silence is kept, whatever the program does about it.
      if (link.over === 'fin') from.destroy()
      this.#wake?.()
    })
  }

  async run(): Promise<void> {
    for (;;) {
      const piece = this.#queue.shift()
      if (piece === undefined) {
        if (this.#ended) break
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      this.#queued -= piece.bytes.length
      if (this.#queued <= AHEAD_BYTES && !this.#link.isOver) this.#from.resume()
      const left = piece.at - performance.now()
      if (left > 0) await after(left)
      this.#passing += piece.bytes.length
      await this.#pass(piece.bytes)
      if (this.#link.isOver) return
    }
    await this.#relay.held
    if (this.#direction === 'down') this.#link.isLeft = true
    if (!this.#link.isOver) this.#to.end()
  }

  #swallow(): void {
    if (this.#direction === 'up') this.#relay.hasSwallowed = true
  }

  /** By whole packets where a fault is to find one, else as it came. */
  async #pass(bytes: Buffer): Promise<void> {
    if (!this.#byPacket) return this.#send(bytes)
    this.#wire.push(bytes)
    for (let packet = this.#wire.skim(); packet !== undefined; packet = this.#wire.skim()) {
      const { name } = packet
      const nth = this.#tally(name)
      const fault = this.#due((at) => 'packet' in at && at.packet === name && at.nth === nth)
      await (fault === undefined ? this.#send(packet.bytes) : this.#meet(fault, packet.bytes))
      if (this.#link.isOver) return
    }
  }

  /** Where packets are not looked for, they are counted as they have passed. */
  #count(bytes: Buffer): void {
    if (this.#byPacket) return
    this.#wire.push(bytes)
    for (let packet = this.#wire.skim(); packet !== undefined; packet = this.#wire.skim()) {
      this.#tally(packet.name)
    }
  }

  #tally(name: string): number {
    const key = `${this.#direction} ${name}`
    const nth = (this.#relay.packets.get(key) ?? 0) + 1
    this.#relay.packets.set(key, nth)
    return nth
  }

  #due(holds: (at: Place) => boolean): Fault | undefined {
    const fault = [...this.#relay.pending].find(({ at }) => at.direction === this.#direction && holds(at))
    if (fault !== undefined) this.#relay.pending.delete(fault)
    return fault
  }

  /** The packet `bytes` is where a fault happens. */
  async #meet({ at, act }: Fault, bytes: Buffer): Promise<void> {
    if (act === 'drop' || act === 'double') {
      this.#passing += act === 'drop' ? -bytes.length : bytes.length
      return act === 'drop' ? undefined : this.#send(Buffer.concat([bytes, bytes]))
    }
    const { where = 'after' } = at as { where?: string }
    const before = where === 'before' ? 0 : where === 'after' ? bytes.length : bytes.length >> 1
    await this.#send(bytes.subarray(0, before))
    if (this.#link.isOver) return
    await this.#act(act)
    if (!this.#link.isOver) await this.#send(bytes.subarray(before))
  }

  async #act(act: Cut | (() => unknown)): Promise<void> {
    if (typeof act === 'string') this.#link.cut(act)
    else await act()
    this.#relay.passed()
  }

  /** On to the other side, up to a fault that waits at one of these bytes. */
  async #send(bytes: Buffer): Promise<void> {
    const passed = this.#relay.bytes[this.#direction]
    const end = passed + bytes.length
    const fault = this.#due((at) => 'byte' in at && at.byte <= end)
    if (fault === undefined) return this.#write(bytes)
    const here = Math.max(0, (fault.at as { byte: number }).byte - passed)
    await this.#write(bytes.subarray(0, here))
    if (this.#link.isOver) return
    await this.#act(fault.act as Cut | (() => unknown))
    if (!this.#link.isOver) await this.#send(bytes.subarray(here))
  }

  async #write(bytes: Buffer): Promise<void> {
    const { bytesPerSecond, singly } = this.#relay.options
    const size = singly ? 1 : bytesPerSecond ? Math.ceil((bytesPerSecond * STEP_MS) / 1_000) : bytes.length
    for (let at = 0; at < bytes.length; at += size) {
      await this.#relay.held
      if (this.#link.isOver) return
      const part = bytes.subarray(at, at + size)
      if (this.#link.isLeft) this.#swallow()
      this.#relay.bytes[this.#direction] += part.length
      this.#passing -= part.length
      this.#count(part)
      // Each on its own: the next one is written when the system has taken this one.
      await new Promise<void>((resolve) => this.#to.write(part, () => resolve()))
      if (bytesPerSecond) await after(STEP_MS)
      this.#relay.passed()
    }
  }
}

/** A fault of the network, not a way to wait for something. */
function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}

/** Starts a relay to a broker on this machine; it is gone when the test is over. */
export async function relay(
  t: Scope,
  target: number,
  options: RelayOptions = {},
): Promise<Relay & { port: number }> {
  const made = new Relay(t, target, options)
  return Object.assign(made, { port: await made.listen() })
}
