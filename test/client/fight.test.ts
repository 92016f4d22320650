// When lost connections look like another client with our identifier.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FightWatch } from '../../src/client/fight.js'

type Event = readonly [at: number, what: 'opened' | 'failed' | 'closed' | 'cut']

/** Whether, and when, a fight is seen. */
function seen(events: readonly Event[]): number | undefined {
  const watch = new FightWatch()
  for (const [at, what] of events) {
    if (what === 'opened') watch.opened(at)
    else if (what === 'failed') watch.failed()
    else if (watch.lost(what === 'closed', at)) return at
  }
  return undefined
}

/** Connections that last `lives` milliseconds each and end as `ends` says, with `pauses` between them. */
function connections(
  lives: readonly number[],
  ends: (nth: number) => 'closed' | 'cut',
  pauseMs = 1_000,
  failed: readonly number[] = [],
): Event[] {
  let at = 0
  return lives.flatMap((life, nth) => {
    const openedAt = at
    const closedAt = at + life
    at = closedAt + pauseMs
    const opened: Event[] = [[openedAt, 'opened']]
    return [
      ...(failed.includes(nth) ? [[openedAt, 'failed'] as const] : []),
      ...opened,
      [closedAt, ends(nth)],
    ]
  })
}

const closed = (): 'closed' => 'closed'
const DAY_MS = 86_400_000

for (const [what, lives, nth] of [
  ['a rival that comes back at once', [DAY_MS, 5, 5, 5, 5], 5],
  ['a rival that comes back after a second, as mosquitto_sub does', [DAY_MS, 1_000, 1_000, 1_000, 1_000], 5],
  ['a rival that backs off as we do', [500, 1_000, 2_000, 4_000, 8_000], 5],
  ['a rival that came first', [800, 800, 800, 800, 800, 800], 5],
] as const) {
  test(`${what} is a fight at the fifth loss`, () => {
    const events = connections(lives, closed)
    assert.equal(seen(events), events[nth * 2 - 1]?.[0])
  })
}

for (const [what, events] of [
  ['a broker that restarts four times at once', connections([DAY_MS, 100, 100, 100], closed)],
  ['a broker that restarts once a minute', connections(Array(50).fill(60_000), closed)],
  ['an idle limit of ten seconds', connections(Array(50).fill(10_000), closed)],
  [
    'a broker in a crash loop that refuses an attempt now and then',
    connections(Array(50).fill(100), closed, 1_000, [4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48]),
  ],
  ['a network that resets every connection', connections(Array(50).fill(100), () => 'cut')],
  [
    'a network that resets every fifth connection',
    connections(Array(50).fill(100), (nth) => (nth % 5 === 4 ? 'cut' : 'closed')),
  ],
] as const) {
  test(`${what} is none`, () => assert.equal(seen(events), undefined))
}
