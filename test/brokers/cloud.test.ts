// The commands of README for cloud brokers, as they stand there, against local brokers that ask for the same: only the
// host and the port are others.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { broker } from '../broker/broker.js'
import { type Certificates, makeCertificates } from '../support/certificates.js'
import { type Mosquitto, needs, startMosquitto } from '../support/mosquitto.js'
import {
  assertQuiet,
  findCommand,
  newFolder,
  type Running,
  start,
  temporaryFolder,
} from '../support/processes.js'
import { listen } from '../transport/support.js'

const BIN = fileURLToPath(new URL('../../bin', import.meta.url))
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const PASSWORD = 'geheim-4711'

/** The mqtt-sub and the mqtt-pub of README that name this host. */
function recipe(host: string): { sub: string; pub: string } {
  const lines = README.split('\n').filter((line) => line.startsWith('mqtt-') && line.includes(host))
  const [sub, pub] = ['mqtt-sub ', 'mqtt-pub '].map((name) => lines.filter((line) => line.startsWith(name)))
  assert.equal(sub?.length, 1)
  assert.equal(pub?.length, 1)
  return { sub: sub[0] as string, pub: pub[0] as string }
}

interface Place {
  port: number
  /** Stands for the user's home and for the folder the commands run in. */
  folder: string
  env?: Readonly<Record<string, string>>
}

/** Runs the recipe: what is published arrives. */
async function runRecipe(
  t: TestContext,
  { sub, pub }: { sub: string; pub: string },
  mosquitto: Mosquitto,
  { port, folder, env = {} }: Place,
): Promise<string> {
  const shell = (line: string, more: string): Running => {
    const set = { HOME: folder, PATH: `${BIN}${delimiter}${process.env.PATH}`, ...env }
    const words = Object.entries(set).map(([name, value]) => `${name}=${value}`)
    const command = `cd "$HOME" && exec ${line} -h localhost -p ${port} ${more}`
    return start(t, '/usr/bin/env', [...words, 'sh', '-c', command])
  }
  const reader = shell(sub, '-i reader -C 1')
  await mosquitto.subscribed(reader, 'reader', /-t '(.*?)'/.exec(sub)?.[1] ?? '')
  assertQuiet(await shell(pub, '').ended)
  const result = await reader.ended
  assertQuiet(result)
  return result.stdout.toString()
}

const options = needs('mosquitto', 'mosquitto_passwd', 'openssl')
let pem: Certificates
before(() => {
  if (options.skip === undefined) pem = makeCertificates(newFolder())
})

/** A home with the password in it, and what a broker needs that asks for it. */
function home(t: TestContext): { folder: string; asks: string } {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, '.mqtt-password'), `${PASSWORD}\n`, { mode: 0o600 })
  const passwords = join(folder, 'passwords')
  execFileSync(findCommand('mosquitto_passwd') ?? '', ['-b', '-c', passwords, 'me', PASSWORD])
  return { folder, asks: `allow_anonymous false\npassword_file ${passwords}\n` }
}

describe('recipes of README', { concurrency: 2, ...options }, () => {
  test('AWS IoT Core: ALPN and a client certificate on one port', async (t) => {
    const mosquitto = await startMosquitto(t)
    const folder = temporaryFolder(t)
    cpSync(pem.ca.cert, join(folder, 'AmazonRootCA1.pem'))
    cpSync(pem.client.cert, join(folder, 'device.pem.crt'))
    cpSync(pem.client.key, join(folder, 'private.pem.key'))
    const met: unknown[] = []
    const server = createServer(
      {
        cert: readFileSync(pem.server.cert),
        key: readFileSync(pem.server.key),
        ca: readFileSync(pem.ca.cert),
        requestCert: true,
        ALPNProtocols: ['x-amzn-mqtt-ca'],
      },
      (socket) => {
        met.push([socket.alpnProtocol, socket.getPeerCertificate().subject.CN])
        if (socket.alpnProtocol === false) return socket.destroy()
        const onward = connect(mosquitto.port, '127.0.0.1').on('error', () => {})
        socket
          .on('error', () => {})
          .pipe(onward)
          .pipe(socket)
      },
    )
    const place = { port: await listen(t, server), folder }
    const lines = recipe('amazonaws.com')
    assert.equal(await runRecipe(t, lines, mosquitto, place), 'house/t 21.5\n')
    assert.deepEqual(met, [
      ['x-amzn-mqtt-ca', 'client'],
      ['x-amzn-mqtt-ca', 'client'],
    ])
  })

  test('HiveMQ Cloud: TLS with a CA of the operating system, user name and password', async (t) => {
    const { folder, asks } = home(t)
    const listener = `listener {port} 127.0.0.1\ncertfile ${pem.server.cert}\nkeyfile ${pem.server.key}\n`
    const mosquitto = await startMosquitto(t, asks + listener)
    const env = { SSL_CERT_FILE: pem.ca.cert }
    // Here the port does not say that it is for TLS, as 8883 does there.
    const { sub, pub } = recipe('hivemq.cloud')
    for (const line of [sub, pub]) assert.ok(line.includes(' -p 8883 '))
    const lines = { sub: `${sub} --tls-use-os-certs`, pub: `${pub} --tls-use-os-certs` }
    const out = await runRecipe(t, lines, mosquitto, { port: mosquitto.port, folder, env })
    assert.equal(out, 'house/t 21.5\n')
  })

  test('EMQX Cloud: secure WebSocket with a CA of the operating system', async (t) => {
    const { folder, asks } = home(t)
    const plain = 'listener {port2} 127.0.0.1\n' // version 2.0.11 does not start with WebSocket alone
    const listener = `listener {port} 127.0.0.1\nprotocol websockets\ncertfile ${pem.server.cert}\nkeyfile ${pem.server.key}\n`
    const mosquitto = await startMosquitto(t, asks + plain + listener)
    const env = { SSL_CERT_FILE: pem.ca.cert }
    const out = await runRecipe(t, recipe('emqxsl.com'), mosquitto, { port: mosquitto.port, folder, env })
    assert.equal(out, 'house/t 21.5\n')
  })

  test('Azure IoT Hub: TLS, the user name of the device, and a token from a command at every connect', async (t) => {
    const folder = temporaryFolder(t)
    // A new token each time: one that is shown again has expired.
    const token =
      '#!/bin/sh\necho token >> "$HOME/tokens"\necho "SharedAccessSignature $* $(wc -l < "$HOME/tokens")"\n'
    writeFileSync(join(folder, 'sas-token'), token, { mode: 0o755 })
    const hub = await broker(t, {
      on: ({ name }, { nth, socket }) => {
        if (name !== 'PUBLISH' || nth > 1) return false
        socket.destroy()
        return true
      },
    })
    const pair = { cert: readFileSync(pem.server.cert), key: readFileSync(pem.server.key) }
    const port = await listen(
      t,
      createServer(pair, (socket) => {
        const onward = connect(hub.port, '127.0.0.1').on('error', () => {})
        onward.on('close', () => socket.destroy())
        socket
          .on('error', () => {})
          .pipe(onward)
          .pipe(socket)
      }),
    )
    const line = README.split('\n').find((each) => each.includes('azure-devices.net')) ?? ''
    const pub = `printf 21.5 | ${line.replace('-m 21.5', '-l')} -h localhost -p ${port} --cafile ${pem.ca.cert}`
    const set = [`HOME=${folder}`, `PATH=${folder}:${BIN}${delimiter}${process.env.PATH}`]
    const { status, stderr } = await start(t, '/usr/bin/env', [...set, 'sh', '-c', pub]).ended
    assert.equal(status, 0, stderr)
    assert.deepEqual(
      hub.seen
        .filter(({ name }) => name === 'CONNECT')
        .map(({ facts }) => [facts.id, facts.user, facts.password]),
      [1, 2].map((nth) => {
        const user = 'myhub.azure-devices.net/mydevice/?api-version=2021-04-12'
        return ['mydevice', user, `SharedAccessSignature myhub mydevice ${nth}`]
      }),
    )
    assert.deepEqual(
      hub.messages.map(({ facts }) => [facts.topic, String(facts.payload)]),
      Array(2).fill(['devices/mydevice/messages/events/', '21.5']),
    )
  })

  for (const [name, topic, says] of [
    [
      'Home Assistant',
      'homeassistant/#',
      /^homeassistant\/sensor\/garden\/config \{"name": "Garden", .*\}\n$/,
    ],
    ['Zigbee2MQTT', 'zigbee2mqtt/#', /"topic":"zigbee2mqtt\/lamp\/set".*"payload":\{"state":"TOGGLE"\}\}\n$/],
  ] as const) {
    test(`${name}: a local mosquitto with a password file`, async (t) => {
      const { folder, asks } = home(t)
      const mosquitto = await startMosquitto(t, `${asks}listener {port} 127.0.0.1\n`)
      const [root = ''] = topic.split('/')
      const lines = README.split('\n').filter(
        (line) => line.includes(' homeassistant.local ') && line.includes(`${root}/`),
      )
      const [sub = '', pub = ''] = lines
      assert.equal(lines.length, 2)
      assert.match(await runRecipe(t, { sub, pub }, mosquitto, { port: mosquitto.port, folder }), says)
    })
  }
})
