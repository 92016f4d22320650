// Completion scripts: accepted by their shells, and completing what they should when bash drives them (issue).

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { completion } from '../../src/cli/flags/complete.js'
import { flagsOf } from '../../src/cli/flags/index.js'
import { COMMANDS, spellings } from '../../src/cli/flags/table.js'
import { cannot } from '../support/mosquitto.js'
import { findCommand, start as startCommand } from '../support/processes.js'
import { temporaryFolder } from '../support/run.js'
import { ALL_PROGRAMS, type AnyProgram, cli, misuse, rows } from './support.js'

const SHELLS = ['bash', 'zsh', 'fish'] as const

for (const program of ALL_PROGRAMS) {
  for (const shell of SHELLS) {
    test(`${program} --completion ${shell} prints a script that the shell accepts`, async (t) => {
      const { code, out, err } = await cli(t, program, ['--completion', shell])
      assert.deepEqual({ code, err }, { code: 0, err: '' })
      assert.equal(out, completion(program, shell))
      for (const flag of flagsOf(program)) {
        if (flag.long !== undefined) assert.ok(out.includes(flag.long), flag.long)
      }
      const path = findCommand(shell)
      if (path === undefined) return cannot(t, `not on PATH: ${shell}`)
      const file = join(temporaryFolder(t), `script.${shell}`)
      writeFileSync(file, out)
      const { status, stderr } = await startCommand(t, path, ['-n', file]).ended
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    })
  }
}

/** What bash offers for the last word. */
async function offered(t: TestContext, program: AnyProgram, words: readonly string[]): Promise<string[]> {
  const bash = findCommand('bash') as string
  const name = `_${program.replace('-', '_')}`
  const script = `${completion(program, 'bash')}
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ${name}; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { status, stdout, stderr } = await startCommand(t, bash, ['-c', script, 'bash', program, ...words])
    .ended
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  return stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
}

interface OfferRow {
  program: AnyProgram
  words: readonly string[]
  offers: readonly string[]
}

describe('in bash', { skip: findCommand('bash') === undefined ? 'bash is not on PATH' : false }, () => {
  for (const program of ALL_PROGRAMS) {
    test(`${program}: all options`, async (t) => {
      assert.deepEqual(
        (await offered(t, program, ['-'])).toSorted(),
        flagsOf(program).flatMap(spellings).toSorted(),
      )
    })
  }
  rows<OfferRow>(
    'options, choices and properties',
    [
      {
        program: 'mqtt-sub',
        words: ['--retain'],
        offers: ['--retained-only', '--retain-as-published', '--retain-handling'],
      },
      { program: 'mqtt-pub', words: ['-t', 'a', '--repeat'], offers: ['--repeat', '--repeat-delay'] },
      { program: 'mqtt-sub', words: ['--retain-handling', ''], offers: ['always', 'new', 'never'] },
      { program: 'mqtt-sub', words: ['--retain-handling', 'ne'], offers: ['new', 'never'] },
      { program: 'mqtt-pub', words: ['-q', ''], offers: ['0', '1', '2'] },
      { program: 'mqtt-rr', words: ['-V', 'mqttv3'], offers: ['mqttv311', 'mqttv31'] },
      { program: 'mqtt-pub', words: ['--tls-version', ''], offers: ['tlsv1.2', 'tlsv1.3'] },
      { program: 'mqtt-pub', words: ['--completion', ''], offers: ['bash', 'zsh', 'fish'] },
      {
        program: 'mqtt-pub',
        words: ['-D', ''],
        offers: ['connect', 'publish', 'subscribe', 'unsubscribe', 'disconnect', 'will'],
      },
      { program: 'mqtt-pub', words: ['--property', 'un'], offers: ['unsubscribe'] },
      {
        program: 'mqtt-pub',
        words: ['-D', 'subscribe', ''],
        offers: ['subscription-identifier', 'user-property'],
      },
      {
        program: 'mqtt-sub',
        words: ['--property', 'disconnect', 'se'],
        offers: ['session-expiry-interval', 'server-reference'],
      },
      { program: 'mqtt-pub', words: ['-D', 'publish', 'content-type', ''], offers: [] },
      { program: 'mqtt-pub', words: ['-D', 'publish', 'user-property', 'name', ''], offers: [] },
      { program: 'mqtt-pub', words: ['-m', '-'], offers: [] },
      { program: 'mqtt-pub', words: ['-m', '-D', '--repeat-'], offers: ['--repeat-delay'] },
      {
        program: 'mqtt-pub',
        words: ['-D', 'publish', 'content-type', '-q', '--repeat-'],
        offers: ['--repeat-delay'],
      },
      { program: 'mqtt-pub', words: ['-L', 'mqtt', ':', '//h', '--repeat-'], offers: ['--repeat-delay'] },
      { program: 'mqtt-pub', words: ['-t', ''], offers: [] },
      { program: 'mqtt-pub', words: ['--retry-connect', '--repeat-'], offers: ['--repeat-delay'] },
      { program: 'mqtt-pub', words: ['--retry-connect=5', '--repeat-'], offers: ['--repeat-delay'] },
      {
        program: 'mqtt-passwd',
        words: ['-H', ''],
        offers: ['sha512-pbkdf2', 'argon2id', 'sha512', 'bcrypt'],
      },
      { program: 'mqtt-passwd', words: ['-D', '--if'], offers: ['--if-changed'] },
      { program: 'mqtt-passwd', words: ['--verify', '-'], offers: [] },
    ],
    ({ program, words }) => `${program} ${words.join(' ')}_`,
    async (t, { program, words, offers }) => {
      assert.deepEqual((await offered(t, program, words)).toSorted(), offers.toSorted())
    },
  )
  test('files and folders', async (t) => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'file'), '')
    assert.deepEqual(await offered(t, 'mqtt-pub', ['-f', `${folder}/fi`]), [`${folder}/file`])
    assert.deepEqual(await offered(t, 'mqtt-pub', ['--capath', `${folder}/fi`]), [])
    assert.deepEqual(await offered(t, 'mqtt-pub', ['--capath', folder]), [folder])
    assert.deepEqual(await offered(t, 'mqtt-passwd', ['-D', `${folder}/fi`]), [`${folder}/file`])
  })
  test('a script sourced as the manual says completes the program', async (t) => {
    const bash = findCommand('bash') as string
    const file = join(temporaryFolder(t), 'script')
    writeFileSync(file, completion('mqtt-sub', 'bash'))
    const { stdout } = await startCommand(t, bash, ['-c', `source <(cat "$0"); complete -p mqtt-sub`, file])
      .ended
    assert.match(stdout.toString(), /-F _mqtt_sub mqtt-sub/)
  })
})

/** What fish offers for the last word. */
async function offeredByFish(t: TestContext, program: AnyProgram, line: string): Promise<string[]> {
  const folder = temporaryFolder(t) // fish makes its folders in a home that is not there
  const file = join(folder, 'script.fish')
  writeFileSync(file, completion(program, 'fish'))
  const script = `source ${file}; complete -C ${JSON.stringify(`${program} ${line}`)}`
  const homes = ['HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME'].map((name) => `${name}=${folder}`)
  const words = [...homes, 'fish', '--no-config', '-c', script]
  const { status, stdout, stderr } = await startCommand(t, 'env', words).ended
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  return stdout.toString().split('\n').filter(Boolean).map(firstColumn)
}

function firstColumn(line: string): string {
  return line.replace(/\t.*/, '')
}

/** Types into an interactive zsh in a pseudo-terminal of its own; a function in front of compadd notes the offers. */
const ZSH_DRIVER = String.raw`
zmodload zsh/zpty
zpty -b z zsh -f -i
zpty -w z "PROMPT='' RPROMPT=''; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D
compadd() { local -a found; builtin compadd -O found \"\$@\"; print -rl -- \$found >>$1/offers; builtin compadd \"\$@\" }
zle -C look list-choices _main_complete; look-all() { zle look; print END >>$1/offers }; zle -N look-all
bindkey '^I' look-all; print REA''DY"
zpty -r z line '*READY*'
zpty -w -n z "$2"$'\t'
until [[ -f $1/offers ]] && grep -q '^END' $1/offers; do zpty -r -t z line; done
zpty -d z
cat $1/offers`

async function offeredByZsh(t: TestContext, program: AnyProgram, line: string): Promise<string[]> {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, `_${program}`), completion(program, 'zsh'))
  const { status, stdout, stderr } = await startCommand(t, findCommand('zsh') as string, [
    '-fc',
    ZSH_DRIVER,
    'zsh',
    folder,
    `${program} ${line}`,
  ]).ended
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  return stdout
    .toString()
    .split('\n')
    .filter((word) => word !== '' && word !== 'END')
}

for (const [shell, ask] of [
  ['fish', offeredByFish],
  ['zsh', offeredByZsh],
] as const) {
  rows<{ program: AnyProgram; line: string; offers: readonly string[] }>(
    `in ${shell}`,
    [
      {
        program: 'mqtt-sub',
        line: '--retain',
        offers: ['--retained-only', '--retain-as-published', '--retain-handling'],
      },
      { program: 'mqtt-sub', line: '-t a --retain-handling n', offers: ['new', 'never'] },
      { program: 'mqtt-pub', line: '-q ', offers: ['0', '1', '2'] },
      { program: 'mqtt-pub', line: '-D ', offers: [...COMMANDS] },
      { program: 'mqtt-rr', line: '-D publish con', offers: ['content-type'] },
      { program: 'mqtt-pub', line: '-D publish content-type x --repeat-', offers: ['--repeat-delay'] },
    ],
    ({ program, line }) => `${program} ${line}_`,
    async (t, { program, line, offers }) => {
      if (findCommand(shell) === undefined) return cannot(t, `not on PATH: ${shell}`)
      assert.deepEqual((await ask(t, program, line)).toSorted(), offers.toSorted())
    },
  )
}

test('another shell: exit 1 naming it and what would be right', (t) =>
  misuse(t, 'mqtt-pub', ['--completion', 'tcsh'], ['--completion', "'tcsh'", 'bash, zsh, fish']))
