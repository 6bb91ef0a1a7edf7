import type { BoardUpdate, Leaderboard } from '@penknife/core'
import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { failure } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { all, at, boardAt, HOUR } from './boards.ts'

useSettableClock()

const bench = useRedis()

test('one update goes to every window, and each period shows its own', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-11-22T22:30:00Z'))
  const board = await boardAt(bench.server.url, {
    windows: {
      all: 'all-time',
      today: { calendar: 'day', timeZone: 'Europe/Berlin' },
      week: { calendar: 'week' },
    },
  })
  expect(await board.increment('ann', 5)).toBe(5)
  await clock.set(at('2026-11-22T23:00:00Z'))
  // A new day in Berlin, and still the week before in UTC.
  expect(await board.increment('ann', 2)).toBe(7)
  await board.increment('bob', 4)
  expect(await all(board, 'all')).toEqual(['1 ann 7', '2 bob 4'])
  expect(await all(board, 'today')).toEqual(['1 bob 4', '2 ann 2'])
  expect(await all(board, 'today', 1)).toEqual(['1 ann 5'])
  expect(await all(board, 'week')).toEqual(['1 ann 7', '2 bob 4'])
  await clock.set(at('2026-11-23T00:00:00Z'))
  expect(await all(board, 'week')).toEqual([])
  expect(await all(board, 'week', 1)).toEqual(['1 ann 7', '2 bob 4'])
  expect((await board.rank('bob', { window: 'today' }))?.rank).toBe(1)
})

test('an update that a window refuses changes no window', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { all: 'all-time', hour: { last: '1h' } } })
  const most = Number.MAX_SAFE_INTEGER
  await board.increment('ann', most)
  await clock.advance(HOUR)
  const updates: BoardUpdate[] = [
    { member: 'bob', increment: 1 },
    { member: 'ann', increment: 1 },
  ]
  expect(await failure(board.update(updates))).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
  expect(await failure(board.increment('ann', 1))).toMatchObject({ code: 'PENKNIFE_REJECTED' })
  expect(await all(board, 'all')).toEqual([`1 ann ${most}`])
  expect(await all(board, 'hour')).toEqual([])
})

test('boards of one name in several processes share their windows', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const windows = { day: { last: '24h' }, hour: { calendar: 'hour' } } as const
  const boards = await Promise.all([1, 2, 3].map(() => boardAt(bench.server.url, { windows })))
  await Promise.all(
    Array.from({ length: 300 }, (_, nth) => (boards[nth % 3] as Leaderboard).increment(`m${nth % 7}`, nth)),
  )
  const [one, two, three] = await Promise.all(boards.map((board) => board.top()))
  expect(two).toEqual(one)
  expect(three).toEqual(one)
  expect(one?.reduce((sum, { score }) => sum + score, 0)).toBe((299 * 300) / 2)
})

test('a member that is removed just after a clock was set back over midnight is gone from the new day too', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-02T00:00:00Z'))
  const windows = { all: 'all-time', day: { calendar: 'day', previous: 2 } } as const
  const board = await boardAt(bench.server.url, { windows, denseRanks: true })
  await board.increment('ann')
  await board.increment('bob')
  await clock.advance(-1)
  await board.increment('ann')
  expect(await board.remove('ann')).toBe(true)
  expect(await all(board, 'day')).toEqual([])
  await clock.advance(1)
  expect(await all(board, 'day')).toEqual(['1 bob 1'])
  await board.increment('ann', 0.5)
  // Removed in the new day, it is also gone from the day before, which began again while the clock was set back.
  await clock.advance(-1)
  await board.increment('ann')
  await clock.advance(1)
  await board.remove('ann')
  for (const previous of [0, 1]) {
    expect(await all(board, 'day', previous)).toEqual(previous === 0 ? ['1 bob 1'] : [])
  }
})
