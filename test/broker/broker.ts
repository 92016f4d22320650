// A broker of few lines for work that no script can foresee: it answers everything in order, unless told to withhold,
// delay or refuse, and it can blast messages at a subscriber. Shares no code with src/.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { packet, publish, type Seen, u16, Wire } from './wire.js'

export interface Policy {
  /** CONNACK bytes of connection 1, 2, ...; default accepts, without a session. */
  connack?: (nth: number, level: number) => Uint8Array
  /** Sees each packet first. True: it needs no answer any more. */
  on?: (packet: Seen, link: BrokerLink) => boolean | undefined
  /** Acknowledgements of messages come this late. */
  delayMs?: number
  /** Where to listen; default: on a free port. */
  port?: number
}

/** One connection of a client. */
export interface BrokerLink {
  /** 1, 2, ... */
  readonly nth: number
  readonly socket: Socket
  readonly level: number
  /** What came on this connection. */
  readonly seen: Seen[]
  send(...bytes: readonly Uint8Array[]): void
}

export interface Broker {
  readonly port: number
  readonly links: readonly BrokerLink[]
  /** Every packet of every connection. */
  readonly seen: readonly Seen[]
  /** Messages received, those with DUP included. */
  readonly messages: readonly Seen[]
  /** Resolves as soon as `probe` holds; it is asked again after each packet. */
  until(probe: () => boolean): Promise<void>
  /** No more connections are accepted; those that are open stay. */
  stopListening(): Promise<void>
}

export async function broker(t: TestContext, policy: Policy = {}): Promise<Broker> {
  const server = new Listening(policy)
  await server.listen()
  t.after(() => server.close())
  return server
}

class Listening implements Broker {
  readonly #policy: Policy
  readonly #server: Server = createServer()
  readonly links: Connected[] = []
  readonly seen: Seen[] = []
  #waiting: { probe: () => boolean; resolve: () => void }[] = []
  #port = 0

  constructor(policy: Policy) {
    this.#policy = policy
  }

  get port(): number {
    return this.#port
  }

  get messages(): readonly Seen[] {
    return this.seen.filter(({ name }) => name === 'PUBLISH')
  }

  async listen(): Promise<void> {
    this.#server.on('connection', (socket) => {
      const link = new Connected(this.links.length + 1, socket, this.#policy, (packet) => {
        if (packet !== undefined) this.seen.push(packet)
        const [held, waiting] = [this.#waiting.filter(({ probe }) => probe()), this.#waiting]
        this.#waiting = waiting.filter((each) => !held.includes(each))
        for (const { resolve } of held) resolve()
      })
      this.links.push(link)
    })
    this.#server.listen(this.#policy.port ?? 0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async until(probe: () => boolean): Promise<void> {
    if (probe()) return
    await new Promise<void>((resolve) => this.#waiting.push({ probe, resolve }))
  }

  async stopListening(): Promise<void> {
    this.#server.close()
  }

  close(): void {
    this.#server.close()
    for (const { socket } of this.links) socket.destroy()
  }
}

class Connected implements BrokerLink {
  readonly nth: number
  readonly socket: Socket
  readonly seen: Seen[] = []
  readonly #wire = new Wire()
  readonly #policy: Policy

  constructor(nth: number, socket: Socket, policy: Policy, changed: (packet: Seen | undefined) => void) {
    this.nth = nth
    this.socket = socket
    this.#policy = policy
    socket.on('error', () => {})
    socket.on('close', () => changed(undefined))
    socket.on('data', (chunk: Buffer) => {
      this.#wire.push(chunk)
      for (let packet = this.#wire.next(); packet !== undefined; packet = this.#wire.next()) {
        this.seen.push(packet)
        if (policy.on?.(packet, this) !== true) this.#answer(packet)
        changed(packet)
      }
    })
  }

  get level(): number {
    return this.#wire.level
  }

  send(...bytes: readonly Uint8Array[]): void {
    if (!this.socket.writable) return
    for (const each of bytes) this.socket.write(each)
  }

  #answer({ name, facts }: Seen): void {
    const id = u16(Number(facts.id ?? 0) || 0)
    switch (name) {
      case 'CONNECT': {
        const { connack = accepted } = this.#policy
        return this.send(connack(this.nth, this.level))
      }
      case 'PUBLISH':
        if (facts.qos === '1') this.#later(packet(0x40, id))
        if (facts.qos === '2') this.#later(packet(0x50, id))
        return
      case 'PUBREC':
        return this.send(packet(0x62, id))
      case 'PUBREL':
        return this.#later(packet(0x70, id))
      case 'SUBSCRIBE':
      case 'UNSUBSCRIBE': {
        const filters = (facts.filters as string).split(',')
        const codes = filters.map((each) => Number.parseInt(each.slice(each.lastIndexOf(':') + 1), 16) & 3)
        if (name === 'SUBSCRIBE') return this.send(packet(0x90, id, this.level === 5 ? [0] : [], codes))
        return this.send(packet(0xb0, id, this.level === 5 ? [0, ...filters.map(() => 0)] : []))
      }
      case 'PINGREQ':
        return this.send(packet(0xd0))
      case 'DISCONNECT':
        this.socket.end()
    }
  }

  #later(bytes: Uint8Array): void {
    const { delayMs } = this.#policy
    if (delayMs === undefined) this.send(bytes)
    else setTimeout(() => this.send(bytes), delayMs)
  }
}

/** The CONNACK that accepts; at level 5 it assigns the identifier z, which a client must not have chosen itself. */
export function accepted(_nth: number, level: number): Uint8Array {
  return level === 5 ? Buffer.from('20070000041200017a', 'hex') : Buffer.from('20020000', 'hex')
}

/** Sends messages `first`, `first + 1`, ... as fast as they are taken, and never holds many itself. */
export async function blast(
  link: BrokerLink,
  {
    topic = 'b',
    first = 1,
    count,
    size,
    qos = 0,
  }: { topic?: string; first?: number; count: number; size: number; qos?: 0 | 1 },
): Promise<void> {
  const { socket, level } = link
  for (let at = first; at < first + count; at++) {
    const payload = Buffer.alloc(size, 'x')
    payload.write(`${at} `)
    const bytes = publish(level, topic, payload, { qos, id: ((at - 1) % 65_535) + 1 })
    if (!socket.writable) return
    if (!socket.write(bytes)) await room(socket)
  }
}

function room(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.removeListener('drain', done).removeListener('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
  })
}

/** A server that accepts connections and never says a word. */
export async function mute(t: TestContext): Promise<{ port: number; connections: () => number }> {
  let count = 0
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    count++
    sockets.push(socket)
    socket.on('error', () => {})
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, connections: () => count }
}
