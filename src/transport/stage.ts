// What dialling tells of its progress, for whoever wants to know where an attempt got to. Never a secret.

import { MqttError, type TransportError } from '../errors.js'

export type Stage =
  | { name: 'srv'; record: string; servers: readonly { name: string; port: number }[]; fault?: string }
  | { name: 'lookup'; host: string; addresses: readonly string[]; fault?: string }
  /** One address. `fault` is absent where it answered. */
  | { name: 'tcp'; address: string; port: number; fault?: string }
  | { name: 'unix'; path: string; fault?: string }
  /** The proxy's answer; `reply` is the code it refused with. */
  | { name: 'proxy'; kind: string; proxy: string; port: number; to: string; reply?: number; fault?: string }
  | ({ name: 'tls'; wanted?: string; fault?: string } & Partial<Handshake>)
  | { name: 'upgrade'; path: string; status?: number; protocol?: string; fault?: string }

/** What a TLS handshake came to. */
export interface Handshake {
  version: string
  cipher: string
  /** Absent where none was agreed on. */
  alpn?: string
  resumed: boolean
  /** Names in the broker's certificate: `DNS:broker.example`. */
  names: readonly string[]
  /** The broker's certificate, then those of its issuers. */
  chain: readonly CertificateFacts[]
}

export interface CertificateFacts {
  subject: string
  issuer: string
  notBefore: Date
  notAfter: Date
}

export type OnStage = (stage: Stage) => void

/** Tells how a step ended, by its result or its error. */
export async function told<T>(
  step: Promise<T>,
  onStage: OnStage | undefined,
  good: (result: T) => Stage | undefined,
  bad: (fault: string, reply: number | undefined) => Stage | undefined,
): Promise<T> {
  if (onStage === undefined) return step
  const tell = (stage: Stage | undefined): void => stage && onStage(stage)
  try {
    const result = await step
    tell(good(result))
    return result
  } catch (error) {
    const { detail, reply, cause } = error as TransportError
    tell(bad(detail ?? faultOf((cause ?? error) as Error), reply))
    throw error
  }
}

/** A failure in a word. */
export function faultOf(error: Error): string {
  // The code of our own errors is their class.
  if (error instanceof MqttError) return error.message
  return (error as NodeJS.ErrnoException).code ?? error.message
}
