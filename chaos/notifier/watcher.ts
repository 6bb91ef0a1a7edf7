// A process that watches: views of a board (in Redis, over a WebSocket and over server-sent events), and who is in the halls.
import '../harness/ends-with-parent.ts'
import { setTimeout as delay } from 'node:timers/promises'

import { connect } from '@penknife/client'
import { live, PenknifeError } from '@penknife/core'
import { WebSocket } from 'ws'

import { openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { openBoard, stateOf, TOP } from './board.ts'
import { HALLS, openHalls } from './halls.ts'
import { openNotifier } from './open.ts'
import type { RedisLife, WatcherConfig } from './plan.ts'
import type { WatcherRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as RedisLife & WatcherConfig
const journal = openJournal<WatcherRecord>(config.folder, config.life)
const { penknife } = openNotifier(config)
const random = createRandom(config.seed + process.pid)

function show(v: number, value: unknown): void {
  const n = stateOf(value as Parameters<typeof stateOf>[0])
  journal.write(
    n === undefined ? { k: 'picture', v, n: null, rows: JSON.stringify(value) } : { k: 'picture', v, n },
  )
}

/** Watches the board itself, and leaves now and then. */
async function watchBoard(v: number): Promise<never> {
  const view = live(openBoard(penknife), { top: TOP, every: 30, tick: '1s' })
  for (;;) {
    const stop = view.watch(({ value }) => show(v, value))
    await delay(random.int(500, 8000))
    stop()
  }
}

/** Watches it over a server, and connects again now and then. */
async function watchOver(v: number, transport: 'websocket' | 'sse'): Promise<never> {
  const address = `http://127.0.0.1:${config.port}`
  const page = connect(`${address}/live`, {
    ...(transport === 'sse' ? { sse: `${address}/events` } : {}),
    WebSocket: transport === 'sse' ? false : WebSocket,
    silenceMs: 2000,
  })
  page.view('top', { onValue: (value) => show(v, value) })
  for (;;) {
    await delay(random.int(2000, 15_000))
    page.reconnect()
  }
}

const { presence, notifier } = openHalls(penknife)

async function followHalls(h: number): Promise<void> {
  for (const c of HALLS) journal.write({ k: 'gap', h, c })
  for (;;) {
    try {
      await notifier.subscribe(HALLS, {
        onEvent(event) {
          const c = event.channel
          if (event.kind !== 'message') journal.write({ k: 'gap', h, c })
          else {
            const { member } = event.data as { member: string }
            journal.write({ k: event.type === 'joined' ? 'came' : 'went', h, c, m: member })
          }
        },
      })
      return
    } catch (error) {
      if (!(error instanceof PenknifeError)) throw error
      await delay(100)
    }
  }
}

/** Records the list of a hall whenever it is another one. */
async function lookAtHall(h: number, c: string): Promise<never> {
  let last: string | undefined
  for (; ; await delay(100)) {
    try {
      const { members } = await presence.members(c)
      if (JSON.stringify(members) === last) continue
      last = JSON.stringify(members)
      journal.write({ k: 'present', h, c, members })
    } catch (error) {
      if (!(error instanceof PenknifeError)) throw error
    }
  }
}

await Promise.race([
  Promise.all([
    watchBoard(0),
    watchOver(1, 'websocket'),
    watchOver(2, 'sse'),
    followHalls(0),
    ...HALLS.map((hall) => lookAtHall(0, hall)),
  ]),
  new Promise((resolve) => process.once('SIGTERM', resolve)),
])
await penknife.close()
process.exit(0)
