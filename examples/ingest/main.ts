/**
 * Streams for ingestion, sorted sets for state: readings arrive twice and in bursts, and every ranking agrees with the stream:
 * `pnpm example ingest`.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'

import { connect, createLeaderboard, createStream, type Delivery, record } from '@penknife/core'

import { redisUrl } from '../redis.ts'

type Reading = Record<'id' | 'sensor', string> & { steps: number }

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const fit = penknife.space('fit')
const readings = createStream<Reading>(fit, 'readings', { retain: { age: '30d' } })
const checks = createStream<Reading>(fit, 'checks', { groups: ['doctor'] })
const steps = createLeaderboard(fit, 'steps', { windows: { hour: { last: '1h' }, all: 'all-time' } })

/** Devices send again what was not confirmed. The id makes that harmless. */
async function ingest(reading: Reading): Promise<boolean> {
  const counted = steps.incrementing(reading.sensor, reading.steps)
  const answer = await record(
    fit,
    { id: reading.id },
    readings.adding(reading),
    checks.adding(reading),
    counted,
  )
  return answer.ok && !answer.repeated
}

const numbers = Array.from({ length: 300 }, (_, at) => at)
const burst = numbers.map((at) => ({ id: `r${at % 200}`, sensor: `s${at % 3}`, steps: 10 }))
const added = await Promise.all(burst.map(ingest))
console.log(`${added.filter(Boolean).length} new of ${added.length}`)

// A worker finishes a check and corrects the ranking in one step, however often it runs.
const checked = new Set<string>()
async function check(delivery: Delivery<Reading>): Promise<void> {
  const { sensor, id } = delivery.payload
  if (id === 'r7' && delivery.attempt === 1) throw new Error('the first try fails')
  await delivery.commit(steps.incrementing(sensor, id === 'r7' ? -10 : 0))
  checked.add(id)
}
checks.worker('doctor', check, { retryDelay: 10 })
while (checked.size < 200) await delay(10)

const sums = new Map([['s1', -10]])
for await (const { payload } of readings.replay())
  sums.set(payload.sensor, (sums.get(payload.sensor) ?? 0) + payload.steps)
const top = await steps.top(3, 1, { window: 'all' })
const agree = top.every(({ member, score }) => sums.get(member) === score)
console.log(agree ? 'ranking and stream agree' : 'they differ')
await penknife.close()
process.exit()
