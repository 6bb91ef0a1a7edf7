import { expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { openOrders, ORDERS } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }
const DELAYED = `${ORDERS}:delayed:billing`

test('of many adds in a row one entry is handled, with what the last one gave, from any process', async () => {
  const streams = await Promise.all([openOrders(bench, QUEUE), openOrders(bench, QUEUE)])
  const [stream] = streams
  const ids = await Promise.all(
    Array.from({ length: 200 }, (_, at) =>
      (streams[at % 2] ?? stream).add(at, { id: 'ann', replace: true, delay: '1h', result: { keep: '1h' } }),
    ),
  )
  expect(new Set(ids).size).toBe(1)
  expect(await bench.raw.zcard(DELAYED)).toBe(1)
  const id = await stream.add(1000, {
    id: 'ann',
    replace: true,
    delay: '1h',
    attempts: 1,
    result: { keep: '1h' },
  })
  expect(id).toBe(ids[0])
  const other = await stream.add(7, { id: 'bob', replace: true, delay: '1h' })
  expect(other).not.toBe(id)
  expect(await stream.find(id)).toMatchObject({ state: 'delayed', attempts: 0 })
  // An add that comes again moves the time too, and a worker that waits for a later one notices.
  const seen: unknown[] = []
  startWorker(stream, 'billing', ({ payload, attempt, fence }) => void seen.push([payload, attempt, fence]))
  expect(await stream.add(1001, { id: 'ann', replace: true, delay: 50, result: { keep: '1h' } })).toBe(id)
  expect(await stream.result(id)).toMatchObject({ state: 'done' })
  expect(seen).toEqual([[1001, 1, 1]])
  // It is over, so the next add makes a new entry.
  const next = await stream.add(1002, { id: 'ann', replace: true, delay: '1h' })
  expect(next).not.toBe(id)
  expect(await stream.cancel(next)).toEqual({ changed: true, state: 'delayed' })
  const afterCancel = await stream.add(1003, { id: 'ann', replace: true, delay: 0 })
  expect(afterCancel).not.toBe(next)
  await until('it is handled', () => seen.length === 2)
  expect(seen[1]).toEqual([1003, 1, 1])
  // One that was rescheduled is still replaced.
  await stream.reschedule(other, Date.now() + 7_200_000)
  expect(await stream.add(8, { id: 'bob', replace: true, at: Date.now() + 3_600_000 })).toBe(other)
  expect(await bench.raw.zcard(DELAYED)).toBe(1)
})

test('replacing needs an id and a time, and a work queue with one group', async () => {
  const stream = await openOrders(bench, { ...QUEUE, maxBacklog: 2 })
  expect(await failure(stream.add(1, { id: 'a', replace: true }))).toMatchObject({ option: 'replace' })
  expect(await failure(stream.add(1, { delay: 5, replace: true }))).toMatchObject({ option: 'replace' })
  expect(await failure(stream.add(1, { delay: 5, replace: 1 as never }))).toMatchObject({ option: 'replace' })
  const log = await openOrders(bench, { retain: { entries: 10 } })
  expect(await failure(log.add(1, { id: 'a', delay: 5, replace: true }))).toMatchObject({ option: 'replace' })
  const keyed = await openOrders(bench, { ...QUEUE, order: 'key' })
  expect((await failure(keyed.add(1, { id: 'a', delay: 5, replace: true, key: 'k' }))).message).toMatch(
    /order by key/,
  )
  // A replacement needs no room.
  for (const id of ['a', 'b', 'a']) await stream.add(1, { id, replace: true, delay: '1h' })
  expect(await failure(stream.add(1, { id: 'c', replace: true, delay: '1h' }))).toMatchObject({
    code: 'PENKNIFE_FULL',
  })
})
