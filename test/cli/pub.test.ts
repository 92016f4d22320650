// mqtt-pub with a single message: where the payload comes from, what may go wrong, and the exit status that tells.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { broker, mute } from '../broker/broker.js'
import { WELCOME } from '../broker/script.js'
import { hex } from '../broker/wire.js'
import { deadPort } from '../support/ports.js'
import {
  type Args,
  type CliOptions,
  cli,
  converse,
  QUIET,
  start,
  temporaryFolder,
  told,
} from '../support/run.js'

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, at) => at))

/** Publishes to a broker that takes everything, and returns the one payload that arrived. */
async function published(t: TestContext, args: Args, options: CliOptions = {}): Promise<Buffer> {
  const server = await broker(t)
  const run = await cli(t, 'mqtt-pub', ['-p', server.port, '-h', '127.0.0.1', '-t', 'a', ...args], options)
  assert.deepEqual(told(run), QUIET)
  assert.equal(server.messages.length, 1)
  return (server.messages[0] as { payload: Buffer }).payload
}

function sha(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

describe('mqtt-pub', { concurrency: 3 }, () => {
  describe('connections that fail before they begin (3.5)', { concurrency: 3 }, connections)
  describe('brokers that go wrong (3.5)', { concurrency: 3 }, brokers)
  describe('sources of the message (3.1)', { concurrency: 3 }, sources)
})

function sources(): void {
  test('-m sends the bytes of its argument, UTF-8 as UTF-8', async (t) => {
    assert.equal((await published(t, ['-m', 'grüße ∞'])).toString(), 'grüße ∞')
  })

  test("-m '' and -n send an empty payload", async (t) => {
    for (const args of [['-m', ''], ['-n']]) assert.equal((await published(t, args)).length, 0)
  })

  for (const [what, bytes] of [
    ['all 256 bytes', ALL_BYTES],
    ['no bytes', Buffer.alloc(0)],
    ['5 MiB with CR, LF and NUL', Buffer.alloc(5 * 1024 * 1024, '\r\n\0\xff', 'latin1')],
  ] as const) {
    test(`-f sends a file of ${what} unchanged`, async (t) => {
      const path = join(temporaryFolder(t), 'payload')
      writeFileSync(path, bytes)
      assert.equal(sha(await published(t, ['-f', path])), sha(bytes))
    })
  }

  for (const qos of [0, 1, 2]) {
    test(`-s sends all of standard input unchanged at QoS ${qos}`, async (t) => {
      const input = Buffer.concat([ALL_BYTES, Buffer.from('\n\r\n'), ALL_BYTES])
      assert.equal(hex(await published(t, ['-s', '-q', qos], { input })), hex(input))
    })
  }

  test('-s sends 5 MiB unchanged', async (t) => {
    const input = Buffer.alloc(5 * 1024 * 1024, ALL_BYTES)
    assert.equal(sha(await published(t, ['-s'], { input })), sha(input))
  })

  test('-f reads a FIFO to its end (Q41)', async (t) => {
    const path = join(temporaryFolder(t), 'fifo')
    execFileSync('mkfifo', [path])
    const writer = createWriteStream(path)
    writer.end('through a pipe')
    assert.equal((await published(t, ['-f', path])).toString(), 'through a pipe')
  })

  test('-f reads /dev/stdin (Q41)', async (t) => {
    assert.equal(
      (await published(t, ['-f', '/dev/stdin'], { pipeFrom: 'via stdin' })).toString(),
      'via stdin',
    )
  })

  for (const [what, path, why] of [
    ['a missing file', 'missing', /no such file/],
    ['a folder', '.', /folder/],
    ['a path through a file', 'file/x', /not in a folder/],
  ] as const) {
    test(`-f with ${what}: exit 1, naming file and reason, before anything is connected`, async (t) => {
      const folder = temporaryFolder(t)
      writeFileSync(join(folder, 'file'), '')
      const full = join(folder, path)
      const { code, out, err } = told(
        await cli(t, 'mqtt-pub', ['-p', await deadPort(), '-t', 'a', '-f', full]),
      )
      assert.equal(code, 1)
      assert.equal(out, '')
      assert.match(err, /^mqtt-pub: error: .*\n$/)
      assert.ok(err.includes(full), err)
      assert.match(err, why)
    })
  }

  test('-s with empty input: exit 1, naming standard input; --quiet silences it and keeps the status', async (t) => {
    const args = ['-p', await deadPort(), '-t', 'a', '-s']
    const loud = told(await cli(t, 'mqtt-pub', args, { input: '' }))
    assert.equal(loud.code, 1)
    assert.match(loud.err, /^mqtt-pub: error: .*standard input is empty.*\n$/)
    assert.deepEqual(told(await cli(t, 'mqtt-pub', [...args, '--quiet'], { input: '' })), {
      code: 1,
      out: '',
      err: '',
    })
  })

  test('a missing file is told before a missing topic (0.3)', async (t) => {
    const path = join(temporaryFolder(t), 'x')
    const { code, err } = told(await cli(t, 'mqtt-pub', ['-f', path]))
    assert.equal(code, 1)
    assert.ok(err.includes(`'${path}'`), err)
    assert.doesNotMatch(err, /-t TOPIC/)
  })
}

function connections(): void {
  test('no CONNACK within -k 5: exit 19, naming CONNACK (F9)', async (t) => {
    const { port } = await mute(t)
    const run = told(await cli(t, 'mqtt-pub', ['-h', '127.0.0.1', '-p', port, '-k', 5, '-t', 'a', '-m', 'x']))
    assert.equal(run.code, 19)
    assert.match(run.err, /^mqtt-pub: error: .*CONNACK.*\n$/)
  })

  test('no PINGRESP within -k 5: exit 19, naming PINGRESP', async (t) => {
    const run = await converse(
      t,
      `
      < CONNECT keepalive=5
      > 20 02 00 00
      < PUBLISH qos=1
      < PINGREQ
      silence`,
      'mqtt-pub',
      ['-k', 5, '-t', 'a', '-m', 'x', '-q', 1],
    )
    assert.equal(run.code, 19)
    assert.match(run.err, /PINGRESP/)
    assert.match(run.err, /1 of 1 message\(s\) not confirmed/)
  })

  test('a refused TCP connection: exit 1, naming host, port and reason (Q8)', async (t) => {
    const port = await deadPort()
    for (const source of [['-m', 'x'], ['-l']]) {
      const run = told(await cli(t, 'mqtt-pub', ['-h', '127.0.0.1', '-p', port, '-t', 'a', ...source]))
      assert.equal(run.code, 1)
      assert.match(run.err, new RegExp(`^mqtt-pub: error: .*127\\.0\\.0\\.1 port ${port}: .*refused.*\\n$`))
      assert.equal(run.out, '')
    }
  })

  test('an unknown host: exit 1, naming it', async (t) => {
    const run = told(await cli(t, 'mqtt-pub', ['-h', 'nohost.invalid', '-t', 'a', '-m', 'x']))
    assert.equal(run.code, 1)
    assert.match(run.err, /^mqtt-pub: error: .*nohost\.invalid.*\n$/)
  })

  for (const [level, version] of [
    [3, '31'],
    [4, '311'],
  ] as const) {
    const reasons = [
      /protocol version/,
      /identifier/,
      /unavailable/,
      /user name or password/,
      /not authorized/,
    ]
    for (const [at, reason] of reasons.entries()) {
      test(`CONNACK ${at + 1} at level ${level}: exit ${at + 1}, naming the reason`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT v=${level}
          > 20 02 00 0${at + 1}
          wait-eof`,
          'mqtt-pub',
          ['-V', version, '-t', 'a', '-m', 'x'],
        )
        assert.equal(run.code, at + 1)
        assert.match(run.err, /^mqtt-pub: error: .*\n$/)
        assert.match(run.err, reason)
        assert.equal(run.out, '')
      })
    }
  }

  test('CONNACK codes without a meaning pass through too (0.1)', async (t) => {
    for (const code of [6, 255]) {
      const bytes = `> 20 02 00 ${code.toString(16).padStart(2, '0')}`
      const run = await converse(t, `< CONNECT v=4\n${bytes}\nwait-eof`, 'mqtt-pub', ['-t', 'a', '-n'])
      assert.equal(run.code, code)
    }
  })

  for (const [code, reason] of [
    [128, /unspecified/],
    [133, /client identifier/],
    [134, /user name or password/],
    [135, /not authorized/],
    [137, /busy/],
    [138, /banned/],
    [151, /quota/],
    [154, /retain/],
    [155, /QoS/],
    [159, /rate/],
  ] as const) {
    test(`CONNACK ${code} in MQTT 5: exit ${code}, naming the reason`, async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=5
        > 20 03 00 ${code.toString(16)} 00
        wait-eof`,
        'mqtt-pub',
        ['-V', '5', '-t', 'a', '-m', 'x'],
      )
      assert.equal(run.code, code)
      assert.match(run.err, /^mqtt-pub: error: .*\n$/)
      assert.match(run.err, reason)
    })
  }

  test('CONNACK 132 in MQTT 5: exit 132 with the hint to use MQTT 3.1.1', async (t) => {
    const run = await converse(t, '< CONNECT v=5\n> 20 03 00 84 00\nwait-eof', 'mqtt-pub', [
      ...['-V', '5', '-t', 'a', '-m', 'x'],
    ])
    assert.equal(run.code, 132)
    assert.match(run.err, /-V (mqttv)?311/)
  })

  test('a refusal in the form of MQTT 3 in answer to MQTT 5: exit 132 with the hint (Q25)', async (t) => {
    const run = await converse(t, '< CONNECT v=5\n> 20 02 00 01\nwait-eof', 'mqtt-pub', [
      ...['-V', '5', '-t', 'a', '-m', 'x'],
    ])
    assert.equal(run.code, 132)
    assert.match(run.err, /-V (mqttv)?311/)
  })

  test('--quiet silences a refusal and keeps its status', async (t) => {
    const run = await converse(t, '< CONNECT\n> 20 02 00 05\nwait-eof', 'mqtt-pub', [
      '-t',
      'a',
      '-n',
      '--quiet',
    ])
    assert.deepEqual(run, { code: 5, out: '', err: '' })
  })

  test('a reason string of the broker cannot move the cursor or begin a line', async (t) => {
    const run = await converse(
      t,
      `
      < CONNECT v=5
      > 20 0d 00 87 0a 1f 00 07 'a' 1b '[2J' 0a 'b'
      wait-eof`,
      'mqtt-pub',
      ['-V', '5', '-t', 'a', '-n'],
    )
    // Control characters in a UTF-8 string may also be refused as malformed; either way they stay out of the terminal.
    assert.ok(run.code === 135 || run.code === 21, `${run.code}`)
    assert.match(run.err, /^[^\u0000-\u0009\u000b-\u001f]*$/)
    assert.equal(run.err.split('\n').length, 2)
  })

  for (const ending of ['cut', 'reset']) {
    test(`closed before CONNACK (${ending}): exit 7`, async (t) => {
      const run = await converse(t, `< CONNECT\n${ending}`, 'mqtt-pub', ['-t', 'a', '-m', 'x'])
      assert.equal(run.code, 7)
      assert.match(run.err, /^mqtt-pub: error: .*\n$/)
    })
  }

  test('session present after a clean start: exit 2 [MQTT-3.2.2-2]', async (t) => {
    const run = await converse(t, '< CONNECT clean=1\n> 20 02 01 00\nwait-eof', 'mqtt-pub', ['-t', 'a', '-n'])
    assert.equal(run.code, 2)
    assert.match(run.err, /^mqtt-pub: error: .*CONNACK.*\n$/)
  })
}

function brokers(): void {
  for (const [what, bytes, status, names] of [
    ['a malformed packet', '90 01 00', 21, /malformed SUBACK/],
    ['a reserved packet type', '00 00', 21, /malformed packet/],
    ['HTTP', "'HTTP/1.1 400 Bad Request'", 21, /malformed/],
    ['a second CONNACK', '20 02 00 00', 2, /CONNACK/],
    ['a SUBACK nobody asked for', '90 03 00 09 00', 2, /SUBACK/],
    ['a DISCONNECT in MQTT 3.1.1', 'e0 00', 2, /DISCONNECT/],
    ['a CONNECT', '10 0c 00 04 "MQTT" 04 02 00 3c 00 00', 2, /CONNECT/],
    ['a PUBREC for a QoS 1 message', '50 02 00 01', 2, /PUBREC/],
  ] as const) {
    test(`${what}: exit ${status}, one line naming the packet`, async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=4
        > 20 02 00 00
        < PUBLISH qos=1 id=1
        > ${bytes}
        wait-eof`,
        'mqtt-pub',
        ['-t', 'a', '-m', 'x', '-q', 1],
      )
      assert.equal(run.code, status)
      assert.match(run.err, /^mqtt-pub: error: .*\nmqtt-pub: 1 of 1 message\(s\) not confirmed\n$/)
      assert.match(run.err, names)
    })
  }

  test('a malformed packet in MQTT 5 is answered with DISCONNECT 0x81', async (t) => {
    const run = await converse(
      t,
      `
      < CONNECT v=5
      ${WELCOME[5]}
      < PUBLISH qos=1
      > 40 01 00
      < DISCONNECT reason=129
      wait-eof`,
      'mqtt-pub',
      ['-V', 5, '-t', 'a', '-m', 'x', '-q', 1],
    )
    assert.equal(run.code, 21)
    assert.match(run.err, /malformed PUBACK/)
  })

  for (const [reason, status, names] of [
    ['00', 4, /DISCONNECT/],
    ['8b', 139, /shutting down/],
    ['97', 151, /quota exceeded/],
    ['93', 147, /receive maximum/i],
    ['98', 152, /administrative/],
    ['8e', 142, /taken over/],
  ] as const) {
    test(`DISCONNECT 0x${reason} from an MQTT 5 broker while waiting: exit ${status} (Q39)`, async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=5
        ${WELCOME[5]}
        < PUBLISH qos=1
        > e0 02 ${reason} 00
        cut`,
        'mqtt-pub',
        ['-V', 5, '-t', 'a', '-m', 'x', '-q', 1],
      )
      assert.equal(run.code, status)
      assert.match(run.err, names)
      assert.match(run.err, /^mqtt-pub: error: .*\nmqtt-pub: 1 of 1 message\(s\) not confirmed\n$/) // told once
    })
  }

  for (const qos of [1, 2]) {
    for (const ending of ['cut', 'reset']) {
      test(`the connection is lost before the QoS ${qos} message is confirmed (${ending}): exit 7 and the count`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT
          > 20 02 00 00
          < PUBLISH qos=${qos} id=1 dup=0
          ${qos === 2 ? '> 50 02 00 01\n< PUBREL id=1' : ''}
          ${ending}`,
          'mqtt-pub',
          ['-t', 'a', '-m', 'x', '-q', qos],
        )
        assert.equal(run.code, 7)
        assert.match(run.err, /1 of 1 message\(s\) not confirmed\n$/)
      })
    }
  }

  test('QoS 0 is done when the bytes have left and the connection was closed in order', async (t) => {
    const run = await converse(
      t,
      '< CONNECT\n> 20 02 00 00\n< PUBLISH qos=0\n< DISCONNECT\ncut',
      'mqtt-pub',
      [...['-t', 'a', '-m', 'x']],
    )
    assert.deepEqual(run, QUIET)
  })

  test('QoS 0 on a connection that is reset is reported: exit 7', async (t) => {
    const server = await broker(t, {
      on: ({ name }, { socket }) => {
        if (name === 'PUBLISH') socket.resetAndDestroy()
        return name === 'PUBLISH'
      },
    })
    const run = told(await cli(t, 'mqtt-pub', ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', '-m', 'x']))
    assert.equal(run.code, 7)
    assert.match(run.err, /^mqtt-pub: .*reset.*\nmqtt-pub: 1 of 1 message\(s\) not confirmed\n$/i)
  })

  for (const [code, reason] of [
    [128, /unspecified/],
    [131, /implementation specific/],
    [135, /not authorized/],
    [144, /topic name invalid/],
    [151, /quota exceeded/],
    [153, /payload format invalid/],
  ] as const) {
    for (const [qos, ack] of [
      [1, '40'],
      [2, '50'],
    ] as const) {
      test(`a QoS ${qos} message refused with ${code}: a warning with packet id and reason, exit ${code} (Q28)`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT v=5
          ${WELCOME[5]}
          < PUBLISH qos=${qos} id=1
          > ${ack} 03 00 01 ${code.toString(16)}
          < DISCONNECT reason=0`,
          'mqtt-pub',
          ['-V', 5, '-t', 'a', '-m', 'x', '-q', qos],
        )
        assert.equal(run.code, code)
        assert.match(run.err, /^mqtt-pub: warning: .*\b1\b.*\n/)
        assert.match(run.err, reason)
      })
    }
  }

  test('the reason string of a refusal is shown', async (t) => {
    const run = await converse(
      t,
      `
      < CONNECT v=5
      ${WELCOME[5]}
      < PUBLISH qos=1 id=1
      > 40 0c 00 01 87 08 1f 00 05 'no ve' # Reason String
      < DISCONNECT`,
      'mqtt-pub',
      ['-V', 5, '-t', 'a', '-m', 'x', '-q', 1],
    )
    assert.match(run.err, /no ve/)
  })

  test('PUBACK 16, no matching subscribers: exit 0 in silence', async (t) => {
    const run = await converse(
      t,
      `
      < CONNECT v=5
      ${WELCOME[5]}
      < PUBLISH qos=1 id=1
      > 40 03 00 01 10
      < DISCONNECT`,
      'mqtt-pub',
      ['-V', 5, '-t', 'a', '-m', 'x', '-q', 1],
    )
    assert.deepEqual(run, QUIET)
  })

  for (const source of [['-m', 'x'], ['-l']]) {
    test(`QoS above the broker's maximum with ${source[0]}: exit 24, naming it, nothing sent (Q37)`, async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=5
        > 20 09 00 00 06 12 "z" 24 00 # Maximum QoS 0
        < DISCONNECT`,
        'mqtt-pub',
        ['-V', 5, '-t', 'a', '-q', 1, ...source],
        { input: 'x\n' },
      )
      assert.equal(run.code, 24)
      assert.match(run.err, /QoS 1/)
    })

    test(`a packet above the broker's maximum with ${source[0]}: exit 25, naming it, nothing sent (Q37)`, async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=5
        > 20 0c 00 00 09 12 "z" 27 00 00 00 05 # Maximum Packet Size
        < DISCONNECT`,
        'mqtt-pub',
        ['-V', 5, '-t', 'a', ...source],
        { input: 'x\n' },
      )
      assert.equal(run.code, 25)
      assert.match(run.err, /at most 5/)
    })
  }

  test('a broker without retain support: sent without the flag, a warning, exit 0 (Q38)', async (t) => {
    const run = await converse(
      t,
      `
      < CONNECT v=5
      > 20 09 00 00 06 12 "z" 25 00
      < PUBLISH retain=0
      < DISCONNECT`,
      'mqtt-pub',
      ['-V', 5, '-t', 'a', '-m', 'x', '-r'],
    )
    assert.equal(run.code, 0)
    assert.match(run.err, /^mqtt-pub: warning: .*retain.*\n$/)
  })

  test('acknowledgements withheld: --ack-timeout 1 ends with 19 and the count (F1, F9)', async (t) => {
    const server = await broker(t, { on: ({ name }) => name === 'PUBLISH' })
    const run = told(
      await cli(t, 'mqtt-pub', [
        '-h',
        '127.0.0.1',
        '-p',
        server.port,
        '-t',
        'a',
        '-m',
        'x',
        '-q',
        1,
        '--ack-timeout',
        1,
      ]),
    )
    assert.equal(run.code, 19)
    assert.match(run.err, /acknowledged none/)
    assert.match(run.err, /1 of 1 message\(s\) not confirmed\n$/)
  })

  test('--ack-timeout counts from the last progress, in a QoS 2 exchange too', async (t) => {
    const server = await broker(t, { on: ({ name }) => name === 'PUBREL' })
    const run = told(
      await cli(t, 'mqtt-pub', [
        '-h',
        '127.0.0.1',
        '-p',
        server.port,
        '-t',
        'a',
        '-m',
        'x',
        '-q',
        2,
        '--ack-timeout',
        1,
      ]),
    )
    assert.equal(run.code, 19)
  })

  for (const [signal, name] of [
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
    ['SIGHUP', 'SIGHUP'],
  ] as const) {
    test(`${name} while waiting for an acknowledgement: DISCONNECT, the count, death by the signal (Q67)`, async (t) => {
      const server = await broker(t, { on: (packet) => packet.name === 'PUBLISH' })
      const run = start(t, 'mqtt-pub', ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', '-m', 'x', '-q', 1])
      await server.until(() => server.messages.length === 1)
      run.kill(signal)
      const result = told(await run.done)
      assert.equal(result.code, signal)
      assert.match(result.err, /1 of 1 message\(s\) not confirmed\n$/)
      assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
    })
  }

  test('SIGTERM before CONNACK ends at once', async (t) => {
    const { port, connections } = await mute(t)
    const run = start(t, 'mqtt-pub', ['-h', '127.0.0.1', '-p', port, '-t', 'a', '-m', 'x', '-d'])
    await run.saw('err', /sent CONNECT/)
    assert.equal(connections(), 1)
    run.kill('SIGTERM')
    assert.equal((await run.done).signal, 'SIGTERM')
  })

  test('a second signal kills at once, while the first still waits for the broker to close', async (t) => {
    const server = await broker(t, { on: ({ name }) => name === 'PUBLISH' || name === 'DISCONNECT' })
    const run = start(t, 'mqtt-pub', ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', '-m', 'x', '-q', 1])
    await server.until(() => server.messages.length === 1)
    run.kill('SIGINT')
    await server.until(() => server.seen.at(-1)?.name === 'DISCONNECT')
    run.kill('SIGTERM')
    const { signal, stderr } = await run.done
    assert.equal(signal, 'SIGTERM')
    assert.equal(stderr.toString(), '', 'it had no time to count')
  })
}
