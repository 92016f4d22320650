// --tls-keylog: with the file, tshark reads in a capture what it cannot read without.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { capture } from '../support/capture.js'
import { type Certificates, makeCertificates } from '../support/certificates.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { assertQuiet, start, startPub, startSub, temporaryFolder } from '../support/processes.js'

/** Type, topic and payload of the MQTT packets that tshark finds. */
async function dissect(
  t: TestContext,
  path: string,
  port: number,
  more: readonly string[],
): Promise<string[]> {
  const { status, stdout, stderr } = await start(t, 'tshark', [
    ...['-r', path, '-d', `tcp.port==${port},tls`, '-d', `tls.port==${port},mqtt`, '-Y', 'mqtt', ...more],
    ...['-T', 'fields', '-e', 'mqtt.msgtype', '-e', 'mqtt.topic', '-e', 'mqtt.msg'],
  ]).ended
  assert.equal(status, 0, stderr)
  return stdout.toString().split('\n').filter(Boolean)
}

const options = needs('mosquitto', 'openssl', 'tshark', 'dumpcap')
const PUBLISH = 3
const SECRET = 'what nobody may read'

/** What the broker has, what the programs say to it, and the first word of the key log's lines. */
const KINDS = {
  'TLS 1.3': {
    listener: ({ server }: Certificates) => `certfile ${server.cert}\nkeyfile ${server.key}\n`,
    args: ({ ca }: Certificates) => ['--cafile', ca.cert],
    label: 'CLIENT_TRAFFIC_SECRET_0',
  },
  'TLS 1.2 with a pre-shared key': {
    listener: (_: Certificates, folder: string) => `psk_hint hint\npsk_file ${join(folder, 'psk')}\n`,
    args: () => ['--psk', 'c0ffee', '--psk-identity', 'ann'],
    label: 'CLIENT_RANDOM',
  },
}

for (const [name, { listener, args, label }] of Object.entries(KINDS)) {
  test(`sessions of mqtt-pub and mqtt-sub open in tshark, ${name}`, options, async (t) => {
    const folder = temporaryFolder(t)
    const pem = makeCertificates(folder)
    writeFileSync(join(folder, 'psk'), 'ann:c0ffee\n')
    const config = `listener {port} 127.0.0.1\nallow_anonymous true\n${listener(pem, folder)}`
    const mosquitto = await startMosquitto(t, config)
    const { port } = mosquitto
    const end = await capture(t, mosquitto)
    if (end === undefined) return
    const keys = join(folder, 'keys')
    const to = ['-h', 'localhost', '-p', String(port), '--tls-keylog', keys, ...args(pem)]
    const about = ['-t', 'haus/küche', '-q', '1']
    const sub = startSub(t, [...to, ...about, '-i', 'reader', '-C', '1'])
    await mosquitto.subscribed(sub, 'reader', 'haus/küche')
    assertQuiet(await startPub(t, [...to, ...about, '-m', SECRET]).ended)
    assertQuiet(await sub.ended)
    const path = await end()

    const lines = readFileSync(keys, 'latin1').split('\n')
    assert.equal(lines.filter((line) => line.startsWith(`${label} `)).length, 2)
    const message = [PUBLISH, 'haus/küche', Buffer.from(SECRET).toString('hex')].join('\t')
    const found = await dissect(t, path, port, ['-o', `tls.keylog_file:${keys}`])
    const messages = found.map((line) => line.replaceAll(':', '')).filter((line) => line.startsWith('3\t'))
    assert.deepEqual(messages, [message, message], 'sent by mqtt-pub, received by mqtt-sub')
    assert.deepEqual(await dissect(t, path, port, []), [])
  })
}
