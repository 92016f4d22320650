// What bin/mqtt-passwd runs.

import { join } from 'node:path'
import { run } from './io.js'
import { main } from './passwd.js'

// The bundle of the workers lies beside this one.
void run((argv, io) => main(argv, io, join(__dirname, 'passwd-worker.cjs')))
