// Real proxies for tests: microsocks (SOCKS5) and tinyproxy (HTTP). Each leaves from an address of its own, so that a
// broker's log tells who came through it.

import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePorts } from './ports.js'
import { findCommand, start, temporaryFolder } from './processes.js'

export interface RealProxy {
  /** HOST:PORT */
  at: string
  userName: string
  password: string
  /** Where brokers see its connections come from. */
  from: string
}

export async function startMicrosocks(t: TestContext): Promise<RealProxy> {
  const [from, userName, password] = ['127.0.0.3', 'joe', 'p@ss:word%']
  const login = ['-u', userName, '-P', password]
  const at = await started(t, 'microsocks', (port) => ['-i', '127.0.0.1', '-p', port, ...login, '-b', from])
  return { at, userName, password, from }
}

/** `more` are further lines of its configuration. */
export async function startTinyproxy(t: TestContext, more = ''): Promise<RealProxy> {
  const [from, userName, password] = ['127.0.0.4', 'joe', 'sesame']
  const path = join(temporaryFolder(t), 'tinyproxy.conf')
  const at = await started(t, 'tinyproxy', (port) => {
    const own = `Port ${port}\nListen 127.0.0.1\nBind ${from}\nTimeout 600\nMaxClients 50\nLogLevel Error\n`
    writeFileSync(path, `${own}BasicAuth ${userName} ${password}\n${more}\n`)
    return ['-d', '-c', path]
  })
  return { at, userName, password, from }
}

/** The proxy as `--proxy` takes it. */
export function proxyUrl(
  scheme: 'socks5' | 'socks5h' | 'http',
  { at, userName, password }: RealProxy,
): string {
  return `${scheme}://${userName}:${password.replace(/[%:@]/g, encodeURIComponent)}@${at}`
}

/** Starts a proxy on a free port and waits until it listens. Returns HOST:PORT. */
async function started(t: TestContext, command: string, words: (port: string) => string[]): Promise<string> {
  const [port = 0] = await freePorts(1)
  const running = start(t, findCommand(command) ?? command, words(String(port)), { endless: true })
  let isOver = false
  const end = running.ended.finally(() => {
    isOver = true
  })
  end.catch(() => {}) // whoever asks for the result is told
  while (!isOver) {
    if (await answers(port)) return `127.0.0.1:${port}`
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const { status, stderr } = await end
  throw new Error(`${command} ended with ${status}: ${stderr}`)
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy())
  })
}
