// Where options come from: files, profiles, the environment and the command line, and what of it wins (contract
// 1.10 and 1.11 with Q3, Q4, Q6, Q7, D1).

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { flagsOf } from '../../src/cli/flags/index.js'
import { gather } from '../../src/cli/flags/sources.js'
import { envName, type Flag, type Given, type Program, word } from '../../src/cli/flags/table.js'
import { type Broker, broker } from '../broker/broker.js'
import { type Args, QUIET, temporaryFolder } from '../support/run.js'
import { argvOf, isOrdinary, keyOf, wordsOf } from './options.js'
import { cli, misuse, PROGRAMS, rows, type Told } from './support.js'

interface Occurrence {
  flag: Flag
  words: readonly string[]
}

const SOURCES = ['message', 'null-message', 'file', 'stdin-file', 'stdin-line']
const IDS = ['id', 'id-prefix']

/** A set of options in which none excludes another. */
function optionSet(program: Program): fc.Arbitrary<Occurrence[]> {
  const flags = flagsOf(program).filter(isOrdinary)
  const one = fc
    .constantFrom(...flags)
    .chain((flag) => wordsOf(flag, program).map((words) => ({ flag, words })))
  const group = ({ flag, words }: Occurrence): string => {
    const key = keyOf(flag)
    if (SOURCES.includes(key)) return 'source'
    if (IDS.includes(key)) return 'id'
    if (key !== 'property') return flag.takes.many ? `${key} ${words}` : key
    return words[1] === 'user-property' ? words.join(' ') : `${words[0]} ${words[1]}`
  }
  return fc.uniqueArray(one, { selector: group, minLength: 1, maxLength: 12 })
}

const fileOf = (set: readonly Occurrence[], blank: string, end: string): string =>
  set.map(({ flag, words }) => [word(flag), ...words].join(blank) + end).join('')

function envOf(set: readonly Occurrence[], yes: string): Record<string, string> {
  const env: Record<string, string> = {}
  for (const { flag, words } of set) {
    const name = envName(flag) as string
    const text = flag.value === undefined ? yes : words.join(' ')
    env[name] = name in env ? `${env[name]}\n${text}` : text
  }
  return env
}

const NO_FILES = (): undefined => undefined

const fromArgv = (program: Program, set: readonly Occurrence[]): Given =>
  gather(
    program,
    set.flatMap(({ flag, words }) => argvOf(flag, words)),
    {},
    NO_FILES,
  )

describe('a random set of options means the same', () => {
  for (const program of PROGRAMS) {
    test(`${program}: on the command line and in an options file`, () => {
      const spacing = fc.constantFrom(' ', '   ', '\t', ' \t ')
      const end = fc.constantFrom('\n', '\r\n', '\n\n', '\n# comment\n', '\n \t\n')
      fc.assert(
        fc.property(optionSet(program), spacing, end, (set, blank, lineEnd) => {
          const text = `# options\n${fileOf(set, blank, lineEnd)}`
          const read = (path: string): string | undefined => (path === 'opts' ? text : undefined)
          const { optionsFile, ...given } = gather(program, ['-o', 'opts'], {}, read)
          assert.equal(optionsFile, 'opts')
          assert.deepEqual(given, fromArgv(program, set))
        }),
        { numRuns: 300 },
      )
    })

    test(`${program}: on the command line and in the environment`, () => {
      const order = flagsOf(program)
      fc.assert(
        fc.property(optionSet(program), fc.constantFrom('1', 'true', 'YES', 'on'), (set, yes) => {
          // The environment has no order: options of which the later wins are taken in the order of the table.
          const sorted = set.toSorted((a, b) => order.indexOf(a.flag) - order.indexOf(b.flag))
          assert.deepEqual(gather(program, [], envOf(sorted, yes), NO_FILES), fromArgv(program, sorted))
        }),
        { numRuns: 300 },
      )
    })

    test(`${program}: every option that has a variable can be set by it`, () => {
      for (const flag of flagsOf(program).filter(isOrdinary)) {
        const [words = []] = fc.sample(wordsOf(flag, program), { numRuns: 1, seed: 7 })
        const set = [{ flag, words }]
        const expected = fromArgv(program, set)
        assert.deepEqual(gather(program, [], envOf(set, '1'), NO_FILES), expected, envName(flag))
        assert.notDeepEqual(expected, {}, envName(flag))
        if (flag.value !== undefined) continue
        for (const no of ['0', 'false', 'No', 'off', '']) {
          assert.deepEqual(gather(program, [], envOf(set, no), NO_FILES), {}, `${envName(flag)}=${no}`)
        }
        assert.throws(
          () => gather(program, [], envOf(set, '2'), NO_FILES),
          new RegExp(`${envName(flag)} '2'`),
        )
      }
    })
  }
})

/** A home with files in it, by their paths below it. */
function home(t: TestContext, files: Readonly<Record<string, string>>): { folder: string; HOME: string } {
  const folder = temporaryFolder(t)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return { folder, HOME: folder }
}

/** Runs mqtt-pub with such a home; the topics and payloads that arrive, or what it says. */
async function published(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ told: Told; messages: string[]; server: Broker }> {
  const server = await broker(t)
  const { HOME } = home(t, files)
  const filled = args.map((each) => each.replaceAll('{home}', HOME))
  const told = await cli(t, 'mqtt-pub', [...filled, '-h', '127.0.0.1', '-p', server.port], {
    env: Object.fromEntries(
      Object.entries({ HOME, ...env }).map(([name, text]) => [name, text.replaceAll('{home}', HOME)]),
    ),
  })
  return { told, messages: server.messages.map(({ facts }) => `${facts.topic}=${facts.payload}`), server }
}

interface FileRow {
  what: string
  files: Readonly<Record<string, string>>
  args?: readonly string[]
  env?: Readonly<Record<string, string>>
  expect: string
}

const DEFAULT = '.config/mqtt-pub'
const SAY = ['-m', 'x']

rows<FileRow>(
  'which file is read (1.10)',
  [
    { what: 'the default file below HOME', files: { [DEFAULT]: '-t home' }, expect: 'home=x' },
    {
      what: 'the default file in XDG_CONFIG_HOME, if that is set',
      files: { [DEFAULT]: '-t home', 'xdg/mqtt-pub': '-t xdg' },
      env: { XDG_CONFIG_HOME: '{home}/xdg' },
      expect: 'xdg=x',
    },
    {
      what: 'no fallback from XDG_CONFIG_HOME to HOME',
      files: { [DEFAULT]: '-t home' },
      args: ['-t', 'argv'],
      env: { XDG_CONFIG_HOME: '{home}/xdg' },
      expect: 'argv=x',
    },
    {
      what: 'Q6: an empty XDG_CONFIG_HOME counts as unset',
      files: { [DEFAULT]: '-t home' },
      env: { XDG_CONFIG_HOME: '' },
      expect: 'home=x',
    },
    {
      what: 'D1: the file of the reference where there is none of ours',
      files: { '.config/mosquitto_pub': '-t theirs' },
      expect: 'theirs=x',
    },
    {
      what: 'D1: not the file of the reference where there is one of ours',
      files: { '.config/mosquitto_pub': '-r\n-t theirs', [DEFAULT]: '-t ours' },
      expect: 'ours=x',
    },
    {
      what: '-o instead of the default file',
      files: { [DEFAULT]: '-t home\n-q 1', opts: '-t given' },
      args: ['-o', '{home}/opts'],
      expect: 'given=x',
    },
    {
      what: '-o anywhere on the command line comes first',
      files: { opts: '-t given' },
      args: ['-t', 'argv', '-o', '{home}/opts'],
      expect: 'argv=x',
    },
    {
      what: 'Q5: -o as the value of another option is not the option',
      files: {},
      args: ['-t', 'a', '-I', '-o'],
      expect: 'a=x',
    },
    {
      what: '-o in a file is ignored with its value',
      files: { [DEFAULT]: '-o nowhere\n-t home' },
      expect: 'home=x',
    },
    {
      what: 'the environment names no options file',
      files: {},
      args: ['-t', 'a'],
      env: { MQTT_OPTIONS_FILE: 'nowhere' },
      expect: 'a=x',
    },
  ],
  ({ what }) => what,
  async (t, { files, args = [], env, expect }) => {
    const { told, messages } = await published(t, files, [...args, ...SAY], env)
    assert.deepEqual({ ...told, messages }, { code: 0, out: '', err: '', messages: [expect] })
  },
)

rows<{ what: string; file: string; expect: string }>(
  'lines of an options file (1.10, Q4)',
  [
    { what: 'first byte # is a comment', file: '#-t b\n-t a\n-m x', expect: 'a=x' },
    { what: 'empty lines and blanks only are skipped', file: '\n \t \n-t a\n\n-m x\n', expect: 'a=x' },
    { what: 'leading spaces are dropped', file: '   -t a\n -m x', expect: 'a=x' },
    { what: 'Q4: many blanks and TABs separate', file: '-t \t  a\n-m\tx', expect: 'a=x' },
    { what: 'long names', file: '--topic a\n--message x', expect: 'a=x' },
    { what: 'inner blanks belong to the value', file: '-t a  b\n-m x  y\tz', expect: 'a  b=x  y\tz' },
    { what: 'trailing blanks belong to the value', file: '-m x  \n-t a', expect: 'a=x  ' },
    { what: 'quotes are nothing special', file: '-m "it\'s"\n-t a', expect: 'a="it\'s"' },
    { what: 'a # inside is nothing special', file: '-m a # b\n-t a', expect: 'a=a # b' },
    { what: 'a value that looks like an option', file: '-m -t b\n-t a', expect: 'a=-t b' },
    { what: 'CR LF ends a line', file: '-t a\r\n-m x\r\n', expect: 'a=x' },
    { what: 'CR alone is part of a value', file: '-t a\n-m x\ry', expect: 'a=x\ry' },
    { what: 'Q4: no length limit', file: `-t a\n-m ${'y'.repeat(5_000)}`, expect: `a=${'y'.repeat(5_000)}` },
    { what: 'empty value behind a blank', file: '-t a\n-m ', expect: 'a=' },
  ],
  ({ what }) => what,
  async (t, { file, expect }) => {
    const { told, server } = await published(t, { opts: file }, ['-o', '{home}/opts'])
    assert.deepEqual(told, { code: 0, out: '', err: '' })
    assert.deepEqual(
      server.messages.map(({ facts, payload }) => `${facts.topic}=${payload}`),
      [expect],
    )
  },
)

test('-D in a file: three words, four for user-property, the last takes the rest of the line (1.10, Q4)', async (t) => {
  const opts = [
    '-t a',
    '-D publish content-type  text/plain; x=1',
    '-D PUBLISH user-property name a  value with blanks ',
    '--property\tpublish\tuser-property\tn2\tv2\r',
  ].join('\n')
  const { told, server } = await published(t, { opts }, ['-o', '{home}/opts', ...SAY])
  assert.equal(told.code, 0, told.err)
  const pair = (name: string, value: string): string =>
    [name, value]
      .map((each) => Buffer.from([0, each.length]).toString('hex') + Buffer.from(each).toString('hex'))
      .join('')
  const type = Buffer.from('text/plain; x=1').toString('hex')
  const pairs = [pair('name', 'a  value with blanks '), pair('n2', 'v2')].map((each) => `26${each}`)
  const expected = ['03000f', type, ...pairs].join('')
  assert.equal(server.messages[0]?.facts.props, expected)
})

rows<{ what: string; file?: string; args?: readonly string[]; names: readonly (string | RegExp)[] }>(
  'errors in an options file name file and line (1.10, Q3, Q4)',
  [
    { what: 'unknown option', file: '-t a\n--bogus', names: ["opts line 2: unknown option '--bogus'"] },
    { what: 'near miss', file: '--topci a', names: ['line 1', "did you mean '--topic'"] },
    { what: 'a # behind blanks is no comment', file: ' # x', names: ["opts line 1: unknown option '#'"] },
    { what: 'option of another program', file: '-C 1', names: ["line 1: unknown option '-C'"] },
    { what: 'value missing', file: '-t', names: ['opts line 1: -t needs a value: TOPIC'] },
    { what: 'value out of range', file: '\n-q 3', names: ['opts line 2:', '-q (--qos)', "'3'"] },
    { what: 'a switch with text behind it', file: '-r yes', names: ['line 1', '-r', "'yes'"] },
    { what: 'two options on a line', file: '-r -n', names: ['line 1', '-r', "'-n'"] },
    { what: 'Q4: -D with too few words', file: '-D publish content-type', names: ['line 1', '-D'] },
    { what: 'second source of messages in the file', file: '-m a\n-n', names: ['line 2', '-n', 'only one'] },
    {
      what: 'a source of messages in the file and another on argv',
      file: '-m a',
      args: ['-n'],
      names: ['-n', 'only one'],
    },
    { what: '-i in the file and -I on argv', file: '-i a', args: ['-I', 'b'], names: ['-I', '-i'] },
    { what: '-I in the file and -i on argv', file: '-I a', args: ['-i', 'b'], names: ['-i', '-I'] },
    { what: 'control characters are shown escaped', file: '-\u001b[2J', names: ['\\x1b[2J'] },
    {
      what: 'Q3: -o with a missing file',
      args: ['-o', '/nonexistent/opts'],
      names: ['-o', "'/nonexistent/opts'"],
    },
    { what: 'Q3: -o with a folder', args: ['-o', '/'], names: ['-o', "'/'"] },
    { what: '-o twice', file: '', args: ['-o', 'other'], names: ['-o', 'once'] },
    { what: '-o as the last word', args: ['-o'], names: ['-o needs a value'] },
  ],
  ({ what }) => what,
  async (t, { file, args = [], names }) => {
    const { folder } = home(t, { opts: file ?? '' })
    const first = file === undefined ? [] : ['-o', join(folder, 'opts')]
    await misuse(t, 'mqtt-pub', [...first, ...args], names)
  },
)

test('an unreadable default file is an error, a missing one is not (Q3)', async (t) => {
  const { HOME, folder } = home(t, {})
  mkdirSync(join(folder, '.config', 'mqtt-sub'), { recursive: true }) // a folder cannot be read, not even by root
  await misuse(t, 'mqtt-sub', ['-t', 'a'], [join(folder, '.config', 'mqtt-sub')], { env: { HOME } })
})

test('--help and --version on argv are answered before a bad default file is seen (Q7)', async (t) => {
  const { HOME } = home(t, { [DEFAULT]: '--bogus' })
  const env = { HOME, MQTT_QOS: '9' }
  const help = await cli(t, 'mqtt-pub', ['--help'], { env })
  assert.deepEqual({ code: help.code, err: help.err }, { code: 0, err: '' })
  assert.match(help.out, /--topic/)
  const version = await cli(t, 'mqtt-pub', ['--version'], { env })
  assert.deepEqual({ code: version.code, err: version.err }, { code: 0, err: '' })
  assert.match(version.out, /^mqtt-pub \d+\.\d+\.\d+\S*\n$/)
})

test('--help in a file prints help and stops reading (1.10)', async (t) => {
  const { HOME } = home(t, { [DEFAULT]: '--help\n--bogus' })
  const told = await cli(t, 'mqtt-pub', ['-t', 'a', '-m', 'x'], { env: { HOME } })
  assert.deepEqual({ code: told.code, err: told.err }, { code: 0, err: '' })
  assert.match(told.out, /Usage: mqtt-pub/)
})

rows<{ what: string; from: readonly ('file' | 'profile' | 'env' | 'argv')[]; wins: string }>(
  'precedence: options file < profile < environment < command line',
  [
    { what: 'the file alone', from: ['file'], wins: 'file' },
    { what: 'a profile over the file', from: ['file', 'profile'], wins: 'profile' },
    { what: 'the environment over a profile', from: ['file', 'profile', 'env'], wins: 'env' },
    { what: 'the command line over the environment', from: ['file', 'profile', 'env', 'argv'], wins: 'argv' },
    { what: 'the command line over the file', from: ['file', 'argv'], wins: 'argv' },
  ],
  ({ what }) => what,
  async (t, { from, wins }) => {
    const files = {
      ...(from.includes('file') && { [DEFAULT]: '-t file' }),
      ...(from.includes('profile') && { '.config/mqtt-tools/work': '-t profile' }),
    }
    const args = [
      ...(from.includes('profile') ? ['--profile', 'work'] : []),
      ...(from.includes('argv') ? ['-t', 'argv'] : []),
    ]
    const env = from.includes('env') ? { MQTT_TOPIC: 'env' } : {}
    const { told, messages } = await published(t, files, [...args, ...SAY], env)
    assert.deepEqual({ ...told, messages }, { code: 0, out: '', err: '', messages: [`${wins}=x`] })
  },
)

test('what may be repeated adds up over all sources, in their order', () => {
  const files: Record<string, string> = {
    '/h/.config/mqtt-sub': '-t file',
    '/h/.config/mqtt-tools/p': '-t profile',
  }
  const env = { HOME: '/h', MQTT_TOPIC: 'env1\nenv2' }
  const given = gather('mqtt-sub', ['-t', 'argv', '--profile', 'p'], env, (path) => files[path])
  assert.deepEqual(given.topics, ['file', 'profile', 'env1', 'env2', 'argv'])
})

rows<{
  what: string
  args: readonly string[]
  env?: Readonly<Record<string, string>>
  names: readonly string[]
}>(
  '--profile',
  [
    {
      what: 'that does not exist',
      args: ['--profile', 'none'],
      names: ['--profile', "'none'", 'mqtt-tools/none'],
    },
    { what: 'with a folder in its name', args: ['--profile', '../x'], names: ['--profile', "'../x'"] },
    { what: 'with a hidden name', args: ['--profile', '..'], names: ['--profile', "'..'"] },
    { what: 'without a home', args: ['--profile', 'x'], env: { HOME: '' }, names: ['--profile', 'HOME'] },
    {
      what: 'from the environment that does not exist',
      args: [],
      env: { MQTT_PROFILE: 'gone' },
      names: ['gone'],
    },
    {
      what: 'from the environment with a folder in its name',
      args: [],
      env: { MQTT_PROFILE: '../x' },
      names: ['../x', 'folder'],
    },
  ],
  ({ what }) => what,
  async (t, { args, env = {}, names }) => {
    const { HOME } = home(t, {})
    await misuse(t, 'mqtt-pub', ['-t', 'a', '-m', 'x', ...args], names, { env: { HOME, ...env } })
  },
)

describe('a password in a file that others can read', { concurrency: 4 }, () => {
  const profile = '.config/mqtt-tools/work'
  const login = async (
    t: TestContext,
    { path, text, mode }: { path: string; text: string; mode: number },
    ...args: readonly string[]
  ): Promise<Told & { file: string }> => {
    const server = await broker(t)
    const { HOME, folder } = home(t, { [path]: text })
    const file = join(folder, path)
    chmodSync(file, mode)
    const words = [...args.map((each) => each.replace('{file}', file)), '-t', 'a', '-u', 'me', ...SAY]
    const told = await cli(t, 'mqtt-pub', ['-h', '127.0.0.1', '-p', server.port, ...words], { env: { HOME } })
    return { ...told, file }
  }
  for (const [path, args] of [
    [DEFAULT, []],
    [profile, ['--profile', 'work']],
    ['opts', ['-o', '{file}']],
  ] as const) {
    for (const text of ['-P geheim', '--pw geheim\n-P geheim']) {
      test(`one warning that names the file: ${path}, ${JSON.stringify(text)}`, async (t) => {
        const { code, err, file } = await login(t, { path, text, mode: 0o640 }, ...args)
        assert.equal(code, 0, err)
        const warning = `'${file}' has a password and can be read by others: chmod 600 it`
        assert.equal(err, `mqtt-pub: warning: ${warning}\n`)
      })
    }
  }
  for (const [what, text, mode, args] of [
    ['one that others cannot read', '-P geheim', 0o600, []],
    ['no password in it', '-q 1', 0o644, []],
    ['no password in it, but on the command line', '-q 1', 0o644, ['-P', 'geheim']],
    ['--quiet', '-P geheim', 0o644, ['--quiet']],
  ] as const) {
    test(`no warning: ${what}`, async (t) => {
      const { code, err } = await login(t, { path: DEFAULT, text, mode }, ...args)
      assert.deepEqual({ code, err }, { code: 0, err: '' })
    })
  }
})

test('--profile on the command line takes the place of MQTT_PROFILE', async (t) => {
  const files = { '.config/mqtt-tools/one': '-t one', '.config/mqtt-tools/two': '-t two' }
  const { messages } = await published(t, files, ['--profile', 'two', ...SAY], { MQTT_PROFILE: 'one' })
  assert.deepEqual(messages, ['two=x'])
})

test('MQTT_* variables reach the wire: version, id, user name, password, keep alive, will, retain, QoS', async (t) => {
  const env = {
    MQTT_PROTOCOL_VERSION: '31',
    MQTT_ID: 'me',
    MQTT_USERNAME: 'u',
    MQTT_PASSWORD: 'p',
    MQTT_KEEPALIVE: '7',
    MQTT_WILL_TOPIC: 'w',
    MQTT_WILL_RETAIN: '1',
    MQTT_RETAIN: '1',
    MQTT_QOS: '1',
    MQTT_TOPIC: 't',
    MQTT_MESSAGE: 'm',
    MQTT_NULL_MESSAGE: '0',
  }
  const { told, server } = await published(t, {}, [], env)
  assert.deepEqual(told, { code: 0, out: '', err: '' })
  const [connect, publish] = server.seen.map(({ facts }) => facts)
  assert.deepEqual(
    { ...connect, ...publish },
    {
      name: 'MQIsdp',
      v: '3',
      flags: '3',
      clean: '1',
      keepalive: '7',
      id: '1',
      'will-topic': 'w',
      'will-payload': '',
      'will-qos': '0',
      'will-retain': '1',
      user: 'u',
      password: 'p',
      dup: '0',
      qos: '1',
      retain: '1',
      topic: 't',
      size: '1',
      payload: 'm',
    },
  )
  assert.equal(connect?.id, 'me')
})

rows<{ what: string; env: Readonly<Record<string, string>>; names: readonly string[] }>(
  'errors in the environment name the variable',
  [
    { what: 'out of range', env: { MQTT_QOS: '3' }, names: ["MQTT_QOS: -q (--qos) '3': "] },
    { what: 'not a number', env: { MQTT_PORT: 'http' }, names: ['MQTT_PORT', "'http'"] },
    {
      what: 'a switch that is neither 1 nor 0',
      env: { MQTT_RETAIN: 'maybe' },
      names: ['MQTT_RETAIN', "'maybe'"],
    },
    {
      what: 'a property',
      env: { MQTT_PROPERTY: 'publish topic-alias 0' },
      names: ['MQTT_PROPERTY: -D (--property) ', 'topic-alias', "'0'"],
    },
    {
      what: 'too few words of a property',
      env: { MQTT_PROPERTY: 'publish' },
      names: ['MQTT_PROPERTY: -D needs COMMAND PROPERTY VALUE'],
    },
  ],
  ({ what }) => what,
  (t, { env, names }) => misuse(t, 'mqtt-pub', ['-t', 'a', '-m', 'x'], names, { env }),
)

test('a file that nobody may read is an error naming it and the reason (Q3)', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may read everything')
  const { folder } = home(t, { opts: '-t a' })
  chmodSync(join(folder, 'opts'), 0)
  await misuse(t, 'mqtt-pub', ['-o', join(folder, 'opts')], ['-o', 'permission denied'])
})

rows<{ what: string; env: Readonly<Record<string, string>>; args: Args; payload: string }>(
  'what excludes each other: the command line wins over the environment (issue)',
  [
    { what: 'a message and standard input', env: { MQTT_MESSAGE: 'x' }, args: ['-l'], payload: 'line' },
    { what: 'standard input and a message', env: { MQTT_STDIN_LINE: '1' }, args: ['-m', 'y'], payload: 'y' },
    {
      what: 'a port as Kubernetes sets it',
      env: { MQTT_PORT: 'tcp://10.0.0.1:1883' },
      args: ['-m', 'y'],
      payload: 'y',
    },
    {
      what: 'an identifier and a prefix',
      env: { MQTT_ID: 'x' },
      args: ['-m', 'y', '-I', 'pre'],
      payload: 'y',
    },
  ],
  ({ what }) => what,
  async (t, { env, args, payload }) => {
    const server = await broker(t)
    const to = ['-h', '127.0.0.1', '-p', server.port, '-t', 'a']
    assert.deepEqual(await cli(t, 'mqtt-pub', [...to, ...args], { env, input: 'line\n' }), QUIET)
    assert.deepEqual(
      server.messages.map((each) => each.payload.toString()),
      [payload],
    )
    const id = server.seen[0]?.facts.id as string
    assert.ok(args.includes('-I') ? id.startsWith('pre') : id === '', id)
  },
)
