// Many passwords over worker threads: the answers of one, in order, and the error of the first that fails.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hash, type Scheme, verify } from '../../src/passwd/hash.js'
import { durationMs, type Job, workAll } from '../../src/passwd/pool.js'

const WORKER = fileURLToPath(new URL('../../dist/passwd-worker.cjs', import.meta.url))
const NOWHERE = '/nonexistent/worker.cjs'
const quick: Scheme = { name: 'sha512' }
const slow: Scheme = { name: 'bcrypt', cost: 6, revision: 'a' }
const job = (text: string, scheme: Scheme): Job => ({ password: Buffer.from(text), scheme })
const many = (scheme: Scheme, count: number): Job[] =>
  Array.from({ length: count }, (_, at) => job(`password ${at}`, scheme))

test('short work starts no worker', async () => {
  const values = await workAll(many(quick, 10), NOWHERE)
  for (const [at, value] of values.entries())
    assert.ok(await verify(Buffer.from(`password ${at}`), value as string))
})

test('a single job starts none, however long it takes', async () => {
  const one = job('x', { name: 'sha512-pbkdf2', iterations: 600_000 })
  assert.ok(durationMs([one]) > 500)
  assert.equal((await workAll([one], NOWHERE)).length, 1)
})

describe('long work', () => {
  test('in workers: every password has its hash, and each is told', async () => {
    const jobs = many(slow, 120)
    assert.ok(durationMs(jobs) > 500, 'enough to use workers')
    let done = 0
    const values = await workAll(jobs, WORKER, () => done++)
    assert.equal(done, 120)
    assert.equal(new Set(values).size, 120)
    for (const at of [0, 1, 60, 119]) {
      assert.ok(await verify(Buffer.from(`password ${at}`), values[at] as string))
    }
  })
  test('what is right already is left', async () => {
    const current = await hash(Buffer.from('password 3'), slow)
    const jobs = many(slow, 120).map((each) => ({ ...each, current }))
    const values = await workAll(jobs, WORKER)
    assert.deepEqual(
      values.flatMap((value, at) => (value === undefined ? [at] : [])),
      [3],
    )
  })
  test('a password that cannot be hashed: its error, of the class that it has here', async () => {
    const jobs = [...many(slow, 120), job('x'.repeat(73), slow)]
    await assert.rejects(workAll(jobs, WORKER), { name: 'UsageError', message: /73 bytes/ })
  })
  test('a worker that cannot start is an error', () =>
    assert.rejects(workAll(many(slow, 120), NOWHERE), /worker\.cjs/))
})
