// Starting a program from its file and its code cache.

import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { helpText } from '../src/cli/flags/help.js'
import { FLAGS } from '../src/cli/flags/index.js'
import { cachePath, launch } from '../src/launch.js'
import { broker } from './broker/broker.js'
import { deadPort } from './support/ports.js'
import { start, temporaryFolder } from './support/processes.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DIST = join(ROOT, 'dist')
const PROGRAMS = ['mqtt-pub', 'mqtt-sub', 'mqtt-rr', 'mqtt-passwd'] as const

interface Built {
  /** The launcher of mqtt-pub. */
  bin: string
  dist: string
  caches: readonly string[]
}

/** A copy of what was built, to be changed. */
function copyOf(t: TestContext): Built {
  const root = temporaryFolder(t)
  cpSync(join(ROOT, 'bin'), join(root, 'bin'), { recursive: true })
  const dist = join(root, 'dist')
  cpSync(DIST, dist, { recursive: true, filter: (path) => !path.endsWith('types') })
  return { bin: join(root, 'bin/mqtt-pub'), dist, caches: cachesIn(dist) }
}

async function helpOf(t: TestContext, { bin }: Built): Promise<string> {
  const { status, stdout, stderr } = await start(t, process.execPath, [bin, '--help']).ended
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  return stdout.toString()
}

function cachesIn(dist: string): string[] {
  return readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.cache'))
    .map((name) => join(dist, name))
}

/** Without the mark of the build: `mqtt-pub.cjs`, or `mqtt-pub-help.cjs` of a part. */
function nameOf(path: string): string {
  return basename(path).replace(/(-[A-Z0-9]{8})?\.cjs.*$/, '.cjs')
}

test('what most runs load has a cache of this build, and there is no other', () => {
  const caches = cachesIn(DIST)
  for (const cache of caches) {
    const file = cache.replace(/\.\w+\.cache$/, '')
    assert.equal(cachePath(file, readFileSync(file, 'latin1')), cache)
  }
  const clients = PROGRAMS.slice(0, 3).flatMap((name) => [`${name}-tls.cjs`, `${name}-tls.cjs`])
  const lines = ['mqtt-pub-pub-lines.cjs', 'mqtt-pub-chunk.cjs'] // what -l takes, some of it with others
  const expected = [...clients, ...lines, ...PROGRAMS.flatMap((name) => [`${name}.cjs`, `${name}-help.cjs`])]
  assert.deepEqual(caches.map(nameOf).toSorted(), expected.toSorted())
})

test('a cache is taken by the Node that made it', async (t) => {
  // V8 says so in a field of the script: a program started by hand asks it.
  const script = `
    const { readFileSync } = require('node:fs')
    const { Script } = require('node:vm')
    const [, path, cache] = process.argv
    const { cachedDataRejected } = new Script(readFileSync(path, 'latin1'), { filename: path, cachedData: readFileSync(cache) })
    console.log(cachedDataRejected)`
  for (const cache of cachesIn(DIST)) {
    const path = cache.replace(/\.\w+\.cache$/, '')
    const { stdout } = await start(t, process.execPath, ['-e', script, path, cache]).ended
    assert.equal(stdout.toString(), 'false\n', cache)
  }
})

test('a program carries neither the manual nor the flags of others', () => {
  for (const program of PROGRAMS) {
    const code = readFileSync(join(DIST, `${program}.cjs`), 'latin1')
    const paragraphs = FLAGS.map(({ detail }) => detail).filter((detail) => /^[ -~]{40,}$/.test(detail))
    assert.ok(paragraphs.length > 50)
    assert.deepEqual(
      paragraphs.filter((detail) => code.includes(detail)),
      [],
      program,
    )
  }
  assert.doesNotMatch(readFileSync(join(DIST, 'mqtt-pub.cjs'), 'latin1'), /Print each message by FORMAT/)
})

test('--help of a built program is what yargs makes of its flags', async (t) => {
  for (const program of PROGRAMS) {
    const { stdout } = await start(t, process.execPath, [join(ROOT, 'bin', program), '--help']).ended
    assert.equal(stdout.toString(), await helpText(program))
  }
})

test('--version, alone, is answered without the program', async (t) => {
  const { bin, dist } = copyOf(t)
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  rmSync(join(dist, 'mqtt-pub.cjs'))
  const { status, stdout, stderr } = await start(t, process.execPath, [bin, '--version']).ended
  assert.deepEqual(
    { status, stdout: stdout.toString(), stderr },
    { status: 0, stdout: `mqtt-pub ${version}\n`, stderr: '' },
  )
})

test('--version among other words is answered by the program, with the same line', async (t) => {
  const bin = join(ROOT, 'bin/mqtt-pub')
  const alone = await start(t, process.execPath, [bin, '--version']).ended
  const among = await start(t, process.execPath, [bin, '-d', '--version', '--bogus']).ended
  assert.deepEqual([among.status, among.stdout.toString()], [0, alone.stdout.toString()])
  const behind = await start(t, process.execPath, [bin, '--bogus', '--version']).ended
  assert.equal(behind.status, 1)
})

test('--version that cannot be written is told, and a closed pipe is no fault', async (t) => {
  const run = (words: string) =>
    start(t, 'sh', ['-c', words, process.execPath, join(ROOT, 'bin/mqtt-pub')]).ended
  if (existsSync('/dev/full')) {
    const { status, stderr } = await run('"$0" "$1" --version > /dev/full')
    assert.equal(status, 1)
    assert.match(stderr, /^cannot write to standard output: .*\n$/)
  }
  const { status, stderr } = await run('{ sleep 0.1; "$0" "$1" --version; echo $? >&2; } | true')
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '0\n' })
})

test('without its cache a program runs as well', async (t) => {
  const built = copyOf(t)
  for (const cache of built.caches) rmSync(cache)
  assert.match(await helpOf(t, built), /^Usage: mqtt-pub/m)
})

test('a cache that is damaged is left alone', async (t) => {
  const built = copyOf(t)
  for (const cache of built.caches) writeFileSync(cache, readFileSync(cache).fill(0x5a, 4, 400))
  assert.match(await helpOf(t, built), /^Usage: mqtt-pub/m)
})

test('a file that was changed since does not get the cache of the old one', async (t) => {
  const built = copyOf(t)
  const path = join(built.dist, 'mqtt-pub.cjs')
  // As long as before, but another program.
  const changed = readFileSync(path, 'latin1')
    .replace(/^\/\/..../, '//0000')
    .replaceAll('unknown option', 'UNKNOWN option')
  writeFileSync(path, changed, 'latin1')
  const { stderr } = await start(t, process.execPath, [built.bin, '--bogus']).ended
  assert.match(stderr, /UNKNOWN option '--bogus'/)
})

test('files load each other by relative paths, once', (t) => {
  const wrapped = (code: string): string =>
    `//1\n(function (exports, require, module, __filename, __dirname) {${code}})`
  const folder = temporaryFolder(t)
  writeFileSync(
    join(folder, 'one.cjs'),
    wrapped(`exports.two = require('./two.cjs'); exports.again = require('./two.cjs')`),
  )
  writeFileSync(
    join(folder, 'two.cjs'),
    wrapped(`exports.folder = __dirname; exports.path = require('node:path')`),
  )
  const seen: string[] = []
  const one = launch(join(folder, 'one.cjs'), (path) => seen.push(path)) as Record<string, unknown>
  assert.equal(one.two, one.again)
  assert.equal((one.two as { folder: string }).folder, folder)
  assert.deepEqual(seen, [join(folder, 'one.cjs'), join(folder, 'two.cjs')])
})

test('colours are loaded for the first line that is said, and missed by nobody', async (t) => {
  const { bin, dist } = copyOf(t)
  const chalk = join(dist, 'vendor/chalk.cjs')
  const server = await broker(t)
  const publish = (port: number) => {
    const words = ['FORCE_COLOR=1', process.execPath, bin, ...'-h 127.0.0.1 -t a -m b -p'.split(' '), port]
    return start(t, 'env', words.map(String)).ended
  }
  writeFileSync(chalk, '//x\n(function () { process.exit(99) })\n')
  const [silent, loading] = [await publish(server.port), await publish(await deadPort())]
  assert.deepEqual([silent.status, silent.stderr, loading.status], [0, '', 99])
  rmSync(chalk)
  const plain = await publish(await deadPort())
  assert.equal(plain.status, 1)
  assert.match(plain.stderr, /^mqtt-pub: error: cannot connect to [^\n]+\n$/)
})
