// Takes slots of one subject and keeps each for a moment, as fast as it can. With 'once' it takes one and keeps it.
// argv: the server's URL; the rules as JSON; 'once' or nothing.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

import { connect, createRateLimiter, type LimiterRule } from '@penknife/core'
import { Redis } from 'ioredis'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url = '', rules = '[]', mode = ''] = process.argv.slice(2)
const say = (value: unknown): void => console.log(JSON.stringify(value))
const penknife = connect(pattern(url))
const limiter = createRateLimiter(penknife.space('shop'), 'api', {
  rules: JSON.parse(rules) as LimiterRule[],
  whenUnavailable: 'throw',
  deadline: '10s',
})
const raw = new Redis(url)

await limiter.take('warm-up', { cost: 0 })
if (mode === 'once') {
  const beforeMs = Date.now()
  const { allowed } = await limiter.take('subject')
  say({ allowed, beforeMs })
  await delay(600_000)
}
say('ready')
await once(process.stdin, 'data')
const run = { going: true }
process.stdin.once('data', () => (run.going = false))
let first = true
let most = 0
async function hold(): Promise<void> {
  while (run.going) {
    const { lease } = await limiter.take('subject')
    if (!lease) continue
    if (first) say('first')
    first = false
    most = Math.max(most, await raw.incr('kept'))
    await raw.decr('kept')
    await lease.release()
  }
}
await Promise.all(Array.from({ length: 5 }, hold))
say({ most })
await penknife.close()
process.exit(0)
