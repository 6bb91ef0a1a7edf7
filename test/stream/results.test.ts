import { createStream, NeverRetryError, type StreamResult } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { deadLettersOf, openOrders, ORDERS } from '../support/orders.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { nextTurn, until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }
const KEEP = { result: { keep: '1h' } } as const
const RESULTS = `${ORDERS}:results:billing`
const RESULTS_DUE = `${ORDERS}:results-due:billing`

test('results arrive whenever one waits for them, before or after the end, in any process', async () => {
  const stream = await openOrders(bench, QUEUE)
  const other = await openOrders(bench, QUEUE)
  startWorker(stream, 'billing', ({ payload }) => (payload % 3 === 0 ? undefined : { twice: 2 * payload }))
  const waits: Promise<StreamResult>[] = []
  const ids: string[] = []
  for (let at = 0; at < 150; at++) {
    const id = await stream.add(at, KEEP)
    ids.push(id)
    // Some begin while the entry is handled.
    waits.push(other.result(id))
  }
  const expected = ids.map((_, at) => ({
    state: 'done',
    value: at % 3 === 0 ? undefined : { twice: 2 * at },
  }))
  expect(await Promise.all(waits)).toEqual(expected)
  expect(await Promise.all(ids.map((id) => stream.result(id)))).toEqual(expected)
})

test('waiting asks Redis twice at most, however long it takes', async () => {
  const stream = await openOrders(bench, QUEUE)
  const id = await stream.add(1, KEEP)
  await stream.result(id, { timeout: 200 })
  const before = await callsOf(bench.raw, 'evalsha')
  expect(await stream.result(id, { timeout: 400 })).toEqual({ state: 'unfinished' })
  expect((await callsOf(bench.raw, 'evalsha')) - before).toBe(2)
  const followed = async (): Promise<unknown> => bench.raw.call('PUBSUB', 'SHARDCHANNELS', `${RESULTS}:*`)
  await until('nothing is followed', async () => String(await followed()) === '')
})

test('entries that fail, are cancelled or are cleared end the wait too', async () => {
  const stream = await openOrders(bench, QUEUE)
  const [dead, never, cancelled, cleared] = await stream.addMany([0, 1, 2, 3], KEEP)
  const waits = [dead, never, cancelled, cleared].map((id) => stream.result(id as string))
  await stream.cancel(cancelled as string)
  await stream.group('billing').pause()
  await stream.reschedule(cleared as string, Date.now() + 1e6)
  const gate = deferred()
  const { worker, saw } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      await gate.promise
      throw payload === 1 ? new NeverRetryError('no such order') : new Error('broken: twice')
    },
    { maxAttempts: 2, retryDelay: 0 },
  )
  await saw('paused')
  await stream.group('billing').resume()
  await until('both run', async () => (await stream.find(never as string)).state === 'running')
  await stream.group('billing').clear()
  gate.resolve()
  expect(await Promise.all(waits)).toEqual([
    { state: 'dead', why: 'failed', reason: 'broken: twice' },
    { state: 'dead', why: 'never-retry', reason: 'no such order' },
    { state: 'cancelled' },
    { state: 'cancelled' },
  ])
  // With its attempts, as long as the dead letter is there; its outcome stays.
  expect(await stream.find(dead as string)).toMatchObject({ state: 'dead', attempts: 2 })
  expect(await stream.find(never as string)).toMatchObject({ state: 'dead', attempts: 1 })
  await stream.group('billing').deadLetters.purge({ id: never as string })
  expect(await stream.find(never as string)).toMatchObject({ state: 'gone' })
  expect(await stream.cancel(never as string)).toEqual({ changed: false, state: 'gone' })
  expect(await stream.result(never as string)).toMatchObject({ state: 'dead', why: 'never-retry' })
  // A requeued dead letter is open again.
  await worker.close()
  await stream.group('billing').deadLetters.requeue({ id: dead as string })
  expect(await stream.find(dead as string)).toMatchObject({ state: 'waiting' })
  expect(await stream.result(dead as string, { timeout: 0 })).toEqual({ state: 'unfinished' })
})

test('each entry of a batch has its own result, and those of a keyed stream and of retries are kept too', async () => {
  const stream = await openOrders(bench, { ...QUEUE, order: 'key' })
  let failed = 0
  const worker = stream.batchWorker(
    'billing',
    (deliveries) =>
      deliveries.map(async ({ payload, attempt }) => {
        if (attempt === 1 && payload % 2 === 0) {
          failed += 1
          throw new Error('again')
        }
        return `order ${payload}`
      }),
    { retryDelay: 0 },
  )
  onTestFinished(() => worker.close({ deadline: 0 }))
  const ids = await stream.addMany([0, 1, 2, 3, 4, 5], { ...KEEP, key: (payload) => `k${payload % 2}` })
  expect(await Promise.all(ids.map((id) => stream.result(id)))).toEqual(
    ids.map((_, at) => ({ state: 'done', value: `order ${at}` })),
  )
  expect(failed).toBe(3)
  await until('the keys are idle', async () => (await bench.raw.hlen(`${ORDERS}:busy:billing`)) === 1)
})

test('a result that cannot be kept makes a dead letter, and the handler is not called again', async () => {
  const stream = await openOrders(bench, QUEUE)
  const calls: number[] = []
  startWorker(stream, 'billing', ({ payload }) => {
    calls.push(payload)
    return payload === 0 ? new Map() : 'x'.repeat(300_000)
  })
  const ids = await stream.addMany([0, 1], KEEP)
  const ends = await Promise.all(ids.map((id) => stream.result(id)))
  expect(ends).toMatchObject([
    { state: 'dead', why: 'failed', reason: expect.stringContaining("the handler's result") },
    { state: 'dead', why: 'failed', reason: expect.stringContaining('at most 262144 bytes') },
  ])
  expect(calls).toHaveLength(2)
  expect(await deadLettersOf(stream, 'billing')).toHaveLength(2)
})

test('a commit finishes an entry and keeps its outcome in one step, also in a loop of the application', async () => {
  const stream = await openOrders(bench, QUEUE)
  const id = await stream.add(1, KEEP)
  const waiting = stream.result(id)
  await until('it follows', async () => {
    const channels = (await bench.raw.call('PUBSUB', 'SHARDCHANNELS', `${RESULTS}:*`)) as unknown[]
    return channels.length === 1
  })
  await bench.raw.xreadgroup('GROUP', 'billing', 'mine', 'COUNT', 1, 'STREAMS', ORDERS, '>')
  const lease = { key: ORDERS, group: 'billing', consumer: 'mine', id }
  expect(await stream.commit(lease, stream.adding(9))).toMatchObject({ ok: true, done: 'now' })
  expect(await waiting).toEqual({ state: 'done', value: undefined })
  expect(await stream.find(id)).toMatchObject({ state: 'done' })
  // A worker that commits sends nothing else.
  const other = await stream.add(2, KEEP)
  const before = await callsOf(bench.raw, 'hset')
  startWorker(stream, 'billing', ({ payload, commit }) => payload === 2 && commit(stream.adding(9)))
  expect(await stream.result(other)).toEqual({ state: 'done', value: undefined })
  // Its outcome, and its answer.
  expect((await callsOf(bench.raw, 'hset')) - before).toBe(2)
})

test('a commit is no progress, and an ended wait gets none', async () => {
  const stream = await openOrders(bench, QUEUE)
  const gate = deferred()
  startWorker(stream, 'billing', async ({ commit, progress }) => {
    await progress('half')
    await gate.promise
    await commit(stream.adding(9, { delay: '1h' }))
  })
  const id = await stream.add(1, KEEP)
  await until('it reports', async () => (await stream.find(id)).progress === 'half')
  const faults: string[] = []
  const record = ({ message }: Error): void => void faults.push(message)
  process.on('warning', record)
  onTestFinished(() => void process.off('warning', record))
  const stop = new AbortController()
  const late: unknown[] = []
  const stopped = stream.result(id, { signal: stop.signal, onProgress: (progress) => late.push(progress) })
  stop.abort(new Error('enough'))
  await expect(stopped).rejects.toThrow('enough')
  const seen: unknown[] = []
  const waiting = stream.result(id, { onProgress: (progress) => seen.push(progress) })
  await until('it has seen one', () => seen.length === 1)
  await until('it follows', async () => {
    const channels = (await bench.raw.call('PUBSUB', 'SHARDCHANNELS', `${RESULTS}:*`)) as unknown[]
    return channels.length === 1
  })
  gate.resolve()
  expect(await waiting).toEqual({ state: 'done', value: undefined })
  expect(seen).toEqual(['half'])
  expect(late).toEqual([])
  await nextTurn()
  expect(faults.filter((fault) => fault.includes('onProgress'))).toEqual([])
})

test('progress is found until the entry ends, however short its outcome is kept', async () => {
  const stream = await openOrders(bench, QUEUE)
  const gate = deferred()
  startWorker(stream, 'billing', async ({ progress }) => {
    await progress('half')
    await gate.promise
  })
  const id = await stream.add(1, { result: { keep: '1s' } })
  const due = async (): Promise<number> => Number(await bench.raw.zscore(RESULTS_DUE, id))
  await until('it reports', async () => (await due()) > 0)
  expect((await due()) - Date.now()).toBeGreaterThan(6 * 86_400_000)
  gate.resolve()
  expect(await stream.result(id)).toEqual({ state: 'done', value: undefined })
  expect((await due()) - Date.now()).toBeLessThan(60_000)
})

test('a user of Redis that may not subscribe gets the outcome all the same, a little later', async () => {
  const stream = await openOrders(bench, QUEUE)
  await bench.raw.acl('SETUSER', 'mute', 'on', '>mute', '~*', '&*', '+@all', '-ssubscribe')
  const url = new URL(bench.server.url)
  url.username = url.password = 'mute'
  const mute = createStream<number>((await openReady(pattern(url.href))).space('shop'), 'orders', QUEUE)
  const id = await stream.add(1, KEEP)
  const waiting = mute.result(id)
  await until('it tried to follow', async () => (await callsOf(bench.raw, 'evalsha')) >= 2)
  startWorker(stream, 'billing', () => 'late')
  expect(await waiting).toEqual({ state: 'done', value: 'late' })
  expect(await failure(mute.watch(() => {}))).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE' })
})

test('an entry that its handler commits is done, without a result', async () => {
  const stream = await openOrders(bench, QUEUE)
  startWorker(stream, 'billing', async ({ payload, commit }) => {
    await commit(stream.adding(9, { delay: '1h' }))
    if (payload === 1) throw new Error('ignored')
    return 'committed'
  })
  const ids = await stream.addMany([0, 1], KEEP)
  expect(await Promise.all(ids.map((id) => stream.result(id)))).toEqual([
    { state: 'done', value: undefined },
    { state: 'done', value: undefined },
  ])
})

test('progress reaches those that wait, and the last one is found; only the worker that has the entry can report it', async () => {
  const stream = await openOrders(bench, QUEUE)
  const other = await openOrders(bench, QUEUE)
  const gates = [deferred(), deferred()]
  const stored: boolean[] = []
  const { saw } = startWorker(stream, 'billing', async ({ payload, progress }) => {
    stored.push(await progress({ percent: 10, payload }))
    await gates[0]?.promise
    stored.push(await progress({ percent: 90, payload }))
    await gates[1]?.promise
    if (payload === 1) stored.push(await progress({ percent: 100, payload }))
  })
  const id = await stream.add(0, KEEP)
  await until('it reports', () => stored.length === 1)
  expect(await other.find(id)).toMatchObject({ state: 'running', progress: { percent: 10, payload: 0 } })
  const seen: unknown[] = []
  const waiting = other.result(id, { onProgress: (progress) => seen.push(progress) })
  await until('it has seen one', () => seen.length === 1)
  gates[0]?.resolve()
  await until('it has seen two', () => seen.length === 2)
  expect(seen).toEqual([10, 90].map((percent) => ({ percent, payload: 0 })))
  // Without `result` nothing is stored, and a cancelled entry has no progress any more.
  await stream.add(2)
  const cancelled = await stream.add(1, KEEP)
  await until('it runs', () => stored.length === 6)
  await stream.cancel(cancelled)
  gates[1]?.resolve()
  await saw('done', 2)
  expect(await waiting).toEqual({ state: 'done', value: undefined })
  await until('all have ended', () => stored.length === 7)
  expect(stored.filter((ok) => !ok)).toHaveLength(3)
  await bench.raw.call('PING')
})

test('an outcome is forgotten after its time', async () => {
  const stream = await openOrders(bench, QUEUE)
  startWorker(stream, 'billing', ({ progress }) => progress(1))
  const [old, kept] = await stream.addMany([0, 1], KEEP)
  expect(await stream.result(old as string)).toEqual({ state: 'done', value: true })
  await stream.result(kept as string)
  const ends = Number(await bench.raw.zscore(RESULTS_DUE, old as string))
  expect(Math.abs(ends - Date.now() - 3_600_000)).toBeLessThan(60_000)
  await bench.raw.zadd(RESULTS_DUE, Date.now() - 1, old as string)
  expect(await stream.result(old as string)).toEqual({ state: 'unknown' })
  expect(await stream.find(old as string)).toMatchObject({ state: 'gone', progress: undefined })
  // The next outcome deletes it.
  const next = await stream.add(2, KEEP)
  await stream.result(next)
  expect((await bench.raw.hkeys(RESULTS)).toSorted()).toEqual(
    [`p${kept}`, `p${next}`, `r${kept}`, `r${next}`].toSorted(),
  )
})

test('a wait that begins after a close, or during one, fails', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders', QUEUE)
  const id = await stream.add(1, KEEP)
  const closing = penknife.close()
  const waits = [failure(stream.result(id))]
  await closing
  waits.push(failure(stream.result(id)))
  expect((await Promise.all(waits)).map(({ code }) => code)).toEqual(['PENKNIFE_CLOSED', 'PENKNIFE_CLOSED'])
})

test('a wait ends with its signal, at a close, and for entries whose outcome is not kept', async () => {
  const stream = await openOrders(bench, QUEUE)
  const id = await stream.add(1, KEEP)
  const stop = new AbortController()
  const waiting = stream.result(id, { signal: stop.signal })
  stop.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  const before = AbortSignal.abort(new Error('before'))
  await expect(stream.result(id, { signal: before })).rejects.toThrow('before')
  const plain = await stream.add(2)
  expect(await failure(stream.result(plain))).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'id' })
  expect(await stream.result('1-1')).toEqual({ state: 'unknown' })
  expect(await failure(stream.result(id, { timeout: -1 }))).toMatchObject({ option: 'timeout' })
  expect(await failure(stream.result(id, { onProgress: 5 as never }))).toMatchObject({ option: 'onProgress' })
})
