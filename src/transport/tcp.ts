// TCP, from a chosen local address too.

import { connect, isIP, isIPv4, type NetConnectOpts, type Socket } from 'node:net'
import { TransportError } from '../errors.js'
import { over, type Step, waitFor } from './step.js'

/** Where a TCP connection goes, and what messages call that. */
export interface Endpoint {
  host: string
  port: number
  localAddress?: string | undefined
  where: string
}

/** Looks the host up and tries its addresses. Throws TransportError. */
export async function dialTcp(endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
  const { host, port, localAddress, where } = endpoint
  if (localAddress === undefined) {
    // Node gives each address but the last 250 ms, which is little for a broker far away.
    return open({ host, port, autoSelectFamilyAttemptTimeout: 2_000 }, where, signal)
  }
  const step: Step = { name: 'lookup', where, signal }
  const theirs = await addressesOf(host, step)
  const ours = await addressesOf(localAddress, {
    ...step,
    explain: ({ code }) =>
      `${code === 'ENOTFOUND' ? 'unknown local address' : 'lookup failed of the local address'} '${localAddress}'`,
  })
  let failure = new TransportError(
    'tcp',
    `${where}: no local address fits: ${localAddress} is ${families(ours)}, ${host} is ${families(theirs)}`,
  )
  for (const address of theirs) {
    const from = ours.find((each) => isIP(each) === isIP(address))
    if (from === undefined) continue
    try {
      return await open({ host: address, port, localAddress: from }, `${where} from ${from}`, signal)
    } catch (error) {
      failure = error as TransportError
      if (signal.aborted) break
    }
  }
  throw failure
}

/** All addresses of a host, in the order to try them. Throws TransportError. */
export async function addressesOf(host: string, step: Step): Promise<string[]> {
  if (isIP(host) !== 0) return [host]
  const { lookup } = await import('node:dns/promises')
  const found = await waitFor(lookup(host, { all: true, verbatim: true }), step)
  return found.map(({ address }) => address)
}

function families(addresses: readonly string[]): string {
  return [...new Set(addresses.map((each) => (isIPv4(each) ? 'IPv4' : 'IPv6')))].join(' and ')
}

function open(
  options: NetConnectOpts & { host: string },
  where: string,
  signal: AbortSignal,
): Promise<Socket> {
  const step: Step = { name: isIP(options.host) === 0 ? 'lookup' : 'tcp', where, signal }
  // Writes are gathered by the client: waiting for more would only add delay.
  const socket = connect({ ...options, noDelay: true })
  return over([socket], step, (done) => {
    const onLookup = (error: Error | null): void => {
      if (error === null) step.name = 'tcp'
    }
    const onConnect = (): void => done(socket)
    socket.on('lookup', onLookup).on('connect', onConnect)
    return () => socket.off('lookup', onLookup).off('connect', onConnect)
  })
}
