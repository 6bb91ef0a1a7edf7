import { createCounters, createLeaderboard, createNotifier, createStream, record } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

async function shop() {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const news = createNotifier(space, 'news')
  return {
    space,
    news,
    points: createLeaderboard(space, 'points', { events: { top: 2, overtaken: 3 } }),
    stock: createCounters(space, 'stock', { initial: 1 }),
    async heard() {
      return (await news.history('ranking')).items.map(({ type, data }) => ({ type, ...(data as object) }))
    },
  }
}

test('a change of the ranking is published in the same step, and nothing else', async () => {
  const { space, news, points, stock, heard } = await shop()
  const announce = news.publishing('ranking', { board: 'points' }, { type: 'rank' })
  const change = (member: string, by: number) => record(space, points.incrementing(member, by, { announce }))
  const about = { type: 'rank', board: 'points' }
  await change('ann', 10)
  await change('bob', 5)
  await change('cem', 3)
  expect(await heard()).toEqual([
    { ...about, member: 'ann', previousRank: null, rank: 1, entered: 'ann', left: null, overtaken: [] },
    { ...about, member: 'bob', previousRank: null, rank: 2, entered: 'bob', left: null, overtaken: [] },
    { ...about, member: 'cem', previousRank: null, rank: 3, entered: null, left: null, overtaken: [] },
  ])
  // No change of the ranking, and a refused call.
  expect(await change('ann', 1)).toMatchObject({ ok: true, results: [11] })
  await record(space, points.incrementing('cem', 100, { announce }), stock.decrementing('a', 9))
  expect(await heard()).toHaveLength(3)
  expect(await change('cem', 20)).toMatchObject({ ok: true, results: [23] })
  expect((await heard()).at(-1)).toEqual({
    ...about,
    member: 'cem',
    previousRank: 3,
    rank: 1,
    entered: 'cem',
    left: 'bob',
    overtaken: ['ann', 'bob'],
  })
})

test('several changes, other events of the channel and a commit keep the history in order', async () => {
  const { space, news, points, heard } = await shop()
  const announce = news.publishing('ranking', {})
  await record(
    space,
    points.incrementing('ann', 1, { announce }),
    news.publishing('ranking', { member: 'said by hand' }),
    points.setting('b "o" b', 5, { announce }),
    points.improving('ann', 9, { announce }),
  )
  expect((await heard()).map((event) => (event as { member?: string }).member)).toEqual([
    'said by hand',
    'ann',
    'b "o" b',
    'ann',
  ])
  const jobs = createStream<number>(space, 'jobs', { groups: ['work'] })
  await jobs.add(1)
  const { saw } = startWorker(jobs, 'work', (delivery) =>
    delivery.commit(points.incrementing('cem', 1, { announce })),
  )
  await saw('done')
  expect((await heard()).at(-1)).toMatchObject({ member: 'cem', rank: 3 })
  // A subscriber resumes from any event: its tag stands for the whole history up to it.
  const { items } = await news.history('ranking')
  for (const { id } of items) {
    const { items: rest } = await news.history('ranking', { after: String(id) })
    expect(rest.map((event) => event.id)).toEqual(
      items.slice(items.findIndex((event) => event.id === id) + 1).map((event) => event.id),
    )
  }
})

test('an effect that cannot announce a change is refused', async () => {
  const { space, news, points, stock } = await shop()
  const plain = createLeaderboard(space, 'plain')
  for (const make of [
    () => plain.incrementing('ann', 1, { announce: news.publishing('ranking', {}) }),
    () => points.incrementing('ann', 1, { announce: news.publishing('ranking', 'text') }),
    () => points.incrementing('ann', 1, { announce: stock.incrementing('a') as never }),
    () => points.setting('ann', 1, { announce: {} as never }),
  ]) {
    expect(await failure((async () => record(space, make()))())).toMatchObject({ code: 'PENKNIFE_INVALID' })
  }
})
