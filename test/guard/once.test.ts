import { createOnce, type Once, type OnceOptions } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { deferred } from '../support/deferred.ts'
import { failure, openReady } from '../support/connect.ts'
import { callsOf, ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { renewedFor } from './renewals.ts'

const bench = useRedis()

/** Once of a process of its own. */
async function open(options: Partial<OnceOptions> = {}): Promise<Once> {
  const penknife = await openReady(pattern(bench.server.url))
  return createOnce(penknife.space('shop'), 'charge', { window: '1h', ...options })
}

/** When the claim ends in Redis, in microseconds. */
const claimEnd = async (): Promise<number> =>
  Number((await bench.raw.get('pk1:{shop}:once:charge:order-1'))?.split(' ')[1])

function claimedOnce(): Promise<void> {
  return until('it is claimed', async () => (await bench.raw.exists('pk1:{shop}:once:charge:order-1')) === 1)
}

test('a body runs once, and every caller gets its result', async () => {
  const [one, two] = [await open(), await open()]
  let runs = 0
  const body = async () => {
    runs++
    return { receipt: 7, at: new Date(0) }
  }
  expect(await one.run('order-1', body)).toEqual({
    status: 'done',
    first: true,
    result: { receipt: 7, at: '1970-01-01T00:00:00.000Z' },
  })
  expect(await two.run('order-1', body)).toMatchObject({
    status: 'done',
    first: false,
    result: { receipt: 7 },
  })
  expect(runs).toBe(1)
  const [key = ''] = await bench.raw.keys('*once*')
  expect(await bench.raw.pttl(key)).toBeGreaterThan(3_500_000)
})

test('callers wait for the result of a body that runs, and do not poll', async () => {
  const [one, two] = [await open({ lease: '1s' }), await open({ lease: '1s' })]
  const result = deferred<string>()
  const first = one.run('order-1', () => result.promise)
  await claimedOnce()
  const others = Array.from({ length: 20 }, () => two.run('order-1', () => 'mine'))
  await until('they wait', async () => (await callsOf(bench.raw, 'ssubscribe')) === 1)
  await bench.raw.config('RESETSTAT')
  await renewedFor(100, claimEnd)
  // The renewal; and the calls after the subscription, or on a slow machine at the end of a lease.
  expect(await callsOf(bench.raw, 'evalsha')).toBeLessThanOrEqual(3)
  result.resolve('paid')
  expect(await first).toEqual({ status: 'done', first: true, result: 'paid' })
  expect(await Promise.all(others)).toEqual(
    others.map(() => ({ status: 'done', first: false, result: 'paid' })),
  )
})

test('a caller that does not wait gets the status running', async () => {
  const once = await open()
  const result = deferred()
  const first = once.run('order-1', () => result.promise)
  expect(await once.run('order-1', () => {}, { wait: 0 })).toEqual({ status: 'running' })
  expect(await once.run('order-1', () => {}, { wait: 20 })).toEqual({ status: 'running' })
  const aborts = new AbortController()
  const waiting = once.run('order-1', () => {}, { signal: aborts.signal })
  aborts.abort(new Error('gone'))
  await expect(waiting).rejects.toThrow('gone')
  result.resolve()
  expect(await first).toEqual({ status: 'done', first: true, result: undefined })
})

describe('a body that fails', () => {
  test('is forgotten: a waiting caller runs its own', async () => {
    const [one, two] = [await open(), await open()]
    const declined = deferred()
    const first = one.run('order-1', async () => {
      await declined.promise
      throw new Error('card declined')
    })
    await claimedOnce()
    const second = two.run('order-1', () => 'second')
    await until('it waits', async () => (await callsOf(bench.raw, 'ssubscribe')) === 1)
    declined.resolve()
    await expect(first).rejects.toThrow('card declined')
    expect(await second).toEqual({ status: 'done', first: true, result: 'second' })
  })

  test('is stored with forgetOnFailure false', async () => {
    const once = await open({ forgetOnFailure: false })
    const fails = () => Promise.reject(new Error('card declined'))
    await expect(once.run('order-1', fails)).rejects.toThrow('card declined')
    expect(await once.run('order-1', () => 1)).toEqual({ status: 'failed', message: 'card declined' })
    expect([await once.forget('order-1'), await once.forget('order-1')]).toEqual([true, false])
    expect(await once.run('order-1', () => 1)).toMatchObject({ first: true })
  })

  test('with a result that is no JSON rejects, and says that the body ran', async () => {
    const once = await open()
    const error = await failure(once.run('order-1', () => new Map()))
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', fate: 'unknown', option: 'result' })
    expect(await once.run('order-1', () => 1)).toMatchObject({ first: true })
  })
})

test('with window 0 other callers wait until it is done, and nothing is stored', async () => {
  const once = await open({ window: 0 })
  const result = deferred<number>()
  const first = once.run('job', () => result.promise)
  const second = once.run('job', () => 2)
  // It asks once more after it subscribed. If the first ended before that, it would find nothing and run itself.
  await until('it waits', async () => (await callsOf(bench.raw, 'evalsha')) === 2)
  expect(await callsOf(bench.raw, 'ssubscribe')).toBe(1)
  result.resolve(1)
  expect([await first, await second]).toEqual([
    { status: 'done', first: true, result: 1 },
    { status: 'done', first: false, result: 1 },
  ])
  expect(await once.run('job', () => 3)).toEqual({ status: 'done', first: true, result: 3 })
  expect(await bench.raw.keys('*once*')).toEqual([])
})

test('a run is renewed for as long as it takes', async () => {
  const [one, two] = [await open({ lease: '1s' }), await open({ lease: '1s' })]
  let signal: AbortSignal | undefined
  const renewed = deferred()
  const first = one.run('order-1', async (run) => {
    signal = run.signal
    await renewed.promise
    return 1
  })
  await claimedOnce()
  const second = two.run('order-1', () => 2)
  await renewedFor(1000, claimEnd)
  renewed.resolve()
  expect(await Promise.all([first, second])).toMatchObject([
    { first: true, result: 1 },
    { first: false, result: 1 },
  ])
  expect(signal?.aborted).toBe(false)
})

test('a lost claim is taken over, and its own result is not stored', async () => {
  const [one, two] = [await open({ lease: '1s' }), await open({ lease: '1s' })]
  const result = deferred<string>()
  let signal: AbortSignal | undefined
  const first = one.run('order-1', (run) => {
    signal = run.signal
    return result.promise
  })
  await claimedOnce()
  // As if another process had taken it over while this one was paused.
  await bench.raw.set('pk1:{shop}:once:charge:order-1', 'c 1 0 nobody')
  expect(await two.run('order-1', () => 'second')).toMatchObject({ first: true, result: 'second' })
  await until('it is lost', () => signal?.aborted === true)
  expect(signal?.reason).toMatchObject({ code: 'PENKNIFE_LEASE_LOST' })
  result.resolve('first')
  expect(await failure(first)).toMatchObject({ code: 'PENKNIFE_LEASE_LOST', fate: 'unknown' })
  expect(await one.run('order-1', () => 'third')).toMatchObject({ first: false, result: 'second' })
})

test('closing penknife ends the claims of its runs', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const once = createOnce(penknife.space('shop'), 'charge', { window: '1h' })
  const other = await open()
  const result = deferred<string>()
  const first = once.run('order-1', () => result.promise)
  await claimedOnce()
  const second = other.run('order-1', () => 'second')
  await until('it waits', async () => (await callsOf(bench.raw, 'ssubscribe')) === 1)
  await penknife.close()
  expect(await second).toMatchObject({ first: true, result: 'second' })
  result.resolve('first')
  await failure(first)
})

test('when Redis dies while the body runs, the error says that it may have been done', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url), { deadline: 200 })
  const once = createOnce(penknife.space('shop'), 'charge', { window: '1h', lease: '1s' })
  let runs = 0
  const error = await failure(
    once.run('order-1', async () => {
      runs++
      await server.kill()
    }),
  )
  expect(runs).toBe(1)
  expect(error).toMatchObject({ outage: true, fate: 'unknown' })
  expect(error.message).toMatch(/the body ran/)
  const again = await failure(once.run('order-1', () => runs++))
  expect(again).toMatchObject({ outage: true, fate: 'not-done' })
  expect(runs).toBe(1)
})

test('wrong options are refused', async () => {
  const wrong: Partial<OnceOptions>[] = [
    { window: '1ms' },
    { lease: '10ms' },
    { forgetOnFailure: 'no' as never },
    { wait: '2h' },
  ]
  for (const options of wrong) expect((await failure(open(options))).option).toBe(Object.keys(options)[0])
  const asked = (await open()).run('a', () => 1, { signal: new AbortController() as never })
  expect((await failure(asked)).option).toBe('signal')
})
