import { createCounters, createLeaderboard, createStream } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()
const KEY = 'pk1:{shop}:stream:orders'

/** Reads an entry of the group as a loop of one's own does. */
async function readOne(consumer: string): Promise<{ id: string; payload: unknown }> {
  const read = ['GROUP', 'billing', consumer, 'COUNT', 1, 'STREAMS', KEY, '>'] as const
  const [[, [[id, [, json]]]]] = (await bench.raw.xreadgroup(...read)) as [
    [string, [[string, [string, string]]]],
  ]
  return { id, payload: JSON.parse(json) }
}

test('a loop of its own finishes an entry and makes changes in one step, and only with its lease', async () => {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const orders = createStream<string>(space, 'orders', { groups: ['billing'] })
  const points = createLeaderboard(space, 'points')
  const stock = createCounters(space, 'stock', { initial: 1 })
  await orders.addMany(['a', 'b'])
  const lease = (id: string, consumer = 'mine') => ({ key: KEY, group: 'billing', consumer, id })

  const first = await readOne('mine')
  expect(await orders.commit(lease(first.id), stock.decrementing('x', 5))).toMatchObject({
    ok: false,
    lost: false,
    refused: [{ reason: 'floor' }],
  })
  expect(await orders.commit(lease(first.id), points.incrementing('ann', 2))).toEqual({
    ok: true,
    done: 'now',
    results: [2],
  })
  expect(await bench.raw.xlen(KEY)).toBe(1)
  expect(await orders.commit(lease(first.id), points.incrementing('ann', 2))).toEqual({
    ok: true,
    done: 'before',
    results: [2],
  })
  // They are not made, so it must not get results of others.
  const lost = { ok: false, lost: true, refused: [] }
  expect(await orders.commit(lease(first.id), stock.incrementing('x'))).toEqual(lost)

  const second = await readOne('mine')
  await bench.raw.xclaim(KEY, 'billing', 'other', 0, second.id)
  expect(await orders.commit(lease(second.id), points.incrementing('ann', 2))).toEqual(lost)
  expect(await orders.commit(lease(second.id, 'other'), points.incrementing('ann', 2))).toMatchObject({
    done: 'now',
    results: [4],
  })
})

test('a lease of another stream is refused', async () => {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const orders = createStream<string>(space, 'orders', { groups: ['billing'] })
  const lease = { key: KEY, group: 'billing', consumer: 'mine', id: '1-1' }
  for (const wrong of [
    { key: 'pk1:{shop}:stream:mails' },
    { group: 'mailing' },
    { id: 'x' },
    { consumer: '' },
  ]) {
    expect(
      await failure(orders.commit({ ...lease, ...wrong }, orders.adding('c'))),
      JSON.stringify(wrong),
    ).toMatchObject({ code: 'PENKNIFE_INVALID' })
  }
})
