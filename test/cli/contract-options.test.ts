// The option table (1.2) row by row: each spelling, each program that has the option, each column "Rep", against a real
// mosquitto; the programs without the option do not know it.

import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Certificates, makeCertificates } from '../support/certificates.js'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { newFolder } from '../support/processes.js'
import type { Args } from '../support/run.js'
import { socksServer } from '../transport/socks-server.js'
import { serve } from '../transport/support.js'
import { type Letter, type Place, type Row, WORK, type Words } from './option-row.js'
import { ROWS } from './option-rows.js'
import { at, store } from './real.js'
import { cli, misuse } from './support.js'

const PROGRAM = { P: 'mqtt-pub', S: 'mqtt-sub', R: 'mqtt-rr' } as const

type Shared = Omit<Place, 'topic' | 'id'>

let count = 0

async function run(
  t: TestContext,
  row: Row,
  letter: Letter,
  spelling: string,
  shared: Shared,
): Promise<void> {
  const nth = ++count
  const place: Place = { ...shared, topic: `o${nth}`, id: `id${nth}` }
  const words = (list: Words = []): Args => (typeof list === 'function' ? list(place) : list)
  const option = [spelling, ...words(row.value)]
  const lost = row.loser === undefined ? [] : [spelling, ...words(row.loser)]
  const twice = row.value === undefined && row.rep === undefined ? option : lost
  const work = (row.work?.[letter] ?? WORK[letter])(place.topic)
  const id = /^(-i|-I|--id|--id-prefix)$/.test(spelling) ? [] : ['-i', place.id]
  const debug = /^(-d|--debug)$/.test(spelling) ? [] : ['-d']
  const args = [...at(shared.broker), ...id, ...debug, ...work, ...words(row.with), ...twice, ...option]
  const env = row.env?.(place) ?? {}
  const { input } = row
  const told = await cli(t, PROGRAM[letter], args, { env, ...(input !== undefined && { input }) })
  const shown = `${PROGRAM[letter]} ${args.join(' ')}\n${told.out}${told.err}`
  assert.equal(told.code, row.code ?? 0, shown)
  if (row.out !== undefined) assert.match(told.out, row.out, shown)
  if (row.says !== undefined) assert.match(told.err, row.says, shown)
  if (row.log !== undefined) {
    const from = row.from ?? '.*'
    await shared.broker.logged(new RegExp(`: New client connected from ${from}.* as ${row.log(place)}`))
  }
  row.also?.(place, told)
  if (row.rep === 'err')
    await misuse(t, PROGRAM[letter], [...work, ...option, ...option].map(String), [spelling])
}

const config = (pem: Certificates, keys: string): string => `
allow_anonymous true
listener {port} 127.0.0.1
listener {port2} 127.0.0.1
certfile ${pem.server.cert}
keyfile ${pem.server.key}
listener {port3} 127.0.0.1
psk_hint hint
psk_file ${keys}
listener {port4} 127.0.0.1
protocol websockets
listener {port5} 127.0.0.1
certfile ${pem.server.cert}
keyfile ${pem.server.key}
cafile ${pem.ca.cert}
require_certificate true
listener 0 {folder}/socket
`

test('each option, with mosquitto (1.2)', { ...needs('mosquitto', 'openssl'), concurrency: 4 }, async (t) => {
  const folder = newFolder()
  writeFileSync(join(folder, 'keys'), 'joe:00ff1234\n', { mode: 0o644 })
  writeFileSync(join(folder, 'payload'), 'file')
  writeFileSync(join(folder, 'options'), '-k 55\n')
  const pem = makeCertificates(folder)
  const broker = await startMosquitto(t, config(pem, join(folder, 'keys')))
  assert.ok(existsSync(join(broker.folder, 'socket')))
  const kept = { 's/1': 'one', 's/2': 'two', 's/3': 'three', removed: 'gone' }
  for (const [topic, payload] of Object.entries(kept)) await store(t, broker, topic, payload)
  const socks = await serve(t, socksServer({ to: { host: '127.0.0.1', port: broker.port } }))
  const shared = { broker, pem, folder, socks: `socks5h://127.0.0.1:${socks}` }
  await Promise.all(
    ROWS.map((row) =>
      t.test(`1.2 ${row.opt}${row.opt.startsWith('-V') ? ` ${row.value}` : ''} (${row.on})`, async (t) => {
        const letters = [...row.on] as Letter[]
        const spellings = row.opt.split(' ')
        // Each program and each spelling at least once.
        for (let nth = 0; nth < Math.max(letters.length, spellings.length); nth++) {
          const letter = letters[nth % letters.length] as Letter
          await run(t, row, letter, spellings[nth % spellings.length] as string, shared)
        }
      }),
    ),
  )
})

// -W of mqtt-pub is an addition.
const MISSING = ROWS.flatMap(({ opt, on }) =>
  (['P', 'S', 'R'] as const)
    .filter((letter) => !on.includes(letter) && !(letter === 'P' && opt === '-W'))
    .map((letter) => ({ opt, letter })),
)

test('an option given to a program that does not have it is unknown (1.2)', { concurrency: 4 }, async (t) => {
  await Promise.all(
    MISSING.map(({ opt, letter }) =>
      t.test(`1.2 ${opt}: not in ${PROGRAM[letter]}`, async (t) => {
        for (const spelling of opt.split(' ')) {
          const work = WORK[letter]('a').map(String)
          await misuse(t, PROGRAM[letter], [...work, spelling, '1'], [`unknown option '${spelling}'`])
        }
      }),
    ),
  )
})

test('--help and --version act at once, with whatever behind (1.2)', async (t) => {
  for (const program of Object.values(PROGRAM)) {
    for (const [option, out] of [
      ['--help', /^[\s\S]*Usage: mqtt-/],
      ['--version', /^mqtt-(pub|sub|rr) \d+\.\d+/],
    ] as const) {
      const told = await cli(t, program, [option, '--no-such-option'])
      assert.deepEqual({ code: told.code, err: told.err }, { code: 0, err: '' })
      assert.match(told.out, out)
    }
  }
})
