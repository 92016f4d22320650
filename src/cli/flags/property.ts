// -D COMMAND PROPERTY VALUE: MQTT 5 properties on the command line, read off the property table of the codec.

import { UsageError } from '../../errors.js'
import { checkProperties, PROPERTIES } from '../../packet/index.js'
import { COMMANDS, type Command, type Given } from './table.js'
import { didYouMean, plainText, printable, wholeNumber } from './values.js'

const SERVER_COMMANDS = ['auth', 'connack', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback']
const RANGES = { byte: 0xff, u16: 0xffff, u32: 0xffff_ffff, varint: 268_435_455 } as const

type Row = (typeof PROPERTIES)[number]

/** The name on the command line: `content-type` for contentType. Lists are given one by one. */
export function propertyName(row: Row): string {
  const singular: Partial<Record<string, string>> = {
    userProperties: 'user-property',
    subscriptionIdentifiers: 'subscription-identifier',
    subscriptionIdentifiersAvailable: 'subscription-identifier-available',
    maximumQoS: 'maximum-qos',
  }
  return singular[row.name] ?? row.name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Which properties can be given for a command: not those that only a server sends. */
export function propertiesFor(command: Command): readonly Row[] {
  return PROPERTIES.filter(({ name, in: bearers }) => {
    return (bearers as readonly string[]).includes(command) && name !== 'subscriptionIdentifiers'
  })
}

/** How many words follow -D: three, or four for a user property. */
export function propertyWords(words: readonly string[]): number {
  return words[1]?.toLowerCase() === 'user-property' ? 4 : 3
}

/** The words of one -D as a single one, for what can hold only one. */
export function packWords(words: readonly string[]): string {
  return JSON.stringify(words)
}

/** Sets one property from packed words. Throws UsageError naming command, property and value. */
export function setProperty(given: Given, packed: string): void {
  const [command = '', property = '', ...values] = JSON.parse(packed) as string[]
  const bearer = commandNamed(command)
  const row = rowNamed(bearer, property)
  const properties: Record<string, unknown> = { ...given.properties?.[bearer] }
  const known = properties[row.name]
  const what = `${bearer} ${propertyName(row)}`
  if (known !== undefined && row.name !== 'userProperties') throw new UsageError(`${what} is given twice`)
  try {
    const item = read(row, values)
    properties[row.name] = row.name === 'userProperties' ? [...((known as unknown[]) ?? []), item] : item
    checkProperties({ [row.name]: properties[row.name] }, bearer)
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${what} ${error.message}`)
    throw error
  }
  given.properties = { ...given.properties, [bearer]: properties }
  given.version = 5
}

function commandNamed(text: string): Command {
  const name = text.toLowerCase()
  const command = COMMANDS.find((each) => each === name)
  if (command !== undefined) return command
  const why = SERVER_COMMANDS.includes(name) ? 'has no properties to set here' : 'is no command'
  throw new UsageError(
    `'${printable(text)}' ${why}: expected one of ${COMMANDS.join(', ')}${didYouMean(name, COMMANDS)}`,
  )
}

function rowNamed(command: Command, text: string): Row {
  const name = text.toLowerCase()
  const possible = propertiesFor(command)
  const row = possible.find((each) => propertyName(each) === name)
  if (row !== undefined) return row
  const names = possible.map(propertyName)
  const why = PROPERTIES.some((each) => propertyName(each) === name)
    ? `does not belong in ${command}`
    : `is no property of ${command}`
  throw new UsageError(
    `'${printable(text)}' ${why}: expected one of ${names.join(', ')}${didYouMean(name, names)}`,
  )
}

function read(row: Row, values: readonly string[]): unknown {
  const [value = ''] = values
  switch (row.wire) {
    case 'pair':
      return values.map(plainText)
    case 'utf8':
    case 'topic':
      return plainText(value)
    case 'binary':
      return Buffer.from(value)
    default: {
      const { min = 0, max = RANGES[row.wire] } = row as { min?: number; max?: number }
      return wholeNumber(value, min, max)
    }
  }
}
