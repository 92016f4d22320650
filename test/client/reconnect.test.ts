// What follows a lost connection or a failed attempt, without a clock or a network.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClientOptions } from '../../src/client/index.js'
import { type Loss, Reconnect } from '../../src/client/reconnect.js'
import { ClosedError, type MqttError, RefusedError, TransportError } from '../../src/errors.js'

const REFUSED_TCP = new TransportError('tcp', 'refused')
const UNREACHABLE = new TransportError('proxy', 'unreachable', { detail: 'unreachable' })
const CLOSED = new ClosedError('closed')

function loss(error: MqttError, more: Partial<Loss> = {}): Loss {
  return { error, retry: true, inOrder: false, isKept: false, ...more }
}

/** Without chance, so that delays are whole. */
function policy(options: ClientOptions = {}): Reconnect {
  return new Reconnect(options, () => 0)
}

/** One that has been connected, and is not any more. */
function connected(options: ClientOptions = {}): Reconnect {
  const made = policy(options)
  made.begin(0)
  made.opened(0)
  return made
}

describe('the first connection', () => {
  test('is tried once', () => {
    assert.deepEqual(policy().next(loss(REFUSED_TCP), 0), { error: REFUSED_TCP })
  })

  test('retryConnectMs Infinity: for ever, with the delays of reconnects', () => {
    const made = policy({ retryConnectMs: Number.POSITIVE_INFINITY })
    const delays = [1, 2, 3, 4, 5, 6, 7].map(() => {
      made.begin(0)
      const next = made.next(loss(REFUSED_TCP), 0)
      return 'delayMs' in next ? next.delayMs : undefined
    })
    assert.deepEqual(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  })

  test('retryConnectMs: attempts and delays together, and the last error ends it', () => {
    const made = policy({ retryConnectMs: 5_000 })
    assert.equal(made.begin(100), 5_000)
    assert.deepEqual(made.next(loss(REFUSED_TCP), 200), { delayMs: 1_000, attempt: 1 })
    assert.equal(made.begin(1_200), 3_900, 'an attempt has what is left')
    assert.deepEqual(made.next(loss(REFUSED_TCP), 1_300), { delayMs: 2_000, attempt: 2 })
    assert.equal(made.begin(3_300), 1_800)
    assert.deepEqual(made.next(loss(REFUSED_TCP), 3_400), { error: REFUSED_TCP, attempts: 3 })
  })

  test('connectTimeoutMs limits each attempt', () => {
    assert.equal(policy().begin(0), 30_000)
    assert.equal(policy({ connectTimeoutMs: 700 }).begin(0), 700)
    assert.equal(policy({ connectTimeoutMs: 700, retryConnectMs: 5_000 }).begin(0), 700)
  })

  test('retryUnreachable: only where a proxy cannot reach the broker', () => {
    const made = policy({ retryUnreachable: true })
    assert.deepEqual(made.next(loss(UNREACHABLE), 0), { delayMs: 1_000, attempt: 1 })
    assert.deepEqual(made.next(loss(UNREACHABLE), 1e9), { delayMs: 2_000, attempt: 2 })
    assert.deepEqual(made.next(loss(REFUSED_TCP), 2e9), { error: REFUSED_TCP })
  })

  for (const [what, given] of [
    ['a refusal', loss(new RefusedError('CONNECT', 'no', { reasonCode: 5 }), { retry: false })],
    ['TLS', loss(new TransportError('tls', 'no'))],
    ['an upgrade', loss(new TransportError('upgrade', 'no', { detail: 'refused' }))],
    ['a proxy that forbids', loss(new TransportError('proxy', 'no', { detail: 'denied' }))],
    ['a proxy that fails', loss(new TransportError('proxy', 'no', { detail: 'failed' }))],
  ] as const) {
    test(`${what} would only come again: first connection and later`, () => {
      const options = { retryConnectMs: Number.POSITIVE_INFINITY, retryUnreachable: true }
      assert.deepEqual(policy(options).next(given, 0), { error: given.error })
      assert.deepEqual(connected(options).next(given, 0), { error: given.error })
    })
  }
})

describe('a lost connection', () => {
  test('attempts at the first connection do not count', () => {
    const made = policy({ retryConnectMs: Number.POSITIVE_INFINITY, maxReconnects: 1 })
    made.begin(0)
    made.next(loss(REFUSED_TCP), 0)
    made.next(loss(REFUSED_TCP), 0)
    made.opened(0)
    assert.deepEqual(made.next(loss(CLOSED), 0), { delayMs: 1_000, attempt: 1 })
  })

  for (const [reconnect, isKept, again] of [
    ['always', false, true],
    ['kept', false, false],
    ['kept', true, true],
    ['never', true, false],
  ] as const) {
    test(`reconnect '${reconnect}', session ${isKept ? 'kept' : 'clean'}`, () => {
      const next = connected({ reconnect }).next(loss(CLOSED, { isKept }), 0)
      assert.equal('delayMs' in next, again)
    })
  }

  test('reconnectDelayMs sets the delays', () => {
    const made = connected({ reconnectDelayMs: [200, 700] })
    const delays = [1, 2, 3, 4].map(() => made.next(loss(REFUSED_TCP), 0))
    assert.deepEqual(
      delays.map((next) => 'delayMs' in next && next.delayMs),
      [200, 400, 700, 700],
    )
  })

  test('maxReconnects attempts in a row, and the last error', () => {
    const made = connected({ maxReconnects: 2 })
    assert.deepEqual(made.next(loss(CLOSED), 0), { delayMs: 1_000, attempt: 1 })
    assert.deepEqual(made.next(loss(CLOSED), 0), { delayMs: 2_000, attempt: 2 })
    assert.deepEqual(made.next(loss(REFUSED_TCP), 0), { error: REFUSED_TCP, attempts: 2 })
    assert.deepEqual(connected({ maxReconnects: 0 }).next(loss(CLOSED), 0), { error: CLOSED, attempts: 0 })
  })

  test('a CONNACK alone does not start the count anew (F8); use, or a long life, does', () => {
    const made = connected({ maxReconnects: 1 })
    made.next(loss(CLOSED), 0)
    made.opened(1_000)
    assert.deepEqual(made.next(loss(CLOSED), 2_000), { error: CLOSED, attempts: 1 })
    made.opened(3_000)
    made.useful()
    assert.deepEqual(made.next(loss(CLOSED), 4_000), { delayMs: 1_000, attempt: 1 })
    made.opened(5_000)
    assert.deepEqual(made.next(loss(CLOSED), 35_000), { delayMs: 1_000, attempt: 1 })
  })

  for (const [clientId, ends] of [
    ['me', true],
    ['', false],
    [undefined, false],
  ] as const) {
    test(`five losses in order with identifier ${clientId}: ${ends ? 'a fight' : 'nobody can fight for it'}`, () => {
      const made = policy(clientId === undefined ? {} : { clientId })
      const outcomes = [0, 1, 2, 3, 4].map((nth) => {
        made.opened(nth * 1_000)
        return made.next(loss(CLOSED, { inOrder: true }), nth * 1_000 + 500)
      })
      assert.deepEqual(
        outcomes.map((next) => 'delayMs' in next),
        [true, true, true, true, !ends],
      )
      const last = outcomes.at(-1)
      if (ends) {
        assert.ok(last !== undefined && 'error' in last && last.error instanceof ClosedError)
        assert.match(last.error.message, /another client probably uses the identifier 'me'/)
      }
    })
  }
})
