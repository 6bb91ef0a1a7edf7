import { createLeaderboard, type Leaderboard, type LeaderboardOptions, ranksOn } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

const KINDS: readonly LeaderboardOptions[] = [
  { denseRanks: true },
  { denseRanks: true, order: 'ascending' },
  { denseRanks: true, ties: { since: '2026-01-01T00:00:00Z', until: '2030-01-01T00:00:00Z' } },
  { denseRanks: true, decimals: 2 },
  { denseRanks: true, windows: { day: { calendar: 'day', timeZone: 'UTC' }, all: 'all-time' } },
] as readonly LeaderboardOptions[]

async function boards(name = 'shop'): Promise<Leaderboard[]> {
  const space = (await openReady(pattern(bench.server.url))).space(name)
  return KINDS.map((options, at) => createLeaderboard(space, `b${at}`, options))
}

test('the rows of a member on several boards are those that each board gives, read by one script', async () => {
  const all = await boards()
  for (const [at, board] of all.entries()) {
    const members = Array.from({ length: 40 }, (_, nth) => nth).filter((nth) => (nth + at) % 4 > 0)
    await Promise.all(members.map((nth) => board.set(`m${nth}`, (nth * (at + 3)) % 11)))
  }
  for (const ranks of ['ordinal', 'competition', 'dense'] as const) {
    for (let nth = 0; nth < 40; nth++) {
      const expected = await Promise.all(all.map((board) => board.rank(`m${nth}`, { ranks })))
      expect(await ranksOn(all, `m${nth}`, { ranks })).toEqual(expected)
    }
  }
  expect(await ranksOn(all, 'nobody')).toEqual(all.map(() => null))
  const [first, ...rest] = all as [Leaderboard, ...Leaderboard[]]
  expect(await ranksOn([first], 'm1', { window: 'all' })).toEqual([await first.rank('m1')])
  const before = await callsOf(bench.raw, 'evalsha')
  await ranksOn(rest, 'm2')
  expect((await callsOf(bench.raw, 'evalsha')) - before).toBe(1)
})

test('boards may be made from several objects of one space, and a list of them may change', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const [one, two] = ['one', 'two'].map((name) => createLeaderboard(penknife.space('shop'), name))
  await Promise.all([one?.increment('ann', 1), two?.increment('ann', 2)])
  const list = [one] as Leaderboard[]
  expect(await ranksOn(list, 'ann')).toMatchObject([{ score: 1 }])
  list.push(two as Leaderboard)
  expect(await ranksOn(list, 'ann')).toMatchObject([{ score: 1 }, { score: 2 }])
  list.reverse()
  expect(await ranksOn(list, 'ann')).toMatchObject([{ score: 2 }, { score: 1 }])
})

test('boards of several spaces, rolling windows and other mistakes are refused', async () => {
  const [stranger] = (await boards('other')) as [Leaderboard]
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const [board, more] = [0, 1].map((at) => createLeaderboard(space, `b${at}`, KINDS[at])) as [
    Leaderboard,
    Leaderboard,
  ]
  const rolling = createLeaderboard(space, 'rolling', { windows: { hour: { last: '1h' } } })
  const plain = createLeaderboard(space, 'plain')
  const wrong: readonly [() => Promise<unknown>, string][] = [
    [() => ranksOn([], 'ann'), 'boards'],
    [() => ranksOn(undefined as never, 'ann'), 'boards'],
    [() => ranksOn([{} as never], 'ann'), 'boards'],
    [() => ranksOn([board, stranger], 'ann'), 'boards'],
    [() => ranksOn([rolling], 'ann'), 'window'],
    [() => ranksOn([board, more], 'ann', { window: 'week' }), 'window'],
    [() => ranksOn([board, plain], 'ann', { ranks: 'dense' }), 'ranks'],
    [() => ranksOn([board], ''), 'member'],
  ]
  for (const [call, option] of wrong) expect(await failure(call())).toMatchObject({ option })
})
