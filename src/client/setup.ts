// From the options of a client to what the layers below take.

import { TransportError } from '../errors.js'
import { NONE } from '../packet/index.js'
import type { SessionOptions } from '../session/index.js'
import { DEFAULT_PORT, DEFAULT_TLS_PORT, type Target } from '../transport/index.js'
import type { ClientOptions } from './options.js'

const EMPTY = new Uint8Array(0)

export function targetOf(options: ClientOptions): Target {
  const { tls, host = 'localhost', path, srv, localAddress, proxy, webSocket, version } = options
  return {
    host,
    port: options.port ?? (tls ? DEFAULT_TLS_PORT : DEFAULT_PORT),
    ...(path !== undefined && { path }),
    ...(srv !== undefined && { srv }),
    ...(localAddress !== undefined && { localAddress }),
    ...(proxy && { proxy }),
    ...(tls && { tls, tlsSessions: new Map() }),
    ...(webSocket && { webSocket: { protocol: version === 3 ? 'mqttv3.1' : 'mqtt', ...webSocket } }),
  }
}

export function sessionOptions(options: ClientOptions): SessionOptions {
  const { version = 4, will, password, properties } = options
  return {
    version,
    clientId: options.clientId ?? (version === 3 ? randomClientId() : ''),
    cleanStart: options.cleanStart ?? true,
    keepAliveSeconds: options.keepAliveSeconds ?? 60,
    ...(options.userName !== undefined && { userName: options.userName }),
    // One that has to be asked for comes with each connection.
    ...(password !== undefined && { password: typeof password === 'function' ? EMPTY : bytesOf(password) }),
    ...(will !== undefined && {
      will: {
        topic: will.topic,
        payload: typeof will.payload === 'string' ? Buffer.from(will.payload) : (will.payload ?? EMPTY),
        qos: will.qos ?? 0,
        retain: will.retain ?? false,
        properties: will.properties ?? NONE,
      },
    }),
    ...(properties !== undefined && { properties }),
    tolerateReceiveMaximum: options.tolerateReceiveMaximum ?? false,
    endSession: options.endSession ?? false,
    ...(options.maxInFlight !== undefined && { maxInFlight: options.maxInFlight }),
    retryIntervalMs: options.retryIntervalMs ?? (version === 5 ? 0 : 20_000),
    onSessionLoss: options.onSessionLoss ?? 'report',
    automaticAliases: options.automaticAliases ?? false,
    tellPacketIds: options.tellPacketIds ?? false,
    requestLimitMs: options.requestTimeoutMs ?? 30_000,
    ackLimitMs: options.ackTimeoutMs ?? 120_000,
  }
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text) : text
}

/**
 * The password for one connection, where it has to be asked for; undefined where the session has it already. Throws
 * TransportError when it does not come, or not before the signal.
 */
export async function freshPassword(
  { password }: ClientOptions,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (typeof password !== 'function') return undefined
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error)
  })
  try {
    const asked = password(signal) // before we listen: it knows best what did not come in time
    signal.addEventListener('abort', onAbort)
    return bytesOf(await Promise.race([asked, aborted]))
  } catch (error) {
    throw new TransportError('credentials', `no password: ${(error as Error).message}`, { cause: error })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** 23 characters, which every server takes: `mosq-` and 18 random letters and digits. It is a name and no secret. */
function randomClientId(): string {
  const letter = (): string => LETTERS[Math.floor(Math.random() * LETTERS.length)] as string
  return `mosq-${Array.from({ length: 18 }, letter).join('')}`
}
