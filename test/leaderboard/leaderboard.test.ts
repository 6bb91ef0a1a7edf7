import { createLeaderboard, type Leaderboard } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()
const KEY = 'pk1:{shop}:board:points'

async function points(scores: Readonly<Record<string, number>> = {}): Promise<Leaderboard> {
  const penknife = await openReady(pattern(bench.server.url))
  const board = createLeaderboard(penknife.space('shop'), 'points')
  await Promise.all(Object.entries(scores).map(([member, score]) => board.increment(member, score)))
  return board
}

const SIX = { ann: 60, bob: 50, cem: 40, dee: 30, eva: 20, fay: 10 }

test('increment adds one by default, and resolves with the new score', async () => {
  const board = await points()
  expect(await board.increment('ann')).toBe(1)
  expect(await board.increment('ann', 4)).toBe(5)
  expect(await board.increment('ann', -7.5)).toBe(-2.5)
  expect(await board.increment('ann', 0)).toBe(-2.5)
})

test('an increment of zero puts a member on the board', async () => {
  const board = await points()
  await board.increment('ann', 0)
  expect(await board.rank('ann')).toEqual({ member: 'ann', score: 0, rank: 1 })
})

test('the board lists the highest score first, in pages', async () => {
  const board = await points(SIX)
  expect(await board.top()).toEqual(
    Object.entries(SIX).map(([member, score], at) => ({ member, score, rank: at + 1 })),
  )
  expect(await board.top(2)).toEqual([
    { member: 'ann', score: 60, rank: 1 },
    { member: 'bob', score: 50, rank: 2 },
  ])
  expect((await board.top(2, 3)).map(({ member, rank }) => [member, rank])).toEqual([
    ['cem', 3],
    ['dee', 4],
  ])
  expect((await board.top(10, 6)).map(({ member, rank }) => [member, rank])).toEqual([['fay', 6]])
  expect(await board.top(10, 7)).toEqual([])
})

test('top lists ten members by default', async () => {
  const board = await points(Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`m${at}`, at])))
  expect(await board.top()).toHaveLength(10)
})

test('of equal scores the member that is earlier in byte order ranks first', async () => {
  const board = await points({ a: 1, b: 1, B: 1, ż: 1, '\u{1f422}': 1, '\ufffd': 1 })
  expect((await board.top()).map(({ member }) => member)).toEqual(['B', 'a', 'b', 'ż', '\ufffd', '\u{1f422}'])
  expect((await board.rank('a'))?.rank).toBe(2)
})

test('fractional and negative scores are exact', async () => {
  const board = await points()
  expect(await board.increment('a', 0.1)).toBe(0.1)
  expect(await board.increment('a', 0.2)).toBe(0.1 + 0.2)
  expect(await board.increment('b', -1 / 3)).toBe(-1 / 3)
  expect(await board.increment('c', 2 ** 53 - 1)).toBe(2 ** 53 - 1)
  expect(await board.increment('d', Number.MIN_VALUE)).toBe(Number.MIN_VALUE)
  expect((await board.top()).map(({ score }) => score)).toEqual([
    2 ** 53 - 1,
    0.1 + 0.2,
    Number.MIN_VALUE,
    -1 / 3,
  ])
})

test('the largest scores are exact, and an increment beyond them is refused and changes nothing', async () => {
  const board = await points({ huge: 1.7e308, tiny: -1.7e308 })
  expect((await board.rank('huge'))?.score).toBe(1.7e308)
  expect(await board.increment('huge', -1e308)).toBe(1.7e308 - 1e308)
  await board.increment('huge', 1e308)
  for (const [member, by] of [
    ['huge', 1.7e308],
    ['tiny', -1.7e308],
    ['huge', Number.MAX_VALUE],
  ] as const) {
    const before = await board.rank(member)
    const error = await failure(board.increment(member, by))
    expect(error).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
    expect(error.message).toMatch(/score .*too large|overflow/i)
    expect(await board.rank(member)).toEqual(before)
  }
  expect(await board.increment('new', Number.MAX_VALUE)).toBe(Number.MAX_VALUE)
})

test('around shows the rows before and after a member, fewer at both ends', async () => {
  const board = await points(SIX)
  const around = async (member: string, each?: number): Promise<unknown> =>
    (await board.around(member, each))?.map((row) => `${row.rank} ${row.member} ${row.score}`)
  expect(await around('cem', 1)).toEqual(['2 bob 50', '3 cem 40', '4 dee 30'])
  expect(await around('ann', 2)).toEqual(['1 ann 60', '2 bob 50', '3 cem 40'])
  expect(await around('fay', 2)).toEqual(['4 dee 30', '5 eva 20', '6 fay 10'])
  expect(await around('bob', 500)).toHaveLength(6)
  expect(await around('dee', 0)).toEqual(['4 dee 30'])
  expect(await around('dee')).toHaveLength(6)
})

test('an empty board has no rows, and a member that is not on the board has no row', async () => {
  const empty = await points()
  expect(await empty.top()).toEqual([])
  expect(await empty.rank('ann')).toBeNull()
  expect(await empty.around('ann')).toBeNull()
  await empty.increment('bob')
  expect(await empty.rank('ann')).toBeNull()
  expect(await empty.around('ann')).toBeNull()
})

test('member names are stored unchanged', async () => {
  const members = [' ', 'a b', 'a:b', 'żółw 🐢', '__proto__', '1e5', 'x'.repeat(256), '*', '<b>']
  const board = await points(Object.fromEntries(members.map((member) => [member, 1])))
  await board.increment('__proto__', 1)
  expect((await board.top()).map(({ member }) => member).toSorted()).toEqual(members.toSorted())
  for (const member of members) expect((await board.rank(member))?.member).toBe(member)
})

test('boards with other names or in other spaces are separate', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const boards = [
    ['shop', 'a'],
    ['shop', 'b'],
    ['other', 'a'],
  ].map(([space, name]) => createLeaderboard(penknife.space(space!), name!))
  await Promise.all(boards.map((board, at) => board.increment('ann', at + 1)))
  expect(await Promise.all(boards.map(async (board) => (await board.rank('ann'))?.score))).toEqual([1, 2, 3])
})

test('a key of another type fails its own call alone', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const [good, bad] = ['good', 'points'].map((name) => createLeaderboard(penknife.space('shop'), name))
  await bench.raw.set(KEY, 'text')
  const calls = [good!.increment('a'), failure(bad!.increment('a')), good!.increment('a')]
  const [first, error, second] = await Promise.all(calls)
  expect([first, second]).toEqual([1, 2])
  expect(error).toMatchObject({ code: 'PENKNIFE_REJECTED', message: expect.stringContaining('WRONGTYPE') })
})

test.each([
  ['an empty member', ''],
  ['a member with a newline', 'a\nb'],
  ['a member with NUL', 'a\0'],
  ['a member with a brace', 'a{b'],
  ['a member of 257 characters', 'x'.repeat(257)],
  ['a member of 100 KB', 'x'.repeat(100_000)],
  ['a number for a member', 7],
  ['no member', undefined],
])('%s is refused by every method, before anything is written', async (_, member) => {
  const board = await points()
  for (const call of [
    () => board.increment(member as string),
    () => board.rank(member as string),
    () => board.around(member as string),
  ]) {
    const error = await failure(call())
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'member' })
    expect(error.message.length).toBeLessThan(300)
  }
  expect(await bench.raw.dbsize()).toBe(0)
})

test.each([
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['text', '5'],
  ['null', null],
  ['a BigInt', 5n],
])('increment by %s is refused', async (_, by) => {
  const board = await points()
  expect(await failure(board.increment('ann', by as number))).toMatchObject({
    code: 'PENKNIFE_INVALID',
    option: 'by',
  })
  expect(await bench.raw.dbsize()).toBe(0)
})

test.each([
  ['count of zero', (board: Leaderboard) => board.top(0), 'count'],
  ['count over 1,000', (board: Leaderboard) => board.top(1001), 'count'],
  ['a fraction for count', (board: Leaderboard) => board.top(1.5), 'count'],
  ['from rank zero', (board: Leaderboard) => board.top(1, 0), 'from'],
  ['from a negative rank', (board: Leaderboard) => board.top(1, -1), 'from'],
  ['from beyond what counts exactly', (board: Leaderboard) => board.top(1, 2 ** 53), 'from'],
  ['a negative each', (board: Leaderboard) => board.around('a', -1), 'each'],
  ['each over 500', (board: Leaderboard) => board.around('a', 501), 'each'],
  ['NaN for each', (board: Leaderboard) => board.around('a', Number.NaN), 'each'],
])('%s is refused', async (_, call, option) => {
  expect(await failure(call(await points()))).toMatchObject({ code: 'PENKNIFE_INVALID', option })
})

test.each(['', 'a b', 'a:b', 'a{b}', 'x'.repeat(65), 'a\n'])('%j is no name for a board', async (name) => {
  const penknife = await openReady(pattern(bench.server.url))
  expect(() => createLeaderboard(penknife.space('shop'), name)).toThrow(
    expect.objectContaining({ code: 'PENKNIFE_INVALID', option: 'leaderboard name' }),
  )
})
