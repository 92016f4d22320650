// TCP, from a chosen local address too.

import { connect, isIP, isIPv4, type Socket, type TcpNetConnectOpts } from 'node:net'
import { TransportError } from '../errors.js'
import { faultOf, type OnStage, told } from './stage.js'
import { type Intake, over, readingInto, type Step, waitFor } from './step.js'

/** Node gives each address but the last 250 ms, which is little for a broker far away. */
const ATTEMPT_MS = 2_000
const LOOPBACK = ['127.0.0.1', '::1'] as const

/** Where a TCP connection goes, and what messages call that. */
export interface Endpoint {
  host: string
  port: number
  localAddress?: string | undefined
  where: string
  /** Absent: what is read comes as `data`. */
  intake?: Intake | undefined
}

/** Looks the host up and tries its addresses; with an intake, nothing is read before `resume`. Throws TransportError. */
export async function dialTcp(endpoint: Endpoint, signal: AbortSignal, onStage?: OnStage): Promise<Socket> {
  const { host, port, localAddress, where, intake } = endpoint
  const reading = readingInto(intake)
  if (localAddress === undefined) {
    if (host === 'localhost') return dialLocalhost(port, reading, where, signal, onStage)
    const options = { host, port, autoSelectFamilyAttemptTimeout: ATTEMPT_MS, ...reading }
    return open(options, where, signal, onStage)
  }
  const step: Step = { name: 'lookup', where, signal }
  const theirs = await addressesOf(host, step, onStage)
  const oursStep: Step = {
    ...step,
    explain: ({ code }) =>
      `${code === 'ENOTFOUND' ? 'unknown local address' : 'lookup failed of the local address'} '${localAddress}'`,
  }
  const ours = await addressesOf(localAddress, oursStep, onStage)
  let failure = new TransportError(
    'tcp',
    `${where}: no local address fits: ${localAddress} is ${families(ours)}, ${host} is ${families(theirs)}`,
  )
  for (const address of theirs) {
    const from = ours.find((each) => isIP(each) === isIP(address))
    if (from === undefined) {
      onStage?.({ name: 'tcp', address, port, fault: 'no local address fits' })
      continue
    }
    try {
      const options = { host: address, port, localAddress: from, ...reading }
      return await open(options, `${where} from ${from}`, signal, onStage)
    } catch (error) {
      failure = error as TransportError
      if (signal.aborted) break
    }
  }
  throw failure
}

/**
 * localhost is this machine by definition [RFC 6761 §6.3]. Looking it up, and finding out that it is no address, takes a
 * tenth of the time of a short run.
 */
async function dialLocalhost(
  port: number,
  reading: ReturnType<typeof readingInto>,
  where: string,
  signal: AbortSignal,
  onStage: OnStage | undefined,
): Promise<Socket> {
  onStage?.({ name: 'lookup', host: 'localhost', addresses: LOOPBACK })
  const [first, second] = LOOPBACK
  try {
    return await open({ host: first, port, ...reading }, where, signal, onStage)
  } catch (failure) {
    if (signal.aborted) throw failure
    return open({ host: second, port, ...reading }, where, signal, onStage).catch(() =>
      Promise.reject(failure),
    )
  }
}

/** All addresses of a host, in the order to try them. Throws TransportError. */
export async function addressesOf(host: string, step: Step, onStage?: OnStage): Promise<string[]> {
  if (isIP(host) !== 0) return [host]
  const { lookup } = await import('node:dns/promises')
  const looking = waitFor(lookup(host, { all: true, verbatim: true }), step)
  return told(
    looking.then((found) => found.map(({ address }) => address)),
    onStage,
    (addresses) => ({ name: 'lookup', host, addresses }),
    (fault) => ({ name: 'lookup', host, addresses: [], fault }),
  )
}

function families(addresses: readonly string[]): string {
  return [...new Set(addresses.map((each) => (isIPv4(each) ? 'IPv4' : 'IPv6')))].join(' and ')
}

function open(
  options: TcpNetConnectOpts & { host: string },
  where: string,
  signal: AbortSignal,
  onStage: OnStage | undefined,
): Promise<Socket> {
  const step: Step = { name: isIP(options.host) === 0 ? 'lookup' : 'tcp', where, signal }
  // Writes are gathered by the client: waiting for more would only add delay.
  const socket = connect({ ...options, noDelay: true })
  if (options.onread !== undefined) socket.pause() // nobody is there yet to take what comes
  return over([socket], step, (done) => {
    const unwatch = onStage && watchAttempts(socket, options, onStage)
    const onLookup = (error: Error | null): void => {
      if (error === null) step.name = 'tcp'
    }
    const onConnect = (): void => done(socket)
    socket.on('lookup', onLookup).on('connect', onConnect)
    return () => {
      unwatch?.()
      socket.off('lookup', onLookup).off('connect', onConnect)
    }
  })
}

/** Tells of the lookup and of each address tried. Returns what ends that, and tells of what is under way. */
function watchAttempts(
  socket: Socket,
  { host, port }: { host: string; port: number },
  onStage: OnStage,
): () => void {
  const addresses: string[] = []
  let isLookingUp = isIP(host) === 0
  // A local address that cannot be had fails before there is an attempt.
  let trying = isLookingUp ? undefined : { address: host, port }
  const tellLookup = (fault?: string): void => {
    if (isLookingUp)
      onStage({ name: 'lookup', host, addresses: addresses.splice(0), ...(fault !== undefined && { fault }) })
    isLookingUp = false
  }
  const tell = (fault?: string): void => {
    if (trying !== undefined) onStage({ name: 'tcp', ...trying, ...(fault !== undefined && { fault }) })
    trying = undefined
  }
  const onLookup = (error: Error | null, address?: string): void => {
    if (error !== null) tellLookup(faultOf(error))
    else if (address !== undefined) addresses.push(address)
  }
  const onAttempt = (address: string, port: number): void => {
    tellLookup()
    trying = { address, port }
  }
  const onFailed = (_address: string, _port: number, _family: number, error: Error): void =>
    tell(faultOf(error))
  const onTimeout = (): void => tell(`no answer within ${ATTEMPT_MS / 1_000} s`)
  const onConnect = (): void => tell()
  socket.on('lookup', onLookup).on('connectionAttempt', onAttempt).on('connect', onConnect)
  socket.on('connectionAttemptFailed', onFailed).on('connectionAttemptTimeout', onTimeout)
  return () => {
    const fault = socket.errored == null ? 'no answer' : faultOf(socket.errored)
    tellLookup(fault)
    tell(fault)
    socket.off('lookup', onLookup).off('connectionAttempt', onAttempt).off('connect', onConnect)
    socket.off('connectionAttemptFailed', onFailed).off('connectionAttemptTimeout', onTimeout)
  }
}
