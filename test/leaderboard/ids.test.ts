import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { useRedis } from '../support/redis.ts'
import { all, at, boardAt, HOUR } from './boards.ts'

useSettableClock()

const bench = useRedis()

test('undo takes an increment out of the windows and periods that still count it, once', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T23:00:00Z'))
  const board = await boardAt(bench.server.url, {
    windows: {
      all: 'all-time',
      day: { calendar: 'day' },
      hours: { last: '2h' },
      about: { last: '6h', tolerance: '1h' },
    },
    dedup: { window: '1d' },
  })
  expect(await board.increment('ann', 5, { id: 'a' })).toBe(5)
  expect(await board.increment('ann', 5, { id: 'a' })).toBe(5)
  await board.increment('ann', 1, { id: 'b' })
  await clock.advance(HOUR)
  await board.increment('ann', 10, { id: 'c' })
  await clock.advance(HOUR)
  expect(await board.undo('a')).toBe(true)
  expect(await board.undo('a')).toBe(false)
  expect(await board.increment('ann', 5, { id: 'a' })).toBe(11)
  expect(await all(board, 'all')).toEqual(['1 ann 11'])
  expect(await all(board, 'day')).toEqual(['1 ann 10'])
  expect(await all(board, 'day', 1)).toEqual(['1 ann 1'])
  expect(await all(board, 'hours')).toEqual(['1 ann 10'])
  expect(await all(board, 'about')).toEqual(['1 ann 11'])
  expect(await board.undo('c')).toBe(true)
  expect(await all(board, 'hours')).toEqual([])
  await clock.advance(22 * HOUR)
  // A day after it was made 'b' is forgotten.
  expect(await board.undo('b')).toBe(false)
  expect(await all(board, 'about')).toEqual([])
  expect(await all(board, 'all')).toEqual(['1 ann 1'])
})

test('an increment that no window counts any more is not undone', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T22:30:00Z'))
  const windows = { day: { calendar: 'day', previous: 0 }, hour: { last: '1h' } } as const
  const board = await boardAt(bench.server.url, { windows, dedup: { window: '30d' } })
  for (const id of ['season', 'hour', 'late']) await board.increment('ann', 5, { id })
  await board.increment('ann', 0, { id: 'nothing' })
  await board.endSeason('spring', { window: 'day' })
  expect(await board.undo('season')).toBe(true)
  expect(await board.season('spring').top()).toMatchObject([{ member: 'ann', score: 15 }])
  await clock.advance(HOUR)
  expect(await board.undo('hour')).toBe(false)
  await board.increment('ann', 1, { id: 'anew' })
  expect(await board.undo('late')).toBe(false)
  expect(await board.undo('nothing')).toBe(false)
  expect(await board.undo('anew')).toBe(true)
})

test('an increment of a member that was removed since is not undone', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T23:00:00Z'))
  const board = await boardAt(bench.server.url, { dedup: { window: '1d' } })
  await board.increment('ann', 5, { id: 'a' })
  await board.remove('ann')
  await board.increment('ann', 1, { id: 'b' })
  expect(await board.undo('a')).toBe(false)
  expect(await board.undo('b')).toBe(true)
  expect(await board.rank('ann')).toEqual({ member: 'ann', score: 0, rank: 1 })
})

test('expired ids are deleted in bounded steps', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { dedup: { window: '1h' } })
  for (let nth = 0; nth < 100; nth++) await board.increment('ann', 1, { id: `old-${nth}` })
  await clock.advance(HOUR)
  for (let nth = 0; nth < 40; nth++) await board.increment('ann', 1, { id: `new-${nth}` })
  expect(await bench.raw.hlen('pk1:{shop}:board:points:ids')).toBe(40)
  expect(await bench.raw.xlen('pk1:{shop}:board:points:idlog')).toBe(40)
})

test('removals leave nothing among the ids', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { dedup: { window: '1h' } })
  for (let nth = 0; nth < 10; nth++) await board.increment('ann', 1, { id: `ann-${nth}` })
  for (let nth = 0; nth < 100; nth++) await board.remove(`nobody-${nth}`)
  await board.remove('ann')
  expect(await bench.raw.hlen('pk1:{shop}:board:points:ids')).toBe(10)
  expect(await bench.raw.xlen('pk1:{shop}:board:points:idlog')).toBe(10)
})
