import {
  createCounters,
  createLeaderboard,
  createNotifier,
  createStream,
  rebuild,
  record,
  type Space,
} from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

interface Sale {
  readonly user: string
  readonly by: number
}

function shop(space: Space, suffix: string = '') {
  return {
    points: createLeaderboard(space, `points${suffix}`),
    sold: createCounters(space, `sold${suffix}`, { initial: 5 }),
    news: createNotifier(space, `news${suffix}`),
  }
}

async function open() {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const sales = createStream<Sale>(space, 'sales', { retain: { entries: 1_000_000 } })
  const live = shop(space)
  const copy = shop(space, '-check')
  const effectsOn = ({ points, sold, news }: typeof live, { user, by }: Sale) =>
    [
      points.incrementing(user, by),
      sold.incrementing('all', by),
      news.publishing('sales', { user, by }),
    ] as const
  const sell = (sale: Sale) => record(space, sales.adding(sale), ...effectsOn(live, sale))
  const check = () =>
    rebuild(sales, {
      effects: ({ payload }) => effectsOn(copy, payload),
      compare: [
        { live: live.points, rebuilt: copy.points },
        { live: live.sold, rebuilt: copy.sold },
        { live: live.news, rebuilt: copy.news, channels: ['sales', 'none'] },
      ],
    })
  return { space, sales, live, copy, sell, check }
}

const saleOf = (at: number): Sale => ({ user: `user-${(at * 7) % 400}`, by: (at % 9) + 1 })

test('a board, counters and a history that agree with their stream are confirmed, while calls go on', async () => {
  const { sell, check } = await open()
  await Promise.all(Array.from({ length: 500 }, (_, at) => sell(saleOf(at))))
  const ended = new AbortController()
  const selling = (async () => {
    let at = 500
    for (; !ended.signal.aborted && at < 20_000; at++) await sell(saleOf(at))
    return at
  })()
  const checked = await check().finally(() => ended.abort())
  const sold = await selling
  expect(checked).toMatchObject({ complete: true, refused: 0, differences: [] })
  expect(checked.entries).toBeGreaterThanOrEqual(500)
  expect(checked.entries).toBeLessThanOrEqual(sold)
  // 400 members on either board, a counter on either side, two channels.
  expect(checked.compared).toBeGreaterThanOrEqual(804)
  expect(await bench.raw.zcard('pk1:{shop}:board:points-check')).toBe(400)
})

test('every difference is found', async () => {
  const { sell, check, live } = await open()
  for (let at = 0; at < 10; at++) await sell({ user: `u${at}`, by: 1 })
  await live.points.increment('u3', 2)
  await live.points.remove('u4')
  await live.points.set('stranger', 7)
  await live.sold.decrement('all', 1)
  await live.sold.increment('other', 3)
  await live.news.publish('sales', { user: 'nobody', by: 0 })
  const { differences, entries } = await check()
  expect(entries).toBe(10)
  const found = new Map(differences.map(({ of, key, live: is, rebuilt }) => [`${of} ${key}`, [is, rebuilt]]))
  expect(found.get("leaderboard 'points' u3")).toEqual([3, 1])
  expect(found.get("leaderboard 'points' u4")).toEqual([undefined, 1])
  expect(found.get("leaderboard 'points' stranger")).toEqual([7, undefined])
  expect(found.get("counters 'sold' all")).toEqual([14, 15])
  expect(found.get("counters 'sold' other")).toEqual([8, 5])
  expect(found.get("notifier 'news' sales")?.map((text) => String(text).split(' ')[0])).toEqual(['11', '10'])
  expect(found.size).toBe(6)
  expect(await bench.raw.zcard('pk1:{shop}:board:points-check')).toBe(10)
})

test('a log that lost entries is said to be incomplete, and what cannot be rebuilt is refused', async () => {
  const { space, sales, live, copy, sell, check } = await open()
  const first = await sell({ user: 'ann', by: 1 })
  await sell({ user: 'ann', by: 1 })
  await bench.raw.xdel('pk1:{shop}:stream:sales', first.ok ? first.results[0] : '')
  expect(await check()).toMatchObject({ entries: 1, complete: false })
  const effects = () => []
  const queue = createStream<Sale>(space, 'queue', { groups: ['a'] })
  const daily = createCounters(space, 'daily', { calendar: 'day' })
  const hour = createLeaderboard(space, 'hour', { windows: { hour: { last: '1h' } } })
  for (const [stream, compare] of [
    [queue, []],
    [sales, [{ live: live.points, rebuilt: live.points }]],
    [sales, [{ live: live.points, rebuilt: copy.sold }]],
    [sales, [{ live: daily, rebuilt: copy.sold }]],
    [sales, [{ live: hour, rebuilt: copy.points }]],
    [sales, [{ live: live.news, rebuilt: copy.news }]],
    [sales, [{ live: {}, rebuilt: copy.news }]],
  ] as const) {
    expect(await failure(rebuild(stream, { effects, compare }))).toMatchObject({ code: 'PENKNIFE_INVALID' })
  }
})
