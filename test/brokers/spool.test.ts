// mqtt-pub --spool against a real broker: every line once, although publisher and broker are killed in turn.

import { test } from 'node:test'
import { cannot, needs } from '../support/mosquitto.js'
import { assertSameBytes, seq } from '../support/processes.js'
import { newSeed, stream } from '../support/spool-stream.js'

const broker = needs('mosquitto')

for (const version of ['mqttv311', 'mqttv5']) {
  test(
    `20,000 lines at QoS 2 survive kills of publisher and broker, each line once, in ${version}`,
    broker,
    async (t) => {
      if (process.platform !== 'linux') return cannot(t, 'only Linux shows what the broker has not read yet')
      const seed = newSeed()
      t.diagnostic(`SEED=${seed}`)
      const count = 20_000
      const { stdout } = await stream(t, { version, qos: 2, count, kills: 3, seed, ahead: 2_000 })
      assertSameBytes(stdout, seq(count))
    },
  )
}
