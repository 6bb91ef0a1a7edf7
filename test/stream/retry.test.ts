import { setTimeout as delay } from 'node:timers/promises'

import { NeverRetryError } from '@penknife/core'
import { expect, test, vi } from 'vitest'

import {
  addNumbers,
  deadOf,
  delayedOf,
  makeReady,
  openOrders,
  ORDERS,
  pendingOf,
  readyOf,
  deadLettersOf,
} from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

test('a failed entry is retried after retryDelay, and other entries do not wait for it', async () => {
  const stream = await openOrders(bench)
  const attempts: { attempt: number; at: number }[] = []
  const { saw, of } = startWorker(
    stream,
    'billing',
    ({ payload, attempt }) => {
      if (payload !== 0) return
      attempts.push({ attempt, at: performance.now() })
      if (attempt < 3) throw new Error(`no ${attempt}`)
    },
    { concurrency: 1, retryDelay: 200, lease: 10_000 },
  )
  await addNumbers(stream, 5)
  await saw('done', 5)
  expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  const [first, second, third] = attempts.map(({ at }) => at) as [number, number, number]
  expect(second - first).toBeGreaterThanOrEqual(199)
  expect(third - second).toBeGreaterThanOrEqual(199)
  expect(third - first).toBeLessThan(5000)
  expect(of('failed').map(({ error }) => (error as Error).message)).toEqual(['no 1', 'no 2'])
  expect(of('done').map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 3])
})

test('waits double up to maxRetryDelay, with a random addition of retryJitter', async () => {
  const stream = await openOrders(bench)
  const { saw, of } = startWorker(stream, 'billing', () => Promise.reject(new Error('no')), {
    retryDelay: 10,
    maxRetryDelay: 40,
    retryJitter: 0,
    maxAttempts: 5,
  })
  await stream.add(0)
  await saw('dead')
  expect(of('retrying').map(({ delayMs }) => delayMs)).toEqual([10, 20, 40, 40])
  const spread = startWorker(stream, 'mail', () => Promise.reject(new Error('no')), {
    retryDelay: 100,
    retryJitter: 1,
  })
  await addNumbers(stream, 50)
  await spread.saw('retrying', 51)
  const first = spread.of('retrying').filter(({ attempt }) => attempt === 1)
  for (const { delayMs } of first) {
    expect(delayMs).toBeGreaterThanOrEqual(100)
    expect(delayMs).toBeLessThanOrEqual(200)
  }
  expect(new Set(first.map(({ delayMs }) => delayMs)).size).toBeGreaterThan(10)
})

test('a wait may be longer than the lease: meanwhile no worker has the entry', async () => {
  const stream = await openOrders(bench)
  const attempts: number[] = []
  const { saw } = startWorker(
    stream,
    'billing',
    ({ attempt }) => {
      attempts.push(attempt)
      if (attempt === 1) throw new Error('no')
    },
    { lease: 100, retryDelay: 500, retryJitter: 0 },
  )
  await stream.add(0)
  await saw('retrying')
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
  expect(await bench.raw.zcard(delayedOf('billing'))).toBe(1)
  await saw('done')
  expect(attempts).toEqual([1, 2])
  expect(await bench.raw.zcard(delayedOf('billing'))).toBe(0)
  expect(await bench.raw.xlen(readyOf('billing'))).toBe(0)
})

test('only its own group gets a retry, and the entry has left the stream', async () => {
  const stream = await openOrders(bench, { groups: ['billing', 'mail'] })
  const seen: number[] = []
  const mail = startWorker(stream, 'mail', ({ payload }) => seen.push(payload))
  const billing = startWorker(
    stream,
    'billing',
    ({ attempt }) => {
      if (attempt < 3) throw new Error('no')
    },
    { retryDelay: 20 },
  )
  await addNumbers(stream, 10)
  await billing.saw('done', 10)
  await mail.saw('done', 10)
  expect(seen).toHaveLength(10)
  expect(billing.of('done').every(({ attempt }) => attempt === 3)).toBe(true)
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
})

test('an idle worker takes a retry that is due while the worker that failed is busy', async () => {
  const streams = await Promise.all([openOrders(bench), openOrders(bench)])
  const seen: { who: number; payload: number; attempt: number }[] = []
  const handler =
    (who: number) =>
    async ({ payload, attempt, signal }: { payload: number; attempt: number; signal: AbortSignal }) => {
      seen.push({ who, payload, attempt })
      if (payload === 0 && attempt === 1) throw new Error('no')
      if (payload === 1) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    }
  const first = startWorker(streams[0], 'billing', handler(1), { concurrency: 1, retryDelay: 300 })
  await addNumbers(streams[0], 2)
  await first.saw('retrying')
  await until('it is busy', () => seen.some(({ payload }) => payload === 1))
  const started = performance.now()
  const second = startWorker(streams[1], 'billing', handler(2), { concurrency: 1 })
  await second.saw('done')
  expect(seen).toContainEqual({ who: 2, payload: 0, attempt: 2 })
  expect(performance.now() - started).toBeLessThan(3000)
})

test('a NeverRetryError makes the entry a dead letter at once', async () => {
  const stream = await openOrders(bench)
  const { saw, of } = startWorker(stream, 'billing', () => Promise.reject(new NeverRetryError('card stolen')))
  const id = await stream.add(0)
  await saw('dead')
  expect(of('dead')).toMatchObject([{ id, attempt: 1, why: 'never-retry' }])
  expect(await deadLettersOf(stream, 'billing')).toMatchObject([
    { id, attempts: 1, why: 'never-retry', reason: 'card stolen' },
  ])
})

test('a NeverRetryError is recognised as the cause of another error, and from another copy of penknife', async () => {
  const copies = await vi.importActual<{ NeverRetryError: typeof NeverRetryError }>(
    '../../packages/core/src/stream/never-retry.ts?copy',
  )
  const Copy = copies.NeverRetryError
  expect(new Copy('no')).not.toBeInstanceOf(NeverRetryError)
  const ring = new Error('ring')
  ring.cause = ring
  const thrown = [
    new Copy('a copy'),
    new Error('wrapped', { cause: new NeverRetryError('inner') }),
    new Error('twice', { cause: new TypeError('wrapped', { cause: new Copy('inner') }) }),
    ring,
  ]
  const stream = await openOrders(bench)
  const { saw, of } = startWorker(stream, 'billing', ({ payload }) => Promise.reject(thrown[payload]), {
    concurrency: 1,
    retryDelay: '1h',
  })
  await addNumbers(stream, thrown.length)
  await saw('dead', 3)
  await saw('retrying')
  expect(of('dead').map(({ why, attempt }) => `${why} at ${attempt}`)).toEqual(
    Array(3).fill('never-retry at 1'),
  )
  const reasons = (await deadLettersOf(stream, 'billing')).map(({ reason }) => reason).toReversed()
  expect(reasons).toEqual(['a copy', 'wrapped: inner', 'twice: wrapped: inner'])
})

test('an entry that fails maxAttempts times becomes a dead letter with its payload and reason', async () => {
  const stream = await openOrders<{ amount: number }>(bench)
  const { saw, of } = startWorker(stream, 'billing', () => Promise.reject(new Error('no funds')), {
    retryDelay: 0,
    maxAttempts: 3,
  })
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const id = await stream.add({ amount: 5 }, { traceparent })
  await saw('dead')
  expect(of('failed').map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  const [letter, ...others] = await deadLettersOf(stream, 'billing')
  expect(letter).toEqual({
    id,
    position: expect.stringMatching(/^\d+-\d+$/),
    group: 'billing',
    json: '{"amount":5}',
    attempts: 3,
    why: 'failed',
    reason: 'no funds',
    traceparent,
    diedAtMs: Number.parseInt(letter!.position, 10),
  })
  expect(others).toEqual([])
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
  expect(await deadLettersOf(stream, 'mail')).toEqual([])
})

test('any thrown value becomes a reason of bounded length', async () => {
  const stream = await openOrders(bench)
  const thrown: unknown[] = ['text', undefined, null, 7, { toString: () => 'x'.repeat(5000) }]
  const { saw } = startWorker(
    stream,
    'billing',
    ({ payload }) => {
      throw thrown[payload]
    },
    { maxAttempts: 1, concurrency: 1 },
  )
  await addNumbers(stream, thrown.length)
  await saw('dead', thrown.length)
  const reasons = (await deadLettersOf(stream, 'billing')).map(({ reason }) => reason).toReversed()
  expect(reasons).toEqual(['text', 'undefined', 'null', '7', 'x'.repeat(1000)])
})

test('dead letters are listed newest first', async () => {
  const stream = await openOrders(bench)
  const { saw } = startWorker(stream, 'billing', () => Promise.reject(new Error('no')), {
    maxAttempts: 1,
    concurrency: 1,
  })
  await addNumbers(stream, 5)
  await saw('dead', 5)
  expect((await deadLettersOf(stream, 'billing')).map(({ json }) => json).slice(0, 2)).toEqual(['4', '3'])
})

test('an entry whose attempts were all used up by vanished workers is not handled again', async () => {
  const stream = await openOrders(bench)
  // Its workers vanished three times, and no worker with a lower limit has checked it yet.
  await makeReady(bench.raw, 'billing', '1-1', '0', 3)
  let handled = 0
  const { saw, of } = startWorker(stream, 'billing', () => void (handled += 1), { maxAttempts: 3 })
  await saw('dead')
  expect(handled).toBe(0)
  expect(of('dead')).toMatchObject([{ id: '1-1', attempt: 3, why: 'vanished' }])
  expect(await deadLettersOf(stream, 'billing')).toMatchObject([
    { id: '1-1', json: '0', attempts: 3, why: 'vanished' },
  ])
})

test('an entry that penknife did not write becomes a dead letter unchanged, and no handler gets it', async () => {
  const stream = await openOrders(bench)
  const ids = [
    await bench.raw.xadd(ORDERS, '*', 'd', '{not json'),
    await bench.raw.xadd(ORDERS, '*', 'other', 'field'),
    await bench.raw.xadd(ORDERS, '*', 'a', '1', 'd', '{also not'),
  ]
  let handled = 0
  const { saw } = startWorker(stream, 'billing', () => void (handled += 1), { concurrency: 1 })
  await stream.add(7)
  await saw('dead', 3)
  await saw('done', 1)
  expect(handled).toBe(1)
  const letters = (await deadLettersOf(stream, 'billing')).toReversed()
  expect(letters.map(({ id }) => id)).toEqual(ids)
  expect(letters.map(({ json }) => json)).toEqual(['{not json', 'field', '{also not'])
  for (const { reason, why, attempts } of letters) {
    expect(reason).toMatch(/JSON/)
    expect(why).toBe('invalid')
    expect(attempts).toBe(0)
  }
})

test('an attempt that takes longer than its timeout has failed, and its place is free', async () => {
  const stream = await openOrders(bench)
  const reasons: unknown[] = []
  const { saw, of } = startWorker(
    stream,
    'billing',
    async ({ payload, attempt, signal }) => {
      if (payload !== 0 || attempt > 1) return
      signal.addEventListener('abort', () => reasons.push(signal.reason))
      await delay(60_000, undefined, { ref: false })
    },
    { concurrency: 1, timeout: 100, retryDelay: 0 },
  )
  await addNumbers(stream, 3)
  await saw('done', 3)
  expect(of('failed')).toMatchObject([{ attempt: 1, error: { message: expect.stringContaining('100 ms') } }])
  expect(reasons).toHaveLength(1)
  expect(of('done').map(({ attempt }) => attempt)).toEqual([1, 1, 2])
})

test('failed entries and dead letters do not stop trimming', async () => {
  const stream = await openOrders(bench, { groups: ['billing'], retain: { entries: 10 } })
  const { saw } = startWorker(
    stream,
    'billing',
    ({ payload }) => {
      if (payload < 5) throw new Error('no')
      if (payload < 10) throw new NeverRetryError('never')
    },
    { retryDelay: '1h', concurrency: 100 },
  )
  await addNumbers(stream, 300)
  await saw('done', 290)
  await saw('retrying', 5)
  await addNumbers(stream, 200, 300)
  expect(await bench.raw.xlen(ORDERS)).toBeLessThan(300)
  expect(await bench.raw.zcard(delayedOf('billing'))).toBe(5)
  expect(await bench.raw.xlen(deadOf('billing'))).toBe(5)
})
