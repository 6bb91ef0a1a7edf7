// A process of clients that are the npm package `eventsource`, which reconnects by itself.
import '../harness/ends-with-parent.ts'
import { setTimeout as delay } from 'node:timers/promises'

import { EventSource } from 'eventsource'

import { openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { cursorsBefore } from './cursors.ts'
import type { ClientPlan, HttpConfig, Life } from './plan.ts'
import type { ClientRecord } from './records.ts'
import { addressOf, recordOf } from './sse.ts'

const config = JSON.parse(process.argv[2] ?? '') as HttpConfig & Life
const journal = openJournal<ClientRecord>(config.folder, config.life)
const before = cursorsBefore(config)

/** Node 20's fetch sometimes hangs when its connection is closed right after it was opened. */
async function fetchInTime(url: string | URL, init: RequestInit): Promise<Response> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), 3000)
  const signal = AbortSignal.any(init.signal ? [init.signal, late.signal] : [late.signal])
  try {
    return await fetch(url, { ...init, signal })
  } catch (error) {
    // After an abort the EventSource would not reconnect.
    throw late.signal.aborted ? new Error('no response') : error
  } finally {
    clearTimeout(timer)
  }
}

/** Runs an EventSource for some seconds. Returns its cursor. */
async function listen({ w, channels }: ClientPlan, cursor: string, ms: number): Promise<string> {
  let lastId = cursor
  journal.write({ k: 'begins', w, cursor })
  const source = new EventSource(addressOf(config.port, channels, cursor), { fetch: fetchInTime })
  for (const type of ['message', 'price', 'reset', 'position']) {
    source.addEventListener(type, ({ data, lastEventId }) => {
      lastId = lastEventId
      journal.write(recordOf(w, { type, data: data || undefined, id: lastEventId }))
    })
  }
  source.addEventListener('open', () => journal.write({ k: 'opened', w }))
  source.addEventListener('error', ({ message }) => {
    if (source.readyState !== source.CLOSED) journal.write({ k: 'cut', w })
    else journal.write({ k: 'turned away', w, why: message ?? 'closed' })
  })
  await delay(ms)
  source.close()
  journal.write({ k: 'leaves', w })
  return lastId
}

async function run(plan: ClientPlan): Promise<never> {
  const random = createRandom(config.seed + process.pid + plan.w)
  let cursor = before.get(plan.w)?.toString() ?? ''
  journal.write({ k: 'follows', w: plan.w, channels: plan.channels })
  for (;;) cursor = await listen(plan, cursor, random.int(3000, 30_000))
}

process.once('SIGTERM', () => process.exit(0))
await Promise.all(config.clients.map(run))
