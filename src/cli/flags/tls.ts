// Flags about TLS and the will. All programs share them.

import { UsageError } from '../../errors.js'
import { ALL, type Flag, on, value } from './table.js'
import { FILE, FOLDER, oneOf, QOS, TEXT, TOPIC } from './values.js'

const KEY_FORM = oneOf({ pem: 'pem', engine: 'engine' } as const, true)

export const TLS_FLAGS: readonly Flag[] = [
  {
    long: 'cafile',
    value: 'FILE',
    group: 'tls',
    on: ALL,
    brief: 'Trust the CA certificates in this PEM file',
    detail: 'Instead of those of the operating system. Like every TLS option, it turns TLS on.',
    takes: value('cafile', FILE),
  },
  {
    long: 'capath',
    value: 'DIR',
    group: 'tls',
    on: ALL,
    brief: 'Trust the CA certificates in this folder',
    detail:
      'Every file of the folder that holds PEM certificates is read, with hashed names or without; folders in it are not. A file that cannot be read is named in a warning and left out.',
    takes: value('capath', FOLDER),
  },
  {
    long: 'tls-use-os-certs',
    group: 'tls',
    on: ALL,
    brief: 'Trust the CA certificates of the operating system',
    detail:
      'In addition to --cafile, --capath and --tls-use-node-certs. Without those it is the default. SSL_CERT_FILE and SSL_CERT_DIR take the place of what the operating system has.',
    takes: on('osCerts'),
  },
  {
    long: 'tls-use-node-certs',
    group: 'tls',
    on: ALL,
    brief: 'Trust the CA certificates that come with Node.js',
    detail: 'In addition to --cafile, --capath and --tls-use-os-certs.',
    takes: on('nodeCerts'),
  },
  {
    long: 'cert',
    value: 'FILE',
    group: 'tls',
    on: ALL,
    brief: 'Client certificate with its chain, PEM; needs --key',
    detail: 'For brokers that ask for one.',
    takes: value('cert', FILE),
  },
  {
    long: 'key',
    value: 'FILE',
    group: 'tls',
    on: ALL,
    brief: 'Key of the client certificate, PEM; needs --cert',
    detail:
      'Must belong to the certificate. For an encrypted key the pass phrase comes from --key-passphrase-file or MQTT_KEY_PASSPHRASE, or is asked for on the terminal, once.',
    takes: value('key', FILE),
  },
  {
    long: 'key-passphrase-file',
    value: 'FILE',
    group: 'tls',
    on: ALL,
    brief: 'Read the pass phrase of the key from the first line of FILE',
    detail:
      'Needs --key. With - it is asked for on the terminal, without echo, or read from the first line of standard input where that is no terminal and not used otherwise. A file that others can read is warned about. It wins over MQTT_KEY_PASSPHRASE, which holds the pass phrase itself.',
    takes: value('keyPassphraseFile', FILE),
  },
  {
    long: 'keyform',
    value: 'FORM',
    group: 'tls',
    on: ALL,
    brief: 'Form of the key: pem',
    detail: 'Needs --key. The form engine is refused, because this runtime has no OpenSSL engines.',
    takes: {
      type: KEY_FORM,
      idleWithoutTls: true,
      set: (given, text) => {
        given.keyform = 'pem' // given it is, whatever it says
        given.keyform = KEY_FORM.read(text)
      },
    },
  },
  {
    long: 'tls-engine',
    value: 'ENGINE',
    group: 'tls',
    on: ALL,
    brief: 'Refused: OpenSSL engines are not supported',
    detail: 'Accepted to be refused with a reason.',
    takes: value('tlsEngine', TEXT),
  },
  {
    long: 'tls-engine-kpass-sha1',
    value: 'HASH',
    group: 'tls',
    on: ALL,
    brief: 'Refused: OpenSSL engines are not supported',
    detail: 'Accepted to be refused with a reason.',
    takes: {
      type: TEXT,
      idleWithoutTls: true,
      set: (given, text) => {
        given.tlsEngineKeyPass = text
        if (!/^[0-9a-f]{40}$/i.test(text)) throw new UsageError(`'${text}': expected 40 hexadecimal digits`)
      },
    },
  },
  {
    long: 'ciphers',
    value: 'LIST',
    group: 'tls',
    on: ALL,
    brief: 'Ciphers to offer, as OpenSSL names them',
    detail: 'For TLS up to 1.2; with --tls-version tlsv1.3 the suites of TLS 1.3.',
    takes: value('ciphers', TEXT),
  },
  {
    long: 'tls-version',
    value: 'VERSION',
    group: 'tls',
    on: ALL,
    brief: 'Least TLS version: tlsv1.2 (default) or tlsv1.3',
    detail: 'A newer one is used where both sides know it.',
    takes: {
      ...value('tlsVersion', oneOf({ 'tlsv1.2': 'TLSv1.2', 'tlsv1.3': 'TLSv1.3' } as const, true)),
      idleWithoutTls: true,
    },
  },
  {
    long: 'tls-alpn',
    value: 'PROTOCOL',
    group: 'tls',
    on: ALL,
    brief: 'ALPN protocol to offer',
    detail: 'For brokers that share a port with other protocols.',
    takes: value('tlsAlpn', TEXT),
  },
  {
    long: 'tls-keylog',
    value: 'FILE',
    group: 'tls',
    on: ALL,
    brief: 'Append the TLS secrets to FILE, for packet dissectors',
    detail: 'Whoever has the file can read the connection. Format: NSS key log, as Wireshark takes it.',
    takes: value('tlsKeylog', FILE),
  },
  {
    long: 'psk',
    value: 'HEX',
    secret: true,
    group: 'tls',
    on: ALL,
    brief: 'Pre-shared key in hexadecimal; needs --psk-identity',
    detail: 'Instead of certificates, with TLS 1.2. Not together with --cafile or --capath.',
    takes: {
      type: TEXT,
      idleWithoutTls: true,
      set: (given, text) => {
        given.psk = Buffer.from(text, 'hex')
        // The value is a secret: it is not repeated.
        if (!/^([0-9a-f]{2})+$/i.test(text))
          throw new UsageError('expected an even number of hexadecimal digits')
      },
    },
  },
  {
    long: 'psk-identity',
    value: 'ID',
    group: 'tls',
    on: ALL,
    brief: 'Identity that goes with --psk',
    detail: 'The broker finds the key by it.',
    takes: value('pskIdentity', TEXT),
  },
  {
    long: 'insecure',
    group: 'tls',
    on: ALL,
    brief: 'Do not check the certificate of the broker',
    detail:
      'Neither its chain nor its host name is verified, so anybody can pose as the broker. A warning says so, unless --quiet.',
    takes: on('insecure'),
  },
  {
    long: 'no-tls',
    group: 'tls',
    on: ALL,
    brief: 'No TLS, whatever else is said',
    detail: 'Overrides every TLS option and port 8883.',
    takes: on('noTls'),
  },
  {
    long: 'will-topic',
    value: 'TOPIC',
    group: 'will',
    on: ALL,
    brief: 'Topic of the message the broker sends if we vanish',
    detail:
      'The will is published by the broker when the connection ends without a DISCONNECT, for instance because this program was killed.',
    takes: value('willTopic', TOPIC),
  },
  {
    long: 'will-payload',
    value: 'TEXT',
    group: 'will',
    on: ALL,
    brief: 'Payload of the will (default empty)',
    detail: 'At most 65535 bytes. Needs --will-topic.',
    takes: value('willPayload', TEXT),
  },
  {
    long: 'will-qos',
    value: 'QOS',
    group: 'will',
    on: ALL,
    brief: 'QoS of the will (default 0)',
    detail: '0, 1 or 2.',
    takes: value('willQos', QOS),
  },
  {
    long: 'will-retain',
    group: 'will',
    on: ALL,
    brief: 'Have the broker retain the will',
    detail: 'Needs --will-topic.',
    takes: on('willRetain'),
  },
]
