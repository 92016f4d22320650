// Enhanced authentication of MQTT 5: which AUTH packet may come, and which one goes out.

import { ProtocolError, UsageError } from '../errors.js'
import { type Auth, reasonText } from '../packet/index.js'

export class Authentication {
  readonly #method: string | undefined
  /** On an open connection, by us. */
  #isAnew = false

  /** `method` is the Authentication Method of CONNECT. */
  constructor(method: string | undefined) {
    this.#method = method
  }

  /** A connection is open: what was begun on another one is void. */
  opened(): void {
    this.#isAnew = false
  }

  /** Throws ProtocolError for a packet that the broker may not send, `isOpen`: behind its CONNACK. */
  received({ reasonCode, properties }: Auth, isOpen: boolean): void {
    const fail = (fault: string, clause: string) => new ProtocolError({ packet: 'AUTH', fault, clause })
    if (this.#method === undefined) throw fail('CONNECT had no Authentication Method', 'MQTT-4.12.0-6')
    if (properties.authenticationMethod !== this.#method) {
      throw fail('another Authentication Method than CONNECT', 'MQTT-4.12.0-5')
    }
    const mayGoOn = !isOpen || this.#isAnew
    const mayEnd = isOpen && this.#isAnew
    if (!(reasonCode === 0x18 ? mayGoOn : reasonCode === 0 && mayEnd)) {
      throw fail(`reason code ${reasonText(reasonCode)} at this moment`, 'MQTT-4.12.0-2')
    }
    if (reasonCode === 0) this.#isAnew = false
  }

  /** The answer to what came or, on an open connection, the beginning of a new exchange. Throws UsageError. */
  next(data: Uint8Array, isOpen: boolean): Auth {
    const method = this.#method
    if (method === undefined) throw new UsageError('CONNECT had no Authentication Method') // [MQTT-4.12.0-7]
    const begins = isOpen && !this.#isAnew
    if (begins) this.#isAnew = true
    const properties = { authenticationMethod: method, authenticationData: data }
    return { type: 'auth', reasonCode: begins ? 0x19 : 0x18, properties }
  }
}
