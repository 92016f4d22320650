// MQTT as a test sees it: bytes cut into packets, and packets into facts that can be compared as words. Written from
// the standard and sharing no code with src/, so that both cannot make the same mistake.

/** One packet from the program under test. */
export interface Seen {
  /** As the standard prints it. */
  name: string
  bytes: Buffer
  /** Everything else, as words: `qos`, `id`, `topic`, `flags`, ... */
  facts: Readonly<Record<string, string>>
  /** Of a PUBLISH; empty otherwise. */
  payload: Buffer
}

const NAMES = [
  'RESERVED',
  'CONNECT',
  'CONNACK',
  'PUBLISH',
  'PUBACK',
  'PUBREC',
  'PUBREL',
  'PUBCOMP',
  'SUBSCRIBE',
  'SUBACK',
  'UNSUBSCRIBE',
  'UNSUBACK',
  'PINGREQ',
  'PINGRESP',
  'DISCONNECT',
  'AUTH',
]

const NOTHING = Buffer.alloc(0)

/** Collects the bytes of one connection and cuts them. */
export class Wire {
  /** Protocol level, known from CONNECT on. */
  level = 4
  #chunks: Buffer[] = []
  #length = 0

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  get length(): number {
    return this.#length
  }

  /** All bytes that are waiting, as one piece. */
  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? NOTHING
  }

  take(length: number): Buffer {
    const all = this.bytes
    const rest = all.subarray(length)
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#length = rest.length
    return all.subarray(0, length)
  }

  /** The next whole packet, if it is there. */
  next(): Seen | undefined {
    const frame = this.#frame()
    return frame === undefined ? undefined : this.#read(frame)
  }

  /** The same by name and bytes alone, so that it may come from either side. */
  skim(): { name: string; bytes: Buffer } | undefined {
    const bytes = this.#frame()?.bytes
    return bytes && { name: NAMES[(bytes[0] as number) >> 4] as string, bytes }
  }

  #frame(): { bytes: Buffer; body: number } | undefined {
    if (this.#length < 2) return undefined
    const head = (this.#chunks[0] as Buffer).length >= 5 ? (this.#chunks[0] as Buffer) : this.bytes
    let length = 0
    let at = 1
    for (let factor = 1; ; factor *= 128) {
      const byte = head[at++]
      if (byte === undefined) return undefined
      length += (byte % 128) * factor
      if (byte < 128) break
      if (at > 4) throw new Error('a Remaining Length of more than four bytes')
    }
    return this.#length < at + length ? undefined : { bytes: this.take(at + length), body: at }
  }

  #read({ bytes, body }: { bytes: Buffer; body: number }): Seen {
    const first = bytes[0] as number
    const name = NAMES[first >> 4] as string
    const cursor = new Cursor(bytes, body)
    const facts: Record<string, string> = { flags: (first & 15).toString(16) }
    let payload: Buffer = NOTHING
    if (name === 'CONNECT') this.#connect(cursor, facts)
    else if (name === 'PUBLISH') payload = this.#publish(first, cursor, facts)
    else if (name === 'SUBSCRIBE' || name === 'UNSUBSCRIBE') this.#request(name, cursor, facts)
    else if (/^PUB/.test(name)) facts.id = String(cursor.u16())
    if (/^(PUB(ACK|REC|REL|COMP)|DISCONNECT)$/.test(name)) {
      facts.reason = String(cursor.left > 0 ? cursor.u8() : 0)
      if (this.level === 5 && cursor.left > 0) facts.props = cursor.properties()
    }
    if (cursor.left > 0) throw new Error(`${name} with ${cursor.left} byte(s) too many: ${hex(bytes)}`)
    return { name, bytes, facts, payload }
  }

  #connect(cursor: Cursor, facts: Record<string, string>): void {
    facts.name = cursor.string()
    this.level = cursor.u8()
    const flags = cursor.u8()
    facts.v = String(this.level)
    facts.flags = flags.toString(16).padStart(2, '0')
    facts.clean = String((flags >> 1) & 1)
    facts.keepalive = String(cursor.u16())
    if (this.level === 5) facts.props = cursor.properties()
    facts.id = cursor.string()
    if (flags & 4) {
      if (this.level === 5) facts['will-props'] = cursor.properties()
      facts['will-topic'] = cursor.string()
      facts['will-payload'] = cursor.string()
      facts['will-qos'] = String((flags >> 3) & 3)
      facts['will-retain'] = String((flags >> 5) & 1)
    }
    if (flags & 128) facts.user = cursor.string()
    if (flags & 64) facts.password = cursor.string()
  }

  #publish(first: number, cursor: Cursor, facts: Record<string, string>): Buffer {
    const qos = (first >> 1) & 3
    facts.dup = String((first >> 3) & 1)
    facts.qos = String(qos)
    facts.retain = String(first & 1)
    facts.topic = cursor.string()
    if (qos > 0) facts.id = String(cursor.u16())
    if (this.level === 5) facts.props = cursor.properties()
    const payload = cursor.rest()
    facts.size = String(payload.length)
    if (payload.length <= 1_000) facts.payload = payload.toString()
    return payload
  }

  #request(name: string, cursor: Cursor, facts: Record<string, string>): void {
    facts.id = String(cursor.u16())
    if (this.level === 5) facts.props = cursor.properties()
    const filters: string[] = []
    while (cursor.left > 0) {
      const filter = cursor.string()
      filters.push(name === 'SUBSCRIBE' ? `${filter}:${cursor.u8().toString(16).padStart(2, '0')}` : filter)
    }
    facts.filters = filters.join(',')
  }
}

class Cursor {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    return this.#take(1)[0] as number
  }

  u16(): number {
    return this.#take(2).readUInt16BE()
  }

  string(): string {
    return this.#take(this.u16()).toString()
  }

  /** MQTT 5 properties as hex, without their length. */
  properties(): string {
    const length = this.u8()
    if (length > 127) throw new Error('more properties than this reader expects')
    return this.#take(length).toString('hex')
  }

  rest(): Buffer {
    return this.#take(this.left)
  }

  #take(length: number): Buffer {
    if (length > this.left) throw new Error(`a packet that ends too early: ${hex(this.#bytes)}`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

/** `PUBLISH flags=2 dup=0 qos=1 ...` */
export function describe({ name, facts }: Seen): string {
  return [name, ...Object.entries(facts).map(([key, value]) => `${key}=${quoted(value)}`)].join(' ')
}

function quoted(value: string): string {
  return /^[^\s']+$/.test(value) ? value : `'${value}'`
}

export function hex(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, 64))
    .toString('hex')
    .replace(/..(?=.)/g, '$& ')
  return bytes.length > 64 ? `${shown} ... (${bytes.length} bytes)` : shown
}

/** A packet: its first byte, then the Remaining Length of `body`, then `body`. */
export function packet(first: number, ...body: readonly (Uint8Array | readonly number[])[]): Buffer {
  const rest = Buffer.concat(body.map((part) => Uint8Array.from(part)))
  const head = [first]
  let length = rest.length
  do {
    head.push((length % 128) + (length > 127 ? 128 : 0))
    length = Math.floor(length / 128)
  } while (length > 0)
  return Buffer.concat([Uint8Array.from(head), rest])
}

export function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255])
}

/** A string behind its length. */
export function string(text: string): Buffer {
  return Buffer.concat([u16(Buffer.byteLength(text)), Buffer.from(text)])
}

/** A PUBLISH from a broker to a client of this level. */
export function publish(
  level: number,
  topic: string,
  payload: string | Uint8Array,
  { qos = 0, id = 0, retain = false, dup = false } = {},
): Buffer {
  const first = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0)
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  return packet(first, string(topic), qos > 0 ? u16(id) : [], level === 5 ? [0] : [], bytes)
}
