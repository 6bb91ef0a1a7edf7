// A process that follows channels without HTTP: by callbacks, by iterators, and with getState.
import '../harness/ends-with-parent.ts'
import { setTimeout as delay } from 'node:timers/promises'

import { type NotifierEvent, PenknifeError } from '@penknife/core'

import { openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { cursorOf, cursorsBefore } from './cursors.ts'
import { openNotifier } from './open.ts'
import { type CoreClientPlan, type CoreConfig, isIntact, type Payload, type RedisLife } from './plan.ts'
import type { ClientRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as RedisLife & CoreConfig
const journal = openJournal<ClientRecord>(config.folder, config.life)
const { penknife, notifier } = openNotifier(config)
const before = cursorsBefore(config)

function record(w: number, event: NotifierEvent, from: { [channel: string]: string }): void {
  const { channel: c, id } = event
  from[c] = id as string
  const cursor = cursorOf(c, id as string)
  if (event.kind !== 'message') journal.write({ k: 'reset', w, c, cursor })
  else {
    const payload = event.data as Payload
    journal.write({ k: 'event', w, c, cursor, p: payload.p, n: payload.n, intact: isIntact(payload, c) })
  }
}

async function follow({ w, channels, manner }: CoreClientPlan): Promise<void> {
  const random = createRandom(config.seed + process.pid + w)
  const from: { [channel: string]: string } = Object.fromEntries(before.get(w) ?? [])
  journal.write({ k: 'follows', w, channels })
  for (;;) {
    journal.write({ k: 'begins', w, cursor: new URLSearchParams(from).toString() })
    if (manner === 'iterator') {
      const events = notifier.events(channels, { from })
      const most = random.int(20, 600)
      let taken = 0
      for await (const event of events) {
        record(w, event, from)
        if (random.next() < 0.02) await delay(random.int(0, 400))
        taken += 1
        if (taken === most) break
      }
      Object.assign(from, events.cursors())
      continue
    }
    try {
      const subscription = await notifier.subscribe(channels, {
        from,
        onEvent: (event) => record(w, event, from),
        ...(manner === 'state' ? { getState: (channel: string) => ({ channel }) } : {}),
      })
      journal.write({ k: 'position', w, cursor: new URLSearchParams(subscription.cursors()).toString() })
      for (let pauses = random.int(0, 8); pauses > 0; pauses--) {
        await delay(random.int(100, 1500))
        subscription.pause()
        journal.write({ k: 'stalls', w })
        await delay(random.int(0, 1500))
        subscription.resume()
      }
      await delay(random.int(100, 1500))
      Object.assign(from, subscription.cursors())
      void subscription.close()
      journal.write({ k: 'leaves', w })
    } catch (error) {
      if (!(error instanceof PenknifeError)) throw error
      await delay(100)
    }
  }
}

await Promise.race([
  Promise.all(config.clients.map(follow)),
  new Promise((resolve) => process.once('SIGTERM', resolve)),
])
await penknife.close()
process.exit(0)
