// What the tests of mqtt-passwd share: the built program on files of its own.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { verify } from '../../src/passwd/hash.js'
import { temporaryFolder } from '../support/run.js'
import { cli, type Told } from './support.js'

export const SECRET = 'geheim-4711'
export const DONE: Told = { code: 0, out: '', err: '' }
/** A file in a folder of its own; without content it does not exist yet. */
export function fileWith(t: TestContext, content?: string | Buffer): string {
  const path = join(temporaryFolder(t), 'passwd')
  if (content !== undefined) writeFileSync(path, content, { mode: 0o600 })
  return path
}

export function passwd(t: TestContext, args: readonly string[], input?: string | Buffer): Promise<Told> {
  return cli(t, 'mqtt-passwd', args, input === undefined ? {} : { input })
}

/** With -b and without its warning. */
export function batch(t: TestContext, args: readonly string[]): Promise<Told> {
  return passwd(t, ['--quiet', '-b', ...args])
}

export function read(path: string): string {
  return readFileSync(path, 'latin1')
}

/** What the folder holds beside the file. */
export function beside(path: string): string[] {
  return readdirSync(join(path, '..')).filter((name) => join(path, '..', name) !== path)
}

/** The file is as it was, or is still not there, and nothing else is. */
export function assertUntouched(path: string, content?: string | Buffer): void {
  assert.equal(existsSync(path) ? read(path) : undefined, content?.toString('latin1'))
  assert.deepEqual(beside(path), [])
}

/** The line of that number is the user's, with this password. */
export async function assertLine(text: string, line: number, user: string, password: string): Promise<void> {
  const [, name, value = ''] = /^([^:]*):([^:\r]*)\r?$/.exec(text.split('\n')[line - 1] ?? '') ?? []
  assert.equal(name, Buffer.from(user).toString('latin1'))
  assert.ok(await verify(Buffer.from(password), value), `line ${line} has another password`)
}
