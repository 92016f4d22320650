// The door of the session layer: the rules of MQTT, (input, now) -> effects.

export type { Effect, Outcome } from './effects.js'
export type { Message } from './message.js'
export type { SessionOptions } from './options.js'
export type { Restored, SessionLossPolicy } from './outbound.js'
export { DEFAULT_WINDOW } from './send-limits.js'
export { Session } from './session.js'
