// The command line, word by word: what is taken for a value, what is refused, and with which words. The tables run in
// this process, for their number; the first rows also as real programs.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { broker } from '../broker/broker.js'
import { deadPort } from '../support/ports.js'
import { type Args, cli, inProcess, type Program, QUIET, type Told, told } from '../support/run.js'

interface Fault {
  on?: readonly Program[]
  args: Args
  /** What the error line must name. */
  names: readonly RegExp[]
  /** At the end of the command line. */
  last?: true
}

const BOTH: readonly Program[] = ['mqtt-pub', 'mqtt-sub']
const PUB: readonly Program[] = ['mqtt-pub']
const SUB: readonly Program[] = ['mqtt-sub']

const LONG_TOPIC = 'x'.repeat(65_536)
const DEEP_TOPIC = '/'.repeat(201)

// contract 1.3, 1.4, 2 and Q2.
const FAULTS: readonly Fault[] = [
  // Unknown words.
  { args: ['--nope'], names: [/--nope/] },
  { args: ['-Z'], names: [/-Z/] },
  { args: ['stray'], names: [/stray/] },
  { args: [''], names: [/''/] },
  { args: ['-'], names: [/'-'/] },
  { args: ['--'], names: [/'--'/] },
  { args: ['--port=1883'], names: [/--port=1883/] },
  { args: ['-p1883'], names: [/-p1883/] },
  { args: ['-p=1883'], names: [/-p=1883/] },
  { args: ['-dt', 'x'], names: [/-dt/] },
  { args: ['--hos', 'x'], names: [/--hos/] },
  { args: ['--HOST', 'x'], names: [/--HOST/] },
  { args: ['-host', 'x'], names: [/-host/] },
  { args: ['--no-debug'], names: [/--no-debug/] },
  { args: ['--no-tls-nope'], names: [/--no-tls-nope/] },
  { args: ['--willTopic', 'x'], names: [/--willTopic/] },
  { args: ['--will.topic', 'x'], names: [/--will\.topic/] },
  { args: ['-d', 'true'], names: [/'true'/] },
  { args: ['---help'], names: [/---help/] },
  { args: ['__proto__'], names: [/__proto__/] },
  { args: ['--__proto__'], names: [/--__proto__/] },
  { args: ['--constructor'], names: [/--constructor/] },
  // Options of the other program.
  { on: PUB, args: ['-v'], names: [/-v/] },
  { on: PUB, args: ['-C', 1], names: [/-C/] },
  { on: PUB, args: ['-F', '%p'], names: [/-F/] },
  { on: PUB, args: ['-E'], names: [/-E/] },
  { on: SUB, args: ['-m', 'x'], names: [/-m/] },
  { on: SUB, args: ['-l'], names: [/-l/] },
  { on: SUB, args: ['--retain'], names: [/--retain/] },
  { args: ['-i', 'a\nb'], names: [/-i/, /a\\x0ab/] },
  { args: ['-I', '\x7f'], names: [/-I/, /\\x7f/] },
  // Values that are missing.
  ...['-h', '--host', '-p', '--port', '-i', '-I', '-k', '-u', '-P', '-V', '-t', '-q', '--will-topic'].map(
    (option): Fault => ({ last: true, args: [option], names: [new RegExp(option), /value|[A-Z]{2,}/] }),
  ),
  { last: true, on: PUB, args: ['-m'], names: [/-m/, /TEXT/] },
  { last: true, on: PUB, args: ['-f'], names: [/-f/, /FILE/] },
  { last: true, on: SUB, args: ['-F'], names: [/-F/, /FORMAT/] },
  // Numbers, whole and in range (Q2).
  ...['', 'abc', '12x', '1.9', '0x10', '-1', '65536', '1e3', ' ', '99999999999999999999'].map(
    (value): Fault => ({ args: ['-p', value], names: [/-p/, new RegExp(`'${value.replace('.', '\\.')}'`)] }),
  ),
  ...['', '0', '4', '65536', '-5', '5s'].map(
    (value): Fault => ({ args: ['-k', value], names: [/-k/, new RegExp(`'${value}'`)] }),
  ),
  ...['3', '-1', '', '1.0', 'x'].map(
    (value): Fault => ({ args: ['-q', value], names: [/-q/, new RegExp(`'${value.replace('.', '\\.')}'`)] }),
  ),
  { args: ['--will-qos', 3], names: [/--will-qos/, /'3'/] },
  { args: ['-M', 0], names: [/-M/, /'0'/] },
  { args: ['-M', 'x'], names: [/-M/, /'x'/] },
  { args: ['--retry-interval', '-1'], names: [/--retry-interval/, /'-1'/] },
  { args: ['--ack-timeout', 'soon'], names: [/--ack-timeout/, /'soon'/] },
  { on: SUB, args: ['-C', 0], names: [/-C/, /'0'/] },
  { on: SUB, args: ['-C', '-1'], names: [/-C/, /'-1'/] },
  { on: SUB, args: ['-W', 0], names: [/-W/, /'0'/] },
  { on: SUB, args: ['-W', '1,5'], names: [/-W/, /'1,5'/] },
  // Lists.
  ...['4', '3', '3.1.1', 'MQTTV5', '', 'constructor', '__proto__'].map(
    (value): Fault => ({
      args: ['-V', value],
      names: [/-V/, new RegExp(`'${value.replaceAll('.', '\\.')}'`)],
    }),
  ),
  // Topics and filters.
  ...['', 'a/+', '#', 'a#', '+', 'a\x01', 'a\x7f', 'a\u0085', 'a\ufffe', LONG_TOPIC, DEEP_TOPIC].map(
    (topic): Fault => ({ on: PUB, args: ['-t', topic], names: [/-t/] }),
  ),
  ...['', 'a#', '#/a', 'a/#/b', 'a+', '+a', 'a/b+/c', '\x1b', LONG_TOPIC, DEEP_TOPIC].flatMap(
    (filter): Fault[] =>
      ['-t', '-T', '-U'].map((option) => ({ on: SUB, args: [option, filter], names: [new RegExp(option)] })),
  ),
  { args: ['--will-topic', 'a/#'], names: [/--will-topic/, /a\/#/] },
  { args: ['--will-topic', ''], names: [/--will-topic/] },
  // A second source of messages.
  ...[
    ['-m', 'a', '-m', 'b'],
    ['-n', '-n'],
    ['-m', 'a', '-l'],
    ['-l', '-s'],
    ['-f', 'x', '-n'],
    ['-s', '-f', 'x'],
    ['-l', '-l'],
  ].map((args): Fault => ({ on: PUB, args, names: [/only one|second source/] })),
  // Client identifiers.
  { args: ['-i', 'a', '-I', 'b'], names: [/-I/, /-i/] },
  { args: ['-I', 'b', '-i', 'a'], names: [/-I/, /-i/] },
  { args: ['-i', ''], names: [/-i/] },
  // Options together (1.4), in this order.
  { args: ['--will-payload', 'x'], names: [/--will-payload/, /--will-topic/] },
  { args: ['--will-retain'], names: [/--will-retain/, /--will-topic/] },
  { args: ['--cert', 'c'], names: [/--cert/, /--key/] },
  { args: ['--key', 'k'], names: [/--cert/, /--key/] },
  { args: ['-c'], names: [/-c/, /-i/] },
  { args: ['-c', '-I', 'x'], names: [/-c/, /-i/] },
  { args: ['-V', 5, '-c'], names: [/-i/] },
  { args: ['-V', 5, '-i', 'x', '--retry-interval', 5], names: [/--retry-interval/, /MQTT 5/] },
  { args: ['--will-retain', '--cert', 'c'], names: [/--will-retain/] },
  { args: ['--cert', 'c', '-c'], names: [/--cert/] },
  // Formats.
  ...['%', '%0', '%-', '%10', '%.', '%.3', '%:', '%z', '%s', '%0-5t', '%--5t', '%+5t', '@', '\\', '\\q'].map(
    (format): Fault => ({
      on: SUB,
      args: ['-F', format],
      names: [/-F/, new RegExp(format.replace(/[\\.+]/g, '\\$&').slice(0, 3))],
    }),
  ),
]

/** What is complete with nothing but these in front. */
const REST: Readonly<Record<Program, Args>> = {
  'mqtt-pub': ['-t', 'top', '-m', 'x'],
  'mqtt-sub': ['-t', 'top'],
}

function shown(args: Args): string {
  return args
    .map((word) => `'${String(word).length > 20 ? `${String(word).slice(0, 10)}...` : word}'`)
    .join(' ')
}

async function isUsageError(program: Program, args: Args, names: readonly RegExp[]): Promise<void> {
  checkUsageError(program, await inProcess(program, args), names)
}

function checkUsageError(program: Program, { code, out, err }: Told, names: readonly RegExp[]): void {
  assert.equal(code, 1, err)
  assert.equal(out, '')
  const [line = '', hint, ...more] = err.split('\n')
  assert.match(line, new RegExp(`^${program}: error: `))
  for (const name of names) assert.match(line, name)
  assert.ok(Buffer.byteLength(line) < 400, 'an error line can be read')
  assert.match(line, /^[^\u0000-\u001f\u007f-\u009f]*$/, 'and holds nothing that moves the cursor')
  assert.equal(hint, `Try '${program} --help'.`)
  assert.deepEqual(more, [''])
}

describe('arguments', { concurrency: 4 }, () => {
  for (const program of BOTH) {
    for (const args of [['--port=1883'], ['-p', '12x'], ['-c'], []]) {
      test(`${program} ${shown(args)}, as a real program: two lines on stderr, nothing on stdout`, async (t) => {
        checkUsageError(program, told(await cli(t, program, args)), [])
      })
    }
  }

  for (const { on = BOTH, args, names, last } of FAULTS) {
    for (const program of on) {
      test(`${program} ${shown(args)}: exit 1, one line and the pointer to --help`, async () => {
        // A value that is missing is missing at the end; everything else stands in front.
        const rest = sourceless(program, args)
        const front = last ? [...rest, ...args] : [...args, ...rest]
        await isUsageError(program, front, names)
      })
    }
  }

  test('--quiet does not silence them, before or after', async () => {
    for (const args of [
      ['--quiet', '-p', 'x'],
      ['-p', 'x', '--quiet'],
      ['--quiet', '-c', '-t', 'a', '-n'],
      ['--quiet', '-n'],
    ]) {
      await isUsageError('mqtt-pub', args, [])
    }
  })

  test('the first error from the left wins', async () => {
    await isUsageError('mqtt-pub', ['-q', 7, '-p', 'x', '--nope'], [/-q/, /'7'/])
    await isUsageError('mqtt-pub', ['--nope', '-q', 7], [/--nope/])
    await isUsageError('mqtt-sub', ['-t', '#x', '-q', 7], [/-t/])
    await isUsageError('mqtt-sub', ['-q', 7, '-t', '#x'], [/-q/])
    await isUsageError('mqtt-sub', ['-F', '%z', '-q', 7], [/-F/])
  })

  test('each of several range-checked options is checked', async () => {
    await isUsageError('mqtt-pub', ['-q', 7, '-q', 1], [/'7'/])
  })

  for (const [program, args, names] of [
    ['mqtt-pub', [], [/-t/]],
    ['mqtt-pub', ['-m', 'x'], [/-t/]],
    ['mqtt-pub', ['-t', 'a'], [/-m/, /-f/, /-s/, /-l/, /-n/]],
    ['mqtt-sub', [], [/-t/]],
    ['mqtt-sub', ['-v'], [/-t/]],
  ] as const) {
    test(`${program} ${shown(args)}: tells what is missing`, () => isUsageError(program, args, names))
  }

  for (const program of BOTH) {
    test(`${program} --help and --version: exit 0, standard output`, async (t) => {
      const help = told(await cli(t, program, ['--help']))
      assert.deepEqual([help.code, help.err], [0, ''])
      assert.match(help.out, new RegExp(`Usage: ${program} `))
      const version = told(await cli(t, program, ['--version']))
      assert.deepEqual([version.code, version.err], [0, ''])
      assert.match(version.out, new RegExp(`^${program} \\d+\\.\\d+\\.\\d+\\n$`))
    })

    test(`${program}: --help and --version act when they are reached`, async () => {
      await isUsageError(program, ['-p', 'x', '--help'], [/-p/])
      await isUsageError(program, ['--nope', '--version'], [/--nope/])
      for (const option of ['--help', '--version']) {
        const { code, err } = await inProcess(program, [option, '-p', 'x', '--nope'])
        assert.deepEqual([code, err], [0, ''])
      }
    })
  }

  for (const [args, names] of [
    [['-u', 'a\x01b'], [/-u/]],
    [
      ['-P', 'secret'],
      [/-P/, /-u/],
    ],
    [
      ['-V', '31', '-P', 'secret'],
      [/-P/, /-u/],
    ],
    [
      ['--will-topic', 'w', '--will-payload', 'x'.repeat(65_536)],
      [/--will-payload/, /65536/],
    ],
    [
      ['--cafile', '/nonexistent/ca'],
      [/--cafile/, /\/nonexistent\/ca/],
    ],
    [['--cafile', ''], [/--cafile/]],
    [
      ['--capath', '/nonexistent/'],
      [/--capath/, /\/nonexistent\//],
    ],
    [
      ['--cert', '/nonexistent/c', '--key', '/nonexistent/k'],
      [/--cert/, /\/nonexistent\/c/],
    ],
  ] as const) {
    for (const program of BOTH) {
      test(`${program} ${shown(args)}: found when it is used, exit 1, silent under --quiet`, async () => {
        const all = [...REST[program], '-p', await deadPort(), ...args]
        const { code, out, err } = await inProcess(program, all)
        assert.equal(code, 1)
        assert.equal(out, '')
        assert.match(err, new RegExp(`^${program}: error: .*\\n$`))
        for (const name of names) assert.match(err, name)
        assert.doesNotMatch(err, /secret/)
        assert.deepEqual(await inProcess(program, [...all, '--quiet']), { code: 1, out: '', err: '' })
      })
    }
  }
})

/** The options that make a command complete, without a second source for those that have one. */
function sourceless(program: Program, args: Args): Args {
  const rest = REST[program]
  return args.some((word) => ['-m', '-n', '-f', '-s', '-l'].includes(String(word))) ? rest.slice(0, 2) : rest
}

describe('lexing: a value is whatever follows (section 2)', { concurrency: 4 }, () => {
  const rows: readonly [
    args: Args,
    topic: string,
    payload: string,
    more?: Readonly<Record<string, string>>,
  ][] = [
    [['-t', 'a', '-m', '-x'], 'a', '-x'],
    [['-t', 'a', '-m', ''], 'a', ''],
    [['-t', 'a', '-m', '007'], 'a', '007'],
    [['-t', 'a', '-m', '0x1F'], 'a', '0x1F'],
    [['-t', 'a', '-m', '1e3'], 'a', '1e3'],
    [['-t', 'a', '-m', '--help'], 'a', '--help'],
    [['-t', 'a', '-m', '--'], 'a', '--'],
    [['-t', 'a', '-m', '-t'], 'a', '-t'],
    [['-t', 'a', '-m', '-m'], 'a', '-m'],
    [['-t', 'a', '-m', '--no-x'], 'a', '--no-x'],
    [['-t', 'a', '-m', '--port=7'], 'a', '--port=7'],
    [['-t', 'a', '-m', 'true'], 'a', 'true'],
    [['-t', 'a', '-m', ' a  b '], 'a', ' a  b '],
    [['-t', 'a', '-m', '"quoted"'], 'a', '"quoted"'],
    [['-t', 'a', '-m', "'quoted'"], 'a', "'quoted'"],
    [['-t', 'a', '-m', 'line\nline'], 'a', 'line\nline'],
    [['-t', '-m', '-m', 'x'], '-m', 'x'],
    [['-t', 'a.b', '-m', '9007199254740993'], 'a.b', '9007199254740993'],
    [['-t', 'a', '-t', 'b', '-m', 'x'], 'b', 'x'],
    [['--topic', 'a', '-t', 'b', '-m', 'x'], 'b', 'x'],
    [['-t', 'a', '--topic', 'b', '-m', 'x'], 'b', 'x'],
    [['-q', 0, '-q', 1, '-t', 'a', '-m', 'x'], 'a', 'x', { qos: '1' }],
    [['-q', 1, '--qos', 0, '-t', 'a', '-m', 'x'], 'a', 'x', { qos: '0' }],
    [['-q', '+1', '-t', 'a', '-m', 'x'], 'a', 'x', { qos: '1' }],
    [['-q', ' 1', '-t', 'a', '-m', 'x'], 'a', 'x', { qos: '1' }],
    [['-r', '-r', '-t', 'a', '-m', 'x'], 'a', 'x', { retain: '1' }],
    [['-d', '--quiet', '-t', 'a', '-m', 'x', '--retain'], 'a', 'x', { retain: '1' }],
    [['--message', 'x', '--topic', 'grüße/∞'], 'grüße/∞', 'x'],
    [['-t', `${'/'.repeat(200)}`, '-m', 'x'], '/'.repeat(200), 'x'],
  ]
  for (const [args, topic, payload, more = {}] of rows) {
    test(`mqtt-pub ${shown(args)}`, async (t) => {
      const server = await broker(t)
      const run = await inProcess('mqtt-pub', ['-h', '127.0.0.1', '-p', server.port, ...args])
      assert.equal(run.code, 0, run.err)
      const { facts } = server.messages[0] as { facts: Record<string, string> }
      assert.deepEqual({ topic: facts.topic, payload: facts.payload }, { topic, payload })
      for (const [key, value] of Object.entries(more)) assert.equal(facts[key], value)
    })
  }

  test('the last of host and port wins', async (t) => {
    const server = await broker(t)
    const args = [
      '-h',
      'nohost.invalid',
      '-p',
      1,
      '--host',
      '127.0.0.1',
      '--port',
      server.port,
      '-t',
      'a',
      '-n',
    ]
    assert.deepEqual(await inProcess('mqtt-pub', args), QUIET)
  })

  test('the last -V wins, and options of MQTT 5 count at the end', async (t) => {
    const server = await broker(t)
    const args = ['-V', 5, '-V', '31', '-i', 'x', '--retry-interval', 9, '-h', '127.0.0.1', '-p', server.port]
    assert.deepEqual(await inProcess('mqtt-pub', [...args, '-t', 'a', '-n']), QUIET)
    assert.equal(server.seen[0]?.facts.v, '3')
  })

  test('mqtt-sub adds up its -t', async (t) => {
    const server = await broker(t)
    const args = ['-h', '127.0.0.1', '-p', server.port, '-t', 'a', '--topic', '-v', '-t', 'a', '-E']
    assert.deepEqual(await inProcess('mqtt-sub', args), QUIET)
    assert.equal(server.seen[1]?.facts.filters, 'a:00,-v:00,a:00')
  })
})
