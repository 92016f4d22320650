// Floating-point numbers as printf's %f prints them: the exact binary value, rounded half to even, never an exponent.

const FLOAT = new Float64Array(1)
const BITS = new BigUint64Array(FLOAT.buffer)

/** `nan`, `inf`, or digits with `decimals` of them behind the point. */
export function formatFloat(value: number, decimals: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  FLOAT[0] = value
  const bits = BITS[0] as bigint
  const biased = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xf_ffff_ffff_ffffn
  // |value| = mantissa * 2 ** exponent
  const mantissa = biased === 0 ? fraction : fraction | 0x10_0000_0000_0000n
  const exponent = Math.max(biased, 1) - 1_075
  const sign = bits >> 63n === 1n ? '-' : ''
  if (exponent >= 0) return sign + withPoint(mantissa << BigInt(exponent), 0, decimals)
  // A binary fraction of n places has n decimals, the rest are zeros.
  const exact = Math.min(decimals, -exponent)
  return sign + withPoint(roundedShift(mantissa * 10n ** BigInt(exact), BigInt(-exponent)), exact, decimals)
}

/** `value / 2 ** places`, half to even. */
function roundedShift(value: bigint, places: bigint): bigint {
  const quotient = value >> places
  const twice = (value - (quotient << places)) * 2n
  const one = 1n << places
  const up = twice > one || (twice === one && (quotient & 1n) === 1n)
  return up ? quotient + 1n : quotient
}

/** `scaled` is the number times 10 ** `known`; zeros fill up to `decimals`. */
function withPoint(scaled: bigint, known: number, decimals: number): string {
  const text = scaled.toString().padStart(known + 1, '0')
  if (decimals === 0) return text
  const point = text.length - known
  return `${text.slice(0, point)}.${text.slice(point)}${'0'.repeat(decimals - known)}`
}
