// Real mosquitto brokers for tests, and the rule for machines that have none.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePorts } from './ports.js'
import { findCommand, Lines, type Running, type Scope, start, temporaryFolder, until } from './processes.js'

const MUST_RUN = process.env.CI === 'true' || process.env.MQTT_TOOLS_NEED_BROKER === '1'

/**
 * Options for a test that uses these commands: without one of them it is skipped with the reason. Throws instead
 * where nothing may be skipped, that is with CI=true or MQTT_TOOLS_NEED_BROKER=1 in the environment.
 */
export function needs(...commands: readonly string[]): { skip?: string } {
  const missing = commands.filter((command) => findCommand(command) === undefined)
  if (missing.length === 0) return {}
  const reason = `not on PATH: ${missing.join(', ')}`
  if (MUST_RUN) throw new Error(reason)
  return { skip: reason }
}

/** The same rule for what only shows while the test runs. */
export function cannot(t: TestContext, reason: string): void {
  if (MUST_RUN) throw new Error(reason)
  t.skip(reason)
}

/** Enough for long streams at QoS 2; `{port}`, `{port2}`, ... and `{folder}` are filled in. */
export const OPEN_BROKER = `
listener {port} 127.0.0.1
allow_anonymous true
max_inflight_messages 1000
max_queued_messages 0
`

/** What is kept survives a restart, written only when the broker ends or is told to save. */
export const KEEPING_BROKER = `${OPEN_BROKER}
persistence true
persistence_location {folder}/
autosave_interval 0
`

export class Mosquitto {
  readonly #t: Scope
  readonly folder: string
  ports: readonly number[] = []
  /** Everything it has said, over all restarts. */
  readonly log = new Lines()
  #running: Running | undefined

  constructor(t: Scope) {
    this.#t = t
    this.folder = temporaryFolder(t)
  }

  get port(): number {
    return this.ports[0] ?? 0
  }

  /** Writes the configuration for `ports` and starts the broker; false where a port is taken. */
  async begin(config: string, ports: readonly number[]): Promise<boolean> {
    this.ports = ports
    const text = config
      .replace(/\{port(\d*)\}/g, (_, number: string) => String(ports[Number(number || 1) - 1]))
      .replaceAll('{folder}', this.folder)
    const common = [
      ...(process.getuid?.() === 0 ? ['user root'] : []), // or it gives up the rights to its folder
      'log_dest stderr',
      ...['error', 'warning', 'notice', 'information', 'subscribe'].map((type) => `log_type ${type}`),
    ]
    writeFileSync(join(this.folder, 'mosquitto.conf'), `${common.join('\n')}\n${text}`)
    return this.start()
  }

  async start(): Promise<boolean> {
    const from = this.log.all.length
    this.log.reopen()
    const path = findCommand('mosquitto') ?? 'mosquitto'
    this.#running = start(this.#t, path, ['-c', join(this.folder, 'mosquitto.conf')], {
      log: this.log,
      endless: true,
    })
    const line = await this.log.seen(/ mosquitto version \S+ running$|Error: Address already in use/, from)
    if (!line.includes('Error')) return true
    await this.#running.ended // which closes the log, for the next one to open again
    return false
  }

  /** Waits for a line of the log. */
  logged(pattern: RegExp, from = 0): Promise<string> {
    return this.log.seen(pattern, from)
  }

  /** Waits until a program has subscribed to a filter. */
  async subscribed(program: Running, clientId: string, filter: string, from = 0): Promise<void> {
    const [id, topic] = [clientId, filter].map((text) => text.replace(/[^\w/]/g, '\\$&'))
    const failed = program.ended.then(({ status, stderr }) => {
      if (status !== 0) throw new Error(`it ended with ${status} before it had subscribed:\n${stderr}`)
    })
    const logged = this.logged(new RegExp(`: ${id} [012] ${topic}$`), from)
    await Promise.race([logged, failed.then(() => logged)])
  }

  /** Ends in order, saving what it keeps. */
  async stop(): Promise<void> {
    this.#running?.signal('SIGTERM')
    await this.#running?.ended
  }

  async kill(): Promise<void> {
    this.#running?.signal('SIGKILL')
    await this.#running?.ended
  }

  /** Stops it where it stands; `thaw` has it go on. Linux only. */
  async freeze(): Promise<void> {
    await this.#running?.freeze()
  }

  thaw(): void {
    this.#running?.signal('SIGCONT')
  }

  /** On the same ports, with the same data. */
  async restart(): Promise<void> {
    if (!(await this.start()))
      throw new Error(`mosquitto did not get its ports ${this.ports.join(', ')} back`)
  }

  /** Waits until it has read all that its clients, which must be frozen, had sent. Linux only. */
  async settled(): Promise<void> {
    const end = `:${this.port.toString(16).toUpperCase().padStart(4, '0')}`
    await until('mosquitto has read its sockets', () =>
      readFileSync('/proc/net/tcp', 'latin1')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        // number, local address, remote address, state (01: established), bytes to send:bytes to read
        .filter(([, , , state]) => state === '01')
        .every(([, local, remote, , queues]) => {
          const [unsent, unread] = queues?.split(':') ?? []
          if (local?.endsWith(end)) return Number(`0x${unread}`) === 0
          return !remote?.endsWith(end) || Number(`0x${unsent}`) === 0
        }),
    )
  }

  /** Has it save what it keeps, and waits until that is done. */
  async save(): Promise<void> {
    const path = join(this.folder, 'mosquitto.db')
    // It writes a new file and then puts it in place of the old one.
    const version = (): string => {
      const found = statSync(path, { throwIfNoEntry: false, bigint: true })
      return `${found?.ino} ${found?.mtimeNs}`
    }
    const before = version()
    const from = this.log.all.length
    this.#running?.signal('SIGUSR1')
    await this.logged(/Saving in-memory database/, from)
    await until('mosquitto has saved', () => version() !== before)
  }
}

/** Starts mosquitto with a configuration, on free ports, in a folder of its own. */
export async function startMosquitto(t: Scope, config = OPEN_BROKER): Promise<Mosquitto> {
  const broker = new Mosquitto(t)
  const count = Math.max(1, ...[...config.matchAll(/\{port(\d+)\}/g)].map(([, number]) => Number(number)))
  for (;;) {
    if (await broker.begin(config, await freePorts(count))) return broker
  }
}
