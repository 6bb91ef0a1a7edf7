import { expect, test } from 'vitest'

import { useRedis } from '../support/redis.ts'
import { boardAt, fill, shown } from './boards.ts'

const bench = useRedis()

test('a member near an end of the board has as many rows around it as one in the middle', async () => {
  const board = await boardAt(bench.server.url)
  await fill(board, { a: 7, b: 6, c: 5, d: 4, e: 3, f: 2, g: 1 })
  const around = async (member: string): Promise<unknown> =>
    (await board.around(member, 2, { fill: true }))?.map((row) => row.member).join('')
  expect(await Promise.all(['a', 'b', 'd', 'f', 'g'].map(around))).toEqual([
    'abcde',
    'abcde',
    'bcdef',
    'cdefg',
    'cdefg',
  ])
  expect(shown(await board.around('b', 9, { fill: true }))).toHaveLength(7)
  expect(await board.around('nobody', 2, { fill: true })).toBeNull()
})

test('the rank that a score would have is known before it is reached', async () => {
  const board = await boardAt(bench.server.url, { denseRanks: true, decimals: 1 })
  await fill(board, { a: 9, b: 7, c: 7, d: 5 })
  const ranks = (score: number): Promise<readonly number[]> =>
    Promise.all(
      (['ordinal', 'competition', 'dense'] as const).map((style) => board.rankFor(score, { ranks: style })),
    )
  expect(await ranks(7)).toEqual([4, 2, 2])
  // Not a score of this board.
  expect(await ranks(7.05)).toEqual([2, 2, 2])
  expect(await ranks(-Infinity)).toEqual([5, 5, 4])
  expect(await ranks(Infinity)).toEqual([1, 1, 1])
})

test('bounds of a range can be left out of it', async () => {
  for (const options of [{}, { decimals: 0 }, { order: 'ascending' as const }]) {
    const board = await boardAt(bench.server.url, options)
    await fill(board, { a: 1, b: 2, c: 3, d: 4 })
    expect(await board.count({ above: 1, below: 4 })).toBe(2)
    expect(await board.count({ above: 1, max: 4 })).toBe(3)
    expect(await board.count({ above: 2, below: 3 })).toBe(0)
    const ranks = (await board.byScore({ above: 2, max: 4 })).map(({ rank, member }) => `${rank} ${member}`)
    expect(ranks).toEqual(options.order ? ['3 c', '4 d'] : ['1 d', '2 c'])
    await bench.raw.flushall()
  }
})

test('the sum of all scores is exact, also of more members than one call reads', async () => {
  const board = await boardAt(bench.server.url, { decimals: 1 })
  expect(await board.sum()).toBe(0)
  await fill(board, { a: 0.1, b: 0.2 })
  expect(await board.sum()).toBe(0.3)
  await Promise.all(Array.from({ length: 1200 }, (_, at) => board.set(`m${at}`, -0.1)))
  expect(await board.sum()).toBe(-119.7)
})

test('an interpolated score lies between two members', async () => {
  const board = await boardAt(bench.server.url)
  expect(await board.scoreAt(50, { interpolate: true })).toBeNull()
  await fill(board, { a: 40, b: 35, c: 20, d: 15 })
  const percentiles = [0, 50, 40, 100]
  const scores = percentiles.map((percent) => board.scoreAt(percent, { interpolate: true }))
  expect(await Promise.all(scores)).toEqual([15, 27.5, expect.closeTo(23), 40])
  expect(await board.percentile('b', { interpolate: true })).toBeCloseTo(66.67, 2)
  const percent = await board.percentile('b', { interpolate: true })
  expect(await board.scoreAt(percent as number, { interpolate: true })).toBe(35)
})

test('data of a member that is not on the board can be read', async () => {
  const board = await boardAt(bench.server.url)
  await board.describe('ann', { name: 'Ann' })
  expect(await board.rank('ann', { data: true })).toBeNull()
  expect(await board.data('ann')).toEqual({ name: 'Ann' })
  expect(await board.data('bob')).toBeNull()
})

test('members are removed by a range of ranks or scores, from every window', async () => {
  const windows = { all: 'all-time', day: { calendar: 'day' }, hour: { last: '1h' } } as const
  const board = await boardAt(bench.server.url, { windows })
  await Promise.all(Array.from({ length: 120 }, (_, at) => board.increment(`m${at}`, at + 1)))
  expect(await board.removeRange({ from: 101 })).toBe(20)
  expect(await board.removeRange({ above: 118, max: 120 }, { window: 'hour' })).toBe(2)
  expect(await board.removeRange({ from: 2, to: 80 }, { window: 'day', erase: false })).toBe(79)
  expect(await board.removeRange({ min: 1000 })).toBe(0)
  const counts = ['all', 'day', 'hour'].map((window) => board.count({}, { window }))
  expect(await Promise.all(counts)).toEqual([19, 19, 19])
  expect(shown(await board.top(2))).toEqual(['1 m117 118', '2 m37 38'])
  await expect(board.removeRange({ from: 1, min: 2 })).rejects.toThrow(/range is/)
  await expect(board.removeRange({})).rejects.toThrow(/range is/)
})
