import { createStream, type Stream } from '@penknife/core'
import { inspect, type Inspector } from '@penknife/core/inspect'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

/** A stream whose entries all became dead letters with these errors. */
async function dead(errors: readonly string[]): Promise<{ inspector: Inspector; stream: Stream<string> }> {
  const penknife = await openReady(bench.raw, { deadline: '30s' })
  const stream = createStream<string>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  await penknife.space('shop').runtime.registered()
  await stream.addMany(errors)
  const worker = stream.worker('billing', ({ payload }) => Promise.reject(new Error(payload)), {
    maxAttempts: 1,
  })
  worker.on(() => {})
  const inspector = inspect(penknife)
  await until('all are dead', async () => {
    const { groups } = await inspector.streamState('shop', 'orders')
    return groups[0]?.dead === errors.length
  })
  await worker.close()
  return { inspector, stream }
}

test('groups dead letters by error, whatever ids and numbers the messages contain, the most frequent first', async () => {
  const { inspector } = await dead([
    'order 17 not found',
    'order 18 not found',
    'timeout after 2.5 s',
    'user 0b9d7a3e-1c2d-4e5f-8a9b-0c1d2e3f4a5b is blocked',
    'order 19 not found',
    'user 1b9d7a3e-1c2d-4e5f-8a9b-0c1d2e3f4a5c is blocked',
  ])
  const { items, letters, complete } = await inspector.deadGroups('shop', 'orders', 'billing')
  expect(items.map(({ error, count, why }) => [error, count, why])).toEqual([
    ['order # not found', 3, 'failed'],
    ['user # is blocked', 2, 'failed'],
    ['timeout after # s', 1, 'failed'],
  ])
  expect(items[0]?.examples).toHaveLength(3)
  expect({ letters, complete }).toEqual({ letters: 6, complete: true })
  const part = await inspector.deadGroups('shop', 'orders', 'billing', { letters: 4 })
  expect(part).toMatchObject({ letters: 4, complete: false })
})

test('acts on what a filter selects; a dry run counts the same and changes nothing', async () => {
  const { inspector, stream } = await dead(['no stock 1', 'no stock 2', 'broken', 'no stock 3'])
  const filter = { error: 'no stock #' }
  const seen: number[] = []
  const dry = await inspector.requeueDead('shop', 'orders', 'billing', filter, {
    dryRun: true,
    onProgress: ({ read }) => seen.push(read),
  })
  expect(dry).toEqual({ read: 4, matched: 3, done: 0 })
  expect(seen).toEqual([4])
  expect((await stream.group('billing').deadLetters.list()).items).toHaveLength(4)
  expect(await inspector.requeueDead('shop', 'orders', 'billing', filter, { most: 2 })).toMatchObject({
    matched: 2,
    done: 2,
  })
  expect(await inspector.purgeDead('shop', 'orders', 'billing', { contains: 'broken' })).toMatchObject({
    done: 1,
  })
  const [left, ...others] = (await stream.group('billing').deadLetters.list()).items
  expect([left?.reason, others]).toEqual(['no stock 1', []])
  expect((await stream.stats({ over: 0 })).groups[0]?.waiting).toBe(2)
})

test('refuses a wrong filter before it does anything, and ends at an abort', async () => {
  const { inspector } = await dead(['a'])
  const wrong = { eror: 'a' } as object
  expect((await failure(inspector.purgeDead('shop', 'orders', 'billing', wrong))).message).toContain(
    "did you mean 'error'",
  )
  const aborted = AbortSignal.abort(new Error('enough'))
  const missing = { contains: undefined as unknown as string }
  expect((await failure(inspector.purgeDead('shop', 'orders', 'billing', missing))).message).toContain(
    'purge filter contains is undefined',
  )
  await expect(inspector.purgeDead('shop', 'orders', 'billing', {}, { signal: aborted })).rejects.toThrow(
    'enough',
  )
  expect((await failure(inspector.deadGroups('shop', 'orders', 'biling'))).message).toContain(
    "did you mean 'billing'",
  )
})

test('requeues one letter with another payload, once, and with a payload refuses what is no position', async () => {
  const { stream } = await dead(['no stock', 'broken'])
  const { deadLetters } = stream.group('billing')
  const [letter] = (await deadLetters.list()).items
  const position = letter?.position ?? ''
  expect((await failure(deadLetters.requeue({}, { payload: 'x' }))).message).toContain('position')
  expect((await failure(deadLetters.requeue(position, { payload: Number.NaN }))).option).toBe('payload')
  expect((await failure(deadLetters.requeue(position, { payload: 'x'.repeat(1 << 20) }))).option).toBe(
    'payload',
  )
  expect(await deadLetters.requeue(position, { payload: null })).toBe(1)
  expect(await deadLetters.requeue(position, { payload: 'again' })).toBe(0)
  const handled: unknown[] = []
  const worker = stream.worker('billing', async ({ payload }) => void handled.push(payload))
  await until('it is handled', () => handled.length === 1)
  await worker.close()
  expect(handled).toEqual([null])
  expect((await deadLetters.list()).items.map(({ reason }) => reason)).toEqual(['no stock'])
})
