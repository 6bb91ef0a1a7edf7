import { setTimeout as delay } from 'node:timers/promises'
import type { StreamAddOptions, StreamOptions } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { openOrders, ORDERS } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

const broken = (): never => {
  throw new Error('broken')
}

test.each<[string, StreamOptions<number>, StreamAddOptions]>([
  ['at once', {}, {}],
  ['with a delay', {}, { delay: 5 }],
  ['with a dedup id and a delay', {}, { id: 'once', delay: 5 }],
  ['with a traceparent', {}, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }],
  ['with a key', { order: 'key' }, { key: 'ann' }],
  ['with a key, behind another entry of it', { order: 'key' }, { key: 'busy' }],
  ['with a key and a delay', { order: 'key' }, { key: 'ann b;c', delay: 5 }],
])('an entry keeps its own attempts and back-off: added %s', async (_, options, adding) => {
  const stream = await openOrders(bench, { groups: ['billing'], ...options })
  if (options.order) await stream.add(0, { key: 'busy' })
  const id = await stream.add(1, { ...adding, attempts: 3, backoff: 6 })
  const other = await stream.add(2)
  const { of, saw } = startWorker(stream, 'billing', ({ payload }) => (payload > 0 ? broken() : undefined), {
    maxAttempts: 2,
    retryDelay: 2,
    retryJitter: 0,
  })
  await saw('dead', 2)
  const waits = (entry: string): number[] =>
    of('retrying')
      .filter((event) => event.id === entry)
      .map((event) => event.delayMs)
  expect(waits(id)).toEqual([6, 12])
  expect(waits(other)).toEqual([2])
  // Requeued it has its own terms again.
  expect(await stream.group('billing').deadLetters.requeue({ id })).toBe(1)
  await saw('dead', 3)
  expect(waits(id)).toEqual([6, 12, 6, 12])
})

test('a back-off of an entry may exceed maxRetryDelay, and addMany and adding take its terms too', async () => {
  const stream = await openOrders(bench)
  const many = await stream.addMany([1, 2], { backoff: '2h' })
  const { of, saw } = startWorker(stream, 'billing', broken, { maxRetryDelay: '1m', retryJitter: 0 })
  await saw('retrying', 2)
  expect(of('retrying').map(({ id, delayMs }) => [id, delayMs])).toEqual(many.map((id) => [id, 7_200_000]))
})

test('an entry whose worker vanished in its only attempt is a dead letter, also where the worker allows more', async () => {
  const stream = await openOrders(bench)
  const id = await stream.add(1, { attempts: 1 })
  await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0')
  await bench.raw.xreadgroup('GROUP', 'billing', 'crashed', 'STREAMS', ORDERS, '>')
  // Its start was recorded.
  await bench.raw.xclaim(
    ORDERS,
    'billing',
    'crashed',
    0,
    id,
    'IDLE',
    1000,
    'RETRYCOUNT',
    100_000_000_000_000,
    'JUSTID',
  )
  const { of, saw } = startWorker(stream, 'billing', () => {}, { lease: 200 })
  await saw('dead')
  expect(of('dead').map((event) => [event.id, event.why, event.attempt])).toEqual([[id, 'vanished', 1]])
})

test('an entry has its own time limit, shorter or longer than that of the worker, or none', async () => {
  const stream = await openOrders(bench)
  const gate = deferred()
  const errors = new Map<number, unknown>()
  const { of, saw } = startWorker(
    stream,
    'billing',
    async ({ payload, signal }) => {
      signal.addEventListener('abort', () => errors.set(payload, signal.reason))
      await gate.promise
    },
    { timeout: 60, maxAttempts: 1 },
  )
  const [short, usual] = await Promise.all([stream.add(1, { timeout: 20 }), stream.add(2)])
  await stream.add(3, { timeout: '1h' })
  await stream.add(4, { timeout: false })
  await saw('dead', 2)
  expect(of('dead').map(({ id }) => id)).toEqual([short, usual])
  expect(errors.get(1)).toMatchObject({
    name: 'TimeoutError',
    message: expect.stringContaining('timeout of 20 ms'),
  })
  expect([...errors.keys()]).toEqual([1, 2])
  gate.resolve()
  await saw('done', 2)
})

test('a handler that needs longer extends its attempt', async () => {
  const stream = await openOrders(bench)
  const extended: boolean[] = []
  const { of, saw } = startWorker(
    stream,
    'billing',
    async ({ payload, extend, signal }) => {
      expect(() => extend(0)).toThrow('duration is 0')
      if (payload === 1) {
        extended.push(extend('1h'))
        await delay(80)
      } else {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        extended.push(extend('1h'), signal.aborted)
      }
    },
    { timeout: 40, maxAttempts: 1 },
  )
  await stream.addMany([1, 2])
  await saw('done')
  await saw('dead')
  expect(of('done')).toHaveLength(1)
  await expect.poll(() => extended).toEqual([true, false, true])
})

test('an attempt whose entry was cancelled, lost or set aside cannot be extended, one that was committed can', async () => {
  const stream = await openOrders<string>(bench, { groups: ['billing'] })
  const extended = new Map<string, boolean>()
  const { saw } = startWorker(
    stream,
    'billing',
    async ({ id, payload, extend, signal, commit, limited, lease }) => {
      const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve))
      if (payload === 'cancelled') await stream.cancel(id)
      if (payload === 'lost') await bench.raw.xclaim(lease.key, lease.group, 'another', 0, lease.id)
      if (payload === 'committed') await commit(stream.adding('next'))
      if (payload === 'set aside' && lease.fence === 1) await limited(1)
      if (payload === 'cancelled' || payload === 'lost') await aborted
      if (payload !== 'next' && !extended.has(payload)) extended.set(payload, extend('1h'))
    },
    { lease: 1000, concurrency: 4 },
  )
  await stream.addMany(['cancelled', 'lost', 'committed', 'set aside'])
  await saw('cancelled')
  await saw('lost')
  await until('all tried', () => extended.size === 4)
  expect(Object.fromEntries(extended)).toEqual({
    cancelled: false,
    lost: false,
    committed: true,
    'set aside': false,
  })
})

test.each<[string, StreamAddOptions, string]>([
  ['no attempt', { attempts: 0 }, 'attempts'],
  ['half an attempt', { attempts: 1.5 }, 'attempts'],
  ['a back-off below zero', { backoff: -1 }, 'backoff'],
  ['a back-off that is no duration', { backoff: 'soon' as '1s' }, 'backoff'],
  ['a limit of zero', { timeout: 0 }, 'timeout'],
  ['a limit of true', { timeout: true as false }, 'timeout'],
])('wrong terms of an entry are refused before anything is sent: %s', async (_, options, option) => {
  const stream = await openOrders(bench)
  expect(await failure(stream.add(1, options))).toMatchObject({ code: 'PENKNIFE_INVALID', option })
  expect(await bench.raw.exists(ORDERS)).toBe(0)
})
