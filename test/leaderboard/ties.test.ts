import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { failure } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
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
