// A process of clients that are @penknife/client, over WebSockets, over server-sent events, or over whichever opens.
import '../harness/ends-with-parent.ts'
import { setTimeout as delay } from 'node:timers/promises'

import { connect } from '@penknife/client'
import { WebSocket } from 'ws'

import { openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { cursorOf, cursorsBefore } from './cursors.ts'
import { isIntact, type Life, type LiveClientPlan, type LiveConfig, type Payload } from './plan.ts'
import type { ClientRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as LiveConfig & Life
const { port } = config
const journal = openJournal<ClientRecord>(config.folder, config.life)
const before = cursorsBefore(config)

/** The client has a position in a channel before its first event, which it does not report. */
const POLL_MS = 50

/** One client, until it closes after some seconds. Returns its position in each channel. */
async function listen(
  { w, channels, over }: LiveClientPlan,
  from: URLSearchParams,
): Promise<URLSearchParams> {
  const random = createRandom(config.seed + process.pid + w + Math.floor(performance.now()))
  const positions = new URLSearchParams(from)
  const address = `http://127.0.0.1:${port}`
  const live = connect(`${address}/live`, {
    ...(over === 'websocket' ? {} : { sse: `${address}/events` }),
    WebSocket: over === 'sse' ? false : WebSocket,
    silenceMs: 2000,
  })
  live.on((status) => {
    if (status.kind === 'connecting') journal.write({ k: 'begins', w, cursor: positions.toString() })
    else if (status.kind === 'open') journal.write({ k: 'opened', w })
    else if (status.kind === 'waiting') journal.write({ k: 'cut', w })
    else if (status.kind === 'closed' && status.reason !== 'closed')
      journal.write({ k: 'turned away', w, why: status.reason })
  })
  const follow = (c: string): ReturnType<typeof live.subscribe> => {
    const known = positions.get(c)
    const subscription = live.subscribe(c, {
      ...(known === null ? {} : { from: known }),
      onEvent({ id, data }) {
        positions.set(c, id as string)
        const payload = data as Payload
        const intact = isIntact(payload, c)
        journal.write({
          k: 'event',
          w,
          c,
          cursor: cursorOf(c, id as string),
          p: payload.p,
          n: payload.n,
          intact,
        })
      },
      onReset() {
        positions.set(c, subscription.position as string)
        journal.write({ k: 'reset', w, c, cursor: cursorOf(c, subscription.position as string) })
      },
      onEnd: (why) => journal.write({ k: 'turned away', w, why }),
    })
    return subscription
  }
  const subscriptions = new Map(channels.map((channel) => [channel, follow(channel)]))
  const until = performance.now() + random.int(3000, 20_000)
  while (performance.now() < until) {
    await delay(POLL_MS)
    for (const [channel, { position }] of subscriptions) {
      if (position === undefined || position === positions.get(channel)) continue
      positions.set(channel, position)
      journal.write({ k: 'position', w, cursor: cursorOf(channel, position) })
    }
    const luck = random.next()
    if (luck < 0.01) live.reconnect()
    else if (luck < 0.03) {
      // Leaves a channel, and comes back to where it was.
      const channel = random.pick(channels)
      subscriptions.get(channel)?.close()
      subscriptions.set(channel, follow(channel))
    }
  }
  journal.write({ k: 'leaves', w })
  live.close()
  return positions
}

async function run(plan: LiveClientPlan): Promise<never> {
  let positions = before.get(plan.w) ?? new URLSearchParams()
  journal.write({ k: 'follows', w: plan.w, channels: plan.channels })
  for (;;) positions = await listen(plan, positions)
}

process.once('SIGTERM', () => process.exit(0))
await Promise.all(config.clients.map(run))
