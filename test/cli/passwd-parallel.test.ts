// Many runs on one file, runs that are killed at random moments, and long work that is interrupted (issue).

import assert from 'node:assert/strict'
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findCommand, start as startCommand, until } from '../support/processes.js'
import { assertLine, assertUntouched, beside, fileWith, passwd, read } from './passwd-support.js'
import { start } from './support.js'

const BIN = fileURLToPath(new URL('../../bin/mqtt-passwd', import.meta.url))
const ADD = ['--quiet', '-b', '-H', 'sha512', '--lock-timeout', '80']

test('50 parallel adds leave 50 users, and nothing else', async (t) => {
  const path = fileWith(t, '# head\nold:x')
  const users = Array.from({ length: 50 }, (_, at) => `user${at}`)
  const runs = await Promise.all(users.map((user) => passwd(t, [...ADD, path, user, `of ${user}`])))
  for (const [at, run] of runs.entries()) {
    assert.deepEqual(run, { code: 0, out: `added ${users[at]}\n`, err: '' })
  }
  const lines = read(path).trimEnd().split('\n')
  assert.deepEqual(lines.slice(0, 2), ['# head', 'old:x'])
  assert.deepEqual(
    lines
      .slice(2)
      .map((line) => line.split(':')[0])
      .toSorted(),
    users.toSorted(),
  )
  for (const [at, line] of lines.slice(2).entries()) {
    const user = line.split(':')[0] as string
    if (at % 10 === 0) await assertLine(line, 1, user, `of ${user}`)
  }
  assert.deepEqual(beside(path), [])
})

test('parallel updates, deletes and imports of different users disturb nobody', async (t) => {
  const users = Array.from({ length: 8 }, (_, at) => `user${at}`)
  const path = fileWith(t, users.map((user) => `${user}:x\n`).join(''))
  await Promise.all([
    ...users.slice(0, 3).map((user) => passwd(t, [...ADD, path, user, 'new'])),
    ...users.slice(3, 6).map((user) => passwd(t, ['-D', path, user])),
    passwd(t, ['--import', 'lines', path], 'user6:new\nmore:new\n'),
  ])
  const text = read(path)
  assert.deepEqual(
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(':')[0]),
    ['user0', 'user1', 'user2', 'user6', 'user7', 'more'],
  )
  for (const line of [1, 2, 3, 4, 6]) {
    await assertLine(text, line, text.split('\n')[line - 1]?.split(':')[0] as string, 'new')
  }
  assert.match(text, /^user7:x$/m)
})

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), bits | 61)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296
  }
}

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)
/** Longer than a run takes here. */
const RUN_MS = 200
const LANES = 4
const KILLS = 50

describe(`${LANES * KILLS} runs killed with SIGKILL at random moments (SEED=${SEED})`, {
  concurrency: LANES,
}, () => {
  for (let lane = 0; lane < LANES; lane++) {
    test(`lane ${lane}: the file is whole every time`, async (t) => {
      const next = random(SEED + lane)
      const path = fileWith(t, '# head\nold:x\n')
      for (let at = 0; at < KILLS; at++) {
        const before = read(path)
        await killed(t, path, `user${at}`, next)
        const now = read(path)
        if (now !== before) {
          const added = now.slice(before.length)
          assert.ok(now.startsWith(before), `kill ${at}: ${now}`)
          assert.match(added, /^user\d+:\$6\$[^$\n]{16}\$[^$\n]{88}\n$/, `kill ${at}`)
        }
      }
      // What the dead have left does not hinder the living, and is gone.
      const { code } = await passwd(t, ['--quiet', '-b', '--lock-timeout', '0', path, 'last', 'x'])
      assert.equal(code, 0)
      assert.deepEqual(beside(path), [])
    })
  }
})

/** Half of the runs die at any moment, the others soon after they have begun to work in the folder. */
async function killed(t: TestContext, path: string, user: string, next: () => number): Promise<void> {
  const run = start(t, 'mqtt-passwd', [...ADD, path, user, 'x'])
  const kill = (): void => run.kill('SIGKILL')
  const inWork = next() < 0.5
  const delayMs = next() * (inWork ? 3 : RUN_MS)
  const timers: NodeJS.Timeout[] = []
  const watcher = inWork
    ? watch(join(path, '..'), () => {
        watcher?.close()
        timers.push(setTimeout(kill, delayMs))
      })
    : undefined
  if (!inWork) timers.push(setTimeout(kill, delayMs))
  await run.done
  watcher?.close()
  for (const timer of timers) clearTimeout(timer)
}

const MANY = Array.from({ length: 3_000 }, (_, at) => `user${at}:password ${at}\n`).join('')
const SLOW = ['-H', 'bcrypt', '--cost', '10']

describe('long work', () => {
  const linux = existsSync('/proc/self/task') ? {} : { skip: 'there is no /proc' }
  test(
    'SIGINT in the middle: it dies by the signal, the file untouched, nothing beside it',
    linux,
    async (t) => {
      const path = fileWith(t, 'old:x\n')
      const run = start(t, 'mqtt-passwd', [...SLOW, '--import', 'lines', path], { input: MANY })
      // User and system time in hundredths of a second: all of the work would take two minutes.
      const ticks = (): number => {
        const fields = readFileSync(`/proc/${run.pid}/stat`, 'latin1')
          .replace(/^.*\) /s, '')
          .split(' ')
        return Number(fields[11]) + Number(fields[12])
      }
      await until('its workers run', () => ticks() > 150)
      run.kill('SIGINT')
      const { signal, stdout, stderr } = await run.done
      assert.deepEqual(
        [signal, stdout.toString(), stderr.toString()],
        ['SIGINT', '', ''],
        'and no bar in a pipe',
      )
      assertUntouched(path, 'old:x\n')
    },
  )
  const script = findCommand('script')
  const terminal = script === undefined ? { skip: 'script (of bsdutils) is not on PATH' } : {}
  for (const [quiet, bar] of [
    ['', true],
    ['--quiet', false],
  ] as const) {
    test(`a bar on a terminal${bar ? ', which Ctrl-C ends' : ', not with --quiet'}`, terminal, async (t) => {
      const path = fileWith(t, 'old:x\n')
      const users = fileWith(t, bar ? MANY : MANY.split('\n').slice(0, 60).join('\n'))
      const cost = bar ? SLOW : ['-H', 'bcrypt', '--cost', '9']
      const words = [process.execPath, BIN, quiet, ...cost, '--import', 'lines', path, '<', users]
      const command = `trap : INT; ${words.join(' ')}; echo "status $?"`
      const run = startCommand(t, script as string, ['-qec', command, '/dev/null'], { input: 'open' })
      if (bar) {
        await until('the bar moves', () => /hashing \S+ [1-9]\d* of 3000/.test(run.stdout.toString()))
        run.write('\u0003')
      }
      const { stdout } = await run.ended
      assert.match(stdout.toString(), bar ? /status 130\r\n$/ : /^added 60\r\nstatus 0\r\n$/)
      if (bar) assertUntouched(path, 'old:x\n')
    })
  }
  test('many values to hash in place, over workers', async (t) => {
    const lines = Array.from({ length: 40 }, (_, at) => `user${at}:p${at}`)
    const path = fileWith(t, `${lines.join('\n')}\n# end\n`)
    writeFileSync(path, `${read(path)}`)
    assert.equal((await passwd(t, ['-H', 'bcrypt', '--cost', '8', '-U', path])).code, 0)
    const text = read(path)
    assert.ok(text.endsWith('\n# end\n'))
    for (const at of [0, 13, 39]) await assertLine(text, at + 1, `user${at}`, `p${at}`)
  })
})
