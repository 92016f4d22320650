// One step of dialling: it ends well, with an error, by the stream's end or by the signal, and leaves no listener. What
// failed is said in one line with a remedy.

import type { TcpNetConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { MqttError, TransportError, type TransportStep } from '../errors.js'

/** Takes what a plain socket reads, into memory of its own choice. */
export interface Intake {
  /** Where the next bytes go, one at least; asked before anything has come and then behind each `took`. */
  room(): Uint8Array
  /** So many bytes are in that room. */
  took(length: number): void
}

/** For `connect` of node:net. */
export function readingInto(intake: Intake | undefined): Pick<TcpNetConnectOpts, 'onread'> {
  if (intake === undefined) return {}
  const callback = (length: number): boolean => {
    intake.took(length)
    return true
  }
  return { onread: { buffer: () => intake.room(), callback } }
}

export interface Step {
  /** May change while it goes on. */
  name: TransportStep
  /** Begins every message: `cannot connect to HOST port PORT`. */
  where: string
  signal: AbortSignal
  /** Reasons that only this step knows; undefined leaves it to the table. */
  explain?: (error: NodeJS.ErrnoException) => string | TransportError | undefined
  /** What it means here that the stream closes. */
  closed?: () => TransportError
}

const NAMES: Record<TransportStep, string> = {
  credentials: 'password',
  lookup: 'name lookup',
  tcp: 'TCP connection',
  tls: 'TLS handshake',
  unix: 'socket connection',
  proxy: 'proxy',
  upgrade: 'WebSocket upgrade',
}

/** An error that comes before the next step listens, in the same turn, must not crash us. */
const hold = (): void => {}

/** Gives a stream away whose steps are done. Throws TransportError if it is broken already. */
export function release<T extends Duplex>(stream: T, step: Step): T {
  stream.off('error', hold)
  if (!stream.destroyed && !step.signal.aborted) return stream
  stream.on('error', hold).destroy()
  if (step.signal.aborted) throw aborted(step)
  const error = stream.errored ?? new Error('connection closed at once')
  const explained = explain(error, step)
  if (explained instanceof TransportError) throw explained
  throw new TransportError(step.name, `${step.where}: ${error.message}`, { cause: error, detail: 'failed' })
}

/**
 * Runs a step over streams, the outermost last: all are destroyed when it fails. `begin` returns what removes its
 * listeners. Throws TransportError.
 */
export function over<T extends Duplex>(
  streams: readonly [Duplex, ...Duplex[]],
  step: Step,
  begin: (done: (result: T) => void, fail: (error: Error) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const { signal } = step
    const outermost = streams.at(-1) as Duplex
    let undo = (): void => {}
    let settled = false
    const settle = (): void => {
      settled = true
      signal.removeEventListener('abort', onAbort)
      for (const stream of streams) stream.off('error', fail)
      outermost.off('close', onClose)
      undo()
    }
    const fail = (error: Error): void => {
      if (settled) return
      settle()
      for (const stream of streams) stream.on('error', () => {}).destroy()
      reject(explain(error, step))
    }
    const onClose = (): void => fail(step.closed?.() ?? new Error(closedDuring(step.name)))
    const onAbort = (): void => fail(aborted(step))
    if (signal.aborted) return onAbort()
    if (streams.some(({ destroyed }) => destroyed))
      return fail(outermost.errored ?? step.closed?.() ?? new Error('connection closed'))
    signal.addEventListener('abort', onAbort)
    for (const stream of streams) stream.off('error', hold).on('error', fail)
    outermost.on('close', onClose)
    const done = (result: T): void => {
      if (settled) return
      settle()
      result.on('error', hold)
      resolve(result)
    }
    try {
      undo = begin(done, fail)
    } catch (error) {
      fail(error as Error)
    }
    if (settled) undo()
  })
}

function closedDuring(name: TransportStep): string {
  return name === 'tls' ? NO_HANDSHAKE : `connection closed during the ${NAMES[name]}`
}

/** Waits for `work`, such as a lookup, unless the signal comes first. Throws TransportError. */
export async function waitFor<T>(work: Promise<T>, step: Step): Promise<T> {
  const { signal } = step
  let onAbort = (): void => {}
  const abort = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(aborted(step))
  })
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, abort])
  } catch (error) {
    throw explain(error as Error, step)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function aborted({ name, where, signal }: Step): TransportError {
  const reason = signal.reason as Error
  return new TransportError(name, `${where}: ${reason.message} (${NAMES[name]})`, { cause: reason })
}

const TRY_PLAIN = 'is it a port without TLS? Try --no-tls, or another port'
const NOT_TLS = `the port did not answer in TLS: ${TRY_PLAIN}`
const NO_HANDSHAKE = `connection closed during the TLS handshake: ${TRY_PLAIN}`
const UNKNOWN_CA = 'the certificate was issued by a CA that is not trusted: give it with --cafile'
const OLD_TLS = 'the broker offers no TLS version that we take: 1.2 and newer, or what --tls-version says'
const REFUSED_US = 'the broker does not accept our client certificate'

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'no answer',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'no interface of this computer has the local address',
  ENOENT: 'no such socket: does the broker run, and listen there?',
  ENOTSOCK: 'it is not a socket',
  ENOTFOUND: 'unknown host',
  EAI_AGAIN: 'name lookup failed, the name server did not answer',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed: give it or its CA with --cafile',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate chain ends in a CA that is not trusted: give it with --cafile',
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `${UNKNOWN_CA}, or have the broker send its intermediate certificates`,
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: OLD_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: OLD_TLS,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'the broker refused the handshake: it shares no cipher with us, or wants a client certificate (--cert)',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'the broker wants a client certificate: give one with --cert and --key',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: REFUSED_US,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: REFUSED_US,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: REFUSED_US,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the broker says that our client certificate has expired',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the broker does not offer the ALPN protocol asked for',
}

function explain(error: NodeJS.ErrnoException, step: Step): MqttError {
  if (error instanceof MqttError) return error
  // With several addresses the last failure counts.
  const last = error instanceof AggregateError ? (error.errors.at(-1) as NodeJS.ErrnoException) : error
  const code = last.code ?? ''
  const name = last.syscall === 'getaddrinfo' ? 'lookup' : isTlsError(last) ? 'tls' : step.name
  const reason =
    step.explain?.(last) ??
    (code === 'ECONNRESET' && name === 'tls' ? NO_HANDSHAKE : (REASONS[code] ?? last.message))
  if (typeof reason !== 'string') return reason
  return new TransportError(name, `${step.where}: ${reason}${code === '' ? '' : ` (${code})`}`, {
    cause: error,
  })
}

/** What an error of an open stream means that comes from TLS, with OpenSSL's own words, without its file and line. */
export function tlsFault(error: Error): string {
  const { code = '', reason = error.message } = error as NodeJS.ErrnoException & { reason?: string }
  return REASONS[code] === undefined ? reason : `${REASONS[code]} (${reason})`
}

/** Whether an error of an open stream comes from TLS, such as an alert that arrives after the handshake. */
export function isTlsError(error: Error): boolean {
  return /^ERR_(SSL|TLS|OSSL)_/.test((error as NodeJS.ErrnoException).code ?? '')
}
