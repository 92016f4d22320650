// The arithmetic of Keep Alive, MQTT 5.0 §3.1.2.10.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeepAlive } from '../../src/session/keepalive.js'

function started(seconds: number, now = 0): KeepAlive {
  const keepAlive = new KeepAlive()
  keepAlive.start(seconds, now)
  return keepAlive
}

for (const [seconds, dueAt] of [
  [1, 900],
  [2, 1_800],
  [5, 4_500],
  [60, 59_500],
  [65_535, 65_534_500],
] as const) {
  test(`PINGREQ for ${seconds} s is due a little earlier, at ${dueAt} ms [MQTT-3.1.2-20]`, () => {
    const keepAlive = started(seconds)
    assert.equal(keepAlive.wakeAt, dueAt)
    assert.equal(keepAlive.isPingDue(dueAt - 1), false)
    assert.equal(keepAlive.isPingDue(dueAt), true)
    assert.equal(keepAlive.isDead(dueAt), false)
  })
}

test('0 turns the mechanism off', () => {
  const keepAlive = started(0)
  assert.equal(keepAlive.wakeAt, Number.POSITIVE_INFINITY)
  assert.equal(keepAlive.isPingDue(1e12), false)
  keepAlive.pinged(2, 0)
  assert.equal(keepAlive.isDead(1e12), false)
})

test('PINGREQ is put off only by both sending and receiving [MQTT-3.1.2-20]', () => {
  const keepAlive = started(10)
  keepAlive.received(4_000)
  assert.equal(keepAlive.wakeAt, 9_500)
  keepAlive.sent(3_000)
  assert.equal(keepAlive.wakeAt, 12_500)
  keepAlive.sent(6_000)
  assert.equal(keepAlive.wakeAt, 13_500)
})

test('an unanswered PINGREQ means death an interval later', () => {
  const keepAlive = started(10)
  keepAlive.sent(9_500)
  keepAlive.pinged(2, 9_500)
  assert.equal(keepAlive.isDead(19_499), false)
  assert.equal(keepAlive.isDead(19_500), true)
  assert.equal(keepAlive.wakeAt, 19_000) // the next PINGREQ comes first
})

test('an answered one does not', () => {
  const keepAlive = started(10)
  keepAlive.pinged(2, 9_500)
  keepAlive.answered()
  assert.equal(keepAlive.isDead(1e9), false)
})

test('bytes from the broker, and bytes it takes up to the PINGREQ, are signs of life; later ones are none', () => {
  const keepAlive = started(10)
  keepAlive.pinged(2, 9_500)
  keepAlive.received(12_000)
  assert.deepEqual([keepAlive.isDead(21_999), keepAlive.isDead(22_000)], [false, true])
  keepAlive.flushed(1, 13_000)
  assert.deepEqual([keepAlive.isDead(22_999), keepAlive.isDead(23_000)], [false, true])
  keepAlive.flushed(2, 14_000)
  keepAlive.flushed(3, 15_000)
  assert.deepEqual([keepAlive.isDead(23_999), keepAlive.isDead(24_000)], [false, true])
})

test('a second PINGREQ does not prolong the wait for the first', () => {
  const keepAlive = started(10)
  keepAlive.pinged(2, 9_500)
  keepAlive.pinged(3, 19_000)
  assert.equal(keepAlive.isDead(19_500), true)
})

test('while nobody reads nothing proves death, and reading again begins the wait anew', () => {
  const keepAlive = started(10)
  keepAlive.sent(9_500)
  keepAlive.pinged(2, 9_500)
  keepAlive.reading(false, 10_000)
  assert.equal(keepAlive.isDead(1e9), false)
  assert.equal(keepAlive.wakeAt, 19_000)
  keepAlive.reading(true, 50_000)
  assert.deepEqual([keepAlive.isDead(59_999), keepAlive.isDead(60_000)], [false, true])
  keepAlive.reading(true, 55_000) // it was on already
  assert.equal(keepAlive.isDead(60_000), true)
})

test('a new connection begins from nothing', () => {
  const keepAlive = started(10)
  keepAlive.pinged(2, 9_500)
  keepAlive.start(20, 100_000)
  assert.equal(keepAlive.isDead(1e9), false)
  assert.equal(keepAlive.wakeAt, 119_500)
  assert.equal(keepAlive.intervalMs, 20_000)
})
