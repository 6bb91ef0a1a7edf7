import {
  createLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  type Penknife,
  record,
  type Stream,
} from '@penknife/core'
import { createTracing } from '@penknife/core/tracing'
import { trace } from '@opentelemetry/api'
import { SamplingDecision } from '@opentelemetry/sdk-trace-base'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { abandon, openOrders, ORDERS } from '../support/orders.ts'
import { startProxy } from '../support/proxy.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { recordSpans, shown, useContexts } from '../support/spans.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
useContexts()

const REMOTE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
const FAST = { retryDelay: 0, retryJitter: 0 }

function openShop(): Promise<Penknife> {
  return openReady(pattern(bench.server.url))
}

const ofOrders = (operation: string, type: string): object => ({
  'messaging.system.name': 'redis',
  'messaging.operation.name': operation,
  'messaging.operation.type': type,
  'messaging.destination.name': 'shop:orders',
})

test('an add is a producer span below the active one, and each attempt a trace of its own with a link to it', async () => {
  const spans = recordSpans()
  const stream = await openOrders(bench, { groups: ['billing'] })
  const inside: (string | undefined)[] = []
  const { worker, saw } = startWorker(
    stream,
    'billing',
    async ({ attempt, traceparent }) => {
      inside.push(trace.getActiveSpan()?.spanContext().spanId)
      expect(traceparent).toContain(spans.named('add shop:orders')[0]?.spanContext().spanId)
      await Promise.resolve()
      expect(trace.getActiveSpan()?.spanContext().spanId).toBe(inside.at(-1))
      if (attempt === 1) throw new TypeError('no luck')
    },
    FAST,
  )
  const tracer = spans.provider.getTracer('test')
  const id = await tracer.startActiveSpan('request', async (span) => {
    const added = await stream.add(1)
    span.end()
    return added
  })
  await saw('done')
  const [first, second] = await spans.saw('process shop:orders', 2)
  const [settled, again] = await spans.saw('settle shop:orders', 2)
  const [add] = spans.named('add shop:orders')
  const [request] = spans.named('request')
  expect(shown(add!)).toEqual({
    kind: 'PRODUCER',
    status: 'UNSET',
    attributes: { ...ofOrders('add', 'send'), 'messaging.message.id': id },
  })
  expect(add?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
  const delivery = (attempt: number): object => ({
    'messaging.consumer.group.name': 'billing',
    'messaging.client.id': worker.consumer,
    'messaging.message.id': id,
    'penknife.attempt': attempt,
    'penknife.fence': attempt,
  })
  expect(shown(first!)).toEqual({
    kind: 'CONSUMER',
    status: 'ERROR',
    attributes: { ...ofOrders('process', 'process'), ...delivery(1), 'error.type': 'TypeError' },
  })
  expect(first?.events[0]?.attributes).toMatchObject({
    'exception.type': 'TypeError',
    'exception.message': 'no luck',
  })
  expect(shown(second!)).toEqual({
    kind: 'CONSUMER',
    status: 'UNSET',
    attributes: { ...ofOrders('process', 'process'), ...delivery(2) },
  })
  expect(inside).toEqual([first, second].map((span) => span?.spanContext().spanId))
  for (const span of [first, second]) {
    expect(span?.parentSpanContext).toBeUndefined()
    expect(span?.links.map((link) => link.context.spanId)).toEqual([add?.spanContext().spanId])
  }
  expect(new Set([add, first, second].map((span) => span?.spanContext().traceId)).size).toBe(3)
  expect(shown(settled!)).toEqual({
    kind: 'CLIENT',
    status: 'UNSET',
    attributes: { ...ofOrders('settle', 'settle'), ...delivery(1), 'penknife.outcome': 'retrying' },
  })
  expect(again?.attributes['penknife.outcome']).toBe('done')
  expect([settled, again].map((span) => span?.parentSpanContext?.spanId)).toEqual(inside)
  expect(spans.open).toEqual([])
})

test("with delivery 'parent' an attempt is a child of the span that added its entry", async () => {
  const spans = recordSpans({ delivery: 'parent' })
  const stream = await openOrders(bench, { groups: ['billing'] })
  startWorker(stream, 'billing', () => {})
  await stream.add(1)
  const [add] = await spans.saw('add shop:orders')
  const [process] = await spans.saw('process shop:orders')
  const { traceId, spanId } = add!.spanContext()
  expect(process?.parentSpanContext).toMatchObject({ traceId, spanId, isRemote: true })
  expect(process?.links).toEqual([])
})

test('entries of addMany share a span, and a batch has a link for each entry', async () => {
  const spans = recordSpans()
  const stream = await openOrders(bench, { groups: ['billing'] })
  await stream.addMany([1, 2])
  const own = await stream.add(3, { traceparent: REMOTE })
  const worker = stream.batchWorker('billing', () => {}, { batch: 10 })
  const [many] = await spans.saw('addMany shop:orders')
  expect(many?.attributes['messaging.batch.message_count']).toBe(2)
  const [process] = await spans.saw('process shop:orders')
  await worker.close()
  expect(process?.attributes['messaging.batch.message_count']).toBe(3)
  expect(process?.links.map((link) => link.context.traceId)).toEqual([
    many?.spanContext().traceId,
    many?.spanContext().traceId,
    'a'.repeat(32),
  ])
  expect(process?.links[2]?.attributes).toMatchObject({ 'messaging.message.id': own })
  // The application's own context is kept, and the span of the add refers to it.
  expect(spans.named('add shop:orders')[0]?.links[0]?.context.traceId).toBe('a'.repeat(32))
})

test('what another program writes as traceparent reaches neither handlers nor spans unless it is one', async () => {
  const spans = recordSpans()
  const stream = await openOrders(bench, { groups: ['billing'] })
  const hostile = [
    `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
    `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`,
    `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    `${REMOTE}\r\nx: y`,
    'x'.repeat(100_000),
    '',
  ]
  const seen: (string | undefined)[] = []
  startWorker(stream, 'billing', ({ traceparent }) => void seen.push(traceparent))
  for (const text of [...hostile, REMOTE]) await bench.raw.xadd(ORDERS, '*', 'd', '1', 't', text)
  const processed = await spans.saw('process shop:orders', hostile.length + 1)
  expect(seen).toEqual([...hostile.map(() => undefined), REMOTE])
  expect(processed.map(({ links }) => links.length)).toEqual([...hostile.map(() => 0), 1])
})

test('record, commit, publish and take have spans; entries of record have their own context', async () => {
  const spans = recordSpans()
  const penknife = await openShop()
  const space = penknife.space('shop')
  const orders = createStream<number>(space, 'orders', { groups: ['billing'] })
  const points = createLeaderboard(space, 'points')
  const news = createNotifier(space, 'news')
  const limiter = createRateLimiter(space, 'api', { rules: [{ name: 'hour', limit: 1, window: '1h' }] })
  await limiter.take('ann')
  await limiter.take('ann')
  await limiter.reserve('bob', { cost: 1, expires: '1m' })
  const event = await news.publish('user:ann', { hello: 1 })
  await record(space, orders.adding(1), points.incrementing('ann', 1))
  startWorker(orders, 'billing', async ({ commit }) => void (await commit(points.incrementing('ann', 1))))
  const [process] = await spans.saw('process shop:orders')
  const [create] = spans.named('create shop:orders')
  expect(process?.links[0]?.context.spanId).toBe(create?.spanContext().spanId)
  expect(shown(create!)).toEqual({
    kind: 'PRODUCER',
    status: 'UNSET',
    attributes: ofOrders('create', 'create'),
  })
  const [commit] = spans.named('commit shop:orders')
  expect(commit?.parentSpanContext?.spanId).toBe(process?.spanContext().spanId)
  expect(commit?.attributes).toMatchObject({
    ...ofOrders('commit', 'settle'),
    'penknife.effects': 1,
    'penknife.outcome': 'done',
  })
  expect(shown(spans.named('record shop')[0]!)).toEqual({
    kind: 'CLIENT',
    status: 'UNSET',
    attributes: { 'penknife.space': 'shop', 'penknife.effects': 2, 'penknife.outcome': 'done' },
  })
  expect(shown(spans.named('publish shop:news')[0]!)).toMatchObject({
    kind: 'CLIENT',
    attributes: { 'messaging.destination.name': 'shop:news', 'messaging.message.id': event },
  })
  const takes = spans.named('take shop:api')
  expect(takes.map(({ attributes }) => attributes['penknife.outcome'])).toEqual([
    'allowed',
    'denied',
    'allowed',
  ])
  expect(shown(takes[1]!)).toEqual({
    kind: 'INTERNAL',
    status: 'UNSET',
    attributes: {
      'penknife.space': 'shop',
      'penknife.limiter': 'api',
      'penknife.outcome': 'denied',
      'penknife.decided_by': 'redis',
      'penknife.rule': 'hour',
    },
  })
  // Subjects and channels are often names of people or addresses.
  expect(JSON.stringify(takes.map(({ attributes }) => attributes))).not.toMatch(/ann|bob/)
  expect(spans.open).toEqual([])
})

test('a failed call ends its span with the error', async () => {
  const spans = recordSpans()
  const stream = await openOrders<unknown>(bench, { groups: ['billing'] })
  await failure(stream.add(1n))
  await failure(stream.addMany([1n]))
  const failed = [...spans.named('add shop:orders'), ...spans.named('addMany shop:orders')]
  expect(failed.map(shown)).toMatchObject([
    { status: 'ERROR', attributes: { 'error.type': 'PENKNIFE_INVALID' } },
    { status: 'ERROR', attributes: { 'error.type': 'PENKNIFE_INVALID' } },
  ])
  expect(spans.open).toEqual([])
})

test.each([
  [
    'its lease is lost',
    async (_: Stream<number>, id: string) => void (await bench.raw.xclaim(ORDERS, 'billing', 'other', 0, id)),
    /lease of entry/,
  ],
  [
    'it is cancelled',
    async (stream: Stream<number>, id: string) => void (await stream.cancel(id)),
    /was cancelled/,
  ],
  [
    'its time is over',
    async (stream: Stream<number>) => void (await stream.add(2)),
    /longer than its timeout/,
  ],
])('the span of a handler that never ends ends when %s', async (_, happen, message) => {
  const spans = recordSpans()
  const stream = await openOrders(bench, { groups: ['billing'] })
  const started = deferred()
  const timeout = message.source.includes('timeout') ? 50 : false
  startWorker(
    stream,
    'billing',
    ({ payload }) => {
      if (payload !== 1) return undefined
      started.resolve()
      return new Promise(() => {})
    },
    { lease: message.source.includes('lease') ? 300 : 30_000, timeout, maxAttempts: 1 },
  )
  const id = await stream.add(1)
  await started.promise
  await happen(stream, id)
  const ofFirst = (): string | undefined =>
    spans.named('process shop:orders').find(({ attributes }) => attributes['messaging.message.id'] === id)
      ?.status.message
  await until('it has ended', () => ofFirst() !== undefined)
  expect(ofFirst()).toMatch(message)
  await until('all have ended', () => spans.open.length === 0)
})

test('after a worker was closed no span is open, whatever its handlers do', async () => {
  const spans = recordSpans()
  const stream = await openOrders(bench, { groups: ['billing'] })
  const started = deferred()
  const { worker } = startWorker(stream, 'billing', () => {
    started.resolve()
    return new Promise(() => {})
  })
  await stream.add(1)
  await started.promise
  await worker.close({ deadline: 0 })
  expect(spans.open).toEqual([])
  expect(spans.named('process shop:orders')[0]?.status.message).toBe('the worker was closed')
  expect(spans.named('settle shop:orders')[0]?.attributes['penknife.outcome']).toBe('returned')
})

test('an entry whose worker died is another trace with a link, and its dead letter has a span', async () => {
  const spans = recordSpans()
  const stream = await openOrders(bench, { groups: ['billing'] })
  await stream.add(1)
  await abandon(bench.raw, 'billing', 1, 60_000)
  startWorker(stream, 'billing', () => {})
  const [process] = await spans.saw('process shop:orders')
  expect(process?.attributes['penknife.fence']).toBe(2)
  const [add] = spans.named('add shop:orders')
  expect(process?.links[0]?.context.spanId).toBe(add?.spanContext().spanId)
  await bench.raw.xadd(ORDERS, '*', 'd', '{', 't', REMOTE)
  await until('it is dead', () =>
    spans.named('settle shop:orders').some(({ attributes }) => attributes['penknife.outcome'] === 'dead'),
  )
  const dead = spans.named('settle shop:orders').at(-1)
  expect(dead?.parentSpanContext).toBeUndefined()
  expect(dead?.links[0]?.context.traceId).toBe('a'.repeat(32))
})

test('through an outage every span ends: the settle when Redis is back, the add with its error', async () => {
  const spans = recordSpans()
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: '200ms' })
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const gate = deferred()
  const started = deferred()
  startWorker(stream, 'billing', async () => {
    started.resolve()
    await gate.promise
  })
  await stream.add(1)
  await started.promise
  await proxy.leave()
  gate.resolve()
  await failure(stream.add(2))
  const [, failed] = await spans.saw('add shop:orders', 2)
  expect(failed?.attributes['error.type']).toMatch(/^PENKNIFE_(UNAVAILABLE|FATE_UNKNOWN)$/)
  await spans.saw('process shop:orders')
  expect(spans.open).toEqual(['settle shop:orders'])
  await proxy.comeBack()
  const [settle] = await spans.saw('settle shop:orders')
  expect(settle?.attributes['penknife.outcome']).toBe('done')
  expect(spans.open).toEqual([])
})

test('only chosen operations have spans; close() ends tracing, and spans that have begun still end', async () => {
  const spans = recordSpans({ operations: ['process'] })
  expect(() => createTracing()).toThrow(/tracing is on/)
  const stream = await openOrders(bench, { groups: ['billing'] })
  const gate = deferred()
  const started = deferred()
  const { saw } = startWorker(stream, 'billing', async () => {
    started.resolve()
    await gate.promise
  })
  await stream.add(1)
  await started.promise
  spans.tracing.close()
  gate.resolve()
  await spans.saw('process shop:orders')
  await stream.add(2)
  await saw('done', 2)
  expect(spans.named('process shop:orders')).toHaveLength(1)
  expect(spans.named('add shop:orders')).toEqual([])
  const [, fields] = (await bench.raw.xrange(ORDERS, '-', '+'))[0] ?? []
  expect(fields).toBeUndefined()
})

test('an SDK that throws costs the span, never the call', async () => {
  const spans = recordSpans(
    {},
    {
      shouldSample: () => {
        throw new Error('broken sampler')
      },
      toString: () => 'broken',
    },
  )
  const stream = await openOrders(bench, { groups: ['billing'] })
  const { saw } = startWorker(stream, 'billing', () => {})
  await stream.add(1)
  await saw('done')
  expect(spans.open).toEqual([])
})

test('a span that is not sampled is carried too, so that its sampler decides for the whole trace', async () => {
  const spans = recordSpans(
    { delivery: 'parent' },
    { shouldSample: () => ({ decision: SamplingDecision.NOT_RECORD }), toString: () => 'none' },
  )
  const stream = await openOrders(bench, { groups: ['billing'] })
  const seen = deferred<string | undefined>()
  startWorker(stream, 'billing', ({ traceparent }) => seen.resolve(traceparent))
  await stream.add(1)
  expect(await seen.promise).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-00$/)
  expect(spans.named('process shop:orders')).toEqual([])
})

test.each([
  [{ delivery: 'both' }, /delivery/],
  [{ operations: [] }, /operations/],
  [{ operations: ['ad'] }, /operations/],
  [{ tracerProvider: {} }, /tracerProvider/],
  [{ provider: {} }, /provider/],
])('a wrong option is refused: %j', (options, message) => {
  expect(() => createTracing(options as never)).toThrow(message)
})
