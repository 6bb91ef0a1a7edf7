import { expect, test } from 'vitest'

import { addNumbers, openOrders, ORDERS } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

test('a log with a limit in bytes stays at about that size', async () => {
  const stream = await openOrders<string>(bench, { retain: { bytes: 1_000_000 } })
  const payload = 'x'.repeat(1000)
  for (let round = 0; round < 10; round++) await stream.addMany(Array<string>(500).fill(payload))
  const used = Number(await bench.raw.call('MEMORY', 'USAGE', ORDERS))
  expect(used).toBeLessThan(1_300_000)
  expect(await bench.raw.xlen(ORDERS)).toBeGreaterThan(500)
})

test('the next adds delete entries over the age, and younger ones stay', async () => {
  const stream = await openOrders(bench, { retain: { age: '1m' } })
  const [seconds] = await bench.raw.time()
  for (let at = 0; at < 100; at++)
    await bench.raw.xadd(ORDERS, `${(Number(seconds) - 120) * 1000 + at}-0`, 'd', '0')
  await bench.raw.xadd(ORDERS, `${(Number(seconds) - 30) * 1000}-0`, 'd', '1')
  await stream.add(2)
  expect((await stream.read()).items.map(({ payload }) => payload)).toEqual([1, 2])
})

test('neither age nor size deletes an entry that a group has not finished', async () => {
  const stream = await openOrders(bench, { groups: ['billing'], retain: { age: 1, bytes: 4096 } })
  await addNumbers(stream, 1000)
  expect(await bench.raw.xlen(ORDERS)).toBe(1000)
  const handled = new Set<number>()
  const { saw } = startWorker(stream, 'billing', ({ payload }) => void handled.add(payload), {
    concurrency: 100,
  })
  await saw('done', 1000)
  expect(handled.size).toBe(1000)
  for (let round = 0; round < 6; round++) await addNumbers(stream, 10, 1000)
  await until('it shrank', async () => {
    await stream.add(0)
    return (await bench.raw.xlen(ORDERS)) < 200
  })
})

test('a lossy log keeps its limit even if its groups have not finished', async () => {
  const stream = await openOrders(bench, { groups: ['billing'], retain: { entries: 100, lossy: true } })
  await addNumbers(stream, 1000)
  expect(await bench.raw.xlen(ORDERS)).toBeLessThanOrEqual(164)
  const handled: number[] = []
  const { saw } = startWorker(stream, 'billing', ({ payload }) => handled.push(payload), { concurrency: 1 })
  const length = await bench.raw.xlen(ORDERS)
  await saw('done', length)
  expect(handled).toEqual(Array.from({ length }, (_, at) => 1000 - length + at))
})

test('adds to a log that a slow group keeps far over its limit rarely check whether entries can be deleted', async () => {
  const stream = await openOrders(bench, { groups: ['billing'], retain: { entries: 10 } })
  await addNumbers(stream, 2000)
  await bench.raw.config('RESETSTAT')
  for (let at = 0; at < 128; at++) await stream.add(at)
  const stats = await bench.raw.info('commandstats')
  const calls = (command: string): number =>
    Number(new RegExp(`cmdstat_${command.replace('|', '\\|')}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  expect(calls('xadd')).toBe(128)
  expect(calls('xinfo|groups')).toBe(2)
  expect(calls('xrange')).toBe(2)
  expect(calls('xtrim')).toBe(0)
})
