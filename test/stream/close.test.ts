import { connect, createStream } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import {
  addNumbers,
  deadLettersOf,
  consumersOf,
  openOrders,
  ORDERS,
  pendingOf,
  readyOf,
} from '../support/orders.ts'
import { pattern, penknifeClients, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker, startWorkerProcess } from '../support/workers.ts'

const bench = useRedis()

test('close stops fetching and waits for running handlers', async () => {
  const stream = await openOrders(bench)
  const gate = deferred()
  const started: number[] = []
  const { worker, saw, of } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      started.push(payload)
      await gate.promise
    },
    { concurrency: 2 },
  )
  await addNumbers(stream, 10)
  await until('two run', () => started.length === 2)
  let closed = false
  const closing = worker.close().then(() => (closed = true))
  await addNumbers(stream, 10, 10)
  expect(closed).toBe(false)
  gate.resolve()
  await closing
  await saw('done', 2)
  expect(of('done')).toHaveLength(2)
  expect(started).toEqual([0, 1])
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
})

test('a closed worker without entries leaves no consumer and no connection', async () => {
  const stream = await openOrders(bench)
  const { worker, saw } = startWorker(stream, 'billing', () => {})
  await stream.add(0)
  await saw('done')
  expect(await consumersOf(bench.raw, 'billing')).toEqual([worker.consumer])
  await worker.close()
  expect(await consumersOf(bench.raw, 'billing')).toEqual([])
  expect((await penknifeClients(bench.raw)).filter((line) => line.includes('penknife-reader'))).toEqual([])
})

test('a handler that did not end by the deadline is aborted, and another worker gets its entry before the lease ends', async () => {
  const streams = await Promise.all([openOrders(bench), openOrders(bench)])
  const aborted: unknown[] = []
  let started = 0
  const first = startWorker(
    streams[0],
    'billing',
    ({ signal }) => {
      started += 1
      return new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve(aborted.push(signal.reason))),
      )
    },
    { lease: '1h' },
  )
  await addNumbers(streams[0], 3)
  await until('they are handled', () => started === 3)
  const seen: { payload: number; attempt: number }[] = []
  const second = startWorker(
    streams[1],
    'billing',
    ({ payload, attempt }) => seen.push({ payload, attempt }),
    {
      lease: '1h',
    },
  )
  await first.worker.close({ deadline: 0 })
  expect(aborted.map(String)).toEqual(Array(3).fill('Error: the worker was closed'))
  await second.saw('done', 3)
  expect(seen.toSorted((a, b) => a.payload - b.payload)).toEqual(
    [0, 1, 2].map((payload) => ({ payload, attempt: 1 })),
  )
})

test('closing workers use up no attempt of an unfinished entry, however many close', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  const deliveries: { attempt: number; fence: number }[] = []
  const id = await stream.add(0)
  for (let deploy = 1; deploy <= 4; deploy++) {
    const { worker, of } = startWorker(
      stream,
      'billing',
      ({ attempt, fence, signal }) => {
        deliveries.push({ attempt, fence })
        return new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
      { maxAttempts: 2 },
    )
    await until('it is handled', () => deliveries.length === deploy)
    await worker.close({ deadline: 0 })
    expect(of('returned')).toMatchObject([
      { kind: 'returned', id, attempt: 1, fence: deploy, why: 'unfinished' },
    ])
  }
  expect(deliveries).toEqual([1, 2, 3, 4].map((fence) => ({ attempt: 1, fence })))
  expect(await deadLettersOf(stream, 'billing')).toEqual([])
})

test('a handler that returns because its signal aborted has not finished the entry', async () => {
  const stream = await openOrders(bench)
  const returned = deferred()
  const started = deferred()
  const { worker, events } = startWorker(stream, 'billing', async ({ signal }) => {
    started.resolve()
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    setImmediate(returned.resolve)
  })
  const id = await stream.add(0)
  await started.promise
  await worker.close({ deadline: 0 })
  await returned.promise
  // Whatever it would have sent would be there before this.
  await stream.add(1)
  expect(events).toMatchObject([{ kind: 'returned', id, attempt: 1, fence: 1, why: 'unfinished' }])
  expect(await bench.raw.xlen(readyOf('billing'))).toBe(1)
})

test('an entry added right after close is not delivered to the closed worker', async () => {
  const stream = await openOrders(bench)
  for (let round = 0; round < 20; round++) {
    const { worker, saw } = startWorker(stream, `group-${round}`, () => {})
    await stream.add(round)
    await saw('done', round + 1)
    const closing = worker.close()
    await Promise.all([closing, addNumbers(stream, 0)])
    await bench.raw.xadd(ORDERS, '*', 'd', '0')
    expect(await consumersOf(bench.raw, `group-${round}`)).toEqual([])
    await bench.raw.xtrim(ORDERS, 'MAXLEN', round + 1)
  }
})

test('close can be called again, and before the worker has fetched anything', async () => {
  const stream = await openOrders(bench)
  const worker = stream.worker('billing', () => {})
  await Promise.all([worker.close(), worker.close()])
  await worker.close()
  const second = stream.worker('billing', () => {})
  await stream.add(1)
  await Promise.all([second.close({ deadline: 0 }), second.close()])
})

test('a worker is closed when its `await using` block ends', async () => {
  const stream = await openOrders(bench)
  {
    await using started = startWorker(stream, 'billing', () => {}).worker
    await stream.add(0)
    // Before its first entry a worker that waits in a blocking read has no consumer in Redis 7.0.
    await until('it has a consumer', async () =>
      (await consumersOf(bench.raw, 'billing').catch((): string[] => [])).includes(started.consumer),
    )
  }
  expect(await consumersOf(bench.raw, 'billing')).toEqual([])
})

test.each([
  ['deadline', { deadline: -1 }],
  ['deadline', { deadline: 'soon' }],
  ["close option 'timeout'", { timeout: 5 }],
])('close checks %s', async (option, options) => {
  const worker = (await openOrders(bench)).worker('billing', () => {})
  expect(await failure(worker.close(options as object))).toMatchObject({ code: 'PENKNIFE_INVALID', option })
  await worker.close()
})

test('closing penknife closes its workers', async () => {
  const penknife = connect(pattern(bench.server.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders')
  const { saw } = startWorker(stream, 'billing', () => {})
  await stream.add(0)
  await saw('done')
  await penknife.close()
  expect(await consumersOf(bench.raw, 'billing')).toEqual([])
  await until('its connections are gone', async () => (await penknifeClients(bench.raw)).length === 0)
})

test('a process whose worker and penknife were closed ends by itself', async () => {
  const stream = await openOrders(bench)
  await stream.add(0)
  const { child, next, tell } = startWorkerProcess(bench.server.url, bench.raw)
  await next('started')
  await tell('close')
  await next('closed')
  expect(await child.ended()).toMatchObject({ code: 0 })
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
  expect(await consumersOf(bench.raw, 'billing')).toEqual([])
})

test('an entry that waits for a retry does not keep a process alive after close', async () => {
  const stream = await openOrders(bench)
  await addNumbers(stream, 2)
  const { child, next, tell } = startWorkerProcess(bench.server.url, bench.raw, {
    lease: '1h',
    retryDelay: '1h',
  })
  await next('started')
  await tell('fail')
  await next('started')
  await tell('close')
  await next('closed')
  expect(await child.ended()).toMatchObject({ code: 0 })
})

test('a handler that fails during close does not keep the process alive', async () => {
  const stream = await openOrders(bench)
  await stream.add(0)
  const { child, next, tell } = startWorkerProcess(bench.server.url, bench.raw, {
    lease: '1h',
    retryDelay: '1h',
  })
  await next('started')
  await tell('close and fail')
  await next('closed')
  expect(await child.ended()).toMatchObject({ code: 0 })
})
