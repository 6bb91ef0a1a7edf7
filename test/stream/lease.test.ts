import { expect, test } from 'vitest'

import { deferred } from '../support/deferred.ts'
import { abandon, addNumbers, deadOf, openOrders, ORDERS, pendingOf, takeOver } from '../support/orders.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

test('heartbeats renew the lease of a handler that takes much longer', async () => {
  const streams = await Promise.all([openOrders(bench), openOrders(bench)])
  const gate = deferred()
  const started: string[] = []
  const handler = async ({ signal }: { signal: AbortSignal }): Promise<void> => {
    started.push('started')
    await gate.promise
    expect(signal.aborted).toBe(false)
  }
  const workers = streams.map((stream) => startWorker(stream, 'billing', handler, { lease: 300 }))
  await streams[0].add(0)
  await until('it started', () => started.length > 0)
  // Two workers check every half lease, and a heartbeat is sent every third of it: twenty calls take well over two
  // leases.
  const scans = await callsOf(bench.raw, 'xpending')
  await until('they checked ten times', async () => (await callsOf(bench.raw, 'xpending')) >= scans + 20)
  gate.resolve()
  await until('it is done', () => workers.some(({ of }) => of('done').length > 0))
  expect(started).toHaveLength(1)
  expect(workers.flatMap(({ events }) => events.map(({ kind }) => kind))).toEqual(['done'])
})

test('a heartbeat that finds the lease lost aborts the signal while the handler runs', async () => {
  const stream = await openOrders(bench)
  const aborted = deferred<unknown>()
  const { saw } = startWorker(
    stream,
    'billing',
    async ({ signal }) => {
      signal.addEventListener('abort', () => aborted.resolve(signal.reason))
      await aborted.promise
    },
    { lease: 300 },
  )
  const id = await stream.add(0)
  await until('it is out', async () => (await pendingOf(bench.raw, 'billing').catch(() => [])).length === 1)
  await bench.raw.xclaim(ORDERS, 'billing', 'other', 0, id)
  expect(await aborted.promise).toMatchObject({ message: expect.stringContaining(id) })
  await saw('lost')
})

test('an entry that was deleted by hand while pending is dropped', async () => {
  const stream = await openOrders(bench)
  const [id] = await addNumbers(stream, 2)
  await abandon(bench.raw, 'billing', 1, 60_000)
  await bench.raw.xdel(ORDERS, id!)
  const { saw, events } = startWorker(stream, 'billing', () => {})
  await saw('done')
  await until('nothing is pending', async () => (await pendingOf(bench.raw, 'billing')).length === 0)
  expect(events.map(({ kind }) => kind)).toEqual(['done'])
})

test('a worker cannot settle an entry that another worker took over', async () => {
  const stream = await openOrders(bench)
  const gates = [deferred(), deferred(), deferred()]
  const signals: AbortSignal[] = []
  const { saw, events, of } = startWorker(
    stream,
    'billing',
    async ({ payload, signal }) => {
      signals[payload] = signal
      await gates[payload]?.promise
      if (payload === 1) throw new Error('late failure')
    },
    { lease: 60_000, maxAttempts: 1 },
  )
  const ids = await addNumbers(stream, 2)
  await until('both started', () => signals.length === 2)
  await bench.raw.xclaim(ORDERS, 'billing', 'other', 0, ...ids)
  gates[0]!.resolve()
  gates[1]!.resolve()
  await saw('lost', 2)
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  expect(of('done')).toEqual([])
  expect(events.map(({ kind }) => kind).toSorted()).toEqual(['failed', 'lost', 'lost'])
  expect((await pendingOf(bench.raw, 'billing')).map(({ consumer }) => consumer)).toEqual(['other', 'other'])
  expect(await bench.raw.exists(deadOf('billing'))).toBe(0)
})

test('a worker that gets its own entry again cannot finish the earlier delivery', async () => {
  const stream = await openOrders(bench)
  const gates = [deferred(), deferred()]
  const fences: number[] = []
  const { saw, events } = startWorker(
    stream,
    'billing',
    async ({ attempt, fence }) => {
      fences.push(fence)
      await gates[attempt - 1]?.promise
    },
    { lease: '1m' },
  )
  const id = await stream.add(0)
  await until('it is handled', () => fences.length === 1)
  // As after a suspended process: another worker found that the lease had ended.
  await takeOver(bench.raw, 'billing', id, '0')
  await until('it is handled again', () => fences.length === 2)
  gates[0]?.resolve()
  await saw('lost')
  gates[1]?.resolve()
  await saw('done')
  expect(fences).toEqual([1, 2])
  expect(events).toMatchObject([
    { kind: 'lost', id, attempt: 1, fence: 1 },
    { kind: 'done', id, attempt: 2, fence: 2 },
  ])
})

test('every delivery has its lease as Redis stores it', async () => {
  const stream = await openOrders(bench)
  const leases: unknown[] = []
  const kept: unknown[] = []
  const { saw, worker } = startWorker(
    stream,
    'billing',
    async ({ lease }) => {
      leases.push(lease)
      const { key, group, consumer, id } = lease
      kept.push(...(await bench.raw.xpending(key, group, id, id, 1, consumer)))
      if (leases.length < 2) throw new Error('again')
    },
    { retryDelay: 0 },
  )
  const id = await stream.add(0)
  await saw('done')
  const mine = { group: 'billing', consumer: worker.consumer }
  expect(leases).toEqual([
    { ...mine, key: ORDERS, id, fence: 1 },
    { ...mine, key: `${ORDERS}:ready:billing`, id: expect.stringMatching(/^\d+-\d+$/), fence: 2 },
  ])
  expect(kept).toHaveLength(2)
})
