// The judge sees what is wrong. A harness that calls everything good would prove nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needs } from '../support/mosquitto.js'
import { CASES, type Case } from './cases.js'
import { judge, type Run, type Verdict } from './judge.js'
import { runCase } from './run-case.js'

function caseOf(name: string): Case {
  const found = CASES.find((each) => each.name === name)
  assert.ok(found, `no such case: ${name}`)
  return found
}

const SENT = ['1', '2', '3', '4']
const NOT_CONFIRMED = 'mqtt-pub: 2 of 4 message(s) not confirmed\n'

interface Row {
  what: string
  name: string
  run: Partial<Run>
  /** What the verdict has to say; all else is 0 and no fault. */
  verdict: Partial<Omit<Verdict, 'faults' | 'messages'>>
  faults?: RegExp
}

const ROWS: readonly Row[] = [
  { what: 'a good run', name: 'mqttv5 q2 pub-l fin-up', run: {}, verdict: {} },
  {
    what: 'a loss with status 0',
    name: 'mqttv5 q2 pub-l fin-up',
    run: { received: ['1', '2', '4'] },
    verdict: { lost: 1, falseStatus: 1 },
    faults: /1 lost; status 0 with 1 missing/,
  },
  {
    what: 'a duplicate at QoS 2',
    name: 'mqttv5 q2 pub-l fin-up',
    run: { received: ['1', '2', '2', '3', '4'] },
    verdict: { doubled: 1 },
    faults: /1 doubled/,
  },
  {
    what: 'a duplicate at QoS 1, which may be',
    name: 'mqttv5 q1 pub-l fin-up',
    run: { received: ['1', '2', '3', '2', '3', '4'] },
    verdict: { repeated: 2 },
  },
  {
    what: 'another order of first arrival',
    name: 'mqttv5 q1 pub-l fin-up',
    run: { received: ['1', '3', '2', '4'] },
    verdict: {},
    faults: /out of order/,
  },
  {
    what: 'a duplicate at QoS 0',
    name: 'mqttv311 q0 pub-l rst-up',
    run: { received: ['1', '2', '2', '3', '4'] },
    verdict: { doubled: 1 },
    faults: /1 doubled/,
  },
  {
    what: 'a QoS 0 loss that is told',
    name: 'mqttv311 q0 pub-l rst-up',
    run: { received: ['1', '2'], status: 7, stderr: NOT_CONFIRMED },
    verdict: { missing: 2 },
  },
  {
    what: 'a count that is too small',
    name: 'mqttv311 q0 pub-l rst-up',
    run: { received: ['1'], status: 7, stderr: NOT_CONFIRMED },
    verdict: { missing: 3, lost: 1, falseStatus: 1 },
    faults: /"2 not confirmed" with 3 missing/,
  },
  {
    what: 'a QoS 0 loss with status 0',
    name: 'mqttv311 q0 pub-l rst-up',
    run: { received: ['1'] },
    verdict: { lost: 3, falseStatus: 1 },
    faults: /status 0 with 3 missing/,
  },
  {
    what: 'giving up where a session is kept',
    name: 'mqttv5 q1 pub-l cuts',
    run: { received: ['1', '2'], status: 7, stderr: NOT_CONFIRMED },
    verdict: { missing: 2, falseStatus: 1 },
    faults: /status 7 where all can be delivered/,
  },
  {
    what: 'a program that hangs',
    name: 'mqttv5 q1 pub-l SIGTERM',
    run: { status: 'hang' },
    verdict: {},
    faults: /did not end/,
  },
  {
    what: 'a stack trace',
    name: 'mqttv5 q1 pub-l SIGTERM',
    run: { status: 'SIGTERM', stderr: 'Error: x\n    at main (file.cjs:1:2)\n' },
    verdict: {},
    faults: /a stack trace/,
  },
  {
    what: 'a gap behind a kill of mqtt-pub',
    name: 'mqttv5 q1 pub-l SIGKILL',
    run: { status: 'SIGKILL', received: ['1', '3'] },
    verdict: { lost: 1, missing: 2 },
    faults: /1 lost/,
  },
  {
    what: 'a gap in what mqtt-sub printed',
    name: 'mqttv5 q1 sub SIGKILL',
    run: { received: ['1', '2', '2', '4'] },
    verdict: { lost: 1, repeated: 1 },
    faults: /1 lost/,
  },
  {
    what: 'a response without status 0',
    name: 'mqttv5 q1 rr fin-up',
    run: { sent: ['a'], received: ['a'], status: 7 },
    verdict: { falseStatus: 1 },
    faults: /status 7 with 1 response/,
  },
  {
    what: 'status 0 without a response',
    name: 'mqttv5 q1 rr fin-up',
    run: { sent: ['a'], received: [] },
    verdict: { missing: 1, falseStatus: 1 },
    faults: /status 0 with 0 response/,
  },
]

for (const { what, name, run, verdict, faults } of ROWS) {
  test(`the judge on ${what}`, () => {
    const seen = {
      sent: SENT,
      received: SENT,
      status: 0,
      stderr: '',
      greeted: true,
      swallowed: false,
    } as const
    const { faults: told, messages: _, ...counts } = judge(caseOf(name), { ...seen, ...run })
    assert.deepEqual(counts, { lost: 0, missing: 0, doubled: 0, repeated: 0, falseStatus: 0, ...verdict })
    if (faults === undefined) assert.deepEqual(told, [])
    else assert.match(told.join('; '), faults)
  })
}

const programs = needs('mosquitto', 'mosquitto_pub', 'mosquitto_sub')

for (const [what, act, expected] of [
  ['loses', 'drop', { lost: 1, doubled: 0, falseStatus: 1 }],
  ['doubles', 'double', { lost: 0, doubled: 1, falseStatus: 0 }],
] as const) {
  test(`the harness sees a relay that ${what} a QoS 0 message`, programs, async (t) => {
    const planted = { at: { direction: 'up', packet: 'PUBLISH', nth: 17 }, act } as const
    const result = await runCase(t, caseOf('mqttv311 q0 pub-l none'), 'planted', planted)
    const { lost, doubled, falseStatus, happened } = result
    assert.deepEqual({ lost, doubled, falseStatus }, expected)
    assert.ok(happened)
  })
}
