// Makes the code caches: each program runs as users run it most, against a stand-in for a broker, and what V8 compiled
// on the way is kept.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { resolve } from 'node:path'
import type { Program } from './cli/flags/table.js'

/** Of each program the last run counts; the ones before are for what is loaded on demand. */
const RUNS: Readonly<Record<Program, readonly string[]>> = {
  'mqtt-pub': ['--help', '-t a -m b'],
  'mqtt-sub': ['-t a -C 1'],
  'mqtt-rr': ['-t a -e a -m b -V 311'],
  'mqtt-passwd': ['--version'],
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

/** Writes the caches and returns their paths. Throws where a run fails: the programs would too. */
export async function makeCaches(programs: readonly Program[]): Promise<readonly string[]> {
  const server = createServer((socket) => {
    let at = 0
    socket.on('error', () => {})
    socket.on('data', () => {
      const answer = ANSWERS[at++]
      if (answer !== undefined) socket.write(answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const paths: string[] = []
  for (const program of programs) {
    for (const run of RUNS[program]) {
      const words = [
        ...(run.startsWith('-t') ? ['-h', '127.0.0.1', '-p', String(port)] : []),
        ...run.split(' '),
      ]
      const child = spawn(process.execPath, ['-e', RUN, resolve(`dist/${program}.cjs`), ...words], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      child.on('message', (path) => paths.push(path as string))
      const [status] = await once(child, 'close')
      if (status !== 0) throw new Error(`${program} ${run}: exit ${status}`)
    }
  }
  server.close()
  return paths
}
