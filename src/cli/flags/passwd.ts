// Flags of mqtt-passwd. It reads no options file and no environment: a password file is changed on purpose.

import { FORMATS, IMPORTS, type ImportKind, type SchemeName } from '../../passwd/index.js'
import { type Flag, type GivenPasswd, on, type Takes, value } from './table.js'
import { decimal, FILE, int, oneOf, TEXT } from './values.js'

const ON = { env: null, on: ['mqtt-passwd'] } as const satisfies Partial<Flag>

const SCHEMES: Record<Exclude<SchemeName, 'rabbitmq'>, SchemeName> = {
  'sha512-pbkdf2': 'sha512-pbkdf2',
  argon2id: 'argon2id',
  sha512: 'sha512',
  bcrypt: 'bcrypt',
}

/** Every word stands for itself. */
function words<T extends string>(list: readonly T[]): Record<T, T> {
  return Object.fromEntries(list.map((word) => [word, word])) as Record<T, T>
}

function set<K extends keyof GivenPasswd>(field: K, type: { read(text: string): GivenPasswd[K] }): Takes {
  return {
    type,
    set: (given, text) => {
      given.passwd = { ...given.passwd, [field]: type.read(text) }
    },
  }
}

type Switch = { [K in keyof GivenPasswd]-?: true extends GivenPasswd[K] ? K : never }[keyof GivenPasswd]

function turnOn(field: Switch): Takes {
  return {
    set: (given) => {
      given.passwd = { ...given.passwd, [field]: true }
    },
  }
}

export const PASSWD_FLAGS: readonly Flag[] = [
  {
    ...ON,
    long: 'create',
    short: 'c',
    group: 'mode',
    brief: 'Make FILE, which must not exist; - prints to standard output',
    detail:
      'FILE is new, with mode 0600. An existing one is refused, except with --if-changed, which then changes it. With - in its place the lines go to standard output and no file is touched.',
    takes: turnOn('create'),
  },
  {
    ...ON,
    long: 'delete',
    short: 'D',
    group: 'mode',
    brief: 'Delete USER',
    detail:
      'All lines of USER are removed. A user that is not there is an error, except with --if-changed. Nothing is printed.',
    takes: turnOn('delete'),
  },
  {
    ...ON,
    long: 'hash-plain',
    short: 'U',
    group: 'mode',
    brief: 'Hash the plain passwords in FILE, in place',
    detail:
      'Lines of USER:PASSWORD become lines of USER:HASH. Values that are hashes already are left alone. Standard error tells how many there are of both. As for brokers, a second colon ends the password.',
    takes: turnOn('hashPlain'),
  },
  {
    ...ON,
    long: 'verify',
    value: 'USER',
    group: 'mode',
    brief: 'Check the password of USER: 0 right, 4 wrong',
    detail:
      'Prints the scheme of the hash. The status is 0 for the right password, 4 for a wrong one or an unknown user, and 1 where neither can be said. The password is asked for once.',
    takes: set('verify', TEXT),
  },
  {
    ...ON,
    long: 'list',
    group: 'mode',
    brief: 'List the users in FILE and the schemes of their hashes',
    detail:
      'One line each, with a tab between user and scheme, and never a hash. Beside the schemes of -H there is plain for what is not hashed, other for hashes of other tools, and damaged.',
    takes: turnOn('list'),
  },
  {
    ...ON,
    long: 'import',
    value: 'KIND',
    group: 'mode',
    brief: 'Add or update many users from standard input: lines or csv',
    detail:
      'lines are USER:PASSWORD, where the first colon ends the name; blank lines and those that begin with # are passed over. csv has a header that names the columns username and password, and may have quotes. Either all users get into FILE or, where a line is wrong, none.',
    takes: set('import', oneOf<ImportKind>(words(Object.keys(IMPORTS) as ImportKind[]))),
  },
  {
    ...ON,
    long: 'if-changed',
    group: 'mode',
    brief: 'Leave FILE alone where everything is right already',
    detail:
      'The file stays untouched where the user has this password under this scheme with these parameters, and the output says unchanged instead of added or updated. With -c a FILE that exists is fine, with -D a user that does not.',
    takes: turnOn('ifChanged'),
  },
  {
    ...ON,
    long: 'batch',
    short: 'b',
    secret: true, // which follows
    group: 'password',
    brief: 'The password is the last word of the command line',
    detail:
      'Others on the machine can see it there while the program starts, and the shell may keep it, so there is a warning, which --quiet silences.',
    takes: turnOn('batch'),
  },
  {
    ...ON,
    long: 'password-file',
    value: 'FILE',
    group: 'password',
    brief: 'Read the password from the first line of FILE; - is stdin',
    detail:
      'Blanks are part of the password, the line end is not. A file that others can read is warned about. With - the password is asked for where standard input is a terminal.',
    takes: value('passwordFile', FILE),
  },
  {
    ...ON,
    long: 'generate',
    group: 'password',
    brief: 'Make up a strong password and print it',
    detail:
      'It has 24 letters and digits (139 bits) and is all that goes to standard output. With -c -, where the line goes there, it goes to standard error.',
    takes: turnOn('generate'),
  },
  {
    ...ON,
    long: 'hash',
    short: 'H',
    value: 'SCHEME',
    group: 'hash',
    brief: 'sha512-pbkdf2 (default), argon2id, sha512 or bcrypt',
    detail: 'See SCHEMES for the brokers that take each.',
    takes: set('hash', oneOf(SCHEMES)),
  },
  {
    ...ON,
    long: 'iterations',
    short: 'I',
    value: 'COUNT',
    group: 'hash',
    brief: 'Iterations of sha512-pbkdf2 (default 1000)',
    detail: 'More make guessing slower, and every login too. Not with -U.',
    takes: set('iterations', int(1, 0x7fff_ffff)),
  },
  {
    ...ON,
    long: 'cost',
    value: 'COST',
    group: 'hash',
    brief: 'Cost of bcrypt (default 10)',
    detail: 'One more makes it twice as slow. The settings of EMQX go up to 10.',
    takes: set('cost', int(4, 31)),
  },
  {
    ...ON,
    long: 'format',
    value: 'FORMAT',
    group: 'hash',
    brief: 'mosquitto (default), nats, rabbitmq, emqx or htpasswd',
    detail:
      'What kind of file FILE is. See FORMATS; nats, rabbitmq and emqx are only written whole, with -c.',
    takes: set('format', oneOf(words(FORMATS))),
  },
  {
    ...ON,
    long: 'lock-timeout',
    value: 'SECONDS',
    group: 'file',
    brief: 'Wait that long for other runs on FILE (default 30)',
    detail: 'Then the status is 1 and the message names the process that holds the lock.',
    takes: set('lockTimeoutSeconds', decimal(0, 86_400)),
  },
  {
    ...ON,
    long: 'quiet',
    group: 'general',
    brief: 'No errors or warnings at run time',
    detail: 'Errors in the command line are still told, and the exit status does not change.',
    takes: on('quiet'),
  },
]
