// A line on the terminal that tells how far long publishing has come.

import { Alarm, now } from '../client/index.js'
import type { Given } from './flags/table.js'
import type { Io } from './io.js'

const DRAW_MS = 250
/** The rate is that of as many drawings. */
const SAMPLES = 9

export interface Progress {
  read: number
  sent: number
  confirmed: number
  inFlight: number
  /** In a spool. */
  waiting?: number
}

/** Draws until the function returned is called: not at once, as most runs are over before. */
export function showProgress({ progress, quiet }: Given, io: Io, read: () => Progress): () => void {
  if (!progress || quiet || io.screen === undefined) return () => {}
  const alarm = new Alarm()
  let samples = [{ at: now(), confirmed: 0 }]
  const draw = (): void => {
    const at = now()
    const current = read()
    samples = [...samples, { at, confirmed: current.confirmed }].slice(-SAMPLES)
    const [oldest] = samples as [(typeof samples)[0]]
    const perSecond = (1_000 * (current.confirmed - oldest.confirmed)) / (at - oldest.at)
    io.draw(lineOf(current, perSecond))
    alarm.set(at + DRAW_MS, draw)
  }
  alarm.set(now() + DRAW_MS, draw)
  return () => {
    alarm.cancel()
    io.draw('')
  }
}

function lineOf({ read, sent, confirmed, inFlight, waiting }: Progress, perSecond: number): string {
  const parts = [`${read} read`, `${sent} sent`, `${confirmed} confirmed`, `${inFlight} in flight`]
  if (waiting !== undefined) parts.push(`${waiting} in the spool`)
  return [...parts, `${Math.round(perSecond)}/s`].join(', ')
}
