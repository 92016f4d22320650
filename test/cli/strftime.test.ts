// Dates against the contract's table, and against the machine's own date.

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { wallClock } from '../../src/cli/moment.js'
import { dateConversion } from '../../src/cli/strftime.js'
import { MOMENT, printed } from './format-message.js'

process.env.TZ = 'UTC'

describe('contract 4.3.4 at 2026-11-20 10:21:55.832710123 UTC', () => {
  const rows: Readonly<Record<string, string>> = {
    '@': '@',
    N: '832710123',
    a: 'Fri',
    A: 'Friday',
    b: 'Nov',
    B: 'November',
    c: 'Fri Nov 20 10:21:55 2026',
    C: '20',
    d: '20',
    e: '20',
    D: '11/20/26',
    x: '11/20/26',
    F: '2026-11-20',
    G: '2026',
    g: '26',
    X: '10:21:55',
    h: 'Nov',
    H: '10',
    I: '10',
    j: '324',
    k: '10',
    l: '10',
    m: '11',
    M: '21',
    p: 'AM',
    P: 'am',
    r: '10:21:55 AM',
    R: '10:21',
    '%': '%',
    s: '1795170115',
    S: '55',
    t: '\t',
    n: '\n',
    T: '10:21:55',
    u: '5',
    w: '5',
    U: '46',
    W: '46',
    V: '47',
    y: '26',
    Y: '2026',
    z: '+0000',
    Z: 'UTC',
  }
  for (const [letter, text] of Object.entries(rows)) {
    test(`@${letter} is ${JSON.stringify(text)}`, () => assert.equal(printed(`@${letter}`).toString(), text))
  }
  for (const letter of [
    'q',
    'E',
    'O',
    '+',
    'é',
    '\u{1f600}',
    '-',
    '0',
    '_',
    '^',
    '\\',
    ' ',
    'f',
    'i',
    'J',
    'v',
  ]) {
    test(`@${letter} is no conversion`, () => assert.equal(printed(`@${letter}`).toString(), `%${letter}`))
  }
  test('one character only', () => {
    assert.equal(printed('@Y-@m@@@%@\\n@5Y').toString(), '2026-11@%%\\n%5Y')
  })
})

test('single digits, the early afternoon and years without four digits', () => {
  // Sunday, 4 January 2009, 15:04:05: the first ISO week of 2009 began in December.
  const at = { seconds: Date.UTC(2009, 0, 4, 15, 4, 5) / 1_000, nanoseconds: 7 }
  const text = [...'eklIjNgGVUWuwpPyr']
    .map((letter) => printed(`@${letter}`, {}, { clock: () => at }))
    .join('|')
  assert.equal(text, ' 4|15| 3|03|004|000000007|09|2009|01|01|00|7|0|PM|pm|09|03:04:05 PM')
})

describe('GNU date says the same', () => {
  const letters = [...'aAbBcCdDeFgGhHIjklmMNpPrRsSTuUVwWxXyYzZ']
  const zones = [
    'UTC',
    'Europe/Berlin',
    'Europe/London',
    'Europe/Dublin', // its winter is the exception in the zone file
    'America/New_York',
    'America/St_Johns',
    'America/Sao_Paulo',
    'Asia/Kolkata',
    'Asia/Kathmandu',
    'Asia/Tokyo',
    'Australia/Lord_Howe',
    'Pacific/Chatham',
    'Africa/Monrovia', // 44 minutes and a half until 1972
    'Etc/GMT+5',
  ]
  const texts = [
    '1970-01-01T00:00:00Z',
    '1971-12-31T23:59:59Z',
    '1972-06-30T12:34:56Z',
    '1999-12-31T23:59:59Z',
    '2000-02-29T12:00:00Z',
    '2005-01-01T00:00:00Z',
    '2008-12-29T00:00:00Z',
    '2010-01-03T12:01:02Z',
    '2020-12-31T23:59:59Z',
    '2021-01-01T00:00:00Z',
    '2024-12-30T11:59:59Z',
    '2026-03-08T06:59:59Z',
    '2026-03-08T07:00:00Z',
    '2026-03-29T00:59:59Z',
    '2026-03-29T01:00:00Z',
    '2026-04-04T15:00:00Z',
    '2026-10-25T00:59:59Z',
    '2026-10-25T01:00:00Z',
    '2026-11-20T10:47:12Z',
    '2038-01-19T03:14:08Z',
    '2099-07-01T00:00:00Z',
    '2100-03-01T00:00:00Z',
  ]
  // And days that are spread over years, weekdays and hours.
  const spread = Array.from({ length: 400 }, (_, at) => 86_400 * 11 * at + 4_999 * at + 500_000_000)
  const instants = [...texts.map((text) => Date.parse(text) / 1_000), ...spread]

  const ours = (zone: string): Promise<string> => {
    const script = `
      import { dateConversion } from '${new URL('../../src/cli/strftime.ts', import.meta.url)}'
      const conversions = ${JSON.stringify(letters)}.map(dateConversion)
      for (const seconds of ${JSON.stringify(instants)}) {
        console.log(conversions.map((print) => print({ seconds, nanoseconds: 0 })).join('|'))
      }`
    const words = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script]
    return output(process.execPath, words, zone, '')
  }
  const theirs = (zone: string): Promise<string> => {
    const format = letters.map((letter) => `%${letter}`).join('|')
    const lines = instants.map((seconds) => `@${seconds}\n`).join('')
    return output('date', ['-f', '-', `+${format}`], zone, lines)
  }
  const output = (program: string, words: string[], zone: string, input: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const env = { ...process.env, TZ: zone, LC_ALL: 'C' }
      const child = execFile(program, words, { env }, (error, stdout) =>
        error === null ? resolve(stdout) : reject(error),
      )
      child.stdin?.end(input)
    })

  const version = spawnSync('date', ['--version'], { encoding: 'utf8' })
  if (version.status === 0 && version.stdout.includes('GNU')) {
    for (const zone of zones) {
      test(zone, async () => {
        const [our, their] = await Promise.all([ours(zone), theirs(zone)])
        assert.deepEqual(our.split('\n'), their.split('\n'))
      })
    }
  }
})

describe('the clock', () => {
  const milliseconds = (): number => {
    const { seconds, nanoseconds } = wallClock()
    assert.ok(Number.isInteger(seconds) && Number.isInteger(nanoseconds))
    assert.ok(nanoseconds >= 0 && nanoseconds < 1_000_000_000)
    return 1_000 * seconds + Math.floor(nanoseconds / 1_000_000)
  }
  test('agrees with Date and has microseconds', () => {
    const fractions = new Set<number>()
    for (let count = 0; count < 10_000; count++) {
      const before = Date.now()
      const now = milliseconds()
      assert.ok(before <= now && now <= Date.now())
      fractions.add(Math.floor(wallClock().nanoseconds / 1_000) % 1_000)
    }
    assert.ok(fractions.size > 100, `only ${fractions.size} different microseconds`)
  })
  test('does not run backwards', () => {
    let last = 0n
    for (let count = 0; count < 10_000; count++) {
      const { seconds, nanoseconds } = wallClock()
      const now = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
      assert.ok(now >= last)
      last = now
    }
  })
  test('follows when the time of day is set', (t) => {
    let wall = Date.now()
    t.mock.method(Date, 'now', () => wall)
    for (const step of [3_600_000, -7_200_000, 1, 0, -1]) {
      wall += step
      assert.equal(milliseconds(), wall)
    }
  })
  test('an unknown letter is a constant', () => {
    assert.equal(dateConversion('toString'), '%toString')
    assert.equal(typeof dateConversion('Y'), 'function')
    assert.deepEqual(MOMENT, { seconds: 1_795_170_115, nanoseconds: 832_710_123 })
  })
})
