import { createLeaderboard, type Leaderboard, type LeaderboardOptions, printable } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
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
  ['an unknown unit', { windows: { a: { calendar: 'year' } } }, 'window a calendar'],
  ['an unknown time zone', { windows: { a: { calendar: 'day', timeZone: 'X/Y' } } }, 'window a timeZone'],
  ['too many periods', { windows: { a: { calendar: 'day', previous: 101 } } }, 'window a previous'],
  ['a rolling window under a second', { windows: { a: { last: 999 } } }, 'window a last'],
  ['a tolerance over half', { windows: { a: { last: '1h', tolerance: '31m' } } }, 'window a tolerance'],
  ['a bounded rolling board', { keep: 5, windows: { a: { last: '1h' } } }, 'keep'],
  ['ids on a bounded board', { keep: 5, remember: '1h' }, 'remember'],
  ['ten decimals', { decimals: 10 }, 'decimals'],
  ['ties without an end', { ties: { since: '2026-01-01' } }, 'ties until'],
  ['ties that end before they begin', { ties: { since: '2026-01-01', until: '2025-01-01' } }, 'ties until'],
  ['events of no window', { events: { window: 'x' } }, 'events window'],
])('%s is refused', async (_, options, option) => {
  const penknife = await openReady(pattern(bench.server.url))
  expect(() => createLeaderboard(penknife.space('shop'), 'points', options)).toThrow(
    expect.objectContaining({ code: 'PENKNIFE_INVALID', option }),
  )
})

test.each<[string, (points: Leaderboard) => Promise<unknown>, string]>([
  ['a set on a rolling board', (points) => points.set('ann', 1), 'set'],
  ['a best on a rolling board', (points) => points.best('ann', 1), 'best'],
  ['a fraction of the last digit', (points) => points.increment('ann', 0.5), 'by'],
  ['an id without remember', (points) => points.increment('ann', 1, { id: 'a' }), 'id'],
  ['an undo without remember', (points) => points.undo('a'), 'id'],
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
  ['half a character', (points) => points.rank('\ud83d'), 'member'],
  ['1,001 members', (points) => points.ranks(Array.from({ length: 1001 }, () => 'a')), 'members'],
])('%s is refused', async (_, call, option) => {
  const points = await board({ windows: { hour: { last: '1h' }, day: { calendar: 'day' } } })
  expect(await failure(call(points))).toMatchObject({ code: 'PENKNIFE_INVALID', option })
  expect(await bench.raw.dbsize()).toBe(0)
})

test('an error about a member shows characters that turn text around, or begin a line, as escapes', async () => {
  const points = await board()
  const { message } = await failure(points.increment('ann\u202e{\u2028\u0085'))
  expect(message).toContain(String.raw`member is "ann\u202e{\u2028\u0085"`)
})

test('members with such characters come back as they were given, for printable to show', async () => {
  const points = await board()
  await points.increment('ann\u202e\u2028\u0085')
  const [row] = await points.top()
  expect(row?.member).toBe('ann\u202e\u2028\u0085')
  expect(printable(String(row?.member))).toBe('ann\ufffd\ufffd\ufffd')
})
