// Logging in to a real mosquitto with its password file, and what its access control refuses.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { cannot, type Mosquitto, needs, startMosquitto } from '../support/mosquitto.js'
import {
  assertQuiet,
  findCommand,
  type Result,
  startPub,
  startSub,
  temporaryFolder,
} from '../support/processes.js'

const options = needs('mosquitto', 'mosquitto_passwd')
const VERSIONS = ['mqttv31', 'mqttv311', 'mqttv5'] as const
const ME = ['-u', 'me', '-P', 'my password']

/** Knows `me`, who may read and write below `mine/`. */
function startBroker(t: TestContext): Promise<Mosquitto> {
  const folder = temporaryFolder(t)
  const [passwords, rights] = [join(folder, 'passwords'), join(folder, 'rights')]
  execFileSync(findCommand('mosquitto_passwd') ?? '', ['-b', '-c', passwords, 'me', 'my password'])
  writeFileSync(rights, 'user me\ntopic readwrite mine/#\n', { mode: 0o600 })
  return startMosquitto(
    t,
    `listener {port} 127.0.0.1\nallow_anonymous false\npassword_file ${passwords}\nacl_file ${rights}\n`,
  )
}

function at({ port }: Mosquitto, version: string): string[] {
  return ['-h', '127.0.0.1', '-p', String(port), '-V', version]
}

function said({ status, stdout, stderr }: Result): object {
  return { status, stdout: stdout.toString(), stderr }
}

for (const version of VERSIONS) {
  const status = version === 'mqttv5' ? 135 : 5
  const reason = version === 'mqttv5' ? 'not authorized (0x87)' : 'not authorized (5)'

  test(`the right password lets in, in ${version}`, options, async (t) => {
    const mosquitto = await startBroker(t)
    const to = [...at(mosquitto, version), ...ME]
    const sub = startSub(t, [...to, '-i', 'reader', '-t', 'mine/a', '-C', '1'])
    await mosquitto.subscribed(sub, 'reader', 'mine/a')
    assertQuiet(await startPub(t, [...to, '-t', 'mine/a', '-m', 'x', '-q', '2']).ended)
    assert.deepEqual(said(await sub.ended), { status: 0, stdout: 'x\n', stderr: '' })
  })

  test(`-d does not show the password, in ${version}`, options, async (t) => {
    const mosquitto = await startBroker(t)
    const to = [...at(mosquitto, version), ...ME, '-d']
    const { status: ended, stderr } = await startPub(t, [...to, '-t', 'mine/a', '-m', 'x']).ended
    assert.equal(ended, 0)
    assert.match(stderr, / sent CONNECT .* user-name=1 password=1 /)
    assert.ok(!stderr.includes('my password'))
  })

  for (const [name, args] of [
    ['a wrong password', ['-u', 'me', '-P', 'not my password']],
    ['an unknown user', ['-u', 'nobody', '-P', 'my password']],
    ['no user name', []],
  ] as const) {
    test(`${name} is refused with status ${status}, in ${version}`, options, async (t) => {
      const mosquitto = await startBroker(t)
      const to = [...at(mosquitto, version), ...args]
      const refused = (program: string): object => {
        const remedy =
          args.length === 0
            ? 'it may want a user name and a password'
            : 'check the user name and the password'
        return {
          status,
          stdout: '',
          stderr: `${program}: error: broker refused CONNECT: ${reason}; ${remedy}\n`,
        }
      }
      assert.deepEqual(said(await startPub(t, [...to, '-t', 'mine/a', '-m', 'x']).ended), refused('mqtt-pub'))
      assert.deepEqual(said(await startSub(t, [...to, '-t', 'mine/a']).ended), refused('mqtt-sub'))
    })
  }

  for (const qos of ['1', '2']) {
    test(`publishing without the right to, in ${version} at QoS ${qos}`, options, async (t) => {
      const mosquitto = await startBroker(t)
      const to = [...at(mosquitto, version), ...ME, '-q', qos]
      const one = said(await startPub(t, [...to, '-t', 'yours/a', '-m', 'x']).ended)
      const lines = said(await startPub(t, [...to, '-t', 'yours/a', '-l'], { input: 'x\ny\n' }).ended)
      if (version !== 'mqttv5') {
        // Before MQTT 5 a broker has no words for it: it acknowledges the message and drops it.
        assert.deepEqual([one, lines], Array(2).fill({ status: 0, stdout: '', stderr: '' }))
        return
      }
      const told = (count: number): object => {
        const warnings = Array.from(
          { length: count },
          (_, at) =>
            `mqtt-pub: warning: broker refused message ${at + 1} to 'yours/a': not authorized (0x87)\n`,
        )
        const summary = `mqtt-pub: ${count} of ${count} message(s) not confirmed\n`
        return { status: 135, stdout: '', stderr: warnings.join('') + summary }
      }
      assert.deepEqual([one, lines], [told(1), told(2)])
    })
  }
}

// The access file of mosquitto does not restrict subscribing; this plug-in, part of mosquitto, does.
const PLUGIN = 'mosquitto_dynamic_security.so'
const RIGHTS = {
  defaultACLAccess: {
    publishClientSend: true,
    publishClientReceive: true,
    subscribe: false,
    unsubscribe: true,
  },
  roles: [
    { rolename: 'mine', acls: [{ acltype: 'subscribePattern', topic: 'mine/#', priority: 0, allow: true }] },
  ],
  groups: [{ groupname: 'all', roles: [{ rolename: 'mine' }] }],
  clients: [],
  anonymousGroup: 'all',
}

function findPlugin(): string | undefined {
  const triplet = process.arch === 'x64' ? 'x86_64-linux-gnu' : 'aarch64-linux-gnu'
  const folders = [`/usr/lib/${triplet}`, '/usr/lib', '/usr/lib64', '/usr/local/lib']
  return folders.map((folder) => join(folder, PLUGIN)).find((path) => existsSync(path))
}

/** Anybody may subscribe below `mine/`, and only there; undefined, with the test skipped, where that is impossible. */
async function startSelective(t: TestContext): Promise<Mosquitto | undefined> {
  const plugin = findPlugin()
  if (plugin === undefined) {
    cannot(t, `not found: ${PLUGIN}`)
    return undefined
  }
  const rights = join(temporaryFolder(t), 'rights.json')
  writeFileSync(rights, JSON.stringify(RIGHTS), { mode: 0o600 })
  return startMosquitto(
    t,
    `allow_anonymous true\nlistener {port} 127.0.0.1\nplugin ${plugin}\nplugin_opt_config_file ${rights}\n`,
  )
}

for (const [version, status, reason] of [
  ['mqttv311', 128, 'unspecified error (0x80)'],
  ['mqttv5', 135, 'not authorized (0x87)'],
] as const) {
  test(`subscribing without the right to ends with status ${status}, in ${version}`, options, async (t) => {
    const mosquitto = await startSelective(t)
    if (mosquitto === undefined) return
    const result = await startSub(t, [...at(mosquitto, version), '-t', 'yours/#']).ended
    assert.deepEqual(said(result), {
      status,
      stdout: '',
      stderr: `mqtt-sub: error: broker refused the subscription to 'yours/#': ${reason}\n`,
    })
  })

  test(`one refused filter of two is a warning, in ${version}`, options, async (t) => {
    const mosquitto = await startSelective(t)
    if (mosquitto === undefined) return
    const to = at(mosquitto, version)
    const sub = startSub(t, [...to, '-t', 'yours/#', '-t', 'mine/#', '-C', '1'])
    const warning = await sub.stderr.seen(/warning/)
    assert.equal(warning, `mqtt-sub: warning: broker refused the subscription to 'yours/#': ${reason}`)
    assertQuiet(await startPub(t, [...to, '-t', 'mine/a', '-m', 'x']).ended)
    assert.deepEqual(said(await sub.ended), { status: 0, stdout: 'x\n', stderr: `${warning}\n` })
  })
}
