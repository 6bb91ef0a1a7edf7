// Starts while Redis (argv[2]) is away, waits for it, closes and is expected to end by itself.
import { connect, createRateLimiter, PenknifeError } from '@penknife/core'

import { counters } from '../counters.ts'
import { pattern } from '../../../scripts/redis/clients.ts'

const say = (value: unknown): void => console.log(JSON.stringify(value))
const penknife = connect(pattern(String(process.argv[2])))
const shop = penknife.space('shop')
const limiter = createRateLimiter(shop, 'api', { rules: [{ name: 'r', limit: 5, window: '1m' }] })

const outcome = await counters(
  shop,
  100,
)('c').then(
  () => 'ok',
  (error: unknown) => (error instanceof PenknifeError ? error.code : String(error)),
)
say({ outcome, decidedBy: (await limiter.take('ann')).decidedBy, health: (await penknife.health()).status })
say({ value: await counters(shop, 30_000)('c') })
await penknife.close()
say('closed')
