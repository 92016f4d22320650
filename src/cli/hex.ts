// Payloads in hexadecimal, padded and in groups.

const LOWER = Buffer.from('0123456789abcdef')
const UPPER = Buffer.from('0123456789ABCDEF')

export interface HexLayout {
  upperCase: boolean
  /** Nibbles between separators, 0: none. */
  group: number
  /** One byte. */
  separator: number
  /** Byte in front of the digits. */
  fill: number
}

/** `padding` bytes of fill stand in front; they count for the groups as nibbles do. */
export function formatHex(bytes: Uint8Array, padding: number, layout: HexLayout): Buffer {
  const { upperCase, group, separator, fill } = layout
  const positions = padding + 2 * bytes.length
  const separators = group === 0 || positions === 0 ? 0 : Math.floor((positions - 1) / group)
  const out = Buffer.allocUnsafe(positions + separators)
  const digits = upperCase ? UPPER : LOWER
  let at = 0
  if (separators === 0) {
    for (; at < padding; at++) out[at] = fill
    for (let next = 0; next < bytes.length; next++) {
      const byte = bytes[next] as number
      out[at++] = digits[byte >> 4] as number
      out[at++] = digits[byte & 15] as number
    }
    return out
  }
  let left = group
  const put = (byte: number): void => {
    if (left === 0) {
      out[at++] = separator
      left = group
    }
    left--
    out[at++] = byte
  }
  for (let count = 0; count < padding; count++) put(fill)
  for (const byte of bytes) {
    put(digits[byte >> 4] as number)
    put(digits[byte & 15] as number)
  }
  return out
}
