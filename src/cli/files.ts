// Files that options name: why one cannot be read, and whether others can.

import { readFileSync, type Stats, statSync } from 'node:fs'
import { UsageError } from '../errors.js'
import type { Reporter } from './exit.js'
import type { Origins } from './flags/sources.js'

/** A text file, or undefined where there is none. Throws UsageError where it cannot be read. */
export function readOptional(path: string): string | undefined {
  try {
    // Most runs have no such file, and an error is dear.
    return statSync(path, { throwIfNoEntry: false }) && readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`options file '${path}': ${reason(error)}`)
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'is a folder',
  ENOTDIR: 'is not in a folder',
}

/** Why a file could not be read, in a few words. */
export function reason(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return REASONS[code] ?? message
}

export const FOR_OWNER_ALONE = 'can be read by others: chmod 600 it'

/** Warns about options files and profiles that hold a password and that others can read. */
export function checkPasswordsInFiles(origins: Origins, reporter: Reporter): void {
  for (const [path, names] of origins) {
    if (path === 'command line' || !(names.has('-P') || names.has('--pw'))) continue
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats !== undefined && isOpen(stats)) reporter.warn(`'${path}' has a password and ${FOR_OWNER_ALONE}`)
  }
}

/** Whether others can get at a file. Of a folder nobody asks. */
export function isOpen(stats: Stats): boolean {
  return !stats.isDirectory() && (stats.mode & 0o077) !== 0
}
