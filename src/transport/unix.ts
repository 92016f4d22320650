// Unix sockets.

import { connect, type Socket } from 'node:net'
import { UsageError } from '../errors.js'
import { type Intake, over, readingInto } from './step.js'

/** What the kernel has room for, but for the NUL at the end. */
const MAX_PATH_BYTES = 107

/** Throws UsageError for a path that no socket can have, TransportError when nothing answers. */
export async function dialUnix(
  path: string,
  where: string,
  signal: AbortSignal,
  intake?: Intake,
): Promise<Socket> {
  const length = Buffer.byteLength(path)
  if (length < 1 || length > MAX_PATH_BYTES)
    throw new UsageError(`path of a unix socket: ${length} bytes, expected 1 to ${MAX_PATH_BYTES}`)
  const socket = connect({ path, ...readingInto(intake) })
  if (intake !== undefined) socket.pause() // nobody is there yet to take what comes
  return over([socket], { name: 'unix', where, signal }, (done) => {
    const onConnect = (): void => done(socket)
    socket.on('connect', onConnect)
    return () => socket.off('connect', onConnect)
  })
}
