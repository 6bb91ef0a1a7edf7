import {
  createRateLimiter,
  type LimiterDecision,
  type Penknife,
  type RateLimiter,
  type LimiterUnavailablePolicy,
} from '@penknife/core'
import { describe, expect, test } from 'vitest'

import type { PrivateRedis } from '../../scripts/redis/server.ts'
import { failure, open, openReady } from '../support/connect.ts'
import { startProxy } from '../support/proxy.ts'
import { freeze, ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()
const DEADLINE_MS = 100
/** What a busy machine may add to a deadline. */
const SLACK_MS = 500

type Outage = 'dead' | 'frozen' | 'frozen for a second call' | 'never there' | 'cut while it answers'

async function limiterIn(outage: Outage, whenUnavailable: LimiterUnavailablePolicy): Promise<RateLimiter> {
  const server: PrivateRedis = await ownRedis()
  const proxy = await startProxy(server)
  if (outage === 'never there') await server.kill()
  const connection = pattern(outage === 'cut while it answers' ? proxy.url : server.url)
  const penknife =
    outage === 'never there' ? open(connection) : await openReady(connection, { deadline: 200 })
  const rules = [
    { name: 'burst', limit: 5, window: '1s' },
    { name: 'daily', limit: 100, window: '1d' },
  ] as const
  const settings = { rules, whenUnavailable, deadline: DEADLINE_MS } as const
  const limiter = createRateLimiter(penknife.space('shop'), 'api', settings)
  if (outage === 'dead') await server.kill()
  if (outage.startsWith('frozen')) freeze(server)
  if (outage === 'frozen for a second call') await limiter.take('ann').catch(() => {})
  if (outage === 'cut while it answers') {
    const { received } = proxy
    proxy.swallowReplies()
    void until('the call arrived', () => proxy.received > received).then(() => proxy.cut())
  }
  return limiter
}

async function timed<T>(run: () => Promise<T>): Promise<T> {
  const started = performance.now()
  try {
    return await run()
  } finally {
    expect(performance.now() - started).toBeLessThan(DEADLINE_MS + SLACK_MS)
  }
}

describe.each<Outage>(['dead', 'never there', 'frozen', 'frozen for a second call', 'cut while it answers'])(
  'with a Redis that is %s, within the deadline',
  (outage) => {
    test('open allows', async () => {
      const limiter = await limiterIn(outage, 'open')
      const decision: LimiterDecision = await timed(() => limiter.take('ann'))
      expect(decision).toMatchObject({ allowed: true, decidedBy: 'policy', retryAfterMs: 0, violated: [] })
      expect(decision).toMatchObject({ rule: 'burst', remaining: 5 })
    })

    test('closed denies, with a time to try again', async () => {
      const limiter = await limiterIn(outage, 'closed')
      const decision: LimiterDecision = await timed(() => limiter.take('ann'))
      expect(decision).toMatchObject({ allowed: false, decidedBy: 'policy', remaining: 0 })
      expect(decision.violated).toEqual(['burst', 'daily'])
      expect(decision.retryAfterMs).toBeGreaterThan(0)
      expect(decision.violated).toContain(decision.rule)
    })

    test('throw throws', async () => {
      const limiter = await limiterIn(outage, 'throw')
      const error = await timed(() => failure(limiter.take('ann')))
      const codes = ['PENKNIFE_UNAVAILABLE', 'PENKNIFE_TIMEOUT', 'PENKNIFE_FATE_UNKNOWN']
      expect(codes).toContain(error.code)
    })
  },
)

test('by default the policy decides after 100 ms, and allows', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const rules = [{ name: 'r', limit: 5, window: '1m' }] as const
  const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules })
  freeze(server)
  const started = performance.now()
  expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'policy' })
  expect(performance.now() - started).toBeGreaterThan(95)
  expect(performance.now() - started).toBeLessThan(100 + SLACK_MS)
})

test('a call whose reply was lost is charged once: it is not sent again over the next connection', async () => {
  const proxy = await startProxy(bench.server)
  const rules = [{ name: 'r', limit: 5, window: '1d' }] as const
  const settings = { rules, deadline: '5s' } as const
  const [penknife, direct] = await Promise.all(
    [proxy, bench.server].map(({ url }) => openReady(pattern(url))),
  )
  const limiter = createRateLimiter((penknife as Penknife).space('shop'), 'api', settings)
  const looking = createRateLimiter((direct as Penknife).space('shop'), 'api', settings)
  await limiter.take('warm-up')
  proxy.swallowReplies()
  const lost = limiter.take('ann')
  await until('it was charged', async () => (await looking.take('ann', { cost: 0 })).remaining === 4)
  proxy.cut()
  proxy.pass({ only: 'new' })
  expect(await lost).toMatchObject({ allowed: true, decidedBy: 'policy' })
  await until('Redis decides', async () => (await limiter.take('bob')).decidedBy === 'redis')
  expect(await looking.take('ann', { cost: 0 })).toMatchObject({ remaining: 4 })
})

test('Redis decides again once it is back', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const rules = [{ name: 'r', limit: 5, window: '1m' }] as const
  const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules, deadline: '2s' })
  await server.kill()
  expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'policy' })
  await server.start()
  await until('Redis decides', async () => (await limiter.take('bob')).decidedBy === 'redis')
})

test('too many waiting calls are decided by the policy too', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url), { maxPending: 2 })
  const rules = [{ name: 'r', limit: 5, window: '1m' }] as const
  const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules })
  freeze(server)
  const decisions = await Promise.all(['a', 'b', 'c'].map((subject) => limiter.take(subject)))
  expect(decisions.map(({ decidedBy }) => decidedBy)).toEqual(['policy', 'policy', 'policy'])
})

test('the policy decides calls that Redis refuses for another reason', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const rules = [{ name: 'r', limit: 5, window: '1m' }] as const
  const make = (whenUnavailable: 'open' | 'closed' | 'throw') =>
    createRateLimiter(penknife.space('shop'), 'api', { rules, deadline: '5s', whenUnavailable })
  await make('throw').take('ann')
  const [key] = (await bench.raw.keys('pk1:{shop/*')) as [string]
  await bench.raw.multi().del(key).lpush(key, 'x').exec()
  expect(await make('open').take('ann')).toMatchObject({ allowed: true, decidedBy: 'policy' })
  expect(await make('closed').take('ann')).toMatchObject({ allowed: false, decidedBy: 'policy' })
  expect(await failure(make('throw').take('ann'))).toMatchObject({ code: 'PENKNIFE_REJECTED' })
})

test('the policy decides while Redis is full', async () => {
  const server = await ownRedis({ args: ['--maxmemory', '1'] })
  const penknife = await openReady(pattern(server.url))
  const rules = [{ name: 'burst', limit: 5, window: '1s' }] as const
  const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules, whenUnavailable: 'open' })
  expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'policy' })
})
