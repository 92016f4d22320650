// npm run torture: every case of the matrix, and mqtt-sub killed again and again. Prints each failing case with the
// command that runs it again, and at the end a table.
//
//   npm run torture -- [--rounds N] [--only PATTERN] [--seed S] [--jobs N]

import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { findCommand, type Scope, within } from '../support/processes.js'
import { newSeed } from '../support/random.js'
import { CASES, type Case, VERSIONS, type Version } from './cases.js'
import { type Killed, killAgainAndAgain } from './kills.js'
import { type Result, runCase } from './run-case.js'
import { table } from './table.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: newSeed() },
    jobs: { type: 'string', default: '6' },
  },
})
const { seed } = values
const pattern = new RegExp(values.only)

interface Job {
  name: string
  seed: string
  /** Answers what broke a promise. */
  run(t: Scope): Promise<readonly string[]>
}

const KILLS = 200
const results: { test: Case; result: Result }[] = []
const killed: Killed[] = []

function jobOf(test: Case, seed: string): Job {
  const run = async (t: Scope): Promise<readonly string[]> => {
    const result = await runCase(t, test, seed)
    results.push({ test, result })
    return result.faults
  }
  return { name: test.name, seed, run }
}

function killJob(version: Version, seed: string): Job {
  const run = async (t: Scope): Promise<readonly string[]> => {
    const result = await killAgainAndAgain(t, { version, messages: 20_000, kills: KILLS, seed })
    killed.push(result)
    return result.lost.length > 0 ? [`${result.lost.length} lost`] : []
  }
  return { name: `${version} q1+q2 sub kills`, seed, run }
}

const rounds = Array.from({ length: Number(values.rounds) }, (_, nth) =>
  nth === 0 ? seed : `${seed}.${nth}`,
)
const jobs = rounds
  .flatMap((seed) => [
    ...VERSIONS.map((version) => killJob(version, seed)),
    ...CASES.map((test) => jobOf(test, seed)),
  ])
  .filter(({ name }) => pattern.test(name))
let failures = 0
let done = 0

async function work(): Promise<void> {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    const { name, seed, run } = job
    let faults: readonly string[]
    try {
      faults = await within(run)
    } catch (error) {
      faults = [`the harness failed: ${(error as Error).message}`]
    }
    done++
    if (faults.length > 0) {
      failures++
      console.log(`FAILED ${name}: ${faults.join('; ')}`)
      console.log(`       npm run torture -- --seed ${seed} --only '^${name.replaceAll('+', '.')}$'`)
    } else if (process.stdout.isTTY) {
      process.stdout.write(`\r${done} done, ${jobs.length} to go `)
    }
  }
}

const { stdout: help } = spawnSync(findCommand('mosquitto') ?? 'mosquitto', ['-h'], { encoding: 'utf8' })
console.log(`seed ${seed}, ${jobs.length} cases`)
await Promise.all(Array.from({ length: Number(values.jobs) }, work))
console.log(`\n${table(results, { date: new Date(), broker: help.split('\n')[0] ?? '' })}`)
for (const { lost, repeated } of killed) {
  console.log(`mqtt-sub killed ${KILLS} times in 20,000 messages: ${lost.length} lost, ${repeated} repeated`)
}
console.log(failures === 0 ? 'All promises kept.' : `${failures} case(s) failed.`)
process.exitCode = failures === 0 ? 0 : 1
