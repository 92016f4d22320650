// Properties (1.8) and URLs (1.9), row by row, with the built programs and a real mosquitto.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeCertificates } from '../support/certificates.js'
import { needs, OPEN_BROKER, startMosquitto } from '../support/mosquitto.js'
import { newFolder } from '../support/processes.js'
import { type Args, QUIET, told as toldOf } from '../support/run.js'
import { socksServer } from '../transport/socks-server.js'
import { serve } from '../transport/support.js'
import { at, brokerRows } from './real.js'
import { cli, misuse, PROGRAMS, rows, start, WORK } from './support.js'

interface PropertyRow {
  command: string
  name: string
  value: string
  /** Of a message that arrives: the conversion, and what it prints. */
  format?: readonly [string, string]
  /** In the line that -d has for the packet. */
  says?: RegExp
  with?: Args
  code?: number
}

const FORWARDED = [
  { name: 'payload-format-indicator', value: '1', format: ['%F', '1'] },
  { name: 'message-expiry-interval', value: '4294967295', format: ['%.3E', '42949672\\d\\d'] },
  { name: 'content-type', value: 'text/ü', format: ['%C', 'text/ü'] },
  { name: 'response-topic', value: 'r/t', format: ['%R', 'r/t'] },
  { name: 'correlation-data', value: 'c\u0001', format: ['%D', 'c\u0001'] },
  { name: 'user-property', value: 'n=v', format: ['%P', 'n:v'] },
] as const

brokerRows<PropertyRow>(
  '1.8: properties, as mosquitto passes them on or takes them',
  [
    ...FORWARDED.map((row) => ({ command: 'publish', ...row })),
    ...FORWARDED.map((row) => ({ command: 'will', ...row })),
    { command: 'will', name: 'will-delay-interval', value: '1', format: ['%p', 'x'], says: /CONNECT/ },
    { command: 'publish', name: 'topic-alias', value: '3', says: /sent PUBLISH .*topicAlias=3 / },
    {
      command: 'subscribe',
      name: 'subscription-identifier',
      value: '268435455',
      says: /subscriptionIdentifier=268435455 /,
    },
    {
      command: 'subscribe',
      name: 'user-property',
      value: 'n=v',
      says: /SUBSCRIBE .*userProperties=\[\["n","v"\]\]/,
    },
    {
      command: 'unsubscribe',
      name: 'user-property',
      value: 'n=v',
      says: /UNSUBSCRIBE .*userProperties=\[\["n","v"\]\]/,
    },
    { command: 'connect', name: 'session-expiry-interval', value: '7', says: /sessionExpiryInterval=7 / },
    {
      command: 'connect',
      name: 'authentication-method',
      value: 'm',
      says: /authenticationMethod="m" /,
      code: 140,
    },
    {
      command: 'connect',
      name: 'authentication-data',
      value: 'd',
      with: ['-D', 'connect', 'authentication-method', 'm'],
      says: /authenticationMethod="m" .*authenticationData=/,
      code: 140,
    },
    {
      command: 'connect',
      name: 'request-problem-information',
      value: '0',
      says: /requestProblemInformation=0 /,
    },
    {
      command: 'connect',
      name: 'request-response-information',
      value: '1',
      says: /requestResponseInformation=1 /,
    },
    { command: 'connect', name: 'receive-maximum', value: '65535', says: /receiveMaximum=65535 / },
    { command: 'connect', name: 'topic-alias-maximum', value: '65535', says: /topicAliasMaximum=65535 / },
    {
      command: 'connect',
      name: 'user-property',
      value: 'n=v',
      says: /CONNECT .*userProperties=\[\["n","v"\]\]/,
    },
    { command: 'connect', name: 'maximum-packet-size', value: '1000', says: /maximumPacketSize=1000 / },
    {
      command: 'disconnect',
      name: 'session-expiry-interval',
      value: '7',
      with: ['-x', 60],
      says: /DISCONNECT .*sessionExpiryInterval=7 /,
    },
    {
      command: 'disconnect',
      name: 'server-reference',
      value: 's',
      says: /DISCONNECT .*serverReference="s" /,
    },
    { command: 'disconnect', name: 'reason-string', value: 'r', says: /DISCONNECT .*reasonString="r" / },
    {
      command: 'disconnect',
      name: 'user-property',
      value: 'n=v',
      says: /DISCONNECT .*userProperties=\[\["n","v"\]\]/,
    },
  ],
  ({ command, name }) => `1.8 ${name} of ${command}`,
  async (t, { command, name, value, format, says, with: more = [], code = 0 }, broker) => {
    const topic = `${command}/${name}`
    // Command and property in any case.
    const property = ['-D', command.toUpperCase(), name.toUpperCase(), ...value.split('=')]
    const program = ['publish', 'connect', 'disconnect'].includes(command) ? 'mqtt-pub' : 'mqtt-sub'
    const work = {
      publish: ['-t', topic, '-m', 'x', '-r', '-q', 1],
      will: ['-t', 'none', '-i', topic, '--will-topic', topic, '--will-payload', 'x', '--will-retain'],
      subscribe: ['-t', topic, '-E'],
      unsubscribe: ['-U', topic, '-E'],
    }[command] ?? ['-t', topic, '-m', 'x']
    const running = start(t, program, [...at(broker), '-d', ...more, ...property, ...work])
    if (command === 'will') {
      // A signal has the broker publish the will (1.7).
      await running.saw('err', /received SUBACK/)
      running.kill('SIGTERM')
    }
    const told = toldOf(await running.done)
    assert.equal(told.code, code, told.err)
    if (says !== undefined) assert.match(told.err, says)
    if (format === undefined) return
    const [conversion, text] = format
    const args = [...at(broker), '-V', 5, '-t', topic, '-C', 1, '-W', 30, '-F', conversion]
    const { out, err } = await cli(t, 'mqtt-sub', args)
    assert.match(out, new RegExp(`^${text}\n$`), err)
  },
)

brokerRows<{ what: string; args: Args }>(
  '1.8: a topic alias: topic and alias first, then the alias alone, which mosquitto understands',
  [
    { what: '--repeat', args: ['-m', 'x', '--repeat', 3] },
    { what: '-l', args: ['-l'] },
  ],
  ({ what }) => what,
  async (t, { what, args }, broker) => {
    const alias = ['-D', 'publish', 'topic-alias', 3, '-d', '-q', 1]
    const words = [...at(broker), '-t', what, ...alias, ...args]
    const { code, err } = await cli(t, 'mqtt-pub', words, { input: 'x\nx\nx\n' })
    assert.equal(code, 0, err)
    // Bytes of topic, packet identifier, properties and payload: the topic is there once.
    const lengths = [...err.matchAll(/sent PUBLISH .*length=(\d+)/g)].map(([, length]) => Number(length))
    const short = 2 + 2 + 4 + 1
    assert.deepEqual(lengths, [short + what.length, short, short])
  },
)

rows<{ what: string; words: readonly string[]; names: readonly string[] }>(
  '1.8: words that -D does not take: exit 1',
  [
    ...['auth', 'connack', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback'].map((command) => ({
      what: `command ${command}`,
      words: [command, 'user-property', 'a', 'b'],
      names: [`'${command}'`],
    })),
    ...[
      ...['assigned-client-identifier', 'server-keep-alive', 'response-information', 'maximum-qos'],
      ...['retain-available', 'wildcard-subscription-available', 'subscription-identifier-available'],
      'shared-subscription-available',
    ].map((name) => ({ what: `property ${name}`, words: ['connect', name, '1'], names: [`'${name}'`] })),
    {
      what: 'publish subscription-identifier',
      words: ['publish', 'subscription-identifier', '1'],
      names: ['subscription-identifier'],
    },
    {
      what: 'late failure, CONNECT (Q27)',
      words: ['connect', 'request-problem-information', '2'],
      names: ['connect', "'2'"],
    },
    { what: 'late failure, will (Q27)', words: ['will', 'response-topic', 'a/#'], names: ['will', "'a/#'"] },
    {
      what: 'late failure, PUBLISH (Q27)',
      words: ['publish', 'topic-alias', '0'],
      names: ['publish', "'0'"],
    },
    {
      what: 'late failure, SUBSCRIBE (Q27)',
      words: ['subscribe', 'subscription-identifier', '0'],
      names: ['subscribe', "'0'"],
    },
    {
      what: 'late failure, DISCONNECT: a duplicate (Q27)',
      words: ['disconnect', 'reason-string', 'a', '-D', 'disconnect', 'reason-string', 'b'],
      names: ['disconnect', 'reason-string', 'twice'],
    },
    {
      what: 'user-property, second half (Q27)',
      words: ['publish', 'user-property', 'a', 'b\u0001'],
      names: ['user-property'],
    },
  ],
  ({ what }) => `1.8 ${what}`,
  async (t, { words, names }) => {
    for (const program of PROGRAMS)
      await misuse(t, program, [...WORK[program], '-D', ...words], ['-D', ...names])
  },
)

test(
  '1.9: each scheme, its default port and its way, with mosquitto',
  needs('mosquitto', 'openssl'),
  async (t) => {
    const pem = makeCertificates(newFolder())
    const tls = `certfile ${pem.server.cert}\nkeyfile ${pem.server.key}\n`
    const broker = await startMosquitto(
      t,
      `${OPEN_BROKER}\nlistener {port2} 127.0.0.1\n${tls}listener {port3} 127.0.0.1\nprotocol websockets\n` +
        `listener {port4} 127.0.0.1\nprotocol websockets\n${tls}`,
    )
    const env = { SSL_CERT_FILE: pem.ca.cert }
    for (const [nth, [scheme, standard]] of Object.entries([
      ['mqtt', 1883],
      ['mqtts', 8883],
      ['ws', 80],
      ['wss', 443],
    ] as const)) {
      await t.test(`1.9 ${scheme}: port ${standard}${standard < 1_000 ? ' (Q17, D3)' : ''}`, async (t) => {
        const asked: number[] = []
        const port = await serve(
          t,
          socksServer({ to: { host: '127.0.0.1', port: broker.ports[Number(nth)] ?? 0 } }, (request) =>
            asked.push(request.port),
          ),
        )
        const args = ['-L', `${scheme}://localhost/a`, '-m', 'x', '--proxy', `socks5h://127.0.0.1:${port}`]
        assert.deepEqual(await cli(t, 'mqtt-pub', args, { env }), QUIET)
        assert.deepEqual(asked, [standard])
      })
      await t.test(`1.9 ${scheme}, in capitals and with a port, in each program`, async (t) => {
        const where = `${scheme.toUpperCase()}://u%40:p@localhost:${broker.ports[Number(nth)]}`
        const pub = await cli(t, 'mqtt-pub', ['-L', `${where}//${scheme}`, '-m', 'x', '-r'], { env })
        assert.deepEqual(pub, QUIET)
        // A second slash belongs to the topic.
        const sub = await cli(t, 'mqtt-sub', ['-L', `${where}//${scheme}`, '-C', 1, '-v'], { env })
        assert.deepEqual(sub, { code: 0, out: `/${scheme} x\n`, err: '' })
        const rr = await cli(t, 'mqtt-rr', ['-L', `${where}/rr`, '-e', 'rr', '-m', 'y'], { env })
        assert.deepEqual(rr, { code: 0, out: 'y\n', err: '' })
      })
    }
    await t.test('1.9: later wins, topics of mqtt-sub add up', async (t) => {
      const args = [
        '-h',
        'nohost.invalid',
        '-p',
        1,
        '-t',
        '/mqtt',
        '-L',
        `mqtt://127.0.0.1:${broker.port}//ws`,
      ]
      const { code, out, err } = await cli(t, 'mqtt-sub', [...args, '-C', 2, '-v'])
      assert.deepEqual(
        { code, lines: out.split('\n').toSorted() },
        { code: 0, lines: ['', '/mqtt x', '/ws x'] },
        err,
      )
    })
  },
)
