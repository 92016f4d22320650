// CA certificates of files and folders, and of the operating system.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import { UsageError } from '../../src/errors.js'
import { casOfFolder, type LeaveOut, systemCas } from '../../src/transport/pem.js'

const [FIRST = '', SECOND = '', THIRD = ''] = rootCertificates.map((each) => `${each}\n`)
const BROKEN = FIRST.replace(/M/g, 'N')

interface Left {
  path: string
  why: string
}

/** A note of what was left out. */
function notebook(): { left: Left[]; leaveOut: LeaveOut } {
  const left: Left[] = []
  return {
    left,
    leaveOut: (path, error) => left.push({ path: basename(path), why: (error as Error).message }),
  }
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cas-'))
  t.after(() => rmSync(path, { recursive: true }))
  writeFileSync(join(path, 'bundle.crt'), FIRST)
  mkdirSync(join(path, 'certs'))
  writeFileSync(join(path, 'certs', 'a.pem'), SECOND)
  symlinkSync('a.pem', join(path, 'certs', '0a1b2c3d.0'))
  writeFileSync(join(path, 'certs', 'README'), 'not a certificate')
  mkdirSync(join(path, 'certs', 'java'))
  mkdirSync(join(path, 'empty'))
  return path
}

test('the first bundle that is there, or none', (t) => {
  const path = folder(t)
  const bundle = join(path, 'bundle.crt')
  const { leaveOut } = notebook()
  assert.deepEqual(systemCas({}, leaveOut, [join(path, 'missing'), bundle]), [FIRST])
  assert.deepEqual(systemCas({ certFile: '', certDir: '' }, leaveOut, [bundle]), [FIRST])
  assert.equal(systemCas({}, leaveOut, [join(path, 'missing')]), undefined)
})

test('a file and folders that are named replace the bundle', (t) => {
  const path = folder(t)
  const bundle = join(path, 'bundle.crt')
  const certs = join(path, 'certs')
  const { left, leaveOut } = notebook()
  assert.deepEqual(systemCas({ certFile: bundle }, leaveOut, []), [FIRST])
  assert.deepEqual(systemCas({ certDir: certs }, leaveOut, [bundle]), [SECOND])
  const both = { certFile: bundle, certDir: `${certs}${delimiter}${certs}` }
  assert.deepEqual(systemCas(both, leaveOut, []), [FIRST, SECOND, SECOND])
  assert.deepEqual(left, [])
})

test('a folder: each certificate once, however many files hold it', (t) => {
  const path = join(folder(t), 'certs')
  writeFileSync(join(path, 'copy.crt'), SECOND.replaceAll('\n', '\r\n'))
  writeFileSync(join(path, 'bundle.pem'), `# two\n${SECOND}\n${THIRD}`)
  const { left, leaveOut } = notebook()
  const found = casOfFolder(path, leaveOut)
  assert.deepEqual(found.split(/(?<=END CERTIFICATE-----\n)/).toSorted(), [SECOND, THIRD].toSorted())
  assert.deepEqual(left, [])
})

test('a folder: what cannot be read is told by name, and the rest serves', (t) => {
  const path = join(folder(t), 'certs')
  writeFileSync(join(path, 'broken.pem'), `${THIRD}${BROKEN}`)
  symlinkSync('gone.pem', join(path, '11111111.0'))
  const { left, leaveOut } = notebook()
  assert.equal(casOfFolder(path, leaveOut), SECOND)
  const [gone, broken] = left.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  assert.deepEqual(broken, { path: 'broken.pem', why: 'holds a certificate that cannot be read, number 2' })
  assert.equal(gone?.path, '11111111.0')
  assert.match(gone.why, /^ENOENT/)
})

for (const [places, text] of [
  [{ certFile: 'missing' }, /^SSL_CERT_FILE '.*missing': .*ENOENT/],
  [{ certFile: 'certs/README' }, /^SSL_CERT_FILE '.*README': holds no PEM certificate/],
  [{ certFile: 'broken' }, /^SSL_CERT_FILE '.*broken': holds a certificate that cannot be read, number 1/],
  [{ certFile: 'certs' }, /^SSL_CERT_FILE '.*certs': .*EISDIR/],
  [{ certDir: 'missing' }, /^SSL_CERT_DIR '.*missing': .*ENOENT/],
  [{ certDir: 'empty' }, /^SSL_CERT_DIR '.*empty': no file in it holds a PEM certificate/],
] as const) {
  test(`of no use: ${JSON.stringify(places)}`, (t) => {
    const path = folder(t)
    writeFileSync(join(path, 'broken'), BROKEN)
    const full = Object.fromEntries(Object.entries(places).map(([name, value]) => [name, join(path, value)]))
    assert.throws(
      () => systemCas(full),
      (error: Error) => error instanceof UsageError && text.test(error.message),
    )
  })
}

test('this system has some, or it has none', () => {
  const cas = systemCas()
  assert.ok(cas === undefined || cas.every((text) => text.includes('-----BEGIN')))
})
