// Packet identifiers: the circle, the gaps in it, its end.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PacketIds } from '../../src/session/ids.js'

test('identifiers run from 1 upwards, also over those that came back [MQTT-2.2.1-3]', () => {
  const ids = new PacketIds()
  assert.deepEqual([ids.allocate(), ids.allocate(), ids.allocate()], [1, 2, 3])
  ids.release(1)
  ids.release(3)
  assert.deepEqual([ids.allocate(), ids.allocate()], [4, 5])
})

test('after 65,535 comes 1, never 0, and what is taken is skipped [MQTT-2.2.1-3] [MQTT-2.2.1-4]', () => {
  const ids = new PacketIds()
  for (let id = 1; id <= 65_535; id++) assert.equal(ids.allocate(), id)
  assert.equal(ids.allocate(), 0)
  ids.release(65_535)
  ids.release(7)
  ids.release(3)
  assert.deepEqual([ids.allocate(), ids.allocate(), ids.allocate(), ids.allocate()], [3, 7, 65_535, 0])
})

test('releasing what is free, or never was an identifier, changes nothing', () => {
  const ids = new PacketIds()
  for (let id = 1; id <= 65_535; id++) ids.allocate()
  ids.release(9)
  ids.release(9)
  ids.release(0)
  assert.deepEqual([ids.allocate(), ids.allocate()], [9, 0])
})
