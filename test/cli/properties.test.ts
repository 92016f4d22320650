// -D: each MQTT 5 property in each command, as it is refused or as it goes over the wire (contract 1.8, Q2, Q27).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gather } from '../../src/cli/flags/sources.js'
import { UsageError } from '../../src/errors.js'
import { broker, publish } from './answering.js'
import { cli, connectOf, hexOf, misuse, PROGRAMS, type Program, rows, WORK } from './support.js'

const COMMANDS = ['connect', 'publish', 'subscribe', 'unsubscribe', 'disconnect', 'will'] as const
type Command = (typeof COMMANDS)[number]

interface PropertyRow {
  name: string
  in: readonly Command[]
  /** What is accepted, with its bytes. */
  good: readonly (readonly [string, string])[]
  /** What is refused; the first one by the built program too. */
  bad: readonly string[]
}

const NOT_WHOLE = ['abc', '', '1.5', '12x', '0x1', '-1']
const BAD_TEXT = ['a\u0001b', '\ufffe', 'x'.repeat(65_536)]

const PROPERTIES: readonly PropertyRow[] = [
  {
    name: 'payload-format-indicator',
    in: ['publish', 'will'],
    good: [
      ['0', '01 00'],
      ['1', '01 01'],
    ],
    bad: ['2', '255', ...NOT_WHOLE],
  },
  {
    name: 'message-expiry-interval',
    in: ['publish', 'will'],
    good: [
      ['0', '02 00000000'],
      ['4294967295', '02 ffffffff'],
    ],
    bad: ['4294967296', ...NOT_WHOLE],
  },
  { name: 'content-type', in: ['publish', 'will'], good: [['t/é', '03 0004 742fc3a9']], bad: BAD_TEXT },
  {
    name: 'response-topic',
    in: ['publish', 'will'],
    good: [['r/t', '08 0003 722f74']],
    bad: ['r/#', '+', '', ...BAD_TEXT],
  },
  {
    name: 'correlation-data',
    in: ['publish', 'will'],
    good: [
      ['c\u0001', '09 0002 6301'],
      ['', '09 0000'],
    ],
    bad: ['x'.repeat(65_536)],
  },
  {
    name: 'subscription-identifier',
    in: ['subscribe'],
    good: [
      ['1', '0b 01'],
      ['268435455', '0b ffffff7f'],
    ],
    bad: ['0', '268435456', ...NOT_WHOLE],
  },
  {
    name: 'session-expiry-interval',
    in: ['connect', 'disconnect'],
    good: [['7', '11 00000007']],
    bad: ['4294967296', ...NOT_WHOLE],
  },
  { name: 'authentication-method', in: ['connect'], good: [['m', '15 0001 6d']], bad: BAD_TEXT },
  { name: 'authentication-data', in: ['connect'], good: [['d', '16 0001 64']], bad: ['x'.repeat(65_536)] },
  {
    name: 'request-problem-information',
    in: ['connect'],
    good: [
      ['0', '17 00'],
      ['1', '17 01'],
    ],
    bad: ['2', '256', ...NOT_WHOLE],
  },
  {
    name: 'will-delay-interval',
    in: ['will'],
    good: [['5', '18 00000005']],
    bad: ['4294967296', ...NOT_WHOLE],
  },
  { name: 'request-response-information', in: ['connect'], good: [['1', '19 01']], bad: ['2', ...NOT_WHOLE] },
  { name: 'server-reference', in: ['disconnect'], good: [['s', '1c 0001 73']], bad: BAD_TEXT },
  { name: 'reason-string', in: ['disconnect'], good: [['r', '1f 0001 72']], bad: BAD_TEXT },
  {
    name: 'receive-maximum',
    in: ['connect'],
    good: [
      ['1', '21 0001'],
      ['65535', '21 ffff'],
    ],
    bad: ['0', '65536', ...NOT_WHOLE],
  },
  {
    name: 'topic-alias-maximum',
    in: ['connect'],
    good: [
      ['0', '22 0000'],
      ['65535', '22 ffff'],
    ],
    bad: ['65536', ...NOT_WHOLE],
  },
  {
    name: 'topic-alias',
    in: ['publish'],
    good: [
      ['1', '23 0001'],
      ['65535', '23 ffff'],
    ],
    bad: ['0', '65536', ...NOT_WHOLE],
  },
  {
    name: 'maximum-packet-size',
    in: ['connect'],
    good: [
      ['4294967295', '27 ffffffff'],
      ['1', '27 00000001'],
    ],
    bad: ['0', '4294967296', ...NOT_WHOLE],
  },
]

const read = (...words: string[]) => gather('mqtt-pub', ['-D', ...words], {}, () => undefined)

function refused(words: string[], names: readonly string[]): void {
  assert.throws(
    () => read(...words),
    (error) => error instanceof UsageError && ['-D', ...names].every((name) => error.message.includes(name)),
    JSON.stringify(words.map((word) => word.slice(0, 40))),
  )
}

rows(
  '1.8: what a property takes, and in which commands',
  PROPERTIES.map((row, at) => ({ ...row, program: PROGRAMS[at % PROGRAMS.length] as Program })),
  ({ name }) => name,
  async (t, { name, in: commands, good, bad, program }) => {
    for (const command of COMMANDS) {
      if (commands.includes(command)) {
        for (const [value] of good) assert.doesNotThrow(() => read(command, name, value), value)
        for (const value of bad) refused([command, name, value], [command, name])
        refused(
          [command, name, good[0]?.[0] ?? '', '-D', command, name, good[0]?.[0] ?? ''],
          [command, name, 'twice'],
        )
      } else {
        refused([command, name, good[0]?.[0] ?? ''], [command, name, 'does not belong'])
      }
    }
    const [command = 'connect'] = commands
    const [first = ''] = bad
    const shown = first.length > 80 ? '' : first.replace('\u0001', '\\x01')
    await misuse(t, program, [...WORK[program], '-D', command, name, first], ['-D', command, name, shown])
  },
)

describe('1.8: words of -D', { concurrency: 4 }, () => {
  test('command and property are case-insensitive', () => {
    assert.deepEqual(read('PubLish', 'CONTENT-Type', 'X').properties, { publish: { contentType: 'X' } })
  })
  test('commands that only a server sends are refused by name', async (t) => {
    const names = ['auth', 'connack', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback']
    for (const name of names) refused([name, 'reason-string', 'x'], [`'${name}'`])
    await misuse(t, 'mqtt-sub', [...WORK['mqtt-sub'], '-D', 'puback', 'reason-string', 'x'], ["'puback'"])
  })
  test('other commands are refused by name, near misses with a hint', (t) =>
    misuse(
      t,
      'mqtt-pub',
      [...WORK['mqtt-pub'], '-D', 'publsh', 'content-type', 'x'],
      ["'publsh'", "'publish'"],
    ))
  test('unknown properties are refused by name, near misses with a hint', (t) =>
    misuse(
      t,
      'mqtt-pub',
      [...WORK['mqtt-pub'], '-D', 'publish', 'conten-type', 'x'],
      ["'conten-type'", "'content-type'"],
    ))
  test('known names that no usable command permits', () => {
    const names = [
      ...['assigned-client-identifier', 'server-keep-alive', 'response-information', 'maximum-qos'],
      ...['retain-available', 'wildcard-subscription-available', 'subscription-identifier-available'],
      'shared-subscription-available',
    ]
    for (const name of names) {
      for (const command of COMMANDS) refused([command, name, '1'], [command, name, 'does not belong'])
    }
  })
  test('user-property: in every command, repeatable, empty name and value', () => {
    for (const command of COMMANDS) {
      const words = [command, 'user-property', 'n', 'v', '-D', command, 'user-property', '', '']
      assert.deepEqual(read(...words).properties, {
        [command]: {
          userProperties: [
            ['n', 'v'],
            ['', ''],
          ],
        },
      })
    }
  })
  test('Q27: user-property: both halves are checked', () => {
    refused(['publish', 'user-property', 'a\u0001', 'b'], ['publish', 'user-property', 'a\\x01'])
    refused(['publish', 'user-property', 'a', 'b\u0001'], ['publish', 'user-property', 'b\\x01'])
  })
  test('authentication-data without authentication-method', (t) =>
    misuse(
      t,
      'mqtt-rr',
      [...WORK['mqtt-rr'], '-D', 'connect', 'authentication-data', 'x'],
      ['authentication-data', 'authentication-method'],
    ))
  test('-D publish response-topic is always a duplicate in mqtt-rr (5)', (t) =>
    misuse(
      t,
      'mqtt-rr',
      [...WORK['mqtt-rr'], '-D', 'publish', 'response-topic', 'x'],
      ['response-topic', '-e'],
    ))
  test('properties for packets that the program never sends are inert', async (t) => {
    const server = await broker(t, publish('b', 'y'))
    const where = ['-h', '127.0.0.1', '-p', `${server.port}`]
    const inert = [
      '-D',
      'subscribe',
      'subscription-identifier',
      '3',
      '-D',
      'unsubscribe',
      'user-property',
      'a',
      'b',
    ]
    const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...inert, ...where])
    assert.deepEqual(told, { code: 0, out: '', err: '' })
    assert.deepEqual(
      server.seen.map(({ name, facts }) => [name, facts.v ?? facts.props]),
      [
        ['CONNECT', '5'],
        ['PUBLISH', ''],
        ['DISCONNECT', undefined],
      ],
    )
  })
})

/** All properties of a command, each with its first good value, in the order of the table or turned round. */
function all(command: Command, backwards: boolean): { words: string[]; bytes: string } {
  const own = PROPERTIES.filter((row) => row.in.includes(command))
  const list = [
    ...own.map(({ name, good: [first] }) => ({ words: [name, first?.[0] ?? ''], bytes: first?.[1] ?? '' })),
    { words: ['user-property', 'n', 'é'], bytes: '26 0001 6e 0002 c3a9' },
  ]
  if (backwards) list.reverse()
  return {
    words: list.flatMap(({ words }) => ['-D', command, ...words]),
    bytes: hexOf(list.map(({ bytes }) => bytes).join('')),
  }
}

for (const backwards of [false, true]) {
  describe(`1.8: on the wire in the order given${backwards ? ', turned round' : ''}`, {
    concurrency: 3,
  }, () => {
    for (const command of ['connect', 'will'] as const) {
      test(command, async (t) => {
        const { words, bytes } = all(command, backwards)
        const { facts } = await connectOf(t, 'mqtt-sub', [...words, '--will-topic', 'w'])
        assert.equal(command === 'will' ? facts['will-props'] : facts.props, bytes)
      })
    }
    for (const [command, program, packet] of [
      ['publish', 'mqtt-pub', 'PUBLISH'],
      ['subscribe', 'mqtt-sub', 'SUBSCRIBE'],
      ['subscribe', 'mqtt-rr', 'SUBSCRIBE'],
      ['unsubscribe', 'mqtt-sub', 'UNSUBSCRIBE'],
      ['disconnect', 'mqtt-pub', 'DISCONNECT'],
      ['disconnect', 'mqtt-sub', 'DISCONNECT'],
      ['disconnect', 'mqtt-rr', 'DISCONNECT'],
    ] as const) {
      test(`${command} of ${program}`, async (t) => {
        const { words, bytes } = all(command, backwards)
        const server = await broker(t, publish('b', 'y'))
        // The broker offers no topic aliases, and no session that a DISCONNECT could prolong: ask for both.
        const session = command === 'disconnect' ? ['-x', '60'] : []
        const without = command === 'publish' ? withoutAlias({ words, bytes }) : { words, bytes }
        const unsubscribe = program === 'mqtt-sub' ? ['-U', 'u'] : []
        const args = [...WORK[program], ...unsubscribe, ...session, ...without.words]
        const { code, err } = await cli(t, program, [...args, '-h', '127.0.0.1', '-p', server.port])
        assert.equal(code, 0, err)
        assert.equal(server.seen.find(({ name }) => name === packet)?.facts.props, without.bytes)
      })
    }
  })
}

function withoutAlias({ words, bytes }: { words: string[]; bytes: string }): {
  words: string[]
  bytes: string
} {
  const at = words.indexOf('topic-alias')
  return { words: words.toSpliced(at - 2, 4), bytes: bytes.replace('230001', '') }
}
