import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { deferred } from '../support/deferred.ts'
import {
  abandon,
  addNumbers,
  deadOf,
  openOrders,
  ORDERS,
  pendingOf,
  readersWaiting,
} from '../support/orders.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at)
const rising = (a: number, b: number): number => a - b

test('a group created late handles the stream from its first entry', async () => {
  const stream = await openOrders(bench)
  const ids = await addNumbers(stream, 20)
  const seen: { id: string; payload: number; attempt: number }[] = []
  const { saw } = startWorker(
    stream,
    'billing',
    ({ id, payload, attempt }) => seen.push({ id, payload, attempt }),
    {
      concurrency: 1,
    },
  )
  await saw('done', 20)
  expect(seen).toEqual(ids.map((id, payload) => ({ id, payload, attempt: 1 })))
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
})

test('a worker that waits gets an entry as soon as it is added', async () => {
  const stream = await openOrders(bench)
  const { saw } = startWorker(stream, 'billing', () => {})
  await stream.add(0)
  await saw('done', 1)
  const added = performance.now()
  await stream.add(1)
  await saw('done', 2)
  // Far below the five seconds of a blocking read: it was woken.
  expect(performance.now() - added).toBeLessThan(2000)
})

test('two groups each handle every entry', async () => {
  const stream = await openOrders(bench)
  const handled: Record<string, number[]> = { billing: [], mail: [] }
  const workers = ['billing', 'mail'].map((group) =>
    startWorker(stream, group, ({ payload }) => handled[group]?.push(payload)),
  )
  await addNumbers(stream, 200)
  await Promise.all(workers.map(({ saw }) => saw('done', 200)))
  for (const each of Object.values(handled)) expect(each.toSorted(rising)).toEqual(numbers(200))
})

test('several workers of a group handle each entry once', async () => {
  const streams = await Promise.all([1, 2, 3].map(() => openOrders(bench)))
  const handled: number[] = []
  const workers = streams.map((stream) =>
    startWorker(stream, 'billing', async ({ payload }) => {
      await delay(1)
      handled.push(payload)
    }),
  )
  await addNumbers(streams[0]!, 1000)
  await until('all handled', () => handled.length >= 1000)
  await Promise.all(workers.map(({ worker }) => worker.close()))
  expect(handled.toSorted(rising)).toEqual(numbers(1000))
  for (const { of } of workers) expect(of('done').length).toBeGreaterThan(0)
  for (const { events } of workers) expect(events.filter(({ kind }) => kind !== 'done')).toEqual([])
})

test('a worker handles as many entries at once as its concurrency, and no more', async () => {
  const stream = await openOrders(bench)
  let running = 0
  let most = 0
  const { saw } = startWorker(
    stream,
    'billing',
    async () => {
      running += 1
      most = Math.max(most, running)
      await delay(2)
      running -= 1
    },
    { concurrency: 7 },
  )
  await addNumbers(stream, 200)
  await saw('done', 200)
  expect(most).toBe(7)
})

test('entries taken over count towards the concurrency', async () => {
  const stream = await openOrders(bench)
  const gate = deferred()
  const started: number[] = []
  const { saw } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      started.push(payload)
      await gate.promise
    },
    { concurrency: 1, lease: 200 },
  )
  // While the worker waits for new entries, it takes over an old one; then a new one comes.
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  await bench.raw.xadd(ORDERS, '1-1', 'd', '0')
  gate.resolve()
  await saw('done', 1)
  const held = deferred()
  const other = startWorker(
    stream,
    'mail',
    async ({ payload }) => {
      started.push(100 + payload)
      await held.promise
    },
    { concurrency: 1, lease: 200 },
  )
  await until('it has the first', () => started.includes(100))
  await addNumbers(stream, 1, 1)
  expect(await abandon(bench.raw, 'mail', 1, 60_000)).toHaveLength(1)
  // Many scans later it still has room for none.
  const scans = await callsOf(bench.raw, 'xpending')
  await until('it looked around', async () => (await callsOf(bench.raw, 'xpending')) > scans + 12)
  expect(started).not.toContain(101)
  held.resolve()
  await other.saw('done', 2)
})

test('a worker that waits for new entries and takes over an old one does not handle both at once', async () => {
  const stream = await openOrders(bench)
  await addNumbers(stream, 1)
  await abandon(bench.raw, 'billing', 1, 0)
  let running = 0
  let most = 0
  const first = deferred()
  const { saw } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      running += 1
      most = Math.max(most, running)
      if (payload === 0) await first.promise
      running -= 1
    },
    { concurrency: 1, lease: 300 },
  )
  await saw('recovered')
  await stream.add(1)
  // A read that had waited since before would bring it now.
  await until('no read waits', async () => (await readersWaiting(bench.raw)) === 0)
  first.resolve()
  await saw('done', 2)
  expect(most).toBe(1)
})

test('a retry that comes due while a read waits takes only the room that the read leaves', async () => {
  const stream = await openOrders(bench)
  const [abandoned] = await addNumbers(stream, 1)
  await abandon(bench.raw, 'billing', 1, 0)
  const gate = deferred()
  const hold = deferred()
  let running = 0
  let most = 0
  const { saw, worker } = startWorker(
    stream,
    'billing',
    async ({ payload, attempt }) => {
      running += 1
      most = Math.max(most, running)
      await (payload === 1 && attempt === 1 ? gate.promise : hold.promise)
      running -= 1
      if (payload === 1 && attempt === 1) throw new Error('again')
    },
    { concurrency: 2, lease: 60_000, retryDelay: 50 },
  )
  await addNumbers(stream, 1, 1)
  await until('it handles one and waits for one', async () => {
    const pending = await pendingOf(bench.raw, 'billing')
    return (
      pending.some(({ consumer }) => consumer === worker.consumer) && (await readersWaiting(bench.raw)) === 1
    )
  })
  // Two are there to be taken over, and then there is a new one.
  await bench.raw.xclaim(ORDERS, 'billing', 'crashed', 0, String(abandoned), 'IDLE', 120_000, 'JUSTID')
  gate.resolve()
  await saw('recovered')
  const id = await stream.add(2)
  await until('it came', async () => (await pendingOf(bench.raw, 'billing')).some((each) => each.id === id))
  expect(most).toBe(2)
  hold.resolve()
  await saw('done', 3)
  expect(most).toBe(2)
})

test('a worker that always has new entries still takes over what others let lie', async () => {
  const stream = await openOrders(bench)
  await addNumbers(stream, 1)
  const [id] = await abandon(bench.raw, 'billing', 1, 0)
  await addNumbers(stream, 20, 1)
  let next = 21
  const handled: number[] = []
  const { worker } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      // It is abandoned once the worker is busy.
      if (payload === 5)
        await bench.raw.xclaim(ORDERS, 'billing', 'crashed', 0, id!, 'IDLE', 60_000, 'JUSTID')
      handled.push(payload)
      // The backlog never ends: for each entry handled there is another.
      if (!handled.includes(0)) await stream.add(next++)
      await delay(1)
    },
    { concurrency: 1, lease: 2000 },
  )
  await until('the abandoned entry was handled', () => handled.includes(0))
  await worker.close()
})

test('heartbeats keep the lease of a handler that takes much longer', async () => {
  const streams = await Promise.all([openOrders(bench), openOrders(bench)])
  const gate = deferred()
  const started: string[] = []
  const handler = async ({ signal }: { signal: AbortSignal }): Promise<void> => {
    started.push('started')
    await gate.promise
    expect(signal.aborted).toBe(false)
  }
  const workers = streams.map((stream) => startWorker(stream, 'billing', handler, { lease: 300 }))
  await streams[0].add(0)
  await until('it started', () => started.length > 0)
  // Two workers look every half lease, and one heartbeat comes every third: twenty calls are well over two leases.
  const scans = await callsOf(bench.raw, 'xpending')
  await until('they looked ten times', async () => (await callsOf(bench.raw, 'xpending')) >= scans + 20)
  gate.resolve()
  await until('it is done', () => workers.some(({ of }) => of('done').length > 0))
  expect(started).toHaveLength(1)
  expect(workers.flatMap(({ events }) => events.map(({ kind }) => kind))).toEqual(['done'])
})

test('a failed entry is tried again after retryDelay, and the others do not wait for it', async () => {
  const stream = await openOrders(bench)
  const attempts: { attempt: number; at: number }[] = []
  const { saw, of } = startWorker(
    stream,
    'billing',
    ({ payload, attempt }) => {
      if (payload !== 0) return
      attempts.push({ attempt, at: performance.now() })
      if (attempt < 3) throw new Error(`no ${attempt}`)
    },
    { concurrency: 1, retryDelay: 200, lease: 10_000 },
  )
  await addNumbers(stream, 5)
  await saw('done', 5)
  expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  const [first, second, third] = attempts.map(({ at }) => at) as [number, number, number]
  expect(second - first).toBeGreaterThanOrEqual(199)
  expect(third - second).toBeGreaterThanOrEqual(199)
  expect(third - first).toBeLessThan(5000)
  expect(of('failed').map(({ error }) => (error as Error).message)).toEqual(['no 1', 'no 2'])
  expect(of('done').map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 3])
})

test('an entry that fails maxAttempts times becomes a dead letter that says what it was and why', async () => {
  const stream = await openOrders<{ amount: number }>(bench)
  const { saw, of } = startWorker(stream, 'billing', () => Promise.reject(new Error('no funds')), {
    retryDelay: 0,
    maxAttempts: 3,
  })
  const id = await stream.add({ amount: 5 })
  await saw('dead')
  expect(of('failed').map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  expect(await stream.deadLetters('billing')).toEqual([
    { id, json: '{"amount":5}', attempts: 3, reason: 'no funds' },
  ])
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
  expect(await stream.deadLetters('mail')).toEqual([])
})

test('whatever a handler throws becomes a reason of bounded length', async () => {
  const stream = await openOrders(bench)
  const thrown: unknown[] = ['text', undefined, null, 7, { toString: () => 'x'.repeat(5000) }]
  const { saw } = startWorker(
    stream,
    'billing',
    ({ payload }) => {
      throw thrown[payload]
    },
    { maxAttempts: 1, concurrency: 1 },
  )
  await addNumbers(stream, thrown.length)
  await saw('dead', thrown.length)
  const reasons = (await stream.deadLetters('billing')).map(({ reason }) => reason).toReversed()
  expect(reasons).toEqual(['text', 'undefined', 'null', '7', 'x'.repeat(1000)])
})

test('dead letters are listed newest first, at most as many as asked for', async () => {
  const stream = await openOrders(bench)
  const { saw } = startWorker(stream, 'billing', () => Promise.reject(new Error('no')), {
    maxAttempts: 1,
    concurrency: 1,
  })
  await addNumbers(stream, 5)
  await saw('dead', 5)
  expect((await stream.deadLetters('billing', { count: 2 })).map(({ json }) => json)).toEqual(['4', '3'])
})

test('an entry whose worker crashed as often as maxAttempts allows is not handled again', async () => {
  const stream = await openOrders(bench)
  const [id] = await addNumbers(stream, 1)
  await abandon(bench.raw, 'billing', 1, 0)
  // As a third worker, after two that crashed.
  for (const consumer of ['second', 'third']) await bench.raw.xclaim(ORDERS, 'billing', consumer, 0, id!)
  await bench.raw.xclaim(ORDERS, 'billing', 'third', 0, id!, 'IDLE', 60_000, 'JUSTID')
  let handled = 0
  const { saw } = startWorker(stream, 'billing', () => void (handled += 1), { maxAttempts: 3 })
  await saw('dead')
  expect(handled).toBe(0)
  expect(await stream.deadLetters('billing')).toEqual([
    { id, json: '0', attempts: 4, reason: expect.stringMatching(/3 times without being finished/) },
  ])
})

test('an entry that penknife did not write ends in the dead letters as it is', async () => {
  const stream = await openOrders(bench)
  const ids = [
    await bench.raw.xadd(ORDERS, '*', 'd', '{not json'),
    await bench.raw.xadd(ORDERS, '*', 'other', 'field'),
    await bench.raw.xadd(ORDERS, '*', 'a', '1', 'd', '{also not'),
  ]
  let handled = 0
  const { saw } = startWorker(stream, 'billing', () => void (handled += 1), {
    maxAttempts: 2,
    retryDelay: 0,
    concurrency: 1,
  })
  await stream.add(7)
  await saw('dead', 3)
  await saw('done', 1)
  expect(handled).toBe(1)
  const letters = (await stream.deadLetters('billing')).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  expect(letters.map(({ id }) => id)).toEqual(ids)
  expect(letters.map(({ json }) => json)).toEqual(['{not json', 'field', '{also not'])
  for (const { reason, attempts } of letters) {
    expect(reason).toMatch(/JSON/)
    expect(attempts).toBe(2)
  }
})

test('an entry deleted by hand while it was pending is forgotten', async () => {
  const stream = await openOrders(bench)
  const [id] = await addNumbers(stream, 2)
  await abandon(bench.raw, 'billing', 1, 60_000)
  await bench.raw.xdel(ORDERS, id!)
  const { saw, events } = startWorker(stream, 'billing', () => {})
  await saw('done')
  await until('nothing is pending', async () => (await pendingOf(bench.raw, 'billing')).length === 0)
  expect(events.map(({ kind }) => kind)).toEqual(['done'])
})

test('a worker can do nothing with an entry that another took over', async () => {
  const stream = await openOrders(bench)
  const gates = [deferred(), deferred(), deferred()]
  const signals: AbortSignal[] = []
  const { saw, events, of } = startWorker(
    stream,
    'billing',
    async ({ payload, signal }) => {
      signals[payload] = signal
      await gates[payload]?.promise
      if (payload === 1) throw new Error('late failure')
    },
    { lease: 60_000, maxAttempts: 1 },
  )
  const ids = await addNumbers(stream, 2)
  await until('both started', () => signals.length === 2)
  await bench.raw.xclaim(ORDERS, 'billing', 'other', 0, ...ids)
  gates[0]!.resolve()
  gates[1]!.resolve()
  await saw('lost', 2)
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  expect(of('done')).toEqual([])
  expect(events.map(({ kind }) => kind).toSorted()).toEqual(['failed', 'lost', 'lost'])
  expect((await pendingOf(bench.raw, 'billing')).map(({ consumer }) => consumer)).toEqual(['other', 'other'])
  expect(await bench.raw.exists(deadOf('billing'))).toBe(0)
})

test('a worker that got its own entry anew cannot finish the earlier delivery', async () => {
  const stream = await openOrders(bench)
  const gates = [deferred(), deferred()]
  const { saw, events, worker } = startWorker(
    stream,
    'billing',
    async ({ payload, attempt }) => {
      if (payload === 0) await gates[attempt - 1]?.promise
      else if (attempt === 1) throw new Error('look around at once')
    },
    { lease: '1m', retryDelay: 0 },
  )
  const id = await stream.add(0)
  await until('it is out', async () => (await pendingOf(bench.raw, 'billing').catch(() => [])).length === 1)
  // As after a stall of the whole process: its own scan finds the lease expired.
  await bench.raw.xclaim(ORDERS, 'billing', worker.consumer, 0, id, 'IDLE', 120_000, 'JUSTID')
  await stream.add(1)
  await saw('recovered', 2)
  gates[0]?.resolve()
  await saw('lost')
  gates[1]?.resolve()
  await saw('done', 2)
  const own = events.filter((event) => event.kind !== 'trouble' && event.id === id)
  expect(own).toEqual([
    { kind: 'recovered', id, attempt: 2 },
    { kind: 'lost', id, attempt: 1 },
    { kind: 'done', id, attempt: 2 },
  ])
})

test('a heartbeat that finds the lease lost aborts the signal while the handler runs', async () => {
  const stream = await openOrders(bench)
  const aborted = deferred<unknown>()
  const { saw } = startWorker(
    stream,
    'billing',
    async ({ signal }) => {
      signal.addEventListener('abort', () => aborted.resolve(signal.reason))
      await aborted.promise
    },
    { lease: 300 },
  )
  const id = await stream.add(0)
  await until('it is out', async () => (await pendingOf(bench.raw, 'billing').catch(() => [])).length === 1)
  await bench.raw.xclaim(ORDERS, 'billing', 'other', 0, id)
  expect(await aborted.promise).toMatchObject({ message: expect.stringContaining(id) })
  await saw('lost')
})

test('an idle worker costs Redis at most one command a second', async () => {
  const stream = await openOrders(bench)
  startWorker(stream, 'billing', () => {})
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  await bench.raw.config('RESETSTAT')
  // Its next look and read are five seconds away.
  const seconds = 6
  await delay(seconds * 1000)
  const stats = await bench.raw.info('commandstats')
  const calls = [...stats.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)].map(([, name, count]) => ({
    name,
    count: Number(count),
  }))
  const own = calls.filter(({ name }) => !['config|resetstat', 'info', 'client|list'].includes(String(name)))
  expect(own.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(seconds)
})
