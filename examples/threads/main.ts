/**
 * Handlers that use the CPU, in threads of a piscina pool: `pnpm example threads`.
 */
import { Redis } from 'ioredis'

import { connect, createStream } from '@penknife/core'

import { redisUrl } from '../redis.ts'
import { type Range, startCounting } from './worker.ts'

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const numbers = createStream<Range>(penknife.space('shop'), 'numbers', { groups: ['count'] })

// In any process.
const counting = startCounting(numbers, { timeout: '5m' })

let ticks = 0
const timer = setInterval(() => (ticks += 1), 10)
const ids = await Promise.all(
  [50_000, 100_000, 150_000].map((below) => numbers.add({ below }, { result: { keep: '1h' } })),
)
for (const id of ids) {
  const outcome = await numbers.result<number>(id)
  if (outcome.state === 'done') console.log(`${outcome.value} primes`)
}
clearInterval(timer)
console.log(ticks > 0 ? 'the event loop was free' : 'the event loop was blocked')

// It would take years. Any process can cancel it, and its thread ends.
const started = new Promise<void>((resolve) => {
  counting.worker.on(({ kind }) => kind === 'started' && resolve())
})
const endless = await numbers.add({ below: 1e15 }, { result: { keep: '1h' } })
await started
await numbers.cancel(endless)
console.log((await numbers.result(endless)).state)

await counting.close()
await penknife.close()
process.exit()
