import { channel } from 'node:diagnostics_channel'

import {
  type BoardEvent,
  type BoardUpdate,
  createLeaderboard,
  type Leaderboard,
  type LeaderboardOptions,
  type RankStyle,
} from '@penknife/core'
import { describe, expect, onTestFinished, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { boardAt, fill, shown } from './boards.ts'

const bench = useRedis()
const board = (options?: LeaderboardOptions): Promise<Leaderboard> => boardAt(bench.server.url, options)
const SIX = { ann: 9, bob: 7, cem: 7, dee: 7, eva: 5, fay: 1 }

describe('updates', () => {
  test('set puts a score in the place of what was, best keeps what is better', async () => {
    for (const [order, better, worse] of [
      ['descending', 9, 3],
      ['ascending', 3, 9],
    ] as const) {
      const points = await board({ order })
      expect(await points.set('ann', 5)).toBe(5)
      expect(await points.best('ann', worse)).toBe(5)
      expect(await points.best('ann', better)).toBe(better)
      expect(await points.set('ann', worse)).toBe(worse)
      expect(await points.best('bob', 1.5)).toBe(1.5)
      await bench.raw.flushall()
    }
  })

  test('an ascending board has the lowest score first', async () => {
    const points = await board({ order: 'ascending' })
    await fill(points, SIX)
    expect(shown(await points.top(3))).toEqual(['1 fay 1', '2 eva 5', '3 bob 7'])
    expect(shown(await points.byScore({ min: 5, max: 7, count: 2 }))).toEqual(['2 eva 5', '3 bob 7'])
    expect(await points.increment('ann', -8.5)).toBe(0.5)
    expect((await points.rank('ann'))?.rank).toBe(1)
  })

  test('a change tells scores and ranks before and after, when asked for', async () => {
    const points = await board()
    await fill(points, SIX)
    const about = { window: 'all', applied: true }
    expect(await points.increment('fay', 7, { change: true })).toEqual({
      ...about,
      member: 'fay',
      previousScore: 1,
      score: 8,
      previousRank: 6,
      rank: 2,
    })
    expect(await points.set('gus', 0, { change: 'all' })).toEqual({
      ...about,
      member: 'gus',
      previousScore: null,
      score: 0,
      previousRank: null,
      rank: 7,
    })
    expect(await points.best('ann', 2, { change: true })).toMatchObject({ score: 9, rank: 1, applied: false })
  })

  test('a batch is made in its order, and each update sees the ones before it', async () => {
    const points = await board()
    const updates: BoardUpdate[] = [
      { member: 'ann', set: 5 },
      { member: 'ann', increment: 2 },
      { member: 'bob', best: 6 },
      { member: 'ann', best: 3 },
    ]
    expect(await points.update(updates)).toEqual([5, 7, 6, 7])
    const changes = await points.update([{ member: 'bob', increment: 2 }], { change: true })
    expect(changes).toMatchObject([{ previousScore: 6, score: 8, previousRank: 2, rank: 1 }])
  })

  test('of a batch with one update that is refused nothing is done', async () => {
    const points = await board()
    await points.increment('ann', Number.MAX_VALUE)
    const updates: BoardUpdate[] = [
      { member: 'bob', increment: 1 },
      { member: 'ann', increment: Number.MAX_VALUE },
    ]
    expect(await failure(points.update(updates))).toMatchObject({
      code: 'PENKNIFE_REJECTED',
      fate: 'not-done',
    })
    expect(await points.count()).toBe(1)
    const cem = { member: 'cem', increment: Number.MAX_VALUE }
    expect(await failure(points.update([cem, cem]))).toMatchObject({ code: 'PENKNIFE_REJECTED' })
    expect(await points.count()).toBe(1)
  })

  test('an update of several windows, one of another type, changes none', async () => {
    const points = await board({ windows: { all: 'all-time', hour: { last: '1h' } } })
    await bench.raw.set('pk1:{shop}:board:points:window:hour', 'text')
    expect(await failure(points.increment('ann'))).toMatchObject({ code: 'PENKNIFE_REJECTED' })
    expect(await bench.raw.exists('pk1:{shop}:board:points')).toBe(0)
  })

  test('a bounded board keeps the best, and takes no increments', async () => {
    const points = await board({ keep: 3, denseRanks: true })
    await points.describe('eva', { name: 'Eva' })
    await fill(points, { eva: 1, ann: 9, bob: 7, cem: 7 })
    expect(shown(await points.top())).toEqual(['1 ann 9', '2 bob 7', '3 cem 7'])
    expect(await bench.raw.hlen('pk1:{shop}:board:points:data')).toBe(0)
    expect(await bench.raw.zrange('pk1:{shop}:board:points:all:scores', '0', '-1')).toEqual(['-9', '-7'])
    expect(await points.best('dee', 5)).toBe(5)
    expect(await points.best('dee', 6, { change: true })).toMatchObject({
      score: null,
      rank: null,
      applied: true,
    })
    expect(await points.best('dee', 8, { change: true })).toMatchObject({ score: 8, rank: 2 })
    expect(shown(await points.top())).toEqual(['1 ann 9', '2 dee 8', '3 bob 7'])
    expect(await failure(points.increment('ann'))).toMatchObject({
      code: 'PENKNIFE_INVALID',
      option: 'increment',
    })
  })

  test('a removed member is gone from every window with its data', async () => {
    const points = await board({
      windows: { all: 'all-time', day: { calendar: 'day' }, hour: { last: '1h' } },
      remember: '1h',
    })
    await points.describe('ann', 'Ann')
    await points.increment('ann', 5, { id: 'a' })
    await points.increment('bob')
    expect(await points.remove('ann')).toBe(true)
    expect(await points.remove('ann')).toBe(false)
    for (const window of points.windows) {
      expect((await points.top(10, 1, { window })).map(({ member }) => member)).toEqual(['bob'])
    }
    await points.increment('ann')
    expect(await points.rank('ann', { data: true })).toEqual({
      member: 'ann',
      score: 1,
      rank: 2 - 1,
      data: null,
    })
  })
})

describe('reads', () => {
  test.each<[RankStyle, number[]]>([
    ['ordinal', [1, 2, 3, 4, 5, 6]],
    ['competition', [1, 2, 2, 2, 5, 6]],
    ['dense', [1, 2, 2, 2, 3, 4]],
  ])('%s ranks agree in every read', async (ranks, expected) => {
    const points = await board({ denseRanks: true })
    await fill(points, { gus: 3, hal: 9, ...SIX, gil: 8 })
    await points.set('gus', 7)
    for (const member of ['gus', 'hal', 'gil']) await points.remove(member)
    const members = Object.keys(SIX)
    const of = (rows: readonly ({ rank: number } | null)[] | null): unknown => rows?.map((row) => row?.rank)
    expect(of(await points.top(10, 1, { ranks }))).toEqual(expected)
    expect(of(await points.ranks(members, { ranks }))).toEqual(expected)
    expect(of(await Promise.all(members.map((member) => points.rank(member, { ranks }))))).toEqual(expected)
    for (let from = 1; from <= 6; from++) {
      expect(of(await points.top(2, from, { ranks }))).toEqual(expected.slice(from - 1, from + 1))
    }
    expect(of(await points.around('dee', 1, { ranks }))).toEqual(expected.slice(2, 5))
    expect(of(await points.byScore({ max: 7 }, { ranks }))).toEqual(expected.slice(1))
    expect(of(await points.among(['fay', 'cem', 'nobody', 'dee'], { ranks }))).toEqual([
      expected[2],
      expected[3],
      expected[5],
    ])
  })

  test('a subset has its places among itself, once for each member', async () => {
    const points = await board()
    await fill(points, SIX)
    const rows = await points.among(['fay', 'dee', 'nobody', 'cem', 'fay'], { ranks: 'competition' })
    expect(rows.map(({ member, place, rank }) => [member, place, rank])).toEqual([
      ['cem', 1, 2],
      ['dee', 1, 2],
      ['fay', 3, 6],
    ])
    expect((await points.among(['eva', 'dee'])).map(({ place, rank }) => [place, rank])).toEqual([
      [1, 4],
      [2, 5],
    ])
    expect(await points.among([])).toEqual([])
  })

  test('many members are read in the order asked for', async () => {
    const points = await board()
    const members = Array.from({ length: 130 }, (_, at) => `m${at}`)
    await Promise.all(members.map((member, at) => points.set(member, at)))
    const found = await points.ranks(['nobody', ...members])
    expect(found.map((row) => row?.score)).toEqual([undefined, ...members.map((_, at) => at)])
    expect(found.map((row) => row?.rank)).toEqual([undefined, ...members.map((_, at) => 130 - at)])
  })

  test('scores in a range are listed and counted, both ends included', async () => {
    const points = await board()
    await fill(points, { ...SIX, gus: -2.5 })
    expect(await points.count()).toBe(7)
    expect(await points.count({ min: 7 })).toBe(4)
    expect(await points.count({ max: 5 })).toBe(3)
    expect(await points.count({ min: -2.5, max: 1 })).toBe(2)
    expect(await points.count({ min: 8, max: 3 })).toBe(0)
    expect(shown(await points.byScore({ min: 5, max: 7 }))).toEqual([
      '2 bob 7',
      '3 cem 7',
      '4 dee 7',
      '5 eva 5',
    ])
    expect(shown(await points.byScore({ max: 7, count: 2, from: 3 }))).toEqual(['4 dee 7', '5 eva 5'])
    expect(await points.byScore({ min: 10 })).toEqual([])
    expect(await points.byScore({ max: -3 })).toEqual([])
    expect(await points.byScore({ max: 7, from: 9 })).toEqual([])
  })

  test('a range of scores with decimals is exact', async () => {
    const points = await board({ decimals: 2 })
    await fill(points, { ann: 0.29, bob: 0.57, cem: 1.13 })
    expect(await points.count({ min: 0.29, max: 0.57 })).toBe(2)
    expect(await points.count({ min: 0.291, max: 0.569 })).toBe(0)
    expect(await points.count({ min: -1e300, max: 1e300 })).toBe(3)
    expect(await points.count({ min: 1e300 })).toBe(0)
    expect(await points.increment('ann', 0.01)).toBe(0.3)
  })

  test('a percentile counts who is no better, and its score is found again', async () => {
    const points = await board()
    await fill(points, SIX)
    expect(await points.percentile('ann')).toBe(100)
    expect(await points.percentile('cem')).toBeCloseTo((100 * 5) / 6)
    expect(await points.percentile('fay')).toBeCloseTo(100 / 6)
    expect(await points.percentile('nobody')).toBeNull()
    for (const [member, score] of Object.entries(SIX)) {
      expect(await points.scoreAt((await points.percentile(member)) as number)).toBe(score)
    }
    expect(await Promise.all([0, 16, 17, 50, 99, 100].map((percent) => points.scoreAt(percent)))).toEqual([
      1, 1, 5, 7, 9, 9,
    ])
    await bench.raw.flushall()
    expect(await points.scoreAt(50)).toBeNull()
  })

  test('data come with the rows when asked for', async () => {
    const points = await board()
    await fill(points, { ann: 2, bob: 1 })
    await points.describe('ann', { name: 'Ann', avatar: null })
    expect(await points.top(2, 1, { data: true })).toEqual([
      { member: 'ann', score: 2, rank: 1, data: { name: 'Ann', avatar: null } },
      { member: 'bob', score: 1, rank: 2, data: null },
    ])
    expect((await points.among(['ann'], { data: true }))[0]?.data).toEqual({ name: 'Ann', avatar: null })
    await points.describe('ann', null)
    expect(await points.rank('ann', { data: true })).toEqual({ member: 'ann', score: 2, rank: 1, data: null })
    expect(await failure(points.top(201, 1, { data: true }))).toMatchObject({ option: 'data' })
    expect(await failure(points.describe('ann', 'x'.repeat(4095)))).toMatchObject({ option: 'data' })
  })
})

describe('an export', () => {
  test('gives every member once, while the board grows and shrinks', async () => {
    const points = await board()
    const members = Array.from({ length: 3000 }, (_, at) => `m${at}`)
    const others = Array.from({ length: 6000 }, (_, at) => `x${at}`)
    await Promise.all([...members, ...others].map((member) => points.increment(member, 1)))
    const had = new Map(members.map((member) => [member, new Set([1])]))
    const found = new Map<string, number>()
    for await (const { member, score } of points.export()) {
      expect(found.has(member)).toBe(false)
      found.set(member, score)
      if (found.size % 500 !== 0) continue
      const round = found.size / 500
      await Promise.all([
        ...members.slice(0, 200).map(async (each) => had.get(each)?.add(await points.increment(each, round))),
        ...others.slice((round - 1) * 600, round * 600).map((each) => points.remove(each)),
      ])
    }
    for (const [member, scores] of had) expect(scores).toContain(found.get(member))
  })

  test('of an empty board gives nothing, and can be left early', async () => {
    const points = await board({ windows: { day: { calendar: 'day' }, hour: { last: '1h' } } })
    for await (const row of points.export()) throw new Error(`gave ${row.member}`)
    await Promise.all(Array.from({ length: 300 }, (_, at) => points.increment(`m${at}`, at + 1)))
    for (const window of points.windows) {
      let count = 0
      for await (const _ of points.export({ window })) count += 1
      expect(count).toBe(300)
      for await (const _ of points.export({ window })) break
    }
  })
})

describe('events', () => {
  const told: BoardEvent[] = []
  async function watched(options: LeaderboardOptions['events'] & object): Promise<Leaderboard> {
    const points = await board({ events: options })
    await fill(points, SIX)
    told.length = 0
    onTestFinished(points.on((event) => told.push(event)))
    return points
  }
  const about = { board: 'points', window: 'all' }

  test('tell of a new rank, who was passed, and who entered and left the top', async () => {
    const points = await watched({ top: 3, overtaken: 2 })
    await points.increment('fay', 7)
    expect(told).toEqual([
      { kind: 'rank', ...about, member: 'fay', previousRank: 6, rank: 2 },
      { kind: 'entered', ...about, member: 'fay', top: 3 },
      { kind: 'left', ...about, member: 'cem', top: 3 },
      { kind: 'overtaken', ...about, member: 'bob', by: 'fay', rank: 3 },
      { kind: 'overtaken', ...about, member: 'cem', by: 'fay', rank: 4 },
    ])
    told.length = 0
    await points.set('ann', 0)
    expect(told).toEqual([
      { kind: 'rank', ...about, member: 'ann', previousRank: 1, rank: 6 },
      { kind: 'entered', ...about, member: 'cem', top: 3 },
      { kind: 'left', ...about, member: 'ann', top: 3 },
    ])
    told.length = 0
    await points.increment('ann', 0.5)
    expect(told).toEqual([])
  })

  test('of a batch are those of each update', async () => {
    const points = await watched({})
    await points.update([
      { member: 'fay', set: 10 },
      { member: 'eva', set: 11 },
    ])
    expect(told.map((event) => event.kind === 'rank' && [event.member, event.rank])).toEqual([
      ['fay', 1],
      ['eva', 1],
    ])
  })

  test('reach the diagnostics channel too, and cost nothing while nobody listens', async () => {
    const points = await board({ events: { top: 1 } })
    await bench.raw.config('RESETSTAT')
    await points.increment('ann')
    expect(await bench.raw.info('commandstats')).not.toMatch(/cmdstat_zrank/)
    const heard: unknown[] = []
    const listen = (event: unknown): unknown => heard.push(event)
    channel('penknife:leaderboard').subscribe(listen)
    onTestFinished(() => {
      channel('penknife:leaderboard').unsubscribe(listen)
    })
    await points.increment('bob', 2)
    expect(heard).toHaveLength(3)
  })
})

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
