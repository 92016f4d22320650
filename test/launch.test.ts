// Starting a program from its file and its code cache.

import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cachePath, launch } from '../src/launch.js'
import { start, temporaryFolder } from './support/processes.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DIST = join(ROOT, 'dist')
const PROGRAMS = ['mqtt-pub', 'mqtt-sub', 'mqtt-rr', 'mqtt-passwd'] as const

/** `--version` of a program in a copy of what was built, in which `change` was at work. */
async function versionAfter(
  t: TestContext,
  change: (dist: string, caches: string[]) => void,
): Promise<string> {
  const root = temporaryFolder(t)
  cpSync(join(ROOT, 'bin'), join(root, 'bin'), { recursive: true })
  const dist = join(root, 'dist')
  cpSync(DIST, dist, { recursive: true, filter: (path) => !path.endsWith('types') })
  change(dist, cachesIn(dist))
  const { status, stdout, stderr } = await start(t, process.execPath, [
    join(root, 'bin/mqtt-pub'),
    '--version',
  ]).ended
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  return stdout.toString()
}

function cachesIn(dist: string): string[] {
  return readdirSync(dist)
    .filter((name) => name.endsWith('.cache'))
    .map((name) => join(dist, name))
}

test('each program has a cache of this build, and no other', () => {
  const expected = PROGRAMS.map((program) => {
    const path = join(DIST, `${program}.cjs`)
    return cachePath(path, readFileSync(path, 'latin1'))
  })
  assert.deepEqual(cachesIn(DIST).toSorted(), expected.toSorted())
})

test('a cache is taken by the Node that made it', async (t) => {
  // V8 says so in a field of the script: a program started by hand asks it.
  const script = `
    const { readFileSync } = require('node:fs')
    const { Script } = require('node:vm')
    const [, path, cache] = process.argv
    const source = '(function (exports, require, module, __filename, __dirname) {' + readFileSync(path, 'latin1') + '\\n})'
    console.log(new Script(source, { filename: path, cachedData: readFileSync(cache) }).cachedDataRejected)`
  for (const program of PROGRAMS) {
    const path = join(DIST, `${program}.cjs`)
    const cache = cachePath(path, readFileSync(path, 'latin1'))
    const { stdout } = await start(t, process.execPath, ['-e', script, path, cache]).ended
    assert.equal(stdout.toString(), 'false\n', program)
  }
})

test('without its cache a program runs as well', async (t) => {
  const version = await versionAfter(t, (_, caches) => {
    for (const cache of caches) rmSync(cache)
  })
  assert.match(version, /^mqtt-pub \d/)
})

test('a cache that is damaged is left alone', async (t) => {
  const version = await versionAfter(t, (_, caches) => {
    for (const cache of caches) writeFileSync(cache, readFileSync(cache).fill(0x5a, 4, 400))
  })
  assert.match(version, /^mqtt-pub \d/)
})

test('a file that was changed since does not get the cache of the old one', async (t) => {
  const version = await versionAfter(t, (dist) => {
    const path = join(dist, 'mqtt-pub.cjs')
    // As long as before, but another program.
    const changed = readFileSync(path, 'latin1')
      .replace(/^\/\/..../, '//0000')
      .replace(' --help', ' --HELP')
    writeFileSync(path, changed, 'latin1')
  })
  assert.match(version, /^mqtt-pub \d/)
})

test('files load each other by relative paths, once', (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(
    join(folder, 'one.cjs'),
    `//1\nexports.two = require('./two.cjs'); exports.again = require('./two.cjs')`,
  )
  writeFileSync(
    join(folder, 'two.cjs'),
    `//2\nexports.folder = __dirname; exports.path = require('node:path')`,
  )
  const seen: string[] = []
  const one = launch(join(folder, 'one.cjs'), (path) => seen.push(path)) as Record<string, unknown>
  assert.equal(one.two, one.again)
  assert.equal((one.two as { folder: string }).folder, folder)
  assert.deepEqual(seen, [join(folder, 'one.cjs'), join(folder, 'two.cjs')])
})
