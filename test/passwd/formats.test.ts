// Texts for other brokers, and what may be a user and a generated password.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FORMATS, formatFault, isLineBased, render } from '../../src/passwd/formats.js'
import { generatePassword, userFault } from '../../src/passwd/user.js'

const latin1 = (text: string): string => Buffer.from(text).toString('latin1')
const USERS = [
  { user: latin1('älice "x" \\y $z'), value: '$2a$04$abc' },
  { user: 'bob', value: '$2a$04$def' },
]

test('nats: a block with names in quotes', () => {
  assert.equal(
    render('nats', USERS).toString(),
    `authorization {
  users = [
    { user: "älice \\"x\\" \\\\y $z", password: "$2a$04$abc" }
    { user: "bob", password: "$2a$04$def" }
  ]
}
`,
  )
})

test('rabbitmq: definitions', () => {
  const { users } = JSON.parse(render('rabbitmq', USERS).toString())
  assert.deepEqual(users[0], {
    name: 'älice "x" \\y $z',
    password_hash: '$2a$04$abc',
    hashing_algorithm: 'rabbit_password_hashing_sha256',
    tags: '',
  })
  assert.equal(users.length, 2)
})

test('emqx: the columns of its bootstrap file, without an empty one', () => {
  assert.equal(
    render('emqx', [{ user: 'bob', value: '$2a$04$def' }]).toString(),
    'user_id,password_hash,is_superuser\nbob,$2a$04$def,false\n',
  )
})

test('lines are bytes', () => {
  assert.deepEqual(render('htpasswd', [{ user: '\xff', value: 'h' }]), Buffer.from('\xff:h\n', 'latin1'))
})

test('names that a format has no place for', () => {
  for (const user of ['a,b', 'a b', 'a"b']) assert.match(formatFault('emqx', user) ?? '', /EMQX/)
  for (const format of FORMATS) {
    assert.equal(formatFault(format, latin1('älice')), undefined)
    assert.equal(formatFault(format, '\xff') === undefined, isLineBased(format), format)
  }
})

test('6.1 user names', () => {
  for (const user of ['a', '-b', 'a#', 'a b', '\xff', latin1('ä'), 'x'.repeat(65_535), '\x80']) {
    assert.equal(userFault(user), undefined, user.slice(0, 10))
  }
  for (const [user, named] of [
    ['', /empty/],
    ['x'.repeat(65_536), /65536.*65535/],
    ['a:b', /colon/],
    ['a\x00b', /control/],
    ['a\x1f', /control/],
    ['\x7f', /control/],
    [' a', /blank/],
    ['a ', /blank/],
    ['#a', /#/],
  ] as const) {
    assert.match(userFault(user) ?? '', named, JSON.stringify(user.slice(0, 10)))
  }
})

test('a generated password has 24 letters and digits, and is never the same', () => {
  const made = Array.from({ length: 200 }, generatePassword)
  for (const each of made) assert.match(each, /^[A-Za-z2-9]{24}$/)
  assert.equal(new Set(made).size, made.length)
  assert.equal(new Set(made.join('')).size, 57, 'every letter is used: 4800 draws of 57')
})
