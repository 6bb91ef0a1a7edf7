/**
 * Rate limiting with server-side logic: a quota, a budget and the work itself in one step. What is refused costs nothing:
 * `pnpm example quota`.
 */
import { Redis } from 'ioredis'

import { connect, createCounters, createStream, record } from '@penknife/core'

import { redisUrl } from '../redis.ts'

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const api = penknife.space('api')
const calls = createCounters(api, 'calls', { ceiling: 3, calendar: 'day' }) // each user, each day
const credits = createCounters(api, 'credits', { initial: 100 }) // each team
const jobs = createStream<{ user: string; prompt: string }>(api, 'jobs', { groups: ['gpu'], maxBacklog: 100 })

/** Counts the call, pays for it and queues it, or does nothing and says why. */
async function ask(id: string, user: string, team: string, prompt: string, cost: number): Promise<string> {
  const answer = await record(
    api,
    { id },
    calls.incrementing(user),
    credits.decrementing(team, cost),
    jobs.adding({ user, prompt }),
  )
  if (answer.ok) {
    const [count, budget] = answer.results
    return `${answer.repeated ? 'queued before' : 'queued'}, ${count.room} calls and ${budget.value} credits left`
  }
  return answer.refused.map(({ reason, target }) => `${reason} of ${target}`).join(' and ')
}

const tried = [
  await ask('a', 'ann', 'red', 'a cat', 40),
  await ask('a', 'ann', 'red', 'a cat', 40), // sent again: the first answer
  await ask('b', 'ann', 'red', 'a large cat', 70), // costs nothing
  await ask('c', 'ann', 'red', 'a dog', 40),
  await ask('d', 'bob', 'red', 'a bird', 20),
  await ask('e', 'ann', 'blue', 'a fish', 10),
  await ask('f', 'ann', 'red', 'a horse', 10),
]
for (const line of tried) console.log(line)
console.log(`${(await jobs.read()).items.length} jobs`)
await penknife.close()
process.exit()
