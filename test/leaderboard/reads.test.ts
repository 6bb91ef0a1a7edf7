import { type Leaderboard, type LeaderboardOptions, type BoardRankStyle } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { boardAt, fill, shown } from './boards.ts'

const bench = useRedis()
const board = (options?: LeaderboardOptions): Promise<Leaderboard> => boardAt(bench.server.url, options)
const SIX = { ann: 9, bob: 7, cem: 7, dee: 7, eva: 5, fay: 1 }

test.each<[BoardRankStyle, number[]]>([
  ['ordinal', [1, 2, 3, 4, 5, 6]],
  ['competition', [1, 2, 2, 2, 5, 6]],
  ['dense', [1, 2, 2, 2, 3, 4]],
])('%s ranks agree in every read', async (ranks, expected) => {
  const points = await board({ denseRanks: true })
  await fill(points, { gus: 3, hal: 9, ...SIX, gil: 8 })
  await points.set('gus', 7)
  for (const member of ['gus', 'hal', 'gil']) await points.remove(member)
  const members = Object.keys(SIX)
  const of = (rows: readonly ({ rank: number } | null)[] | null): unknown => rows?.map((row) => row?.rank)
  expect(of(await points.top(10, 1, { ranks }))).toEqual(expected)
  expect(of(await points.ranks(members, { ranks }))).toEqual(expected)
  expect(of(await Promise.all(members.map((member) => points.rank(member, { ranks }))))).toEqual(expected)
  for (let from = 1; from <= 6; from++) {
    expect(of(await points.top(2, from, { ranks }))).toEqual(expected.slice(from - 1, from + 1))
  }
  expect(of(await points.around('dee', 1, { ranks }))).toEqual(expected.slice(2, 5))
  expect(of(await points.byScore({ max: 7 }, { ranks }))).toEqual(expected.slice(1))
  expect(of(await points.among(['fay', 'cem', 'nobody', 'dee'], { ranks }))).toEqual([
    expected[2],
    expected[3],
    expected[5],
  ])
})

test('among ranks the given members, each once', async () => {
  const points = await board()
  await fill(points, SIX)
  const rows = await points.among(['fay', 'dee', 'nobody', 'cem', 'fay'], { ranks: 'competition' })
  expect(rows.map(({ member, place, rank }) => [member, place, rank])).toEqual([
    ['cem', 1, 2],
    ['dee', 1, 2],
    ['fay', 3, 6],
  ])
  expect((await points.among(['eva', 'dee'])).map(({ place, rank }) => [place, rank])).toEqual([
    [1, 4],
    [2, 5],
  ])
  expect(await points.among([])).toEqual([])
})

test('many members are read in the given order', async () => {
  const points = await board()
  const members = Array.from({ length: 130 }, (_, at) => `m${at}`)
  await Promise.all(members.map((member, at) => points.set(member, at)))
  const found = await points.ranks(['nobody', ...members])
  expect(found.map((row) => row?.score)).toEqual([undefined, ...members.map((_, at) => at)])
  expect(found.map((row) => row?.rank)).toEqual([undefined, ...members.map((_, at) => 130 - at)])
})

test('scores in a range are listed and counted, both ends included', async () => {
  const points = await board()
  await fill(points, { ...SIX, gus: -2.5 })
  expect(await points.count()).toBe(7)
  expect(await points.count({ min: 7 })).toBe(4)
  expect(await points.count({ max: 5 })).toBe(3)
  expect(await points.count({ min: -2.5, max: 1 })).toBe(2)
  expect(await points.count({ min: 8, max: 3 })).toBe(0)
  expect(shown(await points.byScore({ min: 5, max: 7 }))).toEqual([
    '2 bob 7',
    '3 cem 7',
    '4 dee 7',
    '5 eva 5',
  ])
  expect(shown(await points.byScore({ max: 7, count: 2, from: 3 }))).toEqual(['4 dee 7', '5 eva 5'])
  expect(await points.byScore({ min: 10 })).toEqual([])
  expect(await points.byScore({ max: -3 })).toEqual([])
  expect(await points.byScore({ max: 7, from: 9 })).toEqual([])
})

test('a range of scores with decimals is exact', async () => {
  const points = await board({ decimals: 2 })
  await fill(points, { ann: 0.29, bob: 0.57, cem: 1.13 })
  expect(await points.count({ min: 0.29, max: 0.57 })).toBe(2)
  expect(await points.count({ min: 0.291, max: 0.569 })).toBe(0)
  expect(await points.count({ min: -1e300, max: 1e300 })).toBe(3)
  expect(await points.count({ min: 1e300 })).toBe(0)
  expect(await points.increment('ann', 0.01)).toBe(0.3)
})

test('a percentile counts the members that are no better, and scoreAt finds its score', async () => {
  const points = await board()
  await fill(points, SIX)
  expect(await points.percentile('ann')).toBe(100)
  expect(await points.percentile('cem')).toBeCloseTo((100 * 5) / 6)
  expect(await points.percentile('fay')).toBeCloseTo(100 / 6)
  expect(await points.percentile('nobody')).toBeNull()
  for (const [member, score] of Object.entries(SIX)) {
    expect(await points.scoreAt((await points.percentile(member)) as number)).toBe(score)
  }
  expect(await Promise.all([0, 16, 17, 50, 99, 100].map((percent) => points.scoreAt(percent)))).toEqual([
    1, 1, 5, 7, 9, 9,
  ])
  await bench.raw.flushall()
  expect(await points.scoreAt(50)).toBeNull()
})

test('rows have data when the read asks for them', async () => {
  const points = await board()
  await fill(points, { ann: 2, bob: 1 })
  await points.describe('ann', { name: 'Ann', avatar: null })
  expect(await points.top(2, 1, { data: true })).toEqual([
    { member: 'ann', score: 2, rank: 1, data: { name: 'Ann', avatar: null } },
    { member: 'bob', score: 1, rank: 2, data: null },
  ])
  expect((await points.among(['ann'], { data: true }))[0]?.data).toEqual({ name: 'Ann', avatar: null })
  await points.describe('ann', null)
  expect(await points.rank('ann', { data: true })).toEqual({ member: 'ann', score: 2, rank: 1, data: null })
  expect(await failure(points.top(201, 1, { data: true }))).toMatchObject({ option: 'data' })
  expect(await failure(points.describe('ann', 'x'.repeat(4095)))).toMatchObject({ option: 'data' })
})
