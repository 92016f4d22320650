// Bundles the programs for src/launch.ts: in the file of each is what every run needs, the rest is in files that are
// loaded on demand.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { type BuildOptions, build, type Plugin, transform } from 'esbuild'
import { completion } from './cli/flags/complete.js'
import { helpText } from './cli/flags/help.js'
import { type Flag, type Program, SHELLS } from './cli/flags/table.js'

export type Write = (path: string, text: string) => void

const BUNDLED = {
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
} as const satisfies BuildOptions

const COMMON_JS = {
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minify: true, // methods keep their names, for the stack of a fault of ours
  supported: { 'dynamic-import': false },
} as const

/** Packages that few runs need, and where each is taken from. */
const ON_DEMAND: Readonly<Record<string, string>> = {
  '@noble/hashes/argon2.js': '@noble/hashes/argon2.js',
  bcryptjs: 'bcryptjs',
  chalk: 'chalk',
  'cli-progress': 'cli-progress',
  socks: 'socks',
  ws: 'ws',
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

/** What help, completion and manual say of a flag: laid out when the programs are built, and not needed behind that. */
const WORDS = /^ {4}(brief|detail):\s*(?:'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|[A-Z_]+),$/gm

/** Of package.json. */
const versionAlone: Plugin = {
  name: 'the version alone',
  setup({ onLoad }) {
    onLoad({ filter: /package\.json$/ }, ({ path }) => {
      const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string }
      return { contents: JSON.stringify({ version }), loader: 'json' }
    })
  },
}

/** Of the flag tables, what a program needs. */
function flagsFor(program: Program): Plugin {
  return {
    name: 'flags of the program',
    setup({ onLoad }) {
      onLoad({ filter: /cli\/flags\/[\w-]+\.ts$/ }, async ({ path }) => {
        const tables = Object.entries(await import(path)) as [string, readonly Flag[]][]
        // Every program knows all secrets, so as not to repeat one that was meant for another.
        const isForOthers = tables.every(([name, flags]) => {
          return (
            name.endsWith('_FLAGS') &&
            !flags.some(({ on, secret, value }) => (secret && value) || on.includes(program))
          )
        })
        const contents = isForOthers
          ? tables.map(([name]) => `export const ${name} = []`).join('\n')
          : readFileSync(path, 'utf8').replace(WORDS, "    $1: '',")
        return { contents, loader: 'ts' }
      })
    },
  }
}

/** As src/launch.ts takes it: the mark in the first line, and a function around the rest. */
function launched(code: string): string {
  if (/[^\0-\x7f]/.test(code)) throw new Error('not in ASCII, as which it is read')
  const mark = createHash('sha256').update(code).digest('hex').slice(0, 16)
  return `//${mark}\n(function (exports, require, module, __filename, __dirname) {${code}})\n`
}

export async function bundlePrograms(programs: readonly Program[], write: Write): Promise<void> {
  const plain = { ...BUNDLED, ...COMMON_JS, plugins: [onDemand] }
  const entryPoints = { launch: 'src/launch.ts', 'passwd-worker': 'src/passwd/worker.ts' }
  // Node starts these: with all they need.
  const started = await build({ ...BUNDLED, format: 'esm', entryPoints, plugins: [versionAlone] })
  for (const { path, text } of started.outputFiles) write(path, await commonJs(text))
  const packages = Object.entries(ON_DEMAND).map(([name, entry]) => [vendorFile(name), entry])
  const vendored = await build({ ...plain, entryPoints: Object.fromEntries(packages) })
  for (const { path, text } of vendored.outputFiles) write(path, launched(text))
  for (const program of programs) await bundleProgram(program, write)
}

/** What esbuild writes behind the code that others import from. */
const EXPORTS = /^export \{([^}]*)\};$/m

/** `a, b as c` as properties: no export changes later, and esbuild's own getters take their time for each. */
function plainExports(_: string, names: string): string {
  const entries = names.split(',').map((each) => each.trim().split(' as '))
  return `module.exports = { ${entries.map(([name, alias = name]) => `${alias}: ${name}`).join(', ')} }\n`
}

/** An ECMAScript module as one of CommonJS. */
async function commonJs(text: string): Promise<string> {
  return (await transform(text.replace(EXPORTS, plainExports), COMMON_JS)).code
}

/** What a part shares with its program is in the program's file, and there alone: classes must exist once. */
async function bundleProgram(program: Program, write: Write): Promise<void> {
  const entry = resolve(`src/cli/main-${program.slice(5)}.ts`)
  const options = {
    ...BUNDLED,
    entryPoints: { [program]: entry },
    format: 'esm',
    splitting: true,
    chunkNames: `${program}-[name]-[hash]`,
    external: ['classic-level'], // it finds its native part beside itself
  } as const satisfies BuildOptions
  const { metafile } = await build({ ...options, plugins: [onDemand], metafile: true })
  const parts = Object.values(metafile.inputs)
    .flatMap(({ imports }) => imports)
    .filter(({ kind, external }) => kind === 'dynamic-import' && !external)
    .map(({ path }) => resolve(path))
  // What is printed of the flags is the same in every run.
  const scripts = Object.fromEntries(SHELLS.map((shell) => [shell, completion(program, shell)]))
  const laidOut: Readonly<Record<string, string>> = {
    'help.ts': `export const helpText = async () => ${JSON.stringify(await helpText(program))}`,
    'complete.ts': `export const completion = (_, shell) => (${JSON.stringify(scripts)})[shell]`,
  }
  // esbuild puts together what the same parts need, and every part is to need the whole program.
  const needingProgram: Plugin = {
    name: 'parts need the program',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (!parts.includes(path)) return undefined
        const source = laidOut[basename(path)] ?? readFileSync(path, 'utf8')
        return { contents: `import ${JSON.stringify(entry)}\n${source}`, loader: 'ts' }
      })
    },
  }
  const { outputFiles } = await build({
    ...options,
    plugins: [onDemand, versionAlone, needingProgram, flagsFor(program)],
  })
  // The entry is left with the import of the program and nothing else: the program takes its place.
  const stub = outputFiles.find(({ path }) => basename(path) === `${program}.cjs`)
  const [, core] = /^import\s*"\.\/([^"]+)";\s*$/.exec(stub?.text ?? '') ?? []
  if (core === undefined) throw new Error(`${program}: every run would need more than one file`)
  for (const { path, text } of outputFiles) {
    if (path === stub?.path) continue
    const renamed = text.replaceAll(`"./${core}"`, `"./${program}.cjs"`)
    write(basename(path) === core ? `dist/${program}.cjs` : path, launched(await commonJs(renamed)))
  }
}
