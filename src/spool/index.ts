// The door of the spool: messages on disk, until the broker owns them.

export type { SpoolOptions } from './options.js'
export { packetIdOf, type SpoolMessage, type SpoolRecord } from './record.js'
export { Spool } from './spool.js'
