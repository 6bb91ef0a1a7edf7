import {
  createLeaderboard,
  createMergedLeaderboard,
  type Leaderboard,
  type LeaderboardOptions,
  type Space,
} from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { cases, until } from '../support/until.ts'
import { at, fill, SECOND, shown } from './boards.ts'
import { Ranking } from './model/ranking.ts'

useSettableClock()

const bench = useRedis()
const NOW = at('2032-06-01T12:00:00Z')
const TIES = { since: '2032-01-01T00:00:00Z', until: '2036-01-01T00:00:00Z' } as const

async function openSpace(): Promise<Space> {
  await createClock(bench.raw).set(NOW)
  return (await openReady(pattern(bench.server.url), { deadline: '10s' })).space('shop')
}

const keysOf = (part: string): Promise<string[]> => bench.raw.keys(`pk1:{shop}:board:*:merged:*${part}`)

test('a merged board has the sum or the best of each score, in every read, whatever the boards are', async () => {
  const space = await openSpace()
  let runs = 0
  const kind = fc.constantFrom<LeaderboardOptions>(
    {},
    { ties: 'member-descending' },
    { ties: TIES },
    { denseRanks: true, windows: { day: { calendar: 'day' }, all: 'all-time' } },
    { decimals: 0 },
  )
  const member = fc.constantFrom('a', 'B', 'b', 'ż', '\u{1f422}', 'm1', 'm2', 'm3')
  const scores = fc.dictionary(member, fc.integer({ min: -3, max: 5 }), { noNullPrototype: true })
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        boards: fc.array(fc.tuple(kind, scores), { minLength: 1, maxLength: 5 }),
        order: fc.constantFrom('ascending' as const, 'descending' as const),
        how: fc.constantFrom('sum' as const, 'best' as const),
        ties: fc.constantFrom('member' as const, 'member-descending' as const),
      }),
      async ({ boards: given, order, how, ties }) => {
        const run = runs++
        const boards = given.map(([options], nth) =>
          createLeaderboard(space, `b${run}-${nth}`, { ...options, order }),
        )
        const expected = new Map<string, number>()
        for (const [nth, [, all]] of given.entries()) {
          await fill(boards[nth] as Leaderboard, all)
          for (const [name, score] of Object.entries(all)) {
            const before = expected.get(name)
            const better = order === 'ascending' ? Math.min : Math.max
            const merged = how === 'sum' ? (before ?? 0) + score : better(before ?? score, score)
            expected.set(name, merged)
          }
        }
        const merged = createMergedLeaderboard(space, `world${run}`, { boards, how, ties, expires: '1m' })
        expect(await merged.top()).toEqual([])
        expect(await merged.merge()).toEqual({ members: expected.size, startedAt: new Date(NOW / 1000) })
        const ranking = new Ranking(
          [...expected].map(([name, score]) => ({ member: name, score, reached: 0 })),
          order === 'ascending',
          ties === 'member' ? 1 : -1,
        )
        expect(await merged.top(100)).toEqual(ranking.rows())
        expect(await merged.top(100, 1, { ranks: 'competition' })).toEqual(ranking.rows('competition'))
        for (const name of expected.keys()) expect(await merged.rank(name)).toEqual(ranking.find(name))
        expect(await merged.sum()).toBe(ranking.sum((a, b) => a + b))
      },
    ),
    cases(35, 2000),
  )
})

test('a merge takes bounded steps; until it is whole there is the last one, or nothing; what died is continued', async () => {
  const space = await openSpace()
  const boards = [0, 1, 2].map((nth) => createLeaderboard(space, `b${nth}`))
  // Members of all boards, of two, and of one.
  const load = `for at = 1, 6000 do
      for nth = 1, 3 do if at % 3 ~= nth then redis.call('ZADD', KEYS[nth], -at * nth, 'm' .. at) end end
    end`
  const loading = boards.map((_, nth) => `pk1:{shop}:board:b${nth}`)
  await bench.raw.eval(load, loading.length, ...loading)
  const options = { boards, how: 'sum', expires: '1h' } as const
  const world = createMergedLeaderboard(space, 'world', options)
  const total = (nth: number): number =>
    nth * [1, 2, 3].reduce((sum, each) => (nth % 3 === each ? sum : sum + each), 0)
  const best = Array.from({ length: 6000 }, (_, nth) => total(nth + 1)).toSorted((a, b) => b - a)

  // One that dies in the middle: its connection is closed between two steps.
  const other = await openReady(pattern(bench.server.url), { deadline: '10s' })
  const dying = createMergedLeaderboard(other.space('shop'), 'world', {
    ...options,
    boards: boards.map(({ name }) => createLeaderboard(other.space('shop'), name)),
  }).merge()
  const died = failure(dying)
  const placeOf = async (): Promise<string | null> => {
    const [progress] = await keysOf(':progress')
    return progress === undefined ? null : bench.raw.hget(progress, 'source')
  }
  await until('it reads the second board', async () => (await placeOf()) === '2')
  await other.close()
  await died
  expect(await world.count()).toBe(0)
  await createClock(bench.raw).set(NOW + 30 * SECOND)
  expect(await world.merge()).toEqual({ members: 6000, startedAt: new Date(NOW / 1000) })
  expect((await world.top(1000)).map(({ score }) => score)).toEqual(best.slice(0, 1000))
  expect(await keysOf(':rows')).toEqual([])
  const [ended] = (await keysOf(':progress')) as [string]
  expect(await bench.raw.pttl(ended)).toBeGreaterThan(0)
  const [key] = (await keysOf('')).filter((each) => each !== ended) as [string]
  expect(await bench.raw.pttl(key)).toBeGreaterThan(3_590_000)

  // Reads during the next one: the last one as a whole, and then the new one. Scores only grow.
  const before = await callsOf(bench.raw, 'evalsha')
  await world.merge()
  expect((await callsOf(bench.raw, 'evalsha')) - before).toBeGreaterThan(6000 / 125)
  const seen = new Set<string>()
  const state = { whole: false }
  const again = world.merge().finally(() => (state.whole = true))
  for (let nth = 0; !state.whole; nth++) {
    await (boards[0] as Leaderboard).increment(`m${6000 - (nth % 6000)}`, 1000)
    seen.add(JSON.stringify(await world.top(3)))
    expect(await world.count()).toBe(6000)
  }
  await again
  expect(seen.size).toBeLessThanOrEqual(2)
  const now = new Map(
    await Promise.all(boards.map(async (board, nth) => [nth, new Map(await rowsOf(board))] as const)),
  )
  for (const [member, score] of await rowsOf(world)) {
    const after = [0, 1, 2].reduce((sum, nth) => sum + (now.get(nth)?.get(member) ?? 0), 0)
    expect(score).toBeLessThanOrEqual(after)
    expect(score).toBeGreaterThanOrEqual(total(Number(member.slice(1))))
  }

  // Several at once are one merge, which ends for all of them.
  const calls = await callsOf(bench.raw, 'evalsha')
  await createClock(bench.raw).set(NOW + 40 * SECOND)
  const others = [1, 2, 3, 4].map(() => createMergedLeaderboard(space, 'world', options).merge())
  const ends = await Promise.all([world.merge(), ...others])
  expect(new Set(ends.map(({ startedAt }) => startedAt.getTime()))).toEqual(
    new Set([(NOW + 40 * SECOND) / 1000]),
  )
  expect((await callsOf(bench.raw, 'evalsha')) - calls).toBeLessThan((2 * 3 * 6000) / 100)

  // A merge whose rows were evicted begins anew.
  const merges = [world.merge(), createMergedLeaderboard(space, 'world', options).merge()]
  await until('it reads the third board', async () => (await placeOf()) === '3')
  await bench.raw.del(...(await keysOf(':rows')))
  expect((await Promise.all(merges)).map(({ members }) => members)).toEqual([6000, 6000])
  expect(await world.count()).toBe(6000)
})

test('many small boards are merged in bounded steps too', async () => {
  const space = await openSpace()
  const boards = Array.from({ length: 24 }, (_, nth) => createLeaderboard(space, `b${nth}`))
  const members = Array.from({ length: 100 }, (_, nth) => ({ member: `m${nth}`, set: nth }))
  await Promise.all(boards.map((board) => board.update(members)))
  const options = { boards, how: 'sum', expires: '1h' } as const
  const world = createMergedLeaderboard(space, 'world', options)
  const before = await callsOf(bench.raw, 'evalsha')
  expect((await world.merge()).members).toBe(100)
  expect((await callsOf(bench.raw, 'evalsha')) - before).toBeGreaterThanOrEqual(23 + 100 / 20)
  expect(shown(await world.top(2))).toEqual(['1 m99 2376', '2 m98 2352'])
})

async function rowsOf(board: Pick<Leaderboard, 'export'>): Promise<(readonly [string, number])[]> {
  const rows: (readonly [string, number])[] = []
  for await (const { member, score } of board.export()) rows.push([member, score])
  return rows
}

test('a merge stays in the calendar periods in which it began, and reads previous ones', async () => {
  const space = await openSpace()
  const clock = createClock(bench.raw)
  const windows = { day: { calendar: 'day' } } as const
  const boards = [0, 1].map((nth) => createLeaderboard(space, `b${nth}`, { windows }))
  const [first, second] = boards as [Leaderboard, Leaderboard]
  await fill(first, { ann: 1, bob: 2 })
  await fill(second, { ann: 10 })
  const today = createMergedLeaderboard(space, 'today', { boards, how: 'sum', expires: '1h' })
  const yesterday = createMergedLeaderboard(space, 'yesterday', {
    boards,
    how: 'sum',
    expires: '1h',
    previous: 1,
  })
  await today.merge()
  expect(shown(await today.top())).toEqual(['1 ann 11', '2 bob 2'])
  // One that began on this day and is continued on the next.
  const [progress] = (await keysOf(':progress')) as [string]
  await bench.raw.hset(progress, { at: NOW, source: 2, cursor: 0, rows: 0 })
  await clock.set(NOW + 86_400 * SECOND)
  await fill(second, { ann: 5, cem: 7 })
  expect(await today.merge()).toEqual({ members: 1, startedAt: new Date(NOW / 1000) })
  expect(shown(await today.top())).toEqual(['1 ann 11'])
  await today.merge()
  expect(shown(await today.top())).toEqual(['1 cem 7', '2 ann 5'])
  await yesterday.merge()
  expect(shown(await yesterday.top())).toEqual(['1 ann 11', '2 bob 2'])
})

test('boards that do not fit together are refused, and a score that is too large is the largest', async () => {
  const space = await openSpace()
  const other = (await openReady(pattern(bench.server.url))).space('other')
  const a = createLeaderboard(space, 'a', { decimals: 0 })
  const b = createLeaderboard(space, 'b', { decimals: 0 })
  const usual = { boards: [a, b], how: 'sum', expires: '1h' } as const
  const wrong: readonly [object, string][] = [
    [{ boards: [] }, 'boards'],
    [{ boards: [a, {}] }, 'boards'],
    [{ boards: [a, a] }, 'boards'],
    [{ boards: [a, createLeaderboard(other, 'c')] }, 'boards'],
    [{ boards: [a, createLeaderboard(space, 'c', { decimals: 1 })] }, 'boards'],
    [{ boards: [a, createLeaderboard(space, 'd', { order: 'ascending' })] }, 'boards'],
    [{ boards: [createLeaderboard(space, 'e', { windows: { hour: { last: '1h' } } })] }, 'window'],
    [{ window: 'week' }, 'window'],
    [{ previous: 1 }, 'previous'],
    [{ how: 'worst' }, 'how'],
    [{ ties: TIES }, 'ties'],
    [{ expires: 0 }, 'expires'],
    [{ expires: undefined }, 'expires'],
    [{ more: 1 }, "merge option 'more'"],
  ]
  for (const [options, option] of wrong) {
    const refused = await failure(
      Promise.resolve().then(() => createMergedLeaderboard(space, 'world', { ...usual, ...options })),
    )
    expect(refused, JSON.stringify(options)).toMatchObject({ code: 'PENKNIFE_INVALID', option })
  }
  const world = createMergedLeaderboard(space, 'world', usual)
  await a.set('ann', a.maxScore)
  await world.merge()
  const [key] = (await keysOf('')) as [string]
  const fine = { at: NOW, source: 2, cursor: '0', rows: 0 }
  for (const damaged of [
    { at: 'x' },
    { at: 1e300 },
    { source: 0 },
    { source: 3 },
    { cursor: '-1' },
    { rows: 7 },
  ]) {
    await bench.raw.hset(`${key}:progress`, { ...fine, ...damaged })
    expect((await world.merge()).members, JSON.stringify(damaged)).toBe(1)
  }
  await b.set('ann', 1)
  // One member with such a score does not stop the merge.
  await b.set('bob', 3)
  expect((await world.merge()).members).toBe(2)
  expect(shown(await world.top())).toEqual([`1 ann ${a.maxScore}`, '2 bob 3'])
})
