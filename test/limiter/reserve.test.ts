import { createRateLimiter, type RateLimiter, type LimiterRule } from '@penknife/core'
import { afterEach, expect, test, vi } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { callsOf, ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()
afterEach(() => void vi.useRealTimers())
const TOKENS: LimiterRule = { name: 'tokens', limit: 10_000, window: '1d' }

async function limiterOf(...rules: LimiterRule[]): Promise<RateLimiter> {
  const penknife = await openReady(pattern(bench.server.url))
  return createRateLimiter(penknife.space('shop'), 'llm', { rules, deadline: '5s' })
}

async function left(limiter: RateLimiter): Promise<number> {
  return (await limiter.take('ann', { cost: 0 })).remaining
}

const WINDOW: LimiterRule = { name: 'w', algorithm: 'sliding-window', limit: 10_000, window: '1d' }
const LOG: LimiterRule = { name: 'l', algorithm: 'sliding-log', limit: 1000, window: '1d' }

test.each([
  ['gcra', TOKENS],
  ['sliding-window', WINDOW],
  ['sliding-log', LOG],
])('what was not used is given back, what was used beyond is charged: %s', async (_, rule) => {
  const limiter = await limiterOf(rule)
  const first = await limiter.reserve('ann', { cost: 400, expires: '1m' })
  expect(await left(limiter)).toBe(rule.limit - 400)
  expect(await first.commit(150)).toBe(true)
  expect(await left(limiter)).toBe(rule.limit - 150)
  const second = await limiter.reserve('ann', { cost: 100, expires: '1m' })
  expect(await second.commit(300)).toBe(true)
  expect(await left(limiter)).toBe(rule.limit - 450)
  const third = await limiter.reserve('ann', { cost: 100, expires: '1m' })
  expect(await third.cancel()).toBe(true)
  expect(await left(limiter)).toBe(rule.limit - 450)
})

const SECOND: LimiterRule = { name: 's', limit: 10, window: '1s' }
test.each<[string, LimiterRule]>([
  ['gcra', SECOND],
  ['fixed-window', { ...SECOND, algorithm: 'fixed-window' }],
  ['sliding-window', { ...SECOND, algorithm: 'sliding-window' }],
  ['sliding-log', { ...SECOND, algorithm: 'sliding-log' }],
])('a late cancellation gives nothing back that time gave back before: %s', async (_, rule) => {
  const limiter = await limiterOf(rule)
  const { cancel } = await limiter.reserve('ann', { cost: 10, expires: '1m' })
  await expect.poll(() => left(limiter), { timeout: 5000 }).toBe(10)
  const takenAt = performance.now()
  expect(await limiter.take('ann', { cost: 10 })).toMatchObject({ allowed: true })
  expect(await cancel()).toBe(true)
  const { remaining } = await limiter.take('ann', { cost: 0 })
  expect(remaining).toBeLessThanOrEqual(Math.floor((performance.now() - takenAt) / 100))
})

test('parts of a subject that were charged separately are corrected separately', async () => {
  const limiter = await limiterOf(
    { name: 'user', per: 'user', limit: 100, window: '1d' },
    { name: 'ip', per: 'ip', limit: 50, window: '1d' },
  )
  const subject = { user: 'ann', ip: '::1' }
  const { decision, commit } = await limiter.reserve(subject, { cost: 40, expires: '1m' })
  expect(decision.rules.map(({ remaining }) => remaining)).toEqual([60, 10])
  expect(await commit(5)).toBe(true)
  const { rules } = await limiter.take(subject, { cost: 0 })
  expect(rules.map(({ remaining }) => remaining)).toEqual([95, 45])
})

test('is settled once', async () => {
  const limiter = await limiterOf(TOKENS)
  const { commit, cancel } = await limiter.reserve('ann', { cost: 400, expires: '1m' })
  expect(await Promise.all([commit(100), commit(100), cancel()])).toEqual([true, false, false])
  expect(await left(limiter)).toBe(9900)
})

test('can be settled until it expires, and stays charged then', async () => {
  const limiter = await limiterOf(TOKENS)
  vi.useFakeTimers({ toFake: ['performance'] })
  const first = await limiter.reserve('ann', { cost: 400, expires: '1m' })
  const second = await limiter.reserve('ann', { cost: 100, expires: '1m' })
  vi.advanceTimersByTime(59_999)
  expect(await first.commit(150)).toBe(true)
  vi.advanceTimersByTime(1)
  expect([await second.commit(0), await second.cancel()]).toEqual([false, false])
  vi.useRealTimers()
  // In that time 6.9 tokens came back with time. They are not given back again.
  expect(await left(limiter)).toBe(10_000 - 150 - 7 - 100)
})

test('that is denied has nothing to settle', async () => {
  const limiter = await limiterOf({ ...TOKENS, limit: 100 })
  await limiter.take('ann', { cost: 50 })
  const { decision, commit, cancel } = await limiter.reserve('ann', { cost: 80, expires: '1m' })
  expect(decision).toMatchObject({ allowed: false, remaining: 50 })
  expect([await commit(10), await cancel()]).toEqual([false, false])
  expect(await left(limiter)).toBe(50)
})

test('a settlement at the estimated cost needs no script call', async () => {
  const limiter = await limiterOf(TOKENS)
  const { commit } = await limiter.reserve('ann', { cost: 400, expires: '1m' })
  await bench.raw.config('RESETSTAT')
  expect(await commit(400)).toBe(true)
  expect(await callsOf(bench.raw, 'evalsha')).toBe(0)
})

test('releases its slot when it is settled', async () => {
  const limiter = await limiterOf(TOKENS, {
    name: 'parallel',
    algorithm: 'concurrency',
    limit: 1,
    lease: '1m',
  })
  const { commit } = await limiter.reserve('ann', { cost: 400, expires: '1m' })
  expect(await limiter.take('ann')).toMatchObject({ allowed: false, violated: ['parallel'] })
  await commit(100)
  expect(await limiter.take('ann')).toMatchObject({ allowed: true })
})

test('can be settled again after an attempt that was certainly not carried out', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const limiter = createRateLimiter(penknife.space('shop'), 'llm', {
    rules: [TOKENS],
    whenUnavailable: 'throw',
    deadline: '500ms',
  })
  const { commit } = await limiter.reserve('ann', { cost: 400, expires: '1m' })
  await server.kill()
  // Before, the commit may be written to the connection, and then its fate is unknown.
  await until('it is noticed', async () => (await penknife.health()).status === 'unavailable')
  expect((await failure(commit(100))).fate).toBe('not-done')
  await server.start()
  await expect.poll(() => commit(100).catch(() => false), { timeout: 10_000 }).toBe(true)
})

test.each([
  [{ cost: 5 }, 'expires'],
  [{ cost: 5, expires: 0 }, 'expires'],
  [{ expires: '1m' }, 'cost'],
  [{ cost: 20_000, expires: '1m' }, 'cost'],
  [{ cost: 5, expires: '1m', until: 5 }, "reserve option 'until'"],
])('refuses %j', async (options, option) => {
  const limiter = await limiterOf(TOKENS)
  expect(await failure(limiter.reserve('ann', options as never))).toMatchObject({ option })
})
