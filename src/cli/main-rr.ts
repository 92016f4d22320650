// What bin/mqtt-rr runs.

import { run } from './io.js'
import { main } from './rr.js'

void run(main)
