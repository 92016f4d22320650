// Whoever answers mqtt-rr: a client of few lines, sharing no code with src/, that answers each request it is sent.

import { once } from 'node:events'
import { connect } from 'node:net'
import { packet, publish, string, u16 } from '../broker/wire.js'
import type { Scope } from '../support/processes.js'

const CONNECT = packet(0x10, string('MQTT'), [4, 2, 0, 0], string('responder'))

/** Subscribes to `topic` and answers the messages there with `answer` to `to`. */
export async function responder(
  t: Scope,
  { port, topic, to, answer, qos }: { port: number; topic: string; to: string; answer: string; qos: number },
): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {}) // the broker was killed, and nobody answers any more
  let bytes = Buffer.alloc(0)
  let onSubscribed = (): void => {}
  const subscribed = new Promise<void>((resolve) => {
    onSubscribed = resolve
  })
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    // All packets that come here are shorter than 128 bytes.
    while (bytes.length >= 2 && bytes.length >= 2 + (bytes[1] as number)) {
      const type = (bytes[0] as number) >> 4
      if (type === 2) socket.write(packet(0x82, u16(1), string(topic), [0]))
      if (type === 9) onSubscribed()
      if (type === 3) socket.write(publish(4, to, answer, { qos, id: 1 }))
      if (type === 5) socket.write(packet(0x62, u16(1)))
      bytes = bytes.subarray(2 + (bytes[1] as number))
    }
  })
  await once(socket, 'connect')
  socket.write(CONNECT)
  await subscribed
}
