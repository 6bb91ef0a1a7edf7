import { createRateLimiter, type RateLimiter, type LimiterRule } from '@penknife/core'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { type Clock, createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const HOUR_MS = 3_600_000

async function setUp(
  rule: LimiterRule,
  startUs: number = START_US,
): Promise<{ limiter: RateLimiter; clock: Clock }> {
  const penknife = await openReady(pattern(bench.server.url))
  const clock = createClock(bench.raw)
  await clock.set(startUs)
  const settings = {
    rules: [rule],
    deadline: '5s',
    whenUnavailable: 'throw',
    // It uses the time of this process, not the clock that the test sets.
    denyCache: false,
  } as const
  return { limiter: createRateLimiter(penknife.space('shop'), 'api', settings), clock }
}

describe('a window of a fraction of a second is exact', () => {
  test.each(
    (['gcra', 'fixed-window', 'sliding-window', 'sliding-log'] as const).flatMap((algorithm) =>
      (['250ms', '1.9s'] as const).map((window) => [algorithm, window] as const),
    ),
  )('%s, %s', async (algorithm, window) => {
    const windowMs = window === '250ms' ? 250 : 1900
    const { limiter, clock } = await setUp({ name: 'r', algorithm, limit: 5, window } as LimiterRule)
    expect(limiter.rules[0]).toMatchObject({ windowMs, algorithm })
    expect((await limiter.take('ann', { cost: 5 })).allowed).toBe(true)
    const { retryAfterMs } = await limiter.take('ann', { cost: 5 })
    // Of a sliding counter the whole limit is there when the window before counts no more.
    expect(retryAfterMs).toBe(algorithm === 'sliding-window' ? 2 * windowMs : windowMs)
    await clock.advance(retryAfterMs * 1000 - 1)
    expect((await limiter.take('ann', { cost: 5 })).allowed).toBe(false)
    await clock.advance(1)
    expect((await limiter.take('ann', { cost: 5 })).allowed).toBe(true)
  })
})

/**
 * Takes all available tokens, at times that are so many microseconds apart. Returns the times of the admitted calls.
 */
async function greedy(
  limiter: RateLimiter,
  clock: Clock,
  gaps: readonly number[],
): Promise<[number, number][]> {
  const admitted: [number, number][] = []
  for (const gap of gaps) {
    await clock.advance(gap)
    const { remaining } = await limiter.take('ann', { cost: 0 })
    if (remaining === 0) continue
    expect((await limiter.take('ann', { cost: remaining })).allowed).toBe(true)
    admitted.push([clock.now, remaining])
  }
  return admitted
}

/** The most that was admitted in a window, wherever it begins. */
function worst(admitted: readonly [number, number][], windowUs: number): number {
  return Math.max(
    0,
    ...admitted.map(([from]) =>
      admitted
        .filter(([time]) => time >= from && time < from + windowUs)
        .reduce((sum, [, cost]) => sum + cost, 0),
    ),
  )
}

// Keys expire by the time of the server, whatever the clock says: a test must be done long before a window is over.
const WINDOW_US = 60_000_000
const STEP_US = WINDOW_US / 100
const BOUNDS: readonly [name: string, rule: LimiterRule, most: number, gaps: readonly number[]][] = [
  [
    'gcra, burst = limit',
    { name: 'r', limit: 100, window: '1m' },
    199,
    [0, ...Array.from({ length: 99 }, () => STEP_US)],
  ],
  [
    'gcra, burst = limit / 10',
    { name: 'r', limit: 100, window: '1m', burst: 10 },
    109,
    [0, ...Array.from({ length: 99 }, () => STEP_US)],
  ],
  ['fixed-window', { name: 'r', algorithm: 'fixed-window', limit: 100, window: '1m' }, 200, [0, WINDOW_US]],
  [
    'sliding-window',
    { name: 'r', algorithm: 'sliding-window', limit: 100, window: '1m' },
    199,
    // All at the end of a window, then as the part of it that counts shrinks.
    [0, WINDOW_US - 1, 1, ...Array.from({ length: 99 }, () => STEP_US)],
  ],
  ['sliding-log', { name: 'r', algorithm: 'sliding-log', limit: 100, window: '1m' }, 100, [0, WINDOW_US]],
]

describe('the most tokens that pass in any window', () => {
  test.each(BOUNDS)('%s: never more than documented, whenever calls are made', async (_, rule, most) => {
    const { limiter, clock } = await setUp(rule)
    const gap = fc.oneof(
      fc.integer({ min: 0, max: 2 * STEP_US }),
      fc.integer({ min: 0, max: 3 * WINDOW_US }),
      fc.constantFrom(1, STEP_US, WINDOW_US / 2, WINDOW_US - 1, WINDOW_US),
    )
    const property = fc.asyncProperty(fc.array(gap, { minLength: 5, maxLength: 40 }), async (gaps) => {
      await limiter.reset('ann')
      expect(worst(await greedy(limiter, clock, gaps), WINDOW_US)).toBeLessThanOrEqual(most)
    })
    await fc.assert(property, cases(25, 1000))
  })

  test('gcra reaches the documented bound', async () => {
    for (const [, rule, most, gaps] of BOUNDS.slice(0, 2)) {
      const { limiter, clock } = await setUp(rule)
      await limiter.reset('ann')
      expect(worst(await greedy(limiter, clock, gaps), WINDOW_US)).toBe(most)
    }
  })

  test('a fixed window and a sliding counter come near it, a sliding log stays at its limit', async () => {
    const spent = async (
      rule: LimiterRule,
      steps: readonly (readonly [gapUs: number, cost: number])[],
    ): Promise<number> => {
      const { limiter, clock } = await setUp(rule)
      await limiter.reset('ann')
      const admitted: [number, number][] = []
      for (const [gap, cost] of steps) {
        await clock.advance(gap)
        if ((await limiter.take('ann', { cost })).allowed) admitted.push([clock.now, cost])
      }
      return worst(admitted, WINDOW_US)
    }
    const late = [
      [0, 1],
      [WINDOW_US - 1, 99],
      [1, 100],
    ] as const
    const shrinking = [
      [0, 1],
      [WINDOW_US - 1, 99],
      ...Array.from({ length: 99 }, () => [STEP_US, 1] as const),
    ] as const
    const rule = { name: 'r', limit: 100, window: '1m' } as const
    expect(await spent({ ...rule, algorithm: 'fixed-window' }, late)).toBe(199)
    expect(await spent({ ...rule, algorithm: 'sliding-window' }, shrinking)).toBeGreaterThanOrEqual(195)
    expect(await spent({ ...rule, algorithm: 'sliding-log' }, late)).toBe(100)
  })
})

describe('a rate that is not a whole number of units', () => {
  test.each([
    ['99,991 a day', { name: 'r', limit: 99_991, window: '1d' }],
    ['999,999,937 an hour', { name: 'r', limit: 999_999_937, window: '1h' }],
    ['7 in 366 days', { name: 'r', limit: 7, window: '366d' }],
  ] satisfies [string, LimiterRule][])(
    '%s is never exceeded, and missed by less than a millionth',
    async (_, rule) => {
      const { limiter, clock } = await setUp(rule)
      expect((await limiter.take('ann', { cost: rule.limit })).allowed).toBe(true)
      const windowUs = (limiter.rules[0]?.windowMs as number) * 1000
      const { rules } = await limiter.take('ann', { cost: 0 })
      const resetUs = (rules[0]?.resetMs as number) * 1000
      expect(resetUs).toBeGreaterThanOrEqual(windowUs)
      expect(resetUs).toBeLessThanOrEqual(windowUs * (1 + 1e-6) + 1000)
      await clock.advance(Math.floor(windowUs / 2))
      const { remaining } = await limiter.take('ann', { cost: 0 })
      expect(remaining).toBeLessThanOrEqual(rule.limit / 2)
      expect(remaining).toBeGreaterThanOrEqual(Math.floor(rule.limit / 2) - 1 - rule.limit * 1e-6)
    },
  )
})

describe('a calendar period', () => {
  const dayIn = (timeZone: string, calendar: 'hour' | 'day' | 'week' | 'month' = 'day'): LimiterRule => ({
    name: 'r',
    algorithm: 'fixed-window',
    limit: 10,
    calendar,
    timeZone,
  })
  const at = (iso: string): number => Date.parse(iso) * 1000

  test.each([
    ['a day on which clocks go forward', dayIn('Europe/Berlin'), '2026-03-29T00:00:00+01:00', 23],
    ['a day on which clocks go back', dayIn('Europe/Berlin'), '2026-10-25T00:00:00+02:00', 25],
    ['a day without midnight', dayIn('America/Sao_Paulo'), '2018-11-04T01:00:00-02:00', 23],
    ['an hour of half a zone', dayIn('Asia/Kolkata', 'hour'), '2026-05-05T10:00:00+05:30', 1],
    ['a week from Monday', dayIn('America/New_York', 'week'), '2026-11-02T00:00:00-05:00', 7 * 24],
    ['a month with a change', dayIn('America/New_York', 'month'), '2026-11-01T00:00:00-04:00', 30 * 24 + 1],
  ])('%s: a full limit from its first microsecond to its last', async (_, rule, start, hours) => {
    const { limiter, clock } = await setUp(rule, at(start) - 1)
    expect((await limiter.take('ann', { cost: 10 })).allowed).toBe(true)
    expect(await limiter.take('ann')).toMatchObject({ allowed: false, retryAfterMs: 1 })
    await clock.advance(1)
    expect(await limiter.take('ann', { cost: 10 })).toMatchObject({ allowed: true, rule: 'r' })
    expect(await limiter.take('ann')).toMatchObject({ allowed: false, retryAfterMs: hours * HOUR_MS })
    await clock.advance(hours * HOUR_MS * 1000 - 1)
    expect(await limiter.take('ann')).toMatchObject({ allowed: false, retryAfterMs: 1 })
    await clock.advance(1)
    expect(await limiter.take('ann', { cost: 10 })).toMatchObject({ allowed: true, remaining: 0 })
  })

  test('that the client did not send costs one more call, and charges once', async () => {
    const { limiter, clock } = await setUp(dayIn('UTC'))
    const calls = async (): Promise<number> => {
      await bench.raw.config('RESETSTAT')
      await Promise.all(['ann', 'bob', 'cem'].map((subject) => limiter.take(subject)))
      return (await callsOf(bench.raw, 'evalsha')) + (await callsOf(bench.raw, 'eval'))
    }
    await limiter.take('warm-up')
    expect(await calls()).toBe(1)
    await clock.advance(24 * HOUR_MS * 1000)
    expect(await calls()).toBe(1)
    await clock.advance(24 * HOUR_MS * 1000)
    expect(await calls()).toBe(2)
    expect(await calls()).toBe(1)
    expect(await limiter.take('ann', { cost: 0 })).toMatchObject({ remaining: 8 })
    await clock.advance(-365 * 24 * HOUR_MS * 1000)
    expect(await limiter.take('ann', { cost: 0 })).toMatchObject({ remaining: 8 })
  })

  test('keeps used tokens when the clock is set back before its start, until the previous period ends', async () => {
    const { limiter, clock } = await setUp(dayIn('UTC'), at('2026-05-05T00:00:01Z'))
    await limiter.take('ann', { cost: 10 })
    await clock.advance(-2_000_000)
    expect(await limiter.take('ann')).toMatchObject({ allowed: false, retryAfterMs: 1000 })
    await clock.advance(1_000_000)
    expect((await limiter.take('ann')).allowed).toBe(true)
  })
})

describe('a clock that is set back by a day', () => {
  test.each([
    ['gcra', { name: 'r', limit: 5, window: '1m' }, 60],
    ['several gcra', { name: 'r', limit: 5, window: '1m' }, 60],
    ['fixed-window', { name: 'r', algorithm: 'fixed-window', limit: 5, window: '1m' }, 60],
    ['sliding-window', { name: 'r', algorithm: 'sliding-window', limit: 5, window: '1m' }, 120],
    ['sliding-log', { name: 'r', algorithm: 'sliding-log', limit: 5, window: '1m' }, 60],
    ['concurrency', { name: 'r', algorithm: 'concurrency', limit: 1, lease: '1m' }, 60],
  ] as [string, LimiterRule, number][])(
    '%s: no extra call passes, and no subject waits for longer than from a fresh start',
    async (name, rule, seconds) => {
      const { limiter, clock } = await setUp(rule)
      const rules: LimiterRule[] = name === 'several gcra' ? [rule, { ...rule, name: 's' }] : [rule]
      const cost = rule.algorithm === 'concurrency' ? 1 : 5
      expect((await limiter.take('ann', { cost, rules })).allowed).toBe(true)
      await clock.advance(-24 * HOUR_MS * 1000)
      expect((await limiter.take('ann', { cost, rules })).allowed).toBe(false)
      await clock.advance(seconds * 500_000)
      expect((await limiter.take('ann', { cost, rules })).allowed).toBe(false)
      await clock.advance(seconds * 500_000)
      expect((await limiter.take('ann', { cost, rules })).allowed).toBe(true)
    },
  )
})
