// TLS by the command line: what turns it on and off, what each option does at the other end, and status 8.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { type Broker, broker } from '../broker/broker.js'
import { type Certificates, makeCertificates, type Pair } from '../support/certificates.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { newFolder } from '../support/processes.js'
import { type Args, QUIET, temporaryFolder } from '../support/run.js'
import { socksServer } from '../transport/socks-server.js'
import { listen, serve } from '../transport/support.js'
import { cli, misuse, PROGRAMS, type Program, rows, WORK } from './support.js'

const options = needs('openssl')
let pem: Certificates
before(() => {
  if (options.skip === undefined) pem = makeCertificates(newFolder())
})

/** Words with the paths of `pem` filled in: `ca.cert`, `client.key`, ... */
function filled(args: Args): Args {
  return args.map((word) => {
    const [, name = '', part = ''] = /^@(\w+)\.(cert|key)$/.exec(String(word)) ?? []
    return name === '' ? word : pem[name as 'ca'][part as keyof Pair]
  })
}

interface Met {
  protocol: string | null
  cipher: string
  alpn: string | false | null
  servername: string
  /** Common name of the client's certificate. */
  peer: string | undefined
}

interface TlsBroker {
  port: number
  plain: Broker
  /** What each handshake came to. */
  met: Met[]
  /** Connections, whether or not TLS came of them. */
  count: number
}

async function tlsBroker(
  t: TestContext,
  { pair = pem.server, path, ...more }: TlsOptions & { pair?: Pair; path?: string } = {},
): Promise<TlsBroker> {
  const plain = await broker(t)
  const made: TlsBroker = { port: 0, plain, met: [], count: 0 }
  const server = createServer({ cert: readFileSync(pair.cert), key: readFileSync(pair.key), ...more })
  server.on('connection', () => made.count++)
  server.on('tlsClientError', () => {})
  server.on('secureConnection', (socket) => {
    // Not later: a socket that is closed has forgotten.
    made.met.push({
      protocol: socket.getProtocol(),
      cipher: socket.getCipher().name,
      alpn: socket.alpnProtocol,
      servername: (socket as TLSSocket & { servername?: string | false }).servername || '',
      peer: socket.getPeerCertificate().subject?.CN?.toString(),
    })
    const onward = connect(plain.port, '127.0.0.1')
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
    socket.pipe(onward).pipe(socket)
  })
  made.port = await listen(t, server, path === undefined ? undefined : { path })
  return made
}

/** The first byte that a program sends: 0x16 begins TLS, 0x10 CONNECT. */
async function firstByte(
  t: TestContext,
  args: Args,
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  let first: number | undefined
  const sniff = (socket: Socket): void => {
    socket.once('data', (chunk) => {
      first ??= chunk[0]
      socket.destroy()
    })
  }
  const port = await serve(t, sniff)
  // Whatever host and port are asked for, the proxy connects to the one above.
  const proxy = await serve(t, socksServer({ to: { host: '127.0.0.1', port } }))
  const words = [...WORK['mqtt-pub'], '-h', 'localhost', ...args, '--proxy', `socks5h://127.0.0.1:${proxy}`]
  const { err } = await cli(t, 'mqtt-pub', filled(words), { env })
  assert.ok(first !== undefined, err)
  return first
}

const PSK = ['--psk', 'abcd', '--psk-identity', 'me']
const PAIR = ['--cert', '@client.cert', '--key', '@client.key']
const SWITCHES: readonly { args: Args; on: boolean; tag?: string }[] = [
  { args: [], on: false },
  { args: ['--cafile', '@ca.cert'], on: true },
  { args: PSK, on: true },
  { args: ['--tls-use-os-certs'], on: true },
  { args: ['-L', 'mqtts://localhost/a'], on: true },
  { args: ['-L', 'wss://localhost/a'], on: true },
  { args: ['-L', 'mqtt://localhost/a'], on: false },
  { args: ['-p', 8883], on: true },
  { args: ['-L', 'mqtt://localhost:8883/a'], on: true },
  { args: ['-p', 8884], on: false },
  { args: PAIR, on: true, tag: 'Q11' },
  { args: ['--insecure'], on: true, tag: 'Q11' },
  { args: ['--ciphers', 'DEFAULT'], on: true, tag: 'Q11' },
  { args: ['--tls-version', 'tlsv1.3'], on: true, tag: 'Q11' },
  { args: ['--tls-alpn', 'mqtt'], on: true, tag: 'Q11' },
  { args: ['--tls-keylog', '/dev/null'], on: true, tag: 'Q15' },
  { args: ['--insecure', '-p', 1883], on: true, tag: 'Q11' },
  { args: ['--psk-identity', 'me'], on: false, tag: '1.4 row 7' },
]

describe('what turns TLS on (1.13)', { concurrency: 4, ...options }, () => {
  for (const { args, on, tag } of SWITCHES) {
    const name = args.join(' ') || 'nothing'
    test(`${name}: ${on ? 'TLS' : 'plain'}${tag ? ` (${tag})` : ''}`, async (t) => {
      assert.equal(await firstByte(t, args), on ? 0x16 : 0x10)
    })
    if (on && !name.includes('wss')) {
      test(`${name} --no-tls: plain`, async (t) => {
        assert.equal(await firstByte(t, [...args, '--no-tls']), 0x10)
        assert.equal(await firstByte(t, ['--no-tls', ...args]), 0x10)
      })
    }
  }
  test('--no-tls: values are not validated', async (t) => {
    const none = '/nonexistent/pem'
    for (const args of [
      ['--cafile', none, '--cert', none, '--key', none],
      ['--capath', none],
      ['--ciphers', 'none-such'],
      ['--tls-engine', 'none-such'],
      ['--tls-version', 'tlsv1.1'],
      ['--psk', 'xyz', '--psk-identity', 'i'],
      ['--keyform', 'der', '--cert', none, '--key', none],
      [
        ...'--tls-engine e --keyform engine --tls-engine-kpass-sha1 ab'.split(' '),
        '--cert',
        none,
        '--key',
        none,
      ],
    ]) {
      assert.equal(await firstByte(t, ['--no-tls', ...args]), 0x10)
      assert.equal(await firstByte(t, [...args, '--no-tls']), 0x10)
    }
    assert.equal(await firstByte(t, ['--no-tls'], { MQTT_TLS_VERSION: 'tlsv1.1' }), 0x10)
    assert.equal(await firstByte(t, ['--tls-version', 'x'], { MQTT_NO_TLS: '1' }), 0x10)
  })
})

rows(
  'TLS options that cannot be used: exit 1 (1.13)',
  [
    { args: ['--cafile', '/nonexistent/ca.pem'], says: ['--cafile', '/nonexistent/ca.pem'] },
    { args: ['--cafile', ''], says: ['--cafile'] },
    { args: ['--cafile', '/'], says: ['--cafile', "'/'"] },
    { args: ['--cafile', '@ca.key'], says: [] },
    { args: ['--capath', '/nonexistent/folder'], says: ['--capath', '/nonexistent/folder'] },
    {
      args: ['--cafile', '@ca.cert', '--cert', '/nonexistent/c', '--key', '@client.key'],
      says: ['/nonexistent/c'],
    },
    {
      args: ['--cafile', '@ca.cert', '--cert', '@client.cert', '--key', '/nonexistent/k'],
      says: ['/nonexistent/k'],
    },
    {
      args: ['--cafile', '@ca.cert', '--cert', '@client.cert', '--key', '@strangerClient.key'],
      says: ['key'],
    },
    {
      args: ['--cafile', '@ca.cert', '--cert', '@client.cert', '--key', '@ca.cert'],
      says: ["--key '", 'holds no private key'],
    },
    {
      args: ['--cafile', '@ca.cert', '--cert', '@client.key', '--key', '@client.key'],
      says: ["--cert '", 'holds no certificate'],
    },
    { args: ['--cafile', '@ca.cert', '--ciphers', 'none-such'], says: ['none-such'] },
    { args: ['--ciphers', 'none-such', '--tls-version', 'tlsv1.3'], says: ['none-such'] },
  ] as readonly { args: Args; says: readonly string[] }[],
  ({ args }) => args.join(' '),
  async (t, { args, says }) => {
    if (options.skip !== undefined) return t.skip(options.skip)
    for (const program of PROGRAMS) {
      const words = [...WORK[program], ...filled(args), '-h', '127.0.0.1', '-p', 1]
      const { code, out, err } = await cli(t, program, words)
      assert.deepEqual({ code, out }, { code: 1, out: '' }, err)
      for (const text of says) assert.ok(err.includes(text), err)
      assert.ok(!err.includes('refused'), err)
    }
  },
)

for (const [name, value, says] of [
  ['SSL_CERT_FILE', '/nonexistent/ca.pem', 'no such file'],
  ['SSL_CERT_FILE', '/', 'is a folder'],
  ['SSL_CERT_FILE', '/dev/null', 'holds no PEM certificate'],
  ['SSL_CERT_DIR', '/nonexistent', 'no such file'],
] as const) {
  test(`${name}=${value}: ${says} (1.11)`, async (t) => {
    const words = [...WORK['mqtt-pub'], '--tls-use-os-certs', '-h', '127.0.0.1', '-p', 1]
    const told = await cli(t, 'mqtt-pub', words, { env: { [name]: value } })
    assert.deepEqual(told, { code: 1, out: '', err: `mqtt-pub: error: ${name} '${value}': ${says}\n` })
  })
}

rows(
  'TLS options that are wrong by themselves: exit 1 (1.4, 1.13)',
  [
    { args: ['--tls-version', 'tlsv1.1'], says: ['--tls-version', 'tlsv1.1'] },
    { args: ['--tls-version', ''], says: ['--tls-version'] },
    { args: ['--psk', 'xyz', '--psk-identity', 'i'], says: ['--psk'] },
    { args: ['--psk', 'abc', '--psk-identity', 'i'], says: ['--psk'] },
    { args: ['--psk', '', '--psk-identity', 'i'], says: ['--psk'] },
    { args: ['--psk', '0xab', '--psk-identity', 'i'], says: ['--psk'] },
    { args: ['--psk', 'ab'], says: ['--psk-identity'] },
    { args: ['--psk', 'ab', '--psk-identity', 'i', '--cafile', 'x'], says: ['--psk', '--cafile'] },
    { args: ['--psk', 'ab', '--psk-identity', 'i', '--capath', 'x'], says: ['--psk', '--capath'] },
    { args: ['--cert', 'x'], says: ['--cert', '--key'] },
    { args: ['--key', 'x'], says: ['--cert', '--key'] },
    { args: ['--keyform', 'pem'], says: ['--keyform', '--key'] },
    { args: ['--keyform', 'der', '--cert', 'x', '--key', 'y'], says: ['--keyform', 'der'] },
    { args: ['--keyform', 'ENGINE', '--cert', 'x', '--key', 'y'], says: ['engine', 'not supported'] },
    { args: ['--tls-engine', 'pkcs11'], says: ['engine', 'not supported'] },
    {
      args: ['--tls-engine-kpass-sha1', 'a'.repeat(40)],
      says: ['--tls-engine-kpass-sha1', '--tls-engine', '--keyform'],
    },
    {
      args: [
        '--tls-engine',
        'e',
        '--keyform',
        'engine',
        '--cert',
        'x',
        '--key',
        'y',
        '--tls-engine-kpass-sha1',
        'ab',
      ],
      says: ['--tls-engine-kpass-sha1', 'ab'],
    },
    // The first that is wrong is told, and a better one behind it does not help.
    {
      args: ['--tls-version', 'x', '--psk', 'y'],
      says: ["--tls-version 'x': expected one of tlsv1.2, tlsv1.3"],
    },
    { args: ['--tls-version', 'x', '--tls-version', 'tlsv1.2'], says: ["--tls-version 'x'"] },
    // 1.4: the checks between options ignore --no-tls.
    { args: ['--no-tls', '--psk', 'xyz'], says: ['--psk-identity'] },
    { args: ['--no-tls', '--keyform', 'der'], says: ['--keyform', '--key'] },
    { args: ['--no-tls', '--tls-engine-kpass-sha1', 'ab'], says: ['--tls-engine', '--keyform'] },
    { args: ['--no-tls', '--cert', 'x'], says: ['--cert', '--key'] },
    { args: ['--no-tls', '--psk', 'ab'], says: ['--psk-identity'] },
    {
      args: ['--no-tls', '--psk', 'ab', '--psk-identity', 'i', '--cafile', 'x'],
      says: ['--psk', '--cafile'],
    },
  ] as readonly { args: readonly string[]; says: readonly string[] }[],
  ({ args }) => args.join(' '),
  (t, { args, says }) => misuse(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...args], says),
)

interface Failure {
  what: string
  server: () => TlsOptions & { pair?: Pair }
  args: Args
  says: RegExp
  /** Told behind the handshake, where TLS 1.3 has no word of the host. */
  late?: true
}

const TRUST = ['--cafile', '@ca.cert']
const FAILURES: readonly Failure[] = [
  {
    what: 'an untrusted issuer',
    server: () => ({}),
    args: ['--cafile', '@strangerCa.cert'],
    says: /not trusted/,
  },
  { what: 'an expired certificate', server: () => ({ pair: pem.expired }), args: TRUST, says: /expired/ },
  {
    what: 'another host name',
    server: () => ({ pair: pem.otherName }),
    args: TRUST,
    says: /not for 'localhost'/,
  },
  {
    what: 'an alert: no client certificate',
    server: () => ({ requestCert: true, ca: readFileSync(pem.ca.cert) }),
    args: TRUST,
    says: /alert certificate required/,
    late: true,
  },
  {
    what: 'a server below --tls-version',
    server: () => ({ maxVersion: 'TLSv1.2' }),
    args: [...TRUST, '--tls-version', 'tlsv1.3'],
    says: /TLS|version|protocol/,
  },
]

describe('a failure of TLS: exit 8, naming host and cause, no retry (1.13, 4.7, Q9, D2)', {
  concurrency: 4,
  ...options,
}, () => {
  for (const { what, server, args, says, late } of FAILURES) {
    for (const program of [...PROGRAMS, 'mqtt-pub -l'] as const) {
      test(`${program}: ${what}`, async (t) => {
        const tls = await tlsBroker(t, server())
        const lines = program === 'mqtt-pub -l'
        const name = program.slice(0, 8).trim() as Program
        const work = lines ? ['-t', 'a', '-l', '-q', 1] : WORK[name]
        const words = [...work, ...filled(args), '-h', 'localhost', '-p', tls.port]
        const told = await cli(t, name, words, lines ? { input: 'one\ntwo\n' } : {})
        assert.deepEqual({ code: told.code, out: told.out }, { code: 8, out: '' }, told.err)
        assert.match(told.err, says)
        if (!late) assert.match(told.err, /localhost/)
        assert.equal(tls.count, 1)
      })
    }
  }
  test('--quiet hides the cause, not the status', async (t) => {
    const { port } = await tlsBroker(t)
    const args = ['--cafile', pem.strangerCa.cert, '-h', 'localhost', '-p', port, '--quiet']
    assert.deepEqual(await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...args]), { code: 8, out: '', err: '' })
  })
  test('TLS to a plain MQTT port', async (t) => {
    const port = await serve(t, (socket) =>
      socket.once('data', () => socket.end('\x20\x02\x00\x05', 'latin1')),
    )
    const args = ['--cafile', pem.ca.cert, '-h', 'localhost', '-p', port]
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...args])
    assert.equal(told.code, 8, told.err)
  })
  test('mqtt-sub: a failure while reconnecting ends the program too', async (t) => {
    let nth = 0
    const first = await tlsBroker(t)
    const second = await tlsBroker(t, { pair: pem.expired })
    const port = await serve(t, (socket) => {
      const onward = connect(++nth === 1 ? first.port : second.port, '127.0.0.1')
      onward.on('error', () => socket.destroy()).on('close', () => socket.destroy())
      socket.on('close', () => onward.destroy())
      socket.pipe(onward).pipe(socket)
    })
    const running = cli(t, 'mqtt-sub', ['-t', 'a', '--cafile', pem.ca.cert, '-h', 'localhost', '-p', port])
    await first.plain.until(() => first.plain.seen.some(({ name }) => name === 'SUBSCRIBE'))
    for (const { socket } of first.plain.links) socket.destroy()
    const told = await running
    assert.equal(told.code, 8, told.err)
    assert.match(told.err, /expired/)
    assert.equal(nth, 2)
  })
})

interface Meeting {
  what: string
  server?: () => TlsOptions & { pair?: Pair }
  args: Args
  host?: string
  env?: () => Readonly<Record<string, string>>
  warns?: RegExp
  met?: Partial<Met>
}

const MEETINGS: readonly Meeting[] = [
  { what: '--cafile: SNI is the host', args: TRUST, met: { servername: 'localhost' } },
  { what: '--cafile, an address: no SNI', args: TRUST, host: '127.0.0.1', met: { servername: '' } },
  { what: 'SSL_CERT_FILE and --tls-use-os-certs (1.11)', args: ['--tls-use-os-certs'], env: osTrust },
  { what: 'Q11: --tls-version alone trusts the system', args: ['--tls-version', 'tlsv1.2'], env: osTrust },
  {
    what: 'Q12: --cert and --key are used with the certificates of the system',
    server: () => ({ requestCert: true, ca: readFileSync(pem.ca.cert) }),
    args: ['--tls-use-os-certs', ...PAIR],
    env: osTrust,
    met: { peer: 'client' },
  },
  {
    what: '--keyform PEM',
    server: () => ({ requestCert: true, ca: readFileSync(pem.ca.cert) }),
    args: [...TRUST, ...PAIR, '--keyform', 'PEM'],
    met: { peer: 'client' },
  },
  {
    what: '--tls-use-os-certs adds to --cafile',
    args: ['--tls-use-os-certs', '--cafile', '@strangerCa.cert'],
    env: osTrust,
  },
  {
    what: 'Q16: --tls-version TLSv1.3',
    args: [...TRUST, '--tls-version', 'TLSv1.3'],
    met: { protocol: 'TLSv1.3' },
  },
  {
    what: '--tls-version tlsv1.2 is the minimum',
    args: [...TRUST, '--tls-version', 'tlsv1.2'],
    met: { protocol: 'TLSv1.3' },
  },
  {
    what: 'TLS 1.2 by default too',
    server: () => ({ maxVersion: 'TLSv1.2' }),
    args: TRUST,
    met: { protocol: 'TLSv1.2' },
  },
  {
    what: '--ciphers for TLS 1.2',
    server: () => ({ maxVersion: 'TLSv1.2' }),
    args: [...TRUST, '--ciphers', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    met: { cipher: 'ECDHE-ECDSA-CHACHA20-POLY1305' },
  },
  {
    what: '--ciphers for TLS 1.3',
    args: [...TRUST, '--tls-version', 'tlsv1.3', '--ciphers', 'TLS_CHACHA20_POLY1305_SHA256'],
    met: { cipher: 'TLS_CHACHA20_POLY1305_SHA256' },
  },
  {
    what: '--tls-alpn',
    server: () => ({ ALPNProtocols: ['other', 'mqtt'] }),
    args: [...TRUST, '--tls-alpn', 'mqtt'],
    met: { alpn: 'mqtt' },
  },
  {
    what: 'Q10: --insecure takes any certificate, with a warning',
    server: () => ({ pair: pem.expired }),
    args: ['--insecure', '--cafile', '@strangerCa.cert'],
    warns: /^mqtt-pub: warning: [^\n]*--insecure[^\n]*\n$/,
  },
  {
    what: 'Q10: --insecure takes any name',
    server: () => ({ pair: pem.otherName }),
    args: ['--insecure', '--tls-version', 'tlsv1.2'],
    warns: /^mqtt-pub: warning: [^\n]*--insecure[^\n]*\n$/,
  },
  {
    what: 'Q10: --insecure --quiet',
    server: () => ({ pair: pem.selfSigned }),
    args: ['--insecure', '--quiet'],
  },
]

function osTrust(): Readonly<Record<string, string>> {
  return { SSL_CERT_FILE: pem.ca.cert }
}

describe('what TLS options do (1.13)', { concurrency: 4, ...options }, () => {
  for (const { what, server, args, host = 'localhost', env, warns, met = {} } of MEETINGS) {
    test(what, async (t) => {
      const tls = await tlsBroker(t, server?.())
      const words = [...WORK['mqtt-pub'], ...filled(args), '-h', host, '-p', tls.port]
      const told = await cli(t, 'mqtt-pub', words, { env: env?.() ?? {} })
      assert.deepEqual({ ...told, err: '' }, QUIET, told.err)
      assert.match(told.err, warns ?? /^$/)
      assert.equal(tls.met.length, 1)
      assert.deepEqual({ ...tls.met[0], ...met }, tls.met[0])
      assert.equal(tls.plain.messages[0]?.payload.toString(), 'x')
    })
  }
  for (const [what, trust] of [
    ['a CA', () => ['--cafile', pem.ca.cert]],
    ['the certificates of the system (Q15)', () => ['--tls-use-os-certs']],
    ['nothing else (Q15)', () => []],
  ] as const) {
    test(`--tls-keylog with ${what} appends NSS key log lines`, async (t) => {
      const tls = await tlsBroker(t)
      const path = join(temporaryFolder(t), 'keys')
      writeFileSync(path, '# before\n')
      const args = [...WORK['mqtt-pub'], ...trust(), '-h', 'localhost', '-p', tls.port, '--tls-keylog', path]
      assert.deepEqual(await cli(t, 'mqtt-pub', args, { env: osTrust() }), QUIET)
      const [before, ...lines] = readFileSync(path, 'latin1').trimEnd().split('\n')
      assert.equal(before, '# before')
      assert.ok(lines.some((line) => line.startsWith('CLIENT_TRAFFIC_SECRET_0 ')))
      for (const line of lines) assert.match(line, /^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+$/)
    })
  }
  test('--tls-keylog: a file that cannot be written changes no status', async (t) => {
    const tls = await tlsBroker(t)
    const args = [
      '--cafile',
      pem.ca.cert,
      '-h',
      'localhost',
      '-p',
      tls.port,
      '--tls-keylog',
      join(pem.ca.cert, 'x'), // a file is no folder
    ]
    assert.equal((await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...args])).code, 0)
  })
  test('1.12.3: TLS over a unix socket skips the name check, not the chain', async (t) => {
    const path = join(temporaryFolder(t), 's')
    await tlsBroker(t, { pair: pem.otherName, path })
    const args = [...WORK['mqtt-pub'], '--unix', path, '--cafile']
    assert.deepEqual(await cli(t, 'mqtt-pub', [...args, pem.ca.cert]), QUIET)
    assert.equal((await cli(t, 'mqtt-pub', [...args, pem.strangerCa.cert])).code, 8)
  })
  test('1.12.5: TLS runs in the tunnel, and the certificate is checked against the MQTT host', async (t) => {
    const tls = await tlsBroker(t, { pair: pem.otherName })
    const port = await serve(t, socksServer({ to: { host: '127.0.0.1', port: tls.port } }))
    const args = ['--cafile', pem.ca.cert, '--proxy', `socks5h://127.0.0.1:${port}`]
    const words = [...WORK['mqtt-pub'], ...args]
    assert.deepEqual(await cli(t, 'mqtt-pub', [...words, '-h', 'broker.example']), QUIET)
    const told = await cli(t, 'mqtt-pub', [...words, '-h', 'localhost'])
    assert.equal(told.code, 8)
    assert.match(told.err, /not for 'localhost'/)
  })
})

test('--psk against mosquitto (1.13)', needs('mosquitto', 'openssl'), async (t) => {
  const keys = join(temporaryFolder(t), 'keys')
  writeFileSync(keys, 'joe:00ff1234\n', { mode: 0o644 })
  const { port } = await startMosquitto(
    t,
    `listener {port} 127.0.0.1\nallow_anonymous true\npsk_hint hint\npsk_file ${keys}\n`,
  )
  for (const program of ['mqtt-pub', 'mqtt-sub'] as const) {
    const work = [...WORK[program], '-h', '127.0.0.1', '-p', port]
    assert.deepEqual(await cli(t, program, [...work, '--psk', '00FF1234', '--psk-identity', 'joe']), QUIET)
    for (const [key, identity] of [
      ['00ff1235', 'joe'],
      ['00ff1234', 'jim'],
    ] as const) {
      const told = await cli(t, program, [...work, '--psk', key, '--psk-identity', identity])
      assert.equal(told.code, 8, told.err)
      assert.ok(!told.err.includes(key), told.err)
    }
  }
})
