import { channel } from 'node:diagnostics_channel'

import { createStream } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { addNumbers, openOrders, ORDERS, readyOf, takeOver } from '../support/orders.ts'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker, type Watched } from '../support/workers.ts'

const bench = useRedis()

/** A worker behind a proxy whose handler waits; the entry it has. */
async function startHandler(
  fails = false,
): Promise<{ proxy: Proxy; watched: Watched; end: () => void; id: string }> {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 300 })
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const gate = deferred()
  const started = deferred()
  const watched = startWorker(
    stream,
    'billing',
    async ({ payload, attempt }) => {
      if (payload < 0 || attempt > 1) return
      started.resolve()
      await gate.promise
      if (fails) throw new Error('as instructed')
    },
    { lease: '1m', retryDelay: 0 },
  )
  // So that Redis has the scripts: it would refuse the first call, and the refusal could be lost as well.
  await stream.add(-1)
  await watched.saw('done')
  const id = await stream.add(0)
  await started.promise
  return { proxy, watched, end: gate.resolve, id }
}

test('a finish that Redis stored and whose reply was lost is not reported as a lost lease', async () => {
  const { proxy, watched, end, id } = await startHandler()
  proxy.swallowReplies()
  end()
  await until('it is finished', async () => (await bench.raw.xlen(ORDERS)) === 0)
  await watched.saw('trouble')
  proxy.pass()
  proxy.cut()
  await watched.saw('done', 2)
  expect(watched.of('done')[1]).toMatchObject({ kind: 'done', id, attempt: 1, fence: 1 })
  expect(watched.of('lost')).toMatchObject([])
})

test('a retry that Redis stored and whose reply was lost happens once', async () => {
  const { proxy, watched, end } = await startHandler(true)
  proxy.swallowReplies()
  end()
  await until('it left the stream', async () => (await bench.raw.xlen(ORDERS)) === 0)
  await watched.saw('trouble')
  proxy.pass()
  proxy.cut()
  await watched.saw('retrying')
  await watched.saw('done', 2)
  expect(watched.of('retrying')).toHaveLength(1)
  expect(watched.of('done')[1]).toMatchObject({ attempt: 2 })
  expect(watched.of('lost')).toMatchObject([])
})

test('a finish that arrives after another worker took the entry over is lost', async () => {
  const { proxy, watched, end, id } = await startHandler()
  proxy.goSilent()
  end()
  await watched.saw('trouble')
  await takeOver(bench.raw, 'billing', id, '0')
  proxy.pass()
  proxy.cut()
  await watched.saw('lost')
  expect(watched.of('lost')).toMatchObject([{ kind: 'lost', id, attempt: 1, fence: 1 }])
  await watched.saw('done', 2)
  expect(watched.of('done')[1]).toMatchObject({ id, attempt: 2 })
})

test('entries in a reply that never arrived are handled as soon as the worker is connected again', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 300 })
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const handled: number[] = []
  const { saw } = startWorker(stream, 'billing', ({ payload }) => handled.push(payload), { lease: '1h' })
  await stream.add(0)
  await saw('done')
  proxy.swallowReplies()
  for (let n = 1; n <= 5; n++) await bench.raw.xadd(ORDERS, '*', 'd', n)
  await until('they are out', async () => (await bench.raw.xpending(ORDERS, 'billing'))[0] !== 0)
  proxy.pass()
  proxy.cut()
  await saw('done', 6)
  expect(handled.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5])
  await saw('resumed')
})

test(
  'a connection that goes silent without closing is closed, and the worker continues',
  { timeout: 40_000 },
  async () => {
    const proxy = await startProxy(bench.server)
    const penknife = await openReady(pattern(proxy.url))
    const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
    const { worker, of } = startWorker(stream, 'billing', () => {})
    await stream.add(0)
    await until('it works', () => of('done').length === 1)
    proxy.goSilent()
    await bench.raw.xadd(ORDERS, '*', 'd', '1')
    proxy.pass({ only: 'new' })
    await until('it goes on', () => of('done').length === 2, 30_000)
    expect(of('trouble').length).toBeGreaterThan(0)
    expect(worker.group).toBe('billing')
  },
)

test('outcomes that Redis refuses are reported, and the lease of the entry ends', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await bench.raw.set(`${ORDERS}:dead:billing`, 'not a stream')
  const { saw, of } = startWorker(
    stream,
    'billing',
    ({ payload }) => {
      if (payload === 1) throw new Error('no')
    },
    { maxAttempts: 1 },
  )
  await addNumbers(stream, 3)
  await saw('done', 2)
  await saw('lost')
  expect(of('trouble')[0]?.error).toMatchObject({ code: 'PENKNIFE_REJECTED' })
  expect(await bench.raw.xlen(ORDERS)).toBe(1)
  expect(await bench.raw.xlen(readyOf('billing'))).toBe(0)
})

test('events of an entry are sent to the diagnostics channels, with space, name and group', async () => {
  const events: Record<string, unknown>[] = []
  const listener = (event: unknown): void => void events.push(event as Record<string, unknown>)
  for (const name of ['penknife:stream', 'penknife:worker']) {
    channel(name).subscribe(listener)
    onTestFinished(() => {
      channel(name).unsubscribe(listener)
    })
  }
  const stream = await openOrders(bench, { groups: ['billing'], maxBacklog: 1 })
  const id = await stream.add(1, { id: 'a' })
  await stream.add(1, { id: 'a' })
  await stream.add(1).catch(() => {})
  const worker = stream.worker(
    'billing',
    ({ attempt }) => {
      if (attempt === 1) throw new Error('again')
    },
    { retryDelay: 0 },
  )
  await until('it is done', () => events.some(({ kind }) => kind === 'done'))
  await worker.close()
  const kinds = events.map(({ kind }) => kind)
  // A retry without a delay may start before its event.
  expect(kinds).toContain('retrying')
  expect(kinds.filter((kind) => kind !== 'retrying')).toEqual([
    'added',
    'duplicate',
    'full',
    'started',
    'failed',
    'started',
    'done',
  ])
  expect(events[0]).toEqual({ kind: 'added', space: 'shop', name: 'orders', id })
  expect(events.at(-1)).toEqual({
    kind: 'done',
    runMs: expect.any(Number),
    space: 'shop',
    id,
    attempt: 2,
    fence: 2,
    name: 'orders',
    group: 'billing',
    consumer: worker.consumer,
  })
})
