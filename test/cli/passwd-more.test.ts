// What mqtt-passwd has beyond mosquitto_passwd (issue): password files, --verify, --list, --if-changed, --generate,
// --import, --format, locks that are waited for, and secrets that are shown nowhere.

import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { verify } from '../../src/passwd/hash.js'
import { WORKED } from '../passwd/worked.js'
import { until } from '../support/processes.js'
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
import { misuse, rows, start } from './support.js'

const LINE = (at: number): string => `${WORKED[at]?.user}:${WORKED[at]?.value}\n`
const ALICE = LINE(0)

function secretFile(t: TestContext, text: string, mode = 0o600): string {
  const path = join(temporaryFolder(t), 'secret')
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

/** What must not change where nothing is written. */
function state(path: string): unknown {
  const { ino, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  return [ino, mtimeNs, ctimeNs, read(path)]
}

describe('--password-file', { concurrency: 4 }, () => {
  test('the first line, without its end', async (t) => {
    const path = fileWith(t, '')
    const file = secretFile(t, ` ${SECRET}\r\nmore\n`)
    assert.deepEqual(await passwd(t, ['--password-file', file, path, 'u']), {
      code: 0,
      out: 'added u\n',
      err: '',
    })
    await assertLine(read(path), 1, 'u', ` ${SECRET}`)
  })
  test('- takes one line of standard input', async (t) => {
    const path = fileWith(t, '')
    assert.equal((await passwd(t, ['--password-file', '-', path, 'u'], `${SECRET}\n`)).code, 0)
    await assertLine(read(path), 1, 'u', SECRET)
  })
  test('one that others can read is warned about', async (t) => {
    const file = secretFile(t, SECRET, 0o644)
    const { code, err } = await passwd(t, ['--password-file', file, fileWith(t, ''), 'u'])
    assert.equal(code, 0)
    assert.match(err, /warning: --password-file '.*secret' can be read by others/)
  })
  for (const [what, text] of [
    ['empty', ''],
    ['an empty line', '\nx\n'],
    ['too long', 'x'.repeat(65_536)],
  ] as const) {
    test(`${what}: exit 1, the file untouched`, async (t) => {
      const path = fileWith(t, ALICE)
      const { code, err } = await passwd(t, ['--password-file', secretFile(t, text), path, 'alice'])
      assert.equal(code, 1)
      assert.match(err, /empty|65536/)
      assertUntouched(path, ALICE)
    })
  }
})

describe('--verify', { concurrency: 4 }, () => {
  const path = (t: TestContext): string =>
    fileWith(t, `# x\n${ALICE}plain:secret\nbad:$7$x\nother:$apr1$a$b\n`)
  const sesame = WORKED[0]?.password as string
  test('right: exit 0, and the scheme on standard output', async (t) => {
    assert.deepEqual(await passwd(t, ['--quiet', '--verify', 'alice', path(t)], `${sesame}\n`), {
      code: 0,
      out: 'sha512\n',
      err: '',
    })
  })
  test('the password as a word, from a file, and from - alike', async (t) => {
    const secret = secretFile(t, sesame)
    for (const args of [
      ['-b', '--verify', 'alice', path(t), sesame],
      ['--password-file', secret, '--verify', 'alice', path(t)],
    ]) {
      assert.equal((await passwd(t, args)).code, 0)
    }
    assert.equal((await passwd(t, ['--password-file', '-', '--verify', 'alice', path(t)], sesame)).code, 0)
  })
  test('wrong: exit 4', async (t) => {
    const { code, out, err } = await passwd(t, ['--verify', 'alice', path(t)], `${SECRET}\n`)
    assert.deepEqual([code, out], [4, 'sha512\n'])
    assert.match(err, /error: wrong password for 'alice'/)
    assert.ok(!err.includes(SECRET))
  })
  test('an unknown user: exit 4', async (t) => {
    const { code, out, err } = await passwd(t, ['--verify', 'nobody', path(t)], `${sesame}\n`)
    assert.deepEqual([code, out], [4, ''])
    assert.match(err, /user 'nobody' is not in /)
  })
  test('of several lines of a user the first counts, as for brokers', async (t) => {
    const file = fileWith(t, `${ALICE}alice:${WORKED[4]?.value}\n`)
    assert.equal((await passwd(t, ['--quiet', '--verify', 'alice', file], sesame)).out, 'sha512\n')
  })
  for (const [user, named] of [
    ['plain', /plain password: -U/],
    ['bad', /damaged/],
    ['other', /other/],
  ] as const) {
    test(`what cannot be checked (${user}): exit 1, without showing it`, async (t) => {
      const { code, out, err } = await passwd(t, ['--quiet', '--verify', user, path(t)], 'secret\n')
      assert.deepEqual([code, out, err], [1, '', ''])
      const loud = await passwd(t, ['--verify', user, path(t)], 'secret\n')
      assert.match(loud.err, named)
      assert.ok(!/secret\b(?!')/.test(loud.err.replace(/standard.*/g, '')), loud.err)
    })
  }
  test('bcrypt: a password that it would cut off is neither right nor wrong', async (t) => {
    const file = fileWith(t, '')
    assert.equal((await batch(t, ['-H', 'bcrypt', '--cost', '4', file, 'u', 'x'.repeat(72)])).code, 0)
    assert.equal((await passwd(t, ['--verify', 'u', file], 'x'.repeat(72))).code, 0)
    assert.equal((await passwd(t, ['--verify', 'u', file], 'x'.repeat(73))).code, 1)
  })
  test('the file is not touched, and no lock is needed', async (t) => {
    const file = path(t)
    writeFileSync(join(file, '..', '.passwd.lock'), `1 elsewhere - x\n`)
    const before = state(file)
    assert.equal((await passwd(t, ['--verify', 'alice', file], sesame)).code, 0)
    assert.equal((await passwd(t, ['--list', file])).code, 0)
    assert.deepEqual(state(file), before)
  })
})

test('--list: users and schemes, as bytes, and never a hash', async (t) => {
  const text = `# c\n${LINE(0)}${LINE(1)}${LINE(2)}\nsecret-line\n\xff\xe4:$2y$04$${'a'.repeat(53)}\np:hunter2\nd:$7$x\no:$5$x\n`
  const path = fileWith(t, Buffer.from(text, 'latin1'))
  const run = start(t, 'mqtt-passwd', ['--quiet', '--list', path])
  const { code, stdout, stderr } = await run.done
  assert.deepEqual([code, stderr.toString()], [0, ''])
  assert.equal(
    stdout.toString('latin1'),
    'alice\tsha512\nalice\tsha512-pbkdf2\nalice\targon2id\n\xff\xe4\tbcrypt\np\tplain\nd\tdamaged\no\tother\n',
  )
})

describe('--if-changed', { concurrency: 4 }, () => {
  for (const scheme of [
    ['-H', 'sha512'],
    ['-H', 'sha512-pbkdf2', '-I', '7'],
    ['-H', 'argon2id'],
    ['-H', 'bcrypt', '--cost', '4'],
    ['--format', 'htpasswd', '--cost', '4'],
  ]) {
    test(`${scheme.join(' ')}: added, unchanged with inode and times, updated`, async (t) => {
      const path = fileWith(t, 'other:x\n')
      const run = (password: string) => batch(t, [...scheme, '--if-changed', path, 'u', password])
      assert.deepEqual(await run(SECRET), { code: 0, out: 'added u\n', err: '' })
      const before = state(path)
      assert.deepEqual(await run(SECRET), { code: 0, out: 'unchanged u\n', err: '' })
      assert.deepEqual(state(path), before)
      assert.deepEqual(await run('another'), { code: 0, out: 'updated u\n', err: '' })
      await assertLine(read(path), 2, 'u', 'another')
    })
  }
  test('another scheme, or other parameters, is a change', async (t) => {
    const path = fileWith(t, '')
    for (const [args, out] of [
      [[], 'added u\n'],
      [['-I', '1001'], 'updated u\n'],
      [['-H', 'sha512'], 'updated u\n'],
      [['-H', 'sha512'], 'unchanged u\n'],
    ] as const) {
      assert.equal((await batch(t, [...args, '--if-changed', path, 'u', 'p'])).out, out)
    }
  })
  test('a plain value, even the same, is a change', async (t) => {
    const path = fileWith(t, 'u:p\n')
    assert.equal((await batch(t, ['--if-changed', path, 'u', 'p'])).out, 'updated u\n')
  })
  test('what is right already needs no lock', async (t) => {
    const path = fileWith(t, '')
    assert.equal((await batch(t, [path, 'u', SECRET])).code, 0)
    writeFileSync(join(path, '..', '.passwd.lock'), '1 elsewhere - x\n')
    const args = ['--if-changed', '--lock-timeout', '0', path, 'u']
    assert.equal((await batch(t, [...args, SECRET])).out, 'unchanged u\n')
    assert.equal((await batch(t, [...args, 'another'])).code, 1)
  })
  test('with -c: makes the file, and is content with one that is there', async (t) => {
    const path = fileWith(t)
    for (const out of ['added u\n', 'unchanged u\n']) {
      assert.deepEqual(await batch(t, ['-c', '--if-changed', path, 'u', 'p']), { code: 0, out, err: '' })
    }
    assert.equal((await batch(t, ['-c', '--if-changed', path, 'v', 'p'])).out, 'added v\n')
  })
  test('with -D: deleted, then unchanged', async (t) => {
    const path = fileWith(t, ALICE)
    assert.equal((await passwd(t, ['-D', '--if-changed', path, 'alice'])).out, 'deleted alice\n')
    const before = state(path)
    assert.deepEqual(await passwd(t, ['-D', '--if-changed', path, 'alice']), {
      code: 0,
      out: 'unchanged alice\n',
      err: '',
    })
    assert.deepEqual(state(path), before)
  })
})

describe('--generate', { concurrency: 4 }, () => {
  test('only the password goes to standard output, and it is the one in the file', async (t) => {
    const path = fileWith(t, ALICE)
    const { code, out, err } = await passwd(t, ['--generate', path, 'u'])
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /^[A-Za-z2-9]{24}\n$/)
    await assertLine(read(path), 2, 'u', out.trim())
  })
  test('-c -: the line goes to standard output, the password to standard error', async (t) => {
    const { code, out, err } = await passwd(t, ['--generate', '-c', '-', 'u'])
    assert.equal(code, 0)
    assert.match(err, /^[A-Za-z2-9]{24}\n$/)
    await assertLine(out, 1, 'u', err.trim())
  })
  test('a password that nobody could read is told, and not 0', async (t) => {
    const path = fileWith(t, '')
    const run = start(t, 'mqtt-passwd', ['--generate', path, 'u'], { pauseStdout: true })
    run.stdout.destroy()
    const { code, stderr } = await run.done
    assert.equal(code, 1)
    assert.match(stderr.toString(), /'u' has a new password that could not be printed/)
  })
  test('where the file cannot be changed no password is printed', async (t) => {
    const { code, out } = await passwd(t, ['--generate', fileWith(t), 'u'])
    assert.deepEqual([code, out], [1, ''])
  })
})

describe('--import', { concurrency: 4 }, () => {
  test('lines: added and updated, others kept', async (t) => {
    const path = fileWith(t, `# c\n${ALICE}x:y\n`)
    const told = await passwd(t, ['--import', 'lines', path], '# new\nalice:one\n\nbob:t:w:o\r\n')
    assert.deepEqual(told, { code: 0, out: 'added 1, updated 1\n', err: '' })
    const text = read(path)
    assert.match(text, /^# c\nalice:.*\nx:y\nbob:.*\n$/)
    await assertLine(text, 2, 'alice', 'one')
    await assertLine(text, 4, 'bob', 't:w:o')
  })
  test('csv with quotes and bytes, into a new file', async (t) => {
    const path = fileWith(t)
    const input = Buffer.from('password,username\n"a,""b","\xffu"\nc,d\n', 'latin1')
    assert.deepEqual(await passwd(t, ['--import', 'csv', '-c', path], input), {
      code: 0,
      out: 'added 2\n',
      err: '',
    })
    const [, value = ''] = /^\xffu:(.*)\n/.exec(read(path)) ?? []
    assert.ok(await verify(Buffer.from('a,"b'), value))
  })
  test('to standard output', async (t) => {
    const { code, out } = await passwd(t, ['--import', 'lines', '-c', '-'], 'a:1\nb:2\n')
    assert.equal(code, 0)
    await assertLine(out, 1, 'a', '1')
    await assertLine(out, 2, 'b', '2')
  })
  test('--if-changed counts what is right already, and leaves the file', async (t) => {
    const path = fileWith(t, '')
    await passwd(t, ['--import', 'lines', path], 'a:1\nb:2\n')
    const before = state(path)
    const run = (input: string) => passwd(t, ['--import', 'lines', '--if-changed', path], input)
    assert.equal((await run('a:1\nb:2\n')).out, 'unchanged 2\n')
    assert.deepEqual(state(path), before)
    assert.equal((await run('a:1\nb:3\nc:4\n')).out, 'added 1, updated 1, unchanged 1\n')
  })
  rows<{ what: string; kind?: string; args?: readonly string[]; input: string; named: readonly RegExp[] }>(
    'all or none: bad lines are named and not shown',
    [
      {
        what: 'no colon',
        input: `a:1\n${SECRET}\nb:2\nhunter-${SECRET}\n`,
        named: [/line 2: .*colon/, /line 4: /, /2 line/],
      },
      {
        what: 'a bad name',
        input: `:${SECRET}\n a:${SECRET}\n`,
        named: [/line 1: .*empty/, /line 2: .*blank/],
      },
      { what: 'no password', input: 'a:1\nb:\n', named: [/line 2: .*empty/] },
      { what: 'a user twice', input: `a:1\nb:2\na:${SECRET}\n`, named: [/line 3: .*line 1/] },
      {
        what: 'too long for bcrypt',
        args: ['-H', 'bcrypt'],
        input: `a:${'x'.repeat(73)}\n`,
        named: [/line 1: .*72/],
      },
      { what: 'no header', kind: 'csv', input: `a,${SECRET}\n`, named: [/line 1: .*username/] },
      {
        what: 'an open quote',
        kind: 'csv',
        input: `username,password\na,"${SECRET}\n`,
        named: [/line 2: .*quote/],
      },
      { what: 'nothing', input: '\n', named: [/no users/] },
      { what: 'many', input: `${SECRET}\n`.repeat(500), named: [/line 10: /, /500 line/] },
    ],
    ({ what }) => what,
    async (t, { kind = 'lines', args = [], input, named }) => {
      const path = fileWith(t, ALICE)
      const { code, out, err } = await passwd(t, [...args, '--import', kind, path], input)
      assert.deepEqual([code, out], [1, ''])
      for (const each of named) assert.match(err, each)
      assert.ok(!err.includes(SECRET), err)
      assert.ok(err.split('\n').length <= 12)
      assertUntouched(path, ALICE)
    },
  )
  test('500 users at once', async (t) => {
    const path = fileWith(t, ALICE)
    const input = Array.from({ length: 500 }, (_, at) => `user${at}:${at}x\n`).join('')
    assert.equal((await passwd(t, ['--import', 'lines', path], input)).out, 'added 500\n')
    await assertLine(read(path), 501, 'user499', '499x')
  })
})

describe('--format', { concurrency: 4 }, () => {
  test('htpasswd: $2y$, changed in place', async (t) => {
    const path = fileWith(t, 'old:$apr1$x$y\n')
    const told = await batch(t, ['--format', 'htpasswd', '--cost', '4', path, 'u', SECRET])
    assert.deepEqual(told, { code: 0, out: 'added u\n', err: '' })
    assert.match(read(path), /^old:\$apr1\$x\$y\nu:\$2y\$04\$/)
    await assertLine(read(path), 2, 'u', SECRET)
    writeFileSync(path, 'old:$apr1$x$y\nu:plain\n')
    assert.match(
      (await passwd(t, ['--format', 'htpasswd', '--cost', '4', '-U', path])).err,
      /hashed 1, left 1/,
    )
    await assertLine(read(path), 2, 'u', 'plain')
  })
  test('rabbitmq: definitions with salt and SHA-256', async (t) => {
    const path = fileWith(t)
    assert.equal((await batch(t, ['--format', 'rabbitmq', '-c', path, 'u', SECRET])).out, 'added u\n')
    const { users } = JSON.parse(read(path))
    assert.equal(Buffer.from(users[0].password_hash, 'base64').length, 36)
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })
  test('emqx: the bootstrap file for many users', async (t) => {
    const { out } = await passwd(
      t,
      ['--format', 'emqx', '--cost', '4', '--import', 'lines', '-c', '-'],
      'a:1\nb:2\n',
    )
    assert.match(
      out,
      /^user_id,password_hash,is_superuser\na,\$2a\$04\$.{53},false\nb,\$2a\$04\$.{53},false\n$/,
    )
  })
  rows<{ args: readonly string[]; named: readonly (RegExp | string)[] }>(
    'what does not go together',
    [
      { args: ['--format', 'nats', 'f', 'u'], named: ['--format nats', '-c'] },
      { args: ['--format', 'rabbitmq', '-D', 'f', 'u'], named: ['--format rabbitmq', '-c'] },
      { args: ['--format', 'emqx', '-c', '--if-changed', 'f', 'u'], named: ['--if-changed'] },
      { args: ['--format', 'nats', '-H', 'argon2id', '-c', 'f', 'u'], named: ['argon2id', 'bcrypt'] },
      { args: ['--format', 'rabbitmq', '-H', 'sha512', '-c', 'f', 'u'], named: ['sha512', 'rabbitmq'] },
      { args: ['--format', 'htpasswd', '-I', '5', 'f', 'u'], named: ['-I', 'bcrypt'] },
      { args: ['--format', 'emqx', '-c', 'f', 'a b'], named: ["'a b'", 'EMQX'] },
      { args: ['--format', 'natz', '-c', 'f', 'u'], named: ["'natz'", "'nats'"] },
      { args: ['--list', '--verify', 'u', 'f'], named: ['--verify', '--list'] },
      { args: ['--import', 'lines', '-D', 'f'], named: ['--import', '-D'] },
      { args: ['--import', 'lines', '-b', 'f'], named: ['--import', '-b'] },
      { args: ['--import', 'xml', 'f'], named: ["'xml'", 'lines, csv'] },
      { args: ['--generate', '-b', 'f', 'u', 'p'], named: ['--generate', '-b'] },
      { args: ['--generate', '--if-changed', 'f', 'u'], named: ['--generate', '--if-changed'] },
      { args: ['--generate', '--password-file', 'x', 'f', 'u'], named: ['--generate', '--password-file'] },
      { args: ['-b', '--password-file', 'x', 'f', 'u', 'p'], named: ['-b', '--password-file'] },
      { args: ['-c', '--list', 'f'], named: ['-c', '--list'] },
      { args: ['-c', '--verify', 'u', 'f'], named: ['-c', '--verify'] },
      { args: ['-c', '--if-changed', '-', 'u'], named: ['--if-changed'] },
      { args: ['--verify', 'u'], named: ['FILE missing'] },
      { args: ['--list', 'f', 'g'], named: ['FILE'] },
      { args: ['--lock-timeout', '-1', 'f', 'u'], named: ['--lock-timeout', "'-1'"] },
    ],
    ({ args }) => args.join(' '),
    (t, { args, named }) => misuse(t, 'mqtt-passwd', args, named),
  )
})

describe('-b and secrets', { concurrency: 4 }, () => {
  test('-b warns, --quiet does not', async (t) => {
    const path = fileWith(t, '')
    const { code, out, err } = await passwd(t, ['-b', path, 'u', SECRET])
    assert.deepEqual([code, out], [0, 'added u\n'])
    assert.match(err, /^mqtt-passwd: warning: -b: .*--password-file\n$/)
    assert.deepEqual(await batch(t, [path, 'u', SECRET]), { code: 0, out: 'updated u\n', err: '' })
  })
  const unseen = existsSync('/proc/self/cmdline') ? {} : { skip: 'there is no /proc/PID/cmdline' }
  test('once it runs, the password is not in the list of processes', unseen, async (t) => {
    const path = fileWith(t, '')
    const lock = join(path, '..', '.passwd.lock')
    writeFileSync(lock, '1 elsewhere - x\n') // to have it wait
    const run = start(t, 'mqtt-passwd', ['--quiet', '-b', path, 'u', SECRET])
    const line = (): string => readFileSync(`/proc/${run.pid}/cmdline`, 'latin1')
    await until('the arguments are hidden', () => line().startsWith('mqtt-passwd'))
    assert.ok(!line().includes(SECRET), line())
    writeFileSync(lock, '') // still somebody else's
    run.kill('SIGTERM')
    assert.equal((await run.done).signal, 'SIGTERM')
    assert.equal(read(path), '')
    assert.deepEqual(beside(path), ['.passwd.lock'])
  })
  test('--quiet silences errors at run time, and not the status', async (t) => {
    assert.deepEqual(await passwd(t, ['--quiet', '-D', fileWith(t, ALICE), 'u']), { ...DONE, code: 1 })
  })
})

describe('locks', { concurrency: 4 }, () => {
  test('a lock that stays: exit 1 naming its holder and what to do', async (t) => {
    const path = fileWith(t, ALICE)
    const lock = join(path, '..', '.passwd.lock')
    writeFileSync(lock, '4711 elsewhere - x\n')
    const { code, out, err } = await passwd(t, ['--quiet', '-b', '--lock-timeout', '0.05', path, 'u', SECRET])
    assert.deepEqual([code, out, err], [1, '', ''])
    const loud = await passwd(t, ['-D', '--lock-timeout', '0', path, 'alice'])
    assert.match(loud.err, /locked by process 4711 on elsewhere.*remove '.*\.passwd\.lock'/)
    assert.equal(read(path), ALICE)
    assert.deepEqual(beside(path), ['.passwd.lock'])
  })
  test('a lock that goes: the run goes on', async (t) => {
    const path = fileWith(t, ALICE)
    const lock = join(path, '..', '.passwd.lock')
    writeFileSync(lock, `${process.pid} ${hostname()} - x\n`) // this process lives
    const run = start(t, 'mqtt-passwd', ['--quiet', '-b', path, 'u', SECRET])
    await until('it waits', () => run.child.exitCode !== null || waits(run.pid, lock))
    assert.equal(run.child.exitCode, null)
    assert.equal(read(path), ALICE)
    const { unlinkSync } = await import('node:fs')
    unlinkSync(lock)
    assert.equal((await run.done).code, 0)
    await assertLine(read(path), 2, 'u', SECRET)
  })
  test('SIGINT while it waits: it dies by the signal and leaves nothing', async (t) => {
    const path = fileWith(t, ALICE)
    const lock = join(path, '..', '.passwd.lock')
    writeFileSync(lock, `${process.pid} ${hostname()} - x\n`)
    const run = start(t, 'mqtt-passwd', ['--quiet', '-b', path, 'u', SECRET])
    await until('it waits', () => run.child.exitCode !== null || waits(run.pid, lock))
    run.kill('SIGINT')
    assert.equal((await run.done).signal, 'SIGINT')
    assert.equal(read(path), ALICE)
    assert.deepEqual(beside(path), ['.passwd.lock'])
  })
})

/** Whether a run has tried to take the lock: on Linux by the signals that it catches from then on. */
function waits(pid: number, lock: string): boolean {
  if (!existsSync('/proc/self/status')) return existsSync(lock)
  const [, caught = '0'] =
    /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
  return (BigInt(`0x${caught}`) & 1n) === 1n // SIGHUP, which nothing else catches
}
