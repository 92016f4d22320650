// The line of a secret as it is typed on a terminal in raw mode, where every key arrives as characters.

/** What ends the line: Enter, Ctrl-D, Ctrl-C or Ctrl-\. */
export type LineEnd = 'enter' | 'end' | 'interrupt' | 'quit'

/** Where in the escape sequence of a key we are: behind ESC, in CSI (ESC [) or in SS3 (ESC O). */
type State = 'text' | 'escape' | 'csi-start' | 'csi' | 'ss3' | 'last'

/** Takes one character after the other. Keys that mean nothing here leave no trace in the text. */
export class SecretLine {
  #characters: string[] = []
  #state: State = 'text'

  get text(): string {
    return this.#characters.join('')
  }

  /** What the character brings about, if it ends the line. */
  take(character: string): LineEnd | undefined {
    if (isControl(character)) return this.#control(character)
    if (this.#state === 'text' || !this.#continues(character)) this.#characters.push(character)
    return undefined
  }

  /** Whether the character belongs to an escape sequence. */
  #continues(character: string): boolean {
    const state = this.#state
    this.#state = 'text'
    switch (state) {
      case 'escape':
        if (character === '[') this.#state = 'csi-start'
        if (character === 'O') this.#state = 'ss3'
        return this.#state !== 'text'
      case 'csi-start':
      case 'csi':
        // The console of Linux sends ESC [ [ A for F1.
        if (state === 'csi-start' && character === '[') this.#state = 'last'
        else if (/^[ -?]$/.test(character)) this.#state = 'csi'
        return /^[ -~]$/.test(character)
      case 'ss3':
        if (/^[\d;]$/.test(character)) this.#state = 'ss3'
        return /^[ -~]$/.test(character)
      default:
        return true
    }
  }

  #popWhile(pattern: RegExp): void {
    while (pattern.test(this.#characters.at(-1) ?? '')) this.#characters.pop()
  }

  #control(character: string): LineEnd | undefined {
    this.#state = character === '\u001b' ? 'escape' : 'text'
    switch (character) {
      case '\r':
      case '\n':
        return 'enter'
      case '\u0003': // Ctrl-C
        return 'interrupt'
      case '\u0004': // Ctrl-D
        return this.#characters.length === 0 ? 'end' : undefined
      case '\u001c': // Ctrl-\
        return 'quit'
      case '\u007f':
      case '\b':
        this.#characters.pop()
        return undefined
      case '\u0015': // Ctrl-U
        this.#characters = []
        return undefined
      case '\u0017': // Ctrl-W
        this.#popWhile(/\s/)
        this.#popWhile(/\S/)
        return undefined
      default:
        return undefined
    }
  }
}

/** C0, DEL and C1. */
function isControl(character: string): boolean {
  return /^[\u0000-\u001f\u007f-\u009f]$/.test(character)
}
