// A WebSocket server of raw bytes: the test says each header and each frame.

import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Waits for the request, answers it and hands over the head. `answer` sees the Sec-WebSocket-Accept that is due. */
export function upgrades(
  answer: (accept: string) => string,
  then: (socket: Socket, head: string) => void = () => {},
): (socket: Socket) => void {
  return (socket) => {
    let head = ''
    socket.on('data', function onData(chunk) {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      socket.off('data', onData)
      const key = /^sec-websocket-key: (.*)\r$/im.exec(head)?.[1] ?? ''
      socket.write(
        answer(
          createHash('sha1')
            .update(key + GUID)
            .digest('base64'),
        ),
        'latin1',
      )
      then(socket, head)
    })
  }
}

/** The proper answer, with this subprotocol. */
export function switching(protocol: string | undefined): (accept: string) => string {
  const chosen = protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`
  return (accept) =>
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${chosen}\r\n`
}

/** A short frame of the server; `first` is FIN and opcode: 0x82 a whole binary message, 0x81 text, 0x88 close. */
export function frame(first: number, payload: Buffer | string): Buffer {
  const bytes = Buffer.from(payload as string)
  return Buffer.concat([Buffer.of(first, bytes.length), bytes])
}

/** The short frames of the client in `bytes`, unmasked; `masked` tells whether they were. */
export function framesOf(bytes: Buffer): { first: number; masked: boolean; payload: Buffer }[] {
  const frames = []
  for (let at = 0; at + 2 <= bytes.length; ) {
    const first = bytes[at] as number
    const second = bytes[at + 1] as number
    const masked = second >= 0x80
    const start = at + (masked ? 6 : 2)
    const end = start + (second & 0x7f)
    if (end > bytes.length) break
    const mask = bytes.subarray(at + 2, at + 6)
    const payload = Buffer.from(
      bytes.subarray(start, end).map((byte, index) => (masked ? byte ^ (mask[index % 4] as number) : byte)),
    )
    frames.push({ first, masked, payload })
    at = end
  }
  return frames
}
