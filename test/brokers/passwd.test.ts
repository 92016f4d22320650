// Files made by mqtt-passwd, at brokers that take them: the right password lets in, a wrong one does not. And
// mosquitto_passwd at work on the same file.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { verify } from '../../src/passwd/hash.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { assertQuiet, findCommand, Lines, start, startPub, temporaryFolder } from '../support/processes.js'

const MQTT_PASSWD = fileURLToPath(new URL('../../bin/mqtt-passwd', import.meta.url))
const PASSWORD = 'pä ss:$7$"x'
const NOT_AUTHORIZED = 5

function passwd(args: readonly string[], input = ''): string {
  return execFileSync(process.execPath, [MQTT_PASSWD, ...args], { input, encoding: 'utf8', stdio: 'pipe' })
}

/** Whether the broker lets a user publish with this password. */
async function status(t: TestContext, port: number, user: string, password: string): Promise<number> {
  const words = [
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-u',
    user,
    '-P',
    password,
    '-t',
    'a',
    '-m',
    'x',
    '-q',
    '1',
  ]
  const result = await startPub(t, words).ended
  if (result.status === 0) assertQuiet(result)
  return result.status as number
}

describe('mosquitto', needs('mosquitto'), () => {
  for (const scheme of ['sha512', 'sha512-pbkdf2']) {
    test(`${scheme}: added, updated, imported and hashed in place`, async (t) => {
      const file = join(temporaryFolder(t), 'passwd')
      const options = ['--quiet', '-H', scheme]
      writeFileSync(file, '# users\n\nplain:geheim\n', { mode: 0o600 })
      passwd([...options, '-U', file])
      passwd([...options, file, 'me'], 'first\nfirst\n')
      passwd([...options, file, 'me'], `${PASSWORD}\n${PASSWORD}\n`)
      passwd([...options, '--import', 'lines', file], 'ünï:one\nother:two:three\n')
      passwd([...options, '-b', file, 'gone', 'x'])
      passwd([...options, '-D', file, 'gone'])
      const { port } = await startMosquitto(
        t,
        `listener {port} 127.0.0.1\nallow_anonymous false\npassword_file ${file}\n`,
      )
      for (const [user, password] of [
        ['me', PASSWORD],
        ['plain', 'geheim'],
        ['ünï', 'one'],
        ['other', 'two:three'],
      ] as const) {
        assert.equal(await status(t, port, user, password), 0, user)
        assert.equal(await status(t, port, user, `${password}x`), NOT_AUTHORIZED, user)
      }
      assert.equal(await status(t, port, 'me', 'first'), NOT_AUTHORIZED)
      assert.equal(await status(t, port, 'gone', 'x'), NOT_AUTHORIZED)
    })
  }
})

describe('NATS', needs('nats-server'), () => {
  test('its block, included, at the MQTT listener', async (t) => {
    const folder = temporaryFolder(t)
    const users = join(folder, 'users.conf')
    passwd(
      ['--format', 'nats', '--cost', '4', '--import', 'lines', '-c', users],
      `me:${PASSWORD}\nä "b" \\$c:two\n`,
    )
    const port = await startNats(t, folder, 'include users.conf')
    assert.equal(await status(t, port, 'me', PASSWORD), 0)
    assert.equal(await status(t, port, 'ä "b" \\$c', 'two'), 0)
    assert.equal(await status(t, port, 'me', 'two'), NOT_AUTHORIZED)
    assert.equal(await status(t, port, 'nobody', PASSWORD), NOT_AUTHORIZED)
  })
})

/** Starts a NATS server with an MQTT listener; resolves to its port. */
async function startNats(t: TestContext, folder: string, more: string): Promise<number> {
  const config = join(folder, 'nats.conf')
  const lines = [
    'listen: "127.0.0.1:-1"',
    'server_name: test',
    `jetstream { store_dir: "${folder}/store" }`,
    'mqtt { listen: "127.0.0.1:-1" }',
    more,
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  const log = new Lines()
  start(t, findCommand('nats-server') as string, ['-c', config], { log, endless: true })
  const line = await log.seen(/Listening for MQTT clients on/)
  await log.seen(/Server is ready/)
  return Number(/:(\d+)$/.exec(line)?.[1])
}

test(
  'mosquitto_passwd and mqtt-passwd in turn leave the lines of each other alone',
  needs('mosquitto_passwd'),
  async (t) => {
    const file = join(temporaryFolder(t), 'passwd')
    const theirs = (...args: string[]): void => {
      execFileSync(findCommand('mosquitto_passwd') as string, args, { stdio: 'ignore' })
    }
    const values = (): Map<string, string> =>
      new Map(
        readFileSync(file, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => line.split(':') as [string, string]),
      )
    theirs('-b', '-c', file, 'a', '1')
    passwd(['--quiet', '-b', '-H', 'sha512', file, 'b', '2'])
    theirs('-b', file, 'c', '3')
    passwd(['--quiet', '-b', file, 'd', '4'])
    const before = values()
    theirs('-b', file, 'b', 'new')
    passwd(['--quiet', '-b', file, 'a', 'new'])
    theirs('-D', file, 'd')
    passwd(['-D', file, 'c'])
    const after = values()
    assert.deepEqual([...after.keys()], ['a', 'b'])
    for (const [user, password] of [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
      ['d', '4'],
    ] as const) {
      assert.ok(await verify(Buffer.from(password), before.get(user) as string), user)
    }
    for (const value of after.values()) assert.ok(await verify(Buffer.from('new'), value))
    assert.equal(passwd(['--list', file]), 'a\tsha512-pbkdf2\nb\tsha512-pbkdf2\n')
  },
)

test('argon2id strings of the program verify in the reference implementation', needs('argon2'), async (t) => {
  // The salt is an argument of argon2, which can hold no NUL: one in five is of no use.
  for (let tries = 0; ; tries++) {
    const line = passwd(['--quiet', '-b', '-H', 'argon2id', '-c', '-', 'u', PASSWORD]).trim()
    const salt = Buffer.from(line.split('$')[4] as string, 'base64')
    if (salt.includes(0) || salt.at(-1) === 10) {
      assert.ok(tries < 100)
      continue
    }
    const octal = [...salt].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
    const command = `printf %s "$1" | "$0" "$(printf "$2")" -id -t 1 -k 47104 -p 1 -l 64 -e`
    const { status, stdout } = await start(t, 'sh', [
      '-c',
      command,
      findCommand('argon2') as string,
      PASSWORD,
      octal,
    ]).ended
    assert.equal(status, 0)
    assert.equal(stdout.toString().trim(), line.slice(2))
    return
  }
})
