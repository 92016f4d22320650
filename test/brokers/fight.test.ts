// Two programs with one client identifier at a real mosquitto, and a broker that is only restarted.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needs, startMosquitto } from '../support/mosquitto.js'
import { startSub } from '../support/processes.js'

const broker = needs('mosquitto')
const FAST = ['--reconnect-delay', '0.1,0.5'] as const

// mosquitto 2.0 closes without a DISCONNECT in MQTT 5 too; a broker that sends one ends the loser with 142.
for (const version of ['mqttv31', 'mqttv311', 'mqttv5']) {
  test(
    `two mqtt-sub with one identifier: one tells and ends, the other stays, in ${version}`,
    broker,
    async (t) => {
      const mosquitto = await startMosquitto(t)
      const args = [
        '-h',
        '127.0.0.1',
        '-p',
        String(mosquitto.port),
        '-V',
        version,
        '-i',
        'twin',
        '-t',
        'a',
        ...FAST,
      ]
      const twins = [startSub(t, args), startSub(t, args)] as const
      const loser = await Promise.race(twins.map(async (each) => ({ each, result: await each.ended })))
      const last = loser.result.stderr.trimEnd().split('\n').at(-1) ?? ''
      if (loser.result.status === 142) assert.match(last, /^mqtt-sub: error: .*session taken over/)
      else {
        assert.equal(loser.result.status, 7)
        assert.match(last, /^mqtt-sub: error: .*another client probably uses the identifier 'twin'/)
      }
      const winner = twins.find((each) => each !== loser.each)
      const { stderr } = winner as (typeof twins)[0]
      await stderr.seen(/connected again/, stderr.all.findLastIndex((line) => line.includes('closed by')) + 1)
      winner?.signal('SIGTERM')
      assert.equal((await winner?.ended)?.status, 0)
    },
  )
}

test('a broker that is stopped and started again six times is no rival', broker, async (t) => {
  const mosquitto = await startMosquitto(t)
  const args = ['-h', '127.0.0.1', '-p', String(mosquitto.port), '-i', 'one', '-t', 'a', '-d', ...FAST]
  const sub = startSub(t, args)
  await mosquitto.subscribed(sub, 'one', 'a')
  for (let nth = 0; nth < 6; nth++) {
    const from = mosquitto.log.all.length
    const told = sub.stderr.all.length
    await mosquitto.stop()
    // As long as it takes for the first attempt to fail: a restart takes time, a rival does not stop the broker.
    await sub.stderr.seen(/connecting again in/, told)
    await sub.stderr.seen(/next try in/, told)
    await mosquitto.restart()
    await mosquitto.subscribed(sub, 'one', 'a', from)
  }
  sub.signal('SIGTERM')
  const { status, stderr } = await sub.ended
  assert.equal(status, 0, stderr)
})
