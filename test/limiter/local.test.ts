import {
  createRateLimiter,
  type LimiterDecision,
  type RateLimiter,
  type RateLimiterOptions,
  type LimiterSubject,
} from '@penknife/core'
import { afterEach, expect, test, vi } from 'vitest'

import { failure, open, openReady } from '../support/connect.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()
afterEach(() => void vi.useRealTimers())

/** A limiter whose Redis went away, so that it decides by itself. */
async function alone(
  options: Partial<RateLimiterOptions>,
  warmUp: LimiterSubject = 'warm-up',
): Promise<RateLimiter> {
  const server = await ownRedis()
  const penknife = open(pattern(server.url), { breaker: { failures: 1 } })
  await server.kill()
  const limiter = createRateLimiter(penknife.space('shop'), 'api', {
    rules: [{ name: 'r', limit: 8, window: '1h' }],
    whenUnavailable: { local: { instances: 4 } },
    deadline: 20,
    ...options,
  })
  let opened = false
  limiter.on(({ kind }) => (opened = kind === 'open'))
  await limiter.take(warmUp)
  await until('Redis is given up', () => opened)
  return limiter
}

async function takes(limiter: RateLimiter, subject: string, count: number): Promise<boolean[]> {
  const decisions: LimiterDecision[] = []
  for (let at = 0; at < count; at++) decisions.push(await limiter.take(subject))
  expect(decisions.every(({ decidedBy }) => decidedBy === 'local')).toBe(true)
  return decisions.map(({ allowed }) => allowed)
}

test('without Redis penalties, refunds and blocks are applied in this process', async () => {
  const limiter = await alone({})
  expect(await limiter.penalty('ann')).toMatchObject([{ remaining: 1, limit: 8 }])
  expect(await takes(limiter, 'ann', 2)).toEqual([true, false])
  expect(await limiter.refund('ann', { cost: 9 })).toMatchObject([{ remaining: 2 }])
  expect(await limiter.block('ann', { duration: '1m', reason: 'fraud' })).toBe('local')
  const blocked = { reason: 'fraud', endsInMs: expect.any(Number) as number }
  expect(await limiter.take('ann')).toMatchObject({ allowed: false, blocked, decidedBy: 'local' })
  expect(await takes(limiter, 'bob', 1)).toEqual([true])
  // A block of Redis may remain, so that it was not ended is an error.
  await expect(limiter.unblock('ann')).rejects.toMatchObject({ code: 'PENKNIFE_UNAVAILABLE' })
  expect(await takes(limiter, 'ann', 1)).toEqual([true])
  await limiter.block('cleo', { duration: 'forever', reason: 'x' })
  expect(await limiter.take('cleo')).toMatchObject({ retryAfterMs: Infinity })
  await expect(limiter.penalty('ann', { cost: -1 })).rejects.toMatchObject({ option: 'cost' })
  const permissive = await alone({ whenUnavailable: 'open' })
  for (const call of [permissive.penalty('ann'), permissive.block('ann', { duration: '1m', reason: 'x' })])
    await expect(call).rejects.toMatchObject({ code: 'PENKNIFE_UNAVAILABLE' })
})

test('without Redis each subject gets this process’ share, and decisions report the undivided rule', async () => {
  const limiter = await alone({})
  expect(await takes(limiter, 'ann', 4)).toEqual([true, true, false, false])
  expect(await takes(limiter, 'bob', 1)).toEqual([true])
  const denied = await limiter.take('ann')
  expect(denied).toMatchObject({
    rule: 'r',
    remaining: 0,
    violated: ['r'],
    rules: [{ name: 'r', limit: 8, burst: 8, windowMs: 3_600_000, remaining: 0 }],
  })
  // Two tokens an hour: the next one is available after half an hour.
  expect(denied.retryAfterMs).toBeGreaterThan(1_790_000)
  expect(denied.retryAfterMs).toBeLessThanOrEqual(1_800_000)
})

test('several rules are charged all or none, whatever their algorithms and the parts that they count', async () => {
  const rules = [
    { name: 'tenant', limit: 12, window: '1h', algorithm: 'sliding-log', per: 'tenant' },
    { name: 'user', limit: 8, window: '1h', algorithm: 'fixed-window', per: 'user' },
  ] as const
  const limiter = await alone({ rules }, { tenant: 'warm', user: 'up' })
  const take = async (user: string): Promise<boolean> => (await limiter.take({ tenant: 't', user })).allowed
  expect([await take('ann'), await take('ann'), await take('ann')]).toEqual([true, true, false])
  // What ann was denied was not charged to the tenant.
  expect([await take('bob'), await take('bob')]).toEqual([true, false])
})

test('slots have leases, which this process renews and releases', async () => {
  const limiter = await alone({ rules: [{ name: 'c', limit: 8, lease: '10s', algorithm: 'concurrency' }] })
  const [first, second, third] = [
    await limiter.take('ann'),
    await limiter.take('ann'),
    await limiter.take('ann'),
  ]
  expect([first.allowed, second.allowed, third.allowed]).toEqual([true, true, false])
  expect(third.lease).toBeUndefined()
  expect(first.lease?.leaseMs).toBe(10_000)
  expect(await first.lease?.renew()).toBe(true)
  const waiting = limiter.wait('ann')
  expect([await first.lease?.release(), await first.lease?.release()]).toEqual([true, true])
  expect(await waiting).toMatchObject({ allowed: true, decidedBy: 'local' })
})

test('a reservation that was charged locally is settled locally', async () => {
  const limiter = await alone({ rules: [{ name: 'r', limit: 40, window: '1h' }] })
  const reservation = await limiter.reserve('ann', { cost: 10, expires: '1m' })
  expect(reservation.decision).toMatchObject({ allowed: true, decidedBy: 'local', remaining: 0 })
  expect([await reservation.commit(4), await reservation.commit(4)]).toEqual([true, false])
  expect(await limiter.take('ann', { cost: 0 })).toMatchObject({ remaining: 6 })
})

test('a cost above the share is denied until Redis is back, not for a time that is too short', async () => {
  const limiter = await alone({})
  expect(await limiter.take('ann', { cost: 5 })).toMatchObject({ allowed: false, violated: ['r'] })
  expect((await limiter.take('ann', { cost: 5 })).retryAfterMs).toBeGreaterThanOrEqual(1000)
  expect((await limiter.take('ann', { cost: 2 })).allowed).toBe(true)
})

test('when all states are in use, further subjects share one', async () => {
  const limiter = await alone({ whenUnavailable: { local: { instances: 4, states: 3 } } })
  let allowed = 0
  for (let at = 0; at < 500; at++) if ((await limiter.take(`user-${at}`)).allowed) allowed += 1
  // One of 'warm-up', two of the first two users, and the shared state's two.
  expect(allowed).toBe(4)
})

test('states with a full quota are deleted to make room', async () => {
  const rules = [{ name: 'r', limit: 400, burst: 4, window: '1s' }] as const
  const limiter = await alone({ rules, whenUnavailable: { local: { instances: 4, states: 20 } } })
  vi.useFakeTimers({ toFake: ['performance'] })
  // Each takes one of 100 tokens a second, so that no more than ten are in use at a time.
  for (let at = 0; at < 200; at++) {
    expect(await limiter.take(`user-${at}`)).toMatchObject({ allowed: true, decidedBy: 'local' })
    vi.advanceTimersByTime(2)
  }
  // More at once are too many.
  const together = await Promise.all(Array.from({ length: 50 }, (_, at) => limiter.take(`more-${at}`)))
  expect(together.some(({ allowed }) => !allowed)).toBe(true)
})

test('Redis decides again when it is back', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url), { breaker: { probeEvery: 50 } })
  const rules = [{ name: 'r', limit: 8, window: '1h' }] as const
  const whenUnavailable = { local: { instances: 4 } } as const
  const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules, whenUnavailable })
  expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'redis', remaining: 7 })
  await server.kill()
  await until('it decides alone', async () => (await limiter.take('ann')).decidedBy === 'local')
  await server.start()
  await until('Redis decides', async () => (await limiter.take('bob')).decidedBy === 'redis')
})

test('a reset ends a block of this process too', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url), { breaker: { failures: 1, probeEvery: 50 } })
  const limiter = createRateLimiter(penknife.space('shop'), 'api', {
    rules: [{ name: 'r', limit: 8, window: '1h' }],
    whenUnavailable: { local: { instances: 4 } },
  })
  const decidedBy = (who: string) => async () => (await limiter.take('warm-up')).decidedBy === who
  await server.kill()
  await until('it decides alone', decidedBy('local'))
  expect(await limiter.block('ann', { duration: 'forever', reason: 'x' })).toBe('local')
  await server.start()
  await until('Redis decides', decidedBy('redis'))
  await limiter.reset('ann')
  await server.kill()
  await until('it decides alone', decidedBy('local'))
  expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'local' })
})

test('rules that cannot be divided are refused, when the limiter is made and in a call', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const make = (options: object): RateLimiter =>
    createRateLimiter(penknife.space('shop'), 'api', {
      rules: [{ name: 'r', limit: 4, window: '1h' }],
      deadline: '5s',
      ...options,
    })
  const local = (options: object): object => ({ whenUnavailable: { local: options } })
  expect(() => make(local({ instances: 5 }))).toThrow("instances is 5: rule 'r' allows only 4")
  expect(() => make(local({ instances: 0 }))).toThrow('instances')
  expect(() => make(local({}))).toThrow('instances')
  expect(() => make(local({ instances: 2, states: 0 }))).toThrow('states')
  expect(() => make(local({ instances: 2, state: 1 }))).toThrow("did you mean 'states'?")
  expect(() => make({ whenUnavailable: 'local' })).toThrow('{ local: { instances: 4 } }')
  const limiter = make(local({ instances: 4 }))
  const small = [{ name: 'r', limit: 3, window: '1h' }] as const
  expect(await failure(limiter.take('ann', { rules: small }))).toMatchObject({ option: 'instances' })
})
