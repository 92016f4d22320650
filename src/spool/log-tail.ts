// The end of LevelDB's write-ahead log. LevelDB passes over an unfinished record there without a word.
//
// Blocks of 32 KiB hold records of: checksum (4), length (2, little endian), type (1), data. Types 2, 3 and 4 are the
// first, middle and last part of one write; 1 is a whole one. Fewer than 7 bytes at the end of a block are padding.

const BLOCK_BYTES = 32_768
const HEADER_BYTES = 7
const FIRST = 2
const MIDDLE = 3

/** Bytes at the end of a log that belong to a write that was not finished. */
export function unfinishedBytes(log: Uint8Array): number {
  let at = 0
  /** End of the last write that is complete. */
  let end = 0
  while (at < log.length) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (left < HEADER_BYTES) {
      if (end === at) end = Math.min(at + left, log.length)
      at += left
      continue
    }
    if (at + HEADER_BYTES > log.length) break
    const length = (log[at + 4] as number) | ((log[at + 5] as number) << 8)
    const type = log[at + 6] as number
    at += HEADER_BYTES + length
    if (at > log.length) break
    if (type !== FIRST && type !== MIDDLE) end = at
  }
  return log.length - end
}
