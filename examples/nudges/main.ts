/** Two processes with a cache each, which nudges keep fresh: `pnpm example nudges`. */
import cluster from 'node:cluster'
import { once } from 'node:events'

import { connect, createNotifier } from '@penknife/core'
import { Redis } from 'ioredis'

import { redisUrl } from '../redis.ts'

const url = await redisUrl()
const me = cluster.isPrimary ? 'one' : 'two'
// Stands in for a database that is slow to ask.
const database = new Redis(url)
const penknife = connect(new Redis(url, { lazyConnect: true }))
const notifier = createNotifier(penknife.space('shop'), 'caches')

// The cache holds promises: a price that is being read when its nudge comes is not kept.
const cache = new Map<string, Promise<string | null>>()
let nudged = (): void => {}

await notifier.listen(['price:*'], {
  onEvent(event) {
    if (event.kind === 'message') cache.delete(event.channel)
    // The connection was away and nudges may have been missed: nothing can be trusted.
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

/** First the database, then the nudge: whoever reads after it reads the new price. */
async function change(product: string, price: string): Promise<void> {
  await database.set(`price:${product}`, price)
  await notifier.nudge(`price:${product}`, null)
  console.log(`${me}: ${product} has a new price`)
}

if (cluster.isPrimary) {
  await database.set('price:tea', '10')
  await show('tea')
  await show('tea')
  const told = new Promise<void>((resolve) => (nudged = resolve))
  await Promise.all([told, once(cluster.fork({ PENKNIFE_REDIS_URL: url }), 'exit')])
  await show('tea')
} else {
  await show('tea')
  await change('tea', '12')
}
await penknife.close()
process.exit()
