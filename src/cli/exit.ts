// Errors to one line on stderr and a fixed exit status. The statuses are those of mosquitto 2.1.

import {
  ClosedError,
  MalformedError,
  MqttError,
  ProtocolError,
  RefusedError,
  TimeoutError,
  TransportError,
  UsageError,
} from '../errors.js'
import type { Io, Signal } from './io.js'
import { oneLine } from './one-line.js'

export const EXIT = {
  ok: 0,
  /** Misuse, unreadable files, and every failure to connect before MQTT begins. */
  failure: 1,
  protocol: 2,
  /** Of mqtt-passwd: the two passwords that were typed are not the same. */
  passwordsDiffer: 2,
  /** The proxy answered a code that nobody has defined. */
  proxyUnknown: 3,
  disconnected: 4,
  /** Of mqtt-passwd --verify. */
  wrongPassword: 4,
  lost: 7,
  tls: 8,
  payloadTooLarge: 9,
  proxyDenied: 11,
  upgradeRefused: 13,
  proxyFailed: 16,
  keepAlive: 19,
  malformed: 21,
  qosNotSupported: 24,
  packetTooLarge: 25,
  timedOut: 27,
  interrupted: 255,
} as const

/** The exit status that an error stands for, or undefined for one that is no error of the world. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof MqttError)) return undefined
  if (error.code === 'QOS_NOT_SUPPORTED') return EXIT.qosNotSupported
  if (error.code === 'PACKET_TOO_LARGE') return EXIT.packetTooLarge
  if (error.code === 'PAYLOAD_TOO_LARGE') return EXIT.payloadTooLarge
  if (error.code === 'PASSWORDS_DIFFER') return EXIT.passwordsDiffer
  if (error.code === 'WRONG_PASSWORD') return EXIT.wrongPassword
  if (error instanceof UsageError) return EXIT.failure
  if (error instanceof TransportError) return statusOfTransport(error)
  if (error instanceof TimeoutError) return error.waitedFor === '-W' ? EXIT.timedOut : EXIT.keepAlive
  if (error instanceof MalformedError || error instanceof ProtocolError) {
    return error.reasonCode === 0x81 ? EXIT.malformed : EXIT.protocol
  }
  if (error instanceof RefusedError) {
    // CONNACK codes pass through, as do refusals of publishes and subscriptions; a DISCONNECT below 0x80 is no refusal.
    return error.packet === 'DISCONNECT' && error.reasonCode < 0x80 ? EXIT.disconnected : error.reasonCode
  }
  if (error instanceof ClosedError) return EXIT.lost
  return EXIT.failure
}

function statusOfTransport({ step, detail }: TransportError): number {
  if (step === 'tls') return EXIT.tls
  if (step === 'upgrade') return detail === 'closed' ? EXIT.lost : EXIT.upgradeRefused
  if (step !== 'proxy') return EXIT.failure
  switch (detail) {
    case 'denied':
      return EXIT.proxyDenied
    case 'unreachable':
      return EXIT.disconnected
    case 'failed':
      return EXIT.proxyFailed
    case 'unknown':
      return EXIT.proxyUnknown
    default:
      return EXIT.failure
  }
}

/** The same on every system. */
const SIGNAL_NUMBERS: Readonly<Record<Signal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/** What a shell calls the status of a program that the signal ended. */
export function statusOfSignal(signal: Signal): number {
  return 128 + SIGNAL_NUMBERS[signal]
}

/** How diagnostics are coloured. */
type Palette = Record<'red' | 'yellow' | 'cyan' | 'green', (text: string) => string>

const same = (text: string): string => text
const PLAIN: Palette = { red: same, yellow: same, cyan: same, green: same }

/** Speaks to the user on stderr, one line at a time. */
export class Reporter {
  readonly #program: string
  readonly #io: Io
  #palette: Palette | undefined
  /** Lines that came before the colours. */
  #held: ((palette: Palette) => string)[] = []
  #loading: Promise<void> | undefined
  quiet = false

  constructor(program: string, io: Io) {
    this.#program = program
    this.#io = io
  }

  /** Something failed. Returns its exit status; the line is left out under --quiet. */
  error(error: unknown): number {
    const status = statusOf(error)
    if (status === undefined) {
      // A fault of ours: the stack is what helps, and nothing may hide it.
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#say(() => `${this.#program}: this is a bug in ${this.#program}: ${text}`)
      return EXIT.failure
    }
    if (!this.quiet) this.#sayError(error as MqttError)
    return status
  }

  /** An error in the command line, which --quiet does not silence. */
  usage(error: UsageError): number {
    this.#sayError(error)
    this.#say(() => `Try '${this.#program} --help'.`)
    return EXIT.failure
  }

  warn(text: string): void {
    if (!this.quiet) this.#say(({ yellow }) => `${this.#program}: ${yellow('warning:')} ${oneLine(text)}`)
  }

  note(text: string): void {
    if (!this.quiet) this.#say(() => `${this.#program}: ${oneLine(text)}`)
  }

  /** A line of -d. */
  trace(direction: 'sent' | 'received', text: string): void {
    this.#say(({ cyan, green }) => (direction === 'sent' ? cyan : green)(oneLine(text)))
  }

  /** A line of --explain, which --quiet does not silence: it was asked for. */
  explain(text: string): void {
    this.#say(() => `${this.#program}: explain ${oneLine(text)}`)
  }

  /** Waits until all of that has been written. */
  async said(): Promise<void> {
    await this.#loading
  }

  #sayError({ message }: MqttError): void {
    this.#say(({ red }) => `${this.#program}: ${red('error:')} ${oneLine(message)}`)
  }

  /** In a pipe there are no colours; for a terminal they are loaded for the first line: most runs say nothing. */
  #say(line: (palette: Palette) => string): void {
    if (this.#palette === undefined && !this.#io.colour) this.#palette = PLAIN
    if (this.#palette !== undefined) return this.#io.complain(line(this.#palette))
    this.#held.push(line)
    this.#loading ??= this.#load()
  }

  async #load(): Promise<void> {
    const loaded = await import('chalk').catch(() => undefined) // of a package that was removed while we run
    const palette = loaded === undefined ? PLAIN : new loaded.Chalk({ level: 1 })
    this.#palette = palette
    for (const line of this.#held) this.#io.complain(line(palette))
    this.#held = []
  }
}
