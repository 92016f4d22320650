// Starts a program from its one file. V8 takes what it compiled when the file was built from the cache beside it, which
// halves the time to the first packet; a cache of another Node or another build is left alone. Loaded before anything
// else, so it imports little.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'

/** Told of each file that is loaded, in a build that makes the caches. */
export type Keep = (path: string, script: Script) => void

/** The cache of a file, whose first line names the build: `//` and its mark. */
export function cachePath(path: string, source: string): string {
  return `${path}.${source.slice(2, source.indexOf('\n'))}.cache`
}

const WRAPPER = ['(function (exports, require, module, __filename, __dirname) {', '\n})'] as const

/** Loads a CommonJS file of ours and, with it, those that it asks for by a relative path. */
export function launch(path: string, keep?: Keep): unknown {
  const loaded = new Map<string, { exports: unknown }>()
  const fromPackages = createRequire(path)
  const load = (file: string): unknown => {
    const known = loaded.get(file)
    if (known !== undefined) return known.exports
    const module = { exports: {} as unknown }
    loaded.set(file, module)
    const source = readFileSync(file, 'latin1') // the build leaves only ASCII
    const cachedData = keep === undefined ? cacheOf(file, source) : undefined
    const script = new Script(WRAPPER.join(source), { filename: file, ...(cachedData && { cachedData }) })
    keep?.(file, script)
    const folder = dirname(file)
    const require = (name: string): unknown =>
      name.startsWith('./') ? load(join(folder, name)) : fromPackages(name)
    script.runInThisContext()(module.exports, require, module, file, folder)
    return module.exports
  }
  return load(path)
}

function cacheOf(file: string, source: string): Buffer | undefined {
  try {
    return readFileSync(cachePath(file, source))
  } catch {
    return undefined
  }
}

/** Runs a program that stands beside this file. */
export function start(program: string): void {
  launch(join(__dirname, `${program}.cjs`))
}
