// Which of the output forms a run has.

import type { Given } from './flags/table.js'
import { compile, type Print, plainPrint } from './format.js'

/** `complain` is told of messages that the format cannot show. */
export function printer(given: Given, complain: (text: string) => void): Print {
  const { format, noEol = false, pretty = false, verbose = false } = given
  return format === undefined ? plainPrint({ verbose, noEol }) : compile(format, { noEol, pretty, complain })
}
