// Hashes: those of other tools verify, ours verify elsewhere, and any password comes back right (contract 6.5).

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  ARGON2ID,
  hash,
  hashWith,
  isOfScheme,
  parametersOf,
  passwordFault,
  type Scheme,
  schemeOf,
  verify,
} from '../../src/passwd/hash.js'
import { needs } from '../support/mosquitto.js'
import { findCommand } from '../support/processes.js'
import { WORKED } from './worked.js'

const bytes = (text: string): Buffer => Buffer.from(text)

/** Small parameters: what is tested does not depend on them. */
const SCHEMES: readonly Scheme[] = [
  { name: 'sha512' },
  { name: 'sha512-pbkdf2', iterations: 3 },
  { name: 'argon2id', memoryKiB: 16, passes: 2, lanes: 2 },
  { name: 'bcrypt', cost: 4, revision: 'a' },
]

describe('6.5 the worked lines', () => {
  for (const { user, password, value, scheme } of WORKED) {
    test(`${user} ${value.slice(0, 12)}...: the password verifies, others do not`, async () => {
      assert.equal(schemeOf(value), scheme)
      assert.equal(await verify(bytes(password), value), true)
      for (const wrong of [`${password} `, password.slice(1), '', `\0${password}`, password.toUpperCase()]) {
        assert.equal(await verify(bytes(wrong), value), false, wrong)
      }
    })
  }
})

describe('6.5 what is written', () => {
  const shapes: readonly [Scheme, RegExp][] = [
    [{ name: 'sha512' }, /^\$6\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==$/],
    [{ name: 'sha512-pbkdf2', iterations: 1000 }, /^\$7\$1000\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==$/],
    [ARGON2ID, /^\$argon2id\$v=19\$m=47104,t=1,p=1\$[A-Za-z0-9+/]{86}\$[A-Za-z0-9+/]{86}$/],
    [{ name: 'bcrypt', cost: 5, revision: 'y' }, /^\$2y\$05\$[./A-Za-z0-9]{53}$/],
  ]
  for (const [scheme, shape] of shapes) {
    test(`${scheme.name}: salts as brokers want them, never the same, and the parameters read back`, async () => {
      const [one, other] = [await hash(bytes('x'), scheme), await hash(bytes('x'), scheme)]
      assert.match(one, shape)
      assert.notEqual(one, other)
      assert.deepEqual(parametersOf(one), scheme)
      assert.ok(isOfScheme(one, scheme))
      assert.equal(schemeOf(one), scheme.name)
    })
  }
  test('other parameters are another scheme, another letter of bcrypt is not', async () => {
    const pbkdf2 = await hash(bytes('x'), { name: 'sha512-pbkdf2', iterations: 3 })
    assert.ok(!isOfScheme(pbkdf2, { name: 'sha512-pbkdf2', iterations: 4 }))
    assert.ok(!isOfScheme(pbkdf2, { name: 'sha512' }))
    const bcrypt = await hash(bytes('x'), { name: 'bcrypt', cost: 4, revision: 'y' })
    assert.ok(isOfScheme(bcrypt, { name: 'bcrypt', cost: 4, revision: 'a' }))
    assert.ok(!isOfScheme(bcrypt, { name: 'bcrypt', cost: 5, revision: 'a' }))
  })
})

/** HMAC fills its key up with NUL bytes, so that PBKDF2 cannot tell them at the end. */
function meaning(password: Buffer, { name }: Scheme): string {
  const text = password.toString('latin1')
  return name === 'sha512-pbkdf2' && text.length <= 128 ? text.replace(/\0+$/, '') : text
}

for (const scheme of SCHEMES) {
  test(`${scheme.name}: any password verifies, and no other does`, async () => {
    const password =
      scheme.name === 'bcrypt'
        ? fc
            .string({ unit: 'binary', minLength: 1 })
            .map(bytes)
            .filter((each) => passwordFault(each, 'bcrypt') === undefined)
        : fc.uint8Array({ minLength: 1, maxLength: 200 }).map((each) => Buffer.from(each))
    await fc.assert(
      fc.asyncProperty(password, password, async (right, wrong) => {
        const value = await hash(right, scheme)
        assert.equal(await verify(right, value), true)
        assert.equal(await verify(wrong, value), meaning(right, scheme) === meaning(wrong, scheme))
      }),
      { numRuns: 25 },
    )
  })
}

describe('bcrypt and what it would cut off', () => {
  const scheme: Scheme = { name: 'bcrypt', cost: 4, revision: 'a' }
  test('72 bytes are taken whole', async () => {
    const value = await hash(bytes('é'.repeat(36)), scheme)
    assert.equal(await verify(bytes('é'.repeat(36)), value), true)
    assert.equal(await verify(bytes(`${'é'.repeat(35)}e`), value), false)
  })
  for (const [what, password, named] of [
    ['73 bytes', bytes('x'.repeat(73)), /73 bytes.*72/],
    ['72 characters of more bytes', bytes('é'.repeat(37)), /74 bytes.*72/],
    ['a NUL byte', bytes('a\0b'), /NUL/],
    ['other than UTF-8', Buffer.from([0x61, 0xff]), /UTF-8/],
  ] as const) {
    test(`${what}: refused, naming the rule, to hash and to verify`, async () => {
      const value = await hash(bytes('x'), scheme)
      await assert.rejects(hash(password, scheme), named)
      await assert.rejects(verify(password, value), named)
    })
  }
  test('values of other implementations verify, whatever their letter', async () => {
    // From the bcrypt test vectors of OpenBSD and John the Ripper.
    for (const [password, value] of [
      ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
      ['U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
      ['', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy'],
    ] as const) {
      for (const letter of 'aby') {
        const same = value.replace('$2a', `$2${letter}`)
        assert.equal(await verify(bytes(password), same), true, same)
        assert.equal(await verify(bytes(`${password}x`), same), false, same)
      }
    }
  })
  const htpasswd = findCommand('htpasswd')
  const skip = htpasswd === undefined ? 'htpasswd is not on PATH' : false
  test('htpasswd and we verify each other', { skip }, async () => {
    const theirs = execFileSync(htpasswd as string, ['-nbB', 'me', 'pässwörd'], { encoding: 'utf8' }).trim()
    assert.equal(await verify(bytes('pässwörd'), theirs.slice(3)), true)
  })
})

describe('argon2id against the reference implementation', () => {
  test('the same string for the same salt', needs('argon2'), async () => {
    const salt = Buffer.from('0123456789abcdef'.repeat(4))
    for (const [password, scheme, words] of [
      ['open sesame', ARGON2ID, ['-t', '1', '-k', '47104', '-p', '1', '-l', '64']],
      ['pässwörd:$7$', ARGON2ID, ['-t', '1', '-k', '47104', '-p', '1', '-l', '64']],
      [
        'x',
        { name: 'argon2id', memoryKiB: 64, passes: 3, lanes: 4 },
        ['-t', '3', '-k', '64', '-p', '4', '-l', '64'],
      ],
    ] as const) {
      const theirs = execFileSync(
        findCommand('argon2') as string,
        [salt.toString(), '-id', '-v', '13', '-e', ...words],
        { input: password, encoding: 'utf8' },
      )
      assert.equal(await hashWith(bytes(password), scheme, salt), theirs.trim())
      assert.equal(await verify(bytes(password), theirs.trim()), true)
    }
  })
})

describe('what is not a hash of ours', () => {
  const good = WORKED.find(({ scheme }) => scheme === 'sha512-pbkdf2')?.value as string
  for (const value of [
    'plain',
    '$7$',
    '$7$1000$AAAA',
    good.slice(0, -1),
    good.replace('$7$1000', '$7$0'),
    good.replace('$7$1000', '$7$99999999999'),
    good.replace('==$', '!=$'),
    `${good}$more`,
    good.replace(/[^$]*$/, 'AAAA'),
    '$6$salt$crypt-of-another-kind',
    '$argon2id$v=18$m=16,t=1,p=1$AAAAAAAAAAA$AAAAAAAA',
    '$argon2id$v=19$m=1,t=1,p=1$AAAAAAAAAAA$AAAAAAAA',
    '$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$05$short',
    '$apr1$abc$def',
  ]) {
    test(`'${value.slice(0, 40)}' is said to be none`, async () => {
      assert.equal(parametersOf(value), undefined)
      await assert.rejects(verify(bytes('x'), value), /not a hash/)
    })
  }
  test('what counts as plain', () => {
    for (const value of ['secret', '$', '$x$y', '7$1', '$8$a$b', 'a$6$b'])
      assert.equal(schemeOf(value), 'plain')
    for (const value of ['$apr1$a$b', '$5$a$b', '$1$a', '{SHA}x', '$y$j9T$x', 'PBKDF2$sha512$1$a$b']) {
      assert.equal(schemeOf(value), 'other')
    }
  })
  test('argon2id with more memory than there can be: an error, not a crash', () =>
    assert.rejects(
      verify(bytes('x'), '$argon2id$v=19$m=4000000000,t=1,p=1$AAAAAAAAAAA$AAAAAAAA'),
      /argon2id with m=4000000000/,
    ))
})

test('RabbitMQ: the example of its documentation', async () => {
  const value = await hashWith(bytes('test12'), { name: 'rabbitmq' }, Buffer.from('908DC60A', 'hex'))
  assert.equal(value, 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR')
})
