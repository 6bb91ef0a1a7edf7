import { createCounters, type Counters, type CountersOptions } from '@penknife/core'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import { type Clock, createClock, useSettableClock } from '../support/clock.ts'
import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const MINUTE_US = 60_000_000

let clock: Clock
beforeEach(async () => {
  clock = createClock(bench.raw)
  await clock.set(START_US)
})

async function open(options: CountersOptions = {}, name: string = 'stock'): Promise<Counters> {
  const penknife = await openReady(pattern(bench.server.url))
  return createCounters(penknife.space('shop'), name, options)
}

describe('a counter', () => {
  test('begins at its initial value, and the answer has what is left', async () => {
    const stock = await open({ initial: 10, ceiling: 12 })
    expect(await stock.decrement('sku-1', 3)).toEqual({
      ok: true,
      repeated: false,
      counter: 'sku-1',
      value: 7,
      available: 7,
      room: 5,
    })
    expect(await stock.read(['sku-1', 'sku-2'])).toEqual([
      { counter: 'sku-1', value: 7, available: 7, room: 5 },
      { counter: 'sku-2', value: 10, available: 10, room: 2 },
    ])
  })

  test('does not go below its floor or above its ceiling, and the answer says which', async () => {
    const stock = await open({ initial: 1, ceiling: 3 })
    expect(await stock.decrement('a', 2)).toMatchObject({ ok: false, reason: 'floor', by: -2, available: 1 })
    expect(await stock.increment('a', 3)).toMatchObject({ ok: false, reason: 'ceiling', room: 2, value: 1 })
    expect(await bench.raw.keys('*counter:stock')).toEqual([])
  })

  test('takes a floor and a ceiling of one call', async () => {
    const usage = await open()
    expect(await usage.increment('ann', 5, { ceiling: 5 })).toMatchObject({ ok: true, room: 0 })
    expect(await usage.increment('ann', 1, { ceiling: 5 })).toMatchObject({ ok: false, reason: 'ceiling' })
    expect(await usage.decrement('ann', 1, { floor: 5 })).toMatchObject({ ok: false, reason: 'floor' })
  })

  test('takes no memory when it is back at its initial value', async () => {
    const stock = await open()
    await stock.increment('a', 5)
    await stock.decrement('a', 5)
    expect(await bench.raw.keys('*counter:stock')).toEqual([])
  })

  test('is set only to a value that its floor and its reservations allow', async () => {
    const stock = await open({ initial: 5 })
    await stock.reserve([{ counter: 'a', by: -3 }], { expires: '1m' })
    expect(await stock.set('a', 2)).toMatchObject({ ok: false, reason: 'floor', value: 5, available: 2 })
    expect(await stock.set('a', 4)).toMatchObject({ ok: true, value: 4, available: 1 })
  })

  test('counts exactly up to 2^53 - 1', async () => {
    const big = await open()
    const most = Number.MAX_SAFE_INTEGER
    expect(await big.increment('a', most)).toMatchObject({ ok: true, value: most, room: 0 })
    expect(await big.increment('a')).toMatchObject({ ok: false, reason: 'ceiling' })
    expect(await big.decrement('a')).toMatchObject({ ok: true, value: most - 1 })
  })

  test('that another program spoiled is an error, and stays as it is', async () => {
    const stock = await open()
    await bench.raw.hset('pk1:{shop}:counter:stock', 'a', '1.5')
    const error = await failure(stock.increment('a'))
    expect(error).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
    expect(error.message).toMatch(/a field that no counter wrote/)
    expect(await bench.raw.hget('pk1:{shop}:counter:stock', 'a')).toBe('1.5')
  })
})

describe('several changes', () => {
  test('are made all or none, and the answer says which were refused and why', async () => {
    const stock = await open({ ceiling: 10 })
    await stock.change([
      { counter: 'a', by: 5 },
      { counter: 'b', by: 1 },
    ])
    const refused = await stock.change([
      { counter: 'a', by: -2 },
      { counter: 'b', by: -2 },
      { counter: 'c', by: 11 },
    ])
    expect(refused).toEqual({
      ok: false,
      reason: 'limit',
      refused: [
        { counter: 'b', by: -2, reason: 'floor', value: 1, available: 1, room: 9 },
        { counter: 'c', by: 11, reason: 'ceiling', value: 0, available: 0, room: 10 },
      ],
    })
    expect(await stock.read(['a', 'b', 'c'])).toMatchObject([{ value: 5 }, { value: 1 }, { value: 0 }])
  })

  test('of one counter follow each other', async () => {
    const stock = await open({ initial: 1 })
    const answer = await stock.change([
      { counter: 'a', by: -1 },
      { counter: 'a', by: 1 },
      { counter: 'a', by: -1 },
    ])
    expect(answer).toMatchObject({ ok: true, counters: [{ value: 0 }, { value: 1 }, { value: 0 }] })
  })

  test('of one tick are one command', async () => {
    const stock = await open()
    await stock.increment('a')
    await bench.raw.config('RESETSTAT')
    await Promise.all(Array.from({ length: 50 }, (_, at) => stock.increment(`c${at % 7}`)))
    expect(await callsOf(bench.raw, 'evalsha')).toBe(1)
  })
})

describe('an id', () => {
  test('counts once while it is stored, and its repetition gets the first answer', async () => {
    const stock = await open({ initial: 10, dedup: { window: '1m' } })
    const first = await stock.decrement('a', 2, { id: 'order-1' })
    await stock.decrement('a', 1)
    expect(await stock.decrement('a', 2, { id: 'order-1' })).toEqual({ ...first, repeated: true })
    expect(await stock.read(['a'])).toMatchObject([{ value: 7 }])
    const [key = ''] = await bench.raw.keys('*counter-id*')
    expect(await bench.raw.pttl(key)).toBeGreaterThan(50_000)
  })

  test('of a refused call is free', async () => {
    const stock = await open()
    expect(await stock.decrement('a', 1, { id: 'x' })).toMatchObject({ ok: false })
    await stock.increment('a')
    expect(await stock.decrement('a', 1, { id: 'x' })).toMatchObject({ ok: true, repeated: false })
  })

  test('cannot identify two different calls', async () => {
    const stock = await open()
    await stock.increment('a', 1, { id: 'x' })
    expect(await failure(stock.increment('a', 2, { id: 'x' }))).toMatchObject({
      code: 'PENKNIFE_INVALID',
      option: 'id',
    })
    expect(await stock.read(['a'])).toMatchObject([{ value: 1 }])
  })
})

describe('a reservation', () => {
  test('reserves its changes until it is committed, once', async () => {
    const stock = await open({ initial: 3 })
    const made = await stock.reserve([{ counter: 'a', by: -2 }], { expires: '10m' })
    if (!made.ok) throw new Error('refused')
    expect(made.counters).toEqual([
      { counter: 'a', value: 3, available: 1, room: Number.MAX_SAFE_INTEGER - 3 },
    ])
    expect(await stock.decrement('a', 2)).toMatchObject({ ok: false, reason: 'floor', available: 1 })
    expect(await made.reservation.commit()).toEqual({ state: 'committed', repeated: false })
    expect(await stock.commit(made.reservation.id)).toEqual({ state: 'committed', repeated: true })
    expect(await made.reservation.cancel()).toEqual({ state: 'committed', repeated: true })
    expect(await stock.read(['a'])).toMatchObject([{ value: 1, available: 1 }])
  })

  test('is given back when it is cancelled, and when it expires', async () => {
    const stock = await open({ initial: 5, ceiling: 6 })
    const all = [
      { counter: 'a', by: -2 },
      { counter: 'b', by: 1 },
    ]
    const first = await stock.reserve(all, { expires: '1m' })
    if (!first.ok) throw new Error('refused')
    expect(await stock.reserve([{ counter: 'b', by: 1 }], { expires: '1m' })).toMatchObject({
      ok: false,
      refused: [{ counter: 'b', reason: 'ceiling', room: 0 }],
    })
    expect(await first.reservation.cancel()).toEqual({ state: 'cancelled', repeated: false })
    const second = await stock.reserve(all, { expires: '1m' })
    if (!second.ok) throw new Error('refused')
    await clock.advance(MINUTE_US)
    expect(await stock.read(['a', 'b'])).toMatchObject([
      { value: 5, available: 5 },
      { value: 5, room: 1 },
    ])
    expect(await second.reservation.commit()).toEqual({ state: 'expired', repeated: true })
  })

  test('with the id of an earlier one is that one', async () => {
    const stock = await open({ initial: 5 })
    const reserve = () => stock.reserve([{ counter: 'a', by: -2 }], { expires: '1m', id: 'cart-1' })
    const first = await reserve()
    const again = await reserve()
    if (!first.ok || !again.ok) throw new Error('refused')
    expect([first.repeated, again.repeated]).toEqual([false, true])
    expect(await stock.read(['a'])).toMatchObject([{ available: 3 }])
    expect(await again.reservation.commit()).toEqual({ state: 'committed', repeated: false })
    expect(await reserve()).toMatchObject({ ok: true, repeated: true })
    expect(await first.reservation.commit()).toEqual({ state: 'committed', repeated: true })
    expect(await stock.read(['a'])).toMatchObject([{ value: 3, available: 3 }])
  })

  test('is committed with smaller amounts, and the rest is given back', async () => {
    const stock = await open({ initial: 10 })
    const made = await stock.reserve(
      [
        { counter: 'a', by: -3 },
        { counter: 'a', by: -2 },
        { counter: 'b', by: -1 },
        { counter: 'c', by: 4 },
        { counter: 'd', by: -2 },
      ],
      { expires: '1m' },
    )
    if (!made.ok) throw new Error('refused')
    const { reservation } = made
    const wrong = [
      [{ counter: 'a', by: -6 }],
      [{ counter: 'a', by: 1 }],
      [{ counter: 'c', by: 5 }],
      [{ counter: 'x', by: 0 }],
    ]
    for (const amounts of wrong) {
      expect(await failure(reservation.commit({ amounts }))).toMatchObject({
        code: 'PENKNIFE_INVALID',
        option: 'amounts',
      })
    }
    const amounts = [
      { counter: 'a', by: -4 },
      { counter: 'c', by: 1 },
      { counter: 'd', by: 0 },
    ]
    expect(await reservation.commit({ amounts })).toEqual({ state: 'committed', repeated: false })
    expect(await reservation.commit({ amounts })).toEqual({ state: 'committed', repeated: true })
    expect(await stock.read(['a', 'b', 'c', 'd'])).toMatchObject([
      { value: 6, available: 6 },
      { value: 9, available: 9 },
      { value: 11, available: 11 },
      { value: 10, available: 10 },
    ])
  })

  test('is forgotten a while after it ended, and leaves nothing', async () => {
    const stock = await open({ initial: 5, dedup: { window: '1m' } })
    const made = await stock.reserve([{ counter: 'a', by: -2 }], { expires: '2m' })
    if (!made.ok) throw new Error('refused')
    await made.reservation.cancel()
    await clock.advance(3 * MINUTE_US)
    await stock.read(['a'])
    expect(await made.reservation.commit()).toEqual({ state: 'unknown', repeated: false })
    expect(await bench.raw.keys('*counter:stock*')).toEqual(['pk1:{shop}:counter:stock:declaration'])
  })

  test('however many expired at once: the next call has all of it back', async () => {
    const stock = await open({ initial: 1000 })
    const each = Array.from({ length: 300 }, () =>
      stock.reserve([{ counter: 'a', by: -1 }], { expires: '1s' }),
    )
    expect((await Promise.all(each)).every(({ ok }) => ok)).toBe(true)
    await clock.advance(MINUTE_US)
    expect(await stock.decrement('a', 1000)).toMatchObject({ ok: true, value: 0 })
  })
})

describe('with a calendar', () => {
  const DAY_US = 86_400_000_000

  test('counters go back to their initial value when the period ends, and the keys of the period expire', async () => {
    const quota = await open({ initial: 100, calendar: 'day', timeZone: 'Europe/Berlin' }, 'quota')
    await quota.decrement('ann', 100)
    expect(await quota.decrement('ann')).toMatchObject({ ok: false, reason: 'floor' })
    await clock.advance(DAY_US)
    expect(await quota.decrement('ann')).toMatchObject({ ok: true, value: 99 })
    const hashes = (await bench.raw.keys('*counter:quota:2*')).toSorted()
    expect(hashes).toHaveLength(2)
    for (const key of hashes) expect(await bench.raw.pttl(key)).toBeGreaterThan(0)
  })

  test('a reservation ends in the period in which it was made', async () => {
    const quota = await open({ initial: 10, calendar: 'day' }, 'quota')
    const made = await quota.reserve([{ counter: 'ann', by: -4 }], { expires: '2d' })
    if (!made.ok) throw new Error('refused')
    await clock.advance(DAY_US)
    expect(await quota.read(['ann'])).toMatchObject([{ value: 10, available: 10 }])
    expect(await quota.commit(made.reservation.id)).toEqual({ state: 'committed', repeated: false })
    expect(await quota.read(['ann'])).toMatchObject([{ value: 10, available: 10 }])
  })
})

test.each([
  [{ floor: 1.5 }, 'floor'],
  [{ floor: 5, ceiling: 4 }, 'ceiling'],
  [{ initial: Number.NaN }, 'initial'],
  [{ floor: 5 }, 'initial'],
  [{ ceiling: 5, initial: 6 }, 'initial'],
  [{ calendar: 'year' as 'day' }, 'createCounters calendar'],
  [{ timeZone: 'UTC' }, 'timeZone'],
  [{ dedup: { window: '1s' as const } }, 'dedup window'],
])('createCounters refuses %o', async (options, option) => {
  const error = await failure(open(options))
  expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option })
})

test('wrong arguments are refused before anything is sent', async () => {
  const stock = await open({}, 'wrong')
  const wrong = [
    () => stock.increment('a', -1),
    () => stock.increment('a\nb'),
    () => stock.increment('a', 0.5),
    () => stock.increment('a', 1, { id: '' }),
    () => stock.change([]),
    () => stock.change([{ counter: 'a', by: 1, flor: 0 } as never]),
    () => stock.reserve([{ counter: 'a', by: 1 }], { expires: '10ms' }),
    () => stock.set('a', Infinity),
    () => stock.commit('a{b}'),
  ]
  for (const call of wrong) expect((await failure(call())).code).toBe('PENKNIFE_INVALID')
  // By its name: what earlier tests sent in the background may arrive late.
  expect(await bench.raw.keys('*wrong*')).toEqual([])
})

test('another process that declares other limits is reported', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  await (await open({ ceiling: 5 })).increment('a')
  await (await open({ ceiling: 6 })).increment('a')
  const saying = expect.stringMatching(/ceiling 5.*and now with.*ceiling 6/)
  await vi.waitFor(() => expect(warned).toHaveBeenCalledWith(saying, expect.anything()))
  warned.mockRestore()
})
