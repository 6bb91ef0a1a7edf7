import { expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { addNumbers, openOrders, ORDERS } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }
const HIGH = { priority: 'high' } as const
const LOW = { priority: 'low' } as const

test('entries of high priority pass a backlog, which goes on meanwhile', async () => {
  const stream = await openOrders(bench, QUEUE)
  await addNumbers(stream, 1500)
  const high = Array.from({ length: 500 }, (_, at) => 10_000 + at)
  await stream.addMany(high, HIGH)
  const handled: number[] = []
  startWorker(stream, 'billing', ({ payload }) => void handled.push(payload), { concurrency: 1 })
  await until('all are handled', () => handled.length === 2000)
  const last = handled.findLastIndex((payload) => payload >= 10_000)
  // They were added last, and would be last. The worker asked for as many of the others.
  expect(last).toBeLessThan(1500)
  expect(last - 499).toBeGreaterThan(15)
})

test('an entry of high priority is one like any other: retried, found, cancelled, kept, added once', async () => {
  const stream = await openOrders(bench, { ...QUEUE, maxBacklog: 5 })
  const id = await stream.add(1, {
    ...HIGH,
    id: 'order-1',
    result: { keep: '1h' },
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  })
  expect(await stream.add(2, { ...HIGH, id: 'order-1' })).toBe(id)
  // The same id as without priority.
  expect(await stream.add(2, { id: 'order-1' })).toBe(id)
  expect(await stream.find(id)).toMatchObject({ state: 'waiting', attempts: 0 })
  const cancelled = await stream.add(2, HIGH)
  expect(Number(cancelled.split('-')[0])).toBeGreaterThanOrEqual(Number(id.split('-')[0]))
  expect(await stream.cancel(cancelled)).toEqual({ changed: true, state: 'waiting' })
  expect(await stream.stats()).toMatchObject({ groups: [{ waiting: 1 }] })
  // Both kinds count for maxBacklog.
  await stream.addMany([3, 4], HIGH)
  await stream.addMany([5, 6])
  for (const time of [{}, { delay: '1h' as const }]) {
    expect(await failure(stream.add(7, { ...HIGH, ...time }))).toMatchObject({ code: 'PENKNIFE_FULL' })
  }
  const seen: unknown[] = []
  startWorker(
    stream,
    'billing',
    ({ payload, attempt, fence, traceparent }) => {
      seen.push([payload, attempt, fence, traceparent !== undefined])
      if (payload === 1 && attempt === 1) throw new Error('again')
      return payload
    },
    { retryDelay: 0 },
  )
  expect(await stream.result(id)).toEqual({ state: 'done', value: 1 })
  await until('all are handled', () => seen.length === 6)
  expect(seen).toContainEqual([1, 1, 1, true])
  expect(seen).toContainEqual([1, 2, 2, true])
  expect(seen.filter((each) => (each as number[])[0] === 3)).toEqual([[3, 1, 1, false]])
  await until('nothing is left', async () => (await bench.raw.xlen(`${ORDERS}:ready:billing`)) === 0)
})

test('wrong priorities, and those of streams that have none, are refused', async () => {
  const stream = await openOrders(bench, QUEUE)
  const wrong = await failure(stream.add(1, { priority: 'lowest' as never }))
  expect(wrong).toMatchObject({
    option: 'priority',
    message: expect.stringContaining("'high', 'normal' or 'low'"),
  })
  const keyed = await openOrders(bench, { ...QUEUE, order: 'key' })
  const log = await openOrders(bench, { retain: { entries: 10 } })
  for (const level of [HIGH, LOW]) {
    expect(() => stream.adding(1, level as never)).toThrow(/priority/)
    for (const time of [{}, { delay: '1h' as const }]) {
      const refused = await failure(keyed.add(1, { ...level, ...time, key: 'ann' }))
      expect(refused).toMatchObject({
        option: 'priority',
        message: expect.stringMatching(/leave it out: order by key/),
      })
      expect(refused.message).toContain(level.priority)
    }
    expect(await failure(log.add(1, level))).toMatchObject({ option: 'priority' })
  }
  expect(await bench.raw.keys('*low*')).toEqual([])
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
})
