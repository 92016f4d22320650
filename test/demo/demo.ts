// npm run demo: the real programs as processes, through the embedded broker or the one named by -h and -p. Shows each
// command and what came out, and fails when anything is lost or doubled.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { embeddedBroker } from './broker.js'

const BIN = join(import.meta.dirname, '../../bin')
/** Long enough for a slow machine; a step that needs more has lost something. */
const LIMIT_MS = 30_000
const LINES = 1_000

const { values } = parseArgs({
  options: { host: { type: 'string', short: 'h' }, port: { type: 'string', short: 'p' } },
})
const embedded = values.host === undefined && values.port === undefined ? await embeddedBroker() : undefined
const host = values.host ?? (embedded ? '127.0.0.1' : 'localhost')
const port = String(embedded?.port ?? values.port ?? 1883)
const broker = ['-h', host, '-p', port]
const prefix = `mqtt-tools-demo/${randomBytes(4).toString('hex')}`
const running = new Set<ChildProcess>()
const results: { what: string; problem: string | undefined }[] = []

interface Started {
  child: ChildProcess
  /** Resolves when stderr has shown this text: the programs run with -d. */
  saw(text: string): Promise<void>
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

function start(program: string, args: readonly string[], input?: string): Started {
  const shown = [program, ...args].map((word) => (/^[\w./=:@-]+$/.test(word) ? word : `'${word}'`)).join(' ')
  console.log(`  $ ${input === undefined ? '' : `seq 1 ${LINES} | `}${shown}`)
  const child = spawn(process.execPath, [join(BIN, program), ...args, ...broker, '-d'])
  running.add(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.on('error', () => {})
  if (input !== undefined) child.stdin.end(input)
  const ended = new Promise<Awaited<Started['ended']>>((resolve) => {
    child.on('close', (code) => {
      running.delete(child)
      resolve({ code, stdout, stderr })
    })
  })
  const saw = (text: string): Promise<void> =>
    within(
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stderr.includes(text)) resolve()
        }
        child.stderr.on('data', look)
        look()
        void ended.then(() => reject(new Error(`${program} ended without '${text}':\n${stderr}`)))
      }),
      `${program} to show '${text}'`,
    )
  return { child, saw, ended: within(ended, `${program} to end`) }
}

function within<T>(promise: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited ${LIMIT_MS / 1000} s for ${what}`)), LIMIT_MS)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

async function step(what: string, run: () => Promise<void>): Promise<void> {
  console.log(`\n${what}`)
  let problem: string | undefined
  try {
    await run()
    console.log('  ok')
  } catch (error) {
    problem = (error as Error).message
    console.log(`  FAILED: ${problem}`)
    for (const child of running) child.kill('SIGKILL')
  }
  results.push({ what, problem })
}

function expect(output: string, wanted: string): void {
  const lines = output.split('\n')
  const shown =
    lines.length > 6 ? [...lines.slice(0, 2), `... ${lines.length - 5} lines ...`, ...lines.slice(-3)] : lines
  for (const line of shown) if (line !== '') console.log(`  ${line}`)
  if (output !== wanted)
    throw new Error('this is not what was published: something is lost, doubled or out of order')
}

async function publish(args: readonly string[], input?: string): Promise<void> {
  const { code, stderr } = await start('mqtt-pub', args, input).ended
  if (code !== 0) throw new Error(`mqtt-pub exited with ${code}:\n${stderr}`)
}

/** Subscribes, publishes, and then an end mark behind it all, so that a doubled message is seen too. */
async function exchange(
  topic: string,
  qos: string,
  version: string,
  args: string[],
  wanted: string,
  input?: string,
) {
  const count = String(wanted.split('\n').length)
  const sub = start('mqtt-sub', ['-V', version, '-t', topic, '-q', qos, '-C', count])
  await sub.saw('received SUBACK')
  await publish(['-V', version, '-t', topic, '-q', qos, ...args], input)
  await publish(['-V', version, '-t', topic, '-q', qos, '-m', 'end'])
  expect((await sub.ended).stdout, `${wanted}end\n`)
}

console.log(embedded ? `Embedded broker (aedes) on port ${port}.` : `Broker ${host}, port ${port}.`)
console.log(`All commands also have: ${embedded ? '' : `-h ${host} `}-p ${port} -d`)
const lines = Array.from({ length: LINES }, (_, at) => `${at + 1}\n`).join('')

for (const version of ['mqttv31', 'mqttv311']) {
  for (const qos of ['0', '1', '2']) {
    const text = `hello at QoS ${qos}`
    await step(`One message at QoS ${qos}, ${version}`, () =>
      exchange(`${prefix}/${version}/q${qos}`, qos, version, ['-m', text], `${text}\n`),
    )
  }
  await step(`${LINES} lines through -l -q 1, ${version}`, () =>
    exchange(`${prefix}/${version}/lines`, '1', version, ['-l'], lines, lines),
  )
  await step(`A retained message, ${version}`, async () => {
    const topic = `${prefix}/${version}/retained`
    await publish(['-V', version, '-t', topic, '-q', '1', '-r', '-m', 'still here'])
    const sub = start('mqtt-sub', ['-V', version, '-t', topic, '-C', '1', '-F', 'retain %r: %p'])
    expect((await sub.ended).stdout, 'retain 1: still here\n')
    await publish(['-V', version, '-t', topic, '-q', '1', '-r', '-n'])
  })
  await step(`A will that fires when its publisher is killed, ${version}`, async () => {
    const topic = `${prefix}/${version}/will`
    const sub = start('mqtt-sub', ['-V', version, '-t', topic, '-q', '1', '-C', '1'])
    await sub.saw('received SUBACK')
    const will = ['--will-topic', topic, '--will-payload', 'gone', '--will-qos', '1']
    const pub = start('mqtt-pub', ['-V', version, '-t', `${topic}/unused`, '-l', ...will])
    await pub.saw('received CONNACK')
    console.log('  (kill -9)')
    pub.child.kill('SIGKILL')
    expect((await sub.ended).stdout, 'gone\n')
  })
}

await embedded?.close()
const failed = results.filter(({ problem }) => problem !== undefined)
console.log(`\nSummary: ${results.length - failed.length} of ${results.length} steps ok.`)
for (const { what } of failed) console.log(`  failed: ${what}`)
if (failed.length === 0) console.log('Nothing was lost, nothing came twice.')
process.exitCode = failed.length === 0 ? 0 : 1
