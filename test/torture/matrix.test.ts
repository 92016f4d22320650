// A small part of the matrix, with seeds that never change. All of it: npm run torture.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { needs } from '../support/mosquitto.js'
import { CASES } from './cases.js'
import { runCase } from './run-case.js'

const SLICE: readonly string[] = [
  'mqttv31 q1 pub-l fin-up',
  'mqttv31 q2 pub-l cut-PUBREC',
  'mqttv311 q0 pub-l rst-up',
  'mqttv311 q2 pub-l broker-killed',
  'mqttv311 q1 pub-f cut-PUBACK',
  'mqttv5 q0 pub-l SIGTERM',
  'mqttv5 q1 pub-l SIGKILL',
  'mqttv5 q2 pub-l cuts',
  'mqttv5 q2 pub-l single-bytes',
  'mqttv5 q2 pub-f delay',
  'mqttv31 q2 sub cut-PUBREL',
  'mqttv311 q1 sub rst-down',
  'mqttv311 q2 sub stdout-stalls',
  'mqttv5 q0 sub slow',
  'mqttv5 q2 sub broker-restarted',
  'mqttv5 q2 sub cuts',
  'mqttv31 q1 rr cut-PUBLISH',
  'mqttv311 q0 rr stdout-closed',
  'mqttv5 q2 rr broker-frozen',
  'mqttv5 q1 rr stdin-stalls',
]

const programs = needs('mosquitto', 'mosquitto_pub', 'mosquitto_sub')

describe('torture', { concurrency: 6 }, () => {
  for (const name of SLICE) {
    const found = CASES.find((each) => each.name === name)
    if (found === undefined) throw new Error(`no such case: ${name}`)
    test(name, programs, async (t) => {
      if (process.platform !== 'linux') return t.skip('only Linux shows what the broker has not read yet')
      const { faults } = await runCase(t, found, 'fixed')
      assert.deepEqual(faults, [])
    })
  }
})
