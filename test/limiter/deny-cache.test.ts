import { channel } from 'node:diagnostics_channel'

import { createRateLimiter, type LimiterDecision, type RateLimiter, type GcraRule } from '@penknife/core'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
beforeEach(() => createClock(bench.raw).set(START_US))
afterEach(() => void vi.useRealTimers())

async function limiterOf(rule: Omit<GcraRule, 'name'>, denyCache: object | boolean): Promise<RateLimiter> {
  const penknife = await openReady(pattern(bench.server.url))
  const rules = [{ name: 'r', ...rule }]
  return createRateLimiter(penknife.space('shop'), 'api', { rules, deadline: '5s', denyCache })
}

const sent = async (): Promise<number> =>
  (await callsOf(bench.raw, 'evalsha')) + (await callsOf(bench.raw, 'eval'))

test('a denied subject costs no Redis command', async () => {
  const limiter = await limiterOf({ limit: 3, window: '1h' }, { staleness: '1m' })
  for (let at = 0; at < 3; at++) expect((await limiter.take('ann')).allowed).toBe(true)
  const first = await limiter.take('ann')
  expect(first).toMatchObject({ allowed: false, decidedBy: 'redis' })
  const before = await sent()
  const started = performance.now()
  const answers = await Promise.all(Array.from({ length: 1000 }, () => limiter.take('ann')))
  expect(await sent()).toBe(before)
  for (const { allowed, decidedBy, retryAfterMs } of answers) {
    expect({ allowed, decidedBy }).toEqual({ allowed: false, decidedBy: 'cache' })
    expect(retryAfterMs).toBeLessThanOrEqual(first.retryAfterMs)
    expect(retryAfterMs).toBeGreaterThan(first.retryAfterMs - (performance.now() - started) - 1000)
  }
  expect((await limiter.take('bob')).allowed, 'another subject is asked for').toBe(true)
  expect(await limiter.take('ann', { cost: 0 }), 'a look is one at Redis').toMatchObject({
    decidedBy: 'redis',
  })
})

test('after the retryAfterMs of a repeated denial the call always passes', async () => {
  const limiter = await limiterOf({ limit: 25, window: '1m', burst: 1 }, { staleness: '1m' })
  const clock = createClock(bench.raw)
  await clock.set(START_US)
  /** Advances the time of Redis and of this process. */
  async function pass(ms: number): Promise<void> {
    await clock.advance(ms * 1000)
    vi.advanceTimersByTime(ms)
  }
  vi.useFakeTimers({ toFake: ['performance'] })
  for (const ms of [0, 1, 7, 100, 999, 1001, 2399]) {
    expect((await limiter.take('ann')).allowed).toBe(true)
    expect((await limiter.take('ann')).decidedBy).toBe('redis')
    await pass(ms)
    const again = await limiter.take('ann')
    expect(again).toMatchObject({ allowed: false, decidedBy: 'cache' })
    expect(again.retryAfterMs).toBeGreaterThanOrEqual(2400 - ms)
    expect(again.retryAfterMs).toBeLessThanOrEqual(2400 - ms + 24)
    await pass(again.retryAfterMs)
    expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'redis' })
    await pass(2400)
  }
})

test('under attack Redis gets one call in each `staleness`', async () => {
  const limiter = await limiterOf({ limit: 1, window: '1h' }, { staleness: 100 })
  vi.useFakeTimers({ toFake: ['performance'] })
  await limiter.take('ann')
  await limiter.take('ann')
  const before = await sent()
  for (let at = 1; at <= 50; at++) {
    vi.advanceTimersByTime(10)
    expect((await limiter.take('ann')).decidedBy).toBe(at % 10 === 0 ? 'redis' : 'cache')
  }
  expect((await sent()) - before).toBe(5)
})

test.each(['refund', 'reset', 'unblock'] as const)(
  '%s in another process takes effect within the staleness, 1 s by default',
  async (eased) => {
    const rule = { limit: 1, window: '1h' } as const
    const [limiter, other] = [await limiterOf(rule, true), await limiterOf(rule, true)]
    vi.useFakeTimers({ toFake: ['performance'] })
    if (eased === 'unblock') await other.block('ann', { duration: '1h', reason: 'x' })
    else await limiter.take('ann')
    expect(await limiter.take('ann')).toMatchObject({ allowed: false, decidedBy: 'redis' })
    await other[eased]('ann')
    vi.advanceTimersByTime(999)
    expect(await limiter.take('ann')).toMatchObject({ allowed: false, decidedBy: 'cache' })
    vi.advanceTimersByTime(1)
    expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'redis' })
  },
)

test('a call with a higher cost is denied without asking Redis, with a time that is never too short', async () => {
  const limiter = await limiterOf({ limit: 10, window: '1h' }, { staleness: '1m' })
  const asking = await limiterOf({ limit: 10, window: '1h' }, false)
  await limiter.take('ann', { cost: 10 })
  await limiter.take('ann')
  const exact = await asking.take('ann', { cost: 7 })
  const repeated = await limiter.take('ann', { cost: 7 })
  expect(repeated.decidedBy).toBe('cache')
  const exactNow = await asking.take('ann', { cost: 7 })
  expect(repeated.retryAfterMs).toBeGreaterThanOrEqual(exactNow.retryAfterMs)
  expect(repeated.retryAfterMs).toBeLessThanOrEqual(exact.retryAfterMs + 1000)
})

test('repeated denials are published like all decisions', async () => {
  const limiter = await limiterOf({ limit: 1, window: '1h' }, true)
  const published: LimiterDecision[] = []
  const listen = (event: unknown): void =>
    void published.push((event as { decision: LimiterDecision }).decision)
  channel('penknife:limiter').subscribe(listen)
  onTestFinished(() => {
    channel('penknife:limiter').unsubscribe(listen)
  })
  const answers = [await limiter.take('ann'), await limiter.take('ann'), await limiter.take('ann')]
  expect(published).toEqual(answers)
  expect(published.map(({ decidedBy }) => decidedBy)).toEqual(['redis', 'redis', 'cache'])
})
