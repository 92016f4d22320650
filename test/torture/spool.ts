// npm run torture:spool: two million lines at QoS 1 through a spool, publisher and broker killed twenty times each.
// LINES, KILLS and SEED in the environment change that.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cannot, needs } from '../support/mosquitto.js'
import { newSeed, stream } from '../support/spool-stream.js'

const count = Number(process.env.LINES ?? 2_000_000)
const kills = Number(process.env.KILLS ?? 20)

test(`${count} lines, ${kills} kills of each`, needs('mosquitto'), async (t) => {
  if (process.platform !== 'linux') return cannot(t, 'only Linux shows what the broker has not read yet')
  const seed = newSeed()
  console.log(`SEED=${seed}`)
  const began = performance.now()
  const { stdout, runs } = await stream(t, { version: 'mqttv311', qos: 1, count, kills, seed, ahead: 50_000 })
  const seconds = (performance.now() - began) / 1_000
  const arrived = new Uint8Array(count + 1)
  let lines = 0
  for (const line of stdout.toString('latin1').trimEnd().split('\n')) {
    const number = Number(line)
    assert.ok(number >= 1 && number <= count, line)
    arrived[number] = 1
    lines++
  }
  const missing = count - arrived.reduce((sum, each) => sum + each, 0)
  console.log(
    `${count} lines in ${runs} runs: ${missing} missing, ${lines - count + missing} came twice, ` +
      `${seconds.toFixed(0)} s, ${Math.round(count / seconds)} lines/s`,
  )
  assert.equal(missing, 0)
})
