import { expect, test } from 'vitest'

import { deferred } from '../support/deferred.ts'
import { addNumbers, deadLettersOf, openOrders, ORDERS, pendingOf, readyOf } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

/** Entries that something other than penknife wrote, each with the payload that a handler gets, if any. */
const FOREIGN: readonly (readonly [fields: readonly string[], handled?: number])[] = [
  [['i', 'item-7', 'a', 'amount', 'd', 'x']],
  // In the format of the group's own stream, which this is not.
  [['i', '1-1', 'a', '4', 'f', '9', 'd', '100'], 100],
  [['i', '1-1', 'a', '4', 'd', '101'], 101],
  [['d', '102', 'n', 'soon'], 102],
  [['d', '103', 'n', '9e99'], 103],
  [['d', '104', 'n', 'nan'], 104],
  [['n', '9999999999999', 'd', '105'], 105],
  [['d', '106', 'd', '107', 't', 'trace'], 106],
  [['d', '108', 'other', 'field'], 108],
  [['', '']],
  [['a', '']],
]

/** A worker that died has everything that is in a stream. */
async function die(key: string): Promise<void> {
  await bench.raw.xgroup('CREATE', key, 'billing', '0', 'MKSTREAM').catch(() => {})
  await bench.raw.xreadgroup('GROUP', 'billing', 'crashed', 'COUNT', 100, 'STREAMS', key, '>')
  const kept = (await bench.raw.xpending(key, 'billing', '-', '+', 100)) as [string][]
  const ids = kept.map(([id]) => id)
  await bench.raw.xclaim(key, 'billing', 'crashed', 0, ...ids, 'IDLE', 60_000, 'JUSTID')
}

test('foreign entries of a dead worker block nothing: their payloads are handled, or become dead letters', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await addNumbers(stream, 3)
  const ids: string[] = []
  for (const [fields] of FOREIGN) ids.push(String(await bench.raw.xadd(ORDERS, '*', ...fields)))
  await addNumbers(stream, 3, 3)
  await die(ORDERS)
  const handled: { id: string; payload: number; attempt: number }[] = []
  const { saw, of } = startWorker(
    stream,
    'billing',
    ({ id, payload, attempt }) => handled.push({ id, payload, attempt }),
    { concurrency: 1 },
  )
  const good = FOREIGN.filter(([, payload]) => payload !== undefined)
  await saw('done', 6 + good.length)
  await saw('dead', FOREIGN.length - good.length)
  expect(handled.map(({ payload }) => payload)).toEqual([
    0,
    1,
    2,
    ...good.map(([, payload]) => payload),
    3,
    4,
    5,
  ])
  // Each with its own id and attempts, whatever its fields contain.
  expect(new Set(handled.map(({ attempt }) => attempt)).size).toBe(1)
  const dead = of('dead').map(({ id, why }) => [id, why].join())
  const bad = ids.filter((_, at) => FOREIGN[at]?.[1] === undefined)
  expect([...handled.map(({ id }) => id).filter((id) => ids.includes(id)), ...bad].toSorted()).toEqual(
    ids.toSorted(),
  )
  expect(dead).toEqual(bad.map((id) => `${id},invalid`))
  expect(of('trouble')).toEqual([])
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
})

test('a foreign entry among the retries becomes a dead letter, whether a worker reads it or takes it over', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  const ready = readyOf('billing')
  const wrong = [
    ['d', '1'],
    ['i', 'item-7', 'a', 'amount', 'f', '1', 'd', '2'],
    ['i', '1-1', 'a', '-1', 'f', '1', 'd', '3'],
    ['i', '1-1', 'a', '1', 'd', '4'],
    ['i', '1-1', 'a', '1', 'f', '1', 'payload', '5'],
  ]
  for (const fields of wrong) await bench.raw.xadd(ready, '*', ...fields)
  await bench.raw.xadd(ready, '*', 'i', '1-1', 'a', '1', 'f', '1', 'd', '6')
  await die(ready)
  for (const fields of wrong) await bench.raw.xadd(ready, '*', ...fields)
  const handled: number[] = []
  const { saw, of } = startWorker(stream, 'billing', ({ payload }) => handled.push(payload))
  await saw('dead', 2 * wrong.length)
  await saw('done')
  expect(handled).toEqual([6])
  expect(of('trouble')).toEqual([])
  const letters = await deadLettersOf(stream, 'billing')
  expect(new Set(letters.map(({ id, why }) => `${id} ${why}`))).toEqual(new Set(['0-0 invalid']))
  await until('nothing is left', async () => (await bench.raw.xlen(ready)) === 0)
})

test('a worker that closes leaves a foreign entry among the retries unchanged', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  const ready = readyOf('billing')
  const started = deferred()
  const { worker } = startWorker(
    stream,
    'billing',
    ({ signal }) => {
      started.resolve()
      return new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
    { concurrency: 1 },
  )
  await stream.add(0)
  await started.promise
  // As if it had been handed to it while it closed: it does not read now.
  await bench.raw.xadd(ready, '*', 'i', 'item-7', 'a', 'amount', 'd', '7')
  await bench.raw.xreadgroup('GROUP', 'billing', worker.consumer, 'STREAMS', ready, '>')
  await worker.close({ deadline: 0 })
  const left = await bench.raw.xrange(ready, '-', '+')
  expect(left.map(([, fields]) => fields)).toContainEqual(['d', '7'])
})
