import { createRateLimiter, type RateLimiter, type LimiterRule } from '@penknife/core'
import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

useSettableClock()

const bench = useRedis()

/** Noon, so that an hour begins with the test. */
const START_US = 1_800_014_400_000_000
const HOUR_US = 3_600_000_000
const LIMIT = 100
const STEPS = 100

const hour = { name: 'rule', limit: LIMIT, window: '1h' } as const

/** The figures of docs/rate-limiting.md: the most calls that can pass in any hour, with a limit of 100 an hour. */
const WORST: readonly (readonly [name: string, rule: LimiterRule, admitted: number])[] = [
  ['gcra', hour, 199],
  ['gcra with a burst of 10', { ...hour, burst: 10 }, 109],
  ['fixed-window', { ...hour, algorithm: 'fixed-window' }, 199],
  [
    'fixed-window of a calendar',
    { name: 'rule', limit: LIMIT, algorithm: 'fixed-window', calendar: 'hour', timeZone: 'UTC' },
    200,
  ],
  ['sliding-window', { ...hour, algorithm: 'sliding-window' }, 198],
  ['sliding-log', { ...hour, algorithm: 'sliding-log' }, 100],
]

test.each(WORST)(
  '%s: the most tokens that pass in any window in the worst case',
  async (_name, rule, admitted) => {
    const clock = createClock(bench.raw)
    const penknife = await openReady(pattern(bench.server.socket))
    const limiter = createRateLimiter(penknife.space('shop'), 'api', {
      rules: [rule],
      whenUnavailable: 'throw',
      // It uses the time of this process, not the clock that the test sets.
      denyCache: false,
      deadline: '5s',
    })
    const found = []
    // All at once and on and on; one call that opens a window, and the rest at its very end; all at an hour's end.
    for (const first of [LIMIT, 1, 0]) {
      const kept = first < LIMIT
      const subject = `first-${first}`
      const passed: number[] = []
      const times = kept ? [0, HOUR_US - 1] : [0]
      for (let step = 1; step <= 2 * STEPS; step++) {
        const us = (step * HOUR_US) / STEPS
        if (!kept || us >= HOUR_US) times.push(us, us + HOUR_US / STEPS - 1)
      }
      for (const [at, us] of times.entries()) {
        await clock.set(START_US + us)
        const most = at === 0 ? first : LIMIT
        const count = await admittedNow(limiter, subject, most)
        passed.push(...Array.from({ length: count }, () => us))
      }
      found.push(mostInAnyHour(passed))
    }
    expect(Math.max(...found)).toBe(admitted)
  },
)

/** Calls until one is denied. */
async function admittedNow(limiter: RateLimiter, subject: string, most: number): Promise<number> {
  const { remaining } = await limiter.take(subject, { cost: 0 })
  const cost = Math.min(remaining, most)
  if (cost > 0) expect((await limiter.take(subject, { cost })).allowed).toBe(true)
  if (cost < most) expect((await limiter.take(subject)).allowed).toBe(false)
  return cost
}

function mostInAnyHour(passed: readonly number[]): number {
  return Math.max(...passed.map((from) => passed.filter((us) => us >= from && us < from + HOUR_US).length))
}
