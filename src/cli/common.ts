// What the programs have in common: words to settings, connecting, and what a connection has to tell.

import { Alarm, Client, type ClientOptions, type Note, now } from '../client/index.js'
import { TimeoutError, UsageError } from '../errors.js'
import { type Packet, reasonText, type Version } from '../packet/index.js'
import { EXIT, Reporter } from './exit.js'
import { checkPasswordsInFiles, readOptional } from './files.js'
import { gather, type Origins } from './flags/sources.js'
import type { Given, Program } from './flags/table.js'
import type { Io } from './io.js'
import { checkTogether } from './settings.js'
import { versionLine } from './version.js'

/**
 * Reads the options, then runs `body`. Everything a program can throw ends here, in one line and a status; `check`
 * adds what the program demands of its own options.
 */
export async function runProgram(
  program: Program,
  argv: readonly string[],
  io: Io,
  check: (given: Given) => void,
  body: (given: Given, reporter: Reporter) => Promise<number>,
): Promise<number> {
  const reporter = new Reporter(program, io)
  const status = await attempt(program, argv, io, reporter, check, body)
  await reporter.said()
  return status
}

async function attempt(
  program: Program,
  argv: readonly string[],
  io: Io,
  reporter: Reporter,
  check: (given: Given) => void,
  body: (given: Given, reporter: Reporter) => Promise<number>,
): Promise<number> {
  const origins: Origins = new Map()
  let given: Given
  try {
    given = gather(program, argv, io.env, readOptional, origins)
    if (given.showVersion) return await print(io, versionLine(program))
    if (given.help) return await print(io, await (await import('./flags/help.js')).helpText(program))
    if (given.completion !== undefined) {
      return await print(io, (await import('./flags/complete.js')).completion(program, given.completion))
    }
    if (program !== 'mqtt-passwd') checkTogether(given, program)
    check(given)
  } catch (error) {
    return error instanceof UsageError ? reporter.usage(error) : reporter.error(error)
  }
  // ps shows the arguments to everybody on the machine.
  if (given.holdsSecret) io.hideArguments(program)
  reporter.quiet = given.quiet ?? false
  try {
    checkPasswordsInFiles(origins, reporter)
    if (given.explain) (await import('./explain.js')).explainOrigins(origins, reporter)
    return await body(given, reporter)
  } catch (error) {
    return reporter.error(error)
  }
}

/** Prints to stdout; whoever closed it wanted no more. */
export async function print(io: Io, text: string | Uint8Array): Promise<number> {
  const error = await write(io, text)
  if (error === undefined || error.code === 'EPIPE') return EXIT.ok
  io.complain(`cannot write to standard output: ${error.message}`)
  return EXIT.failure
}

/** Writes to stdout; resolves, with the error if there was one, once the kernel has the bytes. */
export function write(io: Io, text: string | Uint8Array): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => io.write([Buffer.from(text)], resolve))
}

/** Waits for what has to be read before there is a connection, but no longer than -W allows. Throws TimeoutError. */
export async function within<T>({ timeoutSeconds }: Given, work: Promise<T>): Promise<T> {
  if (timeoutSeconds === undefined) return work
  const alarm = new Alarm()
  const late = new Promise<never>((_, reject) => {
    const limitMs = 1_000 * timeoutSeconds
    const error = new TimeoutError('-W', limitMs, `timed out after ${timeoutSeconds} s (-W)`)
    alarm.set(now() + limitMs, () => reject(error))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    alarm.cancel()
  }
}

/** What to say where there is nothing to publish, or nowhere to publish it to. */
export function missing({ topics, source }: Given, sources: string): UsageError {
  const what = topics !== undefined ? 'message' : source !== undefined ? 'topic' : 'topic and no message'
  return new UsageError(`needs -t TOPIC and one of ${sources}: there is no ${what}`)
}

/** Connects, with -d and the notes of the connection going to `reporter`. Throws MqttError. */
export async function open(options: ClientOptions, given: Given, reporter: Reporter): Promise<Client> {
  return (await prepare(options, given, reporter)).open()
}

/** The client of `open`, before it connects. */
export async function prepare(options: ClientOptions, given: Given, reporter: Reporter): Promise<Client> {
  const { version = 4, onNote } = options
  if (options.tls?.insecure) reporter.warn('--insecure: the certificate of the broker is not checked')
  const trace = given.debug ? await tracer(reporter, version) : undefined
  const explainer = given.explain && (await import('./explain.js')).explainer
  return new Client({
    ...options,
    ...(trace && { onPacket: trace }),
    ...(explainer && { onStage: explainer(options, given, reporter) }),
    onNote: (note) => {
      tell(note, given, reporter)
      onNote?.(note)
    },
  })
}

async function tracer(reporter: Reporter, version: Version): Promise<NonNullable<ClientOptions['onPacket']>> {
  const { traceLine } = await import('./trace.js')
  let who = ''
  return (direction: 'sent' | 'received', packet: Packet) => {
    if (packet.type === 'connect') who = packet.clientId
    if (packet.type === 'connack') who = packet.properties.assignedClientIdentifier ?? who
    reporter.trace(direction, traceLine(who, direction, packet, version))
  }
}

function tell(note: Note, given: Given, reporter: Reporter): void {
  switch (note.type) {
    case 'connection-lost':
      return reporter.note(`${note.error.message}; connecting again in ${(note.delayMs / 1000).toFixed(1)} s`)
    case 'connect-failed':
    case 'reconnect-failed':
      // With a spool the end of the run tells.
      if (
        given.debug ||
        given.explain ||
        ('attempt' in note && note.attempt === 1 && given.spool === undefined)
      )
        reporter.note(`${note.error.message}; next try in ${(note.delayMs / 1000).toFixed(1)} s`)
      return
    case 'gave-up':
      return reporter.note(`gave up after ${note.attempts} attempt(s) to connect`)
    case 'reconnected':
      return reporter.note(`connected again${note.resumed ? ', session resumed' : ''}`)
    case 'session-lost': {
      const { republished, unknown } = note
      const counts = `: ${republished} unconfirmed message(s) sent anew, ${unknown} of unknown fate`
      return reporter.warn(`the broker lost the session${republished + unknown > 0 ? counts : ''}`)
    }
    case 'resubscribe-refused':
      return reporter.warn(
        `the broker no longer grants ${note.filters.map((filter, at) => `'${filter}': ${reasonText(note.reasonCodes[at] ?? 0x80)}`).join(', ')}`,
      )
    case 'auth':
      return reporter.warn(
        'the broker asks for a further step of authentication (AUTH), and there is none here',
      )
  }
}
