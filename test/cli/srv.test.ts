// -S by the built programs: the records come from a name server of the test (1.12.2, Q21).

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { createServer } from 'node:tls'
import { broker } from '../broker/broker.js'
import { makeCertificates } from '../support/certificates.js'
import { nameServer } from '../support/dns.js'
import { needs } from '../support/mosquitto.js'
import { deadPort } from '../support/ports.js'
import { QUIET, temporaryFolder } from '../support/run.js'
import { listen } from '../transport/support.js'
import { cli, PROGRAMS, WORK } from './support.js'

const NAME = '_mqtt._tcp.broker.example'
const ASK = ['-S', '-h', 'broker.example']

describe('-S', { concurrency: 4 }, () => {
  for (const program of ['mqtt-pub', 'mqtt-sub'] as const) {
    test(`${program}: host and port of the record, -p is not used`, async (t) => {
      const { port, seen } = await broker(t)
      const { env, asked } = await nameServer(t, {
        [NAME]: [{ priority: 1, weight: 1, port, target: 'localhost' }],
      })
      assert.deepEqual(await cli(t, program, [...WORK[program], ...ASK, '-p', 1], { env }), QUIET)
      assert.equal(seen[0]?.name, 'CONNECT')
      assert.deepEqual(asked, [NAME])
    })
  }

  test('the lowest priority is tried first, whatever the weight', async (t) => {
    const [first, second] = [await broker(t), await broker(t)]
    const { env } = await nameServer(t, {
      [NAME]: [
        { priority: 20, weight: 65_535, port: second.port, target: 'localhost' },
        { priority: 10, weight: 0, port: first.port, target: 'localhost' },
      ],
    })
    assert.deepEqual(await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...ASK], { env }), QUIET)
    assert.deepEqual([first.links.length, second.links.length], [1, 0])
  })

  test('weight shares the first place out, within a priority', async (t) => {
    const [rare, often] = [await broker(t), await broker(t)]
    const { env } = await nameServer(t, {
      [NAME]: [
        { priority: 1, weight: 0, port: rare.port, target: 'localhost' },
        { priority: 1, weight: 65_535, port: often.port, target: 'localhost' },
      ],
    })
    for (let run = 0; run < 3; run++)
      assert.deepEqual(await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...ASK], { env }), QUIET)
    assert.deepEqual([rare.links.length, often.links.length], [0, 3]) // by chance once in 22,000 runs not
  })

  for (const program of ['mqtt-pub', 'mqtt-sub'] as const) {
    test(`${program}: servers that are dead or unknown are passed over`, async (t) => {
      const { port, seen } = await broker(t)
      const { env } = await nameServer(t, {
        [NAME]: [
          { priority: 1, weight: 0, port: await deadPort(), target: 'localhost' },
          { priority: 2, weight: 0, port: 1883, target: 'gone.invalid' },
          { priority: 3, weight: 0, port, target: 'localhost' },
        ],
      })
      assert.deepEqual(await cli(t, program, [...WORK[program], ...ASK], { env }), QUIET)
      assert.equal(seen[0]?.name, 'CONNECT')
    })
  }

  for (const program of PROGRAMS) {
    test(`${program}: all servers dead: exit 1, one line with the last and the record`, async (t) => {
      const port = await deadPort()
      const { env } = await nameServer(t, {
        [NAME]: [
          { priority: 1, weight: 0, port: await deadPort(), target: 'localhost' },
          { priority: 2, weight: 0, port, target: 'localhost' },
        ],
      })
      const { code, out, err } = await cli(t, program, [...WORK[program], ...ASK], { env })
      assert.deepEqual({ code, out }, { code: 1, out: '' })
      assert.match(
        err,
        new RegExp(`^${program}: error: [^\\n]*localhost port ${port}: connection refused[^\\n]*\\n$`),
      )
      assert.ok(err.includes(`the last of 2 servers by the SRV record ${NAME}`), err)
    })
    test(`${program}: no such record: exit 1 naming it`, async (t) => {
      const { env } = await nameServer(t, {})
      const { code, err } = await cli(t, program, [...WORK[program], ...ASK], { env })
      assert.equal(code, 1)
      assert.ok(err.includes(`there is no SRV record ${NAME}`), err)
    })
  }

  test("a target of '.': the service is not offered", async (t) => {
    const { env } = await nameServer(t, { [NAME]: [{ priority: 0, weight: 0, port: 0, target: '' }] })
    const { code, err } = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], ...ASK], { env })
    assert.equal(code, 1)
    assert.ok(err.includes(`by ${NAME} it offers no such service`), err)
  })

  test('-A is honoured (Q21)', { skip: process.platform !== 'linux' }, async (t) => {
    const peers: (string | undefined)[] = []
    const { port } = await broker(t, {
      on: (_, { socket }) => {
        peers.push(socket.remoteAddress)
        return false
      },
    })
    const { env } = await nameServer(t, { [NAME]: [{ priority: 1, weight: 1, port, target: 'localhost' }] })
    const words = [...WORK['mqtt-pub'], ...ASK, '-A', '127.0.0.9']
    assert.deepEqual(await cli(t, 'mqtt-pub', words, { env }), QUIET)
    assert.deepEqual([...new Set(peers)], ['127.0.0.9'])
  })

  test(
    'with TLS _secure-mqtt; the certificate is for the server of the record',
    needs('openssl'),
    async (t) => {
      const pem = makeCertificates(temporaryFolder(t))
      const plain = await broker(t)
      const pair = { cert: readFileSync(pem.server.cert), key: readFileSync(pem.server.key) }
      const port = await listen(
        t,
        createServer(pair, (socket) => {
          socket.on('error', () => {})
          socket.pipe(connect(plain.port, '127.0.0.1')).pipe(socket)
        }),
      )
      const { env, asked } = await nameServer(t, {
        '_secure-mqtt._tcp.broker.example': [{ priority: 1, weight: 1, port, target: 'localhost' }],
      })
      const words = [...WORK['mqtt-pub'], ...ASK, '--cafile', pem.ca.cert]
      assert.deepEqual(await cli(t, 'mqtt-pub', words, { env }), QUIET)
      assert.deepEqual(asked, ['_secure-mqtt._tcp.broker.example'])
    },
  )
})
