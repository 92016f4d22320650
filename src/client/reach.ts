// The way to a broker: a stream that is read into our memory, and a password where each connection has its own.

import type { Duplex } from 'node:stream'
import { Decoder } from '../packet/index.js'
import { dial, faultOf, type Target } from '../transport/index.js'
import { DecoderIntake } from './intake.js'
import type { ClientOptions } from './options.js'
import type { ReadBuffers } from './read-buffers.js'
import { freshPassword } from './setup.js'
import type { Stages } from './stages.js'

export interface Reached {
  stream: Duplex
  intake: DecoderIntake
  password: Uint8Array | undefined
}

/** Throws TransportError where another try may help, and another MqttError where not. */
export async function reach(
  options: ClientOptions,
  target: Target,
  buffers: ReadBuffers,
  signal: AbortSignal,
  onStage: Stages['passed'] | undefined,
): Promise<Reached> {
  const { version = 4, properties: { maximumPacketSize } = {} } = options
  const decoder = new Decoder({
    version,
    from: 'server',
    ...(maximumPacketSize !== undefined && { maxPacketSize: maximumPacketSize }),
  })
  const intake = new DecoderIntake(decoder, buffers)
  const password = await freshPassword(options, signal).catch((error: Error) => {
    onStage?.({ name: 'password', fault: faultOf((error.cause ?? error) as Error) })
    throw error
  })
  if (password !== undefined) onStage?.({ name: 'password' })
  return { stream: await dial(target, signal, { onStage, intake }), intake, password }
}
