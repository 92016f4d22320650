// Messages of an earlier run, whose identifiers the caller hands out: what is sent again, in which form, and what
// becomes of them where the broker lost the session (checklist 2.3).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClosedError } from '../../src/errors.js'
import { NONE, type Qos, type Version } from '../../src/packet/index.js'
import type { Restored } from '../../src/session/index.js'
import { bytes, Driver, each, is, type Options, optionsFor, VERSIONS } from './support.js'

function flow(packetId: number, qos: Qos, stage: Restored<string>['stage'] = 'published'): Restored<string> {
  const payload = `m${packetId}`
  const message = { topic: 't', payload: bytes(payload), qos, retain: false, properties: NONE, packetId }
  return { message, tag: payload, stage }
}

/** Before the first connection, with what an earlier run left. */
function restored(version: Version, flows: readonly Restored<string>[], more: Options = {}): Driver {
  const driver = new Driver(optionsFor(version, 'kept', more))
  driver.session.restore(flows)
  return driver
}

const LEFT = [flow(65_535, 1), flow(1, 2, 'released'), flow(2, 2), flow(3, 1)]
const PRESENT: Readonly<Record<Version, string>> = { 3: 'CONNACK', 4: 'CONNACK SP', 5: 'CONNACK SP' }

each(
  VERSIONS,
  'what may have been sent goes again with DUP and its identifier, in order, before the new',
  (version) => {
    const driver = restored(version, LEFT)
    assert.equal(driver.session.inFlight, 4)
    driver.publish(1, 'new', {}, 4)
    const pubrel = version === 3 ? 'PUBREL 1 dup' : 'PUBREL 1'
    is(
      driver.reconnect(PRESENT[version]),
      'CONNECT',
      'opened',
      'q1 65535 m65535 dup',
      pubrel,
      'q2 2 m2 dup',
      'q1 3 m3 dup',
      'q1 4 new',
    )
    is(driver.from('PUBCOMP 1'), 'settle m1 ok')
    is(driver.from('PUBREC 2'), 'PUBREL 2')
    is(
      driver.burst('PUBACK 65535', 'PUBCOMP 2', 'PUBACK 3'),
      'settle m65535 ok',
      'settle m2 ok',
      'settle m3 ok',
    )
    is(driver.from('PUBACK 4'), 'settle new ok')
    assert.equal(driver.session.unsettled, 0)
  },
)

each(VERSIONS, 'what was restored survives a cut of this run too', (version) => {
  const driver = restored(version, LEFT)
  const first = driver.reconnect(PRESENT[version])
  driver.cut()
  is(driver.reconnect(PRESENT[version]), ...first)
})

each(VERSIONS, 'a window smaller than what is restored holds the rest back, in order', (version) => {
  const driver = restored(version, [flow(7, 1), flow(8, 1), flow(9, 1)], { maxInFlight: 1 })
  driver.publish(1, 'new', {}, 10)
  is(driver.reconnect(PRESENT[version]), 'CONNECT', 'opened', 'q1 7 m7 dup')
  is(driver.from('PUBACK 7'), 'settle m7 ok', 'q1 8 m8 dup')
  is(driver.from('PUBACK 8'), 'settle m8 ok', 'q1 9 m9 dup')
  is(driver.from('PUBACK 9'), 'settle m9 ok', 'q1 10 new')
})

for (const onSessionLoss of ['report', 'republish'] as const) {
  test(`the broker lost the session of the earlier run, 5.0, ${onSessionLoss}`, () => {
    const driver = restored(5, LEFT, { onSessionLoss })
    const lines = driver.reconnect('CONNACK')
    const isAgain = onSessionLoss === 'republish'
    is(
      lines,
      'CONNECT',
      'opened',
      'settle m1 ok',
      ...(isAgain ? [] : ['settle m2 CLOSED']),
      isAgain ? 'session-lost 3 0' : 'session-lost 2 1',
      'q1 65535 m65535',
      ...(isAgain ? ['q2 2 m2'] : []),
      'q1 3 m3',
    )
  })
}

test('a message of unknown fate says so', () => {
  const driver = restored(5, [flow(2, 2)])
  const effects = [...driver.session.connect(0)]
  effects.push(
    ...driver.session.receive({ type: 'connack', sessionPresent: false, reasonCode: 0, properties: {} }, 0),
  )
  const errors = effects.flatMap((effect) => (effect.type === 'settle' ? [effect.outcome.error] : []))
  assert.deepEqual(
    errors.map((error) => error instanceof ClosedError && error.fate),
    ['unknown'],
  )
})

test('before MQTT 5 a session the broker lost is told, and everything goes again', () => {
  const driver = restored(4, LEFT)
  const lines = driver.reconnect('CONNACK')
  is(lines.slice(2, 3), 'session-lost 0 0')
  assert.deepEqual(lines.slice(3), ['q1 65535 m65535 dup', 'PUBREL 1', 'q2 2 m2 dup', 'q1 3 m3 dup'])
})

each(VERSIONS, 'an empty restoration is none: a new session is no loss', (version) => {
  const driver = restored(version, [])
  is(driver.reconnect('CONNACK'), 'CONNECT', 'opened')
})

each(VERSIONS, 'a chosen identifier is used, and one in use is waited for', (version) => {
  const driver = restored(version, [])
  driver.reconnect('CONNACK')
  is(driver.publish(2, 'a', {}, 500), 'q2 500 a')
  is(driver.publish(1, 'b', {}, 500))
  is(driver.publish(1, 'c', {}, 501))
  is(driver.from('PUBREC 500'), 'PUBREL 500')
  is(driver.from('PUBCOMP 500'), 'settle a ok', 'q1 500 b', 'q1 501 c')
})

test('a message sent anew after a lost session keeps its chosen identifier, in 5.0', () => {
  const driver = restored(5, [])
  driver.reconnect('CONNACK')
  is(driver.publish(1, 'a', {}, 500), 'q1 500 a')
  driver.cut()
  is(driver.reconnect('CONNACK'), 'CONNECT', 'opened', 'session-lost 1 0', 'q1 500 a')
})
