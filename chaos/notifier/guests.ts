// A process whose guests come and go, until they are to stay where they are.
import '../harness/ends-with-parent.ts'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import type { PresenceMembership } from '@penknife/core'

import { openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { GUESTS, HALLS, openHalls, QUIET } from './halls.ts'
import { openNotifier } from './open.ts'
import type { RedisLife } from './plan.ts'
import type { GuestRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as RedisLife
const journal = openJournal<GuestRecord>(config.folder, config.life)
const { penknife } = openNotifier(config)
const { presence } = openHalls(penknife)
const random = createRandom(config.seed + process.pid)
const there = new Map<string, PresenceMembership>()

const ending = new AbortController()
process.once('SIGTERM', () => ending.abort())

for (let rests = false; !ending.signal.aborted; await delay(random.int(10, 150))) {
  if (rests) continue
  rests = existsSync(join(config.folder, QUIET))
  if (rests) journal.write({ k: 'stays', at: [...there.keys()].map((place) => place.split(' ')) })
  else {
    const place = `${random.pick(HALLS)} ${random.pick(GUESTS)}`
    const [hall = '', guest = ''] = place.split(' ')
    const found = there.get(place)
    if (found) {
      found.leave()
      there.delete(place)
    } else there.set(place, presence.join(hall, guest))
  }
}
await penknife.close()
process.exit(0)
