// Messages that are published together, because they differ in their payload alone.

import assert from 'node:assert/strict'
import { UsageError } from '../../src/errors.js'
import { MAX_REMAINING_LENGTH, NONE } from '../../src/packet/index.js'
import { BEFORE_5, bytes, each, is, open, VERSIONS } from './support.js'

const ABC = ['a', 'b', 'c']

each(VERSIONS, 'QoS 0: sent at once, settled as far as they have left', (version) => {
  const d = open(version, 'clean')
  d.clogged = true
  is(d.publishMany(0, ABC, 'all'), 'q0 a', 'q0 b', 'q0 c')
  assert.equal(d.session.unsettled, 3)
  is(d.flushed(d.session.sent - 1), 'settle all[0] ok', 'settle all[1] ok')
  is(d.cut(), 'settle all[2] CLOSED')
  assert.equal(d.session.qos0AtRisk, 2)
})

each(VERSIONS, 'QoS 1: as far as the window allows, the others in order', (version) => {
  const d = open(version, 'kept', { maxInFlight: 2 })
  is(d.publishMany(1, ABC, 'all'), 'q1 1 a', 'q1 2 b')
  is(d.publish(1, 'alone'))
  assert.deepEqual([d.session.inFlight, d.session.waiting, d.session.unsettled], [2, 2, 4])
  is(d.from('PUBACK 2'), 'settle all[1] ok', 'q1 3 c')
  is(d.from('PUBACK 1'), 'settle all[0] ok', 'q1 4 alone')
  is(d.from('PUBACK 4'), 'settle alone ok')
  is(d.from('PUBACK 3'), 'settle all[2] ok')
  assert.equal(d.session.unsettled, 0)
  assert.equal(d.session.heldBytes, 0)
})

each(VERSIONS, 'without a connection they wait, and keep their order', (version) => {
  const d = open(version, 'kept', { maxInFlight: 1 })
  d.cut()
  is(d.publishMany(1, ABC, 'ones'))
  is(d.publishMany(0, ['x', 'y'], 'zeros'))
  assert.equal(d.session.waiting, 5)
  const sent = d.reconnect('CONNACK SP').filter((line) => /^q/.test(line))
  is(sent, 'q1 1 a')
  is(d.from('PUBACK 1'), 'settle ones[0] ok', 'q1 2 b')
  const zeros = ['q0 x', 'q0 y', 'settle zeros[0] ok', 'settle zeros[1] ok']
  is(d.from('PUBACK 2'), 'settle ones[1] ok', 'q1 3 c', ...zeros)
})

each(VERSIONS, 'what a cut finds in flight goes again with DUP, each with its own payload', (version) => {
  const d = open(version, 'kept', { maxInFlight: 4 })
  d.publishMany(2, ABC, 'all')
  is(d.from('PUBREC 2'), 'PUBREL 2')
  d.cut()
  const sent = d.reconnect('CONNACK SP').filter((line) => /^(q|PUBREL)/.test(line))
  is(sent, 'q2 1 a dup', version === 3 ? 'PUBREL 2 dup' : 'PUBREL 2', 'q2 3 c dup')
})

each(BEFORE_5, 'the timed retry takes those that were not acknowledged', (version) => {
  const d = open(version, 'kept', { retryIntervalMs: 1_000 })
  d.publishMany(1, ABC, 'all')
  is(d.from('PUBACK 2'), 'settle all[1] ok')
  is(d.wait(1_000), 'q1 1 a dup @1000', 'q1 3 c dup @1000')
})

each(VERSIONS, 'a lost session sends QoS 1 anew, and tells each message of QoS 2 once', (version) => {
  const d = open(version, 'clean')
  d.publishMany(1, ['a', 'b'], 'ones')
  d.publishMany(2, ['c', 'd'], 'twos')
  d.cut()
  const lines = d.reconnect('CONNACK').filter((line) => /^(q|settle)/.test(line))
  is(lines.toSorted(), 'q1 5 a', 'q1 6 b', 'settle twos[0] CLOSED', 'settle twos[1] CLOSED')
  is(d.from('PUBACK 6'), 'settle ones[1] ok')
  is(d.from('PUBACK 5'), 'settle ones[0] ok')
})

each(VERSIONS, 'given up: each is settled once, sent or not', (version) => {
  const d = open(version, 'kept', { maxInFlight: 1 })
  d.publishMany(1, ABC, 'all')
  d.cut()
  is(d.run(d.session.abandon()), 'settle all[0] CLOSED', 'settle all[1] CLOSED', 'settle all[2] CLOSED')
  assert.deepEqual([d.session.unsettled, d.session.heldBytes], [0, 0])
})

each([5], 'what the broker does not take is refused one by one', () => {
  const d = open(5, 'kept', {}, { maximumPacketSize: 10 })
  is(
    d.publishMany(1, ['a', 'x'.repeat(20), 'b'], 'all'),
    'q1 1 a',
    'settle all[1] PACKET_TOO_LARGE',
    'q1 2 b',
  )
  const zero = open(5, 'kept', {}, { maximumQoS: 0 })
  is(
    zero.publishMany(1, ['a', 'b'], 'all'),
    'settle all[0] QOS_NOT_SUPPORTED',
    'settle all[1] QOS_NOT_SUPPORTED',
  )
})

each([5], 'automatic aliases are used for each', () => {
  const d = open(5, 'kept', { automaticAliases: true }, { topicAliasMaximum: 5 })
  is(d.publishMany(0, ['a', 'b'], 'all'), 'q0 a #1', 'q0 b @ #1', 'settle all[0] ok', 'settle all[1] ok')
})

each(VERSIONS, 'a message that no packet can hold: none of them is taken', (version) => {
  const d = open(version, 'clean')
  const message = { topic: 't', payload: bytes(''), qos: 1, retain: false, properties: NONE } as const
  const payloads = { bytes: new Uint8Array(MAX_REMAINING_LENGTH + 2), ends: [1, MAX_REMAINING_LENGTH + 2] }
  assert.throws(() => d.session.enqueueMany(message, payloads, 'all', 0), UsageError)
  assert.equal(d.session.unsettled, 0)
})
