// The programmable broker with an answer to requests: whatever is published, it sends one message back.

import type { TestContext } from 'node:test'
import { type Broker, broker as plain } from '../broker/broker.js'
import { publish as message } from '../broker/wire.js'

export type Answer = (level: number) => Uint8Array

/** One message of QoS 0 to whoever asks. */
export function publish(topic: string, payload: string, options: { retain?: boolean } = {}): Answer {
  return (level) => message(level, topic, payload, options)
}

/** Answers each PUBLISH; `inGeneral` it behaves like any broker. */
export function broker(t: TestContext, answer: Answer): Promise<Broker> {
  return plain(t, {
    on: (packet, link) => {
      if (packet.name === 'PUBLISH') link.send(answer(link.level))
      return false
    },
  })
}
