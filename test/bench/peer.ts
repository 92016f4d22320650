// What stands opposite the client while it is measured, so that no broker is the limit: a sink that swallows and counts
// what is published, and a blaster that sends what is subscribed. Neither shares code with the client.

import { once } from 'node:events'
import { type AddressInfo, createServer, Socket, type SocketConstructorOpts } from 'node:net'
import type { Server as TlsServer } from 'node:tls'

const CONNECT = 1
const PUBLISH = 3
const PUBACK = 4
const PUBREC = 5
const PUBREL = 6
const PUBCOMP = 7
const SUBSCRIBE = 8
const DISCONNECT = 14

const CONNACK_4 = Buffer.from('20020000', 'hex')
/** Receive Maximum 65,535 and the Assigned Client Identifier `z`. */
const CONNACK_5 = Buffer.from('200a00000721ffff1200017a', 'hex')

/** The longest fixed header. */
const HEADER_BYTES = 5
const ANSWER_BYTES = 4
/** Of a packet that comes in pieces, more than this is not kept. */
const HEAD_BYTES = 1_024
/** Memory that a connection is read into, again and again: new memory for each read would cost more than the reading. */
const READ_BYTES = 262_144

type OnPacket = (type: number, flags: number, body: number, end: number) => void

/** Calls `on` for each whole packet in `bytes`, or for one whose end is cut off, and returns how many bytes those are. */
function eachPacket(bytes: Buffer, isCut: boolean, on: OnPacket): number {
  let at = 0
  for (;;) {
    let body = at + 1
    let length = 0
    let shift = 0
    let byte = 0x80
    while (byte >= 0x80) {
      if (body >= bytes.length) return at
      byte = bytes[body++] as number
      length |= (byte & 0x7f) << shift
      shift += 7
    }
    const end = body + length
    if (end > bytes.length && !isCut) return at
    const first = bytes[at] as number
    on(first >> 4, first & 15, body, Math.min(end, bytes.length))
    at = end
  }
}

/** A connection as a peer deals with it: whole packets, and answers that leave together. */
export abstract class Link {
  /** Sent together behind each chunk; no answer is longer than its packet, one of which began before the chunk. */
  #answers: Buffer | undefined
  #length = 0
  #room = 0
  /** Of a packet that runs over two chunks: its beginning, and how many bytes it lacks, or 0 where that is not known. */
  readonly #head = Buffer.alloc(HEAD_BYTES)
  #held = 0
  #lacks = 0
  protected readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
  }

  /** Takes what came; `chunk` may be written over later. */
  take(chunk: Buffer): void {
    this.#room = chunk.length + ANSWER_BYTES
    this.#split(chunk)
    if (this.#answers !== undefined) this.socket.write(this.#answers.subarray(0, this.#length))
    this.#answers = undefined
    this.#length = 0
    this.idle()
  }

  #split(chunk: Buffer): void {
    let from = 0
    while (this.#held > 0 && from < chunk.length) {
      const isCut = this.#lacks > 0
      const piece = chunk.subarray(from, from + (isCut ? this.#lacks : HEADER_BYTES))
      this.#held += piece.copy(this.#head, this.#held) // as far as there is room: nobody asks for the rest
      from += piece.length
      this.#lacks -= isCut ? piece.length : 0
      if (this.#lacks > 0) return
      const head = Buffer.from(this.#head.subarray(0, this.#held))
      this.#hold(head.subarray(this.#packets(head, isCut)))
    }
    if (from < chunk.length) this.#hold(chunk.subarray(from + this.#packets(chunk.subarray(from), false)))
  }

  #hold(rest: Buffer): void {
    this.#held = rest.copy(this.#head)
    this.#lacks = rest.length < HEADER_BYTES ? 0 : whole(rest) - rest.length
  }

  #packets(bytes: Buffer, isCut: boolean): number {
    return eachPacket(bytes, isCut, (type, flags, body, end) => {
      if (type === CONNECT) {
        const level = bytes[body + 2 + bytes.readUInt16BE(body)]
        this.socket.write(level === 5 ? CONNACK_5 : CONNACK_4)
      } else if (type === DISCONNECT) this.socket.end()
      else this.packet(type, flags, bytes, body, end)
    })
  }

  /** Answers with a packet of four bytes. */
  protected answer(first: number, bytes: Buffer, id: number): void {
    this.#answers ??= Buffer.allocUnsafe(this.#room)
    const answers = this.#answers
    answers[this.#length++] = first
    answers[this.#length++] = 2
    answers[this.#length++] = bytes[id] as number
    answers[this.#length++] = bytes[id + 1] as number
  }

  protected abstract packet(type: number, flags: number, bytes: Buffer, body: number, end: number): void
  /** The packets of a chunk have been dealt with. */
  protected idle(): void {}
}

/** The length of the packet that begins here. */
function whole(bytes: Buffer): number {
  let length = 0
  for (let at = 1; at < HEADER_BYTES; at++) {
    const byte = bytes[at] as number
    length |= (byte & 0x7f) << (7 * (at - 1))
    if (byte < 0x80) return at + 1 + length
  }
  return 0
}

/** Swallows what is published, acknowledges it, and counts the messages by the number in front of their payload. */
export class SinkLink extends Link {
  readonly seen: Uint8Array
  distinct = 0

  /** Payloads begin with numbers below `count`. */
  constructor(socket: Socket, count: number) {
    super(socket)
    this.seen = new Uint8Array(count)
  }

  protected packet(type: number, flags: number, bytes: Buffer, body: number, end: number): void {
    if (type === PUBREL) return this.answer(PUBCOMP << 4, bytes, body)
    if (type !== PUBLISH) return
    const qos = (flags >> 1) & 3
    let at = body + 2 + bytes.readUInt16BE(body)
    if (qos > 0) {
      this.answer((qos === 1 ? PUBACK : PUBREC) << 4, bytes, at)
      at += 2
    }
    let number = 0
    for (
      let digit = bytes[at] as number;
      at < end && digit >= 48 && digit < 58;
      digit = bytes[++at] as number
    ) {
      number = number * 10 + digit - 48
    }
    if (number < this.seen.length && this.seen[number] === 0) {
      this.seen[number] = 1
      this.distinct++
    }
  }
}

const IDS = 60_000
const SUBACKS = ['9003000100', '9003000101', '9003000102'].map((hex) => Buffer.from(hex, 'hex'))

export interface Blast {
  count: number
  bytes: number
  qos: 0 | 1 | 2
  /** Messages written at a time, of which `count` is a multiple. Default 1,000. */
  slice?: number
}

/** Sends messages as fast as the socket takes them, as soon as there is a subscription. */
export class BlastLink extends Link {
  readonly #blast: Required<Pick<Blast, 'count' | 'qos' | 'slice'>>
  readonly #slices: readonly Buffer[]
  /** Unacknowledged messages of each slice. */
  readonly #open: number[] = []
  #sent = 0
  #subscribed = false

  /** `slices` are those of `encodeSlices`, of the same blast. */
  constructor(socket: Socket, { count, qos, slice = 1_000 }: Blast, slices: readonly Buffer[]) {
    super(socket)
    this.#blast = { count, qos, slice }
    this.#slices = slices
    socket.on('drain', () => this.idle())
  }

  protected packet(type: number, _flags: number, bytes: Buffer, body: number): void {
    if (type === SUBSCRIBE) {
      this.#subscribed = true
      this.socket.write(SUBACKS[this.#blast.qos] as Buffer)
    } else if (type === PUBREC) this.answer((PUBREL << 4) | 2, bytes, body)
    else if (type === PUBACK || type === PUBCOMP) {
      const slice = Math.floor((bytes.readUInt16BE(body) - 1) / this.#blast.slice)
      this.#open[slice] = (this.#open[slice] ?? 0) - 1
    }
  }

  protected override idle(): void {
    const { count, qos, slice } = this.#blast
    while (this.#subscribed && this.#sent < count && !this.socket.writableNeedDrain) {
      const at = (this.#sent / slice) % this.#slices.length
      if (qos > 0 && (this.#open[at] ?? 0) > 0) return
      this.#open[at] = slice
      this.#sent += slice
      this.socket.write(this.#slices[at] as Buffer)
    }
  }
}

/** All that is sent again and again, made before anybody's time counts. */
export function encodeSlices({ bytes, qos, slice = 1_000 }: Blast): Buffer[] {
  return Array.from({ length: qos === 0 ? 1 : IDS / slice }, (_, at) =>
    encode(bytes, qos, slice, 1 + at * slice),
  )
}

/** A slice of messages to the topic `a`, with the identifiers from `id` on. */
function encode(bytes: number, qos: number, slice: number, id: number): Buffer {
  const payload = Buffer.alloc(bytes, 'x')
  const one: Buffer[] = []
  for (let at = 0; at < slice; at++) {
    const length = 3 + (qos > 0 ? 2 : 0) + bytes
    const header = [0x30 | (qos << 1)]
    for (let rest = length; rest > 0; rest >>= 7) header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    const identifier = qos > 0 ? [(id + at) >> 8, (id + at) & 0xff] : []
    one.push(Buffer.from([...header, 0, 1, 0x61, ...identifier]), payload)
  }
  return Buffer.concat(one)
}

export interface Listening<L> {
  readonly port: number
  /** The connections so far. */
  readonly links: L[]
  close(): void
}

/** Listens on a port of its own, or with a TLS server. */
export async function listen<L extends Link>(
  makeLink: (socket: Socket) => L,
  tlsServer?: TlsServer,
): Promise<Listening<L>> {
  const links: L[] = []
  const sockets = new Set<Socket>()
  const accept = (socket: Socket): L => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    const link = makeLink(socket)
    links.push(link)
    return link
  }
  tlsServer?.on('secureConnection', (socket) => {
    const link = accept(socket)
    socket.on('data', (chunk: Buffer) => link.take(chunk))
  })
  const server =
    tlsServer ??
    createServer({ noDelay: true, pauseOnConnect: true }, (first) => {
      let link: L | undefined
      const callback = (length: number, memory: Uint8Array): boolean => {
        link?.take(memory.subarray(0, length) as Buffer)
        return true
      }
      // A server gives its sockets no memory to read into; one that takes over the connection has it.
      const { _handle: handle } = first as unknown as { _handle: unknown }
      const onread = { buffer: Buffer.alloc(READ_BYTES), callback }
      link = accept(new Socket({ handle, onread } as SocketConstructorOpts).resume())
    })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: (server.address() as AddressInfo).port, links, close }
}
