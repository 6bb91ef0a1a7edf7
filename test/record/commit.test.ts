import {
  type CommitAnswer,
  createCounters,
  createLeaderboard,
  createStream,
  type Delivery,
  NeverRetryError,
} from '@penknife/core'
import { describe, expect, onTestFinished, test } from 'vitest'

import { startProxy } from '../../scripts/redis/proxy.ts'
import { failure, openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

async function shop(url: string = bench.server.url) {
  const penknife = await openReady(pattern(url))
  const space = penknife.space('shop')
  return {
    penknife,
    space,
    orders: createStream<number>(space, 'orders', { groups: ['billing'] }),
    mails: createStream<number>(space, 'mails', { groups: ['sending'] }),
    points: createLeaderboard(space, 'points'),
    stock: createCounters(space, 'stock', { initial: 1 }),
  }
}

const RETRY = { retryDelay: 0, maxRetryDelay: 0 }
const COMMITTED = 'pk1:{shop}:stream:orders:committed:'

test('a commit finishes the entry and makes its changes in one step', async () => {
  const { orders, mails, points } = await shop()
  const answers: CommitAnswer<readonly [string, number]>[] = []
  const { saw } = startWorker(orders, 'billing', async (delivery) => {
    answers.push(await delivery.commit(mails.adding(delivery.payload), points.incrementing('ann', 2)))
  })
  await orders.add(7)
  await saw('done')
  const [entry] = (await mails.read()).items
  expect(entry?.payload).toBe(7)
  expect(answers).toEqual([{ ok: true, done: 'now', results: [entry?.id, 2] }])
  expect(await bench.raw.xlen('pk1:{shop}:stream:orders')).toBe(0)
})

test('a handler that throws after its commit, or commits again, changes nothing more', async () => {
  const { orders, points } = await shop()
  const answers: unknown[] = []
  let runs = 0
  const { saw, of } = startWorker(
    orders,
    'billing',
    async (delivery) => {
      runs += 1
      answers.push(await delivery.commit(points.incrementing('ann', 2)))
      answers.push(await delivery.commit(points.incrementing('ann', 5)))
      throw new Error('after the commit')
    },
    RETRY,
  )
  await orders.add(1)
  await saw('done')
  await saw('trouble')
  expect(answers).toEqual([
    { ok: true, done: 'now', results: [2] },
    { ok: true, done: 'before', results: [2] },
  ])
  expect([of('failed'), of('retrying')]).toEqual([[], []])
  expect(runs).toBe(1)
  expect(await points.rank('ann')).toMatchObject({ score: 2 })
})

test('a second commit with other effects is refused, because the first results are not its own', async () => {
  const { orders, points, mails } = await shop()
  const answer = deferred<unknown>()
  const { saw } = startWorker(orders, 'billing', async ({ commit }) => {
    await commit(points.incrementing('ann', 2))
    answer.resolve(await failure(commit(points.incrementing('ann', 2), mails.adding(7))))
  })
  await orders.add(1)
  await saw('done')
  expect(await answer.promise).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'effects' })
  expect(await points.rank('ann')).toMatchObject({ score: 2 })
})

test('commits of a delivery that was handled again make their changes once', async () => {
  const { orders, points } = await shop()
  const { saw } = startWorker(
    orders,
    'billing',
    async (delivery) => {
      if (delivery.attempt < 3) throw new Error('not yet')
      await delivery.commit(points.incrementing('ann'))
    },
    RETRY,
  )
  await orders.add(1)
  await saw('done')
  expect(await points.rank('ann')).toMatchObject({ score: 1 })
  expect(await bench.raw.xlen('pk1:{shop}:stream:orders:ready:billing')).toBe(0)
})

test('a refused commit changes nothing, and the handler decides what to do', async () => {
  const { orders, mails, stock } = await shop()
  const { saw, of } = startWorker(
    orders,
    'billing',
    async (delivery) => {
      const answer = await delivery.commit(mails.adding(1), stock.decrementing('a', 2))
      if (!answer.ok && !answer.lost) throw new NeverRetryError(answer.refused[0]?.reason)
    },
    RETRY,
  )
  await orders.add(1)
  await saw('dead')
  expect(of('dead')).toMatchObject([{ error: { message: 'floor' } }])
  expect((await mails.read()).items).toEqual([])
  expect(await stock.read(['a'])).toMatchObject([{ value: 1 }])
})

test('a worker that lost the lease changes nothing', async () => {
  const { orders, points } = await shop()
  const answers: unknown[] = []
  const { saw } = startWorker(orders, 'billing', async (delivery) => {
    // Another worker takes the entry over.
    const { key, group, id } = delivery.lease
    await bench.raw.xclaim(key, group, 'other', 0, id)
    answers.push(await delivery.commit(points.incrementing('ann')))
  })
  await orders.add(1)
  await saw('lost')
  expect(answers).toEqual([{ ok: false, lost: true, refused: [] }])
  expect(await points.rank('ann')).toBeNull()
})

test('a handler that does not wait for its commit neither finishes nor fails the entry before it', async () => {
  const { orders, points } = await shop()
  const { saw, of } = startWorker(orders, 'billing', ({ commit }) => {
    void commit(points.incrementing('ann'))
  })
  await orders.add(1)
  await saw('done')
  expect(of('done')).toHaveLength(1)
  expect(await points.rank('ann')).toMatchObject({ score: 1 })
})

describe('in a batch handler', () => {
  test('each entry commits by itself, in one script call for those of a tick', async () => {
    const { orders, mails, points } = await shop()
    await mails.add(0)
    await points.increment('bob')
    await orders.addMany([1, 2, 3, 4])
    let calls = 0
    const done = deferred<unknown[]>()
    const worker = orders.batchWorker('billing', async (deliveries) => {
      const before = await evalshas()
      const answers = await Promise.all(
        deliveries.map((delivery) =>
          delivery.commit(mails.adding(delivery.payload), points.incrementing('ann')),
        ),
      )
      calls = (await evalshas()) - before
      done.resolve(answers)
    })
    onTestFinished(() => worker.close({ deadline: 0 }))
    const answers = await done.promise
    expect(answers).toHaveLength(4)
    // The call, the declaration of the board and that of the stream.
    expect(calls).toBeLessThanOrEqual(3)
    expect(await points.rank('ann')).toMatchObject({ score: 4 })
    expect((await mails.read()).items.map(({ payload }) => payload)).toEqual([0, 1, 2, 3, 4])
  })
})

async function evalshas(): Promise<number> {
  const info = await bench.raw.info('commandstats')
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0)
}

test('a commit whose reply was lost is sent again and gets the first results', async () => {
  const proxy = await startProxy(bench.server)
  onTestFinished(() => proxy.leave())
  const { orders, mails, points } = await shop(proxy.url)
  const answers: unknown[] = []
  const { saw } = startWorker(orders, 'billing', async (delivery) => {
    // Redis knows the script from now on.
    if (delivery.payload === 0) return delivery.commit(mails.adding(0), points.incrementing('ann'))
    proxy.swallowReplies()
    const committing = delivery.commit(mails.adding(1), points.incrementing('ann'))
    await until('Redis has it', async () => (await bench.raw.xlen('pk1:{shop}:stream:mails')) === 2)
    proxy.pass()
    proxy.cut()
    return answers.push(await committing)
  })
  // On a connection of its own, which is not cut.
  const direct = await shop()
  await direct.orders.add(0)
  await saw('done')
  await direct.orders.add(1)
  await saw('done', 2)
  expect(answers).toMatchObject([{ ok: true, done: 'before', results: [expect.any(String), 2] }])
  expect(await points.rank('ann')).toMatchObject({ score: 2 })
  expect((await mails.read()).items).toHaveLength(2)
})

test.each([
  ['', false],
  [', also when the next commit is refused', true],
])('Redis forgets the answers of a worker once it got them%s', async (_when, refuses) => {
  const { orders, points, stock } = await shop()
  const { saw, worker } = startWorker(
    orders,
    'billing',
    async (delivery) => {
      if (refuses) await delivery.commit(stock.decrementing('none', 5))
      await delivery.commit(points.incrementing('ann'))
    },
    { concurrency: 5 },
  )
  await orders.addMany(Array.from({ length: 200 }, (_, at) => at))
  await saw('done', 200)
  await orders.add(1)
  await saw('done', 201)
  expect(await bench.raw.hlen(COMMITTED + worker.consumer)).toBeLessThan(10)
  expect(await bench.raw.pttl(COMMITTED + worker.consumer)).toBeGreaterThan(0)
})

test('when the memory of Redis is full, a commit is refused and uses no attempt', async () => {
  const { orders, mails } = await shop()
  onTestFinished(() => bench.raw.config('SET', 'maxmemory', 0).then(() => {}))
  const attempts: number[] = []
  const errors: unknown[] = []
  const { saw, of } = startWorker(
    orders,
    'billing',
    async (delivery: Delivery<number>) => {
      attempts.push(delivery.attempt)
      if (attempts.length === 1) await bench.raw.config('SET', 'maxmemory', 1)
      const answer = await delivery.commit(mails.adding(1)).catch(async (error: unknown) => {
        errors.push(error)
        await bench.raw.config('SET', 'maxmemory', 0)
        throw error
      })
      expect(answer).toMatchObject({ ok: true, done: 'now' })
    },
    { maxAttempts: 1 },
  )
  await orders.add(1)
  await saw('returned')
  expect(of('returned')).toMatchObject([{ why: 'full', attempt: 1 }])
  expect(errors).toMatchObject([{ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' }])
  await saw('done')
  expect(attempts).toEqual([1, 1])
  expect((await mails.read()).items).toHaveLength(1)
})

test('effects of another space are refused, and nothing is changed', async () => {
  const { penknife, orders } = await shop()
  const other = createLeaderboard(penknife.space('other'), 'points')
  const codes: unknown[] = []
  const { saw } = startWorker(orders, 'billing', async (delivery) => {
    codes.push((await failure(delivery.commit(other.incrementing('ann')))).code)
  })
  await orders.add(1)
  await saw('done')
  expect(codes).toEqual(['PENKNIFE_INVALID'])
})
