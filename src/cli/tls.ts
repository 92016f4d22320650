// From the TLS options to what the transport needs: whom to trust, and who we are. Reads their files.

import { appendFileSync, readFileSync } from 'node:fs'
import { UsageError } from '../errors.js'
import { type LeaveOut, loadTls, type TlsSettings } from '../transport/index.js'
import type { Reporter } from './exit.js'
import { reason } from './files.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'

/** For a run with TLS. Throws UsageError. */
export async function tlsSettings(given: Given, io: Io, reporter: Reporter): Promise<TlsSettings> {
  const { cert, key, insecure, psk, pskIdentity, tlsKeylog } = given
  const { isEncryptedKey } = await loadTls()
  const tls: TlsSettings = {}
  if (psk !== undefined && (given.osCerts || given.nodeCerts)) {
    reporter.warn(`--psk is not used: --tls-use-${given.osCerts ? 'os' : 'node'}-certs asks for certificates`)
  }
  if (psk !== undefined && pskIdentity !== undefined && !given.osCerts && !given.nodeCerts) {
    tls.psk = { identity: pskIdentity, key: psk }
  } else {
    const ca = await trusted(given, io, reporter)
    if (ca !== undefined) tls.ca = ca
  }
  if (cert !== undefined && key !== undefined) {
    tls.cert = readPem('--cert', cert, CERTIFICATE)
    tls.key = readPem('--key', key, PRIVATE_KEY)
    if (isEncryptedKey(tls.key)) {
      tls.passphrase = await (await import('./secret.js')).readPassphrase(given, io, reporter)
    }
  }
  if (given.ciphers !== undefined) tls.ciphers = given.ciphers
  if (given.tlsVersion !== undefined) tls.minVersion = given.tlsVersion
  if (given.tlsAlpn !== undefined) tls.alpn = given.tlsAlpn
  if (tlsKeylog !== undefined) tls.keylog = keylogTo(tlsKeylog, reporter)
  if (insecure) tls.insecure = true
  return tls
}

/** Undefined where nothing is said and the operating system has none: the runtime's serve. */
async function trusted(given: Given, { env }: Io, reporter: Reporter): Promise<string[] | undefined> {
  const { cafile, capath, osCerts, nodeCerts } = given
  const { casOfFolder, readCas, systemCas } = await loadTls()
  const ca: string[] = []
  if (cafile !== undefined) ca.push(named('--cafile', cafile, () => readCas(cafile)))
  if (capath !== undefined) {
    ca.push(named('--capath', capath, () => casOfFolder(capath, leftOut('--capath', reporter))))
  }
  if (nodeCerts) ca.push((await import('node:tls')).rootCertificates.join('\n'))
  if (ca.length > 0 && !osCerts) return ca
  const places = { certFile: env.SSL_CERT_FILE, certDir: env.SSL_CERT_DIR }
  const system = systemCas(places, leftOut('SSL_CERT_DIR', reporter), undefined, reason)
  return system === undefined && ca.length === 0 ? undefined : [...ca, ...(system ?? [])]
}

const CERTIFICATE = { name: 'certificate', begin: /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/ }
const PRIVATE_KEY = { name: 'private key', begin: /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/ }

function readPem(option: string, path: string, what: typeof CERTIFICATE): string {
  const text = named(option, path, () => readFileSync(path, 'latin1'))
  if (!text.includes('-----BEGIN ')) throw new UsageError(`${option} '${path}': holds nothing in PEM format`)
  if (!what.begin.test(text)) throw new UsageError(`${option} '${path}': holds no ${what.name}`)
  return text
}

function named<T>(option: string, path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new UsageError(`${option} '${path}': ${reason(error)}`, 'USAGE', { cause: error })
  }
}

function leftOut(option: string, reporter: Reporter): LeaveOut {
  return (path, error) => reporter.warn(`${option}: '${path}' is left out: ${reason(error)}`)
}

function keylogTo(path: string, reporter: Reporter): (line: Buffer) => void {
  let told = false
  return (line) => {
    try {
      appendFileSync(path, line, { mode: 0o600 })
    } catch (error) {
      if (!told) reporter.warn(`--tls-keylog '${path}': ${reason(error)}`)
      told = true
    }
  }
}
