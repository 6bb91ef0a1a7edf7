import { expect, test } from 'vitest'

import { type Child, startProgram } from '../support/child.ts'
import { addNumbers, openOrders, ORDERS, pendingOf } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

const ENTRIES = 20_000
const WORKERS = 3
const KILLS = 9

test('20,000 entries, three worker processes killed again and again: every entry is handled', async () => {
  const stream = await openOrders(bench, { groups: ['billing'], retain: { entries: 1000 } })
  const options = JSON.stringify({ lease: 400, concurrency: 50, maxAttempts: 1000 })
  const start = (): Child =>
    startProgram('counting-worker', [bench.server.url, 'shop', 'orders', 'billing', options])
  const workers = Array.from({ length: WORKERS }, start)
  await Promise.all(workers.map((worker) => worker.next()))

  let added = 0
  const adding = (async () => {
    for (; added < ENTRIES; added += 100) await addNumbers(stream, 100, added)
  })()
  const handled = (): Promise<number> => bench.raw.zcard('test:handled')
  for (let kill = 1; kill <= KILLS; kill++) {
    // Kills are spread over the work, so that each meets entries under way.
    await until(`kill ${kill}`, async () => (await handled()) >= (kill * ENTRIES) / (KILLS + 1), 30_000)
    const victim = Math.floor(Math.random() * WORKERS)
    workers[victim]?.process.kill('SIGKILL')
    workers[victim] = start()
  }
  await adding
  await until('all handled', async () => (await handled()) === ENTRIES, 30_000)
  await until('nothing is pending', async () => (await pendingOf(bench.raw, 'billing')).length === 0)

  const twice = await bench.raw.zcount('test:handled', 2, '+inf')
  // Only what was under way at a kill comes again: at most a kill's concurrency each.
  expect(twice).toBeLessThanOrEqual(KILLS * 50)
  expect(await stream.deadLetters('billing')).toEqual([])
  await addNumbers(stream, 400)
  expect(await bench.raw.xlen(ORDERS)).toBeLessThan(ENTRIES)
}, 60_000)
