// Creates objects of each kind in a loop and drops them. Prints each kind, and how many bytes of the heap an object leaves behind.
import { connect, createLeaderboard, createNotifier, createRateLimiter, createStream } from '@penknife/core'
import { idempotent, notifications, rateLimit, requestLog } from '@penknife/express'
import { pattern } from '../../../scripts/redis/clients.ts'

const [, , url = ''] = process.argv
const penknife = connect(pattern(url))
const space = penknife.space('shop')
const rules = [{ name: 'r', limit: 5, window: '1m' }] as const
const limiter = createRateLimiter(space, 'api', { rules })
const notifier = createNotifier(space, 'main')
const stream = createStream(space, 'requests')

const MAKE: Readonly<Record<string, () => unknown>> = {
  createRateLimiter: () => createRateLimiter(space, 'api', { rules }),
  'createRateLimiter, used': () => createRateLimiter(space, 'api', { rules, deadline: '5s' }).take('ann'),
  createLeaderboard: () => createLeaderboard(space, 'points'),
  'createLeaderboard, used': () => createLeaderboard(space, 'points').increment('ann'),
  createStream: () => createStream(space, 'orders', { groups: ['a'] }),
  'createStream, used': () => createStream(space, 'orders').read({ limit: 1 }),
  createNotifier: () => createNotifier(space, 'main'),
  'createNotifier, used': async () =>
    (await createNotifier(space, 'main').subscribe(['a'], { onEvent: () => {} })).close(),
  'penknife.space': () => penknife.space('shop'),
  rateLimit: () => rateLimit(limiter),
  notifications: () => notifications(notifier, { channels: () => ['a'] }),
  requestLog: () => requestLog(stream),
  idempotent: () => idempotent(space, { tenant: () => 'ann' }),
}

async function heapAfter(times: number, make: () => unknown): Promise<number> {
  for (let nth = 0; nth < times; nth++) await make()
  // Runs finalizers and callbacks at the end of the tick.
  for (let nth = 0; nth < ROUNDS; nth++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    gc?.()
  }
  return process.memoryUsage().heapUsed
}

/** The first ones compile the code, and cause the warning of a factory that is called for each request. */
const FIRST = 120
const TIMES = 400
const ROUNDS = 2
for (const [what, make] of Object.entries(MAKE)) {
  const before = await heapAfter(FIRST, make)
  console.log(JSON.stringify([what, Math.round(((await heapAfter(TIMES, make)) - before) / TIMES)]))
}
await penknife.close()
