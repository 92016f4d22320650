// Every entry of the malformed catalogue (test/vectors) against a program: its status, what it says to the broker and
// to the user. MQTT 3.1 where it differs from 3.1.1.

import assert from 'node:assert/strict'
import type { Version } from '../../src/packet/index.js'
import { type BrokerLink, broker, type Policy } from '../broker/broker.js'
import { packet, publish, type Seen, u16, Wire } from '../broker/wire.js'
import { cases, MALFORMED, type Malformed, type Reaction, unhex } from '../packet/vectors.js'
import { serve } from '../transport/support.js'
import { framesOf, switching, upgrades } from '../transport/web-socket-server.js'
import { rows, start } from './support.js'

interface Row {
  entry: Malformed
  version: Version
  expected: Reaction
}

type Setup = NonNullable<Malformed['setup']>

const NAMES = { 3: 'mqttv31', 4: 'mqttv311', 5: 'mqttv5' } as const
/** Used as an option, they say what CONNECT has. */
const OPTIONS = {
  authenticationMethod: 'authentication-method',
  topicAliasMaximum: 'topic-alias-maximum',
  maximumPacketSize: 'maximum-packet-size',
  receiveMaximum: 'receive-maximum',
  requestProblemInformation: 'request-problem-information',
} as const

const ROWS: readonly Row[] = MALFORMED.flatMap((entry) =>
  cases(entry)
    .filter(
      ({ version, expected }) => version !== 3 || JSON.stringify(expected) !== JSON.stringify(entry.v311),
    )
    .map(({ version, expected }) => ({ entry, version, expected })),
)

function connectArgs({ connect = {} }: Setup): (string | number)[] {
  const { clientId = 'c1' } = connect
  const args: (string | number)[] = clientId === '' ? [] : ['-i', clientId]
  for (const [key, name] of Object.entries(OPTIONS)) {
    const value = connect[key as keyof typeof OPTIONS]
    if (value !== undefined) args.push('-D', 'connect', name, value)
  }
  return args
}

/** The bytes as they are for this program, whose first request has identifier 1. */
function bytesFor({ setup = {} }: Malformed, { hex }: Reaction): Buffer {
  const bytes = unhex(hex)
  const request = setup.inFlight?.find(({ type }) => type === 'subscribe' || type === 'unsubscribe')
  if (request !== undefined && bytes.length >= 4 && bytes.readUInt16BE(2) === request.packetId) {
    bytes.writeUInt16BE(1, 2)
  }
  return bytes
}

/** Which program comes into the situation of the row, and how. */
function programFor(setup: Setup): {
  program: 'mqtt-pub' | 'mqtt-sub'
  args: (string | number)[]
  input?: string
} {
  const [work] = setup.awaiting === undefined ? (setup.inFlight ?? []) : []
  if (work?.type === 'publish' || work?.type === 'pubrel') {
    const input = Array.from({ length: work.packetId }, (_, at) => `${at + 1}\n`).join('')
    return { program: 'mqtt-pub', args: ['-t', 's', '-l', '-q', work.qos ?? 2], input }
  }
  if (work?.type === 'unsubscribe') return { program: 'mqtt-sub', args: ['-U', 's'] }
  return { program: 'mqtt-sub', args: ['-t', 's', ...(work?.filters === 2 ? ['-t', 'r'] : [])] }
}

/** A broker that sends the bad bytes when the situation has come about. */
function policyFor({ entry, version, expected }: Row): Policy {
  const { setup = {} } = entry
  const [work] = setup.inFlight ?? []
  const bad = bytesFor(entry, expected)
  const strike = (link: BrokerLink): true => {
    link.send(bad)
    if (setup.fin) link.socket.end()
    return true
  }
  const method = setup.connect?.authenticationMethod
  const properties =
    method === undefined ? [0] : [3 + method.length, 0x15, ...u16(method.length), ...Buffer.from(method)]
  const on = ({ name, facts }: Seen, link: BrokerLink): boolean => {
    if (setup.awaiting !== undefined) return name === 'CONNECT' ? strike(link) : false
    const struck = {
      publish: 'PUBLISH',
      pubrel: 'PUBREL',
      subscribe: 'SUBSCRIBE',
      unsubscribe: 'UNSUBSCRIBE',
    }
    if (work !== undefined) {
      const id = work.type === 'subscribe' || work.type === 'unsubscribe' ? 1 : work.packetId
      return name === struck[work.type] && facts.id === String(id) ? strike(link) : false
    }
    if (name !== 'SUBSCRIBE') return false
    link.send(packet(0x90, u16(Number(facts.id)), version === 5 ? [0, 0] : [0]))
    if (setup.before === undefined || link.nth > 1) return strike(link)
    link.send(unhex(setup.before))
    link.socket.end()
    return true
  }
  return { on, connack: () => packet(0x20, [0, 0], version === 5 ? properties : []) }
}

/** What good packets in front of the bad one have printed. */
const PRINTED: Readonly<Record<string, string>> = { 'M-122': 'hi\n' }
/** Accepted as an answer, but as one that refuses. */
const REFUSED = ['M-154', 'M-155']
/** 5.0 has no CONNACK code 1: it is reported as the code that 5.0 has for it. */
const CODE: Readonly<Record<string, number>> = { 'M-034': 0x84 }

rows<Row>(
  'the malformed catalogue against the programs (P7)',
  ROWS,
  ({ entry, version, expected }) =>
    `${entry.no} ${NAMES[version]}: ${entry.what}: ${expected.reaction} [${entry.source}]`,
  async (t, row) => {
    const { entry, version, expected } = row
    const server = await broker(t, policyFor(row))
    const { program, args, input = '' } = programFor(entry.setup ?? {})
    const where = ['-h', '127.0.0.1', '-p', server.port, '-V', NAMES[version]]
    const run = start(t, program, [...where, ...connectArgs(entry.setup ?? {}), ...args], { input })
    const left = (): number[] =>
      server.seen.filter(({ name }) => name === 'DISCONNECT').map(({ facts }) => Number(facts.reason))
    const end = async (): Promise<{ code: number | null; out: string; err: string }> => {
      const { code, stdout, stderr } = await run.done
      await server.until(() => server.links.every(({ socket }) => socket.closed))
      return { code, out: stdout.toString(), err: stderr.toString() }
    }
    const reaction = expected.optional ? 'accept' : expected.reaction
    if (reaction === 'close') {
      const { code, out, err } = await end()
      assert.equal(out, PRINTED[entry.no] ?? '')
      const lines = err.trimEnd().split('\n')
      const fault = lines.filter((line) => / error: (malformed|illegal) \S+: .+ \[.+\]$/.test(line))
      assert.equal(fault.length, 1, err)
      const others = lines.filter((line) => !fault.includes(line))
      const expectedOthers =
        program === 'mqtt-pub' ? /^mqtt-pub: \d+ of 10 message\(s\) not confirmed$/ : /^.*connect.*again.*$/
      for (const line of others) assert.match(line, expectedOthers)
      const [reason, ...more] = left()
      assert.deepEqual(more, [])
      if (version !== 5) {
        assert.equal(reason, undefined, 'no DISCONNECT before MQTT 5, or the will would not be sent')
        assert.ok(code === 21 || code === 2, `status ${code}`)
      } else {
        assert.ok(
          (expected.codes ?? []).includes(reason ?? -1),
          `DISCONNECT ${reason}, permitted ${expected.codes}`,
        )
        assert.equal(code, reason === 0x81 ? 21 : 2)
      }
    } else if (reaction === 'refused' || (reaction === 'disconnected' && entry.setup?.awaiting)) {
      const { code, out, err } = await end()
      assert.deepEqual(
        { code, out, left: left() },
        { code: CODE[entry.no] ?? expected.code, out: '', left: [] },
      )
      assert.match(err, /^mqtt-sub: error: broker (refused CONNECT|sent DISCONNECT): .+\n$/)
    } else if (reaction === 'lost' || reaction === 'disconnected') {
      await run.saw('err', /; connecting again in [\d.]+ s\n/)
      run.kill('SIGTERM')
      assert.equal((await end()).out, '')
    } else if (program === 'mqtt-pub') {
      const { code, err } = await end()
      assert.deepEqual({ code, err }, { code: 0, err: '' })
    } else if (REFUSED.includes(entry.no)) {
      const { code, err } = await end()
      assert.equal(code, 0x80, err)
    } else {
      await server.until(() => server.seen.some(({ name }) => /^(UN)?SUBSCRIBE$/.test(name)))
      server.links[0]?.send(publish(version, 's', 'good'))
      await run.saw('out', /good\n$/)
      const { answer } = expected
      if (answer !== undefined) {
        await server.until(() => server.seen.some(({ bytes }) => bytes.toString('hex') === answer))
      }
      assert.deepEqual(left(), [])
      run.kill('SIGTERM')
      const { code, err } = await end()
      assert.deepEqual({ code, err }, { code: 0, err: '' })
    }
  },
)

interface WebRow {
  no: string
  what: string
  /** The answer to the upgrade. */
  answer: (accept: string) => string
  /** Frames behind it, as hex; those of the second list follow the SUBSCRIBE. */
  greeting?: string
  later?: string
  code: number
  says: RegExp
  /** Of the DISCONNECT in MQTT 5. */
  reason?: number
  /** Status of the close frame, where one is due. */
  closing?: number
}

const CONNACK = { 4: '820420020000', 5: '82052003000000' } as const
const WEB_SUBACK = { 4: '82059003000100', 5: '8206900400010000' } as const
const GREETING = 'greeting'

rows<WebRow & { version: 4 | 5 }>(
  'the malformed catalogue over WebSocket (P7)',
  (
    [
      {
        no: 'M-190',
        what: 'CONNACK inside a text frame',
        answer: switching('mqtt'),
        greeting: '810420020000',
        code: 7,
        says: /sent a text frame, but MQTT goes in binary ones \[MQTT-6\.0\.0-1\]/,
        closing: 1003,
      },
      {
        no: 'M-191',
        what: 'another subprotocol',
        answer: switching('mqttv5'),
        code: 13,
        says: /'mqttv5' instead of 'mqtt'/,
      },
      { no: 'M-192', what: 'no subprotocol', answer: switching(undefined), code: 13, says: /no subprotocol/ },
      {
        no: 'M-193',
        what: 'a bad packet inside a good binary frame',
        answer: switching('mqtt'),
        greeting: GREETING,
        later: '82020000',
        code: 21,
        says: /malformed packet: packet type 0 is reserved/,
        reason: 0x81,
      },
      {
        no: 'M-194',
        what: 'the end in the middle of a packet',
        answer: switching('mqtt'),
        greeting: GREETING,
        later: '8203300a008800',
        code: 7,
        says: /in the middle of a packet \(3 bytes of it came\)/,
      },
    ] as readonly WebRow[]
  ).flatMap((row) => ([4, 5] as const).map((version) => ({ ...row, version }))),
  ({ no, what, version }) => `${no} ${NAMES[version]}: ${what}`,
  async (t, { answer, greeting = '', later = '', code, says, reason, closing, version }) => {
    let left: number | undefined
    let closed: number | undefined
    const port = await serve(
      t,
      upgrades(answer, (socket) => {
        const wire = new Wire()
        socket.on('data', (chunk: Buffer) => {
          for (const { first, masked, payload } of framesOf(chunk)) {
            assert.ok(masked)
            if (first === 0x88 && payload.length >= 2) closed = payload.readUInt16BE()
            if (first === 0x82) wire.push(payload)
          }
          for (let seen = wire.next(); seen !== undefined; seen = wire.next()) {
            if (seen.name === 'CONNECT')
              socket.write(unhex(greeting === GREETING ? CONNACK[version] : greeting))
            if (seen.name === 'SUBSCRIBE') socket.write(unhex(WEB_SUBACK[version] + later))
            if (seen.name === 'DISCONNECT') left = Number(seen.facts.reason)
          }
        })
      }),
    )
    const where = ['-h', '127.0.0.1', '-p', port, '-V', NAMES[version]]
    const args = [...where, '--ws', '-t', 's', '-i', 'me', '--max-reconnects', 0]
    const { code: status, stdout, stderr } = await start(t, 'mqtt-sub', args).done
    assert.deepEqual({ status, out: stdout.toString() }, { status: code, out: '' }, stderr.toString())
    assert.match(stderr.toString(), says)
    assert.equal(left, version === 5 ? reason : undefined)
    if (closing !== undefined) assert.equal(closed, closing)
  },
)
