import { createRateLimiter } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { type Count, counters } from '../support/counters.ts'
import { callsOf, clusterPattern, pattern, useCluster, useRedis } from '../support/redis.ts'
import { testScript } from '../support/scripts.ts'

describe('on a single server', () => {
  const bench = useRedis()

  async function ready(): Promise<Count> {
    const penknife = await openReady(pattern(bench.server.url))
    const count = counters(penknife.space('shop'))
    await count('warm-up')
    await bench.raw.config('RESETSTAT')
    return count
  }

  test('the calls of one tick are sent as one EVALSHA', async () => {
    const count = await ready()
    await Promise.all(Array.from({ length: 10 }, (_, at) => count(`c${at}`)))
    expect(await callsOf(bench.raw, 'evalsha')).toBe(1)
    expect(await callsOf(bench.raw, 'incrby')).toBe(10)
  })

  test('calls that follow each other within a tick are sent together too', async () => {
    const count = await ready()
    const chain = async (name: string): Promise<number> => {
      for (let step = 0; step < name.length; step++) await Promise.resolve()
      return count(name)
    }
    expect(await Promise.all(['a', 'bb', 'ccc', 'dddd'].map(chain))).toEqual([1, 1, 1, 1])
    expect(await callsOf(bench.raw, 'evalsha')).toBe(1)
  })

  test('calls of different ticks do not wait for each other', async () => {
    const count = await ready()
    const first = count('a')
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    await Promise.all([first, count('b')])
    expect(await callsOf(bench.raw, 'evalsha')).toBe(2)
  })

  test('a batch has at most as many items as its script allows', async () => {
    const count = await ready()
    await Promise.all(Array.from({ length: 25 }, () => count('c')))
    expect(await callsOf(bench.raw, 'evalsha')).toBe(3)
  })

  test('a batch has at most 256 KB, and a larger item is sent alone', async () => {
    const keep = testScript<[], [key: string, text: string], number>('test/keep', KEEP)
    const penknife = await openReady(pattern(bench.server.url))
    const { bind, keys } = penknife.space('shop').runtime
    const port = bind(keep, [], 5000)
    const put = (bytes: number): Promise<number> => port(keys.route, keys.leaderboard('k'), 'x'.repeat(bytes))
    await put(1)
    await bench.raw.config('RESETSTAT')
    // 100 + 100 KB | 100 KB | 300 KB | 100 KB
    const sizes = [100_000, 100_000, 100_000, 300_000, 100_000]
    expect(await Promise.all(sizes.map(put))).toEqual(sizes)
    expect(await callsOf(bench.raw, 'evalsha')).toBe(4)
  })

  test('items run in the order of their calls and see each other', async () => {
    const count = await ready()
    const values = await Promise.all(Array.from({ length: 30 }, () => count('c')))
    expect(values).toEqual(Array.from({ length: 30 }, (_, at) => at + 1))
  })

  test('each caller gets the reply to its own item', async () => {
    const count = await ready()
    const values = await Promise.all([3, 1, 2].map((step) => count(`by${step}`, step)))
    expect(values).toEqual([3, 1, 2])
  })

  test('arguments that all items of a batch have in common travel once', async () => {
    const count = await ready()
    // A busy machine logs calls of its own accord.
    await bench.raw.slowlog('RESET')
    await bench.raw.config('SET', 'slowlog-log-slower-than', 0)
    expect(await Promise.all(['a', 'b', 'a'].map((name) => count(name, 7)))).toEqual([7, 7, 14])
    expect(await Promise.all([count('a', 7), count('b', 8)])).toEqual([21, 15])
    await bench.raw.config('SET', 'slowlog-log-slower-than', -1)
    const log = (await bench.raw.slowlog('GET', 10)) as [number, number, number, string[]][]
    const sent = log.map(([, , , words]) => words).filter(([command]) => command === 'evalsha')
    expect(sent.map((words) => words.slice(2).filter((word) => /^\d+$/.test(word)))).toEqual([
      ['2', '7', '8'],
      ['3', '7'],
    ])
  })

  test('limiters of different rules are batches of their own, calls of one limiter share one', async () => {
    const penknife = await openReady(pattern(bench.server.url))
    const [a, b] = [5, 6].map((limit) =>
      createRateLimiter(penknife.space('shop'), `limit-${limit}`, {
        rules: [{ name: 'r', limit, window: '1m' }],
        deadline: '5s',
      }),
    ) as [ReturnType<typeof createRateLimiter>, ReturnType<typeof createRateLimiter>]
    await Promise.all([a.take('ann'), b.take('ann')])
    await bench.raw.config('RESETSTAT')
    const decisions = await Promise.all([a.take('ann'), b.take('ann'), a.take('bob'), b.take('bob')])
    expect(decisions.map(({ remaining }) => remaining)).toEqual([3, 4, 4, 5])
    expect(await callsOf(bench.raw, 'evalsha')).toBe(2)
  })

  test('an item with the wrong type at its key fails alone', async () => {
    const count = await ready()
    await bench.raw.set('pk1:{shop}:board:bad', 'not a number')
    const before = count('good')
    const bad = failure(count('bad'))
    const after = count('good')
    // Whether a script wrote before it raised an error cannot be known.
    expect(await bad).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'unknown' })
    expect((await bad).message).toMatch(/^test\/count-by, key 'pk1:{shop}:board:bad': .*not an integer/)
    expect(await Promise.all([before, after])).toEqual([1, 2])
    expect(await callsOf(bench.raw, 'evalsha')).toBe(1)
  })

  test('an error that Lua itself raises fails its item alone', async () => {
    const raise = testScript<[], [key: string, how: string], number>('test/raise', RAISE)
    const penknife = await openReady(pattern(bench.server.url))
    const { bind, keys } = penknife.space('shop').runtime
    const port = bind(raise, [], 5000)
    const call = (how: string): Promise<number> => port(keys.route, keys.leaderboard('k'), how)
    const [first, type, text, last] = [
      call('fine'),
      failure(call('type')),
      failure(call('text')),
      call('fine'),
    ]
    expect((await type).code).toBe('PENKNIFE_REJECTED')
    expect((await text).message).toMatch(/on purpose/)
    expect(await Promise.all([first, last])).toEqual([1, 2])
  })

  test('a nil reply does not end the batch early', async () => {
    const find = testScript<[], [key: string], string | null>('test/find', FIND)
    const penknife = await openReady(pattern(bench.server.url))
    const { bind, keys } = penknife.space('shop').runtime
    const port = bind(find, [], 5000)
    await bench.raw.set(keys.leaderboard('there'), 'yes')
    const call = (name: string): Promise<string | null> => port(keys.route, keys.leaderboard(name))
    expect(await Promise.all(['a', 'there', 'b', 'there'].map(call))).toEqual([null, 'yes', null, 'yes'])
  })

  test('SCRIPT FLUSH is healed within the call, and nothing runs twice', async () => {
    const count = await ready()
    await bench.raw.script('FLUSH')
    expect(await count('c')).toBe(1)
    expect(await bench.raw.get('pk1:{shop}:board:c')).toBe('1')
    await bench.raw.config('RESETSTAT')
    expect(await count('c')).toBe(2)
    expect(await callsOf(bench.raw, 'eval')).toBe(0)
  })

  test('SCRIPT FLUSH under many calls at once costs none of them', async () => {
    const count = await ready()
    await bench.raw.script('FLUSH')
    const values = await Promise.all(Array.from({ length: 500 }, () => count('c')))
    expect(values.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, at) => at + 1))
  })
})

describe('on a cluster of three masters', () => {
  const bench = useCluster()

  async function total(command: string): Promise<number> {
    const each = await Promise.all(bench.raws.map((raw) => callsOf(raw, command)))
    return each.reduce((sum, calls) => sum + calls, 0)
  }

  test('the calls of one tick are sent as one EVALSHA for each slot', async () => {
    const penknife = await openReady(clusterPattern(bench.cluster))
    const counts = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => counters(penknife.space(name)))
    await Promise.all(counts.map((count) => count('warm-up')))
    for (const raw of bench.raws) await raw.config('RESETSTAT')
    await Promise.all(counts.flatMap((count) => [count('x'), count('x'), count('y')]))
    expect(await total('evalsha')).toBe(6)
    expect(await total('incrby')).toBe(18)
  })

  test('spaces lie on every master', async () => {
    const penknife = await openReady(clusterPattern(bench.cluster))
    const spaces = Array.from({ length: 30 }, (_, at) => penknife.space(`s${at}`))
    await Promise.all(spaces.map((space) => counters(space)('x')))
    for (const raw of bench.raws) expect(await raw.dbsize()).toBeGreaterThan(0)
  })

  test('subjects of one limiter spread over the masters and share calls', async () => {
    const penknife = await openReady(clusterPattern(bench.cluster))
    const rules = [{ name: 'r', limit: 5, window: '1m' }] as const
    const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules, deadline: '5s' })
    const subjects = Array.from({ length: 640 }, (_, at) => `subject-${at}`)
    await Promise.all(subjects.map((subject) => limiter.take(subject)))
    for (const raw of bench.raws) await raw.config('RESETSTAT')
    const decisions = await Promise.all(subjects.map((subject) => limiter.take(subject)))
    expect(decisions.every(({ remaining, decidedBy }) => remaining === 3 && decidedBy === 'redis')).toBe(true)
    // One for each of the 16 shards.
    expect(await total('evalsha')).toBe(16)
  })

  test('calls in successive turns right after the start reach every master', async () => {
    const penknife = await openReady(clusterPattern(bench.cluster))
    const counts = Array.from({ length: 12 }, (_, at) => counters(penknife.space(`early-${at}`)))
    const calls: Promise<number>[] = []
    for (let turn = 0; turn < 5; turn++) {
      calls.push(...counts.map((count) => count('x')))
      await new Promise(setImmediate)
    }
    expect((await Promise.all(calls)).reduce((sum, value) => sum + value, 0)).toBe(12 * 15)
  })

  test('SCRIPT FLUSH on every master costs no call', async () => {
    const penknife = await openReady(clusterPattern(bench.cluster))
    const counts = ['a', 'b', 'c'].map((name) => counters(penknife.space(name)))
    await Promise.all(counts.map((count) => count('x')))
    for (const raw of bench.raws) await raw.script('FLUSH')
    const values = await Promise.all(counts.flatMap((count) => [count('x'), count('x')]))
    expect(values).toEqual([2, 3, 2, 3, 2, 3])
  })
})

const KEEP = `--- Keeps a text.
-- @batch 10
-- @item key place   a string
-- @item arg text    what to keep
-- @returns integer  its length
local function item(place, text)
  redis.call('SET', place, text)
  return #text
end
`

const FIND = `--- Finds a text.
-- @batch 10
-- @readonly
-- @item key place       a string
-- @returns string|null  the text
local function item(place)
  return redis.call('GET', place) or nil
end
`

const RAISE = `--- Counts, or fails as asked.
-- @batch 10
-- @item key counter   an integer
-- @item arg how       fine, type or text
-- @returns integer    the new value
local function item(counter, how)
  if how == 'type' then
    return counter.field.field
  end
  if how == 'text' then
    error('on purpose')
  end
  return redis.call('INCR', counter)
end
`
