// --proxy env: the environment names the proxy, and only then is it asked.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { broker } from '../broker/broker.js'
import { QUIET, temporaryFolder } from '../support/run.js'
import { type SocksRequest, socksServer } from '../transport/socks-server.js'
import { serve } from '../transport/support.js'
import { cli, PROGRAMS, rows, WORK } from './support.js'

/** A broker behind a proxy; `asked` is what the proxy was asked for. */
async function behind(t: TestContext): Promise<{ port: number; url: string; asked: SocksRequest[] }> {
  const { port } = await broker(t)
  const asked: SocksRequest[] = []
  const socks = socksServer({ status: 0, to: { host: '127.0.0.1', port } }, (each) => asked.push(each))
  return { port, url: `127.0.0.1:${await serve(t, socks)}`, asked }
}

rows(
  '--proxy env',
  [
    { args: ['--proxy', 'env'], env: { ALL_PROXY: 'socks5h://{}' }, through: true },
    { args: [], env: { MQTT_PROXY: 'env', all_proxy: 'socks5h://joe:p%21@{}' }, through: true },
    { args: ['--proxy', 'env'], env: { HTTPS_PROXY: 'socks5://{}' }, through: true },
    { args: ['--proxy', 'env'], env: {}, through: false },
    { args: ['--proxy', 'env'], env: { HTTP_PROXY: 'socks5h://{}' }, through: false },
    { args: ['--proxy', 'env'], env: { ALL_PROXY: 'socks5h://{}', NO_PROXY: '127.0.0.0/8' }, through: false },
    { args: ['--proxy', 'env'], env: { ALL_PROXY: 'socks5h://{}', NO_PROXY: '127.0.0.1:1' }, through: true },
    { args: [], env: { ALL_PROXY: 'socks5h://{}', HTTPS_PROXY: 'http://{}' }, through: false },
    { args: ['--proxy', 'env', '--proxy', 'socks5h://{}'], env: { NO_PROXY: '*' }, through: true },
  ] as readonly { args: readonly string[]; env: Record<string, string>; through: boolean }[],
  ({ args, env, through }) => {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    return `${[...variables, ...args].join(' ')}: ${through ? 'through it' : 'directly'}`
  },
  async (t, { args, env, through }) => {
    for (const program of ['mqtt-pub', 'mqtt-sub'] as const) {
      const { port, url, asked } = await behind(t)
      const words = [...WORK[program], '-h', '127.0.0.1', '-p', port]
      const filled = Object.fromEntries(
        Object.entries(env).map(([k, value]) => [k, value.replace('{}', url)]),
      )
      const given = args.map((word) => word.replace('{}', url))
      assert.deepEqual(await cli(t, program, [...words, ...given], { env: filled }), QUIET)
      assert.equal(asked.length, through ? 1 : 0)
      if (env.all_proxy) assert.deepEqual([asked[0]?.userName, asked[0]?.password], ['joe', 'p!'])
    }
  },
)

test('--proxy env: a variable of no use is named, its value is not', async (t) => {
  for (const program of PROGRAMS) {
    const env = { ALL_PROXY: 'https://me:geheim-4711@p' }
    const told = await cli(t, program, [...WORK[program], '--proxy', 'env'], { env })
    assert.equal(told.code, 1)
    assert.match(told.err, /^mqtt-\w+: error: ALL_PROXY: proxy URL: [^\n]*\n$/)
    assert.ok(!told.err.includes('geheim'), told.err)
  }
})

test('--proxy env leaves unix sockets alone', async (t) => {
  const { url, asked } = await behind(t)
  const path = join(temporaryFolder(t), 'none')
  const env = { ALL_PROXY: `socks5h://${url}` }
  const told = await cli(t, 'mqtt-pub', [...WORK['mqtt-pub'], '--unix', path, '--proxy', 'env'], { env })
  assert.equal(told.code, 1)
  assert.ok(told.err.includes(path), told.err)
  assert.equal(asked.length, 0)
})
