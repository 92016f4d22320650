// Makes the code caches: each program runs as users run it most, against a stand-in for a broker, and what V8 compiled
// on the way is kept.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import type { Program } from './cli/flags/table.js'

/** What each program is run for most. */
const USUAL: Readonly<Record<Program, string>> = {
  'mqtt-pub': '-t a -m b',
  'mqtt-sub': '-t a -C 1',
  'mqtt-rr': '-t a -e a -m b -V 311',
  'mqtt-passwd': '--quiet -b -c - name password',
}

/** What follows the CONNECT: CONNACK, SUBACK and a message, which those who did not ask for them never read. */
const ANSWERS: readonly Buffer[] = ['20020000', '9003000100300400016162'].map((hex) =>
  Buffer.from(hex, 'hex'),
)

const RUN = `
const { launch, cachePath } = require('./dist/launch.cjs')
const { readFileSync, writeFileSync } = require('node:fs')
const kept = []
process.on('exit', () => {
  for (const [path, script] of kept) {
    const cache = cachePath(path, readFileSync(path, 'latin1'))
    writeFileSync(cache, script.createCachedData())
    process.send(cache)
  }
})
launch(process.argv[1], (path, script) => kept.push([path, script]))
`

/** Of a file that several runs load the last one counts; those before are for what is loaded on demand. */
function runsOf(program: Program, port: number, tlsPort: number): string[] {
  const usual = USUAL[program]
  if (program === 'mqtt-passwd') return ['--help', usual]
  const over = (at: number, words = usual): string => `-h 127.0.0.1 -p ${at} ${words}`
  const lines = program === 'mqtt-pub' ? [over(port, '-t a -l')] : []
  return ['--help', ...lines, `--psk 00 --psk-identity x ${over(tlsPort)}`, over(port)]
}

/** Listens on a port of its own. */
async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Writes the caches and returns their paths. Throws where a run fails: the programs would too. */
export async function makeCaches(programs: readonly Program[]): Promise<readonly string[]> {
  const serve = (socket: Socket): void => {
    let at = 0
    socket.on('error', () => {})
    socket.on('data', () => {
      const answer = ANSWERS[at++]
      if (answer !== undefined) socket.write(answer)
    })
  }
  const server = createServer(serve)
  const tlsServer = createTlsServer({ pskCallback: () => Buffer.of(0), ciphers: 'PSK' }, serve)
  const [port, tlsPort] = await Promise.all([server, tlsServer].map(listening))
  const paths = new Set<string>()
  for (const program of programs) {
    for (const run of runsOf(program, port as number, tlsPort as number)) {
      const words = ['-e', RUN, resolve(`dist/${program}.cjs`), ...run.split(' ')]
      const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
      child.on('message', (path) => paths.add(path as string))
      const [status] = await once(child, 'close')
      if (status !== 0) throw new Error(`${program} ${run}: exit ${status}`)
    }
  }
  server.close()
  tlsServer.close()
  return [...paths]
}
