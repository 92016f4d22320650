// What a broker says that does not want us, or no longer: its CONNACK or DISCONNECT as an error, and whether connecting
// again can help.

import { ProtocolError, RefusedError } from '../errors.js'
import { type Connack, type Disconnect, isTryLater, reasonText } from '../packet/index.js'
import type { SessionOptions } from './options.js'

type Refusal = [error: RefusedError, retry: boolean]

/** DISCONNECT codes after which connecting again would only repeat the fight or the mistake. */
const FINAL_DISCONNECTS = new Set([0x8e, 0x9c, 0x9d])

/** Of a CONNACK with a reason code other than 0. */
export function refusedConnect(
  { reasonCode, properties }: Connack,
  { version, userName }: SessionOptions,
): Refusal {
  // MQTT 5 has no codes 1 to 5: that is how a server of 3.x answers.
  const code = version === 5 && reasonCode < 0x80 ? 0x84 : reasonCode
  const what = reasonText(code, version)
  const message = `broker refused CONNECT: ${what}${explained(properties)}${remedy(code, userName !== undefined)}`
  return [new RefusedError('CONNECT', message, detailsOf(code, properties)), isTryLater(code, version)]
}

/** Throws ProtocolError for what a server may not say. */
export function disconnected({ reasonCode, properties }: Disconnect): Refusal {
  if (properties.sessionExpiryInterval !== undefined) {
    const fault = 'Session Expiry Interval from a server'
    throw new ProtocolError({ packet: 'DISCONNECT', fault, clause: 'MQTT-3.14.2-2' })
  }
  const what = reasonCode === 0 ? 'normal disconnection (0x00)' : reasonText(reasonCode)
  const message = `broker sent DISCONNECT: ${what}${explained(properties)}`
  const error = new RefusedError('DISCONNECT', message, detailsOf(reasonCode, properties))
  return [error, !FINAL_DISCONNECTS.has(reasonCode)]
}

type Told = (Connack | Disconnect)['properties']

function explained({ reasonString, serverReference }: Told): string {
  const why = reasonString === undefined ? '' : `: ${reasonString}`
  return serverReference === undefined ? why : `${why}; use ${serverReference}`
}

function detailsOf(reasonCode: number, { reasonString, serverReference }: Told) {
  return { reasonCode, reasonString, serverReference }
}

function remedy(code: number, hasUserName: boolean): string {
  if (code === 0x84) return '; the broker does not speak MQTT 5, try -V mqttv311'
  if (![4, 5, 0x86, 0x87].includes(code)) return ''
  return hasUserName ? '; check the user name and the password' : '; it may want a user name and a password'
}
