// The proxy that the environment names, and the brokers that NO_PROXY excepts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import type { ProxySettings } from '../../src/transport/index.js'
import { proxyFromEnv } from '../../src/transport/proxy-env.js'

type Env = Readonly<Record<string, string>>

const BROKER = { host: 'broker.example', port: 1883 }
const socks = (more: Partial<ProxySettings> = {}): ProxySettings => ({
  kind: 'socks5h',
  host: 'p',
  port: 1080,
  ...more,
})

const NAMED: readonly [env: Env, proxy: ProxySettings | undefined][] = [
  [{}, undefined],
  [{ ALL_PROXY: '', HTTP_PROXY: 'http://p' }, undefined],
  [{ ALL_PROXY: 'socks5h://p' }, socks()],
  [{ all_proxy: 'socks5h://p', ALL_PROXY: 'socks5h://q' }, socks()],
  [{ HTTPS_PROXY: 'http://p:3128/' }, socks({ kind: 'http', port: 3128 })],
  [{ https_proxy: 'http://p:3128', HTTPS_PROXY: 'http://q:1' }, socks({ kind: 'http', port: 3128 })],
  [{ ALL_PROXY: 'socks5h://p', https_proxy: 'http://q:1' }, socks()],
  [{ ALL_PROXY: ' ', HTTPS_PROXY: 'p:3128' }, socks({ kind: 'http', port: 3128 })],
  [{ ALL_PROXY: 'p' }, socks({ kind: 'http', port: 8080 })],
  [{ ALL_PROXY: 'SOCKS5://p' }, socks({ kind: 'socks5' })],
  [{ ALL_PROXY: 'socks://p:1081/' }, socks({ kind: 'socks5', port: 1081 })],
  [
    { ALL_PROXY: 'http://joe:p%21%c3%a4%3A@p' },
    socks({ kind: 'http', port: 8080, userName: 'joe', password: 'p!ä:' }),
  ],
  [
    { ALL_PROXY: 'joe%40home:x%25@[::1]:99' },
    socks({ kind: 'http', host: '::1', port: 99, userName: 'joe@home', password: 'x%' }),
  ],
]
for (const [env, proxy] of NAMED) {
  test(JSON.stringify(env), () => assert.deepEqual(proxyFromEnv(env, BROKER), proxy))
}

/** A raw @ in a password is forgiven. */
test('ALL_PROXY with joe:p@ss', () => {
  const proxy = socks({ userName: 'joe', password: 'p@ss' })
  assert.deepEqual(proxyFromEnv({ ALL_PROXY: 'socks5h://joe:p@ss@p' }, BROKER), proxy)
})

const EXCEPTED: readonly [list: string, host: string, port: number, excepted: boolean][] = [
  ['*', 'broker.example', 1883, true],
  ['broker.example', 'broker.example', 1883, true],
  ['BROKER.example', 'broker.EXAMPLE.', 1883, true],
  ['example', 'broker.example', 1883, true],
  ['.example', 'broker.example', 1883, true],
  ['*.example', 'broker.example', 1883, true],
  ['ker.example', 'broker.example', 1883, false],
  ['a.broker.example', 'broker.example', 1883, false],
  ['a, broker.example', 'broker.example', 1883, true],
  ['a broker.example', 'broker.example', 1883, true],
  ['broker.example:1883', 'broker.example', 1883, true],
  ['broker.example:8883', 'broker.example', 1883, false],
  ['', 'broker.example', 1883, false],
  [',.,', 'broker.example', 1883, false],
  ['192.0.2.1', '192.0.2.1', 1883, true],
  ['192.0.2.1:8883', '192.0.2.1', 1883, false],
  ['192.0.2.1', '192.0.2.10', 1883, false],
  ['2.1', '192.0.2.1', 1883, false],
  ['192.0.2.0/24', '192.0.2.77', 1883, true],
  ['192.0.2.0/99', '192.0.2.77', 1883, false],
  ['192.0.2.0/24', 'broker.example', 1883, false],
  ['2001:db8::1', '2001:0db8:0::1', 1883, true],
  ['[2001:db8::1]:1883', '2001:db8::1', 1883, true],
  ['[2001:db8::1]:1884', '2001:db8::1', 1883, false],
  ['2001:db8::/32', '2001:db8:9::1', 1883, true],
  ['2001:db8::/32', '192.0.2.1', 1883, false],
  ['192.0.2.0/', '192.0.2.1', 1883, false],
  ['192.0.2.0/8.5', '192.0.2.1', 1883, false],
  ['fe80::/10', 'fe80::1%eth0', 1883, true],
]
for (const [list, host, port, excepted] of EXCEPTED) {
  test(`NO_PROXY='${list}' ${excepted ? 'excepts' : 'does not except'} ${host} port ${port}`, () => {
    const found = proxyFromEnv({ ALL_PROXY: 'socks5h://p', NO_PROXY: list }, { host, port })
    assert.deepEqual(found, excepted ? undefined : socks())
  })
}

test('no_proxy wins over NO_PROXY, empty too', () => {
  const env = { ALL_PROXY: 'socks5h://p', no_proxy: '', NO_PROXY: '*' }
  assert.deepEqual(proxyFromEnv(env, BROKER), socks())
})

for (const [env, text] of [
  [{ ALL_PROXY: 'https://me:sesame@p' }, /^ALL_PROXY: proxy URL: /],
  [{ https_proxy: 'http://me:sesame%@p' }, /^https_proxy: proxy URL: /],
  [{ ALL_PROXY: 'http://me:sesame@' }, /^ALL_PROXY: proxy URL: /],
] as const) {
  test(`of no use: ${JSON.stringify(env)}`, () => {
    assert.throws(
      () => proxyFromEnv(env, BROKER),
      (error: Error) =>
        error instanceof UsageError && text.test(error.message) && !error.message.includes('sesame'),
    )
  })
}
