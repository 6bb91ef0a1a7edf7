import { createStream } from '@penknife/core'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { abandon, addNumbers, openOrders, ORDERS, deadLettersOf } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

/** Entries more than `keep` at which trimming begins. */
const STEP = 64

const rising = (a: number, b: number): number => a - b
const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at)

test('a stream without groups keeps about the newest `keep` entries', async () => {
  const stream = await openOrders(bench, { retain: { entries: 100 } })
  const ids = await addNumbers(stream, 2000)
  const length = await bench.raw.xlen(ORDERS)
  expect(length).toBeGreaterThanOrEqual(100)
  expect(length).toBeLessThanOrEqual(100 + STEP)
  const { items: kept } = await stream.read({ limit: 1000 })
  expect(kept.map(({ id }) => id)).toEqual(ids.slice(-length))
})

test('entries that every group finished are trimmed to about `keep`', async () => {
  const stream = await openOrders(bench, { retain: { entries: 100 }, groups: ['billing', 'mail'] })
  const workers = ['billing', 'mail'].map((group) => startWorker(stream, group, () => {}))
  for (let round = 0; round < 10; round++) {
    await addNumbers(stream, 100)
    await Promise.all(workers.map(({ saw }) => saw('done', 100 * (round + 1))))
  }
  await addNumbers(stream, 20)
  const length = await bench.raw.xlen(ORDERS)
  expect(length).toBeGreaterThanOrEqual(100)
  expect(length).toBeLessThanOrEqual(100 + STEP + 20)
})

test('a declared group whose worker starts long after misses nothing', async () => {
  const stream = await openOrders(bench, { retain: { entries: 10 }, groups: ['billing'] })
  await addNumbers(stream, 3000)
  expect(await bench.raw.xlen(ORDERS)).toBe(3000)
  const handled: number[] = []
  const { saw } = startWorker(stream, 'billing', ({ payload }) => handled.push(payload), { concurrency: 100 })
  await saw('done', 3000)
  expect(handled.toSorted(rising)).toEqual(numbers(3000))
})

test('a stream grows while a group is stopped, and shrinks after it continues', async () => {
  const stream = await openOrders(bench, { retain: { entries: 50 }, groups: ['billing', 'mail'] })
  const gate = deferred()
  const billing = startWorker(
    stream,
    'billing',
    ({ payload }) => (payload === 0 ? gate.promise : undefined),
    {
      concurrency: 50,
    },
  )
  const mail = startWorker(stream, 'mail', () => {})
  await addNumbers(stream, 1000)
  await Promise.all([billing.saw('done', 999), mail.saw('done', 1000)])
  // One entry of one group is under way: it and everything after it stays.
  await addNumbers(stream, 10, 1000)
  expect(await bench.raw.xlen(ORDERS)).toBe(1010)
  gate.resolve()
  await Promise.all([billing.saw('done', 1010), mail.saw('done', 1010)])
  // Each step trims a bounded number, so it takes a few.
  await addNumbers(stream, 6 * STEP, 1010)
  const all = 1010 + 6 * STEP
  await until('all done', () => [billing, mail].every((worker) => worker.of('done').length === all))
  await addNumbers(stream, STEP, 3000)
  const length = await bench.raw.xlen(ORDERS)
  expect(length).toBeGreaterThanOrEqual(50)
  expect(length).toBeLessThanOrEqual(50 + 3 * STEP)
})

test('an entry of a crashed worker is not trimmed', async () => {
  const stream = await openOrders(bench, { retain: { entries: 10 }, groups: ['billing'] })
  await addNumbers(stream, 5)
  const [oldest] = await abandon(bench.raw, 'billing', 5, 0)
  await addNumbers(stream, 500, 5)
  expect((await stream.read({ limit: 1 })).items.map(({ id }) => id)).toEqual([oldest])
  expect(await bench.raw.xlen(ORDERS)).toBe(505)
})

test('a dead letter does not stop trimming, and keeps its payload', async () => {
  const stream = await openOrders(bench, { retain: { entries: 10 }, groups: ['billing'] })
  const { saw } = startWorker(
    stream,
    'billing',
    ({ payload }) => {
      if (payload === 0) throw new Error('poison')
    },
    { maxAttempts: 1 },
  )
  await addNumbers(stream, 300)
  await saw('done', 299)
  await saw('dead')
  await addNumbers(stream, 20, 300)
  expect(await bench.raw.xlen(ORDERS)).toBeLessThanOrEqual(10 + STEP + 20)
  expect((await deadLettersOf(stream, 'billing')).map(({ json }) => json)).toEqual(['0'])
})

test('entries that an undeclared group has not read are not trimmed either', async () => {
  const stream = await openOrders(bench, { retain: { entries: 10 } })
  await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0', 'MKSTREAM')
  await addNumbers(stream, 300)
  expect(await bench.raw.xlen(ORDERS)).toBe(300)
})

test('two processes with the same groups and different `keep` lose nothing', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  const [small, large] = [10, 1000].map((entries) =>
    createStream<number>(space, 'orders', { retain: { entries }, groups: ['billing'] }),
  )
  await Promise.all([addNumbers(small!, 500), addNumbers(large!, 500, 500)])
  const handled: number[] = []
  const { saw } = startWorker(small!, 'billing', ({ payload }) => handled.push(payload), { concurrency: 100 })
  await saw('done', 1000)
  expect(handled.toSorted(rising)).toEqual(numbers(1000))
})
