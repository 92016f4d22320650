// A message as the caller gives it.

import type { Publish, Qos } from '../packet/index.js'

export interface Message {
  topic: string
  payload: Uint8Array
  qos: Qos
  retain: boolean
  properties: Publish['properties']
  /** The packet identifier to use, of a caller that hands them out itself; never one that is in use. */
  packetId?: number
}
