// The door of the packet layer: bytes and values, for MQTT 3.1, 3.1.1 and 5.0.

export {
  ack,
  isPuback,
  type PackedAck,
  packAck,
  packetIdOf,
  unpackAck,
  writeAcks,
} from './acks.js'
export { encode, packetSize, write } from './codec.js'
export { isTryLater, packetLabel, reasonName, reasonText } from './codes.js'
export { connectFlags, protocolName } from './connect.js'
export { Decoder, type DecoderOptions } from './framer.js'
export { type Payloads, type Publishes, payloadAt, payloadStart } from './payloads.js'
export {
  checkProperties,
  hasProperties,
  NONE,
  PROPERTIES,
  type PropertiesOf,
} from './properties.js'
export { packetsOf, writePublishes } from './publish.js'
export {
  filterFault,
  MAX_STRING_BYTES,
  matches,
  stringFault,
  topicFault,
} from './topic.js'
export type * from './types.js'
export { MAX_REMAINING_LENGTH, Writer } from './writer.js'
