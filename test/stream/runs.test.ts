import { createStream, type Delivery, NeverRetryError, type Space, type Stream } from '@penknife/core'
import { expect, test } from 'vitest'

import { streamLocate } from '../../packages/core/src/redis/scripts.gen.ts'
import { createScope, type Scope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings } from '../../packages/core/src/stream/settings.ts'
import { bindWorkerScripts } from '../../packages/core/src/stream/worker-scripts.ts'
import { openReady } from '../support/connect.ts'
import { deadLettersOf, delayedOf, ORDERS, pendingOf, readyOf } from '../support/orders.ts'
import { startProxy } from '../support/proxy.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const KEYED = { groups: ['billing'], order: 'key' } as const
const BUSY = `${ORDERS}:busy:billing`

interface Opened {
  readonly space: Space
  readonly stream: Stream<number>
  readonly scope: Scope
}

async function openKeyed(url: string = bench.server.url): Promise<Opened> {
  const space = (await openReady(pattern(url), { deadline: 300 })).space('shop')
  return {
    space,
    stream: createStream<number>(space, 'orders', KEYED),
    scope: createScope(space, 'orders', streamSettings(KEYED)),
  }
}

/**
 * Adds the numbers up to `last` under one key. Another worker has number 0. The function that it resolves with finishes that one, which makes
 * one run of the others.
 */
async function beforeRun(
  { stream, scope }: Opened,
  last: number,
): Promise<{ pass: () => Promise<void>; ids: readonly string[] }> {
  const numbers = Array.from({ length: last + 1 }, (_, n) => n)
  const ids = await stream.addMany(numbers, { key: () => 'ann' })
  const other = bindWorkerScripts(scope, 'billing', 'other', { leaseMs: 60_000, maxAttempts: 5 })
  await other.open('0')
  await bench.raw.xreadgroup('GROUP', 'billing', 'other', 'COUNT', 1, 'STREAMS', ORDERS, '>')
  return {
    ids,
    async pass() {
      expect(await other.settle(1, JSON.stringify([[ids[0]], [], ['ann'], [], 32]), '[]')).toBe('')
    },
  }
}

/** Nothing is left but the count of entries that were ever queued. */
async function nothingLeft(): Promise<void> {
  expect((await bench.raw.hkeys(BUSY)).filter((place) => place !== '')).toEqual([])
  expect(await bench.raw.exists(`${ORDERS}:queued:billing`, delayedOf('billing'))).toBe(0)
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
  expect(await bench.raw.xlen(readyOf('billing'))).toBe(0)
}

test('a run whose reply was lost is read again, and each of its entries is handled once and in order', async () => {
  const proxy = await startProxy(bench.server)
  const behind = await openKeyed(proxy.url)
  const { pass } = await beforeRun(await openKeyed(), 20)
  const handled: number[] = []
  const { saw, of } = startWorker(behind.stream, 'billing', ({ payload }) => handled.push(payload), {
    lease: '1h',
  })
  await behind.stream.add(-1, { key: 'bob' })
  await saw('done')
  proxy.swallowReplies()
  await pass()
  await until('the run is out', async () => (await pendingOf(bench.raw, 'billing')).length === 1)
  proxy.pass()
  proxy.cut()
  await saw('done', 21)
  expect(handled).toEqual([-1, ...Array.from({ length: 20 }, (_, n) => n + 1)])
  expect(of('lost')).toEqual([])
  await nothingLeft()
})

test.each<[string, (delivery: Delivery<number>, stream: Stream<number>) => unknown]>([
  ['succeeds', () => {}],
  ['fails', () => Promise.reject(new Error('no'))],
  ['gives up', () => Promise.reject(new NeverRetryError('no'))],
  ['commits', ({ commit }, stream) => commit(stream.adding(9, { key: 'bob' }))],
])(
  'an entry of a run that was cancelled while the message about it was lost stays cancelled when its handler %s',
  async (_, end) => {
    const opened = await openKeyed()
    const { stream, scope } = opened
    const { pass, ids } = await beforeRun(opened, 3)
    // A channel that no worker follows.
    const locate = scope.bind(streamLocate, [
      [...scope.heldWithLowOf('billing'), `${ORDERS}:paused:billing`],
      1,
      'billing',
      'none',
      '{shop}:none',
    ])
    const handled: number[] = []
    const cancels: string[] = []
    const { saw, of } = startWorker(stream, 'billing', async (delivery) => {
      handled.push(delivery.payload)
      if (delivery.payload !== 2) return
      const dead = `${ORDERS}:dead:billing`
      const keys = [ORDERS, readyOf('billing'), delayedOf('billing'), dead] as const
      const [state, changed] = (await locate(
        scope.route,
        ...keys,
        delivery.id,
        'cancel',
        'stream 0',
      )) as readonly string[]
      cancels.push(`${state} ${changed}`)
      await end(delivery, stream)
    })
    await pass()
    await saw('done', 2)
    await saw('lost')
    expect(cancels).toEqual(['running 1'])
    expect(handled).toEqual([1, 2, 3])
    expect(of('lost')).toMatchObject([{ id: ids[2] }])
    expect(await stream.find(ids[2] as string)).toMatchObject({ state: 'gone' })
    expect(await deadLettersOf(stream, 'billing')).toEqual([])
    await nothingLeft()
  },
)

test('stats count each entry of a run once, wherever the run is', async () => {
  const opened = await openKeyed()
  const { stream } = opened
  const { pass } = await beforeRun(opened, 40)
  const count = async (): Promise<readonly number[]> => {
    const {
      waiting = 0,
      running = 0,
      delayed = 0,
      queued = 0,
    } = (await stream.stats({ over: 0 })).groups[0] ?? {}
    return [waiting, running, delayed, queued]
  }
  expect(await count()).toEqual([0, 1, 0, 40])
  await pass()
  // 32 of them are a run, of which one may run.
  expect(await count()).toEqual([1, 0, 0, 39])
  let seen: readonly number[] = []
  const { saw, worker } = startWorker(
    stream,
    'billing',
    async ({ payload, attempt }) => {
      if (payload !== 5 || attempt > 1) return
      await until('what is before it is finished', async () => (await count())[3] === 35)
      seen = await count()
      throw new Error('once')
    },
    { retryDelay: '1h' },
  )
  await saw('retrying')
  expect(seen).toEqual([0, 1, 0, 35])
  await worker.close()
  expect(await count()).toEqual([0, 0, 1, 35])
})

test('a retry whose place somebody deleted is handled once and asks for a place again, also when others have it', async () => {
  const { stream, scope } = await openKeyed()
  const handled: number[] = []
  const { saw, worker } = startWorker(
    stream,
    'billing',
    ({ payload, attempt }) => {
      handled.push(payload)
      if (attempt === 1 && payload === 1) throw new Error('once')
    },
    { retryDelay: '1h', retryJitter: 0 },
  )
  const first = await stream.add(1, { key: 'ann' })
  await saw('retrying')
  await worker.close()
  await bench.raw.hdel(BUSY, 'ann')
  const ids = await stream.addMany([2, 3], { key: () => 'ann' })
  await stream.reschedule(first, Date.now() + 1)
  const scripts = bindWorkerScripts(scope, 'billing', 'other', { leaseMs: 60_000, maxAttempts: 5 })
  await until('it is due', async () => {
    await scripts.check('0-0', '0-0')
    return (await bench.raw.zcard(delayedOf('billing'))) === 0
  })
  expect(await bench.raw.hget(BUSY, 'ann')).toBe(`m${ids[0]}`)
  const second = startWorker(stream, 'billing', ({ payload }) => handled.push(payload))
  await second.saw('done', 3)
  expect(handled).toEqual([1, 2, 1, 3])
  await nothingLeft()
})

test('a run that penknife did not write becomes dead letters, whether a worker reads it or takes it over', async () => {
  const { stream } = await openKeyed()
  const ready = readyOf('billing')
  await bench.raw.xgroup('CREATE', ready, 'billing', '0', 'MKSTREAM')
  const foreign = ['k', 'ann', 'm', '7', 'm', 'ann\0x\0\0\0{}'] as const
  await bench.raw.xadd(ready, '*', ...foreign)
  await bench.raw.xreadgroup('GROUP', 'billing', 'crashed', 'STREAMS', ready, '>')
  const handled: unknown[] = []
  const { saw, of } = startWorker(stream, 'billing', ({ payload }) => handled.push(payload), { lease: 200 })
  await saw('dead', 2)
  await bench.raw.xadd(ready, '*', ...foreign.slice(0, 4))
  await saw('dead', 3)
  await stream.add(1, { key: 'ann' })
  await saw('done')
  expect(handled).toEqual([1])
  expect(of('trouble')).toEqual([])
  await nothingLeft()
})
