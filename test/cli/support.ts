// What the tests of the command line share: the programs as processes, rows of the contract run a few at a time,
// and a broker that only notes what a program says to it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import type { ScriptOptions } from '../broker/script.js'
import { script } from '../broker/script.js'
import { type Seen, Wire } from '../broker/wire.js'
import * as run from '../support/run.js'

/** A program that talks to a broker. */
export type Program = 'mqtt-pub' | 'mqtt-sub' | 'mqtt-rr'
export type AnyProgram = Program | 'mqtt-passwd'
export type Told = run.Told
export const PROGRAMS: readonly Program[] = ['mqtt-pub', 'mqtt-sub', 'mqtt-rr']
export const ALL_PROGRAMS: readonly AnyProgram[] = [...PROGRAMS, 'mqtt-passwd']

/** A home without options files, so that nobody's own are read. */
const HOMELESS = { HOME: '/nonexistent' }

export function start(
  t: TestContext,
  program: AnyProgram,
  args: run.Args,
  options: run.CliOptions = {},
): run.Running {
  const env = { ...HOMELESS, ...options.env }
  return run.start(t, program as run.Program, args, { ...options, env })
}

export async function cli(
  t: TestContext,
  program: AnyProgram,
  args: run.Args,
  options: run.CliOptions = {},
): Promise<run.Told> {
  return run.told(await start(t, program, args, options).done)
}

/** Runs a program against a scripted broker; a script that was not played as written fails the test first. */
export async function converse(
  t: TestContext,
  text: string,
  program: Program,
  args: run.Args,
  options: run.CliOptions & ScriptOptions = {},
): Promise<run.Told> {
  const broker = await script(t, text, options)
  const running = cli(t, program, [...args, '-h', '127.0.0.1', '-p', broker.port], options)
  await broker.done
  return running
}

/** One test for each row, a few at a time: most of the time of each goes into starting a process. */
export function rows<R>(
  title: string,
  list: readonly R[],
  name: (row: R) => string,
  check: (t: TestContext, row: R) => Promise<void>,
): void {
  describe(title, { concurrency: 4 }, () => {
    for (const row of list) test(name(row), (t) => check(t, row))
  })
}

/** Runs a program that has to find its own command line wrong, with a message that matches all of `patterns`. */
export async function misuse(
  t: TestContext,
  program: AnyProgram,
  args: run.Args,
  patterns: readonly (RegExp | string)[],
  options: run.CliOptions = {},
): Promise<void> {
  const { code, out, err } = await cli(t, program, args, options)
  assert.deepEqual({ code, out }, { code: 1, out: '' }, err)
  const [line = '', ...rest] = err.trimEnd().split('\n')
  assert.ok(line.startsWith(`${program}: error: `), err)
  for (const pattern of patterns) {
    if (typeof pattern === 'string') assert.ok(line.includes(pattern), `${err}\ndoes not name ${pattern}`)
    else assert.match(line, pattern)
  }
  assert.deepEqual(rest, [`Try '${program} --help'.`])
}

/** What a program needs to have something to do. */
export const WORK: Readonly<Record<Program, readonly string[]>> = {
  'mqtt-pub': ['-t', 'a', '-m', 'x'],
  'mqtt-sub': ['-t', 'a', '-E'],
  'mqtt-rr': ['-t', 'a', '-e', 'b', '-m', 'x'],
}

/** The CONNECT that a program sends; it is refused, so that nothing follows. */
export async function connectOf(
  t: TestContext,
  program: Program,
  args: run.Args,
  options: run.CliOptions = {},
): Promise<Seen> {
  const wire = new Wire()
  let seen: Seen | undefined
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      wire.push(chunk)
      seen ??= wire.next()
      if (seen !== undefined)
        socket.end(wire.level === 5 ? '\x20\x03\x00\x87\x00' : '\x20\x02\x00\x05', 'latin1')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const told = await cli(t, program, [...WORK[program], ...args, '-h', '127.0.0.1', '-p', port], options)
  assert.ok(seen !== undefined, `no CONNECT came: ${told.err}`)
  assert.equal(told.code, wire.level === 5 ? 0x87 : 5, told.err)
  return seen
}

/** Bytes as hex, without the blanks that make them readable. */
export function hexOf(text: string): string {
  return text.replaceAll(' ', '')
}
