// The door of the password layer.

export { type Entry, PasswordFile } from './file.js'
export { FORMATS, type Format, formatFault, isLineBased, render } from './formats.js'
export {
  ARGON2ID,
  DEFAULT_COST,
  DEFAULT_ITERATIONS,
  isOfScheme,
  parametersOf,
  passwordFault,
  type Scheme,
  type SchemeName,
  schemeOf,
  verify,
} from './hash.js'
export { type Fault, IMPORTS, type ImportKind, type NewUser } from './import.js'
export type { Holder, Self } from './lock.js'
export { durationMs, type Job, workAll } from './pool.js'
export { Store } from './store.js'
export { generatePassword, MAX_BYTES, userFault } from './user.js'
