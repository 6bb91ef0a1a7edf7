import { createRateLimiter, type PenknifeEvent } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, open, openReady } from '../support/connect.ts'
import { counters } from '../support/counters.ts'
import { startProxy } from '../support/proxy.ts'
import { clusterPattern, ownRedis, pattern, penknifeClients, useCluster, useRedis } from '../support/redis.ts'
import { nextTurn, until } from '../support/until.ts'

const bench = useRedis()
const clusterBench = useCluster()

test('health of a Redis that answers is ok, with the latency and the server', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  await until('the server was looked at', async () => (await penknife.health()).server !== undefined)
  const health = await penknife.health()
  expect(health).toMatchObject({ status: 'ok', pending: 0, findings: [] })
  expect(health.latencyMs).toBeGreaterThan(0)
  expect(health.server?.version).toMatch(/^\d+\.\d+\.\d+$/)
  expect(health.server).toMatchObject({ evictionPolicy: 'noeviction', maxMemoryBytes: 0, appendOnly: false })
})

test('health on a cluster', async () => {
  const penknife = await openReady(clusterPattern(clusterBench.cluster))
  await until('the server was looked at', async () => (await penknife.health()).server !== undefined)
  expect(await penknife.health()).toMatchObject({ status: 'ok', pending: 0 })
})

test('health counts pending calls, and a frozen Redis is unavailable after the deadline', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url), { deadline: 200 })
  server.freeze()
  const count = counters(penknife.space('shop'), 15_000)
  const calls = [count('c'), count('c'), count('c')]
  await nextTurn()
  expect(await penknife.health()).toMatchObject({ status: 'unavailable', latencyMs: undefined, pending: 3 })
  server.thaw()
  await Promise.all(calls)
  expect(await penknife.health()).toMatchObject({ status: 'ok', pending: 0 })
})

test('health of a Redis that has ended is unavailable at once', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url), { deadline: '1m' })
  await server.kill()
  await until('it is noticed', async () => (await penknife.health()).status === 'unavailable')
  expect(await penknife.health()).toMatchObject({ status: 'unavailable' })
})

test('connecting and disconnecting are reported', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = open(pattern(proxy.url))
  const events: PenknifeEvent['kind'][] = []
  const off = penknife.on(({ kind }) => events.push(kind))
  await until('available', () => events.join() === 'available')
  await proxy.leave()
  await until('unavailable', () => events.includes('unavailable'))
  await proxy.comeBack()
  await until('available again', () => events.at(-1) === 'available')
  off()
  const before = events.length
  await proxy.leave()
  await until('it is away', async () => (await penknife.health()).status === 'unavailable')
  expect(events).toHaveLength(before)
})

test('an outage is reported once for each reason, however often connecting is tried', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url))
  const events: string[] = []
  penknife.on((event) => events.push(event.kind === 'unavailable' ? event.reason : event.kind))
  await proxy.leave()
  await until('penknife noticed', async () => (await penknife.health()).status === 'unavailable')
  // Long enough for several attempts.
  await failure(counters(penknife.space('shop'), 1000)('c'))
  await proxy.comeBack()
  await until('available again', () => events.includes('available'))
  // With bytes under way a cut is a reset.
  const cut = expect.stringMatching(/closed|ECONNRESET/)
  expect(events).toEqual([cut, `connect ECONNREFUSED 127.0.0.1:${proxy.port}`, 'available'])
  // The reason of the last absence is not that of the next.
  proxy.cut()
  await until('the cut is reported', () => events.length > 3)
  expect(events[3]).toEqual(cut)
})

test('a listener that throws breaks nothing', async () => {
  const penknife = open(pattern(bench.server.url))
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  penknife.on(() => {
    throw new Error('listener at fault')
  })
  expect(await counters(penknife.space('shop'))('c')).toBe(1)
  expect((await warned).message).toMatch(/listener at fault/)
})

test('close waits for the calls that are pending', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const count = counters(penknife.space('shop'))
  const calls = Promise.all([count('c'), count('c')])
  let closed = false
  const closing = penknife.close().then(() => (closed = true))
  expect(await calls).toEqual([1, 2])
  expect(closed).toBe(false)
  await closing
})

test('close waits for calls that wait for Redis, until their deadline', async () => {
  const server = await ownRedis()
  await server.kill()
  const penknife = open(pattern(server.url))
  const call = failure(counters(penknife.space('shop'), 300)('c'))
  await penknife.close()
  expect(await call).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE' })
})

test('calls after close fail; a limiter answers them by its policy', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const shop = penknife.space('shop')
  const rules = [{ name: 'r', limit: 5, window: '1m' }] as const
  const limiter = createRateLimiter(shop, 'api', { rules, whenUnavailable: 'open' })
  const closing = penknife.close()
  await nextTurn()
  expect(await failure(counters(shop)('c'))).toMatchObject({ code: 'PENKNIFE_CLOSED', fate: 'not-done' })
  expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'policy' })
  await closing
  expect(await penknife.health()).toMatchObject({ status: 'unavailable' })
  expect(await bench.raw.dbsize()).toBe(0)
})

test('close twice is one close', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  expect(penknife.close()).toBe(penknife.close())
  await penknife.close()
})

test('after close the server has no connection of penknife left', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  await counters(penknife.space('shop'))('c')
  expect(await penknifeClients(bench.raw)).toHaveLength(1)
  const { runtime } = penknife.space('shop')
  const reported = new Promise<void>((resolve) => {
    runtime.subscriber.follow(runtime.keys.route, 'channel', { message() {}, followed: resolve })
  })
  await reported
  expect(await penknifeClients(bench.raw)).toHaveLength(2)
  await penknife.close()
  await until('every connection is closed', async () => (await penknifeClients(bench.raw)).length === 0)
})

test('after close no master of a cluster has a connection of penknife left', async () => {
  const penknife = await openReady(clusterPattern(clusterBench.cluster))
  const spaces = Array.from({ length: 20 }, (_, at) => penknife.space(`s${at}`))
  await Promise.all(spaces.map((space) => counters(space)('c')))
  const clients = async (): Promise<number[]> =>
    Promise.all(clusterBench.raws.map(async (raw) => (await penknifeClients(raw)).length))
  expect(Math.min(...(await clients()))).toBeGreaterThan(0)
  await penknife.close()
  await until('every connection is closed', async () => (await clients()).every((count) => count === 0))
})

test('close during connecting leaves nothing', async () => {
  for (const given of [pattern(bench.server.url), clusterPattern(clusterBench.cluster)]) {
    await open(given).close()
  }
  await until('none is left', async () => {
    const each = await Promise.all([bench.raw, ...clusterBench.raws].map(penknifeClients))
    return each.flat().length === 0
  })
})
