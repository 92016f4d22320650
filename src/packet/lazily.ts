// What most runs do without is made when somebody asks: a short run has no time for it.

/** What `make` makes, once, at the first call. */
export function lazily<T extends object>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}
