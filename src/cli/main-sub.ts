// What bin/mqtt-sub runs.

import { run } from './io.js'
import { main } from './sub.js'

void run(main)
