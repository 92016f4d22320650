// npm run fuzz: decoder and session under any bytes, for hours if need be.
//
//   npm run fuzz -- [--seconds N] [--seed S]
//
// Each round has a seed of its own, made of the seed and its number; a round that fails is printed with it.

import { parseArgs } from 'node:util'
import { newSeed, randomFrom } from '../support/random.js'
import { fuzzDecoder } from './decoder.js'
import { fuzzSession } from './session.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: newSeed() },
    round: { type: 'string' },
  },
})
const { seed, round } = values
const end = performance.now() + 1_000 * Number(values.seconds)
console.log(`seed ${seed}`)
let at = Number(round ?? 0)
for (; performance.now() < end; at++) {
  try {
    fuzzDecoder(randomFrom(`${seed} decoder ${at}`))
    fuzzSession(randomFrom(`${seed} session ${at}`))
  } catch (error) {
    console.error(`FAILED in round ${at}: npm run fuzz -- --seed ${seed} --round ${at}`)
    throw error
  }
  if (round !== undefined) break
}
console.log(`${at} rounds, nothing found`)
