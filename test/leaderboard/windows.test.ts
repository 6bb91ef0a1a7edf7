import type { BoardUpdate, Leaderboard } from '@penknife/core'
import { expect, test, vi } from 'vitest'

import { createClock } from '../support/clock.ts'
import { failure } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { boardAt, shown } from './boards.ts'

vi.mock('../../packages/core/src/redis/scripts.gen.ts', () =>
  import('../support/clock.ts').then(({ scriptsWithClock }) => scriptsWithClock()),
)

const bench = useRedis()
const SECOND = 1_000_000
const HOUR = 3600 * SECOND
const at = (text: string): number => Date.parse(text) * 1000

async function all(board: Leaderboard, window: string, previous = 0): Promise<unknown> {
  return shown(await board.top(1000, 1, { window, previous }))
}

test('one update goes to every window, and each period shows its own', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-11-22T22:30:00Z'))
  const board = await boardAt(bench.server.url, {
    windows: {
      all: 'all-time',
      today: { calendar: 'day', timeZone: 'Europe/Berlin' },
      week: { calendar: 'week' },
    },
  })
  expect(await board.increment('ann', 5)).toBe(5)
  await clock.set(at('2026-11-22T23:00:00Z'))
  // A new day in Berlin, and still the week before in UTC.
  expect(await board.increment('ann', 2)).toBe(7)
  await board.increment('bob', 4)
  expect(await all(board, 'all')).toEqual(['1 ann 7', '2 bob 4'])
  expect(await all(board, 'today')).toEqual(['1 bob 4', '2 ann 2'])
  expect(await all(board, 'today', 1)).toEqual(['1 ann 5'])
  expect(await all(board, 'week')).toEqual(['1 ann 7', '2 bob 4'])
  await clock.set(at('2026-11-23T00:00:00Z'))
  expect(await all(board, 'week')).toEqual([])
  expect(await all(board, 'week', 1)).toEqual(['1 ann 7', '2 bob 4'])
  expect((await board.rank('bob', { window: 'today' }))?.rank).toBe(1)
})

test('week 53 is one week over the turn of the year', async () => {
  const clock = createClock(bench.raw)
  const board = await boardAt(bench.server.url, { windows: { week: { calendar: 'week' } } })
  for (const moment of ['2026-12-28T00:00:00Z', '2026-12-31T23:59:59Z', '2027-01-03T23:59:59Z']) {
    await clock.set(at(moment))
    await board.increment('ann')
  }
  expect(await all(board, 'week')).toEqual(['1 ann 3'])
  await clock.set(at('2027-01-04T00:00:00Z'))
  expect(await all(board, 'week')).toEqual([])
  expect(await all(board, 'week', 1)).toEqual(['1 ann 3'])
})

test('a day has 23 hours in spring and 25 in autumn', async () => {
  const clock = createClock(bench.raw)
  const board = await boardAt(bench.server.url, {
    windows: { day: { calendar: 'day', timeZone: 'Europe/Berlin' } },
  })
  for (const [from, hours] of [
    ['2026-03-28T23:00:00Z', 23],
    ['2026-10-24T22:00:00Z', 25],
  ] as const) {
    for (let hour = 0; hour < hours; hour++) {
      await clock.set(at(from) + hour * HOUR)
      await board.increment('ann')
    }
    expect(await all(board, 'day')).toEqual([`1 ann ${hours}`])
    await clock.advance(HOUR)
    expect(await all(board, 'day')).toEqual([])
  }
})

test('a clock that is stepped back comes back to the period it left', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-02T00:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { calendar: 'day' } } })
  await board.increment('ann')
  await clock.set(at('2026-06-01T23:59:59Z'))
  await board.increment('bob')
  expect(await all(board, 'day')).toEqual(['1 bob 1'])
})

test('calendar periods expire by themselves when they can be read no more', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, {
    windows: { day: { calendar: 'day', previous: 2 } },
    denseRanks: true,
  })
  await board.increment('ann')
  const keys = await bench.raw.keys('pk1:*')
  expect(keys.toSorted()).toEqual([
    'pk1:{shop}:board:points:window:day:20260601T000000Z',
    'pk1:{shop}:board:points:window:day:20260601T000000Z:scores',
  ])
  for (const key of keys) {
    const hours = (await bench.raw.pttl(key)) / 3_600_000
    expect(hours).toBeGreaterThan(60.9)
    expect(hours).toBeLessThanOrEqual(61)
  }
})

test('an increment counts for exactly as long as a rolling window lasts', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { last: '24h' }, all: 'all-time' } })
  await board.increment('ann', 5)
  await clock.advance(HOUR)
  await board.increment('ann', 2)
  await board.increment('bob', 3)
  expect(await all(board, 'day')).toEqual(['1 ann 7', '2 bob 3'])
  await clock.advance(23 * HOUR - 1)
  expect(await all(board, 'day')).toEqual(['1 ann 7', '2 bob 3'])
  await clock.advance(1)
  expect(await all(board, 'day')).toEqual(['1 bob 3', '2 ann 2'])
  await clock.advance(HOUR)
  expect(await all(board, 'day')).toEqual([])
  expect(await all(board, 'all')).toEqual(['1 ann 7', '2 bob 3'])
})

test('a rolling sum of zero is no row, and what leaves can bring one back', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { minute: { last: '1m' } }, decimals: 1 })
  expect(await board.increment('ann', 0.3)).toBe(0.3)
  await clock.advance(SECOND)
  expect(await board.increment('ann', -0.3)).toBe(0)
  expect(await board.rank('ann')).toBeNull()
  await clock.advance(59 * SECOND)
  expect(await all(board, 'minute')).toEqual(['1 ann -0.3'])
  await clock.advance(SECOND)
  expect(await all(board, 'minute')).toEqual([])
})

test('sums with decimals leave nothing behind, however many come and go', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { minute: { last: '1m' } }, decimals: 2 })
  for (let step = 0; step < 300; step++) {
    await clock.advance(SECOND)
    await board.increment('ann', 0.07)
    await board.increment('bob', step % 2 ? 0.1 : 0.2)
  }
  expect(await all(board, 'minute')).toEqual(['1 bob 9', '2 ann 4.2'])
  expect(await failure(board.increment('ann', 0.001))).toMatchObject({
    code: 'PENKNIFE_INVALID',
    option: 'by',
  })
})

test('with a tolerance, increments of a member share an entry that leaves with the first of them', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { last: '24h', tolerance: '1h' } } })
  await board.increment('ann', 1)
  await clock.advance(HOUR - 1)
  await board.increment('ann', 10)
  await clock.advance(1)
  await board.increment('ann', 100)
  expect(await bench.raw.xlen('pk1:{shop}:board:points:window:day:log')).toBe(2)
  await clock.advance(23 * HOUR - 1)
  expect(await all(board, 'day')).toEqual(['1 ann 111'])
  await clock.advance(1)
  expect(await all(board, 'day')).toEqual(['1 ann 100'])
  await clock.advance(HOUR)
  expect(await all(board, 'day')).toEqual([])
})

test('a read that finds much due takes it off in bounded steps and answers what is left', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { last: '24h' } }, denseRanks: true })
  await Promise.all(Array.from({ length: 1050 }, (_, nth) => board.increment(`m${nth % 700}`, 1 + (nth % 5))))
  await clock.advance(HOUR)
  await board.increment('ann', 3)
  await clock.advance(23 * HOUR)
  await bench.raw.config('RESETSTAT')
  expect(await all(board, 'day')).toEqual(['1 ann 3'])
  const stats = await bench.raw.info('commandstats')
  // 1,050 entries, at most 64 in a call.
  expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])).toBeGreaterThanOrEqual(17)
  expect(await bench.raw.zcard('pk1:{shop}:board:points:window:day:scores')).toBe(1)
})

test('of two windows with much due both are worked off, within one bound', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { last: '24h' }, long: { last: '25h' } } })
  await Promise.all(Array.from({ length: 64 }, (_, nth) => board.increment(`m${nth}`)))
  await clock.advance(2 * HOUR)
  await board.increment('ann', 3)
  await clock.advance(23 * HOUR)
  // The 64 of the first window are all that this call may take.
  expect(await board.increment('ann', 1)).toBe(4)
  for (const window of board.windows) expect(await all(board, window)).toEqual(['1 ann 4'])
})

test('a window that expired as a whole is dropped at once', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { day: { last: '24h', tolerance: '1h' } } })
  await Promise.all(Array.from({ length: 1000 }, (_, nth) => board.increment(`m${nth}`)))
  await clock.advance(24 * HOUR)
  await bench.raw.config('RESETSTAT')
  expect(await board.count()).toBe(0)
  const stats = await bench.raw.info('commandstats')
  expect(stats).toMatch(/cmdstat_evalsha:calls=1,/)
  expect(stats).toMatch(/cmdstat_unlink:calls=1,/)
  expect(await bench.raw.keys('pk1:*')).toEqual([])
})

test('a member that was removed leaves nothing in a rolling window, and begins anew', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  for (const tolerance of ['0s', '10m'] as const) {
    const board = await boardAt(bench.server.url, { windows: { day: { last: '24h', tolerance } } })
    await board.increment('ann', 5)
    await board.increment('bob', 1)
    await clock.advance(SECOND)
    expect(await board.remove('ann')).toBe(true)
    expect(await board.remove('ann')).toBe(false)
    expect(await board.rank('ann')).toBeNull()
    await board.increment('ann', 2)
    await clock.advance(24 * HOUR - SECOND)
    expect(await all(board, 'day')).toEqual(['1 ann 2'])
    await clock.advance(SECOND)
    expect(await all(board, 'day')).toEqual([])
  }
})

test('undo takes an increment back from the windows and periods that still count it, once', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T23:00:00Z'))
  const board = await boardAt(bench.server.url, {
    windows: {
      all: 'all-time',
      day: { calendar: 'day' },
      hours: { last: '2h' },
      about: { last: '6h', tolerance: '1h' },
    },
    remember: '1d',
  })
  expect(await board.increment('ann', 5, { id: 'a' })).toBe(5)
  expect(await board.increment('ann', 5, { id: 'a' })).toBe(5)
  await board.increment('ann', 1, { id: 'b' })
  await clock.advance(HOUR)
  await board.increment('ann', 10, { id: 'c' })
  await clock.advance(HOUR)
  expect(await board.undo('a')).toBe(true)
  expect(await board.undo('a')).toBe(false)
  expect(await board.increment('ann', 5, { id: 'a' })).toBe(11)
  expect(await all(board, 'all')).toEqual(['1 ann 11'])
  expect(await all(board, 'day')).toEqual(['1 ann 10'])
  expect(await all(board, 'day', 1)).toEqual(['1 ann 1'])
  expect(await all(board, 'hours')).toEqual(['1 ann 10'])
  expect(await all(board, 'about')).toEqual(['1 ann 11'])
  expect(await board.undo('c')).toBe(true)
  expect(await all(board, 'hours')).toEqual([])
  await clock.advance(22 * HOUR)
  // A day after it was made 'b' is forgotten.
  expect(await board.undo('b')).toBe(false)
  expect(await all(board, 'about')).toEqual([])
  expect(await all(board, 'all')).toEqual(['1 ann 1'])
})

test('an increment of a member that was removed since is not undone', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T23:00:00Z'))
  const board = await boardAt(bench.server.url, { remember: '1d' })
  await board.increment('ann', 5, { id: 'a' })
  await board.remove('ann')
  await board.increment('ann', 1, { id: 'b' })
  expect(await board.undo('a')).toBe(false)
  expect(await board.undo('b')).toBe(true)
  expect(await board.rank('ann')).toEqual({ member: 'ann', score: 0, rank: 1 })
})

test('ids are forgotten in bounded steps', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { remember: '1h' })
  for (let nth = 0; nth < 100; nth++) await board.increment('ann', 1, { id: `old-${nth}` })
  await clock.advance(HOUR)
  for (let nth = 0; nth < 40; nth++) await board.increment('ann', 1, { id: `new-${nth}` })
  expect(await bench.raw.hlen('pk1:{shop}:board:points:ids')).toBe(40)
  expect(await bench.raw.xlen('pk1:{shop}:board:points:idlog')).toBe(40)
})

const TIES = { since: '2026-01-01T00:00:00Z', until: '2036-01-01T00:00:00Z' } as const

test('who reached a score first comes first, and keeps its place until the score changes', async () => {
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
    expect(await bench.raw.keys('pk1:*')).toEqual([])
  }
})

test('first-come ties are exact up to the edges of the stated range, and refuse what is beyond', async () => {
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

test('first come is told in rolling windows too, by when a sum became what it is', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { ties: TIES, windows: { minute: { last: '1m' } } })
  await board.increment('ann', 2)
  await clock.advance(10 * SECOND)
  await board.increment('ann', 5)
  await clock.advance(10 * SECOND)
  await board.increment('bob', 5)
  await clock.advance(45 * SECOND)
  // ann came down to 5 a minute after its first increment, when bob had been there for long.
  expect(shown(await board.top())).toEqual(['1 bob 5', '2 ann 5'])
})

test('an update that a window refuses changes no window', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const board = await boardAt(bench.server.url, { windows: { all: 'all-time', hour: { last: '1h' } } })
  const most = Number.MAX_SAFE_INTEGER
  await board.increment('ann', most)
  await clock.advance(HOUR)
  const updates: BoardUpdate[] = [
    { member: 'bob', increment: 1 },
    { member: 'ann', increment: 1 },
  ]
  expect(await failure(board.update(updates))).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
  expect(await failure(board.increment('ann', 1))).toMatchObject({ code: 'PENKNIFE_REJECTED' })
  expect(await all(board, 'all')).toEqual([`1 ann ${most}`])
  expect(await all(board, 'hour')).toEqual([])
})

test('a process that stops in the middle of working off leaves the rest to the next', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const windows = { day: { last: '24h' } } as const
  const first = await boardAt(bench.server.url, { windows, remember: '2d' })
  await Promise.all(Array.from({ length: 500 }, (_, nth) => first.increment(`m${nth % 50}`, 1)))
  await clock.advance(HOUR)
  await Promise.all(Array.from({ length: 50 }, (_, nth) => first.increment(`m${nth}`, 2)))
  await clock.advance(23 * HOUR)
  const { leaderboardReadRolling: script } = await import('../../packages/core/src/redis/scripts.gen.ts')
  const part = (name: string): string => `pk1:{shop}:board:points:window:day${name}`
  const keys = [part(''), part(':log'), part(':gone'), 'pk1:{shop}:board:points:data']
  const plan = JSON.stringify({ windows: [{ z: [1], log: 2, gone: 3, last: 24 * HOUR }], data: 4 })
  // One step, as of a process that dies after it, and then another that goes on.
  const step = await bench.raw.eval(
    script.text,
    keys.length,
    ...keys,
    plan,
    'count',
    'ordinal',
    '0',
    '-inf',
    '+inf',
    '',
    '',
  )
  expect(step).toEqual([0])
  expect(await bench.raw.xlen(part(':log'))).toBe(486)
  const second = await boardAt(bench.server.url, { windows, remember: '2d' })
  const rows = await second.top(1000)
  expect(rows).toHaveLength(50)
  expect(rows.every(({ score }) => score === 2)).toBe(true)
})

test('boards of one name in several processes share their windows', async () => {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T12:00:00Z'))
  const windows = { day: { last: '24h' }, hour: { calendar: 'hour' } } as const
  const boards = await Promise.all([1, 2, 3].map(() => boardAt(bench.server.url, { windows })))
  await Promise.all(
    Array.from({ length: 300 }, (_, nth) => (boards[nth % 3] as Leaderboard).increment(`m${nth % 7}`, nth)),
  )
  const [one, two, three] = await Promise.all(boards.map((board) => board.top()))
  expect(two).toEqual(one)
  expect(three).toEqual(one)
  expect(one?.reduce((sum, { score }) => sum + score, 0)).toBe((299 * 300) / 2)
})
