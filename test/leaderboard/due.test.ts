import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { all, at, boardAt, HOUR } from './boards.ts'

useSettableClock()

const bench = useRedis()

test('a read removes many expired entries in bounded steps and returns the rest', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { last: '24h' } }, denseRanks: true })
  await Promise.all(Array.from({ length: 1050 }, (_, nth) => board.increment(`m${nth % 700}`, 1 + (nth % 5))))
  await clock.advance(HOUR)
  await board.increment('ann', 3)
  await clock.advance(23 * HOUR)
  await bench.raw.config('RESETSTAT')
  expect(await all(board, 'day')).toEqual(['1 ann 3'])
  const stats = await bench.raw.info('commandstats')
  // 1,050 entries, at most 32 in a call.
  expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])).toBeGreaterThanOrEqual(33)
  expect(await bench.raw.zcard('pk1:{shop}:board:points:window:day:scores')).toBe(1)
})

test('two windows with many expired entries share one bound of removals', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { last: '24h' }, long: { last: '25h' } } })
  await Promise.all(Array.from({ length: 32 }, (_, nth) => board.increment(`m${nth}`)))
  await clock.advance(2 * HOUR)
  await board.increment('ann', 3)
  await clock.advance(23 * HOUR)
  // The 32 of the first window are all that this call may take.
  expect(await board.increment('ann', 1)).toBe(4)
  for (const window of board.windows) expect(await all(board, window)).toEqual(['1 ann 4'])
})

test('an update of many changes shares a call with few removals of entries, but not with many', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { all: 'all-time', day: { last: '24h' } } })
  const changes = Array.from({ length: 25 }, (_, nth) => ({ member: `m${nth}`, increment: 1 }))
  const calls: number[] = []
  for (const due of [16, 17]) {
    await board.update(changes.slice(0, due))
    await clock.advance(HOUR)
    await board.increment('ann')
    await clock.advance(23 * HOUR)
    await bench.raw.config('RESETSTAT')
    expect((await board.update(changes)).slice(0, 2)).toEqual(due === 16 ? [2, 2] : [4, 4])
    calls.push(await callsOf(bench.raw, 'evalsha'))
    expect(await board.rank('m0', { window: 'day' })).toMatchObject({ score: 1 })
    await clock.advance(24 * HOUR)
  }
  expect(calls).toEqual([1, 2])
})

test('a window that expired as a whole is dropped at once', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { last: '24h', tolerance: '1h' } } })
  await Promise.all(Array.from({ length: 1000 }, (_, nth) => board.increment(`m${nth}`)))
  await clock.advance(24 * HOUR)
  await bench.raw.config('RESETSTAT')
  expect(await board.count()).toBe(0)
  const stats = await bench.raw.info('commandstats')
  expect(stats).toMatch(/cmdstat_evalsha:calls=1,/)
  expect(stats).toMatch(/cmdstat_unlink:calls=1,/)
  expect(await bench.raw.keys('pk1:*')).toEqual(['pk1:{shop}:board:points:declaration'])
})

test('a process that stops while it removes expired entries leaves the rest to the next', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const windows = { day: { last: '24h' } } as const
  const first = await boardAt(bench.server.url, { windows, dedup: { window: '2d' } })
  await Promise.all(Array.from({ length: 500 }, (_, nth) => first.increment(`m${nth % 50}`, 1)))
  await clock.advance(HOUR)
  await Promise.all(Array.from({ length: 50 }, (_, nth) => first.increment(`m${nth}`, 2)))
  await clock.advance(23 * HOUR)
  const { leaderboardReadRolling: script } = await import('../../packages/core/src/redis/scripts.gen.ts')
  const part = (name: string): string => `pk1:{shop}:board:points:window:day${name}`
  const keys = [part(''), part(':log'), part(':gone'), 'pk1:{shop}:board:points:data']
  const plan = JSON.stringify({ windows: [{ z: [1], log: 2, gone: 3, last: 24 * HOUR }], data: 4 })
  // One step, as of a process that dies after it. Then another process continues.
  const step = await bench.raw.eval(
    script.text,
    keys.length,
    ...keys,
    plan,
    'count',
    'ordinal',
    '0',
    '-inf',
    '+inf',
    '',
    '',
  )
  expect(step).toBe(0)
  expect(await bench.raw.xlen(part(':log'))).toBe(518)
  const second = await boardAt(bench.server.url, { windows, dedup: { window: '2d' } })
  const rows = await second.top(1000)
  expect(rows).toHaveLength(50)
  expect(rows.every(({ score }) => score === 2)).toBe(true)
})

test('reads made while many entries have expired wait until all are removed', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { hour: { last: '1h' } } }, { deadline: '10s' })
  const due = 5000
  for (let from = 0; from < due; from += 1000) {
    await Promise.all(Array.from({ length: 1000 }, (_, nth) => board.increment(`m${(from + nth) % 700}`, 2)))
  }
  await clock.advance(HOUR / 2)
  await board.increment('late', 1)
  await clock.advance(HOUR / 2)
  await bench.raw.config('RESETSTAT')
  const [top, count, rank, gone] = await Promise.all([
    board.top(10),
    board.count(),
    board.rank('late'),
    board.rank('m1'),
  ])
  expect(top).toEqual([{ member: 'late', score: 1, rank: 1 }])
  expect([count, rank?.rank, gone]).toEqual([1, 1, null])
  expect(await callsOf(bench.raw, 'evalsha')).toBeGreaterThanOrEqual(due / 32)
})
