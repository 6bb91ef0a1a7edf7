import type { LimiterRule } from '@penknife/core'
import { describe, expect, test, vi } from 'vitest'

import { failure } from '../support/connect.ts'
import { callsOf } from '../support/redis.ts'
import { GCRA, useSubjects } from './subject-setup.ts'

const { bench, keys, setUp } = useSubjects()

test('reset deletes everything stored about a subject, and nothing of others', async () => {
  const { limiter, left } = await setUp([
    GCRA,
    { name: 'l', algorithm: 'sliding-log', limit: 5, window: '1h' },
    { name: 's', algorithm: 'concurrency', limit: 5, lease: '1m' },
  ])
  const extra: readonly LimiterRule[] = [{ name: 'extra', algorithm: 'sliding-log', limit: 5, window: '1h' }]
  for (const subject of ['ann', 'bob']) {
    await limiter.take(subject)
    await limiter.take(subject, { rules: extra })
  }
  await limiter.block('ann', { duration: '1h', reason: 'x' })
  expect(await keys()).toHaveLength(8)
  expect(await limiter.reset('ann', { rules: extra })).toEqual({
    found: true,
    rules: ['extra', 'r', 'l', 's'],
    blocks: [{ reason: 'x', endsInMs: 3_600_000, per: undefined }],
    leases: 1,
  })
  expect(await limiter.reset('ann')).toEqual({ found: false, rules: [], blocks: [], leases: 0 })
  expect(await keys()).toHaveLength(4)
  expect(await left('ann')).toEqual([10, 5, 5])
  expect(await left('bob')).toEqual([9, 4, 4])
})

describe('reset deletes data of other processes', () => {
  const EXTRA: readonly LimiterRule[] = [
    { name: 'exact', algorithm: 'sliding-log', limit: 5, window: '1m' },
    { name: 'parallel', algorithm: 'concurrency', limit: 2, lease: '1m' },
  ]
  test('under rules that the caller never had', async () => {
    const { limiter } = await setUp([GCRA])
    const { limiter: other } = await setUp([...EXTRA, GCRA])
    await other.take('ann')
    expect(await keys()).toHaveLength(3)
    await limiter.reset('ann')
    expect(await keys()).toEqual([])
  })

  test("of parts that the caller's rules do not count", async () => {
    const { limiter } = await setUp([{ ...GCRA, per: 'tenant' }])
    const perUser = EXTRA.map((rule) => ({ ...rule, per: 'user' }))
    const { limiter: other } = await setUp([{ ...GCRA, per: 'user' }, ...perUser])
    const subject = { tenant: 't1', user: 'u1' }
    await other.take(subject)
    await other.take({ tenant: 't1', user: 'u2' })
    await limiter.take(subject)
    await limiter.block(subject, { duration: 'forever', reason: 'fraud', per: 'tenant' })
    expect(await limiter.reset(subject)).toEqual({
      found: true,
      rules: ['r', 'exact', 'parallel'],
      blocks: [{ reason: 'fraud', endsInMs: Infinity, per: 'tenant' }],
      leases: 1,
    })
    expect((await keys()).filter((key) => !key.includes('u2'))).toEqual([])
    expect(await keys()).toHaveLength(3)
  })

  test('also after Redis lost the registered rules and a process went on charging them', async () => {
    const { limiter } = await setUp([GCRA])
    const { limiter: other } = await setUp(EXTRA)
    await other.take('ann')
    await bench.raw.del('pk1:{shop}:limit-rules:api', ...(await keys()))
    vi.mocked(performance.now).mockReturnValue(61_001)
    await other.take('ann')
    await limiter.reset('ann')
    expect(await keys()).toEqual([])
  })

  test('and names of rules that are not charged any more are deleted', async () => {
    const { limiter, clock } = await setUp(EXTRA)
    const { limiter: later } = await setUp([{ ...(EXTRA[0] as LimiterRule), name: 'later' }])
    await limiter.take('ann')
    const key = 'pk1:{shop}:limit-rules:api'
    expect(await bench.raw.zrange(key, '0', '-1')).toEqual(['l//exact', 's//parallel'])
    expect(await bench.raw.pttl(key)).toBeGreaterThan(600_000)
    await clock.advance(661_000_000)
    await later.take('ann')
    expect(await bench.raw.zrange(key, '0', '-1')).toEqual(['l//later'])
  })

  test('at the cost of one script call a process, however many calls are first', async () => {
    const { limiter } = await setUp(EXTRA)
    await limiter.take('dan', { cost: 0 })
    await bench.raw.config('RESETSTAT')
    await Promise.all(['ann', 'bob', 'cem'].map((subject) => limiter.take(subject)))
    // The calls of the tick share one script call for the charges and one for the names.
    expect(await callsOf(bench.raw, 'evalsha')).toBe(2)
    await limiter.take('ann')
    expect(await callsOf(bench.raw, 'evalsha')).toBe(3)
  })

  test('or fails when the key of the names is damaged, while calls are limited all the same', async () => {
    const { limiter } = await setUp(EXTRA)
    await bench.raw.set('pk1:{shop}:limit-rules:api', 'damaged')
    expect((await limiter.take('ann')).decidedBy).toBe('redis')
    expect((await limiter.take('ann')).allowed).toBe(true)
    expect((await limiter.take('ann')).allowed).toBe(false)
    const refused = await failure(limiter.reset('ann'))
    expect(refused).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
    expect(refused.message).toContain('pk1:{shop}:limit-rules:api')
    expect(await keys()).toHaveLength(2)
  })
})
