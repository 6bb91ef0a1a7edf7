import { createRateLimiter, createStream, type RateLimiter, type GcraRule } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, open, openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { callsOf, ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

async function limiterOf(rule: Omit<GcraRule, 'name'>, more: object = {}): Promise<RateLimiter> {
  const penknife = await openReady(pattern(bench.server.url))
  const rules = [{ name: 'r', ...rule }]
  return createRateLimiter(penknife.space('shop'), 'api', { rules, deadline: '5s', ...more })
}

const sent = async (): Promise<number> =>
  (await callsOf(bench.raw, 'evalsha')) + (await callsOf(bench.raw, 'eval'))

test('it resolves as soon as the rules allow it and never earlier, with about two requests for each call', async () => {
  const limiter = await limiterOf({ limit: 20, window: '1s', burst: 1 })
  const started = performance.now()
  const ended: number[] = []
  const before = await sent()
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      expect((await limiter.wait('ann')).allowed).toBe(true)
      ended.push(performance.now() - started)
    }),
  )
  // Each after 50 ms more, by the clock of this process.
  for (const [at, ms] of ended.entries()) expect(ms).toBeGreaterThan(at * 50 - 2)
  expect(ended[9]).toBeLessThan(450 + 1500)
  expect((await sent()) - before).toBeLessThanOrEqual(25)
})

test('a later call never passes an earlier one, however little it costs', async () => {
  const limiter = await limiterOf({ limit: 50, window: '1s', burst: 10 })
  await limiter.take('ann', { cost: 10 })
  const order: number[] = []
  const costs = [9, 1, 5, 1]
  await Promise.all(costs.map((cost) => limiter.wait('ann', { cost }).then(() => order.push(cost))))
  expect(order).toEqual(costs)
})

test('subjects do not wait for each other', async () => {
  const limiter = await limiterOf({ limit: 1, window: '1h' })
  await limiter.take('ann')
  const ann = limiter.wait('ann', { maxWait: '2h', signal: AbortSignal.timeout(300) })
  expect((await limiter.wait('bob')).allowed).toBe(true)
  await expect(ann).rejects.toMatchObject({ name: 'TimeoutError' })
})

test('a maxWait that is known to be too short resolves at once, for all calls in the queue', async () => {
  const limiter = await limiterOf({ limit: 1, window: '1h' })
  await limiter.take('ann')
  const leaving = new AbortController()
  const started = performance.now()
  expect(await limiter.wait('ann', { maxWait: '1m' })).toMatchObject({ allowed: false, violated: ['r'] })
  const patient = limiter.wait('ann', { maxWait: '2h', signal: leaving.signal })
  const [hasty, another] = await Promise.all([1, 2].map(() => limiter.wait('ann', { maxWait: '30m' })))
  expect(performance.now() - started).toBeLessThan(2000)
  expect([hasty?.allowed, another?.allowed]).toEqual([false, false])
  expect(hasty?.retryAfterMs).toBeGreaterThan(3_590_000)
  // While the first waits, none of the others sends a call.
  const before = await sent()
  expect((await limiter.wait('ann', { maxWait: '30m' })).allowed).toBe(false)
  expect(await sent()).toBe(before)
  leaving.abort()
  await patient.catch(() => {})
})

test('a call whose maxWait is over in the queue gets a denial', async () => {
  const limiter = await limiterOf({ limit: 4, window: '1s', burst: 2 })
  await limiter.take('ann', { cost: 2 })
  const first = limiter.wait('ann', { cost: 2 })
  const behind = limiter.wait('ann', { maxWait: 500 - 20 })
  const started = performance.now()
  const { allowed, retryAfterMs } = await behind
  expect({ allowed, early: performance.now() - started < 100 }).toEqual({ allowed: false, early: true })
  expect(retryAfterMs).toBeGreaterThan(300)
  expect((await first).allowed).toBe(true)
})

test('a signal ends the wait at once, and the next call continues', async () => {
  const limiter = await limiterOf({ limit: 20, window: '10s' })
  await limiter.take('ann', { cost: 20 })
  const leaving = new AbortController()
  const first = limiter.wait('ann', { cost: 20, signal: leaving.signal })
  const second = limiter.wait('ann')
  await until('the first asked', async () => (await sent()) >= 2)
  leaving.abort(new Error('the client went away'))
  await expect(first).rejects.toThrow('the client went away')
  // Long before the first would have tried again.
  const left = performance.now()
  expect((await second).allowed).toBe(true)
  expect(performance.now() - left).toBeLessThan(5000)
})

test('a signal that is aborted already rejects without asking', async () => {
  const limiter = await limiterOf({ limit: 1, window: '1s' })
  await expect(limiter.wait('ann', { signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  })
  expect(await sent()).toBe(0)
})

test('no more calls than maxWaiters may wait', async () => {
  const limiter = await limiterOf({ limit: 1, window: '1h' }, { maxWaiters: 2 })
  await limiter.take('ann')
  const leaving = new AbortController()
  const options = { maxWait: '2h', signal: leaving.signal } as const
  const waiting = [limiter.wait('ann', options), limiter.wait('bob'), limiter.wait('eve', options)]
  const refused = await failure(waiting[2] as Promise<unknown>)
  expect(refused).toMatchObject({ code: 'PENKNIFE_OVERLOADED', fate: 'not-done' })
  await waiting[1]
  const other = limiter.wait('ann', options)
  leaving.abort()
  await Promise.allSettled([...waiting, other])
  expect((await limiter.wait('ned')).allowed, 'who left makes room').toBe(true)
})

test('closing penknife rejects the calls that wait; the policy answers later ones', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const rules = [{ name: 'r', limit: 1, window: '1h' }] as const
  const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules, deadline: '5s' })
  await limiter.take('ann')
  const failures = Promise.all([1, 2].map(() => failure(limiter.wait('ann', { maxWait: '2h' }))))
  await penknife.close()
  expect((await failures).map(({ code }) => code)).toEqual(['PENKNIFE_CLOSED', 'PENKNIFE_CLOSED'])
  expect(await limiter.wait('bob')).toMatchObject({ allowed: true, decidedBy: 'policy' })
})

test('a handler that a closing worker lets finish can still wait for tokens', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  const limiter = createRateLimiter(space, 'mails', {
    rules: [{ name: 'r', limit: 10, window: '1s', burst: 1 }],
  })
  const mails = createStream<number>(space, 'mails', { groups: ['send'] })
  const sends: boolean[] = []
  const begun = deferred()
  const closing = deferred()
  await mails.add(1)
  mails.worker('send', async () => {
    begun.resolve()
    await closing.promise
    for (let at = 0; at < 3; at++) sends.push((await limiter.wait('mails')).allowed)
  })
  await begun.promise
  await limiter.take('others')
  const waitedBefore = limiter.wait('others')
  const closed = penknife.close()
  closing.resolve()
  expect((await waitedBefore).allowed).toBe(true)
  await closed
  expect(sends).toEqual([true, true, true])
})

test('while Redis is away and the policy is closed, calls wait until Redis decides again', async () => {
  const server = await ownRedis()
  const penknife = open(pattern(server.url))
  // A call that is late on a slow machine may be charged, and be sent again.
  const rules = [{ name: 'r', limit: 100, window: '1h' }] as const
  const settings = { rules, whenUnavailable: 'closed' } as const
  const limiter = createRateLimiter(penknife.space('shop'), 'api', settings)
  await server.kill()
  const waiting = limiter.wait('ann', { maxWait: '2h' })
  expect((await limiter.wait('bob', { maxWait: 150 })).decidedBy).toBe('cache')
  await server.start()
  expect(await waiting).toMatchObject({ allowed: true, decidedBy: 'redis' })
})

test('a call rejects with the error of its own request', async () => {
  const limiter = await limiterOf({ limit: 2, window: '1h' })
  expect(await failure(limiter.wait('ann', { cost: 3 }))).toMatchObject({ option: 'cost' })
  expect(await failure(limiter.wait('ann', { maxWait: -1 }))).toMatchObject({ option: 'maxWait' })
  expect(await failure(limiter.wait('', {}))).toMatchObject({ option: 'subject' })
  expect((await limiter.wait('ann')).allowed).toBe(true)
})
