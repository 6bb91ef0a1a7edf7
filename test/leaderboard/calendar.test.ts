import { type BoardCalendarWindow, createLeaderboard, type Leaderboard } from '@penknife/core'
import { expect, test } from 'vitest'

import { createClock, type Clock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

useSettableClock()

const bench = useRedis()
const HOUR = 3_600_000

async function open(window: BoardCalendarWindow): Promise<{ board: Leaderboard; clock: Clock }> {
  const penknife = await openReady(pattern(bench.server.url))
  const options = { windows: { period: window }, denseRanks: true }
  return {
    board: createLeaderboard(penknife.space('shop'), 'points', options),
    clock: createClock(bench.raw),
  }
}

/** A period by its first moment and the first one after it, as almanacs have them. */
const PERIODS: readonly (readonly [what: string, BoardCalendarWindow, from: string, to: string])[] = [
  [
    'a spring day of 23 hours',
    { calendar: 'day', timeZone: 'Europe/Berlin' },
    '2032-03-27T23:00Z',
    '2032-03-28T22:00Z',
  ],
  [
    'an autumn day of 25 hours',
    { calendar: 'day', timeZone: 'Europe/Berlin' },
    '2032-10-30T22:00Z',
    '2032-10-31T23:00Z',
  ],
  [
    'a spring day in New York',
    { calendar: 'day', timeZone: 'America/New_York' },
    '2032-03-14T05:00Z',
    '2032-03-15T04:00Z',
  ],
  [
    'an autumn day in New York',
    { calendar: 'day', timeZone: 'America/New_York' },
    '2032-11-07T04:00Z',
    '2032-11-08T05:00Z',
  ],
  // Lord Howe moves its clocks by half an hour, between UTC+10:30 and UTC+11.
  [
    'a day of 24 and a half hours',
    { calendar: 'day', timeZone: 'Australia/Lord_Howe' },
    '2032-04-03T13:00Z',
    '2032-04-04T13:30Z',
  ],
  [
    'a day of 23 and a half hours',
    { calendar: 'day', timeZone: 'Australia/Lord_Howe' },
    '2032-10-02T13:30Z',
    '2032-10-03T13:00Z',
  ],
  [
    'the half hour that Lord Howe repeats',
    { calendar: 'hour', timeZone: 'Australia/Lord_Howe' },
    '2032-04-03T15:00Z',
    '2032-04-03T15:30Z',
  ],
  // In Santiago the clock changes from midnight to one o'clock, so the day begins at one.
  [
    'a day that begins at one',
    { calendar: 'day', timeZone: 'America/Santiago' },
    '2032-09-05T04:00Z',
    '2032-09-06T03:00Z',
  ],
  [
    'a day in a half-hour zone',
    { calendar: 'day', timeZone: 'Asia/Kolkata' },
    '2032-12-31T18:30Z',
    '2033-01-01T18:30Z',
  ],
  [
    'an hour in a quarter-hour zone',
    { calendar: 'hour', timeZone: 'Asia/Kathmandu' },
    '2032-02-29T18:15Z',
    '2032-02-29T19:15Z',
  ],
  [
    'the hour before clocks go back',
    { calendar: 'hour', timeZone: 'Europe/Berlin' },
    '2032-10-31T00:00Z',
    '2032-10-31T01:00Z',
  ],
  [
    'the same hour once more',
    { calendar: 'hour', timeZone: 'Europe/Berlin' },
    '2032-10-31T01:00Z',
    '2032-10-31T02:00Z',
  ],
  ['week 53, over the turn of the year', { calendar: 'week' }, '2032-12-27T00:00Z', '2033-01-03T00:00Z'],
  [
    'week 53 in Auckland',
    { calendar: 'week', timeZone: 'Pacific/Auckland' },
    '2032-12-26T11:00Z',
    '2033-01-02T11:00Z',
  ],
  [
    'the week in which clocks go forward',
    { calendar: 'week', timeZone: 'Europe/Berlin' },
    '2032-03-21T23:00Z',
    '2032-03-28T22:00Z',
  ],
  ['February of a leap year', { calendar: 'month' }, '2032-02-01T00:00Z', '2032-03-01T00:00Z'],
  [
    'March in Berlin, an hour short',
    { calendar: 'month', timeZone: 'Europe/Berlin' },
    '2032-02-29T23:00Z',
    '2032-03-31T22:00Z',
  ],
  [
    'a day from five in the morning',
    { calendar: 'day', timeZone: 'Europe/Berlin', dayStart: '05:00' },
    '2032-03-27T04:00Z',
    '2032-03-28T03:00Z',
  ],
  [
    'a day from a time that clocks skip',
    { calendar: 'day', timeZone: 'Europe/Berlin', dayStart: '02:30' },
    '2032-03-28T01:00Z',
    '2032-03-29T00:30Z',
  ],
  [
    'a day from a time that clocks repeat',
    { calendar: 'day', timeZone: 'Europe/Berlin', dayStart: '02:30' },
    '2032-10-31T00:30Z',
    '2032-11-01T01:30Z',
  ],
  ['a week from Sunday', { calendar: 'week', weekStart: 'sunday' }, '2032-12-26T00:00Z', '2033-01-02T00:00Z'],
  [
    'two weeks from a Thursday, counted from a date',
    { calendar: 'week', every: 2, weekStart: 'thursday', from: '2032-12-08', dayStart: '05:00' },
    '2032-12-02T05:00Z',
    '2032-12-16T05:00Z',
  ],
  ['five minutes', { calendar: 'minute', every: 5 }, '2032-03-28T12:55Z', '2032-03-28T13:00Z'],
  [
    'the six hours in which clocks go forward',
    { calendar: 'hour', every: 6, timeZone: 'Europe/Berlin' },
    '2032-03-27T23:00Z',
    '2032-03-28T04:00Z',
  ],
  ['a quarter', { calendar: 'quarter', timeZone: 'Asia/Kolkata' }, '2032-03-31T18:30Z', '2032-06-30T18:30Z'],
  ['a year from April', { calendar: 'year', from: '2020-04-01' }, '2032-04-01T00:00Z', '2033-04-01T00:00Z'],
  ['ten days', { calendar: 'day', every: 10, from: '2033-01-01' }, '2032-12-22T00:00Z', '2033-01-01T00:00Z'],
  ['December', { calendar: 'month', timeZone: 'America/New_York' }, '2032-12-01T05:00Z', '2033-01-01T05:00Z'],
]

test.each(PERIODS)(
  '%s counts what happens within it, to the millisecond',
  async (_what, window, from, to) => {
    const { board, clock } = await open({ ...window, previous: 2 })
    const [start, end] = [Date.parse(from), Date.parse(to)]
    const moments: readonly (readonly [ms: number, by: number])[] = [
      [start - 1, 1],
      [start, 10],
      [Math.floor((start + end) / 2), 100],
      [end - 1, 1000],
      [end, 10_000],
    ]
    const scores: number[] = []
    for (const [ms, by] of moments) {
      await clock.set(ms * 1000)
      scores.push(await board.increment('ann', by))
    }
    expect(scores).toEqual([1, 10, 110, 1110, 10_000])
    const former = async (previous: number): Promise<unknown> =>
      (await board.rank('ann', { previous }))?.score
    expect([await former(1), await former(2)]).toEqual([1110, 1])
  },
)

test("a period's keys expire when as many further periods ended as stay readable", async () => {
  for (const previous of [0, 1, 3]) {
    const { board, clock } = await open({ calendar: 'day', timeZone: 'Europe/Berlin', previous })
    // Two days before clocks go forward: the days ahead have 24, 24, 23 and 24 hours.
    const noon = Date.parse('2032-03-26T11:00Z')
    await clock.set(noon * 1000)
    await board.increment('ann', 1)
    const keys = (await bench.raw.keys('pk1:*')).filter((key) => !key.endsWith(':declaration'))
    const lengths = [12, 24, 23, 24]
    const hours = lengths.slice(0, previous + 1).reduce((all, each) => all + each, 0)
    for (const key of keys) {
      const ttl = await bench.raw.pttl(key)
      expect(ttl, `${key} of ${previous}`).toBeGreaterThan(hours * HOUR - 60_000)
      expect(ttl, `${key} of ${previous}`).toBeLessThanOrEqual((hours + 1) * HOUR)
    }
    // The period's board, and its different scores.
    expect(keys).toHaveLength(2)
    await bench.raw.flushall()
  }
})

test('after the clock was set back, updates count in the earlier period', async () => {
  const { board, clock } = await open({ calendar: 'day', previous: 2 })
  const day = (nth: number): number => (Date.parse('2032-12-30T12:00Z') + nth * 24 * HOUR) * 1000
  for (const [nth, score] of [
    [0, 1],
    [1, 1],
    [0, 2],
    [3, 1],
    [1, 2],
  ] as const) {
    await clock.set(day(nth))
    expect(await board.increment('ann')).toBe(score)
  }
})

test('two processes whose clocks differ from Redis agree on the period', async () => {
  const { board: one, clock } = await open({ calendar: 'hour', previous: 1 })
  const { board: other } = await open({ calendar: 'hour', previous: 1 })
  const start = Date.parse('2032-06-01T12:59:59.999Z')
  await clock.set(start * 1000)
  await Promise.all([one.increment('ann'), other.increment('ann')])
  await clock.set((start + 1) * 1000)
  expect(await Promise.all([one.increment('ann'), other.rank('bob')])).toEqual([1, null])
  expect((await other.rank('ann', { previous: 1 }))?.score).toBe(2)
})
