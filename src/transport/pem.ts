// PEM files: the CA certificates that the operating system trusts, and keys with a pass phrase.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { UsageError } from '../errors.js'

// Where distributions keep them.
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/**
 * PEM certificates for `TlsSettings.ca`: of `certFile` and the folders `certDir` (the values of SSL_CERT_FILE and
 * SSL_CERT_DIR) if one is given, else of the system's bundle. Undefined where there is none, so that the runtime's
 * serves. Throws UsageError for a file or folder that was named but is of no use.
 */
export function systemCas(
  { certFile = '', certDir = '' }: { certFile?: string | undefined; certDir?: string | undefined } = {},
  bundles: readonly string[] = BUNDLES,
): string[] | undefined {
  if (certFile !== '' || certDir !== '') {
    const file = certFile === '' ? [] : [read('SSL_CERT_FILE', certFile)]
    return [...file, ...certDir.split(delimiter).filter(Boolean).flatMap(folder)]
  }
  const bundle = bundles.find((path) => existsSync(path))
  return bundle === undefined ? undefined : [readFileSync(bundle, 'latin1')]
}

function read(name: string, path: string): string {
  const text = attempt(name, path, () => readFileSync(path, 'latin1'))
  if (!isPem(text)) throw new UsageError(`${name} '${path}': holds no PEM certificate`)
  return text
}

function folder(path: string): string[] {
  const found = attempt('SSL_CERT_DIR', path, () => readdirSync(path))
    .map((name) => join(path, name))
    .filter((each) => statSync(each, { throwIfNoEntry: false })?.isFile())
    .map((each) => attempt('SSL_CERT_DIR', each, () => readFileSync(each, 'latin1')))
    .filter(isPem)
  if (found.length === 0)
    throw new UsageError(`SSL_CERT_DIR '${path}': no file in it holds a PEM certificate`)
  // Folders for OpenSSL hold each certificate under its name and, as a link, under its hash.
  return [...new Set(found)]
}

function attempt<T>(name: string, path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new UsageError(`${name} '${path}': ${(error as Error).message}`, 'USAGE', { cause: error })
  }
}

function isPem(text: string): boolean {
  return text.includes('-----BEGIN CERTIFICATE') || text.includes('-----BEGIN TRUSTED CERTIFICATE')
}

/** Whether a PEM key asks for a pass phrase. */
export function isEncryptedKey(pem: string | Buffer): boolean {
  return /^(-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m.test(pem.toString('latin1'))
}
