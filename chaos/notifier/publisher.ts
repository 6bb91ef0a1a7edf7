// A process that publishes at a rate until it must end, and records the outcome of each publish.
import '../harness/ends-with-parent.ts'
import { setTimeout as delay } from 'node:timers/promises'

import { PenknifeError } from '@penknife/core'

import { openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { openNotifier } from './open.ts'
import { CHANNELS, type Intent, intentOf, lastOf, type PublisherConfig, type RedisLife } from './plan.ts'
import type { PublisherRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as RedisLife & PublisherConfig
const { seed, p, perSecond } = config
const journal = openJournal<PublisherRecord>(config.folder, config.life)
const { penknife, notifier } = openNotifier(config)
const random = createRandom(seed + p)

const ending = new AbortController()
process.once('SIGTERM', () => ending.abort())

async function publish({ channel, payload, keyed }: Intent): Promise<void> {
  const { n, s } = payload
  const options = {
    ...(s === undefined ? {} : { type: 'price', coalesce: s }),
    ...(keyed ? { id: `${p}-${n}` } : {}),
  }
  let again = keyed && random.next() < 0.1
  for (;;) {
    journal.write({ k: 'publish', p, n })
    try {
      const id = await notifier.publish(channel.name, payload, options)
      journal.write({ k: 'published', p, n, c: channel.name, id })
      if (!again) return
      again = false
      await delay(random.int(0, 300))
    } catch (error) {
      if (!(error instanceof PenknifeError)) throw error
      journal.write({ k: 'failed publish', p, n, code: error.code })
      // Without an id a repetition could publish it twice, unless the fate is not-done.
      if (error.fate === 'unknown' && !keyed) return
      await delay(50)
    }
  }
}

const underWay = new Set<Promise<void>>()
const started = performance.now()
let n = 0
while (!ending.signal.aborted) {
  const due = Math.floor(((performance.now() - started) / 1000) * perSecond)
  // After an outage it continues at its rate, and skips the events of the outage.
  for (; n < due && underWay.size < 100; n++) {
    const one = publish(intentOf(seed, p, n))
    underWay.add(one)
    void one.then(() => underWay.delete(one))
  }
  n = due
  await delay(20)
}
await Promise.all(underWay)
if (p === 0) for (const channel of CHANNELS) await publish(lastOf(channel, n++))
await penknife.close()
