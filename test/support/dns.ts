// A name server of few lines, and how a program comes to ask it.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { temporaryFolder } from './run.js'

export interface SrvAnswer {
  priority: number
  weight: number
  port: number
  target: string
}

const SRV = 33
const NO_SUCH_NAME = 3

/**
 * Starts a name server that knows SRV records. Returns the environment that makes a program of ours ask it: all else
 * about the lookup is the program's own.
 */
export async function nameServer(
  t: TestContext,
  records: Readonly<Record<string, readonly SrvAnswer[]>>,
): Promise<{ env: Readonly<Record<string, string>>; asked: string[] }> {
  const asked: string[] = []
  const server = createSocket('udp4', (query, { port, address }) => {
    const name = nameAt(query, 12)
    asked.push(name)
    server.send(answer(query, records[name.toLowerCase()]), port, address)
  })
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const preload = join(temporaryFolder(t), 'ask.mjs')
  writeFileSync(
    preload,
    [
      "import { Resolver } from 'node:dns/promises'",
      'const { resolveSrv } = Resolver.prototype',
      'Resolver.prototype.resolveSrv = function (name) {',
      `  this.setServers(['127.0.0.1:${server.address().port}'])`,
      '  return resolveSrv.call(this, name)',
      '}',
    ].join('\n'),
  )
  return { env: { NODE_OPTIONS: `--import=${pathToFileURL(preload)}` }, asked }
}

function nameAt(message: Buffer, offset: number): string {
  const labels: string[] = []
  for (let at = offset; message[at] !== 0; at += 1 + (message[at] as number)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + (message[at] as number)))
  }
  return labels.join('.')
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').filter(Boolean)
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])),
    Buffer.of(0),
  ])
}

function answer(query: Buffer, records: readonly SrvAnswer[] | undefined): Buffer {
  const question = query.subarray(12, 12 + nameBytes(nameAt(query, 12)).length + 4)
  const header = Buffer.alloc(12)
  header.writeUInt16BE(query.readUInt16BE(0), 0)
  header.writeUInt16BE(0x8180 | (records === undefined ? NO_SUCH_NAME : 0), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records?.length ?? 0, 6)
  const answers = (records ?? []).map(({ priority, weight, port, target }) => {
    const name = nameBytes(target)
    // The name is that of the question; type, class, time to live, length, then the record.
    const fixed = Buffer.from('c00c00000001000000000000000000000000', 'hex')
    fixed.writeUInt16BE(SRV, 2)
    fixed.writeUInt16BE(6 + name.length, 10)
    fixed.writeUInt16BE(priority, 12)
    fixed.writeUInt16BE(weight, 14)
    fixed.writeUInt16BE(port, 16)
    return Buffer.concat([fixed, name])
  })
  return Buffer.concat([header, question, ...answers])
}
