// What dialling tells of its progress, for whoever wants to know where an attempt got to. Never a secret.

export type Stage =
  | { name: 'srv'; record: string; servers: readonly { name: string; port: number }[] }
  | { name: 'lookup'; host: string; addresses: readonly string[] }
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
