// Compares what was sent, confirmed and received with what is promised.
//
//   QoS 2  each message once and in order, where the session is kept
//   QoS 1  each message at least once, in the order of first arrival
//   QoS 0  each message at most once, in order
//
// Status 0 means that everything arrived; another status comes with a count no smaller than what is missing.

import type { Case } from './cases.js'

/** One run of a program, as the harness saw it. */
export interface Run {
  sent: readonly string[]
  received: readonly string[]
  /** Exit status or signal; `hang` for a program that had to be killed. */
  status: number | NodeJS.Signals | 'hang'
  stderr: string
  /** Whether the first connection, and subscription, came about: without it nothing is tried again. */
  greeted: boolean
  /** Somebody on the way took bytes of the program, passed them to nobody, and ended the connection in order. */
  swallowed?: boolean
}

export interface Verdict {
  /** What breaks a promise, in words; none for a good run. */
  faults: string[]
  messages: number
  /** Missing though promised. */
  lost: number
  /** Missing and told, or at QoS 0 where nothing is promised. */
  missing: number
  /** Doubled though exactly one was promised. */
  doubled: number
  /** Doubled where that is allowed. */
  repeated: number
  /** 1 for an exit status or a count that is not true. */
  falseStatus: number
}

const TRACE = /\n\s+at .*:\d+:\d+|this is a bug in/

export function judge(test: Case, run: Run): Verdict {
  const { sent, received } = run
  const times = new Map<string, number>()
  for (const each of received) times.set(each, (times.get(each) ?? 0) + 1)
  const missing = sent.filter((each) => !times.has(each)).length
  const extra = received.length - times.size
  const verdict: Verdict = {
    faults: [],
    messages: sent.length,
    lost: 0,
    missing: 0,
    doubled: 0,
    repeated: 0,
    falseStatus: 0,
  }
  const mayRepeat = test.qos === 1 || (test.program === 'sub' && test.fault.kind === 'signal')
  if (mayRepeat) verdict.repeated = extra
  else verdict.doubled = extra
  if (verdict.doubled > 0) verdict.faults.push(`${extra} doubled`)
  if (run.status === 'hang') verdict.faults.push('did not end')
  if (TRACE.test(run.stderr)) verdict.faults.push('a stack trace')
  const strange = [...times.keys()].filter((each) => !sent.includes(each))
  if (strange.length > 0) verdict.faults.push(`never sent: ${strange.slice(0, 3).join(', ').slice(0, 100)}`)
  const order = [...times.keys()].map((each) => sent.indexOf(each))
  if (order.some((at, nth) => nth > 0 && at < (order[nth - 1] as number))) verdict.faults.push('out of order')
  if (test.program === 'sub') judgeReader(test, run, missing, verdict)
  else if (test.program === 'rr') judgeRequest(test, run, verdict)
  else judgeWriter(test, run, missing, verdict)
  return verdict
}

function wrongStatus(verdict: Verdict, text: string): void {
  verdict.falseStatus = 1
  verdict.faults.push(text)
}

function lose(verdict: Verdict, count: number): void {
  verdict.lost = count
  if (count > 0) verdict.faults.push(`${count} lost`)
}

/** Faults in spite of which a program with a session comes to its end as if nothing had been. */
function isOvercome({ fault, qos }: Case, { greeted }: Run): boolean {
  if (['none', 'delay', 'single-bytes', 'stdin-stalls', 'stdout-stalls'].includes(fault.kind)) return true
  // At QoS 0 nothing but the end of the connection tells that all was read, and that may take too long.
  return qos > 0 && greeted && fault.kind !== 'signal' && fault.kind !== 'stdout-closed'
}

function judgeWriter(test: Case, run: Run, missing: number, verdict: Verdict): void {
  const { status, stderr, sent, received } = run
  const [, told, ofThem] = /(\d+) of (\d+) message\(s\) not confirmed/.exec(stderr) ?? []
  if (status === 'SIGKILL') {
    // Nobody can tell: what is there is the beginning, as it was sent in order.
    const seen = new Set(received).size
    lose(verdict, sent.slice(0, seen).filter((each) => !received.includes(each)).length)
    verdict.missing = missing
    return
  }
  if (isOvercome(test, run) && status !== 0)
    wrongStatus(verdict, `status ${status} where all can be delivered`)
  if (status === 0) {
    // That cannot be seen from this end, and nothing at QoS 0 tells of it.
    if (test.qos === 0 && run.swallowed) verdict.missing = missing
    else lose(verdict, missing)
    if (verdict.lost > 0) wrongStatus(verdict, `status 0 with ${missing} missing`)
    if (told !== undefined) wrongStatus(verdict, `status 0 and "${told} of ${ofThem} not confirmed"`)
    return
  }
  // Without a count everything that was read had been confirmed: what arrived is the beginning of the input.
  const read = ofThem === undefined ? new Set(received).size : Number(ofThem)
  const absent = sent.slice(0, read).filter((each) => !received.includes(each)).length
  verdict.missing = absent
  if (absent <= Number(told ?? 0)) return
  lose(verdict, absent - Number(told ?? 0))
  wrongStatus(verdict, `"${told ?? 0} not confirmed" with ${absent} missing`)
}

function judgeReader(test: Case, run: Run, missing: number, verdict: Verdict): void {
  const { status, greeted } = run
  if (test.fault.kind === 'stdout-closed') {
    verdict.missing = missing // what the closed pipe had taken is gone with it
    if (status !== 0 || run.stderr !== '') wrongStatus(verdict, `status ${status} for a closed output`)
    return
  }
  if (!greeted && test.fault.kind !== 'signal') {
    verdict.missing = missing
    if (status === 0 && run.received.length === 0) wrongStatus(verdict, 'status 0 without a connection')
    return
  }
  if (test.qos > 0) lose(verdict, missing)
  else verdict.missing = missing
  if (test.qos === 0 && isOvercome(test, run)) lose(verdict, missing)
  if (status !== 0 && (greeted || status !== 255)) wrongStatus(verdict, `status ${status} at the end`)
}

/** `sent` is the response; it was printed or it was not. */
function judgeRequest(test: Case, run: Run, verdict: Verdict): void {
  const { status, stderr, received } = run
  const isPrinted = received.length > 0
  if (test.fault.kind === 'stdout-closed') {
    verdict.missing = 1
    if (status !== 0) wrongStatus(verdict, `status ${status} for a closed output`)
    return
  }
  if (test.fault.kind === 'signal') {
    verdict.missing = isPrinted ? 0 : 1
    if (status !== test.fault.signal && !(status === 0 && isPrinted)) {
      wrongStatus(verdict, `status ${status} after ${test.fault.signal}`)
    }
    return
  }
  if (isPrinted !== (status === 0))
    wrongStatus(verdict, `status ${status} with ${received.length} response(s)`)
  if (isPrinted) return
  verdict.missing = 1
  if (!/^mqtt-rr: .+/.test(stderr)) wrongStatus(verdict, 'no word on why')
  if (isOvercome({ ...test, qos: 0 }, run)) lose(verdict, 1)
}
