// What options take: ranges, defaults, what a second occurrence does (contract 1.1 and 1.2), topics and texts that
// are refused, and options that exclude or need each other (1.4).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gather } from '../../src/cli/flags/sources.js'
import type { Given } from '../../src/cli/flags/table.js'
import { UsageError } from '../../src/errors.js'
import { temporaryFolder } from '../support/run.js'
import { cli, misuse, PROGRAMS, type Program, rows, WORK } from './support.js'

const given = (program: Program, words: readonly string[]): Given =>
  gather(program, words, {}, () => undefined)

interface ValueRow {
  program: Program
  option: string
  /** How it is named in errors. */
  named?: string
  good: readonly (readonly [string, Partial<Given>])[]
  bad: readonly string[]
}

// Q2: numbers are whole values of the right kind, so text, an empty value, 12x and fractions are refused everywhere.
const NOT_WHOLE = ['abc', '', '12x', '1.9', '0x10', '1e3', ' ', '5 ', '--', '∞']
const deep = (levels: number): string => Array.from({ length: levels }, () => 'a').join('/')

rows<ValueRow>(
  'ranges (1.1, 1.2, Q2, Q49): the first bad value is refused by the built program, naming option and value',
  [
    {
      program: 'mqtt-sub',
      option: '-C',
      good: [
        ['1', { count: 1 }],
        ['+7', { count: 7 }],
        [' 7', { count: 7 }],
        ['1000000', { count: 1_000_000 }],
      ],
      bad: ['0', '-1', ...NOT_WHOLE],
    },
    {
      program: 'mqtt-pub',
      option: '-k',
      named: '-k (--keepalive)',
      good: [
        ['5', { keepAliveSeconds: 5 }],
        ['65535', { keepAliveSeconds: 65_535 }],
      ],
      bad: ['4', '65536', '0', '-5', ...NOT_WHOLE],
    },
    {
      program: 'mqtt-rr',
      option: '-M',
      good: [
        ['1', { maxInFlight: 1 }],
        ['65535', { maxInFlight: 65_535 }],
        ['65536', {}],
        ['99999999', {}],
      ],
      bad: ['0', '-1', ...NOT_WHOLE],
    },
    {
      program: 'mqtt-pub',
      option: '-p',
      named: '-p (--port)',
      good: [
        ['0', { port: 0 }],
        ['65535', { port: 65_535 }],
      ],
      bad: ['65536', '-1', ...NOT_WHOLE],
    },
    {
      program: 'mqtt-sub',
      option: '-q',
      named: '-q (--qos)',
      good: [
        ['0', { qos: 0 }],
        ['2', { qos: 2 }],
      ],
      bad: ['3', '-1', ...NOT_WHOLE],
    },
    {
      program: 'mqtt-sub',
      option: '--random-filter',
      good: [
        ['0.1', { randomFilter: 0.1 }],
        ['100', { randomFilter: 100 }],
        ['100.0', { randomFilter: 100 }],
        ['.5', { randomFilter: 0.5 }],
      ],
      bad: ['0.09', '100.1', '0', '-1', '', 'abc', '5%', 'nan', 'inf', '1,5'],
    },
    { program: 'mqtt-pub', option: '--repeat', good: [['1', { repeat: 1 }]], bad: ['0', '-1', ...NOT_WHOLE] },
    {
      program: 'mqtt-pub',
      option: '--repeat-delay',
      good: [
        ['0', { repeatDelaySeconds: 0 }],
        ['0.25', { repeatDelaySeconds: 0.25 }],
        ['1e-3', { repeatDelaySeconds: 0.001 }],
        ['3000000', { repeatDelaySeconds: 3_000_000 }],
      ],
      bad: ['-1', '-0.1', '', 'abc', '1s', 'nan', 'inf', 'infinity'],
    },
    {
      program: 'mqtt-sub',
      option: '--retain-handling',
      good: [
        ['always', { retainHandling: 0 }],
        ['new', { retainHandling: 1 }],
        ['never', { retainHandling: 2 }],
      ],
      bad: ['Never', '', '0', 'nevr', 'constructor'],
    },
    {
      program: 'mqtt-sub',
      option: '-V',
      named: '-V (--protocol-version)',
      good: [
        ['5', { version: 5 }],
        ['mqttv5', { version: 5 }],
        ['311', { version: 4 }],
        ['mqttv311', { version: 4 }],
        ['31', { version: 3 }],
        ['mqttv31', { version: 3 }],
      ],
      bad: ['4', 'MQTTv5', '3.1.1', '', '5.0', '3', 'mqttv4', '05'],
    },
    {
      program: 'mqtt-rr',
      option: '-W',
      good: [
        ['1', { timeoutSeconds: 1 }],
        ['0.5', { timeoutSeconds: 0.5 }],
      ],
      bad: ['0', '-1', '', 'abc', '1s'],
    },
    {
      program: 'mqtt-pub',
      option: '--will-qos',
      good: [['1', { willQos: 1 }]],
      bad: ['3', '-1', ...NOT_WHOLE],
    },
    {
      program: 'mqtt-rr',
      option: '-x',
      good: [
        ['∞', { sessionExpiry: 0xffff_ffff, version: 5 }],
        ['-1', { sessionExpiry: 0xffff_ffff, version: 5 }],
        ['4294967295', { sessionExpiry: 0xffff_ffff, version: 5 }],
        ['0', { sessionExpiry: 0, version: 5 }],
        ['0x10', { sessionExpiry: 16, version: 5 }],
        ['010', { sessionExpiry: 8, version: 5 }],
        [' +7', { sessionExpiry: 7, version: 5 }],
      ],
      bad: ['4294967296', '-2', '', 'abc', '12x', '1.5', '09', '0x', '∞∞', ' ∞', '5 '],
    },
    {
      program: 'mqtt-pub',
      option: '--tls-version',
      good: [
        ['tlsv1.2', { tlsVersion: 'TLSv1.2' }],
        ['TLSv1.3', { tlsVersion: 'TLSv1.3' }],
      ],
      bad: ['tlsv1.1', '', '1.3', 'tlsv1'],
    },
    {
      program: 'mqtt-pub',
      option: '--keyform',
      good: [
        ['pem', { keyform: 'pem' }],
        ['PEM', { keyform: 'pem' }],
        ['Engine', { keyform: 'engine' }],
      ],
      bad: ['der', ''],
    },
    {
      program: 'mqtt-pub',
      option: '--tls-engine-kpass-sha1',
      good: [['a'.repeat(40), { tlsEngineKeyPass: 'a'.repeat(40) }]],
      bad: ['abc', 'g'.repeat(40), 'a'.repeat(39), 'a'.repeat(41), ''],
    },
    {
      program: 'mqtt-sub',
      option: '--unix',
      good: [['/x', { host: '/x', port: 0 }]],
      bad: ['y'.repeat(108), ''],
    },
    {
      program: 'mqtt-pub',
      option: '--completion',
      good: [['zsh', { completion: 'zsh' }]],
      bad: ['tcsh', '', 'Bash'],
    },
  ],
  ({ program, option }) => `${program} ${option}`,
  async (t, { program, option, named = option, good, bad }) => {
    for (const [value, expected] of good) assert.deepEqual(given(program, [option, value]), expected, value)
    for (const value of bad) {
      assert.throws(
        () => given(program, [option, value]),
        (error) => error instanceof UsageError && error.message.includes(`${named} '${value.slice(0, 80)}`),
        `${option} '${value}'`,
      )
    }
    await misuse(
      t,
      program,
      [...WORK[program], option, bad[0] as string],
      [named, `'${bad[0]?.slice(0, 80)}`],
    )
  },
)

test('--psk: hexadecimal digits in pairs; the value is a secret and is not shown (1.13)', async (t) => {
  for (const value of ['xyz', '', 'abc', '0x12', '12 ']) {
    const { code, err } = await cli(t, 'mqtt-pub', [
      ...WORK['mqtt-pub'],
      '--psk',
      value,
      '--psk-identity',
      'i',
    ])
    assert.equal(code, 1)
    assert.match(err, /--psk expected/)
    if (value !== '') assert.ok(!err.includes(value), err)
  }
  assert.deepEqual(given('mqtt-pub', ['--psk', 'aBcD']), {
    psk: Buffer.from('abcd', 'hex'),
    holdsSecret: true,
  })
})

interface TextRow {
  program: Program
  option: string
  good: readonly string[]
  bad: readonly string[]
}

const BAD_TEXT = [
  'a\u0001b',
  'a\u007f',
  'a\u0085',
  'a\n',
  '\ufdd0',
  '\ufdef',
  '\ufffe',
  'a\u{1ffff}',
  '\u{10fffe}',
]
const BAD_TOPIC = [
  'a/#',
  '+',
  'a/+/b',
  '#',
  'a+b',
  'x'.repeat(65_536),
  'ä'.repeat(32_768),
  deep(202),
  ...BAD_TEXT,
]
const GOOD_TOPIC = ['/', '//', '$SYS/x', 'a b', 'ä€😀', '\ufeffa', '\ufdcf', 'x'.repeat(65_535), deep(201)]
const BAD_FILTER = ['a#', 'a/#/b', '#/', 'a+/b', '+a', 'x'.repeat(65_536), deep(202), ...BAD_TEXT]
const GOOD_FILTER = ['#', '+', '/', 'a/+/b', '+/+', 'a/#', '$SYS/#', '$share/g/a/#', deep(201)]

rows<TextRow>(
  'topics, filters and texts (1.1, 1.3): the first bad one is refused by the built program',
  [
    { program: 'mqtt-pub', option: '-t', good: GOOD_TOPIC, bad: BAD_TOPIC },
    { program: 'mqtt-rr', option: '-t', good: GOOD_TOPIC, bad: BAD_TOPIC },
    { program: 'mqtt-rr', option: '-e', good: GOOD_TOPIC, bad: BAD_TOPIC },
    { program: 'mqtt-sub', option: '--will-topic', good: GOOD_TOPIC, bad: BAD_TOPIC },
    { program: 'mqtt-sub', option: '-t', good: GOOD_FILTER, bad: BAD_FILTER },
    { program: 'mqtt-sub', option: '-T', good: GOOD_FILTER, bad: BAD_FILTER },
    { program: 'mqtt-sub', option: '-U', good: GOOD_FILTER, bad: BAD_FILTER },
    { program: 'mqtt-pub', option: '-i', good: ['x', 'ä', 'x'.repeat(300)], bad: ['', ...BAD_TEXT] },
    { program: 'mqtt-pub', option: '-I', good: ['x', '', 'ä'], bad: BAD_TEXT },
  ],
  ({ program, option }) => `${program} ${option}`,
  async (t, { program, option, good, bad }) => {
    for (const value of good) assert.doesNotThrow(() => given(program, [option, value]), value.slice(0, 80))
    for (const value of bad) {
      assert.throws(
        () => given(program, [option, value]),
        (error) => error instanceof UsageError && error.message.startsWith(option),
        `${option} ${JSON.stringify(value.slice(0, 80))}`,
      )
    }
    await misuse(
      t,
      program,
      [...WORK[program], option, bad[0] as string],
      [option, `'${bad[0]?.replace('\u0001', '\\x01')}'`],
    )
  },
)

rows(
  '-u: text of up to 65535 bytes (1.2), checked when it is used',
  ['a\u0001', '\ufffe', 'x'.repeat(65_536)],
  (value) => JSON.stringify(value.slice(0, 10)),
  async (t, value) => {
    const { code, err } = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '-u', value])
    assert.equal(code, 1)
    assert.match(err, /-u \(--username\)/)
  },
)

describe('a second occurrence (1.2, "Rep")', { concurrency: 4 }, () => {
  const last: [Program, string, string, string][] = [
    ['mqtt-pub', '-A', '127.0.0.1', '127.0.0.2'],
    ['mqtt-sub', '-C', '1', '2'],
    ['mqtt-rr', '-e', 'a', 'b'],
    ['mqtt-sub', '-F', '%t', '%p'],
    ['mqtt-pub', '-h', 'a', 'b'],
    ['mqtt-pub', '-i', 'a', 'b'],
    ['mqtt-pub', '-I', 'a', 'b'],
    ['mqtt-pub', '-k', '5', '6'],
    ['mqtt-pub', '-L', 'mqtt://a/b', 'mqtt://c/d'],
    ['mqtt-pub', '-M', '5', '6'],
    ['mqtt-pub', '-p', '1', '2'],
    ['mqtt-pub', '-P', 'a', 'b'],
    ['mqtt-pub', '--proxy', 'socks5h://a', 'socks5h://b'],
    ['mqtt-pub', '--psk', 'aa', 'bb'],
    ['mqtt-pub', '--psk-identity', 'a', 'b'],
    ['mqtt-pub', '-q', '1', '2'],
    ['mqtt-sub', '--random-filter', '1', '2'],
    ['mqtt-pub', '--repeat', '1', '2'],
    ['mqtt-pub', '--repeat-delay', '1', '2'],
    ['mqtt-sub', '--retain-handling', 'new', 'never'],
    ['mqtt-pub', '-t', 'a', 'b'],
    ['mqtt-rr', '-t', 'a', 'b'],
    ['mqtt-pub', '--cafile', 'a', 'b'],
    ['mqtt-pub', '--capath', 'a', 'b'],
    ['mqtt-pub', '--cert', 'a', 'b'],
    ['mqtt-pub', '--key', 'a', 'b'],
    ['mqtt-pub', '--keyform', 'engine', 'pem'],
    ['mqtt-pub', '--ciphers', 'a', 'b'],
    ['mqtt-pub', '--tls-version', 'tlsv1.2', 'tlsv1.3'],
    ['mqtt-pub', '--tls-alpn', 'a', 'b'],
    ['mqtt-pub', '--tls-keylog', 'a', 'b'],
    ['mqtt-pub', '--tls-engine', 'a', 'b'],
    ['mqtt-pub', '--tls-engine-kpass-sha1', '1'.repeat(40), '2'.repeat(40)],
    ['mqtt-pub', '-u', 'a', 'b'],
    ['mqtt-pub', '--unix', '/a', '/b'],
    ['mqtt-pub', '-V', '5', '31'],
    ['mqtt-sub', '-W', '1', '2'],
    ['mqtt-pub', '--will-payload', 'a', 'b'],
    ['mqtt-pub', '--will-qos', '1', '2'],
    ['mqtt-pub', '--will-topic', 'a', 'b'],
    ['mqtt-pub', '-x', '1', '2'],
    ['mqtt-pub', '--password-file', 'a', 'b'],
  ]
  test('last: the last one wins', () => {
    for (const [program, option, one, other] of last) {
      const both = given(program, [option, one, option, other])
      assert.deepEqual(both, given(program, [option, other]), option)
      assert.notDeepEqual(both, given(program, [option, one]), option)
    }
  })
  test('flag: once or twice is the same', () => {
    const flags: [Program, string[]][] = [
      ['mqtt-pub', ['-c', '-d', '--nodelay', '--no-tls', '--quiet', '-r', '-S', '--insecure', '--ws']],
      ['mqtt-pub', ['--tls-use-os-certs', '--will-retain']],
      ['mqtt-sub', ['-E', '--message-rate', '-N', '--pretty', '-R', '--remove-retained', '--retained-only']],
      ['mqtt-sub', ['--retain-as-published', '-v', '-w', '--no-local']],
      ['mqtt-rr', ['--latency', '-N', '-R', '-v']],
    ]
    for (const [program, names] of flags) {
      for (const name of names) {
        assert.deepEqual(given(program, [name, name]), given(program, [name]), name)
        assert.notDeepEqual(given(program, [name]), {}, name)
      }
    }
  })
  test('add: -t, -T, -U and -L of mqtt-sub, and -D', () => {
    const words = [
      '-t',
      'a',
      '-L',
      'mqtt://h/b',
      '-t',
      'c',
      '-L',
      'mqtt://i/d',
      '-T',
      'e',
      '-T',
      'f',
      '-U',
      'g',
      '-U',
      'h',
    ]
    const { topics, filterOut, unsubscribe, host } = given('mqtt-sub', words)
    assert.deepEqual(
      [topics, filterOut, unsubscribe, host],
      [['a', 'b', 'c', 'd'], ['e', 'f'], ['g', 'h'], 'i'],
    )
    const pairs = ['-D', 'connect', 'user-property', 'a', 'b', '-D', 'CONNECT', 'USER-PROPERTY', 'a', 'c']
    assert.deepEqual(given('mqtt-sub', pairs).properties, {
      connect: {
        userProperties: [
          ['a', 'b'],
          ['a', 'c'],
        ],
      },
    })
  })
  const sources = ['-n', '-s', '-m x', '-f x', '-l']
  for (const program of ['mqtt-pub', 'mqtt-rr'] as const) {
    test(`err: a second source of messages in ${program}, the same one again included (1.3)`, () => {
      const own = sources.filter((each) => program === 'mqtt-pub' || each !== '-l')
      for (const one of own) {
        for (const other of own) {
          assert.throws(
            () => given(program, [...one.split(' '), ...other.split(' ')]),
            (error) =>
              error instanceof UsageError &&
              /^-[nsmfl] .*only one of -f, -l, -m, -n and -s/.test(error.message),
            `${one} ${other}`,
          )
        }
      }
    })
  }
  test('err: mqtt-pub -m a -m b', (t) =>
    misuse(t, 'mqtt-pub', ['-t', 'a', '-m', 'a', '-m', 'b'], ['-m', 'only one']))
  test('err: mqtt-rr -n -s', (t) => misuse(t, 'mqtt-rr', ['-t', 'a', '-n', '-s'], ['-s', 'only one']))
  test('err: -i and -I in either order (1.3)', async (t) => {
    await misuse(t, 'mqtt-sub', ['-t', 'a', '-i', 'x', '-I', 'y'], ['-I', '-i'])
    await misuse(t, 'mqtt-rr', ['-I', 'x', '-i', 'y'], ['-i', '-I'])
  })
})

test('-m beyond 268435455 bytes cannot be passed; the limit is tested with -s: exit 1 naming it (1.2, 3.1)', async (t) => {
  const folder = temporaryFolder(t)
  const { open } = await import('node:fs/promises')
  const file = await open(`${folder}/big`, 'w')
  await file.truncate(268_435_456) // a hole, so that no disk is filled
  await file.close()
  const { code, err } = await cli(t, 'mqtt-pub', ['-t', 'a', '-f', `${folder}/big`])
  assert.equal(code, 1)
  assert.match(err, /268435455/)
})

interface CrossRow {
  row: number | string
  args: readonly string[]
  names: readonly string[]
  programs?: readonly Program[]
}

rows(
  'options that need or exclude each other (1.4)',
  (
    [
      { row: 1, args: ['--will-payload', 'x'], names: ['--will-payload', '--will-topic'] },
      { row: 2, args: ['--will-retain'], names: ['--will-retain', '--will-topic'] },
      { row: 3, args: ['--cert', 'c'], names: ['--cert', '--key'] },
      { row: 3, args: ['--key', 'k'], names: ['--cert', '--key'] },
      { row: 4, args: ['--keyform', 'pem'], names: ['--keyform', '--key'] },
      {
        row: 5,
        args: ['--tls-engine-kpass-sha1', 'a'.repeat(40), '--tls-engine', 'e'],
        names: ['--tls-engine-kpass-sha1', '--tls-engine', '--keyform'],
      },
      {
        row: 5,
        args: ['--tls-engine-kpass-sha1', 'a'.repeat(40), '--cert', 'c', '--key', 'k', '--keyform', 'pem'],
        names: ['--tls-engine-kpass-sha1', '--tls-engine', '--keyform'],
      },
      { row: 6, args: ['--psk', 'aa', '--psk-identity', 'i', '--cafile', 'c'], names: ['--psk', '--cafile'] },
      { row: 6, args: ['--psk', 'aa', '--psk-identity', 'i', '--capath', 'c'], names: ['--psk', '--capath'] },
      { row: 7, args: ['--psk', 'aa'], names: ['--psk', '--psk-identity'] },
      { row: 8, args: ['-x', '-1'], names: ['client identifier', '-i'] },
      { row: 8, args: ['-x', '∞', '-I', 'p'], names: ['client identifier', '-i'] },
      { row: 8, args: ['-V', '5', '-c'], names: ['client identifier', '-i'] },
      { row: 8, args: ['-x', '4294967295'], names: ['client identifier', '-i'] },
      { row: 9, args: ['-V', '311', '-c'], names: ['-c', 'client identifier'] },
      { row: 9, args: ['-V', '31', '-c', '-I', 'p'], names: ['-c', 'client identifier'] },
      { row: '1.5', args: ['-V', '5', '-c', '-x', '0'], names: ['client identifier', '-i'] },
      { row: '1 before 3', args: ['--cert', 'c', '--will-payload', 'x'], names: ['--will-payload'] },
      { row: '3 even with --no-tls', args: ['--no-tls', '--cert', 'c'], names: ['--cert', '--key'] },
      { row: '7 even with --no-tls', args: ['--no-tls', '--psk', 'aa'], names: ['--psk-identity'] },
      { row: 'engines are refused', args: ['--tls-engine', 'e'], names: ['engine', 'not supported'] },
      {
        row: 'engines are refused',
        args: ['--cert', 'c', '--key', 'k', '--keyform', 'engine'],
        names: ['engine', 'not supported'],
      },
      { row: 'Q26', args: ['-D', 'connect', 'receive-maximum', '5', '-V', '311'], names: ['-D', 'MQTT 5'] },
      { row: 'Q26', args: ['-D', 'will', 'content-type', 'x', '-V', '31'], names: ['-D', 'MQTT 5'] },
      {
        row: '1.6: twice',
        args: ['-D', 'connect', 'session-expiry-interval', '5', '-x', '7'],
        names: ['session-expiry-interval', 'twice'],
      },
      {
        row: '1.6: twice',
        args: ['-D', 'connect', 'session-expiry-interval', '5', '-c', '-i', 'x'],
        names: ['session-expiry-interval', 'twice'],
      },
      { row: 10, args: [], names: ['-t'], programs: ['mqtt-sub'] },
      { row: 10, args: ['-h', 'x', '-T', 'a'], names: ['-t'], programs: ['mqtt-sub'] },
      {
        row: 11,
        args: ['-t', 'a', '-R', '--retained-only'],
        names: ['-R', '--retained-only'],
        programs: ['mqtt-sub'],
      },
      { row: '10 before 11', args: ['-R', '--retained-only'], names: ['-t'], programs: ['mqtt-sub'] },
      { row: 12, args: ['-t', 'a'], names: ['-t', '-m', '-f', '-l', '-n', '-s'], programs: ['mqtt-pub'] },
      { row: 12, args: ['-m', 'x'], names: ['-t', '-m'], programs: ['mqtt-pub'] },
      { row: 12, args: [], names: ['-t', '-m'], programs: ['mqtt-pub'] },
      { row: 13, args: ['-t', 'a', '-e', 'b'], names: ['-t', '-m', '-f', '-n', '-s'], programs: ['mqtt-rr'] },
      { row: 13, args: ['-m', 'x', '-e', 'b'], names: ['-t', '-m'], programs: ['mqtt-rr'] },
    ] satisfies CrossRow[] as CrossRow[]
  ).flatMap(({ programs, row, args, names }, at) => {
    // What all programs check is looked at in one of them, in turn.
    if (programs === undefined) {
      const program = PROGRAMS[at % PROGRAMS.length] as Program
      return [{ program, row, args: [...WORK[program], ...args], names }]
    }
    return programs.map((program) => ({ program, row, args, names }))
  }),
  ({ row, program, args }) => `row ${row}: ${program} ${args.slice(-6).join(' ')}`,
  (t, { program, args, names }) => misuse(t, program, args, names),
)

test('1.4 row 7 reversed: --psk-identity without --psk is inert', () => {
  assert.deepEqual(given('mqtt-pub', ['--psk-identity', 'x']), { pskIdentity: 'x' })
})

test('a missing -f file is told before a missing topic (0.3)', async (t) => {
  const { code, err } = await cli(t, 'mqtt-pub', ['-f', '/nonexistent/file'])
  assert.equal(code, 1)
  assert.match(err, /-f '\/nonexistent\/file': no such file/)
})

test('a password without a user name before MQTT 5: exit 1 naming both (1.2)', async (t) => {
  for (const program of PROGRAMS) {
    const { code, err } = await cli(t, program, [...WORK[program], '-V', '311', '-P', 'secret'])
    assert.equal(code, 1)
    assert.match(err, /-P.*-u/)
    assert.doesNotMatch(err, /secret/)
  }
})

test('--will-payload beyond 65535 bytes: exit 1 naming it (1.2)', async (t) => {
  const args = ['--will-topic', 'w', '--will-payload', 'x'.repeat(65_536)]
  const { code, err } = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...args])
  assert.equal(code, 1)
  assert.match(err, /--will-payload.*65535/)
})
