import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import { Socket } from 'node:net'

import { createLock, createNotifier, createRateLimiter, createStream, type Worker } from '@penknife/core'
import type { TracedAdd, TracedOperations, TracedProcess } from '@penknife/core/tracing'
import { expect, onTestFinished, test } from 'vitest'

import { failure, open } from '../support/connect.ts'
import { openOrders, ORDERS } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

type Steps = Parameters<ReturnType<typeof tracingChannel<unknown, object>>['subscribe']>[0]

/** Subscribes for one test. */
function subscribe(name: keyof TracedOperations, steps: Partial<Steps>): void {
  const tracing = tracingChannel<unknown, object>(`penknife:${name}`)
  const ends = Object.entries(steps).map(([step, listener]) => {
    const each = tracing[step as keyof Steps]
    const called = (message: unknown): void => listener(message as never)
    each.subscribe(called)
    return () => each.unsubscribe(called)
  })
  onTestFinished(() => {
    for (const end of ends) end()
  })
}

test('each operation publishes its steps with one message, which gets the result or the error', async () => {
  const steps: [string, unknown][] = []
  const messages = new Set<object>()
  const step = (name: string) => (message: object) => {
    messages.add(message)
    steps.push([name, { ...message }])
  }
  for (const name of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const) {
    subscribe('add', { [name]: step(name) })
  }
  const stream = await openOrders<unknown>(bench, { groups: ['billing'] })
  const id = await stream.add(1)
  const begun = { space: 'shop', name: 'orders', entries: undefined, traceparent: undefined }
  expect(steps).toEqual([
    ['start', begun],
    ['end', begun],
    ['asyncStart', { ...begun, result: id }],
    ['asyncEnd', { ...begun, result: id }],
  ])
  expect(messages.size).toBe(1)
  const error = await failure(stream.add(1n))
  expect(steps.slice(4).map(([name]) => name)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
  expect(steps.at(-1)?.[1]).toMatchObject({ error })
})

test('a subscriber may give entries a traceparent, and malformed text is dropped', async () => {
  const own = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  let given: unknown = own
  subscribe('add', { start: (message) => void ((message as TracedAdd).traceparent ??= given as string) })
  const stream = await openOrders(bench, { groups: ['billing'], traceparent: () => `${own.slice(0, -1)}0` })
  for (given of [own, undefined, 'x', 1]) await stream.add(1)
  const fields = (await bench.raw.xrange(ORDERS, '-', '+')).map(([, each]) => each.slice(2))
  expect(fields).toEqual([['t', own], ['t', `${own.slice(0, -1)}0`], [], []])
})

test('without a subscriber an entry has no further field', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await stream.add(1)
  const [[, fields] = []] = await bench.raw.xrange(ORDERS, '-', '+')
  expect(fields).toEqual(['d', '1'])
})

test.each([
  ['calls the handler', (call: () => unknown) => call()],
  ['calls it twice', (call: () => unknown) => [call(), call()]],
  ['never calls it', () => undefined],
  [
    'throws before',
    () => {
      throw new Error('broken tracer')
    },
  ],
  [
    'throws after',
    (call: () => unknown) => {
      call()
      throw new Error('broken tracer')
    },
  ],
])('a handler is called once, and its outcome counts, when a subscriber that sets run %s', async (_, run) => {
  subscribe('process', { start: (message) => void ((message as TracedProcess).run = run) })
  const stream = await openOrders(bench, { groups: ['billing'] })
  const seen: number[] = []
  const { saw, events } = startWorker(
    stream,
    'billing',
    ({ payload }) => {
      seen.push(payload)
      if (payload === 2) throw new Error('no')
    },
    { maxAttempts: 1 },
  )
  await stream.add(1)
  await stream.add(2)
  await saw('done')
  await saw('dead')
  expect(seen).toEqual([1, 2])
  expect(events.filter(({ kind }) => kind === 'failed')).toHaveLength(1)
})

test('an AsyncLocalStorage that is bound to a start channel reaches the handler', async () => {
  const storage = new AsyncLocalStorage<string>()
  const start = channel('tracing:penknife:process:start')
  start.bindStore(storage, (message) => (message as TracedProcess).deliveries[0]?.id ?? '')
  onTestFinished(() => void start.unbindStore(storage))
  subscribe('process', { start: () => {} })
  const stream = await openOrders(bench, { groups: ['billing'] })
  const seen: (string | undefined)[] = []
  const { saw } = startWorker(stream, 'billing', async () => {
    await Promise.resolve()
    seen.push(storage.getStore())
  })
  const id = await stream.add(1)
  await saw('done')
  expect(seen).toEqual([id])
})

test('what goes on after a call keeps no async context: loops, timers and connections begun in a request', async () => {
  const request = new AsyncLocalStorage<string>()
  const kept: string[] = []
  let writes = 0
  const { write } = Socket.prototype
  // Whatever penknife does in the background, it writes to a socket.
  Socket.prototype.write = function (this: Socket, ...args: Parameters<typeof write>) {
    writes += 1
    if (request.getStore() !== undefined) kept.push(String(args[0]).slice(0, 100))
    return write.apply(this, args)
  } as typeof write
  onTestFinished(() => void (Socket.prototype.write = write))
  const { stream, worker } = await request.run('a request', async () => {
    const penknife = open(pattern(bench.server.url))
    const space = penknife.space('shop')
    const orders = createStream<number>(space, 'orders', { groups: ['billing'] })
    const news = createNotifier(space, 'news')
    await news.subscribe(['all'], { onEvent: () => {} })
    const lock = createLock(space, 'nightly', { lease: '1s' })
    await lock.acquire('x')
    const limiter = createRateLimiter(space, 'api', {
      rules: [{ name: 'all', limit: 100, window: '1m' }],
      lease: { tokens: 10 },
    })
    await limiter.take('ann')
    await orders.add(1)
    const started: Worker = orders.worker('billing', () => Promise.resolve(), {
      lease: 300,
    })
    return { stream: orders, worker: started }
  })
  onTestFinished(() => worker.close({ deadline: 0 }))
  const done: string[] = []
  worker.on((event) => void (event.kind === 'done' && done.push(event.id)))
  await until('it works', () => done.length >= 1)
  const before = writes
  kept.length = 0
  for (let nth = 0; nth < 20; nth++) {
    await stream.add(nth)
    await until('it is done', () => done.length >= nth + 2)
  }
  await until('leases were renewed', () => writes > before + 60)
  expect(kept).toEqual([])
})
