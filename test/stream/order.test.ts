import { createStream, type Delivery, NeverRetryError, record, type StreamOptions } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { startPlaceCheck } from '../../packages/core/src/stream/place-check.ts'
import { createScope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings } from '../../packages/core/src/stream/settings.ts'
import { bindWorkerScripts } from '../../packages/core/src/stream/worker-scripts.ts'
import { failure, openReady } from '../support/connect.ts'
import { deadLettersOf, openOrders, ORDERS } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

interface Job {
  readonly key: string
  readonly n: number
}

const bench = useRedis()
const BUSY = `${ORDERS}:busy:billing`
const QUEUED = `${ORDERS}:queued:billing`
const KEYED = { groups: ['billing'], order: { field: 'key' } } as const

/** Nothing is left of any key but the count of entries that were ever queued. */
async function nothingLeft(): Promise<void> {
  await until('all keys are idle', async () => {
    const busy = await bench.raw.hgetall(BUSY)
    return Object.keys(busy).every((place) => place === '')
  })
  expect(await bench.raw.exists(QUEUED)).toBe(0)
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
  expect(await bench.raw.xlen(`${ORDERS}:ready:billing`)).toBe(0)
}

test('entries of one key are handled one after the other and in order, those of other keys at the same time', async () => {
  const stream = await openOrders<Job>(bench, KEYED)
  const others = [await openOrders<Job>(bench, KEYED), await openOrders<Job>(bench, KEYED)]
  const handled: Record<string, number[]> = {}
  const running = new Set<string>()
  let most = 0
  const workers = [stream, ...others].map((each) =>
    startWorker(
      each,
      'billing',
      async ({ payload: { key, n } }) => {
        expect(running.has(key)).toBe(false)
        running.add(key)
        most = Math.max(most, running.size)
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
        running.delete(key)
        ;(handled[key] ??= []).push(n)
      },
      { concurrency: 10 },
    ),
  )
  const jobs = Array.from({ length: 400 }, (_, n) => ({ key: `k${n % 20}`, n }))
  await stream.addMany(jobs)
  await until('all are done', () => workers.reduce((sum, { of }) => sum + of('done').length, 0) === 400)
  for (const list of Object.values(handled)) expect(list).toEqual([...list].toSorted((a, b) => a - b))
  expect(most).toBeGreaterThan(5)
  await nothingLeft()
})

test('a retry holds its key and no other, and a dead letter lets the key go on', async () => {
  const stream = await openOrders<Job>(bench, KEYED)
  const seen: string[] = []
  const { saw } = startWorker(
    stream,
    'billing',
    ({ key, payload: { n }, attempt }) => {
      seen.push(`${key}${n}`)
      if (key === 'a' && n === 1 && attempt < 3) throw new Error('no')
      if (key === 'a' && n === 2) throw new NeverRetryError('never')
    },
    { concurrency: 10, retryDelay: 60, retryJitter: 0 },
  )
  await stream.addMany([1, 2, 3, 4].flatMap((n) => ['a', 'b'].map((key) => ({ key, n }))))
  await saw('done', 7)
  const of = (key: string): string[] => seen.filter((text) => text.startsWith(key))
  expect(of('a')).toEqual(['a1', 'a1', 'a1', 'a2', 'a3', 'a4'])
  expect(of('b')).toEqual(['b1', 'b2', 'b3', 'b4'])
  // The other key did not wait for the retries.
  expect(seen.indexOf('b4')).toBeLessThan(seen.lastIndexOf('a1'))
  expect(await deadLettersOf(stream, 'billing')).toMatchObject([{ key: 'a', why: 'never-retry' }])
  await nothingLeft()
})

test("with afterDead: 'stop' a key waits until its dead letter is requeued or purged", async () => {
  const stream = await openOrders<Job>(bench, { ...KEYED, order: { field: 'key', afterDead: 'stop' } })
  const seen: string[] = []
  let fails = true
  const { saw } = startWorker(stream, 'billing', ({ key, payload: { n } }) => {
    seen.push(`${key}${n}`)
    if (n === 1 && key !== 'c' && fails) throw new NeverRetryError('not yet')
  })
  await stream.addMany([1, 2].flatMap((n) => ['a', 'b', 'c'].map((key) => ({ key, n }))))
  await saw('done', 2)
  await saw('dead', 2)
  expect(seen.toSorted()).toEqual(['a1', 'b1', 'c1', 'c2'])
  expect((await stream.stats({ over: 0 })).groups[0]).toMatchObject({ queued: 2, waiting: 0, dead: 2 })
  fails = false
  const { deadLetters } = stream.group('billing')
  const letters = await deadLettersOf(stream, 'billing')
  const positionOf = (key: string): string => letters.find((letter) => letter.key === key)?.position ?? ''
  expect(await deadLetters.requeue(positionOf('a'))).toBe(1)
  await saw('done', 4)
  expect(await deadLetters.purge(positionOf('b'))).toBe(1)
  await saw('done', 5)
  expect(seen.slice(4)).toEqual(['a1', 'a2', 'b2'])
  await nothingLeft()
})

test('with a limit so many entries of a key are handled at once, over all workers', async () => {
  const order = { field: 'key', limit: 3 }
  const streams = [1, 2].map(() => openOrders<Job>(bench, { groups: ['billing'], order }))
  const running: Record<string, number> = {}
  let most = 0
  const workers = (await Promise.all(streams)).map((stream) =>
    startWorker(
      stream,
      'billing',
      async ({ payload: { key } }) => {
        running[key] = (running[key] ?? 0) + 1
        most = Math.max(most, running[key])
        await new Promise((resolve) => setTimeout(resolve, 2))
        running[key] -= 1
      },
      { concurrency: 10 },
    ),
  )
  await (await streams[0])?.addMany(Array.from({ length: 120 }, (_, n) => ({ key: `k${n % 2}`, n })))
  await until('all are done', () => workers.reduce((sum, { of }) => sum + of('done').length, 0) === 120)
  expect(most).toBe(3)
  await nothingLeft()
})

test('a key with many entries does not delay one with few', async () => {
  const stream = await openOrders<Job>(bench, KEYED)
  await stream.addMany(Array.from({ length: 1000 }, (_, n) => ({ key: 'many', n })))
  await stream.addMany(Array.from({ length: 3 }, (_, n) => ({ key: 'few', n })))
  const { saw, of } = startWorker(stream, 'billing', ({ key }) => seen.push(key))
  const seen: unknown[] = []
  await saw('done', 1003)
  expect(seen.lastIndexOf('few')).toBeLessThan(300)
  expect(of('trouble')).toEqual([])
})

test('keys work with dedup ids, delays, schedules, record and commit, and entries without a key', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  const stream = createStream<number>(space, 'orders', { groups: ['billing'], order: 'key' })
  expect(await stream.add(0, { key: 'a', id: 'first' })).toBe(await stream.add(0, { key: 'a', id: 'first' }))
  await record(space, stream.adding(1, { key: 'a' }), stream.adding(2, { key: 'a' }), stream.adding(50))
  await stream.addMany([3, 4], { key: () => 'a' })
  await stream.add(9, { key: 'a', delay: 30 })
  expect((await stream.stats({ over: 0 })).groups[0]).toMatchObject({ queued: 4, waiting: 3 })
  await stream.add(5, { key: 'a' })
  // The queue of a key counts.
  const full = createStream<number>(space, 'orders', { groups: ['billing'], order: 'key', maxBacklog: 8 })
  expect(await failure(full.add(6, { key: 'a' }))).toMatchObject({ code: 'PENKNIFE_FULL' })
  const seen: number[] = []
  const { saw } = startWorker(stream, 'billing', async ({ payload, key, commit }) => {
    if (key === 'a') seen.push(payload)
    if (payload === 2) await commit(stream.adding(20, { key: 'a' }), stream.adding(60, { key: 'b' }))
  })
  await saw('done', 10)
  expect(seen.filter((n) => n !== 9)).toEqual([0, 1, 2, 3, 4, 5, 20])
  expect(seen).toContain(9)
  await stream.schedule('nightly', { cron: '@daily', payload: 70, key: 'a' })
  await stream.schedules.run('nightly')
  await saw('done', 11)
  expect(seen.at(-1)).toBe(70)
  await nothingLeft()
})

test('a closing worker gives entries back in order, also several of one key that it got together', async () => {
  const stream = await openOrders<Job>(bench, KEYED)
  const seen: number[] = []
  const handler = ({ payload: { n } }: Delivery<Job>): unknown => {
    seen.push(n)
    return n === 100 ? new Promise(() => {}) : undefined
  }
  const first = startWorker(stream, 'billing', handler, { concurrency: 5 })
  await stream.addMany(Array.from({ length: 200 }, (_, n) => ({ key: 'a', n })))
  await until('one hangs', () => seen.at(-1) === 100)
  await first.worker.close({ deadline: 0 })
  const second = startWorker(stream, 'billing', ({ payload: { n } }) => seen.push(n))
  await second.saw('done', 100)
  expect(seen).toEqual([
    ...Array.from({ length: 101 }, (_, n) => n),
    ...Array.from({ length: 100 }, (_, n) => n + 100),
  ])
  await nothingLeft()
})

test('an entry or a place that is deleted by hand neither blocks its key for good nor loses another entry', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  const stream = createStream<Job>(space, 'orders', KEYED)
  const ids = await stream.addMany(['a', 'b', 'c'].flatMap((key) => [1, 2].map((n) => ({ key, n }))))
  await bench.raw.xdel(ORDERS, ids[0] as string)
  await bench.raw.hdel(BUSY, 'b')
  const { saw } = startWorker(stream, 'billing', () => {})
  // A worker makes such a step every ten seconds.
  const scope = createScope(space, 'orders', streamSettings(KEYED))
  const { checkPlaces } = bindWorkerScripts(scope, 'billing', 'other', { leaseMs: 1000, maxAttempts: 5 })
  const troubles: unknown[] = []
  onTestFinished(startPlaceCheck(checkPlaces, (error) => troubles.push(error), 5))
  await saw('done', 5)
  expect(troubles.length).toBeGreaterThan(0)
  await nothingLeft()
})

test('keys that are wrong, and streams that cannot have an order, are refused', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  const refused = (options: StreamOptions): string => {
    try {
      createStream(space, 'other', options)
    } catch (error) {
      return String((error as { option?: string }).option)
    }
    return 'accepted'
  }
  const groups = ['billing']
  expect(refused({ order: 'key' })).toBe('order')
  expect(refused({ groups: ['a', 'b'], order: 'key' })).toBe('order')
  expect(refused({ groups, order: 'key', retain: { entries: 5 } })).toBe('order')
  expect(refused({ groups, order: 'field' as never })).toBe('order')
  expect(refused({ groups, order: { field: '' } })).toBe('field')
  expect(refused({ groups, order: { limit: 0 } })).toBe('limit')
  expect(refused({ groups, order: { limit: 2, afterDead: 'stop' } })).toBe('afterDead')
  expect(refused({ groups, order: { by: 'x' } as never })).toBe("order option 'by'")
  const plain = await openOrders(bench, { groups })
  expect(await failure(plain.add(1, { key: 'a' }))).toMatchObject({ option: 'key' })
  const keyed = createStream(space, 'keyed', { groups, order: 'key' })
  for (const key of ['', 'x'.repeat(257), 'a\nb', '\ud800', 7 as never]) {
    expect(await failure(keyed.add(1, { key }))).toMatchObject({ option: 'key' })
  }
  const byField = await openOrders<unknown>(bench, KEYED)
  expect(await failure(byField.add({ n: 1 }))).toMatchObject({ option: 'payload.key' })
  expect(await failure(byField.add(null))).toMatchObject({ option: 'payload.key' })
  expect(await failure(byField.add({ key: 'a' }, { key: 'a' }))).toMatchObject({ option: 'key' })
})

test('a commit of a loop of its own passes the place of its key on, and is refused out of order', async () => {
  const stream = await openOrders(bench, { groups: ['billing'], order: 'key' })
  await stream.addMany([1, 2], { key: () => 'a' })
  const ready = `${ORDERS}:ready:billing`
  await bench.raw.xgroup('CREATE', ready, 'billing', '0', 'MKSTREAM')
  async function readFrom(
    key: string,
  ): Promise<{ key: string; group: string; consumer: string; id: string }> {
    const reply = await bench.raw.xreadgroup('GROUP', 'billing', 'mine', 'STREAMS', key, '>')
    const [[, [[id]]]] = reply as [[string, [[string, string[]]]]]
    return { key, group: 'billing', consumer: 'mine', id }
  }
  const first = await readFrom(ORDERS)
  expect(await stream.commit(first, stream.adding(3, { key: 'a' }))).toMatchObject({ ok: true })
  const second = await readFrom(ready)
  // Something else has the place.
  await bench.raw.hset(BUSY, 'a', `m9-9 r${second.id}`)
  expect(await stream.commit(second, stream.adding(4))).toMatchObject({ ok: false, lost: true })
  await bench.raw.hset(BUSY, 'a', `r${second.id}`)
  expect(await stream.commit(second, stream.adding(4))).toMatchObject({ ok: true })
  expect(await readFrom(ready)).toMatchObject({ key: ready })
})

test('entries of a key that a worker got together can be committed, and finished in between', async () => {
  const stream = await openOrders<Job>(bench, KEYED)
  const seen: number[] = []
  const { saw, of } = startWorker(stream, 'billing', ({ key, payload: { n }, commit }) => {
    if (key === 'b') return undefined
    seen.push(n)
    if (n % 3 === 0) return undefined
    // A second commit gets the answer of the first, also while both wait for the outcome of the entry before.
    const effect = stream.adding({ key: 'b', n })
    return Promise.all([commit(effect), commit(effect)])
  })
  await stream.addMany(Array.from({ length: 150 }, (_, n) => ({ key: 'a', n })))
  await saw('done', 250)
  expect(of('lost')).toEqual([])
  expect(seen).toEqual(Array.from({ length: 150 }, (_, n) => n))
})
