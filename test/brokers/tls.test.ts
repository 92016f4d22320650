// TLS to a real mosquitto: what is trusted, what is refused and in which words, and that bytes survive it.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { type Certificates, makeCertificates, type Pair } from '../support/certificates.js'
import { type Mosquitto, needs, startMosquitto } from '../support/mosquitto.js'
import {
  assertQuiet,
  assertSameBytes,
  newFolder,
  type Result,
  seq,
  startPub,
  startSeqPub,
  startSub,
} from '../support/processes.js'

const options = needs('mosquitto', 'openssl')
let certificates: Certificates
before(() => {
  if (options.skip === undefined) certificates = makeCertificates(newFolder())
})

function listener({ cert, key }: Pair, ...more: readonly string[]): string {
  return ['listener {port} 127.0.0.1', `certfile ${cert}`, `keyfile ${key}`, ...more, ''].join('\n')
}

const OPEN = 'allow_anonymous true\nmax_inflight_messages 1000\nmax_queued_messages 0\n'
const PLAIN = `${OPEN}listener {port} 127.0.0.1\n`

const tlsBroker = (): string => OPEN + listener(certificates.server)
const strictBroker = (): string =>
  OPEN + listener(certificates.server, `cafile ${certificates.ca.cert}`, 'require_certificate true')

function at({ port }: Mosquitto, host = 'localhost'): string[] {
  return ['-h', host, '-p', String(port)]
}

const ONE = ['-t', 'a', '-m', 'x', '-q', '1']

interface Acceptance {
  name: string
  broker: () => string
  host?: string
  args: () => string[]
}

const ACCEPTED: readonly Acceptance[] = [
  { name: '--cafile', broker: tlsBroker, args: () => ['--cafile', certificates.ca.cert] },
  {
    name: '--cafile, by address',
    broker: tlsBroker,
    host: '127.0.0.1',
    args: () => ['--cafile', certificates.ca.cert],
  },
  { name: '--capath', broker: tlsBroker, args: () => ['--capath', certificates.capath] },
  {
    name: 'the self-signed certificate as --cafile',
    broker: () => OPEN + listener(certificates.selfSigned),
    args: () => ['--cafile', certificates.selfSigned.cert],
  },
  {
    name: '--cert and --key where the broker demands them',
    broker: strictBroker,
    args: () => [...trusting(), '--cert', certificates.client.cert, '--key', certificates.client.key],
  },
]

function trusting(): string[] {
  return ['--cafile', certificates.ca.cert]
}

for (const { name, broker, host, args } of ACCEPTED) {
  test(`mqtt-pub and mqtt-sub connect with ${name}`, options, async (t) => {
    const mosquitto = await startMosquitto(t, broker())
    const to = [...at(mosquitto, host), ...args()]
    const sub = startSub(t, [...to, '-i', 'reader', '-t', 'a', '-C', '1'])
    await mosquitto.subscribed(sub, 'reader', 'a')
    assertQuiet(await startPub(t, [...to, ...ONE]).ended)
    const result = await sub.ended
    assertQuiet(result)
    assert.equal(result.stdout.toString(), 'x\n')
  })
}

interface Refusal {
  name: string
  broker: () => string
  args: () => string[]
  status: number
  says: RegExp
}

const REFUSED: readonly Refusal[] = [
  {
    name: 'a certificate by a CA that is not given',
    broker: tlsBroker,
    args: () => ['--cafile', certificates.strangerCa.cert],
    status: 8,
    says: /the certificate was issued by a CA that is not trusted: give it with --cafile/,
  },
  {
    name: 'a certificate for another name',
    broker: () => OPEN + listener(certificates.otherName),
    args: trusting,
    status: 8,
    says: /the certificate is not for 'localhost' \(DNS:broker\.example\)/,
  },
  {
    name: 'an expired certificate',
    broker: () => OPEN + listener(certificates.expired),
    args: trusting,
    status: 8,
    says: /the certificate has expired/,
  },
  {
    name: 'a self-signed certificate',
    broker: () => OPEN + listener(certificates.selfSigned),
    args: trusting,
    status: 8,
    says: /the certificate is self-signed: give it or its CA with --cafile/,
  },
  { name: 'a port without TLS', broker: () => PLAIN, args: trusting, status: 8, says: /TLS/ },
  {
    name: 'a TLS port spoken to without TLS',
    broker: tlsBroker,
    args: () => [],
    status: 7,
    says: /connection (closed by the broker|lost: )/,
  },
  {
    name: 'a broker that demands a client certificate and gets none',
    broker: strictBroker,
    args: trusting,
    status: 8,
    says: /certificate/,
  },
  {
    name: 'a broker that does not trust the client certificate',
    broker: strictBroker,
    args: () => [
      ...trusting(),
      ...['--cert', certificates.strangerClient.cert, '--key', certificates.strangerClient.key],
    ],
    status: 8,
    says: /TLS/,
  },
]

function assertOneError(program: string, result: Result, { status, says }: Refusal): void {
  assert.equal(result.status, status, result.stderr)
  assert.match(result.stderr, says)
  assert.ok(
    result.stderr.startsWith(`${program}: error: `) &&
      result.stderr.indexOf('\n') === result.stderr.length - 1,
    `one line of error, got:\n${result.stderr}`,
  )
  assert.equal(result.stdout.length, 0)
}

for (const refusal of REFUSED) {
  test(`one line and status ${refusal.status} for ${refusal.name}`, options, async (t) => {
    const mosquitto = await startMosquitto(t, refusal.broker())
    const to = [...at(mosquitto), ...refusal.args()]
    assertOneError('mqtt-pub', await startPub(t, [...to, ...ONE]).ended, refusal)
    assertOneError('mqtt-sub', await startSub(t, [...to, '-t', 'a']).ended, refusal)
  })
}

test('--insecure takes any certificate, and says so', options, async (t) => {
  for (const pair of [certificates.otherName, certificates.expired, certificates.selfSigned]) {
    const mosquitto = await startMosquitto(t, OPEN + listener(pair))
    const to = [...at(mosquitto), '--insecure']
    const sub = startSub(t, [...to, '--quiet', '-i', 'reader', '-t', 'a', '-C', '1'])
    await mosquitto.subscribed(sub, 'reader', 'a')
    const { status, stderr } = await startPub(t, [...to, ...ONE]).ended
    assert.equal(status, 0, stderr)
    assert.equal(stderr, 'mqtt-pub: warning: --insecure: the certificate of the broker is not checked\n')
    const result = await sub.ended
    assertQuiet(result)
    assert.equal(result.stdout.toString(), 'x\n')
  }
})

for (const version of ['mqttv311', 'mqttv5']) {
  test(`2,000 lines at QoS 2 over TLS, in ${version}`, options, async (t) => {
    const mosquitto = await startMosquitto(t, tlsBroker())
    const to = [...at(mosquitto), ...trusting(), '-V', version, '-t', 'n', '-q', '2']
    const sub = startSub(t, [...to, '-i', 'reader', '-C', '2000'])
    await mosquitto.subscribed(sub, 'reader', 'n')
    assertQuiet(await startSeqPub(t, 2_000, [...to, '-l']).ended)
    const result = await sub.ended
    assertQuiet(result)
    assertSameBytes(result.stdout, seq(2_000))
  })
}

for (const qos of ['0', '1', '2']) {
  test(`20 MiB there and back over TLS, at QoS ${qos}`, options, async (t) => {
    const mosquitto = await startMosquitto(t, tlsBroker())
    const payload = Buffer.alloc(20 * 1_048_576)
    for (let offset = 0; offset < payload.length; offset++)
      payload[offset] = (offset * 167 + (offset >> 8)) & 255
    const path = join(mosquitto.folder, 'payload')
    writeFileSync(path, payload)
    const to = [...at(mosquitto), ...trusting(), '-t', 'b', '-q', qos]
    const sub = startSub(t, [...to, '-i', 'reader', '-C', '1', '-N'])
    await mosquitto.subscribed(sub, 'reader', 'b')
    assertQuiet(await startPub(t, [...to, '-f', path]).ended)
    const result = await sub.ended
    assertQuiet(result)
    assertSameBytes(result.stdout, payload)
  })
}
