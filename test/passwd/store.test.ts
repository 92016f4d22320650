// Files on disk: a crash between any two system calls, locks of the living and the dead, modes, owners and links.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type Files, Lock, type Self } from '../../src/passwd/lock.js'
import { Store } from '../../src/passwd/store.js'
import { temporaryFolder } from '../support/run.js'

const DEAD = 999_999_999
/** Nobody but this process is alive. */
const self: Self = { pid: process.pid, isRunning: (pid) => pid === process.pid }
const dying: Self = { ...self, pid: DEAD }
const OLD = 'a:1\n'
const NEW = 'a:1\nb:2\n'
const toNew = (): Buffer => Buffer.from(NEW)

function fileIn(t: TestContext, content?: string): string {
  const path = join(temporaryFolder(t), 'passwd')
  if (content !== undefined) fs.writeFileSync(path, content, { mode: 0o600 })
  return path
}

function beside(path: string): string[] {
  return fs.readdirSync(join(path, '..')).filter((name) => name !== basename(path))
}

function content(path: string): string | undefined {
  return fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : undefined
}

class Crash extends Error {}

/** node:fs for a process that dies at call number `at`: before it, or, where `torn`, half way through a write. */
function crashing(at: number, torn: boolean): { files: Files; calls: () => number } {
  let calls = 0
  const files = new Proxy(fs, {
    get:
      (_, name: keyof Files) =>
      (...args: unknown[]) => {
        const run = fs[name] as (...args: unknown[]) => unknown
        // A process that is dead does nothing more, so neither do the `finally` of our code.
        if (++calls < at) return run(...args)
        if (calls === at && torn && name === 'writeFileSync')
          run(args[0], String(args[1]).slice(0, 3), args[2])
        throw new Crash()
      },
  })
  return { files, calls: () => calls }
}

describe('a crash between any two system calls', () => {
  for (const [what, before] of [
    ['a change', OLD],
    ['a new file', undefined],
  ] as const) {
    for (const torn of [false, true]) {
      test(`${what} leaves the old file or the new one${torn ? ', in the middle of a write too' : ''}, and the next run cleans up`, (t) => {
        const count = crashing(Number.POSITIVE_INFINITY, false)
        new Store(fileIn(t, before), dying, count.files).attempt(toNew)
        const seen = new Set<string | undefined>()
        assert.ok(count.calls() > 15, `${count.calls()} calls`)
        for (let at = 1; at <= count.calls(); at++) {
          const path = fileIn(t, before)
          const { files } = crashing(at, torn)
          assert.throws(() => new Store(path, dying, files).attempt(toNew), Crash)
          const left = content(path)
          assert.ok(left === before || left === NEW, `call ${at}: ${left}`)
          if (left !== undefined) assert.equal(fs.statSync(path).mode & 0o777, 0o600)
          seen.add(left)
          const next = new Store(path, self).attempt(() => Buffer.from('next'))
          assert.equal(next.kind, 'written', `call ${at}`)
          assert.equal(content(path), 'next')
          assert.deepEqual(beside(path), [], `call ${at}`)
        }
        assert.deepEqual(seen, new Set([before, NEW]), 'both come about')
      })
    }
  }
})

describe('an error of the file system', () => {
  test('at any call: the file is the old one or the new one, and nothing is left beside it', (t) => {
    const count = crashing(Number.POSITIVE_INFINITY, false)
    new Store(fileIn(t, OLD), self, count.files).attempt(toNew)
    for (let at = 1; at <= count.calls(); at++) {
      const path = fileIn(t, OLD)
      let calls = 0
      const full = new Proxy(fs, {
        get:
          (_, name: keyof Files) =>
          (...args: unknown[]) => {
            if (++calls === at && !['unlinkSync', 'closeSync'].includes(name)) {
              throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
            }
            return (fs[name] as (...args: unknown[]) => unknown)(...args)
          },
      })
      try {
        new Store(path, self, full).attempt(toNew)
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'EIO')
      }
      assert.ok([OLD, NEW].includes(content(path) as string), `call ${at}`)
      // A lock whose release failed is broken once this process is gone; here it still lives.
      const left = beside(path).filter((name) => name !== '.passwd.lock')
      assert.deepEqual(left, [], `call ${at}`)
    }
  })
})

describe('locks', () => {
  const lockOf = (path: string): string => join(path, '..', '.passwd.lock')

  test('a living holder is named, and nothing is changed', (t) => {
    const path = fileIn(t, OLD)
    const other = new Lock(path, self)
    assert.equal(other.take(), undefined)
    const mark = content(lockOf(path))
    const outcome = new Store(path, self).attempt(toNew)
    assert.deepEqual(outcome, {
      kind: 'busy',
      holder: { pid: process.pid, host: hostname(), path: lockOf(fs.realpathSync(path)) },
    })
    assert.equal(content(path), OLD)
    assert.equal(content(lockOf(path)), mark)
    other.release()
    assert.deepEqual(beside(path), [])
    assert.equal(new Store(path, self).attempt(toNew).kind, 'written')
  })
  test('a dead holder on this host loses it', (t) => {
    const path = fileIn(t, OLD)
    new Lock(path, dying).take()
    assert.equal(new Store(path, self).attempt(toNew).kind, 'written')
    assert.deepEqual(beside(path), [])
  })
  test('one whose number another process has by now loses it', {
    skip: !fs.existsSync('/proc/self/stat'),
  }, (t) => {
    const path = fileIn(t, OLD)
    fs.writeFileSync(lockOf(path), `${process.pid} ${hostname()} 1 aa\n`)
    assert.equal(new Store(path, self).attempt(toNew).kind, 'written')
  })
  for (const [what, mark] of [
    ['on another host', `${DEAD} elsewhere - aa\n`],
    ['that nobody can read', 'who knows\n'],
    ['that is empty', ''],
  ] as const) {
    test(`a holder ${what} keeps it`, (t) => {
      const path = fileIn(t, OLD)
      fs.writeFileSync(lockOf(path), mark)
      assert.equal(new Store(path, self).attempt(toNew).kind, 'busy')
      assert.equal(content(lockOf(path)), mark)
      assert.deepEqual(beside(path), ['.passwd.lock'])
    })
  }
  test('a lock that changed hands while its dead holder was judged is put back', (t) => {
    const path = fileIn(t, OLD)
    new Lock(path, dying).take()
    const winner = `${process.pid} ${hostname()} - winner\n`
    const files = new Proxy(fs, {
      get: (_, name: keyof Files) =>
        name !== 'renameSync'
          ? fs[name]
          : (from: string, to: string) => {
              // Somebody else was faster, between our look and our move.
              fs.writeFileSync(from, winner)
              fs.renameSync(from, to)
            },
    })
    assert.equal(new Store(path, self, files).attempt(toNew).kind, 'busy')
    assert.equal(content(lockOf(path)), winner)
    assert.equal(content(path), OLD)
    assert.deepEqual(beside(path), ['.passwd.lock'])
  })
  test('whoever has lost the lock changes nothing and starts over', (t) => {
    const path = fileIn(t, OLD)
    const outcome = new Store(path, self).attempt(() => {
      fs.writeFileSync(lockOf(path), 'another\n')
      return Buffer.from(NEW)
    })
    assert.deepEqual(outcome, { kind: 'again' })
    assert.equal(content(path), OLD)
    assert.equal(content(lockOf(path)), 'another\n', 'and does not remove the lock of another')
  })
  test('a file system without hard links', (t) => {
    const path = fileIn(t)
    const files = new Proxy(fs, {
      get: (_, name: keyof Files) =>
        name !== 'linkSync'
          ? fs[name]
          : () => {
              throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
            },
    })
    assert.equal(new Store(path, self, files).attempt(toNew).kind, 'written')
    assert.deepEqual([content(path), beside(path)], [NEW, []])
  })
  test('temporary files of the living are left alone, those of the dead go', (t) => {
    const path = fileIn(t, OLD)
    const [living, dead] = [new Lock(path, self).temporary(), new Lock(path, dying).temporary()]
    const others = ['.passwd.note.tmp', `${basename(dead)}x`, `.other${basename(dead).slice(7)}`]
    for (const each of [living, dead, ...others.map((name) => join(path, '..', name))])
      fs.writeFileSync(each, '')
    assert.equal(new Store(path, self).attempt(toNew).kind, 'written')
    assert.deepEqual(beside(path).toSorted(), [basename(living), ...others].toSorted())
  })
  test('a name as long as can be', (t) => {
    const path = join(temporaryFolder(t), 'ä'.repeat(127))
    fs.writeFileSync(path, OLD)
    assert.equal(new Store(path, self).attempt(toNew).kind, 'written')
    assert.deepEqual([content(path), beside(path)], [NEW, []])
  })
})

describe('a file that another tool changes in between', () => {
  test('is read again', (t) => {
    const path = fileIn(t, OLD)
    const store = new Store(path, self)
    const outcome = store.attempt((before) => {
      fs.appendFileSync(path, 'other:3\n')
      return Buffer.from(`${before}b:2\n`)
    })
    assert.deepEqual([outcome.kind, content(path)], ['again', `${OLD}other:3\n`])
    assert.equal(store.attempt((before) => Buffer.from(`${before}b:2\n`)).kind, 'written')
    assert.equal(content(path), `${OLD}other:3\nb:2\n`)
  })
  test('is not overwritten where it was to be new', (t) => {
    const path = fileIn(t)
    const outcome = new Store(path, self).attempt(() => {
      fs.writeFileSync(path, 'theirs')
      return Buffer.from(NEW)
    })
    assert.deepEqual([outcome.kind, content(path), beside(path)], ['again', 'theirs', []])
  })
  test('is not overwritten in the last moment either', (t) => {
    const path = fileIn(t)
    const files = new Proxy(fs, {
      get: (_, name: keyof Files) =>
        name !== 'linkSync'
          ? fs[name]
          : (from: string, to: string) => {
              if (to === join(fs.realpathSync(join(path, '..')), 'passwd')) fs.writeFileSync(path, 'theirs')
              fs.linkSync(from, to)
            },
    })
    assert.equal(new Store(path, self, files).attempt(toNew).kind, 'again')
    assert.deepEqual([content(path), beside(path)], ['theirs', []])
  })
})

test('no change leaves inode and times', (t) => {
  const path = fileIn(t, OLD)
  const before = fs.statSync(path, { bigint: true })
  assert.deepEqual(
    new Store(path, self).attempt(() => undefined),
    { kind: 'unchanged' },
  )
  const { ino, mtimeNs, ctimeNs } = fs.statSync(path, { bigint: true })
  assert.deepEqual([ino, mtimeNs, ctimeNs], [before.ino, before.mtimeNs, before.ctimeNs])
})
