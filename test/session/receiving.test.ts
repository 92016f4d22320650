// Scenarios S16 to S23: messages from the broker, and the order of acknowledgements.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { each, is, open, VERSIONS } from './support.js'

for (const dup of [' dup', '']) {
  each(VERSIONS, `S16 a repeated QoS 2 PUBLISH${dup} is delivered once [MQTT-4.3.3-10]`, (version) => {
    const d = open(version, 'kept')
    is(d.from('q2 5 x'), 'deliver q2 5 x', 'PUBREC 5')
    is(d.from(`q2 5 x${dup}`), 'PUBREC 5')
    is(d.from('PUBREL 5'), 'PUBCOMP 5')
  })
}

each(VERSIONS, 'S17 cut after PUBREC, PUBLISH comes again [MQTT-4.3.3-10]', (version) => {
  const d = open(version, 'kept')
  is(d.from('q2 5 x'), 'deliver q2 5 x', 'PUBREC 5')
  is(d.cut())
  is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened')
  is(d.from('q2 5 x dup'), 'PUBREC 5')
  is(d.from('PUBREL 5'), 'PUBCOMP 5')
})

each(
  VERSIONS,
  'S17 cut before the output was safe: PUBREC waits for it, nothing is delivered twice',
  (version) => {
    const d = open(version, 'kept')
    d.stalled = true
    is(d.from('q2 5 x'), 'deliver q2 5 x')
    is(d.cut())
    is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened')
    is(d.from('q2 5 x dup'))
    is(d.written(), 'PUBREC 5')
    is(d.from('PUBREL 5'), 'PUBCOMP 5')
  },
)

each(
  VERSIONS,
  'S17 output that becomes safe after the cut acknowledges nothing on the new connection',
  (version) => {
    const d = open(version, 'kept')
    d.stalled = true
    d.burst('q1 4 w', 'q2 5 x')
    is(d.cut())
    is(d.written())
    is(d.reconnect('CONNACK SP'), 'CONNECT', 'opened')
    is(d.burst('q1 4 w dup', 'q2 5 x dup'), 'deliver q1 4 w dup', 'PUBACK 4', 'PUBREC 5')
  },
)

each(VERSIONS, 'S18 cut after PUBREC, PUBREL comes, twice [MQTT-4.3.3-11]', (version) => {
  const d = open(version, 'kept')
  is(d.from('q2 5 x'), 'deliver q2 5 x', 'PUBREC 5')
  d.cut()
  d.reconnect('CONNACK SP')
  is(d.from('PUBREL 5'), 'PUBCOMP 5')
  d.cut()
  d.reconnect('CONNACK SP')
  is(d.from('PUBREL 5'), version === 5 ? 'PUBCOMP 5 0x92' : 'PUBCOMP 5')
})

each(VERSIONS, 'S19 after PUBCOMP the identifier means a new message [MQTT-4.3.3-12]', (version) => {
  const d = open(version, 'kept')
  d.from('q2 5 x')
  d.from('PUBREL 5')
  is(d.from('q2 5 y dup'), 'deliver q2 5 y dup', 'PUBREC 5')
})

each(
  [4, 5],
  'S19 after the server lost the session the identifier means a new message [MQTT-3.2.2-5]',
  (version) => {
    const d = open(version, 'kept')
    d.from('q2 5 x')
    d.cut()
    d.reconnect('CONNACK')
    is(d.from('q2 5 x dup'), 'deliver q2 5 x dup', 'PUBREC 5')
  },
)

each(VERSIONS, 'S19 after a clean start the identifier means a new message [MQTT-3.1.2-4]', (version) => {
  const d = open(version, 'clean')
  d.from('q2 5 x')
  d.cut()
  d.reconnect('CONNACK')
  is(d.from('q2 5 x'), 'deliver q2 5 x', 'PUBREC 5')
})

each(VERSIONS, 'S20 QoS 1 is not deduplicated [MQTT-4.3.2-5]', (version) => {
  const d = open(version, 'kept')
  is(d.from('q1 5 x'), 'deliver q1 5 x', 'PUBACK 5')
  is(d.from('q1 5 x dup'), 'deliver q1 5 x dup', 'PUBACK 5')
})

each(VERSIONS, 'S20 QoS 0 is not acknowledged [MQTT-3.3.4-1]', (version) => {
  const d = open(version, 'kept')
  is(d.from('q0 x retain'), 'deliver q0 x retain')
})

each(VERSIONS, 'S21 PUBREL out of the blue [MQTT-4.3.3-11]', (version) => {
  const d = open(version, 'kept')
  is(d.from('PUBREL 99'), version === 5 ? 'PUBCOMP 99 0x92' : 'PUBCOMP 99')
  assert.equal(d.wire.at(-1), version === 5 ? '700400639200' : '70020063')
  assert.equal(d.session.isOpen, true)
})

const FIVE = ['q1 1 a', 'q2 2 b', 'q1 3 c', 'q2 4 d', 'q1 5 e']
const ACKS = ['PUBACK 1', 'PUBREC 2', 'PUBACK 3', 'PUBREC 4', 'PUBACK 5']

each(
  VERSIONS,
  'S22 acknowledgements leave in the order of arrival [MQTT-4.6.0-2] [MQTT-4.6.0-3]',
  (version) => {
    const d = open(version, 'kept')
    is(d.burst(...FIVE), ...FIVE.flatMap((text, at) => [`deliver ${text}`, `${ACKS[at]}`]))
  },
)

each(VERSIONS, 'S22 acknowledgements wait for the output and keep their order', (version) => {
  const d = open(version, 'kept')
  d.stalled = true
  is(d.burst(...FIVE), ...FIVE.map((text) => `deliver ${text}`))
  is(d.run(d.session.written(2, d.now)), 'PUBACK 1', 'PUBREC 2')
  is(d.run(d.session.written(1, d.now)))
  is(d.written(), 'PUBACK 3', 'PUBREC 4', 'PUBACK 5')
})

each(
  VERSIONS,
  'S22, S42 a PUBCOMP does not overtake what is owed for packets before its PUBREL',
  (version) => {
    const d = open(version, 'kept')
    d.stalled = true
    is(d.burst('q2 5 x', 'q2 5 x dup', 'PUBREL 5', 'q1 6 y'), 'deliver q2 5 x', 'deliver q1 6 y')
    is(d.run(d.session.written(1, d.now)), 'PUBREC 5', 'PUBREC 5', 'PUBCOMP 5')
    is(d.written(), 'PUBACK 6')
  },
)

each(VERSIONS, 'S22 a QoS 0 message before an acknowledged one has to be safe too', (version) => {
  const d = open(version, 'kept')
  d.stalled = true
  d.burst('q0 a', 'q1 1 b')
  is(d.run(d.session.written(1, d.now)))
  is(d.run(d.session.written(2, d.now)), 'PUBACK 1')
})

each(VERSIONS, 'S22 what was safe stays safe', (version) => {
  const d = open(version, 'kept')
  d.stalled = true
  d.burst('q1 1 a', 'q2 2 b')
  is(d.run(d.session.written(2, d.now)), 'PUBACK 1', 'PUBREC 2')
  is(d.run(d.session.written(1, d.now)))
  is(d.from('q2 2 b dup'), 'PUBREC 2')
})

each(VERSIONS, 'S23 PUBRELs leave in the order of the PUBRECs [MQTT-4.6.0-4]', (version) => {
  const d = open(version, 'kept')
  for (const payload of 'abc') d.publish(2, payload)
  is(d.burst('PUBREC 2', 'PUBREC 3', 'PUBREC 1'), 'PUBREL 2', 'PUBREL 3', 'PUBREL 1')
})

test('S20 a message received with DUP goes out again without it, in 5.0 [MQTT-3.3.1-3]', () => {
  const d = open(5, 'kept')
  d.from('q1 5 x dup')
  is(d.publish(1, 'x', d.delivered[0]), 'q1 1 x')
})

test('in 3.1 a message without DUP is a new one after a cut, under an identifier not yet released', () => {
  const d = open(3, 'kept')
  is(d.from('q2 5 old'), 'deliver q2 5 old', 'PUBREC 5')
  is(d.from('q2 5 old'), 'PUBREC 5')
  d.cut()
  d.reconnect('CONNACK')
  is(d.from('q2 5 new'), 'deliver q2 5 new', 'PUBREC 5')
  is(d.from('PUBREL 5'), 'PUBCOMP 5')
})
