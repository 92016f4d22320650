// How long to wait before connecting again.

/** Shortest and longest delay in milliseconds. */
export type DelayRange = readonly [minMs: number, maxMs: number]

export const DEFAULT_DELAYS: DelayRange = [1_000, 30_000]

/**
 * Delay in milliseconds before attempt 1, 2, ...: doubling from the shortest to the longest, of which `random`
 * (0 to 1) takes off up to half.
 */
export function backoffMs(attempt: number, random: number, [minMs, maxMs] = DEFAULT_DELAYS): number {
  const full = Math.min(maxMs, minMs * 2 ** (attempt - 1))
  return Math.round(full * (1 - random / 2))
}
