// Two clients with one identifier push each other off the broker for ever. MQTT 5 brokers may say so in a DISCONNECT;
// all others only close the connection, and what gives the fight away is its rhythm.

/**
 * So many connections in a row, each had at the first attempt and closed in order soon after. A broker that restarts
 * refuses the first attempt, or does not restart that often within a minute; a bad network cuts connections with
 * errors, or with nothing at all.
 */
const ROUNDS = 5
/** A rival that backs off as we do comes back after 1, 2, 4 and 8 seconds, one that does not after a second. */
const SOON_MS = 10_000

export class FightWatch {
  #rounds = 0
  #openedAt = 0

  /** The broker has accepted us. */
  opened(now: number): void {
    this.#openedAt = now
  }

  /** An attempt to connect failed: whoever fights finds the broker open. */
  failed(): void {
    this.#rounds = 0
  }

  /** An open connection is gone. Returns whether it looks like a fight. */
  lost(inOrder: boolean, now: number): boolean {
    // The connection that the first round ended may have lasted for days.
    const isNext = now - this.#openedAt < SOON_MS
    this.#rounds = inOrder ? (isNext ? this.#rounds + 1 : 1) : 0
    return this.#rounds >= ROUNDS
  }
}
