// Builds what is shipped: one file per program (for their start-up time), the library with its types, the manual
// pages. With --check it only tells whether the committed manual pages are up to date.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { makeCaches } from './build-caches.js'
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

const written = new Set<string>()

/** Each file is there whole or not at all: programs may be running while they are built. */
async function bundle(options: BuildOptions): Promise<void> {
  const { outputFiles } = await build({ ...options, write: false })
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true })
    const aside = join(dirname(path), `.${basename(path)}`)
    const mark = createHash('sha256').update(text).digest('hex').slice(0, 16)
    writeFileSync(aside, options.format === 'cjs' ? `//${mark}\n${text}` : text)
    renameSync(aside, path)
    written.add(path)
  }
}

/** Packages that few runs need, and where each is taken from: each becomes a file of its own, loaded on demand. */
const ON_DEMAND: Readonly<Record<string, string>> = {
  '@noble/hashes/argon2.js': '@noble/hashes/argon2.js',
  bcryptjs: 'bcryptjs',
  chalk: 'chalk',
  'cli-progress': 'cli-progress',
  socks: 'socks',
  ws: 'ws',
  // Its ESM build finds its own files by import.meta.url, which a CommonJS file lacks.
  yargs: './node_modules/yargs/index.cjs',
}

function vendorFile(name: string): string {
  return `vendor/${name.replace(/^\W+/, '').replace(/\W+/g, '-')}`
}

const onDemand: Plugin = {
  name: 'packages on demand',
  setup({ onResolve }) {
    onResolve({ filter: /^[^.]/ }, ({ path, kind }) => {
      if (kind === 'entry-point' || !Object.hasOwn(ON_DEMAND, path)) return undefined
      return { path: `./${vendorFile(path)}.cjs`, external: true }
    })
    // Of yargs/helpers we want the parser alone; what the rest needs of the system is left out when nobody calls it.
    onResolve({ filter: /platform-shims\/esm\.mjs$/ }, ({ path, resolveDir }) => {
      return { path: join(resolveDir, path), sideEffects: false }
    })
  },
}

const programs = {
  ...common,
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true, // names stay, for the stack of a fault of ours
  supported: { 'dynamic-import': false },
  plugins: [onDemand],
  external: ['classic-level'], // it finds its native part beside itself
} as const satisfies BuildOptions

await bundle({ ...programs, entryPoints: { launch: 'src/launch.ts' } })
await bundle({
  ...programs,
  entryPoints: {
    ...Object.fromEntries(PROGRAMS.map((name) => [name, `src/cli/main-${name.slice(5)}.ts`])),
    'passwd-worker': 'src/passwd/worker.ts',
  },
})
await bundle({
  ...programs,
  entryPoints: Object.fromEntries(
    Object.entries(ON_DEMAND).map(([name, entry]) => [vendorFile(name), entry]),
  ),
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
for (const path of await makeCaches(PROGRAMS)) written.add(path)
for (const folder of ['dist', 'dist/vendor']) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = resolve(folder, entry.name)
    if (entry.isFile() && !written.has(path)) rmSync(path)
  }
}
for (const { path, text } of pages) writeFileSync(path, text)
