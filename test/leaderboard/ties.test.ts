import { type BoardRow, createLeaderboard, live, ranksOn } from '@penknife/core'
import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { at, boardAt, SECOND, shown } from './boards.ts'

useSettableClock()

const bench = useRedis()
const TIES = { since: '2026-01-01T00:00:00Z', until: '2036-01-01T00:00:00Z' } as const

test('the member that reached a score first ranks first, until its score changes', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  for (const order of ['descending', 'ascending'] as const) {
    const board = await boardAt(bench.server.url, { ties: TIES, order, denseRanks: true })
    for (const member of ['cem', 'ann', 'bob']) {
      await board.set(member, 7)
      await clock.advance(SECOND)
    }
    expect(shown(await board.top())).toEqual(['1 cem 7', '2 ann 7', '3 bob 7'])
    // The same score again changes nothing; leaving it and coming back does.
    await board.set('cem', 7)
    await board.increment('cem', 0)
    expect((await board.rank('cem'))?.rank).toBe(1)
    await board.increment('cem', 1)
    await board.increment('cem', -1)
    expect(shown(await board.top())).toEqual(['1 ann 7', '2 bob 7', '3 cem 7'])
    expect(shown(await board.top(3, 1, { ranks: 'competition' }))).toEqual(['1 ann 7', '1 bob 7', '1 cem 7'])
    expect((await board.rank('cem', { ranks: 'dense' }))?.rank).toBe(1)
    expect(await board.count({ min: 7, max: 7 })).toBe(3)
    expect(await bench.raw.zcard('pk1:{shop}:board:points:all:scores')).toBe(1)
    for (const member of ['ann', 'bob', 'cem']) await board.remove(member)
    expect(await bench.raw.keys('pk1:*')).toEqual(['pk1:{shop}:board:points:declaration'])
    await bench.raw.del('pk1:{shop}:board:points:declaration')
  }
})

test('first-come ties are exact up to the edges of the documented range, and refuse scores beyond it', async () => {
  const clock = createClock(bench.raw)
  const board = await boardAt(bench.server.url, { ties: TIES })
  expect(board.maxScore).toBe(16_777_215)
  await clock.set(at(TIES.until))
  for (const [member, score] of [
    ['last', board.maxScore],
    ['low', -board.maxScore],
  ] as const) {
    expect(await board.set(member, score)).toBe(score)
  }
  await clock.set(at(TIES.since))
  expect(await board.set('first', board.maxScore)).toBe(board.maxScore)
  expect(await board.set('lowest', -board.maxScore)).toBe(-board.maxScore)
  expect(shown(await board.top())).toEqual([
    '1 first 16777215',
    '2 last 16777215',
    '3 lowest -16777215',
    '4 low -16777215',
  ])
  const beyond = await failure(board.increment('first', 1))
  expect(beyond).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
  expect(beyond.message).toMatch(/too large/)
  expect(await failure(board.set('first', 0.5))).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'score' })
  expect(await failure(board.set('first', 16_777_216))).toMatchObject({ code: 'PENKNIFE_INVALID' })
  for (const moment of [at(TIES.since) - 1, at(TIES.until) + SECOND]) {
    await clock.set(moment)
    expect((await failure(board.set('late', 1))).message).toMatch(/the time is outside/)
  }
  expect(await board.count()).toBe(4)
})

test('rolling windows order equal sums by the time at which they were reached', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { ties: TIES, windows: { minute: { last: '1m' } } })
  await board.increment('ann', 2)
  await clock.advance(10 * SECOND)
  await board.increment('ann', 5)
  await clock.advance(10 * SECOND)
  await board.increment('bob', 5)
  await clock.advance(45 * SECOND)
  // ann fell to 5 a minute after its first increment. bob had had 5 long before.
  expect(shown(await board.top())).toEqual(['1 bob 5', '2 ann 5'])
})

test("with ties: 'member-descending' equals are in the order of ZREVRANGE, in every read, season, view and removal", async () => {
  const ties = 'member-descending'
  await createClock(bench.raw).set(at('2026-06-01T12:00:00Z'))
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  const members = ['ann', 'Bob', 'cem', 'ż', '\u{1f422}']
  for (const order of ['descending', 'ascending'] as const) {
    const board = createLeaderboard(space, order, { ties, order, denseRanks: true })
    await board.update(members.map((member) => ({ member, set: 7 })))
    const best = order === 'descending' ? 9 : 5
    await board.set('dan', best)
    const key = `pk1:{shop}:board:${order}`
    const expected = ['dan', '\u{1f422}', 'ż', 'cem', 'ann', 'Bob']
    expect(await bench.raw.zrevrange(key, 0, -1)).toEqual(expected)
    const namesOf = (rows: readonly { readonly member: string }[]): string[] =>
      rows.map(({ member }) => member)
    expect(namesOf(await board.top(10))).toEqual(expected)
    expect(namesOf(await board.byScore({ min: 7, max: 7, from: 2 }))).toEqual(expected.slice(2))
    expect(namesOf((await board.around('cem', 1)) ?? [])).toEqual(expected.slice(2, 5))
    expect(namesOf(await board.among(['Bob', 'cem', 'dan']))).toEqual(['dan', 'cem', 'Bob'])
    expect((await board.rank('ann'))?.rank).toBe(5)
    expect((await ranksOn([board], 'ann'))[0]).toEqual({ member: 'ann', score: 7, rank: 5 })
    expect(await board.increment('cem', best - 7, { change: true })).toMatchObject({
      previousRank: 4,
      rank: 2,
    })
    await board.increment('cem', 7 - best)
    const rows = await new Promise<readonly BoardRow[]>((seen) => {
      const stop = live(board, { top: 2 }).watch(({ value }) => {
        seen(value)
        stop()
      })
    })
    expect(namesOf(rows)).toEqual(expected.slice(0, 2))
    await board.endSeason('s1')
    expect(namesOf(await board.season('s1').top())).toEqual(expected)
    await board.update(members.map((member) => ({ member, set: 7 })))
    expect(await board.removeRange({ from: 4, to: 5 })).toBe(2)
    expect(namesOf(await board.top())).toEqual(['\u{1f422}', 'ż', 'cem'])
  }
  const kept = createLeaderboard(space, 'kept', { ties, keep: 2 })
  await kept.update(members.map((member) => ({ member, set: 7 })))
  expect((await kept.top()).map(({ member }) => member)).toEqual(['\u{1f422}', 'ż'])
  const other = createLeaderboard(space, 'kept', { keep: 2 })
  expect((await failure(other.top())).message).toMatch(/ties is 'member', but .* have 'member-descending'/)
})
