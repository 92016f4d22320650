// -d: each packet as a line on standard error, with the facts that tell what happened; no secrets, colours or stacks.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WELCOME } from '../broker/script.js'
import { publish } from '../broker/wire.js'
import { converse } from '../support/run.js'

const QOS_2 = `
  < PUBLISH id=1
  > 50 02 00 01
  < PUBREL id=1
  > 70 02 00 01
  < DISCONNECT`

/** The lines of one packet type. */
function of(label: string, err: string): string[] {
  return err.split('\n').filter((line) => new RegExp(`(sent|received) ${label}( |$)`).test(line))
}

describe('-d', { concurrency: 4 }, () => {
  const versions = [
    ['mqttv31', 3, 'MQIsdp'],
    ['mqttv311', 4, 'MQTT'],
    ['mqttv5', 5, 'MQTT'],
  ] as const
  for (const [version, level, name] of versions) {
    test(`mqtt-pub -V ${version} -q 2: CONNECT with its fields, and a four-way exchange with one identifier`, async (t) => {
      const run = await converse(
        t,
        `< CONNECT v=${level}\n> ${level === 5 ? '20 03 00 00 00' : '20 02 00 00'}\n${QOS_2}`,
        'mqtt-pub',
        ['-V', version, '-i', 'me', '-k', 33, '-t', 'hello', '-m', 'abcd', '-q', 2, '-d'],
      )
      assert.equal(run.code, 0)
      assert.equal(run.out, '', 'standard output carries messages alone (Q68)')
      const [connect = '', ...more] = of('CONNECT', run.err)
      assert.deepEqual(more, [])
      for (const fact of [
        `protocol=${name} level=${level} flags=0x02`,
        'clean=1',
        'will=0',
        'user-name=0',
        'password=0',
        'keepalive=33',
        'client-id="me"',
      ]) {
        assert.ok(connect.includes(fact), `${fact} in ${connect}`)
      }
      assert.match(
        of('CONNACK', run.err)[0] ?? '',
        /me received CONNACK session-present=0 reason=0 \(accepted\)/,
      )
      const [message = ''] = of('PUBLISH', run.err)
      assert.match(message, /sent PUBLISH flags=0x4 dup=0 qos=2 retain=0 id=1 topic="hello" payload=4/)
      const order = run.err.match(/(sent|received) [A-Z]+/g)
      assert.deepEqual(order, [
        'sent CONNECT',
        'received CONNACK',
        'sent PUBLISH',
        'received PUBREC',
        'sent PUBREL',
        'received PUBCOMP',
        'sent DISCONNECT',
      ])
      for (const label of ['PUBLISH', 'PUBREC', 'PUBREL', 'PUBCOMP']) {
        assert.match(of(label, run.err).join('\n'), /^[^\n]*\bid=1\b[^\n]*$/, label)
      }
      // Remaining Length, as on the wire.
      const length = level === 3 ? 16 : level === 4 ? 14 : 18
      assert.ok(connect.endsWith(`length=${length}`), connect)
    })
  }

  test('MQTT 3.1 and 3.1.1 differ in name and level', async (t) => {
    const lines: string[] = []
    for (const version of ['mqttv31', 'mqttv311']) {
      const run = await converse(t, `< CONNECT\n> 20 02 00 00\n${QOS_2}`, 'mqtt-pub', [
        ...['-V', version, '-i', 'me', '-t', 'hello', '-m', 'abcd', '-q', 2, '-d'],
      ])
      lines.push(of('CONNECT', run.err)[0] as string)
    }
    assert.match(lines[0] as string, /protocol=MQIsdp level=3/)
    assert.match(lines[1] as string, /protocol=MQTT level=4/)
  })

  test('user name, password and will show as flags, and no secret anywhere (P8)', async (t) => {
    const run = await converse(t, '< CONNECT user=joe password=s3cret\n> 20 02 00 05\nwait-eof', 'mqtt-pub', [
      ...['-u', 'joe', '-P', 's3cret', '--will-topic', 'w', '--will-payload', 'last', '--will-qos', 1],
      ...['-t', 'a', '-m', 'x', '-d'],
    ])
    assert.equal(run.code, 5)
    const [connect = ''] = of('CONNECT', run.err)
    for (const fact of [
      'flags=0xce',
      'user-name=1',
      'password=1',
      'will=1',
      'will-qos=1',
      'will-topic="w"',
    ]) {
      assert.ok(connect.includes(fact), `${fact} in ${connect}`)
    }
    assert.doesNotMatch(run.err + run.out, /s3cret/)
  })

  test('mqtt-sub -d: requests with filters and codes, messages apart from the trace', async (t) => {
    const run = await converse(
      t,
      `
      < CONNECT
      > 20 02 00 00
      < SUBSCRIBE
      < UNSUBSCRIBE
      > 90 04 00 01 01 80
      > b0 02 00 02
      > ${publish(4, 'a/b', 'hi', { qos: 1, id: 77, retain: true }).toString('hex')}
      < PUBACK id=77
      < DISCONNECT`,
      'mqtt-sub',
      ['-t', 'a/#', '-t', 'no', '-U', 'old', '-q', 1, '-C', 1, '-d'],
    )
    assert.equal(run.code, 0)
    assert.equal(run.out, 'hi\n')
    assert.match(of('SUBSCRIBE', run.err)[0] ?? '', /id=1 filter="a\/#" qos=1 .*filter="no" qos=1/)
    assert.match(of('SUBACK', run.err)[0] ?? '', /id=1 codes=1,128/)
    assert.match(of('UNSUBSCRIBE', run.err)[0] ?? '', /id=2 filter="old"/)
    assert.match(of('UNSUBACK', run.err)[0] ?? '', /id=2/)
    assert.match(
      of('PUBLISH', run.err)[0] ?? '',
      /flags=0x3 dup=0 qos=1 retain=1 id=77 topic="a\/b" payload=2/,
    )
    assert.match(of('PUBACK', run.err)[0] ?? '', /sent PUBACK id=77/)
  })

  test('reasons of MQTT 5 are shown by number and name, and the assigned identifier becomes the name', async (t) => {
    const run = await converse(
      t,
      `
      < CONNECT v=5
      ${WELCOME[5]}
      < PUBLISH
      > 40 03 00 01 10
      < DISCONNECT`,
      'mqtt-pub',
      ['-V', 5, '-t', 'a', '-m', 'x', '-q', 1, '-d'],
    )
    assert.match(of('CONNECT', run.err)[0] ?? '', /^- sent CONNECT/)
    assert.match(
      of('PUBACK', run.err)[0] ?? '',
      /^z received PUBACK id=1 reason=16 \(no matching subscribers\)/,
    )
    assert.match(of('DISCONNECT', run.err)[0] ?? '', /reason=0/)
  })

  test('no colour codes in pipes, whatever the terminal can do (P9)', async (t) => {
    for (const env of [
      {},
      { TERM: 'xterm-256color', COLORTERM: 'truecolor' },
      { NO_COLOR: '1', FORCE_COLOR: '1' },
    ]) {
      const run = await converse(
        t,
        '< CONNECT\n> 20 02 00 05\nwait-eof',
        'mqtt-pub',
        ['-t', 'a', '-n', '-d'],
        { env },
      )
      assert.equal(run.code, 5)
      assert.ok(run.err.includes('error:') && !run.err.includes('\x1b'), JSON.stringify(run.err))
    }
  })

  test('a topic of the broker cannot move the cursor', async (t) => {
    const run = await converse(
      t,
      `
      < CONNECT
      > 20 02 00 00
      < SUBSCRIBE
      > 90 03 00 01 00 | 30 09 00 05 'a' 1b '[2J' 'x' 0a
      < DISCONNECT`,
      'mqtt-sub',
      ['-t', '#', '-d', '-C', 1],
    )
    assert.match(run.err, /topic="a/)
    assert.ok(!run.err.includes('\x1b'), JSON.stringify(run.err))
  })

  test('no stack trace for anything a broker or a user does', async (t) => {
    for (const bytes of ['00 00', '20 02 00 05', '20 02 01 00', 'e0 00', '30 00', "'SSH-2.0'"]) {
      const run = await converse(t, `< CONNECT\n> ${bytes}\nwait-eof`, 'mqtt-pub', ['-t', 'a', '-n', '-d'])
      assert.notEqual(run.code, 0)
      assert.doesNotMatch(run.err, /\n\s+at |this is a bug|node:internal/)
    }
  })
})
