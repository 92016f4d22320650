// Finding the servers of a domain by SRV records, RFC 2782.

import { TransportError } from '../errors.js'
import { type Step, waitFor } from './step.js'
import type { Target } from './target.js'

export interface SrvRecord {
  name: string
  port: number
  priority: number
  weight: number
}

/** Asks the DNS for the SRV records of a name. `signal` ends it. */
export type ResolveSrv = (name: string, signal: AbortSignal) => Promise<readonly SrvRecord[]>

/** The name under which the records of the target's host are. */
export function recordOf({ host, tls }: Target): string {
  return `${tls === undefined ? '_mqtt' : '_secure-mqtt'}._tcp.${host}`
}

/** The records of the target's host, in the order to try them. Throws TransportError. */
export async function findServers(
  target: Target,
  signal: AbortSignal,
  resolve: ResolveSrv = askDns,
): Promise<SrvRecord[]> {
  const name = recordOf(target)
  const where = `cannot find the broker of ${target.host}`
  const step: Step = {
    name: 'lookup',
    where,
    signal,
    explain: ({ code, message }) =>
      code === 'ENOTFOUND' || code === 'ENODATA'
        ? `there is no SRV record ${name}`
        : `lookup of the SRV record ${name} failed: ${code === 'ETIMEOUT' ? 'the name server did not answer' : message}`,
  }
  const records = await waitFor(resolve(name, signal), step)
  const servers = orderServers(records.filter((record) => record.name !== '' && record.name !== '.'))
  if (servers.length === 0) {
    const what =
      records.length === 0 ? `there is no SRV record ${name}` : `by ${name} it offers no such service`
    throw new TransportError('lookup', `${where}: ${what}`, { cause: new Error(what) })
  }
  return servers
}

/** The lowest priority number first; within one, by chance, but those with more weight sooner. */
export function orderServers(records: readonly SrvRecord[], random: () => number = Math.random): SrvRecord[] {
  const ordered: SrvRecord[] = []
  // Those without weight come first, so that they too have a chance: the sum may be passed at once only by 0.
  const left = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight)
  while (left.length > 0) {
    const rivals = left.filter(({ priority }) => priority === left[0]?.priority)
    const total = rivals.reduce((sum, { weight }) => sum + weight, 0)
    let rest = Math.floor(random() * (total + 1))
    const chosen = rivals.findIndex(({ weight }) => {
      rest -= weight
      return rest <= 0
    })
    ordered.push(...left.splice(chosen, 1))
  }
  return ordered
}

const askDns: ResolveSrv = async (name, signal) => {
  const { Resolver } = await import('node:dns/promises')
  const resolver = new Resolver()
  const cancel = (): void => resolver.cancel()
  signal.addEventListener('abort', cancel)
  try {
    return await resolver.resolveSrv(name)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}
