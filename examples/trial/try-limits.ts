import { createRateLimiter, type RateLimiterOptions } from '@penknife/core'
import type { RequestEntry, RequestEvents } from '@penknife/express'
import { startTestRedis } from '@penknife/testing'

/** What became of a client's requests. */
export interface Trial {
  requests: number
  limited: number
  /** When the first request would have been denied, milliseconds since 1970. */
  firstAt?: number
}

/** Replays a log against rules. Each client gets the count of its requests, and of those that would have been denied. */
export async function tryLimits(
  log: RequestEvents,
  rules: RateLimiterOptions['rules'],
  clientOf: (entry: RequestEntry) => string,
  from: number,
): Promise<ReadonlyMap<string, Trial>> {
  const redis = await startTestRedis()
  const limiter = createRateLimiter(redis.space(), 'trial', { rules, denyCache: false, deadline: '5s' })
  await redis.clock.freeze()
  const entries: RequestEntry[] = []
  for await (const { payload } of log.replay({ from })) entries.push(payload)
  const trials = new Map<string, Trial>()
  for (const entry of entries.toSorted((one, other) => one.at - other.at)) {
    const client = clientOf(entry)
    const trial = trials.get(client) ?? { requests: 0, limited: 0 }
    trials.set(client, trial)
    trial.requests += 1
    await redis.clock.set(entry.at)
    if ((await limiter.take(client)).allowed) continue
    trial.limited += 1
    trial.firstAt ??= entry.at
  }
  await redis.close()
  return trials
}
