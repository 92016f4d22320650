// Passwords: where they can come from, and that they are shown nowhere (issue: secrets; contract 1.2 -P).

import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { SecretLine } from '../../src/cli/secret-line.js'
import { broker } from '../broker/broker.js'
import { startInTerminal } from '../support/processes.js'
import { temporaryFolder } from '../support/run.js'
import { cli, connectOf, misuse, PROGRAMS, rows, start, type Told } from './support.js'

const SECRET = 'geheim-4711'

function secretFile(t: TestContext, text: string | Buffer, mode = 0o600): string {
  const path = join(temporaryFolder(t), 'secret')
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const PUBLISH = ['-u', 'me', '-t', 'a', '-m', 'x']

/** What mqtt-pub sends as its password, and what it says. */
async function login(
  t: TestContext,
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string } = {},
): Promise<{ password: string | undefined; told: Told }> {
  const server = await broker(t)
  const words = [...PUBLISH, ...args, '-h', '127.0.0.1', '-p', String(server.port)]
  const told = await cli(t, 'mqtt-pub', words, options)
  return { password: server.seen[0]?.facts.password, told }
}

rows<{ what: string; text: string; password: string }>(
  '--password-file: its first line',
  [
    { what: 'with LF', text: `${SECRET}\n`, password: SECRET },
    { what: 'without a line end', text: SECRET, password: SECRET },
    { what: 'with CR LF', text: `${SECRET}\r\n`, password: SECRET },
    { what: 'with further lines', text: `${SECRET}\nother\n`, password: SECRET },
    { what: 'blanks are part of it', text: ` ${SECRET} \t\n`, password: ` ${SECRET} \t` },
    { what: 'UTF-8', text: 'pässwörd€\n', password: 'pässwörd€' },
  ],
  ({ what }) => what,
  async (t, { text, password }) => {
    const { password: sent, told } = await login(t, ['--password-file', secretFile(t, text)])
    assert.deepEqual(told, { code: 0, out: '', err: '' })
    assert.equal(sent, password)
  },
)

describe('--password-file', { concurrency: 4 }, () => {
  for (const mode of [0o640, 0o604, 0o644, 0o660]) {
    test(`one with mode ${mode.toString(8)} is warned about, naming it`, async (t) => {
      const path = secretFile(t, SECRET, mode)
      const { password, told } = await login(t, ['--password-file', path])
      assert.equal(password, SECRET)
      assert.equal(told.code, 0)
      assert.match(told.err, /^mqtt-pub: warning: --password-file '.*\/secret' can be read by others.*\n$/)
    })
  }
  test('--quiet silences the warning', async (t) => {
    const { told } = await login(t, ['--quiet', '--password-file', secretFile(t, SECRET, 0o644)])
    assert.deepEqual(told, { code: 0, out: '', err: '' })
  })
  test('a missing file: exit 1 naming option, file and reason', async (t) => {
    const { password, told } = await login(t, ['--password-file', '/nonexistent/secret'])
    assert.equal(password, undefined)
    assert.equal(told.code, 1)
    assert.match(told.err, /--password-file '\/nonexistent\/secret': no such file/)
  })
  test('a folder: exit 1, and no word about its mode', async (t) => {
    const folder = temporaryFolder(t)
    chmodSync(folder, 0o755)
    const { told } = await login(t, ['--password-file', folder])
    assert.deepEqual(told, {
      code: 1,
      out: '',
      err: `mqtt-pub: error: --password-file '${folder}': is a folder\n`,
    })
  })
  for (const text of ['', '\n', '\r\n', `\n${SECRET}\n`]) {
    test(`an empty first line (${JSON.stringify(text)}): exit 1 naming the file`, async (t) => {
      const path = secretFile(t, text)
      const { password, told } = await login(t, ['--password-file', path])
      const err = `mqtt-pub: error: --password-file '${path}': its first line is empty\n`
      assert.deepEqual({ password, told }, { password: undefined, told: { code: 1, out: '', err } })
    })
  }
  test('- with an empty first line: exit 1', async (t) => {
    const { password, told } = await login(t, ['--password-file', '-'], { input: '\n' })
    const err = 'mqtt-pub: error: --password-file -: the first line of standard input is empty\n'
    assert.deepEqual({ password, told }, { password: undefined, told: { code: 1, out: '', err } })
  })
  test('an empty password on the command line is one', async (t) => {
    const { password, told } = await login(t, ['-P', ''])
    assert.deepEqual({ password, told }, { password: '', told: { code: 0, out: '', err: '' } })
  })
  test('- reads the first line of standard input', async (t) => {
    const { password, told } = await login(t, ['--password-file', '-'], { input: `${SECRET}\r\nrest\n` })
    assert.deepEqual(told, { code: 0, out: '', err: '' })
    assert.equal(password, SECRET)
  })
  test('- needs only the first line: the pipe may stay open', async (t) => {
    const server = await broker(t)
    const words = [...PUBLISH, '--password-file', '-', '-h', '127.0.0.1', '-p', String(server.port)]
    const running = start(t, 'mqtt-pub', words, { keepStdin: true })
    running.stdin.write(SECRET.slice(0, 3))
    running.stdin.write(`${SECRET.slice(3)}\n`)
    assert.equal((await running.done).code, 0)
    assert.equal(server.seen[0]?.facts.password, SECRET)
  })
  test('- in mqtt-sub', async (t) => {
    const options = { input: `${SECRET}\n` }
    const { facts } = await connectOf(t, 'mqtt-sub', ['-u', 'me', '--password-file', '-'], options)
    assert.equal(facts.password, SECRET)
  })
  for (const source of [['-l'], ['-s'], ['-f', '-']]) {
    test(`- together with ${source.join(' ')} is refused: standard input has one use`, async (t) => {
      const args = ['-h', '127.0.0.1', '-p', '1', '-u', 'me', '-t', 'a', ...source, '--password-file', '-']
      const { code, err } = await cli(t, 'mqtt-pub', args, { input: `${SECRET}\n` })
      assert.equal(code, 1)
      assert.match(err, /--password-file -: standard input/)
      assert.ok(!err.includes(SECRET))
    })
  }
  test('before MQTT 5 it needs a user name', async (t) => {
    const args = ['-t', 'a', '-m', 'x', '--password-file', secretFile(t, SECRET)]
    const { code, err } = await cli(t, 'mqtt-pub', args)
    assert.equal(code, 1)
    assert.match(err, /-u/)
    assert.ok(!err.includes(SECRET))
  })
})

rows<{
  what: string
  env?: Record<string, string>
  file?: string
  args?: readonly string[]
  password: string
}>(
  'of several passwords the last source counts',
  [
    { what: 'MQTT_PASSWORD', env: { MQTT_PASSWORD: SECRET }, password: SECRET },
    { what: 'MQTT_PASSWORD_FILE', env: { MQTT_PASSWORD_FILE: '{file}' }, file: SECRET, password: SECRET },
    { what: '-P over MQTT_PASSWORD', env: { MQTT_PASSWORD: 'x' }, args: ['-P', SECRET], password: SECRET },
    {
      what: '-P over MQTT_PASSWORD_FILE',
      env: { MQTT_PASSWORD_FILE: '{file}' },
      file: 'x',
      args: ['-P', SECRET],
      password: SECRET,
    },
    {
      what: '--password-file over MQTT_PASSWORD',
      env: { MQTT_PASSWORD: 'x' },
      file: SECRET,
      args: ['--password-file', '{file}'],
      password: SECRET,
    },
    {
      what: '-P then --password-file',
      file: SECRET,
      args: ['-P', 'x', '--password-file', '{file}'],
      password: SECRET,
    },
    {
      what: '--password-file then -P',
      file: 'x',
      args: ['--password-file', '{file}', '-P', SECRET],
      password: SECRET,
    },
  ],
  ({ what }) => what,
  async (t, { env = {}, file = '', args = [], password }) => {
    const path = secretFile(t, file)
    const filled = Object.entries(env).map(([name, text]) => [name, text.replace('{file}', path)])
    const words = args.map((each) => each.replace('{file}', path))
    const { password: sent, told } = await login(t, words, { env: Object.fromEntries(filled) })
    assert.deepEqual(told, { code: 0, out: '', err: '' })
    assert.equal(sent, password)
  },
)

describe('a password is shown nowhere', { concurrency: 4 }, () => {
  for (const program of PROGRAMS) {
    test(`${program} -d`, async (t) => {
      const server = await broker(t, {
        connack: (_, level) => Buffer.from(level === 5 ? '2003008700' : '20020005', 'hex'),
      })
      const work = {
        'mqtt-pub': ['-t', 'a', '-m', 'x'],
        'mqtt-sub': ['-t', 'a'],
        'mqtt-rr': ['-t', 'a', '-m', 'x'],
      }
      const args = [
        ...work[program],
        '-d',
        '-u',
        'me',
        '-P',
        SECRET,
        '-h',
        '127.0.0.1',
        '-p',
        String(server.port),
      ]
      const { out, err } = await cli(t, program, args)
      assert.equal(server.seen[0]?.facts.password, SECRET)
      assert.match(err, /CONNECT .*password=1/)
      assert.ok(!`${out}${err}`.includes(SECRET), err)
    })
  }
  test('authentication data with -d', async (t) => {
    const server = await broker(t, { connack: () => Buffer.from('2003008700', 'hex') })
    const method = ['-D', 'connect', 'authentication-method', 'm']
    const data = ['-D', 'connect', 'authentication-data', SECRET]
    const where = ['-h', '127.0.0.1', '-p', String(server.port)]
    const { err } = await cli(t, 'mqtt-pub', ['-t', 'a', '-m', 'x', '-d', ...method, ...data, ...where])
    assert.match(err, /CONNECT .*authenticationMethod="m"/)
    for (const form of [
      SECRET,
      Buffer.from(SECRET).toString('hex'),
      Buffer.from(SECRET).toString('base64'),
    ]) {
      assert.ok(!err.includes(form), err)
    }
  })
  test('in errors about the connection', async (t) => {
    for (const args of [
      ['-L', `mqtt://me:${SECRET}@127.0.0.1:1/a`],
      ['-h', '127.0.0.1', '-p', '1', '-t', 'a', '-u', 'me', '-P', SECRET],
      ['-h', 'h', '-t', 'a', '--proxy', `socks5h://me:${SECRET}@127.0.0.1:1`],
    ]) {
      const { code, out, err } = await cli(t, 'mqtt-pub', ['-d', '-m', 'x', ...args])
      assert.notEqual(code, 0)
      assert.match(err, /127\.0\.0\.1/)
      assert.ok(!`${out}${err}`.includes(SECRET), err)
    }
  })
  test('in errors about the command line', async (t) => {
    for (const args of [
      ['-L', `http://me:${SECRET}@h/a`],
      ['-P', SECRET, '--bogus'],
      ['--proxy', `socks4://me:${SECRET}@h`],
      ['--proxy', `socks5h://me:${SECRET}@h:0`],
    ]) {
      const { code, out, err } = await cli(t, 'mqtt-pub', ['-t', 'a', '-m', 'x', ...args])
      assert.equal(code, 1)
      assert.ok(!`${out}${err}`.includes(SECRET), err)
    }
  })
})

const UNSEEN = { skip: process.platform === 'linux' ? false : 'there is no /proc/PID/cmdline' }

describe('the list of processes, once the program runs', { concurrency: 4, ...UNSEEN }, () => {
  for (const [what, args] of [
    ['-P', ['-u', 'me', '-P', SECRET]],
    ['-P, overridden by --password-file', ['-u', 'me', '-P', SECRET, '--password-file', '{file}']],
    ['--password-command', ['-u', 'me', '--password-command', `echo ${SECRET}`]],
    ['-L', ['-L', `mqtt://me:${SECRET}@{where}`]],
    ['--psk', ['--psk', Buffer.from(SECRET).toString('hex'), '--psk-identity', 'i', '--no-tls']],
    [
      'authentication-data',
      [...'-D connect authentication-method m -D connect authentication-data'.split(' '), SECRET],
    ],
  ] as const) {
    test(`${what} is not in /proc/PID/cmdline`, async (t) => {
      const server = await broker(t, { on: () => true })
      const file = secretFile(t, 'other')
      const words = args.map((each) =>
        each.replace('{where}', `127.0.0.1:${server.port}`).replace('{file}', file),
      )
      const where = ['-t', 'a', '-h', '127.0.0.1', '-p', String(server.port)]
      const running = start(t, 'mqtt-sub', [...where, ...words])
      await server.until(() => server.seen.length === 1)
      const line = readFileSync(`/proc/${running.pid}/cmdline`, 'latin1')
      for (const form of [SECRET, Buffer.from(SECRET).toString('hex')]) assert.ok(!line.includes(form), line)
      assert.match(line, /^mqtt-sub/)
    })
  }
  test('without a secret the arguments stay', async (t) => {
    const server = await broker(t, { on: () => true })
    const running = start(t, 'mqtt-sub', ['-t', 'some/topic', '-h', '127.0.0.1', '-p', server.port])
    await server.until(() => server.seen.length === 1)
    assert.match(readFileSync(`/proc/${running.pid}/cmdline`, 'latin1'), /some\/topic/)
  })
})

rows<{ what: string; typed: string; password: string }>(
  '--password-file - on a terminal asks without echo',
  [
    { what: 'a line', typed: `${SECRET}\r`, password: SECRET },
    { what: 'backspace takes a character back', typed: `gehx\u007feim-47é\u007f11\r`, password: SECRET },
    { what: 'Ctrl-U takes all back', typed: `wrong\u0015${SECRET}\r`, password: SECRET },
    { what: 'an arrow key leaves no trace', typed: `${SECRET}\u001b[D\r`, password: SECRET },
    { what: 'Ctrl-Z neither', typed: `ab\u001acd\r`, password: 'abcd' },
    { what: 'Ctrl-D behind something neither', typed: `ab\u0004cd\r`, password: 'abcd' },
  ],
  ({ what }) => what,
  async (t, { typed, password }) => {
    const server = await broker(t)
    const args = [...PUBLISH, '--password-file', '-', '-h', '127.0.0.1', '-p', server.port]
    const running = startInTerminal(t, 'mqtt-pub', args, { input: 'open' })
    if (running === undefined) return
    await running.printsAtEnd('Password: ')
    running.write(typed)
    const { status, stdout } = await running.ended
    assert.equal(stdout.toString(), 'Password: \r\n')
    assert.equal(status, 0)
    assert.equal(server.seen[0]?.facts.password, password)
  },
)

test('--password-file - on a terminal: a key in two pieces', async (t) => {
  const server = await broker(t)
  const args = [...PUBLISH, '--password-file', '-', '-h', '127.0.0.1', '-p', server.port]
  const running = startInTerminal(t, 'mqtt-pub', args, { input: 'open' })
  if (running === undefined) return
  await running.printsAtEnd('Password: ')
  for (const piece of ['ab\u001b', '[1;', '5D', 'c\r']) {
    running.write(piece)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.equal((await running.ended).status, 0)
  assert.equal(server.seen[0]?.facts.password, 'abc')
})

test('--password-file - on a terminal: Ctrl-C ends the program by SIGINT', async (t) => {
  const args = [...PUBLISH, '--password-file', '-', '-h', '127.0.0.1', '-p', 1]
  const running = startInTerminal(t, 'mqtt-pub', args, { input: 'open' })
  if (running === undefined) return
  await running.printsAtEnd('Password: ')
  running.write('x\u0003')
  assert.equal((await running.ended).status, 130)
})

for (const [what, key] of [
  ['Ctrl-D', '\u0004'],
  ['Enter alone', '\r'],
] as const) {
  test(`--password-file - on a terminal: ${what} is no password, and nothing is dialled`, async (t) => {
    const server = await broker(t)
    const args = [...PUBLISH, '--password-file', '-', '-h', '127.0.0.1', '-p', server.port]
    const running = startInTerminal(t, 'mqtt-pub', args, { input: 'open' })
    if (running === undefined) return
    await running.printsAtEnd('Password: ')
    running.write(key)
    const { status, stdout } = await running.ended
    assert.match(stdout.toString(), /^Password: \r\nmqtt-pub: \S+ --password-file -: nothing was typed\r\n$/)
    assert.deepEqual([status, server.links.length], [1, 0])
  })
}

describe('a line that is typed', () => {
  const typed = (keys: string): { text: string; ends: string[] } => {
    const line = new SecretLine()
    const ends = [...keys].flatMap((key) => line.take(key) ?? [])
    return { text: line.text, ends }
  }
  for (const [what, keys, text] of [
    ['arrows', 'a\u001b[Ab\u001b[Dc', 'abc'],
    ['arrows of an application', 'a\u001bOAb\u001bODc', 'abc'],
    ['Ctrl-Left', 'a\u001b[1;5Db', 'ab'],
    ['Delete, F5 and F12', 'a\u001b[3~b\u001b[15~c\u001b[24~d', 'abcd'],
    ['F1 with Shift as SS3', 'a\u001bO2Pb', 'ab'],
    ['F1 on the console of Linux', 'a\u001b[[Ab', 'ab'],
    ['a mode with blank and dollar', 'a\u001b[?2026;2$yb', 'ab'],
    ['pasted with brackets', '\u001b[200~a[b]O\u001b[201~c', 'a[b]Oc'],
    ['Escape alone', 'a\u001bb', 'ab'],
    ['Escape and an arrow', 'a\u001b\u001b[Db', 'ab'],
    ['Tab, NUL, Ctrl-A and Ctrl-Z', 'a\tb\0c\u0001d\u001ae', 'abcde'],
    ['C1', 'a\u0085\u009bb', 'ab'],
    ['a sequence that is none', 'a\u001b[1é', 'aé'],
    ['backspace in an unended sequence', 'ab\u001b[\u007fc', 'ac'],
    ['Ctrl-W', 'one two\u0017x', 'one x'],
    ['Ctrl-W behind blanks', 'one two  \u0017x', 'one x'],
    ['Ctrl-W twice', 'one 💡é\u0017\u0017x', 'x'],
    ['Ctrl-W and backspace on nothing', '\u0017\u007f\bx', 'x'],
    ['Ctrl-D behind something', 'a\u0004b', 'ab'],
  ] as const) {
    test(what, () => assert.deepEqual(typed(keys), { text, ends: [] }))
  }
  for (const [key, end] of [
    ['\r', 'enter'],
    ['\n', 'enter'],
    ['\u0003', 'interrupt'],
    ['\u001c', 'quit'],
  ] as const) {
    test(`${JSON.stringify(key)}: ${end}, in the middle of a key too`, () => {
      for (const before of ['', 'a', 'a\u001b', 'a\u001b[1', 'a\u001bO'])
        assert.deepEqual(typed(before + key), { text: before.slice(0, 1), ends: [end] })
    })
  }
  test('Ctrl-D: the end where nothing is left', () => {
    assert.deepEqual(typed('\u0004'), { text: '', ends: ['end'] })
    assert.deepEqual(typed('a\u007f\u0004'), { text: '', ends: ['end'] })
  })
})

test('-P without -u before MQTT 5 is refused by all programs, without showing it', async (t) => {
  for (const program of PROGRAMS) {
    const work = program === 'mqtt-sub' ? ['-t', 'a'] : ['-t', 'a', '-m', 'x']
    const { code, err } = await cli(t, program, [...work, '-V', '31', '-P', SECRET])
    assert.equal(code, 1)
    assert.ok(!err.includes(SECRET))
  }
})

test('-P as the last word names the option alone', (t) => misuse(t, 'mqtt-pub', ['-P'], ['-P needs a value']))
