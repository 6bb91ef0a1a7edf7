import { createLeaderboard, createStream, type Leaderboard, type Space } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { boardAt, fill, shown } from './boards.ts'

const bench = useRedis()

async function space(): Promise<Space> {
  return (await openReady(pattern(bench.server.url))).space('shop')
}

test('every update counts in the season that ends or in the next one', async () => {
  const board = await boardAt(bench.server.url)
  const increments: Promise<number>[] = []
  for (let at = 0; at < 300; at++) increments.push(board.increment(`m${at % 7}`))
  const ended = board.endSeason('spring')
  await Promise.resolve()
  for (let at = 0; at < 300; at++) increments.push(board.increment(`m${at % 7}`))
  await Promise.all(increments)
  expect((await ended).repeated).toBe(false)
  expect((await board.season('spring').sum()) + (await board.sum())).toBe(600)
})

test('a season ends once, and its ranking stays as it was', async () => {
  const board = await boardAt(bench.server.url, { denseRanks: true })
  await fill(board, { ann: 9, bob: 7, cem: 7, dee: 5 })
  await board.describe('ann', { name: 'Ann' })
  const first = await board.endSeason('s1')
  expect(first).toMatchObject({ id: 's1', window: 'all', members: 4, repeated: false })
  await fill(board, { bob: 1 })
  await board.describe('ann', { name: 'Anna' })
  await board.remove('cem')
  expect(await board.endSeason('s1')).toEqual({ ...first, repeated: true })

  const season = board.season('s1')
  expect(shown(await season.top(10, 1, { ranks: 'dense' }))).toEqual([
    '1 ann 9',
    '2 bob 7',
    '2 cem 7',
    '3 dee 5',
  ])
  expect(shown(await season.top(2, 3))).toEqual(['3 cem 7', '4 dee 5'])
  expect((await season.rank('ann', { data: true }))?.data).toEqual({ name: 'Ann' })
  expect(await season.rankFor(6)).toBe(4)
  expect(shown(await board.top())).toEqual(['1 bob 1'])
  expect(await board.season('s2').info()).toBeNull()
})

test('seasons are listed, and a deleted one leaves no key', async () => {
  const board = await boardAt(bench.server.url, { denseRanks: true })
  await fill(board, { ann: 1 })
  await board.describe('ann', 1)
  await board.endSeason('s1', { keepFor: '30d' })
  await board.endSeason('s2')
  expect((await board.seasons()).map(({ id, members }) => `${id} ${members}`)).toEqual(['s2 0', 's1 1'])
  const keys = await bench.raw.keys('*:season:s1*')
  expect(keys).toHaveLength(3)
  for (const key of keys) expect(await bench.raw.pttl(key)).toBeGreaterThan(29 * 86_400_000)
  expect(await board.season('s1').delete()).toBe(true)
  expect(await board.season('s1').delete()).toBe(false)
  expect(await bench.raw.keys('*:season:*')).toEqual([])
})

test('more data than one call copies are all in the season', async () => {
  const board = await boardAt(bench.server.url)
  const members = Array.from({ length: 250 }, (_, at) => `m${at}`)
  await Promise.all(members.flatMap((member, at) => [board.set(member, at), board.describe(member, at)]))
  await board.endSeason('s1')
  await board.clear()
  const rows = [
    ...(await board.season('s1').top(200, 1, { data: true })),
    ...(await board.season('s1').top(200, 201, { data: true })),
  ]
  expect(rows.map(({ data }) => data)).toEqual(members.map((_, at) => 249 - at))
})

/** Rewards for the first three, with more for the first. */
function giveTo(board: Leaderboard, prizes: ReturnType<typeof createStream>, top: number): Promise<number> {
  return board.season('s1').reward({
    bands: [
      { to: 1, gold: 100 },
      { from: 2, to: top, gold: 10 },
    ],
    give: ({ member, rank }, { gold }) => prizes.adding({ member, rank, gold }),
  })
}

async function prizesIn(): Promise<string[]> {
  const entries = await bench.raw.xrange('pk1:{shop}:stream:prizes', '-', '+')
  return entries.map(([, fields]) => String(fields.find((text) => text.startsWith('{'))))
}

test('rewards by rank are given exactly once, by several processes at once', async () => {
  const spaces = await Promise.all([space(), space(), space()])
  const boards = spaces.map((each) => createLeaderboard(each, 'points'))
  const [board] = boards as [Leaderboard]
  const early = await failure(giveTo(board, createStream(spaces[0], 'prizes', { groups: ['g'] }), 3))
  expect(early).toMatchObject({ code: 'PENKNIFE_REJECTED' })
  await Promise.all(Array.from({ length: 150 }, (_, at) => board.set(`m${at}`, at)))
  await board.endSeason('s1')
  const given = await Promise.all(
    boards.map((each, at) =>
      giveTo(each, createStream(spaces[at] as Space, 'prizes', { groups: ['g'] }), 120),
    ),
  )
  expect(given.reduce((sum, each) => sum + each, 0)).toBe(120)
  const prizes = (await prizesIn()).map((text) => JSON.parse(text) as { rank: number; gold: number })
  expect(prizes.map(({ rank }) => rank)).toEqual(Array.from({ length: 120 }, (_, at) => at + 1))
  expect(prizes.filter(({ gold }) => gold === 100)).toHaveLength(1)
  expect(await giveTo(board, createStream(spaces[0], 'prizes', { groups: ['g'] }), 120)).toBe(0)
})

test('rewards that a full stream refuses are given by a later call', async () => {
  const shop = await space()
  const board = createLeaderboard(shop, 'points')
  await Promise.all(Array.from({ length: 90 }, (_, at) => board.set(`m${at}`, at)))
  await board.endSeason('s1')
  const small = createStream(shop, 'prizes', { groups: ['g'], maxBacklog: 50 })
  expect(await failure(giveTo(board, small, 90))).toMatchObject({
    code: 'PENKNIFE_REJECTED',
    message: expect.stringMatching(/full\); call reward again/) as string,
  })
  const before = await prizesIn()
  expect(before.length).toBeGreaterThan(0)
  const large = createStream(shop, 'prizes', { groups: ['g'] })
  await giveTo(board, large, 90)
  const ranks = (await prizesIn()).map((text) => (JSON.parse(text) as { rank: number }).rank)
  expect(ranks).toEqual(Array.from({ length: 90 }, (_, at) => at + 1))
})

test('a cleared board has no members, and a deleted one no keys', async () => {
  const windows = { all: 'all-time', day: { calendar: 'day' }, hour: { last: '1h' } } as const
  const board = await boardAt(bench.server.url, { windows, dedup: { window: '1d' } })
  await board.increment('ann', 5, { id: 'i1' })
  await board.describe('ann', 1)
  await board.clear({ window: 'day' })
  expect(await Promise.all(['all', 'day', 'hour'].map((window) => board.count({}, { window })))).toEqual([
    1, 0, 1,
  ])
  await board.increment('ann', 2)
  expect(await board.undo('i1')).toBe(true)
  // The day did not count it any more.
  expect(await Promise.all(['all', 'day', 'hour'].map((window) => board.sum({ window })))).toEqual([2, 2, 2])
  await board.endSeason('s1')
  await board.clear()
  expect(await board.data('ann')).toBeNull()
  expect(await board.sum({ window: 'hour' })).toBe(0)
  expect(await board.increment('ann', 1, { id: 'i1' })).toBe(1)
  await board.delete()
  const left = (await bench.raw.keys('pk1:*')).filter((key) => !key.endsWith(':log'))
  expect(left).toEqual([])
})

test('a board expires at the time that was set', async () => {
  const board = await boardAt(bench.server.url)
  const soon = new Date(Date.now() + 3_600_000)
  expect(await board.expireAt(soon)).toBe(false)
  await fill(board, { ann: 1 })
  expect(await board.expireAt(soon)).toBe(true)
  await fill(board, { bob: 1 })
  expect(await bench.raw.pttl('pk1:{shop}:board:points')).toBeGreaterThan(3_590_000)
  expect(await board.expireAt(null)).toBe(true)
  expect(await bench.raw.pttl('pk1:{shop}:board:points')).toBe(-1)
  await board.expireAt(new Date(1))
  expect(await board.count()).toBe(0)
})

test.each<[string, (board: Leaderboard) => Promise<unknown>, string]>([
  ['a season of a rolling window', (board) => board.endSeason('s1', { window: 'hour' }), 'window'],
  ['an unknown window', (board) => board.endSeason('s1', { window: 'x' }), 'window'],
  ['a previous period of all time', (board) => board.endSeason('s1', { previous: 1 }), 'previous'],
  ['an id with a space', (board) => board.endSeason('s 1'), 'season'],
  ['no bands', (board) => board.season('s1').reward({ bands: [], give: () => null }), 'bands'],
  ['a time that is no Date', (board) => board.expireAt(5 as never), 'time'],
  ['an unknown window to clear', (board) => board.clear({ window: 'x' }), 'window'],
])('%s is refused', async (_, call, option) => {
  const windows = { all: 'all-time', hour: { last: '1h' } } as const
  const board = await boardAt(bench.server.url, { windows })
  expect(await failure(call(board))).toMatchObject({ code: 'PENKNIFE_INVALID', option })
})
