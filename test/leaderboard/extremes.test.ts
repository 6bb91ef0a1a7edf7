import { createLeaderboard, type Leaderboard, type LeaderboardOptions } from '@penknife/core'
import { expect, test } from 'vitest'

import { createClock, type Clock, useSettableClock } from '../support/clock.ts'
import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { LONG } from '../support/until.ts'

useSettableClock()

const bench = useRedis()
const SINCE = Date.parse('2032-01-01T00:00:00Z')
const UNTIL = Date.parse('2042-01-01T00:00:00Z')
const FIRST_COME = { since: new Date(SINCE), until: new Date(UNTIL) } as const

async function open(
  options: LeaderboardOptions = {},
  name = 'points',
): Promise<{ board: Leaderboard; clock: Clock }> {
  const penknife = await openReady(pattern(bench.server.url), { deadline: '10s' })
  const clock = createClock(bench.raw)
  await clock.set(SINCE * 1000)
  return { board: createLeaderboard(penknife.space('shop'), name, options), clock }
}

/** Every row of a board, page by page. */
async function pages(board: Leaderboard, ranks: 'ordinal' | 'competition' | 'dense'): Promise<string[]> {
  const rows: string[] = []
  for (let from = 1; ; from += 700) {
    const page = await board.top(700, from, { ranks })
    if (page.length === 0) return rows
    rows.push(...page.map(({ member, score, rank }) => `${rank} ${member} ${score}`))
  }
}

const TIES = LONG ? 50_000 : 4000
const names = Array.from({ length: TIES }, (_, at) => `m${(at * 7919) % TIES}`)
const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

test.each(['descending', 'ascending'] as const)(
  'thousands of equals on a board that is %s have the places and ranks that they must',
  async (order) => {
    const { board } = await open({ order, denseRanks: true })
    const [better, worse] = order === 'descending' ? [9, 1] : [1, 9]
    await Promise.all(names.map((member) => board.set(member, 5)))
    await Promise.all([board.set('best', better), board.set('worst', worse)])
    const places = ['best', ...byBytes, 'worst']
    const scoreOf = (member: string): number => (member === 'best' ? better : member === 'worst' ? worse : 5)
    const rows = (rankOf: (member: string, at: number) => number): string[] =>
      places.map((member, at) => `${rankOf(member, at)} ${member} ${scoreOf(member)}`)
    expect(await pages(board, 'ordinal')).toEqual(rows((_, at) => at + 1))
    expect(await pages(board, 'competition')).toEqual(
      rows((member) => (member === 'best' ? 1 : member === 'worst' ? TIES + 2 : 2)),
    )
    expect(await pages(board, 'dense')).toEqual(
      rows((member) => (member === 'best' ? 1 : member === 'worst' ? 3 : 2)),
    )
    const middle = byBytes[TIES / 2] as string
    expect((await board.around(middle, 2, { ranks: 'competition' }))?.map(({ member }) => member)).toEqual(
      byBytes.slice(TIES / 2 - 2, TIES / 2 + 3),
    )
    expect(await board.percentile(middle)).toBe((100 * (TIES + 1)) / (TIES + 2))
    expect(await board.byScore({ min: 5, max: 5, from: TIES, count: 5 })).toEqual([
      { member: byBytes.at(-1), score: 5, rank: TIES + 1 },
    ])
  },
  60_000,
)

test('thousands of members that reach a score at different times are ordered by that time', async () => {
  const { board, clock } = await open({ ties: FIRST_COME, denseRanks: true })
  for (let from = 0; from < TIES; from += 100) {
    await clock.set((SINCE + from * 10) * 1000)
    await Promise.all(names.slice(from, from + 100).map((member) => board.increment(member, 7)))
  }
  // A hundred updates within each second. Their order is by member.
  const expected: string[] = []
  for (let from = 0; from < TIES; from += 100) {
    expected.push(...names.slice(from, from + 100).toSorted())
  }
  expect((await pages(board, 'ordinal')).map((row) => row.split(' ')[1])).toEqual(expected)
  expect((await pages(board, 'dense')).every((row) => row.startsWith('1 '))).toBe(true)
}, 60_000)

test.each(['descending', 'ascending'] as const)(
  'scores at both edges of the stated range, first and last moment, are exact on a board that is %s',
  async (order) => {
    const { board, clock } = await open({ ties: FIRST_COME, order })
    const { maxScore } = board
    expect(maxScore).toBe(2 ** 24 - 1)
    const members = ['first', 'second', 'third']
    for (const [at, ms] of [SINCE, SINCE + 1000, UNTIL].entries()) {
      await clock.set(ms * 1000)
      for (const score of [maxScore, -maxScore, 0, maxScore - 1]) {
        expect(await board.set(`${members[at]} ${score}`, score)).toBe(score)
      }
    }
    const best = [maxScore, maxScore - 1, 0, -maxScore]
    const scores = order === 'descending' ? best : best.toReversed()
    expect(await board.top(12)).toEqual(
      scores.flatMap((score, group) =>
        members.map((name, at) => ({ member: `${name} ${score}`, score, rank: group * 3 + at + 1 })),
      ),
    )
  },
)

test('an update out of the documented range or time is refused and changes nothing', async () => {
  const { board, clock } = await open({
    ties: FIRST_COME,
    windows: { all: 'all-time', day: { calendar: 'day' } },
  })
  const { maxScore } = board
  await board.set('ann', maxScore)
  await board.set('bob', -maxScore)
  const before = await board.top(10)
  const refused = [
    () => board.increment('ann', 1),
    () => board.increment('bob', -1),
    () => board.set('cem', maxScore + 1),
    () => board.best('cem', maxScore + 1),
    () => board.increment('cem', 0.5),
    () =>
      board.update([
        { member: 'dee', increment: 1 },
        { member: 'ann', increment: 1 },
      ]),
  ]
  for (const call of refused) {
    expect((await failure(call())).code).toMatch(/PENKNIFE_(REJECTED|INVALID)/)
    expect(await board.top(10)).toEqual(before)
  }
  for (const ms of [SINCE - 1, UNTIL + 1]) {
    await clock.set(ms * 1000)
    expect(await failure(board.increment('cem', 1))).toMatchObject({
      code: 'PENKNIFE_REJECTED',
      fate: 'not-done',
    })
    expect(await board.top(10)).toEqual(before)
  }
})

test('undoing an increment never leaves the documented range', async () => {
  const { board } = await open({ ties: FIRST_COME, dedup: { window: '1d' } })
  const { maxScore } = board
  await board.increment('ann', -5, { id: 'down' })
  await board.set('ann', maxScore)
  const outcome = await board.undo('down').catch((error: unknown) => (error as { code: string }).code)
  expect(outcome).toBe('PENKNIFE_REJECTED')
  expect(await board.rank('ann')).toEqual({ member: 'ann', score: maxScore, rank: 1 })
})

test('scores ordered by member have the full range of a double, and a rolling sum is exact to its last digit', async () => {
  const { board } = await open()
  const extremes = [
    Number.MAX_VALUE,
    1e300,
    Number.MIN_VALUE,
    0,
    -Number.MIN_VALUE,
    -1 / 3,
    -Number.MAX_VALUE,
  ]
  await Promise.all(extremes.map((score, at) => board.set(`m${at}`, score)))
  expect((await board.top(10)).map(({ score }) => score + 0)).toEqual(extremes)
  expect((await failure(board.increment('m0', Number.MAX_VALUE))).code).toBe('PENKNIFE_REJECTED')
  const { board: rolling } = await open({ windows: { hour: { last: '1h' } }, decimals: 2 }, 'rolling')
  const most = 2 ** 53 / 100
  expect(await rolling.increment('ann', most - 1)).toBe(most - 1)
  expect((await failure(rolling.increment('ann', 2))).code).toBe('PENKNIFE_REJECTED')
  expect((await failure(rolling.increment('ann', 0.001))).code).toBe('PENKNIFE_INVALID')
})
