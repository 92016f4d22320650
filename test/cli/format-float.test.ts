// Floats: exact, half to even, without exponents.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatFloat } from '../../src/cli/float.js'
import { attempted, printed } from './format-message.js'

describe('contract 9.2, floats', () => {
  const four = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(value)
    return bytes
  }
  const eight = (value: number): Buffer => {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(value)
    return bytes
  }
  const PI = Number('3.14159')
  const rows: readonly [payload: Buffer, format: string, output: string][] = [
    [four(PI), '[%f]', '[3.141590]'],
    [four(PI), '[%.2f]', '[3.14]'],
    [four(PI), '[%10.2f]', '[      3.14]'],
    [four(PI), '[%-10.2f]', '[3.14      ]'],
    [four(PI), '[%010.2f]', '[0000003.14]'],
    [four(PI), '[%.0f]', '[3]'],
    [four(0.1), '%.20f', '0.10000000149011611938'],
    [eight(0.1), '%.25d', '0.1000000000000000055511151'],
    [eight(-2.5), '[%.0d]', '[-2]'],
    [eight(-2.5), '[%08.2d]', '[-0002.50]'],
    [eight(-2.5), '[%-010.2d]', '[-2.50     ]'],
    [eight(-2.5), '[%.d]', '[-2]'],
    [eight(Number.NaN), '[%010d]', '[       nan]'],
    [eight(Number.POSITIVE_INFINITY), '[%010d]', '[       inf]'],
    [eight(Number.NEGATIVE_INFINITY), '[%010d]', '[      -inf]'],
    [eight(Number.NEGATIVE_INFINITY), '[%-010d]', '[-inf      ]'],
    [four(Number.NaN), '[%5f]', '[  nan]'],
    [eight(-0), '%d', '-0.000000'],
    [eight(1e22), '%.1d', '10000000000000000000000.0'],
  ]
  for (const [payload, format, output] of rows) {
    test(`${payload.toString('hex')} by ${format} is ${output}`, () => {
      assert.equal(printed(format, { payload }).toString(), output)
    })
  }
  test('contract 4.3.3: a wrong length complains and prints the rest', () => {
    for (const [format, length, kind] of [
      ['%d', 4, '8-byte'],
      ['%d', 0, '8-byte'],
      ['%f', 8, '4-byte'],
    ] as const) {
      const { text, complaints } = attempted(
        `<%t ${format}>`,
        { payload: Buffer.alloc(length) },
        { noEol: false },
      )
      assert.equal(text, '<fmt/p >\n')
      assert.equal(complaints.length, 1)
      assert.match(complaints[0] as string, new RegExp(`^${format}.*fmt/p.*${kind}.* ${length} bytes`))
    }
  })
})

describe('contract 4.3.3', () => {
  const rows: readonly [value: number, decimals: number, text: string][] = [
    [0.5, 0, '0'],
    [1.5, 0, '2'],
    [2.5, 0, '2'],
    [-0.5, 0, '-0'],
    [-1.5, 0, '-2'],
    [0.125, 2, '0.12'],
    [0.375, 2, '0.38'],
    [0.25, 1, '0.2'],
    [0.75, 1, '0.8'],
    [2.675, 2, '2.67'],
    [1.005, 2, '1.00'],
    [9.9999999, 6, '10.000000'],
    [0.9999999, 6, '1.000000'],
    [999.5, 0, '1000'],
    [0, 0, '0'],
    [0, 3, '0.000'],
    [1, 6, '1.000000'],
    [123456789, 2, '123456789.00'],
    [2 ** 53, 1, '9007199254740992.0'],
    [1e21, 0, '1000000000000000000000'],
    [1e23, 0, '99999999999999991611392'],
    [Number.MAX_VALUE, 0, String(BigInt(Number.MAX_VALUE))],
    [-Number.MAX_VALUE, 1, `-${BigInt(Number.MAX_VALUE)}.0`],
    [5e-324, 6, '0.000000'],
    [-5e-324, 6, '-0.000000'],
    [0.5, 2_000, `0.5${'0'.repeat(1_999)}`],
  ]
  for (const [value, decimals, text] of rows) {
    test(`${value} with ${decimals} decimals is ${text.slice(0, 40)}`, () => {
      assert.equal(formatFloat(value, decimals), text)
    })
  }
  test('the least double has 1074 decimals, of which 751 are significant', () => {
    const text = formatFloat(5e-324, 1_080)
    assert.equal(text.length, 2 + 1_080)
    assert.match(text, /^0\.0{323}4940656458412465441765687.*5625000000$/)
    assert.equal(Number(text), 5e-324)
  })
})

test('any double reads back from its exact decimals', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = formatFloat(value, 1_074)
      assert.ok(Object.is(Number(text), value))
      assert.doesNotMatch(text, /e/)
    }),
  )
})

test('toFixed agrees wherever there is no tie', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, min: -1e20, max: 1e20 }),
      fc.integer({ min: 0, max: 100 }),
      (value, decimals) => {
        const exact = formatFloat(value, 1_074)
        fc.pre(!/^50*$/.test(exact.slice(exact.indexOf('.') + 1 + decimals)))
        const expected = value.toFixed(decimals)
        // toFixed forgets the sign of what is -0.
        assert.equal(formatFloat(value, decimals), Object.is(value, -0) ? `-${expected}` : expected)
      },
    ),
    { numRuns: 2_000 },
  )
})
