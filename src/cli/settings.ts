// From what the command line says to what the client needs. The one step that reads files.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ClientOptions } from '../client/index.js'
import { UsageError } from '../errors.js'
import type { PropertiesOf } from '../packet/index.js'
import { DEFAULT_TLS_PORT, type TlsSettings } from '../transport/index.js'
import { type Given, plainText } from './flags/table.js'

/** Receive Maximum that the reference announces in MQTT 5. */
const RECEIVE_MAXIMUM = 20
const NEVER_EXPIRES = 0xffff_ffff
/** How long an MQTT 5 broker keeps the session of a run that reconnects, if the run dies. */
const RUN_EXPIRY_SECONDS = 3_600
const CONNECT_LIMIT_SECONDS = 30

/** Checks between options, in the order of the contract. Throws UsageError naming the options. */
export function checkTogether(given: Given): void {
  const { willTopic, willPayload, willRetain, cert, key, version, keepSession, clientId } = given
  if (willPayload !== undefined && willTopic === undefined)
    throw new UsageError('--will-payload needs --will-topic')
  if (willRetain && willTopic === undefined) throw new UsageError('--will-retain needs --will-topic')
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert and --key need each other')
  if (keepSession && clientId === undefined) {
    throw new UsageError('-c (--disable-clean-session) needs a client identifier: add -i ID')
  }
  if (version === 5 && (given.retryIntervalSeconds ?? 0) > 0) {
    throw new UsageError(
      '--retry-interval is for MQTT 3.1 and 3.1.1: MQTT 5 forbids sending again on a live connection',
    )
  }
}

/**
 * What all programs tell the client. `survivesCuts`: the run goes on after a lost connection, so that an MQTT 5
 * session has to last for the length of the run. Throws UsageError for files that cannot be used.
 */
export function clientOptions(given: Given, pid: number, survivesCuts: boolean): ClientOptions {
  const { version = 4, keepSession = false, clientIdPrefix, willTopic } = given
  const options: ClientOptions = {
    version,
    cleanStart: !keepSession,
    keepAliveSeconds: given.keepAliveSeconds ?? 60,
    connectTimeoutMs:
      1_000 * Math.min(CONNECT_LIMIT_SECONDS, given.keepAliveSeconds ?? CONNECT_LIMIT_SECONDS),
  }
  options.requestTimeoutMs = options.connectTimeoutMs as number
  if (given.host !== undefined) options.host = given.host
  if (given.clientId !== undefined) options.clientId = named('-i', plainText, given.clientId)
  if (clientIdPrefix !== undefined) options.clientId = named('-I', plainText, `${clientIdPrefix}${pid}`)
  if (willTopic !== undefined) {
    const payload = Buffer.from(given.willPayload ?? '')
    if (payload.length > 65_535)
      throw new UsageError(`--will-payload of ${payload.length} bytes: at most 65535 fit`)
    options.will = { topic: willTopic, payload, qos: given.willQos ?? 0, retain: given.willRetain ?? false }
  }
  if (given.userName !== undefined) options.userName = named('-u', plainText, given.userName)
  if (given.password !== undefined) {
    if (given.userName === undefined && version !== 5) {
      throw new UsageError('-P (--pw) needs -u (--username) before MQTT 5')
    }
    options.password = given.password
  }
  if (given.maxInFlight !== undefined) options.maxInFlight = given.maxInFlight
  if (version !== 5) options.retryIntervalMs = 1_000 * (given.retryIntervalSeconds ?? 20)
  if (given.ackTimeoutSeconds !== undefined) {
    options.ackTimeoutMs =
      given.ackTimeoutSeconds === 0 ? Number.POSITIVE_INFINITY : 1_000 * given.ackTimeoutSeconds
  }
  if (version === 5) Object.assign(options, sessionOfFive(given, survivesCuts))
  const tls = tlsSettings(given)
  if (tls !== undefined) options.tls = tls
  if (given.port !== undefined) options.port = given.port
  return options
}

function sessionOfFive({ keepSession, count }: Given, survivesCuts: boolean): Partial<ClientOptions> {
  const expiry = keepSession ? NEVER_EXPIRES : survivesCuts ? RUN_EXPIRY_SECONDS : undefined
  const properties: PropertiesOf<'connect'> = {
    ...(expiry !== undefined && { sessionExpiryInterval: expiry }),
    receiveMaximum: Math.min(RECEIVE_MAXIMUM, count ?? RECEIVE_MAXIMUM),
  }
  // mosquitto 2.0 sends more than a small Receive Maximum allows: announced, but not held against the broker.
  return { properties, tolerateReceiveMaximum: true, endSession: !keepSession }
}

function tlsSettings(given: Given): TlsSettings | undefined {
  const { cafile, capath, cert, key, insecure } = given
  if (
    [cafile, capath, cert, insecure].every((value) => value === undefined) &&
    given.port !== DEFAULT_TLS_PORT
  ) {
    return undefined
  }
  const tls: TlsSettings = {}
  const ca = [...(cafile === undefined ? [] : [readPem('--cafile', cafile)]), ...folderOfCas(capath)]
  const system = ca.length === 0 ? systemCas() : undefined
  if (system !== undefined) tls.ca = [system]
  else if (ca.length > 0) tls.ca = ca
  if (cert !== undefined && key !== undefined) {
    tls.cert = readPem('--cert', cert)
    tls.key = readPem('--key', key)
  }
  if (insecure) tls.insecure = true
  return tls
}

function readPem(option: string, path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch (error) {
    throw new UsageError(`${option} '${path}': ${reason(error)}`)
  }
  if (!text.includes('-----BEGIN ')) throw new UsageError(`${option} '${path}': holds nothing in PEM format`)
  return text
}

function folderOfCas(capath: string | undefined): string[] {
  if (capath === undefined) return []
  let names: string[]
  try {
    names = readdirSync(capath)
  } catch (error) {
    throw new UsageError(`--capath '${capath}': ${reason(error)}`)
  }
  const paths = names
    .map((name) => join(capath, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
  const found = paths
    .map((path) => readFileSync(path, 'latin1'))
    .filter((text) => text.includes('-----BEGIN CERTIFICATE'))
  if (found.length === 0) throw new UsageError(`--capath '${capath}': no file in it holds a PEM certificate`)
  return found
}

// Where distributions keep the certificates that the system trusts; without one, the runtime's bundle serves.
const SYSTEM_CAS = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

function systemCas(): string | undefined {
  const path = SYSTEM_CAS.find((each) => existsSync(each))
  return path === undefined ? undefined : readFileSync(path, 'latin1')
}

function named(option: string, check: (text: string) => string, text: string): string {
  try {
    return check(text)
  } catch (error) {
    throw new UsageError(`${option} ${(error as UsageError).message}`)
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'is a folder',
  ENOTDIR: 'is not in a folder',
}

/** Why a file could not be read, in a few words. */
export function reason(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return REASONS[code] ?? message
}
