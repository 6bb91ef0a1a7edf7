import { createLock, createRateLimiter, createStream, type Space } from '@penknife/core'
import { inspect, type Inspector } from '@penknife/core/inspect'
import { describe, expect, onTestFinished, test } from 'vitest'

import { connect } from '@penknife/core'
import { failure, openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

async function shop(): Promise<{ space: Space; inspector: Inspector }> {
  const app = await openReady(bench.raw, { deadline: '30s' })
  return { space: app.space('shop'), inspector: inspect(await openReady(bench.raw, { deadline: '30s' })) }
}

/** All keys and their contents, to show that nothing was written. */
async function contents(): Promise<string> {
  const keys = (await bench.raw.keys('*')).toSorted()
  const dumps = await Promise.all(keys.map(async (key) => `${key} ${(await bench.raw.dump(key)) ?? ''}`))
  return dumps.join('\n')
}

describe('why a call is denied', () => {
  test('names the rule, its numbers and when the call can pass; the same as take says; and charges nothing', async () => {
    const { space, inspector } = await shop()
    const rules = [
      { name: 'hour', limit: 100, window: '10h' },
      { name: 'day', algorithm: 'fixed-window', limit: 3, window: '1d' },
      { name: 'exact', algorithm: 'sliding-log', limit: 50, window: '1h' },
      { name: 'month', algorithm: 'fixed-window', limit: 1000, calendar: 'month', timeZone: 'UTC' },
      { name: 'watch', limit: 1, window: '1h', shadow: true },
    ] as const
    const limiter = createRateLimiter(space, 'api', { rules, denyCache: false })
    await space.runtime.registered()
    const fresh = await inspector.explainSubject('shop', 'api', 'ann')
    expect(fresh).toMatchObject({ allowed: true, reason: undefined, changesInMs: 0, violated: [] })
    for (let at = 0; at < 3; at++) await limiter.take('ann')
    const before = await contents()
    const denied = await inspector.explainSubject('shop', 'api', 'ann')
    expect(await contents()).toBe(before)
    expect(denied).toMatchObject({ allowed: false, reason: 'rule', violated: ['day'] })
    expect(denied.text).toMatch(/rule 'day' has 0 of 3 left. It can pass in 23 h 59 min/)
    expect(denied.shadow).toMatchObject([{ name: 'watch', allowed: false }])
    const decision = await limiter.take('ann')
    expect(decision.violated).toEqual(denied.violated)
    expect(Math.abs(decision.retryAfterMs - denied.changesInMs)).toBeLessThan(2000)
    expect(decision.rules.map(({ remaining }) => remaining)).toEqual(
      denied.rules.map(({ remaining }) => remaining),
    )
  })

  test('says that a larger cost would be denied, and that one above the burst never passes', async () => {
    const { space, inspector } = await shop()
    const limiter = createRateLimiter(space, 'api', { rules: [{ name: 'minute', limit: 10, window: '1m' }] })
    await limiter.take('ann', { cost: 4 })
    await space.runtime.registered()
    expect((await inspector.explainSubject('shop', 'api', 'ann', { cost: 6 })).allowed).toBe(true)
    expect(await inspector.explainSubject('shop', 'api', 'ann', { cost: 7 })).toMatchObject({
      allowed: false,
      violated: ['minute'],
    })
    const wrong = await failure(inspector.explainSubject('shop', 'api', 'ann', { cost: 0 }))
    expect(wrong.code).toBe('PENKNIFE_INVALID')
  })

  test('tells a block from a ban, with its reason and its end', async () => {
    const { space, inspector } = await shop()
    const limiter = createRateLimiter(space, 'api', {
      rules: [{ name: 'minute', limit: 1, window: '1m' }],
      ban: { denials: 2, within: '1m', duration: '5m', reason: 'too eager' },
      denyCache: false,
    })
    await space.runtime.registered()
    for (let at = 0; at < 3; at++) await limiter.take('ann')
    const banned = await inspector.explainSubject('shop', 'api', 'ann')
    expect(banned).toMatchObject({ reason: 'ban', blocked: { ban: 1, reason: 'too eager' } })
    expect(banned.text).toMatch(/banned \(ban 1 in a row\): too eager. Ends in [45] min/)
    await limiter.block('eve', { duration: 'forever', reason: 'fraud' })
    const blocked = await inspector.explainSubject('shop', 'api', 'eve')
    expect(blocked).toMatchObject({ reason: 'block', changesInMs: Infinity })
    expect(blocked.text).toBe('It is blocked: fraud. Until it is unblocked.')
  })

  test('explains every part of a subject, and hashed ones', async () => {
    const { space, inspector } = await shop()
    const limiter = createRateLimiter(space, 'api', {
      rules: [
        { name: 'tenant', limit: 10, window: '1h', per: 'tenant' },
        { name: 'user', limit: 1, window: '1h', per: 'user' },
      ],
      hashSubjects: true,
    })
    await space.runtime.registered()
    const subject = { tenant: 'acme', user: 'ann' }
    await limiter.take(subject)
    const found = await inspector.explainSubject('shop', 'api', subject)
    expect(found).toMatchObject({ allowed: false, violated: ['user'] })
    expect(found.rules.map(({ name, remaining }) => [name, remaining])).toEqual([
      ['tenant', 9],
      ['user', 0],
    ])
  })

  test('works for a user who may run scripts and reading commands only', async () => {
    const { space } = await shop()
    const limiter = createRateLimiter(space, 'api', { rules: [{ name: 'minute', limit: 1, window: '1m' }] })
    await limiter.take('ann')
    await space.runtime.registered()
    await bench.raw.call(
      'ACL',
      'SETUSER',
      'reader',
      'on',
      '>pw',
      '~pk1:*',
      '+@read',
      '+@connection',
      '+evalsha',
      '+eval',
      '+info',
      '+time',
      '+xinfo',
    )
    onTestFinished(async () => void (await bench.raw.call('ACL', 'DELUSER', 'reader')))
    const reader = connect(bench.raw.duplicate({ username: 'reader', password: 'pw', lazyConnect: true }))
    onTestFinished(() => reader.close())
    const inspector = inspect(reader)
    await until('connected', async () => (await reader.health()).status !== 'unavailable')
    expect(await inspector.explainSubject('shop', 'api', 'ann')).toMatchObject({ reason: 'rule' })
    expect((await inspector.spaces()).items).toHaveLength(1)
    expect((await inspector.explainLock('shop', 'jobs', 'a')).reason).toBe('free')
  })
})

describe('why an entry does not run', () => {
  test('waits: no worker, a pause, a delay, its turn; then a worker has it, and it ends', async () => {
    const { space, inspector } = await shop()
    const stream = createStream(space, 'orders', { groups: ['billing'] })
    await space.runtime.registered()
    const explain = (entry: string): ReturnType<Inspector['explainEntry']> =>
      inspector.explainEntry('shop', 'orders', entry)
    const id = await stream.add(1)
    expect(await explain(id)).toMatchObject({
      state: 'waiting',
      reason: 'no-worker',
      workers: 0,
      changesInMs: Infinity,
    })
    await stream.group('billing').pause()
    const before = await contents()
    expect(await explain(id)).toMatchObject({ reason: 'paused', changesInMs: Infinity })
    expect(await contents()).toBe(before)
    const later = await stream.add(2, { delay: '1h' })
    const delayed = await explain(later)
    expect(delayed.text).toMatch(/It was added with a delay: it is due in (59 min|1 h)/)

    let finish: (() => void) | undefined
    const running = new Promise<void>((started) => {
      const worker = stream.worker(
        'billing',
        async ({ payload }) => {
          if (payload === 3) throw new Error('no stock')
          if (payload !== 1) return
          started()
          await new Promise<void>((resolve) => (finish = resolve))
        },
        { maxAttempts: 2, retryDelay: '1h', concurrency: 1 },
      )
      onTestFinished(() => worker.close({ deadline: 1 }))
    })
    await stream.group('billing').resume()
    await running
    expect(await explain(id)).toMatchObject({ state: 'running', reason: 'running', workers: 1 })
    const next = await stream.add(3)
    await until('the worker is known', async () => (await explain(next)).workers === 1)
    const last = await stream.add(4, { priority: 'low' })
    expect(await explain(last)).toMatchObject({ state: 'waiting', reason: 'priority', workers: 1 })
    finish?.()
    await until('it failed once', async () => (await explain(next)).state === 'retrying')
    expect((await explain(next)).text).toMatch(/Attempt 1 failed: it is due in/)
    expect(await explain(id)).toMatchObject({ state: 'gone', reason: 'ended' })
    await stream.reschedule(next, 0)
    await until('it is dead', async () => (await explain(next)).state === 'dead')
    expect((await explain(next)).reason).toBe('dead')
  })

  test('names the entry of the same key that is before it, and the dead letter that stops the key', async () => {
    const { space, inspector } = await shop()
    const stream = createStream(space, 'orders', { groups: ['billing'], order: { afterDead: 'stop' } })
    await space.runtime.registered()
    const first = await stream.add(1, { key: 'ann' })
    const second = await stream.add(2, { key: 'ann' })
    expect(await inspector.explainEntry('shop', 'orders', second)).toMatchObject({
      state: 'queued',
      reason: 'key',
      behind: first,
      text: `Entry ${first} of the same key is first, and it waits for a worker.`,
    })
    const worker = stream.worker('billing', () => Promise.reject(new Error('no')), { maxAttempts: 1 })
    worker.on(() => {})
    onTestFinished(() => worker.close({ deadline: 1 }))
    await until('the first is dead', async () => (await stream.find(first)).state === 'dead')
    expect(await inspector.explainEntry('shop', 'orders', second)).toMatchObject({
      reason: 'stopped-key',
      behind: first,
      changesInMs: Infinity,
    })
  })

  test('a pause that a handler asked for has an end', async () => {
    const { space, inspector } = await shop()
    const stream = createStream(space, 'orders', { groups: ['billing'] })
    await space.runtime.registered()
    const id = await stream.add(1)
    await bench.raw.set(space.runtime.keys.paused('orders', 'billing'), '1', 'PX', 60_000)
    const found = await inspector.explainEntry('shop', 'orders', id)
    expect(found.text).toMatch(/paused for another (59 s|1 min)/)
    expect(found.changesInMs).toBeLessThanOrEqual(60_000)
  })

  test('refuses a stream with several groups, and says what it needs', async () => {
    const { space, inspector } = await shop()
    createStream(space, 'orders', { groups: ['a', 'b'] })
    await space.runtime.registered()
    const error = await failure(inspector.explainEntry('shop', 'orders', '1-1'))
    expect(error.message).toContain('work queue with one group')
  })
})

describe('why a lock is not mine', () => {
  test('names the holder, the end of its lease and the callers that wait; a forced release lets the first of them in', async () => {
    const { space, inspector } = await shop()
    const lock = createLock(space, 'jobs', { label: 'worker-7', wait: '10s' })
    expect(await inspector.explainLock('shop', 'jobs', 'ann')).toMatchObject({ reason: 'free', waiting: 0 })
    const held = await lock.tryAcquire('ann')
    const waiting = lock.acquire('ann')
    await until('it waits', async () => (await inspector.explainLock('shop', 'jobs', 'ann')).waiting === 1)
    const found = await inspector.explainLock('shop', 'jobs', 'ann')
    expect(found).toMatchObject({ reason: 'held', holder: 'worker-7', fence: held?.fence, waiting: 1 })
    expect(found.text).toMatch(
      /worker-7 has it. Its lease ends in (\d+ s) unless it is renewed. 1 caller waits./,
    )
    expect(await inspector.forceRelease('shop', 'jobs', 'ann', (held?.fence ?? 0) - 1)).toBe(false)
    expect(await inspector.forceRelease('shop', 'jobs', 'ann', held?.fence ?? 0)).toBe(true)
    const next = await waiting
    expect(next?.fence).toBeGreaterThan(held?.fence ?? 0)
    expect(await held?.release()).toBe(false)
    expect(await next?.release()).toBe(true)
  })
})
