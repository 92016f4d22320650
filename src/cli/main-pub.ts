// What bin/mqtt-pub runs.

import { run } from './io.js'
import { main } from './pub.js'

void run(main)
