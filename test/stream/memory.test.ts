import { expect, test } from 'vitest'

import { startProgram } from '../support/child.ts'
import { deadLettersOf, openOrders, ORDERS } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'

const bench = useRedis()

test('a batch worker with default options handles payloads that together are larger than the memory of its process', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  const count = 250
  // 225 MB, in a process that may use 128.
  const fill = `local payload = '"' .. string.rep('x', 900000) .. '"'
    for _ = 1, ${count} do redis.call('XADD', KEYS[1], '*', 'd', payload) end`
  await bench.raw.eval(fill, 1, ORDERS)
  const child = startProgram('heavy-worker', [bench.server.url], ['--max-old-space-size=128'])
  for (let handled = 0; handled < count;) handled = (await child.next<{ handled: number }>()).handled
  expect(await deadLettersOf(stream, 'billing')).toEqual([])
}, 60_000)
