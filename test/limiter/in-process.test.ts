import {
  createRateLimiter,
  type RateLimiter,
  type RateLimiterOptions,
  type LimiterRule,
} from '@penknife/core'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { nextTurn, until } from '../support/until.ts'

/** Effects of a limiter's calls on its own deny cache and waiting calls. */

const bench = useRedis()

async function limiterOf(
  rules: readonly LimiterRule[],
  options: Partial<RateLimiterOptions> = {},
): Promise<RateLimiter> {
  const penknife = await openReady(pattern(bench.server.url))
  const settings = { rules, deadline: '5s', denyCache: { staleness: '1m' }, ...options } as const
  return createRateLimiter(penknife.space('shop'), 'api', settings)
}

const HOURLY = [{ name: 'r', limit: 2, window: '1h' }] as const

/** Uses all of a subject's tokens, and has the denial remembered. */
async function spend(limiter: RateLimiter, subject: string = 'ann'): Promise<void> {
  await limiter.take(subject, { cost: 2 })
  expect(await limiter.take(subject)).toMatchObject({ allowed: false, decidedBy: 'redis' })
  expect(await limiter.take(subject)).toMatchObject({ allowed: false, decidedBy: 'cache' })
}

test('a refund takes effect at once', async () => {
  const limiter = await limiterOf(HOURLY)
  await spend(limiter)
  await limiter.refund('ann')
  expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'redis' })
})

test('a reset and the end of a block take effect at once', async () => {
  const limiter = await limiterOf(HOURLY)
  await spend(limiter)
  await limiter.reset('ann')
  expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'redis' })
  await limiter.block('ann', { duration: '1h', reason: 'abuse' })
  for (const decidedBy of ['redis', 'cache']) {
    expect(await limiter.take('ann')).toMatchObject({
      allowed: false,
      decidedBy,
      blocked: { reason: 'abuse' },
    })
  }
  await limiter.unblock('ann')
  expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'redis' })
})

test('a block and a penalty take effect at once, not after the shorter cached time', async () => {
  const limiter = await limiterOf(HOURLY)
  await spend(limiter)
  await limiter.penalty('ann')
  expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'redis' })
  await limiter.block('ann', { duration: '2h', reason: 'abuse' })
  expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'redis', blocked: { reason: 'abuse' } })
})

test('tokens that a reservation gives back take effect at once', async () => {
  const limiter = await limiterOf(HOURLY)
  const reservation = await limiter.reserve('ann', { cost: 2, expires: '1m' })
  await limiter.take('ann')
  expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'cache' })
  await reservation.commit(1)
  expect(await limiter.take('ann')).toMatchObject({ allowed: true })
})

test('each set of rules has its own denials', async () => {
  const limiter = await limiterOf(HOURLY)
  await spend(limiter)
  const plan = [{ name: 'r', limit: 10, window: '1h' }] as const
  expect(await limiter.take('ann', { rules: plan })).toMatchObject({ allowed: true, decidedBy: 'redis' })
  expect((await limiter.take('ann')).decidedBy).toBe('cache')
  for (const decidedBy of ['redis', 'cache', 'cache']) {
    // The same rules in another array are the same rules.
    const rules = plan.map((rule) => ({ ...rule }))
    expect(await limiter.take('ann', { rules, cost: 10 })).toMatchObject({ allowed: false, decidedBy })
  }
})

test('tokens given back to a part of a subject free every subject with that part', async () => {
  const rules = [
    { name: 'tenant', limit: 2, window: '1h', per: 'tenant' },
    { name: 'user', limit: 2, window: '1h', per: 'user' },
  ] as const
  const limiter = await limiterOf(rules)
  const [ann, bob] = [
    { tenant: 't', user: 'ann' },
    { tenant: 't', user: 'bob' },
  ]
  await limiter.take(ann, { cost: 2 })
  await limiter.take(bob)
  expect(await limiter.take(bob)).toMatchObject({ allowed: false, decidedBy: 'cache', violated: ['tenant'] })
  await limiter.refund(ann)
  expect(await limiter.take(bob)).toMatchObject({ allowed: true })
})

test('a denial under a concurrency rule is never repeated', async () => {
  const limiter = await limiterOf([{ name: 'c', limit: 1, lease: '1m', algorithm: 'concurrency' }])
  const { lease } = await limiter.take('ann')
  expect((await limiter.take('ann')).decidedBy).toBe('redis')
  expect((await limiter.take('ann')).decidedBy).toBe('redis')
  // As its release in another process.
  await lease?.release()
  expect((await limiter.take('ann')).allowed).toBe(true)
})

test('a refund wakes the calls that wait for the subject, and no others', async () => {
  const limiter = await limiterOf(HOURLY)
  await spend(limiter, 'ann')
  await spend(limiter, 'bob')
  const leaving = new AbortController()
  const ended: string[] = []
  const waiting = ['ann', 'bob'].map((subject) =>
    limiter.wait(subject, { maxWait: '2h', signal: leaving.signal }).then(
      () => ended.push(subject),
      () => {},
    ),
  )
  await nextTurn()
  const before = await callsOf(bench.raw, 'evalsha')
  await limiter.refund('ann')
  await until('ann passes', () => ended.length > 0)
  expect(ended).toEqual(['ann'])
  // The refund itself and ann's call.
  expect((await callsOf(bench.raw, 'evalsha')) - before).toBe(2)
  leaving.abort()
  await Promise.all(waiting)
})

test('the release of a slot wakes the calls that wait for it', async () => {
  const limiter = await limiterOf([{ name: 'c', limit: 1, lease: '1m', algorithm: 'concurrency' }])
  const { lease } = await limiter.take('ann')
  let passed = false
  const waiting = limiter.wait('ann').then((decision) => {
    passed = true
    return decision
  })
  await until(
    'it asked',
    async () => (await callsOf(bench.raw, 'evalsha')) + (await callsOf(bench.raw, 'eval')) >= 2,
  )
  const released = performance.now()
  await lease?.release()
  await until('it passes', () => passed)
  // Sooner than it would have looked again.
  expect(performance.now() - released).toBeLessThan(150)
  await (await waiting).lease?.release()
})

test('a slot that another process releases is found by polling', async () => {
  const limiter = await limiterOf([{ name: 'c', limit: 1, lease: '1m', algorithm: 'concurrency' }])
  const other = await limiterOf([{ name: 'c', limit: 1, lease: '1m', algorithm: 'concurrency' }])
  const { lease } = await other.take('ann')
  const waiting = limiter.wait('ann', { maxWait: '50s' })
  expect((await limiter.wait('ann', { maxWait: 300 })).allowed).toBe(false)
  await lease?.release()
  expect((await waiting).allowed).toBe(true)
})
