import { channel } from 'node:diagnostics_channel'

import { type BoardEvent, type Leaderboard, type LeaderboardOptions } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { useRedis } from '../support/redis.ts'
import { boardAt, fill } from './boards.ts'

const bench = useRedis()
const board = (options?: LeaderboardOptions): Promise<Leaderboard> => boardAt(bench.server.url, options)
const SIX = { ann: 9, bob: 7, cem: 7, dee: 7, eva: 5, fay: 1 }

const events: BoardEvent[] = []
async function watched(options: LeaderboardOptions['events'] & object): Promise<Leaderboard> {
  const points = await board({ events: options })
  await fill(points, SIX)
  events.length = 0
  onTestFinished(points.on((event) => events.push(event)))
  return points
}
const about = { space: 'shop', name: 'points', window: 'all' }

test('events report a new rank, overtaken members, and members that entered and left the top', async () => {
  const points = await watched({ top: 3, overtaken: 2 })
  await points.increment('fay', 7)
  expect(events).toEqual([
    { kind: 'rank', ...about, member: 'fay', previousRank: 6, rank: 2 },
    { kind: 'entered', ...about, member: 'fay', top: 3 },
    { kind: 'left', ...about, member: 'cem', top: 3 },
    { kind: 'overtaken', ...about, member: 'bob', by: 'fay', rank: 3 },
    { kind: 'overtaken', ...about, member: 'cem', by: 'fay', rank: 4 },
  ])
  events.length = 0
  await points.set('ann', 0)
  expect(events).toEqual([
    { kind: 'rank', ...about, member: 'ann', previousRank: 1, rank: 6 },
    { kind: 'entered', ...about, member: 'cem', top: 3 },
    { kind: 'left', ...about, member: 'ann', top: 3 },
  ])
  events.length = 0
  await points.increment('ann', 0.5)
  expect(events).toEqual([])
})

test('the events of a batch are those of each update', async () => {
  const points = await watched({})
  await points.update([
    { member: 'fay', set: 10 },
    { member: 'eva', set: 11 },
  ])
  expect(events.map((event) => event.kind === 'rank' && [event.member, event.rank])).toEqual([
    ['fay', 1],
    ['eva', 1],
  ])
})

test('a member that a bounded board drops leaves its top', async () => {
  const points = await board({ keep: 2, events: { top: 2 } })
  await fill(points, { ann: 9, bob: 7 })
  events.length = 0
  onTestFinished(points.on((event) => events.push(event)))
  await points.set('cem', 8)
  expect(events).toEqual([
    { kind: 'rank', ...about, member: 'cem', previousRank: null, rank: 2 },
    { kind: 'entered', ...about, member: 'cem', top: 2 },
    { kind: 'left', ...about, member: 'bob', top: 2 },
  ])
})

test('events reach the diagnostics channel too, and cost nothing without a listener', async () => {
  const points = await board({ events: { top: 1 } })
  await bench.raw.config('RESETSTAT')
  await points.increment('ann')
  expect(await bench.raw.info('commandstats')).not.toMatch(/cmdstat_zrank/)
  const received: unknown[] = []
  const listen = (event: unknown): unknown => received.push(event)
  channel('penknife:leaderboard').subscribe(listen)
  onTestFinished(() => {
    channel('penknife:leaderboard').unsubscribe(listen)
  })
  await points.increment('bob', 2)
  expect(received).toHaveLength(3)
})
