import { createLeaderboard, createNotifier, createRateLimiter, createStream, type Rule } from '@penknife/core'
import { delivered, drained, useTestRedis } from '@penknife/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import { until } from '../support/until.ts'

const redis = useTestRedis({ beforeAll, afterAll, afterEach })

const MINUTE: readonly Rule[] = [
  { name: 'gcra', limit: 2, window: '1m' },
  { name: 'fixed', algorithm: 'fixed-window', limit: 2, window: '1m' },
  { name: 'calendar', algorithm: 'fixed-window', limit: 2, calendar: 'day', timeZone: 'Europe/Berlin' },
  { name: 'sliding', algorithm: 'sliding-window', limit: 2, window: '1m' },
  { name: 'log', algorithm: 'sliding-log', limit: 2, window: '1m' },
]

describe('rate limits', () => {
  test.each(MINUTE)(
    'a full $name rule lets nothing pass before its window is over, and then does',
    async (rule) => {
      const limiter = createRateLimiter(redis.space(), { name: 'api', rules: [rule], deadline: '10s' })
      await redis.clock.freeze()
      await redis.clock.set(new Date('2030-03-10T12:00:00Z'))
      await limiter.take('ann')
      await limiter.take('ann')
      const denied = await limiter.take('ann')
      expect(denied.allowed).toBe(false)
      await redis.clock.advance(denied.retryAfterMs - 1)
      expect((await limiter.take('ann')).allowed).toBe(false)
      await redis.clock.advance(1)
      expect((await limiter.take('ann')).allowed).toBe(true)
    },
  )

  test('while the clock stands still a short window lasts as long as the test takes', async () => {
    const limiter = createRateLimiter(redis.space(), {
      name: 'api',
      rules: [{ name: 'burst', limit: 1, window: '20ms' }],
      deadline: '10s',
    })
    await redis.clock.freeze()
    expect((await limiter.take('ann')).allowed).toBe(true)
    // The key's time to live is over a second: longer than that, and still denied.
    await new Promise((resolve) => setTimeout(resolve, 1300))
    expect((await limiter.take('ann')).allowed).toBe(false)
    await redis.clock.advance(20)
    expect((await limiter.take('ann')).allowed).toBe(true)
  })

  test('a call that waits for its turn passes when the clock gets there', async () => {
    const limiter = createRateLimiter(redis.space(), {
      name: 'api',
      rules: [MINUTE[0] as Rule],
      deadline: '10s',
    })
    await redis.clock.freeze()
    await limiter.take('ann', { cost: 2 })
    const waiting = limiter.wait('ann', { maxWait: '1h' })
    await until('it was denied once', async () => (await limiter.take('ann')).decidedBy === 'cache')
    await redis.clock.advance('30s')
    expect((await waiting).allowed).toBe(true)
  })

  test('a block ends by the clock', async () => {
    const limiter = createRateLimiter(redis.space(), {
      name: 'api',
      rules: MINUTE.slice(0, 1),
      deadline: '10s',
    })
    await limiter.block('ann', { duration: '1h', reason: 'abuse' })
    expect((await limiter.take('ann')).blocked?.reason).toBe('abuse')
    await redis.clock.advance('1h')
    expect((await limiter.take('ann')).allowed).toBe(true)
  })

  test('a slot of a concurrency rule that nobody releases ends by the clock', async () => {
    const rule: Rule = { name: 'slots', algorithm: 'concurrency', limit: 1, lease: '5m' }
    const limiter = createRateLimiter(redis.space(), { name: 'api', rules: [rule], deadline: '10s' })
    await limiter.take('ann')
    expect((await limiter.take('ann')).allowed).toBe(false)
    await redis.clock.advance('5m')
    expect((await limiter.take('ann')).allowed).toBe(true)
  })
})

describe('streams', () => {
  test('an entry with a delay of a week is handled once the clock is a week on', async () => {
    const stream = createStream<string>(redis.space(), 'mails', { groups: ['send'] })
    const sent: string[] = []
    const worker = stream.worker('send', ({ payload }) => void sent.push(payload))
    await stream.add('reminder', { delay: '7d' })
    await stream.add('welcome')
    await drained(stream, { ignoreDelayed: true })
    expect(sent).toEqual(['welcome'])
    await redis.clock.advance('6d')
    await drained(stream, { ignoreDelayed: true })
    expect(sent).toEqual(['welcome'])
    await redis.clock.advance('1d')
    await drained(stream)
    expect(sent).toEqual(['welcome', 'reminder'])
    await worker.close()
  })

  test('retries come when the clock gets to them, and nothing waits in real time', async () => {
    const stream = createStream<number>(redis.space(), 'orders', { groups: ['bill'] })
    await redis.clock.freeze()
    let attempts = 0
    const worker = stream.worker(
      'bill',
      ({ attempt }) => {
        attempts = attempt
        if (attempt < 4) throw new Error('not yet')
      },
      { retryDelay: '1h', retryJitter: 0 },
    )
    await stream.add(1)
    for (const [at, delay] of (['1h', '2h', '4h'] as const).entries()) {
      await drained(stream, { ignoreDelayed: true })
      expect(attempts).toBe(at + 1)
      await redis.clock.advance(delay)
    }
    await drained(stream)
    expect(attempts).toBe(4)
    await worker.close()
  })

  test('a dedup key holds for its window by the clock, however long the test takes', async () => {
    const stream = createStream<number>(redis.space(), 'orders', { groups: ['bill'] })
    const first = await stream.add(1, { key: 'a', window: '1h' })
    await redis.clock.advance('59m')
    expect(await stream.add(1, { key: 'a', window: '1h' })).toBe(first)
    await redis.clock.advance('1m')
    expect(await stream.add(1, { key: 'a', window: '1h' })).not.toBe(first)
  })

  test('entries carry the time of the clock, and age by it', async () => {
    const stream = createStream<number>(redis.space(), 'events', {
      groups: ['search'],
      retain: { age: '1d' },
    })
    await redis.clock.freeze()
    await redis.clock.set(new Date('2031-05-01T00:00:00Z'))
    await stream.add(1)
    const [entry] = await stream.read()
    expect(entry?.addedAtMs).toBe(Date.parse('2031-05-01T00:00:00Z'))
    await redis.clock.advance('10m')
    expect((await stream.stats({ over: 0 })).groups[0]?.oldestAgeMs).toBe(600_000)
  })

  test('a handler that runs keeps its entry however far the clock is moved', async () => {
    const stream = createStream<number>(redis.space(), 'orders', { groups: ['bill'] })
    const started: number[] = []
    let finish = (): void => {}
    const gate = new Promise<void>((resolve) => (finish = resolve))
    const workers = [1, 2, 3].map((worker) =>
      stream.worker('bill', async () => {
        started.push(worker)
        await gate
      }),
    )
    await stream.add(1)
    await until('it is handled', () => started.length === 1)
    for (let days = 0; days < 5; days++) await redis.clock.advance('1d')
    finish()
    await drained(stream)
    expect(started).toHaveLength(1)
    await Promise.all(workers.map((worker) => worker.close()))
  })
})

describe('leaderboards', () => {
  test('an increment leaves a rolling window, and a calendar window turns, by the clock', async () => {
    const board = createLeaderboard(redis.space(), 'points', {
      windows: { hour: { last: '1h' }, day: { calendar: 'day' } },
    })
    await redis.clock.set(new Date('2030-03-10T22:30:00Z'))
    await board.increment('ann', 5)
    expect((await board.rank('ann'))?.score).toBe(5)
    await redis.clock.advance('1h')
    expect(await board.rank('ann')).toBeNull()
    expect((await board.rank('ann', { window: 'day' }))?.score).toBe(5)
    await redis.clock.advance('1h')
    expect(await board.rank('ann', { window: 'day' })).toBeNull()
  })
})

describe('notifications', () => {
  test('a history ends when its time to live is over by the clock', async () => {
    const notifier = createNotifier(redis.space(), { ttl: '1h' })
    await notifier.publish('room', 'hello')
    expect((await notifier.history('room')).events).toHaveLength(1)
    await redis.clock.advance('1h')
    expect((await notifier.history('room')).events).toEqual([])
  })
})

describe('notifications that somebody follows', () => {
  test('go on without a gap, however far the clock is moved', async () => {
    const notifier = createNotifier(redis.space(), { ttl: '1h' })
    const heard: unknown[] = []
    const subscription = await notifier.subscribe(['room'], {
      onEvent: (event) => heard.push(event.kind === 'message' ? event.data : event.kind),
    })
    await notifier.publish('room', 1)
    await redis.clock.advance('7d')
    await notifier.publish('room', 2)
    await delivered(notifier)
    expect(heard).toEqual([1, 2])
    subscription.close()
    expect((await notifier.history('room')).events.map(({ data }) => data)).toEqual([1, 2])
  })
})

describe('the clock', () => {
  test('shows the real time in a test that does not move it, and after one that did', async () => {
    expect(Math.abs(redis.clock.now() - Date.now())).toBeLessThan(1000)
    await redis.clock.advance('1d')
    expect(redis.clock.now() - Date.now()).toBeGreaterThan(86_000_000)
    await redis.reset()
    expect(Math.abs(redis.clock.now() - Date.now())).toBeLessThan(1000)
  })

  test('stands still when frozen, moves when told to, and runs on from there', async () => {
    const start = Date.parse('2030-01-01T00:00:00Z')
    await redis.clock.freeze()
    await redis.clock.set(start)
    expect(redis.clock.now()).toBe(start)
    await redis.clock.advance('90s')
    expect(redis.clock.now()).toBe(start + 90_000)
    await redis.clock.resume()
    await until('it runs', () => redis.clock.now() > start + 90_000)
  })

  test('refuses what is no duration and no date, and says what to give', async () => {
    await expect(redis.clock.advance(-1)).rejects.toThrow('advance is -1: give a duration')
    await expect(redis.clock.advance('1 year' as never)).rejects.toThrow("such as '250ms'")
    await expect(redis.clock.set(new Date('nonsense'))).rejects.toThrow('give a Date')
  })
})
