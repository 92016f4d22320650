// PEM files: CA certificates in files, folders and the operating system, and keys with a pass phrase.

import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
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

/** Told of each file of a folder that is of no use, and why. */
export type LeaveOut = (path: string, error: unknown) => void
/** An error in words for the user. */
export type Explain = (error: unknown) => string

/**
 * PEM certificates for `TlsSettings.ca`: of `certFile` and the folders `certDir` (the values of SSL_CERT_FILE and
 * SSL_CERT_DIR) if one is given, else of the system's bundle. Undefined where there is none, so that the runtime's
 * serves. Throws UsageError for a file or folder that was named but is of no use.
 */
export function systemCas(
  { certFile = '', certDir = '' }: { certFile?: string | undefined; certDir?: string | undefined } = {},
  leaveOut: LeaveOut = () => {},
  bundles: readonly string[] = BUNDLES,
  explain: Explain = (error) => (error as Error).message,
): string[] | undefined {
  const attempt = <T>(name: string, path: string, work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw new UsageError(`${name} '${path}': ${explain(error)}`, 'USAGE', { cause: error })
    }
  }
  if (certFile !== '' || certDir !== '') {
    const file = certFile === '' ? [] : [attempt('SSL_CERT_FILE', certFile, () => readCas(certFile))]
    const folders = certDir.split(delimiter).filter(Boolean)
    const read = (path: string): string => attempt('SSL_CERT_DIR', path, () => casOfFolder(path, leaveOut))
    return [...file, ...folders.map(read)]
  }
  const bundle = bundles.find((path) => existsSync(path))
  return bundle === undefined ? undefined : [readFileSync(bundle, 'latin1')]
}

/** The text of a file of CAs. Throws what reading it throws, and for one that is of no use. */
export function readCas(path: string): string {
  const text = readFileSync(path, 'latin1')
  checkCas(text)
  return text
}

/**
 * The PEM certificates in the files of a folder, each once: folders for OpenSSL hold a certificate under its name and,
 * as a link, under its hash. Folders in it and files of other kinds are passed over. Throws where nothing is left.
 */
export function casOfFolder(folder: string, leaveOut: LeaveOut): string {
  const seen = new Set<string>()
  const certificates = new Set<string>()
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    try {
      const file = realpathSync(path)
      if (seen.has(file) || !statSync(file).isFile()) continue
      seen.add(file)
      const found = certificatesIn(readFileSync(file)).filter((each) => !certificates.has(each))
      found.forEach(checkCertificate)
      for (const certificate of found) certificates.add(certificate)
    } catch (error) {
      leaveOut(path, error)
    }
  }
  if (certificates.size === 0) throw new Error('no file in it holds a PEM certificate')
  return [...certificates].join('')
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*(?:-----END [A-Z0-9 ]*-----)?/g
/** Of a list of CAs so many are looked at: the system's has hundreds. */
const CHECKED_CAS = 8

function certificatesIn(pem: string | Buffer): string[] {
  const blocks = pem.toString('latin1').match(CERTIFICATE) ?? []
  return blocks.map((block) => `${block.replaceAll('\r', '')}\n`)
}

/** Node leaves out, without a word, what it cannot read. Throws an error that goes on where `the file` left off. */
export function checkCas(pem: string | Buffer): void {
  const certificates = certificatesIn(pem)
  if (certificates.length === 0) throw new Error('holds no PEM certificate')
  certificates.slice(0, CHECKED_CAS).forEach(checkCertificate)
}

function checkCertificate(pem: string, index: number): void {
  if (pem.startsWith('-----BEGIN TRUSTED')) return // only OpenSSL's own functions know these
  try {
    new X509Certificate(pem)
  } catch (error) {
    throw new Error(`holds a certificate that cannot be read, number ${index + 1}`, { cause: error })
  }
}

/** Whether a PEM key asks for a pass phrase. */
export function isEncryptedKey(pem: string | Buffer): boolean {
  return /^(-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m.test(pem.toString('latin1'))
}
