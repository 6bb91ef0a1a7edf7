import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { all, at, boardAt, HOUR } from './boards.ts'

useSettableClock()

const bench = useRedis()
const BOARD = 'pk1:{shop}:board:points'
const START = at('2026-06-01T12:00:00Z')
/** Second parts of ids where a double cannot count any more, and the last one that there is. */
const EDGES = [
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '18446744073709551614',
  '18446744073709551615',
]

test.each(EDGES)(
  'due entries whose ids end in %s leave once, whether they are the last of a step or not',
  async (edge) => {
    const clock = createClock(bench.raw)
    await clock.set(START)
    const board = await boardAt(bench.server.url, { windows: { hour: { last: '1h' } } })
    await board.increment('ann', 5)
    const log = `${BOARD}:window:hour:log`
    // In the board's own form, as a damaged dump may have them.
    for (const nth of [1, 2, 40]) {
      await bench.raw.xadd(log, `${START + nth}-${edge}`, 'm', 'ann', 'b', '-1')
      await bench.raw.zincrby(`${BOARD}:window:hour`, -1, 'ann')
    }
    await clock.set(START + HOUR - 1)
    await board.increment('bob', 2)
    await clock.set(START + HOUR + 2)
    await bench.raw.config('RESETSTAT')
    expect(await all(board, 'hour')).toEqual(['1 bob 2', '2 ann 1'])
    expect(await callsOf(bench.raw, 'evalsha')).toBe(1)
    await clock.set(START + HOUR + 50)
    expect(await all(board, 'hour')).toEqual(['1 bob 2'])
    expect(await bench.raw.xlen(log)).toBe(1)
  },
)

test('an increment is counted after the clock was set back, though the newest entry of the log was deleted', async () => {
  const clock = createClock(bench.raw)
  await clock.set(START)
  const board = await boardAt(bench.server.url, {
    windows: { hour: { last: '1h' } },
    dedup: { window: '1d' },
  })
  await board.increment('ann', 1)
  await clock.set(START + HOUR / 4)
  await board.increment('bob', 1, { id: 'b' })
  await board.undo('b')
  await clock.set(START - HOUR)
  expect(await board.increment('ann', 2, { id: 'c' })).toBe(3)
  await clock.set(START)
  await board.increment('cem', 1)
  await board.remove('cem')
  await clock.set(START - HOUR)
  expect(await board.increment('ann', 2)).toBe(5)
  await clock.set(START + HOUR + HOUR / 4 + 1)
  expect(await all(board, 'hour')).toEqual([])
})

test.each(EDGES)(
  'of entries whose ids end in about %s those before a removal count nothing',
  async (edge) => {
    const clock = createClock(bench.raw)
    await clock.set(START)
    const board = await boardAt(bench.server.url, { windows: { hour: { last: '1h' } } })
    const log = `${BOARD}:window:hour:log`
    const before = (BigInt(edge) - 1n).toString()
    await bench.raw.xadd(log, `${START}-${before}`, 'm', 'ann', 'b', '-4')
    await bench.raw.zadd(`${BOARD}:window:hour`, -4, 'ann')
    await board.remove('ann', { erase: false })
    await clock.set(START + 1)
    await board.increment('ann', 3)
    await clock.set(START + HOUR)
    expect(await all(board, 'hour')).toEqual(['1 ann 3'])
  },
)

test('an id that another program stored with an impossible time is ignored', async () => {
  await createClock(bench.raw).set(START)
  const board = await boardAt(bench.server.url, { dedup: { window: '1d' } })
  await board.increment('ann', 1, { id: 'a' })
  for (const time of ['9007199254740993', '18446744073709551615']) {
    await bench.raw.hset(`${BOARD}:ids`, 'ia', `${time}-0 -1 - ann`)
    expect(await board.undo('a')).toBe(false)
  }
})
