// What the tests of the spool share: a spool in a folder of its own, with a clock that the test moves.

import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Spool, type SpoolMessage, type SpoolOptions, type SpoolRecord } from '../../src/spool/index.js'
import { temporaryFolder } from '../support/run.js'

export type Options = Partial<Omit<SpoolOptions, 'now'>>

export class Bench {
  readonly folder: string
  now = 1_000_000
  readonly #open = new Set<Spool>()

  constructor(t: TestContext) {
    this.folder = join(temporaryFolder(t), 'spool')
    t.after(() => Promise.all([...this.#open].map((spool) => spool.close())))
  }

  async open(options: Options = {}): Promise<Spool> {
    const spool = await Spool.open({ folder: this.folder, create: true, now: () => this.now, ...options })
    this.#open.add(spool)
    return spool
  }

  /** Closed in order. */
  async close(spool: Spool): Promise<void> {
    this.#open.delete(spool)
    await spool.close()
  }
}

export function message(text: string, more: Partial<SpoolMessage> = {}): SpoolMessage {
  return { topic: 't', payload: Buffer.from(text), qos: 1, retain: false, properties: {}, ...more }
}

export function messages(from: number, to: number, more: Partial<SpoolMessage> = {}): SpoolMessage[] {
  return Array.from({ length: to - from + 1 }, (_, at) => message(String(from + at), more))
}

/** `SEQUENCE payload`, and the stage where it is not waiting. */
export function told(records: readonly SpoolRecord[]): string[] {
  return records.map(({ sequence, stage, message }) => {
    return `${sequence} ${Buffer.from(message.payload)}${stage === 'waiting' ? '' : ` ${stage}`}`
  })
}
