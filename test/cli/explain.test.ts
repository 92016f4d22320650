// --explain by the built programs: what it says of each way and each failure, and that it never says a secret.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { createServer as createTls } from 'node:tls'
import { broker } from '../broker/broker.js'
import { script } from '../broker/script.js'
import { type Certificates, makeCertificates } from '../support/certificates.js'
import { needs } from '../support/mosquitto.js'
import { deadPort } from '../support/ports.js'
import { newFolder } from '../support/processes.js'
import { type Args, temporaryFolder } from '../support/run.js'
import { socksServer } from '../transport/socks-server.js'
import { listen, serve } from '../transport/support.js'
import { cli, PROGRAMS, type Program, start, type Told, WORK } from './support.js'

const SECRET = 'geheim-4711'

interface Explained {
  told: Told
  /** Stage and facts of each line; the time is checked and left out. */
  stages: string[]
  /** The other lines of stderr. */
  rest: string[]
}

function read(program: Program, told: Told): Explained {
  const stages: string[] = []
  const rest: string[] = []
  for (const line of told.err.trimEnd().split('\n')) {
    const prefix = `${program}: explain `
    if (!line.startsWith(prefix)) {
      rest.push(line)
      continue
    }
    const [, time, text = ''] = /^(\d+\.\d{3}) (\S.*)$/.exec(line.slice(prefix.length)) ?? []
    assert.ok(time !== undefined, line)
    stages.push(text)
  }
  return { told, stages, rest }
}

async function explain(
  t: TestContext,
  program: Program,
  args: Args,
  env: Readonly<Record<string, string>> = {},
): Promise<Explained> {
  return read(program, await cli(t, program, [...WORK[program], '--explain', ...args], { env }))
}

const namesOf = (stages: readonly string[]): string[] => stages.map((each) => each.replace(/ .*/, ''))

function line(stages: readonly string[], name: string): string {
  const found = stages.find((each) => each.startsWith(`${name} `))
  assert.ok(found !== undefined, `no line ${name}`)
  return found
}

describe('--explain', { concurrency: 4 }, () => {
  for (const program of PROGRAMS) {
    test(`${program}: each stage of a refused connection is a line, then the error`, async (t) => {
      const level = program === 'mqtt-rr' ? 5 : 4
      const refusal = level === 5 ? '> 20 03 00 87 00' : '> 20 02 00 05'
      const server = await script(t, `< CONNECT\n${refusal}\nwait-eof`)
      const where = ['-h', '127.0.0.1', '-p', server.port]
      const { told, stages, rest } = await explain(t, program, [...where, '-u', 'me', '-P', SECRET])
      assert.equal(told.code, level === 5 ? 0x87 : 5)
      assert.deepEqual(namesOf(stages), ['source', 'options', 'attempt', 'tcp', 'connack'])
      assert.match(line(stages, 'source'), /^source from="command line" options=-t,.*,--explain,-h,-p,-u,-P$/)
      assert.match(
        line(stages, 'options'),
        new RegExp(
          `^options host=127\\.0\\.0\\.1 port=${server.port} tls=no websocket=no version=${level === 5 ? '5\\.0' : '3\\.1\\.1'} client-id="" clean=yes user-name=yes password=option keepalive=60 limit="30 s \\(default\\)"$`,
        ),
      )
      assert.equal(line(stages, 'tcp'), `tcp address=127.0.0.1 port=${server.port} result=ok`)
      assert.match(line(stages, 'connack'), /^connack session-present=0 reason=(5|135) \(not authorized\)/)
      assert.equal(rest.length, 1)
      assert.match(rest[0] ?? '', new RegExp(`^${program}: error: broker refused CONNECT: not authorized`))
      assert.ok(!told.err.includes(SECRET))
    })
  }

  for (const [args, name, result] of [
    [['-h', 'no.such.invalid'], 'lookup', /^lookup host=no\.such\.invalid result=(ENOTFOUND|EAI_AGAIN)$/],
    [
      ['-A', '192.0.2.1', '-h', '127.0.0.1'],
      'tcp',
      /^tcp address=127\.0\.0\.1 port=1883 result=EADDRNOTAVAIL$/,
    ],
    [
      ['-u', 'me', '--password-command', `echo ${SECRET}; exit 3`],
      'password',
      /^password result="--password-command failed with status 3"$/,
    ],
    [['-S', '-h', 'no.such.invalid'], 'srv', /^srv record=_mqtt\._tcp\.no\.such\.invalid result=\S+$/],
  ] as const) {
    test(`${args.join(' ')}: the stage that failed is the last`, async (t) => {
      const { told, stages } = await explain(t, 'mqtt-pub', [...args, '--connect-timeout', 30])
      assert.notEqual(told.code, 0)
      assert.deepEqual(namesOf(stages), ['source', 'options', 'attempt', name])
      assert.match(line(stages, name), result)
      assert.ok(!told.err.includes(SECRET))
    })
  }

  test('no CONNACK and no SUBACK in time', async (t) => {
    const limit = ['--connect-timeout', 1]
    const mute = await script(t, '< CONNECT\nsilence')
    const first = await explain(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', mute.port, ...limit])
    assert.deepEqual(namesOf(first.stages), ['source', 'options', 'attempt', 'tcp', 'connack'])
    assert.equal(line(first.stages, 'connack'), 'connack result="no answer within 1 s"')
    const deaf = await script(t, '< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\nsilence')
    const second = await explain(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', deaf.port, ...limit])
    assert.equal(line(second.stages, 'suback'), 'suback filter=a result="no answer within 1 s"')
  })

  test('a reset before CONNACK', async (t) => {
    const server = await script(t, '< CONNECT\nreset')
    const { stages } = await explain(t, 'mqtt-pub', ['-h', '127.0.0.1', '-p', server.port])
    assert.equal(line(stages, 'connack'), 'connack result=ECONNRESET')
  })

  test('a subscription, and --quiet does not silence what was asked for', async (t) => {
    const server = await broker(t)
    const where = ['-h', '127.0.0.1', '-p', server.port]
    const { told, stages, rest } = await explain(t, 'mqtt-sub', [...where, '--quiet'])
    assert.deepEqual([told.code, told.out, rest], [0, '', []])
    assert.equal(line(stages, 'suback'), 'suback filter=a id=1 codes=0')
  })

  test('without it nothing is said', async (t) => {
    const server = await broker(t)
    const where = ['-h', '127.0.0.1', '-p', server.port]
    assert.deepEqual(await cli(t, 'mqtt-sub', [...WORK['mqtt-sub'], ...where]), { code: 0, out: '', err: '' })
  })

  test('where options came from, by their names alone', async (t) => {
    const folder = temporaryFolder(t)
    const path = join(folder, 'mqtt-pub')
    writeFileSync(path, `--host 127.0.0.1\n-p ${await deadPort()}\n--pw ${SECRET}\n`, { mode: 0o600 })
    const env = { XDG_CONFIG_HOME: folder, MQTT_USERNAME: 'me', MQTT_EXPLAIN: '1' }
    const { told, stages } = await explain(t, 'mqtt-pub', ['-k', 7], env)
    const sources = stages.filter((each) => each.startsWith('source '))
    assert.deepEqual(sources, [
      `source from=${path} options=--host,-p,--pw`,
      'source from=environment options=MQTT_USERNAME,MQTT_EXPLAIN',
      'source from="command line" options=-t,-m,--explain,-k',
    ])
    assert.match(line(stages, 'options'), / limit="7 s \(keep alive\)"$/)
    assert.ok(!told.err.includes(SECRET))
  })

  test('a proxy, without its credentials', async (t) => {
    const port = await serve(t, socksServer({ status: 0, reply: 2 }))
    const args = ['-h', 'broker.invalid', '--proxy', `socks5h://joe:${SECRET}@127.0.0.1:${port}`]
    const { told, stages } = await explain(t, 'mqtt-pub', args)
    assert.equal(told.code, 11)
    assert.match(
      line(stages, 'options'),
      new RegExp(` proxy=socks5h://127\\.0\\.0\\.1:${port} proxy-login=yes `),
    )
    const proxy = `proxy=socks5h://127.0.0.1:${port} to=broker.invalid:1883`
    assert.equal(line(stages, 'proxy'), `proxy ${proxy} reply=2 result=denied`)
    assert.ok(!told.err.includes(SECRET) && !told.err.includes('joe'))
  })

  for (const [env, facts] of [
    [{ all_proxy: `socks5h://joe:${SECRET}@{}` }, 'proxy=socks5h://{} proxy-login=yes proxy-by=all_proxy'],
    [{ HTTPS_PROXY: '{}' }, 'proxy=http://{} proxy-login=no proxy-by=HTTPS_PROXY'],
    [{ ALL_PROXY: 'socks5h://{}', NO_PROXY: 'a, 127.0.0.0/8' }, 'proxy=no proxy-by=NO_PROXY'],
    [{ NO_PROXY: '*' }, 'proxy=no'],
  ] as const) {
    test(`--proxy env: ${facts}`, async (t) => {
      const at = `127.0.0.1:${await deadPort()}`
      const values = Object.entries(env).map(([name, value]) => [name, value.replace('{}', at)])
      const args = ['-h', '127.0.0.1', '-p', await deadPort(), '--proxy', 'env']
      const { told, stages } = await explain(t, 'mqtt-pub', args, Object.fromEntries(values))
      assert.ok(line(stages, 'options').includes(` ${facts.replace('{}', at)} tls=no `), told.err)
      assert.ok(!told.err.includes(SECRET))
    })
  }

  test('a token from a command, without it', async (t) => {
    const server = await broker(t)
    const token = `SharedAccessSignature sr=hub&sig=${SECRET}`
    const args = ['-u', 'me', '--password-command', `echo '${token}'`, '-h', '127.0.0.1', '-p', server.port]
    const { told, stages } = await explain(t, 'mqtt-pub', args)
    assert.equal(told.code, 0, told.err)
    assert.equal(server.seen[0]?.facts.password, token)
    assert.deepEqual(namesOf(stages), ['source', 'options', 'attempt', 'password', 'tcp', 'connack'])
    assert.match(line(stages, 'options'), / password=command /)
    assert.ok(!told.err.includes(SECRET))
  })

  test('what a broker says cannot begin a line', async (t) => {
    const server = await script(t, '< CONNECT\n> 20 0a 00 87 07 1f 00 04 61 0a 0d 1b\nwait-eof')
    const { told } = await explain(t, 'mqtt-rr', ['-h', '127.0.0.1', '-p', server.port])
    assert.match(told.err, /connack .*reasonString=/)
    for (const each of told.err.trimEnd().split('\n')) assert.match(each, /^mqtt-rr: [ -~]*$/)
  })

  test('each reconnect is explained too', async (t) => {
    const first = '< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\n> 90 03 00 01 00\nreset\naccept'
    const server = await script(t, `${first}\n< CONNECT\n> 20 02 00 05\nwait-eof`)
    const where = ['-h', '127.0.0.1', '-p', server.port, '--reconnect-delay', '0.01,0.01']
    const running = start(t, 'mqtt-sub', ['-t', 'a', '--explain', ...where])
    const { code, stderr } = await running.done
    const { stages } = read('mqtt-sub', { code, out: '', err: stderr.toString() })
    assert.equal(code, 5)
    assert.deepEqual(namesOf(stages).slice(2), [
      'attempt',
      'tcp',
      'connack',
      'suback',
      'attempt',
      'tcp',
      'connack',
    ])
    assert.equal(stages.filter((each) => each === 'attempt number=2').length, 1)
  })
})

describe('--explain with TLS', { ...needs('openssl'), concurrency: 4 }, () => {
  let certificates: Certificates
  before(() => {
    certificates = makeCertificates(newFolder())
  })

  test('an alert after the handshake', async (t) => {
    const { ca, server } = certificates
    const pair = { cert: readFileSync(server.cert), key: readFileSync(server.key) }
    const wanting = { ...pair, ca: readFileSync(ca.cert), requestCert: true, rejectUnauthorized: true }
    const port = await listen(t, createTls(wanting))
    const where = ['-h', 'localhost', '-p', port, '--cafile', ca.cert]
    const { told, stages } = await explain(t, 'mqtt-pub', where)
    assert.equal(told.code, 8, told.err)
    assert.match(line(stages, 'tls'), / result=ok$/)
    assert.equal(stages.at(-1), 'connack result=ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
  })

  for (const [what, pick, code, result, says] of [
    ['the right certificate', ({ server }: Certificates) => server, 7, 'ok', /before CONNACK/],
    [
      'another name',
      ({ otherName }: Certificates) => otherName,
      8,
      'ERR_TLS_CERT_ALTNAME_INVALID',
      /the certificate is not for 'localhost' \(DNS:broker\.example\)/,
    ],
    ['an expired one', ({ expired }: Certificates) => expired, 8, 'CERT_HAS_EXPIRED', /has expired/],
  ] as const) {
    test(`${what}: version, cipher, names wanted and offered, chain and dates`, async (t) => {
      const { cert, key } = pick(certificates)
      const pair = { cert: readFileSync(cert), key: readFileSync(key) }
      const port = await listen(
        t,
        createTls(pair, (socket) => socket.end()),
      )
      const { told, stages, rest } = await explain(t, 'mqtt-pub', [
        '-h',
        'localhost',
        '-p',
        port,
        '--cafile',
        certificates.ca.cert,
      ])
      assert.equal(told.code, code, told.err)
      assert.match(line(stages, 'options'), / tls=yes because=--cafile /)
      const names =
        result === 'ERR_TLS_CERT_ALTNAME_INVALID'
          ? 'DNS:broker.example'
          : '"DNS:localhost, IP Address:127.0.0.1"'
      const [tls = '', leaf = ''] = stages.filter((each) => each.startsWith('tls '))
      assert.match(tls, /^tls version=TLSv1\.3 cipher=TLS_\S+ resumed=no wanted=localhost names=/)
      assert.ok(tls.endsWith(` names=${names} result=${result}`), tls)
      assert.match(
        leaf,
        /^tls certificate=0 subject="CN=[\w.]+" issuer="CN=Test CA" from=\d{4}-\d\d-\d\dT\S+Z until=\d{4}-\d\d-\d\dT\S+Z$/,
      )
      assert.match(rest.at(-1) ?? '', says)
    })
  }
})
