// What dialling tells of each stage, good and bad; and that it is silent about secrets.

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { createServer as createTls } from 'node:tls'
import type { Stage, Target } from '../../src/transport/index.js'
import { deadPort } from '../support/ports.js'
import { temporaryFolder } from '../support/run.js'
import { type Certificates, makeCertificates, skipWithoutOpenssl } from './certificates.js'
import { socksServer } from './socks-server.js'
import { failure, listen, open, serve } from './support.js'
import { switching, upgrades } from './web-socket-server.js'

const HOST = '127.0.0.1'
const quiet = (): void => {}

/** The stages of an attempt, which may fail. */
async function stagesOf(t: TestContext, target: Partial<Target>, fails = false): Promise<Stage[]> {
  const stages: Stage[] = []
  const tools = { onStage: (stage: Stage) => stages.push(stage) }
  if (fails) await failure(t, target, tools)
  else await open(t, target, tools)
  return stages
}

describe('TCP', { concurrency: 4 }, () => {
  test('an address', async (t) => {
    const port = await serve(t, quiet)
    assert.deepEqual(await stagesOf(t, { port }), [{ name: 'tcp', address: HOST, port }])
  })

  test('a name: the lookup, then each address with its outcome', async (t) => {
    const port = await serve(t, quiet)
    const [lookup, ...attempts] = await stagesOf(t, { host: 'localhost', port })
    assert.ok(lookup?.name === 'lookup' && lookup.host === 'localhost' && lookup.addresses.includes(HOST))
    assert.deepEqual(attempts.at(-1), { name: 'tcp', address: HOST, port })
    for (const each of attempts.slice(0, -1)) assert.ok(each.name === 'tcp' && each.fault !== undefined)
  })

  test('nothing listens', async (t) => {
    const port = await deadPort()
    const fault = 'ECONNREFUSED'
    assert.deepEqual(await stagesOf(t, { port }, true), [{ name: 'tcp', address: HOST, port, fault }])
    const [, ...byName] = await stagesOf(t, { host: 'localhost', port }, true)
    assert.deepEqual(byName[0], { name: 'tcp', address: HOST, port, fault })
    const second = byName[1]
    assert.ok(second?.name === 'tcp' && second.address === '::1' && second.fault !== undefined)
  })

  test('from an address of ours', async (t) => {
    const port = await serve(t, quiet)
    const stages = await stagesOf(t, { host: 'localhost', port, localAddress: HOST })
    assert.deepEqual(
      stages.map(({ name }) => name),
      ['lookup', 'tcp'],
    )
  })

  test('an unknown name', async (t) => {
    const unknown = { name: 'lookup', host: 'host.invalid', addresses: [] }
    for (const target of [{}, { localAddress: HOST }]) {
      const [stage, ...rest] = await stagesOf(t, { ...target, host: 'host.invalid', port: 1 }, true)
      assert.ok(stage?.name === 'lookup')
      const { fault, ...known } = stage
      assert.deepEqual([known, rest], [unknown, []])
      assert.match(fault ?? '', /^(ENOTFOUND|EAI_AGAIN)$/)
    }
  })

  test('a local address that is not ours, or of another family', async (t) => {
    const port = await deadPort()
    const not = { name: 'tcp', address: HOST, port, fault: 'EADDRNOTAVAIL' }
    assert.deepEqual(await stagesOf(t, { port, localAddress: '192.0.2.1' }, true), [not])
    const other = { ...not, fault: 'no local address fits' }
    assert.deepEqual(await stagesOf(t, { port, localAddress: '::1' }, true), [other])
  })
})

test('a unix socket', async (t) => {
  const path = join(temporaryFolder(t), 's')
  assert.deepEqual(await stagesOf(t, { path }, true), [{ name: 'unix', path, fault: 'ENOENT' }])
  await listen(t, createServer(), { path })
  assert.deepEqual(await stagesOf(t, { path }), [{ name: 'unix', path }])
})

test('SRV records', async (t) => {
  const port = await serve(t, quiet)
  const stages: Stage[] = []
  const record = { name: HOST, port, priority: 1, weight: 1 }
  await open(
    t,
    { host: 'domain.example', srv: true },
    { resolveSrv: async () => [record], onStage: (stage) => stages.push(stage) },
  )
  assert.deepEqual(stages, [
    { name: 'srv', record: '_mqtt._tcp.domain.example', servers: [record] },
    { name: 'tcp', address: HOST, port },
  ])
})

test('SRV records that are not there, or offer nothing', async (t) => {
  const record = '_mqtt._tcp.domain.example'
  const missing = Object.assign(new Error('querySrv ENODATA'), { code: 'ENODATA' })
  for (const [answer, fault] of [
    [() => Promise.reject(missing), 'ENODATA'],
    [async () => [], `there is no SRV record ${record}`],
    [async () => [{ name: '.', port: 0, priority: 0, weight: 0 }], `by ${record} it offers no such service`],
  ] as const) {
    const stages: Stage[] = []
    await failure(
      t,
      { host: 'domain.example', srv: true },
      { resolveSrv: answer, onStage: (stage) => stages.push(stage) },
    )
    assert.deepEqual(stages, [{ name: 'srv', record, servers: [], fault }])
  }
})

describe('proxies', { concurrency: 4 }, () => {
  test('SOCKS: what was asked for, and the answer, without the credentials', async (t) => {
    const at = await serve(t, socksServer({ status: 0 }))
    const proxy = { kind: 'socks5h', host: HOST, port: at, userName: 'joe', password: 'geheim' } as const
    const stage = { name: 'proxy', kind: 'socks5h', proxy: HOST, port: at, to: 'broker.invalid:1883' }
    const target = { host: 'broker.invalid', port: 1883, proxy }
    assert.deepEqual(await stagesOf(t, target), [{ name: 'tcp', address: HOST, port: at }, stage])
    const refusing = await serve(t, socksServer({ reply: 5 }))
    const [, refused] = await stagesOf(t, { ...target, proxy: { ...proxy, port: refusing } }, true)
    assert.deepEqual(refused, { ...stage, port: refusing, reply: 5, fault: 'unreachable' })
  })

  test('HTTP', async (t) => {
    const answering = (answer: string) =>
      serve(t, (socket) => socket.once('data', () => socket.write(`HTTP/1.1 ${answer}\r\n\r\n`)))
    for (const [answer, rest] of [
      ['200 OK', {}],
      ['407 Proxy Authentication Required', { reply: 407, fault: 'denied' }],
    ] as const) {
      const at = await answering(answer)
      const target = { host: 'h.invalid', port: 1, proxy: { kind: 'http', host: HOST, port: at } } as const
      const [, stage] = await stagesOf(t, target, 'fault' in rest)
      assert.deepEqual(stage, {
        name: 'proxy',
        kind: 'http',
        proxy: HOST,
        port: at,
        to: 'h.invalid:1',
        ...rest,
      })
    }
  })
})

test('the WebSocket upgrade: status, subprotocol and path without its query', async (t) => {
  const good = await serve(t, upgrades(switching('mqtt')))
  const webSocket = { path: '/mqtt?sig=geheim' }
  const [, upgraded] = await stagesOf(t, { port: good, webSocket })
  assert.deepEqual(upgraded, { name: 'upgrade', path: '/mqtt', status: 101, protocol: 'mqtt' })
  const bad = await serve(
    t,
    upgrades(() => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'),
  )
  const [, refused] = await stagesOf(t, { port: bad, webSocket }, true)
  assert.deepEqual(refused, { name: 'upgrade', path: '/mqtt', status: 403, fault: 'refused' })
})

describe('TLS', { skip: skipWithoutOpenssl, concurrency: 4 }, () => {
  let certificates: Certificates
  before(() => {
    certificates = makeCertificates()
  })

  const stageOf = (stages: readonly Stage[]) => {
    const last = stages.at(-1)
    assert.ok(last?.name === 'tls')
    return last
  }

  test('what was agreed on, and the chain up to the CA', async (t) => {
    const { server, ca } = certificates
    const port = await listen(t, createTls({ ...server, ALPNProtocols: ['mqtt'] }, quiet))
    const target = { host: 'localhost', port, tls: { ca: [ca], alpn: 'mqtt' } }
    const { version, cipher, chain = [], ...rest } = stageOf(await stagesOf(t, target))
    assert.deepEqual(rest, {
      name: 'tls',
      wanted: 'localhost',
      alpn: 'mqtt',
      resumed: false,
      names: ['DNS:localhost', 'IP Address:127.0.0.1'],
    })
    assert.equal(version, 'TLSv1.3')
    assert.match(cipher ?? '', /^TLS_/)
    assert.deepEqual(
      chain.map(({ subject, issuer }) => [subject, issuer]),
      [
        ['CN=server', 'CN=Test CA'],
        ['CN=Test CA', 'CN=Test CA'],
      ],
    )
    for (const { notBefore, notAfter } of chain) assert.ok(notBefore < notAfter)
  })

  for (const [what, pick, fault] of [
    ['another name', ({ other }: Certificates) => other, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['an expired certificate', ({ expired }: Certificates) => expired, 'CERT_HAS_EXPIRED'],
    ['a self-signed one', ({ selfSigned }: Certificates) => selfSigned, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ] as const) {
    test(`${what}: the certificate is told although it is not accepted`, async (t) => {
      const port = await listen(t, createTls(pick(certificates), quiet))
      const tls = { ca: [certificates.ca] }
      const stage = stageOf(await stagesOf(t, { host: 'localhost', port, tls }, true))
      assert.equal(stage.fault, fault)
      assert.ok((stage.names?.length ?? 0) > 0 && (stage.chain?.length ?? 0) > 0)
    })
  }

  test('insecure: connected, and why it would not have been', async (t) => {
    const port = await listen(t, createTls(certificates.other, quiet))
    const stage = stageOf(await stagesOf(t, { host: 'localhost', port, tls: { insecure: true } }))
    assert.equal(stage.fault, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    assert.deepEqual(stage.names, ['DNS:another.example'])
  })

  test('no TLS at the other end', async (t) => {
    const port = await serve(t, (socket) => socket.end('220 hello\r\n'))
    const stage = stageOf(await stagesOf(t, { host: 'localhost', port, tls: {} }, true))
    assert.deepEqual(stage, { name: 'tls', wanted: 'localhost', fault: 'ERR_SSL_WRONG_VERSION_NUMBER' })
  })

  test('listening changes nothing about what is accepted', async (t) => {
    // Asking the stream for its certificate too early, or in another way, has made the check of the name fail.
    const port = await listen(t, createTls(certificates.server, quiet))
    for (const host of ['localhost', HOST]) {
      const stage = stageOf(await stagesOf(t, { host, port, tls: { ca: [certificates.ca] } }))
      assert.equal(stage.fault, undefined)
    }
  })
})
