// Every way to a real mosquitto, and through real proxies: long streams and long messages arrive unharmed.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { type Certificates, makeCertificates, type Pair } from '../support/certificates.js'
import { type Mosquitto, needs, startMosquitto } from '../support/mosquitto.js'
import {
  assertQuiet,
  assertSameBytes,
  type Running,
  seq,
  startPub,
  startSeqPub,
  startSub,
  temporaryFolder,
} from '../support/processes.js'
import { proxyUrl, type RealProxy, startMicrosocks, startTinyproxy } from '../support/proxies.js'
import { listen } from '../transport/support.js'

const LINES = 10_000
const BIG = 20_000_000
const KEY = 'c0ffee00c0ffee00'

function config({ ca, server }: Certificates, folder: string): string {
  const tls = `certfile ${server.cert}\nkeyfile ${server.key}\n`
  return [
    `allow_anonymous true\nmax_inflight_messages 1000\nmax_queued_messages 0\npsk_file ${folder}/psk\n`,
    'listener {port} 127.0.0.1\n',
    'listener {port2} ::1\n',
    `listener {port3} 127.0.0.1\n${tls}`,
    `listener {port4} 127.0.0.1\n${tls}cafile ${ca.cert}\nrequire_certificate true\n`,
    'listener {port5} 127.0.0.1\npsk_hint hint\n',
    'listener {port6} 127.0.0.1\nprotocol websockets\n',
    `listener {port7} 127.0.0.1\nprotocol websockets\n${tls}`,
    `listener 0 ${folder}/socket\n`,
  ].join('')
}

interface Site {
  /** Of the listener with that number. */
  to: (number: number) => string[]
  folder: string
  trust: string[]
  pem: Certificates
  socks: RealProxy
  http: RealProxy
}

/** Words that lead there, and where mosquitto sees us come from. */
type Way = readonly [name: string, words: (site: Site) => readonly string[], from: string]

const WAYS: readonly Way[] = [
  ['plain', ({ to }) => to(1), '127.0.0.1'],
  ['plain, by IPv6', ({ to }) => [...to(2), '-h', '::1'], '::1'],
  ['plain, from the address of -A', ({ to }) => [...to(1), '-A', '127.0.0.9'], '127.0.0.9'],
  ['TLS', ({ to, trust }) => [...to(3), ...trust], '127.0.0.1'],
  [
    'TLS with a client certificate',
    ({ to, trust, pem }) => [...to(4), ...trust, '--cert', pem.client.cert, '--key', pem.client.key],
    '127.0.0.1',
  ],
  ['PSK', ({ to }) => [...to(5), '--psk', KEY, '--psk-identity', 'ann'], '127.0.0.1'],
  ['a unix socket', ({ folder }) => ['--unix', join(folder, 'socket')], '{folder}/socket'],
  ['SOCKS5', ({ to, socks }) => [...to(1), '--proxy', proxyUrl('socks5h', socks)], '127.0.0.3'],
  [
    'TLS through SOCKS5, the name looked up here',
    ({ to, trust, socks }) => [...to(3), ...trust, '--proxy', proxyUrl('socks5', socks)],
    '127.0.0.3',
  ],
  ['an HTTP proxy', ({ to, http }) => [...to(1), '--proxy', proxyUrl('http', http)], '127.0.0.4'],
  [
    'TLS through an HTTP proxy',
    ({ to, trust, http }) => [...to(3), ...trust, '--proxy', proxyUrl('http', http)],
    '127.0.0.4',
  ],
]

const WEB_WAYS: readonly Way[] = [
  ['WebSocket', ({ to }) => [...to(6), '--ws'], '127.0.0.1'],
  ['secure WebSocket', ({ to, trust }) => [...to(7), ...trust, '--ws'], '127.0.0.1'],
  [
    'secure WebSocket through SOCKS5',
    ({ to, trust, socks }) => [...to(7), ...trust, '--ws', '--proxy', proxyUrl('socks5h', socks)],
    '127.0.0.3',
  ],
  [
    'WebSocket through an HTTP proxy',
    ({ to, http }) => [...to(6), '--ws', '--proxy', proxyUrl('http', http)],
    '127.0.0.4',
  ],
]

const options = needs('mosquitto', 'openssl', 'microsocks', 'tinyproxy')

test('ways to mosquitto', options, async (t) => {
  const folder = temporaryFolder(t)
  const pem = makeCertificates(folder)
  writeFileSync(join(folder, 'psk'), `ann:${KEY}\n`)
  const mosquitto = await startMosquitto(t, config(pem, folder))
  const site: Site = {
    to: (number) => ['-h', 'localhost', '-p', String(mosquitto.ports[number - 1])],
    folder,
    trust: ['--cafile', pem.ca.cert],
    pem,
    socks: await startMicrosocks(t),
    http: await startTinyproxy(t),
  }
  const big = join(folder, 'big')
  writeFileSync(big, noise(BIG))

  for (const [name, words, from] of [...WAYS, ...WEB_WAYS]) {
    await t.test(`${LINES} lines at QoS 2, by ${name}`, async (t) => {
      const to = [...words(site), '-t', 'n', '-q', '2']
      const args = [...to, '-C', String(LINES)]
      const sub = await subscriber(t, mosquitto, args, from.replace('{folder}', folder))
      assertQuiet(await startSeqPub(t, LINES, [...to, '-l']).ended)
      const result = await sub.ended
      assertQuiet(result)
      assertSameBytes(result.stdout, seq(LINES))
    })
  }

  const one = ['-t', 'b', '-q', '1']
  for (const [name, words, from] of WAYS) {
    await t.test(`${BIG} bytes there and back, by ${name}`, async (t) => {
      const to = [...words(site), ...one]
      const args = [...to, '-C', '1', '-N']
      const sub = await subscriber(t, mosquitto, args, from.replace('{folder}', folder))
      assertQuiet(await startPub(t, [...to, '-f', big]).ended)
      const result = await sub.ended
      assertQuiet(result)
      assertSameBytes(result.stdout, readFileSync(big))
    })
  }
  for (const [name, words] of WEB_WAYS) {
    await t.test(`${BIG} bytes to the broker, by ${name}`, async (t) => {
      const sub = await subscriber(t, mosquitto, [...site.to(1), ...one, '-C', '1', '-N'], '127.0.0.1')
      assertQuiet(await startPub(t, [...words(site), ...one, '-f', big]).ended)
      const result = await sub.ended
      assertQuiet(result)
      assertSameBytes(result.stdout, readFileSync(big))
    })
    // mosquitto 2.0.11 sends 4 KiB each tenth of a second over its own WebSocket: a server stands before it here.
    await t.test(`${BIG} bytes from the broker, by ${name}, behind a web server`, async (t) => {
      const ports = [...mosquitto.ports]
      ports[5] = await webServer(t, mosquitto.port)
      ports[6] = await webServer(t, mosquitto.port, pem.server)
      const to = (number: number): string[] => ['-h', 'localhost', '-p', String(ports[number - 1])]
      const args = [...words({ ...site, to }), ...one, '-C', '1', '-N']
      const sub = await subscriber(t, mosquitto, args, '127.0.0.1')
      assertQuiet(await startPub(t, [...site.to(1), ...one, '-f', big]).ended)
      const result = await sub.ended
      assertQuiet(result)
      assertSameBytes(result.stdout, readFileSync(big))
    })
  }
})

test('proxies that refuse', options, async (t) => {
  const socks = await startMicrosocks(t)
  const http = await startTinyproxy(t)
  const strict = await startTinyproxy(t, 'ConnectPort 443')
  const mosquitto = await startMosquitto(t)
  const to = ['-h', '127.0.0.1', '-p', String(mosquitto.port), '-t', 'a']
  for (const [name, url, status, says] of [
    [
      'SOCKS5, no login',
      `socks5h://${socks.at}`,
      11,
      /accepts none of our ways to log in: give it a user name/,
    ],
    ['SOCKS5, a wrong login', proxyUrl('socks5h', { ...socks, password: 'no' }), 11, /refused the user name/],
    ['HTTP, no login', `http://${http.at}`, 11, /HTTP 407 .*: give it a user name and password/],
    [
      'HTTP, a wrong login',
      proxyUrl('http', { ...http, password: 'no' }),
      11,
      /HTTP 40[17] .*: it does not take this user name/,
    ],
    ['HTTP, a port it does not connect to', proxyUrl('http', strict), 11, /HTTP 403 /],
  ] as const) {
    await t.test(`${name}: exit ${status}`, async (t) => {
      const words = [...to, '--proxy', url]
      for (const running of [startPub(t, [...words, '-m', 'x']), startSub(t, words)]) {
        const result = await running.ended
        assert.equal(result.status, status, result.stderr)
        assert.match(result.stderr, /^[^\n]+\n$/)
        assert.match(result.stderr, says)
      }
    })
  }
})

/** An mqtt-sub that has subscribed, and whose connection came from that address. */
async function subscriber(
  t: TestContext,
  mosquitto: Mosquitto,
  args: readonly string[],
  from: string,
): Promise<Running> {
  const start = mosquitto.log.all.length
  const sub = startSub(t, [...args, '-i', 'reader'])
  await mosquitto.subscribed(sub, 'reader', args[args.indexOf('-t') + 1] ?? '', start)
  const came = mosquitto.log.all.slice(start).find((line) => line.includes(' as reader '))
  // Its WebSocket listeners write IPv4 as IPv6; for a unix socket it names the path.
  const [, address] = / connected from (?:::ffff:)?(\S+):\d+ as reader /.exec(came ?? '') ?? []
  assert.equal(address, from)
  return sub
}

/** WebSocket in front of a port for plain MQTT. */
function webServer(t: TestContext, port: number, pair?: Pair): Promise<number> {
  const server =
    pair === undefined
      ? createHttp()
      : createHttps({ cert: readFileSync(pair.cert), key: readFileSync(pair.key) })
  const sockets = new WebSocketServer({ server: server as never, handleProtocols: () => 'mqtt' })
  sockets.on('connection', (webSocket) => {
    const stream = createWebSocketStream(webSocket).on('error', () => {})
    const onward = connect(port, '127.0.0.1').on('error', () => {})
    onward.pipe(stream).pipe(onward)
  })
  return listen(t, server)
}

/** Bytes that do not repeat with any power of two. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 167 + (at >> 8) * 13 + (at >> 16) * 7) & 255
  return bytes
}
