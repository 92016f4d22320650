// Where the operating system's CA certificates come from.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import { systemCas } from '../../src/transport/pem.js'

const pem = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cas-'))
  t.after(() => rmSync(path, { recursive: true }))
  writeFileSync(join(path, 'bundle.crt'), pem('bundle'))
  mkdirSync(join(path, 'certs'))
  writeFileSync(join(path, 'certs', 'a.pem'), pem('a'))
  symlinkSync('a.pem', join(path, 'certs', '0a1b2c3d.0'))
  writeFileSync(join(path, 'certs', 'README'), 'not a certificate')
  mkdirSync(join(path, 'certs', 'java'))
  mkdirSync(join(path, 'empty'))
  return path
}

test('the first bundle that is there, or none', (t) => {
  const path = folder(t)
  const bundle = join(path, 'bundle.crt')
  assert.deepEqual(systemCas({}, [join(path, 'missing'), bundle]), [pem('bundle')])
  assert.deepEqual(systemCas({ certFile: '', certDir: '' }, [bundle]), [pem('bundle')])
  assert.equal(systemCas({}, [join(path, 'missing')]), undefined)
})

test('a file and folders that are named replace the bundle', (t) => {
  const path = folder(t)
  const bundle = join(path, 'bundle.crt')
  const certs = join(path, 'certs')
  assert.deepEqual(systemCas({ certFile: bundle }, []), [pem('bundle')])
  assert.deepEqual(systemCas({ certDir: certs }, [bundle]), [pem('a')])
  assert.deepEqual(systemCas({ certFile: bundle, certDir: `${certs}${delimiter}${certs}` }, []), [
    pem('bundle'),
    pem('a'),
    pem('a'),
  ])
})

for (const [places, text] of [
  [{ certFile: 'missing' }, /^SSL_CERT_FILE '.*missing': .*ENOENT/],
  [{ certFile: 'certs/README' }, /^SSL_CERT_FILE '.*README': holds no PEM certificate/],
  [{ certFile: 'certs' }, /^SSL_CERT_FILE '.*certs': .*EISDIR/],
  [{ certDir: 'missing' }, /^SSL_CERT_DIR '.*missing': .*ENOENT/],
  [{ certDir: 'empty' }, /^SSL_CERT_DIR '.*empty': no file in it holds a PEM certificate/],
] as const) {
  test(`of no use: ${JSON.stringify(places)}`, (t) => {
    const path = folder(t)
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
