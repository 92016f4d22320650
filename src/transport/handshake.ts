// What a TLS handshake came to, for whoever wants to know. Loaded only then.

import type { Certificate, DetailedPeerCertificate, TLSSocket } from 'node:tls'
import type { CertificateFacts, Handshake, Stage } from './stage.js'

/** More certificates than this are no chain that anybody set up. */
const MAX_CHAIN = 10

export class HandshakeWatch {
  /** The name that the certificate must bear. */
  readonly #wanted: string | undefined
  #stream: TLSSocket | undefined
  #handshake: Handshake | undefined

  constructor(wanted: string | undefined) {
    this.#wanted = wanted
  }

  begin(stream: TLSSocket): void {
    this.#stream = stream
    // After a bad certificate Node destroys the stream, and what it knew is gone: it must be asked before that.
    stream.prependListener('secure', () => {
      this.#handshake = factsOf(stream)
    })
  }

  stage(fault?: string): Stage {
    // A handshake that succeeded may still have met a certificate that only --insecure accepts.
    const why = fault ?? this.#stream?.authorizationError
    return {
      name: 'tls',
      ...(this.#wanted !== undefined && { wanted: this.#wanted }),
      ...this.#handshake,
      ...(why && { fault: String(why) }),
    }
  }
}

function factsOf(stream: TLSSocket): Handshake {
  // Not getPeerX509Certificate: asked before Node checks the host name, it makes that check fail.
  const certificate = stream.getPeerCertificate(true)
  const { alpnProtocol } = stream
  return {
    version: stream.getProtocol() ?? 'unknown',
    cipher: stream.getCipher().name,
    ...(typeof alpnProtocol === 'string' && { alpn: alpnProtocol }),
    resumed: stream.isSessionReused(),
    names: certificate.subjectaltname?.split(', ') ?? [],
    chain: chainOf(certificate),
  }
}

/** Without a certificate, as with a pre-shared key, an object is empty. */
function chainOf(leaf: Partial<DetailedPeerCertificate>): CertificateFacts[] {
  const chain: CertificateFacts[] = []
  for (let each = leaf; each.subject !== undefined && chain.length < MAX_CHAIN; ) {
    const { subject, issuer, valid_from: from, valid_to: to, issuerCertificate } = each
    chain.push({
      subject: nameOf(subject),
      issuer: nameOf(issuer),
      notBefore: new Date(from ?? ''),
      notAfter: new Date(to ?? ''),
    })
    if (issuerCertificate === undefined || issuerCertificate === each) break
    each = issuerCertificate
  }
  return chain
}

/** `C=DE, O=Example, CN=broker.example` */
function nameOf(name: Certificate | undefined): string {
  const parts = Object.entries(name ?? {})
  return parts.map(([key, value]) => `${key}=${[value].flat().join('+')}`).join(', ')
}
