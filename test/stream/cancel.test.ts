import { setImmediate as turn } from 'node:timers/promises'
import type { Stream, StreamAddOptions, StreamEntryState, StreamOptions } from '@penknife/core'
import { createStream } from '@penknife/core'
import { expect, test } from 'vitest'

import { createScope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings } from '../../packages/core/src/stream/settings.ts'
import { bindWorkerScripts } from '../../packages/core/src/stream/worker-scripts.ts'
import { failure, openReady } from '../support/connect.ts'
import { type Deferred, deferred } from '../support/deferred.ts'
import { abandon, delayedOf, openOrders, ORDERS, pendingOf, readyOf } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker, type Watched } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }
const HOUR = 3_600_000

interface Filled extends Watched {
  readonly stream: Stream<string>
  readonly gate: Deferred
  readonly handled: string[]
  readonly aborted: unknown[]
  /** The id of an entry in each state, by the state's name. */
  readonly ids: Record<string, string>
}

/** A stream with entries in every state. Payloads are the names of the states. */
async function filled(options: StreamOptions<string>, adding: StreamAddOptions = {}): Promise<Filled> {
  const stream = await openOrders<string>(bench, { ...QUEUE, ...options })
  const gate = deferred()
  const handled: string[] = []
  const aborted: unknown[] = []
  const watched = startWorker(
    stream,
    'billing',
    async ({ payload, signal }) => {
      if (payload === 'retrying' || payload === 'dead') throw new Error('broken')
      if (payload === 'running' || payload === 'running again') {
        signal.addEventListener('abort', () => aborted.push(signal.reason))
        await gate.promise
      }
      handled.push(payload)
    },
    { concurrency: 2, retryDelay: '1h', maxAttempts: 3, retryJitter: 0 },
  )
  const ids: Record<string, string> = {}
  async function add(name: string, terms: StreamAddOptions = {}): Promise<void> {
    const key = options.order ? { key: name } : {}
    ids[name] = await stream.add(name, { ...key, ...adding, ...terms })
  }
  await add('dead', { attempts: 1 })
  await add('retrying')
  await add('set aside', { delay: HOUR })
  await watched.saw('dead')
  await watched.saw('retrying')
  await watched.saw('delayed')
  await add('running')
  await add('running again')
  await until('they run', async () => (await stream.find(ids['running again'] ?? '')).state === 'running')
  // The second one is given back once, so it runs from the group's own stream.
  await add('done')
  await add('delayed', { delay: HOUR })
  await add('waiting')
  if (options.order) await add('queued', { key: 'running' })
  return { ...watched, stream, gate, handled, aborted, ids }
}

const STATES: Readonly<Record<string, StreamEntryState['state']>> = {
  dead: 'dead',
  retrying: 'retrying',
  'set aside': 'delayed',
  running: 'running',
  'running again': 'running',
  delayed: 'delayed',
  waiting: 'waiting',
}

test.each<[string, StreamOptions<string>, StreamAddOptions]>([
  ['a work queue', {}, {}],
  ['a work queue with order by key', { order: 'key' }, {}],
  ['a work queue whose outcomes are kept', {}, { result: { keep: '1h' } }],
  ['a work queue with order by key whose outcomes are kept', { order: 'key' }, { result: { keep: '1h' } }],
])(
  'entries of %s are found wherever they are, and cancelled if they are unfinished',
  async (_, options, adding) => {
    const { stream, ids, gate, handled, aborted, of, saw, worker } = await filled(options, adding)
    const states: typeof STATES = options.order ? { queued: 'queued', ...STATES } : STATES
    for (const [name, state] of Object.entries(states)) {
      expect([name, await stream.find(ids[name] ?? '')]).toMatchObject([name, { id: ids[name], state }])
    }
    expect(await stream.find(ids['retrying'] ?? '')).toMatchObject({ attempts: 1, consumer: undefined })
    const { dueMs = 0 } = await stream.find(ids['set aside'] ?? '')
    expect(Math.abs(dueMs - Date.now() - HOUR)).toBeLessThan(60_000)
    const running = await stream.find(ids['running'] ?? '')
    expect(running.consumer).toBe(worker.consumer)
    expect(running.idleMs).toBeLessThan(60_000)
    expect(Math.abs((running.runningSinceMs ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(await stream.find('1-1')).toMatchObject({ state: 'gone', attempts: 0, dueMs: undefined })

    for (const [name, state] of Object.entries(states)) {
      const changed = state !== 'dead'
      expect([name, await stream.cancel(ids[name] ?? '')]).toEqual([name, { changed, state }])
      const after = changed ? (adding.result ? 'cancelled' : 'gone') : 'dead'
      expect([name, (await stream.find(ids[name] ?? '')).state]).toEqual([name, after])
      expect(await stream.cancel(ids[name] ?? '')).toEqual({ changed: false, state: after })
    }
    await saw('cancelled', 2)
    expect(aborted.map(String)).toEqual([
      `Error: entry ${ids['running']} was cancelled`,
      `Error: entry ${ids['running again']} was cancelled`,
    ])
    gate.resolve()
    await until('all is handled', () => handled.length === 3)
    const last = await stream.add('last', options.order ? { key: 'running' } : {})
    await until('the last one is handled', () => handled.includes('last'))
    await until('it is done', () => of('done').some(({ id }) => id === last))
    // The cancelled handlers ended too, which changed nothing.
    expect(handled.toSorted()).toEqual(['done', 'last', 'running', 'running again'])
    expect(
      of('done')
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual([String(ids['done']), last].toSorted())
    expect(await pendingOf(bench.raw, 'billing')).toEqual([])
    expect(await bench.raw.zcard(delayedOf('billing'))).toBe(0)
    if (options.order) expect(await bench.raw.hkeys(`${ORDERS}:busy:billing`)).toEqual([''])
  },
)

test('find says since when a worker has an entry, also after renewals of its lease', async () => {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const stream = createStream<string>(space, 'orders', QUEUE)
  const gate = deferred()
  const { worker } = startWorker(stream, 'billing', () => gate.promise)
  const id = await stream.add('slow')
  await until('it runs', async () => (await stream.find(id)).state === 'running')
  const { runningSinceMs: since = 0, consumer } = await stream.find(id)
  expect(consumer).toBe(worker.consumer)
  const { renew } = bindWorkerScripts(
    createScope(space, 'orders', streamSettings(QUEUE)),
    'billing',
    worker.consumer,
    { leaseMs: 30_000, maxAttempts: 5 },
  )
  for (let renewal = 0; renewal < 2; renewal++) {
    await until('time passed', async () => ((await stream.find(id)).idleMs ?? 0) > 50)
    expect(await renew(0, id, '', false)).toBe('')
    const { idleMs = 0, runningSinceMs = 0 } = await stream.find(id)
    expect(Math.abs(runningSinceMs - since)).toBeLessThanOrEqual(2)
    expect(idleMs).toBeLessThan(Date.now() - since)
  }
  gate.resolve()
})

test('of a cancel and a finish at the same moment one happens, and both sides learn which', async () => {
  const stream = await openOrders(bench, QUEUE)
  const other = await openOrders(bench, QUEUE)
  const races = new Map<string, Promise<string>>()

  /** Cancels an entry some turns before or after its handler ends. */
  async function race(id: string, at: number, finish: () => void): Promise<string> {
    // However fast the finish is, some cancels come before it.
    const cancelFirst = at % 25 === 0
    const cancelled = deferred()
    const finishing = (async () => {
      if (cancelFirst) await cancelled.promise
      for (let turns = at % 7; turns > 0; turns--) await turn()
      finish()
    })()
    for (let turns = Math.floor(at / 7) % 7; turns > 0; turns--) await turn()
    const { changed, state } = await other.cancel(id)
    cancelled.resolve()
    await finishing
    return changed ? 'cancelled' : state
  }

  const { of } = startWorker(
    stream,
    'billing',
    async ({ id, payload }) => {
      const gate = deferred()
      races.set(
        id,
        race(id, payload, () => gate.resolve()),
      )
      await gate.promise
    },
    { concurrency: 30 },
  )
  const ids = await stream.addMany(
    Array.from({ length: 150 }, (_, at) => at),
    { result: { keep: '1h' } },
  )
  const results = ids.map((id) => other.result<number>(id))
  const ended = await Promise.all(results)
  const cancels = await Promise.all(ids.map((id) => races.get(id) as Promise<string>))
  expect(ended.map(({ state }) => state)).toEqual(cancels)
  const done = ids.filter((_, at) => cancels[at] === 'done')
  const cancelled = ids.filter((_, at) => cancels[at] === 'cancelled')
  expect(done.length + cancelled.length).toBe(ids.length)
  expect(done.length).toBeGreaterThan(0)
  expect(cancelled.length).toBeGreaterThan(0)
  await until(
    'the worker knows',
    () => of('done').length + of('cancelled').length + of('lost').length === 150,
  )
  expect(
    of('done')
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(done.toSorted())
})

test('an entry among many delayed ones, retries and dead letters is found', async () => {
  const stream = await openOrders(bench, QUEUE)
  const at = Date.now() + HOUR
  const many = await stream.addMany(
    Array.from({ length: 3000 }, (_, n) => n),
    { at },
  )
  const worker = startWorker(stream, 'billing', () => {}, { concurrency: 100 })
  await worker.saw('delayed', many.length)
  await worker.worker.close()
  const big = 'x'.repeat(60_000)
  for (let n = 0; n < 20; n++) {
    await bench.raw.xadd(readyOf('billing'), '*', 'i', `5-${n}`, 'a', 1, 'f', 1, 'd', JSON.stringify(big))
    await bench.raw.xadd(
      `${ORDERS}:dead:billing`,
      '*',
      ...`i 6-${n} a 1 f 1 g billing k failed e why d ${big}`.split(' '),
    )
  }
  for (const id of [many[0], many[1500], many[2999]]) {
    expect(await stream.find(id as string)).toMatchObject({ state: 'delayed', dueMs: at })
  }
  expect(await stream.find('5-19')).toMatchObject({ state: 'waiting', attempts: 1 })
  expect(await stream.find('6-19')).toMatchObject({ state: 'dead', attempts: 1 })
  expect(await stream.cancel(many[2999] as string)).toEqual({ changed: true, state: 'delayed' })
  expect(await stream.find(many[2999] as string)).toMatchObject({ state: 'gone' })
})

test.each<[string, StreamOptions<string>]>([
  ['a work queue', {}],
  ['a work queue with order by key', { order: 'key' }],
])('an unfinished entry of %s that no worker has gets another time', async (_, options) => {
  const { stream, ids, gate, handled, saw } = await filled(options)
  const later = Date.now() + 2 * HOUR
  for (const name of ['waiting', 'delayed', 'retrying', 'set aside']) {
    const { state } = await stream.find(ids[name] ?? '')
    expect([name, await stream.reschedule(ids[name] ?? '', later)]).toEqual([name, { changed: true, state }])
    const now = name === 'retrying' ? 'retrying' : 'delayed'
    expect([name, await stream.find(ids[name] ?? '')]).toMatchObject([name, { state: now, dueMs: later }])
  }
  expect(await stream.reschedule(ids['running'] ?? '', later)).toEqual({ changed: false, state: 'running' })
  expect(await stream.reschedule(ids['dead'] ?? '', later)).toEqual({ changed: false, state: 'dead' })
  expect(await stream.reschedule('1-1', later)).toEqual({ changed: false, state: 'gone' })
  gate.resolve()
  for (const name of ['waiting', 'delayed', 'set aside'])
    await stream.reschedule(ids[name] ?? '', new Date(0))
  if (options.order) {
    expect(await stream.reschedule(ids['queued'] ?? '', later)).toMatchObject({
      state: expect.stringMatching(/queued|waiting|running|gone/),
    })
  }
  await until('they are handled', () =>
    ['waiting', 'delayed', 'set aside'].every((name) => handled.includes(name)),
  )
  await stream.reschedule(ids['retrying'] ?? '', Date.now() + 20)
  await saw('failed', 3)
})

test.each<[string, StreamOptions<string>]>([
  ['a work queue', {}],
  ['a work queue with order by key', { order: 'key' }],
])(
  'a delayed entry of %s is delayed from its add on, also while a worker puts it aside',
  async (_, options) => {
    const stream = await openOrders<string>(bench, { ...QUEUE, ...options })
    const terms = { delay: HOUR, ...(options.order ? { key: 'ann' } : {}) }
    // As a worker has them before it puts them aside.
    const [moved, cancelled, kept] = await stream.addMany(
      ['moved', 'cancelled', 'kept'],
      options.order ? { delay: HOUR, key: () => 'ann' } : { delay: HOUR },
    )
    await abandon(bench.raw, 'billing', 3, 0)
    const later = Date.now() + 2 * HOUR
    const changed = { changed: true, state: 'delayed' }
    expect(await stream.find(kept as string)).toMatchObject({ state: 'delayed', consumer: undefined })
    expect(await stream.reschedule(moved as string, later)).toEqual(changed)
    expect(await stream.find(moved as string)).toMatchObject({ state: 'delayed', dueMs: later })
    expect(await stream.cancel(cancelled as string)).toEqual(changed)
    expect(await stream.find(cancelled as string)).toMatchObject({ state: 'gone' })
    expect(await bench.raw.xpending(ORDERS, 'billing', '-', '+', 9)).toMatchObject([
      [kept, 'crashed', expect.any(Number), 1],
    ])

    const handled: string[] = []
    const { of } = startWorker(stream, 'billing', ({ payload }) => handled.push(payload))
    const names = Array.from({ length: 20 }, (__, n) => `quick ${n}`)
    for (const name of names) {
      const id = await stream.add(name, terms)
      expect(await stream.reschedule(id, 0)).toEqual(changed)
    }
    await until('all are handled', () => handled.length >= names.length)
    expect(handled.toSorted()).toEqual(names.toSorted())
    expect(of('lost')).toEqual([])
  },
)

test('streams that are no work queue with one group are refused, and so is what is no id or time', async () => {
  for (const options of [
    {},
    { retain: { entries: 10 }, groups: ['billing'] },
    { groups: ['billing', 'mail'] },
  ]) {
    const stream = await openOrders(bench, options)
    expect((await failure(stream.find('1-1'))).message).toMatch(
      /find of .* needs a work queue with one group/,
    )
    expect(await failure(stream.cancel('1-1'))).toMatchObject({ code: 'PENKNIFE_INVALID' })
    expect(await failure(stream.add(1, { result: { keep: '1h' } }))).toMatchObject({ option: 'result' })
  }
  const stream = await openOrders(bench, QUEUE)
  expect(await failure(stream.cancel('order 7'))).toMatchObject({ option: 'id' })
  expect(await failure(stream.reschedule('1-1', Number.NaN))).toMatchObject({ option: 'at' })
  expect(await failure(stream.add(1, { result: { keep: 10 } }))).toMatchObject({ option: 'keep' })
})
