import {
  createCounters,
  createLock,
  createObjects,
  fencedRead,
  fencedWrite,
  type Space,
} from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()
const MARK = 'pk1:{shop}:fence:of:plan'
const tokenOf = (token: number) => ({ key: 'plan', token })

async function open(): Promise<Space> {
  return (await openReady(pattern(bench.server.url))).space('shop')
}

test('a value written by a later holder is not overwritten by an earlier one', async () => {
  const shop = await open()
  const lock = createLock(shop, 'plans')
  const early = await lock.acquire('plan')
  await early?.release()
  const late = await lock.acquire('plan')
  if (!early || !late) throw new Error('no lock')
  expect(await fencedRead(shop, 'plan')).toBeUndefined()
  expect(await fencedWrite(shop, tokenOf(late.fence), { by: 'late' })).toEqual({ ok: true })
  expect(await fencedWrite(shop, tokenOf(early.fence), { by: 'early' })).toEqual({
    ok: false,
    reason: 'fence',
    fence: late.fence,
  })
  expect(await fencedRead(shop, 'plan')).toEqual({ value: { by: 'late' }, token: late.fence })
  expect(await fencedWrite(shop, tokenOf(late.fence), [1, 'again'])).toEqual({ ok: true })
  expect(await fencedRead(shop, 'plan')).toMatchObject({ value: [1, 'again'] })
})

test('counters, objects and values share the tokens of a key', async () => {
  const shop = await open()
  const stock = createCounters(shop, 'stock', { initial: 10 })
  const plans = createObjects<{ sold: number }>(shop, 'plans')
  const refused = { ok: false, reason: 'fence', fence: 7 }
  expect(await stock.decrement('a', 1, { fence: tokenOf(7) })).toMatchObject({ ok: true, value: 9 })
  const old = { fence: tokenOf(6) }
  expect(await stock.decrement('a', 1, old)).toEqual(refused)
  expect(await stock.decrement('a', 1, { ...old, id: 'order-1' })).toEqual(refused)
  expect(await stock.set('a', 1, old)).toEqual(refused)
  expect(await stock.change([{ counter: 'a', by: -1 }], old)).toEqual(refused)
  expect(await stock.reserve([{ counter: 'a', by: -1 }], { ...old, expires: '1m' })).toEqual(refused)
  expect(await plans.set('a', { sold: 1 }, old)).toEqual(refused)
  expect(await plans.merge('a', { sold: 1 }, old)).toEqual(refused)
  expect(await plans.increment('a', 'sold', 1, old)).toEqual(refused)
  expect(await plans.delete('a', old)).toEqual(refused)
  expect(await fencedWrite(shop, old.fence, 1)).toEqual(refused)
  expect(await stock.read(['a'])).toMatchObject([{ value: 9, available: 9 }])
  expect(await plans.get('a')).toBeUndefined()
})

test('a reservation is not ended by the holder of an earlier lease', async () => {
  const shop = await open()
  const stock = createCounters(shop, 'stock', { initial: 10 })
  const made = await stock.reserve([{ counter: 'a', by: -2 }], { expires: '1m', fence: tokenOf(7) })
  if (!made.ok) throw new Error('refused')
  const { reservation } = made
  const refused = { state: 'refused', repeated: false, fence: 7 }
  expect(await reservation.commit({ fence: tokenOf(6) })).toEqual(refused)
  expect(await reservation.cancel({ fence: tokenOf(6) })).toEqual(refused)
  expect(await reservation.commit({ fence: tokenOf(8) })).toEqual({ state: 'committed', repeated: false })
  expect(await stock.decrement('a', 1, { fence: tokenOf(7) })).toMatchObject({ reason: 'fence', fence: 8 })
})

test('the same counters work with a fence in a calendar', async () => {
  const quota = createCounters(await open(), 'quota', { initial: 10, calendar: 'day' })
  const first = await quota.decrement('ann', 1, { fence: tokenOf(7), id: 'x' })
  expect(await quota.decrement('ann', 1, { fence: tokenOf(7), id: 'x' })).toEqual({
    ...first,
    repeated: true,
  })
  const made = await quota.reserve([{ counter: 'ann', by: -2 }], { expires: '1m', fence: tokenOf(7) })
  if (!made.ok) throw new Error('refused')
  expect(await quota.cancel(made.reservation.id, { fence: tokenOf(7) })).toMatchObject({ state: 'cancelled' })
  expect(await quota.read(['ann'])).toMatchObject([{ value: 9, available: 9 }])
})

test('a call that a floor refuses leaves the token as it was', async () => {
  const shop = await open()
  const stock = createCounters(shop, 'stock')
  expect(await stock.decrement('a', 1, { fence: tokenOf(9) })).toMatchObject({ reason: 'floor' })
  expect(await bench.raw.exists(MARK)).toBe(0)
  expect(await fencedWrite(shop, tokenOf(8), 1)).toEqual({ ok: true })
  expect(await bench.raw.get(MARK)).toBe('8')
  expect(await bench.raw.pttl(MARK)).toBeGreaterThan(30 * 86_400_000)
})

test('a key that another program spoiled is an error, and nothing is written', async () => {
  const shop = await open()
  await bench.raw.set(MARK, 'x')
  const stock = createCounters(shop, 'stock', { initial: 1 })
  const error = await failure(stock.decrement('a', 1, { fence: tokenOf(9) }))
  expect(error).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
  expect(await stock.read(['a'])).toMatchObject([{ value: 1 }])
})

test.each([
  [7 as never, 'fence'],
  [{ key: 'plan' } as never, 'fence token'],
  [{ key: '', token: 1 }, 'fence key'],
  [{ key: 'plan', token: 0.5 }, 'fence token'],
])('the fence %o is refused', async (fence, option) => {
  const shop = await open()
  expect((await failure(fencedWrite(shop, fence, 1))).option).toBe(option)
  expect((await failure(createCounters(shop, 'stock').increment('a', 1, { fence }))).option).toBe(option)
  expect((await failure(createObjects(shop, 'plans').set('a', 1, { fence }))).option).toBe(option)
})
