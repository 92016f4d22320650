// The door of the session layer: the rules of MQTT, (input, now) -> effects.

export type { Effect, Outcome } from './effects.js'
export type { Message, SessionLossPolicy } from './outbound.js'
export { Session, type SessionOptions } from './session.js'
