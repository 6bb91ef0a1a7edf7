import { describe, expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { addNumbers, deadOf, openOrders, ORDERS, pendingOf } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'

const bench = useRedis()
const LOG = { retain: { entries: 1000 } }
const QUEUE = { groups: ['billing', 'mailing'] }
const key = (part: string, group: string = 'billing'): string => `${ORDERS}:${part}:${group}`

/** Takes entries of a group as a worker would, under that name. */
async function take(group: string, count: number, consumer: string = 'w1'): Promise<string[]> {
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

describe('names', () => {
  test('a group that a work queue does not declare is refused, and the nearest name is suggested', async () => {
    const stream = await openOrders(bench, QUEUE)
    const error = await failure(stream.group('biling').pause())
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'group' })
    expect(error.message).toMatch(/stream 'orders' of space 'shop' .*did you mean 'billing'/)
    expect((await failure(stream.group('shipping').resume())).message).toMatch(
      /its groups are billing, mailing/,
    )
    expect(() => stream.group('shipping').deadLetters).toThrow(/its groups are/)
    expect(() => stream.worker('biling', () => {})).toThrow(/did you mean 'billing'/)
  })

  test('an event log accepts any group', async () => {
    const stream = await openOrders(bench, LOG)
    expect(await stream.group('whoever').pause()).toBe(true)
  })

  test('an error of Redis names the stream and its space', async () => {
    const stream = await openOrders(bench)
    await bench.raw.set(ORDERS, 'text')
    expect((await failure(stream.add(1))).message).toMatch(/stream 'orders' of space 'shop'.*WRONGTYPE/)
    expect((await failure(stream.stats())).message).toMatch(/stream 'orders' of space 'shop'.*WRONGTYPE/)
  })
})

describe('reset', () => {
  test('a group reads again from an id or a time, or only new entries', async () => {
    const stream = await openOrders(bench, LOG)
    const ids = await addNumbers(stream, 10)
    const group = stream.group('billing')
    expect(await group.reset({ to: '-' })).toMatchObject({ waiting: 10, exact: true })
    expect(await take('billing', 100)).toEqual(ids)
    await bench.raw.xack(ORDERS, 'billing', ...ids)
    expect(await group.reset({ to: ids[6]! })).toMatchObject({ waiting: 4, exact: true, running: 0 })
    expect(await take('billing', 100)).toEqual(ids.slice(6))
    await bench.raw.xack(ORDERS, 'billing', ...ids)
    const time = Number.parseInt(ids[0]!, 10)
    expect(await group.reset({ to: new Date(time) })).toMatchObject({ waiting: 10 })
    expect(await group.reset({ to: time + 60_000 })).toMatchObject({ waiting: 0 })
    expect(await group.reset({ to: '+' })).toMatchObject({ waiting: 0 })
    expect(await take('billing', 100)).toEqual([])
    const next = await stream.add(10)
    expect(await take('billing', 100)).toEqual([next])
  })

  test('to an id in the middle lets Redis know the lag', async () => {
    const stream = await openOrders(bench, LOG)
    const ids = await addNumbers(stream, 30)
    await stream.group('billing').reset({ to: ids[20]! })
    const [group] = (await bench.raw.xinfo('GROUPS', ORDERS)) as unknown[][]
    expect(group!.at(group!.indexOf('lag') + 1)).toBe(10)
  })

  test('running and retrying entries stay, unless they are discarded', async () => {
    const stream = await openOrders(bench, LOG)
    const ids = await addNumbers(stream, 10)
    const group = stream.group('billing')
    await group.reset({ to: '-' })
    await take('billing', 3)
    await bench.raw.xadd(key('ready'), '*', 'i', ids[0]!, 'a', 1, 'f', 1, 'd', '0')
    await bench.raw.zadd(key('delayed'), Date.now() + 60_000, 'packed')
    expect(await group.reset({ to: '+' })).toEqual({ waiting: 1, exact: true, running: 3, delayed: 1 })
    expect((await pendingOf(bench.raw, 'billing')).map(({ id }) => id)).toEqual(ids.slice(0, 3))
    expect(await group.reset({ to: ids[5]!, discard: true })).toEqual({
      waiting: 5,
      exact: true,
      running: 0,
      delayed: 0,
    })
    expect(await pendingOf(bench.raw, 'billing')).toEqual([])
    expect(await take('billing', 100)).toEqual(ids.slice(5))
  })

  test('is refused for a work queue, which has deleted handled entries', async () => {
    const stream = await openOrders(bench, QUEUE)
    const error = await failure(stream.group('billing').reset({ to: '-' }))
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'group' })
    expect(error.message).toMatch(/work queue/)
    expect(await bench.raw.exists(ORDERS)).toBe(0)
  })

  test.each([
    ['to', {}],
    ['to', { to: 'yesterday' }],
    ['discard', { to: '-', discard: 1 }],
    ["reset option 'form'", { to: '-', form: 1 }],
  ])('%s is checked', async (option, options) => {
    const stream = await openOrders(bench, LOG)
    const error = await failure(stream.group('billing').reset(options as never))
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option })
  })
})

describe('drop', () => {
  async function fill(group: string): Promise<void> {
    await bench.raw.xadd(key('ready', group), '*', 'i', '1-1', 'a', 1, 'f', 1, 'd', '0')
    await bench.raw.zadd(key('delayed', group), 1, 'packed')
    await bench.raw.xadd(deadOf(group), '*', 'i', '1-1', 'd', '0')
    await bench.raw.set(key('paused', group), '1')
    await bench.raw.hset(key('results', group), 'r1-1', 'd')
    await bench.raw.zadd(key('results-due', group), 1, '1-1')
  }

  test('deletes retries, delayed entries, dead letters and outcomes too', async () => {
    const stream = await openOrders(bench, LOG)
    await addNumbers(stream, 3)
    await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0')
    await fill('billing')
    await fill('mailing')
    expect(await stream.group('billing').drop()).toBe(true)
    expect((await bench.raw.keys('*')).toSorted()).toEqual(
      [
        ORDERS,
        `${ORDERS}:declaration`,
        deadOf('mailing'),
        key('delayed', 'mailing'),
        key('paused', 'mailing'),
        key('ready', 'mailing'),
        key('results', 'mailing'),
        key('results-due', 'mailing'),
      ].toSorted(),
    )
    expect(await bench.raw.xinfo('GROUPS', ORDERS)).toEqual([])
    expect(await stream.group('billing').drop()).toBe(false)
  })

  test('is refused while a worker of the group is alive', async () => {
    const stream = await openOrders(bench, LOG)
    await addNumbers(stream, 3)
    await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0')
    await take('billing', 1, 'somebody')
    const error = await failure(stream.group('billing').drop())
    expect(error).toMatchObject({ code: 'PENKNIFE_IN_USE', fate: 'not-done' })
    expect(error.message).toMatch(/worker somebody serves/)
    expect(await bench.raw.xpending(ORDERS, 'billing', '-', '+', 10)).toHaveLength(1)
  })

  test('is refused for a group that the stream declares', async () => {
    const stream = await openOrders(bench, QUEUE)
    expect(await failure(stream.group('billing').drop())).toMatchObject({
      code: 'PENKNIFE_INVALID',
      option: 'group',
    })
  })

  test('deletes the entries of a work queue that only the dropped group had not finished, and no others', async () => {
    const stream = await openOrders(bench, { groups: ['billing'] })
    const ids = await addNumbers(stream, 100)
    for (const group of ['billing', 'legacy']) {
      await bench.raw.xgroup('CREATE', ORDERS, group, '0').catch(() => {})
    }
    const taken = await take('billing', 70)
    // All but two of them are finished, and would be gone but for legacy.
    const [pending, other] = [taken[7]!, taken[40]!]
    await bench.raw.xack(ORDERS, 'billing', ...taken.filter((id) => id !== pending && id !== other))
    expect(await stream.group('legacy').drop()).toBe(true)
    const left = (await bench.raw.xrange(ORDERS, '-', '+')).map(([id]) => id)
    expect(left).toEqual([pending, other, ...ids.slice(70)])
  })

  test('of a group that kept a log over its limits lets the next adds trim the log', async () => {
    const stream = await openOrders(bench, { retain: { entries: 100 } })
    await bench.raw.xgroup('CREATE', ORDERS, 'legacy', '0', 'MKSTREAM')
    await addNumbers(stream, 1000)
    expect(await bench.raw.xlen(ORDERS)).toBe(1000)
    await stream.group('legacy').drop()
    await addNumbers(stream, 1000)
    expect(await bench.raw.xlen(ORDERS)).toBeLessThan(300)
  })
})
