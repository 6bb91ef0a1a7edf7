import { createStream } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { addNumbers, openOrders, ORDERS } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

const left = async (): Promise<number[]> =>
  ((await bench.raw.xrange(ORDERS, '-', '+')) as [string, string[]][]).map(([, fields]) => Number(fields[1]))

test('an entry of a work queue is deleted when its only group finished it, also after one that is still running', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  const gate = deferred()
  const { saw } = startWorker(stream, 'billing', ({ payload }) => (payload === 3 ? gate.promise : undefined))
  await addNumbers(stream, 300)
  await saw('done', 299)
  expect(await left()).toEqual([3])
  gate.resolve()
  await saw('done', 300)
  expect(await left()).toEqual([])
})

test('with several groups an entry is deleted when the last of them finished it', async () => {
  const stream = await openOrders(bench, { groups: ['billing', 'mail'] })
  const gate = deferred()
  const billing = startWorker(stream, 'billing', ({ payload }) => (payload % 2 ? gate.promise : undefined), {
    concurrency: 50,
  })
  await addNumbers(stream, 20)
  await billing.saw('done', 10)
  // The other group was not given them yet.
  expect(await left()).toHaveLength(20)
  const mail = startWorker(stream, 'mail', () => {}, { concurrency: 3 })
  await mail.saw('done', 20)
  expect(await left()).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19])
  gate.resolve()
  await billing.saw('done', 20)
  expect(await left()).toEqual([])
})

test('a declared group without a worker keeps all entries, even before Redis has the group', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing', 'mail'] })
  // Only the worker's process declares both. The entries were added by another declaration.
  for (let n = 0; n < 10; n++) await bench.raw.xadd(ORDERS, '*', 'd', n)
  const billing = startWorker(stream, 'billing', () => {})
  await billing.saw('done', 10)
  expect(await left()).toHaveLength(10)
  const mail = startWorker(stream, 'mail', () => {})
  await mail.saw('done', 10)
  expect(await left()).toEqual([])
})

test('an existing group that is not declared keeps its entries too', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await bench.raw.xgroup('CREATE', ORDERS, 'from-an-older-version', '0', 'MKSTREAM')
  const { saw } = startWorker(stream, 'billing', () => {})
  await addNumbers(stream, 10)
  await saw('done', 10)
  expect(await left()).toHaveLength(10)
})

test('a work queue refuses a worker for a group that it does not declare', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  expect(() => stream.worker('mail', () => {})).toThrow(
    expect.objectContaining({ code: 'PENKNIFE_INVALID', option: 'group' }),
  )
})

test('the groups of a work queue exist from the first add on', async () => {
  const stream = await openOrders(bench, { groups: ['billing', 'mail'] })
  await stream.add(1)
  await until('they are there', async () => {
    const groups = (await bench.raw.xinfo('GROUPS', ORDERS)) as unknown[][]
    return groups.map((fields) => fields[1]).join() === 'billing,mail'
  })
})

test('a producer that declares the queue as a log trims no unhandled entry', async () => {
  const queue = await openOrders(bench, { groups: ['billing'] })
  await queue.add(0)
  await until(
    'its group is there',
    async () => ((await bench.raw.xinfo('GROUPS', ORDERS)) as unknown[]).length === 1,
  )
  const mistaken = await openOrders(bench, { retain: { entries: 10 } })
  await addNumbers(mistaken, 500, 1)
  expect(await left()).toHaveLength(501)
})

test('an event log accepts any group at any time, from any start', async () => {
  const stream = await openOrders(bench)
  const ids = await addNumbers(stream, 10)
  const handled: Record<string, number[]> = { all: [], some: [], none: [] }
  const from = { all: 'oldest', some: String(ids[6]), none: 'now' }
  const workers = Object.entries(from).map(([group, start]) =>
    startWorker(stream, group, ({ payload }) => handled[group]?.push(payload), {
      from: start,
      concurrency: 1,
    }),
  )
  await until(
    'the groups are there',
    async () => ((await bench.raw.xinfo('GROUPS', ORDERS)) as unknown[]).length === 3,
  )
  await stream.add(10)
  await Promise.all(workers.map(({ saw }, at) => saw('done', [11, 4, 1][at])))
  expect(handled).toEqual({ all: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], some: [7, 8, 9, 10], none: [10] })
  expect(await failure(stream.add(1n as never))).toMatchObject({ option: 'payload' })
})
