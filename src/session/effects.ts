// What a session asks its driver to do. Plain values, in the order in which they must happen.

import type { MqttError } from '../errors.js'
import type { Auth, Connack, PackedAck, Packet, Publish, Publishes } from '../packet/index.js'

/** How a publish, subscribe or unsubscribe ended. */
export interface Outcome {
  /** Reason code of the last acknowledgement; 0 before MQTT 5. For a request, the first refusal or 0. */
  reasonCode: number
  /** SUBACK and UNSUBACK of MQTT 5: one code for each filter, in order. */
  reasonCodes?: readonly number[]
  /** Absent where the broker took the message or granted every filter. */
  error?: MqttError
}

/** The broker took the message, and had nothing to say of it. */
export const DONE: Outcome = { reasonCode: 0 }

/** `Tag` is whatever the caller gave along with its request; it comes back with the outcome, once. */
export type Effect<Tag> =
  /** `number` counts the packets of the connection, for `flushed`. */
  | { type: 'send'; packet: Packet; number: number }
  /** As one `send` each; `number` is that of the last. */
  | { type: 'send-many'; packets: Publishes; number: number }
  /** As `send`, of acknowledgements in a row; `number` is that of the last one. */
  | { type: 'acknowledge'; acks: PackedAck[]; number: number }
  /**
   * Hand the messages on. They have consecutive sequence numbers, `last` is the last one's; once the bytes of one are
   * safe, call `written` with its number or a later one.
   */
  | { type: 'deliver'; messages: Publish[]; last: number }
  /**
   * Of many messages that were given together, the same is true of `count` (default 1) from number `at` on. `packetId` is
   * that of a QoS 1 or 2 message that was sent, its last one, where the options ask for it.
   */
  | { type: 'settle'; tag: Tag; outcome: Outcome; at: number; count?: number; packetId?: number }
  /** The connection is open. `resumed`: the broker said that it still has the session, which 3.1 cannot say. */
  | { type: 'opened'; connack: Connack; resumed: boolean }
  /** The broker lost the session: that many messages go out anew, that many have an unknown fate. */
  | { type: 'session-lost'; republished: number; unknown: number }
  /** Subscriptions asked for again after a reconnect were refused. */
  | { type: 'resubscribe-refused'; filters: readonly string[]; reasonCodes: readonly number[] }
  /** Answer with `authenticate`. */
  | { type: 'auth'; packet: Auth }
  /** End the connection, after sending what was asked for. `retry` tells whether connecting again can help. */
  | { type: 'close'; error?: MqttError; retry: boolean }
