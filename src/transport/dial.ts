// Opens byte streams over TCP and TLS. Errors name the step that failed and say it in plain words.

import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TransportError, type TransportStep } from '../errors.js'
import type { Target, TlsSettings } from './target.js'

/**
 * Looks the host up, tries its addresses and, with `target.tls`, shakes hands. Aborting `signal` ends the attempt
 * with the signal's reason as the cause. Throws TransportError.
 */
export async function dial(target: Target, signal: AbortSignal): Promise<Duplex> {
  // Loading it takes a third of a plain publish's time, so only those who need it pay.
  const tls = target.tls === undefined ? undefined : await import('node:tls')
  return new Promise((resolve, reject) => {
    const { host, port } = target
    let step: TransportStep = isIP(host) === 0 ? 'lookup' : 'tcp'
    // Writes are gathered by the client: waiting for more would only add delay.
    const tcp = connect({ host, port, noDelay: true })
    const stream: Socket =
      tls === undefined || target.tls === undefined
        ? tcp
        : tls.connect({ ...tlsOptions(target.host, target.tls), socket: tcp })

    const settle = (): void => {
      signal.removeEventListener('abort', onAbort)
      tcp.removeListener('lookup', onLookup)
      tcp.removeListener('connect', onConnect)
      for (const each of [tcp, stream]) each.removeListener('error', onError)
      stream.removeListener('close', onClose)
    }
    const fail = (error: TransportError): void => {
      settle()
      for (const each of [tcp, stream]) each.on('error', () => {}).destroy()
      reject(error)
    }
    const onLookup = (error: Error | null): void => {
      if (error === null) step = 'tcp'
    }
    const onConnect = (): void => {
      step = 'tls'
      if (tls === undefined) onOpen()
    }
    const onOpen = (): void => {
      settle()
      resolve(stream)
    }
    const onError = (error: NodeJS.ErrnoException): void => fail(explain(error, step, target))
    const onClose = (): void =>
      fail(new TransportError(step, `${where(target)}: connection closed during the TLS handshake`))
    const onAbort = (): void => {
      const reason = signal.reason as Error
      fail(
        new TransportError(step, `${where(target)}: ${reason.message} (${STEPS[step]})`, { cause: reason }),
      )
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)
    tcp.on('lookup', onLookup)
    tcp.on('connect', onConnect)
    for (const each of new Set([tcp, stream])) each.on('error', onError)
    if (tls !== undefined) {
      stream.on('secureConnect', onOpen)
      stream.on('close', onClose)
    }
  })
}

const STEPS: Record<TransportStep, string> = {
  lookup: 'name lookup',
  tcp: 'TCP connection',
  tls: 'TLS handshake',
  unix: 'socket connection',
}

function where({ host, port }: Target): string {
  return `cannot connect to ${host} port ${port}`
}

function tlsOptions(host: string, { ca, cert, key, passphrase, insecure }: TlsSettings): object {
  return {
    host, // the name that the certificate must bear
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca: [...ca] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: insecure !== true,
  }
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'no answer',
  EACCES: 'permission denied',
  ENOTFOUND: 'unknown host',
  EAI_AGAIN: 'name lookup failed, the name server did not answer',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed: give it or its CA with --cafile',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate chain ends in a CA that is not trusted: give it with --cafile',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'the certificate was issued by a CA that is not trusted: give it with --cafile',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'the certificate was issued by a CA that is not trusted: give it with --cafile',
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the port did not answer in TLS: is it a port without TLS?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the port did not answer in TLS: is it a port without TLS?',
}

function explain(error: NodeJS.ErrnoException, step: TransportStep, target: Target): TransportError {
  // With several addresses the last failure counts.
  const last = error instanceof AggregateError ? (error.errors.at(-1) as NodeJS.ErrnoException) : error
  const code = last.code ?? ''
  const at = last.syscall === 'getaddrinfo' ? 'lookup' : isTlsError(last) ? 'tls' : step
  const reason =
    code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? `the certificate is not for '${target.host}' (${last.message.replace(/^.*altnames: /i, '')})`
      : code === 'ECONNRESET' && at === 'tls'
        ? 'connection closed during the TLS handshake'
        : (REASONS[code] ?? last.message)
  return new TransportError(at, `${where(target)}: ${reason}${code === '' ? '' : ` (${code})`}`, {
    cause: error,
  })
}

/** Whether an error of an open stream comes from TLS, such as an alert that arrives after the handshake. */
export function isTlsError(error: Error): boolean {
  return /^ERR_(SSL|TLS)_/.test((error as NodeJS.ErrnoException).code ?? '')
}
