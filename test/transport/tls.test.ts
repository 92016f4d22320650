// TLS: what is offered and accepted, and what is said when it fails.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { UsageError } from '../../src/errors.js'
import type { Target, TlsSettings } from '../../src/transport/index.js'
import { isEncryptedKey } from '../../src/transport/pem.js'
import { makeCertificates, PASSPHRASE, skipWithoutOpenssl } from './certificates.js'
import { echo, ending, exchange, failure, listen, open, serve } from './support.js'

describe('TLS', { skip: skipWithoutOpenssl }, () => {
  const certificates = skipWithoutOpenssl ? undefined : makeCertificates()
  if (certificates === undefined) return
  const { ca, server, other, expired, selfSigned, client } = certificates

  /** A TLS echo server; the last connection's socket comes with its port. */
  async function secureServer(
    t: TestContext,
    options: TlsOptions = {},
    at?: { path: string },
  ): Promise<{ port: number; sockets: TLSSocket[] }> {
    const sockets: TLSSocket[] = []
    const listener = createServer({ ...server, ...options }, (socket) => {
      sockets.push(socket)
      echo(socket)
    })
    return { port: await listen(t, listener, at), sockets }
  }

  async function connected(t: TestContext, target: Partial<Target>): Promise<TLSSocket> {
    const stream = (await open(t, target)) as TLSSocket
    assert.equal(await exchange(stream, 'hello'), 'hello')
    return stream
  }

  for (const host of ['localhost', '127.0.0.1']) {
    test(`a certificate for ${host}; the name goes out as SNI, an address does not`, async (t) => {
      const { port, sockets } = await secureServer(t)
      const stream = await connected(t, { host, port, tls: { ca: [ca] } })
      assert.equal(stream.authorized, true)
      assert.equal(stream.getProtocol(), 'TLSv1.3')
      assert.equal(
        (sockets[0] as TLSSocket & { servername: unknown }).servername,
        host === 'localhost' ? host : false,
      )
    })
  }

  const WRONG: readonly [name: string, options: TlsOptions, tls: TlsSettings, text: RegExp][] = [
    ['name', other, { ca: [ca] }, /the certificate is not for 'localhost' \(DNS:another\.example\)/],
    ['CA', {}, {}, /issued by a CA that is not trusted|ends in a CA that is not trusted/],
    ['self-signed', selfSigned, {}, /the certificate is self-signed: give it or its CA with --cafile/],
    ['date', expired, { ca: [ca] }, /the certificate has expired/],
    [
      'version',
      { maxVersion: 'TLSv1.2' },
      { ca: [ca], minVersion: 'TLSv1.3' },
      /offers no TLS version that we take/,
    ],
    [
      'ALPN',
      { ALPNProtocols: ['mqtt'] },
      { ca: [ca], alpn: 'x-amzn' },
      /does not offer the ALPN protocol 'x-amzn'/,
    ],
    [
      'cipher',
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
      { ca: [ca], ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
      /shares no cipher with us/,
    ],
  ]
  for (const [name, options, tls, text] of WRONG) {
    test(`wrong ${name}`, async (t) => {
      const { port } = await secureServer(t, options)
      const error = await failure(t, { host: 'localhost', port, tls })
      assert.equal(error.step, 'tls')
      assert.ok(error.isFinal)
      assert.ok(error.message.startsWith(`cannot connect to localhost port ${port}: `))
      assert.match(error.message, text)
    })
  }

  for (const [name, options] of [
    ['name', other],
    ['CA', selfSigned],
    ['date', expired],
  ] as const) {
    test(`insecure accepts a wrong ${name}`, async (t) => {
      const { port } = await secureServer(t, options)
      await connected(t, { host: 'localhost', port, tls: { insecure: true, minVersion: 'TLSv1.2' } })
    })
  }

  test('a port without TLS, one that closes, and TLS on a plain port of MQTT that stays silent', async (t) => {
    const talkative = await serve(t, (socket) => socket.end('220 no TLS here'))
    const closing = await serve(t, (socket) => socket.resume().end())
    const first = await failure(t, { port: talkative, tls: {} })
    assert.deepEqual([first.step], ['tls'])
    assert.match(first.message, /did not answer in TLS: is it a port without TLS\?/)
    const second = await failure(t, { port: closing, tls: {} })
    assert.equal(second.step, 'tls')
    assert.match(second.message, /connection closed during the TLS handshake/)
  })

  test('minVersion', async (t) => {
    const { port } = await secureServer(t)
    const lowest = await connected(t, { port, tls: { ca: [ca], minVersion: 'TLSv1.2' } })
    assert.equal(lowest.getProtocol(), 'TLSv1.3')
    const only = await connected(t, { port, tls: { ca: [ca], minVersion: 'TLSv1.3' } })
    assert.equal(only.getProtocol(), 'TLSv1.3')
  })

  test('ciphers: a list for TLS 1.2 leaves TLS 1.3 alone, with minVersion they are its suites', async (t) => {
    const ciphers = 'ECDHE-ECDSA-AES128-GCM-SHA256'
    const newer = await secureServer(t)
    const with13 = await connected(t, { port: newer.port, tls: { ca: [ca], ciphers } })
    assert.equal(with13.getProtocol(), 'TLSv1.3')
    const older = await secureServer(t, { maxVersion: 'TLSv1.2' })
    const with12 = await connected(t, { port: older.port, tls: { ca: [ca], ciphers } })
    assert.equal(with12.getCipher().name, ciphers)
    const suite = 'TLS_CHACHA20_POLY1305_SHA256'
    const suites = await connected(t, {
      port: newer.port,
      tls: { ca: [ca], ciphers: suite, minVersion: 'TLSv1.3' },
    })
    assert.equal(suites.getCipher().name, suite)
  })

  test('ALPN: one name goes out, cut at 254 bytes', async (t) => {
    const offered: string[][] = []
    const { port } = await secureServer(t, {
      ALPNCallback: ({ protocols }) => {
        offered.push(protocols)
        return protocols[0]
      },
    })
    const stream = await connected(t, { port, tls: { ca: [ca], alpn: 'mqtt' } })
    assert.equal(stream.alpnProtocol, 'mqtt')
    await connected(t, { port, tls: { ca: [ca], alpn: 'x'.repeat(300) } })
    assert.deepEqual(offered, [['mqtt'], ['x'.repeat(254)]])
  })

  test('keylog gets the lines of the NSS key log', async (t) => {
    const lines: string[] = []
    const { port } = await secureServer(t)
    await connected(t, { port, tls: { ca: [ca], keylog: (line) => lines.push(line.toString()) } })
    assert.ok(lines.some((line) => line.startsWith('CLIENT_TRAFFIC_SECRET_0 ')))
    for (const line of lines) assert.match(line, /^[A-Z0-9_]+ [0-9a-f]{64} [0-9a-f]+\n$/)
  })

  describe('client certificate', () => {
    const wants = { requestCert: true, rejectUnauthorized: true, ca }

    test('with an encrypted key and its pass phrase', async (t) => {
      const { port, sockets } = await secureServer(t, wants)
      await connected(t, { port, tls: { ca: [ca], ...client, passphrase: PASSPHRASE } })
      assert.equal(sockets[0]?.getPeerCertificate().subject.CN, 'client')
    })

    test('missing: TLS 1.2 says so in the handshake, TLS 1.3 after it', async (t) => {
      const older = await secureServer(t, { ...wants, maxVersion: 'TLSv1.2' })
      const early = await failure(t, { port: older.port, tls: { ca: [ca] } })
      assert.equal(early.step, 'tls')
      const newer = await secureServer(t, wants)
      const stream = await open(t, { port: newer.port, tls: { ca: [ca] } }).catch((error: Error) => error)
      const late = stream instanceof Error ? stream : (await ending(stream)).error
      assert.match(late?.message ?? '', /certificate|closed/i)
    })

    test('missing, found out in the upgrade to WebSocket: the step is TLS', async (t) => {
      const { port } = await secureServer(t, wants)
      const error = await failure(t, { port, tls: { ca: [ca] }, webSocket: {} })
      assert.equal(error.step, 'tls')
      assert.match(error.message, /the broker wants a client certificate: give one with --cert and --key/)
    })

    test('keys that ask for a pass phrase', () => {
      assert.equal(isEncryptedKey(client.key), true)
      assert.equal(isEncryptedKey(Buffer.from(client.key)), true)
      assert.equal(isEncryptedKey(server.key), false)
    })
  })

  const UNUSABLE: readonly [name: string, tls: TlsSettings, text: RegExp][] = [
    ['no pass phrase', client, /the key is encrypted: its pass phrase is needed/],
    ['wrong pass phrase', { ...client, passphrase: 'nonsense' }, /the pass phrase does not open the key/],
    [
      'a key of another certificate',
      { cert: server.cert, key: other.key },
      /does not belong to the certificate/,
    ],
    ['no CA in PEM', { ca: ['nothing'] }, /a CA file holds no PEM certificate/],
    [
      'a CA that is none',
      { ca: ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'] },
      /cannot be read/,
    ],
    [
      'a broken second CA',
      { ca: [`${ca}${ca.slice(0, 200)}`] },
      /a CA file holds a certificate that cannot be read, number 2/,
    ],
    ['a key that is none', { cert: server.cert, key: 'nothing' }, /not in PEM format|cannot be used/],
    ['ciphers', { ciphers: 'NO-SUCH-CIPHER' }, /no cipher is called 'NO-SUCH-CIPHER'/],
    ['suites', { ciphers: 'TLS_NO_SUCH', minVersion: 'TLSv1.3' }, /no cipher is called 'TLS_NO_SUCH'/],
    [
      'suites of TLS 1.2',
      { ciphers: 'ECDHE-RSA-AES128-SHA', minVersion: 'TLSv1.3' },
      /no cipher suite of TLS 1\.3/,
    ],
    ['alpn', { alpn: '' }, /ALPN protocol name is empty/],
    ['psk and 1.3', { psk: { identity: 'a', key: Buffer.of(1) }, minVersion: 'TLSv1.3' }, /up to TLS 1\.2/],
    ['psk without bytes', { psk: { identity: 'a', key: Buffer.alloc(0) } }, /key of 0 bytes/],
    [
      'psk too long',
      { psk: { identity: 'a', key: Buffer.alloc(257) } },
      /key of 257 bytes, expected 1 to 256/,
    ],
    ['identity too long', { psk: { identity: 'a'.repeat(129), key: Buffer.of(1) } }, /identity of 129 bytes/],
  ]
  for (const [name, tls, text] of UNUSABLE) {
    test(`unusable: ${name}`, async (t) => {
      let connections = 0
      const port = await serve(t, () => connections++)
      await assert.rejects(open(t, { port, tls }), (error: Error) => {
        assert.ok(error instanceof UsageError, String(error))
        assert.match(error.message, text)
        assert.doesNotMatch(error.message, /nonsense/)
        return true
      })
      assert.equal(connections, 0)
    })
  }

  describe('pre-shared key', () => {
    const key = Buffer.from('c0ffee00', 'hex')
    const options: TlsOptions = {
      pskCallback: (_socket: TLSSocket, identity: string) => (identity === 'ann' ? key : null),
      ciphers: 'PSK',
      maxVersion: 'TLSv1.2',
      cert: undefined,
      key: undefined,
    }

    test('no certificate is needed', async (t) => {
      const { port } = await secureServer(t, options)
      const stream = await connected(t, { host: 'localhost', port, tls: { psk: { identity: 'ann', key } } })
      assert.match(stream.getCipher().name, /PSK/)
      assert.equal(stream.getProtocol(), 'TLSv1.2')
      assert.equal(stream.authorized, true)
    })

    test('with ciphers', async (t) => {
      const { port } = await secureServer(t, options)
      const ciphers = 'PSK-AES128-GCM-SHA256'
      const stream = await connected(t, { port, tls: { psk: { identity: 'ann', key }, ciphers } })
      assert.equal(stream.getCipher().name, ciphers)
    })

    test('longest identity and key that OpenSSL takes', async (t) => {
      const long = { identity: 'i'.repeat(128), key: Buffer.alloc(256, 7) }
      const { port } = await secureServer(t, {
        ...options,
        pskCallback: (_socket, identity) => (identity === long.identity ? long.key : null),
      })
      await connected(t, { port, tls: { psk: long } })
    })

    for (const [name, psk] of [
      ['key', { identity: 'ann', key: Buffer.of(1) }],
      ['identity', { identity: 'bob', key }],
    ] as const) {
      test(`wrong ${name}`, async (t) => {
        const { port } = await secureServer(t, options)
        const error = await failure(t, { port, tls: { psk } })
        assert.equal(error.step, 'tls')
        assert.match(error.message, /does not know the identity with this pre-shared key/)
      })
    }

    test('a server that takes certificates only', async (t) => {
      const { port } = await secureServer(t)
      const error = await failure(t, { port, tls: { psk: { identity: 'ann', key } } })
      assert.equal(error.step, 'tls')
      assert.match(error.message, /takes no pre-shared key there/)
    })

    test('other ciphers do not get round the certificate', async (t) => {
      const { port } = await secureServer(t, other)
      const tls = { psk: { identity: 'ann', key }, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', ca: [ca] }
      const error = await failure(t, { host: 'localhost', port, tls })
      assert.match(error.message, /the certificate is not for 'localhost'/)
    })
  })

  test('over a unix socket: no name is checked, but the CA is', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'dial-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'broker')
    await secureServer(t, other, { path })
    await connected(t, { path, tls: { ca: [ca] } })
    const error = await failure(t, { path, tls: {} })
    assert.equal(error.step, 'tls')
    assert.ok(error.message.startsWith(`cannot connect to the socket ${path}: the certificate`))
  })
})
