// Values by number, of numbers that come and go in about the same order. A Map would be built anew, as a whole, again and
// again: that is what keeps the memory of a long run from staying small.

const PAGE = 1_024

interface Page<T> {
  values: (T | undefined)[]
  size: number
}

/** The numbers are integers from 0 to Number.MAX_SAFE_INTEGER; a value of undefined counts as none. */
export class Numbered<T> {
  readonly #pages = new Map<number, Page<T>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The smallest number that has a value. */
  get first(): number | undefined {
    const key = Math.min(...this.#pages.keys())
    const at = this.#pages.get(key)?.values.findIndex((value) => value !== undefined)
    return at === undefined ? undefined : key * PAGE + at
  }

  get(number: number): T | undefined {
    return this.#pages.get(Math.floor(number / PAGE))?.values[number % PAGE]
  }

  set(number: number, value: T): void {
    const key = Math.floor(number / PAGE)
    let page = this.#pages.get(key)
    if (page === undefined) {
      page = { values: new Array<T | undefined>(PAGE).fill(undefined), size: 0 }
      this.#pages.set(key, page)
    }
    if (page.values[number % PAGE] === undefined) {
      page.size++
      this.#size++
    }
    page.values[number % PAGE] = value
  }

  delete(number: number): void {
    const key = Math.floor(number / PAGE)
    const page = this.#pages.get(key)
    if (page?.values[number % PAGE] === undefined) return
    page.values[number % PAGE] = undefined
    this.#size--
    if (--page.size === 0) this.#pages.delete(key)
  }

  /** The numbers that have a value, as they are now. */
  numbers(): number[] {
    return [...this.#pages].flatMap(([key, { values }]) =>
      [...values.keys()].filter((at) => values[at] !== undefined).map((at) => key * PAGE + at),
    )
  }
}
