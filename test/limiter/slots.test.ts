import { setTimeout as delay } from 'node:timers/promises'

import { type ConcurrencyRule, createRateLimiter, type RateLimiter, type LimiterRule } from '@penknife/core'
import { expect, test } from 'vitest'

import { startProgram } from '../support/child.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { LONG, until } from '../support/until.ts'

const bench = useRedis()
const PROCESSES = 4
const LEASE_MS = 1500
const SLOTS: ConcurrencyRule = { name: 'parallel', algorithm: 'concurrency', limit: 2, lease: LEASE_MS }

async function limiterOf(...rules: LimiterRule[]): Promise<RateLimiter> {
  const penknife = await openReady(pattern(bench.server.url))
  return createRateLimiter(penknife.space('shop'), 'api', { rules, deadline: '5s' })
}

test('release frees a slot, once, and a renewal keeps it longer', async () => {
  const limiter = await limiterOf({ ...SLOTS, limit: 1, lease: '1m' as const })
  const { lease } = await limiter.take('ann')
  expect(lease?.leaseMs).toBe(60_000)
  expect(await limiter.take('ann')).toMatchObject({
    allowed: false,
    violated: ['parallel'],
  })
  expect(await lease?.renew()).toBe(true)
  expect(await lease?.release()).toBe(true)
  // Repeated, it resolves with the first answer.
  expect(await lease?.release()).toBe(true)
  expect(await lease?.renew()).toBe(false)
  expect(await limiter.take('ann')).toMatchObject({ allowed: true, remaining: 0 })
})

test('a lease in `await using` gives its slot back at the end of the block', async () => {
  const limiter = await limiterOf({ ...SLOTS, limit: 1, lease: '1m' as const })
  {
    await using lease = (await limiter.take('ann')).lease
    expect(lease).toBeDefined()
    expect((await limiter.take('ann')).allowed).toBe(false)
  }
  expect((await limiter.take('ann')).allowed).toBe(true)
})

test('a call with cost 0 and a denied call take no slot; the cost does not matter', async () => {
  const limiter = await limiterOf(
    { ...SLOTS, lease: '1m' as const },
    { name: 'tokens', limit: 100, window: '1h' },
  )
  expect((await limiter.take('ann', { cost: 0 })).lease).toBeUndefined()
  const { lease, rules } = await limiter.take('ann', { cost: 60 })
  expect(rules.map(({ remaining }) => remaining)).toEqual([1, 40])
  expect(await limiter.take('ann', { cost: 60 })).toMatchObject({ allowed: false, violated: ['tokens'] })
  expect((await limiter.take('ann', { cost: 0 })).rules[0]?.remaining).toBe(1)
  await lease?.release()
})

test('a slot of a killed process is free when its lease expires, and no sooner', async () => {
  const rules: LimiterRule[] = [{ ...SLOTS, limit: 1 }]
  const limiter = await limiterOf(...rules)
  const child = startProgram('slots', [bench.server.url, JSON.stringify(rules), 'once'])
  const kept = await child.next<{ allowed: boolean; beforeMs: number }>()
  expect(kept.allowed).toBe(true)
  child.process.kill('SIGKILL')
  await child.ended()
  const { allowed, retryAfterMs } = await limiter.take('subject')
  expect(allowed).toBe(false)
  expect(retryAfterMs).toBeLessThanOrEqual(LEASE_MS)
  await until('the slot is free', async () => (await limiter.take('subject')).allowed)
  expect(Date.now() - kept.beforeMs).toBeGreaterThanOrEqual(LEASE_MS)
})

test('several processes never have more slots than the limit, and no slot is lost', async () => {
  // Longer than any suspension of a process on this machine.
  const rules: LimiterRule[] = [
    { ...SLOTS, lease: '1m' as const },
    { name: 'tokens', limit: 1_000_000, window: '1d' },
  ]
  const children = Array.from({ length: PROCESSES }, () =>
    startProgram('slots', [bench.server.url, JSON.stringify(rules)]),
  )
  for (const child of children) expect(await child.next()).toBe('ready')
  for (const { process } of children) process.stdin?.write('go\n')
  for (const child of children) expect(await child.next()).toBe('first')
  await delay(LONG ? 10_000 : 1000)
  for (const { process } of children) process.stdin?.write('stop\n')
  const runs = await Promise.all(children.map((child) => child.next<{ most: number }>()))
  expect(Math.max(...runs.map(({ most }) => most))).toBe(2)
  const limiter = await limiterOf(...rules)
  expect((await limiter.take('subject', { cost: 0 })).rules[0]?.remaining).toBe(2)
}, 60_000)
