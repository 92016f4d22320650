// mqtt-sub: what is printed, when it ends, and with which status.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { accepted, type BrokerLink, broker, mute } from '../broker/broker.js'
import { WELCOME } from '../broker/script.js'
import { packet, publish } from '../broker/wire.js'
import { deadPort } from '../support/ports.js'
import { type Args, cli, converse, QUIET, start, told } from '../support/run.js'

interface Sent {
  topic?: string
  payload?: string | Uint8Array
  qos?: 0 | 1 | 2
  id?: number
  retain?: boolean
}

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, at) => at))

/** What mqtt-sub prints when these messages come; it ends after `count` of them. */
async function printed(
  t: TestContext,
  args: Args,
  messages: readonly Sent[],
  count = messages.length,
): Promise<Buffer> {
  const server = await broker(t, {
    on: ({ name }, link) => {
      if (name !== 'SUBSCRIBE') return false
      link.send(packet(0x90, [0, 1], link.level === 5 ? [0] : [], [0]))
      for (const { topic = 'fmt/p', payload = 'hello', ...rest } of messages) {
        link.send(publish(link.level, topic, payload, rest))
      }
      return true
    },
  })
  const run = await cli(t, 'mqtt-sub', [
    '-h',
    '127.0.0.1',
    '-p',
    server.port,
    '-t',
    '#',
    '-C',
    count,
    ...args,
  ])
  assert.deepEqual({ ...told(run), out: '' }, QUIET)
  return run.stdout
}

describe('mqtt-sub', { concurrency: 3 }, () => {
  describe('waits that have to be long', { concurrency: 8 }, () => {
    test('-W 1 against a server that never answers: exit 27 with a note (Q22)', async (t) => {
      const { port } = await mute(t)
      const run = told(await cli(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', port, '-t', 'a', '-W', 1]))
      assert.equal(run.code, 27)
      assert.match(run.err, /^mqtt-sub: .*timed out.*\n$/)
      assert.equal(run.out, '')
    })

    test('-W 3 without a SUBACK: exit 27', async (t) => {
      const run = await converse(t, '< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\n< DISCONNECT', 'mqtt-sub', [
        ...['-t', 'a', '-W', 3],
      ])
      assert.equal(run.code, 27)
    })

    for (const [version, reason] of [
      ['311', 0],
      ['5', 4],
    ] as const) {
      test(`-W 3 with a message: it is printed, DISCONNECT reason ${reason}, exit 27, -V ${version}`, async (t) => {
        const level = version === '5' ? 5 : 4
        const run = await converse(
          t,
          `
          < CONNECT v=${level}
          ${WELCOME[level]}
          < SUBSCRIBE
          > ${level === 5 ? '90 04 00 01 00 00 | 30 05 "a" 00 78' : '90 03 00 01 00 | 30 04 "a" 78'}
          < DISCONNECT reason=${reason}`,
          'mqtt-sub',
          ['-V', version, '-t', 'a', '-W', 3],
        )
        assert.equal(run.code, 27)
        assert.equal(run.out, 'x\n')
        assert.match(run.err, /^mqtt-sub: .*timed out.*\n$/)
      })
    }

    test('-W 1 --quiet says nothing, exit 27', async (t) => {
      const { port } = await mute(t)
      const run = told(
        await cli(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', port, '-t', 'a', '-W', 1, '--quiet']),
      )
      assert.deepEqual(run, { code: 27, out: '', err: '' })
    })

    test('no CONNACK within -k 5: exit 19, naming CONNACK (Q66)', async (t) => {
      const { port } = await mute(t)
      const run = told(await cli(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', port, '-t', 'a', '-k', 5]))
      assert.equal(run.code, 19)
      assert.match(run.err, /^mqtt-sub: error: .*CONNACK.*\n$/)
    })

    test('no SUBACK within -k 5: exit 19, naming SUBACK (Q66)', async (t) => {
      const server = await broker(t, { on: ({ name }) => name === 'SUBSCRIBE' })
      const run = told(await cli(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', '-k', 5]))
      assert.equal(run.code, 19)
      assert.match(run.err, /^mqtt-sub: error: .*SUBACK.*\n$/)
    })

    test('a stream of incoming messages does not put PINGREQ off (F10)', async (t) => {
      const timers = new Set<NodeJS.Timeout>()
      t.after(() => {
        for (const timer of timers) clearInterval(timer)
      })
      const server = await broker(t, {
        on: ({ name }, link) => {
          if (name === 'SUBSCRIBE') {
            timers.add(setInterval(() => link.send(publish(4, 'a', 'x')), 200))
          }
          return false
        },
      })
      start(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', '-k', 5])
      await server.until(() => server.seen.some(({ name }) => name === 'PINGREQ'))
    })
  })

  describe('output (4.2, 4.3, 4.4)', { concurrency: 4 }, () => {
    // Rows of contract 4.2 and 9.2: topic fmt/p, payload hello, QoS 1, retained, packet identifier 1.
    const MESSAGE: Sent = { qos: 1, id: 1, retain: true }
    const formats: readonly [args: Args, output: string][] = [
      [[], 'hello\n'],
      [['-N'], 'hello'],
      [['-v'], 'fmt/p hello\n'],
      [['-v', '-N'], 'fmt/p hello'],
      [['-F', '%p'], 'hello\n'],
      [['-F', '%p', '-N'], 'hello'],
      [['-F', '%p', '-v'], 'hello\n'],
      [['-F', ''], '\n'],
      [['-F', '%t %q %r %l %m %p %%'], 'fmt/p 1 1 5 1 hello %\n'],
      [['-F', '[%.2t]'], '[fm]\n'],
      [['-F', '[%10t]'], '[     fmt/p]\n'],
      [['-F', '[%-10t]'], '[fmt/p     ]\n'],
      [['-F', '[%10l]'], '[         5]\n'],
      [['-F', '[%010l]'], '[0000000005]\n'],
      [['-F', '[%-010l]'], '[5         ]\n'],
      [['-F', '[%10q]'], '[1]\n'],
      [['-F', '[%3m]'], '[  1]\n'],
      [['-F', '[%03m]'], '[001]\n'],
      [['-F', '[%10%]'], '[%]\n'],
      [['-F', '[%10p]'], '[     hello]\n'],
      [['-F', '[%-10p]'], '[hello     ]\n'],
      [['-F', '[%010p]'], '[00000hello]\n'],
      [['-F', '[%3p]'], '[hel]\n'],
      [['-F', '[%.3p]'], '[hello]\n'],
      [['-F', '[%-p]'], '[hello]\n'],
      [['-F', '[%#t]'], '[fmt/p]\n'],
      [['-F', '\\\\ \\0 \\a \\e \\n \\r \\t \\v'], '\\ \0 \x07 \x1b \n \r \t \x0b\n'],
      [['-F', 'grüße %p ∞'], 'grüße hello ∞\n'],
    ]
    for (const [args, output] of formats) {
      test(`${args.join(' ') || 'no option'} prints ${JSON.stringify(output)}`, async (t) => {
        assert.equal((await printed(t, [...args, '-q', 1], [MESSAGE])).toString(), output)
      })
    }

    for (const [args, output] of [
      [[], ''],
      [['-N'], ''],
      [['-v'], 'fmt/p (null)\n'],
      [['-F', '[%p]'], '[]\n'],
      [['-F', '[%p]', '-N'], '[]'],
      [['-F', '[%3l]'], '[  0]\n'],
    ] as const) {
      test(`an empty payload with ${args.join(' ') || 'no option'} prints ${JSON.stringify(output)} and counts`, async (t) => {
        assert.equal((await printed(t, args, [{ payload: '' }])).toString(), output)
      })
    }

    for (const version of ['31', '311', '5']) {
      test(`all 256 bytes and 3 MB pass unchanged, -V ${version} (P4)`, async (t) => {
        const large = Buffer.alloc(3_000_000, ALL_BYTES)
        const out = await printed(t, ['-N', '-V', version], [{ payload: ALL_BYTES }, { payload: large }])
        assert.ok(out.equals(Buffer.concat([ALL_BYTES, large])))
      })
    }

    test('-F with %p passes bytes that are not UTF-8', async (t) => {
      const out = await printed(t, ['-F', '<%p>', '-N'], [{ payload: ALL_BYTES }])
      assert.ok(out.equals(Buffer.concat([Buffer.from('<'), ALL_BYTES, Buffer.from('>')])))
    })

    test('widths and precisions count bytes', async (t) => {
      const out = await printed(t, ['-F', '[%8t][%.3t]', '-N'], [{ topic: 'aü/b' }])
      assert.ok(out.equals(Buffer.from('[   aü/b][aü]')), out.toString())
    })

    test('%j is one line of JSON with the keys of the reference in their order', async (t) => {
      const text = (await printed(t, ['-F', '%j', '-q', 1], [MESSAGE])).toString()
      const tst = /^\{"tst":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d{4})",/.exec(text)?.[1]
      assert.ok(tst !== undefined, text)
      assert.equal(
        text,
        `{"tst":"${tst}","topic":"fmt/p","qos":1,"retain":true,"payloadlen":5,"mid":1,"payload":"hello"}\n`,
      )
    })

    test('%j in MQTT 5 has the properties under their names, in the order received', async (t) => {
      const properties = Buffer.from(
        [
          '03 0006 746578742f78', // Content Type
          '09 0004 636f7272', // Correlation Data
          '01 01', // Payload Format Indicator
          '08 0006 726573702f74', // Response Topic
          '26 0002 6b31 0002 7631',
          '26 0002 6b32 0003 762032',
          '26 0002 6b31 0002 7633',
          '02 00000e06', // Message Expiry Interval
        ]
          .join('')
          .replaceAll(' ', ''),
        'hex',
      )
      const body = [
        Buffer.from('0005666d742f700001', 'hex'),
        [properties.length],
        properties,
        Buffer.from('hello'),
      ]
      const run = await converse(
        t,
        `
        < CONNECT v=5
        ${WELCOME[5]}
        < SUBSCRIBE
        > 90 04 00 01 00 01
        > ${packet(0x33, ...body).toString('hex')}
        < PUBACK id=1
        < DISCONNECT`,
        'mqtt-sub',
        ['-V', 5, '-t', '#', '-q', 1, '-C', 1, '-F', '%j'],
      )
      // Row of contract 9.3.
      assert.equal(
        run.out.replace(/"tst":"[^"]*"/, '"tst":""'),
        '{"tst":"","topic":"fmt/p","qos":1,"retain":true,"payloadlen":5,"mid":1,"properties":{"content-type":"text/x","correlation-data":"corr","payload-format-indicator":1,"response-topic":"resp/t","user-properties":[{"k1":"v1"},{"k2":"v 2"},{"k1":"v3"}],"message-expiry-interval":3590},"payload":"hello"}\n',
      )
    })

    test('%j is JSON for each of the 256 bytes, and payload_base64 carries what is not UTF-8 (Q54)', async (t) => {
      const payloads = [
        ...Array.from(ALL_BYTES, (byte) => Buffer.from([byte])),
        ALL_BYTES,
        Buffer.from('a\0b'),
        Buffer.from('"\\/\b\f\n\r\t\u2028\u{1f600}'),
        Buffer.from('eda080', 'hex'), // a lone surrogate
        Buffer.from('c080', 'hex'), // overlong
        Buffer.from('efbbbf61', 'hex'), // a byte order mark
        Buffer.from('12345678901234567890'),
      ]
      const out = await printed(
        t,
        ['-F', '%j'],
        payloads.map((payload) => ({ payload })),
      )
      const lines = out.toString().split('\n')
      assert.equal(lines.pop(), '')
      assert.equal(lines.length, payloads.length)
      for (const [at, payload] of payloads.entries()) {
        const parsed = JSON.parse(lines[at] as string) as Record<string, unknown>
        assert.equal(parsed.payloadlen, payload.length)
        const base64 = parsed.payload_base64
        const back =
          typeof base64 === 'string' ? Buffer.from(base64, 'base64') : Buffer.from(String(parsed.payload))
        assert.ok(back.equals(payload), `${payload.toString('hex')} came back as ${back.toString('hex')}`)
        assert.equal(base64 !== undefined, !isUtf8(payload), payload.toString('hex'))
        assert.equal(typeof parsed.payload, 'string')
      }
    })

    test('%j of an empty payload has null, QoS 0 has no mid', async (t) => {
      const text = (await printed(t, ['-F', '%j'], [{ payload: '' }])).toString()
      const { payload, payloadlen, mid, qos } = JSON.parse(text) as Record<string, unknown>
      assert.deepEqual(
        { payload, payloadlen, mid, qos },
        { payload: null, payloadlen: 0, mid: undefined, qos: 0 },
      )
    })

    test('each message is written when it comes, into a pipe too', async (t) => {
      let link: BrokerLink | undefined
      const server = await broker(t, {
        on: (_, each) => {
          link = each
          return false
        },
      })
      const run = start(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', server.port, '-t', 'a'])
      await server.until(() => server.seen.some(({ name }) => name === 'SUBSCRIBE'))
      for (const word of ['one', 'two', 'three']) {
        link?.send(publish(4, 'a', word))
        await run.saw('out', new RegExp(`^${word}\\n`, 'm'))
      }
    })
  })

  describe('which messages (4.1, 4.5)', { concurrency: 4 }, () => {
    const messages: readonly Sent[] = [
      { topic: 'a', payload: '1', retain: true },
      { topic: 'a/b', payload: '2' },
      { topic: 'b', payload: '3' },
      { topic: 'a/b/c', payload: '4', retain: true },
      { topic: '$SYS/x', payload: '5' },
      { topic: 'b/c', payload: '6' },
    ]
    for (const [args, count, output] of [
      [['-T', 'a/#'], 3, '3 5 6'], // a/# matches a as well
      [['-T', 'a'], 5, '2 3 4 5 6'],
      [['-T', '+/b'], 5, '1 3 4 5 6'],
      [['-T', '#'], 1, '5'], // a wildcard in front does not match $
      [['-T', '+/x', '-T', 'b'], 5, '1 2 4 5 6'],
      [['-T', 'a/#', '-T', 'b'], 2, '5 6'],
      [['-R'], 4, '2 3 5 6'],
      [['-R', '-T', 'b/#'], 2, '2 5'],
    ] as const) {
      test(`${args.join(' ')} hides messages and does not count them for -C`, async (t) => {
        const out = await printed(t, args, messages, count)
        assert.equal(out.toString().trim().split('\n').join(' '), output)
      })
    }

    test('-R in MQTT 5 hides a retained message that is sent nevertheless', async (t) => {
      const sent: readonly Sent[] = [{ payload: 'old', retain: true }, { payload: 'new' }]
      assert.equal((await printed(t, ['-V', 5, '-R'], sent, 1)).toString(), 'new\n')
    })

    test('hidden messages are acknowledged', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT
        > 20 02 00 00
        < SUBSCRIBE
        > 90 03 00 01 01
        > ${publish(4, 'no', 'x', { qos: 1, id: 7 }).toString('hex')}
        < PUBACK id=7
        > ${publish(4, 'yes', 'y', { qos: 1, id: 8 }).toString('hex')}
        < PUBACK id=8
        < DISCONNECT`,
        'mqtt-sub',
        ['-t', '#', '-q', 1, '-T', 'no', '-C', 1],
      )
      assert.deepEqual(run, { code: 0, out: 'y\n', err: '' })
    })

    for (const version of ['311', '5']) {
      for (const qos of [1, 2] as const) {
        test(`-C 2: the third message is not acknowledged, so that a kept session still has it, -V ${version}, QoS ${qos} (Q56, F5)`, async (t) => {
          const level = version === '5' ? 5 : 4
          const three = [1, 2, 3].map((id) => publish(level, 'a', `${id}`, { qos, id }).toString('hex'))
          const first = qos === 1 ? 'PUBACK' : 'PUBREC'
          const run = await converse(
            t,
            `
            < CONNECT v=${level} clean=0 id=s
            ${level === 5 ? '> 20 03 00 00 00' : '> 20 02 00 00'}
            < SUBSCRIBE
            > ${level === 5 ? '90 04 00 01 00 02' : '90 03 00 01 02'} ${three.join(' ')}
            < ${first} id=1
            < ${first} id=2
            < DISCONNECT`,
            'mqtt-sub',
            ['-V', version, '-c', '-i', 's', '-t', 'a', '-q', qos, '-C', 2],
          )
          assert.deepEqual(run, { code: 0, out: '1\n2\n', err: '' })
        })
      }
    }

    test('queued messages right behind CONNACK are printed and acknowledged (F5)', async (t) => {
      const queued = publish(4, 'a', 'early', { qos: 1, id: 9 }).toString('hex')
      const run = await converse(
        t,
        `
        < CONNECT clean=0
        > 20 02 01 00 ${queued}
        < SUBSCRIBE
        < PUBACK id=9
        < DISCONNECT`,
        'mqtt-sub',
        ['-c', '-i', 's', '-t', 'a', '-q', 1, '-C', 1],
      )
      assert.deepEqual(run, { code: 0, out: 'early\n', err: '' })
    })

    test('a QoS 2 message sent twice before PUBREL is printed once, and at PUBLISH', async (t) => {
      const message = (dup: boolean): string => publish(4, 'a', 'x', { qos: 2, id: 5, dup }).toString('hex')
      const run = await converse(
        t,
        `
        < CONNECT
        > 20 02 00 00
        < SUBSCRIBE
        > 90 03 00 01 02
        > ${message(false)}
        < PUBREC id=5
        > ${message(true)}
        < PUBREC id=5
        > 62 02 00 05
        < PUBCOMP id=5
        > ${message(false)}
        < PUBREC id=5
        < DISCONNECT`,
        'mqtt-sub',
        ['-t', 'a', '-q', 2, '-C', 2],
      )
      assert.deepEqual(run, { code: 0, out: 'x\nx\n', err: '' })
    })
  })

  describe('-E and -U (4.5)', { concurrency: 4 }, () => {
    test('-E ends when SUBACK is in', async (t) => {
      const run = await converse(
        t,
        '< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\n> 90 03 00 01 00\n< DISCONNECT',
        'mqtt-sub',
        [...['-t', 'a', '-E']],
      )
      assert.deepEqual(run, QUIET)
    })

    test('-U unsubscribes behind the subscriptions, and -E awaits every answer (Q45)', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT
        > 20 02 00 00
        < SUBSCRIBE id=1 filters=a:00
        < UNSUBSCRIBE id=2 filters=b
        < UNSUBSCRIBE id=3 filters=c/#
        > 90 03 00 01 00
        > b0 02 00 03
        > b0 02 00 02
        < DISCONNECT`,
        'mqtt-sub',
        ['-U', 'b', '-t', 'a', '-U', 'c/#', '-E'],
      )
      assert.deepEqual(run, QUIET)
    })

    for (const version of ['311', '5']) {
      test(`-U alone with -E ends after UNSUBACK, -V ${version} (Q45)`, async (t) => {
        const level = version === '5' ? 5 : 4
        const run = await converse(
          t,
          `
          < CONNECT
          ${WELCOME[level]}
          < UNSUBSCRIBE id=1 filters=b
          > ${level === 5 ? 'b0 04 00 01 00 11' : 'b0 02 00 01'}
          < DISCONNECT`,
          'mqtt-sub',
          ['-V', version, '-U', 'b', '-E'],
        )
        assert.deepEqual(run, QUIET)
      })
    }
  })

  describe('refused subscriptions (4.6)', { concurrency: 4 }, () => {
    for (const [version, level, suback, status, reason] of [
      ['311', 4, '90 04 00 01 80 80', 128, /a.*b/],
      ['5', 5, '90 05 00 01 00 87 8f', 135, /a.*not authorized.*b.*topic filter invalid/],
      ['5', 5, '90 05 00 01 00 97 87', 151, /quota exceeded/],
    ] as const) {
      test(`all refused: exit ${status}, naming filters and reasons, -V ${version} (Q42)`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT
          ${WELCOME[level]}
          < SUBSCRIBE
          > ${suback}
          < DISCONNECT`,
          'mqtt-sub',
          ['-V', version, '-t', 'a', '-t', 'b'],
        )
        assert.equal(run.code, status)
        assert.match(run.err, /^mqtt-sub: error: .*\n$/)
        assert.match(run.err, reason)
      })
    }

    for (const [version, level, suback] of [
      ['311', 4, '90 05 00 01 00 80 01'],
      ['5', 5, '90 06 00 01 00 00 87 01'],
    ] as const) {
      test(`some refused: a warning for each, and messages still come, -V ${version} (Q43)`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT
          ${WELCOME[level]}
          < SUBSCRIBE
          > ${suback}
          > ${publish(level, 'a', 'x').toString('hex')}
          < DISCONNECT`,
          'mqtt-sub',
          ['-V', version, '-t', 'a', '-t', 'no/#', '-t', 'c', '-q', 1, '-C', 1],
        )
        assert.equal(run.code, 0)
        assert.equal(run.out, 'x\n')
        assert.match(run.err, /^mqtt-sub: warning: [^\n]*'no\/#'[^\n]*\n$/)
      })
    }

    test('a lower QoS than asked for is accepted in silence', async (t) => {
      const run = await converse(
        t,
        '< CONNECT\n> 20 02 00 00\n< SUBSCRIBE\n> 90 03 00 01 00\n< DISCONNECT',
        'mqtt-sub',
        [...['-t', 'a', '-q', 2, '-E']],
      )
      assert.deepEqual(run, QUIET)
    })
  })

  describe('connections (4.7)', { concurrency: 6 }, () => {
    test('a refused TCP connection: exit 1, naming host, port and reason', async (t) => {
      const port = await deadPort()
      const run = told(await cli(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', port, '-t', 'a']))
      assert.equal(run.code, 1)
      assert.match(run.err, new RegExp(`^mqtt-sub: error: .*127\\.0\\.0\\.1 port ${port}: .*refused.*\\n$`))
    })

    test('an unknown host: exit 1, naming it', async (t) => {
      const run = told(await cli(t, 'mqtt-sub', ['-h', 'nohost.invalid', '-t', 'a']))
      assert.equal(run.code, 1)
      assert.match(run.err, /^mqtt-sub: error: .*nohost\.invalid.*\n$/)
    })

    for (const [version, bytes, status] of [
      ['311', '20 02 00 04', 4],
      ['311', '20 02 00 05', 5],
      ['5', '20 03 00 86 00', 134],
      ['5', '20 03 00 84 00', 132],
      ['5', '20 02 00 01', 132], // Q25
    ] as const) {
      test(`refused by ${bytes}, -V ${version}: exit ${status}, one line, no second try`, async (t) => {
        const run = await converse(t, `< CONNECT\n> ${bytes}\nwait-eof`, 'mqtt-sub', [
          '-V',
          version,
          '-t',
          'a',
        ])
        assert.equal(run.code, status)
        assert.match(run.err, /^mqtt-sub: error: .*\n$/)
      })
    }

    test('closed before CONNACK: exit 7', async (t) => {
      const run = await converse(t, '< CONNECT\ncut', 'mqtt-sub', ['-t', 'a'])
      assert.equal(run.code, 7)
    })

    for (const version of ['31', '311', '5'] as const) {
      const level = version === '5' ? 5 : version === '311' ? 4 : 3
      const suback = level === 5 ? '> 90 04 00 0N 00 00' : '> 90 03 00 0N 00'
      test(`a cut: connected and subscribed again, one note on loss and one on recovery, -V ${version} (Q58)`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT v=${level}
          ${WELCOME[level]}
          < SUBSCRIBE id=1 filters=a:00,b:00
          ${suback.replace('0N', '01').replace(/00$/, '00 00').replace('90 04', '90 05').replace('90 03', '90 04')}
          > ${publish(level, 'a', 'before').toString('hex')}
          cut
          accept
          < CONNECT v=${level} clean=1 id=${level === 5 ? 'z' : '*'}
          ${level === 5 ? '> 20 03 00 00 00' : '> 20 02 00 00'}
          < SUBSCRIBE id=* filters=a:00,b:00
          > ${publish(level, 'a', 'after').toString('hex')}
          < DISCONNECT`,
          'mqtt-sub',
          ['-V', version, '-t', 'a', '-t', 'b', '-C', 2],
        )
        assert.equal(run.code, 0)
        assert.equal(run.out, 'before\nafter\n')
        assert.match(run.err, /^mqtt-sub: .*connection closed.*\nmqtt-sub: connected again.*\n$/)
      })
    }

    test('--quiet silences both notes', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT
        > 20 02 00 00
        < SUBSCRIBE
        > 90 03 00 01 00
        reset
        accept
        < CONNECT
        > 20 02 00 00
        < SUBSCRIBE
        > 90 03 00 02 00
        > 30 03 "a"
        < DISCONNECT`,
        'mqtt-sub',
        ['-t', 'a', '-C', 1, '--quiet'],
      )
      assert.deepEqual(run, QUIET)
    })

    test('a kept session is not subscribed again where the broker still has it', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT clean=0
        > 20 02 00 00
        < SUBSCRIBE
        > 90 03 00 01 01
        cut
        accept
        < CONNECT clean=0
        > 20 02 01 00 | ${publish(4, 'a', 'x', { qos: 1, id: 3 }).toString('hex')}
        < PUBACK id=3
        < DISCONNECT`,
        'mqtt-sub',
        ['-c', '-i', 's', '-t', 'a', '-q', 1, '-C', 1],
      )
      assert.equal(run.code, 0)
      assert.equal(run.out, 'x\n')
    })

    test('a QoS 2 message across a cut in a kept session is printed once', async (t) => {
      const message = (dup: boolean): string => publish(4, 'a', 'x', { qos: 2, id: 3, dup }).toString('hex')
      const run = await converse(
        t,
        `
        < CONNECT clean=0
        > 20 02 00 00
        < SUBSCRIBE
        > 90 03 00 01 02
        > ${message(false)}
        < PUBREC id=3
        cut
        accept
        < CONNECT clean=0
        > 20 02 01 00 ${message(true)}
        < PUBREC id=3
        > 62 02 00 03
        < PUBCOMP id=3
        > ${publish(4, 'a', 'y', { qos: 0 }).toString('hex')}
        < DISCONNECT`,
        'mqtt-sub',
        ['-c', '-i', 's', '-t', 'a', '-q', 2, '-C', 2],
      )
      assert.equal(run.code, 0)
      assert.equal(run.out, 'x\ny\n')
    })

    test('session taken over: exit 142, and no reconnect (Q57)', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=5
        ${WELCOME[5]}
        < SUBSCRIBE
        > 90 04 00 01 00 00 | e0 01 8e
        cut`,
        'mqtt-sub',
        ['-V', 5, '-t', 'a'],
      )
      assert.equal(run.code, 142)
      assert.match(run.err, /^mqtt-sub: error: .*taken over.*\n$/)
    })

    test('"server shutting down" is a loss: connected again', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=5
        ${WELCOME[5]}
        < SUBSCRIBE
        > 90 04 00 01 00 00 e0 01 8b
        cut
        accept
        < CONNECT v=5 id=z
        > 20 03 00 00 00
        < SUBSCRIBE id=2
        > 90 04 00 02 00 00 | 30 05 "a" 00 78
        < DISCONNECT`,
        'mqtt-sub',
        ['-V', 5, '-t', 'a', '-C', 1],
      )
      assert.equal(run.code, 0)
      assert.match(run.err, /shutting down/)
    })

    for (const [what, bytes, status, names] of [
      ['QoS 3', '36 05 "a" 00 01', 21, /malformed PUBLISH/],
      ['a topic that is not UTF-8', '30 05 00 02 c3 28 78', 21, /malformed PUBLISH/],
      ['a topic with a wildcard', '30 06 "a/#" 78', undefined, /PUBLISH/],
      ['packet identifier 0', '32 06 "a" 00 00 78', undefined, /PUBLISH/],
      ['a Remaining Length without end', '30 ff ff ff ff ff', 21, /PUBLISH/],
      ['a reserved packet type', '00 00', 21, /malformed packet/],
      ['PINGRESP with a body', 'd0 01 00', 21, /PINGRESP/],
      ['a SUBACK of another identifier', '90 03 00 63 00', 2, /SUBACK/],
      ['a second CONNACK', '20 02 00 00', 2, /CONNACK/],
      ['a SUBSCRIBE', '82 06 00 01 "a" 00', 2, /SUBSCRIBE/],
    ] as const) {
      test(`${what} from the broker: exit ${status ?? 'not 0'}, one line, no reconnect (Q65, P7)`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT v=4
          > 20 02 00 00
          < SUBSCRIBE
          > 90 03 00 01 00 | ${bytes}
          wait-eof`,
          'mqtt-sub',
          ['-t', 'a'],
        )
        if (status === undefined) assert.ok(run.code === 2 || run.code === 21, `${run.code}`)
        else assert.equal(run.code, status, run.err)
        assert.match(run.err, /^mqtt-sub: error: .*\n$/)
        assert.match(run.err, names)
        assert.equal(run.out, '')
      })
    }

    for (const [what, bytes, reason, status] of [
      ['QoS 3', '36 06 "a" 00 01 00', 129, 21],
      ['a property that PUBLISH cannot have', '30 06 "a" 02 24 00', 129, 21],
      ['a topic alias nobody allowed (F7)', '30 08 "a" 03 23 00 01 78', 148, 2],
      ['topic alias 0', '30 07 "a" 03 23 00 00', 148, 2],
    ] as const) {
      test(`${what} in MQTT 5: DISCONNECT ${reason}, one line, no reconnect`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT v=5
          ${WELCOME[5]}
          < SUBSCRIBE
          > 90 04 00 01 00 00 | ${bytes}
          < DISCONNECT reason=${reason}
          wait-eof`,
          'mqtt-sub',
          ['-V', 5, '-t', 'a'],
        )
        assert.equal(run.code, status, run.err)
        assert.match(run.err, /^mqtt-sub: error: .*PUBLISH.*\n$/)
      })
    }

    test('what was decoded before a fault is printed', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT
        > 20 02 00 00
        < SUBSCRIBE
        > 90 03 00 01 00 30 06 "a" 'xyz' 00 00
        wait-eof`,
        'mqtt-sub',
        ['-t', 'a'],
      )
      assert.equal(run.code, 21)
      assert.equal(run.out, 'xyz\n')
    })

    test('every packet in segments of one byte', async (t) => {
      const bytes = [
        ...Buffer.from('90030001 01'.replaceAll(' ', ''), 'hex'),
        ...publish(4, 'a/ü', 'x\0y', { qos: 1, id: 300 }),
      ].map((byte) => byte.toString(16).padStart(2, '0'))
      const run = await converse(
        t,
        `
        < CONNECT
        > 20 | 02 | 00 | 00
        < SUBSCRIBE
        > ${bytes.join(' | ')}
        < PUBACK id=300
        < DISCONNECT`,
        'mqtt-sub',
        ['-t', '#', '-q', 1, '-C', 1, '-v'],
      )
      assert.deepEqual(run, { code: 0, out: 'a/ü x\0y\n', err: '' })
    })
  })

  describe('signals', { concurrency: 4 }, () => {
    for (const [signal, version, reason] of [
      ['SIGINT', '311', '0'],
      ['SIGTERM', '31', '0'],
      ['SIGINT', '5', '4'],
      ['SIGTERM', '5', '4'],
    ] as const) {
      test(`${signal}: DISCONNECT reason ${reason}, then exit 0 in silence, -V ${version} (4.8)`, async (t) => {
        const server = await broker(t)
        const run = start(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', server.port, '-V', version, '-t', 'a'])
        await server.until(() => server.seen.some(({ name }) => name === 'SUBSCRIBE'))
        run.kill(signal)
        assert.deepEqual(told(await run.done), QUIET)
        assert.deepEqual(
          server.seen.slice(-1).map(({ name, facts }) => [name, facts.reason]),
          [['DISCONNECT', reason]],
        )
      })

      test(`${signal} before CONNACK: exit 255, no DISCONNECT, -V ${version} (4.8)`, async (t) => {
        const server = await broker(t, { on: () => true })
        const run = start(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', server.port, '-V', version, '-t', 'a'])
        await server.until(() => server.seen.length === 1)
        run.kill(signal)
        assert.equal((await run.done).code, 255)
        assert.deepEqual(
          server.seen.map(({ name }) => name),
          ['CONNECT'],
        )
      })
    }

    test('SIGTERM while waiting to reconnect: exit 0', async (t) => {
      const server = await broker(t, {
        port: await deadPort(),
        on: ({ name }, { socket }) => {
          if (name !== 'SUBSCRIBE') return false
          void server.stopListening()
          socket.resetAndDestroy()
          return true
        },
      })
      const run = start(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', server.port, '-t', 'a'])
      await run.saw('err', /connecting again/)
      run.kill('SIGTERM')
      assert.equal((await run.done).code, 0)
    })

    test('a broker that ignores DISCONNECT does not keep us', async (t) => {
      const server = await broker(t, { on: ({ name }) => name === 'DISCONNECT' })
      const run = start(t, 'mqtt-sub', ['-h', '127.0.0.1', '-p', server.port, '-t', 'a'])
      await server.until(() => server.seen.some(({ name }) => name === 'SUBSCRIBE'))
      run.kill('SIGINT')
      assert.equal((await run.done).code, 0)
    })
  })

  test('| head -n 1: exit 0 in silence, with DISCONNECT (Q51, P9)', async (t) => {
    const server = await broker(t, {
      connack: accepted,
      on: ({ name }, link) => {
        if (name !== 'SUBSCRIBE') return false
        link.send(packet(0x90, [0, 1, 0]))
        let count = 0
        const more = (): void => {
          if (!link.socket.writable || count++ > 100_000) return
          link.send(publish(4, 'a', `message ${count}`))
          setImmediate(more)
        }
        more()
        return true
      },
    })
    const bin = fileURLToPath(new URL('../../bin/mqtt-sub', import.meta.url))
    const script = '{ "$@"; echo "status $?" >&2; } | head -n 1'
    const args = [process.execPath, bin, '-h', '127.0.0.1', '-p', String(server.port), '-t', 'a']
    const child = spawn('/bin/sh', ['-c', script, 'sh', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk
    })
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk
    })
    await new Promise((resolve) => child.on('close', resolve))
    assert.equal(out, 'message 1\n')
    assert.equal(err, 'status 0\n')
    await server.until(() => server.seen.at(-1)?.name === 'DISCONNECT')
  })
})

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}
