import { createLeaderboard, type Leaderboard, type LeaderboardOptions } from '@penknife/core'
import { printable } from '@penknife/core/internal'
import { expect, onTestFinished, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { boardAt } from './boards.ts'

const bench = useRedis()
const board = (options?: LeaderboardOptions): Promise<Leaderboard> => boardAt(bench.server.url, options)

test.each<[string, object, string]>([
  ['an unknown option', { window: {} }, "leaderboard option 'window'"],
  ['an unknown order', { order: 'up' }, 'order'],
  ['no windows', { windows: {} }, 'windows'],
  ['two all-time windows', { windows: { a: 'all-time', b: 'all-time' } }, 'windows'],
  [
    'nine windows',
    { windows: Object.fromEntries('abcdefghi'.split('').map((w) => [w, { last: '1h' }])) },
    'windows',
  ],
  ['a window named as a number', { windows: { 1: 'all-time' } }, 'window name'],
  ['an unknown kind of window', { windows: { a: 'daily' } }, 'window a'],
  ['an unknown unit', { windows: { a: { calendar: 'decade' } } }, 'window a calendar'],
  [
    'minutes that do not fill an hour',
    { windows: { a: { calendar: 'minute', every: 7 } } },
    'window a every',
  ],
  ['hours that do not fill a day', { windows: { a: { calendar: 'hour', every: 5 } } }, 'window a every'],
  ['no days', { windows: { a: { calendar: 'day', every: 0 } } }, 'window a every'],
  [
    'an hour with a day start',
    { windows: { a: { calendar: 'hour', dayStart: '05:00' } } },
    'window a dayStart',
  ],
  [
    'a day start without zeros',
    { windows: { a: { calendar: 'day', dayStart: '5:00' } } },
    'window a dayStart',
  ],
  [
    'a date that does not exist',
    { windows: { a: { calendar: 'day', from: '2026-02-30' } } },
    'window a from',
  ],
  ['a year from a 6th', { windows: { a: { calendar: 'year', from: '2026-04-06' } } }, 'window a from'],
  [
    'a day with a week start',
    { windows: { a: { calendar: 'day', weekStart: 'sunday' } } },
    'window a weekStart',
  ],
  ['an unknown weekday', { windows: { a: { calendar: 'week', weekStart: 'Sunday' } } }, 'window a weekStart'],
  ['an unknown time zone', { windows: { a: { calendar: 'day', timeZone: 'X/Y' } } }, 'window a timeZone'],
  ['too many periods', { windows: { a: { calendar: 'day', previous: 101 } } }, 'window a previous'],
  ['a rolling window under a second', { windows: { a: { last: 999 } } }, 'window a last'],
  ['a tolerance over half', { windows: { a: { last: '1h', tolerance: '31m' } } }, 'window a tolerance'],
  ['a bounded rolling board', { keep: 5, windows: { a: { last: '1h' } } }, 'keep'],
  ['ids on a bounded board', { keep: 5, dedup: { window: '1h' } }, 'dedup'],
  ['ten decimals', { decimals: 10 }, 'decimals'],
  ['ties without an end', { ties: { since: '2026-01-01' } }, 'ties until'],
  ['ties that end before they begin', { ties: { since: '2026-01-01', until: '2025-01-01' } }, 'ties until'],
  ['events of no window', { events: { window: 'x' } }, 'events window'],
  ['events that are no object', { events: false }, 'events options'],
  ...[
    ...['order', 'windows', 'ties', 'denseRanks', 'keep', 'decimals', 'dedup', 'events'].map(
      (option) => [option, { [option]: null }] as const,
    ),
    ...['timeZone', 'previous', 'every', 'from', 'dayStart', 'weekStart'].map(
      (option) => [option, { windows: { a: { calendar: 'day', [option]: null } } }] as const,
    ),
    ['tolerance', { windows: { a: { last: '1h', tolerance: null } } }] as const,
    ['unit', { ties: { unit: null, since: '2026-01-01', until: '2027-01-01' } }] as const,
    ...['window', 'top', 'overtaken'].map((option) => [option, { events: { [option]: null } }] as const),
  ].map(([option, options]): [string, object, string] => [`null for ${option}`, options, option]),
])('%s is refused', async (_, options, option) => {
  const penknife = await openReady(pattern(bench.server.url))
  expect(() => createLeaderboard(penknife.space('shop'), 'points', options)).toThrow(
    expect.objectContaining({ code: 'PENKNIFE_INVALID', option }),
  )
})

type Call = (points: Leaderboard) => Promise<unknown>

test.each<[string, Call, string]>([
  ['a set on a rolling board', (points) => points.set('ann', 1), 'set'],
  ['a best on a rolling board', (points) => points.best('ann', 1), 'best'],
  ['two lower bounds', (points) => points.count({ min: 1, above: 2 }), 'above'],
  ['two upper bounds', (points) => points.byScore({ max: 1, below: 2 }), 'below'],
  ['a bound that is no number', (points) => points.count({ above: '1' as never }), 'above'],
  ['a rank for no number', (points) => points.rankFor(Number.NaN), 'score'],
  ['a fill that is no flag', (points) => points.around('ann', 1, { fill: 1 as never }), 'fill'],
  [
    'an interpolation that is no flag',
    (points) => points.scoreAt(1, { interpolate: 1 as never }),
    'interpolate',
  ],
  ['a fraction of the last digit', (points) => points.increment('ann', 0.5), 'by'],
  ['an id without dedup', (points) => points.increment('ann', 1, { id: 'a' }), 'id'],
  ['an undo without dedup', (points) => points.undo('a'), 'id'],
  ['an unknown window', (points) => points.top(1, 1, { window: 'x' }), 'window'],
  ['a period of a rolling window', (points) => points.top(1, 1, { previous: 1 }), 'previous'],
  ['a period too far back', (points) => points.top(1, 1, { window: 'day', previous: 2 }), 'previous'],
  ['dense ranks that are not kept', (points) => points.rank('ann', { ranks: 'dense' }), 'ranks'],
  ['a change in an unknown window', (points) => points.increment('ann', 1, { change: 'x' }), 'change'],
  ['an empty batch', (points) => points.update([]), 'updates'],
  [
    'a batch too large',
    (points) => points.update(Array.from({ length: 51 }, () => ({ member: 'a', increment: 1 }))),
    'updates',
  ],
  ['a percentage over 100', (points) => points.scoreAt(101), 'percent'],
  ['null for a read', (points) => points.top(1, 1, null as never), 'read options'],
  ...['window', 'previous', 'ranks', 'data'].map((option): [string, Call, string] => [
    `null for ${option}`,
    (points) => points.top(1, 1, { [option]: null }),
    option,
  ]),
  ['unknown ranks', (points) => points.top(1, 1, { ranks: 'olympic' as never }), 'ranks'],
  ['null for a bound', (points) => points.count({ min: null as never }), 'min'],
  ['null for a change', (points) => points.increment('ann', 1, { change: null as never }), 'change'],
  ['null for an amount', (points) => points.increment('ann', null as never), 'by'],
  ['null for a member', (points) => points.rank(null as never), 'member'],
  ['null for erase', (points) => points.remove('ann', { erase: null as never }), 'erase'],
  ['no window to clear', (points) => points.clear({ window: undefined as never }), 'clear window'],
  [
    'no end of a range to remove',
    (points) => points.removeRange({ from: 1, to: undefined as never }),
    'removeRange to',
  ],
  ['no function to listen', async (points) => points.on(null as never), 'listener'],
  ['half a character', (points) => points.rank('\ud83d'), 'member'],
  ['1,001 members', (points) => points.ranks(Array.from({ length: 1001 }, () => 'a')), 'members'],
])('%s is refused', async (_, call, option) => {
  const points = await board({ windows: { hour: { last: '1h' }, day: { calendar: 'day' } } })
  expect(await failure(call(points))).toMatchObject({ code: 'PENKNIFE_INVALID', option })
  expect(await bench.raw.dbsize()).toBe(0)
})

test('an error about a member escapes characters that reverse text or start a line', async () => {
  const points = await board()
  const { message } = await failure(points.increment('ann\u202e{\u2028\u0085'))
  expect(message).toContain(String.raw`member is "ann\u202e{\u2028\u0085"`)
})

test('members with such characters are returned unchanged, to be shown by printable', async () => {
  const points = await board()
  await points.increment('ann\u202e\u2028\u0085')
  const [row] = await points.top()
  expect(row?.member).toBe('ann\u202e\u2028\u0085')
  expect(printable(String(row?.member))).toBe('ann\ufffd\ufffd\ufffd')
})

test.each<[string, LeaderboardOptions, Call]>([
  ['an increment', {}, (points) => points.increment('ann', 1.7e308)],
  ['an update', { windows: { day: { calendar: 'day' } } }, (points) => points.increment('ann', 1.7e308)],
  [
    'one update of many',
    {},
    (points) =>
      points.update([
        { member: 'bob', increment: 1 },
        { member: 'ann', increment: 1.7e308 },
      ]),
  ],
])(
  'a score that goes too far by %s is refused with the board, the key and the member',
  async (_, options, call) => {
    const points = await board(options)
    await points.set('ann', 1.7e308)
    const { message, fate } = await failure(call(points))
    expect(fate).toBe('not-done')
    expect(message).toMatch(
      /leaderboard 'points' of space 'shop', key 'pk1:\{shop\}:board:points[^']*': .*the new score of ann would be too large/,
    )
  },
)

test('a read that finds another type where data are names that key', async () => {
  const points = await board()
  await points.set('ann', 1)
  await bench.raw.set('pk1:{shop}:board:points:data', 'x')
  const { message, fate } = await failure(points.top(1, 1, { data: true }))
  expect(fate).toBe('not-done')
  expect(message).toMatch(/WRONGTYPE .*\(pk1:\{shop\}:board:points:data\)$/)
})

test('an error of a listener affects nothing else and is reported', async () => {
  const warnings: string[] = []
  const record = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', record)
  onTestFinished(() => void process.off('warning', record))
  const points = await board({ events: {} })
  points.on(() => {
    throw new Error('thrown by a listener')
  })
  const rejecting: () => unknown = () => Promise.reject(new Error('rejected by a listener'))
  points.on(rejecting)
  expect(await points.increment('ann')).toBe(1)
  await until(
    'both are reported',
    () => warnings.filter((text) => text.includes('by a listener')).length === 2,
  )
  expect(await points.increment('ann')).toBe(2)
})
