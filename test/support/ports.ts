// Ports for what comes later, or never.

import { createServer } from 'node:net'

/**
 * Ports that are free now. They lie below those that the system gives away by itself: while nothing listens there, a port
 * must not go to somebody else, nor a client that dials it connect to itself.
 */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = []
  while (found.length < count) {
    const port = 10_000 + Math.floor(Math.random() * 22_000)
    if (!found.includes(port) && (await isFree(port))) found.push(port)
  }
  return found
}

/** A port on which nothing listens, or nothing but a broker that is not always there. */
export async function deadPort(): Promise<number> {
  return (await freePorts(1))[0] as number
}

/** On every address. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
