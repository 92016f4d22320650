// From what the command line says to what the client needs. The one step that reads files.

import type { ClientOptions } from '../client/index.js'
import { UsageError } from '../errors.js'
import type { PropertiesOf } from '../packet/index.js'
import { DEFAULT_PORT, DEFAULT_TLS_PORT, loadProxyEnv, parseProxy } from '../transport/index.js'
import type { Reporter } from './exit.js'
import type { Given, Program } from './flags/table.js'
import { plainText } from './flags/values.js'
import type { Io } from './io.js'

/** Receive Maximum that the reference announces in MQTT 5. */
const RECEIVE_MAXIMUM = 20
const NEVER_EXPIRES = 0xffff_ffff
/** How long an MQTT 5 broker keeps the session of a run that reconnects, if the run dies. */
const RUN_EXPIRY_SECONDS = 3_600
const CONNECT_LIMIT_SECONDS = 30

/** The protocol level of a run. */
export function versionOf({ version }: Given, program: Program): 3 | 4 | 5 {
  return version ?? (program === 'mqtt-rr' ? 5 : 4)
}

/** Checks between options, in the order of the contract. Throws UsageError naming the options. */
export function checkTogether(given: Given, program: Program): void {
  const { willTopic, willPayload, willRetain, cert, key, psk } = given
  const version = versionOf(given, program)
  if (willPayload !== undefined && willTopic === undefined)
    throw new UsageError('--will-payload needs --will-topic')
  if (willRetain && willTopic === undefined) throw new UsageError('--will-retain needs --will-topic')
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert and --key need each other')
  if (given.keyform !== undefined && key === undefined) throw new UsageError('--keyform needs --key')
  if (given.keyPassphraseFile !== undefined && key === undefined)
    throw new UsageError('--key-passphrase-file needs --key')
  if (
    given.tlsEngineKeyPass !== undefined &&
    (given.tlsEngine === undefined || given.keyform === undefined)
  ) {
    throw new UsageError('--tls-engine-kpass-sha1 needs --tls-engine and --keyform')
  }
  if (!given.noTls && (given.tlsEngine !== undefined || given.keyform === 'engine')) {
    throw new UsageError(
      '--tls-engine and --keyform engine: OpenSSL engines are not supported by this runtime',
    )
  }
  if (psk !== undefined && (given.cafile !== undefined || given.capath !== undefined)) {
    throw new UsageError(
      `--psk cannot be combined with ${given.cafile === undefined ? '--capath' : '--cafile'}`,
    )
  }
  if (psk !== undefined && given.pskIdentity === undefined) throw new UsageError('--psk needs --psk-identity')
  if (given.properties !== undefined && version !== 5) {
    throw new UsageError('-D (--property) needs MQTT 5: leave -V out, or give -V mqttv5')
  }
  const expiry = (version === 5 && sessionExpiry(given)) || 0
  if (expiry > 0 && given.properties?.connect?.sessionExpiryInterval !== undefined) {
    throw new UsageError('-D connect session-expiry-interval is given twice: -c or -x sets it too')
  }
  const { connect } = given.properties ?? {}
  if (connect?.authenticationData !== undefined && connect.authenticationMethod === undefined) {
    throw new UsageError('-D connect authentication-data needs authentication-method')
  }
  if (version === 5 && (given.retryIntervalSeconds ?? 0) > 0) {
    throw new UsageError(
      '--retry-interval is for MQTT 3.1 and 3.1.1: MQTT 5 forbids sending again on a live connection',
    )
  }
}

/** What is wrong with the client identifier, which is looked at when the payload has been read. */
export function identityFault(given: Given, program: Program): UsageError | undefined {
  const { clientId, clientIdPrefix, keepSession } = given
  if (clientId !== undefined) return undefined
  const five = versionOf(given, program) === 5
  if (five && sessionExpiry(given) === NEVER_EXPIRES)
    return new UsageError('a session that never expires needs a client identifier: add -i ID')
  if (keepSession && (!five || clientIdPrefix === undefined))
    return new UsageError('-c (--disable-clean-session) needs a client identifier: add -i ID')
  return undefined
}

/** Seconds that -c and -x ask for; undefined for none. */
function sessionExpiry({ keepSession, sessionExpiry: seconds }: Given): number | undefined {
  return seconds ?? (keepSession ? NEVER_EXPIRES : undefined)
}

/**
 * What all programs tell the client. `survivesCuts`: the run goes on after a lost connection, so that an MQTT 5
 * session has to last for the length of the run. Throws UsageError for what cannot be used.
 */
export async function clientOptions(
  given: Given,
  program: Program,
  io: Io,
  reporter: Reporter,
  survivesCuts: boolean,
): Promise<ClientOptions> {
  const { keepSession = false, clientIdPrefix, willTopic, properties } = given
  const version = versionOf(given, program)
  const options: ClientOptions = {
    version,
    cleanStart: !keepSession,
    keepAliveSeconds: given.keepAliveSeconds ?? 60,
    ...attempts(given, program),
  }
  if (given.clientId !== undefined) options.clientId = given.clientId
  if (clientIdPrefix !== undefined) options.clientId = `${clientIdPrefix}${io.pid}`
  if (willTopic !== undefined) {
    const payload = Buffer.from(given.willPayload ?? '')
    if (payload.length > 65_535)
      throw new UsageError(`--will-payload of ${payload.length} bytes: at most 65535 fit`)
    options.will = { topic: willTopic, payload, qos: given.willQos ?? 0, retain: given.willRetain ?? false }
    if (properties?.will !== undefined) options.will.properties = properties.will
  }
  if (given.userName !== undefined) options.userName = checkedName(given.userName)
  const isElsewhere = given.passwordFile !== undefined || given.passwordCommand !== undefined
  const password = isElsewhere
    ? await (await import('./secret.js')).readPassword(given, io, reporter)
    : given.password
  if (password !== undefined) {
    if (given.userName === undefined && version !== 5) {
      throw new UsageError('a password (-P, --pw) needs a user name (-u, --username) before MQTT 5')
    }
    options.password = password
  }
  if (given.maxInFlight !== undefined) options.maxInFlight = given.maxInFlight
  if (given.onSessionLoss !== undefined) options.onSessionLoss = given.onSessionLoss
  if (version !== 5) options.retryIntervalMs = 1_000 * (given.retryIntervalSeconds ?? 20)
  if (given.ackTimeoutSeconds !== undefined) {
    const { ackTimeoutSeconds } = given
    options.ackTimeoutMs = ackTimeoutSeconds === 0 ? Number.POSITIVE_INFINITY : 1_000 * ackTimeoutSeconds
  }
  if (version === 5) Object.assign(options, sessionOfFive(given, program, survivesCuts))
  return { ...options, ...(await target(given, version, io, reporter)) }
}

/** How long attempts to connect may take, how often they are made and how far apart. */
function attempts(given: Given, program: Program): ClientOptions {
  const { retryConnectSeconds, reconnectDelaySeconds: delays, maxReconnects } = given
  const limitMs = 1_000 * connectLimit(given).seconds
  return {
    connectTimeoutMs: limitMs,
    requestTimeoutMs: limitMs,
    retryUnreachable: program === 'mqtt-sub',
    ...(retryConnectSeconds !== undefined && { retryConnectMs: 1_000 * retryConnectSeconds }),
    ...(delays && { reconnectDelayMs: [1_000 * delays[0], 1_000 * delays[1]] }),
    ...(maxReconnects !== undefined && { maxReconnects }),
  }
}

/** The limit for an attempt to connect, and what set it. */
export function connectLimit({ connectTimeoutSeconds, keepAliveSeconds = 60 }: Given): {
  seconds: number
  by: string
} {
  if (connectTimeoutSeconds !== undefined) return { seconds: connectTimeoutSeconds, by: '--connect-timeout' }
  if (keepAliveSeconds < CONNECT_LIMIT_SECONDS) return { seconds: keepAliveSeconds, by: 'keep alive' }
  return { seconds: CONNECT_LIMIT_SECONDS, by: 'default' }
}

function checkedName(text: string): string {
  try {
    return plainText(text)
  } catch (error) {
    throw new UsageError(`-u (--username) ${(error as UsageError).message}`)
  }
}

function sessionOfFive(given: Given, program: Program, survivesCuts: boolean): Partial<ClientOptions> {
  const { keepSession, count = RECEIVE_MAXIMUM, properties: { connect = {} } = {} } = given
  const asked = sessionExpiry(given)
  const expiry =
    asked ?? (survivesCuts && connect.sessionExpiryInterval === undefined ? RUN_EXPIRY_SECONDS : undefined)
  const receiveMaximum = program === 'mqtt-rr' ? 1 : Math.min(RECEIVE_MAXIMUM, count)
  const properties: PropertiesOf<'connect'> = {
    ...connect,
    ...(expiry !== undefined && expiry > 0 && { sessionExpiryInterval: expiry }),
    ...(connect.receiveMaximum === undefined && { receiveMaximum }),
  }
  const atEnd = given.properties?.disconnect?.sessionExpiryInterval ?? 0
  if (atEnd > 0 && (properties.sessionExpiryInterval ?? 0) === 0) {
    // [5.0 §3.14.2.2.2]
    throw new UsageError(
      `-D disconnect session-expiry-interval ${atEnd}: there is no session to keep, add -x SECONDS or -c -i ID`,
    )
  }
  return {
    properties,
    // mosquitto 2.0 sends more than a small Receive Maximum allows: our default is announced, not enforced.
    tolerateReceiveMaximum: connect.receiveMaximum === undefined,
    endSession: !keepSession && asked === undefined && connect.sessionExpiryInterval === undefined,
  }
}

/** Where to connect to, and through what. */
async function target(
  given: Given,
  version: 3 | 4 | 5,
  io: Io,
  reporter: Reporter,
): Promise<Partial<ClientOptions>> {
  // With it come OpenSSL and its certificates, so only those who need it pay.
  const tls = tlsReason(given) && (await (await import('./tls.js')).tlsSettings(given, io, reporter))
  const { host, port, bind, srv } = given
  const webSocket = webSocketOf(given, version)
  const proxy = await proxyOf(given, tls !== undefined, io)
  if (port === 0) warnOfSocket(given, proxy !== undefined, reporter)
  return {
    ...(tls && { tls }),
    ...(host !== undefined && (port === 0 ? { path: host } : { host })),
    ...(port !== undefined && port > 0 && { port }),
    ...(bind !== undefined && { localAddress: bind }),
    ...(srv && { srv: true }),
    ...(webSocket && { webSocket }),
    ...(proxy && { proxy }),
  }
}

/** What turns TLS on; undefined where nothing does. */
export function tlsReason(given: Given): string | undefined {
  if (given.noTls) return undefined
  const reasons = {
    'URL scheme': given.urlTls,
    '--cafile': given.cafile,
    '--capath': given.capath,
    '--tls-use-os-certs': given.osCerts,
    '--tls-use-node-certs': given.nodeCerts,
    '--cert': given.cert,
    '--psk': given.psk,
    '--insecure': given.insecure,
    '--ciphers': given.ciphers,
    '--tls-version': given.tlsVersion,
    '--tls-alpn': given.tlsAlpn,
    '--tls-keylog': given.tlsKeylog,
    [`port ${DEFAULT_TLS_PORT}`]: given.port === DEFAULT_TLS_PORT || undefined,
  }
  return Object.entries(reasons).find(([, value]) => value !== undefined)?.[0]
}

/** With a socket some ways to the broker have no meaning. */
function warnOfSocket({ host, srv }: Given, hasProxy: boolean, reporter: Reporter): void {
  if (hasProxy) reporter.warn(`the socket '${host}' is not used: --proxy asks for the proxy instead`)
  else if (srv) reporter.warn(`-S is not used: nothing is looked up for the socket '${host}'`)
}

function webSocketOf({ ws, wsPath, wsHeaders }: Given, version: 3 | 4 | 5): ClientOptions['webSocket'] {
  if (!ws && wsPath === undefined && wsHeaders === undefined) return undefined
  return {
    protocol: version === 3 ? 'mqttv3.1' : 'mqtt',
    ...(wsPath !== undefined && { path: wsPath }),
    ...(wsHeaders !== undefined && { headers: wsHeaders }),
  }
}

async function proxyOf(given: Given, tls: boolean, { env }: Io): Promise<ClientOptions['proxy']> {
  const { proxy, host = 'localhost', port } = given
  if (proxy !== 'env') return proxy === undefined ? undefined : parseProxy(proxy)
  if (port === 0) return undefined // a unix socket
  const { proxyFromEnv, proxyVariables } = await loadProxyEnv()
  const broker = { host, port: port ?? (tls ? DEFAULT_TLS_PORT : DEFAULT_PORT) }
  if (given.explain) {
    const { name, except = name } = proxyVariables(env, broker)
    if (except !== undefined) given.proxyVariable = except
  }
  return proxyFromEnv(env, broker)
}
