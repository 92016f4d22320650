// The first bytes on the wire: CONNECT in each version and for each option that shapes it, and one PUBLISH.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WELCOME } from '../broker/script.js'
import { type Args, converse, QUIET } from '../support/run.js'

interface Row {
  args: Args
  connect: string
  level: 3 | 4 | 5
  /** DISCONNECT, where it is not the short one. */
  goodbye?: string
}

// Hex of contract 9.1, typed from there.
const PUB_ROWS: readonly Row[] = [
  { args: [], connect: '10 0c 0004 4d515454 04 02 003c 0000', level: 4 },
  { args: ['-V', '311'], connect: '10 0c 0004 4d515454 04 02 003c 0000', level: 4 },
  { args: ['-V', 'mqttv311'], connect: '10 0c 0004 4d515454 04 02 003c 0000', level: 4 },
  { args: ['-V', '5'], connect: '10 10 0004 4d515454 05 02 003c 03 210014 0000', level: 5 },
  { args: ['-V', 'mqttv5'], connect: '10 10 0004 4d515454 05 02 003c 03 210014 0000', level: 5 },
  {
    args: ['-V', '5', '-c', '-i', 'a'],
    connect: '10 16 0004 4d515454 05 00 003c 08 11ffffffff 210014 0001 61',
    level: 5,
  },
  { args: ['-c', '-i', 'a'], connect: '10 0d 0004 4d515454 04 00 003c 0001 61', level: 4 },
  {
    args: ['-u', 'U', '-P', 'pw'],
    connect: '10 13 0004 4d515454 04 c2 003c 0000 0001 55 0002 7077',
    level: 4,
  },
  { args: ['-u', ''], connect: '10 0e 0004 4d515454 04 82 003c 0000 0000', level: 4 },
  {
    args: ['--will-topic', 'w', '--will-payload', 'pp', '--will-qos', 2, '--will-retain'],
    connect: '10 13 0004 4d515454 04 36 003c 0000 0001 77 0002 7070',
    level: 4,
  },
  { args: ['-k', '5'], connect: '10 0c 0004 4d515454 04 02 0005 0000', level: 4 },
  { args: ['-k', '65535'], connect: '10 0c 0004 4d515454 04 02 ffff 0000', level: 4 },
  // Level 3 of MQTT 3.1: its own protocol name; an identifier is a must.
  { args: ['-V', '31', '-i', 'a'], connect: '10 0f 0006 4d514973 6470 03 02 003c 0001 61', level: 3 },
  { args: ['-V', 'mqttv31', '-i', 'a'], connect: '10 0f 0006 4d514973 6470 03 02 003c 0001 61', level: 3 },
  {
    args: ['-V', '31', '-c', '-i', 'a', '-u', 'U', '-P', 'pw'],
    connect: '10 16 0006 4d514973 6470 03 c0 003c 0001 61 0001 55 0002 7077',
    level: 3,
  },
  // A password without a user name is possible in MQTT 5 alone.
  {
    args: ['-V', '5', '-P', 'p'],
    connect: '10 13 0004 4d515454 05 42 003c 03 210014 0000 0001 70',
    level: 5,
  },
  // A will of MQTT 5 has properties of its own, here none.
  {
    args: ['-V', '5', '--will-topic', 'w'],
    connect: '10 16 0004 4d515454 05 06 003c 03 210014 0000 00 0001 77 0000',
    level: 5,
  },
]

const SUB_ROWS: readonly Row[] = [
  { args: [], connect: '10 0c 0004 4d515454 04 02 003c 0000', level: 4 },
  { args: ['-V', '5'], connect: '10 10 0004 4d515454 05 02 003c 03 210014 0000', level: 5 },
  {
    args: ['-V', '5', '-c', '-i', 'a'],
    connect: '10 16 0004 4d515454 05 00 003c 08 11ffffffff 210014 0001 61',
    level: 5,
  },
  // No more messages in flight than are wanted.
  { args: ['-V', '5', '-C', '7'], connect: '10 10 0004 4d515454 05 02 003c 03 210007 0000', level: 5 },
  { args: ['-V', '5', '-C', '21'], connect: '10 10 0004 4d515454 05 02 003c 03 210014 0000', level: 5 },
  { args: ['-C', '7'], connect: '10 0c 0004 4d515454 04 02 003c 0000', level: 4 },
]

function welcome({ level, args }: Row): string {
  return level === 5 && args.includes('-i') ? '> 20 03 00 00 00' : WELCOME[level]
}

describe('CONNECT and PUBLISH, byte for byte', { concurrency: 4 }, () => {
  for (const row of PUB_ROWS) {
    test(`mqtt-pub ${row.args.map((word) => `'${word}'`).join(' ')} connects with ${row.connect}`, async (t) => {
      const publish = row.level === 5 ? '30 05 0001 61 00 78' : '30 04 0001 61 78'
      const run = await converse(
        t,
        `
        < ${row.connect}
        ${welcome(row)}
        < ${publish}
        < e0 00`,
        'mqtt-pub',
        [...row.args, '-t', 'a', '-m', 'x'],
      )
      assert.deepEqual(run, QUIET)
    })
  }

  for (const row of SUB_ROWS) {
    test(`mqtt-sub ${row.args.map((word) => `'${word}'`).join(' ')} connects with ${row.connect}`, async (t) => {
      const request = row.level === 5 ? '82 07 0001 00 0001 61 00' : '82 06 0001 0001 61 00'
      const run = await converse(
        t,
        `
        < ${row.connect}
        ${welcome(row)}
        < ${request}
        > ${row.level === 5 ? '90 04 00 01 00 00' : '90 03 00 01 00'}
        < e0 00`,
        'mqtt-sub',
        [...row.args, '-t', 'a', '-E'],
      )
      assert.deepEqual(run, QUIET)
    })
  }

  for (const program of ['mqtt-pub', 'mqtt-sub'] as const) {
    test(`${program} -I makes an identifier of the prefix and the process id`, async (t) => {
      const run = await converse(t, '< CONNECT id=*\n> 20 02 00 05\nwait-eof', program, [
        ...['-I', 'pre-', '-t', 'a', '-d'],
        ...(program === 'mqtt-pub' ? ['-n'] : []),
      ])
      assert.match(run.err, /client-id="pre-[0-9]+"/)
    })
  }

  test('without -i MQTT 3.1 gets mosq- and 18 random characters', async (t) => {
    const ids = await Promise.all(
      [1, 2].map(async () => {
        const { err } = await converse(t, '< CONNECT v=3 id=*\n> 20 02 00 05\nwait-eof', 'mqtt-pub', [
          ...['-V', '31', '-t', 'a', '-n', '-d'],
        ])
        return /client-id="(mosq-[A-Za-z0-9]{18})"/.exec(err)?.[1]
      }),
    )
    assert.ok(ids[0] !== undefined && ids[1] !== undefined, 'the identifiers have the form')
    assert.notEqual(ids[0], ids[1])
  })

  for (const [qos, id] of [
    [0, ''],
    [1, '0001'],
    [2, '0001'],
  ] as const) {
    for (const level of [3, 4, 5] as const) {
      test(`PUBLISH at QoS ${qos}, level ${level}, retained`, async (t) => {
        const body = `0003 612f62 ${id} ${level === 5 ? '00' : ''} 68 69`
        const length = body.replaceAll(' ', '').length / 2
        const answers = ['', '> 40 02 00 01', '> 50 02 00 01\n< 62 02 00 01\n> 70 02 00 01'] as const
        const run = await converse(
          t,
          `
          < CONNECT v=${level}
          ${WELCOME[level]}
          < 3${(qos * 2 + 1).toString(16)} ${length.toString(16).padStart(2, '0')} ${body}
          ${answers[qos]}
          < e0 00`,
          'mqtt-pub',
          ['-V', level === 3 ? '31' : level === 4 ? '311' : '5', '-q', qos, '-r', '-t', 'a/b', '-m', 'hi'],
        )
        assert.deepEqual(run, QUIET)
      })
    }
  }

  const requests: readonly [args: Args, bytes: string, suback: string][] = [
    // Hex of contract 9.1.
    [['-t', 'a', '-t', 'b/#', '-q', 1], '82 0c 0001 0001 61 01 0003 622f23 01', '90 04 00 01 01 01'],
    [['-V', '5', '-t', 'a', '-R'], '82 07 0001 00 0001 61 20', '90 04 00 01 00 00'],
    [['-t', 'a', '-R'], '82 06 0001 0001 61 00', '90 03 00 01 00'],
    [['-V', '31', '-t', 'a', '-q', 2], '82 06 0001 0001 61 02', '90 03 00 01 02'],
  ]
  for (const [args, bytes, suback] of requests) {
    test(`mqtt-sub ${args.join(' ')} subscribes with ${bytes}`, async (t) => {
      const level = args[1] === '5' ? 5 : args[1] === '31' ? 3 : 4
      const run = await converse(
        t,
        `
        < CONNECT
        ${WELCOME[level]}
        < ${bytes}
        > ${suback}
        < e0 00`,
        'mqtt-sub',
        [...args, '-E'],
      )
      assert.deepEqual(run, QUIET)
    })
  }
})
