// The text of --help, laid out by yargs from the flag table: when the programs are built, as it is always the same.

import yargs from 'yargs'
import { flagsOf } from './index.js'
import { GROUPS, type Program, valuePart } from './table.js'

const USAGE: Record<Program, string> = {
  'mqtt-pub':
    'Publish messages to an MQTT broker.\n\nUsage: $0 -t TOPIC {-m TEXT | -n | -f FILE | -s | -l} [options]',
  'mqtt-sub':
    'Subscribe to topics of an MQTT broker and print the messages.\n\nUsage: $0 -t FILTER [options]',
  'mqtt-rr':
    'Publish a request and print the response.\n\nUsage: $0 -t TOPIC [-e TOPIC] {-m TEXT | -n | -f FILE | -s} [options]',
  'mqtt-passwd': [
    'Make and change password files of MQTT brokers.\n',
    'Usage: $0 [options] FILE USER',
    '       $0 -b [options] FILE USER PASSWORD',
    '       $0 {-U | --list | --verify USER | --import KIND} [options] FILE',
  ].join('\n'),
}

/** What stands behind the options. */
const MORE: Partial<Record<Program, string>> = {
  'mqtt-passwd': [
    'Which broker takes which scheme:',
    '  sha512-pbkdf2  mosquitto 1.6 and later',
    '  argon2id       mosquitto 2.1 and later',
    '  sha512         mosquitto before 1.6, VerneMQ',
    '  bcrypt         NATS, EMQX, mosquitto-go-auth, htpasswd; not mosquitto itself\n\n',
  ].join('\n'),
}

export async function helpText(program: Program): Promise<string> {
  const flags = flagsOf(program)
  const builder = yargs([])
    .scriptName(program)
    .usage(USAGE[program])
    .help(false)
    .version(false)
    .wrap(null)
    .epilogue(`${MORE[program] ?? ''}The manual page has more: man ${program}`)
  for (const [group, title] of Object.entries(GROUPS)) {
    for (const flag of flags.filter((each) => each.group === group)) {
      const { long, short, brief } = flag
      const name = `${long ?? short}${valuePart(flag)}`
      builder.option(name, { ...(long && short && { alias: short }), describe: brief, group: `${title}:` })
    }
  }
  // yargs takes a name of more than one letter, the value's included, for a long one.
  const text = await builder.getHelp()
  return `${text.replace(/^ {6}--(\w .*?) {2}/gm, '  -$1       ')}\n`
}
