// What fails on the way to a broker: each in one line that says the stage and what to do, with its status. Never a
// stack trace, a hang or status 0.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { connect, type Socket } from 'node:net'
import { before, describe, type TestContext, test } from 'node:test'
import { createServer, type TlsOptions } from 'node:tls'
import { broker, mute } from '../broker/broker.js'
import { type Certificates, makeCertificates, type Pair } from '../support/certificates.js'
import { cannot, needs } from '../support/mosquitto.js'
import { deadPort } from '../support/ports.js'
import { findCommand, newFolder, start as startCommand } from '../support/processes.js'
import { type Args, QUIET } from '../support/run.js'
import { type SocksScript, socksServer } from '../transport/socks-server.js'
import { listen, serve } from '../transport/support.js'
import { switching, upgrades } from '../transport/web-socket-server.js'
import { cli, type Told, WORK } from './support.js'

const options = needs('openssl')
const PASSPHRASE = 'sesame'
let pem: Certificates
let encryptedKey: string
before(() => {
  if (options.skip !== undefined) return
  pem = makeCertificates(newFolder())
  encryptedKey = `${pem.client.key}.enc`
  const words = ['pkcs8', '-topk8', '-in', pem.client.key, '-out', encryptedKey]
  execFileSync('openssl', [...words, '-passout', `pass:${PASSPHRASE}`])
})

const BOTH = ['mqtt-pub', 'mqtt-sub'] as const

/** One line that says `says`, the status, and nothing on stdout. */
function assertFailure(
  program: string,
  { code, out, err }: Told,
  status: number | RegExp,
  says: RegExp,
): void {
  if (typeof status === 'number') assert.equal(code, status, err)
  else assert.match(String(code), status, err)
  assert.equal(out, '')
  assert.match(err, new RegExp(`^${program}: error: [^\\n]+\\n$`))
  assert.match(err, says)
}

interface Failure {
  what: string
  /** Where to connect to, and how. */
  to: (t: TestContext) => Promise<Args> | Args
  env?: Readonly<Record<string, string>>
  status: number | RegExp
  says: RegExp
  /** Where the other program does something else. */
  only?: (typeof BOTH)[number]
}

function matrix(title: string, list: readonly Failure[], more: { skip?: string } = {}): void {
  describe(title, { concurrency: 4, ...more }, () => {
    for (const { what, to, env = {}, status, says, only } of list) {
      for (const program of only === undefined ? BOTH : [only]) {
        test(`${program}: ${what}: exit ${status}`, async (t) => {
          const told = await cli(t, program, [...WORK[program], ...(await to(t))], { env })
          assertFailure(program, told, status, says)
        })
      }
    }
  })
}

/** A TLS server in front of a broker that takes everything. */
async function tlsServer(t: TestContext, pair: Pair, more: TlsOptions = {}): Promise<number> {
  const plain = await broker(t)
  const server = createServer(
    { cert: readFileSync(pair.cert), key: readFileSync(pair.key), ...more },
    (socket) => {
      socket.on('error', () => {})
      const onward = connect(plain.port, '127.0.0.1').on('error', () => {})
      onward.on('close', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
    },
  )
  server.on('tlsClientError', () => {})
  return listen(t, server)
}

const localhost = (port: number, ...more: Args): Args => ['-h', 'localhost', '-p', port, ...more]
const trusting = (port: number, ...more: Args): Args => localhost(port, '--cafile', pem.ca.cert, ...more)
const OLD: TlsOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
const wanting = (): TlsOptions => ({ requestCert: true, ca: readFileSync(pem.ca.cert) })

matrix(
  'TLS',
  [
    {
      what: 'an expired certificate',
      to: async (t) => trusting(await tlsServer(t, pem.expired)),
      status: 8,
      says: /localhost port \d+: the certificate has expired/,
    },
    {
      what: 'a certificate that is not valid yet',
      to: async (t) => trusting(await tlsServer(t, pem.notYetValid)),
      status: 8,
      says: /localhost port \d+: the certificate is not valid yet/,
    },
    {
      what: 'a self-signed certificate',
      to: async (t) => trusting(await tlsServer(t, pem.selfSigned)),
      status: 8,
      says: /the certificate is self-signed: give it or its CA with --cafile/,
    },
    {
      what: 'a CA that is not trusted',
      to: async (t) => localhost(await tlsServer(t, pem.server), '--cafile', pem.strangerCa.cert),
      status: 8,
      says: /issued by a CA that is not trusted: give it with --cafile/,
    },
    {
      what: 'a missing intermediate certificate',
      to: async (t) => trusting(await tlsServer(t, pem.unchained)),
      status: 8,
      says: /issued by a CA that is not trusted.*have the broker send its intermediate certificates/,
    },
    {
      what: 'a certificate for another name',
      to: async (t) => trusting(await tlsServer(t, pem.otherName)),
      status: 8,
      says: /the certificate is not for 'localhost' \(DNS:broker\.example\)/,
    },
    {
      what: 'an address that is not in the certificate',
      to: async (t) => trusting(await tlsServer(t, pem.nameOnly), '-h', '127.0.0.1'),
      status: 8,
      says: /the certificate is not for '127\.0\.0\.1' \(DNS:localhost\)/,
    },
    {
      what: 'a name, with a certificate for an address',
      to: async (t) => trusting(await tlsServer(t, pem.addressOnly)),
      status: 8,
      says: /the certificate is not for 'localhost' \(IP Address:127\.0\.0\.1\)/,
    },
    {
      what: 'TLS 1.1 at most',
      to: async (t) => trusting(await tlsServer(t, pem.server, OLD)),
      status: 8,
      says: /the broker offers no TLS version that we take: 1\.2 and newer/,
    },
    {
      what: 'TLS to a plain port, which closes',
      to: async (t) => trusting(await serve(t, (socket) => socket.once('data', () => socket.end()))),
      status: 8,
      says: /closed during the TLS handshake: is it a port without TLS\?/,
    },
    {
      what: 'TLS to a plain port, which answers',
      to: async (t) => {
        const answer = (socket: Socket): unknown =>
          socket.once('data', () => socket.end('HTTP/1.1 400 x\r\n\r\n'))
        return trusting(await serve(t, (socket) => void answer(socket)))
      },
      status: 8,
      says: /the port did not answer in TLS: is it a port without TLS\?/,
    },
    {
      what: 'plain MQTT to a TLS port',
      to: async (t) => localhost(await tlsServer(t, pem.server)),
      status: /^(7|21)$/, // 21: an alert is no MQTT
      says: /closed by the broker|connection lost|malformed/,
    },
    {
      what: 'no client certificate where one is wanted, TLS 1.2',
      to: async (t) => trusting(await tlsServer(t, pem.server, { ...wanting(), maxVersion: 'TLSv1.2' })),
      status: 8,
      says: /wants a client certificate \(--cert\)/,
    },
    {
      what: 'no client certificate where one is wanted, TLS 1.3',
      to: async (t) => trusting(await tlsServer(t, pem.server, wanting())),
      status: 8,
      says: /the broker wants a client certificate: give one with --cert and --key/,
    },
    {
      what: 'a missing CA file',
      to: () => localhost(1, '--cafile', '/nonexistent/ca.pem'),
      status: 1,
      says: /--cafile '\/nonexistent\/ca\.pem': no such file/,
    },
    {
      what: 'a missing client certificate',
      to: () => localhost(1, '--cert', '/nonexistent/c', '--key', pem.client.key),
      status: 1,
      says: /--cert '\/nonexistent\/c': no such file/,
    },
    {
      what: 'a missing key',
      to: () => localhost(1, '--cert', pem.client.cert, '--key', '/nonexistent/k'),
      status: 1,
      says: /--key '\/nonexistent\/k': no such file/,
    },
    {
      what: "another certificate's key",
      to: () => localhost(1, '--cert', pem.client.cert, '--key', pem.server.key),
      status: 1,
      says: /the key does not belong to the certificate/,
    },
    {
      what: 'a wrong pass phrase',
      to: () => localhost(1, '--cert', pem.client.cert, '--key', encryptedKey),
      env: { MQTT_KEY_PASSPHRASE: 'wrong' },
      status: 1,
      says: /the pass phrase does not open the key/,
    },
  ],
  options,
)

describe('what is right passes', { concurrency: 4, ...options }, () => {
  for (const program of BOTH) {
    test(`${program}: an address in the certificate, and a chain with its intermediate`, async (t) => {
      const work = WORK[program]
      const byAddress = trusting(await tlsServer(t, pem.addressOnly), '-h', '127.0.0.1')
      assert.deepEqual(await cli(t, program, [...work, ...byAddress]), QUIET)
      assert.deepEqual(await cli(t, program, [...work, ...trusting(await tlsServer(t, pem.chained))]), QUIET)
    })
  }
})

/** Answers the upgrade with a status. */
function refusing(status: string): (t: TestContext) => Promise<Args> {
  return async (t) =>
    localhost(
      await serve(
        t,
        upgrades(() => `HTTP/1.1 ${status}\r\n\r\n`),
      ),
      '--ws',
    )
}

matrix('WebSocket', [
  {
    what: '401',
    to: refusing('401 Unauthorized'),
    status: 13,
    says: /HTTP 401 Unauthorized: it wants other credentials/,
  },
  {
    what: '403',
    to: refusing('403 Forbidden'),
    status: 13,
    says: /HTTP 403 Forbidden: it wants other credentials/,
  },
  {
    what: '404',
    to: refusing('404 Not Found'),
    status: 13,
    says: /HTTP 404 Not Found: '\/mqtt' is not its path for MQTT: try another with --ws-path/,
  },
  { what: '502', to: refusing('502 Bad Gateway'), status: 13, says: /HTTP 502 Bad Gateway/ },
  {
    what: 'another subprotocol',
    to: async (t) => localhost(await serve(t, upgrades(switching('chat'))), '--ws'),
    status: 13,
    says: /chose subprotocol 'chat' instead of 'mqtt'/,
  },
  {
    what: 'no subprotocol',
    to: async (t) => localhost(await serve(t, upgrades(switching(undefined))), '--ws'),
    status: 13,
    says: /chose no subprotocol instead of 'mqtt'/,
  },
])

function socks(script: SocksScript): (t: TestContext) => Promise<Args> {
  return async (t) => [
    '-h',
    'broker.invalid',
    '--proxy',
    `socks5h://127.0.0.1:${await serve(t, socksServer(script))}`,
  ]
}

function httpProxy(status: number, login = ''): (t: TestContext) => Promise<Args> {
  return async (t) => {
    const server = createHttp()
    server.on('connect', (_, socket) => socket.end(`HTTP/1.1 ${status} Told So\r\n\r\n`))
    return ['-h', 'broker.invalid', '--proxy', `http://${login}127.0.0.1:${await listen(t, server)}`]
  }
}

matrix('proxies', [
  {
    what: 'SOCKS5 that wants a login',
    to: socks({ method: 0xff }),
    status: 11,
    says: /give it a user name and password/,
  },
  {
    what: 'SOCKS5 that forbids it',
    to: socks({ reply: 2 }),
    status: 11,
    says: /the proxy's rules do not allow it \(reply 2\)/,
  },
  {
    what: 'SOCKS5 with another failure',
    to: socks({ reply: 1 }),
    status: 16,
    says: /the proxy failed \(reply 1\)/,
  },
  {
    what: 'SOCKS5: host unreachable',
    to: socks({ reply: 4 }),
    status: 4,
    says: /the host is unreachable from the proxy \(reply 4\)/,
    only: 'mqtt-pub', // mqtt-sub goes on trying
  },
  { what: 'HTTP 403', to: httpProxy(403), status: 11, says: /the proxy answered HTTP 403 Told So/ },
  {
    what: 'HTTP 407 without a login',
    to: httpProxy(407),
    status: 11,
    says: /HTTP 407 Told So: give it a user name and password/,
  },
  {
    what: 'HTTP 407 with one',
    to: httpProxy(407, 'joe:geheim@'),
    status: 11,
    says: /it does not take this user name and password/,
  },
  {
    what: 'no proxy there',
    to: async () => ['--proxy', `http://127.0.0.1:${await deadPort()}`],
    status: 1,
    says: /cannot connect to the proxy 127\.0\.0\.1 port \d+: connection refused/,
  },
])

matrix('addresses', [
  {
    what: 'an unknown name',
    to: () => ['-h', 'broker.invalid'],
    status: 1,
    says: /broker\.invalid port 1883: (unknown host|name lookup failed)/,
  },
  {
    what: 'nothing listens',
    to: async () => localhost(await deadPort()),
    status: 1,
    says: /connection refused: nothing listens there/,
  },
])

test('a network that is unreachable: exit 1', async (t) => {
  const words = ['-rn', process.execPath]
  const unshare = findCommand('unshare')
  if (unshare === undefined || spawnSync(unshare, [...words, '--version']).status !== 0)
    return cannot(t, 'no namespace without a network can be made here')
  for (const program of BOTH) {
    const bin = new URL(`../../bin/${program}`, import.meta.url).pathname
    const args = [...words, bin, ...WORK[program], '-h', '192.0.2.1']
    const { status, stdout, stderr } = await startCommand(t, unshare, args).ended
    const told = { code: status as number, out: stdout.toString(), err: stderr }
    assertFailure(program, told, 1, /192\.0\.2\.1 port 1883: network unreachable/)
  }
})

const GREETS = { connack: () => Buffer.from('20020000', 'hex') }
const SILENT: readonly Failure[] = [
  {
    what: 'TLS handshake',
    to: async (t) => trusting((await mute(t)).port),
    status: 8,
    says: /no answer within 5 s \(TLS handshake\)/,
  },
  {
    what: 'SOCKS5',
    to: async (t) => ['--proxy', `socks5h://127.0.0.1:${(await mute(t)).port}`],
    status: 1,
    says: /no answer within 5 s \(proxy\)/,
  },
  {
    what: 'HTTP proxy',
    to: async (t) => ['--proxy', `http://127.0.0.1:${(await mute(t)).port}`],
    status: 1,
    says: /no answer within 5 s \(proxy\)/,
  },
  {
    what: 'WebSocket upgrade',
    to: async (t) => localhost((await mute(t)).port, '--ws'),
    status: 13,
    says: /no answer within 5 s \(WebSocket upgrade\)/,
  },
  {
    what: 'CONNACK',
    to: async (t) => localhost((await mute(t)).port),
    status: 19,
    says: /sent no CONNACK: no answer within 5 s/,
  },
  {
    what: 'SUBACK',
    only: 'mqtt-sub',
    to: async (t) => localhost((await broker(t, { ...GREETS, on: ({ name }) => name === 'SUBSCRIBE' })).port),
    status: 19,
    says: /SUBACK/,
  },
]

describe('a server that says nothing, with -k 5', { concurrency: 8, ...options }, () => {
  for (const { what, to, status, says, only } of SILENT) {
    for (const program of BOTH) {
      if (only !== undefined && program !== only) continue
      test(`${program}, waiting for ${what}: exit ${status}`, async (t) => {
        const told = await cli(t, program, [...WORK[program], '-k', 5, ...(await to(t))])
        assertFailure(program, told, status, says)
      })
    }
  }
})
