// Encrypted keys: where the pass phrase comes from, and what is said when there is none or it is wrong.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { type Broker, broker } from '../broker/broker.js'
import { type Certificates, makeCertificates } from '../support/certificates.js'
import { needs } from '../support/mosquitto.js'
import { findCommand, newFolder, start as startCommand } from '../support/processes.js'
import { type Args, QUIET, temporaryFolder } from '../support/run.js'
import { listen } from '../transport/support.js'
import { cli, misuse, PROGRAMS, WORK } from './support.js'

const options = needs('openssl')
const PASSPHRASE = 'open sesame-4711'
let pem: Certificates
/** The client's key, encrypted: PKCS#8, and as older programs write it. */
let keys: Record<'new' | 'old', string>
before(() => {
  if (options.skip !== undefined) return
  pem = makeCertificates(newFolder())
  keys = { new: `${pem.client.key}.enc`, old: `${pem.client.key}.old` }
  const pass = ['-passout', `pass:${PASSPHRASE}`]
  execFileSync('openssl', ['pkcs8', '-topk8', '-in', pem.client.key, '-out', keys.new, ...pass])
  execFileSync('openssl', ['ec', '-in', pem.client.key, '-aes128', '-out', keys.old, ...pass], {
    stdio: 'ignore',
  })
})

/** A broker that wants the client's certificate; `peers` are those that came. */
async function strictBroker(t: TestContext): Promise<{ to: Args; plain: Broker; peers: unknown[] }> {
  const plain = await broker(t)
  const peers: unknown[] = []
  const server = createServer(
    {
      cert: readFileSync(pem.server.cert),
      key: readFileSync(pem.server.key),
      ca: readFileSync(pem.ca.cert),
      requestCert: true,
    },
    (socket) => {
      peers.push(socket.getPeerCertificate().subject.CN)
      socket.on('error', () => {})
      const onward = connect(plain.port, '127.0.0.1')
      onward.on('close', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
    },
  )
  const to = ['-h', 'localhost', '-p', await listen(t, server), '--cafile', pem.ca.cert]
  return { to, plain, peers }
}

const pair = (form: 'new' | 'old' = 'new'): string[] => ['--cert', pem.client.cert, '--key', keys[form]]

function passphraseFile(t: TestContext, text: string, mode = 0o600): string {
  const path = join(temporaryFolder(t), 'passphrase')
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

describe('an encrypted key', { concurrency: 4, ...options }, () => {
  for (const form of ['new', 'old'] as const) {
    test(`${form}: --key-passphrase-file, its first line`, async (t) => {
      for (const program of ['mqtt-pub', 'mqtt-sub'] as const) {
        const { to, peers } = await strictBroker(t)
        const file = ['--key-passphrase-file', passphraseFile(t, `${PASSPHRASE}\r\nmore\n`)]
        assert.deepEqual(await cli(t, program, [...WORK[program], ...to, ...pair(form), ...file]), QUIET)
        assert.deepEqual(peers, ['client'])
      }
    })
    test(`${form}: MQTT_KEY_PASSPHRASE`, async (t) => {
      const { to, peers } = await strictBroker(t)
      const env = { MQTT_KEY_PASSPHRASE: PASSPHRASE }
      assert.deepEqual(await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...to, ...pair(form)], { env }), QUIET)
      assert.deepEqual(peers, ['client'])
    })
  }
  test('the file wins over MQTT_KEY_PASSPHRASE, and may be named by MQTT_KEY_PASSPHRASE_FILE', async (t) => {
    const { to } = await strictBroker(t)
    const file = passphraseFile(t, PASSPHRASE)
    const env = { MQTT_KEY_PASSPHRASE: 'wrong', MQTT_KEY_PASSPHRASE_FILE: file }
    assert.deepEqual(await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...to, ...pair()], { env }), QUIET)
  })
  test('--key-passphrase-file - reads the first line of standard input', async (t) => {
    const { to } = await strictBroker(t)
    const words = [...WORK['mqtt-pub'], ...to, ...pair(), '--key-passphrase-file', '-']
    assert.deepEqual(await cli(t, 'mqtt-pub', words, { input: `${PASSPHRASE}\n` }), QUIET)
  })
  test('a file that others can read is warned about', async (t) => {
    const { to } = await strictBroker(t)
    const file = passphraseFile(t, PASSPHRASE, 0o644)
    const words = [...WORK['mqtt-pub'], ...to, ...pair(), '--key-passphrase-file', file]
    const { code, err } = await cli(t, 'mqtt-pub', words)
    assert.equal(code, 0, err)
    assert.equal(
      err,
      `mqtt-pub: warning: --key-passphrase-file '${file}' can be read by others: chmod 600 it\n`,
    )
  })

  for (const program of PROGRAMS) {
    test(`${program}: no pass phrase and no terminal: exit 1, naming the ways to give one`, async (t) => {
      const { code, out, err } = await cli(t, program, [...WORK[program], '-h', '127.0.0.1', ...pair()])
      assert.deepEqual({ code, out }, { code: 1, out: '' })
      assert.match(err, new RegExp(`^${program}: error: --key '[^\\n]*' is encrypted[^\\n]*\\n$`))
      for (const way of ['--key-passphrase-file', 'MQTT_KEY_PASSPHRASE', 'terminal'])
        assert.ok(err.includes(way))
    })
    test(`${program}: a wrong pass phrase: one line, exit 1`, async (t) => {
      for (const form of ['new', 'old'] as const) {
        const words = [...WORK[program], '-h', '127.0.0.1', ...pair(form)]
        const { code, out, err } = await cli(t, program, words, {
          env: { MQTT_KEY_PASSPHRASE: PASSPHRASE.slice(1) },
        })
        assert.deepEqual({ code, out }, { code: 1, out: '' })
        assert.equal(err, `${program}: error: TLS settings: the pass phrase does not open the key\n`)
      }
    })
  }
  for (const [name, args, says] of [
    [
      'a missing file',
      ['-m', 'x', '--key-passphrase-file', '/nonexistent/p'],
      "'/nonexistent/p': no such file",
    ],
    ['a folder', ['-m', 'x', '--key-passphrase-file', '/'], "'/': is a folder"],
    [
      '- with -s',
      ['-s', '--key-passphrase-file', '-'],
      '-: standard input is the source of messages already',
    ],
    [
      '- with --password-file -',
      ['-m', 'x', '-u', 'me', '--password-file', '-', '--key-passphrase-file', '-'],
      '-: standard input is the source of the password already',
    ],
  ] as const) {
    test(`${name}: exit 1`, async (t) => {
      const words = ['-t', 'a', '-h', '127.0.0.1', ...pair(), ...args]
      const { code, err } = await cli(t, 'mqtt-pub', words, { input: 'secret\n' })
      assert.equal(code, 1)
      assert.equal(err, `mqtt-pub: error: --key-passphrase-file ${says}\n`)
    })
  }
  test('an empty first line: exit 1 naming the file', async (t) => {
    const file = passphraseFile(t, '')
    writeFileSync(file, `\n${PASSPHRASE}\n`)
    const words = [...WORK['mqtt-pub'], '-h', '127.0.0.1', ...pair(), '--key-passphrase-file', file]
    const { code, err } = await cli(t, 'mqtt-pub', words)
    assert.equal(code, 1)
    assert.equal(err, `mqtt-pub: error: --key-passphrase-file '${file}': its first line is empty\n`)
  })
  test('--key-passphrase-file needs --key', (t) =>
    misuse(
      t,
      'mqtt-pub',
      [...WORK['mqtt-pub'], '--key-passphrase-file', 'x'],
      ['--key-passphrase-file needs --key'],
    ))

  test('on a terminal it is asked for without echo, once, and not at reconnects', async (t) => {
    const script = findCommand('script')
    if (script === undefined) return t.skip('script (of bsdutils) is not on PATH')
    const { to, plain, peers } = await strictBroker(t)
    const bin = fileURLToPath(new URL('../../bin/mqtt-sub', import.meta.url))
    const words = [process.execPath, bin, '-t', 'a', ...to, ...pair()]
    const running = startCommand(t, script, ['-qec', words.join(' '), '/dev/null'], { input: 'open' })
    await running.printsAtEnd(`Pass phrase of ${keys.new}: `)
    running.write(`${PASSPHRASE}\r`)
    const subscribed = (): number => plain.seen.filter(({ name }) => name === 'SUBSCRIBE').length
    await plain.until(() => subscribed() === 1)
    plain.links[0]?.socket.destroy()
    await plain.until(() => subscribed() === 2)
    running.write('\u0003') // the terminal turns it into SIGINT
    const { stdout } = await running.ended
    const text = stdout.toString()
    assert.ok(!text.includes(PASSPHRASE), text)
    assert.equal(text.split('Pass phrase').length, 2, text)
    assert.match(text, /connected again/)
    assert.equal(peers.length, 2)
  })
})
