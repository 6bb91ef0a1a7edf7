import { createNotifier, createRateLimiter, createStream, PenknifeError } from '@penknife/core'
import { delivered, drained, useTestRedis } from '@penknife/testing'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'

import { failure, open } from '../support/connect.ts'
import { until } from '../support/until.ts'

const redis = useTestRedis({ beforeAll, afterAll, afterEach })

const RULES = [{ name: 'api', limit: 1, window: '1m' }] as const

test('while Redis is away a limiter decides by its policy, and by Redis once it is back', async () => {
  const limiter = createRateLimiter(redis.space(), 'api', {
    rules: RULES,
    whenUnavailable: 'closed',
    deadline: '10s',
  })
  expect((await limiter.take('ann')).decidedBy).toBe('redis')
  await redis.faults.away()
  const strict = createRateLimiter(redis.space(), 'login', { rules: RULES, whenUnavailable: 'closed' })
  expect(await strict.take('ann')).toMatchObject({ allowed: false, decidedBy: 'policy' })
  await redis.faults.none()
  expect((await limiter.take('bob')).decidedBy).toBe('redis')
})

test('a client of the application sees the failure, too, at the same URL before and after', async () => {
  const client = new Redis(redis.url, { retryStrategy: () => 10, maxRetriesPerRequest: 0 })
  client.on('error', () => {})
  onTestFinished(() => client.disconnect())
  expect(await client.ping()).toBe('PONG')
  await redis.faults.away()
  await until('it is away', () => client.status !== 'ready')
  await expect(client.ping()).rejects.toThrow(/retries|closed|writable/)
  await redis.faults.none()
  await until('it is back', () => client.status === 'ready')
  expect(await client.ping()).toBe('PONG')
})

test('while Redis is slow a call that it carries out ends with fate unknown', async () => {
  const penknife = open(new Redis(redis.url, { lazyConnect: true }), { deadline: 200 })
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['bill'] })
  await stream.add(1)
  await redis.faults.slow(600)
  expect(await failure(stream.add(2))).toMatchObject({ code: 'PENKNIFE_TIMEOUT', fate: 'unknown' })
  await redis.faults.none()
  expect((await stream.read()).items.map(({ payload }) => payload)).toEqual([1, 2])
})

test('replies stay in their order when a delay ends', async () => {
  const client = new Redis(redis.url)
  onTestFinished(() => client.disconnect())
  await client.ping()
  await redis.faults.slow(200)
  const slow = client.echo('slow')
  // The server has replied, and the gateway keeps the reply.
  await new Promise((resolve) => setTimeout(resolve, 50))
  await redis.faults.none()
  expect(await Promise.all([slow, client.echo('fast')])).toEqual(['slow', 'fast'])
})

test('a full Redis refuses calls that need memory, undone, and lets workers finish existing entries', async () => {
  const stream = createStream<number>(redis.space(), 'orders', { groups: ['bill'] })
  await stream.addMany([1, 2, 3])
  const client = new Redis(redis.url)
  onTestFinished(() => client.disconnect())
  await redis.faults.full()
  const refused = await failure(stream.add(4))
  expect(refused).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  expect(refused.message).toContain('OOM')
  await expect(client.set('a', 1)).rejects.toThrow('OOM command not allowed')
  expect(await client.get('a')).toBeNull()
  const done: number[] = []
  const worker = stream.worker('bill', ({ payload }) => void done.push(payload))
  await drained(stream)
  expect(new Set(done)).toEqual(new Set([1, 2, 3]))
  await redis.faults.none()
  await stream.add(4)
  await drained(stream)
  await worker.close()
})

test('delivered resolves when every subscription got all published events', async () => {
  const notifier = createNotifier(redis.space(), 'main')
  const received: unknown[] = []
  const subscription = await notifier.subscribe(['room', 'hall'], {
    onEvent: (event) => received.push(event.kind === 'message' ? event.data : event.kind),
  })
  await notifier.publish('room', 1)
  await redis.faults.away()
  await redis.faults.none()
  await notifier.publish('hall', 2)
  await delivered(notifier)
  expect(received).toHaveLength(2)
  expect(new Set(received)).toEqual(new Set([1, 2]))
  await subscription.close()
  await notifier.publish('room', 3)
  await delivered(notifier)
})

test('delivered and drained fail with the remaining events and entries after their deadline', async () => {
  const space = redis.space()
  const notifier = createNotifier(space, 'main')
  const subscription = await notifier.subscribe(['room'], { onEvent: () => {} })
  const stream = createStream<number>(space, 'orders', { groups: ['bill'] })
  await stream.add(1)
  await stream.add(2, { delay: '1h' })
  await expect(drained(stream, { within: 50 })).rejects.toThrow(
    "stream 'orders' is not drained after 50 ms: group 'bill' has 2 waiting, 0 running, 0 delayed, no worker has started",
  )
  const worker = stream.worker('bill', () => {})
  await drained(stream, { ignoreDelayed: true })
  await expect(drained(stream, { within: 50 })).rejects.toThrow('1 delayed (clock.advance() makes them due)')
  await expect(drained(stream, { group: 'mail' })).rejects.toThrow("has no group 'mail'; its groups: bill")
  await worker.close()
  await redis.faults.slow('20s')
  await expect(delivered(notifier, { within: 10 })).rejects.toThrow(PenknifeError)
  await redis.faults.none()
  await subscription.close()
})

test('a limiter whose policy decided though the test made no failure fails the test', async () => {
  const client = new Redis(redis.url)
  onTestFinished(() => client.disconnect())
  const limiter = createRateLimiter(redis.space(), 'api', { rules: RULES, deadline: 50 })
  await client.client('PAUSE', 300)
  expect((await limiter.take('ann')).decidedBy).toBe('policy')
  await expect(redis.reset()).rejects.toThrow("the policy decided for limiter 'api' (PENKNIFE_TIMEOUT")
})
