// 10,000 calls a second while Redis is away for argv[2] seconds: how the heap grows and how the calls end.
import { setTimeout as delay } from 'node:timers/promises'

import { connect, PenknifeError } from '@penknife/core'

import { startRedis } from '../../../scripts/redis/server.ts'
import { counters } from '../counters.ts'
import { pattern } from '../../../scripts/redis/clients.ts'

const seconds = Number(process.argv[2])
const DEADLINE_MS = 2000
const server = await startRedis()
const penknife = connect(pattern(server.url))
const call = counters(penknife.space('shop'), DEADLINE_MS)

const codes: Record<string, number> = {}
const count = { made: 0, ended: 0 }
let worstMs = 0

async function make(): Promise<void> {
  count.made += 1
  const started = performance.now()
  const code = await call('c').then(
    () => 'ok',
    (error: unknown) => (error instanceof PenknifeError ? error.code : String(error)),
  )
  count.ended += 1
  codes[code] = (codes[code] ?? 0) + 1
  worstMs = Math.max(worstMs, performance.now() - started)
}

/** Calls at 10,000 a second. After a delay of this process the missing calls are made at once. */
async function load(forMs: number, each: () => void = () => {}): Promise<void> {
  const started = performance.now()
  let made = 0
  for (let at = 0; at < forMs; at = performance.now() - started) {
    for (const due = Math.min(at, forMs) * 10; made < due; made++) void make()
    each()
    await delay(5)
  }
}

function heap(): number {
  ;(globalThis as unknown as { gc(): void }).gc()
  return process.memoryUsage().heapUsed
}

await load(1000)
while (count.ended < count.made) await delay(10)
const before = heap()
await server.kill()
let most = 0
let next = performance.now() + 500
await load(seconds * 1000, () => {
  if (performance.now() < next) return
  most = Math.max(most, heap())
  next = performance.now() + Math.max(1000, seconds * 50)
})
await server.start()
while (count.ended < count.made) await delay(10)
const after = await counters(penknife.space('shop'), 15_000)('c')
console.log(JSON.stringify({ calls: count.made, codes, worstMs, grownMb: (most - before) / 2 ** 20, after }))
await penknife.close()
await server.stop()
