import { type BoardUpdate, type Leaderboard, type LeaderboardOptions } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { boardAt, fill, shown } from './boards.ts'

const bench = useRedis()
const board = (options?: LeaderboardOptions): Promise<Leaderboard> => boardAt(bench.server.url, options)
const SIX = { ann: 9, bob: 7, cem: 7, dee: 7, eva: 5, fay: 1 }

test('set replaces a score, best keeps the better one', async () => {
  for (const [order, better, worse] of [
    ['descending', 9, 3],
    ['ascending', 3, 9],
  ] as const) {
    const points = await board({ order })
    expect(await points.set('ann', 5)).toBe(5)
    expect(await points.best('ann', worse)).toBe(5)
    expect(await points.best('ann', better)).toBe(better)
    expect(await points.set('ann', worse)).toBe(worse)
    expect(await points.best('bob', 1.5)).toBe(1.5)
    await bench.raw.flushall()
  }
})

test('an ascending board has the lowest score first', async () => {
  const points = await board({ order: 'ascending' })
  await fill(points, SIX)
  expect(shown(await points.top(3))).toEqual(['1 fay 1', '2 eva 5', '3 bob 7'])
  expect(shown(await points.byScore({ min: 5, max: 7, count: 2 }))).toEqual(['2 eva 5', '3 bob 7'])
  expect(await points.increment('ann', -8.5)).toBe(0.5)
  expect((await points.rank('ann'))?.rank).toBe(1)
})

test('a change has the scores and ranks before and after', async () => {
  const points = await board()
  await fill(points, SIX)
  const about = { window: 'all', applied: true }
  expect(await points.increment('fay', 7, { change: true })).toEqual({
    ...about,
    member: 'fay',
    previousScore: 1,
    score: 8,
    previousRank: 6,
    rank: 2,
  })
  expect(await points.set('gus', 0, { change: 'all' })).toEqual({
    ...about,
    member: 'gus',
    previousScore: null,
    score: 0,
    previousRank: null,
    rank: 7,
  })
  expect(await points.best('ann', 2, { change: true })).toMatchObject({ score: 9, rank: 1, applied: false })
})

test('a batch is applied in order, and each update builds on the ones before it', async () => {
  const points = await board()
  const updates: BoardUpdate[] = [
    { member: 'ann', set: 5 },
    { member: 'ann', increment: 2 },
    { member: 'bob', best: 6 },
    { member: 'ann', best: 3 },
  ]
  expect(await points.update(updates)).toEqual([5, 7, 6, 7])
  const changes = await points.update([{ member: 'bob', increment: 2 }], { change: true })
  expect(changes).toMatchObject([{ previousScore: 6, score: 8, previousRank: 2, rank: 1 }])
})

test('a batch with one refused update changes nothing', async () => {
  const points = await board()
  await points.increment('ann', Number.MAX_VALUE)
  const updates: BoardUpdate[] = [
    { member: 'bob', increment: 1 },
    { member: 'ann', increment: Number.MAX_VALUE },
  ]
  expect(await failure(points.update(updates))).toMatchObject({
    code: 'PENKNIFE_REJECTED',
    fate: 'not-done',
  })
  expect(await points.count()).toBe(1)
  const cem = { member: 'cem', increment: Number.MAX_VALUE }
  expect(await failure(points.update([cem, cem]))).toMatchObject({ code: 'PENKNIFE_REJECTED' })
  expect(await points.count()).toBe(1)
})

test('an update changes no window when the key of one has another type', async () => {
  const points = await board({ windows: { all: 'all-time', hour: { last: '1h' } } })
  await bench.raw.set('pk1:{shop}:board:points:window:hour', 'text')
  expect(await failure(points.increment('ann'))).toMatchObject({ code: 'PENKNIFE_REJECTED' })
  expect(await bench.raw.exists('pk1:{shop}:board:points')).toBe(0)
})

test('a bounded board keeps the best members and refuses increments', async () => {
  const points = await board({ keep: 3, denseRanks: true })
  await points.describe('eva', { name: 'Eva' })
  await fill(points, { eva: 1, ann: 9, bob: 7, cem: 7 })
  expect(shown(await points.top())).toEqual(['1 ann 9', '2 bob 7', '3 cem 7'])
  expect(await bench.raw.hlen('pk1:{shop}:board:points:data')).toBe(0)
  expect(await bench.raw.zrange('pk1:{shop}:board:points:all:scores', '0', '-1')).toEqual(['-9', '-7'])
  expect(await points.best('dee', 5)).toBe(5)
  expect(await points.best('dee', 6, { change: true })).toMatchObject({
    score: null,
    rank: null,
    applied: true,
  })
  expect(await points.best('dee', 8, { change: true })).toMatchObject({ score: 8, rank: 2 })
  expect(shown(await points.top())).toEqual(['1 ann 9', '2 dee 8', '3 bob 7'])
  expect(await failure(points.increment('ann'))).toMatchObject({
    code: 'PENKNIFE_INVALID',
    option: 'increment',
  })
})

test('a board with a lowered keep drops 64 members in a call', async () => {
  const many = await board({ keep: 500 })
  await Promise.all(Array.from({ length: 300 }, (_, nth) => many.set(`m${nth}`, nth)))
  const few = await board({ keep: 100 })
  for (const left of [300 - 64, 300 - 128, 300 - 192, 100, 100]) {
    await few.set('m299', 299 + left)
    expect(await few.count()).toBe(left)
  }
  expect((await few.top(1, 100))[0]?.member).toBe('m200')
})

test('a removed member is gone from every window with its data', async () => {
  const points = await board({
    windows: { all: 'all-time', day: { calendar: 'day' }, hour: { last: '1h' } },
    dedup: { window: '1h' },
  })
  await points.describe('ann', 'Ann')
  await points.increment('ann', 5, { id: 'a' })
  await points.increment('bob')
  expect(await points.remove('ann')).toBe(true)
  expect(await points.remove('ann')).toBe(false)
  for (const window of points.windows) {
    expect((await points.top(10, 1, { window })).map(({ member }) => member)).toEqual(['bob'])
  }
  await points.increment('ann')
  expect(await points.rank('ann', { data: true })).toEqual({
    member: 'ann',
    score: 1,
    rank: 2 - 1,
    data: null,
  })
})
