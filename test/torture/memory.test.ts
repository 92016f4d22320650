// Nothing grows without bound (P5): the greatest resident memory of a program stays under 150 MB whatever the other side
// does. What is counted are bytes, not seconds.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { describe, test } from 'node:test'
import { needs } from '../support/mosquitto.js'
import { type Scenario, SHORT_LINES, STALLED } from './memory.js'

const LIMIT_BYTES = 150_000_000
/** A flood of short lines takes less: with a heap that grows as V8 would have it, a spool would take 130 MB. */
const FLOOD_LIMIT_BYTES = 110_000_000
const hasProc = existsSync('/proc/self/status')
  ? {}
  : { skip: 'there is no /proc here to tell the memory of a process' }

function testEach(scenarios: readonly Scenario[], limit: number): void {
  for (const { name, needsBroker, run } of scenarios) {
    test(name, needsBroker ? needs('mosquitto') : {}, async (t) => {
      const peak = await run(t)
      assert.ok(peak > 10_000_000, 'the memory was measured')
      assert.ok(peak < limit, `${(peak / 1e6).toFixed(0)} MB`)
    })
  }
}

describe('memory', { ...hasProc, concurrency: 4 }, () => testEach(STALLED, LIMIT_BYTES))

// One after the other: the garbage collector of a program that has no processor to itself falls behind.
describe('memory under a flood of short lines', hasProc, () => testEach(SHORT_LINES, FLOOD_LIMIT_BYTES))
