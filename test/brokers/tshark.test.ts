// What -d says is what tshark finds on the wire, packet for packet, in each version.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { capture } from '../support/capture.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { type Result, start, startPub, startSub } from '../support/processes.js'

const TYPES = [
  ...['', 'CONNECT', 'CONNACK', 'PUBLISH', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'SUBSCRIBE', 'SUBACK'],
  ...['UNSUBSCRIBE', 'UNSUBACK', 'PINGREQ', 'PINGRESP', 'DISCONNECT', 'AUTH'],
]
// Since MQTT 5 these may leave out a reason code of 0.
const WITH_REASON = ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'DISCONNECT']

/** The fields of a packet that both sides show. */
interface Facts {
  type: string
  flags: number
  length: number
  packetId?: number
  topic?: string
  payloadLength?: number
  protocol?: string
  level?: number
  connectFlags?: number
  keepAlive?: number
  clientId?: string
  willTopic?: string
  willLength?: number
  sessionPresent?: number
  reason?: number
  /** Of SUBSCRIBE and SUBACK. */
  codes?: number
}

interface Dialogue {
  sent: Facts[]
  received: Facts[]
}

// --- what -d says

function saidBy({ stderr }: Result, version: number): Dialogue {
  const dialogue: Dialogue = { sent: [], received: [] }
  for (const line of stderr.split('\n').slice(0, -1)) {
    const [, direction, type, rest] = /^\S+ (sent|received) ([A-Z]+)(.*)$/.exec(line) ?? []
    assert.ok(direction !== undefined && type !== undefined && rest !== undefined, `a line of -d: ${line}`)
    const fields = new Map<string, string>()
    for (const [, name = '', value = ''] of rest.matchAll(/([\w-]+)=("(?:[^"\\]|\\.)*"|\S+)/g)) {
      fields.set(name, value)
    }
    const number = (name: string): number | undefined =>
      fields.has(name) ? Number(fields.get(name)) : undefined
    const text = (name: string): string | undefined =>
      fields.has(name) ? JSON.parse(fields.get(name) ?? '') : undefined
    dialogue[direction as keyof Dialogue].push(
      withoutUndefined({
        type,
        flags: type === 'CONNECT' ? 0 : (number('flags') ?? 0),
        length: number('length') ?? Number.NaN,
        packetId: number('id') || undefined, // -d says 0 where there is none
        topic: text('topic') ?? text('filter'),
        payloadLength: number('payload'),
        protocol: fields.get('protocol'),
        level: number('level'),
        connectFlags: type === 'CONNECT' ? number('flags') : undefined,
        keepAlive: number('keepalive'),
        clientId: text('client-id'),
        willTopic: text('will-topic'),
        willLength: number('will-payload'),
        sessionPresent: number('session-present'),
        reason: number('reason'),
        codes: type === 'SUBSCRIBE' ? wanted(fields, version) : number('codes'),
      }),
    )
  }
  return dialogue
}

function wanted(fields: Map<string, string>, version: number): number {
  return Number(fields.get('qos')) | (version === 5 ? Number(fields.get('options')) : 0)
}

type Loose = { [Name in keyof Facts]?: Facts[Name] | undefined } & Pick<Facts, 'type' | 'flags' | 'length'>

function withoutUndefined(facts: Loose): Facts {
  return Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== undefined),
  ) as unknown as Facts
}

// --- what tshark finds

type Layer = Record<string, string | undefined>

interface Frame {
  _source: { layers: { tcp: Layer; mqtt: Layer | Layer[] } }
}

function foundBy(output: Buffer, port: number, version: number): Dialogue {
  const dialogue: Dialogue = { sent: [], received: [] }
  for (const { _source } of JSON.parse(output.toString()) as Frame[]) {
    const { tcp, mqtt } = _source.layers
    const direction = tcp['tcp.dstport'] === String(port) ? 'sent' : 'received'
    for (const layer of [mqtt].flat()) dialogue[direction].push(factsOf(layer, version))
  }
  return dialogue
}

function factsOf(layer: Layer, version: number): Facts {
  const number = (...names: string[]): number | undefined => {
    const value = names.map((name) => layer[name]).find((each) => each !== undefined)
    return value === undefined ? undefined : Number(value)
  }
  // Bytes are shown in hexadecimal with colons.
  const length = (name: string): number | undefined => {
    const text = layer[name]
    return text === undefined ? undefined : text.split(':').filter((byte) => byte !== '').length
  }
  const header = number('mqtt.hdrflags') ?? Number.NaN
  const type = TYPES[header >> 4] ?? '?'
  const reasons = ['connack', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'disconnect']
  return withoutUndefined({
    type,
    flags: header & 15,
    length: number('mqtt.len') ?? Number.NaN,
    packetId: number('mqtt.msgid'),
    topic: layer['mqtt.topic'],
    payloadLength: length('mqtt.msg'),
    protocol: layer['mqtt.protoname'],
    level: number('mqtt.ver'),
    connectFlags: number('mqtt.conflags'),
    keepAlive: number('mqtt.kalive'),
    clientId: layer['mqtt.clientid'],
    willTopic: layer['mqtt.willtopic'],
    willLength: length('mqtt.willmsg'),
    sessionPresent: type === 'CONNACK' ? (number('mqtt.conack.flags') ?? 0) & 1 : undefined,
    reason:
      number('mqtt.conack.val', ...reasons.map((name) => `mqtt.${name}.reason_code`)) ??
      (version === 5 && WITH_REASON.includes(type) ? 0 : undefined),
    codes: number(
      ...['mqtt.suback.qos', 'mqtt.suback.reason_code', 'mqtt.subscription_options', 'mqtt.sub.qos'],
    ),
  })
}

/** The MQTT packets of one connection, numbered as they were opened. */
async function dissect(t: TestContext, path: string, port: number, connection: number): Promise<Buffer> {
  const { status, stdout, stderr } = await start(t, 'tshark', [
    ...['-r', path, '-d', `tcp.port==${port},mqtt`, '-Y', `mqtt && tcp.stream == ${connection}`],
    ...['-T', 'json', '--no-duplicate-keys', '-j', 'tcp mqtt'],
  ]).ended
  assert.equal(status, 0, stderr)
  return stdout
}

const options = needs('mosquitto', 'tshark', 'dumpcap')
const LINES = ['x', '', 'y'.repeat(300), 'z'.repeat(20_000)]

for (const [name, version] of [
  ['mqttv31', 3],
  ['mqttv311', 4],
  ['mqttv5', 5],
] as const) {
  for (const qos of ['0', '1', '2']) {
    test(`-d and tshark agree in ${name} at QoS ${qos}`, options, async (t) => {
      const mosquitto = await startMosquitto(t)
      const { port } = mosquitto
      const end = await capture(t, mosquitto)
      if (end === undefined) return
      const to = ['-h', '127.0.0.1', '-p', String(port), '-V', name, '-t', 'haus/küche', '-q', qos, '-d']
      const sub = startSub(t, [...to, '-i', 'reader', '-k', '77'])
      await mosquitto.subscribed(sub, 'reader', 'haus/küche')
      const secrets = ['-u', 'somebody', '-P', 's3cret', '--will-topic', 'w', '--will-payload', 'gone']
      const id = version === 3 ? ['-i', 'writer'] : []
      const pub = startPub(t, [...to, ...id, ...secrets, '--will-qos', '1', '-l'], {
        input: LINES.map((line) => `${line}\n`).join(''),
      })
      await sub.prints(LINES.filter((line) => line !== '').length)
      if (qos !== '0') {
        const last = qos === '1' ? 'PUBACK' : 'PUBCOMP'
        await sub.stderr.seen(new RegExp(` sent ${last} id=${LINES.length} `))
      }
      sub.signal('SIGTERM')
      const results = { sub: await sub.ended, pub: await pub.ended }
      for (const { status, stderr } of [results.sub, results.pub]) assert.equal(status, 0, stderr)
      assert.ok(!results.pub.stderr.includes('s3cret'))
      const path = await end()

      const heard = foundBy(await dissect(t, path, port, 0), port, version)
      assert.deepEqual(saidBy(results.sub, version), heard)
      const spoken = foundBy(await dissect(t, path, port, 1), port, version)
      assert.deepEqual(saidBy(results.pub, version), spoken)

      // And the capture is what it should be.
      const types = spoken.sent.map(({ type }) => type)
      const forEach = (type: string): string[] => LINES.map(() => type)
      const releases = qos === '2' ? forEach('PUBREL') : []
      assert.deepEqual(types.toSorted(), ['CONNECT', 'DISCONNECT', ...forEach('PUBLISH'), ...releases])
      const [connected] = spoken.sent
      assert.deepEqual(
        [connected?.protocol, connected?.level, connected?.keepAlive, connected?.willTopic],
        [version === 3 ? 'MQIsdp' : 'MQTT', version, 60, 'w'],
      )
      assert.equal(connected?.connectFlags, 0b1100_1110)
      assert.equal(heard.sent[0]?.clientId, 'reader')
      assert.equal(heard.sent[0]?.keepAlive, 77)
      assert.deepEqual(
        spoken.sent.filter(({ type }) => type === 'PUBLISH').map(({ payloadLength = 0 }) => payloadLength),
        LINES.map((line) => line.length),
      )
    })
  }
}
