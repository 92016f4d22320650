// One live byte stream: chunks in, packets out through `next`, and writes gathered until the end of the turn.

import type { Duplex } from 'node:stream'
import { ClosedError, type MqttError, TransportError } from '../errors.js'
import {
  type Decoder,
  type PackedAck,
  type Packet,
  type Publishes,
  type Version,
  Writer,
  write,
  writeAcks,
  writePublishes,
} from '../packet/index.js'
import { isTlsError, tlsFault } from '../transport/index.js'
import { Alarm, now, soon } from './clock.js'
import type { DecoderIntake } from './intake.js'
import { Outflow } from './outflow.js'

export interface ConnectionEvents {
  /** Bytes came: call `next` until it answers undefined. */
  readable(): void
  /** The transport has taken bytes: all packets up to number `mark`, or only a part of one if it is 0. */
  flushed(mark: number): void
  /** Once, and last. `inOrder`: the broker just closed, between two packets. */
  closed(error: MqttError, inOrder: boolean): void
}

// More than this is not gathered but handed on at once.
const GATHER_BYTES = 65_536
/** A broker that reads no slower than this has the time to read to the end. */
const SLOWEST_BYTES_PER_MS = 100
/** What has left, and the broker has not read, is no more than the kernels hold. */
const KERNEL_BYTES = 8_388_608
/** So many of the first bytes tell a foreign protocol. */
const HEAD_BYTES = 5

export class Connection {
  readonly #stream: Duplex
  readonly #version: Version
  readonly #intake: DecoderIntake
  readonly #decoder: Decoder
  readonly #writer = new Writer()
  readonly #outflow: Outflow
  readonly #events: ConnectionEvents
  readonly #alarm = new Alarm()
  #mark = 0
  /** Bytes written since the broker last sent something: it may still have to read them. */
  #unheard = 0
  #flushScheduled = false
  #ended = false
  #error: Error | undefined
  #onEnd: ((how: Closing) => void) | undefined
  #endLimitMs = 0
  #timedOut = false
  #head = ''
  /** The broker sent a DISCONNECT of its own, after ours. */
  #interrupted = false

  constructor(stream: Duplex, version: Version, intake: DecoderIntake, events: ConnectionEvents) {
    this.#stream = stream
    this.#version = version
    this.#intake = intake
    this.#decoder = intake.decoder
    this.#events = events
    this.#outflow = new Outflow(stream, (mark) => {
      if (this.#outflow.pending === 0) this.#writer.reuse()
      this.#progress()
      events.flushed(mark)
    })
    intake.onBytes = (chunk) => this.#received(chunk)
    stream.on('data', (chunk: Buffer) => intake.chunk(chunk)).resume()
    stream.on('error', (error: Error) => {
      this.#error ??= error
    })
    stream.on('close', () => this.#closed())
  }

  #received(chunk: Buffer): void {
    this.#unheard = 0
    if (this.#head.length < HEAD_BYTES) {
      this.#head = (this.#head + chunk.toString('latin1', 0, HEAD_BYTES)).slice(0, HEAD_BYTES)
    }
    if (this.#ended) this.#listenForDisconnect()
    else this.#events.readable()
  }

  /** The first bytes that came, as far as they have, a character each. */
  get head(): string {
    return this.#head
  }

  /** The next packet that is complete. Throws MalformedError. */
  next(): Packet | undefined {
    return this.#ended ? undefined : this.#decoder.next()
  }

  /** Queues a packet; it leaves at the end of the turn, or at once when much has gathered. `mark` is its number. */
  send(packet: Packet, mark: number): void {
    write(this.#writer, packet, this.#version)
    this.#queued(mark)
  }

  /** As `send` of each; `mark` is the number of the last. */
  sendMany(packets: Publishes, mark: number): void {
    writePublishes(this.#writer, packets, this.#version)
    this.#queued(mark)
  }

  /** As `send`, of many; `mark` is the number of the last. */
  acknowledge(acks: readonly PackedAck[], mark: number): void {
    writeAcks(this.#writer, acks, this.#version)
    this.#queued(mark)
  }

  #queued(mark: number): void {
    this.#mark = mark
    if (this.#writer.pending >= GATHER_BYTES) this.flush()
    else if (!this.#flushScheduled) {
      this.#flushScheduled = true
      soon(() => this.flush())
    }
  }

  flush(): void {
    this.#flushScheduled = false
    if (this.#writer.pending === 0) return
    this.#unheard += this.#writer.pending
    this.#outflow.push(this.#writer.take(), this.#mark)
  }

  /** Whether the transport is behind: hand it no more until `flushed`. */
  get isBehind(): boolean {
    return this.#pending >= GATHER_BYTES
  }

  /** Whether all bytes have left. */
  get isEmpty(): boolean {
    return this.#pending === 0
  }

  get #pending(): number {
    return this.#outflow.pending + this.#writer.pending
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  /**
   * Ends in order: everything written leaves, then our side is closed, then the broker's is awaited. `limitMs` is how
   * long that may take without any progress; `isPatient` adds the time to read what the broker has not answered yet.
   */
  end(limitMs: number, isPatient = false): Promise<Closing> {
    this.flush()
    this.#ended = true
    const unread = isPatient ? Math.min(this.#unheard, KERNEL_BYTES) : 0
    this.#endLimitMs = limitMs + unread / SLOWEST_BYTES_PER_MS
    return new Promise((resolve) => {
      this.#onEnd = resolve
      if (this.#stream.destroyed) return this.#closed()
      this.#progress()
      this.#outflow.end()
      this.#stream.resume() // what still comes is discarded, so that the broker's end is seen
    })
  }

  #progress(): void {
    if (this.#endLimitMs === 0) return
    this.#alarm.cancel()
    this.#alarm.set(now() + this.#endLimitMs, () => {
      this.#timedOut = true
      this.#stream.destroy()
    })
  }

  destroy(): void {
    this.#ended = true
    this.#intake.close()
    this.#stream.destroy()
  }

  /** Of what comes behind our DISCONNECT only one of the broker matters: it may have been sent before ours was read. */
  #listenForDisconnect(): void {
    try {
      for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
        if (packet.type === 'disconnect') this.#interrupted = true
      }
    } catch {
      this.#intake.close()
    }
  }

  #wasReset(): boolean {
    // A broker that closes without reading the close_notify of TLS resets too, though it has read all else.
    const harmless = 'encrypted' in this.#stream && this.#stream.writableFinished
    return this.#interrupted || (this.#error !== undefined && !harmless)
  }

  #closed(): void {
    this.#alarm.cancel()
    this.#onEnd?.(this.#timedOut ? 'timeout' : this.#wasReset() ? 'reset' : 'closed')
    this.#onEnd = undefined
    const { buffered } = this.#decoder
    this.#events.closed(closeReason(this.#error, buffered), this.#error === undefined && buffered === 0)
  }
}

/**
 * How an ended connection closed: by both sides, not by the broker in time, or by a reset, which shows unread bytes, as
 * does a DISCONNECT of the broker.
 */
export type Closing = 'closed' | 'timeout' | 'reset'

function closeReason(error: Error | undefined, buffered: number): MqttError {
  if (error === undefined) {
    const middle = buffered > 0 ? ` in the middle of a packet (${buffered} bytes of it came)` : ''
    return new ClosedError(`connection closed by the broker${middle}`)
  }
  if (isTlsError(error)) return new TransportError('tls', `TLS failed: ${tlsFault(error)}`, { cause: error })
  return new ClosedError(`connection lost: ${error.message}`, { cause: error })
}
