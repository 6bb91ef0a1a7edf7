import type { WorkerBatchHandler, WorkerBatchOptions, Stream, WorkerEvent } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { addNumbers, deadLettersOf, openOrders, ORDERS } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

function start(
  stream: Stream<number>,
  handler: WorkerBatchHandler<number>,
  options: WorkerBatchOptions = {},
) {
  const worker = stream.batchWorker('billing', handler, options)
  const events: WorkerEvent[] = []
  worker.on((event) => events.push(event))
  onTestFinished(() => worker.close({ deadline: 0 }))
  const of = (kind: WorkerEvent['kind']): number => events.filter((event) => event.kind === kind).length
  return {
    of,
    saw: (kind: WorkerEvent['kind'], times = 1) => until(`${times} ${kind}`, () => of(kind) >= times),
  }
}

test('a batch handler gets up to `batch` entries in a call, in order, and finishes all of them', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await addNumbers(stream, 1000)
  const sizes: number[] = []
  const seen: number[] = []
  const { saw } = start(
    stream,
    (deliveries) => {
      sizes.push(deliveries.length)
      seen.push(...deliveries.map(({ payload }) => payload))
    },
    { batch: 64, concurrency: 1 },
  )
  await saw('done', 1000)
  expect(Math.max(...sizes)).toBe(64)
  expect(sizes.length).toBeLessThan(100)
  expect(seen).toEqual(Array.from({ length: 1000 }, (_, at) => at))
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
})

test('a batch handler that throws fails all entries of the call, and they are retried', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await addNumbers(stream, 10)
  let calls = 0
  const { saw, of } = start(
    stream,
    async () => {
      if (++calls === 1) throw new Error('all of it')
    },
    { batch: 10, retryDelay: 0 },
  )
  await saw('done', 10)
  expect(of('failed')).toBe(10)
  expect(of('retrying')).toBe(10)
})

test('an Error at the index of an entry fails that entry and finishes the others', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await addNumbers(stream, 10)
  const { saw, of } = start(
    stream,
    (deliveries) =>
      Promise.resolve(
        deliveries.map(({ payload }) => (payload % 5 === 0 ? new Error(`no ${payload}`) : 'fine')),
      ),
    { batch: 10, retryDelay: 0, maxAttempts: 2 },
  )
  await saw('done', 8)
  await saw('dead', 2)
  expect(of('failed')).toBe(4)
  expect(
    (await deadLettersOf(stream, 'billing')).map(({ json, reason }) => `${json}: ${reason}`).toSorted(),
  ).toEqual(['0: no 0', '5: no 5'])
})

const even = async ({ payload }: { payload: number }): Promise<number> => {
  if (payload % 2 === 1) throw payload === 3 ? undefined : new Error(`no ${payload}`)
  return payload
}

test.each<[string, WorkerBatchHandler<number>]>([
  ['the results of Promise.allSettled', (deliveries) => Promise.allSettled(deliveries.map(even))],
  ['a list of promises', (deliveries) => deliveries.map(even)],
  ['a list of promises, from an async function', async (deliveries) => deliveries.map(even)],
])('a batch handler that returns %s settles each entry by its own result', async (_, handler) => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await addNumbers(stream, 4)
  const { saw, of } = start(stream, handler, { batch: 4, maxAttempts: 1 })
  await saw('done', 2)
  await saw('dead', 2)
  expect(of('failed')).toBe(2)
  const letters = await deadLettersOf(stream, 'billing')
  expect(letters.map(({ json }) => json).toSorted()).toEqual(['1', '3'])
  expect(letters.find(({ json }) => json === '1')?.reason).toBe('no 1')
})

test('a list of other objects finishes all entries', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await addNumbers(stream, 3)
  const results = [{ status: 'rejected' }, { status: 'fulfilled', value: 1 }, { status: 200, reason: 'OK' }]
  const { saw, of } = start(stream, () => results, { batch: 3, maxAttempts: 1 })
  await saw('done', 3)
  expect(of('failed')).toBe(0)
})

test('an entry whose payload is not JSON is left out of the batch', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await bench.raw.xadd(ORDERS, '*', 'd', '{broken')
  await addNumbers(stream, 3)
  const seen: number[][] = []
  const { saw } = start(stream, (deliveries) => void seen.push(deliveries.map(({ payload }) => payload)))
  await saw('dead')
  await saw('done', 3)
  expect(seen.flat()).toEqual([0, 1, 2])
})
