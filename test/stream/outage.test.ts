import { createStream } from '@penknife/core'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { send } from '../../scripts/redis/resp.ts'
import { openReady, ownConnection } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { addNumbers, openOrders, ORDERS, pendingOf, readersWaiting } from '../support/orders.ts'
import { startProxy } from '../support/proxy.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

test('after SIGKILL and a restart of a Redis that persists, every confirmed entry is handled and the workers continue', async () => {
  const server = await ownRedis({ persist: true })
  const penknife = await openReady(pattern(server.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders', {
    groups: ['billing', 'mail'],
    retain: { entries: 100 },
  })
  const handled = { billing: new Set<number>(), mail: new Set<number>() }
  const workers = (['billing', 'mail'] as const).map((group) =>
    startWorker(stream, group, ({ payload }) => void handled[group].add(payload), { lease: 1000 }),
  )
  const confirmed = new Set<number>()
  const stopping = new AbortController()
  const writer = (async () => {
    for (let next = 0; !stopping.signal.aborted; next++) {
      await stream.add(next).then(
        () => confirmed.add(next),
        () => {},
      )
    }
  })()
  for (let kill = 0; kill < 2; kill++) {
    const before = confirmed.size
    await until('entries were added', () => confirmed.size > before + 100)
    await server.restart()
  }
  const before = confirmed.size
  await until('adding went on', () => confirmed.size > before + 100)
  stopping.abort()
  await writer
  for (const group of ['billing', 'mail'] as const) {
    const missing = (): number[] => [...confirmed].filter((each) => !handled[group].has(each))
    await until(`${group} handled all`, () => missing().length === 0)
  }
  for (const { worker } of workers) await worker.close()
})

test('a worker that cannot connect reports the reason, and continues once it can', async ({ skip }) => {
  skip(!ownConnection())
  const server = await ownRedis()
  const raw = new Redis(server.socket)
  onTestFinished(() => raw.disconnect())
  const penknife = await openReady(pattern(server.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  // For the two that are there, the subscription of the workers, and a worker.
  await raw.config('SET', 'maxclients', 4)
  const workers = Array.from({ length: 4 }, () => startWorker(stream, 'billing', () => {}))
  const troubled = (): number => workers.filter(({ of }) => of('trouble').length > 0).length
  await until('those without one report it', () => troubled() >= 2)
  const said = workers.flatMap(({ of }) => of('trouble').map(({ error }) => error as Error))
  for (const error of said) {
    expect(error).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
    expect(error.message).toMatch(/cannot connect to Redis: .*(max number of clients|maxclients)/)
  }
  expect(await penknife.health()).toMatchObject({ status: 'degraded' })
  await raw.config('SET', 'maxclients', 100)
  const mute = workers.filter(({ of }) => of('trouble').length > 0)
  await until('all are there', async () => (await readersWaiting(raw)) === 4)
  // Once each, however often it was tried.
  expect(mute.map(({ of }) => of('trouble').length)).toEqual(mute.map(() => 1))
  await stream.addMany(Array.from({ length: 2000 }, (_, at) => at))
  for (const { saw } of mute) await saw('resumed')
  await until('all are handled', () => workers.reduce((sum, { of }) => sum + of('done').length, 0) === 2000)
})

test('a worker continues after FLUSHALL', async () => {
  const stream = await openOrders(bench)
  const { saw } = startWorker(stream, 'billing', () => {})
  await stream.add(0)
  await saw('done')
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  await bench.raw.flushall()
  await stream.add(1)
  await saw('done', 2)
  await addNumbers(stream, 50, 2)
  await saw('done', 52)
})

test('a worker continues after its group was destroyed, from the first entry', async () => {
  const stream = await openOrders(bench)
  const handled: number[] = []
  const { saw } = startWorker(stream, 'billing', ({ payload }) => handled.push(payload))
  await stream.add(0)
  await saw('done')
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  await bench.raw.xgroup('DESTROY', ORDERS, 'billing')
  await stream.add(1)
  await saw('done', 3)
  expect(handled).toEqual([0, 0, 1])
})

test('a worker continues after SCRIPT FLUSH, in the middle of handling', async () => {
  const stream = await openOrders(bench)
  const { saw, events } = startWorker(stream, 'billing', async ({ payload }) => {
    if (payload % 10 === 0) await bench.raw.script('FLUSH')
  })
  await addNumbers(stream, 100)
  await saw('done', 100)
  expect(events.filter(({ kind }) => kind !== 'done')).toEqual([])
})

test('a worker continues after its reading connection was killed, and handles entries added meanwhile', async () => {
  const stream = await openOrders(bench)
  const handled: number[] = []
  const { saw } = startWorker(stream, 'billing', ({ payload }) => handled.push(payload), { lease: 1000 })
  for (let round = 0; round < 3; round++) {
    await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
    const id = /id=(\d+) .*name=penknife-reader/.exec(String(await bench.raw.client('LIST')))?.[1]
    await bench.raw.multi().client('KILL', 'ID', Number(id)).xadd(ORDERS, '*', 'd', `${round}`).exec()
    await saw('done', round + 1)
  }
  expect(handled).toEqual([0, 1, 2])
})

test('killing every connection while entries are added and handled loses none', async () => {
  const stream = await openOrders(bench)
  const handled = new Set<number>()
  startWorker(stream, 'billing', ({ payload }) => void handled.add(payload), { lease: 500 })
  const confirmed = new Set<number>()
  for (let next = 0; next < 1000; next++) {
    if (next % 200 === 199) await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await stream.add(next).then(
      () => confirmed.add(next),
      () => {},
    )
  }
  expect(confirmed.size).toBeGreaterThan(900)
  await until('all handled', () => [...confirmed].every((each) => handled.has(each)))
  await until('nothing is pending', async () => (await pendingOf(bench.raw, 'billing')).length === 0)
})

test('a worker that started while Redis was away begins when Redis is available', async () => {
  const server = await ownRedis({ persist: true })
  const raw = new Redis(server.socket)
  raw.on('error', () => {})
  onTestFinished(() => raw.disconnect())
  await raw.xadd(ORDERS, '*', 'd', '7')
  const penknife = await openReady(pattern(server.url), { deadline: 300 })
  await server.kill()
  const stream = createStream<number>(penknife.space('shop'), 'orders')
  const { saw } = startWorker(stream, 'billing', () => {})
  await saw('trouble')
  await server.start()
  await saw('done')
})

test('the signal of a handler aborts when its lease ends while Redis is away', async () => {
  const server = await ownRedis({ persist: true })
  const penknife = await openReady(pattern(server.url), { deadline: 200 })
  const stream = createStream<number>(penknife.space('shop'), 'orders')
  const { saw, of } = startWorker(
    stream,
    'billing',
    ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
    { lease: 600 },
  )
  const id = await stream.add(0)
  await until('it started', async () => (await pendingIn(server.socket)) === 1)
  await server.kill()
  await saw('lost')
  expect(of('lost')).toMatchObject([{ kind: 'lost', id, attempt: 1, fence: 1 }])
})

test('an entry whose lease ended while Redis was away is delivered again with a higher fence', async () => {
  const server = await ownRedis({ persist: true })
  const penknife = await openReady(pattern(server.url), { deadline: 200 })
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const deliveries: number[] = []
  const { saw, of } = startWorker(
    stream,
    'billing',
    async ({ fence, signal }) => {
      deliveries.push(fence)
      if (fence === 1) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
    { lease: 600 },
  )
  await stream.add(0)
  await until('it started', () => deliveries.length === 1)
  await server.kill()
  await saw('lost')
  // The lease that Redis has on disk is still this worker's.
  await server.start()
  await saw('done')
  // As the next attempt, unless maintenance took the expired lease before the worker could give it back.
  expect(deliveries).toEqual([1, 2])
  expect(of('lost')).toHaveLength(1)
}, 30_000)

async function pendingIn(socket: string): Promise<number> {
  const raw = new Redis(socket)
  try {
    return (await pendingOf(raw, 'billing').catch(() => [])).length
  } finally {
    raw.disconnect()
  }
}

test('a handler that ends while Redis is away is not called again: its outcome is sent when Redis is back', async () => {
  const server = await ownRedis({ persist: true })
  const penknife = await openReady(pattern(server.url), { deadline: 300 })
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const gate = deferred()
  let runs = 0
  const { events, saw } = startWorker(
    stream,
    'billing',
    async () => {
      runs += 1
      await gate.promise
    },
    { lease: 20_000 },
  )
  await stream.add(1)
  await until('it runs', () => runs === 1)
  await server.kill()
  // What is sent before may have arrived.
  await until('penknife noticed', async () => (await penknife.health()).status === 'unavailable')
  gate.resolve()
  // Longer than a call waits for Redis.
  await expect(stream.add(2)).rejects.toMatchObject({ code: 'PENKNIFE_UNAVAILABLE' })
  await server.start()
  await saw('done')
  expect(runs).toBe(1)
  expect(events.find(({ kind }) => kind === 'done')).toMatchObject({ attempt: 1 })
})

test('a worker follows a failover that leaves its connections to the old master open', async () => {
  const [old, next] = [await ownRedis(), await ownRedis()]
  // What a name in DNS does: new connections reach another server, old ones stay.
  const name = { host: old.host, port: old.port }
  const proxy = await startProxy(name)
  const penknife = await openReady(pattern(proxy.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const gate = deferred()
  const handled: number[] = []
  const handler = async ({ payload }: { payload: number }): Promise<void> => {
    handled.push(payload)
    if (payload === 1) await gate.promise
  }
  // Busy with its one entry the reader is not blocked, so that the server does not send it away by itself.
  startWorker(stream, 'billing', handler, { concurrency: 1, lease: 1000 })
  await stream.add(1)
  await until('it handles', () => handled.length === 1)
  await send(next, ['REPLICAOF', old.host, String(old.port)])
  await until('it is copied', async () =>
    String(await send(next, ['INFO', 'replication'])).includes('link_status:up'),
  )
  await send(next, ['REPLICAOF', 'NO', 'ONE'])
  name.port = next.port
  await send(old, ['REPLICAOF', next.host, String(next.port)])
  await until('calls reach the new master', () => stream.add(2).then(Boolean, () => false))
  gate.resolve()
  await until('it goes on', () => handled.includes(2))
})
