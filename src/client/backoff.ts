// How long to wait before connecting again.

const FIRST_MS = 1_000
const LONGEST_MS = 30_000

/** Delay in milliseconds before attempt 1, 2, ...: doubling from 1 s to 30 s, of which `random` (0 to 1) takes off up to half. */
export function backoffMs(attempt: number, random: number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1))
  return Math.round(full * (1 - random / 2))
}
