// The door of the client layer.

export type { DelayRange } from './backoff.js'
export { Client, connect } from './client.js'
export { Alarm, now } from './clock.js'
export type { Closing } from './connection.js'
export type { Ending, Settled } from './driver.js'
export type {
  ClientOptions,
  Message,
  Note,
  PublishOptions,
  SubscribeOptions,
  WillOptions,
} from './options.js'
export type { ConnectionStage, StageListener } from './stages.js'
