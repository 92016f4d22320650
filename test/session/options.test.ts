// What a session refuses to be set up with, and what it puts into CONNECT.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { UsageError } from '../../src/errors.js'
import { NONE, type Version } from '../../src/packet/index.js'
import { Session, type SessionOptions } from '../../src/session/index.js'
import { BEFORE_5, bytes, each, open, optionsFor, VERSIONS } from './support.js'

const LONG = 'x'.repeat(65_536)
const WILL = { topic: 'w', payload: bytes(''), qos: 0, retain: false, properties: NONE } as const

describe('refused in every version', () => {
  const rows: [what: string, options: Partial<SessionOptions>, says: RegExp][] = [
    ['a client identifier of 65,536 bytes', { clientId: LONG }, /client identifier/],
    ['a client identifier with U+0000 [MQTT-1.5.4-2]', { clientId: 'a\0' }, /client identifier/],
    ['a client identifier with a lone surrogate [MQTT-3.1.3-4]', { clientId: '\udc00' }, /client identifier/],
    ['keep alive -1', { keepAliveSeconds: -1 }, /keep alive -1/],
    ['keep alive 65,536', { keepAliveSeconds: 65_536 }, /keep alive 65536/],
    ['keep alive 1.5', { keepAliveSeconds: 1.5 }, /keep alive 1\.5/],
    ['an in-flight limit of 0', { maxInFlight: 0 }, /in-flight limit 0/],
    ['an in-flight limit of 65,536', { maxInFlight: 65_536 }, /in-flight limit 65536/],
    ['a user name with U+0000 [MQTT-3.1.3-12]', { userName: '\0' }, /user name/],
    ['a user name of 65,536 bytes', { userName: LONG }, /user name/],
    ['a password of 65,536 bytes', { userName: 'u', password: Buffer.alloc(65_536) }, /password/],
    ['an empty will topic [MQTT-4.7.3-1]', { will: { ...WILL, topic: '' } }, /will topic ''/],
    [
      'a will topic with a wildcard [MQTT-3.1.3-11]',
      { will: { ...WILL, topic: 'a/#' } },
      /will topic 'a\/#'/,
    ],
    ['a will payload of 65,536 bytes', { will: { ...WILL, payload: Buffer.alloc(65_536) } }, /will payload/],
    ['will QoS 3 [MQTT-3.1.2-12]', { will: { ...WILL, qos: 3 as 2 } }, /will QoS 3/],
  ]
  for (const [what, options, says] of rows) {
    each(VERSIONS, what, (version) => {
      assert.throws(
        () => new Session({ ...optionsFor(version, 'kept'), ...options }),
        (error) => error instanceof UsageError && says.test(error.message),
      )
    })
  }
})

describe('refused in some versions', () => {
  const method = { authenticationData: bytes('x') }
  const rows: [what: string, versions: readonly Version[], options: Partial<SessionOptions>, says: RegExp][] =
    [
      ['no client identifier', [3], { clientId: '', cleanStart: true }, /needs a client identifier/],
      ['no client identifier and a kept session [MQTT-3.1.3-7]', [4], { clientId: '' }, /client identifier/],
      ['a password alone [MQTT-3.1.2-22]', BEFORE_5, { password: bytes('p') }, /password needs a user name/],
      ['connect properties', BEFORE_5, { properties: { receiveMaximum: 5 } }, /need MQTT 5/],
      ['will properties', BEFORE_5, { will: { ...WILL, properties: { contentType: 'x' } } }, /need MQTT 5/],
      ['timed retry [MQTT-4.4.0-1]', [5], { retryIntervalMs: 1 }, /forbids sending again/],
      ['Receive Maximum 0', [5], { properties: { receiveMaximum: 0 } }, /receiveMaximum 0/],
      ['Maximum Packet Size 0', [5], { properties: { maximumPacketSize: 0 } }, /maximumPacketSize 0/],
      [
        'Request Problem Information 2',
        [5],
        { properties: { requestProblemInformation: 2 } },
        /Information 2/,
      ],
      [
        'Session Expiry Interval of 33 bits',
        [5],
        { properties: { sessionExpiryInterval: 2 ** 32 } },
        /429496/,
      ],
      ['Authentication Data alone [5.0 §3.1.2.11.10]', [5], { properties: method }, /authentication method/],
      ['a property of another packet', [5], { properties: { topicAlias: 1 } as object }, /topicAlias/],
      [
        'a will property of another packet',
        [5],
        { will: { ...WILL, properties: { topicAlias: 1 } as object } },
        /will/,
      ],
    ]
  for (const [what, versions, options, says] of rows) {
    each(versions, what, (version) => {
      assert.throws(
        () => new Session({ ...optionsFor(version, 'kept'), ...options }),
        (error) => error instanceof UsageError && says.test(error.message),
      )
    })
  }
})

describe('accepted at the edges', () => {
  const edge = 'x'.repeat(65_535)
  const rows: [what: string, versions: readonly Version[], options: Partial<SessionOptions>][] = [
    ['65,535 bytes everywhere', VERSIONS, { clientId: edge, userName: edge, password: Buffer.alloc(65_535) }],
    ['a will of 65,535 bytes', VERSIONS, { will: { ...WILL, payload: Buffer.alloc(65_535), qos: 2 } }],
    [
      'keep alive 65,535 and in-flight limit 65,535',
      VERSIONS,
      { keepAliveSeconds: 65_535, maxInFlight: 65_535 },
    ],
    ['an empty user name and password', VERSIONS, { userName: '', password: Buffer.alloc(0) }],
    ['no client identifier with a clean start', [4, 5], { clientId: '', cleanStart: true }],
    ['no client identifier and a kept session', [5], { clientId: '' }],
    ['a password alone', [5], { password: bytes('p') }],
    ['a retry interval of 0', VERSIONS, { retryIntervalMs: 0 }],
    ['a session without end', [5], { properties: { sessionExpiryInterval: 0xffff_ffff } }],
  ]
  for (const [what, versions, options] of rows) {
    each(versions, what, (version) => {
      const session = new Session({ ...optionsFor(version, 'kept'), ...options })
      assert.equal(session.connect(0).length, 1)
    })
  }
})

describe('an assigned client identifier, in 5.0', () => {
  test('is used from then on [MQTT-3.2.2-16]', () => {
    const d = open(5, 'kept', { clientId: '' }, { assignedClientIdentifier: 'auto-7' })
    assert.equal(d.session.clientId, 'auto-7')
    d.cut()
    d.connect()
    assert.ok(d.sent[0]?.type === 'connect' && d.sent[0].clientId === 'auto-7')
    assert.deepEqual(d.from('CONNACK SP'), ['opened'])
  })
})

each(BEFORE_5, 'disconnect properties need 5.0', (version) => {
  const { session } = open(version, 'kept')
  assert.throws(() => session.disconnect(0, { reasonString: 'x' }), UsageError)
  assert.equal(session.isOpen, true)
})

test('DISCONNECT cannot prolong a session that CONNECT did not ask for [5.0 §3.14.2.2.2]', () => {
  const { session } = open(5, 'clean')
  assert.throws(() => session.disconnect(0, { sessionExpiryInterval: 5 }), UsageError)
  assert.equal(session.disconnect(0, { sessionExpiryInterval: 0 }).length, 2)
})

test('a broker may be let off its Receive Maximum, in 5.0', () => {
  const properties = { receiveMaximum: 1 }
  const strict = open(5, 'kept', { properties })
  strict.from('q2 1 a')
  assert.deepEqual(strict.from('q2 2 b'), ['DISCONNECT 0x93', 'close final PROTOCOL'])
  const lenient = open(5, 'kept', { properties, tolerateReceiveMaximum: true })
  lenient.from('q2 1 a')
  assert.deepEqual(lenient.from('q2 2 b'), ['deliver q2 2 b', 'PUBREC 2'])
})

test('Receive Maximum counts what is open: PUBACK and PUBCOMP make room, in 5.0 [MQTT-3.3.4-9]', () => {
  const d = open(5, 'kept', { properties: { receiveMaximum: 2 } })
  for (let id = 1; id <= 20; id++) d.from(`q1 ${id} x`)
  d.from('q2 1 a')
  d.from('q2 2 b')
  d.from('PUBREL 1')
  assert.deepEqual(d.from('q2 3 c'), ['deliver q2 3 c', 'PUBREC 3'])
  assert.deepEqual(d.from('q2 3 c dup'), ['PUBREC 3'])
  assert.deepEqual(d.from('q1 4 d'), ['DISCONNECT 0x93', 'close final PROTOCOL'])
})

test('Receive Maximum is counted anew on each connection, in 5.0 [5.0 §4.9]', () => {
  const d = open(5, 'kept', { properties: { receiveMaximum: 1 } })
  d.from('q2 1 a')
  d.cut()
  d.reconnect()
  assert.deepEqual(d.from('q2 2 b'), ['deliver q2 2 b', 'PUBREC 2'])
})
