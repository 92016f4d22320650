// Flags about what is subscribed to.

import { type Flag, list, on, value } from './table.js'
import { FILTER, int, oneOf, QOS } from './values.js'

const MANY = Number.MAX_SAFE_INTEGER

export const SUBSCRIPTION_FLAGS: readonly Flag[] = [
  {
    long: 'topic',
    short: 't',
    value: 'FILTER',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Topic or filter to subscribe to; may be repeated',
    detail:
      'A + stands for one level and a # at the end for any number of levels. Quote filters in the shell. $share/NAME/FILTER shares the messages among the subscribers of that name. At least one -t, -L with a topic, or -U is required.',
    takes: list('topics', FILTER),
  },
  {
    long: 'qos',
    short: 'q',
    value: 'QOS',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Greatest quality of service wanted: 0 (default), 1 or 2',
    detail:
      'Messages arrive with the lower of this and the QoS they were published with. Applies to every filter.',
    takes: value('qos', QOS),
  },
  {
    long: 'unsubscribe',
    short: 'U',
    value: 'FILTER',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Filter to unsubscribe from; may be repeated',
    detail: 'For kept sessions (-c). Unsubscribing follows subscribing.',
    takes: list('unsubscribe', FILTER),
  },
  {
    long: 'filter-out',
    short: 'T',
    value: 'FILTER',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Do not print messages that match; may be repeated',
    detail: 'They are received and acknowledged, but neither printed nor counted.',
    takes: list('filterOut', FILTER),
  },
  {
    short: 'R',
    env: 'MQTT_NO_RETAINED',
    group: 'subscription',
    on: ['mqtt-sub', 'mqtt-rr'],
    brief: 'No retained messages',
    detail:
      'Messages that come with the retain flag are neither printed nor counted. In MQTT 5 the broker is asked not to send them at all, unless --retain-handling comes later.',
    takes: {
      set: (given) => {
        given.noRetained = true
        given.retainHandling = 2
      },
    },
  },
  {
    long: 'retained-only',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Print retained messages only, then exit',
    detail:
      'Ends with status 0 at the first message without the retain flag or, on a quiet broker, when the broker has answered a message of our own (or a ping) behind the retained ones.',
    takes: on('retainedOnly'),
  },
  {
    long: 'remove-retained',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Remove each retained message that comes',
    detail:
      'Publishes an empty retained message, at QoS 1, to the topic of each retained message received. On a quiet broker, or with --retained-only or -C, the program ends when the last removal is confirmed. With -R the messages are removed but not printed. -T spares what it matches.',
    takes: on('removeRetained'),
  },
  {
    long: 'retain-as-published',
    group: 'subscription',
    on: ['mqtt-sub', 'mqtt-rr'],
    brief: 'MQTT 5: keep the retain flag as published',
    detail: 'Otherwise the flag tells stored messages from live ones. Ignored before MQTT 5.',
    takes: on('retainAsPublished'),
  },
  {
    long: 'retain-handling',
    value: 'WHEN',
    group: 'subscription',
    on: ['mqtt-sub', 'mqtt-rr'],
    brief: 'MQTT 5: send retained messages always, new or never',
    detail: 'new means only where the subscription did not exist before. Ignored before MQTT 5.',
    takes: value('retainHandling', oneOf({ always: 0, new: 1, never: 2 } as const)),
  },
  {
    long: 'no-local',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'MQTT 5: no messages that this client published',
    detail: 'Matters for kept sessions and bridges. Not for shared subscriptions. Ignored before MQTT 5.',
    takes: on('noLocal'),
  },
  {
    short: 'C',
    value: 'COUNT',
    env: 'MQTT_COUNT',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Exit after COUNT messages',
    detail:
      'With status 0, when the last one has been written. Further messages are not acknowledged, so a kept session still has them.',
    takes: value('count', int(1, MANY)),
  },
  {
    short: 'E',
    env: 'MQTT_EXIT_AFTER_SUBSCRIBE',
    group: 'subscription',
    on: ['mqtt-sub'],
    brief: 'Exit when the broker has answered all requests',
    detail: 'To set up or change a kept session (-c) without waiting for messages. Exits with status 0.',
    takes: on('exitOnSuback'),
  },
]
