import {
  createRateLimiter,
  type RateLimiter,
  type RateLimiterOptions,
  type LimiterRule,
} from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

const CLOSED: readonly LimiterRule[] = [
  { name: 'none', limit: 0, window: '1m' },
  { name: 'none', limit: 0, window: '1m', algorithm: 'fixed-window' },
  { name: 'none', limit: 0, calendar: 'day', timeZone: 'UTC', algorithm: 'fixed-window' },
  { name: 'none', limit: 0, window: '1m', algorithm: 'sliding-window' },
  { name: 'none', limit: 0, window: '1m', algorithm: 'sliding-log' },
  { name: 'none', limit: 0, lease: '1m', algorithm: 'concurrency' },
]
const NEVER = { remaining: 0, nextMs: Infinity, resetMs: Infinity }

async function limiterOf(
  rules: readonly LimiterRule[],
  options: Partial<RateLimiterOptions> = {},
): Promise<RateLimiter> {
  const penknife = await openReady(pattern(bench.server.url))
  return createRateLimiter(penknife.space('shop'), 'api', {
    rules,
    deadline: '5s',
    // Else the policy answers for a script that fails.
    whenUnavailable: 'throw',
    ...options,
  })
}

describe.each(
  CLOSED.map((rule) => ['calendar' in rule ? 'calendar' : (rule.algorithm ?? 'gcra'), rule] as const),
)('a limit of 0: %s', (_, rule) => {
  test('always denies every call that costs something', async () => {
    const limiter = await limiterOf([rule, { name: 'other', limit: 5, window: '1m' }])
    for (let nth = 1; nth <= 3; nth++) {
      const decision = await limiter.take('ann', { cost: nth })
      expect(decision).toMatchObject({
        allowed: false,
        rule: 'none',
        violated: ['none'],
        retryAfterMs: Infinity,
      })
      expect(decision.rules).toMatchObject([NEVER, { remaining: 5 }])
    }
    expect(await limiter.take('ann', { cost: 0 })).toMatchObject({
      allowed: true,
      rule: 'none',
      remaining: 0,
    })
    expect(await limiter.wait('ann', { maxWait: '1h' })).toMatchObject({ allowed: false })
    expect(await bench.raw.keys('pk1:{shop/*')).toEqual([])
  })

  test('keeps used tokens for a later limit', async () => {
    const limiter = await limiterOf([rule])
    const before = [{ ...rule, limit: 10 }]
    await limiter.take('ann', { cost: 4, rules: before })
    expect(await limiter.take('ann')).toMatchObject({ allowed: false })
    const { remaining } = await limiter.take('ann', { cost: 0, rules: before })
    expect(remaining).toBe(rule.algorithm === 'concurrency' ? 9 : 6)
  })

  test('denies nothing as a shadow', async () => {
    const limiter = await limiterOf([
      { ...rule, shadow: true },
      { name: 'other', limit: 5, window: '1m' },
    ])
    const { allowed, shadow } = await limiter.take('ann')
    expect([allowed, shadow]).toMatchObject([true, [{ allowed: false, ...NEVER }]])
  })

  test.each(['open', 'closed', { local: { instances: 2 } }] as const)(
    'denies without Redis too (%j)',
    async (whenUnavailable) => {
      const server = await ownRedis()
      const penknife = await openReady(pattern(server.url))
      const limiter = createRateLimiter(penknife.space('shop'), 'api', {
        rules: [rule],
        whenUnavailable,
      })
      await server.kill()
      const denied = { allowed: false, violated: ['none'], retryAfterMs: Infinity }
      expect(await limiter.take('ann')).toMatchObject({ ...denied, rules: [NEVER] })
    },
  )
})
