// Whom the programs trust: folders of CAs in every shape, the operating system's, Node's.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { createServer, rootCertificates } from 'node:tls'
import { Reporter } from '../../src/cli/exit.js'
import type { Given } from '../../src/cli/flags/table.js'
import type { Io } from '../../src/cli/io.js'
import { tlsSettings } from '../../src/cli/tls.js'
import { type Certificates, makeCertificates } from '../support/certificates.js'
import { needs } from '../support/mosquitto.js'
import { newFolder } from '../support/processes.js'
import { temporaryFolder } from '../support/run.js'
import { listen } from '../transport/support.js'
import { cli, PROGRAMS, WORK } from './support.js'

const options = needs('openssl')
let pem: Certificates
before(() => {
  if (options.skip === undefined) pem = makeCertificates(newFolder())
})

/** A TLS server whose handshake is all that counts: behind it, it refuses every CONNECT. */
function server(t: TestContext): Promise<number> {
  const pair = { cert: readFileSync(pem.server.cert), key: readFileSync(pem.server.key) }
  return listen(
    t,
    createServer(pair, (socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end('\x20\x02\x00\x05', 'latin1'))
    }),
  )
}

const TRUSTED = 5
const UNTRUSTED = 8

interface Folder {
  what: string
  fill: (path: string) => void
  code: number
  /** The file that is named. */
  names?: string
  why?: RegExp
}

const hash = (cert: string): string =>
  execFileSync('openssl', ['x509', '-hash', '-noout', '-in', cert]).toString().trim()
const put = (path: string, name: string, from: string): void => cpSync(from, join(path, name))

const FOLDERS: readonly Folder[] = [
  { what: 'any names', fill: (path) => put(path, 'x', pem.ca.cert), code: TRUSTED },
  {
    what: 'hashed names, as links',
    fill: (path) => {
      put(path, 'ca.pem', pem.ca.cert)
      symlinkSync('ca.pem', join(path, `${hash(pem.ca.cert)}.0`))
    },
    code: TRUSTED,
  },
  {
    what: 'hashed names, as links to elsewhere',
    fill: (path) => symlinkSync(pem.ca.cert, join(path, `${hash(pem.ca.cert)}.0`)),
    code: TRUSTED,
  },
  {
    what: 'several certificates in a file, and files of other kinds',
    fill: (path) => {
      writeFileSync(
        join(path, 'all'),
        readFileSync(pem.strangerCa.cert, 'latin1') + readFileSync(pem.ca.cert, 'latin1'),
      )
      writeFileSync(join(path, 'README'), 'about this folder')
      put(path, 'server.key', pem.server.key)
    },
    code: TRUSTED,
  },
  {
    what: 'folders in it are passed over',
    fill: (path) => {
      put(path, 'stranger.pem', pem.strangerCa.cert)
      mkdirSync(join(path, 'java'))
      put(join(path, 'java'), 'ca.pem', pem.ca.cert)
    },
    code: UNTRUSTED,
  },
  {
    what: 'a broken certificate is named, the others serve',
    fill: (path) => {
      put(path, 'ca.pem', pem.ca.cert)
      const text = readFileSync(pem.strangerCa.cert, 'latin1')
      writeFileSync(join(path, 'cut.pem'), `${text.slice(0, 200)}\n-----END CERTIFICATE-----\n`)
    },
    code: TRUSTED,
    names: 'cut.pem',
    why: /holds a certificate that cannot be read, number 1/,
  },
  {
    what: 'a link that leads nowhere is named, the others serve',
    fill: (path) => {
      put(path, 'ca.pem', pem.ca.cert)
      symlinkSync('gone.pem', join(path, '12345678.0'))
    },
    code: TRUSTED,
    names: '12345678.0',
    why: /no such file/,
  },
]

describe('--capath and SSL_CERT_DIR', { concurrency: 4, ...options }, () => {
  for (const { what, fill, code, names, why = /./ } of FOLDERS) {
    test(what, async (t) => {
      const path = temporaryFolder(t)
      fill(path)
      for (const [option, args, env] of [
        ['--capath', ['--capath', path], {}],
        ['SSL_CERT_DIR', ['--tls-use-os-certs'], { SSL_CERT_DIR: path }],
      ] as const) {
        const words = [...WORK['mqtt-pub'], '-h', 'localhost', '-p', await server(t), ...args]
        const told = await cli(t, 'mqtt-pub', words, { env })
        assert.equal(told.code, code, told.err)
        const warnings = told.err.split('\n').filter((line) => line.includes('warning'))
        assert.equal(warnings.length, names === undefined ? 0 : 1, told.err)
        if (names === undefined) continue
        const [warning = ''] = warnings
        assert.ok(
          warning.startsWith(`mqtt-pub: warning: ${option}: '${join(path, names)}' is left out: `),
          warning,
        )
        assert.match(warning, why)
      }
    })
  }
  test('a file without the right to read it is named', async (t) => {
    if (process.getuid?.() === 0) return t.skip('root may read everything')
    const path = temporaryFolder(t)
    put(path, 'ca.pem', pem.ca.cert)
    put(path, 'mine.pem', pem.strangerCa.cert)
    chmodSync(join(path, 'mine.pem'), 0)
    const words = [...WORK['mqtt-pub'], '-h', 'localhost', '-p', await server(t), '--capath', path]
    const { code, err } = await cli(t, 'mqtt-pub', words)
    assert.equal(code, TRUSTED)
    assert.match(err, /'[^']*mine\.pem' is left out: permission denied/)
  })
  for (const [what, fill] of [
    ['empty', () => {}],
    ['without a certificate', (path: string) => writeFileSync(join(path, 'README'), 'nothing')],
  ] as const) {
    test(`a folder that is ${what}: exit 1 naming it`, async (t) => {
      const path = temporaryFolder(t)
      fill(path)
      for (const program of PROGRAMS) {
        const { code, err } = await cli(t, program, [...WORK[program], '-h', '127.0.0.1', '--capath', path])
        assert.equal(code, 1)
        assert.equal(err, `${program}: error: --capath '${path}': no file in it holds a PEM certificate\n`)
      }
    })
  }
})

test('--cafile with a broken certificate: exit 1 naming file and certificate', options, async (t) => {
  const path = join(temporaryFolder(t), 'cas.pem')
  const text = readFileSync(pem.ca.cert, 'latin1')
  writeFileSync(path, `${text}${text.slice(0, 200)}\n-----END CERTIFICATE-----\n`)
  const { code, err } = await cli(t, 'mqtt-sub', [...WORK['mqtt-sub'], '-h', '127.0.0.1', '--cafile', path])
  assert.equal(code, 1)
  assert.equal(
    err,
    `mqtt-sub: error: --cafile '${path}': holds a certificate that cannot be read, number 2\n`,
  )
})

describe('--tls-use-node-certs', { concurrency: 4, ...options }, () => {
  for (const [what, args, code] of [
    ['alone it leaves the operating system out', ['--tls-use-node-certs'], UNTRUSTED],
    ['with --tls-use-os-certs both are trusted', ['--tls-use-node-certs', '--tls-use-os-certs'], TRUSTED],
    ['with --cafile both are trusted', ['--tls-use-node-certs', '--cafile', '{ca}'], TRUSTED],
  ] as const) {
    test(what, async (t) => {
      const words = args.map((word) => word.replace('{ca}', pem.ca.cert))
      const to = ['-h', 'localhost', '-p', await server(t), ...words]
      const env = { SSL_CERT_FILE: pem.ca.cert }
      const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...to], { env })
      assert.equal(told.code, code, told.err)
    })
  }
  test('it is the bundle of Node.js, whole', async () => {
    const given: Given = { nodeCerts: true }
    const io = { env: {} } as Io
    const settings = await tlsSettings(given, io, new Reporter('test', io))
    for (const certificate of rootCertificates) {
      assert.ok(settings?.ca?.some((each) => each.includes(certificate)))
    }
  })
})
