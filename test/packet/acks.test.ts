// Acknowledgements in one number each.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  ack,
  encode,
  isPuback,
  packAck,
  packetIdOf,
  unpackAck,
  type Version,
  Writer,
  writeAcks,
} from '../../src/packet/index.js'

const answer = fc.record({
  type: fc.constantFrom('puback', 'pubrec', 'pubrel', 'pubcomp'),
  packetId: fc.integer({ min: 1, max: 65_535 }),
  reasonCode: fc.constantFrom(0, 0x92, 0xff),
})

test('packed acknowledgements are written as the packets that they stand for', () => {
  fc.assert(
    fc.property(fc.constantFrom<Version>(3, 4, 5), fc.array(answer), (version, answers) => {
      const packets = answers.map(({ type, packetId, reasonCode }) => ack(type, packetId, reasonCode))
      const packed = answers.map(({ type, packetId, reasonCode }) => packAck(type, packetId, reasonCode))
      assert.deepEqual(packed.map(unpackAck), packets)
      assert.deepEqual(
        packed.map(packetIdOf),
        answers.map(({ packetId }) => packetId),
      )
      assert.deepEqual(
        packed.map(isPuback),
        answers.map(({ type }) => type === 'puback'),
      )
      const out = new Writer()
      writeAcks(out, packed, version)
      const expected = Buffer.concat(packets.map((packet) => encode(packet, version)))
      assert.deepEqual(Buffer.concat(out.take()), expected)
    }),
  )
})
