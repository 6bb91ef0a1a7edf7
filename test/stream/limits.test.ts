import { once } from 'node:events'
import { setImmediate as nextTick, setTimeout as delay } from 'node:timers/promises'
import { createRateLimiter, createStream, type LimiterRule, type WorkerLimitOptions } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { makeReady, openOrders, ORDERS } from '../support/orders.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }
/** On a busy machine the usual 100 ms may pass, and then a limiter allows. */
const PATIENT = { deadline: '10s' } as const
/** Where the limiter is: a worker asks it, or one script of the stream does. */
const PLACES = ['spread', 'space'] as const
const PAUSED = `${ORDERS}:paused:billing`

interface Call {
  readonly to: string
  readonly n: number
}

test.each(PLACES)(
  'entries of a subject keep to its limit, and those of other subjects go on, without using up attempts or places: %s',
  async (place) => {
    const penknife = await openReady(pattern(bench.server.url))
    const space = penknife.space('shop')
    const calls = createStream<Call>(space, 'orders', QUEUE)
    const limiter = createRateLimiter(space, 'api', {
      ...PATIENT,
      place,
      rules: [{ name: 'rate', limit: 8, window: '1s', burst: 2 }],
    })
    const starts: { to: string; at: number; attempt: number }[] = []
    const { saw, of } = startWorker(
      calls,
      'billing',
      ({ payload, attempt }) => starts.push({ to: payload.to, at: performance.now(), attempt }),
      { concurrency: 1, limit: { limiter, subject: ({ payload }) => payload.to } },
    )
    const add = (to: string, count: number): Promise<readonly string[]> =>
      calls.addMany(Array.from({ length: count }, (_, n) => ({ to, n })))
    const hot = await add('hot', 14)
    const last = (): ReturnType<typeof calls.find> => calls.find(hot[13] as string)
    await until('the last one is set aside', async () => (await last()).consumer === undefined)
    expect((await last()).attempts).toBe(0)
    expect(of('returned').filter(({ why }) => why !== 'limited' && why !== 'busy')).toEqual([])
    await add('cold', 2)
    await saw('done', 16)
    const hotAt = starts.filter(({ to }) => to === 'hot').map(({ at }) => at)
    const coldAt = starts.filter(({ to }) => to === 'cold').map(({ at }) => at)
    // They did not wait behind the others.
    expect(Math.max(...coldAt)).toBeLessThan(Math.max(...hotAt))
    // 14 entries with a burst of 2 at 8 a second.
    expect((hotAt[13] as number) - (hotAt[0] as number)).toBeGreaterThan(1300)
    expect(starts.every(({ attempt }) => attempt === 1)).toBe(true)
    expect(of('failed')).toEqual([])
  },
)

test('a concurrency rule limits the handlers of all processes together', async () => {
  const opened = [1, 2].map(async () => {
    const penknife = await openReady(pattern(bench.server.url))
    const space = penknife.space('shop')
    const limiter = createRateLimiter(space, 'slots', {
      ...PATIENT,
      rules: [{ name: 'slots', algorithm: 'concurrency', limit: 3, lease: '10s' }],
    })
    return { stream: createStream<number>(space, 'orders', QUEUE), limiter }
  })
  const gate = deferred()
  let running = 0
  let most = 0
  const workers = (await Promise.all(opened)).map(({ stream, limiter }) => ({
    stream,
    ...startWorker(
      stream,
      'billing',
      async () => {
        running += 1
        most = Math.max(most, running)
        await gate.promise
        await nextTick()
        running -= 1
      },
      { concurrency: 10, limit: { limiter, subject: () => 'all' } },
    ),
  }))
  await workers[0]?.stream.addMany(Array.from({ length: 20 }, (_, n) => n))
  await until('three run', () => running === 3)
  await until('others are denied', () => workers.some(({ of }) => of('returned').length > 0))
  gate.resolve()
  await until('all are done', () => workers.flatMap(({ of }) => of('done')).length === 20)
  expect(most).toBe(3)
})

test('the number of a concurrency rule may change while workers run, in all processes', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  const atOnce = (limit: number): LimiterRule[] => [
    { name: 'slots', algorithm: 'concurrency', limit, lease: '10s' },
  ]
  let rules = atOnce(1)
  const limiter = createRateLimiter(space, 'slots', { ...PATIENT, rules })
  const stream = createStream<number>(space, 'orders', QUEUE)
  const gate = deferred()
  let running = 0
  for (const _ of [1, 2]) {
    startWorker(
      stream,
      'billing',
      async () => {
        running += 1
        await gate.promise
      },
      {
        limit: {
          limiter: { rules: limiter.rules, take: (subject) => limiter.take(subject, { rules }) },
          subject: () => 'all',
        },
      },
    )
  }
  await stream.addMany(Array.from({ length: 8 }, (_, n) => n))
  await until('one runs', () => running === 1)
  rules = atOnce(3)
  await until('three run', () => running === 3)
  const { rules: states } = await limiter.take('all', { cost: 0, rules })
  expect(states).toMatchObject([{ remaining: 0 }])
  gate.resolve()
})

test.each(PLACES)(
  'with order by key a limited entry holds its key, so the order stays: %s',
  async (place) => {
    const penknife = await openReady(pattern(bench.server.url))
    const space = penknife.space('shop')
    const calls = createStream<Call>(space, 'orders', { ...QUEUE, order: { field: 'to' } })
    const limiter = createRateLimiter(space, 'api', {
      ...PATIENT,
      place,
      rules: [{ name: 'rate', limit: 100, window: '1s', burst: 1 }],
    })
    const seen = new Map<string, number[]>()
    const { saw } = startWorker(
      calls,
      'billing',
      ({ payload }) => void seen.set(payload.to, [...(seen.get(payload.to) ?? []), payload.n]),
      { limit: { limiter, subject: ({ payload }) => (payload.to === 'free' ? undefined : 'shared') } },
    )
    await calls.addMany(
      Array.from({ length: 30 }, (_, n) => ({ to: ['ann', 'bob', 'free'][n % 3] as string, n })),
    )
    await saw('done', 30)
    for (const numbers of seen.values()) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  },
)

test('when a handler says that another service refused it, all processes of the group wait', async () => {
  const [first, second] = [await openOrders(bench, QUEUE), await openOrders(bench, QUEUE)]
  const starts: { n: number; at: number; attempt: number; fence: number }[] = []
  let limitedAt = 0
  const gate = deferred()
  const handler = async ({
    payload,
    attempt,
    fence,
    limited,
  }: Parameters<Parameters<typeof first.worker>[1]>[0]) => {
    starts.push({ n: payload, at: performance.now(), attempt, fence })
    if (payload !== 1 || limitedAt > 0) return
    limitedAt = performance.now()
    await limited(400)
    gate.resolve()
    throw new Error('ignored')
  }
  const workers = [first, second].map((stream) => startWorker(stream, 'billing', handler))
  await first.add(1)
  await gate.promise
  await Promise.all(workers.map(({ saw }) => saw('paused')))
  await first.addMany([2, 3, 4])
  await until('all are handled', () => starts.length === 5)
  const later = starts.slice(1)
  for (const { at } of later) expect(at - limitedAt).toBeGreaterThanOrEqual(399)
  expect(later.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4])
  expect(later.find(({ n }) => n === 1)).toMatchObject({ attempt: 1, fence: 2 })
  expect(workers.flatMap(({ of }) => of('failed'))).toEqual([])
  expect(await bench.raw.exists(PAUSED)).toBe(0)
})

test('a handler whose time is over makes nobody wait, and a wait of 0 is one', async () => {
  const stream = await openOrders(bench, QUEUE)
  const late = deferred()
  let twos = 0
  const { saw, of } = startWorker(
    stream,
    'billing',
    async ({ payload, attempt, limited, signal }) => {
      if (payload === 2 && twos++ === 0) return limited(0)
      if (payload === 2 || attempt === 2) return
      await once(signal, 'abort')
      await limited('1h')
      late.resolve()
    },
    { concurrency: 1, timeout: 50, retryDelay: 1 },
  )
  await stream.add(1)
  await late.promise
  await stream.add(2)
  await saw('done', 2)
  expect(of('returned').map(({ why }) => why)).toEqual(['limited'])
})

test('a wait for another service does not end a pause of an operator, and such a pause outlasts the wait', async () => {
  const stream = await openOrders(bench, QUEUE)
  const { saw, of } = startWorker(
    stream,
    'billing',
    async ({ payload, attempt, fence, limited }) => {
      if (payload === 1 && fence === attempt) {
        if (fence === 1) await stream.group('billing').pause()
        await limited('1h')
      }
    },
    { concurrency: 1 },
  )
  await stream.add(1)
  await saw('returned')
  expect(await bench.raw.pttl(PAUSED)).toBe(-1)
  await stream.group('billing').resume()
  await stream.add(2)
  await saw('done')
  await bench.raw.set(PAUSED, '1', 'PX', 60_000)
  expect(await stream.group('billing').pause()).toBe(true)
  expect(await stream.group('billing').pause()).toBe(false)
  expect(await bench.raw.pttl(PAUSED)).toBe(-1)
  expect(of('failed')).toEqual([])
})

test('an entry whose limiter or subject fails is tried again, and a payload that is no JSON is not asked about', async () => {
  const stream = await openOrders<Call>(bench, QUEUE)
  let takes = 0
  const limit: WorkerLimitOptions<Call> = {
    limiter: {
      rules: [],
      take: async () => {
        takes += 1
        if (takes === 1) throw new Error('no limiter')
        return { allowed: true, rule: '', retryAfterMs: 0 }
      },
    },
    subject: ({ payload }) => payload.to,
  }
  const { saw, of } = startWorker(stream, 'billing', () => {}, { limit })
  await stream.add({ to: 'ann', n: 1 })
  await saw('returned')
  await bench.raw.xadd(ORDERS, '*', 'd', 'no JSON')
  await saw('dead')
  await saw('done')
  expect(of('dead').map(({ why }) => why)).toEqual(['invalid'])
  expect(takes).toBe(2)
})

test.each(PLACES)(
  'an entry that its limiter denies for days is tried again within a minute, because it may be allowed before: %s',
  async (place) => {
    const penknife = await openReady(pattern(bench.server.url))
    const space = penknife.space('shop')
    const calls = createStream<number>(space, 'orders', QUEUE)
    const limiter = createRateLimiter(space, 'api', {
      ...PATIENT,
      place,
      rules: [{ name: 'rate', limit: 9, window: '1s' }],
    })
    await limiter.block('ann', { duration: 'forever', reason: 'abuse' })
    const { saw } = startWorker(calls, 'billing', () => {}, { limit: { limiter, subject: () => 'ann' } })
    const ids = await calls.addMany([1, 2, 3])
    await saw('returned', 3)
    const now = Math.floor(Number((await bench.raw.time())[0]) * 1000)
    for (const id of ids) {
      const { state, dueMs = 0 } = await calls.find(id)
      expect(state).toBe('delayed')
      expect(dueMs - now).toBeLessThan(61_100)
      expect(dueMs - now).toBeGreaterThan(30_000)
    }
  },
)

test('a worker that gets more entries than it can start gives some back before it takes tokens for them', async () => {
  const stream = await openOrders(bench, QUEUE)
  // Half of them wait in the group's own stream, which a read asks too.
  await stream.addMany([1, 2, 3, 4])
  for (const n of [5, 6, 7, 8]) await makeReady(bench.raw, 'billing', `${n}-0`, String(n))
  let takes = 0
  const limiter = {
    rules: [],
    take: async () => {
      takes += 1
      return { allowed: true, rule: '', retryAfterMs: 0 }
    },
  }
  // Longer than an entry waits for a handler.
  const { saw, of } = startWorker(stream, 'billing', () => delay(300), {
    concurrency: 1,
    limit: { limiter, subject: () => 'all' },
  })
  await saw('done', 8)
  expect(of('returned').map(({ why }) => why)).toContain('busy')
  expect(takes).toBe(8)
})

test('entries that the limiter allows together share the calls of a batch handler', async () => {
  const stream = await openOrders(bench, QUEUE)
  await stream.addMany(Array.from({ length: 40 }, (_, n) => n))
  const limiter = { rules: [], take: async () => ({ allowed: true, rule: '', retryAfterMs: 0 }) }
  const sizes: number[] = []
  const worker = stream.batchWorker('billing', (deliveries) => void sizes.push(deliveries.length), {
    batch: 20,
    limit: { limiter, subject: () => 'all' },
  })
  onTestFinished(() => worker.close())
  await until('all are handled', () => sizes.reduce((sum, size) => sum + size, 0) === 40)
  expect(sizes).toEqual([20, 20])
})

test('an entry that is cancelled while the limiter is asked about it does not keep its worker from the next one', async () => {
  const stream = await openOrders(bench, QUEUE)
  const asked = deferred()
  const answer = deferred()
  const limiter = {
    rules: [],
    take: async () => {
      asked.resolve()
      await answer.promise
      return { allowed: true, rule: '', retryAfterMs: 0 }
    },
  }
  const { saw } = startWorker(stream, 'billing', () => {}, {
    concurrency: 1,
    limit: { limiter, subject: () => 'all' },
  })
  const id = await stream.add(1)
  await asked.promise
  await stream.cancel(id)
  await saw('cancelled')
  answer.resolve()
  await stream.add(2)
  await saw('done')
})

test('a worker closes in time although a limiter does not answer, and its entries go back', async () => {
  const stream = await openOrders(bench, QUEUE)
  const asked = deferred()
  const never = new Promise<never>(() => {})
  const limiter = { rules: [], take: () => (asked.resolve(), never) }
  const worker = stream.worker('billing', () => {}, { limit: { limiter, subject: () => 'all' } })
  const id = await stream.add(1)
  await asked.promise
  await worker.close({ deadline: 50 })
  expect(await stream.find(id)).toMatchObject({ state: 'waiting', attempts: 0 })
})

test('a worker without a limit asks no limiter, and wrong limits are refused', async () => {
  const stream = await openOrders(bench, QUEUE)
  const { saw } = startWorker(stream, 'billing', () => {})
  await stream.add(1)
  await saw('done')
  expect(await callsOf(bench.raw, 'spublish')).toBe(0)
  const limiter = { rules: [], take: async () => ({ allowed: true, rule: '', retryAfterMs: 0 }) }
  for (const [limit, option] of [
    [{ subject: () => 'a' }, 'limiter'],
    [{ limiter, subject: 'user' }, 'subject'],
    [{ limiter, subjects: () => 'a' }, 'subjects'],
  ] as const) {
    expect(() => stream.worker('billing', () => {}, { limit: limit as never })).toThrow(option)
  }
})
