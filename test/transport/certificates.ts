// Certificates of a CA of our own, made by openssl in a temporary folder.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

export const PASSPHRASE = 'open sesame'

export interface Pair {
  cert: string
  key: string
}

export interface Certificates {
  folder: string
  ca: string
  /** For localhost and 127.0.0.1. */
  server: Pair
  /** For another.example only. */
  other: Pair
  expired: Pair
  selfSigned: Pair
  /** Of a client; its key is encrypted with PASSPHRASE. */
  client: Pair
}

/** False with the reason where openssl is missing; in CI that is a failure. */
export const skipWithoutOpenssl: string | false = (() => {
  if (spawnSync('openssl', ['version']).status === 0) return false
  if (process.env.CI === 'true') throw new Error('openssl is missing')
  return 'openssl is missing'
})()

/** Makes them; they go away after the tests of the file. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
  after(() => rmSync(folder, { recursive: true }))
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const text = (name: string): string => readFileSync(join(folder, name), 'latin1')
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const selfSign = (name: string, ...more: string[]): Pair => {
    openssl('req', '-x509', ...newKey, '-nodes', '-keyout', `${name}.key`, '-out', `${name}.crt`, ...more)
    return { cert: text(`${name}.crt`), key: text(`${name}.key`) }
  }
  const sign = (name: string, extensions: string, days: string, encryption: string[]): Pair => {
    openssl(
      'req',
      ...newKey,
      ...encryption,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
    )
    writeFileSync(join(folder, `${name}.ext`), extensions)
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial']
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...by,
      '-days',
      days,
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
    )
    return { cert: text(`${name}.crt`), key: text(`${name}.key`) }
  }
  const ca = selfSign('ca', '-subj', '/CN=Test CA').cert
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  return {
    folder,
    ca,
    server: sign('server', names, '2', ['-nodes']),
    other: sign('other', 'subjectAltName=DNS:another.example', '2', ['-nodes']),
    expired: sign('expired', names, '0', ['-nodes']),
    selfSigned: selfSign('self', '-subj', '/CN=localhost', '-addext', names),
    client: sign('client', 'extendedKeyUsage=clientAuth', '2', ['-passout', `pass:${PASSPHRASE}`]),
  }
}
