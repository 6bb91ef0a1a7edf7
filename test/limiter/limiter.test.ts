import { channel } from 'node:diagnostics_channel'
import { setTimeout as delay } from 'node:timers/promises'

import { createRateLimiter, hashSubject, type RateLimiter, type LimiterRule } from '@penknife/core'
import { isSubject } from '@penknife/core/internal'
import { expect, onTestFinished, test, vi } from 'vitest'

import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

/** A limiter with the clock of Redis itself. */
async function limiterOf(...rules: LimiterRule[]): Promise<RateLimiter> {
  const penknife = await openReady(pattern(bench.server.url))
  return createRateLimiter(penknife.space('shop'), 'api', { rules, deadline: '5s' })
}

async function keys(): Promise<string[]> {
  return bench.raw.keys('pk1:{shop/*')
}

test('a burst passes, the next call is denied, and passes after retryAfterMs', async () => {
  const limiter = await limiterOf({ name: 'r', limit: 1, window: '500ms', burst: 3 })
  const taken = await Promise.all(Array.from({ length: 4 }, () => limiter.take('ann')))
  expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, false])
  const { retryAfterMs } = taken[3] as (typeof taken)[number]
  expect(retryAfterMs).toBeGreaterThan(0)
  expect(retryAfterMs).toBeLessThanOrEqual(500)
  // A timer of Node may fire within the millisecond before.
  await delay(retryAfterMs + 1)
  expect((await limiter.take('ann')).allowed).toBe(true)
})

test('a subject with a full quota leaves nothing in Redis', async () => {
  const limiter = await limiterOf({ name: 'r', limit: 10, window: '200ms' })
  await limiter.take('ann', { cost: 10 })
  expect(await keys()).toHaveLength(1)
  await until('the state expired', async () => (await keys()).length === 0)
})

test('a call with cost 0 charges and stores nothing', async () => {
  const limiter = await limiterOf({ name: 'r', limit: 10, window: '1m' })
  expect(await limiter.take('ann', { cost: 0 })).toMatchObject({ allowed: true, remaining: 10 })
  expect(await keys()).toEqual([])
})

test('the rule with the fewest tokens left binds, and a denial of one rule charges none', async () => {
  const limiter = await limiterOf(
    { name: 'wide', limit: 10, window: '1h' },
    { name: 'narrow', limit: 2, window: '1h' },
  )
  expect(await limiter.take('ann', { cost: 2 })).toMatchObject({
    allowed: true,
    rule: 'narrow',
    remaining: 0,
  })
  for (let at = 0; at < 3; at++) {
    const denied = await limiter.take('ann')
    expect(denied).toMatchObject({ allowed: false, rule: 'narrow', violated: ['narrow'] })
    expect(denied.rules.map(({ remaining }) => remaining)).toEqual([8, 0])
  }
})

test('with other numbers used tokens stay used; with other names they count anew', async () => {
  const before = await limiterOf({ name: 'r', limit: 10, window: '1h' })
  await before.take('ann', { cost: 8 })
  const fewer = await limiterOf({ name: 'r', limit: 9, window: '1h' })
  expect(await fewer.take('ann', { cost: 0 })).toMatchObject({ remaining: 1 })
  const renamed = await limiterOf({ name: 'q', limit: 9, window: '1h' })
  expect(await renamed.take('ann', { cost: 0 })).toMatchObject({ remaining: 9 })
})

test('every subject has its own state, and keys have a bounded length', async () => {
  const limiter = await limiterOf({ name: 'r', limit: 10, window: '1h' })
  const long = 'x'.repeat(1023)
  const subjects = [
    'a',
    'A',
    'a ',
    'a:b',
    'a/b',
    '::1',
    'é',
    'e\u0301',
    'x'.repeat(64),
    'x'.repeat(65),
    `${long}1`,
    `${long}2`,
  ]
  const taken = await Promise.all(subjects.map((subject) => limiter.take(subject)))
  expect(taken.map(({ remaining }) => remaining)).toEqual(subjects.map(() => 9))
  expect(await keys()).toHaveLength(subjects.length)
  expect(Math.max(...(await keys()).map((key) => key.length))).toBeLessThan(128)
})

test('a subject cannot take another one’s state by naming its hash', async () => {
  const limiter = await limiterOf({ name: 'r', limit: 10, window: '1h' })
  // Some hundred, so that for several both names fall in one shard.
  for (let at = 0; at < 300; at++) {
    const long = 'x'.repeat(500 + at)
    await limiter.take(long)
    expect(await limiter.take(hashSubject(long), { cost: 0 })).toMatchObject({ remaining: 10 })
  }
})

test('decisions are published with space, name and subject, and only while there is a listener', async () => {
  const decisions = channel('penknife:limiter')
  const publish = vi.spyOn(decisions, 'publish')
  onTestFinished(() => publish.mockRestore())
  const limiter = await limiterOf({ name: 'r', limit: 10, window: '1h' })
  await limiter.take('ann')
  await limiter.take('ann', { cost: 2 })
  expect(publish).not.toHaveBeenCalled()
  publish.mockRestore()
  const published: unknown[] = []
  const listen = (event: unknown): unknown => published.push(event)
  decisions.subscribe(listen)
  onTestFinished(() => {
    decisions.unsubscribe(listen)
  })
  const decided = [await limiter.take('ann'), await limiter.take('ann', { cost: 8 })]
  expect(published).toEqual(
    decided.map((decision) => ({
      kind: 'decision',
      space: 'shop',
      name: 'api',
      subject: 'ann',
      decision,
    })),
  )
})

test('hashSubject turns any text into a valid subject', () => {
  for (const text of ['', '\0', '{', 'x'.repeat(100_000)]) {
    expect(isSubject(text)).toBe(false)
    expect(isSubject(hashSubject(text))).toBe(true)
  }
})
