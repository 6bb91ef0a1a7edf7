import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { ownConnection } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import {
  abandon,
  addNumbers,
  makeReady,
  openOrders,
  ORDERS,
  pendingOf,
  readersWaiting,
} from '../support/orders.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at)
const rising = (a: number, b: number): number => a - b

test('a group that is created late handles the stream from its first entry', async () => {
  const stream = await openOrders(bench)
  const ids = await addNumbers(stream, 20)
  const seen: { id: string; payload: number; attempt: number }[] = []
  const { saw } = startWorker(
    stream,
    'billing',
    ({ id, payload, attempt }) => seen.push({ id, payload, attempt }),
    {
      concurrency: 1,
    },
  )
  await saw('done', 20)
  expect(seen).toEqual(ids.map((id, payload) => ({ id, payload, attempt: 1 })))
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
})

test('a worker that waits gets an entry as soon as it is added', async () => {
  const stream = await openOrders(bench)
  const { saw } = startWorker(stream, 'billing', () => {})
  await stream.add(0)
  await saw('done', 1)
  const added = performance.now()
  await stream.add(1)
  await saw('done', 2)
  // Far below the five seconds of a blocking read: it was woken.
  expect(performance.now() - added).toBeLessThan(2000)
})

test('two groups each handle every entry', async () => {
  const stream = await openOrders(bench)
  const handled: Record<string, number[]> = { billing: [], mail: [] }
  const workers = ['billing', 'mail'].map((group) =>
    startWorker(stream, group, ({ payload }) => handled[group]?.push(payload)),
  )
  await addNumbers(stream, 200)
  await Promise.all(workers.map(({ saw }) => saw('done', 200)))
  for (const each of Object.values(handled)) expect(each.toSorted(rising)).toEqual(numbers(200))
})

test('several workers of a group handle each entry once', async () => {
  const streams = await Promise.all([1, 2, 3].map(() => openOrders(bench)))
  const handled: number[] = []
  const workers = streams.map((stream) =>
    startWorker(stream, 'billing', async ({ payload }) => {
      await delay(1)
      handled.push(payload)
    }),
  )
  await addNumbers(streams[0]!, 1000)
  await until('all handled', () => handled.length >= 1000)
  await Promise.all(workers.map(({ worker }) => worker.close()))
  expect(handled.toSorted(rising)).toEqual(numbers(1000))
  for (const { of } of workers) expect(of('done').length).toBeGreaterThan(0)
  // On a slow machine a worker may give entries back that it has not started.
  for (const { events } of workers)
    expect(events.filter(({ kind }) => !['done', 'returned'].includes(kind))).toEqual([])
})

test('a worker handles as many entries at once as its concurrency, and no more', async () => {
  const stream = await openOrders(bench)
  let running = 0
  let most = 0
  const { saw } = startWorker(
    stream,
    'billing',
    async () => {
      running += 1
      most = Math.max(most, running)
      await delay(2)
      running -= 1
    },
    { concurrency: 7 },
  )
  await addNumbers(stream, 200)
  await saw('done', 200)
  expect(most).toBe(7)
})

test('entries that were taken over count towards the concurrency', async () => {
  const stream = await openOrders(bench)
  const gate = deferred()
  const started: number[] = []
  const { saw } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      started.push(payload)
      await gate.promise
    },
    { concurrency: 1, lease: 200 },
  )
  // While the worker waits for new entries, it takes over an old one. Then a new one is added.
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  await bench.raw.xadd(ORDERS, '1-1', 'd', '0')
  gate.resolve()
  await saw('done', 1)
  const kept = deferred()
  const other = startWorker(
    stream,
    'mail',
    async ({ payload }) => {
      started.push(100 + payload)
      await kept.promise
    },
    { concurrency: 1, lease: 200 },
  )
  await until('it has the first', () => started.includes(100))
  await addNumbers(stream, 1, 1)
  expect(await abandon(bench.raw, 'mail', 1, 60_000)).toHaveLength(1)
  // Many scans later it still has room for none.
  const scans = await callsOf(bench.raw, 'xpending')
  await until('it has checked the group', async () => (await callsOf(bench.raw, 'xpending')) > scans + 12)
  expect(started).not.toContain(101)
  kept.resolve()
  await other.saw('done', 2)
})

test('a worker that waits for new entries and takes over an old one does not handle both at once', async () => {
  const stream = await openOrders(bench)
  await addNumbers(stream, 1)
  await abandon(bench.raw, 'billing', 1, 0)
  let running = 0
  let most = 0
  const first = deferred()
  const { saw } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      running += 1
      most = Math.max(most, running)
      if (payload === 0) await first.promise
      running -= 1
    },
    { concurrency: 1, lease: 300 },
  )
  await saw('recovered')
  await stream.add(1)
  // A read that had waited since before would bring it now.
  await until('no read waits', async () => (await readersWaiting(bench.raw)) === 0)
  first.resolve()
  await saw('done', 2)
  expect(most).toBe(1)
})

test('surplus entries of a read go to other workers at once', async () => {
  const streams = await Promise.all([openOrders(bench), openOrders(bench)])
  await makeReady(bench.raw, 'billing', '1-1', '0')
  const id = await streams[0].add(1)
  const gate = deferred()
  const seen: [number, number][] = []
  const handler = async ({ payload, attempt }: { payload: number; attempt: number }): Promise<void> => {
    seen.push([payload, attempt])
    await gate.promise
  }
  const slow = startWorker(streams[0], 'billing', handler, { concurrency: 1 })
  await slow.saw('returned')
  expect(slow.of('returned')).toMatchObject([{ id, attempt: 1, why: 'busy' }])
  startWorker(streams[1], 'billing', handler, { concurrency: 1 })
  await until('the other has it', () => seen.length === 2)
  // Nobody handled it before: it is its first attempt.
  expect(seen).toEqual([
    [0, 1],
    [1, 1],
  ])
  gate.resolve()
})

test('a worker that always has new entries still takes over abandoned entries', async () => {
  const stream = await openOrders(bench)
  await addNumbers(stream, 1)
  const [id] = await abandon(bench.raw, 'billing', 1, 0)
  await addNumbers(stream, 20, 1)
  let next = 21
  const handled: number[] = []
  const { worker } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      // It is abandoned once the worker is busy.
      if (payload === 5)
        await bench.raw.xclaim(ORDERS, 'billing', 'crashed', 0, id!, 'IDLE', 60_000, 'JUSTID')
      handled.push(payload)
      // The backlog never ends: for each entry handled there is another.
      if (!handled.includes(0)) await stream.add(next++)
      await delay(1)
    },
    { concurrency: 1, lease: 1000 },
  )
  await until('the abandoned entry was handled', () => handled.includes(0))
  await worker.close()
})

test('an idle worker costs Redis at most one command a second', async ({ skip }) => {
  skip(!ownConnection())
  const stream = await openOrders(bench)
  startWorker(stream, 'billing', () => {})
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  const monitor = await bench.raw.monitor()
  const sent: string[] = []
  monitor.on('monitor', (_time: string, [name]: string[], source: string) => {
    // Commands inside a script are part of the script's one command.
    if (source !== 'lua') sent.push(String(name))
  })
  // The worker reads and checks for other work every five seconds.
  const seconds = 6
  await delay(seconds * 1000)
  monitor.disconnect()
  expect(sent).toContain('xreadgroup')
  expect(sent.length, sent.join(' ')).toBeLessThanOrEqual(seconds)
})
