// The malformed catalogue as bytes through decoder and session: how we answer a broker that breaks the rules. The
// rows are in test/vectors; here is how their situations come about, and what a few of them do first or besides.

import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Version } from '../../src/packet/index.js'
import { cases, MALFORMED, type Malformed, type Reaction, unhex } from '../packet/vectors.js'
import { Driver, each, is, optionsFor } from './support.js'

type Setup = NonNullable<Malformed['setup']>

/** CONNECT as the row wants it. */
function driverFor(version: Version, { connect = {} }: Setup): Driver {
  const { clientId = 'c1', cleanStart = true, ...properties } = connect
  return new Driver(
    optionsFor(version, 'clean', { clientId, cleanStart, ...(version === 5 ? { properties } : {}) }),
  )
}

function openAgain(driver: Driver, { connect }: Setup): void {
  const method = connect?.authenticationMethod
  driver.reconnect('CONNACK', method === undefined ? {} : { authenticationMethod: method })
}

/** The situation of the row. */
function given(version: Version, setup: Setup): Driver {
  const driver = driverFor(version, setup)
  const works = setup.inFlight ?? []
  if (setup.awaiting === 'connack') {
    // We do not pipeline: a request made now waits for CONNACK.
    for (const { filters = 0 } of works) is(driver.subscribe(...filtersOf(filters)))
    driver.connect()
    return driver
  }
  openAgain(driver, setup)
  if (setup.before !== undefined) {
    driver.feed(setup.before)
    driver.cut()
    openAgain(driver, setup)
  }
  for (const { type, packetId, qos = 2, filters = 0 } of works) {
    for (let id = 1; id < packetId; id++) {
      driver.publish(1, 'used')
      driver.from(`PUBACK ${id}`)
    }
    if (type === 'subscribe') driver.subscribe(...filtersOf(filters))
    else if (type === 'unsubscribe') driver.unsubscribe(...filtersOf(filters))
    else driver.publish(qos, 'm')
    if (type === 'pubrel') is(driver.from(`PUBREC ${packetId}`), `PUBREL ${packetId}`)
    const packet = driver.sent.at(-1)
    assert.ok(packet !== undefined && 'packetId' in packet && packet.packetId === packetId)
  }
  return driver
}

function filtersOf(count: number): string[] {
  return ['s', 'r'].slice(0, count)
}

/** What good packets in front of the bad one do. */
const FIRST: Readonly<Record<string, string[]>> = {
  'M-042': ['opened'],
  'M-122': ['deliver q2 1 hi @a/b', 'PUBREC 1'],
}

/** What the packets do that pass: the flags of 3.1 that nobody uses, lengths not minimal, checks left out. */
const ACCEPTED: Readonly<Record<string, string[]>> = {
  'M-011': [],
  'M-012': ['deliver q0 hi @a/b'],
  'M-015': ['opened'],
  'M-017': ['settle m ok'],
  'M-018': ['PUBREL 10'],
  'M-019': ['PUBCOMP 10'],
  'M-021': ['settle m ok'],
  'M-022': ['settle s ok'],
  'M-023': ['settle s ok'],
  'M-024': [],
  'M-029': ['deliver q0 hi @a/b dup'],
  'M-035': ['opened'],
  'M-036': ['opened'],
  'M-037': ['opened'],
  'M-119': ['deliver q0  @a/b'],
  'M-123': ['deliver q0 \ufffd @a/b'],
  'M-154': ['settle s REFUSED 0x80'],
  'M-155': ['settle s REFUSED 0x80'],
}

/** 5.0 has no CONNACK code 1: it is reported as the code that 5.0 has for it. */
const CODE: Readonly<Record<string, number>> = { 'M-034': 0x84 }

const GOOD = unhex('3003000178') // to topic `x`, before 5.0
const GOOD_5 = unhex('300400017800')

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`
}

/** Checks the reaction, in lines and state. */
function check(no: string, version: Version, driver: Driver, lines: string[], expected: Reaction): void {
  const { reaction, codes = [], code = 0, answer } = expected
  const kind = expected.optional ? 'accept' : reaction
  if (kind === 'ignore' || kind === 'lost') {
    is(lines)
  } else if (kind === 'accept') {
    is(lines, ...(ACCEPTED[no] ?? ['a row of ACCEPTED']))
  } else if (kind === 'answer') {
    assert.equal(lines.length, 1)
    assert.equal(driver.wire.at(-1), answer)
  } else if (kind === 'close') {
    const before = FIRST[no] ?? []
    const rest = lines.slice(before.length)
    is(lines.slice(0, before.length), ...before)
    const close = rest.at(-1) ?? ''
    assert.match(close, /^close final (MALFORMED|PROTOCOL)$/)
    assert.match(driver.error?.message ?? '', /^(malformed|illegal) \S+: .+ \[.+\]$/)
    if (version !== 5) return is(rest, close)
    assert.equal(rest.length, 2)
    const permitted = codes.map((number) => `DISCONNECT ${hex(number)}`)
    assert.ok(permitted.includes(rest[0] ?? ''), `${rest[0]}, permitted ${permitted}`)
  } else {
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', new RegExp(`^close (final|retry) REFUSED ${hex(CODE[no] ?? code)}$`))
  }
  const isClosed = kind === 'close' || kind === 'refused' || kind === 'disconnected'
  assert.equal(driver.session.isOpen, !isClosed)
}

for (const entry of MALFORMED) {
  const setup = entry.setup ?? {}
  describe(`${entry.no} ${entry.what}`, () => {
    for (const { version, expected } of cases(entry)) {
      const bad = unhex(expected.hex)
      const good = version === 5 ? GOOD_5 : GOOD
      const isClosed = ['close', 'refused', 'disconnected'].includes(expected.reaction) && !expected.optional

      each([version], `${entry.no} whole: ${expected.reaction} [${entry.source}]`, () => {
        const driver = given(version, setup)
        check(entry.no, version, driver, driver.feed(bad), expected)
        if (!isClosed) return
        is(driver.feed(good))
        is(driver.cut())
      })

      each([version], `${entry.no} byte by byte: ${expected.reaction}`, () => {
        const driver = given(version, setup)
        const lines = [...bad].flatMap((byte) => driver.feed(Buffer.from([byte])))
        check(entry.no, version, driver, lines, expected)
      })

      if (setup.awaiting === undefined) {
        each([version], `${entry.no} between good packets: the one before is processed`, () => {
          const driver = given(version, setup)
          const before = driver.delivered.length
          const after = isClosed || expected.reaction === 'lost' ? 0 : 1
          const lines = driver.feed(
            Buffer.concat([good, bad, ...(expected.reaction === 'lost' ? [] : [good])]),
          )
          is(lines.slice(0, 1), 'deliver q0  @x')
          const rest = lines.slice(1, after === 1 ? -1 : undefined)
          if (after === 1) is(lines.slice(-1), 'deliver q0  @x')
          check(entry.no, version, driver, rest, expected)
          assert.ok(driver.delivered.length > before)
        })
      }
    }
  })
}
