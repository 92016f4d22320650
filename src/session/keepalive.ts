// Keep Alive: when to send PINGREQ, and when silence means that the broker is gone. MQTT 5.0 §3.1.2.10.

/** Times are milliseconds of any steady clock. */
export class KeepAlive {
  /** 0 turns the mechanism off. */
  #intervalMs = 0
  #sentAt = 0
  /** When the broker last showed that it lives: bytes came in, or it took bytes of ours. */
  #aliveAt = 0
  #receivedAt = 0
  #awaiting = false
  /** Number of the first PINGREQ without an answer; 0 once the transport has taken it. */
  #untakenPing = 0
  #reading = true

  start(keepAliveSeconds: number, now: number): void {
    this.#intervalMs = keepAliveSeconds * 1000
    this.#sentAt = this.#receivedAt = this.#aliveAt = now
    this.#awaiting = false
    this.#untakenPing = 0
  }

  sent(now: number): void {
    this.#sentAt = now
  }

  /**
   * The transport has taken bytes. That shows life only as long as the PINGREQ waits behind them: buffers take small
   * packets also for a broker that is gone.
   */
  flushed(sent: number, now: number): void {
    if (this.#untakenPing === 0) return
    this.#aliveAt = now
    if (sent >= this.#untakenPing) this.#untakenPing = 0
  }

  received(now: number): void {
    this.#receivedAt = this.#aliveAt = now
  }

  /** PINGREQ was sent. */
  pinged(sentAs: number, now: number): void {
    if (!this.#awaiting) {
      this.#aliveAt = now
      this.#untakenPing = sentAs
    }
    this.#awaiting = true
    this.#receivedAt = now // the next one is due an interval later, answered or not
  }

  /** PINGRESP came. */
  answered(): void {
    this.#awaiting = false
    this.#untakenPing = 0
  }

  /** While we do not read, an unanswered PINGREQ proves nothing. */
  reading(reading: boolean, now: number): void {
    if (reading && !this.#reading) this.#aliveAt = now
    this.#reading = reading
  }

  /** Whether a PINGREQ is due: nothing was sent, or nothing received, for almost the interval [MQTT-3.1.2-20]. */
  isPingDue(now: number): boolean {
    return this.#intervalMs > 0 && now >= this.#pingAt()
  }

  /** Whether the broker gave no sign of life for an interval after a PINGREQ. */
  isDead(now: number): boolean {
    return this.#intervalMs > 0 && this.#awaiting && this.#reading && now >= this.#aliveAt + this.#intervalMs
  }

  /** When to look again, or Infinity. */
  get wakeAt(): number {
    if (this.#intervalMs === 0) return Number.POSITIVE_INFINITY
    const deadAt =
      this.#awaiting && this.#reading ? this.#aliveAt + this.#intervalMs : Number.POSITIVE_INFINITY
    return Math.min(this.#pingAt(), deadAt)
  }

  get intervalMs(): number {
    return this.#intervalMs
  }

  #pingAt(): number {
    // The limit is from the end of one packet to the start of the next: leave room for a busy machine.
    const margin = Math.min(500, this.#intervalMs / 10)
    return Math.min(this.#sentAt, this.#receivedAt) + this.#intervalMs - margin
  }
}
