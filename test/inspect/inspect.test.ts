import {
  connect,
  createCounters,
  createLeaderboard,
  createLock,
  createNotifier,
  createRateLimiter,
  createSemaphore,
  createStream,
  type InspectedGroup,
  type Penknife,
  type Space,
} from '@penknife/core'
import { inspect } from '@penknife/core/inspect'
import { describe, expect, onTestFinished, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

/** An application that has registered what it created, and a tool that knows nothing of it. */
async function application(create: (space: Space) => unknown): Promise<{ app: Penknife; tool: Penknife }> {
  const app = await openReady(bench.raw, { deadline: '30s' })
  await create(app.space('shop'))
  await app.space('shop').runtime.registered()
  return { app, tool: await openReady(bench.raw, { deadline: '30s' }) }
}

describe('the registry', () => {
  test('lists spaces and their objects by name, page by page, without SCAN', async () => {
    const { tool } = await application((space) => {
      for (const name of ['mails', 'orders', 'prints']) createStream(space, name, { groups: ['work'] })
      createRateLimiter(space, 'api', { rules: [{ name: 'minute', limit: 100, window: '1m' }] })
      createLeaderboard(space, 'points')
      createNotifier(space, 'main')
      createLock(space, 'jobs')
      createCounters(space, 'stock')
      createSemaphore(space, 'exports', { size: 3 })
    })
    const inspector = inspect(tool)
    expect((await inspector.spaces()).items.map(({ name }) => name)).toEqual(['shop'])
    const first = await inspector.objects('shop', { limit: 4 })
    const second = await inspector.objects('shop', { limit: 4, after: first.next as string })
    const third = await inspector.objects('shop', { limit: 4, after: second.next as string })
    expect(
      [...first.items, ...second.items, ...third.items].map(({ feature, name }) => `${feature} ${name}`),
    ).toEqual([
      'counters stock',
      'leaderboard points',
      'limiter api',
      'lock jobs',
      'notifier main',
      'semaphore exports',
      'stream mails',
      'stream orders',
      'stream prints',
    ])
    expect(third.next).toBeUndefined()
    const streams = await inspector.objects('shop', { feature: 'stream', limit: 2 })
    expect(streams.items.map(({ name }) => name)).toEqual(['mails', 'orders'])
    expect(
      (await inspector.objects('shop', { feature: 'stream', after: streams.next as string })).items,
    ).toHaveLength(1)
    for (const command of ['scan', 'hscan', 'zscan', 'keys'])
      expect(await callsOf(bench.raw, command)).toBe(0)
  })

  test('has what the process of the tool itself created, at once and while its connection opens', async () => {
    const penknife = connect(pattern(bench.server.url), { deadline: '30s' })
    onTestFinished(() => penknife.close())
    createStream(penknife.space('shop'), 'orders', { groups: ['billing'] })
    const inspector = inspect(penknife)
    // The first registers it. The second must wait for that, too.
    const [opened, listed] = await Promise.all([
      inspector.stream('shop', 'orders'),
      inspector.streams('shop'),
    ])
    expect(opened.name).toBe('orders')
    expect(listed.items.map(({ name }) => name)).toEqual(['orders'])
  })

  test('costs the hot path nothing: what registers is one call for all objects, later', async () => {
    const app = await openReady(bench.raw, { deadline: '30s' })
    const space = app.space('shop')
    const limiter = createRateLimiter(space, 'api', { rules: [{ name: 'minute', limit: 100, window: '1m' }] })
    for (let at = 0; at < 20; at++) createStream(space, `s${at}`)
    const before = await callsOf(bench.raw, 'evalsha')
    await limiter.take('ann')
    expect((await callsOf(bench.raw, 'evalsha')) - before).toBeLessThanOrEqual(2)
    expect(await bench.raw.exists(space.runtime.keys.registry.names)).toBe(0)
    await bench.raw.config('RESETSTAT')
    await space.runtime.registered()
    // 21 objects and the space: one batch of 32 items. EVAL loads the script first.
    expect((await callsOf(bench.raw, 'evalsha')) + (await callsOf(bench.raw, 'eval'))).toBeLessThanOrEqual(2)
    await space.runtime.registered()
    expect((await callsOf(bench.raw, 'evalsha')) + (await callsOf(bench.raw, 'eval'))).toBeLessThanOrEqual(2)
  })

  test('contains data only: an object that was dropped can be collected, and functions are left out', async () => {
    const { tool } = await application((space) =>
      createStream(space, 'orders', {
        groups: ['billing'],
        order: 'key',
        traceparent: () => undefined,
        schema: { '~standard': { version: 1, vendor: 'x', validate: (value) => ({ value }) } },
      }),
    )
    const { items } = await inspect(tool).objects('shop')
    expect(items[0]?.options).toEqual({ groups: ['billing'], order: 'key' })
  })

  test('forgets an object that nobody registered again for 30 days, and does not show it before that is done', async () => {
    const { tool, app } = await application((space) => createStream(space, 'old'))
    const { names, seen } = app.space('shop').runtime.keys.registry
    await bench.raw.zadd(seen, String(Date.now() - 31 * 86_400_000), 'stream old')
    expect((await inspect(tool).objects('shop')).items).toEqual([])
    createStream(app.space('shop'), 'new')
    await app.space('shop').runtime.registered()
    expect(await bench.raw.zrange(names, '0', '-1')).toEqual(['stream new'])
    expect(await bench.raw.pttl(names)).toBeGreaterThan(29 * 86_400_000)
  })

  test('never breaks a feature: what Redis refuses to register is in health, and the feature works', async () => {
    await bench.raw.call('ACL', 'SETUSER', 'narrow', 'on', '>pw', '~pk1:{shop}:stream:*', '&*', '+@all')
    onTestFinished(async () => void (await bench.raw.call('ACL', 'DELUSER', 'narrow')))
    const app = connect(bench.raw.duplicate({ username: 'narrow', password: 'pw', lazyConnect: true }))
    onTestFinished(() => app.close())
    app.on(() => {})
    const stream = createStream(app.space('shop'), 'orders', { groups: ['billing'] })
    await until('connected', async () => (await app.health()).status !== 'unavailable')
    await app.space('shop').runtime.registered()
    expect((await app.health()).refused.map(({ call }) => call)).toContain('space/register')
    await expect(stream.add({})).resolves.toMatch(/-/)
  })

  test('refuses a tool what is not registered, and says why that may be', async () => {
    const tool = await openReady(bench.raw, { deadline: '30s' })
    const error = await failure(inspect(tool).stream('shop', 'ordres'))
    expect(error.code).toBe('PENKNIFE_INVALID')
    expect(error.message).toContain("stream 'ordres' of space 'shop'")
    expect((await failure(inspect(tool).spaces({ limit: 0 }))).message).toContain('limit')
  })

  test('survives what another program wrote into its keys', async () => {
    const { tool, app } = await application((space) => createStream(space, 'orders'))
    const { names, seen, options } = app.space('shop').runtime.keys.registry
    for (const member of ['stream', 'stream a b', 'limiter x', 'stream \u001b[31m'])
      await bench.raw
        .multi()
        .zadd(names, 0, member)
        .zadd(seen, Date.now(), member)
        .hset(options, member, '{')
        .exec()
    const inspector = inspect(tool)
    expect((await inspector.objects('shop')).items.length).toBeGreaterThan(0)
    expect((await inspector.limiters('shop')).items).toMatchObject([{ name: 'x', rules: [] }])
    expect((await failure(inspector.limiter('shop', 'x'))).message).toContain('another program')
    await bench.raw.set(names, 'text')
    expect((await failure(inspector.objects('shop'))).code).toBe('PENKNIFE_REJECTED')
  })
})

describe('streams', () => {
  test('shows each group with its entries by state, pauses, age and workers', async () => {
    const { app, tool } = await application((space) =>
      createStream(space, 'orders', { groups: ['billing', 'mail'] }),
    )
    const stream = createStream(app.space('shop'), 'orders', { groups: ['billing', 'mail'] })
    await stream.addMany([1, 2, 3])
    await stream.add(4, { delay: '1h' })
    await stream.group('mail').pause()
    let started = 0
    const worker = stream.worker(
      'billing',
      async () => {
        started += 1
        if (started === 1) throw new Error('no')
        await new Promise((resolve) => onTestFinished(() => resolve(undefined)))
      },
      { maxAttempts: 1, concurrency: 3 },
    )
    onTestFinished(() => worker.close({ deadline: 1 }))
    const inspector = inspect(tool)
    await until('one is dead and two run', async () => {
      const { groups } = await inspector.streamState('shop', 'orders')
      const billing = groups.find(({ name }) => name === 'billing')
      return billing?.dead === 1 && billing.running === 2 && billing.delayed === 1
    })
    const { items } = await inspector.streams('shop')
    expect(items).toMatchObject([
      {
        space: 'shop',
        name: 'orders',
        kind: 'queue',
        tagged: false,
        groups: [
          { name: 'billing', waiting: 0, running: 2, delayed: 1, dead: 1, paused: false, workers: 1 },
          { name: 'mail', waiting: 4, exact: true, running: 0, dead: 0, paused: true, workers: 0 },
        ],
      },
    ])
    expect(items[0]?.groups[0]?.oldestAgeMs).toBeGreaterThanOrEqual(0)
    const totals = await inspector.totals('shop')
    expect(totals).toMatchObject({
      objects: { stream: 1 },
      waiting: 4,
      running: 2,
      dead: 1,
      pausedGroups: 1,
      unservedGroups: 0,
    })
  })

  test('counts idle workers of a queue with order by key, and the age of entries behind a dead letter that stops their key', async () => {
    const { app, tool } = await application((space) => {
      createStream(space, 'orders', { groups: ['billing'], order: { limit: 1, afterDead: 'stop' } })
    })
    const orders = createStream(app.space('shop'), 'orders', {
      groups: ['billing'],
      order: { limit: 1, afterDead: 'stop' },
    })
    const worker = orders.worker('billing', () => Promise.reject(new Error('no')), { maxAttempts: 1 })
    worker.on(() => {})
    await orders.add(1, { key: 'ann' })
    await orders.add(2, { key: 'ann' })
    const group = async (): Promise<InspectedGroup | undefined> =>
      (await inspect(tool).streamState('shop', 'orders')).groups[0]
    await until('the first is dead', async () => (await group())?.dead === 1)
    await worker.close()
    // As after half a minute, in which the worker read only the stream of entries that are handled again.
    await bench.raw.del('pk1:{shop}:stream:orders')
    await bench.raw.xgroup('CREATECONSUMER', 'pk1:{shop}:stream:orders:ready:billing', 'billing', 'w1')
    expect(await group()).toMatchObject({ queued: 1, dead: 1, workers: 1, state: 'dead-letters' })
    // An entry of the year 2020.
    await bench.raw.zadd('pk1:{shop}:stream:orders:queued:billing', 0, 'aaron\0M1600000000000A1\0\0\0{}')
    expect(await group()).toMatchObject({ workers: 1, state: 'behind' })
    expect((await orders.stats({ over: 0 })).groups[0]?.oldestAgeMs).toBeGreaterThan(500_000)
  })

  test('rates what was added and finished since the answer before, and shows the age that a caller takes', async () => {
    const { app, tool } = await application((space) =>
      createStream(space, 'orders', { groups: ['billing', 'mail'] }),
    )
    const stream = createStream<number>(app.space('shop'), 'orders', { groups: ['billing', 'mail'] })
    await stream.add(0)
    const inspector = inspect(tool)
    const first = await inspector.totals('shop')
    expect([first.addedPerSecond, first.finishedPerSecond]).toEqual([undefined, undefined])
    expect((await inspector.streamState('shop', 'orders')).added).toBe(1)
    await stream.addMany([1, 2, 3])
    let handled = 0
    const worker = stream.worker('billing', async () => void (handled += 1))
    await until('one group has handled all', () => handled === 4)
    await worker.close()
    expect(await inspector.totals('shop')).toBe(first)
    let second = first
    // The shared answer is a second old by then.
    await until(
      'a newer answer',
      async () => (second = await inspector.totals('shop', { maxAge: '1s' })) !== first,
    )
    expect(second.addedPerSecond).toBeGreaterThan(0)
    // One of two groups: 4 entries finished, 3 added.
    expect((second.finishedPerSecond ?? 0) / (second.addedPerSecond ?? 1)).toBeCloseTo(4 / 3)
    expect((await failure(inspector.totals('shop', { maxAge: 10 }))).option).toBe('maxAge')
  })

  test('checks the server for the features that are registered', async () => {
    const { tool } = await application((space) => createStream(space, 'orders'))
    await bench.raw.config('SET', 'maxmemory', '500mb')
    await bench.raw.config('SET', 'maxmemory-policy', 'allkeys-lru')
    onTestFinished(async () => void (await bench.raw.config('SET', 'maxmemory', '0')))
    onTestFinished(async () => void (await bench.raw.config('SET', 'maxmemory-policy', 'noeviction')))
    const server = await inspect(tool).server()
    expect(server.features).toEqual(['stream'])
    expect(server.clients).toBeGreaterThan(0)
    expect(server.checks.filter(({ status }) => status === 'problem').map(({ check }) => check)).toEqual([
      'eviction',
      'persistence',
    ])
  })

  test('finds the groups of a log that no process declared', async () => {
    const { app, tool } = await application((space) => createStream(space, 'log'))
    const log = createStream(app.space('shop'), 'log')
    await log.add(1)
    await log.group('search').reset({ to: '-' })
    await log.group('audit').reset({ to: '+' })
    const [found] = (await inspect(tool).streams('shop')).items
    expect(found).toMatchObject({ kind: 'log', entries: 1 })
    expect(found?.groups.map(({ name, waiting }) => [name, waiting]).toSorted()).toEqual([
      ['audit', 0],
      ['search', 1],
    ])
  })

  test('opens a stream by name and manages it: pause, cancel, schedules; it is not registered by the tool', async () => {
    const { app, tool } = await application((space) => createStream(space, 'orders', { groups: ['billing'] }))
    const id = await createStream(app.space('shop'), 'orders', { groups: ['billing'] }).add({ n: 1 })
    const seen = async (): Promise<string | null> =>
      bench.raw.zscore(app.space('shop').runtime.keys.registry.seen, 'stream orders')
    const before = await seen()
    const stream = await inspect(tool).stream('shop', 'orders')
    expect(await stream.group('billing').pause()).toBe(true)
    expect(await stream.cancel(id)).toEqual({ changed: true, state: 'waiting' })
    expect(await stream.schedules.list()).toEqual({ items: [], next: undefined })
    await tool.space('shop').runtime.registered()
    expect(await seen()).toBe(before)
  })
})

describe('limiters and the others', () => {
  test('opens a limiter by name with its registered rules: block, list, unblock, reset', async () => {
    const rules = [{ name: 'minute', limit: 2, window: '1m' }] as const
    const { app, tool } = await application((space) =>
      createRateLimiter(space, 'api', { rules, hashSubjects: true, place: 'space' }),
    )
    const limiter = createRateLimiter(app.space('shop'), 'api', {
      rules,
      hashSubjects: true,
      place: 'space',
      denyCache: false,
    })
    await limiter.take('ann')
    await limiter.take('ann')
    const opened = await inspect(tool).limiter('shop', 'api')
    expect(opened.rules).toMatchObject([{ name: 'minute', limit: 2, windowMs: 60_000 }])
    expect(await opened.block('eve', { duration: 'forever', reason: 'fraud' })).toBe('redis')
    expect((await limiter.take('eve')).blocked).toMatchObject({ reason: 'fraud' })
    expect((await opened.blocks()).items).toMatchObject([{ subject: 'eve', reason: 'fraud' }])
    expect(await opened.unblock('eve')).toBe(true)
    expect(await opened.reset('ann')).toMatchObject({ found: true, rules: ['minute'] })
    expect((await limiter.take('ann')).allowed).toBe(true)
    expect((await inspect(tool).limiters('shop')).items).toMatchObject([
      { name: 'api', rules: [{ name: 'minute', limit: 2, shadow: false }] },
    ])
  })

  test('opens boards, notifiers, counters and semaphores by name', async () => {
    const { app, tool } = await application((space) => {
      createLeaderboard(space, 'points', {
        decimals: 2,
        windows: { all: 'all-time', day: { calendar: 'day' } },
      })
      createNotifier(space, 'main')
      createCounters(space, 'stock', { initial: 5 })
      createSemaphore(space, 'exports', { size: 3 })
    })
    const space = app.space('shop')
    await createLeaderboard(space, 'points', {
      decimals: 2,
      windows: { all: 'all-time', day: { calendar: 'day' } },
    }).increment('ann', 1.25)
    await createNotifier(space, 'main').publish('room', 'hi')
    const inspector = inspect(tool)
    const board = await inspector.leaderboard('shop', 'points')
    expect(board.windows).toEqual(['all', 'day'])
    expect((await board.top(3)).map(({ member, score }) => [member, score])).toEqual([['ann', 1.25]])
    const page = await (await inspector.notifier('shop', 'main')).history('room')
    expect(page.items).toMatchObject([{ data: 'hi' }])
    expect(await (await inspector.counters('shop', 'stock')).read(['book'])).toMatchObject([{ value: 5 }])
    expect(await (await inspector.semaphore('shop', 'exports')).look('a')).toMatchObject({ size: 3 })
  })
})
