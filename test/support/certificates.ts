// Certificates for brokers and clients, made by openssl when a test asks for them.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Pair {
  cert: string
  key: string
}

/** Paths of PEM files. */
export interface Certificates {
  ca: Pair
  /** A CA that issued nothing. */
  strangerCa: Pair
  /** For localhost and 127.0.0.1. */
  server: Pair
  /** For broker.example. */
  otherName: Pair
  /** For localhost, until yesterday. */
  expired: Pair
  /** For localhost, from tomorrow on. */
  notYetValid: Pair
  /** For the name localhost alone, and for the address 127.0.0.1 alone. */
  nameOnly: Pair
  addressOnly: Pair
  /** For localhost, by an intermediate CA: with its certificate behind, and without. */
  chained: Pair
  unchained: Pair
  /** For localhost, by nobody but itself. */
  selfSigned: Pair
  client: Pair
  /** A client's, by the CA that issued nothing else. */
  strangerClient: Pair
  /** A folder with `ca` in it, and something else. */
  capath: string
}

const DAY_MS = 86_400_000

export function makeCertificates(folder: string): Certificates {
  const openssl = (...args: readonly string[]): void => {
    try {
      execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
    } catch (error) {
      throw new Error(`openssl ${args.join(' ')}: ${(error as { stderr?: Buffer }).stderr}`)
    }
  }
  const pair = (name: string): Pair => ({
    cert: join(folder, `${name}.pem`),
    key: join(folder, `${name}.key`),
  })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const selfSigned = (name: string, subject: string, ...extensions: readonly string[]): Pair => {
    const { cert, key } = pair(name)
    const extra = extensions.flatMap((extension) => ['-addext', extension])
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '30',
      '-subj',
      subject,
      ...extra,
    )
    return { cert, key }
  }
  const issued = (
    name: string,
    issuer: Pair,
    subject: string,
    extensions: string,
    [startsInDays, endsInDays] = [-60, 30],
  ): Pair => {
    const { cert, key } = pair(name)
    openssl('req', ...newKey, '-keyout', key, '-out', `${name}.csr`, '-subj', subject)
    writeFileSync(join(folder, 'extensions.cnf'), extensions)
    // Only `ca` sets both dates in every version of openssl.
    writeFileSync(
      join(folder, 'ca.cnf'),
      [
        '[ca]\ndefault_ca = us\n[us]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes',
        'policy = any\ndefault_md = sha256\nunique_subject = no\n[any]\ncommonName = supplied\n',
      ].join('\n'),
    )
    writeFileSync(join(folder, 'index.txt'), '')
    const dates = ['-startdate', asn1Time(startsInDays), '-enddate', asn1Time(endsInDays)]
    const by = ['-cert', issuer.cert, '-keyfile', issuer.key, '-extfile', 'extensions.cnf']
    openssl(
      ...['ca', '-batch', '-notext', '-config', 'ca.cnf', ...dates, ...by],
      ...['-in', `${name}.csr`, '-out', cert],
    )
    return { cert, key }
  }

  const ca = selfSigned('ca', '/CN=Test CA')
  const strangerCa = selfSigned('stranger-ca', '/CN=Another CA')
  const localhost = 'subjectAltName = DNS:localhost, IP:127.0.0.1'
  const intermediate = issued(
    'intermediate',
    ca,
    '/CN=Intermediate CA',
    'basicConstraints = critical, CA:TRUE',
  )
  const unchained = issued('unchained', intermediate, '/CN=localhost', localhost)
  const chain = join(folder, 'chained.pem')
  writeFileSync(chain, readFileSync(unchained.cert, 'latin1') + readFileSync(intermediate.cert, 'latin1'))
  const capath = join(folder, 'capath')
  mkdirSync(capath)
  execFileSync('cp', [ca.cert, join(capath, 'first.pem')])
  writeFileSync(join(capath, 'README'), 'not a certificate\n')
  return {
    ca,
    strangerCa,
    server: issued('server', ca, '/CN=localhost', localhost),
    otherName: issued('other-name', ca, '/CN=broker.example', 'subjectAltName = DNS:broker.example'),
    expired: issued('expired', ca, '/CN=localhost', localhost, [-60, -1]),
    notYetValid: issued('not-yet-valid', ca, '/CN=localhost', localhost, [1, 30]),
    nameOnly: issued('name-only', ca, '/CN=localhost', 'subjectAltName = DNS:localhost'),
    addressOnly: issued('address-only', ca, '/CN=broker', 'subjectAltName = IP:127.0.0.1'),
    chained: { cert: chain, key: unchained.key },
    unchained,
    selfSigned: selfSigned('self-signed', '/CN=localhost', localhost),
    client: issued('client', ca, '/CN=client', 'extendedKeyUsage = clientAuth'),
    strangerClient: issued('stranger', strangerCa, '/CN=stranger', 'extendedKeyUsage = clientAuth'),
    capath,
  }
}

/** YYYYMMDDHHMMSSZ */
function asn1Time(inDays: number): string {
  return new Date(Date.now() + inDays * DAY_MS).toISOString().replace(/[-:T]|\.\d+/g, '')
}
