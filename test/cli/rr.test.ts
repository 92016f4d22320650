// mqtt-rr: one request, one response, and nothing else taken for it (contract 5 with Q40, Q42 and Q59 to Q63).

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { connect } from '../../src/client/index.js'
import { type Broker, type BrokerLink, broker } from '../broker/broker.js'
import { packet, publish, type Seen, string } from '../broker/wire.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { cli, converse, misuse, rows, start, type Told } from './support.js'

/** Sends a message to the client, in MQTT 5 with properties given in hex. */
function message(link: BrokerLink, topic: string, payload: string, props = '', retain = false): void {
  if (link.level !== 5) return link.send(publish(link.level, topic, payload, { retain }))
  const properties = Buffer.from(props, 'hex')
  link.send(
    packet(retain ? 0x31 : 0x30, string(topic), [properties.length], properties, Buffer.from(payload)),
  )
}

type OnRequest = (link: BrokerLink, request: Seen) => boolean | undefined

/** A broker that does something with the request; true: it needs no acknowledgement any more. */
function answering(t: TestContext, onRequest: OnRequest, onSubscribe?: OnRequest): Promise<Broker> {
  return broker(t, {
    on: (seen, link) => {
      if (seen.name === 'PUBLISH') return onRequest(link, seen)
      return seen.name === 'SUBSCRIBE' ? onSubscribe?.(link, seen) : undefined
    },
  })
}

const ASK = ['-t', 'rq', '-e', 'rs', '-m', 'question']
const at = ({ port }: { port: number }): string[] => ['-h', '127.0.0.1', '-p', String(port)]

async function ask(t: TestContext, args: readonly string[], onRequest: OnRequest): Promise<Told> {
  return cli(t, 'mqtt-rr', [...ASK, ...args, ...at(await answering(t, onRequest))])
}

for (const [version, hello, suback, publishLine, answer] of [
  ['311', '20 02 00 00', '90 03 00 01 00', "30 0c 00 02 'rq' 'question'", "30 04 00 02 'rs'"],
  ['31', '20 02 00 00', '90 03 00 01 00', "30 0c 00 02 'rq' 'question'", "30 05 00 02 'rs' 'a'"],
  [
    '5',
    '20 07 00 00 04 12 "z"',
    '90 04 00 01 00 00',
    "30 12 00 02 'rq' 05 08 00 02 'rs' 'question'",
    "30 06 00 02 'rs' 00 'a'",
  ],
] as const) {
  test(`5: connect, subscribe, publish, print, DISCONNECT (Q59), -V ${version}`, async (t) => {
    const told = await converse(
      t,
      `< CONNECT v=${{ 311: 4, 31: 3, 5: 5 }[version]}
       > ${hello}
       < SUBSCRIBE filters=rs:00
       > ${suback}
       < ${publishLine}
       > ${answer}
       < e0 00`,
      'mqtt-rr',
      [...ASK, '-V', version],
    )
    // An empty response ends the program and prints as in 4.2.
    assert.deepEqual(told, { code: 0, out: answer.includes("'a'") ? 'a\n' : '', err: '' })
  })
}

test('5: an outstanding PUBACK of the request is not awaited', async (t) => {
  const told = await ask(t, ['-q', '1'], (link) => {
    message(link, 'rs', 'a')
    return true
  })
  assert.deepEqual(told, { code: 0, out: 'a\n', err: '' })
})

rows<{ args: readonly string[]; out: string }>(
  'output forms (5, 4.2)',
  [
    { args: [], out: 'a\n' },
    { args: ['-v'], out: 'rs a\n' },
    { args: ['-N'], out: 'a' },
    { args: ['-F', '%t|%p|%l'], out: 'rs|a|1\n' },
    { args: ['-F', '%j', '--pretty', '-N', '-F', '%q'], out: '0' },
  ],
  ({ args }) => args.join(' ') || 'none',
  async (t, { args, out }) => {
    const told = await ask(t, args, (link) => {
      message(link, 'rs', 'a')
      return undefined
    })
    assert.deepEqual(told, { code: 0, out, err: '' })
  },
)

describe('the response topic (issue)', { concurrency: 4 }, () => {
  test('is made up where none is given, another one each time', async (t) => {
    const topics: string[] = []
    const server = await broker(t, {
      on: ({ name, facts }, link) => {
        if (name === 'SUBSCRIBE') topics.push((facts.filters as string).replace(/:..$/, ''))
        if (name === 'PUBLISH') message(link, topics.at(-1) as string, 'a')
        return undefined
      },
    })
    for (let nth = 0; nth < 2; nth++) {
      const told = await cli(t, 'mqtt-rr', ['-t', 'rq', '-m', 'x', ...at(server)])
      assert.deepEqual(told, { code: 0, out: 'a\n', err: '' })
    }
    const [one, other] = topics
    for (const topic of topics) assert.match(topic, /^mqtt-rr\/[0-9a-f]{24}$/)
    assert.notEqual(one, other)
    const named = `08001d${Buffer.from(topics[0] ?? '').toString('hex')}`
    const props = server.messages[0]?.facts.props
    assert.equal(props, named.replace('001d', (topics[0] ?? '').length.toString(16).padStart(4, '0')))
  })
  test('before MQTT 5 it has to be given: nobody else could know it', (t) =>
    misuse(t, 'mqtt-rr', ['-t', 'rq', '-m', 'x', '-V', '311'], ['-e TOPIC', 'MQTT 5']))
})

interface CorrelationRow {
  what: string
  args: readonly string[]
  /** Properties of the first answer, in hex; the second one has the right data. */
  first: string
  out: string
}

const RIGHT = '09 0001 63'.replaceAll(' ', '')
const GIVEN = ['-D', 'publish', 'correlation-data', 'c']

rows<CorrelationRow>(
  'correlation data (5, Q60)',
  [
    { what: 'other data belong to somebody else', args: GIVEN, first: '09000178', out: 'second\n' },
    { what: 'longer data belong to somebody else', args: GIVEN, first: '0900026363', out: 'second\n' },
    { what: 'empty data belong to somebody else', args: GIVEN, first: '090000', out: 'second\n' },
    { what: 'an answer without data is taken', args: GIVEN, first: '', out: 'first\n' },
    { what: 'the same data are taken', args: GIVEN, first: RIGHT, out: 'first\n' },
    { what: 'without data in the request any answer is taken', args: [], first: '09000178', out: 'first\n' },
  ],
  ({ what }) => what,
  async (t, { args, first, out }) => {
    const told = await ask(t, args, (link) => {
      message(link, 'rs', 'first', first)
      message(link, 'rs', 'second', RIGHT)
      return undefined
    })
    assert.deepEqual(told, { code: 0, out, err: '' })
  },
)

test('5: correlation data are only what the user gives', async (t) => {
  const server = await answering(t, (link) => {
    message(link, 'rs', 'a')
    return undefined
  })
  await cli(t, 'mqtt-rr', [...ASK, ...at(server)])
  await cli(t, 'mqtt-rr', [...ASK, ...GIVEN, ...at(server)])
  assert.deepEqual(
    server.messages.map(({ facts }) => facts.props),
    ['0800027273', `${RIGHT}0800027273`],
  )
})

describe('retained answers (Q60)', { concurrency: 4 }, () => {
  for (const version of ['5', '311', '31']) {
    test(`one that comes before the request has left is never the response, -V ${version}`, async (t) => {
      const server = await answering(
        t,
        (link) => {
          message(link, 'rs', 'fresh')
          return undefined
        },
        (link) => {
          // Before the SUBACK, as some brokers do: it has not left in any case.
          message(link, 'rs', 'stale', '', true)
          return undefined
        },
      )
      const told = await cli(t, 'mqtt-rr', [...ASK, '-V', version, ...at(server)])
      assert.deepEqual(told, { code: 0, out: 'fresh\n', err: '' })
    })
    test(`against mosquitto, -V ${version}`, needs('mosquitto'), async (t) => {
      const { port } = await startMosquitto(t)
      const device = await connect({ host: '127.0.0.1', port })
      await device.publish('rs', 'stale', { qos: 1, retain: true })
      await device.subscribe('rq', { qos: 1 })
      void (async () => {
        for await (const { payload } of device.messages())
          await device.publish('rs', `re: ${payload}`, { qos: 1 })
      })()
      const told = await cli(t, 'mqtt-rr', [...ASK, '-q', '1', '-V', version, ...at({ port })])
      await device.disconnect()
      assert.deepEqual(told, { code: 0, out: 're: question\n', err: '' })
    })
  }
  test('one behind the request was stored before it, unless the flag is kept as published', async (t) => {
    const both: OnRequest = (link) => {
      message(link, 'rs', 'retained', '', true)
      message(link, 'rs', 'live')
      return undefined
    }
    assert.equal((await ask(t, [], both)).out, 'live\n')
    assert.equal((await ask(t, ['--retain-as-published'], both)).out, 'retained\n')
    assert.equal((await ask(t, ['--retain-as-published', '-R'], both)).out, 'live\n')
    assert.equal((await ask(t, ['--retain-as-published', '-V', '311'], both)).out, 'live\n')
  })
  test('--retain-as-published: what comes before the PINGRESP is stale', async (t) => {
    const server = await broker(t, {
      on: ({ name }, link) => {
        if (name === 'PINGREQ') message(link, 'rs', 'stale', '', true)
        if (name === 'PUBLISH') message(link, 'rs', 'fresh', '', true)
        return undefined
      },
    })
    const told = await cli(t, 'mqtt-rr', [...ASK, '--retain-as-published', ...at(server)])
    assert.deepEqual(told, { code: 0, out: 'fresh\n', err: '' })
  })
})

test(
  '5: request and response topic equal: the request itself is the response',
  needs('mosquitto'),
  async (t) => {
    const { port } = await startMosquitto(t)
    const told = await cli(t, 'mqtt-rr', ['-t', 'same', '-e', 'same', '-m', 'echo', ...at({ port })])
    assert.deepEqual(told, { code: 0, out: 'echo\n', err: '' })
  },
)

describe('endings without a response', { concurrency: 4 }, () => {
  for (const [version, suback, code] of [
    ['5', '9004000100' + '87', 0x87],
    ['311', '9003000180', 128],
    ['31', '9003000180', 128],
  ] as const) {
    test(`Q42: a refused subscription: exit with the refusal, naming it; no request, -V ${version}`, async (t) => {
      const server = await answering(
        t,
        () => undefined,
        (link) => {
          link.send(Buffer.from(suback, 'hex'))
          return true
        },
      )
      const told = await cli(t, 'mqtt-rr', [...ASK, '-V', version, ...at(server)])
      assert.deepEqual({ code: told.code, out: told.out }, { code, out: '' })
      assert.match(told.err, /^mqtt-rr: error: .*'rs'/)
      assert.deepEqual(
        server.seen.map(({ name }) => name),
        ['CONNECT', 'SUBSCRIBE', 'DISCONNECT'],
      )
    })
  }
  test('Q61: a refused request (PUBACK): exit with the reason code', async (t) => {
    const told = await ask(t, ['-q', '1'], (link) => {
      link.send(
        Buffer.from('400300' + '02' + '87', 'hex'),
        Buffer.from('40030001' + '87', 'hex').subarray(0, 0),
      )
      return true
    })
    assert.equal(told.code, 0x87, told.err)
    assert.match(told.err, /'rq'.*not authorized/i)
  })
  test('PUBACK 16 (no matching subscribers) is not a refusal', async (t) => {
    const told = await ask(t, ['-q', '1'], (link, { facts }) => {
      link.send(Buffer.from(`4003000${facts.id}10`, 'hex'))
      message(link, 'rs', 'a')
      return true
    })
    assert.deepEqual(told, { code: 0, out: 'a\n', err: '' })
  })
  for (const [reason, code] of [
    ['00', 4],
    ['8b', 0x8b],
  ] as const) {
    test(`Q40: server DISCONNECT 0x${reason} while waiting: exit ${code}, naming the reason`, async (t) => {
      const told = await ask(t, [], (link) => {
        link.send(Buffer.from(`e001${reason}`, 'hex'))
        return true
      })
      assert.deepEqual({ code: told.code, out: told.out }, { code, out: '' })
      assert.match(told.err, /DISCONNECT/)
    })
  }
  test('5: connection lost while waiting: exit 7, no reconnect', async (t) => {
    const server = await answering(t, ({ socket }) => {
      socket.end()
      return true
    })
    const told = await cli(t, 'mqtt-rr', [...ASK, ...at(server)])
    assert.deepEqual(
      { code: told.code, out: told.out, links: server.links.length },
      { code: 7, out: '', links: 1 },
    )
    assert.match(told.err, /error/)
  })
  for (const [version, connack, code, words] of [
    ['311', '20020005', 5, /not authorized/i],
    ['311', '20020002', 2, /identifier rejected/i],
    ['5', '2003008700', 0x87, /not authorized/i],
  ] as const) {
    test(`Q63: a refused CONNECT in the words of its version: -V ${version}, ${connack}`, async (t) => {
      const server = await broker(t, { connack: () => Buffer.from(connack, 'hex') })
      const told = await cli(t, 'mqtt-rr', [...ASK, '-V', version, ...at(server)])
      assert.equal(told.code, code)
      assert.match(told.err, words)
    })
  }
  test('QoS above the maximum of the server: exit 24 with an error', async (t) => {
    // Assigned Client Identifier z and Maximum QoS 0.
    const server = await broker(t, { connack: () => Buffer.from('20090000061200017a2400', 'hex') })
    const told = await cli(t, 'mqtt-rr', [...ASK, '-q', '1', ...at(server)])
    assert.deepEqual({ code: told.code, out: told.out }, { code: 24, out: '' })
    assert.match(told.err, /QoS/)
  })
  test('packet above the maximum of the server: exit 25 with an error', async (t) => {
    // Assigned Client Identifier z and Maximum Packet Size 30.
    const server = await broker(t, { connack: () => Buffer.from('200c0000091200017a270000001e', 'hex') })
    const told = await cli(t, 'mqtt-rr', ['-t', 'rq', '-e', 'rs', '-m', 'x'.repeat(50), ...at(server)])
    assert.deepEqual({ code: told.code, out: told.out }, { code: 25, out: '' })
    assert.match(told.err, /30/)
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal}: default action, no DISCONNECT`, async (t) => {
      const server = await answering(t, () => undefined)
      const running = start(t, 'mqtt-rr', [...ASK, ...at(server)])
      await server.until(() => server.messages.length === 1)
      running.kill(signal)
      assert.equal((await running.done).signal, signal)
      await server.until(() => server.links[0]?.socket.destroyed === true)
      assert.equal(server.seen.at(-1)?.name, 'PUBLISH')
    })
  }
})

rows<{ what: string; args: readonly string[]; out: RegExp }>(
  '--latency (5)',
  [
    { what: 'a line of its own', args: [], out: /^a\nLatency: (\d+ ns|\d+\.\d{6} (µs|ms)|\d+\.\d{9})\n$/ },
    { what: 'with -N too', args: ['-N'], out: /^aLatency: (\d+ ns|\d+\.\d{6} (µs|ms)|\d+\.\d{9})\n$/ },
  ],
  ({ what }) => what,
  async (t, { args, out }) => {
    const told = await ask(t, ['--latency', ...args], (link) => {
      message(link, 'rs', 'a')
      return undefined
    })
    assert.deepEqual({ code: told.code, err: told.err }, { code: 0, err: '' })
    assert.match(told.out, out)
  },
)

test('--latency: seconds with nine digits from one second on (5)', async (t) => {
  const told = await ask(t, ['--latency'], (link) => {
    setTimeout(() => message(link, 'rs', 'a'), 1_050)
    return undefined
  })
  assert.match(told.out, /^a\nLatency: [1-9]\d*\.\d{9}\n$/)
})

test('Q62: --latency prints nothing where no response came', async (t) => {
  const told = await ask(t, ['--latency', '-W', '0.2'], () => undefined)
  assert.deepEqual({ code: told.code, out: told.out }, { code: 27, out: '' })
})
