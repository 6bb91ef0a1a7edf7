import {
  createCounters,
  createDeduper,
  createLeaderboard,
  createNotifier,
  createObjects,
  record,
} from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

test('a text with the character that separates the texts of effects is refused or kept as it is', async () => {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const board = createLeaderboard(space, 'points')
  const stock = createCounters(space, 'stock')
  const news = createNotifier(space, 'news')
  const seen = createDeduper(space, 'seen', { window: '1m', place: 'space' })
  const carts = createObjects<Record<string, string>>(space, 'carts')
  const odd = 'a\x1fb\x1e'
  for (const make of [
    () => board.incrementing(odd),
    () => board.incrementing('ann', 1, { id: odd }),
    () => stock.incrementing(odd),
    () => news.publishing(odd, 1),
    () => news.publishing('room', 1, { type: odd }),
    () => news.publishing('room', 1, { coalesce: odd }),
    () => seen.claiming(odd),
    () => carts.setting(odd, {}),
  ]) {
    expect(await failure((async () => record(space, make()))())).toMatchObject({ code: 'PENKNIFE_INVALID' })
  }
  expect(await bench.raw.keys('*')).toEqual([])
  expect(await record(space, carts.setting('ann', { [odd]: odd }), board.incrementing('ann'))).toMatchObject({
    ok: true,
  })
  expect(await carts.get('ann')).toMatchObject({ value: { [odd]: odd } })
})
