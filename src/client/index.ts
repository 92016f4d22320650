// The door of the client layer, and what `import { connect } from 'mqtt-tools'` gives.

export { Client, connect, type Ending, type Settled } from './client.js'
export type {
  ClientOptions,
  Message,
  Note,
  PublishOptions,
  SubscribeOptions,
  WillOptions,
} from './options.js'
