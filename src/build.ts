// Builds what is shipped: one file per program (for their start-up time), the library with its types, the manual
// pages. With --check it only tells whether the committed manual pages are up to date.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { makeCaches } from './build-caches.js'
import { bundlePrograms } from './build-programs.js'
import { manualPage } from './cli/flags/man.js'
import type { Program } from './cli/flags/table.js'

const PROGRAMS: readonly Program[] = ['mqtt-pub', 'mqtt-sub', 'mqtt-rr', 'mqtt-passwd']

const pages = PROGRAMS.map((program) => ({ path: `man/${program}.1`, text: manualPage(program) }))

if (process.argv.includes('--check')) {
  const stale = pages.filter(({ path, text }) => readFileSync(path, 'utf8') !== text)
  for (const { path } of stale) console.error(`${path} is not what the flag tables say: run npm run build`)
  process.exit(stale.length === 0 ? 0 : 1)
}

const written = new Set<string>()

/** Each file is there whole or not at all: programs may be running while they are built. */
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const aside = join(dirname(path), `.${basename(path)}`)
  writeFileSync(aside, text)
  renameSync(aside, path)
  written.add(resolve(path))
}

await bundlePrograms(PROGRAMS, write)
const library = await build({
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
  entryPoints: ['src/index.ts'],
  outfile: 'dist/index.js',
  format: 'esm',
  packages: 'external',
})
for (const { path, text } of library.outputFiles) write(path, text)
const declarations = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--outDir', 'dist/types']
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.', ...declarations], {
  stdio: 'inherit',
})
const LIBRARY = ['index.d.ts', 'errors.d.ts', 'packet', 'session', 'transport', 'client']
for (const entry of readdirSync('dist/types/src')) {
  if (!LIBRARY.includes(entry)) rmSync(`dist/types/src/${entry}`, { recursive: true })
}
for (const path of await makeCaches(PROGRAMS)) written.add(path)
for (const folder of ['dist', 'dist/vendor']) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = resolve(folder, entry.name)
    if (entry.isFile() && !written.has(path)) rmSync(path)
  }
}
for (const { path, text } of pages) writeFileSync(path, text)
