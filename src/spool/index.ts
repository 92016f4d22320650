// The door of the spool: messages on disk, until the broker owns them.

export { packetIdOf, type SpoolMessage, type SpoolRecord } from './record.js'
export { Spool, type SpoolOptions } from './spool.js'
