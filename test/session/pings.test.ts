// Scenarios S31 to S33: PINGREQ in time, a dead server, Server Keep Alive.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { each, is, open, VERSIONS } from './support.js'

const TWO_SECONDS = { keepAliveSeconds: 2 }

each(VERSIONS, 'S31 PINGREQ in time, and a dead server [MQTT-3.1.2-20]', (version) => {
  const d = open(version, 'kept', TWO_SECONDS)
  is(d.wait(2_000), 'PINGREQ @1800')
  is(d.from('PINGRESP'))
  is(d.wait(1_600), 'PINGREQ @3600')
  // The next PINGREQ is due while its predecessor is unanswered; that the transport takes it proves nothing.
  is(d.wait(60_000), 'PINGREQ @5400', 'close retry TIMEOUT @5600')
})

each(VERSIONS, 'S31 PINGREQ goes out also where we send all the time and hear nothing', (version) => {
  const d = open(version, 'kept', TWO_SECONDS)
  const lines: string[] = []
  for (let at = 0; at <= 4_000; at += 500) {
    lines.push(...d.at(at))
    d.publish(1, `${at}`)
  }
  is(lines, 'PINGREQ @1800', 'PINGREQ @3600', 'close retry TIMEOUT @3800')
})

each(VERSIONS, 'S31 any packet of ours puts PINGREQ off', (version) => {
  const d = open(version, 'kept', TWO_SECONDS)
  d.wait(1_000)
  d.publish(0, 'a')
  d.from('q0 x')
  is(d.wait(1_799))
  is(d.wait(1), 'PINGREQ @2800')
})

each(VERSIONS, 'S31 a broker that sends but forgets PINGRESP is alive', (version) => {
  const d = open(version, 'kept', TWO_SECONDS)
  for (let at = 500; at <= 20_000; at += 500) {
    assert.ok(d.at(at).every((line) => line.startsWith('PINGREQ')))
    d.from('q0 x')
  }
})

each(VERSIONS, 'S31 a broker that takes a large packet slowly is alive', (version) => {
  const d = open(version, 'kept', TWO_SECONDS)
  d.clogged = true
  for (const payload of 'abcdefghij') d.publish(0, payload)
  for (let taken = 2; taken <= 10; taken++) {
    assert.ok(d.wait(1_000).every((line) => line.startsWith('PINGREQ')))
    d.flushed(taken)
  }
  assert.equal(d.session.isOpen, true)
})

each(VERSIONS, 'S32 received traffic is not an excuse [MQTT-3.1.2-20]', (version) => {
  const d = open(version, 'kept', TWO_SECONDS)
  const pings: string[] = []
  for (let at = 200; at <= 7_000; at += 200) {
    const lines = d.at(at)
    pings.push(...lines)
    if (lines.length > 0) d.from('PINGRESP')
    is(d.from('q0 x'), 'deliver q0 x')
  }
  is(pings, 'PINGREQ @1800', 'PINGREQ @3600', 'PINGREQ @5400')
})

test('S33 Server Keep Alive replaces ours [MQTT-3.1.2-21] [MQTT-3.2.2-21]', () => {
  const d = open(5, 'kept', { keepAliveSeconds: 60 }, { serverKeepAlive: 1 })
  is(d.wait(1_000), 'PINGREQ @900')
})

test('S33 Server Keep Alive 0 turns pings off', () => {
  const d = open(5, 'kept', { keepAliveSeconds: 1 }, { serverKeepAlive: 0 })
  is(d.wait(5_000))
})

test('S33 Server Keep Alive is of one connection', () => {
  const d = open(5, 'kept', { keepAliveSeconds: 1 }, { serverKeepAlive: 0 })
  d.cut()
  d.reconnect('CONNACK SP')
  is(d.wait(1_000), 'PINGREQ @900')
})

each(VERSIONS, 'S33 Keep Alive 0: no PINGREQ', (version) => {
  const d = open(version, 'kept')
  is(d.wait(1_000_000))
})
