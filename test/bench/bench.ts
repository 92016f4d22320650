// npm run bench [-- --only WORDS] [--runs N]: measures each case several times, ours and the peer in turn, and prints
// medians and ratios as a Markdown table on standard output, and as JSON into the file of --json.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { arch, cpus, release } from 'node:os'
import { parseArgs } from 'node:util'
import { CASES, type Case, type Result } from './cases.js'
import { median } from './measure.js'

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
  for (let at = 0; at <= many; at++) {
    const [one, other] = [await ours(), await peer.run()]
    if (at > 0) mine.push(one) && theirs.push(other)
  }
  const unit = kind === 'time' ? (r: Result) => r.seconds * 1000 : (r: Result) => r.done / r.seconds / 1e6
  const shown = (results: readonly Result[]): string => {
    const lost = results.some((result) => !isWhole(result)) ? ' (LOSES MESSAGES)' : ''
    const value = median(results.map(unit))
    return `${kind === 'time' ? `${value.toFixed(1)} ms` : `${value.toFixed(3)} M/s`}${lost}`
  }
  const comparable = [...mine, ...theirs].every(isWhole)
  const ratio = comparable
    ? median(mine.map((each, at) => unit(each) / unit(theirs[at] as Result)))
    : undefined
  return {
    name,
    goal: `${kind === 'time' ? '<=' : '>='} ${goal}`,
    ours: shown(mine),
    peer: `${shown(theirs)} ${peer.name}`,
    ratio,
    met: ratio === undefined ? undefined : kind === 'time' ? ratio <= goal : ratio >= goal,
    peakMiB: Math.round(Math.max(...mine.map(({ peakMiB }) => peakMiB))),
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
if (given.json !== undefined) writeFileSync(given.json, `${JSON.stringify({ ...machine, rows }, null, 2)}\n`)
