import { channel } from 'node:diagnostics_channel'
import { setTimeout as delay } from 'node:timers/promises'

import { createRateLimiter, type Decision, type RateLimiter, type GcraRule } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

async function limiterOf(rule: Omit<GcraRule, 'name'>, denyCache: object | boolean): Promise<RateLimiter> {
  const penknife = await openReady(pattern(bench.server.url))
  const rules = [{ name: 'r', ...rule }]
  return createRateLimiter(penknife.space('shop'), { name: 'api', rules, deadline: '5s', denyCache })
}

const sent = async (): Promise<number> =>
  (await callsOf(bench.raw, 'evalsha')) + (await callsOf(bench.raw, 'eval'))

test('a denied subject costs no command of Redis', async () => {
  const limiter = await limiterOf({ limit: 3, window: '1h' }, { staleness: '1m' })
  for (let at = 0; at < 3; at++) expect((await limiter.take('ann')).allowed).toBe(true)
  const told = await limiter.take('ann')
  expect(told).toMatchObject({ allowed: false, decidedBy: 'redis' })
  const before = await sent()
  const started = performance.now()
  const answers = await Promise.all(Array.from({ length: 1000 }, () => limiter.take('ann')))
  expect(await sent()).toBe(before)
  for (const { allowed, decidedBy, retryAfterMs } of answers) {
    expect({ allowed, decidedBy }).toEqual({ allowed: false, decidedBy: 'cache' })
    expect(retryAfterMs).toBeLessThanOrEqual(told.retryAfterMs)
    expect(retryAfterMs).toBeGreaterThan(told.retryAfterMs - (performance.now() - started) - 1000)
  }
  expect((await limiter.take('bob')).allowed, 'another subject is asked for').toBe(true)
  expect(await limiter.take('ann', { cost: 0 }), 'a look is one at Redis').toMatchObject({
    decidedBy: 'redis',
  })
})

test('waiting as long as a repeated denial says always lets the call pass', async () => {
  const limiter = await limiterOf({ limit: 25, window: '1s', burst: 1 }, true)
  let repeated = 0
  for (let at = 0; at < 20; at++) {
    await limiter.take('ann')
    await limiter.take('ann')
    await delay(at)
    const again = await limiter.take('ann')
    if (again.allowed) continue
    if (again.decidedBy === 'cache') repeated += 1
    const end = performance.now() + again.retryAfterMs
    while (performance.now() < end) await delay(1)
    expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'redis' })
  }
  expect(repeated).toBeGreaterThan(5)
})

test('Redis is asked again once in each staleness, so that what others give back is noticed', async () => {
  const limiter = await limiterOf({ limit: 1, window: '1h' }, { staleness: 100 })
  await limiter.take('ann')
  const before = await sent()
  const started = performance.now()
  while (performance.now() - started < 450) {
    expect((await limiter.take('ann')).allowed).toBe(false)
    await delay(1)
  }
  const asked = (await sent()) - before
  expect(asked).toBeGreaterThanOrEqual(3)
  expect(asked).toBeLessThanOrEqual(5)
  await limiter.take('ann')
  // As a reset in another process does.
  await bench.raw.flushall()
  await until('it is allowed again', async () => (await limiter.take('ann')).allowed, 1000)
})

test('a dearer call is denied without asking, with a time that is never early', async () => {
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
  const heard: Decision[] = []
  const listen = (event: unknown): void => void heard.push((event as { decision: Decision }).decision)
  channel('penknife:limiter').subscribe(listen)
  onTestFinished(() => {
    channel('penknife:limiter').unsubscribe(listen)
  })
  const answers = [await limiter.take('ann'), await limiter.take('ann'), await limiter.take('ann')]
  expect(heard).toEqual(answers)
  expect(heard.map(({ decidedBy }) => decidedBy)).toEqual(['redis', 'redis', 'cache'])
})
