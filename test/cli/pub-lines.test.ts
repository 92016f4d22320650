// mqtt-pub -l: lines to messages, the window, draining at the end of the input, lost connections, back pressure.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { accepted, type Broker, broker, mute } from '../broker/broker.js'
import { script, WELCOME } from '../broker/script.js'
import { packet, type Seen, u16 } from '../broker/wire.js'
import { deadPort } from '../support/ports.js'
import {
  type Args,
  cli,
  converse,
  QUIET,
  type Running,
  start,
  temporaryFolder,
  told,
} from '../support/run.js'

function to(server: { port: number }, ...args: Args): Args {
  return ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', '-l', ...args]
}

function texts(messages: readonly Seen[]): string[] {
  return messages.map(({ payload }) => payload.toString('latin1'))
}

function numbered(count: number): { lines: string[]; input: string } {
  const lines = Array.from({ length: count }, (_, at) => `line ${at + 1}`)
  return { lines, input: `${lines.join('\n')}\n` }
}

/** Offers lines without end until the program has gone; tells how many bytes it took off us. */
function produce({ stdin, child }: Running, line: string): { taken: () => number } {
  const chunk = Buffer.from(`${line}\n`.repeat(Math.ceil(65_536 / (line.length + 1))))
  let taken = 0
  let gone = false
  child.on('exit', () => {
    gone = true
  })
  const more = (): void => {
    if (gone) return
    stdin.write(chunk, (error) => {
      if (error) return
      taken += chunk.length
      more()
    })
  }
  more()
  return { taken: () => taken }
}

describe('mqtt-pub -l (3.4)', { concurrency: 4 }, () => {
  test('a file as standard input: every line and byte of it, also whole with -s', async (t) => {
    const server = await broker(t)
    const lines = Array.from({ length: 3_000 }, (_, at) => `${at} \xff\0\r`.padEnd(at % 1_000, 'x'))
    for (let at = 2_000; at < 2_200; at++) lines[at] = `${at}`.padEnd(6_000, 'z') // too long to be copied
    lines.splice(1_000, 0, 'y'.repeat(600_000)) // longer than what is read at a time
    const path = join(temporaryFolder(t), 'input')
    writeFileSync(path, lines.join('\n'), 'latin1')
    for (const qos of [0, 1, 2]) {
      const before = server.messages.length
      const each = await cli(t, 'mqtt-pub', to(server, '-q', qos), { inputFile: path })
      assert.deepEqual(told(each), QUIET)
      assert.deepEqual(texts(server.messages.slice(before)), lines)
    }
    const whole = ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', '-s']
    assert.deepEqual(told(await cli(t, 'mqtt-pub', whole, { inputFile: path })), QUIET)
    assert.ok(server.messages.at(-1)?.payload.equals(readFileSync(path)))
    writeFileSync(path, '')
    assert.deepEqual(told(await cli(t, 'mqtt-pub', to(server), { inputFile: path })), QUIET)
    assert.equal(server.messages.length, 3 * lines.length + 1)
  })

  test('a folder as standard input is an error, not the end of the input', async (t) => {
    const server = await broker(t)
    for (const source of ['-l', '-s']) {
      const words = ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', source]
      const { code, err } = told(await cli(t, 'mqtt-pub', words, { inputFile: temporaryFolder(t) }))
      assert.equal(code, 1)
      assert.equal(err, 'mqtt-pub: error: standard input: is a folder\n')
    }
    assert.deepEqual(server.messages, [])
  })

  describe('waits that have to be long', { concurrency: 6 }, () => {
    test('standard input is not read before CONNACK (3.4), and no CONNACK is exit 19', async (t) => {
      const { port } = await mute(t)
      const run = start(t, 'mqtt-pub', to({ port }, '-k', 5), { keepStdin: true })
      const { taken } = produce(run, 'x'.repeat(99))
      const { code, err } = told(await run.done)
      assert.equal(code, 19)
      assert.match(err, /^mqtt-pub: error: .*CONNACK.*\n$/)
      // What the kernel holds between two processes is all that may be gone.
      assert.ok(taken() < 1_000_000, `${taken()} bytes`)
    })

    test('standard input is not read while the window is full (Q32, P5)', async (t) => {
      const server = await broker(t, { on: ({ name }) => name === 'PUBLISH' })
      const run = start(t, 'mqtt-pub', to(server, '-q', 1, '-M', 20, '--ack-timeout', 3), { keepStdin: true })
      const { taken } = produce(run, 'x'.repeat(999))
      const { code, err } = told(await run.done)
      assert.equal(code, 19)
      assert.equal(server.messages.length, 20)
      assert.ok(taken() < 1_000_000, `${taken()} bytes`)
      const [, unconfirmed, given] = /(\d+) of (\d+) message\(s\) not confirmed\n$/.exec(err) ?? []
      assert.equal(unconfirmed, given)
      assert.ok(Number(given) >= 20 && Number(given) <= 160, err) // what came together
    })

    test('standard input is not read while a broker takes nothing at QoS 0 (P5)', async (t) => {
      const server = await broker(t, {
        on: ({ name }, { socket }) => {
          if (name === 'PUBLISH') socket.pause()
          return false
        },
      })
      const run = start(t, 'mqtt-pub', to(server, '-k', 5), { keepStdin: true })
      const { taken } = produce(run, 'x'.repeat(999))
      await run.saw('err', /PINGRESP/)
      const before = taken()
      // Two socket buffers of up to 6 MiB each stand between the programs.
      assert.ok(before < 32_000_000, `${before} bytes`)
      run.kill('SIGKILL')
      await run.done
    })

    test('standard input is not read while there is no connection (Q30)', async (t) => {
      const server = await broker(t, {
        port: await deadPort(),
        on: ({ name }, { socket }) => {
          if (name !== 'PUBLISH') return false
          void server.stopListening()
          socket.resetAndDestroy()
          return true
        },
      })
      const run = start(t, 'mqtt-pub', to(server, '-q', 1, '-d'), { keepStdin: true })
      const { taken } = produce(run, 'x'.repeat(999))
      await run.saw('err', /refused.*next try in[\s\S]*refused.*next try in/)
      assert.ok(taken() < 1_000_000, `${taken()} bytes`)
      run.kill('SIGTERM')
      const { code, err } = told(await run.done)
      assert.equal(code, 'SIGTERM')
      assert.match(err, /message\(s\) not confirmed/)
    })

    test('PINGREQ keeps a quiet connection alive', async (t) => {
      const server = await broker(t)
      const run = start(t, 'mqtt-pub', to(server, '-k', 5), { keepStdin: true })
      run.stdin.write('first\n')
      await server.until(() => server.seen.some(({ name }) => name === 'PINGREQ'))
      run.stdin.end('last\n')
      assert.deepEqual(told(await run.done), QUIET)
      assert.deepEqual(texts(server.messages), ['first', 'last'])
    })
  })

  describe('lines are bytes (9.4)', { concurrency: 4 }, () => {
    const corpus: readonly [name: string, input: Buffer, messages: readonly string[]][] = [
      // contract 9.4
      [
        'blank lines, CR, no LF at the end',
        Buffer.from('one\n\ntwo\r\nthree'),
        ['one', '', 'two\r', 'three'],
      ],
      ['a single LF', Buffer.from('\n'), ['']],
      ['nothing', Buffer.alloc(0), []],
      ['one byte', Buffer.from('x'), ['x']],
      ['invalid UTF-8', Buffer.from('fffe800ac30a', 'hex'), ['\xff\xfe\x80', '\xc3']],
      ['NUL (Q31)', Buffer.from('a\0b\n\0\nc'), ['a\0b', '\0', 'c']],
      ['blanks at both ends', Buffer.from('  a \n\tb\t\n'), ['  a ', '\tb\t']],
      ['a byte order mark', Buffer.from('efbbbf610a', 'hex'), ['\xef\xbb\xbfa']],
      ['LF LF LF', Buffer.from('\n\n\n'), ['', '', '']],
    ]
    for (const [name, input, messages] of corpus) {
      for (const qos of [0, 2]) {
        test(`${name}, at QoS ${qos}`, async (t) => {
          const server = await broker(t)
          assert.deepEqual(told(await cli(t, 'mqtt-pub', to(server, '-q', qos), { input })), QUIET)
          assert.deepEqual(texts(server.messages), messages)
          assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
        })
      }
    }

    test('a line of 5 MiB between two short ones (F4)', async (t) => {
      const server = await broker(t)
      const long = Buffer.alloc(5 * 1024 * 1024, '\0\r\xff\xc3x', 'latin1')
      const input = Buffer.concat([Buffer.from('a\n'), long, Buffer.from('\nb\n')])
      assert.deepEqual(told(await cli(t, 'mqtt-pub', to(server), { input })), QUIET)
      const sums = server.messages.map(({ payload }) => createHash('sha256').update(payload).digest('hex'))
      const wanted = ['a', long, 'b'].map((bytes) => createHash('sha256').update(bytes).digest('hex'))
      assert.deepEqual(sums, wanted)
    })

    test('each line is published as soon as it is complete', async (t) => {
      const server = await broker(t)
      const run = start(t, 'mqtt-pub', to(server), { keepStdin: true })
      run.stdin.write('one\ntw')
      await server.until(() => server.messages.length === 1)
      run.stdin.write('o\nthree')
      await server.until(() => server.messages.length === 2)
      run.stdin.end()
      assert.deepEqual(told(await run.done), QUIET)
      assert.deepEqual(texts(server.messages), ['one', 'two', 'three'])
    })
  })

  describe('the window and the end of the input (Q29)', { concurrency: 4 }, () => {
    for (const version of ['31', '311', '5']) {
      for (const qos of [1, 2]) {
        test(`acknowledgements 200 ms late, 50 lines: all confirmed before exit 0 (F1), -V ${version} -q ${qos}`, async (t) => {
          const server = await broker(t, { delayMs: 200 })
          const { lines, input } = numbered(50)
          const run = await cli(t, 'mqtt-pub', to(server, '-V', version, '-q', qos), { input })
          assert.deepEqual(told(run), QUIET)
          assert.deepEqual(texts(server.messages), lines)
          const last = server.seen.map(({ name }) => name).lastIndexOf(qos === 1 ? 'PUBLISH' : 'PUBREL')
          assert.deepEqual(
            server.seen.slice(last + 1).map(({ name }) => name),
            ['DISCONNECT'],
          )
        })
      }
    }

    for (const [what, args, connack, expected] of [
      ['by default', [], accepted(1, 4), { 1: 1_000, 2: 20 }],
      ['as -M says', ['-M', 3], accepted(1, 4), 3],
      ['1', ['-M', 1], accepted(1, 4), 1],
      ['the default for -M above 65535', ['-M', 70_000], accepted(1, 4), { 1: 1_000, 2: 20 }],
      ['what an MQTT 5 broker allows', ['-V', 5], packet(0x20, [0, 0, 7, 0x12, 0, 1, 0x7a, 0x21, 0, 2]), 2],
      [
        'more where an MQTT 5 broker allows it',
        ['-V', 5],
        packet(0x20, [0, 0, 7, 0x12, 0, 1, 0x7a, 0x21, 0, 30]),
        30,
      ],
      ['-M below what an MQTT 5 broker allows', ['-V', 5, '-M', 4], accepted(1, 5), 4],
      ['the broker below -M', ['-V', 5, '-M', 9], packet(0x20, [0, 0, 7, 0x12, 0, 1, 0x7a, 0x21, 0, 2]), 2],
    ] as const) {
      for (const qos of [1, 2] as const) {
        const window = typeof expected === 'number' ? expected : expected[qos]
        test(`messages in flight: ${what} ${window}, at QoS ${qos}`, async (t) => {
          // Nothing is answered before the window is full; then everything, one by one.
          let open = 0
          let most = 0
          const held: (() => void)[] = []
          const server = await broker(t, {
            connack: () => connack,
            on: ({ name, facts }, link) => {
              const id = u16(Number(facts.id))
              if (name === 'PUBLISH') {
                most = Math.max(most, ++open)
                held.push(() => {
                  if (qos === 1) open--
                  link.send(packet(qos === 1 ? 0x40 : 0x50, id))
                })
                if (open === window) for (const release of held.splice(0)) release()
              } else if (name === 'PUBREL') {
                open--
                link.send(packet(0x70, id))
              }
              return name === 'PUBLISH' || name === 'PUBREL'
            },
          })
          const { lines, input } = numbered(window * 3)
          const run = await cli(t, 'mqtt-pub', to(server, '-q', qos, '--ack-timeout', 5, ...args), { input })
          assert.deepEqual(told(run), QUIET)
          assert.equal(most, window)
          assert.deepEqual(texts(server.messages), lines)
        })
      }
    }

    test('only the last identifier is acknowledged: not zero, and the count (F1)', async (t) => {
      const server = await broker(t, {
        on: ({ name, facts }, link) => {
          if (name === 'PUBLISH' && facts.id === '5') link.send(packet(0x40, u16(5)))
          return name === 'PUBLISH'
        },
      })
      const { input } = numbered(5)
      const run = told(await cli(t, 'mqtt-pub', to(server, '-q', 1, '--ack-timeout', 1), { input }))
      assert.equal(run.code, 19)
      assert.match(run.err, /4 of 5 message\(s\) not confirmed\n$/)
    })

    test('10,000 lines at QoS 0 and 3,000 at QoS 2 arrive once and in order', async (t) => {
      for (const [qos, count] of [
        [0, 10_000],
        [2, 3_000],
      ] as const) {
        const server = await broker(t)
        const { lines, input } = numbered(count)
        assert.deepEqual(told(await cli(t, 'mqtt-pub', to(server, '-q', qos), { input })), QUIET)
        assert.deepEqual(texts(server.messages), lines)
      }
    })

    test('refused messages: a warning each, the rest is published, exit with the first reason (Q28)', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=5
        ${WELCOME[5]}
        < PUBLISH id=1 payload=one
        < PUBLISH id=2 payload=two
        < PUBLISH id=3 payload=three
        > 40 03 00 01 87
        > 40 03 00 02 97
        > 40 02 00 03
        < DISCONNECT`,
        'mqtt-pub',
        ['-V', 5, '-t', 'a', '-l', '-q', 1],
        { input: 'one\ntwo\nthree\n' },
      )
      assert.equal(run.code, 135)
      assert.equal(run.err.match(/^mqtt-pub: warning: /gm)?.length, 2)
      assert.match(run.err, /2 of 3 message\(s\) not confirmed/)
    })

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      test(`${signal}: no more is sent, DISCONNECT, the count, death by the signal (Q67)`, async (t) => {
        const server = await broker(t, { on: ({ name }) => name === 'PUBLISH' })
        const run = start(t, 'mqtt-pub', to(server, '-q', 2), { keepStdin: true })
        run.stdin.write('a\nb\n')
        await server.until(() => server.messages.length === 2)
        run.kill(signal)
        const { code, err } = told(await run.done)
        assert.equal(code, signal)
        assert.match(err, /2 of 2 message\(s\) not confirmed\n$/)
        assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
      })
    }

    test('a signal with everything confirmed dies by the signal without a count', async (t) => {
      const server = await broker(t)
      const run = start(t, 'mqtt-pub', to(server, '-q', 1, '-d'), { keepStdin: true })
      run.stdin.write('a\n')
      await run.saw('err', /received PUBACK/)
      run.kill('SIGTERM')
      const { code, err } = told(await run.done)
      assert.equal(code, 'SIGTERM')
      assert.doesNotMatch(err, /not confirmed/)
      assert.equal(server.seen.at(-1)?.name, 'DISCONNECT')
    })
  })

  describe('lost connections', { concurrency: 6 }, () => {
    for (const [version, level] of [
      ['31', 3],
      ['311', 4],
    ] as const) {
      for (const ending of ['cut', 'reset']) {
        test(`QoS 1 in a kept session (-c -i): same identifiers, DUP, in order, level ${level}, ${ending}`, async (t) => {
          const run = await converse(
            t,
            `
            < CONNECT v=${level} clean=0 id=s
            > 20 02 00 00
            < PUBLISH id=1 dup=0 payload=a
            < PUBLISH id=2 dup=0 payload=b
            < PUBLISH id=3 dup=0 payload=c
            ${ending === 'cut' ? '> 40 02 00 02' : '# a reset may overtake what was sent before'}
            ${ending}
            accept
            < CONNECT v=${level} clean=0 id=s
            > 20 02 ${level === 3 ? '00' : '01'} 00
            < PUBLISH id=1 dup=1 qos=1 payload=a
            ${ending === 'cut' ? '' : '< PUBLISH id=2 dup=1 qos=1 payload=b'}
            < PUBLISH id=3 dup=1 qos=1 payload=c
            > 40 02 00 01 ${ending === 'cut' ? '' : '40 02 00 02'} 40 02 00 03
            < DISCONNECT`,
            'mqtt-pub',
            ['-V', version, '-c', '-i', 's', '-t', 'a', '-l', '-q', 1],
            { input: 'a\nb\nc\n' },
          )
          assert.equal(run.code, 0)
          assert.match(run.err, /^mqtt-pub: .*connecting again.*\nmqtt-pub: connected again.*\n$/)
        })
      }

      test(`QoS 2 in a kept session: PUBREL where PUBREC had come, else PUBLISH with DUP, level ${level}`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT v=${level} clean=0 id=s
          > 20 02 00 00
          < PUBLISH id=1 payload=a
          < PUBLISH id=2 payload=b
          < PUBLISH id=3 payload=c
          > 50 02 00 01 50 02 00 02
          < PUBREL id=1
          < PUBREL id=2
          > 70 02 00 01
          cut
          accept
          < CONNECT v=${level} clean=0 id=s
          > 20 02 ${level === 3 ? '00' : '01'} 00
          < PUBREL id=2
          < PUBLISH id=3 dup=1 qos=2 payload=c
          > 70 02 00 02
          > 50 02 00 03
          < PUBREL id=3
          > 70 02 00 03
          < DISCONNECT`,
          'mqtt-pub',
          ['-V', version, '-c', '-i', 's', '-t', 'a', '-l', '-q', 2],
          { input: 'a\nb\nc\n' },
        )
        assert.equal(run.code, 0)
      })
    }

    test('MQTT 5 without -c keeps its session over its own cuts, and ends it when it leaves', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=5 clean=1 id='' props=1100000e10210014
        ${WELCOME[5]}
        < PUBLISH id=1 payload=a
        < PUBLISH id=2 payload=b
        > 50 02 00 01
        < PUBREL id=1
        cut
        accept
        < CONNECT v=5 clean=0 id=z props=1100000e10210014
        > 20 03 01 00 00
        < PUBREL id=1
        < PUBLISH id=2 dup=1 payload=b
        > 70 02 00 01
        > 50 02 00 02
        < PUBREL id=2
        > 70 02 00 02
        < DISCONNECT reason=0 props=1100000000`,
        'mqtt-pub',
        ['-V', 5, '-t', 'a', '-l', '-q', 2],
        { input: 'a\nb\n' },
      )
      assert.equal(run.code, 0)
      assert.match(run.err, /session resumed\n$/)
    })

    test('MQTT 5, the broker lost the session: QoS 1 goes out anew, without DUP', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=5 clean=1
        ${WELCOME[5]}
        < PUBLISH id=1 qos=1 payload=a
        cut
        accept
        < CONNECT v=5 clean=0 id=z
        > 20 03 00 00 00
        < PUBLISH qos=1 dup=0 payload=a id=2
        > 40 02 00 02
        < DISCONNECT`,
        'mqtt-pub',
        ['-V', 5, '-t', 'a', '-l', '-q', 1],
        { input: 'a\n' },
      )
      assert.equal(run.code, 0)
      assert.match(run.err, /warning: .*1 unconfirmed message\(s\) sent anew/)
    })

    for (const [version, level, resume] of [
      ['311', 4, '< CONNECT v=4 clean=1\n> 20 02 00 00'],
      ['31', 3, '< CONNECT v=3 clean=1\n> 20 02 00 00'],
      ['5', 5, '< CONNECT v=5 clean=0 id=z\n> 20 03 00 00 00'],
    ] as const) {
      test(`QoS 2 of unknown fate, as the session is lost: reported, not repeated, not zero, level ${level}`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT v=${level} clean=1
          ${WELCOME[level]}
          < PUBLISH id=1 payload=a
          < PUBLISH id=2 payload=b
          > 50 02 00 01
          < PUBREL id=1
          cut
          accept
          ${resume}
          < DISCONNECT`,
          'mqtt-pub',
          ['-V', version, '-t', 'a', '-l', '-q', 2],
          { input: 'a\nb\n' },
        )
        assert.equal(run.code, 7)
        assert.match(run.err, /warning: .*1 of unknown fate/)
        assert.match(
          run.err,
          /error: delivery unknown of a QoS 2 message to 'a': the broker lost the session\n/,
        )
        assert.match(run.err, /1 of 2 message\(s\) not confirmed\n$/) // the broker owns what it had answered with PUBREC
      })
    }

    test('QoS 1 in a clean session: sent anew under a fresh connection, exit 0', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT clean=1
        > 20 02 00 00
        < PUBLISH id=1 payload=a
        cut
        accept
        < CONNECT clean=1
        > 20 02 00 00
        < PUBLISH dup=0 payload=a id=2
        > 40 02 00 02
        < DISCONNECT`,
        'mqtt-pub',
        ['-t', 'a', '-l', '-q', 1],
        { input: 'a\n' },
      )
      assert.equal(run.code, 0)
    })

    test('QoS 0 lines that had left on a lost connection are counted, those behind are sent', async (t) => {
      let run: Running | undefined
      const server = await script(
        t,
        `
        < CONNECT
        > 20 02 00 00
        < PUBLISH qos=0 payload=a
        reset
        accept
        < CONNECT
        > 20 02 00 00
        do more
        < PUBLISH qos=0 payload=b
        < DISCONNECT`,
        { do: { more: () => run?.stdin.end('b\n') } },
      )
      run = start(t, 'mqtt-pub', to(server), { keepStdin: true })
      run.stdin.write('a\n')
      await server.done
      const { code, err } = told(await run.done)
      assert.equal(code, 7)
      assert.match(err, /1 of 2 message\(s\) not confirmed\n$/)
    })

    test('a second cut in the middle of resending loses nothing (F6)', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT clean=0
        > 20 02 00 00
        < PUBLISH id=1 payload=a
        < PUBLISH id=2 payload=b
        > 50 02 00 01
        < PUBREL id=1
        cut
        accept
        < CONNECT clean=0
        > 20 02 01 00
        < PUBREL id=1
        < PUBLISH id=2 dup=1
        > 50 02 00 02
        < PUBREL id=2
        cut
        accept
        < CONNECT clean=0
        > 20 02 01 00
        < PUBREL id=1
        < PUBREL id=2
        > 70 02 00 01 70 02 00 02
        < DISCONNECT`,
        'mqtt-pub',
        ['-c', '-i', 's', '-t', 'a', '-l', '-q', 2],
        { input: 'a\nb\n' },
      )
      assert.equal(run.code, 0)
    })

    test('DUP is for what was sent before: lines from behind the window go out without (Q35)', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT clean=0
        > 20 02 00 00
        < PUBLISH id=1 dup=0 payload=a
        cut
        accept
        < CONNECT clean=0
        > 20 02 01 00
        < PUBLISH id=1 dup=1 payload=a
        > 40 02 00 01
        < PUBLISH id=2 dup=0 payload=b
        > 40 02 00 02
        < DISCONNECT`,
        'mqtt-pub',
        ['-c', '-i', 's', '-t', 'a', '-l', '-q', 1, '-M', 1],
        { input: 'a\nb\n' },
      )
      assert.equal(run.code, 0)
    })

    test('"server unavailable" at a reconnect is tried again', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT
        > 20 02 00 00
        < PUBLISH payload=a
        cut
        accept
        < CONNECT
        > 20 02 00 03
        cut
        accept
        < CONNECT
        > 20 02 01 00
        < PUBLISH dup=1 payload=a
        > 40 02 00 01
        < DISCONNECT`,
        'mqtt-pub',
        ['-c', '-i', 's', '-t', 'a', '-l', '-q', 1],
        { input: 'a\n' },
      )
      assert.equal(run.code, 0)
    })

    test('a v5 DISCONNECT "server shutting down" is a loss like any other (Q34)', async (t) => {
      const run = await converse(
        t,
        `
        < CONNECT v=5
        ${WELCOME[5]}
        < PUBLISH id=1
        > e0 01 8b
        cut
        accept
        < CONNECT v=5 clean=0
        > 20 03 01 00 00
        < PUBLISH id=1 dup=1
        > 40 02 00 01
        < DISCONNECT`,
        'mqtt-pub',
        ['-V', 5, '-t', 'a', '-l', '-q', 1],
        { input: 'a\n' },
      )
      assert.equal(run.code, 0)
      assert.match(run.err, /shutting down/)
    })

    for (const version of ['311', '5']) {
      test(`QoS 2 through six cuts at odd places: each line once and in order, -V ${version} (F2, F3, P2)`, async (t) => {
        const cuts = [3, 12, 27, 8, 41, 17]
        const owned: string[] = []
        const unreleased = new Set<string>()
        const server: Broker = await broker(t, {
          connack: (nth, level) => {
            if (level !== 5) return Buffer.from(nth === 1 ? '20020000' : '20020100', 'hex')
            return nth === 1 ? accepted(1, 5) : Buffer.from('2003010000', 'hex')
          },
          on: ({ name, facts, payload }, link) => {
            const id = facts.id as string
            if (name === 'PUBLISH') {
              // A broker that keeps its session takes an identifier it knows for the message it has.
              if (!unreleased.has(id)) owned.push(payload.toString())
              unreleased.add(id)
            } else if (name === 'PUBREL') unreleased.delete(id)
            if (link.seen.length !== cuts[link.nth - 1]) return false
            link.socket.resetAndDestroy()
            return true
          },
        })
        const { lines, input } = numbered(120)
        const keep = version === '311' ? ['-c', '-i', 's'] : []
        const run = await cli(t, 'mqtt-pub', to(server, '-V', version, '-q', 2, ...keep), { input })
        assert.equal(run.code, 0, run.stderr.toString())
        assert.equal(server.links.length, cuts.length + 1)
        assert.deepEqual(owned, lines)
      })
    }

    test('without -l a message is sent again only in a kept session', async (t) => {
      const kept = await converse(
        t,
        `
        < CONNECT clean=0
        > 20 02 00 00
        < PUBLISH id=1 dup=0
        cut
        accept
        < CONNECT clean=0
        > 20 02 01 00
        < PUBLISH id=1 dup=1
        > 40 02 00 01
        < DISCONNECT`,
        'mqtt-pub',
        ['-c', '-i', 's', '-t', 'a', '-m', 'x', '-q', 1],
      )
      assert.equal(kept.code, 0)
    })
  })

  describe('--retry-interval', { concurrency: 4 }, () => {
    for (const [version, level, pubrel] of [
      ['31', 3, 'a'],
      ['311', 4, '2'],
    ] as const) {
      test(`resends on the live connection with DUP, then PUBREL, level ${level}`, async (t) => {
        const run = await converse(
          t,
          `
          < CONNECT v=${level}
          > 20 02 00 00
          < PUBLISH id=1 dup=0 qos=2
          < PUBLISH id=1 dup=1 qos=2
          > 50 02 00 01
          < PUBREL id=1 flags=2
          < PUBREL id=1 flags=${pubrel}
          > 70 02 00 01
          < DISCONNECT`,
          'mqtt-pub',
          ['-V', version, '--retry-interval', 1, '-t', 'a', '-m', 'x', '-q', 2],
        )
        assert.deepEqual(run, QUIET)
      })
    }

    test('0 means never: the acknowledgement limit comes first', async (t) => {
      const server = await broker(t, { on: ({ name }) => name === 'PUBLISH' })
      const run = await cli(t, 'mqtt-pub', to(server, '-q', 1, '--retry-interval', 0, '--ack-timeout', 2), {
        input: 'x\n',
      })
      assert.equal(run.code, 19)
      assert.equal(server.messages.length, 1)
    })
  })
})
