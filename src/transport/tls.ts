// TLS over any stream.

import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import { UsageError } from '../errors.js'
import { checkCas, isEncryptedKey } from './pem.js'
import { over, type Step } from './step.js'
import type { TlsSettings } from './target.js'

export { casOfFolder, isEncryptedKey, readCas, systemCas } from './pem.js'

/** The context for a connection. Throws UsageError for settings that cannot be used. */
export function prepareTls(settings: TlsSettings): SecureContext {
  const { ca, cert, key, passphrase, psk, alpn, minVersion = 'TLSv1.2' } = settings
  const ciphers = cipherList(settings)
  if (psk !== undefined) checkPsk(psk, minVersion)
  if (alpn === '') throw new UsageError('TLS settings: the ALPN protocol name is empty')
  try {
    for (const each of ca ?? []) checkCas(each)
  } catch (error) {
    throw new UsageError(`TLS settings: a CA file ${(error as Error).message}`, 'USAGE', { cause: error })
  }
  try {
    return createSecureContext({
      minVersion,
      ...(psk !== undefined && { maxVersion: 'TLSv1.2' }),
      ...(ca !== undefined && { ca: [...ca] }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(passphrase !== undefined && { passphrase }),
      ...(ciphers !== undefined && { ciphers }),
    })
  } catch (error) {
    throw new UsageError(`TLS settings: ${fault(error as NodeJS.ErrnoException, settings)}`, 'USAGE', {
      cause: error,
    })
  }
}

/** The latest TLS session with a server, to be resumed. */
export interface Resumption {
  /** Takes it out: a session is offered once, for the server gives a new one. */
  take(): Buffer | undefined
  keep(session: Buffer): void
}

export interface TlsDial {
  /** The name that the certificate must bear; undefined where none is asked for. */
  host: string | undefined
  /** Begins every message. */
  where: string
  signal: AbortSignal
  resumption?: Resumption | undefined
  /** Sees the stream before the handshake. */
  started?: ((stream: TLSSocket) => void) | undefined
}

/** Shakes hands over `inner`. Throws TransportError. */
export function dialTls(
  inner: Duplex,
  settings: TlsSettings,
  secureContext: SecureContext,
  { host, where, signal, resumption, started }: TlsDial,
): Promise<TLSSocket> {
  const { insecure, alpn, psk, keylog } = settings
  const session = resumption?.take()
  const options: ConnectionOptions = {
    socket: inner,
    secureContext,
    ...(session && { session }),
    rejectUnauthorized: insecure !== true,
    checkServerIdentity: (name, certificate) => {
      // Who knows the pre-shared key has proved to be the broker, without a certificate.
      if (host === undefined || (psk !== undefined && isAbsent(certificate))) return undefined
      return checkServerIdentity(name, certificate)
    },
    ...(host !== undefined && { host }),
    ...(host !== undefined && isIP(host) === 0 && { servername: host.replace(/\.$/, '') }),
    ...(alpn !== undefined && { ALPNProtocols: protocolList(alpn) }),
    ...(psk !== undefined && { pskCallback: () => ({ identity: psk.identity, psk: psk.key }) }),
  }
  const step: Step = { name: 'tls', where, signal, explain: (error) => explain(error, settings, host) }
  const stream = start(inner, options)
  started?.(stream)
  if (keylog !== undefined) stream.on('keylog', keylog)
  let latest: Buffer | undefined
  let isChecked = false
  stream.on('session', (fresh) => {
    latest = fresh
    if (isChecked) resumption?.keep(fresh)
  })
  return over([inner, stream], step, (done) => {
    const onOpen = (): void => {
      // A resumed session brings no certificate: it stands for the one that was checked when it began. So none is kept
      // whose chain and name were not.
      isChecked = insecure !== true
      if (isChecked && latest !== undefined) resumption?.keep(latest)
      // The handle is the outer stream's now; what the inner one still says about it must not crash us.
      inner.on('error', (error) => stream.destroy(error))
      done(stream)
    }
    stream.on('secureConnect', onOpen)
    return () => stream.off('secureConnect', onOpen)
  })
}

function start(inner: Duplex, options: ConnectionOptions): TLSSocket {
  try {
    return connect(options)
  } catch (error) {
    inner.destroy()
    throw new UsageError(`TLS settings: ${(error as Error).message}`, 'USAGE', { cause: error })
  }
}

const SUITES_OF_13 = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'

function cipherList({ ciphers, minVersion, psk }: TlsSettings): string | undefined {
  if (ciphers === undefined) return psk === undefined ? undefined : 'PSK'
  const is13 = /(^|:)TLS_/.test(ciphers)
  if (minVersion === 'TLSv1.3' && !is13)
    throw new UsageError(
      `TLS settings: '${ciphers}' names no cipher suite of TLS 1.3 (TLS_AES_256_GCM_SHA384...)`,
    )
  // To Node a list without TLS 1.3 suites means no TLS 1.3; to OpenSSL's tools it is about TLS 1.2 only.
  return is13 || psk !== undefined ? ciphers : `${ciphers}:${SUITES_OF_13}`
}

function checkPsk({ identity, key }: NonNullable<TlsSettings['psk']>, minVersion: string): void {
  const length = Buffer.byteLength(identity)
  if (minVersion !== 'TLSv1.2')
    throw new UsageError('TLS settings: a pre-shared key works up to TLS 1.2, but TLS 1.3 is asked for')
  if (length < 1 || length > 128)
    throw new UsageError(
      `TLS settings: identity of ${length} bytes for the pre-shared key, expected 1 to 128`,
    )
  if (identity.includes('\0'))
    throw new UsageError('TLS settings: the identity for the pre-shared key holds a NUL')
  if (key.length < 1 || key.length > 256)
    throw new UsageError(`TLS settings: pre-shared key of ${key.length} bytes, expected 1 to 256`)
}

function protocolList(alpn: string): Buffer {
  const name = Buffer.from(alpn).subarray(0, 254)
  return Buffer.concat([Buffer.of(name.length), name])
}

function isAbsent(certificate: PeerCertificate | undefined): boolean {
  return certificate === undefined || Object.keys(certificate).length === 0
}

/** Why OpenSSL did not take the settings. */
function fault(
  { code = '', message }: NodeJS.ErrnoException,
  { ciphers, key, passphrase }: TlsSettings,
): string {
  if (ciphers !== undefined && /no.cipher|cipher_?suite/i.test(`${code} ${message}`))
    return `no cipher is called '${ciphers}' (see openssl ciphers)`
  if (/KEY_VALUES_MISMATCH|KEY_TYPE_MISMATCH/.test(code)) return 'the key does not belong to the certificate'
  if (key !== undefined && isEncryptedKey(key)) {
    if (passphrase === undefined) return 'the key is encrypted: its pass phrase is needed'
    if (/decrypt|EVP|PKCS12|INTERRUPTED/i.test(`${code} ${message}`))
      return 'the pass phrase does not open the key'
  }
  if (/NO_START_LINE/.test(code)) return 'a certificate or key is not in PEM format'
  return `a certificate or key cannot be used: ${message}`
}

function explain(
  { code = '', cert }: NodeJS.ErrnoException & { cert?: PeerCertificate },
  { psk, alpn }: TlsSettings,
  host: string | undefined,
): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the certificate is not for '${host}' (${cert?.subjectaltname ?? `CN:${cert?.subject?.CN}, no alternative names`}): connect by a name that it is for`
  if (code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
    return `the broker does not offer the ALPN protocol '${alpn}'`
  if (psk === undefined) return undefined
  if (/UNKNOWN_PSK_IDENTITY|BAD_RECORD_MAC|ALERT_DECRYPT|DECRYPTION_FAILED/.test(code))
    return 'the broker does not know the identity with this pre-shared key'
  if (/HANDSHAKE_FAILURE/.test(code))
    return 'the broker takes no pre-shared key there, or none of our ciphers'
  return undefined
}
