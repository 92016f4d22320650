// A bar on the terminal for work that takes long.

import type { Io } from './io.js'

/** Runs `work` with a bar of `total` steps on stderr; without one where that is no terminal. */
export async function withProgress<T>(
  io: Io,
  total: number,
  work: (step: () => void) => Promise<T>,
): Promise<T> {
  if (io.screen === undefined) return work(() => {})
  const { default: progress } = await import('cli-progress')
  const options = {
    stream: io.screen,
    format: 'hashing {bar} {value} of {total}, {eta_formatted} left',
    clearOnComplete: true,
    hideCursor: null, // whoever interrupts keeps a cursor
    gracefulExit: false, // a signal ends the program as ever
  }
  const bar = new progress.SingleBar(options, progress.Presets.shades_classic)
  bar.start(total, 0)
  try {
    return await work(() => bar.increment())
  } finally {
    bar.stop()
  }
}
