// The screen of mqtt-sub --watch: each topic has a line of its own, from the second on, in the order of arrival.

import type { Out } from './out.js'

const ESC = '\u001b'

export class Screen {
  readonly #host: string
  readonly #lines = new Map<string, number>()

  constructor(host: string) {
    this.#host = host
  }

  /** Clears the screen and writes the head line. */
  start(out: Out): void {
    out.text(`${ESC}[2J${ESC}[1;1HBroker: ${this.#host}\n`)
  }

  /** The message's output at its topic's line, cleared behind it; then the cursor below the last line. */
  place(topic: string, printed: readonly Uint8Array[], out: Out): void {
    let line = this.#lines.get(topic)
    if (line === undefined) {
      line = this.#lines.size + 2
      this.#lines.set(topic, line)
    }
    const text = Buffer.concat(printed)
    const end = text.at(-1) === 10 ? text.length - 1 : text.length
    const bottom = this.#lines.size + 1
    out.text(`${ESC}[${line};1H`)
    out.bytes(text.subarray(0, end))
    out.text(`${ESC}[K${text.length > end ? '\n' : ''}${ESC}[${bottom};1H\n`)
  }
}
