import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { failure } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { all, at, boardAt, HOUR, SECOND } from './boards.ts'

useSettableClock()

const bench = useRedis()

test('an increment counts for exactly as long as a rolling window lasts', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { last: '24h' }, all: 'all-time' } })
  await board.increment('ann', 5)
  await clock.advance(HOUR)
  await board.increment('ann', 2)
  await board.increment('bob', 3)
  expect(await all(board, 'day')).toEqual(['1 ann 7', '2 bob 3'])
  await clock.advance(23 * HOUR - 1)
  expect(await all(board, 'day')).toEqual(['1 ann 7', '2 bob 3'])
  await clock.advance(1)
  expect(await all(board, 'day')).toEqual(['1 bob 3', '2 ann 2'])
  await clock.advance(HOUR)
  expect(await all(board, 'day')).toEqual([])
  expect(await all(board, 'all')).toEqual(['1 ann 7', '2 bob 3'])
})

test('a rolling sum of zero has no row, and an expired increment can bring the row back', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { minute: { last: '1m' } }, decimals: 1 })
  expect(await board.increment('ann', 0.3)).toBe(0.3)
  await clock.advance(SECOND)
  expect(await board.increment('ann', -0.3)).toBe(0)
  expect(await board.rank('ann')).toBeNull()
  await clock.advance(59 * SECOND)
  expect(await all(board, 'minute')).toEqual(['1 ann -0.3'])
  await clock.advance(SECOND)
  expect(await all(board, 'minute')).toEqual([])
})

test('sums with decimals have no rounding errors, however many increments expire', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { minute: { last: '1m' } }, decimals: 2 })
  for (let step = 0; step < 150; step++) {
    await clock.advance(SECOND)
    await board.increment('ann', 0.07)
    await board.increment('bob', step % 2 ? 0.1 : 0.2)
  }
  expect(await all(board, 'minute')).toEqual(['1 bob 9', '2 ann 4.2'])
  expect(await failure(board.increment('ann', 0.001))).toMatchObject({
    code: 'PENKNIFE_INVALID',
    option: 'by',
  })
})

test('with a tolerance, increments of a member share an entry that expires with the first of them', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { last: '24h', tolerance: '1h' } } })
  await board.increment('ann', 1)
  await clock.advance(HOUR - 1)
  await board.increment('ann', 10)
  await clock.advance(1)
  await board.increment('ann', 100)
  expect(await bench.raw.xlen('pk1:{shop}:board:points:window:day:log')).toBe(2)
  await clock.advance(23 * HOUR - 1)
  expect(await all(board, 'day')).toEqual(['1 ann 111'])
  await clock.advance(1)
  expect(await all(board, 'day')).toEqual(['1 ann 100'])
  await clock.advance(HOUR)
  expect(await all(board, 'day')).toEqual([])
})

test('a removed member leaves nothing in a rolling window, and starts anew', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  for (const tolerance of ['0s', '10m'] as const) {
    const board = await boardAt(bench.server.url, { windows: { day: { last: '24h', tolerance } } })
    await board.increment('ann', 5)
    await board.increment('bob', 1)
    await clock.advance(SECOND)
    expect(await board.remove('ann')).toBe(true)
    expect(await board.remove('ann')).toBe(false)
    expect(await board.rank('ann')).toBeNull()
    await board.increment('ann', 2)
    await clock.advance(24 * HOUR - SECOND)
    expect(await all(board, 'day')).toEqual(['1 ann 2'])
    await clock.advance(SECOND)
    expect(await all(board, 'day')).toEqual([])
    await bench.raw.del('pk1:{shop}:board:points:declaration')
  }
})

test('a sum that returns after an expiry or an undo expires like any other', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, {
    windows: { minute: { last: '1m' } },
    denseRanks: true,
    dedup: { window: '1h' },
  })
  const part = 'pk1:{shop}:board:points:window:minute'
  await board.increment('ann', 3, { id: 'a' })
  await clock.advance(30 * SECOND)
  await board.increment('ann', -3)
  expect(await bench.raw.exists(part)).toBe(0)
  const ttls = async (): Promise<number[]> =>
    Promise.all([part, `${part}:scores`].map((key) => bench.raw.pttl(key)))
  await board.undo('a')
  expect(await all(board, 'minute')).toEqual(['1 ann -3'])
  expect(Math.min(...(await ttls()))).toBeGreaterThan(0)
  await board.increment('ann', 3)
  expect(await bench.raw.exists(part)).toBe(0)
  await clock.advance(29 * SECOND)
  await board.increment('ann', 4)
  await board.increment('ann', -4)
  await clock.advance(31 * SECOND)
  // 4 and -4 remain, and then only the increment that restores the sum.
  await board.increment('bob', 2)
  await clock.advance(SECOND)
  await board.increment('bob', -2)
  await clock.advance(59 * SECOND)
  expect(await all(board, 'minute')).toEqual(['1 bob -2'])
  expect(Math.min(...(await ttls()))).toBeGreaterThan(0)
})

test('a window that is emptied and filled again by one batch has a TTL', async () => {
  await createClock(bench.raw).set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { minute: { last: '1m' } } })
  await board.update([
    { member: 'bob', increment: 0 },
    { member: 'ann', increment: 1 },
    { member: 'ann', increment: -1 },
    { member: 'ann', increment: 2 },
  ])
  expect(await bench.raw.pttl('pk1:{shop}:board:points:window:minute')).toBeGreaterThan(60_000)
})
