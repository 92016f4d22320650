// Builds what is shipped: one file per program (for their start-up time), the library with its types, the manual
// pages. With --check it only tells whether the committed manual pages are up to date.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type BuildOptions, build } from 'esbuild'
import { manualPage } from './cli/flags/man.js'
import type { Program } from './cli/flags/table.js'

const PROGRAMS: readonly Program[] = ['mqtt-pub', 'mqtt-sub', 'mqtt-rr', 'mqtt-passwd']

const pages = PROGRAMS.map((program) => ({ path: `man/${program}.1`, text: manualPage(program) }))

if (process.argv.includes('--check')) {
  const stale = pages.filter(({ path, text }) => readFileSync(path, 'utf8') !== text)
  for (const { path } of stale) console.error(`${path} is not what the flag tables say: run npm run build`)
  process.exit(stale.length === 0 ? 0 : 1)
}

const common = { bundle: true, platform: 'node', target: 'node20', logLevel: 'warning' } as const

/** Each file is there whole or not at all: programs may be running while they are built. */
async function bundle(options: BuildOptions): Promise<void> {
  const { outputFiles } = await build({ ...options, write: false })
  for (const { path, contents } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true })
    const aside = join(dirname(path), `.${basename(path)}`)
    writeFileSync(aside, contents)
    renameSync(aside, path)
  }
}

await bundle({
  ...common,
  entryPoints: {
    ...Object.fromEntries(PROGRAMS.map((name) => [name, `src/cli/main-${name.slice(5)}.ts`])),
    'passwd-worker': 'src/passwd/worker.ts',
  },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  // yargs picks its files by import.meta.url, which a CommonJS bundle lacks: its own CommonJS build does not.
  conditions: ['require'],
  minify: true,
  keepNames: true,
})
await bundle({
  ...common,
  entryPoints: ['src/index.ts'],
  outfile: 'dist/index.js',
  format: 'esm',
  packages: 'external',
})
const declarations = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--outDir', 'dist/types']
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.', ...declarations], {
  stdio: 'inherit',
})
for (const { path, text } of pages) writeFileSync(path, text)
