// Where options come from, and in which order: the options file, the profile, the environment, the command line.
// Each is turned into the same occurrences, so an option means the same wherever it stands.

import { UsageError } from '../../errors.js'
import { flagsOf } from './index.js'
import { lex, note, type Occurrence, option, unknown } from './parse.js'
import { packWords, propertyWords } from './property.js'
import { envName, type Flag, type Given, type Program } from './table.js'
import { printable } from './values.js'

/** Reads a file, or undefined where there is none. Throws UsageError where it cannot be read. */
export type ReadFile = (path: string) => string | undefined
export type Environment = Readonly<Record<string, string | undefined>>

/** Where options came from: names of options or variables by file, `environment` or `command line`, in order. */
export type Origins = Map<string, Set<string>>

/**
 * All options of a run; of mqtt-passwd those of the command line alone. `--help`, `--version` and `--completion` on the command line are answered before any file is
 * looked at. Throws UsageError naming file and line, variable, or option.
 */
export function gather(
  program: Program,
  words: readonly string[],
  env: Environment,
  readFile: ReadFile,
  origins: Origins = new Map(),
): Given {
  const fromWords = lex(program, words)
  if (program === 'mqtt-passwd') return noteAll({}, fromWords)
  const early = whereToRead(fromWords)
  if (isAnswer(early)) return early

  const given: Given = {}
  const environment = fromEnvironment(program, env)
  const fromFiles = [
    () => mainFile(program, early, env, readFile),
    () => profileFile(early.profile ?? profileOf(environment) ?? given.profile, env, readFile),
  ]
  for (const find of fromFiles) {
    const file = find()
    if (file !== undefined) fromFile(program, given, file, origins)
    if (isAnswer(given)) return given
  }
  const chosen = new Set(
    fromWords.map((each) => (each instanceof UsageError ? undefined : each.flag.takes.alternative)),
  )
  for (const occurrence of environment) {
    const { alternative } = occurrence.flag.takes
    if (alternative !== undefined && chosen.has(alternative)) continue
    noteFrom(`${occurrence.name}:`, given, occurrence)
    remember(origins, 'environment', occurrence.name)
  }
  for (const each of fromWords) {
    if (!(each instanceof UsageError)) remember(origins, 'command line', each.name)
  }
  noteAll(given, fromWords)
  if (given.tlsFault !== undefined && !given.noTls && !isAnswer(given)) throw given.tlsFault
  return given
}

/** Notes an occurrence; an error says where it stands, where that is not the command line. */
function noteFrom(where: string | undefined, given: Given, occurrence: Occurrence): void {
  try {
    if (where === undefined) note(given, occurrence)
    else named(where, () => note(given, occurrence))
  } catch (error) {
    // Whether --no-tls follows is not known yet.
    if (!(error instanceof UsageError) || !occurrence.flag.takes.idleWithoutTls) throw error
    given.tlsFault ??= error
  }
}

/** The answer to give, if one is asked for before anything is wrong, and the files named: what is in them is told first. */
function whereToRead(occurrences: readonly (Occurrence | UsageError)[]): Given {
  const given: Given = {}
  let wrong = false
  for (const each of occurrences) {
    if (each instanceof UsageError) break
    const { long } = each.flag
    if (wrong && long !== 'options-file' && long !== 'profile') continue
    try {
      note(given, each)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      wrong = true
    }
    if (isAnswer(given)) break
  }
  return given
}

function remember(origins: Origins, source: string, name: string): void {
  const names = origins.get(source) ?? new Set()
  origins.set(source, names.add(name))
}

/** Stops at the first error, and behind what ends the reading. */
function noteAll(given: Given, occurrences: readonly (Occurrence | UsageError)[]): Given {
  for (const each of occurrences) {
    if (each instanceof UsageError) throw each
    noteFrom(undefined, given, each)
    if (isAnswer(given)) break
  }
  return given
}

/** Whether the program has only to print something. */
function isAnswer({ help, showVersion, completion }: Given): boolean {
  return help !== undefined || showVersion !== undefined || completion !== undefined
}

interface OptionsFile {
  path: string
  text: string
}

/** `-o FILE`, or else the default file if there is one. */
function mainFile(
  program: Program,
  given: Given,
  env: Environment,
  readFile: ReadFile,
): OptionsFile | undefined {
  const { optionsFile: path } = given
  if (path !== undefined) {
    const text = named('-o (--options-file)', () => readFile(path))
    if (text === undefined) throw new UsageError(`-o (--options-file) '${printable(path)}': no such file`)
    return { path, text }
  }
  const folder = configFolder(env)
  if (folder === undefined) return undefined
  // Where there is no file of ours, the one of the program we stand in for goes on working.
  for (const name of [program, program.replace('mqtt-', 'mosquitto_')]) {
    const text = readFile(`${folder}/${name}`)
    if (text !== undefined) return { path: `${folder}/${name}`, text }
  }
  return undefined
}

function profileFile(
  profile: string | undefined,
  env: Environment,
  readFile: ReadFile,
): OptionsFile | undefined {
  if (profile === undefined) return undefined
  const folder = configFolder(env)
  if (folder === undefined)
    throw new UsageError(`--profile '${profile}': neither XDG_CONFIG_HOME nor HOME is set`)
  const path = `${folder}/mqtt-tools/${profile}`
  const text = readFile(path)
  if (text === undefined) throw new UsageError(`--profile '${profile}': there is no file ${path}`)
  return { path, text }
}

function profileOf(environment: readonly Occurrence[]): string | undefined {
  const given: Given = {}
  for (const each of environment) {
    if (each.flag.long === 'profile') named(`${each.name}:`, () => note(given, each))
  }
  return given.profile
}

function configFolder({ XDG_CONFIG_HOME, HOME }: Environment): string | undefined {
  if (XDG_CONFIG_HOME) return XDG_CONFIG_HOME
  return HOME ? `${HOME}/.config` : undefined
}

/** One option on each line: its name, blanks, and the value up to the end of the line; # in front is a comment. */
function fromFile(program: Program, given: Given, { path, text }: OptionsFile, origins: Origins): void {
  const rows = flagsOf(program)
  for (const [at, line] of text.split('\n').entries()) {
    if (line.startsWith('#') || line.trim() === '') continue
    const where = `${path} line ${at + 1}:`
    const occurrence = named(where, () => readLine(rows, line.replace(/\r$/, '')))
    // Naming a file in a file would go round in circles; the reference ignores it too.
    if (occurrence.flag.long !== 'options-file') {
      noteFrom(where, given, occurrence)
      remember(origins, path, occurrence.name)
    }
    if (isAnswer(given)) return
  }
}

function readLine(rows: readonly Flag[], line: string): Occurrence {
  const [, word = '', blank, value = ''] = /^[ \t]*([^ \t]+)(?:([ \t]+)([\s\S]*))?$/.exec(line) ?? []
  const { flag, name, joined } = option(word, rows)
  if (flag === undefined) throw unknown(name, rows)
  if (flag.joined && joined === undefined) return { flag, name, text: value.trim() }
  if (flag.value === undefined || joined !== undefined) {
    if (value.trim() !== '') throw new UsageError(`${name} takes no value, found '${printable(value)}'`)
    return { flag, name, text: joined ?? '' }
  }
  if (flag.long === 'property') return { flag, name, text: packedProperty(name, value) }
  // An option with nothing behind it lacks its value; a blank behind it makes that value empty.
  if (blank === undefined) throw new UsageError(`${name} needs a value: ${flag.value}`)
  return { flag, name, text: value }
}

/** COMMAND PROPERTY VALUE, or four words for a user property; the last takes the rest of the line. */
function packedProperty(name: string, text: string): string {
  const start = text.split(/[ \t]+/)
  const wanted = propertyWords(start)
  const pattern = new RegExp(`^${'([^ \\t]+)[ \\t]+'.repeat(wanted - 1)}([\\s\\S]*)$`)
  const words = pattern.exec(text)?.slice(1)
  if (words === undefined) throw new UsageError(`${name} needs COMMAND PROPERTY VALUE`)
  return packWords(words)
}

/** MQTT_HOST and so on; a repeatable option has one value on each line, a switch is 1 or 0. */
function fromEnvironment(program: Program, env: Environment): Occurrence[] {
  const found: Occurrence[] = []
  if (!Object.keys(env).some((name) => name.startsWith('MQTT_'))) return found // as in most runs
  for (const flag of flagsOf(program)) {
    const name = envName(flag)
    const text = name === undefined ? undefined : env[name]
    if (name === undefined || text === undefined) continue
    if (flag.long === 'profile' && text === '') continue
    // Kubernetes sets it so in every container, where a service is called mqtt.
    if (name === 'MQTT_PORT' && text.startsWith('tcp://')) continue
    // Where the value may be left out, 1 and 0 mean what they mean for a switch.
    const on = flag.value === undefined ? isOn(name, text) : flag.joined ? switched(text) : undefined
    if (on !== undefined) {
      if (on) found.push({ flag, name, text: '' })
    } else if (flag.takes.many) {
      for (const line of text.split('\n').filter((each) => each !== '')) {
        const value = flag.long === 'property' ? named(`${name}:`, () => packedProperty('-D', line)) : line
        found.push({ flag, name, text: value })
      }
    } else {
      found.push({ flag, name, text })
    }
  }
  return found
}

function isOn(name: string, text: string): boolean {
  const on = switched(text)
  if (on === undefined) throw new UsageError(`${name} '${printable(text)}': expected 1 or 0`)
  return on
}

function switched(text: string): boolean | undefined {
  if (/^(1|true|yes|on)$/i.test(text)) return true
  return /^(|0|false|no|off)$/i.test(text) ? false : undefined
}

function named<T>(what: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${what} ${error.message}`)
    throw error
  }
}
