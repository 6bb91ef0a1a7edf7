import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import { expect, test } from 'vitest'

import type { Stream } from '@penknife/core'

import { createScope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings } from '../../packages/core/src/stream/settings.ts'
import { bindWorkerScripts } from '../../packages/core/src/stream/worker-scripts.ts'
import { failure, openReady } from '../support/connect.ts'
import {
  addNumbers,
  deadLettersOf,
  delayedOf,
  openOrders,
  ORDERS,
  readersWaiting,
  readyOf,
} from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }
const LOW = { priority: 'low' } as const
const LOWS = `${ORDERS}:low:billing`
const CONNECTIONS = ['own', 'shared'] as const

/** Adds an entry that waits, so that those of low priority behind it wait in their own place. */
async function addBehind(
  stream: Stream<number>,
  payloads: readonly number[],
  options = {},
): Promise<readonly string[]> {
  await stream.add(0)
  return stream.addMany(payloads, { ...LOW, ...options })
}

/** How often each script was sent meanwhile. */
async function batchesDuring(work: () => Promise<void>): Promise<ReadonlyMap<string, number>> {
  const calls = new Map<string, number>()
  const count = (event: unknown): void => {
    const { script } = event as { script: string }
    calls.set(script, (calls.get(script) ?? 0) + 1)
  }
  subscribe('penknife:batch', count)
  await work().finally(() => unsubscribe('penknife:batch', count))
  return calls
}

const nothingLeft = (): Promise<void> =>
  until(
    'nothing is left',
    async () => (await bench.raw.exists(LOWS)) + (await bench.raw.xlen(readyOf('billing'))) === 0,
  )

test.each(CONNECTIONS)(
  'high comes before normal before low; with a backlog of others one in 16 has low priority (connection: %s)',
  async (connection) => {
    const stream = await openOrders(bench, QUEUE)
    await addNumbers(stream, 1)
    await stream.addMany(
      Array.from({ length: 250 }, (_, at) => 20_000 + at),
      LOW,
    )
    await addNumbers(stream, 1499, 1)
    await stream.addMany([10_000, 10_001, 10_002], { priority: 'high' })
    const handled: number[] = []
    startWorker(stream, 'billing', ({ payload }) => void handled.push(payload), {
      concurrency: 4,
      connection,
    })
    await until('all are handled', () => handled.length === 1753)
    expect(new Set(handled).size).toBe(1753)
    const isLow = (payload: number): boolean => payload >= 20_000
    // From when the worker knows of them until no other is left.
    const mixed = handled.slice(
      handled.findIndex(isLow),
      handled.findLastIndex((payload) => payload < 10_000),
    )
    expect(mixed.length).toBeGreaterThan(300)
    expect(mixed.filter(isLow).length / mixed.length).toBeGreaterThan(1 / 24)
    expect(mixed.filter(isLow).length / mixed.length).toBeLessThan(1 / 10)
    expect(handled.findLastIndex((payload) => payload >= 10_000 && payload < 20_000)).toBeLessThan(100)
    await nothingLeft()
  },
)

test('entries of low priority go on while high ones and others never end', async () => {
  const stream = await openOrders(bench, QUEUE)
  const [first] = await addBehind(stream, [7, 7, 7])
  let adding = true
  let lows = 0
  const { worker } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      if (payload === 7) lows += 1
      // Each entry brings the next two: one of each kind.
      else if (adding) await Promise.all([stream.add(1), stream.add(2, { priority: 'high' })])
    },
    { concurrency: 1 },
  )
  await until('they were handled', () => lows === 3)
  await until('the first is finished', async () => (await stream.find(first as string)).state === 'gone')
  expect((await stream.stats({ over: 0 })).groups[0]?.waiting).toBeGreaterThan(20)
  adding = false
  await worker.close()
})

test.each(CONNECTIONS)(
  'a worker that waits for entries gets those of low priority at once (connection: %s)',
  async (connection) => {
    const stream = await openOrders(bench, QUEUE)
    const handled: number[] = []
    startWorker(stream, 'billing', ({ payload }) => void handled.push(payload), {
      concurrency: 1,
      connection,
    })
    for (const first of [0, 10, 20]) {
      await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
      const all = [0, 1, 2, 3, 4].map((at) => first + at)
      const started = performance.now()
      // One script call: the first one goes where the worker waits, the others wait behind it.
      await stream.addMany(all, LOW)
      await until('all are handled', () => handled.length === all.length)
      // Not at the next maintenance step, nor at the end of the blocking read.
      expect(performance.now() - started).toBeLessThan(4000)
      expect(handled.splice(0)).toEqual(all)
    }
    await nothingLeft()
  },
)

test('one that waits is found, counted, explained, cancelled, moved in time and cleared', async () => {
  const stream = await openOrders(bench, { ...QUEUE, maxBacklog: 8 })
  const [a, b, c, d] = (await addBehind(stream, [1, 2, 3, 4])) as [string, string, string, string]
  expect(await bench.raw.zcard(LOWS)).toBe(4)
  expect(await stream.find(a)).toMatchObject({ state: 'waiting', attempts: 0 })
  expect(await stream.stats({ over: 0 })).toMatchObject({
    length: 1,
    groups: [{ waiting: 5, exact: true, queued: 0 }],
  })
  expect((await stream.read()).items).toHaveLength(1)
  expect(await stream.cancel(a)).toEqual({ changed: true, state: 'waiting' })
  expect(await stream.find(a)).toMatchObject({ state: 'gone' })
  expect(await stream.reschedule(b, Date.now() + 3_600_000)).toMatchObject({ changed: true })
  expect(await stream.find(b)).toMatchObject({ state: 'delayed' })
  // Now: it passes the others.
  expect(await stream.reschedule(c, 0)).toMatchObject({ changed: true })
  expect([await bench.raw.zcard(LOWS), await bench.raw.xlen(readyOf('billing'))]).toEqual([1, 1])
  expect((await stream.stats({ over: 0 })).groups[0]).toMatchObject({ waiting: 3, delayed: 1 })
  // An add of low priority counts all that wait for a worker: 3, and 5 more.
  await stream.addMany([5, 6, 7, 8, 9], LOW)
  expect(await failure(stream.add(10, LOW))).toMatchObject({ code: 'PENKNIFE_FULL' })
  expect(await stream.group('billing').clear()).toBe(9)
  expect(await stream.find(d)).toMatchObject({ state: 'gone' })
  expect((await stream.stats({ over: 0 })).groups[0]).toMatchObject({ waiting: 0, delayed: 0 })
  expect(await bench.raw.exists(LOWS)).toBe(0)
})

test('an id is added once, also one that is taken until its entry is finished', async () => {
  const plain = await openOrders(bench, QUEUE)
  const [id] = await addBehind(plain, [1], { id: () => 'order-1' })
  expect(await plain.add(2, { ...LOW, id: 'order-1' })).toBe(id)
  expect(await plain.add(2, { id: 'order-1' })).toBe(id)
  const stream = await openOrders(bench, { ...QUEUE, dedup: { until: 'finished' } })
  for (const priority of ['low', 'high'] as const) {
    const taken = await stream.add(3, { priority, id: priority })
    expect(await stream.add(4, { id: priority })).toBe(taken)
    expect(await stream.add(4, { id: priority, priority: 'low' })).toBe(taken)
    await stream.cancel(taken)
    const next = await stream.add(5, { id: priority, priority })
    expect(next).not.toBe(taken)
  }
  const handled: number[] = []
  startWorker(stream, 'billing', ({ payload }) => void handled.push(payload))
  await until('all are handled', () => handled.length === 4)
  await nothingLeft()
  expect(await bench.raw.exists(`${ORDERS}:results:billing`)).toBe(0)
})

test('an entry with a priority and a delay is handled when it is due, not behind the entries that were added before it', async () => {
  const stream = await openOrders(bench, { ...QUEUE, dedup: { until: 'finished' } })
  const handled: number[] = []
  const { worker } = startWorker(stream, 'billing', ({ payload }) => void handled.push(payload), {
    concurrency: 1,
  })
  await worker.pause()
  await addNumbers(stream, 300)
  const far = await stream.add(-3, { ...LOW, delay: '1h', id: 'low' })
  // No worker has read it.
  expect((await stream.stats({ over: 0 })).groups[0]).toMatchObject({ waiting: 300, delayed: 1 })
  const high = await stream.add(-1, { priority: 'high', delay: 1, id: 'high' })
  expect(await stream.add(-2, { priority: 'high', id: 'high' })).toBe(high)
  await until('it is due', async () => (await bench.raw.xlen(readyOf('billing'))) === 1)
  worker.resume()
  await until('the others are handled', () => handled.length === 301)
  expect(handled.indexOf(-1)).toBeLessThan(30)
  expect(await stream.find(far)).toMatchObject({ state: 'delayed' })
  expect(await stream.cancel(far)).toMatchObject({ changed: true })
  // The id is free.
  expect(await stream.add(-3, { ...LOW, delay: '1h', id: 'low' })).not.toBe(far)
  await worker.close()
})

test('a retry, and one that was added with a delay, wait behind the others again', async () => {
  const stream = await openOrders(bench, QUEUE)
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const id = await stream.add(1, { ...LOW, traceparent, result: { keep: '1h' } })
  const seen: unknown[] = []
  const first = startWorker(
    stream,
    'billing',
    ({ payload, attempt, fence, traceparent: trace }) => {
      seen.push([payload, attempt, fence, trace === traceparent])
      if (payload === 1 && attempt === 1) throw new Error('again')
      return payload
    },
    { retryDelay: 1 },
  )
  await first.saw('retrying')
  expect(await stream.result(id)).toEqual({ state: 'done', value: 1 })
  await first.worker.close()
  expect(seen).toEqual([
    [1, 1, 1, true],
    [1, 2, 2, true],
  ])
  // A worker that may start nothing makes what is due ready, or puts it back.
  const later = await stream.add(2, { ...LOW, delay: 1 })
  await stream.add(3, { ...LOW, delay: 1, id: 'x', replace: true })
  const second = startWorker(stream, 'billing', ({ payload }) => void seen.push(payload), { concurrency: 1 })
  await until('all are handled', () => seen.length === 4)
  await second.worker.close()
  expect(await stream.find(later)).toMatchObject({ state: 'gone' })
})

test('a worker asks for entries of low priority only while there are some, and less than once for each fetch while others wait', async () => {
  const stream = await openOrders(bench, QUEUE)
  let handled = 0
  const { worker } = startWorker(stream, 'billing', () => void (handled += 1), { concurrency: 4 })
  const scripts = await batchesDuring(async () => {
    await addNumbers(stream, 500)
    await until('all are handled', () => handled === 500)
  })
  expect(scripts.get('stream/add')).toBeGreaterThan(0)
  expect([...scripts.keys()].filter((name) => /promote|priority/.test(name))).toEqual([])
  await worker.close()

  await stream.add(0)
  await stream.addMany([1, 2, 3, 4, 5], LOW)
  await addNumbers(stream, 500)
  const calls = await batchesDuring(async () => {
    const other = startWorker(stream, 'billing', () => void (handled += 1), { concurrency: 4 })
    await until('all are handled', () => handled === 1006)
    await until('it waits in a blocking read', async () => (await readersWaiting(bench.raw)) === 1)
    await other.worker.close()
  })
  // Five entries: once for each share of one in 16, and at the end.
  expect(calls.get('stream/promote')).toBeLessThan(20)
})

test.each(CONNECTIONS)(
  'a worker that waits gets an entry of low priority that another one, which may have no room, finds due (connection: %s)',
  async (connection) => {
    const stream = await openOrders(bench, QUEUE)
    let handledAt = 0
    const waits = startWorker(stream, 'billing', () => void (handledAt = performance.now()), { connection })
    await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
    await bench.raw.zadd(
      delayedOf('billing'),
      1,
      Buffer.from(/* ['1-1', 0, 0, '7', '', '', '', 'l1'] */ '98a3312d310000a137a0a0a0a26c31', 'hex'),
    )
    const space = (await openReady(pattern(bench.server.url))).space('shop')
    const scope = createScope(space, 'orders', streamSettings(QUEUE))
    const other = bindWorkerScripts(scope, 'billing', 'other', { leaseMs: 30_000, maxAttempts: 5 })
    const began = performance.now()
    await other.check('0-0', '0-0')
    await until('it is handled', () => handledAt > 0)
    // Not at its next maintenance step.
    expect(handledAt - began).toBeLessThan(4000)
    await waits.worker.close()
  },
)

test('a worker that missed the message finds them in its next maintenance step; what another program wrote there is a dead letter', async () => {
  const stream = await openOrders(bench, QUEUE)
  const handled: number[] = []
  const { saw } = startWorker(stream, 'billing', ({ payload }) => void handled.push(payload), { lease: '1s' })
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  await bench.raw.zadd(LOWS, 0, '\0M1700000000000A0\0\x000 0 0 l1\x007', 0, 'something else')
  await until('it is handled', () => handled.length === 1)
  expect(handled).toEqual([7])
  await saw('dead')
  expect(await deadLettersOf(stream, 'billing')).toMatchObject([{ why: 'invalid' }])
  await nothingLeft()
})

test('entries of low priority that wait when a deploy brings order by key are handled', async () => {
  const before = await openOrders(bench, QUEUE)
  await addBehind(before, [1, 2])
  await before.add(3, { ...LOW, delay: 1 })
  const stream = await openOrders(bench, { ...QUEUE, order: 'key' })
  const handled: number[] = []
  startWorker(stream, 'billing', ({ payload }) => void handled.push(payload))
  await until('all are handled', () => handled.length === 4)
  await nothingLeft()
})

test('added and finished entries of every priority count in the rates', async () => {
  const stream = await openOrders(bench, QUEUE)
  await stream.add(0)
  const rates = async (): Promise<number[]> => {
    const { overMs, addedPerSecond, groups } = await stream.stats({ over: 1 })
    return [addedPerSecond, groups[0]?.finishedPerSecond ?? NaN].map((each) =>
      Math.round((each * overMs) / 1000),
    )
  }
  await rates()
  await stream.addMany([1, 2, 3], LOW)
  await stream.addMany([4, 5], { priority: 'high' })
  await stream.add(6)
  expect(await rates()).toEqual([6, 0])
})

test('a group that is dropped takes them along', async () => {
  const stream = await openOrders(bench, QUEUE)
  await addBehind(stream, [1, 2])
  const other = await openOrders(bench, { groups: ['mailing'] })
  expect(await other.group('billing').drop()).toBe(true)
  expect(await bench.raw.exists(LOWS)).toBe(0)
  expect(await bench.raw.xlen(ORDERS)).toBe(1)
})
