// The version of this package, written into the bundle when it is built.

import manifest from '../../package.json' with { type: 'json' }

/** What `--version` prints. */
export function versionLine(program: string): string {
  return `${program} ${manifest.version}\n`
}
