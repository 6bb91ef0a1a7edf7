import { createRateLimiter, createStream } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { failure, open, openReady } from '../support/connect.ts'
import { counters, REPLICATED, safely } from '../support/counters.ts'
import { freeze, ownRedis, pattern, penknifeClients, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

async function msOf(call: Promise<unknown>): Promise<number> {
  const before = performance.now()
  await call
  return performance.now() - before
}

/** A worker that handled something, of a Redis that is gone since. */
async function idleWithoutRedis() {
  const server = await ownRedis()
  const penknife = open(pattern(server.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const { worker, saw } = startWorker(stream, 'billing', () => {})
  await stream.add(1)
  // Handled is not enough: its outcome must be in Redis, or the worker has something in hand.
  await saw('done')
  await server.kill()
  await until('it is noticed', async () => (await penknife.health()).status === 'unavailable')
  return { penknife, worker }
}

test('a worker with nothing in hand closes within a second while Redis is away', async () => {
  const { worker } = await idleWithoutRedis()
  expect(await msOf(worker.close())).toBeLessThan(1000)
})

test('a worker with nothing in hand closes soon while Redis does not answer', async () => {
  const server = await ownRedis()
  const penknife = open(pattern(server.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const { worker, saw } = startWorker(stream, 'billing', () => {})
  await stream.add(1)
  await saw('done')
  freeze(server)
  expect(await msOf(worker.close())).toBeLessThan(1500)
})

test('penknife with an idle worker closes within a second while Redis is away', async () => {
  const { penknife } = await idleWithoutRedis()
  expect(await msOf(penknife.close())).toBeLessThan(1000)
})

test('calls that wait for Redis are known not to be done soon after close, whatever their deadlines', async () => {
  const server = await ownRedis()
  await server.kill()
  const penknife = open(pattern(server.url))
  const space = penknife.space('shop')
  const waiting = [failure(counters(space, 60_000)('a')), failure(safely(space, REPLICATED)())]
  expect(await msOf(penknife.close())).toBeLessThan(1500)
  for (const error of await Promise.all(waiting)) {
    expect(error).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
    expect(error.message).toMatch(/before it was closed/)
  }
})

test('a function that never ends is cut off at the deadline of close, with a warning', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  penknife.space('shop').runtime.onClose(() => new Promise(() => {}))
  expect(await msOf(penknife.close({ deadline: 200 }))).toBeLessThan(1000)
  expect((await warned).message).toMatch(/1 workers or subscriptions did not end within 200 ms/)
  await until('all is closed', async () => (await penknifeClients(bench.raw)).length === 0)
})

test('a function that fails to end does not keep others from ending', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  const { runtime } = penknife.space('shop')
  const ended: string[] = []
  runtime.onClose(() => Promise.reject(new Error('at fault')))
  // What begins meanwhile ends, too.
  runtime.onClose(async () => {
    runtime.onClose(async () => void ended.push('inner'))
    ended.push('outer')
  })
  await penknife.close()
  expect(ended).toEqual(['outer', 'inner'])
  expect((await warned).message).toMatch(/at fault/)
  runtime.onClose(async () => void ended.push('late'))
  expect(ended).toContain('late')
})

test('calls that a frozen Redis never answers end with close, with an unknown fate', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const count = counters(penknife.space('shop'), 60_000)
  await count('a')
  freeze(server)
  const call = failure(count('a'))
  await new Promise((resolve) => setImmediate(resolve))
  // The connection to a server that answers nothing is given up, too.
  expect(await msOf(penknife.close({ deadline: 300 }))).toBeLessThan(1000)
  expect(await call).toMatchObject({ fate: 'unknown' })
})

test('a call that waits for a limiter fails when penknife is closed', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const rules = [{ name: 'r', limit: 1, window: '1h' }] as const
  const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules, deadline: '5s' })
  await limiter.take('ann')
  const waiting = failure(limiter.wait('ann', { maxWait: '2h' }))
  await limiter.take('ann')
  await penknife.close()
  expect(await waiting).toMatchObject({ code: 'PENKNIFE_CLOSED' })
})

test.each([{ deadline: -1 }, { deadline: 'soon' }, { deadline: null }, { timeout: 5 }])(
  'an option of close that is wrong is refused, and nothing is closed: %o',
  async (options) => {
    const penknife = await openReady(pattern(bench.server.url))
    onTestFinished(() => penknife.close())
    expect(() => penknife.close(options as never)).toThrow(/deadline|timeout/)
    expect((await penknife.health()).status).toBe('ok')
  },
)
