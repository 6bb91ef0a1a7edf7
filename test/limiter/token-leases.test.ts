import { setTimeout as delay } from 'node:timers/promises'

import {
  connect,
  createRateLimiter,
  type LimiterDecision,
  type LimiterSubject,
  type LimiterTokenLeaseOptions,
  type RateLimiter,
  type RateLimiterOptions,
} from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()
const DAY = { name: 'day', limit: 1000, window: '366d' } as const

async function open(
  lease: LimiterTokenLeaseOptions | undefined,
  options: Partial<RateLimiterOptions> = {},
): Promise<RateLimiter> {
  const penknife = await openReady(pattern(bench.server.url))
  return createRateLimiter(penknife.space('shop'), 'api', {
    rules: [DAY],
    deadline: '5s',
    whenUnavailable: 'throw',
    ...options,
    ...(lease && { lease }),
  })
}

/** The second call of a subject leases. */
async function twice(limiter: RateLimiter, subject: LimiterSubject): Promise<LimiterDecision> {
  await limiter.take(subject)
  return limiter.take(subject)
}

/** Tokens in use, as Redis counts them. */
async function used(limiter: RateLimiter, subject = 'ann'): Promise<number> {
  const { rules } = await limiter.take(subject, { cost: 0 })
  return DAY.limit - (rules[0]?.remaining ?? 0)
}

const sent = (): Promise<number> => callsOf(bench.raw, 'evalsha')

test('a busy subject asks Redis once for many calls, and what is left is given back when it idles', async () => {
  const limiter = await open({ tokens: 100, idle: '500ms' })
  await limiter.take('ann')
  const before = await sent()
  const decisions = await Promise.all(Array.from({ length: 250 }, () => limiter.take('ann')))
  expect(decisions.every(({ allowed }) => allowed)).toBe(true)
  expect((await sent()) - before).toBeLessThanOrEqual(7)
  // A decision from a lease, of the kind that Redis gives.
  const [rule] = decisions[5]?.rules ?? []
  expect(decisions[5]).toMatchObject({ decidedBy: 'lease', rule: 'day', retryAfterMs: 0, violated: [] })
  expect(rule).toMatchObject({ name: 'day', limit: 1000, remaining: decisions[5]?.remaining })
  await until('the rest was given back', async () => (await used(limiter)) === 251)
})

test('calls that come together share one lease, and get further ones in order', async () => {
  const limiter = await open({ tokens: 10 })
  const before = await sent()
  const decisions = await Promise.all(Array.from({ length: 25 }, () => limiter.take('ann')))
  // A subject that calls once needs none.
  expect(decisions.map(({ decidedBy }) => decidedBy)).toEqual(
    decisions.map((_, at) => (at === 0 ? 'redis' : 'lease')),
  )
  expect(await used(limiter)).toBe(1 + 30)
  expect((await sent()) - before).toBeLessThanOrEqual(7)
})

test('takeNow decides without Redis, or not at all', async () => {
  const limiter = await open(
    { tokens: 10 },
    { rules: [{ ...DAY, limit: 12 }], denyCache: { staleness: '1m' } },
  )
  expect(limiter.takeNow('ann')).toBe(undefined)
  await twice(limiter, 'ann')
  for (let left = 9; left >= 1; left--)
    expect(limiter.takeNow('ann')).toMatchObject({ remaining: left, decidedBy: 'lease' })
  expect(limiter.takeNow('ann')).toBe(undefined)
  // Too few for a lease: Redis decides about each.
  expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'redis', remaining: 0 })
  expect(await limiter.take('ann')).toMatchObject({ allowed: false, decidedBy: 'redis' })
  expect(limiter.takeNow('ann')).toMatchObject({ allowed: false, decidedBy: 'cache' })
  expect(() => limiter.takeNow('')).toThrow(/subject/)
  expect(() => limiter.takeNow(5 as never)).toThrow(/subject/)
  expect(() => limiter.takeNow('ann', { cost: 13 })).toThrow(/cost/)
  expect(await failure(limiter.take('ann', { cost: -1 }))).toMatchObject({ option: 'cost' })
  expect(await failure(limiter.take(5 as never))).toMatchObject({ code: 'PENKNIFE_INVALID' })
  const plain = await open(undefined)
  expect(plain.takeNow('bob')).toBe(undefined)
})

test('8 clients leave at most their leases unused, and after the idle time nothing', async () => {
  const limiters = await Promise.all(Array.from({ length: 8 }, () => open({ tokens: 20, idle: '300ms' })))
  await Promise.all(limiters.map((limiter) => twice(limiter, 'ann')))
  const [first] = limiters as [RateLimiter]
  expect(await used(first)).toBe(8 + 8 * 20)
  await until('all is given back', async () => (await used(first)) === 16)
})

test('a close gives the leased tokens back at once', async () => {
  const reader = await open(undefined)
  const penknife = connect(pattern(bench.server.url))
  const limiter = createRateLimiter(penknife.space('shop'), 'api', {
    rules: [DAY],
    deadline: '5s',
    lease: { tokens: 50, idle: '1h' },
  })
  await twice(limiter, 'ann')
  expect(await used(reader)).toBe(51)
  await penknife.close()
  expect(await used(reader)).toBe(2)
})

test.each(['block', 'set', 'reset'] as const)(
  '%s through this limiter ends the leased tokens at once',
  async (change) => {
    const limiter = await open({ tokens: 50, idle: '1h' })
    await twice(limiter, 'ann')
    if (change === 'block') await limiter.block('ann', { duration: '1h', reason: 'x' })
    else if (change === 'set') await limiter.set('ann', { used: 1000 })
    else await limiter.reset('ann')
    expect(limiter.takeNow('ann')).toBe(undefined)
    expect((await limiter.take('ann')).allowed).toBe(change === 'reset')
  },
)

test.each(['set', 'reset'] as const)(
  'tokens that %s of another process wiped are not given back',
  async (change) => {
    const limiter = await open({ tokens: 96, idle: '200ms' })
    const other = await open(undefined)
    await twice(limiter, 'ann')
    if (change === 'reset') await other.reset('ann')
    else await other.set('ann', { used: 1000 })
    if (change === 'reset') await other.take('ann', { cost: 900 })
    const before = await used(other)
    expect(before).toBe(change === 'set' ? 1000 : 900)
    await until('the lease ended', () => limiter.takeNow('ann') === undefined)
    await delay(300)
    expect(await used(other)).toBe(before)
    // A later lease is given back as usual.
    await other.set('ann', { used: 0 })
    await twice(limiter, 'ann')
    await until('it was given back', async () => (await used(other)) <= 2)
  },
)

describe('rules', () => {
  test('tokens of a fixed window end with it, and those of a fast rule drain as in Redis', async () => {
    const limiter = await open(
      { tokens: 10, idle: '1h' },
      { rules: [{ name: 'w', algorithm: 'fixed-window', limit: 11, window: '150ms' }] },
    )
    await twice(limiter, 'ann')
    expect(limiter.takeNow('ann')?.allowed).toBe(true)
    await until('the window is over', () => limiter.takeNow('ann') === undefined)
    const fast = await open(
      { tokens: 10, idle: '1h' },
      { rules: [{ name: 'g', limit: 100, window: '1s' }, DAY] },
    )
    await twice(fast, 'bob')
    // A hundred milliseconds.
    await until('they have drained', () => fast.takeNow('bob') === undefined)
  })

  test('subjects with parts are leased too; calls with rules of their own and large ones are not', async () => {
    const limiter = await open(
      { tokens: 10 },
      {
        rules: [
          { ...DAY, per: 'tenant' },
          { ...DAY, name: 'u', per: 'user' },
        ],
      },
    )
    const subject = { tenant: 't', user: 'ann' }
    expect((await twice(limiter, subject)).decidedBy).toBe('lease')
    expect(limiter.takeNow(subject)).toMatchObject({ decidedBy: 'lease' })
    expect((await limiter.take(subject, { cost: 11 })).decidedBy).toBe('redis')
    expect((await limiter.take(subject, { rules: [{ ...DAY, per: 'tenant' }] })).decidedBy).toBe('redis')
    expect((await limiter.take(subject, { cost: 0 })).rules[0]?.remaining).toBe(1000 - 1 - 10 - 11 - 1)
  })

  test('wrong options are refused with the fix', async () => {
    const refused = (lease: object, options: Partial<RateLimiterOptions> = {}): Promise<Error> =>
      failure(open(lease as LimiterTokenLeaseOptions, options))
    expect((await refused({ tokens: 1 })).message).toMatch(
      /lease.tokens is 1: give a whole number from 2 to 1000/,
    )
    expect((await refused({ tokens: 1001 })).message).toMatch(/lease.tokens/)
    expect((await refused({ tokens: 5, idle: 1 })).message).toMatch(/lease.idle/)
    expect((await refused({ tokens: 5, idel: 1 })).message).toMatch(/idle/)
    expect((await refused({ tokens: 5 }, { countDenied: true })).message).toMatch(/lease/)
    expect((await refused({ tokens: 5 }, { rules: [{ ...DAY, algorithm: 'sliding-log' }] })).message).toMatch(
      /gcra and fixed-window/,
    )
  })
})

test('more subjects than `subjects` ask Redis, and so does every call while Redis is away', async () => {
  const limiter = await open({ tokens: 10, subjects: 1, idle: '1h' })
  expect((await twice(limiter, 'ann')).decidedBy).toBe('lease')
  expect((await limiter.take('bob')).decidedBy).toBe('redis')
  const lenient = await open({ tokens: 10, idle: '1h' }, { whenUnavailable: 'open', deadline: '50ms' })
  await twice(lenient, 'ann')
  await bench.raw.call('CLIENT', 'PAUSE', '400', 'ALL')
  // What was leased before is used up.
  for (let at = 0; at < 9; at++) expect((await lenient.take('ann')).decidedBy).toBe('lease')
  expect(await Promise.all([lenient.take('ann'), lenient.take('ann')])).toMatchObject([
    { allowed: true, decidedBy: 'policy' },
    { allowed: true, decidedBy: 'policy' },
  ])
})
