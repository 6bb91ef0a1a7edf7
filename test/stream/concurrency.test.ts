import { expect, test } from 'vitest'

import { deferred } from '../support/deferred.ts'
import { immediatesOf } from '../support/immediates.ts'
import { addNumbers, openOrders, readersWaiting } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

test('the concurrency of a running worker can be raised and lowered', async () => {
  const stream = await openOrders(bench)
  const ends: (() => void)[] = []
  let running = 0
  const { worker } = startWorker(
    stream,
    'billing',
    async () => {
      running += 1
      await new Promise<void>((resolve) => ends.push(resolve))
      running -= 1
    },
    { concurrency: 1 },
  )
  await addNumbers(stream, 30)
  await until('one runs', () => running === 1)
  worker.setConcurrency(5)
  expect(worker.concurrency).toBe(5)
  await until('five run', () => running === 5)
  worker.setConcurrency(2)
  for (let left = 5; left > 2; left--) {
    ends.shift()?.()
    await until('one has ended', () => running === left - 1)
  }
  for (let handled = 0; handled < 10; handled++) {
    ends.shift()?.()
    await until('the next one has started', () => ends.length === 2)
    expect(running).toBe(2)
  }
  worker.setConcurrency(100)
  await until('all others run', () => running === 17)
})

test('a worker whose places are taken does not poll in each tick whether one is free', async () => {
  const stream = await openOrders(bench)
  await addNumbers(stream, 400)
  const gate = deferred()
  let started = 0
  // Fast at first, so that it fetches ahead: entries wait for a place when the handler stops.
  startWorker(
    stream,
    'billing',
    async () => {
      started += 1
      if (started > 200) await gate.promise
    },
    { concurrency: 2 },
  )
  await until('both places are taken', () => started === 202)
  expect(await immediatesOf(bench.raw)).toBeLessThan(20)
  gate.resolve()
  await until('all are handled', () => started === 400)
})

test('a wrong concurrency is refused, and changes nothing', async () => {
  const stream = await openOrders(bench)
  const { worker } = startWorker(stream, 'billing', () => {})
  for (const wrong of [0, 1.5, 1001, Number.NaN, '5']) {
    expect(() => worker.setConcurrency(wrong as number)).toThrow(/concurrency is/)
  }
  expect(worker.concurrency).toBe(10)
})

test('a paused worker starts nothing and keeps no entry, while others of its group go on', async () => {
  const stream = await openOrders(bench)
  const gate = deferred()
  const started: number[] = []
  const { worker, of, saw } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      started.push(payload)
      await gate.promise
    },
    { concurrency: 1 },
  )
  await stream.add(0)
  await until('one runs', () => started.length === 1)
  let idle = false
  const pausing = worker.pause().then(() => (idle = true))
  expect(worker.paused).toBe(true)
  await addNumbers(stream, 20, 1)
  const other = startWorker(stream, 'billing', () => {})
  await other.saw('done', 20)
  expect(started).toEqual([0])
  expect(idle).toBe(false)
  gate.resolve()
  await pausing
  await saw('done')
  await other.worker.pause()
  await addNumbers(stream, 20, 21)
  worker.resume()
  expect(worker.paused).toBe(false)
  await saw('done', 21)
  expect(other.of('done')).toHaveLength(20)
  // A pause of the group and one of the worker are independent.
  await worker.pause()
  await worker.pause()
  await stream.group('billing').pause()
  await saw('paused')
  worker.resume()
  await stream.add(41)
  await stream.group('billing').resume()
  await saw('done', 22)
  expect(of('failed')).toEqual([])
})

test('a pause ends when the worker closes without its handlers', async () => {
  const stream = await openOrders(bench)
  const running = deferred()
  const { worker } = startWorker(stream, 'billing', () => {
    running.resolve()
    return new Promise(() => {})
  })
  await stream.add(1)
  await running.promise
  const pausing = worker.pause()
  await worker.close({ deadline: 10 })
  await pausing
})

test.each(['own', 'shared'] as const)(
  'entries that are added while handlers run get the free places at once, however many of those began together: connection %s',
  async (connection) => {
    const stream = await openOrders(bench, { groups: ['billing'] })
    let started = 0
    startWorker(
      stream,
      'billing',
      () => {
        started += 1
        // So the worker lets the event loop run before all have begun.
        for (const end = performance.now() + 0.5; performance.now() < end;);
        return new Promise(() => {})
      },
      { concurrency: 100, connection },
    )
    await until('it waits for entries', async () => (await readersWaiting(bench.raw)) > 0)
    for (const places of [60, 90, 99, 100]) {
      await addNumbers(stream, places - started)
      await until(`it handles ${places}`, () => started === places)
    }
  },
)
