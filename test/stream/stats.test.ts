import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import type { StreamGroupStats, Stream } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { addNumbers, deadOf, openOrders, ORDERS } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'

const bench = useRedis()
const LOG = { retain: { entries: 1_000_000 } }
const NOW = { over: 0 }

/** Takes entries of a group as a worker would. */
async function take(count: number, group: string = 'billing', consumer: string = 'w1'): Promise<string[]> {
  const reply = (await bench.raw.xreadgroup(
    'GROUP',
    group,
    consumer,
    'COUNT',
    count,
    'STREAMS',
    ORDERS,
    '>',
  )) as [string, [string, string[]][]][] | null
  return (reply?.[0]?.[1] ?? []).map(([id]) => id)
}

async function billing(stream: Stream<number>): Promise<StreamGroupStats> {
  return (await stream.stats(NOW)).groups.find(({ name }) => name === 'billing')!
}

const EMPTY = {
  name: 'billing',
  waiting: 0,
  exact: true,
  queued: 0,
  running: 0,
  delayed: 0,
  dead: 0,
  oldestAgeMs: 0,
  finishedPerSecond: 0,
  paused: false,
  served: false,
  consumers: [],
}

test('a stream that does not exist yet has every number', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  expect(await stream.stats(NOW)).toEqual({
    length: 0,
    bytes: 0,
    addedPerSecond: 0,
    overMs: 0,
    groups: [EMPTY],
  })
  expect(await (await openOrders(bench)).stats(NOW)).toMatchObject({ length: 0, groups: [] })
})

test('they count waiting, running, delayed and dead entries, and the entries of each worker', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await addNumbers(stream, 20)
  await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0').catch(() => {})
  await take(5)
  await take(2, 'billing', 'w2')
  const ready = `${ORDERS}:ready:billing`
  for (const at of [1, 2, 3]) await bench.raw.xadd(ready, '*', 'i', `${at}-0`, 'a', 1, 'f', 1, 'd', '0')
  await bench.raw.xgroup('CREATE', ready, 'billing', '0').catch(() => {})
  await bench.raw.xreadgroup('GROUP', 'billing', 'w2', 'COUNT', 1, 'STREAMS', ready, '>')
  await bench.raw.zadd(`${ORDERS}:delayed:billing`, 1, 'a', 2, 'b')
  await bench.raw.xadd(deadOf('billing'), '*', 'i', '1-0', 'd', '0')
  await stream.group('billing').pause()
  const stats = await stream.stats(NOW)
  expect(stats.length).toBe(20)
  expect(stats.bytes).toBeGreaterThan(500)
  expect(stats.groups).toHaveLength(1)
  const [group] = stats.groups
  expect(group).toMatchObject({
    waiting: 15,
    exact: true,
    running: 8,
    delayed: 2,
    dead: 1,
    paused: true,
    served: true,
  })
  const consumers = group!.consumers.toSorted((a, b) => a.name.localeCompare(b.name))
  expect(consumers.map(({ name, running }) => [name, running])).toEqual([
    ['w1', 5],
    ['w2', 3],
  ])
  for (const { idleMs } of consumers) expect(idleMs).toBeLessThan(10_000)
})

test('oldestAgeMs is the age of the oldest waiting or running entry', async () => {
  const stream = await openOrders(bench, LOG)
  const now = Number(((await bench.raw.time()) as unknown as [string])[0]) * 1000
  for (const age of [30_000, 20_000, 10_000]) await bench.raw.xadd(ORDERS, `${now - age}-0`, 'd', '1')
  await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0')
  const near = (ms: number): object => expect.toSatisfy((age: number) => age >= ms && age < ms + 5000)
  expect((await billing(stream)).oldestAgeMs).toEqual(near(30_000))
  const [first] = await take(1)
  expect((await billing(stream)).oldestAgeMs).toEqual(near(30_000))
  await bench.raw.xack(ORDERS, 'billing', first!)
  expect((await billing(stream)).oldestAgeMs).toEqual(near(20_000))
  await bench.raw.xack(ORDERS, 'billing', ...(await take(5)))
  expect((await billing(stream)).oldestAgeMs).toBe(0)
  await bench.raw.xadd(`${ORDERS}:ready:billing`, '*', 'i', `${now - 30_000}-0`, 'a', 1, 'f', 1, 'd', '0')
  expect((await billing(stream)).oldestAgeMs).toEqual(near(30_000))
})

test('waiting is exact where Redis does not know the lag, as after an entry was deleted', async () => {
  const stream = await openOrders(bench, LOG)
  const ids = await addNumbers(stream, 600)
  await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0')
  await take(100)
  await bench.raw.xdel(ORDERS, ids[300]!)
  const [group] = (await bench.raw.xinfo('GROUPS', ORDERS)) as unknown[][]
  expect(group!.at(group!.indexOf('lag') + 1)).toBeNull()
  expect(await billing(stream)).toMatchObject({ waiting: 499, exact: true })
})

test('far from both ends of the stream waiting is an estimate, and exact is false', async () => {
  const stream = await openOrders(bench, LOG)
  const add = bench.raw.pipeline()
  for (let at = 1; at <= 6000; at++) add.xadd(ORDERS, `${at * 1000}-0`, 'd', '1')
  await add.exec()
  await bench.raw.xgroup('CREATE', ORDERS, 'billing', '2000000-0')
  await bench.raw.xdel(ORDERS, '5000000-0')
  const group = await billing(stream)
  expect(group.exact).toBe(false)
  expect(Math.abs(group.waiting - 3999)).toBeLessThan(5)
})

test('trimmed entries are not counted as waiting', async () => {
  const stream = await openOrders(bench, LOG)
  await addNumbers(stream, 100)
  await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0')
  await take(10)
  await bench.raw.xtrim(ORDERS, 'MAXLEN', '=', 30)
  expect(await billing(stream)).toMatchObject({ waiting: 30, exact: true })
  await bench.raw.xtrim(ORDERS, 'MAXLEN', '=', 0)
  expect(await billing(stream)).toMatchObject({ waiting: 0, exact: true })
})

test('rates count the added and the finished entries over overMs', async () => {
  const stream = await openOrders(bench, LOG)
  await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0', 'MKSTREAM')
  await addNumbers(stream, 50)
  await stream.stats({ over: 1 })
  await addNumbers(stream, 100)
  const taken = await take(60)
  await bench.raw.xack(ORDERS, 'billing', ...taken.slice(0, 40))
  // One of the others died.
  await bench.raw.xack(ORDERS, 'billing', taken[50]!)
  await bench.raw.xadd(deadOf('billing'), '*', 'i', taken[50]!, 'd', '0')
  const stats = await stream.stats({ over: 1 })
  expect(stats.overMs).toBeGreaterThan(0)
  expect((stats.addedPerSecond * stats.overMs) / 1000).toBeCloseTo(100)
  expect((stats.groups[0]!.finishedPerSecond * stats.overMs) / 1000).toBeCloseTo(40)
})

test('the first call takes `over`, and later ones count from the call before', async () => {
  const stream = await openOrders(bench, LOG)
  await addNumbers(stream, 1)
  const first = await stream.stats({ over: 60 })
  expect(first.overMs).toBeGreaterThanOrEqual(59)
  const started = performance.now()
  await stream.stats({ over: 60 })
  const second = await stream.stats({ over: 1 })
  expect(second.overMs).toBeGreaterThan(1)
  expect(second.overMs).toBeLessThanOrEqual(performance.now() - started + 130)
})

test('a group with entries and no worker is reported, as an event or as a warning', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await addNumbers(stream, 3)
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  await stream.stats(NOW)
  const { message } = await warned
  expect(message).toMatch(
    /group 'billing' of stream 'orders' of space 'shop' has 3 entries to handle and no worker; start one with stream\.worker\('billing'.* kept/,
  )
  // The entries were confirmed to a caller, so a warning must not advise to lose them.
  expect(message).not.toMatch(/drop/)

  const other = await openOrders(bench, { groups: ['billing'] })
  const events: unknown[] = []
  const record = (event: unknown): void => void events.push(event)
  subscribe('penknife:stream', record)
  onTestFinished(() => void unsubscribe('penknife:stream', record))
  await other.stats(NOW)
  await other.stats(NOW)
  expect(events).toEqual([{ kind: 'unserved', space: 'shop', name: 'orders', group: 'billing', entries: 3 }])
})

test.each([
  ['over', { over: '2m' }],
  ['over', { over: -1 }],
  ["stats option 'ever'", { ever: 1 }],
])('%s is checked', async (option, options) => {
  const stream = await openOrders(bench)
  expect(await failure(stream.stats(options as object))).toMatchObject({ code: 'PENKNIFE_INVALID', option })
})
