// A row of the option table of the contract (1.2) as a run against a real mosquitto: what to give, what has to be seen.

import type { Certificates } from '../support/certificates.js'
import type { Mosquitto } from '../support/mosquitto.js'
import type { Args, Told } from '../support/run.js'

/** mqtt-pub, mqtt-sub, mqtt-rr. */
export type Letter = 'P' | 'S' | 'R'

export interface Place {
  /** Its listeners: plain, TLS, PSK, WebSocket, TLS that demands a certificate; and a unix socket. */
  broker: Mosquitto
  pem: Certificates
  /** A proxy that leads to the plain listener. */
  socks: string
  folder: string
  /** Of this run alone. */
  topic: string
  id: string
}

export type Words = Args | ((place: Place) => Args)
export type Work = Readonly<Record<Letter, (topic: string) => Args>>

export interface Row {
  /** The spellings. */
  opt: string
  on: string
  value?: Words
  /** Rep "last": this value stands in front, and loses. An option without a value stands there twice. */
  loser?: Words
  /** Twice is misuse; or `value` has all that adds up. */
  rep?: 'err' | 'add'
  /** What else the option needs to do something. */
  with?: Words
  /** What to do; by default a message is sent, a subscription made, a request answered. */
  work?: Partial<Work>
  env?: (place: Place) => Readonly<Record<string, string>>
  input?: string
  code?: number
  out?: RegExp
  /** On standard error, which has the lines of -d. */
  says?: RegExp
  /** The address it came from, as a pattern. */
  from?: string
  /** In the log of the broker, behind `as`. */
  log?: (place: Place) => string
  also?: (place: Place, told: Told) => void
}

export const WORK: Work = {
  P: (topic) => ['-t', topic, '-m', 'x'],
  S: (topic) => ['-t', topic, '-E'],
  // The request itself comes back as the response.
  R: (topic) => ['-t', topic, '-e', topic, '-m', 'x'],
}
