// Starts a program from its file. V8 takes what it compiled when the file was built from the cache beside it, which
// halves the time to the first packet; a cache of another Node or another build is left alone. Loaded before anything
// else, so it imports little.

import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { Script } from 'node:vm'
import { versionLine } from './cli/version.js'

/** Told of each file that is loaded, in a build that makes the caches. */
export type Keep = (path: string, script: Script) => void

/** The cache of a file, whose first line names the build: `//` and its mark. */
export function cachePath(path: string, source: string): string {
  return `${path}.${source.slice(2, source.indexOf('\n'))}.cache`
}

/** Loads a file of ours, which is a function of CommonJS, and with it those that it asks for by a relative path. */
export function launch(path: string, keep?: Keep): unknown {
  const loaded = new Map<string, { exports: unknown }>()
  const load = (file: string): unknown => {
    const known = loaded.get(file)
    if (known !== undefined) return known.exports
    const module = { exports: {} as unknown }
    loaded.set(file, module)
    const source = read(file).toString('latin1') // of ASCII, as it was built
    const cachedData = keep === undefined ? cacheOf(file, source) : undefined
    const script = new Script(source, { filename: file, ...(cachedData && { cachedData }) })
    keep?.(file, script)
    const folder = file.slice(0, file.lastIndexOf('/'))
    const require = (name: string): unknown =>
      name.startsWith('./') ? load(`${folder}/${name.slice(2)}`) : fromElsewhere(name, file)
    script.runInThisContext()(module.exports, require, module, file, folder)
    return module.exports
  }
  return load(path)
}

/** Of Node, or of a package that is no file of ours. */
function fromElsewhere(name: string, file: string): unknown {
  const builtin = process.getBuiltinModule(name)
  return builtin ?? process.getBuiltinModule('node:module').createRequire(file)(name)
}

/** Each file in turn is read into the same memory: to get new memory takes longer than to read a file. */
const memory = Buffer.allocUnsafeSlow(1_048_576)

/** The bytes of a file, up to the next call. */
function read(path: string): Buffer {
  const file = openSync(path, 'r')
  let length = 0
  let more: number
  do {
    more = readSync(file, memory, length, memory.length - length, null)
    length += more
  } while (more > 0) // some file systems give less than is there
  closeSync(file)
  return length < memory.length ? memory.subarray(0, length) : readFileSync(path)
}

function cacheOf(file: string, source: string): Buffer | undefined {
  try {
    return read(cachePath(file, source))
  } catch {
    return undefined
  }
}

/** Runs a program that stands beside this file. */
export function start(program: string): void {
  if (!tellVersion(program, process.argv.slice(2))) launch(`${__dirname}/${program}.cjs`)
}

/** Answers `--version`, alone, without the program. What cannot be written at once the program writes. */
function tellVersion(program: string, words: readonly string[]): boolean {
  if (words.length !== 1 || words[0] !== '--version') return false
  const line = Buffer.from(versionLine(program))
  try {
    return writeSync(1, line) === line.length
  } catch {
    return false
  }
}
