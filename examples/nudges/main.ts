/** Two processes with a cache each, which nudges keep up to date: `pnpm example nudges`. */
import cluster from 'node:cluster'
import { once } from 'node:events'

import { connect, createNotifier } from '@penknife/core'
import { Redis } from 'ioredis'

import { redisUrl } from '../redis.ts'

const url = await redisUrl()
const me = cluster.isPrimary ? 'one' : 'two'
// Instead of a slow database.
const database = new Redis(url)
const penknife = connect(new Redis(url, { lazyConnect: true }))
const notifier = createNotifier(penknife.space('shop'), 'caches')

// The cache contains promises, so a price that is being read when its nudge arrives is not kept.
const cache = new Map<string, Promise<string | null>>()
let nudged = (): void => {}

await notifier.listen(['price:*'], {
  onEvent(event) {
    if (event.kind === 'message') cache.delete(event.channel)
    // The connection was interrupted and nudges may have been missed, so the whole cache is dropped.
    else cache.clear()
    nudged()
  },
})

async function show(product: string): Promise<void> {
  const key = `price:${product}`
  const from = cache.has(key) ? 'cache' : 'database'
  if (!cache.has(key)) cache.set(key, database.get(key))
  console.log(`${me}: ${product} costs ${await cache.get(key)} (from the ${from})`)
}

/** First the database, then the nudge. So a process that reads after the nudge reads the new price. */
async function change(product: string, price: string): Promise<void> {
  await database.set(`price:${product}`, price)
  await notifier.nudge(`price:${product}`, null)
  console.log(`${me}: ${product} has a new price`)
}

if (cluster.isPrimary) {
  await database.set('price:tea', '10')
  await show('tea')
  await show('tea')
  const informed = new Promise<void>((resolve) => (nudged = resolve))
  await Promise.all([informed, once(cluster.fork({ PENKNIFE_REDIS_URL: url }), 'exit')])
  await show('tea')
} else {
  await show('tea')
  await change('tea', '12')
}
await penknife.close()
process.exit()
