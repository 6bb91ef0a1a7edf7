import { expect, test } from 'vitest'

import { abandon, deadLettersOf, deadOf, delayedOf, openOrders, ORDERS, readyOf } from '../support/orders.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

/**
 * A script takes about 2 ms to copy an entry of 1 MiB, and all other clients wait. So the bytes of one call are
 * bounded, and the next call continues. Without such a bound these calls took 90 to 1,800 ms.
 */
const bench = useRedis()

const TEXT = JSON.stringify('x'.repeat(200_000))

async function fill(count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await bench.raw.xadd(ORDERS, `${n}-1`, 'd', TEXT)
}

test('adds trim a few large entries at a time, until the log is within its limits', async () => {
  const stream = await openOrders<string>(bench, { retain: { entries: 10 } })
  await fill(127)
  await stream.add('small')
  const left = await bench.raw.xlen(ORDERS)
  expect(left).toBeGreaterThan(120)
  expect(left).toBeLessThan(128)
  for (let n = 0; n < 200; n++) await stream.add('small')
  expect(await bench.raw.xlen(ORDERS)).toBeLessThanOrEqual(10 + 64)
})

test('a log of large entries shrinks again after a slow group has finished', async () => {
  const stream = await openOrders<string>(bench, { retain: { entries: 10 } })
  await fill(100)
  for (let n = 0; n < 100; n++) await stream.add(TEXT)
  expect(await bench.raw.xlen(ORDERS)).toBeLessThanOrEqual(20)
})

test('all large entries of a vanished worker are taken over, a few at a time', async () => {
  const stream = await openOrders<string>(bench, { groups: ['billing'] })
  await fill(20)
  await abandon(bench.raw, 'billing', 20, 60_000)
  await bench.raw.config('RESETSTAT')
  const worker = startWorker(stream, 'billing', () => {}, { lease: 10_000 })
  await worker.saw('done', 20)
  expect(worker.of('recovered')).toHaveLength(20)
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
  expect(await callsOf(bench.raw, 'xautoclaim')).toBeGreaterThan(10)
})

test('all large entries that are due together become ready, a few at a time', async () => {
  const stream = await openOrders<string>(bench, { groups: ['billing'] })
  let failures = 20
  const worker = startWorker(
    stream,
    'billing',
    () => {
      if (failures-- > 0) throw new Error('not yet')
    },
    { concurrency: 20, retryDelay: 300, retryJitter: 0 },
  )
  await stream.addMany(Array.from({ length: 20 }, () => TEXT))
  await worker.saw('retrying', 20)
  await worker.saw('done', 20)
  expect(await bench.raw.exists(delayedOf('billing'))).toBe(0)
})

test('a worker that closes gives back all large entries, a few at a time', async () => {
  const stream = await openOrders<string>(bench, { groups: ['billing'] })
  await stream.addMany(Array.from({ length: 20 }, () => TEXT))
  const worker = startWorker(stream, 'billing', () => new Promise(() => {}), { concurrency: 20 })
  await until('it has them', async () => (await stream.stats({ over: 0 })).groups[0]?.running === 20)
  await worker.worker.close({ deadline: 0 })
  const [group] = (await stream.stats({ over: 0 })).groups
  expect(group).toMatchObject({ waiting: 20, running: 0 })
})

test('stats of a stream of large entries count them without reading many', async () => {
  const stream = await openOrders<string>(bench, { groups: ['billing'] })
  await fill(30)
  await bench.raw.xgroup('CREATE', ORDERS, 'billing', '15-1')
  await bench.raw.config('RESETSTAT')
  expect((await stream.stats({ over: 0 })).groups[0]).toMatchObject({ name: 'billing' })
  expect(await callsOf(bench.raw, 'xrange')).toBeLessThan(10)
})

test('all large entries of a dropped group are deleted, a few at a time', async () => {
  const stream = await openOrders<string>(bench, { groups: ['billing'] })
  await fill(20)
  for (const group of ['billing', 'mail']) await bench.raw.xgroup('CREATE', ORDERS, group, '0')
  await bench.raw.xreadgroup('GROUP', 'billing', 'w', 'COUNT', 20, 'STREAMS', ORDERS, '>')
  for (let n = 1; n <= 20; n++) await bench.raw.xack(ORDERS, 'billing', `${n}-1`)
  await stream.group('mail').drop()
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
})

test('large dead letters are requeued, and read page by page', async () => {
  const stream = await openOrders<string>(bench, { groups: ['billing'] })
  for (let n = 1; n <= 20; n++) {
    await bench.raw.xadd(deadOf('billing'), `${n}-1`, 'i', `${n}-1`, 'a', 1, 'f', 1, 'd', TEXT)
  }
  expect(await deadLettersOf(stream, 'billing')).toHaveLength(20)
  expect(await stream.group('billing').deadLetters.requeue({})).toBe(20)
  expect(await bench.raw.xlen(readyOf('billing'))).toBe(20)
})
