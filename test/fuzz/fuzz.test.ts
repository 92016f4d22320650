// A fixed number of rounds of the fuzzers, with a new seed each time, or with that of SEED=...

import { test } from 'node:test'
import { newSeed, randomFrom } from '../support/random.js'
import { fuzzDecoder } from './decoder.js'
import { fuzzSession } from './session.js'

const seed = newSeed()

for (const [name, fuzz, rounds] of [
  ['decoder', fuzzDecoder, 15_000],
  ['session', fuzzSession, 1_500],
] as const) {
  test(`${rounds} rounds of the ${name} under any bytes`, (t) => {
    t.diagnostic(`SEED=${seed}`)
    for (let at = 0; at < rounds; at++) {
      try {
        fuzz(randomFrom(`${seed} ${name} ${at}`))
      } catch (error) {
        throw new Error(`round ${at}: npm run fuzz -- --seed ${seed} --round ${at}`, { cause: error })
      }
    }
  })
}
