import {
  createCounters,
  createDeduper,
  createLeaderboard,
  createLock,
  createNotifier,
  createOnce,
  createRateLimiter,
  createStream,
  type LimiterRule,
} from '@penknife/core'
import { delivered, drained, useTestRedis } from '@penknife/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import { deferred } from '../support/deferred.ts'
import { until } from '../support/until.ts'

const redis = useTestRedis({ beforeAll, afterAll, afterEach })

const MINUTE: readonly LimiterRule[] = [
  { name: 'gcra', limit: 2, window: '1m' },
  { name: 'fixed', algorithm: 'fixed-window', limit: 2, window: '1m' },
  { name: 'calendar', algorithm: 'fixed-window', limit: 2, calendar: 'day', timeZone: 'Europe/Berlin' },
  { name: 'sliding', algorithm: 'sliding-window', limit: 2, window: '1m' },
  { name: 'log', algorithm: 'sliding-log', limit: 2, window: '1m' },
]

describe('rate limits', () => {
  test.each(MINUTE)(
    'a full $name rule denies calls until its window is over, and allows them then',
    async (rule) => {
      const limiter = createRateLimiter(redis.space(), 'api', { rules: [rule], deadline: '10s' })
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

  test('while the clock is frozen a short window lasts for the whole test', async () => {
    const limiter = createRateLimiter(redis.space(), 'api', {
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

  test('a call that waits for tokens passes when the clock reaches that time', async () => {
    const limiter = createRateLimiter(redis.space(), 'api', {
      rules: [MINUTE[0] as LimiterRule],
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
    const limiter = createRateLimiter(redis.space(), 'api', {
      rules: MINUTE.slice(0, 1),
      deadline: '10s',
    })
    await limiter.block('ann', { duration: '1h', reason: 'abuse' })
    expect((await limiter.take('ann')).blocked?.reason).toBe('abuse')
    await redis.clock.advance('1h')
    expect((await limiter.take('ann')).allowed).toBe(true)
  })

  test('a slot of a concurrency rule that nobody releases ends by the clock', async () => {
    const rule: LimiterRule = { name: 'slots', algorithm: 'concurrency', limit: 1, lease: '5m' }
    const limiter = createRateLimiter(redis.space(), 'api', { rules: [rule], deadline: '10s' })
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

  test('retries run when the clock reaches their time, and nothing waits in real time', async () => {
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

  test('a dedup id is remembered for its window by the clock, however long the test takes', async () => {
    const stream = createStream<number>(redis.space(), 'orders', { groups: ['bill'] })
    const first = await stream.add(1, { id: 'a' })
    await redis.clock.advance('59m')
    expect(await stream.add(1, { id: 'a' })).toBe(first)
    await redis.clock.advance('1m')
    expect(await stream.add(1, { id: 'a' })).not.toBe(first)
  })

  test('entries carry the time of the clock, and age by it', async () => {
    const stream = createStream<number>(redis.space(), 'events', {
      groups: ['search'],
      retain: { age: '1d' },
    })
    await redis.clock.freeze()
    await redis.clock.set(new Date('2031-05-01T00:00:00Z'))
    await stream.add(1)
    const {
      items: [entry],
    } = await stream.read()
    expect(entry?.addedAtMs).toBe(Date.parse('2031-05-01T00:00:00Z'))
    await redis.clock.advance('10m')
    expect((await stream.stats({ over: 0 })).groups[0]?.oldestAgeMs).toBe(600_000)
  })

  test.each(['own', 'shared'] as const)(
    'a handler that runs keeps its entry however far the clock is moved (%s connections)',
    async (connection) => {
      const stream = createStream<number>(redis.space(), 'orders', { groups: ['bill'] })
      const started: number[] = []
      let finish = (): void => {}
      const gate = new Promise<void>((resolve) => (finish = resolve))
      const workers = [1, 2, 3].map((worker) =>
        stream.worker(
          'bill',
          async () => {
            started.push(worker)
            await gate
          },
          { connection },
        ),
      )
      await stream.add(1)
      await until('it is handled', () => started.length === 1)
      for (let days = 0; days < 5; days++) await redis.clock.advance('1d')
      finish()
      await drained(stream)
      expect(started).toHaveLength(1)
      await Promise.all(workers.map((worker) => worker.close()))
    },
  )
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

describe('coordination', () => {
  test('ids, reservations and calendars of counters end by the clock', async () => {
    const space = redis.space()
    await redis.clock.freeze()
    await redis.clock.set(new Date('2030-03-10T12:00:00Z'))
    const stock = createCounters(space, 'stock', { dedup: { window: '1h' } })
    await stock.set('shirt', 3)
    await stock.reserve([{ counter: 'shirt', by: -2 }], { id: 'cart', expires: '30m' })
    expect(await stock.decrement('shirt', 2)).toMatchObject({ ok: false, available: 1 })
    await redis.clock.advance('30m')
    expect(await stock.decrement('shirt', 2)).toMatchObject({ ok: true, value: 1 })
    const today = createCounters(space, 'today', { calendar: 'day' })
    await today.increment('mails', 5)
    await redis.clock.advance('12h')
    expect(await today.read(['mails'])).toMatchObject([{ value: 0 }])
  })

  test('a known id is new again, and a result is forgotten, when its window is over', async () => {
    const space = redis.space()
    const webhooks = createDeduper(space, 'webhooks', { window: '1d' })
    const invoices = createOnce(space, 'invoices', { window: '1d' })
    expect(await webhooks.claim('a')).toBe(true)
    await invoices.run('a', () => 1)
    await redis.clock.advance('23h')
    expect(await webhooks.claim('a')).toBe(false)
    expect(await invoices.run('a', () => 2)).toMatchObject({ result: 1 })
    await redis.clock.advance('1h')
    expect(await webhooks.claim('a')).toBe(true)
    expect(await invoices.run('a', () => 2)).toMatchObject({ result: 2 })
  })

  test('a caller that waits for a lock or a run gets it when the clock passes the lease of its holder', async () => {
    const space = redis.space()
    const lock = createLock(space, 'jobs', { lease: '10m', wait: '1h' })
    const invoices = createOnce(space, 'invoices', { window: '1d', lease: '10m' })
    await lock.acquire('nightly')
    const started = deferred()
    const running = invoices.run('a', async () => {
      started.resolve()
      await new Promise(() => {})
    })
    running.catch(() => {})
    await started.promise
    const waiting = Promise.all([lock.acquire('nightly'), invoices.run('a', () => 2)])
    await until('one waits', async () => (await lock.look('nightly')).waiting === 1)
    await redis.clock.advance('1h')
    const [kept, run] = await waiting
    expect(kept?.keys).toEqual(['nightly'])
    expect(run).toMatchObject({ status: 'done', result: 2 })
    await kept?.release()
  })
})

describe('notifications', () => {
  test('a history ends when its time to live is over by the clock', async () => {
    const notifier = createNotifier(redis.space(), 'main', { ttl: '1h' })
    await notifier.publish('room', 'hello')
    expect((await notifier.history('room')).items).toHaveLength(1)
    await redis.clock.advance('1h')
    expect((await notifier.history('room')).items).toEqual([])
  })
})

describe('notifications with a subscriber', () => {
  test('continue without a gap, however far the clock is moved', async () => {
    const notifier = createNotifier(redis.space(), 'main', { ttl: '1h' })
    const received: unknown[] = []
    const subscription = await notifier.subscribe(['room'], {
      onEvent: (event) => received.push(event.kind === 'message' ? event.data : event.kind),
    })
    await notifier.publish('room', 1)
    await redis.clock.advance('7d')
    await notifier.publish('room', 2)
    await delivered(notifier)
    expect(received).toEqual([1, 2])
    void subscription.close()
    expect((await notifier.history('room')).items.map(({ data }) => data)).toEqual([1, 2])
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

  test('stops when frozen, moves to a given time, and runs on from there', async () => {
    const start = Date.parse('2030-01-01T00:00:00Z')
    await redis.clock.freeze()
    await redis.clock.set(start)
    expect(redis.clock.now()).toBe(start)
    await redis.clock.advance('90s')
    expect(redis.clock.now()).toBe(start + 90_000)
    await redis.clock.resume()
    await until('it runs', () => redis.clock.now() > start + 90_000)
  })

  test('refuses values that are no duration and no date, with the fix', async () => {
    await expect(redis.clock.advance(-1)).rejects.toThrow('advance is -1: give a duration')
    await expect(redis.clock.advance('1 year' as never)).rejects.toThrow("such as '250ms'")
    await expect(redis.clock.set(new Date('nonsense'))).rejects.toThrow('give a Date')
  })
})
