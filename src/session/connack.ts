// What a CONNACK may not say in answer to this CONNECT.

import { ProtocolError } from '../errors.js'
import type { Connack } from '../packet/index.js'
import type { SessionOptions } from './options.js'

/** `cleanStart` and `clientId` as they were sent. Throws ProtocolError. */
export function checkConnack(
  { sessionPresent, properties }: Connack,
  cleanStart: boolean,
  clientId: string,
  { version, properties: asked }: SessionOptions,
): void {
  const fail = (fault: string, clause: string) => new ProtocolError({ packet: 'CONNACK', fault, clause })
  if (sessionPresent && cleanStart) throw fail('Session Present after a clean start', 'MQTT-3.2.2-2')
  if (version !== 5) return
  if (clientId === '' && properties.assignedClientIdentifier === undefined) {
    throw fail('no Assigned Client Identifier', 'MQTT-3.2.2-16')
  }
  if (clientId !== '' && properties.assignedClientIdentifier !== undefined) {
    throw fail('an Assigned Client Identifier nobody asked for', '5.0 §3.2.2.3.7')
  }
  if (properties.authenticationMethod !== asked?.authenticationMethod) {
    throw fail('another Authentication Method than CONNECT', 'MQTT-4.12.0-5')
  }
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw fail('Authentication Data without Authentication Method', '5.0 §3.2.2.3.18')
  }
  if (properties.responseInformation !== undefined && asked?.requestResponseInformation !== 1) {
    throw fail('Response Information nobody asked for', 'MQTT-3.1.2-28')
  }
}
