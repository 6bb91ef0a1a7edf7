import { createStream } from '@penknife/core'
import { expect, onTestFinished, test, vi } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { addNumbers, delayedOf, openOrders, ORDERS } from '../support/orders.ts'
import { startProxy } from '../support/proxy.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

test('addMany adds entries in order and returns an id for each', async () => {
  const stream = await openOrders(bench)
  const payloads = Array.from({ length: 2000 }, (_, at) => at)
  const ids = await stream.addMany(payloads)
  expect(new Set(ids).size).toBe(2000)
  const stored = (await bench.raw.xrange(ORDERS, '-', '+')) as [string, string[]][]
  expect(stored.map(([id]) => id)).toEqual(ids)
  expect(stored.map(([, fields]) => Number(fields[1]))).toEqual(payloads)
  // Batched as every script is.
  expect(await callsOf(bench.raw, 'evalsha')).toBeLessThan(50)
  expect(await stream.addMany([])).toEqual([])
})

test('addMany checks every payload before it sends one', async () => {
  const stream = await openOrders<unknown>(bench)
  expect(await failure(stream.addMany([1, 2, 3n]))).toMatchObject({
    code: 'PENKNIFE_INVALID',
    fate: 'not-done',
  })
  expect(await failure(stream.addMany('text' as never))).toMatchObject({ option: 'payloads' })
  expect(await bench.raw.exists(ORDERS)).toBe(0)
})

test('a second add with the same id adds nothing and returns the id of the first entry', async () => {
  const stream = await openOrders(bench)
  const ids = await Promise.all([1, 2, 3].map((n) => stream.add(n, { id: 'order-1' })))
  expect(new Set(ids).size).toBe(1)
  expect(await stream.add(4, { id: 'order-2' })).not.toBe(ids[0])
  expect((await stream.read()).items.map(({ payload }) => payload)).toEqual([1, 4])
  const many = await stream.addMany([5, 6, 5], { id: (n) => `number-${n}` })
  expect(many[2]).toBe(many[0])
  expect(await bench.raw.xlen(ORDERS)).toBe(4)
})

test('after the window an add with the same id adds again, and the id is no longer stored', async () => {
  const stream = await openOrders(bench, { dedup: { window: 50 } })
  const first = await stream.add(1, { id: 'order-1' })
  await until('the window ended', async () => (await bench.raw.exists(`${ORDERS}:id:order-1`)) === 0)
  expect(await stream.add(1, { id: 'order-1' })).not.toBe(first)
})

test('the id of a delayed entry is remembered until the entry is due, however short the window', async () => {
  const oneHour = await openOrders(bench)
  const threeHours = await openOrders(bench, { dedup: { window: '3h' } })
  const ttlOf = async (id: string): Promise<number> => bench.raw.pttl(`${ORDERS}:id:${id}`)
  await oneHour.add(1, { id: 'delayed', delay: '2h' })
  await oneHour.add(1, { id: 'at', at: Date.now() + 7_200_000 })
  await threeHours.add(1, { id: 'short', delay: '2h' })
  await oneHour.add(1, { id: 'past', at: 1000 })
  for (const [id, hours] of [
    ['delayed', 2],
    ['at', 2],
    ['short', 3],
    ['past', 1],
  ] as const) {
    expect(await ttlOf(id)).toBeGreaterThan(hours * 3_600_000 - 60_000)
    expect(await ttlOf(id)).toBeLessThan(hours * 3_600_000 + 60_000)
  }
})

test('a listener of a stream gets its events, until it is removed', async () => {
  const stream = await openOrders(bench)
  const events: unknown[] = []
  const remove = stream.on((event) => void events.push(event))
  const id = await stream.add(1, { id: 'order-1' })
  await stream.add(1, { id: 'order-1' })
  remove()
  await stream.add(2)
  const identity = { space: 'shop', name: 'orders' }
  expect(events).toEqual([
    { kind: 'added', ...identity, id },
    { kind: 'duplicate', ...identity, id },
  ])
})

test('a dedup window is checked at creation', async () => {
  const invalid = { code: 'PENKNIFE_INVALID', option: 'window' }
  for (const window of [0, -1, 'soon']) {
    expect(await failure(openOrders(bench, { dedup: { window } as never }))).toMatchObject(invalid)
  }
  expect(await failure(openOrders(bench, { dedup: { windw: 5 } as never }))).toMatchObject({
    option: "dedup option 'windw'",
  })
})

test('an id with half an emoji is refused, since two such ids would be stored as the same one', async () => {
  const stream = await openOrders(bench)
  const [emoji, word] = ['mail:ann😀', 'mail:ann𠀀']
  for (const id of [emoji.slice(0, -1), word.slice(0, -1), `${emoji.slice(0, -1)}${'x'.repeat(100)}`]) {
    const refused = { code: 'PENKNIFE_INVALID', option: 'id', fate: 'not-done' }
    expect(await failure(stream.add(1, { id }))).toMatchObject(refused)
    expect(await failure(stream.addMany([1], { id: () => id }))).toMatchObject(refused)
  }
  expect(await bench.raw.exists(ORDERS)).toBe(0)
  expect(await stream.add(1, { id: emoji })).not.toBe(await stream.add(1, { id: word }))
})

test('a payload with half an emoji arrives unchanged', async () => {
  const stream = await openOrders<{ name: string }>(bench)
  const payload = { name: 'ann😀'.slice(0, 4) }
  await stream.add(payload)
  const seen: unknown[] = []
  const { saw } = startWorker(
    stream,
    'billing',
    (delivery) => {
      seen.push(delivery.payload)
      if (delivery.attempt === 1) throw new Error('again')
    },
    { retryDelay: 0 },
  )
  await saw('done')
  expect(seen).toEqual([payload, payload])
})

test('an add of unknown fate can be repeated with its id', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 300 })
  const stream = createStream<number>(penknife.space('shop'), 'orders')
  await stream.add(0)
  proxy.swallowReplies()
  expect(await failure(stream.add(1, { id: 'a' }))).toMatchObject({ fate: 'unknown' })
  proxy.pass()
  proxy.cut()
  await until('it is back', () => stream.add(1, { id: 'a' }).then(Boolean, () => false))
  expect((await stream.read()).items.map(({ payload }) => payload)).toEqual([0, 1])
})

test('an entry with a delay can be read at once, and is handled when it is due', async () => {
  const stream = await openOrders(bench)
  const seen: { payload: number; attempt: number; at: number }[] = []
  const { saw, of } = startWorker(stream, 'billing', ({ payload, attempt }) => {
    seen.push({ payload, attempt, at: Date.now() })
  })
  const started = Date.now()
  const id = await stream.add(1, { delay: 400 })
  await stream.add(2, { at: new Date(Date.now() + 200) })
  await stream.add(3)
  await saw('done', 3)
  expect((await stream.read({ to: id })).items.map(({ payload }) => payload)).toEqual([1])
  expect(seen.map(({ payload, attempt }) => [payload, attempt])).toEqual([
    [3, 1],
    [2, 1],
    [1, 1],
  ])
  expect(seen[2]!.at - started).toBeGreaterThanOrEqual(399)
  expect(of('delayed').map(({ id: each }) => each)).toContain(id)
  expect(await bench.raw.exists(delayedOf('billing'))).toBe(0)
})

test('an entry becomes due by the clock of Redis', async () => {
  const stream = await openOrders(bench)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 60_000 })
  onTestFinished(() => void vi.useRealTimers())
  const { saw, of } = startWorker(stream, 'billing', () => {})
  await stream.add(1, { delay: 300 })
  await saw('delayed')
  expect(of('done')).toEqual([])
  // With the clock of the process, the worker would check again after ten seconds only.
  await until('it was handled', () => of('done').length === 1, 5000)
})

test('an entry whose time has passed is handled at once', async () => {
  const stream = await openOrders(bench)
  const { saw } = startWorker(stream, 'billing', () => {})
  await stream.add(1, { at: 1000 })
  await stream.add(1, { delay: 0 })
  await saw('done', 2)
})

test('the traceparent of an add reaches the handler, also in a retry; a malformed one is dropped', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const own = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
  const active = `00-${'3'.repeat(32)}-${'4'.repeat(16)}-00`
  const stream = createStream<number>(penknife.space('shop'), 'orders', { traceparent: () => active })
  const seen: unknown[] = []
  const { saw } = startWorker(
    stream,
    'billing',
    ({ traceparent, attempt }) => {
      seen.push(traceparent)
      if (attempt === 1) throw new Error('again')
    },
    { concurrency: 1, retryDelay: 0 },
  )
  for (const traceparent of [own, undefined, 'hostile\r\nheader']) {
    seen.length = 0
    const id = await stream.add(1, traceparent === undefined ? {} : { traceparent })
    await saw('done', [own, undefined, 'hostile\r\nheader'].indexOf(traceparent) + 1)
    expect(id).toBeDefined()
    const expected = traceparent === own ? own : traceparent === undefined ? active : undefined
    expect(seen).toEqual([expected, expected])
  }
})

test('a full work queue refuses adds until there is room', async () => {
  const stream = await openOrders(bench, { groups: ['billing'], maxBacklog: 10 })
  await addNumbers(stream, 10)
  const error = await failure(stream.add(11))
  expect(error).toMatchObject({ code: 'PENKNIFE_FULL', fate: 'not-done' })
  expect(error.message).toMatch(/maxBacklog/)
  expect(await bench.raw.xlen(ORDERS)).toBe(10)
  const { saw } = startWorker(stream, 'billing', () => {})
  await saw('done', 10)
  await stream.add(11)
  await saw('done', 11)
})

test('the backlog of a log is the number of entries that the slowest group has to finish', async () => {
  const stream = await openOrders(bench, {
    groups: ['billing', 'mail'],
    retain: { entries: 1000 },
    maxBacklog: 10,
  })
  const mail = startWorker(stream, 'mail', () => {})
  await addNumbers(stream, 10)
  await mail.saw('done', 10)
  expect(await failure(stream.add(11))).toMatchObject({ code: 'PENKNIFE_FULL' })
  const billing = startWorker(stream, 'billing', () => {})
  await billing.saw('done', 10)
  await addNumbers(stream, 10)
  expect(await bench.raw.xlen(ORDERS)).toBe(20)
})

test('adds that wait for room are added in the order of the calls', async () => {
  const stream = await openOrders(bench, { groups: ['billing'], maxBacklog: 2 })
  await addNumbers(stream, 2)
  const waiting = [2, 3, 4].map((n) => stream.add(n, { whenFull: 'wait' }))
  // Only the first waiting add sends calls to Redis.
  const gate = deferred()
  const handled: number[] = []
  const { saw } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      await gate.promise
      handled.push(payload)
    },
    { concurrency: 1 },
  )
  gate.resolve()
  const ids = await Promise.all(waiting)
  await saw('done', 5)
  expect(handled).toEqual([0, 1, 2, 3, 4])
  expect(ids).toEqual(ids.toSorted((a, b) => Number.parseInt(a) - Number.parseInt(b) || 1))
})

test('a signal ends the wait for room of one add, and later adds continue to wait', async () => {
  const stream = await openOrders(bench, { groups: ['billing'], maxBacklog: 1 })
  await stream.add(0)
  const ending = new AbortController()
  const first = stream.add(1, { whenFull: 'wait', signal: ending.signal })
  const second = stream.add(2, { whenFull: 'wait' })
  ending.abort(new Error('enough'))
  await expect(first).rejects.toThrow('enough')
  const handled: number[] = []
  startWorker(stream, 'billing', ({ payload }) => handled.push(payload))
  await second
  await until('both are handled', () => handled.length === 2)
  expect(handled).toEqual([0, 2])
  await expect(stream.add(3, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
})

test.each([
  ['an empty id', { id: '' }, 'id'],
  ['an id of 513 characters', { id: 'x'.repeat(513) }, 'id'],
  ['a window, which is an option of the stream', { id: 'a', window: 0 }, "add option 'window'"],
  ['a delay and a time', { delay: 5, at: 5 }, 'at'],
  ['a time that is no date', { at: new Date('nonsense') }, 'at'],
  ['microseconds as a time', { at: 1_700_000_000_000_000, attempts: 2 }, 'at'],
  ['the last Date there is', { at: new Date(8.64e15) }, 'at'],
  ['a negative delay', { delay: -1 }, 'delay'],
  ['an unknown way to wait', { whenFull: 'block' }, 'whenFull'],
  ['a signal that is none', { signal: 'now' }, 'signal'],
  ['an unknown option', { dealy: 5 }, "add option 'dealy'"],
])('add refuses %s and names it', async (_, options, option) => {
  const stream = await openOrders(bench)
  expect(await failure(stream.add(1, options as never))).toMatchObject({ code: 'PENKNIFE_INVALID', option })
  expect(await bench.raw.dbsize()).toBe(0)
})

test('a time of up to 15 digits is kept with the other options, and a longer one is refused wherever one is given', async () => {
  const stream = await openOrders(bench, { groups: ['billing'], order: 'key' })
  const latest = 999_999_999_999_999
  const id = await stream.add(1, { key: 'ann', at: latest, attempts: 2 })
  const { saw } = startWorker(stream, 'billing', () => {})
  await saw('delayed')
  const found = { state: 'delayed', dueMs: latest }
  expect(await stream.find(id)).toMatchObject(found)
  const refused = { code: 'PENKNIFE_INVALID', option: 'at' }
  const tooLate = { key: 'ann', at: latest + 1 }
  expect(await failure(stream.addMany([2], { at: latest + 1 }))).toMatchObject(refused)
  expect(() => stream.adding(2, tooLate)).toThrow(/at is 1000000000000000: .* at most 999999999999999 /)
  expect(await failure(stream.reschedule(id, latest + 0.5))).toMatchObject(refused)
  expect(await stream.find(id)).toMatchObject(found)
})
