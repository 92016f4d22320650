// mqtt-passwd as the contract has it: sections 6 and 8.6, row by row, by the built program.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { WORKED } from '../passwd/worked.js'
import { temporaryFolder } from '../support/run.js'
import {
  assertLine,
  assertUntouched,
  batch,
  beside,
  DONE,
  fileWith,
  passwd,
  read,
  SECRET,
} from './passwd-support.js'
import { cli, misuse, rows, type Told } from './support.js'

const ALICE = `alice:${WORKED[0]?.value}\n`
const BOB = `bob:${WORKED[3]?.value}\n`
const TWICE = `${SECRET}\n${SECRET}\n`

function failed({ code, out, err }: Told, ...named: RegExp[]): void {
  assert.deepEqual([code, out], [1, ''], err)
  for (const each of named) assert.match(err, each)
  assert.ok(!err.includes(SECRET), err)
}

describe('6.1 the command line', { concurrency: 4 }, () => {
  test('6.1 no arguments: usage on standard output, exit 1', async (t) => {
    const { code, out, err } = await passwd(t, [])
    assert.deepEqual([code, err], [1, ''])
    assert.match(out, /^Usage: mqtt-passwd /m)
  })
  test('8.6 Q79 --help and --version: exit 0', async (t) => {
    const help = await passwd(t, ['--help'])
    assert.deepEqual([help.code, help.err], [0, ''])
    assert.match(help.out, /argon2id +mosquitto 2\.1/)
    const version = await passwd(t, ['-H', 'sha512', '--version', 'anything'])
    assert.deepEqual([version.code, version.err], [0, ''])
    assert.match(version.out, /^mqtt-passwd \d+\.\d+\.\d+\n$/)
  })
  rows<{ args: readonly string[]; named: readonly (RegExp | string)[] }>(
    '6.1 misuse',
    [
      { args: ['-H'], named: ['-H needs a value'] },
      { args: ['-I'], named: ['-I needs a value'] },
      { args: ['-H', 'SHA512', 'f', 'u'], named: ['-H', "'SHA512'", 'sha512-pbkdf2'] },
      { args: ['-I', '0', 'f', 'u'], named: ['-I', "'0'"] },
      { args: ['-I', 'x', 'f', 'u'], named: ['-I', "'x'"] },
      { args: ['-I', '5', '-H', 'sha512', 'f', 'u'], named: ['-I', 'sha512'] },
      { args: ['-I', '5', '-U', 'f'], named: ['-I', '-U'] },
      { args: ['--cost', '5', 'f', 'u'], named: ['--cost', 'bcrypt'] },
      { args: ['--cost', '3', '-H', 'bcrypt', 'f', 'u'], named: ['--cost', "'3'"] },
      { args: ['-c', '-D', 'f', 'u'], named: ['-c', '-D'] },
      { args: ['-c', '-U', 'f'], named: ['-c', '-U'] },
      { args: ['-D', '-U', 'f'], named: ['-D', '-U'] },
      { args: ['-b', '-D', 'f', 'u'], named: ['-b', '-D'] },
      { args: ['-c'], named: ['FILE and USER'] },
      { args: ['-c', 'f'], named: ['USER missing'] },
      { args: ['-b', 'f', 'u'], named: ['PASSWORD missing'] },
      { args: ['-D', 'f'], named: ['USER missing'] },
      { args: ['-U'], named: ['FILE missing'] },
      { args: ['-b', 'f', 'u', 'p', 'q'], named: ['FILE USER PASSWORD'] },
      { args: ['-U', 'f', 'u'], named: ['FILE'] },
      { args: ['f', 'u', 'p'], named: ['FILE USER', '-b'] },
      { args: ['f', '-b', 'u'], named: ['options stand in front'] },
      { args: ['-c', 'f', 'u', 'x'], named: ['FILE USER'] },
      { args: ['-D', 'f', 'u', 'x'], named: ['FILE USER'] },
      { args: ['-x', 'f', 'u'], named: ["'-x'", './ in front'] },
      { args: ['--creat', 'f', 'u'], named: ["'--creat'", '--create'] },
      { args: ['-cb', 'f', 'u', 'p'], named: ["'-cb'"] },
      { args: ['--hash=sha512', 'f', 'u'], named: ["'--hash=sha512'"] },
      { args: ['-b', 'f', 'u:x', 'p'], named: ["'u:x'", 'colon'] },
      { args: ['-b', 'f', 'u\tx', 'p'], named: ['control'] },
      { args: ['-b', 'f', 'u\x7f', 'p'], named: ['control'] },
      { args: ['-b', 'f', 'u'.repeat(65_536), 'p'], named: ['65536', '65535'] },
      { args: ['-b', 'f', 'u', 'p'.repeat(65_536)], named: ['65536', '65535'] },
      { args: ['-b', 'f', '', 'p'], named: ['empty'] },
      { args: ['-b', 'f', ' u', 'p'], named: ['blank'] },
      { args: ['-b', 'f', 'u ', 'p'], named: ['blank'] },
      { args: ['-b', 'f', '#u', 'p'], named: ['#'] },
      { args: ['-b', 'f', 'u', ''], named: ['password', 'empty'] },
      { args: ['-b', 'f', 'u\ufffd', 'p'], named: ['UTF-8'] },
      { args: ['-b', 'f', 'u', 'p\ufffd'], named: ['UTF-8'] },
    ],
    ({ args }) => args.map((each) => (each.length > 20 ? '...' : each)).join(' '),
    (t, { args, named }) => misuse(t, 'mqtt-passwd', args, named),
  )
  test('6.1 words that may be passwords are not shown', async (t) => {
    for (const args of [
      ['f', 'u', SECRET],
      [`-P${SECRET}`, 'f', 'u'],
      [`--password=${SECRET}`, 'f', 'u'],
    ]) {
      const { code, err } = await passwd(t, args)
      assert.equal(code, 1)
      assert.ok(!err.includes(SECRET), err)
    }
  })
  test('6.1 the first other word ends the options: names and passwords may begin with -', async (t) => {
    const path = fileWith(t, '')
    assert.deepEqual(await batch(t, [path, '-b', '--help']), { code: 0, out: 'added -b\n', err: '' })
    assert.deepEqual(await batch(t, ['--', path, '--', '-D']), { code: 0, out: 'added --\n', err: '' })
    await assertLine(read(path), 1, '-b', '--help')
    await assertLine(read(path), 2, '--', '-D')
  })
  test('an option as USER is told in the error that follows', async (t) => {
    const hint = /; '--list' was taken as USER: options stand in front of FILE/
    const none = await passwd(t, [fileWith(t), '--list'])
    assert.equal(none.code, 1)
    assert.match(none.err, hint)
    assert.match(none.err, /no such file/)
    assert.match((await passwd(t, [fileWith(t, ''), '--list'], '')).err, hint)
    const differ = await passwd(t, [fileWith(t, ''), '--list'], 'a\nb\n')
    assert.equal(differ.code, 2)
    assert.match(differ.err, hint)
    assert.ok(!(await passwd(t, [fileWith(t), '--lists'])).err.includes('in front'))
  })
  test('6.1 the last -H and -I win', async (t) => {
    const { out } = await batch(t, [
      '-H',
      'sha512',
      '-I',
      '5',
      '-H',
      'sha512-pbkdf2',
      '-I',
      '7',
      '-c',
      '-',
      'u',
      'p',
    ])
    assert.match(out, /^u:\$7\$7\$/)
  })
  test('6.1 a password and a name of 65535 bytes, UTF-8 among them', async (t) => {
    const path = fileWith(t, '')
    const name = `${'ä'.repeat(32_767)}b`
    assert.equal((await batch(t, [path, name, 'p'.repeat(65_535)])).code, 0)
    await assertLine(read(path), 1, name, 'p'.repeat(65_535))
  })
  test('1.10, 1.11 no options file and no environment', async (t) => {
    const path = fileWith(t, '')
    writeFileSync(join(temporaryFolder(t), 'mqtt-passwd'), '--create\n')
    const env = {
      MQTT_HASH: 'nonsense',
      MQTT_QUIET: 'x',
      MQTT_FORMAT: 'nats',
      XDG_CONFIG_HOME: join(path, '..'),
    }
    const told = await cli(t, 'mqtt-passwd', ['--quiet', '-b', path, 'u', 'p'], { env })
    assert.deepEqual(told, { code: 0, out: 'added u\n', err: '' })
  })
})

describe('6.2 the password on a pipe', { concurrency: 4 }, () => {
  rows<{ what: string; input: string; password: string }>(
    'two lines',
    [
      { what: 'with LF', input: `${SECRET}\n${SECRET}\n`, password: SECRET },
      { what: 'with CR LF, and more behind', input: `${SECRET}\r\n${SECRET}\r\r\nmore\n`, password: SECRET },
      { what: 'the last without an end', input: `${SECRET}\n${SECRET}`, password: SECRET },
      { what: 'blanks stay', input: ' p \t\n p \t\n', password: ' p \t' },
      { what: 'NUL and UTF-8', input: 'ä\0b\nä\0b\n', password: 'ä\0b' },
      { what: '65499 bytes', input: `${'x'.repeat(65_499)}\n`.repeat(2), password: 'x'.repeat(65_499) },
    ],
    ({ what }) => what,
    async (t, { input, password }) => {
      const path = fileWith(t, ALICE)
      assert.deepEqual(await passwd(t, [path, 'bob'], input), { code: 0, out: 'added bob\n', err: '' })
      assert.ok(read(path).startsWith(ALICE))
      await assertLine(read(path), 2, 'bob', password)
    },
  )
  test('6.2 bytes that are not UTF-8 are taken as they are', async (t) => {
    const path = fileWith(t, '')
    const password = Buffer.from('\xff\xfe\xa0', 'latin1')
    assert.equal(
      (await passwd(t, [path, 'u'], Buffer.concat([password, Buffer.from('\n'), password]))).code,
      0,
    )
    assert.equal((await passwd(t, ['--verify', 'u', path], password)).code, 0)
    assert.equal((await passwd(t, ['--verify', 'u', path], '\u00ff\u00fe\u00a0')).code, 4)
  })
  rows<{ what: string; input: string; code: number; named: RegExp }>(
    'refused, with the file untouched',
    [
      { what: '6.2 6.7 a mismatch: exit 2', input: `${SECRET}\nother\n`, code: 2, named: /differ/ },
      { what: '6.2 an empty first entry', input: '\n\n', code: 1, named: /empty/ },
      { what: '6.2 an empty second entry', input: `${SECRET}\n\n`, code: 1, named: /twice/ },
      { what: '6.2 end of file', input: '', code: 1, named: /empty/ },
      {
        what: '6.2 end of file at the second',
        input: `${SECRET}\n`,
        code: 1,
        named: /twice.*--password-file -/,
      },
      { what: '6.2 65500 bytes', input: `${'x'.repeat(65_500)}\n`.repeat(2), code: 1, named: /65500.*65499/ },
    ],
    ({ what }) => what,
    async (t, { input, code, named }) => {
      const path = fileWith(t, ALICE)
      const told = await passwd(t, [path, 'alice'], input)
      assert.deepEqual([told.code, told.out], [code, ''])
      assert.match(told.err, named)
      assert.ok(!told.err.includes(SECRET))
      assertUntouched(path, ALICE)
      const fresh = fileWith(t)
      assert.equal((await passwd(t, ['-c', fresh, 'alice'], input)).code, code)
      assertUntouched(fresh)
    },
  )
})

describe('6.3 modes', { concurrency: 4 }, () => {
  test('6.3 -c FILE USER: a new file of mode 0600 with one line', async (t) => {
    const path = fileWith(t)
    assert.deepEqual(await passwd(t, ['-c', path, 'alice'], TWICE), {
      code: 0,
      out: 'added alice\n',
      err: '',
    })
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.match(read(path), /^alice:\$7\$1000\$[^\n]*\n$/)
    await assertLine(read(path), 1, 'alice', SECRET)
    assert.deepEqual(beside(path), [])
  })
  test('6.3 -c - USER: only the line, on standard output, and no file', async (t) => {
    const folder = temporaryFolder(t)
    const told = await passwd(t, ['-c', '-', 'alice'], TWICE)
    assert.deepEqual([told.code, told.err], [0, ''])
    assert.match(told.out, /^alice:\$7\$[^\n]*\n$/)
    await assertLine(told.out, 1, 'alice', SECRET)
    assert.deepEqual(beside(join(folder, 'x')), [])
  })
  test('6.3 add: appended at the end', async (t) => {
    const path = fileWith(t, ALICE + BOB)
    assert.deepEqual(await passwd(t, [path, 'carol'], TWICE), { code: 0, out: 'added carol\n', err: '' })
    assert.ok(read(path).startsWith(ALICE + BOB))
    await assertLine(read(path), 3, 'carol', SECRET)
  })
  test('6.3 update: the first line of the user, in place, later ones kept', async (t) => {
    const path = fileWith(t, ALICE + BOB + ALICE)
    const told = await passwd(t, [path, 'alice'], TWICE)
    assert.deepEqual([told.code, told.out], [0, 'updated alice\n'])
    assert.match(told.err, /'alice' on lines 1, 3/)
    await assertLine(read(path), 1, 'alice', SECRET)
    assert.ok(read(path).endsWith(`\n${BOB}${ALICE}`))
  })
  test('6.3 -D: all lines of the user, and nothing is printed', async (t) => {
    const path = fileWith(t, `# x\n${ALICE}${BOB}${ALICE}`)
    assert.deepEqual(await passwd(t, ['--quiet', '-D', path, 'alice']), DONE)
    assert.equal(read(path), `# x\n${BOB}`)
  })
  test('6.3 -D, user absent: exit 1 naming the user, the file unchanged', async (t) => {
    const path = fileWith(t, ALICE)
    failed(await passwd(t, ['-D', path, 'bob']), /'bob'/, /passwd/)
    assertUntouched(path, ALICE)
  })
  test('6.3 -U: every plain line from its second field, and nothing goes to standard output', async (t) => {
    const path = fileWith(t, 'alice:pw one\n bob : pw2 \r\ncarol:pw3')
    assert.deepEqual(await passwd(t, ['-U', path]), { ...DONE, err: 'mqtt-passwd: hashed 3\n' })
    const text = read(path)
    await assertLine(text, 1, 'alice', 'pw one')
    await assertLine(text, 2, 'bob', 'pw2')
    await assertLine(text, 3, 'carol', 'pw3')
    assert.match(text, /==\r\ncarol/)
  })
  test('6.3 -U with -H and with -b, which means nothing here', async (t) => {
    const path = fileWith(t, 'alice:pw\n')
    const told = await passwd(t, ['-b', '-H', 'argon2id', '-U', path])
    assert.deepEqual(told, { ...DONE, err: 'mqtt-passwd: hashed 1\n' })
    assert.match(read(path), /^alice:\$argon2id\$v=19\$m=47104,t=1,p=1\$/)
    await assertLine(read(path), 1, 'alice', 'pw')
  })
  for (const text of ['', '# nobody\n\n']) {
    test(`6.3 -U without users (${JSON.stringify(text)}): exit 1, unchanged`, async (t) => {
      const path = fileWith(t, text)
      failed(await passwd(t, ['-U', path]), /no users/)
      assertUntouched(path, text)
    })
  }
  test('6.3 - without -c is a file of that name', async (t) => {
    const folder = temporaryFolder(t)
    const run = (args: string): string =>
      execFileSync('sh', ['-c', `cd "$0" && "$1" "$2" ${args}`, folder, process.execPath, BIN], {
        input: TWICE,
        encoding: 'utf8',
        stdio: ['pipe', 'pipe', 'ignore'],
      })
    assert.throws(() => run('- alice'))
    writeFileSync(join(folder, '-'), '')
    assert.equal(run('- alice'), 'added alice\n')
    await assertLine(read(join(folder, '-')), 1, 'alice', SECRET)
  })
  for (const args of [['u'], ['-D', 'u'], ['-U'], ['--list'], ['--verify', 'u']]) {
    test(`6.3 without -c FILE must exist: ${args.join(' ')}`, async (t) => {
      const path = fileWith(t)
      const options = args[0] === 'u' ? [path, 'u'] : args[0] === '-D' ? ['-D', path, 'u'] : [...args, path]
      failed(await passwd(t, options, TWICE), /passwd': no such file/)
      const { err } = await passwd(t, options, TWICE)
      assert.equal(err.includes('-c makes it'), args[0] === 'u', 'only where -c is possible')
      assertUntouched(path)
    })
  }
  test('8.7 D5 -c on a file that exists: exit 1 naming it, before a password is asked for', async (t) => {
    const path = fileWith(t, ALICE)
    failed(await passwd(t, ['-c', path, 'alice']), /passwd' exists already/)
    assertUntouched(path, ALICE)
  })
})

const BIN = new URL('../../bin/mqtt-passwd', import.meta.url).pathname

describe('6.5 schemes', { concurrency: 4 }, () => {
  for (const [args, shape] of [
    [[], /^u:\$7\$1000\$/],
    [['-H', 'sha512-pbkdf2', '-I', '25000'], /^u:\$7\$25000\$/],
    [['-H', 'sha512'], /^u:\$6\$[^$]{16}\$[^$]{88}\n$/],
    [['-H', 'argon2id'], /^u:\$argon2id\$v=19\$m=47104,t=1,p=1\$[^$]{86}\$[^$]{86}\n$/],
    [['-H', 'bcrypt'], /^u:\$2a\$10\$.{53}\n$/],
    [['-H', 'bcrypt', '--cost', '4'], /^u:\$2a\$04\$/],
  ] as const) {
    test(`6.5 8.7 D6 ${args.join(' ') || 'the default'}`, async (t) => {
      const { code, out } = await batch(t, [...args, '-c', '-', 'u', 'pässwörd:$7$'])
      assert.equal(code, 0)
      assert.match(out, shape)
      await assertLine(out, 1, 'u', 'pässwörd:$7$')
    })
  }
  for (const { user, password, value, scheme } of WORKED) {
    test(`6.5 --verify: the worked line of ${user} (${scheme})`, async (t) => {
      const path = fileWith(t, `${user}:${value}\n`)
      assert.deepEqual(await passwd(t, ['--verify', user, path], `${password}\n`), {
        code: 0,
        out: `${scheme}\n`,
        err: '',
      })
      assert.equal((await passwd(t, ['--verify', user, path], `${password}x\n`)).code, 4)
    })
  }
})

describe('6.6 files', { concurrency: 4 }, () => {
  test('6.6 a link stays one, and its file is changed', async (t) => {
    const path = fileWith(t, ALICE)
    const link = join(temporaryFolder(t), 'link')
    symlinkSync(path, link)
    assert.equal((await passwd(t, [link, 'bob'], TWICE)).code, 0)
    assert.ok(lstatSync(link).isSymbolicLink())
    await assertLine(read(path), 2, 'bob', SECRET)
    assert.deepEqual([beside(link), beside(path)], [[], []])
  })
  for (const args of [[], ['-c']]) {
    test(`6.6 a dangling link is refused${args.join()}`, async (t) => {
      const folder = temporaryFolder(t)
      const link = join(folder, 'link')
      symlinkSync(join(folder, 'nowhere'), link)
      failed(await passwd(t, [...args, link, 'bob'], TWICE), /link'.*does not exist/)
      assert.deepEqual(beside(link), [])
    })
  }
  for (const kind of ['folder', 'FIFO', 'device'] as const) {
    for (const args of [['-D'], [], ['-c']]) {
      test(`6.6 a ${kind} is refused ${args.join()}`, async (t) => {
        const path = kind === 'device' ? '/dev/null' : join(temporaryFolder(t), 'it')
        if (kind === 'folder') mkdirSync(path)
        if (kind === 'FIFO') execFileSync('mkfifo', [path])
        failed(await passwd(t, [...args, path, 'bob'], TWICE), /not a regular file/)
      })
    }
  }
  for (const mode of [0o600, 0o640, 0o660, 0o604, 0o777]) {
    const isOpen = (mode & 7) !== 0
    test(`6.6 mode ${mode.toString(8)} is kept${isOpen ? ', with a warning' : ''}`, async (t) => {
      const path = fileWith(t, ALICE)
      chmodSync(path, mode)
      const { code, err } = await passwd(t, [path, 'bob'], TWICE)
      assert.equal(code, 0)
      assert.equal(statSync(path).mode & 0o7777, mode)
      if (isOpen) assert.match(err, /^mqtt-passwd: warning: '.*passwd' is open to others.*\n$/)
      else assert.equal(err, '')
    })
  }
  const notRoot = process.getuid?.() === 0 ? {} : { skip: 'only root can give files away' }
  test('6.6 owner and group are kept', notRoot, async (t) => {
    const path = fileWith(t, ALICE)
    execFileSync('chown', ['1234:2345', path])
    assert.equal((await passwd(t, [path, 'bob'], TWICE)).code, 0)
    const { uid, gid } = statSync(path)
    assert.deepEqual([uid, gid], [1234, 2345])
  })
  test('a folder that does not exist: exit 1 naming it', async (t) => {
    const path = join(temporaryFolder(t), 'no', 'passwd')
    failed(await passwd(t, ['-c', path, 'bob'], TWICE), /no folder '.*\/no'/)
  })
  test('8.6 Q76 the file is replaced, never written in place: whoever reads the old one goes on reading it', async (t) => {
    const path = fileWith(t, ALICE)
    const before = statSync(path).ino
    assert.equal((await passwd(t, [path, 'bob'], TWICE)).code, 0)
    assert.notEqual(statSync(path).ino, before)
    assert.deepEqual(beside(path), [], 'and no backup is left')
  })
})

describe('8.6 quirks that are not mirrored', { concurrency: 4 }, () => {
  const ODD = `# comment: x\n\n${ALICE}\t\nno colon\n${BOB}:\n\0:\n`
  test('8.6 Q70 comments, blank and other lines stay where they are when adding; the others are named', async (t) => {
    const path = fileWith(t, ODD)
    const told = await passwd(t, [path, 'carol'], TWICE)
    assert.deepEqual([told.code, told.out], [0, 'added carol\n'])
    assert.ok(read(path).startsWith(ODD))
    await assertLine(read(path), 9, 'carol', SECRET)
    assert.deepEqual(
      [...told.err.matchAll(/line (\d+) is neither/g)].map(([, line]) => line),
      ['5', '7', '8'],
    )
  })
  test('8.6 Q70 updating, deleting and -U keep them too', async (t) => {
    const path = fileWith(t, ODD)
    assert.equal((await passwd(t, [path, 'bob'], TWICE)).code, 0)
    await assertLine(read(path), 6, 'bob', SECRET)
    assert.equal((await passwd(t, ['-D', path, 'bob'])).code, 0)
    assert.equal(read(path), ODD.replace(BOB, ''))
    writeFileSync(path, ODD.replace(BOB, 'bob:plain\n'))
    assert.equal((await passwd(t, ['-U', path])).code, 0)
    await assertLine(read(path), 6, 'bob', 'plain')
    assert.equal(read(path).replace(/bob:.*\n/, BOB), ODD)
  })
  test('8.6 Q71 a missing line end is added first', async (t) => {
    const path = fileWith(t, ALICE.trimEnd())
    assert.equal((await passwd(t, [path, 'bob'], TWICE)).code, 0)
    assert.ok(read(path).startsWith(`${ALICE}bob:`))
  })
  test('CR LF stays, and is what a new line gets', async (t) => {
    const path = fileWith(t, ALICE.replace('\n', '\r\n'))
    assert.equal((await passwd(t, [path, 'bob'], TWICE)).code, 0)
    assert.match(read(path), /^alice:[^\r\n]*\r\nbob:[^\r\n]*\r\n$/)
  })
  test('8.6 Q77 a password that cannot be hashed leaves no empty file', async (t) => {
    const path = fileWith(t)
    failed(await batch(t, ['-H', 'bcrypt', '-c', path, 'u', 'x'.repeat(73)]), /73 bytes.*72/)
    assertUntouched(path)
  })
  test('8.6 Q78 -U leaves hashes alone and says how many', async (t) => {
    const kept = [
      ...WORKED.map(({ user, value }) => `${user}:${value}`),
      'x:$2y$05$abc',
      'y:$apr1$a$b',
      'z:$6$damaged',
    ]
    const path = fileWith(t, `${kept.join('\n')}\nnew:plain\n`)
    const { code, out, err } = await passwd(t, ['-U', path])
    assert.deepEqual([code, out], [0, ''])
    assert.match(err, /hashed 1, left 9 alone/)
    assert.ok(read(path).startsWith(`${kept.join('\n')}\nnew:$7$`))
    const before = statSync(path, { bigint: true })
    assert.match((await passwd(t, ['-U', path])).err, /hashed 0, left 10 alone/)
    assert.equal(statSync(path, { bigint: true }).mtimeNs, before.mtimeNs, 'nothing to do, nothing written')
  })
  test('-U with more than two fields: the second is the password, and the line is named', async (t) => {
    const path = fileWith(t, 'a:b\nc:d:e\n')
    const { code, err } = await passwd(t, ['-U', path])
    assert.equal(code, 0)
    assert.match(err, /line 2: only what stands before the second colon/)
    await assertLine(read(path), 2, 'c', 'd')
  })
})

test('the manual page is the one of this program', () => {
  const page = readFileSync(new URL('../../man/mqtt-passwd.1', import.meta.url), 'utf8')
  for (const word of [
    'password_file',
    'vmq_passwd.password_file',
    'AuthUserFile',
    'include passwords.conf',
    'load_definitions',
    'bootstrap_file',
    'bootstrap_type',
  ]) {
    assert.ok(page.includes(word), word)
  }
})
