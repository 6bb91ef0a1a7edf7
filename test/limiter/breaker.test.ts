import { channel } from 'node:diagnostics_channel'

import { createRateLimiter, type LimiterEvent, type RateLimiter, type Space } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { failure, open, openReady } from '../support/connect.ts'
import { startProxy } from '../support/proxy.ts'
import { freeze, ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()
const rules = [{ name: 'r', limit: 1000, window: '1m' }] as const
const DEADLINE_MS = 100

function limiterIn(space: Space, name = 'api', more: object = {}): RateLimiter {
  return createRateLimiter(space, name, { rules, deadline: DEADLINE_MS, ...more })
}

function eventsOf(limiter: RateLimiter): LimiterEvent[] {
  const events: LimiterEvent[] = []
  limiter.on((event) => events.push(event))
  return events
}

/** Calls one after another until one is decided without waiting; how many waited. */
async function waited(limiter: RateLimiter): Promise<number> {
  for (let count = 0; count < 50; count++) {
    const started = performance.now()
    expect((await limiter.take('ann')).decidedBy).toBe('policy')
    if (performance.now() - started < DEADLINE_MS / 2) return count
  }
  throw new Error('every call waited')
}

test('five calls wait for a silent Redis, and no further call of any limiter of the connection does', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const first = limiterIn(penknife.space('shop'))
  const second = limiterIn(penknife.space('market'), 'other')
  freeze(server)
  expect(await waited(first)).toBe(5)
  expect(await waited(second)).toBe(0)
  const started = performance.now()
  for (let at = 0; at < 200; at++) expect((await second.take('ann')).decidedBy).toBe('policy')
  expect(performance.now() - started).toBeLessThan(DEADLINE_MS * 5)
})

test('while it is open nothing is sent but probes, and Redis decides again once it answers one', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { breaker: { probeEvery: 50 } })
  const limiter = limiterIn(penknife.space('shop'))
  const events = eventsOf(limiter)
  const published: LimiterEvent[] = []
  const listen = (event: unknown): void => void published.push(event as LimiterEvent)
  channel('penknife:breaker').subscribe(listen)
  onTestFinished(() => {
    channel('penknife:breaker').unsubscribe(listen)
  })
  await limiter.take('ann')
  proxy.swallowReplies()
  await waited(limiter)
  const { received } = proxy
  await until('probes were sent', () => proxy.received > received)
  const takes = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await bench.raw.info('commandstats'))?.[1])
  const before = await takes()
  for (let at = 0; at < 100; at++) expect((await limiter.take('ann')).decidedBy).toBe('policy')
  expect(await takes()).toBe(before)
  proxy.cut()
  proxy.pass({ only: 'new' })
  await until('it closed', () => events.length === 2)
  expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'redis' })
  const node = `127.0.0.1:${proxy.port}`
  expect(events[0]).toMatchObject({ kind: 'open', node, deadlineMs: DEADLINE_MS })
  expect(events[1]).toMatchObject({ kind: 'closed', node, deadlineMs: DEADLINE_MS })
  expect((events[1] as { openMs: number }).openMs).toBeGreaterThan(0)
  expect(events).toEqual(published.map((event) => ({ ...event, space: 'shop', name: 'api' })))
})

test('a Redis that was slow for a moment gets calls again as soon as it answers a probe', async () => {
  const proxy = await startProxy(bench.server)
  // Without the probe at once it would take a minute.
  const penknife = await openReady(pattern(proxy.url), { breaker: { failures: 1, probeEvery: '1m' } })
  const limiter = limiterIn(penknife.space('shop'))
  const events = eventsOf(limiter)
  await limiter.take('ann')
  proxy.swallowReplies()
  const late = limiter.take('ann')
  await until('it was given up', () => events.length === 1)
  proxy.cut()
  proxy.pass({ only: 'new' })
  await late
  await until('it closed with the new connection', () => events.length === 2)
  expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'redis' })
})

test('calls that fail together count once', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const limiter = limiterIn(penknife.space('shop'))
  const events = eventsOf(limiter)
  freeze(server)
  await Promise.all(Array.from({ length: 60 }, () => limiter.take('ann')))
  expect(events).toEqual([])
})

test('a reply in time resets the count of failures', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { breaker: { failures: 2 } })
  const limiter = limiterIn(penknife.space('shop'), 'api', { deadline: '500ms' })
  const events = eventsOf(limiter)
  for (let at = 0; at < 3; at++) {
    proxy.swallowReplies()
    await limiter.take('ann')
    proxy.cut()
    proxy.pass({ only: 'new' })
    // Connecting may take longer than the deadline.
    await until('it is connected', async () => (await penknife.health()).status !== 'unavailable')
    await until('Redis decides', async () => (await limiter.take('bob')).decidedBy === 'redis')
  }
  expect(events.filter(({ kind }) => kind === 'open')).toEqual([])
})

test('the circuit stays closed for a Redis that refuses calls at once', async () => {
  const server = await ownRedis({ args: ['--maxmemory', '1'] })
  const penknife = await openReady(pattern(server.url))
  const limiter = limiterIn(penknife.space('shop'), 'api', { deadline: '5s' })
  const events = eventsOf(limiter)
  for (let at = 0; at < 20; at++) expect((await limiter.take('ann')).decidedBy).toBe('policy')
  expect(events).toEqual([])
})

test('with whenUnavailable throw the error of an open circuit is immediate and names the server', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url), { breaker: { failures: 1 } })
  const limiter = limiterIn(penknife.space('shop'), 'api', { whenUnavailable: 'throw' })
  freeze(server)
  expect((await failure(limiter.take('ann'))).code).toBe('PENKNIFE_TIMEOUT')
  const started = performance.now()
  const refused = await failure(limiter.take('ann'))
  expect(performance.now() - started).toBeLessThan(DEADLINE_MS)
  expect(refused).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  expect(refused.message).toContain('1 batches in a row')
})

test('limiters with another deadline have a circuit of their own', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url), { breaker: { failures: 1 } })
  const quick = limiterIn(penknife.space('shop'), 'quick', { deadline: 20 })
  const patient = limiterIn(penknife.space('shop'), 'patient', { deadline: '10s' })
  const events = eventsOf(patient)
  server.freeze()
  const slow = patient.take('ann')
  await quick.take('ann')
  server.thaw()
  expect((await slow).decidedBy).toBe('redis')
  expect(events).toEqual([])
})

test.each([
  ['failures', { failures: 0 }],
  ['within', { within: '10 years' }],
  ['probeEvery', { probeEvery: 1 }],
  ["breaker option 'failure'", { failure: 1 }],
])('a wrong option is refused: %s', (option, breaker) => {
  expect(() => open(pattern(bench.server.url), { breaker: breaker as never })).toThrow(option)
})
