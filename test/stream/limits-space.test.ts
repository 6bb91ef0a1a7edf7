import {
  createRateLimiter,
  createStream,
  type LimiterRule,
  type RateLimiter,
  type RateLimiterOptions,
  type Space,
  type Stream,
} from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { streamTakeTokens } from '../../packages/core/src/redis/scripts.gen.ts'
import { leasedEntry, type LeasedEntry } from '../../packages/core/src/stream/leased-entry.ts'
import { createScope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings } from '../../packages/core/src/stream/settings.ts'
import type { TakeToken } from '../../packages/core/src/stream/limit-gate.ts'
import { createTokenTakes } from '../../packages/core/src/stream/token-takes.ts'
import { type Clock, createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { delayedOf, ORDERS, readyOf } from '../support/orders.ts'
import { startProxy } from '../support/proxy.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

// Workers whose limiter has `place: 'space'`: one script takes a token for an entry or sets the entry aside.

useSettableClock()

const bench = useRedis()
const QUEUE = { groups: ['billing'] }
const DELAYED = delayedOf('billing')
const SECOND = 1_000_000
const TWO_A_MINUTE: LimiterRule = { name: 'rate', algorithm: 'sliding-log', limit: 2, window: '1m' }

interface Job {
  readonly to: string
  readonly n: number
}

interface Shop {
  readonly space: Space
  readonly stream: Stream<Job>
  readonly limiter: RateLimiter
  readonly limit: { readonly limiter: RateLimiter; readonly subject: (entry: { payload: Job }) => string }
}

async function openShop(
  rules: readonly LimiterRule[],
  url: string = bench.server.url,
  options: Partial<RateLimiterOptions> = {},
): Promise<Shop> {
  const penknife = await openReady(pattern(url), { deadline: url === bench.server.url ? '10s' : 300 })
  const space = penknife.space('shop')
  const limiter = createRateLimiter(space, 'api', { place: 'space', denyCache: false, rules, ...options })
  const stream = createStream<Job>(space, 'orders', QUEUE)
  return { space, stream, limiter, limit: { limiter, subject: ({ payload }) => payload.to } }
}

async function startClock(atMs: number = Date.now()): Promise<Clock> {
  const clock = createClock(bench.raw)
  await clock.set(atMs * 1000)
  return clock
}

/** Workers check now what is due. */
async function checkNow({ space }: Pick<Shop, 'space'>): Promise<void> {
  const { keys } = createScope(space, 'orders', streamSettings(QUEUE))
  await bench.raw.spublish(keys.pausing('orders', 'billing'), '')
}

function tokenTakes({ space, limiter }: Shop, consumer: string): TakeToken | undefined {
  const sourceKeys = [ORDERS, readyOf('billing')]
  const scope = createScope(space, 'orders', streamSettings(QUEUE))
  return createTokenTakes(scope, { limiter, group: 'billing', consumer, sourceKeys })
}

/** A consumer gets an entry. */
async function read(consumer: string): Promise<LeasedEntry> {
  await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0', 'MKSTREAM').catch(() => {})
  const reply = await bench.raw.xreadgroup('GROUP', 'billing', consumer, 'COUNT', 1, 'STREAMS', ORDERS, '>')
  const [[, [[position, fields]]]] = reply as [[string, [[string, string[]]]]]
  return leasedEntry({ position, source: 0, fields }, 1, 0, Infinity)
}

const NO_PACE = { behindMs: 0, paceMs: 10 }

test('workers of three clients start exactly as many entries of a subject as its limit allows, and those of others go on', async () => {
  const clock = await startClock()
  const rules: readonly LimiterRule[] = [
    { name: 'rate', algorithm: 'sliding-log', limit: 5, window: '1m' },
    { name: 'watched', algorithm: 'gcra', limit: 1, window: '1d', shadow: true },
  ]
  const shops = await Promise.all([1, 2, 3].map(() => openShop(rules)))
  const [shop] = shops as [Shop]
  const handled: Record<string, number> = { hot: 0, warm: 0, cold: 0 }
  const asked = new Set<number>()
  const workers = shops.map(({ stream, limit }) =>
    startWorker(
      stream,
      'billing',
      ({ payload: { to, n }, attempt }) => {
        handled[to] = (handled[to] ?? 0) + 1
        asked.add(attempt)
        expect(n).toBeGreaterThan(0)
      },
      { concurrency: 4, limit },
    ),
  )
  const amounts = { hot: 23, warm: 7, cold: 3 }
  const jobs = Object.entries(amounts).flatMap(([to, count]) =>
    Array.from({ length: count }, (_, n) => ({ to, n: n + 1 })),
  )
  await shop.stream.addMany(jobs.toSorted((a, b) => a.n - b.n))
  for (let minute = 1; minute <= 5; minute++) {
    const expected = Object.fromEntries(
      Object.entries(amounts).map(([to, count]) => [to, Math.min(count, 5 * minute)]),
    )
    const left = jobs.length - Object.values(expected).reduce((sum, count) => sum + count, 0)
    await until(`all of minute ${minute} are handled`, async () => {
      await checkNow(shop)
      const { waiting, running, delayed } = (await shop.stream.stats({ over: 0 })).groups[0] ?? {}
      return waiting === 0 && running === 0 && delayed === left
    })
    expect(handled).toEqual(expected)
    const { remaining } = await shop.limiter.take('hot', { cost: 0 })
    expect(remaining).toBe(minute < 5 ? 0 : 2)
    await clock.advance(60 * SECOND)
  }
  expect([...asked]).toEqual([1])
  expect(workers.flatMap(({ of }) => [...of('lost'), ...of('trouble'), ...of('failed')])).toEqual([])
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
  expect(await bench.raw.exists(DELAYED)).toBe(0)
})

const HALF_MINUTE = { limit: 3, window: '30s' } as const
test.each<[string, readonly LimiterRule[]]>([
  ['gcra', [{ name: 'r', ...HALF_MINUTE }]],
  ['a fixed window', [{ name: 'r', algorithm: 'fixed-window', ...HALF_MINUTE }]],
  ['a calendar', [{ name: 'r', algorithm: 'fixed-window', limit: 3, calendar: 'day', timeZone: 'UTC' }]],
  ['a sliding window', [{ name: 'r', algorithm: 'sliding-window', ...HALF_MINUTE }]],
  ['a sliding log', [{ name: 'r', algorithm: 'sliding-log', ...HALF_MINUTE }]],
  [
    'several rules',
    [
      { name: 'a', algorithm: 'sliding-window', ...HALF_MINUTE },
      { name: 'b', limit: 2, window: '20s' },
      { name: 'c', algorithm: 'sliding-log', limit: 1, window: '1h', shadow: true },
    ],
  ],
])('an entry that %s denies is set aside until the limiter says that it may allow it', async (_, rules) => {
  // Shortly before a day ends, in another year than this process thinks.
  const clock = await startClock(Date.parse('2031-03-09T23:59:20Z'))
  const shop = await openShop(rules)
  const take = tokenTakes(shop, 'w1') as TakeToken
  let denials = 0
  for (let round = 0; round < 30; round++) {
    const { allowed, retryAfterMs } = await shop.limiter.take('ann')
    if (!allowed) {
      await shop.stream.add({ to: 'ann', n: round })
      const behindMs = (denials % 2) * 20_000
      const taken = await take(await read('w1'), 'ann', { behindMs, paceMs: 10 }, () => false)
      const ms = Math.max(retryAfterMs, behindMs)
      expect(taken).toEqual({ kind: 'aside', ms, rule: expect.any(String) as string })
      const [, due] = await bench.raw.zrange(DELAYED, '0', '0', 'WITHSCORES')
      expect(Number(due)).toBe(Math.ceil(clock.now / 1000) + ms)
      await bench.raw.del(DELAYED)
      denials += 1
    }
    await clock.advance(1_234_567)
  }
  expect(denials).toBeGreaterThan(3)
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
})

test('entries of a subject that one script denies come back one after the other, and a block counts as a denial', async () => {
  await startClock()
  const shop = await openShop([{ name: 'rate', limit: 10, window: '10s', burst: 1 }])
  await shop.limiter.take('ann')
  await shop.limiter.block('bob', { duration: 'forever', reason: 'abuse' })
  const worker = startWorker(shop.stream, 'billing', () => {}, { limit: shop.limit })
  await shop.stream.addMany(['ann', 'bob', 'ann', 'ann'].map((to, n) => ({ to, n })))
  await worker.saw('returned', 4)
  const found = await bench.raw.zrange(DELAYED, '0', '-1', 'WITHSCORES')
  const times = found.filter((_, at) => at % 2 === 1).map(Number)
  expect(times.map((ms) => ms - (times[0] ?? 0))).toEqual([0, 800, 1600, 59_000])
})

test('rules for parts of a subject are charged together, and large entries one by one', async () => {
  await startClock()
  const shop = await openShop([
    { name: 'user', per: 'user', algorithm: 'sliding-log', limit: 1, window: '1h' },
    { name: 'tenant', per: 'tenant', algorithm: 'fixed-window', limit: 2, window: '1h' },
  ])
  const handled: string[] = []
  const { saw } = startWorker(shop.stream, 'billing', ({ payload }) => handled.push(payload.to.trim()), {
    limit: { limiter: shop.limiter, subject: ({ payload }) => ({ user: payload.to.trim(), tenant: 'acme' }) },
  })
  const large = (to: string): string => to + ' '.repeat(50_000)
  await shop.stream.addMany(['ann', 'ann', large('bob'), large('bob')].map((to, n) => ({ to, n })))
  await saw('returned', 2)
  await saw('done', 2)
  expect(handled).toEqual(['ann', 'bob'])
  const left = await shop.limiter.take({ user: 'eve', tenant: 'acme' }, { cost: 0 })
  expect(left.rules.map(({ remaining }) => remaining)).toEqual([1, 0])
})

test('denied entries of a subject come back one behind the other, and those beyond a minute at its end, not together', async () => {
  await startClock()
  const shop = await openShop([{ name: 'rate', limit: 1, window: '10s' }])
  const take = tokenTakes(shop, 'w1') as TakeToken
  await shop.limiter.take('ann')
  await shop.stream.addMany(Array.from({ length: 20 }, (_, n) => ({ to: 'ann', n })))
  const entries: LeasedEntry[] = []
  for (let n = 0; n < 20; n++) entries.push(await read('w1'))
  const pace = { behindMs: 40_000, paceMs: 2000 }
  const taken = await Promise.all(entries.map((entry) => take(entry, 'ann', pace, () => false)))
  const waits = taken.map((one) => (one.kind === 'aside' ? one.ms : 0))
  expect(waits.slice(0, 11)).toEqual(Array.from({ length: 11 }, (_, n) => 40_000 + n * 2000))
  expect(waits.slice(11)).toEqual(Array.from({ length: 9 }, (_, n) => 60_000 - (n + 1) * 1009))
})

test('a worker that dies after it took a token loses the token, and the entry is handled by another', async () => {
  const clock = await startClock()
  const shop = await openShop([TWO_A_MINUTE])
  const take = tokenTakes(shop, 'dead') as TakeToken
  await shop.stream.addMany([1, 2].map((n) => ({ to: 'ann', n })))
  expect(await take(await read('dead'), 'ann', NO_PACE, () => false)).toEqual({ kind: 'allowed' })
  // The other one is not charged yet.
  await read('dead')
  const handled: number[] = []
  const { saw, of } = startWorker(shop.stream, 'billing', ({ payload }) => handled.push(payload.n), {
    lease: 100,
    limit: shop.limit,
  })
  await saw('done')
  await saw('returned')
  expect(await shop.limiter.take('ann', { cost: 0 })).toMatchObject({ remaining: 0 })
  await clock.advance(60 * SECOND)
  await checkNow(shop)
  await saw('done', 2)
  expect(handled.toSorted((a, b) => a - b)).toEqual([1, 2])
  expect(of('done').map(({ attempt }) => attempt)).toEqual([1, 1])
})

test('an entry that was cancelled, or that another worker took over, is not charged', async () => {
  await startClock()
  const shop = await openShop([TWO_A_MINUTE])
  const take = tokenTakes(shop, 'w1') as TakeToken
  const ids = await shop.stream.addMany([1, 2].map((n) => ({ to: 'ann', n })))
  const entries = [await read('w1'), await read('w1')]
  await shop.stream.cancel(ids[0] as string)
  await bench.raw.xclaim(ORDERS, 'billing', 'w2', 0, ids[1] as string)
  for (const entry of entries)
    expect(await take(entry, 'ann', NO_PACE, () => false)).toEqual({ kind: 'lost' })
  expect(await shop.limiter.take('ann', { cost: 0 })).toMatchObject({ remaining: 2 })
})

test('an entry that one GCRA rule allows costs one take, on a full server too', async () => {
  await startClock()
  const shop = await openShop([{ name: 'rate', limit: 2, window: '1h' }])
  const take = tokenTakes(shop, 'w1') as TakeToken
  await shop.stream.addMany([1, 2, 3, 4].map((n) => ({ to: 'ann', n })))
  const entries = [await read('w1'), await read('w1'), await read('w1'), await read('w1')] as const
  // So that the limiter is declared, and Redis has the scripts.
  expect(await take(entries[0], 'bob', NO_PACE, () => false)).toEqual({ kind: 'allowed' })
  await bench.raw.config('SET', 'maxmemory', 1)
  onTestFinished(() => bench.raw.config('SET', 'maxmemory', 0).then(() => {}))
  await bench.raw.config('RESETSTAT')
  expect(await take(entries[1], 'ann', NO_PACE, () => false)).toEqual({ kind: 'allowed' })
  const commands = (await bench.raw.info('commandstats')).matchAll(/^cmdstat_(\w+).*:calls=(\d+)/gm)
  const sent = new Map([...commands].map(([, name = '', calls]) => [name, Number(calls)]))
  expect(['evalsha', 'set', 'xpending'].map((name) => sent.get(name))).toEqual([1, 1, undefined])
  expect(await take(entries[2], 'ann', NO_PACE, () => false)).toEqual({ kind: 'allowed' })
  expect(await take(entries[3], 'ann', NO_PACE, () => false)).toMatchObject({ kind: 'aside', rule: 'rate' })
})

test('an entry whose lease may end during the call is charged only if the worker has it', async () => {
  await startClock()
  const shop = await openShop([{ name: 'rate', limit: 5, window: '1h' }])
  const take = tokenTakes(shop, 'w1') as TakeToken
  const ids = await shop.stream.addMany([1, 2].map((n) => ({ to: 'ann', n })))
  const entries = [await read('w1'), await read('w1')] as const
  // The deadline of a call is ten seconds.
  for (const entry of entries) entry.leaseEndsAt = performance.now() + 9000
  await bench.raw.xclaim(ORDERS, 'billing', 'w2', 0, ids[0] as string)
  expect(await take(entries[0], 'ann', NO_PACE, () => false)).toEqual({ kind: 'lost' })
  expect(await take(entries[1], 'ann', NO_PACE, () => false)).toEqual({ kind: 'allowed' })
  expect(await shop.limiter.take('ann', { cost: 0 })).toMatchObject({ remaining: 4 })
})

test('after a lost reply the script is asked again: no entry is handled twice, none is lost, and the limit holds', async () => {
  const clock = await startClock()
  const proxy = await startProxy(bench.server)
  const behind = await openShop([{ ...TWO_A_MINUTE, limit: 3 }], proxy.url)
  const shop = await openShop([{ ...TWO_A_MINUTE, limit: 3 }])
  const handled: number[] = []
  const { saw } = startWorker(behind.stream, 'billing', ({ payload }) => handled.push(payload.n), {
    lease: '1h',
    limit: behind.limit,
  })
  // So that Redis has the script.
  await shop.stream.add({ to: 'bob', n: 0 })
  await saw('done')
  proxy.holdReplies(streamTakeTokens.sha)
  await shop.stream.addMany([1, 2, 3, 4].map((n) => ({ to: 'ann', n })))
  await until('a reply is held back', () => proxy.pending.includes('+1 '))
  expect(await bench.raw.zcard(DELAYED)).toBe(1)
  proxy.cut()
  proxy.pass()
  // The first three were charged before, and are denied now.
  await until('all are set aside', async () => (await bench.raw.zcard(DELAYED)) === 4)
  expect(handled).toEqual([0])
  for (let minute = 0; minute < 2; minute++) {
    await clock.advance(60 * SECOND)
    await checkNow(shop)
    await saw('done', minute === 0 ? 4 : 5)
  }
  expect(handled.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4])
})

test('an entry whose subject the script cannot charge is tried again a second later, and others go on', async () => {
  const clock = await startClock()
  const shop = await openShop([TWO_A_MINUTE])
  const { keys } = createScope(shop.space, 'orders', streamSettings(QUEUE))
  const damaged = keys.limit(keys.route, 'api', 'ann')
  await bench.raw.rpush(damaged, 'x')
  const { saw, of } = startWorker(shop.stream, 'billing', () => {}, { limit: shop.limit })
  await shop.stream.addMany(['ann', 'bob'].map((to, n) => ({ to, n })))
  await saw('returned')
  await saw('done')
  await bench.raw.del(damaged)
  await clock.advance(SECOND)
  await checkNow(shop)
  await saw('done', 2)
  expect(of('returned').map(({ why }) => why)).toEqual(['limited'])
  expect(of('done').map(({ attempt }) => attempt)).toEqual([1, 1])
})

test('a worker asks a limiter that one script cannot charge, and bans count its denials', async () => {
  await startClock()
  const rules = [TWO_A_MINUTE]
  const ban = { denials: 2, within: '1m', duration: '5m' } as const
  const banning = await openShop(rules, undefined, { ban })
  expect(tokenTakes(banning, 'w1')).toBeUndefined()
  for (const options of [
    { place: 'spread' },
    { countDenied: true },
    { rules: [{ name: 'rate', limit: 5, window: '1m' }], lease: { tokens: 2 } },
  ] as const)
    expect(tokenTakes(await openShop(rules, undefined, options), 'w1')).toBeUndefined()
  const other = createRateLimiter((await openReady(pattern(bench.server.url))).space('other'), 'api', {
    place: 'space',
    rules,
  })
  expect(tokenTakes({ ...banning, limiter: other }, 'w1')).toBeUndefined()
  const bans: unknown[] = []
  banning.limiter.on((event) => event.kind === 'banned' && bans.push(event.subject))
  const { saw } = startWorker(banning.stream, 'billing', () => {}, { limit: banning.limit })
  await banning.stream.addMany([1, 2, 3, 4].map((n) => ({ to: 'ann', n })))
  await saw('returned', 2)
  expect(bans).toEqual(['ann'])
})
