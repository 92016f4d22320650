// A value for every option that takes one, for tests that walk the flag table: one that is legal, and a generator.

import fc from 'fast-check'
import { propertiesFor, propertyName } from '../../src/cli/flags/property.js'
import { COMMANDS, envName, type Flag, type Program, word } from '../../src/cli/flags/table.js'

export function keyOf({ long, short }: Flag): string {
  return (long ?? short) as string
}

/** As in a file: no line end, and no blank in front. */
const text = fc.stringMatching(/^([!-~äß€😀][ -~\täß€😀]{0,12})?$/u)
/** As brokers take it. */
const plain = fc.stringMatching(/^[!-~äß€😀][ -~äß€😀]{0,12}$/u)
const topic = fc.stringMatching(/^[a-z0-9$ä/-][a-z0-9 $ä/-]{0,12}$/u)
const filter = fc
  .tuple(fc.array(fc.stringMatching(/^(\+|[a-z0-9ä-]{0,4})$/u), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => (all ? [...levels, '#'] : levels).join('/'))
  .filter((each) => each !== '')
const number = (min: number, max: number) => fc.integer({ min, max }).map(String)
const fraction = (min: number, max: number) =>
  fc.oneof(number(Math.ceil(min), max), fc.constantFrom(`${min + 0.5}`, `${min + 0.25}`))
const path = fc.stringMatching(/^[a-z/.-][a-z /.-]{0,20}$/)
const hex = fc.stringMatching(/^([0-9a-fA-F]{2}){1,8}$/)
const url = fc.stringMatching(/^mqtt:\/\/([a-z]{1,4}(:[a-z]{1,4})?@)?[a-z]{1,8}(:1[0-9]{3})?\/[a-z]{1,4}$/)

const VALUES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  A: text,
  C: number(1, 1_000_000),
  F: fc.constantFrom('%t %p', '', '@Y-@m-@d  %-20t\\n', '%x', '#%q'),
  M: number(1, 100_000),
  W: fraction(1, 1_000),
  cafile: path,
  capath: path,
  cert: path,
  ciphers: text,
  e: topic,
  file: path,
  'filter-out': filter,
  host: text,
  id: plain,
  'id-prefix': plain,
  keepalive: number(5, 65_535),
  key: path,
  'key-passphrase-file': path,
  keyform: fc.constantFrom('pem', 'PEM', 'engine'),
  message: text,
  'ack-timeout': number(0, 10_000),
  'connect-timeout': fraction(1, 10_000),
  'max-reconnects': number(0, 1_000),
  'password-command': text,
  receipts: fc.constantFrom('receipts.jsonl', './7', '3'),
  'reconnect-delay': fc.tuple(fraction(1, 50), fraction(60, 100)).map((range) => range.join(',')),
  // 1 is for ever in the environment, as for switches.
  'retry-connect': fraction(2, 10_000),
  'retry-interval': number(0, 10_000),
  'on-session-loss': fc.constantFrom('report', 'republish'),
  spool: path,
  'spool-full': fc.constantFrom('pause', 'drop-oldest'),
  'spool-max-age': fraction(1, 1_000),
  'spool-max-bytes': fc.constantFrom('1', '500k', '64M', '2G'),
  'spool-sync': fc.constantFrom('each', 'batch', 'none'),
  'password-file': path,
  port: number(0, 65_535),
  'protocol-version': fc.constantFrom('5', 'mqttv5', '311', 'mqttv311', '31', 'mqttv31'),
  proxy: fc.constantFrom('socks5h://p', 'socks5h://u:p@[::1]:1080', 'env'),
  psk: hex,
  'psk-identity': text,
  pw: text,
  qos: number(0, 2),
  'random-filter': fraction(1, 100),
  repeat: number(1, 1_000),
  'repeat-delay': fraction(0, 100),
  'retain-handling': fc.constantFrom('always', 'new', 'never'),
  'tls-alpn': text,
  'tls-engine': text,
  'tls-engine-kpass-sha1': fc.stringMatching(/^[0-9a-f]{40}$/),
  'tls-keylog': path,
  'tls-version': fc.constantFrom('tlsv1.2', 'TLSv1.3'),
  unix: path,
  unsubscribe: filter,
  url,
  username: text,
  'will-payload': text,
  'will-qos': number(0, 2),
  'will-topic': topic,
  'ws-header': fc.stringMatching(/^[A-Za-z-]{1,8}: ?[!-~]{1,12}$/),
  'ws-path': fc.stringMatching(/^\/[a-z?=/]{0,12}$/),
  x: fc.oneof(number(-1, 4_000_000), fc.constantFrom('∞', '0x10', '010')),
}

/** The words of one -D. */
const property: fc.Arbitrary<string[]> = fc.constantFrom(...COMMANDS).chain((command) =>
  fc.constantFrom(...propertiesFor(command)).chain((row) => {
    const name = propertyName(row)
    switch (row.wire) {
      case 'pair':
        return fc.tuple(fc.stringMatching(/^[!-~ä]{1,8}$/u), plain).map((pair) => [command, name, ...pair])
      case 'topic':
        return topic.map((each) => [command, name, each])
      case 'utf8':
      case 'binary':
        return plain.map((each) => [command, name, each])
      default:
        return number(1, row.wire === 'byte' ? 1 : 65_535).map((each) => [command, name, each])
    }
  }),
)

/** The words that stand behind an option: none for a switch, three or four for -D. */
export function wordsOf(flag: Flag, program: Program): fc.Arbitrary<string[]> {
  if (flag.value === undefined) return fc.constant([])
  if (flag.long === 'property') return property
  const key = keyOf(flag)
  const arbitrary = key === 'topic' ? (program === 'mqtt-sub' ? filter : topic) : VALUES[key]
  if (arbitrary === undefined) throw new Error(`no values for ${key}: add some`)
  return arbitrary.map((each) => [each])
}

/** An option and what stands behind it, as words of a command line. */
export function argvOf(flag: Flag, words: readonly string[]): string[] {
  return flag.joined && words.length > 0 ? [`${word(flag)}=${words[0]}`] : [word(flag), ...words]
}

/** Options that say where to read others, or end the program at once: they are not alike everywhere. */
export function isOrdinary(flag: Flag): boolean {
  return envName(flag) !== undefined && flag.long !== 'profile'
}
