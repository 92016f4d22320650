// npm run bench [-- --only WORDS] [--runs N]: measures each case several times, ours and the peer in turn, and prints
// medians and ratios as a Markdown table on standard output, and as JSON into the file of --json.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { arch, cpus, release } from 'node:os'
import { parseArgs } from 'node:util'
import { within } from '../support/processes.js'
import { SHORT_LINES, STALLED } from '../torture/memory.js'
import { CASES, type Case, type Result } from './cases.js'
import { median, pollMemory } from './measure.js'

const MEMORY_GOAL_MIB = 100

const { values: given } = parseArgs({
  options: { only: { type: 'string' }, runs: { type: 'string' }, json: { type: 'string' } },
})

interface Row {
  name: string
  goal: string
  ours: string
  peer: string
  ratio: number | undefined
  met: boolean | undefined
  peakMiB: number
}

function isWhole({ status, done, wanted }: Result): boolean {
  return status === 0 && done >= wanted
}

async function measured({ name, kind, goal, ours, peer, runs }: Case): Promise<Row> {
  const mine: Result[] = []
  const theirs: Result[] = []
  const many = given.runs === undefined ? runs : Number(given.runs)
  let peakMiB = 0
  for (let at = 0; at <= many; at++) {
    pollMemory(at === 0)
    const [one, other] = [await ours(), await peer.run()]
    peakMiB = Math.max(peakMiB, one.peakMiB)
    if (at > 0) mine.push(one) && theirs.push(other)
  }
  const unit = kind === 'rate' ? (r: Result) => r.done / r.seconds / 1e6 : (r: Result) => r.seconds * 1000
  const shown = (results: readonly Result[]): string => {
    const lost = results.some((result) => !isWhole(result)) ? ' (LOSES MESSAGES)' : ''
    return `${kind === 'rate' ? `${median(results.map(unit)).toFixed(3)} M/s` : `${median(results.map(unit)).toFixed(1)} ms`}${lost}`
  }
  const comparable = [...mine, ...theirs].every(isWhole)
  const against = (compare: (one: number, other: number) => number): number =>
    median(mine.map((each, at) => compare(unit(each), unit(theirs[at] as Result))))
  const ratio = comparable ? against((one, other) => one / other) : undefined
  const isMet = (ratio: number): boolean => {
    if (kind === 'delay') return against((one, other) => one - other) <= goal
    return kind === 'time' ? ratio <= goal : ratio >= goal
  }
  return {
    name,
    goal: kind === 'delay' ? `<= peer + ${goal} ms` : `${kind === 'time' ? '<=' : '>='} ${goal}`,
    ours: shown(mine),
    peer: `${shown(theirs)} ${peer.name}`,
    ratio,
    met: ratio === undefined ? undefined : isMet(ratio),
    peakMiB: Math.round(peakMiB),
  }
}

const rows: Row[] = []
const words = (given.only ?? '').split(' ').filter(Boolean)
for (const make of CASES) {
  const each = make()
  if (!words.every((word) => each.name.includes(word))) continue
  process.stderr.write(`${each.name}\n`)
  rows.push(await measured(each))
}

/** What a program holds at most while others stand still, send too much, or nothing but short lines. */
const held: { name: string; peakMiB: number }[] = []
for (const { name, run } of [...STALLED, ...SHORT_LINES]) {
  if (!words.every((word) => `memory: ${name}`.includes(word))) continue
  process.stderr.write(`memory: ${name}\n`)
  held.push({ name, peakMiB: Math.round((await within(run)) / 2 ** 20) })
}

const machine = {
  date: new Date().toISOString().slice(0, 10),
  cpu: `${cpus().length} x ${cpus()[0]?.model.trim()}, ${arch()}, Linux ${release()}`,
  node: process.version,
  mosquitto: version('mosquitto_pub'),
}

/** mosquitto's clients answer --version with status 1. */
function version(command: string): string {
  return spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0] ?? 'not installed'
}

console.log(`${machine.date}, ${machine.cpu}, Node ${machine.node}, ${machine.mosquitto}\n`)
console.log('| case | ours | peer | ratio | goal | met | peak MiB |')
console.log('|---|---|---|---|---|---|---|')
for (const { name, ours, peer, ratio, goal, met, peakMiB } of rows) {
  const shown = [
    name,
    ours,
    peer,
    ratio?.toFixed(2) ?? '-',
    goal,
    met === undefined ? '-' : met ? 'yes' : 'no',
    peakMiB,
  ]
  console.log(`| ${shown.join(' | ')} |`)
}
if (held.length > 0) {
  console.log(`\n| memory, goal < ${MEMORY_GOAL_MIB} MiB | peak MiB |\n|---|---|`)
  for (const { name, peakMiB } of held) console.log(`| ${name} | ${peakMiB} |`)
}
if (given.json !== undefined) {
  writeFileSync(given.json, `${JSON.stringify({ ...machine, rows, held }, null, 2)}\n`)
}
