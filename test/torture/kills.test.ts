// mqtt-sub killed with SIGKILL leaves no gap (P3). 200 kills in 20,000 messages: npm run torture.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type BrokerLink, broker } from '../broker/broker.js'
import { packet, publish } from '../broker/wire.js'
import { needs } from '../support/mosquitto.js'
import { temporaryFolder } from '../support/processes.js'
import { killAgainAndAgain } from './kills.js'

describe('mqtt-sub and SIGKILL', { concurrency: 3 }, () => {
  for (const version of ['mqttv311', 'mqttv5'] as const) {
    test(
      `15 kills in 2,000 messages of a durable session, ${version}`,
      needs('mosquitto', 'mosquitto_pub'),
      async (t) => {
        const { lost } = await killAgainAndAgain(t, { version, messages: 2_000, kills: 15, seed: 'fixed' })
        assert.deepEqual(lost, [])
      },
    )
  }

  test('killed while its output is blocked: what is acknowledged had been taken by the pipe', async (t) => {
    const count = 100
    const size = 3_000
    const acknowledged = new Set<number>()
    const send = (link: BrokerLink): void => {
      for (let id = 1; id <= count; id++) {
        link.send(publish(link.level, 'b', `${id} `.padEnd(size, 'x'), { qos: 1, id }))
      }
    }
    const server = await broker(t, {
      on: ({ name, facts }, link) => {
        if (name === 'PUBACK') acknowledged.add(Number(facts.id))
        if (name !== 'SUBSCRIBE') return false
        link.send(packet(0x90, [0, 1, 1]))
        send(link)
        return true
      },
    })
    const path = join(temporaryFolder(t), 'pipe')
    execFileSync('mkfifo', [path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = openSync(path, constants.O_WRONLY)
    const bin = fileURLToPath(new URL('../../bin/mqtt-sub', import.meta.url))
    const args = [
      '-h',
      '127.0.0.1',
      '-p',
      String(server.port),
      '-t',
      'b',
      '-q',
      '1',
      '-c',
      '-i',
      's',
      '-k',
      '5',
    ]
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', writer, 'ignore'] })
    closeSync(writer)
    t.after(() => child.kill('SIGKILL'))
    const ended = new Promise((resolve) => child.on('close', resolve))
    // A ping comes when it has long been standing still.
    await server.until(() => server.seen.some(({ name }) => name === 'PINGREQ'))
    child.kill('SIGKILL')
    await ended
    const chunks: Buffer[] = []
    for await (const chunk of new Socket({ fd: reader, readable: true, writable: false }))
      chunks.push(chunk as Buffer)
    const printed = Buffer.concat(chunks).toString().split('\n').slice(0, -1)
    const whole = new Set(
      printed.filter((line) => line.length === size).map((line) => Number(line.split(' ')[0])),
    )
    assert.ok(whole.size < count, 'the pipe was full')
    assert.deepEqual(
      [...acknowledged].filter((id) => !whole.has(id)),
      [],
    )
  })
})
