// Flags that say whom to connect to, as whom, and how. All programs share them.

import { UsageError } from '../../errors.js'
import { BOTH, type Flag, oneOf, qosValue, topicName, wholeNumber } from './table.js'

const VERSIONS = { 5: 5, mqttv5: 5, 311: 4, mqttv311: 4, 31: 3, mqttv31: 3 } as const

export const CONNECTION_FLAGS: readonly Flag[] = [
  {
    long: 'host',
    short: 'h',
    value: 'HOST',
    group: 'connection',
    on: BOTH,
    brief: 'Broker to connect to (default localhost)',
    detail: 'A name, an IPv4 address or an IPv6 address without brackets. All addresses of a name are tried.',
    set: (given, text) => {
      given.host = text
    },
  },
  {
    long: 'port',
    short: 'p',
    value: 'PORT',
    group: 'connection',
    on: BOTH,
    brief: 'Port of the broker (default 1883, with TLS 8883)',
    detail: 'From 1 to 65535. Port 8883 turns TLS on.',
    set: (given, text) => {
      given.port = wholeNumber(text, 1, 65_535)
    },
  },
  {
    long: 'username',
    short: 'u',
    value: 'NAME',
    group: 'connection',
    on: BOTH,
    brief: 'User name for the broker',
    detail: 'May be empty, which is not the same as none.',
    set: (given, text) => {
      given.userName = text
    },
  },
  {
    long: 'pw',
    short: 'P',
    value: 'PASSWORD',
    group: 'connection',
    on: BOTH,
    brief: 'Password for the broker; other users may see it in ps',
    detail:
      'Before MQTT 5 it needs a user name. A password on the command line can be seen in the list of processes and stays in the history of the shell. It is never shown by this program.',
    set: (given, text) => {
      given.password = text
    },
  },
  {
    long: 'id',
    short: 'i',
    value: 'ID',
    group: 'connection',
    on: BOTH,
    brief: 'Client identifier (default: the broker chooses)',
    detail:
      'Names the session, so it must be unique at the broker. Without it, MQTT 3.1.1 and 5 leave the choice to the broker; MQTT 3.1 gets mosq- and 18 random characters. Not together with -I.',
    set: (given, text) => {
      if (given.clientIdPrefix !== undefined) throw new UsageError('cannot be combined with -I (--id-prefix)')
      if (text === '') throw new UsageError("'': a client identifier has at least one character")
      given.clientId = text
    },
  },
  {
    long: 'id-prefix',
    short: 'I',
    value: 'PREFIX',
    group: 'connection',
    on: BOTH,
    brief: 'Client identifier made of PREFIX and the process id',
    detail: 'For brokers that admit clients by the beginning of their identifier. Not together with -i.',
    set: (given, text) => {
      if (given.clientId !== undefined) throw new UsageError('cannot be combined with -i (--id)')
      given.clientIdPrefix = text
    },
  },
  {
    long: 'keepalive',
    short: 'k',
    value: 'SECONDS',
    group: 'connection',
    on: BOTH,
    brief: 'Ping the broker after SECONDS of silence (default 60)',
    detail:
      'From 5 to 65535. When a ping is not answered within the same time, the connection counts as lost. Also limits the time for connecting, where it is below 30 seconds.',
    set: (given, text) => {
      given.keepAliveSeconds = wholeNumber(text, 5, 65_535)
    },
  },
  {
    long: 'protocol-version',
    short: 'V',
    value: 'VERSION',
    group: 'connection',
    on: BOTH,
    brief: 'mqttv5, mqttv311 (default) or mqttv31; also 5, 311, 31',
    detail:
      'MQTT 3.1 uses protocol name MQIsdp and level 3, MQTT 3.1.1 uses MQTT and level 4, MQTT 5.0 uses MQTT and level 5.',
    set: (given, text) => {
      given.version = oneOf(text, VERSIONS)
    },
  },
  {
    long: 'disable-clean-session',
    short: 'c',
    group: 'session',
    on: BOTH,
    brief: 'Keep the session at the broker; needs -i',
    detail:
      'The broker keeps subscriptions and undelivered messages of the client identifier after the connection ends, and the next run with -c and the same identifier takes them up. In MQTT 5 the session never expires. In MQTT 3.1 and 3.1.1 only a kept session can deliver QoS 2 messages exactly once across a lost connection.',
    set: (given) => {
      given.keepSession = true
    },
  },
  {
    short: 'M',
    value: 'COUNT',
    group: 'session',
    on: BOTH,
    brief: 'QoS 1 and 2 messages in flight at a time (default 20)',
    detail:
      'Messages sent and not yet acknowledged in full, from 1 to 65535; a greater number means the default. An MQTT 5 broker may allow fewer; without -M its Receive Maximum is used.',
    set: (given, text) => {
      const count = wholeNumber(text, 1, Number.MAX_SAFE_INTEGER)
      if (count <= 65_535) given.maxInFlight = count
    },
  },
  {
    long: 'retry-interval',
    value: 'SECONDS',
    group: 'session',
    on: BOTH,
    brief: 'MQTT 3.x: resend what is unacknowledged after SECONDS (default 20)',
    detail:
      'Unacknowledged QoS 1 and 2 packets are sent again with DUP set, at growing intervals until they are acknowledged, counted from the moment the packet had left. 0 means never. MQTT 5 forbids it, so there the option is an error. Lost connections are another matter: what is unacknowledged is sent again after every reconnect.',
    set: (given, text) => {
      given.retryIntervalSeconds = wholeNumber(text, 0, 2_000_000)
    },
  },
  {
    long: 'ack-timeout',
    value: 'SECONDS',
    group: 'session',
    on: BOTH,
    brief: 'Give up when nothing is acknowledged for SECONDS (default 120)',
    detail:
      'Limit for a broker that stays connected and acknowledges none of the messages in flight. The program then says how many are not confirmed and exits with 19. 0 waits for ever.',
    set: (given, text) => {
      given.ackTimeoutSeconds = wholeNumber(text, 0, 2_000_000)
    },
  },
  {
    long: 'cafile',
    value: 'FILE',
    group: 'tls',
    on: BOTH,
    brief: 'Trust the CA certificates in this PEM file',
    detail: 'Turns TLS on. Instead of the certificates of the operating system.',
    set: (given, text) => {
      given.cafile = text
    },
  },
  {
    long: 'capath',
    value: 'DIR',
    group: 'tls',
    on: BOTH,
    brief: 'Trust the CA certificates in this folder',
    detail: 'Turns TLS on. Every file of the folder that holds PEM certificates is read.',
    set: (given, text) => {
      given.capath = text
    },
  },
  {
    long: 'cert',
    value: 'FILE',
    group: 'tls',
    on: BOTH,
    brief: 'Client certificate with its chain, PEM; needs --key',
    detail: 'For brokers that ask for one. Turns TLS on.',
    set: (given, text) => {
      given.cert = text
    },
  },
  {
    long: 'key',
    value: 'FILE',
    group: 'tls',
    on: BOTH,
    brief: 'Key of the client certificate, PEM; needs --cert',
    detail: 'Must belong to the certificate. Turns TLS on.',
    set: (given, text) => {
      given.key = text
    },
  },
  {
    long: 'insecure',
    group: 'tls',
    on: BOTH,
    brief: 'Do not check the certificate of the broker',
    detail:
      'Neither its chain nor its host name is verified, so anybody can pose as the broker. A warning says so, unless --quiet. Turns TLS on.',
    set: (given) => {
      given.insecure = true
    },
  },
  {
    long: 'will-topic',
    value: 'TOPIC',
    group: 'will',
    on: BOTH,
    brief: 'Topic of the message the broker sends if we vanish',
    detail:
      'The will is published by the broker when the connection ends without a DISCONNECT, for instance because this program was killed.',
    set: (given, text) => {
      given.willTopic = topicName(text)
    },
  },
  {
    long: 'will-payload',
    value: 'TEXT',
    group: 'will',
    on: BOTH,
    brief: 'Payload of the will (default empty)',
    detail: 'At most 65535 bytes. Needs --will-topic.',
    set: (given, text) => {
      given.willPayload = text
    },
  },
  {
    long: 'will-qos',
    value: 'QOS',
    group: 'will',
    on: BOTH,
    brief: 'QoS of the will (default 0)',
    detail: '0, 1 or 2.',
    set: (given, text) => {
      given.willQos = qosValue(text)
    },
  },
  {
    long: 'will-retain',
    group: 'will',
    on: BOTH,
    brief: 'Have the broker retain the will',
    detail: 'Needs --will-topic.',
    set: (given) => {
      given.willRetain = true
    },
  },
  {
    long: 'debug',
    short: 'd',
    group: 'general',
    on: BOTH,
    brief: 'Show every packet sent and received, on stderr',
    detail:
      'One line for each packet with the fields that a packet dissector shows. Passwords are never shown.',
    set: (given) => {
      given.debug = true
    },
  },
  {
    long: 'quiet',
    group: 'general',
    on: BOTH,
    brief: 'No errors or warnings at run time',
    detail: 'Errors in the command line are still told, and the exit status does not change.',
    set: (given) => {
      given.quiet = true
    },
  },
  {
    long: 'help',
    group: 'general',
    on: BOTH,
    brief: 'Show this help and exit',
    detail: 'Exits with status 0.',
    set: (given) => {
      given.help = true
    },
  },
  {
    long: 'version',
    group: 'general',
    on: BOTH,
    brief: 'Show the version and exit',
    detail: 'Exits with status 0.',
    set: (given) => {
      given.showVersion = true
    },
  },
]
