import { createSemaphore, type HeldPermit, type Semaphore, type SemaphoreOptions } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { renewedFor } from './renewals.ts'

const bench = useRedis()
const HELD = 'pk1:{shop}:permit:jobs:a'
const QUEUE = 'pk1:{shop}:permit-queue:jobs:a'

/** A semaphore of a process of its own. */
async function open(options: Partial<SemaphoreOptions> = {}): Promise<Semaphore> {
  const penknife = await openReady(pattern(bench.server.url))
  return createSemaphore(penknife.space('shop'), 'jobs', { size: 3, ...options })
}

async function take(jobs: Semaphore, weight: number = 1): Promise<HeldPermit> {
  const held = await jobs.acquire('a', { weight })
  if (!held) throw new Error('not acquired')
  return held
}

const waiting = (count: number): Promise<void> =>
  until(`${count} wait`, async () => (await bench.raw.zcard(QUEUE)) === count)

test('a semaphore has at most its size of permits, by weight', async () => {
  const [one, two] = [await open(), await open()]
  const first = await take(one, 2)
  const second = await take(two)
  expect(second.fence).toBeGreaterThan(first.fence)
  expect(await two.tryAcquire('a')).toBeUndefined()
  expect(await one.look('a')).toEqual({ taken: 3, size: 3, waiting: 0 })
  expect(await first.release()).toBe(true)
  expect(await two.tryAcquire('a', { weight: 3 })).toBeUndefined()
  expect((await two.tryAcquire('a', { weight: 2 }))?.weight).toBe(2)
})

test('waiting callers get permits in their order, and nobody passes a caller that needs many', async () => {
  const [one, two] = [await open(), await open()]
  const held = [await take(one), await take(one), await take(one)]
  const order: string[] = []
  const large = take(two, 3).then((mine) => {
    order.push('large')
    return mine.release()
  })
  await waiting(1)
  const small = take(one).then((mine) => {
    order.push('small')
    return mine.release()
  })
  await waiting(2)
  await bench.raw.config('RESETSTAT')
  await held[0]?.release()
  expect(await two.tryAcquire('a')).toBeUndefined()
  await held[1]?.release()
  await held[2]?.release()
  await Promise.all([large, small])
  expect(order).toEqual(['large', 'small'])
  expect(await callsOf(bench.raw, 'evalsha')).toBeLessThan(12)
  await until('all permits are free', async () => (await one.look('a')).taken === 0)
})

test('it never has more permits than its size, with many callers of several processes', async () => {
  const all = [await open(), await open(), await open()]
  let taken = 0
  let most = 0
  const runs = Array.from({ length: 150 }, async (_, at) => {
    const weight = (at % 3) + 1
    const answer = await (all[at % 3] as Semaphore).run(
      'a',
      async () => {
        taken += weight
        most = Math.max(most, taken)
        await new Promise((resolve) => setImmediate(resolve))
        taken -= weight
      },
      { weight },
    )
    expect(answer.acquired).toBe(true)
  })
  await Promise.all(runs)
  expect(most).toBe(3)
  expect(await bench.raw.exists(HELD, QUEUE)).toBe(0)
})

test('permits of a dead process are free when its lease is over', async () => {
  const jobs = await open({ size: 2 })
  const [seconds = 0] = (await bench.raw.time()).map(Number)
  await bench.raw.zadd(HELD, (seconds + 1) * 1e6, 'dead:1:2')
  await bench.raw.set('pk1:{shop}:permit-extra:jobs:a', 1)
  expect(await jobs.tryAcquire('a')).toBeUndefined()
  const held = await take(jobs, 2)
  expect(await jobs.look('a')).toMatchObject({ taken: 2 })
  await held.release()
  expect(await jobs.look('a')).toMatchObject({ taken: 0 })
})

test('a permit is renewed, and its signal is aborted when it is lost', async () => {
  const jobs = await open({ lease: '1s' })
  const held = await take(jobs)
  const endUs = async (): Promise<number> => Number((await bench.raw.zrange(HELD, '0', '0', 'WITHSCORES'))[1])
  await renewedFor(1000, endUs)
  expect(held.signal.aborted).toBe(false)
  await bench.raw.del(HELD)
  await until('it is lost', () => held.signal.aborted)
  expect(held.signal.reason).toMatchObject({ code: 'PENKNIFE_LEASE_LOST' })
  expect(await held.release()).toBe(false)
})

test('wrong options are refused', async () => {
  expect((await failure(open({ size: 0 }))).option).toBe('size')
  const jobs = await open()
  expect((await failure(jobs.acquire('a', { weight: 4 }))).option).toBe('weight')
  expect((await failure(jobs.acquire('a', { wheight: 4 } as never))).code).toBe('PENKNIFE_INVALID')
  expect((await failure(jobs.acquire('a', { signal: new AbortController() as never }))).option).toBe('signal')
})
