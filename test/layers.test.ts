// Who may import whom, walked over src/: arrows point one way and go through the door of a folder.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'node:test'

const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  numbered: [],
  packet: ['errors'],
  session: ['packet', 'errors'],
  transport: ['errors'],
  passwd: ['errors'],
  spool: ['packet', 'errors', 'numbered'],
  client: ['session', 'packet', 'transport', 'errors'],
  cli: ['client', 'session', 'packet', 'transport', 'passwd', 'spool', 'errors', 'numbered'],
}
/** The library's front, what starts a program, and the build stand outside the layers. */
const EXEMPT = ['index.ts', 'launch.ts', 'build.ts', 'build-caches.ts', 'build-programs.ts']
/** Who may take something from node:process, such as its clock. */
const FROM_PROCESS = 'client/clock.ts'
/** Layers of values alone: no platform, no clock. */
const PURE = ['errors', 'numbered', 'packet', 'session']
/** Layers of a single file, which has no door. */
const FILES = ['errors', 'numbered']
/** Names and the only file that may say them. */
const OWNED: readonly [name: RegExp, owner: string][] = [
  [/\b(setTimeout|setInterval)\b/, 'client/clock.ts'],
  [/\bprocess\b/, 'cli/io.ts'],
]
const IMPURE = /\b(process|setTimeout|setInterval|Date|performance)\b/

// Comments, strings and templates, whichever begins first.
const NO_CODE = /\/\/.*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g
const IMPORT = /\b(?:from|import)\s*\(?\s*"(\d+)"/g

/** The code without comments and texts: of a string its number is left, of a template the expressions. */
function read(source: string): { code: string; imports: string[] } {
  const strings: string[] = []
  const code = source.replace(NO_CODE, (text) => {
    if (text.startsWith('/')) return ' '
    if (text.startsWith('`')) return (text.match(/\$\{[^}]*\}/g) ?? []).join(' ')
    return `"${strings.push(text.slice(1, -1)) - 1}"`
  })
  return { code, imports: [...code.matchAll(IMPORT)].map(([, at]) => strings[Number(at)] as string) }
}

/** Every breach in `files`, by path below src/. */
function violations(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = []
  for (const [path, source] of files) {
    if (EXEMPT.includes(path)) continue
    const layer = path.replace(/\.ts$|\/.*/, '')
    const allowed = MAY_IMPORT[layer]
    if (allowed === undefined) {
      found.push(`${path}: no layer is called '${layer}'`)
      continue
    }
    const pure = PURE.includes(layer)
    const { code, imports } = read(source)
    for (const to of imports) {
      if (!to.startsWith('.')) {
        if (pure) found.push(`${path}: imports '${to}'`)
        if (/^(node:)?(process|timers)\b/.test(to) && path !== FROM_PROCESS)
          found.push(`${path}: imports '${to}'`)
        continue
      }
      const target = posix.join(posix.dirname(path), to)
      if (target === '../package.json' && !pure) continue // the version, for --version
      const other = target.replace(/\.js$|\/.*/, '')
      if (other === layer) continue
      if (!allowed.includes(other)) found.push(`${path}: ${layer} may not import ${other}`)
      else if (!FILES.includes(other) && target !== `${other}/index.js`)
        found.push(`${path}: past the door, '${to}'`)
    }
    for (const [name, owner] of OWNED) {
      if (path !== owner && name.test(code)) found.push(`${path}: only ${owner} says ${name.exec(code)?.[0]}`)
    }
    if (pure && IMPURE.test(code)) found.push(`${path}: ${layer} may not say ${IMPURE.exec(code)?.[0]}`)
  }
  return found
}

test('imports go one way and through the door', () => {
  const src = new URL('../src/', import.meta.url)
  const paths = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  const files = new Map(paths.map((path) => [path, readFileSync(new URL(path, src), 'utf8')]))
  assert.ok(files.has('errors.ts') && files.has('packet/codec.ts'), 'the walk finds the sources')
  assert.deepEqual(violations(files), [])
})

test('the walker sees a breach of each rule, and none where there is none', () => {
  const bad: readonly [path: string, source: string][] = [
    ['errors.ts', `import { ack } from './packet/index.js'`],
    ['packet/a.ts', `import { Session } from '../session/index.js'`],
    ['packet/a.ts', `import type { Session } from '../session/index.js'`],
    ['packet/a.ts', `export { Session } from '../session/index.js'`],
    ['packet/a.ts', `import { Buffer } from 'node:buffer'`],
    ['packet/a.ts', `import {\n  a,\n  b,\n} from 'chalk'`],
    ['packet/a.ts', `import about from '../../package.json' with { type: 'json' }`],
    ['cli/a.ts', `import { x } from '../../test/x.js'`],
    ['packet/a.ts', 'const now = Date.now()'],
    ['packet/a.ts', `const text = \`at \${Date.now()}\``],
    ['session/a.ts', 'performance.now()'],
    ['session/a.ts', `import { x } from '../packet/topic.js'`],
    ['session/a.ts', `import type { X } from "../packet/types.js"`],
    ['session/a.ts', `const x = await import('../client/index.js')`],
    ['session/a.ts', `import '../transport/index.js'`],
    ['session/a.ts', "setTimeout(f, 1) // '\n"],
    ['transport/a.ts', `import { NONE } from '../packet/index.js'`],
    ['transport/a.ts', 'socket.setTimeout(1)'],
    ['passwd/a.ts', `import { main } from '../cli/index.js'`],
    ['spool/a.ts', `import { connect } from '../client/index.js'`],
    ['spool/a.ts', `import { packetIdOf } from '../session/index.js'`],
    ['client/a.ts', `import { Spool } from '../spool/index.js'`],
    ['client/a.ts', `import { Io } from '../cli/io.js'`],
    ['client/a.ts', `import { hash } from '../passwd/index.js'`],
    ['client/a.ts', `import { setTimeout as sleep } from 'node:timers/promises'`],
    ['client/a.ts', 'process.exit(1)'],
    ['client/sub/a.ts', `import { Session } from '../../session/session.js'`],
    ['cli/a.ts', 'process.exit(1)'],
    ['cli/a.ts', `import process from 'node:process'`],
    ['cli/a.ts', `import { Client } from '../client/client.js'`],
    ['cli/a.ts', `import { x } from '../index.js'`],
    ['util/a.ts', ''],
    ['other.ts', ''],
  ]
  for (const [path, source] of bad) {
    assert.notDeepEqual(violations(new Map([[path, source]])), [], `${path}: ${source}`)
  }
  const good: readonly [path: string, source: string][] = [
    ['packet/a.ts', `import { MalformedError } from '../errors.js'\nimport type { X } from './types.js'`],
    [
      'packet/a.ts',
      `// import { x } from '../client/index.js', Date, process\n/* setTimeout */ const a = 'Date'`,
    ],
    ['session/a.ts', `const a = 'name from'\nf('b', 'import')\n// from 'x'`],
    ['session/a.ts', `import { ack } from '../packet/index.js'\nconst text = \`process at \${when}\``],
    ['client/clock.ts', `import { hrtime } from 'node:process'\nsetTimeout(f, 1)`],
    ['client/sub/a.ts', `import { Session } from '../../session/index.js'\nimport { b } from '../b.js'`],
    ['client/a.ts', `import { dial } from '../transport/index.js'\nconst now = Date.now()`],
    ['cli/io.ts', `import { filterFault } from '../packet/index.js'\nprocess.exit(1)`],
    ['spool/a.ts', `import type { Qos } from '../packet/index.js'\nimport { x } from 'node:fs'`],
    ['cli/flags/a.ts', `import { hash } from '../../passwd/index.js'\nimport chalk from 'chalk'`],
    ['cli/a.ts', `import about from '../../package.json' with { type: 'json' }`],
    ['index.ts', `export { Client } from './client/index.js'`],
    ['build.ts', `import { FLAGS } from './cli/flags/table.js'\nprocess.exit(1)`],
  ]
  for (const [path, source] of good) assert.deepEqual(violations(new Map([[path, source]])), [])
})
