// Captures of what goes over the loopback, for tshark.

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { cannot } from './mosquitto.js'
import { type Running, start, until } from './processes.js'

const LOOPBACK = process.platform === 'darwin' ? 'lo0' : 'lo'
const MARK = 'end of this capture'

/** Starts capturing what goes to and from the broker; undefined, with the test skipped, where that is forbidden. */
export async function capture(
  t: TestContext,
  { port, folder }: { port: number; folder: string },
): Promise<(() => Promise<string>) | undefined> {
  const path = join(folder, 'capture.pcapng')
  const dumpcap: Running = start(t, 'dumpcap', ['-q', '-i', LOOPBACK, '-f', `tcp port ${port}`, '-w', path])
  try {
    await dumpcap.stderr.seen(/^File: /)
  } catch {
    const { stderr } = await dumpcap.ended
    cannot(t, stderr.split('\n').find((line) => line.startsWith('dumpcap: ')) ?? stderr)
    return undefined
  }
  return async () => {
    // What is captured arrives late, but in order: once this is in the file, so is all before it.
    const socket = connect({ host: '127.0.0.1', port }, () => socket.end(MARK))
    socket.on('error', () => {}) // the broker has no use for it
    socket.resume()
    await until('the end of the capture', () => readFileSync(path).includes(MARK))
    dumpcap.signal('SIGINT')
    await dumpcap.ended
    return path
  }
}
