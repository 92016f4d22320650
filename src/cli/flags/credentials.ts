// Flags that say as whom to connect. All programs share them.

import { UsageError } from '../../errors.js'
import { ALL, type Flag, setPassword, value } from './table.js'
import { FILE, PLAIN, TEXT } from './values.js'

export const CREDENTIAL_FLAGS: readonly Flag[] = [
  {
    long: 'username',
    short: 'u',
    value: 'NAME',
    group: 'connection',
    on: ALL,
    brief: 'User name for the broker',
    detail: 'May be empty, which is not the same as none.',
    takes: value('userName', TEXT),
  },
  {
    long: 'pw',
    short: 'P',
    value: 'PASSWORD',
    env: 'MQTT_PASSWORD',
    secret: true,
    group: 'connection',
    on: ALL,
    brief: 'Password; other users may see it in ps',
    detail:
      'Before MQTT 5 it needs a user name. A password on the command line stays in the history of the shell and in the list of processes: this program overwrites the title that ps shows, but cannot do so before it has started, and /proc/PID/cmdline may keep it. --password-file, MQTT_PASSWORD and an options file avoid that; an options file with a password that others can read is warned about. It is never shown by this program.',
    takes: { type: TEXT, set: (given, password) => setPassword(given, { password }) },
  },
  {
    long: 'password-file',
    value: 'FILE',
    group: 'connection',
    on: ALL,
    brief: 'Read the password from the first line of FILE',
    detail:
      'With - it is asked for on the terminal, without echo, or read from the first line of standard input where that is no terminal and not a source of messages. A file whose first line is empty is an error; one that others can read is warned about. Of this, -P, --password-command and a password in -L the last one counts.',
    takes: { type: FILE, set: (given, passwordFile) => setPassword(given, { passwordFile }) },
  },
  {
    long: 'password-command',
    value: 'COMMAND',
    secret: true,
    group: 'connection',
    on: ALL,
    brief: 'Take the password from what COMMAND prints',
    detail:
      'The shell (/bin/sh) runs it before each connection, the first and every later one, so that short-lived tokens are fresh; the first line of its output is the password. It reads nothing from standard input, writes its diagnostics to standard error, and has to end within the time for connecting. A status other than 0 and an empty line are failures: they end the first connection, and count as a failed attempt later. Its output is never shown; the command itself can be seen in the list of processes while it runs, so it must not hold the secret.',
    takes: { type: TEXT, set: (given, passwordCommand) => setPassword(given, { passwordCommand }) },
  },
  {
    long: 'id',
    short: 'i',
    value: 'ID',
    group: 'connection',
    on: ALL,
    brief: 'Client identifier (default: the broker chooses)',
    detail:
      'Names the session, so it must be unique at the broker. Without it, MQTT 3.1.1 and 5 leave the choice to the broker; MQTT 3.1 gets mosq- and 18 random characters. Not together with -I.',
    takes: {
      type: PLAIN,
      alternative: 'identifier',
      set: (given, text) => {
        if (given.clientIdPrefix !== undefined)
          throw new UsageError('cannot be combined with -I (--id-prefix)')
        if (text === '') throw new UsageError("'': a client identifier has at least one character")
        given.clientId = PLAIN.read(text)
      },
    },
  },
  {
    long: 'id-prefix',
    short: 'I',
    value: 'PREFIX',
    group: 'connection',
    on: ALL,
    brief: 'Client identifier made of PREFIX and the process id',
    detail: 'For brokers that admit clients by the beginning of their identifier. Not together with -i.',
    takes: {
      type: PLAIN,
      alternative: 'identifier',
      set: (given, text) => {
        if (given.clientId !== undefined) throw new UsageError('cannot be combined with -i (--id)')
        given.clientIdPrefix = PLAIN.read(text)
      },
    },
  },
]
