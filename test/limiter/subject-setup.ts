import {
  createRateLimiter,
  type LimiterRule,
  type RateLimiter,
  type RateLimiterOptions,
} from '@penknife/core'
import { afterEach, beforeEach, vi } from 'vitest'

import { type Clock, createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const START_US = 1_800_000_000_000_000
export const HOUR_US = 3_600_000_000
export const SECOND_US = 1_000_000

export const GCRA: LimiterRule = { name: 'r', limit: 10, window: '1h' }
/** Rules over parts of a subject. */
export const PER: readonly LimiterRule[] = [
  { name: 'tenant', per: 'tenant', limit: 10, window: '1h' },
  { name: 'user', per: 'user', limit: 3, window: '1h' },
  { name: 'ip', per: 'ip', algorithm: 'sliding-log', limit: 5, window: '1h' },
]

interface Opened {
  readonly clock: Clock
  readonly limiter: RateLimiter
  /** The remaining tokens of each rule. */
  readonly left: (subject: Parameters<RateLimiter['take']>[0]) => Promise<number[]>
}

/** A Redis on the settable clock, for limiters without a deny cache. The time of this process is frozen. */
export function useSubjects() {
  useSettableClock()
  const bench = useRedis()
  beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(1000))
  afterEach(() => void vi.restoreAllMocks())

  return {
    bench,
    async setUp(rules: readonly LimiterRule[], options: Partial<RateLimiterOptions> = {}): Promise<Opened> {
      const penknife = await openReady(pattern(bench.server.url))
      const clock = createClock(bench.raw)
      await clock.set(START_US)
      // The deny cache does not know the settable clock.
      const always = { deadline: '5s', whenUnavailable: 'throw', denyCache: false } as const
      const settings = { rules, ...always, ...options } as const
      const limiter = createRateLimiter(penknife.space('shop'), 'api', settings)
      return {
        clock,
        limiter,
        left: async (subject) =>
          (await limiter.take(subject, { cost: 0 })).rules.map(({ remaining }) => remaining),
      }
    },
    /** The keys of subjects. */
    keys: (): Promise<string[]> => bench.raw.keys('pk1:{shop/*'),
  }
}
