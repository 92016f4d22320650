// Ways to the broker and what is said on them, row by row: trust (1.11, 1.13), addresses (1.12.1), proxies (1.12.5) and
// the messages of section 7 on standard error.

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { broker, mute } from '../broker/broker.js'
import { publish } from '../broker/wire.js'
import { makeCertificates } from '../support/certificates.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { deadPort } from '../support/ports.js'
import { newFolder } from '../support/processes.js'
import { type Args, QUIET } from '../support/run.js'
import { socksServer } from '../transport/socks-server.js'
import { listen, serve } from '../transport/support.js'
import { at } from './real.js'
import { cli, converse, misuse, PROGRAMS, type Program, rows, WORK } from './support.js'

test('trust and keys, with mosquitto (1.11, 1.13)', needs('mosquitto', 'openssl'), async (t) => {
  const pem = makeCertificates(newFolder())
  const { port } = await startMosquitto(
    t,
    `listener {port} 127.0.0.1\nallow_anonymous true\ncertfile ${pem.server.cert}\nkeyfile ${pem.server.key}\n`,
  )
  const words = (...args: Args): Args => [...WORK['mqtt-pub'], '-h', 'localhost', '-p', port, ...args]
  const os = '--tls-use-os-certs'
  await t.test('1.11 SSL_CERT_FILE', async (t) => {
    assert.deepEqual(await cli(t, 'mqtt-pub', words(os), { env: { SSL_CERT_FILE: pem.ca.cert } }), QUIET)
    const told = await cli(t, 'mqtt-pub', words(os), { env: { SSL_CERT_FILE: pem.strangerCa.cert } })
    assert.equal(told.code, 8, told.err)
  })
  await t.test('1.11 SSL_CERT_DIR', async (t) => {
    assert.deepEqual(await cli(t, 'mqtt-pub', words(os), { env: { SSL_CERT_DIR: pem.capath } }), QUIET)
    const empty = newFolder()
    const told = await cli(t, 'mqtt-pub', words(os), { env: { SSL_CERT_DIR: empty } })
    assert.notEqual(told.code, 0)
    assert.ok(told.err.includes(empty), told.err)
  })
  await t.test('1.13 --psk with --tls-use-os-certs: certificates win', async (t) => {
    const psk = ['--psk', 'abcd', '--psk-identity', 'me']
    const env = { SSL_CERT_FILE: pem.ca.cert }
    const told = await cli(t, 'mqtt-pub', words(...psk, os), { env })
    assert.equal(told.code, 0, told.err)
    assert.match(told.err, /^mqtt-pub: warning: --psk is not used: .*\n$/)
    assert.equal((await cli(t, 'mqtt-pub', words(...psk), { env })).code, 8)
  })
})

test('1.13 --tls-alpn: the first 254 bytes', async (t) => {
  let hello = ''
  const port = await serve(t, (socket) =>
    socket.once('data', (bytes) => {
      hello = bytes.toString('latin1')
      socket.destroy()
    }),
  )
  const args = [...at({ port }), '--insecure', '--tls-alpn', 'a'.repeat(300)]
  assert.equal((await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...args])).code, 8)
  assert.ok(hello.includes(`\xfe${'a'.repeat(254)}`))
  assert.ok(!hello.includes('a'.repeat(255)))
})

test('1.12.1 -h: a bare IPv6 literal', async (t) => {
  const server = createServer((socket) =>
    socket.once('data', () => socket.end(Buffer.from('20020005', 'hex'))),
  )
  let port: number
  try {
    port = await listen(t, server, { host: '::1', port: 0 })
  } catch {
    return t.skip('there is no ::1 here')
  }
  for (const program of PROGRAMS) {
    const told = await cli(t, program, [...WORK[program], '-V', 311, '-h', '::1', '-p', port])
    assert.equal(told.code, 5, told.err)
  }
  const bracketed = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '-h', '[::1]', '-p', port])
  assert.equal(bracketed.code, 1)
})

rows<{ what: string; url: string; says: string }>(
  'proxy URLs that are refused: exit 1 (1.12.5, 1.3)',
  [
    { what: 'the scheme is case-sensitive', url: 'SOCKS5H://h', says: 'socks5h://' },
    { what: 'PORT 0', url: 'socks5h://h:0', says: 'port 0' },
    { what: 'PORT 65536', url: 'socks5h://h:65536', says: 'port 65536' },
    { what: 'an empty user before :', url: 'socks5h://:pw@h', says: 'user name is empty' },
    { what: ': inside must be written %3A', url: 'socks5h://a:b:c@h', says: '%3A' },
    { what: 'any other % sequence', url: 'socks5h://a%41@h', says: '%40' },
  ],
  ({ what }) => `1.12.5 ${what}`,
  async (t, { url, says }) => {
    for (const program of PROGRAMS)
      await misuse(t, program, [...WORK[program], '--proxy', url], ['--proxy', says])
  },
)

describe('proxies (1.12.5)', { concurrency: 4 }, () => {
  test('1.12.5 PORT: 1080 where none is given', async (t) => {
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--proxy', 'socks5h://broker.invalid'])
    assert.equal(told.code, 1)
    assert.match(told.err, /broker\.invalid/)
    const local = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--proxy', 'socks5h://127.255.255.254'])
    assert.equal(local.code, 1)
    assert.match(local.err, /127\.255\.255\.254 port 1080/)
  })
  for (const host of ['[127.0.0.1]', 'localhost']) {
    test(`1.12.5 HOST: ${host}`, async (t) => {
      const { port: to } = await broker(t)
      const port = await serve(t, socksServer({ to: { host: '127.0.0.1', port: to } }))
      const args = [...WORK['mqtt-pub'], '--proxy', `socks5h://${host}:${port}`]
      assert.deepEqual(await cli(t, 'mqtt-pub', args), QUIET)
    })
  }
  test('1.12.5: a host name beyond 255 bytes cannot be sent to the proxy', async (t) => {
    const port = await serve(t, socksServer({ reply: 2 }))
    const proxy = ['--proxy', `socks5h://127.0.0.1:${port}`]
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '-h', 'a'.repeat(256), ...proxy])
    assert.notEqual(told.code, 0)
    assert.match(told.err, /255/)
  })
})

for (const program of PROGRAMS) {
  test(`Q25: a v3-style refusal of a v5 CONNECT: exit 132 with the hint (${program})`, async (t) => {
    const script = '< CONNECT v=5\n> 20 02 00 01\nwait-eof'
    const work = WORK[program].filter((word) => word !== '-E')
    const told = await converse(t, script, program, [...work, '-V', 5])
    assert.equal(told.code, 132)
    assert.match(told.err, /-V (mqttv)?311/)
  })
}

interface MessageRow {
  event: string
  program: Program
  args: Args
  script: string
  code: number
  names: RegExp
}

const ACCEPT = '< CONNECT\n> 20 02 00 00'
const ACCEPT_5 = '< CONNECT\n> 20 03 00 00 00'
const GRANTED = `${ACCEPT}\n< SUBSCRIBE\n> 90 03 00 01 00`
const ME = ['-i', 'me']
const message = (payload: string): string => publish(4, 'some/topic', payload).toString('hex')

const V3_REASONS = [
  /protocol version/,
  /identifier/,
  /unavailable/,
  /user name or password/,
  /not authorized/,
]
const V5_REASONS: readonly (readonly [number, RegExp])[] = [
  [0x80, /unspecified error/i],
  [0x84, /unsupported protocol version.*-V (mqttv)?311/i],
  [0x85, /client identifier not valid/i],
  [0x86, /bad user name or password/i],
  [0x88, /server unavailable/i],
  [0x89, /server busy/i],
  [0x8a, /banned/i],
]

const MESSAGES: readonly MessageRow[] = [
  ...V3_REASONS.flatMap((names, nth) =>
    PROGRAMS.map((program): MessageRow => {
      const script = `< CONNECT\n> 20 02 00 0${nth + 1}\nwait-eof`
      return { event: `CONNACK ${nth + 1}`, program, args: ['-V', 311], script, code: nth + 1, names }
    }),
  ),
  ...V5_REASONS.map(([code, names], nth): MessageRow => {
    const script = `< CONNECT\n> 20 03 00 ${code.toString(16)} 00\nwait-eof`
    const program = PROGRAMS[nth % 3] as Program
    return { event: `CONNACK ${code}`, program, args: ['-V', 5, ...ME], script, code, names }
  }),
  {
    event: 'connection lost with work outstanding',
    program: 'mqtt-pub',
    args: ['-q', 1],
    script: `${ACCEPT}\n< PUBLISH\ncut`,
    code: 7,
    names: /connection (closed|lost)/,
  },
  {
    event: 'connection lost with work outstanding',
    program: 'mqtt-rr',
    args: ['-V', 311],
    script: `${GRANTED}\n< PUBLISH\ncut`,
    code: 7,
    names: /connection (closed|lost)/,
  },
  {
    event: 'keepalive expired',
    program: 'mqtt-pub',
    args: ['-V', 5, ...ME, '-q', 1],
    script: '< CONNECT\n> 20 06 00 00 03 13 00 01\n< PUBLISH\n< PINGREQ\nsilence',
    code: 19,
    names: /keep-?alive|PINGRESP/i,
  },
  {
    event: 'every subscription refused',
    program: 'mqtt-sub',
    args: ['-V', 5, ...ME],
    script: `${ACCEPT_5}\n< SUBSCRIBE\n> 90 04 00 01 00 87\n< DISCONNECT`,
    code: 135,
    names: /'a'.*not authorized/,
  },
  {
    event: 'response subscription refused',
    program: 'mqtt-rr',
    args: ['-V', 5, ...ME],
    script: `${ACCEPT_5}\n< SUBSCRIBE\n> 90 04 00 01 00 97\n< DISCONNECT`,
    code: 151,
    names: /'b'.*quota exceeded/,
  },
  {
    event: 'publish refused by the server',
    program: 'mqtt-pub',
    args: ['-V', 5, ...ME, '-q', 1],
    script: `${ACCEPT_5}\n< PUBLISH\n> 40 03 00 01 97\n< DISCONNECT`,
    code: 151,
    names: /message 1 .*quota exceeded/,
  },
  {
    event: "QoS beyond the server's limit",
    program: 'mqtt-rr',
    args: ['-V', 5, ...ME, '-q', 2],
    script: '< CONNECT\n> 20 05 00 00 02 24 01\n< SUBSCRIBE\n> 90 04 00 01 00 01\n< DISCONNECT',
    code: 24,
    names: /QoS 2.*QoS 1/,
  },
  {
    event: "size beyond the server's limit",
    program: 'mqtt-pub',
    args: ['-V', 5, ...ME],
    script: '< CONNECT\n> 20 08 00 00 05 27 00 00 00 05\n< DISCONNECT',
    code: 25,
    names: /at most 5/,
  },
  {
    event: 'payload not JSON',
    program: 'mqtt-sub',
    args: ['-C', 1, '-F', '%J', '-N'],
    script: `${GRANTED}\n> ${message('x')}\n< DISCONNECT`,
    code: 0,
    names: /'some\/topic'.*JSON/,
  },
  {
    event: 'payload not a float (%f)',
    program: 'mqtt-sub',
    args: ['-C', 1, '-F', '%f', '-N'],
    script: `${GRANTED}\n> ${message('x')}\n< DISCONNECT`,
    code: 0,
    names: /4-byte/,
  },
  {
    event: 'payload not a float (%d)',
    program: 'mqtt-sub',
    args: ['-C', 1, '-F', '%d', '-N'],
    script: `${GRANTED}\n> ${message('x')}\n< DISCONNECT`,
    code: 0,
    names: /8-byte/,
  },
]

rows<MessageRow>(
  'messages on standard error while the program runs, which --quiet silences (7)',
  MESSAGES,
  ({ event, program }) => `7 ${event} (${program})`,
  async (t, { program, args, script, code, names }) => {
    const words = [...WORK[program].filter((word) => word !== '-E'), ...args]
    const told = await converse(t, script, program, words)
    assert.deepEqual({ code: told.code, out: told.out }, { code, out: '' }, told.err)
    assert.match(told.err.split('\n')[0] ?? '', new RegExp(`^${program}: .*(${names.source})`, names.flags))
    assert.deepEqual(await converse(t, script, program, [...words, '--quiet']), { code, out: '', err: '' })
  },
)

rows<{ event: string; program: Program; args: () => Promise<Args>; code: number; names: RegExp }>(
  'messages before anything is said to a broker, which --quiet silences (7)',
  [
    ...PROGRAMS.map((program) => ({
      event: 'first connection fails: host, port and cause',
      program,
      args: async () => [...WORK[program], '-h', '127.0.0.1', '-p', await deadPort()],
      code: 1,
      names: /127\.0\.0\.1 port \d+: .*refused/,
    })),
    {
      event: 'first connection fails: the path',
      program: 'mqtt-sub',
      args: async () => ['-t', 'a', '--unix', '/nonexistent/s'],
      code: 1,
      names: /\/nonexistent\/s/,
    },
    {
      event: 'first connection fails: the name that does not resolve',
      program: 'mqtt-rr',
      args: async () => [...WORK['mqtt-rr'], '-h', 'broker.invalid'],
      code: 1,
      names: /broker\.invalid/,
    },
    {
      event: 'payload file unreadable',
      program: 'mqtt-pub',
      args: async () => ['-t', 'a', '-f', '/nonexistent/f'],
      code: 1,
      names: /'\/nonexistent\/f': no such file/,
    },
    {
      event: 'stdin empty with -s',
      program: 'mqtt-pub',
      args: async () => ['-t', 'a', '-s'],
      code: 1,
      names: /standard input/,
    },
  ],
  ({ event, program }) => `7 ${event} (${program})`,
  async (t, { program, args, code, names }) => {
    const words = await args()
    const told = await cli(t, program, words)
    assert.equal(told.code, code)
    assert.match(told.err, names)
    assert.deepEqual(await cli(t, program, [...words, '--quiet']), { code, out: '', err: '' })
  },
)

for (const program of PROGRAMS) {
  test(`7 -W expired: the timeout (${program})`, async (t) => {
    const words = [...WORK[program], '-W', 0.3, ...at(await mute(t))]
    const told = await cli(t, program, words)
    assert.equal(told.code, 27)
    assert.match(told.err, /timed out after 0\.3 s/)
    assert.deepEqual(await cli(t, program, [...words, '--quiet']), { code: 27, out: '', err: '' })
  })
}
