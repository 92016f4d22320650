// How the words of a command line become options (contract 2 and 1.3), in all three programs.

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { flagNamed, flagsOf } from '../../src/cli/flags/index.js'
import { gather } from '../../src/cli/flags/sources.js'
import { spellings } from '../../src/cli/flags/table.js'
import { UsageError } from '../../src/errors.js'
import { broker, publish } from './answering.js'
import { cli, misuse, PROGRAMS, type Program, rows, WORK } from './support.js'

/** The facts of the packets that a program sends when everything it asks for is granted. */
async function sent(
  t: TestContext,
  program: Program,
  args: readonly string[],
): Promise<Record<string, Readonly<Record<string, string>>>> {
  const server = await broker(t, publish('b', 'y'))
  const told = await cli(t, program, [...args, '-h', '127.0.0.1', '-p', server.port])
  assert.equal(told.code, 0, told.err)
  return Object.fromEntries(server.seen.map(({ name, facts }) => [name, facts]))
}

/** Each row in one of the programs, in turn; in all of them where no process is needed (`refuse`). */
function inTurn<R extends object>(list: readonly R[]): (R & { program: Program })[] {
  return list.map((row, at) => ({ ...row, program: PROGRAMS[at % PROGRAMS.length] as Program }))
}

/** The built program finds the words wrong, and so do the others. */
async function refuse(
  t: TestContext,
  program: Program,
  words: (program: Program) => readonly string[],
  names: readonly string[],
): Promise<void> {
  for (const each of PROGRAMS) {
    assert.throws(
      () => gather(each, words(each), {}, () => undefined),
      (error) => error instanceof UsageError && names.every((name) => error.message.includes(name)),
      `${each} ${words(each).join(' ')}`,
    )
  }
  await misuse(t, program, words(program), names)
}

rows(
  'unknown words: exit 1 naming the word as typed (2: matching, bundling, positional words)',
  inTurn([
    { words: ['-dt', 'x'], names: "'-dt'" },
    { words: ['-p1883'], names: "'-p1883'" },
    { words: ['-q1'], names: "'-q1'" },
    { words: ['--port=1883'], names: "'--port=1883'" },
    { words: ['--top', 'x'], names: "'--top'" },
    { words: ['--TOPIC', 'x'], names: "'--TOPIC'" },
    { words: ['-Q', '1'], names: "'-Q'" },
    { words: ['--'], names: "'--'" },
    { words: ['-'], names: "'-'" },
    { words: [''], names: "''" },
    { words: ['stray'], names: "'stray'" },
    { words: ['-d', 'true'], names: "'true'" },
    { words: ['--no-quiet'], names: "'--no-quiet'" },
    { words: ['--no-debug'], names: "'--no-debug'" },
    { words: ['--no-tls', '--no-ws'], names: "'--no-ws'" },
    { words: ['---topic', 'x'], names: "'---topic'" },
    { words: ['--x', '5'], names: "'--x'" },
    { words: ['-qos', '1'], names: "'-qos'" },
    { words: ['--q', '1'], names: "'--q'" },
    { words: ['-1'], names: "'-1'" },
    { words: ['\u001b[31m'], names: "'\\x1b[31m'" },
    { words: ['--constructor'], names: "'--constructor'" },
    { words: ['--__proto__', 'x'], names: "'--__proto__'" },
  ]),
  ({ program, words }) => `${program} ${JSON.stringify(words.join(' '))}`,
  (t, { program, words, names }) =>
    misuse(t, program, [...WORK[program], ...words], ['unknown option', names]),
)

// Columns P, S and R of 1.2, with the programs by their letters.
const COLUMNS = `
  PSR -A -c --disable-clean-session -d --debug -D --property --help -h --host -i --id -I --id-prefix -k --keepalive
  PSR -L --url -M --nodelay --no-tls -o -p --port -P --pw --proxy --psk --psk-identity -q --qos --quiet -S -t --topic
  PSR --cafile --capath --cert --key --keyform --ciphers --tls-version --tls-alpn --tls-keylog --tls-engine
  PSR --tls-engine-kpass-sha1 --insecure --tls-use-os-certs -u --username --unix -V --protocol-version --version
  PSR --will-payload --will-qos --will-retain --will-topic --ws -x
  P   -l --stdin-line -r --retain --repeat --repeat-delay
  P_R -f --file -m --message -n --null-message -s --stdin-file
  _S  -C -E --message-rate --random-filter --remove-retained --retained-only -T --filter-out -U --unsubscribe -w --watch
  _SR -F -N --pretty -R --retain-as-published --retain-handling -v --verbose
  __R -e --latency`
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/))

// What the contract does not have: more than the reference, or in more programs.
const ADDED = new Set([
  ...['--options-file', '--profile', '--password-file', '--completion', '--ack-timeout', '--retry-interval'],
  ...['--no-local', '-W', '--ws-path', '--ws-header', '--tls-use-node-certs', '--key-passphrase-file'],
  ...['--connect-timeout', '--retry-connect', '--reconnect-delay', '--max-reconnects'],
  ...[
    '--explain',
    '--password-command',
    '--on-session-loss',
    '--spool',
    '--flush',
    '--spool-status',
    '--spool-sync',
  ],
  ...['--spool-max-bytes', '--spool-max-age', '--spool-full', '--receipts', '--progress'],
])

describe('options and programs (1.2, columns P, S and R)', { concurrency: 4 }, () => {
  for (const [at, program] of PROGRAMS.entries()) {
    test(`${program} has its options and no others`, () => {
      const expected = COLUMNS.flatMap(([letters = '', ...names]) => (letters[at] === 'PSR'[at] ? names : []))
      const actual = flagsOf(program)
        .flatMap(spellings)
        .filter((name) => !ADDED.has(name))
      assert.deepEqual(actual.toSorted(), expected.toSorted())
    })
  }
  test('-W is an option of all programs (1.2, issue: also of mqtt-pub)', () => {
    for (const program of PROGRAMS) assert.ok(flagNamed(flagsOf(program), '-W'))
  })
  test('mqtt-pub -C is unknown', (t) => misuse(t, 'mqtt-pub', ['-C', '1'], ["unknown option '-C'"]))
  test('mqtt-sub -m is unknown', (t) => misuse(t, 'mqtt-sub', ['-m', 'x'], ["unknown option '-m'"]))
  test('mqtt-rr -l is unknown', (t) => misuse(t, 'mqtt-rr', ['-l'], ["unknown option '-l'"]))
})

rows(
  'an option as the last word lacks its value (1.3)',
  inTurn([
    { name: '-t', kind: '' },
    { name: '--topic', kind: '' },
    { name: '-p', kind: 'PORT' },
    { name: '-i', kind: 'ID' },
    { name: '-o', kind: 'FILE' },
    { name: '-x', kind: 'SECONDS' },
    { name: '--will-topic', kind: 'TOPIC' },
  ]),
  ({ program, name }) => `${program} ${name}`,
  (t, { program, name, kind }) =>
    refuse(t, program, (each) => [...WORK[each], name], [`${name} needs a value: ${kind}`]),
)

rows(
  '-D with too few words (1.8)',
  inTurn([
    { words: [] },
    { words: ['publish'] },
    { words: ['publish', 'content-type'] },
    { words: ['publish', 'user-property'] },
    { words: ['publish', 'user-property', 'name'] },
  ]),
  ({ program, words }) => `${program} -D ${words.join(' ')}`,
  (t, { program, words }) =>
    refuse(t, program, (each) => [...WORK[each], '-D', ...words], ['-D needs', 'COMMAND PROPERTY VALUE']),
)

describe('values (2)', { concurrency: 4 }, () => {
  test('a value that looks like an option is consumed as the value: -m -x', async (t) => {
    const { PUBLISH } = await sent(t, 'mqtt-pub', ['-t', 'a', '-m', '-x'])
    assert.equal(PUBLISH?.payload, '-x')
  })
  test('-m --help is a payload', async (t) => {
    const { PUBLISH } = await sent(t, 'mqtt-pub', ['-t', 'a', '-m', '--help'])
    assert.equal(PUBLISH?.payload, '--help')
  })
  test('-m -- is a payload', async (t) => {
    const { PUBLISH } = await sent(t, 'mqtt-pub', ['-t', 'a', '-m', '--'])
    assert.equal(PUBLISH?.payload, '--')
  })
  test('Q5: -m -o sends -o', async (t) => {
    const { PUBLISH } = await sent(t, 'mqtt-pub', ['-t', 'a', '-m', '-o'])
    assert.equal(PUBLISH?.payload, '-o')
  })
  test('-t -q is a topic in all programs', async (t) => {
    assert.equal((await sent(t, 'mqtt-pub', ['-t', '-q', '-m', 'x'])).PUBLISH?.topic, '-q')
    assert.equal((await sent(t, 'mqtt-sub', ['-t', '-q', '-E'])).SUBSCRIBE?.filters, '-q:00')
    assert.equal((await sent(t, 'mqtt-rr', ['-t', '-q', '-e', 'b', '-m', 'x'])).PUBLISH?.topic, '-q')
  })
  test('Q2: -p -t is no port, and no second option', (t) =>
    misuse(t, 'mqtt-pub', ['-p', '-t', 'a'], ['-p (--port)', "'-t'"]))
  test('numbers are kept as text: -m 007, 1e3, 0x10', async (t) => {
    for (const text of ['007', '1e3', '0x10', '1.0', 'true', 'null']) {
      assert.equal((await sent(t, 'mqtt-pub', ['-t', text, '-m', text])).PUBLISH?.payload, text)
    }
  })
  test('user name and client id that look like numbers stay text', async (t) => {
    const { CONNECT } = await sent(t, 'mqtt-sub', ['-t', 'a', '-E', '-u', '0010', '-P', '1e2', '-i', '0x1'])
    assert.deepEqual([CONNECT?.user, CONNECT?.password, CONNECT?.id], ['0010', '1e2', '0x1'])
  })
  test("-m '' sends zero bytes", async (t) => {
    assert.equal((await sent(t, 'mqtt-pub', ['-t', 'a', '-m', ''])).PUBLISH?.size, '0')
  })
  test('a value with blanks, quotes, backslashes and line ends goes as it is', async (t) => {
    const text = ` a "b" 'c' \\n \n=--x `
    assert.equal((await sent(t, 'mqtt-pub', ['-t', 'a', '-m', text])).PUBLISH?.payload, text)
  })
  test('all words of -D are taken by position, whatever they look like (1.8)', async (t) => {
    const args = ['-D', 'publish', 'user-property', '-t', '--help', '-D', 'publish', 'content-type', '-q']
    const { PUBLISH } = await sent(t, 'mqtt-pub', ['-t', 'a', '-m', 'x', ...args])
    assert.equal(PUBLISH?.props, '2600022d7400062d2d68656c700300022d71')
  })
})

rows(
  'empty values (2)',
  inTurn([
    { args: ['-t', ''], names: ['-t (--topic)', 'empty'] },
    { args: ['-q', ''], names: ['-q (--qos)', "''"] },
    { args: ['-i', ''], names: ['-i (--id)', "''"] },
    { args: ['-p', ''], names: ['-p (--port)', "''"] },
    { args: ['-k', ''], names: ['-k (--keepalive)', "''"] },
    { args: ['-V', ''], names: ['-V (--protocol-version)', "''"] },
    { args: ['-x', ''], names: ['-x', "''"] },
    { args: ['--will-topic', ''], names: ['--will-topic', 'empty'] },
    { args: ['--tls-version', ''], names: ['--tls-version', "''"] },
    { args: ['-L', ''], names: ['-L (--url)'] },
    { args: ['--unix', ''], names: ['--unix', "''"] },
  ]),
  ({ program, args }) => `${program} ${args[0]} ''`,
  (t, { program, args, names }) => refuse(t, program, (each) => [...WORK[each], ...args], names),
)

test("--cafile '' is a missing file (2)", async (t) => {
  const { code, err } = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--cafile', ''])
  assert.equal(code, 1)
  assert.match(err, /--cafile ''/)
})

rows(
  'from left to right: the first error stops, --help and --version act when reached (2)',
  inTurn([
    { args: ['--bogus', '--help'], names: ["'--bogus'"] },
    { args: ['-q', '9', '--bogus'], names: ['-q'] },
    { args: ['-q', '9', '--version'], names: ['-q'] },
    { args: ['--bogus', '-q', '9'], names: ["'--bogus'"] },
    { args: ['-q', '9', '-q', '1'], names: ["'9'"] },
    { args: ['-q', '1', '-q', '9'], names: ["'9'"] },
    { args: ['-V', '5', '-D', 'x', 'y', 'z', '-t'], names: ["'x'"] },
  ]),
  ({ program, args }) => `${program} ${args.join(' ')}`,
  (t, { program, args, names }) => refuse(t, program, () => args, names),
)

rows(
  'help, version and completion win over what stands behind them, exit 0 (2, Q1)',
  inTurn([
    { args: ['--help', '--bogus'], shows: /Usage: mqtt-/ },
    { args: ['--version', '-q', '9'], shows: /^mqtt-(pub|sub|rr) \d/ },
    { args: ['-q', '1', '--version'], shows: /^mqtt-(pub|sub|rr) \d/ },
    { args: ['--version', '-q'], shows: /^mqtt-(pub|sub|rr) \d/ },
    { args: ['--help', '--quiet'], shows: /--quiet/ },
    { args: ['--completion', 'bash', '-q'], shows: /complete -/ },
  ]),
  ({ program, args }) => `${program} ${args.join(' ')}`,
  async (t, { program, args, shows }) => {
    const { code, out, err } = await cli(t, program, args)
    assert.deepEqual({ code, err }, { code: 0, err: '' })
    assert.match(out, shows)
  },
)

rows(
  'near misses are named',
  [
    { program: 'mqtt-pub' as const, word: '--mesage', hint: "did you mean '--message'?" },
    { program: 'mqtt-pub' as const, word: '--hots', hint: "did you mean '--host'?" },
    { program: 'mqtt-sub' as const, word: '--tpoic', hint: "did you mean '--topic'?" },
    { program: 'mqtt-rr' as const, word: '--latancy', hint: "did you mean '--latency'?" },
    { program: 'mqtt-sub' as const, word: '--retain-only', hint: "did you mean '--retained-only'?" },
  ],
  ({ program, word }) => `${program} ${word}`,
  (t, { program, word, hint }) => misuse(t, program, [word, 'x'], [`'${word}'`, hint]),
)

test('--quiet does not silence option errors (1.3)', (t) =>
  misuse(t, 'mqtt-sub', ['--quiet', '-t', 'a', '-q', '9'], ['-q']))
