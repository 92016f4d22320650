// Proxy URLs: what they mean, and that a wrong one is refused without showing its secrets.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import { type ProxySettings, parseProxy } from '../../src/transport/index.js'

const GOOD: readonly [text: string, proxy: ProxySettings][] = [
  ['socks5h://host', { kind: 'socks5h', host: 'host', port: 1080 }],
  ['socks5h://host:1', { kind: 'socks5h', host: 'host', port: 1 }],
  ['socks5h://host:65535/', { kind: 'socks5h', host: 'host', port: 65_535 }],
  ['socks5://192.0.2.1', { kind: 'socks5', host: '192.0.2.1', port: 1080 }],
  ['socks5h://[::1]:99', { kind: 'socks5h', host: '::1', port: 99 }],
  ['socks5h://[host]', { kind: 'socks5h', host: 'host', port: 1080 }],
  ['http://host', { kind: 'http', host: 'host', port: 8080 }],
  ['socks5h://u@host', { kind: 'socks5h', host: 'host', port: 1080, userName: 'u' }],
  ['socks5h://u:@host', { kind: 'socks5h', host: 'host', port: 1080, userName: 'u', password: '' }],
  ['http://u:p@host:3128', { kind: 'http', host: 'host', port: 3128, userName: 'u', password: 'p' }],
  [
    'socks5h://%25%3A%40:%40%3a%2540/x@host',
    { kind: 'socks5h', host: 'host', port: 1080, userName: '%:@', password: '@:%40/x' },
  ],
  ['socks5h://ü:é@host', { kind: 'socks5h', host: 'host', port: 1080, userName: 'ü', password: 'é' }],
]
for (const [text, proxy] of GOOD) test(text, () => assert.deepEqual(parseProxy(text), proxy))

const BAD: readonly [text: string, message: RegExp][] = [
  ['', /begins with none of/],
  ['host:1080', /begins with none of/],
  ['socks4://host', /begins with none of/],
  ['SOCKS5H://host', /begins with none of/],
  ['https://host', /begins with none of/],
  ['socks5h://', /host or port/],
  ['socks5h://:1080', /host or port/],
  ['socks5h://host:', /host or port/],
  ['socks5h://host:x', /host or port/],
  ['socks5h://host/path', /host or port/],
  ['socks5h://::1', /host or port/],
  ['socks5h://[::1', /host or port/],
  ['socks5h://host:0', /port 0: expected 1 to 65535/],
  ['socks5h://host:65536', /port 65536/],
  ['socks5h://@host', /user name is empty/],
  ['socks5h://:sesame@host', /user name is empty/],
  ['socks5h://u:sesame:x@host', /as %3A/],
  ['socks5h://u:sesame@x@host', /host or port/],
  ['socks5h://u:sesame%20@host', /'%' that begins none/],
  ['socks5h://u:sesame%@host', /'%' that begins none/],
  ['socks5h://u:sesame%4@host', /'%' that begins none/],
  ['socks5h://u%zz:sesame@host', /user name has a '%'/],
  [`socks5h://u:sesame${'x'.repeat(250)}@host`, /password is over 255 bytes/],
  [`socks5h://${'ü'.repeat(128)}:sesame@host`, /user name is over 255 bytes/],
]
for (const [text, message] of BAD) {
  test(`not valid: ${text.slice(0, 60)}`, () => {
    assert.throws(
      () => parseProxy(text),
      (error: Error) => {
        assert.ok(error instanceof UsageError)
        assert.match(error.message, message)
        assert.doesNotMatch(error.message, /sesame/)
        return true
      },
    )
  })
}
