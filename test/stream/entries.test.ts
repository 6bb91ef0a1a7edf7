import { createStream, type Stream } from '@penknife/core'
import { expect, test } from 'vitest'
import { deadLettersOf } from '../support/orders.ts'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

async function ordersStream<T = unknown>(): Promise<Stream<T>> {
  const penknife = await openReady(pattern(bench.server.url))
  return createStream<T>(penknife.space('shop'), 'orders')
}

async function addAll<T>(stream: Stream<T>, payloads: readonly T[]): Promise<string[]> {
  return Promise.all(payloads.map((payload) => stream.add(payload)))
}

/** Order of ids as Redis means it. */
function isAfter(a: string, b: string): boolean {
  const [aMs, aN] = a.split('-').map(BigInt) as [bigint, bigint]
  const [bMs, bN] = b.split('-').map(BigInt) as [bigint, bigint]
  return aMs > bMs || (aMs === bMs && aN > bN)
}

test('add returns rising ids, in the order of the calls', async () => {
  const stream = await ordersStream<number>()
  const ids = await addAll(
    stream,
    Array.from({ length: 500 }, (_, at) => at),
  )
  ids.push(await stream.add(500))
  for (let at = 1; at < ids.length; at++) expect(isAfter(ids[at] as string, ids[at - 1] as string)).toBe(true)
  const { items: read } = await stream.read({ limit: 1000 })
  expect(read.map(({ payload }) => payload)).toEqual(Array.from({ length: 501 }, (_, at) => at))
  expect(read.map(({ id }) => id)).toEqual(ids)
})

test('a payload is read as it was added', async () => {
  const stream = await ordersStream()
  const payloads: unknown[] = [
    { text: 'żółw 🐢 \u0000 \n "quoted"', deep: { list: [1, null, true] } },
    [],
    {},
    'text',
    '',
    0,
    -1.5e300,
    false,
    null,
    { __proto__: null, constructor: 1 },
  ]
  await addAll(stream, payloads)
  expect((await stream.read()).items.map(({ payload }) => payload)).toEqual(
    payloads.map((p) => JSON.parse(JSON.stringify(p))),
  )
})

test('an entry has the time at which Redis added it', async () => {
  const stream = await ordersStream()
  const before = await bench.raw.time()
  const id = await stream.add('a')
  const {
    items: [entry],
  } = await stream.read()
  const beforeMs = Number(before[0]) * 1000 + Math.floor(Number(before[1]) / 1000)
  expect(entry?.addedAtMs).toBe(Number.parseInt(id, 10))
  expect(entry?.addedAtMs).toBeGreaterThanOrEqual(beforeMs)
})

test('entries are read in reverse, by range, by time and by page', async () => {
  const stream = await ordersStream<number>()
  // Ids of three distinct milliseconds, as add would have made them.
  for (const [at, id] of ['1000-0', '1000-1', '2000-0', '3000-0'].entries()) {
    await bench.raw.xadd('pk1:{shop}:stream:orders', id, 'd', String(at))
  }
  const read = async (options: Parameters<typeof stream.read>[0]): Promise<number[]> =>
    (await stream.read(options)).items.map(({ payload }) => payload)
  expect(await read({})).toEqual([0, 1, 2, 3])
  expect(await read({ reverse: true })).toEqual([3, 2, 1, 0])
  expect(await read({ reverse: true, limit: 1 })).toEqual([3])
  expect(await read({ from: '1000-1', to: '2000-0' })).toEqual([1, 2])
  expect(await read({ from: '1000-1', to: '2000-0', reverse: true })).toEqual([2, 1])
  expect(await read({ from: '1000', to: '1999' })).toEqual([0, 1])
  expect(await read({ from: '2000' })).toEqual([2, 3])
  expect(await read({ to: '1000' })).toEqual([0, 1])
  expect(await read({ from: '4000' })).toEqual([])
  expect(await read({ limit: 2 })).toEqual([0, 1])
})

test.each([false, true])('each page continues after the one before it (reverse: %s)', async (reverse) => {
  const stream = await ordersStream<number>()
  await stream.addMany([0, 1, 2, 3, 4])
  const pages: number[][] = []
  let after: string | undefined
  do {
    const { items, next } = await stream.read({
      limit: 2,
      reverse,
      ...(after === undefined ? {} : { after }),
    })
    pages.push(items.map(({ payload }) => payload))
    after = next
  } while (after !== undefined)
  expect(pages).toEqual(reverse ? [[4, 3], [2, 1], [0]] : [[0, 1], [2, 3], [4]])
})

test('an empty stream has no entries and no dead letters', async () => {
  const stream = await ordersStream()
  expect(await stream.read()).toEqual({ items: [], next: undefined })
  expect(await stream.read({ reverse: true })).toEqual({ items: [], next: undefined })
  expect(await deadLettersOf(stream, 'billing')).toEqual([])
})

const cycle: Record<string, unknown> = {}
cycle['self'] = cycle

test.each([
  ['a BigInt', 1n],
  ['a BigInt inside', { amount: 1n }],
  ['a cycle', cycle],
  ['undefined', undefined],
  ['a function', () => 1],
  ['a symbol', Symbol('a')],
  [
    'a toJSON that throws',
    {
      toJSON: () => {
        throw new Error('no')
      },
    },
  ],
  ['more than 1 MiB of text', 'x'.repeat(1 << 20)],
  ['more than 1 MiB once encoded', 'ż'.repeat((1 << 19) + 1)],
])('a payload that is %s is refused before anything is written', async (_, payload) => {
  const stream = await ordersStream()
  const error = await failure(stream.add(payload))
  expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'payload', fate: 'not-done' })
  expect(error.message).toMatch(/^payload is .*: give a value/)
  expect(error.message.length).toBeLessThan(300)
  expect(await bench.raw.dbsize()).toBe(0)
})

test('a payload of exactly 1 MiB is accepted', async () => {
  const stream = await ordersStream<string>()
  const payload = 'x'.repeat((1 << 20) - 2)
  await stream.add(payload)
  const {
    items: [entry],
  } = await stream.read()
  expect(entry?.payload === payload).toBe(true)
})

test.each([
  ['an empty name', '', {}, 'stream name'],
  ['a name with a brace', 'or{ders', {}, 'stream name'],
  ['a name with a colon', 'a:b', {}, 'stream name'],
  ['a name of 65 characters', 'x'.repeat(65), {}, 'stream name'],
  ['a name with a newline', 'a\n', {}, 'stream name'],
  ['a number for a name', 7, {}, 'stream name'],
  ['a group with a space', 'orders', { groups: ['a b'] }, 'group'],
  ['an empty group', 'orders', { groups: [''] }, 'group'],
  ['groups that are text', 'orders', { groups: 'billing' }, 'groups'],
  ['retention of no entries', 'orders', { retain: { entries: 0 } }, 'entries'],
  ['retention that is not whole', 'orders', { retain: { entries: 1.5 } }, 'entries'],
  ['retention of NaN bytes', 'orders', { retain: { bytes: Number.NaN } }, 'bytes'],
  ['retention by an age without a unit', 'orders', { retain: { age: '7' } }, 'age'],
  ['retention that says nothing', 'orders', { retain: {} }, 'retain'],
  ['retention that is a number', 'orders', { retain: 5 }, 'retain options'],
  ['lossy that is a word', 'orders', { retain: { age: '1d', lossy: 'yes' } }, 'lossy'],
  ['a backlog of zero', 'orders', { maxBacklog: 0 }, 'maxBacklog'],
  ['a schema that is none', 'orders', { schema: { parse() {} } }, 'schema'],
  ['a traceparent that is text', 'orders', { traceparent: '00-' }, 'traceparent'],
  ['an unknown option', 'orders', { retian: 5 }, "createStream option 'retian'"],
])('createStream refuses %s and names it', async (_, name, options, option) => {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  const make = (): unknown => createStream(space, name as string, options as never)
  expect(make).toThrow(expect.objectContaining({ code: 'PENKNIFE_INVALID', option }))
})

test('an unknown option is refused with the nearest known one', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  expect(() => createStream(penknife.space('shop'), 'orders', { group: ['a'] } as object)).toThrow(/'groups'/)
})

test.each([
  ['an unknown option', { count: 5 }, "read option 'count'"],
  ['limit of zero', { limit: 0 }, 'limit'],
  ['limit over 1,000', { limit: 1001 }, 'limit'],
  ['after that is no id', { after: '5' }, 'after'],
  ['from that is no id', { from: 'yesterday' }, 'from'],
  ['an exclusive id', { from: '(1-1' }, 'from'],
  ['to that is an object', { to: {} }, 'to'],
])('read refuses %s and names it', async (_, options, option) => {
  const stream = await ordersStream()
  expect(await failure(stream.read(options as object))).toMatchObject({ code: 'PENKNIFE_INVALID', option })
})

test.each([
  ['a group with a colon', 'a:b', () => 1, {}, 'group'],
  ['no handler', 'billing', undefined, {}, 'handler'],
  ['concurrency of zero', 'billing', () => 1, { concurrency: 0 }, 'concurrency'],
  ['concurrency over 1,000', 'billing', () => 1, { concurrency: 1001 }, 'concurrency'],
  ['a lease below 100 ms', 'billing', () => 1, { lease: 99 }, 'lease'],
  ['a lease without a unit', 'billing', () => 1, { lease: '30' }, 'lease'],
  ['a negative retryDelay', 'billing', () => 1, { retryDelay: -1 }, 'retryDelay'],
  ['a retryJitter over 1', 'billing', () => 1, { retryJitter: 1.1 }, 'retryJitter'],
  ['a timeout of zero', 'billing', () => 1, { timeout: 0 }, 'timeout'],
  ['a batch without batchWorker', 'billing', () => 1, { batch: 10 }, "worker option 'batch'"],
  ['a start that is no id', 'billing', () => 1, { from: 'yesterday' }, 'from'],
  ['maxAttempts of zero', 'billing', () => 1, { maxAttempts: 0 }, 'maxAttempts'],
  ['an unknown option', 'billing', () => 1, { retries: 3 }, "worker option 'retries'"],
])('worker refuses %s and names it', async (_, group, handler, options, option) => {
  const stream = await ordersStream()
  const make = (): unknown => stream.worker(group, handler as () => unknown, options as never)
  expect(make).toThrow(expect.objectContaining({ code: 'PENKNIFE_INVALID', option }))
})
