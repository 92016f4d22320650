// A WebSocket as a stream of bytes: frame borders vanish, and who reads slowly slows the sender down.

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { ClosedError } from '../errors.js'

const HIGH_WATER_BYTES = 65_536

export class WebSocketStream extends Duplex {
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  /** Set once our side has ended. */
  #onLeft: (() => void) | undefined
  /** A close frame is on its way that tells the other end what it did wrong. */
  #mayLeave = false

  constructor(webSocket: WebSocket, socket: Socket) {
    super({ readableHighWaterMark: HIGH_WATER_BYTES, writableHighWaterMark: HIGH_WATER_BYTES })
    this.#webSocket = webSocket
    this.#socket = socket
    // The pieces of a message as they came: joining a long one would need its size again.
    webSocket.binaryType = 'fragments'
    webSocket.on('message', (data, isBinary) => this.#receive(data as Buffer | Buffer[], isBinary))
    webSocket.on('error', (error) => {
      // The package has sent a close frame.
      this.#mayLeave = true
      this.destroy(
        new ClosedError(`the broker broke the rules of WebSocket: ${error.message}`, { cause: error }),
      )
    })
    webSocket.on('close', (code, reason) => this.#closed(code, reason.toString()))
    socket.on('error', (error) => {
      // After our close frame some servers close without reading it, which resets the connection.
      if (this.#onLeft === undefined) this.destroy(error)
    })
  }

  override _read(): void {
    if (this.#webSocket.isPaused) this.#webSocket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // Of a failure the stream's end tells.
    this.#webSocket.send(chunk, { binary: true }, (error) => {
      if (error == null) done()
    })
  }

  /** What was written in one go leaves in one frame. */
  override _writev(items: { chunk: Buffer; encoding: BufferEncoding }[], done: () => void): void {
    this._write(Buffer.concat(items.map(({ chunk }) => chunk)), 'binary', done)
  }

  override _final(done: () => void): void {
    this.#onLeft = done
    if (this.#webSocket.readyState === this.#webSocket.CLOSED) return done()
    this.#webSocket.close(1000)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#mayLeave) this.#socket.destroySoon()
    else this.#webSocket.terminate()
    done(error)
  }

  #receive(data: Buffer | Buffer[], isBinary: boolean): void {
    if (this.destroyed) return
    if (!isBinary) {
      this.#mayLeave = true
      this.#webSocket.close(1003, 'MQTT goes in binary frames')
      this.destroy(
        new ClosedError('the broker sent a text frame, but MQTT goes in binary ones [MQTT-6.0.0-1]'),
      )
      return
    }
    for (const piece of Array.isArray(data) ? data : [data]) {
      if (piece.length > 0 && !this.push(piece)) this.#webSocket.pause()
    }
  }

  #closed(code: number, reason: string): void {
    if (this.#onLeft !== undefined) this.#onLeft()
    if (this.destroyed) return
    const error = this.#onLeft === undefined ? closing(code, reason) : undefined
    this.on('end', () => this.destroy(error))
    this.push(null)
  }
}

const MEANINGS: Readonly<Record<number, string>> = {
  1001: 'it is going away',
  1002: 'it saw a breach of the protocol',
  1003: 'it does not take this type of data',
  1007: 'it saw data that does not fit its type',
  1008: 'its policy forbids it',
  1009: 'the message is too big for it',
  1010: 'it misses an extension',
  1011: 'an unexpected failure',
  1012: 'it restarts',
  1013: 'it is overloaded, try later',
  1014: 'the server behind it did not answer properly',
}

/** What a close frame complains of: undefined for a plain end, or where there was no close frame. */
function closing(code: number, reason: string): ClosedError | undefined {
  if (code === 1000 || code === 1005 || code === 1006) return undefined
  const meaning = MEANINGS[code] === undefined ? '' : `, ${MEANINGS[code]}`
  const text = reason === '' ? '' : `: ${reason}`
  return new ClosedError(`the broker closed the WebSocket with code ${code}${meaning}${text}`)
}
