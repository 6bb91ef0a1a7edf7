import { expect, test, vi } from 'vitest'

import { createLimitPace } from './limit-pace.ts'

const RULES = [
  { name: 'second', algorithm: 'gcra', limit: 10, windowMs: 1000 },
  { name: 'slots', algorithm: 'concurrency', limit: 5, windowMs: undefined },
]

/** Denies so many entries of a subject at once, and returns when each comes back. */
function deny(count: number, retryAfterMs: number, rule: string | undefined): number[] {
  const pace = createLimitPace(RULES)
  return Array.from({ length: count }, () => {
    const ms = pace.waitOf('ann', retryAfterMs, rule)
    pace.aside('ann', ms, rule)
    return ms
  })
}

test('a long backlog comes back at the pace of its rule, once in a minute and never all together', () => {
  vi.spyOn(performance, 'now').mockReturnValue(1000)
  const waits = deny(10_000, 100, 'second')
  const inSecond = (second: number): number =>
    waits.filter((ms) => ms >= second * 1000 && ms < (second + 1) * 1000).length
  // A little faster than ten tokens a second.
  for (let second = 0; second < 45; second++)
    expect(inSecond(second), `second ${second}`).toBeLessThanOrEqual(13)
  for (let second = 1; second < 45; second++) expect(inSecond(second)).toBeGreaterThanOrEqual(12)
  for (let second = 45; second < 60; second++) expect(inSecond(second)).toBeLessThan(700)
  expect(Math.max(...waits)).toBeLessThanOrEqual(60_000)
  vi.restoreAllMocks()
})

test('places of a minute are given again as time passes, however many entries wait', () => {
  const clock = vi.spyOn(performance, 'now').mockReturnValue(1000)
  const pace = createLimitPace(RULES)
  for (let n = 0; n < 10_000; n++) pace.aside('ann', pace.waitOf('ann', 100, 'second'), 'second')
  clock.mockReturnValue(1800)
  const next = Array.from({ length: 12 }, () => {
    const ms = pace.waitOf('ann', 100, 'second')
    pace.aside('ann', ms, 'second')
    return ms
  })
  expect(next.filter((ms) => ms > 59_000).length).toBeGreaterThanOrEqual(9)
  vi.restoreAllMocks()
})

test('entries of a block come back together at its end, those of other subjects are not delayed', () => {
  expect(deny(3, 2000, undefined)).toEqual([2000, 2000, 2000])
  const pace = createLimitPace(RULES)
  for (let n = 0; n < 100; n++) pace.aside('ann', pace.waitOf('ann', 100, 'second'), 'second')
  expect(pace.waitOf('bob', 100, 'second')).toBe(100)
})

test('entries without a slot wait for longer, until one is allowed', () => {
  const pace = createLimitPace(RULES)
  const waits = [1, 2, 3].map(() => {
    const ms = pace.waitOf('ann', 30_000, 'slots')
    pace.aside('ann', ms, 'slots')
    return ms
  })
  expect(waits).toEqual([200, 400, 600])
  pace.allowed('ann')
  expect(pace.waitOf('ann', 30_000, 'slots')).toBe(200)
})
