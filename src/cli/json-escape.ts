// Text as it stands inside a JSON string: `"`, `\` and control characters escaped, all else as it is.

/** Second byte of the short escapes. */
const SHORT = new Map([
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x22, '"'],
  [0x5c, '\\'],
])
/** By code, undefined for what needs no escape. */
export const ESCAPED: readonly (Buffer | undefined)[] = Array.from({ length: 0x5d }, (_, code) => {
  const short = SHORT.get(code)
  if (short !== undefined) return Buffer.from(`\\${short}`)
  return code < 0x20 ? Buffer.from(`\\u${code.toString(16).padStart(4, '0')}`) : undefined
})
const LENGTHS = Uint8Array.from({ length: 256 }, (_, code) => ESCAPED[code]?.length ?? 1)

/** UTF-8 for the inside of a JSON string; the bytes themselves where nothing needs an escape. */
export function escapeText(utf8: Uint8Array): Uint8Array {
  let length = 0
  for (let next = 0; next < utf8.length; next++) length += LENGTHS[utf8[next] as number] as number
  if (length === utf8.length) return utf8
  const out = Buffer.allocUnsafe(length)
  let at = 0
  for (let next = 0; next < utf8.length; next++) {
    const byte = utf8[next] as number
    const escaped = ESCAPED[byte]
    if (escaped === undefined) out[at++] = byte
    else for (let part = 0; part < escaped.length; part++) out[at++] = escaped[part] as number
  }
  return out
}
