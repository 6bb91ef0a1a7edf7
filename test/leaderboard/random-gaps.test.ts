import { createLeaderboard, type Leaderboard, type LeaderboardOptions, type BoardRow } from '@penknife/core'
import { expect, test } from 'vitest'

import { createClock, type Clock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { LONG } from '../support/until.ts'
import { BoardModel } from './model/board.ts'

useSettableClock()

const bench = useRedis()
const START_MS = Date.parse('2032-03-28T00:30:00Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE

async function open(options: LeaderboardOptions): Promise<{ board: Leaderboard; clock: Clock }> {
  const penknife = await openReady(pattern(bench.server.url), { deadline: '10s' })
  const clock = createClock(bench.raw)
  await clock.set(START_MS * 1000)
  return { board: createLeaderboard(penknife.space('shop'), 'points', options), clock }
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function randoms(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const scores = (rows: readonly BoardRow[]): ReadonlyMap<string, number> =>
  new Map(rows.map(({ member, score }) => [member, score]))

test('over random gaps the last hour is exact, or within the tolerance', async () => {
  const windows = {
    exact: { last: '1h' },
    loose: { last: '1h', tolerance: '10m' },
    all: 'all-time',
  } as const
  const { board, clock } = await open({ windows, decimals: 1 })
  const model = new BoardModel({ windows, decimals: 1 })
  const random = randoms(LONG ? Date.now() : 7)
  /** The increments that certainly count and those that may count, by the simplest form of the tolerance. */
  const made: { member: string; by: number; atMs: number }[] = []
  let nowMs = START_MS
  const turns = LONG ? 20_000 : 800
  for (let turn = 0; turn < turns; turn++) {
    const kind = random()
    // Mostly seconds, at times minutes, rarely so long that all has left; sometimes to the very millisecond.
    if (kind < 0.7) nowMs += Math.floor(random() * 20_000)
    else if (kind < 0.9) nowMs += Math.floor(random() * 10 * MINUTE)
    else if (kind < 0.97)
      nowMs = Math.max(nowMs, (made[Math.floor(random() * made.length)]?.atMs ?? 0) + HOUR)
    else if (kind < 0.99) nowMs += Math.floor(random() * 2 * HOUR)
    model.nowMs = nowMs
    await clock.set(nowMs * 1000)
    const calls: Promise<number>[] = []
    for (let nth = Math.floor(random() * 5); nth > 0; nth--) {
      const member = `m${Math.floor(random() * 7)}`
      const by = Math.round(random() * 100 - 20) / 10
      made.push({ member, by, atMs: nowMs })
      model.update([{ member, increment: by }])
      calls.push(board.increment(member, by))
    }
    await Promise.all(calls)
    const [exact, loose] = await Promise.all([
      board.top(10, 1, { window: 'exact' }),
      board.top(10, 1, { window: 'loose' }),
    ])
    expect(exact, `turn ${turn}`).toEqual(model.ranking('exact').rows())
    expect(scores(loose), `turn ${turn}`).toEqual(scores(model.ranking('loose').rows()))
    if (turn % 50 === 0)
      made.splice(
        0,
        made.findIndex(({ atMs }) => atMs > nowMs - HOUR),
      )
  }
}, 300_000)

test('with a tolerance every increment counts for at least the time less the tolerance, and never longer than the time', async () => {
  const { board, clock } = await open({ windows: { loose: { last: '1h', tolerance: '20m' } } })
  const random = randoms(11)
  const made: { member: string; by: number; atMs: number }[] = []
  let nowMs = START_MS
  for (let turn = 0; turn < (LONG ? 600 : 300); turn++) {
    nowMs += Math.floor(random() * random() * 5 * MINUTE)
    await clock.set(nowMs * 1000)
    const member = `m${turn % 5}`
    made.push({ member, by: 1 + Math.floor(random() * 9), atMs: nowMs })
    await board.increment(member, made.at(-1)?.by)
    const sum = (longMs: number, of: string): number =>
      made
        .filter((each) => each.member === of && each.atMs > nowMs - longMs)
        .reduce((all, { by }) => all + by, 0)
    const found = scores(await board.top(10))
    for (const of of ['m0', 'm1', 'm2', 'm3', 'm4']) {
      const score = found.get(of) ?? 0
      expect(score, `turn ${turn}, ${of}`).toBeLessThanOrEqual(sum(HOUR, of))
      expect(score, `turn ${turn}, ${of}`).toBeGreaterThanOrEqual(sum(40 * MINUTE, of))
    }
  }
}, 60_000)

test('a clock that is set back neither loses nor doubles an increment, and all expire in the end', async () => {
  const { board, clock } = await open({
    windows: { hour: { last: '1h' }, loose: { last: '1h', tolerance: '10m' }, day: { calendar: 'day' } },
    dedup: { window: '1d' },
  })
  await board.increment('ann', 5, { id: 'first' })
  await clock.set((START_MS - 10 * MINUTE) * 1000)
  expect(await board.increment('ann', 3, { id: 'second' })).toBe(8)
  expect(await board.increment('ann', 3, { id: 'first' })).toBe(8)
  expect((await board.rank('ann', { window: 'loose' }))?.score).toBe(8)
  await clock.set((START_MS - 2 * HOUR) * 1000)
  expect(await board.increment('bob', 4)).toBe(4)
  expect((await board.rank('ann'))?.score).toBe(8)
  expect(await board.undo('second')).toBe(true)
  expect((await board.rank('ann'))?.score).toBe(5)
  // No increment counts for longer than the window after the latest moment.
  await clock.set((START_MS + HOUR) * 1000)
  expect(await board.top()).toEqual([])
  expect(await board.top(10, 1, { window: 'loose' })).toEqual([])
})
