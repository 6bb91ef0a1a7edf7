import { createLeaderboard, type Leaderboard, type LeaderboardOptions } from '@penknife/core'
import { expect, test, vi } from 'vitest'

import { documentedRights } from '../support/documented-user.ts'
import { failure, openReady } from '../support/connect.ts'
import { startProxy } from '../support/proxy.ts'
import { bundledProgram, runProgram } from '../support/program.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { warningsOf } from '../support/warnings.ts'
import { boardAt, shown } from './boards.ts'

/** Two versions of an application run side by side during a deploy. */
const bench = useRedis({ args: ['--enable-debug-command', 'yes'] })
const board = (options: LeaderboardOptions = {}): Promise<Leaderboard> => boardAt(bench.server.url, options)
const digest = (): Promise<unknown> => bench.raw.call('DEBUG', 'DIGEST')

const TIES = { since: '2026-01-01', until: '2036-01-01' }
const HOUR = { last: '1h' } as const

const USES: Readonly<Record<string, (points: Leaderboard) => Promise<unknown>>> = {
  increment: (points) => points.increment('ann', 1),
  update: (points) => points.update([{ member: 'ann', increment: 1 }]),
  top: (points) => points.top(),
  rank: (points) => points.rank('ann'),
  export: async (points) => {
    for await (const row of points.export()) void row
  },
  describe: (points) => points.describe('ann', {}),
  remove: (points) => points.remove('ann'),
}

test.each<[what: string, older: LeaderboardOptions, newer: LeaderboardOptions, option: string, says: RegExp]>(
  [
    ['the order', {}, { order: 'ascending' }, 'order', /order is 'ascending'.* have 'descending'/],
    ['decimals', {}, { decimals: 2 }, 'decimals', /decimals is '2'.* have 'none'/],
    ['the number of decimals', { decimals: 0 }, { decimals: 2 }, 'decimals', /decimals is '2'.* have '0'/],
    ['decimals for doubles', { decimals: 2 }, {}, 'decimals', /decimals is 'none'.* have '2'/],
    [
      'ties',
      { decimals: 0 },
      { ties: TIES },
      'ties',
      /ties is 'unit 1000 ms, since 2026-01-01T00:00:00.000Z, room for 536870912 units'.* have 'member'/,
    ],
    ['the unit of ties', { ties: TIES }, { ties: { ...TIES, unit: '1m' } }, 'ties', /60000 ms.*1000 ms/],
    ['dense ranks', { denseRanks: true }, {}, 'denseRanks', /denseRanks is 'false'.* have 'true'/],
    [
      'the length of a rolling window',
      { windows: { recent: HOUR } },
      { windows: { recent: { last: '2h' } } },
      'window recent',
      /last 7200000 ms, without tolerance'.* have 'last 3600000 ms/,
    ],
    [
      'whether a rolling window is exact',
      { windows: { recent: HOUR } },
      { windows: { recent: { ...HOUR, tolerance: '1m' } } },
      'window recent',
      /with tolerance.*without tolerance.*the window another name/,
    ],
    [
      'the unit of a calendar window',
      { windows: { now: { calendar: 'day' } } },
      { windows: { now: { calendar: 'week' } } },
      'window now',
      /calendar week, timeZone UTC.*calendar day/,
    ],
    [
      'the time zone of a calendar window',
      { windows: { now: { calendar: 'day' } } },
      { windows: { now: { calendar: 'day', timeZone: 'Europe/Berlin' } } },
      'window now',
      /Europe\/Berlin.*UTC/,
    ],
  ],
)(
  'a version that changes %s is refused by every method, and nothing is written',
  async (_, old, next, option, says) => {
    const older = await board(old)
    await older.increment('ann', 5)
    const newer = await board(next)
    const before = await digest()
    for (const [use, call] of Object.entries(USES)) {
      const error = await failure(call(newer))
      expect(error, use).toMatchObject({ code: 'PENKNIFE_INVALID', fate: 'not-done', option })
      expect(error.message).toMatch(/^leaderboard 'points' of space 'shop': /)
      expect(error.message).toMatch(says)
    }
    expect(await digest()).toBe(before)
    expect(await older.increment('ann', 2)).toBe(7)
  },
)

test('a window that a deploy removed keeps its meaning, because another version may still write to it', async () => {
  await (await board({ windows: { all: 'all-time', now: { calendar: 'day' } } })).increment('ann')
  await (await board()).increment('ann')
  const error = await failure((await board({ windows: { now: { calendar: 'hour' } } })).increment('ann'))
  expect(error.option).toBe('window now')
})

test.each<[what: string, older: LeaderboardOptions, newer: LeaderboardOptions, before: string, now: string]>([
  [
    'windows',
    { decimals: 0 },
    { decimals: 0, windows: { ever: 'all-time', day: { calendar: 'day' }, hour: HOUR } },
    'windows all',
    'windows ever day (previous 1) hour',
  ],
  ['how many it keeps', { keep: 10 }, { keep: 5 }, 'windows all, keep 10', 'windows all, keep 5'],
  [
    'for how long ids are stored',
    { dedup: { window: '1h' } },
    { dedup: { window: '1d' } },
    'windows all, dedup window 3600000 ms',
    'windows all, dedup window 86400000 ms',
  ],
  [
    'how many periods stay',
    { windows: { day: { calendar: 'day' } } },
    { windows: { day: { calendar: 'day', previous: 7 } } },
    'windows day (previous 1)',
    'windows day (previous 7)',
  ],
  [
    'the tolerance',
    { windows: { hour: { ...HOUR, tolerance: '1m' } } },
    { windows: { hour: { ...HOUR, tolerance: '2m' } } },
    'windows hour (tolerance 60000 ms)',
    'windows hour (tolerance 120000 ms)',
  ],
  [
    'the end of first-come ties, as long as scores have as much room',
    { ties: TIES },
    { ties: { ...TIES, until: '2037-01-01' } },
    'windows all, ties until 2036-01-01T00:00:00.000Z',
    'windows all, ties until 2037-01-01T00:00:00.000Z',
  ],
])('a deploy that changes %s is accepted, and reported once', async (_, old, next, before, now) => {
  const older = await board(old)
  const update = (points: Leaderboard): Promise<unknown> =>
    old.keep ? points.best('ann', 5) : points.increment('ann', 5)
  await update(older)
  const newer = await board(next)
  const events: unknown[] = []
  newer.on((event) => events.push(event))
  for (let n = 0; n < 3; n++) {
    await update(newer)
    await update(older)
  }
  expect(events).toEqual([{ kind: 'redeclared', space: 'shop', name: 'points', before, now }])
})

test('without a listener the change is a process warning that names both declarations', async () => {
  await (await board({ dedup: { window: '1h' } })).increment('ann')
  const warnings = warningsOf('PENKNIFE_REDECLARED')
  await (await board()).top()
  await until('it warns', () => warnings.length > 0)
  expect(warnings).toEqual([
    "leaderboard 'points' of space 'shop' was declared with 'windows all, dedup window 3600000 ms' and now with " +
      "'windows all': each process uses its own",
  ])
})

test('a process of another version is refused beside this one', async () => {
  const older = await board()
  await older.increment('ann', 5)
  await older.increment('bob', 7)
  await using program = runProgram(bundledProgram('board-version'), {}, [
    bench.server.url,
    JSON.stringify({ order: 'ascending' }),
  ])
  await program.printed(/^PENKNIFE_INVALID not-done .*order is 'ascending'/m)
  expect(shown(await older.top())).toEqual(['1 bob 7', '2 ann 5'])
})

test('an accepted declaration costs the following calls no command', async () => {
  const points = await board()
  await points.increment('ann')
  await bench.raw.config('RESETSTAT')
  for (let n = 0; n < 5; n++) {
    await points.increment('ann')
    await points.rank('ann')
  }
  const stats = [...(await bench.raw.info('commandstats')).matchAll(/cmdstat_(\w+):calls=(\d+)/g)]
  const sent = Object.fromEntries(stats.map(([, command, calls]) => [command, Number(calls)]))
  expect(sent).toMatchObject({ evalsha: 10, zincrby: 5, zrank: 5, zscore: 5 })
  expect(Object.keys(sent)).not.toContain('hmget')
})

test('many first calls wait for one declaration', async () => {
  const points = await board()
  await Promise.all(Array.from({ length: 1000 }, () => points.increment('ann')))
  expect(await points.rank('ann')).toMatchObject({ score: 1000 })
  const stats = await bench.raw.info('commandstats')
  expect(/cmdstat_hmget:calls=(\d+)/.exec(stats)?.[1]).toBe('1')
})

test('a call whose declaration got no reply in time was not carried out', async () => {
  const proxy = await startProxy(bench.server)
  const points = await boardAt(proxy.url, {}, { deadline: '300ms' })
  proxy.swallowReplies()
  const error = await failure(points.increment('ann'))
  expect(error).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  proxy.cut()
  proxy.pass()
  await until('the board answers', async () => (await points.increment('ann').catch(() => 0)) > 0)
  expect(await points.rank('ann')).toMatchObject({ score: 1 })
})

test('a process notices within ten seconds of use that its board was deleted and created differently', async () => {
  const older = await board()
  await older.increment('ann', 5)
  await bench.raw.flushall()
  const newer = await board({ order: 'ascending' })
  await newer.increment('bob', 3)
  // Only the process's own clock decides when it checks again.
  vi.spyOn(performance, 'now').mockImplementation(() => Number.MAX_SAFE_INTEGER)
  await older.count()
  vi.restoreAllMocks()
  await until('it is refused', async () => (await older.count().catch((error) => error.option)) === 'order')
  // And that it was made as this process declares it.
  await bench.raw.flushall()
  expect(await older.increment('ann', 5)).toBe(5)
})

test('a declaration is stored as long as the scores: without a limit with an all-time window', async () => {
  const KEY = 'pk1:{shop}:board:points:declaration'
  await (await board({ windows: { hour: HOUR } })).increment('ann')
  const lives = await bench.raw.pttl(KEY)
  expect(lives).toBeGreaterThan(2 * 3_600_000)
  await (await board({ windows: { hour: HOUR, week: { calendar: 'week', previous: 3 } } })).increment('ann')
  expect(await bench.raw.pttl(KEY)).toBeGreaterThan(5 * 7 * 86_400_000)
  await (await board({ windows: { hour: HOUR, all: 'all-time' } })).increment('ann')
  expect(await bench.raw.pttl(KEY)).toBe(-1)
  await (await board({ windows: { hour: HOUR } })).increment('ann')
  expect(await bench.raw.pttl(KEY)).toBe(-1)
})

test('the documented user may declare a board', async () => {
  await bench.raw.call('ACL', 'SETUSER', 'app', 'reset', ...documentedRights())
  const user = pattern(bench.server.url, { username: 'app', password: 'secret' })
  const space = (await openReady(user)).space('shop')
  expect(await createLeaderboard(space, 'points', { windows: { hour: HOUR } }).increment('ann')).toBe(1)
})
