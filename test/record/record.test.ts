import {
  connect,
  createCounters,
  createDeduper,
  createLeaderboard,
  createNotifier,
  createObjects,
  createStream,
  type Penknife,
  record,
} from '@penknife/core'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { keyspaceOfData } from '../support/keyspace.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()
let penknife: Penknife
beforeEach(() => {
  penknife = connect(pattern(bench.server.url))
})
afterEach(() => penknife.close())

function shop() {
  const space = penknife.space('shop')
  return {
    space,
    orders: createStream<{ sku: string }>(space, 'orders', { groups: ['billing'] }),
    points: createLeaderboard(space, 'points', {
      windows: { day: { calendar: 'day' }, hour: { last: '1h' } },
    }),
    best: createLeaderboard(space, 'best'),
    stock: createCounters(space, 'stock', { initial: 3 }),
    news: createNotifier(space, 'news'),
    seen: createDeduper(space, 'seen', { window: '1h', place: 'space' }),
    carts: createObjects<{ total: number; note?: string }>(space, 'carts'),
  }
}

test('one call changes a stream, boards, counters, a channel, a deduper and an object', async () => {
  const { space, orders, points, best, stock, news, seen, carts } = shop()
  const answer = await record(
    space,
    points.incrementing('ann', 10),
    orders.adding({ sku: 'a' }),
    stock.decrementing('a', 2),
    best.improving('ann', 7),
    news.publishing('user:ann', { text: 'thanks' }),
    seen.claiming('evt-1'),
    carts.merging('ann', { total: 5 }),
    orders.adding({ sku: 'b' }),
    stock.decrementing('b'),
  )
  if (!answer.ok) throw new Error('refused')
  const [score, first, a, top, event, claimed, version, second, b] = answer.results
  expect({ score, top, claimed }).toEqual({ score: 10, top: 7, claimed: true })
  expect([a, b]).toEqual([
    { counter: 'a', value: 1, available: 1, room: Number.MAX_SAFE_INTEGER - 1 },
    { counter: 'b', value: 2, available: 2, room: Number.MAX_SAFE_INTEGER - 2 },
  ])
  const { items } = await orders.read()
  expect(items.map(({ id, payload }) => [id, payload])).toEqual([
    [first, { sku: 'a' }],
    [second, { sku: 'b' }],
  ])
  expect((await news.history('user:ann')).items.map(({ id }) => id)).toEqual([event])
  expect(await points.rank('ann', { window: 'hour' })).toMatchObject({ score: 10 })
  expect(await carts.get('ann')).toEqual({ value: { total: 5 }, version })
})

describe('a refused call changes nothing, and says which effects were refused', () => {
  test('a counter, a known id and an object', async () => {
    const { space, orders, points, stock, seen, carts } = shop()
    await seen.claim('evt-1')
    const set = await carts.set('ann', { total: 1 })
    await stock.read(['a'])
    await points.increment('bob', 1)
    await record(space, orders.adding({ sku: 'a' }))
    // Declares the counters.
    await record(space, stock.incrementing('b'))
    await stock.read(['b'])
    const before = await keyspaceOfData(bench.raw)
    const answer = await record(
      space,
      orders.adding({ sku: 'a' }),
      points.incrementing('ann', 1),
      stock.decrementing('a', 2),
      stock.decrementing('a', 2),
      seen.claiming('evt-1'),
      carts.setting('ann', { total: 2 }, { ifVersion: 7 }),
    )
    expect(answer).toEqual({
      ok: false,
      refused: [
        { effect: 4, target: "deduper 'seen'", reason: 'known' },
        { effect: 5, target: "objects 'carts'", reason: 'version', version: set.ok && set.version },
        {
          effect: 3,
          target: "counters 'stock'",
          reason: 'floor',
          counter: 'a',
          value: 1,
          available: 1,
          room: Number.MAX_SAFE_INTEGER - 1,
        },
      ],
    })
    expect(await keyspaceOfData(bench.raw)).toEqual(before)
  })

  test('a full stream', async () => {
    const { space, best } = shop()
    const small = createStream(space, 'small', { groups: ['g'], maxBacklog: 2 })
    await small.add(1)
    const answers = await Promise.all([
      record(space, small.adding(2), small.adding(3), best.incrementing('ann')),
      record(space, small.adding(2), best.incrementing('ann')),
    ])
    expect(answers.map(({ ok }) => ok)).toEqual([false, true])
    expect(answers[0]).toMatchObject({ refused: [{ effect: 1, reason: 'full' }] })
    expect(await best.rank('ann')).toMatchObject({ score: 1 })
  })
})

test('calls of a tick with effects on the same objects share a script call', async () => {
  const { space, orders, points } = shop()
  await record(space, orders.adding({ sku: 'a' }), points.incrementing('ann'))
  // Declares the stream.
  await record(space, points.incrementing('bob'))
  const before = await calls()
  await Promise.all(
    Array.from({ length: 10 }, (_, at) =>
      record(space, orders.adding({ sku: `${at}` }), points.incrementing('ann')),
    ),
  )
  expect((await calls()) - before).toBe(1)
  expect(await points.rank('ann')).toMatchObject({ score: 11 })
})

async function calls(): Promise<number> {
  const info = await bench.raw.info('commandstats')
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0)
}

describe('with an id', () => {
  test('a repetition changes nothing and gets the first answer, also in one batch', async () => {
    const { space, orders, best } = shop()
    const send = () =>
      record(space, { id: 'order-17' }, orders.adding({ sku: 'a' }), best.incrementing('ann', 2))
    const answers = await Promise.all([send(), send(), send()])
    expect(answers.map((answer) => answer.ok && answer.repeated)).toEqual([false, true, true])
    expect(new Set(answers.map((answer) => answer.ok && answer.results.join())).size).toBe(1)
    expect(await best.rank('ann')).toMatchObject({ score: 2 })
    expect((await orders.read()).items).toHaveLength(1)
  })

  test('a refused call is not stored, so it may be made later', async () => {
    const { space, stock } = shop()
    const send = () => record(space, { id: 'order-17' }, stock.decrementing('a', 4))
    expect(await send()).toMatchObject({ ok: false })
    await stock.increment('a')
    expect(await send()).toMatchObject({ ok: true, repeated: false })
    expect(await send()).toMatchObject({ ok: true, repeated: true, results: [{ counter: 'a', value: 0 }] })
  })

  test('an id of other effects is refused', async () => {
    const { space, stock, best } = shop()
    await record(space, { id: 'order-17' }, stock.decrementing('a'))
    const error = await failure(record(space, { id: 'order-17' }, best.incrementing('ann')))
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'id', fate: 'not-done' })
    expect(await best.rank('ann')).toBeNull()
  })

  test('the answer is stored for the window', async () => {
    const { space, stock } = shop()
    await record(space, { id: 'order-17', window: '2s' }, stock.decrementing('a'))
    const left = await bench.raw.pttl('pk1:{shop}:record:order-17')
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(2000)
  })
})

describe('a counter that reaches a value adds the next entry in the same step', () => {
  test('once, by the change that reaches it', async () => {
    const { space, orders, news } = shop()
    const parts = createCounters(space, 'parts')
    const step = () =>
      record(
        space,
        parts.incrementing('job-7', 1, {
          reaching: { value: 3, effects: [orders.adding({ sku: 'whole' }), news.publishing('jobs', 7)] },
        }),
      )
    const answers = await Promise.all([step(), step(), step(), step()])
    expect(answers.map((answer) => answer.ok && answer.results[0].reached)).toEqual([
      false,
      false,
      true,
      false,
    ])
    expect((await orders.read()).items.map(({ payload }) => payload)).toEqual([{ sku: 'whole' }])
    expect((await news.history('jobs')).items).toHaveLength(1)
  })
})

test('explain says whether a call would be made, and changes nothing', async () => {
  const { space, orders, stock } = shop()
  await orders.add({ sku: 'a' })
  await stock.increment('b')
  const before = await keyspaceOfData(bench.raw)
  const ask = (by: number) =>
    record(space, { explain: true }, orders.adding({ sku: 'a' }), stock.decrementing('a', by))
  expect(await ask(3)).toMatchObject({ ok: true })
  expect(await ask(4)).toMatchObject({ ok: false, refused: [{ effect: 1, reason: 'floor', available: 3 }] })
  expect(await keyspaceOfData(bench.raw)).toEqual(before)
})

test('promises instead of effects or options are refused, and their rejection does not end the process', async () => {
  const rejections: unknown[] = []
  const note = (reason: unknown): unknown => rejections.push(reason)
  process.on('unhandledRejection', note)
  onTestFinished(() => void process.off('unhandledRejection', note))
  const { space, stock } = shop()
  const fails = (): never => Promise.reject(new Error('no')) as never
  await expect(record(space, fails())).rejects.toThrow('record options is a promise: await it')
  const effects = record(space, stock.incrementing('a'), fails(), fails())
  await expect(effects).rejects.toThrow('effects[1] is a promise')
  await expect(stock.increment(fails())).rejects.toThrow('counter is a promise')
  await new Promise((resolve) => setImmediate(resolve))
  expect(rejections).toEqual([])
})

describe('effects that cannot be combined are refused with the reason', () => {
  test('of two spaces, or of two connections', async () => {
    const { space, best } = shop()
    const other = createLeaderboard(penknife.space('other'), 'best')
    const error = await failure(record(space, best.incrementing('ann'), other.incrementing('ann')))
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID' })
    expect(error.message).toContain("space 'shop'")
    expect(error.message).toContain("space 'other'")
    expect(await failure(record(space, other.incrementing('ann')))).toMatchObject({
      code: 'PENKNIFE_INVALID',
    })
    expect(await best.rank('ann')).toBeNull()
  })

  test('of two objects with one name', async () => {
    const { space, best } = shop()
    const twin = createLeaderboard(space, 'best', { order: 'ascending' })
    const error = await failure(record(space, best.incrementing('ann'), twin.incrementing('ann')))
    expect(error.message).toContain('created twice')
  })

  test('of one object of a store twice, of a spread deduper, and none at all', async () => {
    const { space, carts } = shop()
    const spread = createDeduper(space, 'spread', { window: '1h' })
    expect(() => spread.claiming('a')).toThrow(/place: 'space'/)
    const twice = record(space, carts.merging('ann', { total: 1 }), carts.merging('ann', { note: 'x' }))
    expect((await failure(twice)).message).toContain('twice')
    const fenced = carts.merging('ann', { note: 'x' }, { fence: { key: 'a', token: 1 } })
    expect((await failure(record(space, carts.deleting('ann'), fenced))).message).toContain('twice')
    expect((await failure(record(space))).message).toContain('1 to 50')
    expect((await failure(record(space, 5 as never))).message).toContain('record options is 5')
  })
})

test('two keys of one target are changed in one call', async () => {
  const { space, carts, news } = shop()
  const answer = await record(
    space,
    news.publishing('a', 1),
    carts.merging('ann', { total: 1 }),
    news.publishing('b', 2),
    carts.incrementing('bob', 'total', 4),
    news.publishing('a', 3),
  )
  expect(answer.ok && answer.results[3]).toBe(4)
  expect((await news.history('a')).items.map(({ data }) => data)).toEqual([1, 3])
  expect((await news.history('b')).items.map(({ data }) => data)).toEqual([2])
  expect(await carts.get('ann')).toMatchObject({ value: { total: 1 } })
})

test('an object can be changed alone, under an id', async () => {
  const { space, carts } = shop()
  const send = () => record(space, { id: 'a' }, carts.incrementing('ann', 'total', 2))
  expect(await send()).toEqual({ ok: true, repeated: false, results: [2] })
  expect(await send()).toEqual({ ok: true, repeated: true, results: [2] })
})

test('a change of an object with the token of an old lease refuses the call, and deletions are effects too', async () => {
  const { space, carts, orders } = shop()
  const fence = (token: number) => ({ fence: { key: 'cart-ann', token } })
  // Two tokens of one fence in a call: the highest stays.
  await record(
    space,
    carts.merging('ann', { total: 1 }, fence(7)),
    carts.setting('bob', { total: 2 }, fence(6)),
  )
  const refused = await record(
    space,
    orders.adding({ sku: 'a' }),
    carts.merging('ann', { total: 9 }, fence(6)),
  )
  expect(refused).toMatchObject({ ok: false, refused: [{ effect: 1, reason: 'fence', fence: 7 }] })
  expect(await carts.merge('ann', { total: 9 }, fence(6))).toMatchObject({ reason: 'fence', fence: 7 })
  const before = await carts.get('ann')
  const gone = await record(space, orders.adding({ sku: 'a' }), carts.deleting('ann', fence(7)))
  expect(gone.ok && gone.results[1]).toBe(before?.version)
  expect(await carts.get('ann')).toBeUndefined()
  expect((await orders.read()).items).toHaveLength(1)
})

test('fields that a call sets may expire, where the server can do that; elsewhere nothing is changed', async () => {
  const { space, carts, orders } = shop()
  const call = record(
    space,
    orders.adding({ sku: 'a' }),
    carts.merging('ann', { note: 'x' }, { fieldTtl: '1h' }),
  )
  const can = await bench.raw.call('HPEXPIRE', 'none', 1, 'FIELDS', 1, 'x').then(
    () => true,
    () => false,
  )
  if (can) expect(await call).toMatchObject({ ok: true })
  else expect((await failure(call)).message).toContain('HPEXPIRE')
  expect((await orders.read()).items).toHaveLength(can ? 1 : 0)
  expect((await carts.get('ann'))?.value).toEqual(can ? { note: 'x' } : undefined)
})

test('the error of a call that Redis refuses names the keys that it changes, and no payload', async () => {
  const { space, orders, stock } = shop()
  await bench.raw.set('pk1:{shop}:counter:stock', 'of another program')
  await bench.raw.set('pk1:{shop}:stream:orders', 'of another program')
  const effects = [orders.adding({ sku: 'secret' }), stock.decrementing('secret')] as const
  for (const call of [record(space, ...effects), record(space, { id: 'one' }, ...effects)]) {
    const { message } = (await failure(call)) as Error
    expect(message).toContain("'pk1:{shop}:stream:orders'")
    expect(message).toContain('WRONGTYPE')
    expect(message).not.toContain('secret')
  }
  expect(await failure(orders.add({ sku: 'secret' }))).toMatchObject({
    message: expect.stringContaining(", key 'pk1:{shop}:stream:orders': ") as string,
  })
})

test('a payload that an async schema refuses fails the call', async () => {
  const { space, best } = shop()
  const schema = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: async (value: unknown) =>
        value === 1 ? { value } : { issues: [{ message: 'only 1', path: [] }] },
    },
  }
  const strict = createStream(space, 'strict', { schema })
  const bad = strict.adding(2)
  expect(await failure(record(space, bad, best.incrementing('ann')))).toMatchObject({
    code: 'PENKNIFE_INVALID',
  })
  expect(await best.rank('ann')).toBeNull()
  expect(await record(space, strict.adding(1))).toMatchObject({ ok: true })
})

test('a call with durability that is not confirmed says so; with an id its repetition changes nothing', async () => {
  const quick = connect(pattern(bench.server.url), { deadline: 300 })
  onTestFinished(() => quick.close())
  const space = quick.space('shop')
  const orders = createStream<number>(space, 'orders', { durability: 'replicated' })
  const best = createLeaderboard(space, 'best')
  const send = () => record(space, { id: 'a' }, orders.adding(1), best.incrementing('ann'))
  for (const _ of [1, 2]) {
    // The server has no replica.
    expect(await failure(send())).toMatchObject({ code: 'PENKNIFE_NOT_DURABLE', fate: 'unknown' })
    expect(await best.rank('ann')).toMatchObject({ score: 1 })
  }
})

test('a script call has fewer records on large boards than on small ones', async () => {
  const { space, best } = shop()
  const callsOf = async (): Promise<number> => {
    await bench.raw.config('RESETSTAT')
    await Promise.all(Array.from({ length: 100 }, (_, at) => record(space, best.incrementing(`m${at}`, 1))))
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await bench.raw.info('commandstats'))?.[1])
  }
  await record(space, best.incrementing('ann', 1))
  const small = await callsOf()
  const [, [key = '']] = await bench.raw.scan(0, 'MATCH', '*best*', 'COUNT', 1000, 'TYPE', 'zset')
  const members = Array.from({ length: 30_001 }, (_, at) => [`${at % 100}`, `player-${at}`])
  await bench.raw.zadd(key, ...members.flat())
  await record(space, best.incrementing('ann', 1))
  expect(await callsOf()).toBeGreaterThanOrEqual(small * 1.5)
})
